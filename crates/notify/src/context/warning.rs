//! The variables of the **warning** mail. Knows no template and no sentence.

use jiff::{SignedDuration, Timestamp, Zoned};
use schemars::JsonSchema;
use serde::Serialize;
use vigie_domain::{BackupEntry, ExpectedBackupJob, StageName, Warning};

use super::{BackupContext, JobMailContext, Reader, Surroundings};

/// The variables of the **warning** mail: a job is OK, and its backup is odd.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct WarningContext {
    /// What every mail about a job has.
    #[serde(flatten)]
    pub of_job: JobMailContext,
    /// When the next one is expected; null for a job at rest, or when its schedule has ended.
    pub expected_at: Option<Zoned>,
    /// The backup that is odd.
    #[serde(flatten)]
    pub backup: BackupContext,
    /// What is odd about it; mostly one thing.
    pub warnings: Vec<OddityContext>,
}

/// One thing that is odd about a backup.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct OddityContext {
    /// Which of those that are listed it is: 1 for the first.
    pub number: usize,
    /// `unchanged`, `size_out_of_band`, `arriving_later`, `stages_retried` or `clock_ahead`.
    #[schemars(extend("enum" = Warning::CODES))]
    pub code: &'static str,
    /// How many backups tell it; null for other codes.
    pub backups: Option<u32>,
    /// When the first backup of this content ended; null for other codes.
    pub since: Option<Zoned>,
    /// The size; null for other codes.
    pub size: Option<SizeContext>,
    /// The delay; null for other codes.
    pub delay: Option<DelayContext>,
    /// The stages that failed before they succeeded: `BACKUP`, `COMPRESS` or `TRANSFER`; none for other
    /// codes.
    pub stages: Vec<&'static str>,
    /// By how many seconds the agent's clock is ahead, at least; null for other codes.
    pub ahead_seconds: Option<u64>,
}

/// A size that is unusual.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SizeContext {
    /// The size of the backup in bytes.
    pub found: u64,
    /// The smallest size in bytes that is usual.
    pub low: u64,
    /// The largest size in bytes that is usual.
    pub high: u64,
    /// The middle of the sizes in bytes that it is compared with.
    pub median: u64,
    /// Whether it is smaller than usual, not larger.
    pub is_small: bool,
}

/// A backup that ended late, though not too late.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DelayContext {
    /// How many seconds after its expected time it ended.
    pub seconds: u64,
    /// How many seconds after their expected times backups used to end.
    pub usual_seconds: u64,
    /// How many seconds after its expected time one is given up.
    pub grace_seconds: u64,
    /// How many seconds were left until then.
    pub left_seconds: u64,
}

impl WarningContext {
    pub(super) fn new(
        job: &ExpectedBackupJob,
        entry: &BackupEntry,
        warnings: &[Warning],
        now: Timestamp,
        reader: &Reader,
        surroundings: &Surroundings,
    ) -> Self {
        let warnings = (1..).zip(warnings);
        Self {
            of_job: JobMailContext::new(job, now, reader, surroundings),
            expected_at: job.expected_at().map(|at| reader.at(at)),
            backup: BackupContext::new(entry, reader),
            warnings: warnings
                .map(|(number, warning)| OddityContext::new(number, warning, reader))
                .collect(),
        }
    }
}

impl OddityContext {
    fn new(number: usize, warning: &Warning, reader: &Reader) -> Self {
        let none = Self {
            number,
            code: warning.code(),
            backups: None,
            since: None,
            size: None,
            delay: None,
            stages: Vec::new(),
            ahead_seconds: None,
        };
        match warning {
            Warning::Unchanged { since, backups } => Self {
                backups: Some(*backups),
                since: Some(reader.at(*since)),
                ..none
            },
            Warning::SizeOutOfBand {
                size,
                low,
                high,
                median,
                backups,
            } => Self {
                backups: Some(*backups),
                size: Some(SizeContext::new(*size, *low, *high, *median)),
                ..none
            },
            Warning::ArrivingLater {
                delay,
                usual,
                grace,
                backups,
            } => Self {
                backups: Some(*backups),
                delay: Some(DelayContext::new(*delay, *usual, *grace)),
                ..none
            },
            Warning::StagesRetried { stages } => Self {
                stages: stages.iter().copied().map(StageName::as_str).collect(),
                ..none
            },
            Warning::ClockAhead { by } => Self {
                ahead_seconds: u64::try_from(by.as_secs()).ok(),
                ..none
            },
        }
    }
}

impl SizeContext {
    pub(super) fn new(found: u64, low: u64, high: u64, median: u64) -> Self {
        Self {
            found,
            low,
            high,
            median,
            is_small: found < low,
        }
    }
}

impl DelayContext {
    fn new(delay: SignedDuration, usual: SignedDuration, grace: SignedDuration) -> Self {
        // What ends before its expected time has no delay.
        let seconds = |duration: SignedDuration| u64::try_from(duration.as_secs()).unwrap_or(0);
        Self {
            seconds: seconds(delay),
            usual_seconds: seconds(usual),
            grace_seconds: seconds(grace),
            left_seconds: seconds(grace).saturating_sub(seconds(delay)),
        }
    }
}
