//! When people are told of an incident: the policy, without clock, store or mail.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vigie_domain::{
    BackupEntryStatus, DomainEvent, EventKind, ExpectedBackupJob, JobId, JobStatus, LastGoodBackup,
};

/// How often people are reminded once the schedule of reminders has ended.
const AFTERWARDS: Duration = Duration::from_hours(7 * 24);

/// The record of an incident: the stretch from the first alert on a job until it is OK again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// The job. It has at most one open incident.
    pub job: JobId,
    /// When it opened.
    pub opened_at: Timestamp,
    /// The last good backup before it; without one, when the job became known.
    pub good_until: Timestamp,
    /// The last backup that was proven before its end; `None` when there was none.
    pub last_good: Option<LastGoodBackup>,
    /// What the job became, in order; the first opened the incident.
    pub changes: Vec<StatusChange>,
    /// How many reminders have been written since the last change.
    pub reminders: u32,
    /// When people are reminded next; `None` when they are not.
    pub remind_at: Option<Timestamp>,
    /// Who has taken it on; reminders end with that.
    pub acknowledged: Option<Acknowledgement>,
    /// When it closed.
    pub closed_at: Option<Timestamp>,
}

/// What tells an incident from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IncidentKey {
    /// The job.
    pub job: JobId,
    /// When it opened.
    pub opened_at: Timestamp,
}

impl Incident {
    /// What tells it from all others.
    #[must_use]
    pub const fn key(&self) -> IncidentKey {
        IncidentKey {
            job: self.job,
            opened_at: self.opened_at,
        }
    }
}

/// What a job became in an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusChange {
    /// When.
    pub at: Timestamp,
    /// Its status from then on.
    pub status: JobStatus,
}

/// That somebody has taken an incident on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
}

/// What people are to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// That a job is not OK.
    Alert,
    /// That it is OK again.
    Recovery,
}

/// When people are reminded of an incident that stays open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reminders {
    /// How long after the last change each reminder is due, ascending; afterwards there is one each
    /// week. Without any there is none.
    pub after: Vec<Duration>,
}

impl Default for Reminders {
    /// After a day, three days, a week, and then each week.
    fn default() -> Self {
        Self {
            after: [24, 72, 7 * 24].map(Duration::from_hours).into(),
        }
    }
}

impl Reminders {
    /// When the reminder after `written` others is due, of an incident that last changed at
    /// `changed_at`.
    pub(crate) fn due_at(&self, changed_at: Timestamp, written: u32) -> Option<Timestamp> {
        let last = self.after.last()?;
        let written = usize::try_from(written).ok()?;
        let after = self.after.get(written).copied().or_else(|| {
            let beyond = u32::try_from(written + 1 - self.after.len()).ok()?;
            last.checked_add(AFTERWARDS.checked_mul(beyond)?)
        })?;
        changed_at.checked_add(after).ok()
    }

    /// When the next one is due after `written` others, the last of which was written at `now`. Those
    /// that fell due while nobody looked are left out.
    pub(crate) fn next_after(
        &self,
        changed_at: Timestamp,
        written: u32,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let mut passed = written;
        loop {
            match self.due_at(changed_at, passed) {
                Some(due_at) if due_at <= now => passed = passed.checked_add(1)?,
                next => return next,
            }
        }
    }
}

/// Whether anything may have to be told or kept of this event, whatever is known of its job: it could
/// begin, change or end an incident ([`follow`]), or tells what is odd or damaged. Of all others, those of backups
/// that went well above all, a planner has nothing to do.
#[must_use]
pub fn is_news(event: &DomainEvent) -> bool {
    match &event.kind {
        EventKind::JobRegistered { .. }
        | EventKind::ValidatedFileRestored { .. }
        | EventKind::ReportRejected { .. } => false,
        EventKind::BackupRecorded { job, .. } => job.incident_since.is_some(),
        EventKind::JobDegraded { .. }
        | EventKind::JobMissing { .. }
        | EventKind::JobRecovered { .. }
        | EventKind::JobDeactivated { .. }
        | EventKind::JobWarned { .. }
        | EventKind::ValidatedFileDamaged { .. } => true,
    }
}

/// Moves the open incident of an event's job, if there is one, by the event. Gives the incident as it
/// is then, and what people are to be told; `None` when the event moves no incident.
#[must_use]
pub fn follow(
    open: Option<&Incident>,
    event: &DomainEvent,
    reminders: &Reminders,
) -> Option<(Incident, Option<Telling>)> {
    match &event.kind {
        EventKind::JobDegraded { job, .. } | EventKind::JobMissing { job, .. } => {
            let incident = change(open, job, event.at, reminders);
            Some((incident, Some(Telling::Alert)))
        }
        EventKind::JobRecovered { .. } => {
            let incident = close(open?, event.at);
            Some((incident, Some(Telling::Recovery)))
        }
        EventKind::JobDeactivated { .. } => Some((close(open?, event.at), None)),
        // One more of the same kind, or a good one that came so late that the next is missing too.
        EventKind::BackupRecorded { job, entry } if job.incident_since.is_some() => {
            let mut incident = open?.clone();
            if entry.status == BackupEntryStatus::Success {
                let ended_at = entry.operation_ended_at.min(event.at);
                incident.good_until = incident.good_until.max(ended_at);
                incident.last_good.clone_from(&job.last_good);
            }
            Some((incident, None))
        }
        _ => None,
    }
}

fn change(
    open: Option<&Incident>,
    job: &ExpectedBackupJob,
    at: Timestamp,
    reminders: &Reminders,
) -> Incident {
    let mut incident = open.cloned().unwrap_or_else(|| Incident {
        job: job.id,
        opened_at: job.incident_since.unwrap_or(at),
        good_until: job.last_success_at().unwrap_or(job.known_since),
        last_good: job.last_good.clone(),
        changes: Vec::new(),
        reminders: 0,
        remind_at: None,
        acknowledged: None,
        closed_at: None,
    });
    let status = job.current_status;
    incident.changes.push(StatusChange { at, status });
    // What was taken on has become something else.
    incident.acknowledged = None;
    incident.reminders = 0;
    incident.remind_at = reminders.due_at(at, 0);
    incident
}

fn close(open: &Incident, at: Timestamp) -> Incident {
    Incident {
        remind_at: None,
        closed_at: Some(at),
        ..open.clone()
    }
}

/// The incident after a reminder at `now`, when one is due. Of several that fell due while nobody
/// looked, one is written.
#[must_use]
pub fn remind(incident: &Incident, now: Timestamp, reminders: &Reminders) -> Option<Incident> {
    let is_due = incident.remind_at.is_some_and(|due_at| due_at <= now);
    let is_quiet = incident.closed_at.is_some() || incident.acknowledged.is_some();
    if !is_due || is_quiet || reminders.after.is_empty() {
        return None;
    }
    let changed_at = incident.changes.last()?.at;
    let mut reminded = incident.clone();
    reminded.reminders = incident.reminders.saturating_add(1);
    reminded.remind_at = reminders.next_after(changed_at, reminded.reminders, now);
    Some(reminded)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;
    use vigie_domain::BackupEntry;

    use super::*;
    use crate::samples;

    fn start() -> Timestamp {
        "2025-06-20T02:00:00Z".parse().unwrap()
    }

    fn at(hours: i64) -> Timestamp {
        start()
            .checked_add(SignedDuration::from_hours(hours))
            .unwrap()
    }

    fn job(status: JobStatus, incident_since: Option<Timestamp>) -> Box<ExpectedBackupJob> {
        let mut job = samples::missing_full().job;
        job.current_status = status;
        job.incident_since = incident_since;
        Box::new(job)
    }

    fn entry() -> Box<BackupEntry> {
        let sample = samples::entry_full(BackupEntryStatus::Failed);
        Box::new(sample.entry.unwrap())
    }

    fn missing(hours: i64, since: i64) -> DomainEvent {
        let kind = EventKind::JobMissing {
            job: job(JobStatus::Missing, Some(at(since))),
            from: JobStatus::Ok,
            expected_at: at(hours),
            deadline_at: at(hours),
        };
        DomainEvent {
            at: at(hours),
            kind,
        }
    }

    fn failed(hours: i64, since: i64) -> DomainEvent {
        let kind = EventKind::JobDegraded {
            job: job(JobStatus::Failed, Some(at(since))),
            entry: entry(),
            from: JobStatus::Missing,
        };
        DomainEvent {
            at: at(hours),
            kind,
        }
    }

    fn recovered(hours: i64, since: i64) -> DomainEvent {
        let kind = EventKind::JobRecovered {
            job: job(JobStatus::Ok, None),
            entry: entry(),
            from: JobStatus::Failed,
            incident_since: at(since),
        };
        DomainEvent {
            at: at(hours),
            kind,
        }
    }

    fn put_to_rest(hours: i64, since: i64) -> DomainEvent {
        let kind = EventKind::JobDeactivated {
            job: job(JobStatus::Unknown, None),
            from: JobStatus::Failed,
            incident_since: at(since),
        };
        DomainEvent {
            at: at(hours),
            kind,
        }
    }

    #[test]
    fn what_is_no_news_changes_no_incident() {
        let reminders = Reminders::default();
        let recorded = |incident_since| DomainEvent {
            at: at(5),
            kind: EventKind::BackupRecorded {
                job: job(JobStatus::Failed, incident_since),
                entry: entry(),
            },
        };
        let registered = EventKind::JobRegistered {
            job: job(JobStatus::Unknown, Some(at(1))),
        };
        let rejected = EventKind::ReportRejected {
            agent: samples::missing_full().job.agent,
            report: "r.json".to_owned(),
            field: None,
            reason: "it is empty".to_owned(),
        };
        let old = [registered, rejected].map(|kind| DomainEvent { at: at(5), kind });
        let (open, _) = follow(None, &missing(1, 1), &reminders).unwrap();
        for event in old.into_iter().chain([recorded(None)]) {
            assert!(!is_news(&event), "{event:?}");
            for open in [None, Some(&open)] {
                assert_eq!(follow(open, &event, &reminders), None, "{event:?}");
            }
        }
        let news = [
            missing(5, 1),
            failed(5, 1),
            recovered(5, 1),
            put_to_rest(5, 1),
        ];
        for event in news.into_iter().chain([recorded(Some(at(1)))]) {
            assert!(is_news(&event), "{event:?}");
            assert!(
                follow(Some(&open), &event, &reminders).is_some(),
                "{event:?}"
            );
        }
    }

    #[test]
    fn an_incident_opens_with_the_first_alert_and_closes_with_the_recovery() {
        let reminders = Reminders::default();
        let (opened, telling) = follow(None, &missing(1, 1), &reminders).unwrap();
        assert_eq!(telling, Some(Telling::Alert));
        assert_eq!((opened.opened_at, opened.closed_at), (at(1), None));

        let (changed, telling) = follow(Some(&opened), &failed(5, 1), &reminders).unwrap();
        assert_eq!(telling, Some(Telling::Alert));
        let statuses: Vec<JobStatus> = changed.changes.iter().map(|change| change.status).collect();
        assert_eq!(statuses, [JobStatus::Missing, JobStatus::Failed]);
        assert_eq!(
            (changed.opened_at, changed.remind_at),
            (at(1), Some(at(29)))
        );

        let (closed, telling) = follow(Some(&changed), &recovered(9, 1), &reminders).unwrap();
        assert_eq!(telling, Some(Telling::Recovery));
        assert_eq!((closed.closed_at, closed.remind_at), (Some(at(9)), None));
    }

    #[test]
    fn a_job_that_is_put_to_rest_closes_its_incident_in_silence() {
        let reminders = Reminders::default();
        let (opened, _) = follow(None, &missing(1, 1), &reminders).unwrap();
        let (closed, telling) = follow(Some(&opened), &put_to_rest(2, 1), &reminders).unwrap();
        assert_eq!((closed.closed_at, telling), (Some(at(2)), None));
    }

    #[test]
    fn what_nobody_was_told_of_has_no_recovery() {
        assert_eq!(follow(None, &recovered(9, 1), &Reminders::default()), None);
    }

    /// The hours after the alert at which somebody is reminded who looks each hour for so long.
    fn reminded_at(mut incident: Incident, hours: std::ops::Range<i64>) -> Vec<i64> {
        let mut reminded = Vec::new();
        for hour in hours {
            if let Some(next) = remind(&incident, at(hour), &Reminders::default()) {
                reminded.push(hour);
                incident = next;
            }
        }
        reminded
    }

    #[test]
    fn people_are_reminded_after_a_day_three_days_a_week_and_then_each_week() {
        let (opened, _) = follow(None, &missing(0, 0), &Reminders::default()).unwrap();
        let expected = [24, 72, 168, 336, 504];
        assert_eq!(reminded_at(opened.clone(), 0..600), expected);
        // Who looks again after two weeks is reminded once, and then as ever.
        assert_eq!(reminded_at(opened, 350..600), [350, 504]);
    }

    #[test]
    fn nobody_is_reminded_of_what_was_taken_on_until_it_becomes_something_else() {
        let reminders = Reminders::default();
        let (mut opened, _) = follow(None, &missing(0, 0), &reminders).unwrap();
        opened.acknowledged = Some(Acknowledgement {
            at: at(1),
            by: "ops".to_owned(),
        });
        assert_eq!(reminded_at(opened.clone(), 0..600), [0; 0]);
        let (changed, _) = follow(Some(&opened), &failed(30, 0), &reminders).unwrap();
        assert_eq!(changed.acknowledged, None);
        assert_eq!(reminded_at(changed, 30..110), [54, 102]);
    }

    #[test]
    fn reminders_can_be_turned_off() {
        let none = Reminders { after: Vec::new() };
        let (opened, _) = follow(None, &missing(0, 0), &none).unwrap();
        assert_eq!(opened.remind_at, None);
        // Also of what was open before.
        let (opened, _) = follow(None, &missing(0, 0), &Reminders::default()).unwrap();
        assert_eq!(remind(&opened, at(1000), &none), None);
    }

    #[test]
    fn a_good_backup_that_came_too_late_is_no_end_and_no_loss() {
        let reminders = Reminders::default();
        let (opened, _) = follow(None, &missing(30, 30), &reminders).unwrap();
        let mut late = entry();
        late.status = BackupEntryStatus::Success;
        late.operation_ended_at = at(20);
        let kind = EventKind::BackupRecorded {
            job: job(JobStatus::Missing, Some(at(30))),
            entry: late,
        };
        let event = DomainEvent { at: at(31), kind };
        let (after, telling) = follow(Some(&opened), &event, &reminders).unwrap();
        assert_eq!(telling, None);
        assert_eq!(after.good_until, at(20));
        assert_eq!(after.remind_at, opened.remind_at);
        assert_eq!(follow(None, &event, &reminders), None);
    }

    proptest! {
        #[test]
        fn each_incident_opens_once_and_closes_once(
            steps in prop::collection::vec((0..5_u8, 1..60_i64, any::<bool>()), 0..60),
        ) {
            let reminders = Reminders::default();
            let mut hour = 0;
            let mut since: Option<i64> = None;
            let mut open: Option<Incident> = None;
            for (step, hours, is_taken_on) in steps {
                hour += hours;
                // The events that the domain makes of a job in its state.
                let event = match (step, since) {
                    (0, _) => missing(hour, *since.get_or_insert(hour)),
                    (1, _) => failed(hour, *since.get_or_insert(hour)),
                    (2, Some(opened)) => recovered(hour, opened),
                    (3, Some(opened)) => put_to_rest(hour, opened),
                    _ => {
                        let before = open.clone();
                        if let Some(incident) = &mut open {
                            incident.acknowledged = is_taken_on.then(|| Acknowledgement {
                                at: at(hour),
                                by: "ops".to_owned(),
                            });
                            let reminded = remind(incident, at(hour), &reminders);
                            prop_assert!(reminded.is_none() || !is_taken_on);
                            if let Some(reminded) = reminded {
                                prop_assert!(reminded.remind_at > Some(at(hour)));
                                prop_assert_eq!(&reminded.changes, &incident.changes);
                                *incident = reminded;
                            }
                        }
                        prop_assert_eq!(before.is_some(), open.is_some());
                        continue;
                    }
                };
                let (incident, telling) = follow(open.as_ref(), &event, &reminders).unwrap();
                prop_assert_eq!(Some(incident.opened_at), since.map(at));
                if telling == Some(Telling::Alert) {
                    prop_assert_eq!(incident.closed_at, None);
                    open = Some(incident);
                } else {
                    prop_assert_eq!(incident.closed_at, Some(at(hour)));
                    prop_assert!(remind(&incident, at(hour + 10_000), &reminders).is_none());
                    (open, since) = (None, None);
                }
            }
        }
    }
}
