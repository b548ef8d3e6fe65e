//! What a scanner has to be told. Knows no config file.

use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use vigie_domain::{Schedule, WarningSettings};

/// What a [`Scanner`](crate::Scanner) has to be told.
#[derive(Debug, Clone)]
pub struct ScannerSettings {
    /// The deposit: the folder that holds one folder for each agent.
    pub root: PathBuf,
    /// The tree in which proven backups are kept; `None` keeps none.
    pub validated: Option<PathBuf>,
    /// Whether a database that nobody declared becomes a job when a report speaks of it.
    pub auto_register: bool,
    /// The schedule of such a job.
    pub default_schedule: Schedule,
    /// A report whose run ended longer ago than this says nothing about today, and is rejected.
    pub report_max_age: Duration,
    /// The largest report in bytes.
    pub report_max_size: u64,
    /// The time zone in which agents mean a time without an offset.
    pub time_zone: TimeZone,
    /// How long to wait at most for a report or a staged file that is still being written. A staged
    /// file that stays the same for five seconds, or for fifteen once it was seen to change, is not
    /// waited for any longer.
    pub settle: Duration,
    /// What to warn of where a job says nothing else.
    pub warnings: WarningSettings,
}

impl ScannerSettings {
    /// The settings that suit most deposits: databases register themselves with `default_schedule`,
    /// no copies are kept, reports may be 30 days old and 4 MiB large, times without an offset are
    /// UTC, files that grow are waited for a minute, and all that is odd is told.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>, default_schedule: Schedule) -> Self {
        Self {
            root: root.into(),
            validated: None,
            auto_register: true,
            default_schedule,
            report_max_age: Duration::from_hours(30 * 24),
            report_max_size: 4 * 1024 * 1024,
            time_zone: TimeZone::UTC,
            settle: Duration::from_mins(1),
            warnings: WarningSettings::default(),
        }
    }
}
