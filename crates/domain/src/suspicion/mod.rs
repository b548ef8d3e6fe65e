//! What is odd about a backup that is proven, held against those before it. Knows no store: what was
//! before comes in as an argument.
//!
//! The rules, each on facts that are recorded anyway:
//!
//! - *unchanged*: the job's backups have had the same content for longer than they may. Of a database
//!   whose year is over nothing else is to be expected.
//! - *size*: the backup is far from the size that the trend of the last thirty leads to. How far is far
//!   follows from how much they vary, and is never less than half as much again or a third less. A leap that
//!   came twice before is a habit.
//! - *later*: the delays of the last sixty rise, beyond chance, and reach the deadline within fourteen
//!   more.
//! - *retried*: the report counts more than one attempt at a stage. Agents' messages are not read for
//!   it, as many write one on each success; nor is the status of the run as a whole, which speaks of
//!   other databases too.
//! - *clock*: the report says that its run ended more than an hour after it was read. Nothing is decided
//!   by such a time, but everybody reads it.

mod lateness;
mod robust;
mod settings;
mod size;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};

pub use settings::WarningSettings;

use crate::{
    BackupEntry, BackupEntryStatus, DomainEvent, EventKind, ExpectedBackupJob, JobStatus, Schedule,
    StageName, Transition, Warning,
};

/// The same content twice is no news, as when a backup is made anew by hand.
const FEWEST_UNCHANGED: u32 = 3;

/// How far an agent's clock may be ahead before that is told.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_hours(1);

/// What later backups of a job are held against: a backup that was proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProvenBackup {
    /// When the agent ended it, and never later than it was recorded.
    pub ended_at: Timestamp,
    /// Its size in bytes.
    pub size: u64,
    /// How long after the expected time that it covered it ended, negative when before; `None` when it
    /// covered none, or that is not known.
    pub delay: Option<SignedDuration>,
}

impl ProvenBackup {
    /// How many of the last backups are looked at.
    pub const LOOKED_AT: u32 = 100;

    /// What is kept of an entry that moved the job from `before` to `after`; `None` when it is no proven
    /// backup.
    #[must_use]
    pub fn of(
        before: &ExpectedBackupJob,
        after: &ExpectedBackupJob,
        entry: &BackupEntry,
    ) -> Option<Self> {
        if entry.status != BackupEntryStatus::Success {
            return None;
        }
        let ended_at = entry.operation_ended_at.min(entry.recorded_at);
        Some(Self {
            ended_at,
            size: entry.actual_size?,
            delay: delay(before, after, ended_at),
        })
    }
}

/// With `every` the clock starts anew with each report, and the first had none to be late after.
fn delay(
    before: &ExpectedBackupJob,
    after: &ExpectedBackupJob,
    ended_at: Timestamp,
) -> Option<SignedDuration> {
    if after.covered_until <= before.covered_until {
        return None;
    }
    let expected_at = match after.schedule {
        Schedule::Every { .. } => {
            before.last_report_at?;
            before.expected_at()?
        }
        Schedule::Cron(_) => after.covered_until,
    };
    Some(expected_at.duration_until(ended_at))
}

/// What is odd about a backup, in the order of [`Warning::CODES`].
///
/// `job` is as the backup left it, and `backups` are its proven ones, oldest first and this one last.
///
/// ```
/// # use std::time::Duration;
/// # use jiff::{SignedDuration, Timestamp, tz::TimeZone};
/// use vigie_domain::*;
///
/// # let agent = AgentId::new("SDMC_DOUALA_AKWA")?;
/// # let day = Duration::from_secs(24 * 3600);
/// # let schedule = Schedule::every(day, day / 12)?;
/// # let start: Timestamp = "2025-06-01T00:00:00Z".parse()?;
/// # let job = ExpectedBackupJob::new(JobId(1), agent.clone(), "XAFRIC", schedule, start);
/// # let json = br#"{"agent_id": "SDMC_DOUALA_AKWA", "operation_end_time": "2025-06-21T00:00:00",
/// #     "databases": {"XAFRIC": {}}}"#;
/// # let report = Report::parse(json, &agent, &TimeZone::UTC)?;
/// # let database = &report.databases[0];
/// # let now = report.operation_ended_at;
/// # let entry = BackupEntry::judged(&job, "r.json", &report, database, &Finding::NotNeeded, now);
/// let nightly = |night: i64, size| ProvenBackup {
///     ended_at: start + SignedDuration::from_hours(24 * night),
///     size,
///     delay: None,
/// };
/// let mut backups: Vec<_> = (0..20).map(|night| nightly(night, 80_000_000)).collect();
/// backups.push(nightly(20, 40_000_000));
/// let warnings = warnings_of(&job, &entry, &backups, &WarningSettings::default());
/// assert_eq!(warnings[0].code(), "size_out_of_band");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn warnings_of(
    job: &ExpectedBackupJob,
    entry: &BackupEntry,
    backups: &[ProvenBackup],
    settings: &WarningSettings,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if let Some(after) = settings.unchanged_after {
        warnings.extend(unchanged(job, entry, after));
    }
    if settings.size {
        let sizes: Vec<u64> = backups.iter().map(|backup| backup.size).collect();
        warnings.extend(size::warning_of(&sizes));
    }
    // One that covers no expected time tells nothing of lateness.
    if settings.later && backups.last().is_some_and(|last| last.delay.is_some()) {
        let delays: Vec<_> = backups.iter().filter_map(|backup| backup.delay).collect();
        let grace = SignedDuration::try_from(job.schedule.grace());
        let warning = grace.map(|grace| lateness::warning_of(&delays, grace));
        warnings.extend(warning.ok().flatten());
    }
    if settings.retried {
        warnings.extend(retried(entry));
    }
    if settings.clock {
        warnings.extend(clock(entry));
    }
    warnings
}

fn unchanged(
    job: &ExpectedBackupJob,
    entry: &BackupEntry,
    after: SignedDuration,
) -> Option<Warning> {
    let same = job.same_content.filter(|_| entry.unchanged)?;
    let ended_at = entry.operation_ended_at.min(entry.recorded_at);
    let this_year = ended_at.to_zoned(jiff::tz::TimeZone::UTC).year();
    let is_archive = job.year.is_some_and(|year| year < this_year);
    let is_long = same.since.duration_until(ended_at) >= after;
    (is_long && !is_archive && same.backups >= FEWEST_UNCHANGED).then_some(Warning::Unchanged {
        since: same.since,
        backups: same.backups,
    })
}

fn retried(entry: &BackupEntry) -> Option<Warning> {
    let was_retried = |name: &StageName| entry.stages.get(*name).attempts > Some(1);
    let stages: Vec<_> = StageName::ALL.into_iter().filter(was_retried).collect();
    (!stages.is_empty()).then_some(Warning::StagesRetried { stages })
}

fn clock(entry: &BackupEntry) -> Option<Warning> {
    let by = entry.recorded_at.duration_until(entry.operation_ended_at);
    (by > CLOCK_TOLERANCE).then_some(Warning::ClockAhead { by })
}

/// Completes a move of a job by an entry with what is odd about it: the job remembers it, and what was
/// not odd at the backup before becomes an event.
///
/// `before` is the job before the move, and `history` its earlier proven backups, oldest first, at most
/// the last [`ProvenBackup::LOOKED_AT`]. What the job does not say of warnings is as in `defaults`.
///
/// A backup that is not proven leaves what was odd as it was. One that ends an incident is told as that
/// and raises no warning, as what comes after trouble is seldom usual; what is odd about it is told if
/// the next one is odd too.
#[must_use]
pub fn judge_warnings(
    before: &ExpectedBackupJob,
    mut moved: Transition,
    entry: &BackupEntry,
    history: &[ProvenBackup],
    defaults: &WarningSettings,
) -> Transition {
    let is_proven = entry.status == BackupEntryStatus::Success;
    if !is_proven || moved.job.current_status != JobStatus::Ok {
        return moved;
    }
    let mut backups = history.to_vec();
    backups.extend(ProvenBackup::of(before, &moved.job, entry));
    let settings = moved.job.warning_settings.unwrap_or(*defaults);
    let mut warnings = warnings_of(&moved.job, entry, &backups, &settings);
    let is_known = |warning: &Warning| {
        let mut known = before.warnings.iter();
        known.any(|known| known.code() == warning.code())
    };
    if before.incident_since.is_some() {
        warnings.retain(is_known);
    }
    let mut news = warnings.clone();
    news.retain(|warning| !is_known(warning));
    moved.job.warnings.clone_from(&warnings);
    for event in &mut moved.events {
        if let Some(job) = event.job_mut() {
            job.warnings.clone_from(&warnings);
        }
    }
    if !news.is_empty() {
        let kind = EventKind::JobWarned {
            job: Box::new(moved.job.clone()),
            entry: Box::new(entry.clone()),
            warnings: news,
        };
        let at = entry.recorded_at;
        moved.events.push(DomainEvent { at, kind });
    }
    moved
}
