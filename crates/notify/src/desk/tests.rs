//! What events ask to be told.

use vigie_domain::{BackupEntryStatus, JobStatus, Warning};

use super::*;
use crate::samples;

/// Tells those that the job names of what is critical, and somebody else of warnings.
struct AsNamed;

impl Readers for AsNamed {
    fn readers_of(&self, job: &ExpectedBackupJob, severity: AlertSeverity) -> Vec<String> {
        match severity {
            AlertSeverity::Critical => job.recipients.clone(),
            AlertSeverity::Warning => vec!["odd@example.com".to_owned()],
        }
    }
}

fn at(minutes: i64) -> Timestamp {
    let start: Timestamp = "2025-06-20T02:00:00Z".parse().unwrap();
    start
        .checked_add(jiff::SignedDuration::from_mins(minutes))
        .unwrap()
}

fn job(since: Option<i64>, status: JobStatus) -> Box<ExpectedBackupJob> {
    let mut job = samples::missing_full().job;
    job.recipients = vec![
        "Ann <Ann@example.com>".to_owned(),
        "bob@example.com".to_owned(),
    ];
    job.current_status = status;
    job.incident_since = since.map(at);
    Box::new(job)
}

fn entry(status: BackupEntryStatus) -> Box<vigie_domain::BackupEntry> {
    Box::new(samples::entry_full(status).entry.unwrap())
}

fn event(minutes: i64, kind: EventKind) -> (EventId, DomainEvent) {
    let at = at(minutes);
    (EventId(minutes), DomainEvent { at, kind })
}

fn missing(minutes: i64, since: i64) -> (EventId, DomainEvent) {
    let kind = EventKind::JobMissing {
        job: job(Some(since), JobStatus::Missing),
        from: JobStatus::Ok,
        expected_at: at(minutes),
        deadline_at: at(minutes),
    };
    event(minutes, kind)
}

fn failed(minutes: i64, since: i64) -> (EventId, DomainEvent) {
    let kind = EventKind::JobDegraded {
        job: job(Some(since), JobStatus::Failed),
        entry: entry(BackupEntryStatus::Failed),
        from: JobStatus::Missing,
    };
    event(minutes, kind)
}

fn recovered(minutes: i64, since: i64) -> (EventId, DomainEvent) {
    let kind = EventKind::JobRecovered {
        job: job(None, JobStatus::Ok),
        entry: entry(BackupEntryStatus::Success),
        from: JobStatus::Missing,
        incident_since: at(since),
    };
    event(minutes, kind)
}

fn put_to_rest(minutes: i64, since: i64) -> (EventId, DomainEvent) {
    let kind = EventKind::JobDeactivated {
        job: job(None, JobStatus::Unknown),
        from: JobStatus::Missing,
        incident_since: at(since),
    };
    event(minutes, kind)
}

fn odd(minutes: i64) -> (EventId, DomainEvent) {
    let kind = EventKind::JobWarned {
        job: job(None, JobStatus::Ok),
        entry: entry(BackupEntryStatus::Success),
        warnings: vec![Warning::StagesRetried { stages: Vec::new() }],
    };
    event(minutes, kind)
}

fn damaged(minutes: i64) -> (EventId, DomainEvent) {
    let sample = samples::damaged_full();
    let kind = EventKind::ValidatedFileDamaged {
        job: job(None, JobStatus::Ok),
        file: Box::new(sample.file),
        intact_at: sample.intact_at,
        others: Box::new(sample.others),
    };
    event(minutes, kind)
}

/// The incident that opened with this event, of which these were told and these are not yet.
fn open(first: (EventId, DomainEvent), told: &[&str], untold: &[&str]) -> OpenIncident {
    let (incident, _) = follow(None, &first.1, &Reminders::default()).unwrap();
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    OpenIncident {
        incident,
        told: texts(told),
        waiting: texts(untold),
        event: first,
    }
}

/// The job of [`missing`], as it is now.
fn known_jobs() -> Vec<ExpectedBackupJob> {
    let (_, event) = missing(1, 1);
    event.job().cloned().into_iter().collect()
}

fn plan_of(open: Vec<OpenIncident>, events: Vec<(EventId, DomainEvent)>) -> Plan {
    let reminders = Reminders::default();
    let mut desk = Desk::new(&AsNamed, &reminders, open, at(0));
    for (id, event) in events {
        desk.follow(id, event);
    }
    desk.plan(None, at(0))
}

/// Who is to be told what, because of which event.
fn asked(plan: &Plan) -> Vec<(String, NotificationKind, i64)> {
    let asked = plan.asked.iter();
    let mut asked: Vec<_> = asked
        .map(|asked| (asked.recipient(), asked.kind, asked.event.0))
        .collect();
    asked.sort();
    asked
}

fn all(kind: NotificationKind, event: i64) -> Vec<(String, NotificationKind, i64)> {
    let readers = ["ann@example.com", "bob@example.com"];
    readers
        .map(|reader| (reader.to_owned(), kind, event))
        .into()
}

const TOLD: [&str; 2] = ["Ann <Ann@example.com>", "bob@example.com"];

#[test]
fn a_failure_is_to_be_told_to_each_reader_once_however_often_it_changes() {
    let plan = plan_of(Vec::new(), vec![missing(1, 1), failed(2, 1), missing(3, 1)]);
    assert_eq!(asked(&plan), all(NotificationKind::Alert, 3));
    let [(incident, last)] = &plan.incidents[..] else {
        panic!("{:?}", plan.incidents);
    };
    assert_eq!((incident.changes.len(), *last), (3, EventId(3)));
}

#[test]
fn what_opens_and_closes_at_once_asks_for_nobody_to_be_told() {
    let plan = plan_of(
        Vec::new(),
        vec![missing(1, 1), failed(2, 1), recovered(3, 1)],
    );
    assert_eq!(asked(&plan), all(NotificationKind::Passed, 3));
    assert_eq!(plan.incidents[0].0.closed_at, Some(at(3)));
    // What is put to rest is not even counted.
    let plan = plan_of(Vec::new(), vec![missing(1, 1), put_to_rest(2, 1)]);
    assert_eq!(asked(&plan), []);
}

#[test]
fn who_was_told_is_told_of_the_end_and_who_was_not_is_not() {
    let known = || vec![open(missing(1, 1), &TOLD[..1], &[])];
    let recovery = vec![("ann@example.com".to_owned(), NotificationKind::Recovery, 9)];
    assert_eq!(asked(&plan_of(known(), vec![recovered(9, 1)])), recovery);
    // One that becomes something else just before its end is news to nobody.
    let plan = plan_of(known(), vec![failed(8, 1), recovered(9, 1)]);
    let mut expected = recovery;
    expected.push(("bob@example.com".to_owned(), NotificationKind::Passed, 9));
    assert_eq!(asked(&plan), expected);
    // Of what is put to rest nobody reads an end.
    assert_eq!(asked(&plan_of(known(), vec![put_to_rest(9, 1)])), []);
}

#[test]
fn an_end_without_a_beginning_is_told_to_nobody() {
    let plan = plan_of(Vec::new(), vec![recovered(9, 1)]);
    assert_eq!((asked(&plan), plan.incidents.len()), (vec![], 0));
}

#[test]
fn a_job_that_fails_again_has_an_incident_of_its_own() {
    let known = vec![open(missing(1, 1), &TOLD, &[])];
    let plan = plan_of(known, vec![recovered(5, 1), failed(6, 6)]);
    let mut expected = all(NotificationKind::Alert, 6);
    expected.extend(all(NotificationKind::Recovery, 5));
    expected.sort();
    assert_eq!(asked(&plan), expected);
    let closed: Vec<_> = plan
        .incidents
        .iter()
        .map(|(incident, _)| incident.closed_at)
        .collect();
    assert_eq!(closed, [Some(at(5)), None]);
}

#[test]
fn each_warning_is_its_own_and_moves_no_incident() {
    let plan = plan_of(Vec::new(), vec![odd(1), odd(2)]);
    let odd = "odd@example.com".to_owned();
    let expected = [1, 2].map(|event| (odd.clone(), NotificationKind::Warning, event));
    assert_eq!(asked(&plan), expected);
    assert!(plan.incidents.is_empty());
}

#[test]
fn each_kept_backup_that_is_damaged_is_told_to_whom_a_failure_is() {
    let known = vec![open(missing(1, 1), &TOLD, &[])];
    let plan = plan_of(known, vec![damaged(2), damaged(3)]);
    let mut expected = all(NotificationKind::Damage, 2);
    expected.extend(all(NotificationKind::Damage, 3));
    expected.sort();
    assert_eq!(asked(&plan), expected);
    assert!(plan.incidents.is_empty());
}

#[test]
fn who_has_not_got_the_news_is_not_reminded_of_them() {
    let reminders = Reminders::default();
    let known = vec![open(missing(1, 1), &TOLD[..1], &["bob@example.com"])];
    let mut desk = Desk::new(&AsNamed, &reminders, known, at(3 * 24 * 60));
    desk.remind(&known_jobs());
    let plan = desk.plan(None, at(3 * 24 * 60));
    let expected = vec![("ann@example.com".to_owned(), NotificationKind::Reminder, 1)];
    assert_eq!(asked(&plan), expected);
    assert_eq!(plan.incidents[0].0.reminders, 1);
}

#[test]
fn nobody_is_reminded_before_it_is_due() {
    let reminders = Reminders::default();
    let known = vec![open(missing(1, 1), &TOLD, &[])];
    let mut desk = Desk::new(&AsNamed, &reminders, known, at(23 * 60));
    desk.remind(&known_jobs());
    let plan = desk.plan(None, at(23 * 60));
    assert!(plan.asked.is_empty() && plan.incidents.is_empty());
}
