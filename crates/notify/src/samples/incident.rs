//! Incidents that are open or have ended, as samples. Knows no refused mail.

use jiff::{SignedDuration, Timestamp};
use vigie_domain::{BackupEntry, BackupEntryStatus, ExpectedBackupJob, JobStatus};

use super::{JobSample, at, entry_full, entry_minimal, missing_full, missing_minimal};
use crate::{IncidentHistory, ReminderNumber, StatusChange};

/// A job that is still not OK, which a mail is written about.
#[derive(Debug, Clone)]
pub struct ReminderSample {
    /// What it is a sample of, such as `reminder.full` or `reminder.failed.minimal`.
    pub name: String,
    /// The job.
    pub job: ExpectedBackupJob,
    /// The last entry; `None` when no report came.
    pub entry: Option<BackupEntry>,
    /// What was before.
    pub history: IncidentHistory,
    /// Which reminder it is.
    pub reminder: ReminderNumber,
    /// The instant as of which the mail is written.
    pub now: Timestamp,
}

/// The third reminder of a job whose report has not come for three days.
#[must_use]
pub fn reminder_full() -> ReminderSample {
    let mut sample = reminder_of(missing_full());
    sample.now = at("2025-06-23T02:00:05Z");
    sample.history.lost = Some(4);
    sample.reminder = ReminderNumber {
        which: 3,
        next_at: Some(at("2025-06-30T02:00:05Z")),
    };
    sample
}

/// The only reminder of a job of which nothing has ever been heard.
#[must_use]
pub fn reminder_minimal() -> ReminderSample {
    reminder_of(missing_minimal())
}

/// The second reminder of a job whose last backup was of this status, with all that can be known.
#[must_use]
pub fn reminder_entry_full(status: BackupEntryStatus) -> ReminderSample {
    let mut sample = reminder_of(entry_full(status));
    let missing = change("2025-06-18T02:00:05Z", JobStatus::Missing);
    sample.history.opened_at = missing.at;
    sample.job.incident_since = Some(missing.at);
    let before = at("2025-06-17T00:38:51Z");
    let goods = [&mut sample.job.last_good, &mut sample.history.last_good];
    for good in goods.into_iter().flatten() {
        good.ended_at = before;
    }
    sample.history.changes.insert(0, missing);
    sample.history.lost = Some(3);
    sample.reminder = ReminderNumber {
        which: 2,
        next_at: Some(at("2025-06-23T02:00:05Z")),
    };
    sample
}

/// The only reminder of a job whose last backup was of this status, of which next to nothing is known.
#[must_use]
pub fn reminder_entry_minimal(status: BackupEntryStatus) -> ReminderSample {
    reminder_of(entry_minimal(status))
}

/// The only reminder of the alert that a sample is about, a day after it.
pub(crate) fn reminder_of(sample: JobSample) -> ReminderSample {
    let JobSample {
        name,
        job,
        entry,
        now,
    } = sample;
    let since = entry.as_ref().map_or(now, |entry| entry.recorded_at);
    let opened_at = job.incident_since.unwrap_or(since);
    let name = name.trim_start_matches("entry.");
    let name = name.trim_start_matches("missing.");
    ReminderSample {
        name: format!("reminder.{name}"),
        history: IncidentHistory {
            opened_at,
            changes: vec![StatusChange {
                at: opened_at,
                status: job.current_status,
            }],
            lost: None,
            last_good: job.last_good.clone(),
        },
        reminder: ReminderNumber {
            which: 1,
            next_at: None,
        },
        now: opened_at + SignedDuration::from_hours(24),
        job: ExpectedBackupJob {
            incident_since: Some(opened_at),
            ..job
        },
        entry,
    }
}

/// A job that is OK again, which a mail is written about.
#[derive(Debug, Clone)]
pub struct RecoverySample {
    /// What it is a sample of: `recovery.full` or `recovery.minimal`.
    pub name: String,
    /// The job.
    pub job: ExpectedBackupJob,
    /// The backup that ended the incident.
    pub entry: BackupEntry,
    /// What was before.
    pub history: IncidentHistory,
    /// The instant as of which the mail is written.
    pub now: Timestamp,
}

/// A job that is OK again after two days in which its report did not come, told of a failure, and did
/// not come again.
#[must_use]
pub fn recovery_full() -> RecoverySample {
    let before = missing_full().job;
    let later = SignedDuration::from_mins(2 * 24 * 60 + 4 * 60 + 25);
    let mut entry = made_later(good(entry_full(BackupEntryStatus::Success).entry), later);
    "20250622_050607_SDMC_DOUALA_AKWA.json".clone_into(&mut entry.report);
    entry.unchanged = false;
    let job = ok_again(&before, &entry);
    RecoverySample {
        name: "recovery.full".to_owned(),
        history: IncidentHistory {
            opened_at: at("2025-06-20T02:00:05Z"),
            changes: vec![
                change("2025-06-20T02:00:05Z", JobStatus::Missing),
                change("2025-06-21T00:45:00Z", JobStatus::Failed),
                change("2025-06-22T02:00:05Z", JobStatus::Missing),
            ],
            lost: Some(2),
            last_good: before.last_good,
        },
        job,
        entry,
        now: at("2025-06-22T05:10:02Z"),
    }
}

/// A job whose first good backup has come, of which next to nothing is known.
#[must_use]
pub fn recovery_minimal() -> RecoverySample {
    let before = missing_minimal();
    let entry = good(entry_minimal(BackupEntryStatus::Success).entry);
    let entry = made_later(entry, SignedDuration::from_hours(2));
    RecoverySample {
        name: "recovery.minimal".to_owned(),
        job: ok_again(&before.job, &entry),
        history: IncidentHistory {
            opened_at: before.now,
            changes: vec![StatusChange {
                at: before.now,
                status: JobStatus::Missing,
            }],
            lost: None,
            last_good: None,
        },
        now: entry.recorded_at,
        entry,
    }
}

fn good(entry: Option<BackupEntry>) -> BackupEntry {
    entry.expect("the sample has an entry")
}

fn change(since: &str, status: JobStatus) -> StatusChange {
    StatusChange {
        at: at(since),
        status,
    }
}

/// The same backup, made at another time.
fn made_later(mut entry: BackupEntry, later: SignedDuration) -> BackupEntry {
    entry.recorded_at += later;
    entry.operation_ended_at += later;
    if let Some(started_at) = &mut entry.operation_started_at {
        *started_at += later;
    }
    let mut stages = [
        &mut entry.stages.backup,
        &mut entry.stages.compress,
        &mut entry.stages.transfer,
    ];
    for stage in &mut stages {
        for at in [&mut stage.started_at, &mut stage.ended_at]
            .into_iter()
            .flatten()
        {
            *at += later;
        }
    }
    entry
}

/// The job as a good backup leaves it.
fn ok_again(before: &ExpectedBackupJob, entry: &BackupEntry) -> ExpectedBackupJob {
    vigie_domain::record_entry(before, entry, entry.recorded_at).job
}
