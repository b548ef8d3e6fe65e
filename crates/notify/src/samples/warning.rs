//! Backups that are proven, and odd, as samples. Knows no mail about several jobs.

use jiff::{SignedDuration, Timestamp};
use vigie_domain::{
    BackupEntry, BackupEntryStatus, ExpectedBackupJob, JobStatus, StageName, Warning,
};

use super::{JobSample, at, entry_full, entry_minimal};
use crate::Notice;

/// A job that is OK, and what is odd about its backup, which a mail is written about.
#[derive(Debug, Clone)]
pub struct WarningSample {
    /// What it is a sample of: `warning.full` or `warning.minimal`.
    pub name: String,
    /// The job.
    pub job: ExpectedBackupJob,
    /// The backup.
    pub entry: BackupEntry,
    /// What is odd.
    pub warnings: Vec<Warning>,
    /// The instant as of which the mail is written.
    pub now: Timestamp,
}

impl WarningSample {
    /// What there is to tell of it.
    #[must_use]
    pub fn notice(&self) -> Notice {
        Notice::Warning {
            job: Box::new(self.job.clone()),
            entry: Box::new(self.entry.clone()),
            warnings: self.warnings.clone(),
        }
    }
}

/// A backup that is much smaller than usual, of whose report one stage failed before it succeeded.
#[must_use]
pub fn warning_full() -> WarningSample {
    let mut sample = of(entry_full(BackupEntryStatus::Success), Vec::new());
    let size = 41_943_040;
    sample.entry.expected_size = Some(size);
    sample.entry.actual_size = Some(size);
    sample.entry.unchanged = false;
    for stage in [
        &mut sample.entry.stages.compress,
        &mut sample.entry.stages.transfer,
    ] {
        stage.size = Some(size);
    }
    sample.entry.stages.backup.size = Some(214_748_364);
    sample.warnings = vec![small(), retried()];
    sample
}

/// A job whose backups have had the same content for long, and of which next to nothing is known.
#[must_use]
pub fn warning_minimal() -> WarningSample {
    of(entry_minimal(BackupEntryStatus::Success), vec![unchanged()])
}

/// Each thing that can be odd alone, each for a backup of which all is known and for one of which next to
/// nothing is.
#[must_use]
pub fn with_each_warning() -> Vec<WarningSample> {
    let large = Warning::SizeOutOfBand {
        size: 12_884_901_888,
        low: 1_100_000_000,
        high: 1_500_000_000,
        median: 1_283_457_024,
        backups: 30,
    };
    let several = StageName::ALL.into();
    let mut samples = Vec::new();
    for warning in [
        unchanged(),
        small(),
        large,
        later(),
        retried(),
        Warning::StagesRetried { stages: several },
        Warning::ClockAhead {
            by: SignedDuration::from_hours(2),
        },
    ] {
        for mut sample in [warning_full(), warning_minimal()] {
            sample.warnings = vec![warning.clone()];
            samples.push(sample);
        }
    }
    samples
}

/// The sample of a good backup as one of which this is odd.
fn of(sample: JobSample, warnings: Vec<Warning>) -> WarningSample {
    let extent = sample
        .name
        .rsplit_once('.')
        .map_or("", |(_, extent)| extent);
    let mut job = sample.job;
    job.current_status = JobStatus::Ok;
    job.incident_since = None;
    WarningSample {
        name: format!("warning.{extent}"),
        job,
        entry: sample.entry.expect("the sample has an entry"),
        warnings,
        now: sample.now,
    }
}

fn unchanged() -> Warning {
    Warning::Unchanged {
        since: at("2025-05-30T00:41:07Z"),
        backups: 22,
    }
}

fn small() -> Warning {
    Warning::SizeOutOfBand {
        size: 41_943_040,
        low: 1_100_000_000,
        high: 1_500_000_000,
        median: 1_283_457_024,
        backups: 30,
    }
}

fn later() -> Warning {
    Warning::ArrivingLater {
        delay: SignedDuration::from_mins(105),
        usual: SignedDuration::from_mins(41),
        grace: SignedDuration::from_hours(2),
        backups: 14,
    }
}

fn retried() -> Warning {
    Warning::StagesRetried {
        stages: vec![StageName::Transfer],
    }
}
