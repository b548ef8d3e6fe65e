//! What a planner makes of events and of what became of mails.

use std::sync::LazyLock;

use jiff::SignedDuration;
use vigie_domain::{BackupEntryStatus, EventKind, JobStatus};

use super::*;
use crate::outbox::MockLedger;
use crate::{
    Attempt, ComposerSettings, Lease, MemoryOutbox, NotificationId, NotificationKind,
    NotificationSubject, Outbox as _, Outcome, PendingJob, PendingNotification, Receipt,
    TemplateFiles, samples,
};

const NOW: &str = "2025-06-20T05:20:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn composer() -> Composer {
    // Its templates take long to read.
    static COMPOSER: LazyLock<Composer> = LazyLock::new(|| {
        Composer::new(ComposerSettings {
            from: "vigie@example.com".to_owned(),
            admin_email_recipient: vec!["a@example.com".to_owned(), "b@example.com".to_owned()],
            ..ComposerSettings::default()
        })
        .unwrap()
    });
    COMPOSER.clone()
}

fn missing() -> DomainEvent {
    let job = Box::new(samples::missing_full().job);
    let at = now();
    let kind = EventKind::JobMissing {
        expected_at: at,
        deadline_at: at,
        from: JobStatus::Ok,
        job,
    };
    DomainEvent { at, kind }
}

fn missing_with(recipients: &[&str]) -> DomainEvent {
    let mut event = missing();
    if let EventKind::JobMissing { job, .. } = &mut event.kind {
        job.recipients = recipients
            .iter()
            .map(|&address| address.to_owned())
            .collect();
    }
    event
}

/// The same of another job.
fn of_job(id: i64, mut event: DomainEvent) -> DomainEvent {
    if let EventKind::JobMissing { job, .. } = &mut event.kind {
        job.id = JobId(id);
    }
    event
}

fn degraded() -> DomainEvent {
    let sample = samples::entry_full(BackupEntryStatus::HashMismatch);
    let kind = EventKind::JobDegraded {
        job: Box::new(sample.job),
        entry: Box::new(sample.entry.unwrap()),
        from: JobStatus::Ok,
    };
    DomainEvent { at: now(), kind }
}

fn recorded() -> DomainEvent {
    let sample = samples::entry_full(BackupEntryStatus::Failed);
    let kind = EventKind::BackupRecorded {
        job: Box::new(sample.job),
        entry: Box::new(sample.entry.unwrap()),
    };
    DomainEvent { at: now(), kind }
}

fn recovered() -> DomainEvent {
    let mut sample = samples::entry_full(BackupEntryStatus::Success);
    sample.job.current_status = JobStatus::Ok;
    let kind = EventKind::JobRecovered {
        job: Box::new(sample.job),
        entry: Box::new(sample.entry.unwrap()),
        from: JobStatus::Missing,
        incident_since: now(),
    };
    DomainEvent { at: now(), kind }
}

/// What a planner makes of these events, by reader and subject.
async fn told(composer: Composer, events: Vec<DomainEvent>) -> Vec<(String, String)> {
    let outbox = MemoryOutbox::new();
    for event in events {
        outbox.push(event);
    }
    let planner = Planner::new(composer, outbox.clone(), now());
    let Planned { mails } = planner.plan(now()).await.unwrap();
    let told = send_all(&outbox, &[], now()).await;
    assert_eq!(mails, told.len() as u64);
    told
}

#[tokio::test]
async fn bad_news_become_one_mail_to_each_recipient_and_all_else_none() {
    let events = vec![
        recorded(),
        degraded(),
        of_job(77, missing()),
        recorded(),
        recovered(),
    ];
    let told = told(composer(), events).await;
    let missing = "[MISSING] XAFRIC_2025: no backup report received from SDMC_DOUALA_AKWA";
    assert!(
        told.iter().all(|(_, subject)| subject == missing),
        "{told:?}"
    );
    assert_eq!(to(&told), ["a@example.com", "b@example.com"]);
}

#[tokio::test]
async fn an_event_whose_template_is_broken_is_told_all_the_same() {
    let own = TemplateFiles::none().with("en/missing/subject.txt.hbs", "{{misspelt}}");
    let composer = composer().with_templates(Templates::builder().files(own).build());
    let told = told(composer, vec![missing()]).await;
    assert_eq!(told.len(), 2);
    assert!(
        told.iter()
            .all(|(_, subject)| subject.contains("XAFRIC_2025"))
    );
}

/// A ledger in which nothing waits but events.
fn ledger() -> MockLedger {
    let mut ledger = MockLedger::new();
    ledger.expect_open_incidents().returning(|_| Ok(Vec::new()));
    ledger
}

#[tokio::test]
async fn a_ledger_that_gives_planned_events_again_does_not_mail_for_ever() {
    let mut ledger = ledger();
    ledger
        .expect_unplanned_events()
        .returning(|_| Ok(vec![(EventId(1), missing())]));
    ledger.expect_plan().times(1).returning(|_| Ok(()));
    let error = plan(ledger).await.unwrap_err();
    assert!(error.to_string().contains("event 1"), "{error}");
}

#[tokio::test]
async fn a_ledger_that_gives_what_was_told_again_does_not_mail_for_ever() {
    let pending = || PendingNotification {
        id: NotificationId(7),
        subject: NotificationSubject::Event(EventId(1)),
        kind: NotificationKind::Warning,
        reader: "a@example.com".to_owned(),
        asked_at: now(),
        acknowledged: false,
        held_by: None,
        job: PendingJob::new(&samples::missing_full().job, JobStatus::Ok),
    };
    let mut ledger = ledger();
    ledger
        .expect_unplanned_events()
        .returning(|_| Ok(Vec::new()));
    ledger
        .expect_incidents_to_remind()
        .returning(|_, _| Ok(Vec::new()));
    ledger.expect_faults_since().returning(|_| Ok(Vec::new()));
    ledger.expect_silences().returning(|_| Ok(Vec::new()));
    ledger
        .expect_reader_states()
        .returning(|_, _| Ok(Vec::new()));
    ledger
        .expect_notification_details()
        .returning(|_| Ok(Vec::new()));
    ledger
        .expect_pending_notifications()
        .returning(move |_, _| Ok(vec![pending()]));
    ledger.expect_plan().times(1).returning(|_| Ok(()));
    let error = plan(ledger).await.unwrap_err();
    assert!(error.to_string().contains("notification 7"), "{error}");
}

async fn plan(ledger: MockLedger) -> Result<Planned, OutboxError> {
    Planner::new(composer(), ledger, now()).plan(now()).await
}

#[tokio::test]
async fn what_the_ledger_can_not_do_is_told() {
    let mut outbox = MockLedger::new();
    outbox
        .expect_unplanned_events()
        .returning(|_| Err(OutboxError::new("read events", "disk I/O error")));
    let error = plan(outbox).await.unwrap_err();
    assert_eq!(error.to_string(), "could not read events: disk I/O error");
}

/// Claims all that waits; mails to `refused` are refused for good, all others are taken. Gives
/// recipient and subject of each mail, sorted.
async fn send_all(outbox: &MemoryOutbox, refused: &[&str], at: Timestamp) -> Vec<(String, String)> {
    let lease = Lease {
        holder: "test".to_owned(),
        until: at,
    };
    let claimed = outbox.claim(at, &lease, &[], 1000).await.unwrap();
    let attempts: Vec<Attempt> = claimed
        .iter()
        .map(|delivery| Attempt {
            delivery: delivery.id,
            at,
            outcome: if refused.contains(&&*delivery.mail.recipient()) {
                Outcome::Dead {
                    error: "550 no such user".to_owned(),
                }
            } else {
                Outcome::Sent(Receipt::default())
            },
        })
        .collect();
    outbox.record("test", &attempts).await.unwrap();
    let told = claimed
        .into_iter()
        .map(|delivery| (delivery.mail.to, delivery.mail.subject));
    let mut told: Vec<_> = told.collect();
    told.sort();
    told
}

/// Nothing is grouped, and there may be any number of mails.
fn a_mail_each() -> AlertPolicy {
    AlertPolicy {
        grouping: Grouping {
            by: None,
            max_per_hour: u32::MAX,
            ..Grouping::default()
        },
        ..AlertPolicy::default()
    }
}

fn to(told: &[(String, String)]) -> Vec<&str> {
    told.iter().map(|(to, _)| to.as_str()).collect()
}

#[tokio::test]
async fn when_somebody_is_refused_the_other_recipients_and_the_administrators_are_told() {
    let outbox = MemoryOutbox::new();
    let planner = Planner::new(composer(), outbox.clone(), now());
    let own = ["Gone <Gone@example.com>", "Still <still@example.com>"];
    outbox.push(missing_with(&own));
    outbox.push(of_job(77, missing_with(&["stranger@example.com"])));
    assert_eq!(planner.plan(now()).await.unwrap().mails, 3);
    send_all(&outbox, &["gone@example.com"], now()).await;

    assert_eq!(planner.plan(now()).await.unwrap().mails, 3);
    let told = send_all(&outbox, &[], now()).await;
    assert_eq!(
        to(&told),
        [
            "Still <still@example.com>",
            "a@example.com",
            "b@example.com"
        ]
    );
    for (_, subject) in &told {
        assert!(subject.starts_with("[UNDELIVERED]"), "{subject}");
        assert!(subject.contains("gone@example.com"), "{subject}");
    }
    assert_eq!(planner.plan(now()).await.unwrap().mails, 0);
}

#[tokio::test]
async fn who_is_refused_again_and_again_is_told_of_once_an_hour() {
    let outbox = MemoryOutbox::new();
    let mut notices = 0;
    for minutes in 0..180 {
        let at = now()
            .checked_add(SignedDuration::from_mins(minutes))
            .unwrap();
        outbox.push(missing_with(&["gone@example.com", "c@example.com"]));
        let planner = Planner::new(composer(), outbox.clone(), at).with_policy(a_mail_each());
        let _ = planner.plan(at).await.unwrap();
        let told = send_all(&outbox, &["gone@example.com"], at).await;
        notices += told.iter().filter(|(to, _)| to == "a@example.com").count();
    }
    assert_eq!(notices, 3);
}

/// A recovery of the job of [`missing_with`], whose incident began with it.
fn recovered_with() -> DomainEvent {
    let mut event = recovered();
    if let EventKind::JobRecovered {
        job,
        incident_since,
        ..
    } = &mut event.kind
    {
        let missing = samples::missing_full().job;
        job.id = missing.id;
        *incident_since = missing.incident_since.unwrap();
    }
    event
}

fn later(hours: i64) -> Timestamp {
    now()
        .checked_add(SignedDuration::from_hours(hours))
        .unwrap()
}

#[tokio::test]
async fn who_was_told_of_a_failure_is_told_when_it_is_over_and_nobody_else() {
    let outbox = MemoryOutbox::new();
    let planner = Planner::new(composer(), outbox.clone(), now());
    outbox.push(missing_with(&["a@example.com", "Gone <gone@example.com>"]));
    let _ = planner.plan(now()).await.unwrap();
    send_all(&outbox, &["gone@example.com"], now()).await;
    outbox.push(recovered_with());
    let _ = planner.plan(later(5)).await.unwrap();
    let told = send_all(&outbox, &[], now()).await;
    let recovery: Vec<_> = told
        .iter()
        .filter(|(_, subject)| subject.starts_with("[OK]"))
        .collect();
    assert_eq!(recovery.len(), 1, "{told:?}");
    assert_eq!(recovery[0].0, "a@example.com");
    // It is over once.
    outbox.push(recovered_with());
    assert_eq!(planner.plan(later(6)).await.unwrap().mails, 0);
}

#[tokio::test]
async fn a_failure_that_nobody_was_told_of_is_over_in_silence() {
    let outbox = MemoryOutbox::new();
    let nobody = Composer::new(ComposerSettings::default()).unwrap();
    let planner = Planner::new(nobody, outbox.clone(), now());
    outbox.push(missing_with(&[]));
    outbox.push(recovered_with());
    assert_eq!(planner.plan(now()).await.unwrap().mails, 0);
}

#[tokio::test]
async fn people_are_reminded_of_an_incident_until_it_is_over_or_somebody_takes_it_on() {
    let outbox = MemoryOutbox::new();
    let mut reminded = Vec::new();
    outbox.push(missing_with(&["a@example.com"]));
    for hour in 0..400 {
        let planner = Planner::new(composer(), outbox.clone(), later(hour));
        if planner.plan(later(hour)).await.unwrap().mails > 0 {
            reminded.push(hour);
        }
        send_all(&outbox, &[], later(hour)).await;
    }
    assert_eq!(reminded, [0, 24, 72, 168, 336]);
    let acknowledgement = crate::Acknowledgement {
        at: later(400),
        by: "ops".to_owned(),
    };
    let job = samples::missing_full().job.id;
    assert!(outbox.acknowledge(job, acknowledgement));
    let planner = Planner::new(composer(), outbox.clone(), later(2000));
    assert_eq!(planner.plan(later(2000)).await.unwrap().mails, 0);
    outbox.push(recovered_with());
    assert_eq!(planner.plan(later(2001)).await.unwrap().mails, 1);
}

#[tokio::test]
async fn who_has_not_got_the_news_is_not_reminded_of_it() {
    let outbox = MemoryOutbox::new();
    outbox.push(missing_with(&["a@example.com"]));
    let mut mails = 0;
    for hour in 0..200 {
        let planner = Planner::new(composer(), outbox.clone(), later(hour));
        mails += planner.plan(later(hour)).await.unwrap().mails;
    }
    assert_eq!(mails, 1);
    send_all(&outbox, &[], later(200)).await;
    let planner = Planner::new(composer(), outbox.clone(), later(400));
    assert_eq!(planner.plan(later(400)).await.unwrap().mails, 1);
}

#[tokio::test]
async fn what_nobody_else_got_is_told_of_at_once() {
    let outbox = MemoryOutbox::new();
    let planner = Planner::new(composer(), outbox.clone(), now());
    for _ in 0..3 {
        outbox.push(missing_with(&["gone@example.com"]));
        let _ = planner.plan(now()).await.unwrap();
        send_all(&outbox, &["gone@example.com"], now()).await;
        assert_eq!(planner.plan(now()).await.unwrap().mails, 2);
        send_all(&outbox, &[], now()).await;
    }
}

#[tokio::test]
async fn all_that_one_address_was_refused_is_told_of_at_once() {
    let outbox = MemoryOutbox::new();
    let planner = Planner::new(composer(), outbox.clone(), now()).with_policy(a_mail_each());
    for number in 0..1100 {
        outbox.push(of_job(number, missing_with(&["gone@example.com"])));
    }
    assert_eq!(planner.plan(now()).await.unwrap().mails, 1100);
    for _ in 0..2 {
        send_all(&outbox, &["gone@example.com"], now()).await;
    }
    // Three lists to each of two administrators.
    assert_eq!(planner.plan(now()).await.unwrap().mails, 6);
    assert_eq!(planner.plan(now()).await.unwrap().mails, 0);
}

#[tokio::test]
async fn a_refused_notice_makes_no_further_notices() {
    let outbox = MemoryOutbox::new();
    let planner = Planner::new(composer(), outbox.clone(), now());
    outbox.push(missing());
    let all = ["a@example.com", "b@example.com"];
    for mails in [2, 0, 0] {
        assert_eq!(planner.plan(now()).await.unwrap().mails, mails);
        send_all(&outbox, &all, now()).await;
    }
    outbox.push(missing_with(&["gone@example.com"]));
    for mails in [1, 2, 0, 0] {
        assert_eq!(planner.plan(now()).await.unwrap().mails, mails);
        send_all(&outbox, &[&all[..], &["gone@example.com"]].concat(), now()).await;
    }
}

#[tokio::test]
async fn who_is_told_that_a_job_failed_again_does_not_read_after_that_that_it_is_well() {
    let outbox = MemoryOutbox::new();
    let planner = Planner::new(composer(), outbox.clone(), now());
    outbox.push(missing_with(&["a@example.com"]));
    assert_eq!(planner.plan(now()).await.unwrap().mails, 1);
    send_all(&outbox, &[], now()).await;
    let mut again = missing_with(&["a@example.com"]);
    if let EventKind::JobMissing { job, .. } = &mut again.kind {
        job.incident_since = Some(later(5));
    }
    outbox.push(recovered_with());
    outbox.push(again);
    assert_eq!(planner.plan(later(5)).await.unwrap().mails, 1);
    let told = send_all(&outbox, &[], later(5)).await;
    assert!(told[0].1.starts_with("[MISSING]"), "{told:?}");
    assert_eq!(planner.plan(later(6)).await.unwrap().mails, 0);
}

#[tokio::test]
async fn who_reads_of_one_job_reads_nothing_of_a_refused_mail_about_several() {
    let outbox = MemoryOutbox::new();
    let planner = Planner::new(composer(), outbox.clone(), now());
    let gone = "gone@example.com";
    outbox.push(of_job(1, missing_with(&[gone, "one@example.com"])));
    for job in 2..6 {
        outbox.push(of_job(job, missing_with(&[gone, "all@example.com"])));
    }
    outbox.push(of_job(6, missing_with(&["all@example.com"])));
    let _ = planner.plan(now()).await.unwrap();
    send_all(&outbox, &[gone], now()).await;
    assert_eq!(planner.plan(now()).await.unwrap().mails, 2);
    let told = send_all(&outbox, &[], now()).await;
    assert_eq!(to(&told), ["a@example.com", "b@example.com"]);
}
