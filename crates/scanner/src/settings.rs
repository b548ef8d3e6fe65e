//! What a scanner has to be told. Knows no config file.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use jiff::tz::TimeZone;
use vigie_domain::{ReportLimits, Schedule, VerifyLevel, WarningSettings};

/// What a [`Scanner`](crate::Scanner) has to be told.
#[derive(Debug, Clone)]
pub struct ScannerSettings {
    /// The deposit: the folder that holds one folder for each agent.
    pub root: PathBuf,
    /// The tree in which proven backups are kept; `None` keeps none.
    pub validated: Option<PathBuf>,
    /// Whether each proven backup with other content than the last is kept beside those before it, under
    /// a name of its own, until a [`Pruner`](crate::Pruner) removes it; otherwise it takes the place of
    /// the one of its name.
    pub keep_versions: bool,
    /// Whether a database that nobody declared becomes a job when a report speaks of it.
    pub auto_register: bool,
    /// The schedule of such a job.
    pub default_schedule: Schedule,
    /// A report whose run ended longer ago than this says nothing about today, and is rejected.
    pub report_max_age: Duration,
    /// The largest report in bytes.
    pub report_max_size: u64,
    /// How much a report may hold.
    pub report_limits: ReportLimits,
    /// How many reports are read of one agent in a cycle. What lies there beyond that is read by the
    /// cycles to come.
    pub reports_per_agent: NonZeroUsize,
    /// How many bytes of reports are read of one agent in a cycle, the last report on top.
    pub report_bytes_per_agent: u64,
    /// The time zone in which agents mean a time without an offset.
    pub time_zone: TimeZone,
    /// How long to wait at most for a report or a staged file that is still being written. A staged
    /// file that stays the same for five seconds, or for fifteen once it was seen to change, is not
    /// waited for any longer.
    pub settle: Duration,
    /// What to warn of where a job says nothing else.
    pub warnings: WarningSettings,
    /// How deep staged files are looked into where a job says nothing else.
    pub verify: VerifyLevel,
    /// How many times its own size a staged file may decode to, and one GiB more, when the agent does not
    /// say how large its dump is. A file that decodes to more is at fault.
    pub max_expansion: NonZeroU64,
    /// On how many cores staged files are hashed at once, at most.
    pub cores: NonZeroUsize,
    /// How many bytes of staged files are read in a second, at most, over all files; `None` for as many
    /// as can be.
    pub max_read_rate: Option<NonZeroU64>,
    /// How long a system call on an agent's folder may take before the folder is taken for one that does
    /// not answer, as when its mount hangs. Not all that is done there: any single call.
    pub stall_timeout: Duration,
    /// Each cycle of so many lists the folders too that have not changed since nothing was found in them.
    /// With 1, every cycle does.
    pub full_sweep_every: NonZeroU32,
}

impl ScannerSettings {
    /// The settings that suit most deposits: databases register themselves with `default_schedule`,
    /// no copies are kept, reports may be 30 days old and 4 MiB large and hold what
    /// [`ReportLimits::default`] allows, 500 reports or 4 MiB of them are read of each agent in a cycle, times
    /// without an offset are UTC, files that grow are waited for a minute, all that is odd is told, what is
    /// recognised is looked into, every core is used without a limit, a folder may not answer for a minute,
    /// and each 60th cycle lists every folder.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>, default_schedule: Schedule) -> Self {
        Self {
            root: root.into(),
            validated: None,
            keep_versions: false,
            auto_register: true,
            default_schedule,
            report_max_age: Duration::from_hours(30 * 24),
            report_max_size: 4 * 1024 * 1024,
            report_limits: ReportLimits::default(),
            reports_per_agent: const { NonZeroUsize::new(500).unwrap() },
            report_bytes_per_agent: 4 * 1024 * 1024,
            time_zone: TimeZone::UTC,
            settle: Duration::from_mins(1),
            warnings: WarningSettings::default(),
            verify: VerifyLevel::default(),
            max_expansion: const { NonZeroU64::new(1000).unwrap() },
            cores: available_parallelism().unwrap_or(NonZeroUsize::MIN),
            max_read_rate: None,
            stall_timeout: Duration::from_mins(1),
            full_sweep_every: const { NonZeroU32::new(60).unwrap() },
        }
    }
}
