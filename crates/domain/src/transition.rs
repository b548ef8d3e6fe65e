//! How a job moves: by an entry, or by a deadline that passed. Knows no file and no store.

use jiff::Timestamp;

use crate::{
    BackupEntry, BackupEntryStatus, DomainEvent, EventKind, ExpectedBackupJob, JobStatus,
    LastGoodBackup, SameContent,
};

/// A job after it moved, and the facts that the move made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The job now.
    pub job: ExpectedBackupJob,
    /// What happened, in order.
    pub events: Vec<DomainEvent>,
}

/// Moves a job by an entry that was judged at `now`.
///
/// A backup covers one expected time, however often its report is tried. A good one makes the job OK
/// and closes its incident, unless it came so late that the deadline after it has passed too: then
/// the incident goes on, as what is expected now is still missing. A bad one opens an incident, or
/// changes it when the job's status changes or a silence ends; one more of the same kind is recorded
/// and raises no new alarm.
///
/// ```
/// # use std::time::Duration;
/// # use jiff::tz::TimeZone;
/// use vigie_domain::*;
///
/// let agent = AgentId::new("SDMC_DOUALA_AKWA")?;
/// let day = Duration::from_secs(24 * 3600);
/// let schedule = Schedule::every(day, day / 12)?;
/// let known_since = "2025-06-19T00:00:00Z".parse()?;
/// let job = ExpectedBackupJob::new(JobId(1), agent.clone(), "XAFRIC", schedule, known_since);
///
/// let json = br#"{"agent_id": "SDMC_DOUALA_AKWA", "operation_end_time": "2025-06-19T23:00:00",
///     "databases": {"XAFRIC": {"BACKUP": {"status": false, "error_message": "disk full"}}}}"#;
/// let report = Report::parse(json, &agent, &TimeZone::UTC)?;
/// let now = "2025-06-19T23:05:00Z".parse()?;
/// let database = &report.databases[0];
/// let entry = BackupEntry::judged(&job, "r.json", &report, database, &Finding::NotNeeded, now);
///
/// let moved = record_entry(&job, &entry, now);
/// assert_eq!(moved.job.current_status, JobStatus::Failed);
/// let names: Vec<_> = moved.events.iter().map(DomainEvent::name).collect();
/// assert_eq!(names, ["BackupRecorded", "JobDegraded"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn record_entry(job: &ExpectedBackupJob, entry: &BackupEntry, now: Timestamp) -> Transition {
    let before = job;
    let mut job = job.clone();
    // A clock that runs ahead must not push the deadline into the future.
    let ended_at = entry.operation_ended_at.min(now);
    if job.last_report_at.is_none_or(|last| ended_at > last) {
        job.covered_until = job.schedule.cover(job.covered_until, ended_at);
    }
    job.last_report_at = job.last_report_at.max(Some(ended_at));
    job.last_checked_at = Some(now);
    if entry.status == BackupEntryStatus::Success {
        job.same_content = Some(same_content(&job, entry, ended_at));
        job.last_good = last_good(entry, ended_at).or(job.last_good);
    }

    let status = entry.status.job_status();
    let is_too_late = status == JobStatus::Ok && job.is_overdue(now);
    if is_too_late && job.incident_since.is_some() {
        return Transition {
            events: vec![recorded(&job, entry, now)],
            job,
        };
    }
    job.current_status = status;
    let was_silent = job.silent_since.take().is_some();
    let change = if status == JobStatus::Ok {
        job.incident_since
            .take()
            .map(|incident_since| EventKind::JobRecovered {
                job: Box::new(job.clone()),
                entry: Box::new(entry.clone()),
                from: before.current_status,
                incident_since,
            })
    } else if was_silent || status != before.current_status || before.incident_since.is_none() {
        job.incident_since.get_or_insert(now);
        Some(EventKind::JobDegraded {
            job: Box::new(job.clone()),
            entry: Box::new(entry.clone()),
            from: before.current_status,
        })
    } else {
        None
    };
    let mut events = vec![recorded(&job, entry, now)];
    events.extend(change.map(|kind| DomainEvent { at: now, kind }));
    Transition { job, events }
}

/// Moves a job whose deadline has passed at `now` to MISSING. There is no entry: nothing was
/// reported. `None` when it is not overdue, or its silence has been told already.
#[must_use]
pub fn judge_deadline(job: &ExpectedBackupJob, now: Timestamp) -> Option<Transition> {
    let expected_at = job.expected_at()?;
    let deadline_at = job.deadline_at()?;
    if now <= deadline_at || job.silent_since.is_some() {
        return None;
    }
    let from = job.current_status;
    let mut job = job.clone();
    job.current_status = JobStatus::Missing;
    job.last_checked_at = Some(now);
    job.silent_since = Some(now);
    job.incident_since.get_or_insert(now);
    let kind = EventKind::JobMissing {
        job: Box::new(job.clone()),
        from,
        expected_at,
        deadline_at,
    };
    Some(Transition {
        job,
        events: vec![DomainEvent { at: now, kind }],
    })
}

fn recorded(job: &ExpectedBackupJob, entry: &BackupEntry, now: Timestamp) -> DomainEvent {
    DomainEvent {
        at: now,
        kind: EventKind::BackupRecorded {
            job: Box::new(job.clone()),
            entry: Box::new(entry.clone()),
        },
    }
}

fn same_content(
    before: &ExpectedBackupJob,
    entry: &BackupEntry,
    ended_at: Timestamp,
) -> SameContent {
    match before.same_content {
        Some(same) if entry.unchanged => SameContent {
            backups: same.backups.saturating_add(1),
            ..same
        },
        _ => SameContent {
            since: ended_at,
            backups: 1,
        },
    }
}

fn last_good(entry: &BackupEntry, ended_at: Timestamp) -> Option<LastGoodBackup> {
    Some(LastGoodBackup {
        ended_at,
        sha256: entry.actual_sha256?,
        size: entry.actual_size?,
        staged_file_name: entry.staged_file_name.clone()?,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::{AgentId, DatabaseReport, Finding, JobId, Report, Schedule, Sha256, Stage, Stages};

    const HOUR: Duration = Duration::from_hours(1);

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn daily() -> Schedule {
        Schedule::every(24 * HOUR, 2 * HOUR).unwrap()
    }

    fn job(schedule: Schedule, known_since: Timestamp) -> ExpectedBackupJob {
        let agent = AgentId::new("A_B_C").unwrap();
        ExpectedBackupJob::new(JobId(1), agent, "X", schedule, known_since)
    }

    fn entry(
        job: &ExpectedBackupJob,
        succeeded: bool,
        finding: &Finding,
        ended_at: Timestamp,
        now: Timestamp,
    ) -> BackupEntry {
        let stage = Stage {
            succeeded: Some(succeeded),
            sha256: Some(Sha256::from([1; 32])),
            ..Stage::default()
        };
        let database = DatabaseReport {
            database: "X".to_owned(),
            staged_file_name: Some("X.zst".to_owned()),
            stages: Stages {
                backup: stage.clone(),
                compress: stage.clone(),
                transfer: stage,
            },
            ..DatabaseReport::default()
        };
        let report = Report {
            operation_started_at: None,
            operation_ended_at: ended_at,
            overall_status: None,
            databases: Vec::new(),
        };
        BackupEntry::judged(job, "r.json", &report, &database, finding, now)
    }

    fn proven(byte: u8) -> Finding {
        Finding::Measured {
            size: 3,
            sha256: Some(Sha256::from([byte; 32])),
            content: None,
        }
    }

    fn record(job: &ExpectedBackupJob, finding: &Finding, ended_at: &str) -> Transition {
        let now = at(ended_at).checked_add(Duration::from_mins(5)).unwrap();
        record_entry(job, &entry(job, true, finding, at(ended_at), now), now)
    }

    fn names(transition: &Transition) -> Vec<&'static str> {
        transition.events.iter().map(DomainEvent::name).collect()
    }

    #[test]
    fn the_first_good_backup_closes_no_incident() {
        let first = record(
            &job(daily(), at("2025-06-19T00:00:00Z")),
            &proven(1),
            "2025-06-19T08:00:00Z",
        );
        assert_eq!(first.job.current_status, JobStatus::Ok);
        assert_eq!(names(&first), ["BackupRecorded"]);
        assert_eq!(
            first.job.last_success_at(),
            Some(at("2025-06-19T08:00:00Z"))
        );
        assert_eq!(first.job.deadline_at(), Some(at("2025-06-20T10:00:00Z")));
    }

    #[test]
    fn bad_again_in_the_same_way_raises_no_new_alarm_and_another_way_does() {
        let start = job(daily(), at("2025-06-19T00:00:00Z"));
        let bad = record(&start, &proven(2), "2025-06-19T08:00:00Z");
        assert_eq!(names(&bad), ["BackupRecorded", "JobDegraded"]);
        let again = record(&bad.job, &proven(2), "2025-06-20T08:00:00Z");
        assert_eq!(names(&again), ["BackupRecorded"]);
        let otherwise = record(&again.job, &Finding::Absent, "2025-06-21T08:00:00Z");
        assert_eq!(names(&otherwise), ["BackupRecorded", "JobDegraded"]);
        assert_eq!(otherwise.job.incident_since, bad.job.incident_since);
        let good = record(&otherwise.job, &proven(1), "2025-06-22T08:00:00Z");
        assert_eq!(names(&good), ["BackupRecorded", "JobRecovered"]);
        assert_eq!(good.job.incident_since, None);
    }

    #[test]
    fn an_entry_without_a_hash_is_an_alarm_although_the_job_was_unknown_before() {
        let start = job(daily(), at("2025-06-19T00:00:00Z"));
        let now = at("2025-06-19T08:00:00Z");
        let mut unknown = entry(&start, true, &proven(1), now, now);
        unknown.status = BackupEntryStatus::Unknown;
        assert_eq!(
            names(&record_entry(&start, &unknown, now)),
            ["BackupRecorded", "JobDegraded"]
        );
    }

    #[test]
    fn a_report_from_the_future_does_not_push_the_deadline_there() {
        let start = job(daily(), at("2025-06-19T00:00:00Z"));
        let now = at("2025-06-19T08:00:00Z");
        let future = entry(&start, true, &proven(1), at("2045-01-01T00:00:00Z"), now);
        let moved = record_entry(&start, &future, now).job;
        assert_eq!(moved.deadline_at(), Some(at("2025-06-20T10:00:00Z")));
        assert_eq!(moved.last_report_at, Some(now));
    }

    #[test]
    fn a_report_that_is_late_by_days_does_not_end_the_incident() {
        let start = record(
            &job(daily(), at("2025-06-18T00:00:00Z")),
            &proven(1),
            "2025-06-18T08:00:00Z",
        );
        let now = at("2025-06-25T00:00:00Z");
        let missing = judge_deadline(&start.job, now).unwrap().job;
        let late = entry(&missing, true, &proven(1), at("2025-06-19T08:00:00Z"), now);
        let moved = record_entry(&missing, &late, now);
        assert_eq!(moved.job.current_status, JobStatus::Missing);
        assert_eq!(names(&moved), ["BackupRecorded"]);
        assert_eq!(judge_deadline(&moved.job, now), None);
    }

    #[test]
    fn silence_after_a_report_without_its_file_is_another_alarm_and_so_is_its_end() {
        let start = job(daily(), at("2025-06-19T00:00:00Z"));
        let absent = record(&start, &Finding::Absent, "2025-06-19T08:00:00Z").job;
        let silent = judge_deadline(&absent, at("2025-06-25T00:00:00Z")).unwrap();
        assert_eq!(names(&silent), ["JobMissing"]);
        assert_eq!(
            judge_deadline(&silent.job, at("2025-06-26T00:00:00Z")),
            None
        );
        let spoken = record(&silent.job, &Finding::Absent, "2025-06-26T08:00:00Z");
        assert_eq!(names(&spoken), ["BackupRecorded", "JobDegraded"]);
        assert_eq!(spoken.job.incident_since, absent.incident_since);
    }

    #[test]
    fn a_report_that_is_tried_again_covers_no_second_expected_time() {
        let hourly = Schedule::cron("0 * * * *", "UTC", HOUR, None).unwrap();
        let start = job(hourly, at("2025-06-18T23:30:00Z"));
        let first = record(&start, &Finding::Absent, "2025-06-19T00:50:00Z").job;
        assert_eq!(first.expected_at(), Some(at("2025-06-19T01:00:00Z")));
        let again = record(&first, &proven(1), "2025-06-19T00:50:00Z").job;
        assert_eq!(again.current_status, JobStatus::Ok);
        assert_eq!(again.expected_at(), Some(at("2025-06-19T01:00:00Z")));
    }

    #[test]
    fn a_job_is_unknown_before_its_first_deadline_however_old_its_first_report() {
        let start = job(daily(), at("2025-06-19T00:00:00Z"));
        let now = at("2025-06-19T00:00:00Z");
        let old = entry(&start, true, &proven(1), at("2025-06-01T00:00:00Z"), now);
        let moved = record_entry(&start, &old, now).job;
        assert_eq!(judge_deadline(&moved, at("2025-06-20T02:00:00Z")), None);
        assert!(judge_deadline(&moved, at("2025-06-20T02:00:01Z")).is_some());
    }

    #[test]
    fn a_slightly_early_backup_meets_the_cron_time_and_its_absence_next_day_is_noticed() {
        let nightly = Schedule::cron("0 1 * * *", "UTC", 2 * HOUR, None).unwrap();
        let start = job(nightly, at("2025-06-18T12:00:00Z"));
        let early = record(&start, &proven(1), "2025-06-19T00:59:00Z").job;
        assert_eq!(judge_deadline(&early, at("2025-06-19T03:00:01Z")), None);
        assert_eq!(early.expected_at(), Some(at("2025-06-20T01:00:00Z")));
        assert!(judge_deadline(&early, at("2025-06-20T03:00:01Z")).is_some());
    }

    #[test]
    fn a_job_at_rest_is_never_missing() {
        let mut start = job(daily(), at("2025-06-19T00:00:00Z"));
        start.active = false;
        assert_eq!(start.deadline_at(), None);
        assert_eq!(judge_deadline(&start, at("2026-06-19T00:00:00Z")), None);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Report {
            succeeded: bool,
            content: Option<u8>,
            age_seconds: i64,
        },
        Deadline,
    }

    fn any_step() -> impl Strategy<Value = (u64, Step)> {
        let report = (
            any::<bool>(),
            prop::option::of(1..3_u8),
            -200_000..400_000_i64,
        )
            .prop_map(|(succeeded, content, age_seconds)| Step::Report {
                succeeded,
                content,
                age_seconds,
            });
        (0..200_000_u64, prop_oneof![report, Just(Step::Deadline)])
    }

    fn any_schedule() -> impl Strategy<Value = Schedule> {
        prop_oneof![
            (3600..400_000_u64, 0..100_000_u64).prop_map(|(every, grace)| Schedule::every(
                Duration::from_secs(every),
                Duration::from_secs(grace)
            )
            .unwrap()),
            (
                prop::sample::select(vec!["0 1 * * *", "30 2 * * *", "0 */6 * * *"]),
                prop::sample::select(vec!["UTC", "Europe/Paris"]),
                0..100_000_u64
            )
                .prop_map(|(cron, zone, grace)| Schedule::cron(
                    cron,
                    zone,
                    Duration::from_secs(grace),
                    None
                )
                .unwrap()),
        ]
    }

    proptest! {
        #[test]
        fn no_history_is_missing_too_soon_or_leaves_an_incident_without_its_closing_event(
            schedule in any_schedule(),
            steps in prop::collection::vec(any_step(), 0..40),
        ) {
            // Around the end of daylight saving in Europe.
            let known_since = at("2025-10-20T00:00:00Z");
            let mut job = job(schedule, known_since);
            let first_deadline = job.deadline_at().unwrap();
            let mut now = known_since;
            let mut open = false;
            for (wait, step) in steps {
                now = now.checked_add(Duration::from_secs(wait)).unwrap();
                let before = job.clone();
                let transition = match step {
                    Step::Report { succeeded, content, age_seconds } => {
                        let ended_at = Timestamp::from_second(now.as_second() - age_seconds).unwrap();
                        let finding = content.map_or(Finding::Absent, proven);
                        record_entry(&job, &entry(&job, succeeded, &finding, ended_at, now), now)
                    }
                    Step::Deadline => {
                        let overdue = judge_deadline(&job, now);
                        if let Some(overdue) = &overdue {
                            prop_assert!(now > first_deadline && now > before.deadline_at().unwrap());
                            prop_assert_eq!(overdue.events.len(), 1);
                        }
                        let Some(overdue) = overdue else { continue };
                        overdue
                    }
                };
                job = transition.job;
                for event in &transition.events {
                    match event.kind {
                        EventKind::JobMissing { .. } | EventKind::JobDegraded { .. } => open = true,
                        EventKind::JobRecovered { .. } => {
                            prop_assert!(open, "recovered from nothing");
                            open = false;
                        }
                        _ => {}
                    }
                }
                prop_assert_eq!(open, job.incident_since.is_some());
                prop_assert_eq!(open, !matches!(job.current_status, JobStatus::Ok) && job.last_checked_at.is_some());
                prop_assert!(job.covered_until >= before.covered_until);
                prop_assert!(job.deadline_at() >= before.deadline_at());
                // The same deadline is never told twice.
                prop_assert_eq!(
                    judge_deadline(&job, now).and_then(|missing| judge_deadline(&missing.job, now)),
                    None
                );
            }
        }
    }
}
