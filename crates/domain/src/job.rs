//! A job: one database whose backup is expected, and what is known of it. Knows no rule that moves
//! it; those are in `transition` and `declaration`.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::validated_path::validated_folder;
use crate::{AgentId, Schedule, Sha256, VerifyLevel, Warning, WarningSettings};

/// The number by which a store knows a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub i64);

impl fmt::Display for JobId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What is known of a job's backups now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobStatus {
    /// The last backup that was expected arrived and is proven.
    Ok,
    /// The agent says that its last backup failed, or the server could not read or keep it.
    Failed,
    /// No report came before the deadline, or one came without its file.
    Missing,
    /// The staged file has the right size and other content.
    HashMismatch,
    /// The staged file has another size, or the agent reports a broken transfer.
    TransferIntegrityFailed,
    /// Nothing is known yet, or the last report gave no hash to compare with.
    Unknown,
}

impl JobStatus {
    /// Every status, in the order in which they are documented.
    pub const ALL: [Self; 6] = [
        Self::Ok,
        Self::Failed,
        Self::Missing,
        Self::HashMismatch,
        Self::TransferIntegrityFailed,
        Self::Unknown,
    ];

    /// The status as it is written in config, JSON, SQL and mails.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Failed => "FAILED",
            Self::Missing => "MISSING",
            Self::HashMismatch => "HASH_MISMATCH",
            Self::TransferIntegrityFailed => "TRANSFER_INTEGRITY_FAILED",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// The last backup of a job that was proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastGoodBackup {
    /// When the agent ended it, as its report says, and never later than it was recorded.
    pub ended_at: Timestamp,
    /// The content that was proven.
    pub sha256: Sha256,
    /// Its size in bytes.
    pub size: u64,
    /// Its name in the deposit.
    pub staged_file_name: String,
}

/// Who says that a job's backup is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobSource {
    /// The config declares it.
    Config,
    /// Somebody added it with a command.
    Command,
    /// It was registered from a report.
    Report,
}

impl JobSource {
    /// The source in one word, as it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Command => "command",
            Self::Report => "report",
        }
    }
}

/// That a job is not watched for a while, whatever declares it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Since when.
    pub since: Timestamp,
    /// When it ends by itself; `None` when somebody has to end it.
    pub until: Option<Timestamp>,
    /// Who paused the job.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// For how long proven backups of a job have had the same content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SameContent {
    /// When the first backup of this content ended.
    pub since: Timestamp,
    /// How many had it, the first included.
    pub backups: u32,
}

/// One database whose backup is expected on a schedule.
///
/// A job is identified by its agent (whatever the case) and its database (exactly as spelled).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectedBackupJob {
    /// The store's number for this job.
    pub id: JobId,
    /// The agent that makes the backup.
    pub agent: AgentId,
    /// The database, as reports name it.
    pub database: String,
    /// The customer that the database belongs to.
    pub company: String,
    /// The city of the site.
    pub city: String,
    /// The neighborhood of the site.
    pub neighborhood: String,
    /// The year that the database is about, for databases that are kept by year.
    pub year: Option<i16>,
    /// When its backups are expected.
    pub schedule: Schedule,
    /// Who is told about this job; nobody here means the administrators.
    pub recipients: Vec<String>,
    /// Whether its declaration wants it watched. See [`ExpectedBackupJob::is_watched`].
    pub active: bool,
    /// Whether the config declares it.
    pub declared: bool,
    /// Whether somebody added it with a command. See [`ExpectedBackupJob::source`].
    #[serde(default)]
    pub added: bool,
    /// That it is not watched for a while. The config neither pauses a job nor ends a pause.
    #[serde(default)]
    pub pause: Option<Pause>,
    /// When it was given up for good; its history and its validated backups stay.
    #[serde(default)]
    pub retired_at: Option<Timestamp>,
    /// The folder of its validated backups, relative to the validated tree. No other job has it.
    pub validated_folder: String,
    /// What is known of its backups now.
    pub current_status: JobStatus,
    /// When the job became known: its clock started then.
    pub known_since: Timestamp,
    /// The instant up to which nothing more is expected: that of the backup last covered by a
    /// report, or of the start of the job's clock.
    pub covered_until: Timestamp,
    /// The end time of the newest report that spoke of it, never later than its receipt.
    pub last_report_at: Option<Timestamp>,
    /// When a report or a deadline last decided on its status.
    pub last_checked_at: Option<Timestamp>,
    /// Since when its silence has been told: a deadline passed, and no report has spoken of it since.
    pub silent_since: Option<Timestamp>,
    /// Since when it has an open incident: from the first alert until it is OK again.
    pub incident_since: Option<Timestamp>,
    /// The last backup that was proven.
    pub last_good: Option<LastGoodBackup>,
    /// For how long there has been no other content than that of the last good backup.
    #[serde(default)]
    pub same_content: Option<SameContent>,
    /// What the config wants to be warned of; `None` for what it says of all jobs.
    #[serde(default)]
    pub warning_settings: Option<WarningSettings>,
    /// What was odd about the last good backup.
    #[serde(default)]
    pub warnings: Vec<Warning>,
    /// How deep its backups are looked into; `None` for what the config says of all jobs.
    #[serde(default)]
    pub verify: Option<VerifyLevel>,
}

impl ExpectedBackupJob {
    /// A job that became known at `known_since`, of which nothing has been heard.
    ///
    /// Company, city and neighborhood are the parts of the agent's id, the year is a trailing
    /// `_YYYY` of the database.
    #[must_use]
    pub fn new(
        id: JobId,
        agent: AgentId,
        database: impl Into<String>,
        schedule: Schedule,
        known_since: Timestamp,
    ) -> Self {
        let database = database.into();
        let mut job = Self {
            id,
            company: agent.company().to_owned(),
            city: agent.city().to_owned(),
            neighborhood: agent.neighborhood().to_owned(),
            year: year_of_database(&database),
            agent,
            database,
            schedule,
            recipients: Vec::new(),
            active: true,
            declared: false,
            added: false,
            pause: None,
            retired_at: None,
            validated_folder: String::new(),
            current_status: JobStatus::Unknown,
            known_since,
            covered_until: known_since,
            last_report_at: None,
            last_checked_at: None,
            silent_since: None,
            incident_since: None,
            last_good: None,
            same_content: None,
            warning_settings: None,
            warnings: Vec::new(),
            verify: None,
        };
        job.validated_folder = job.preferred_validated_folder();
        job
    }

    /// Whether the job is watched: its declaration wants it, and nobody paused or retired it. A job at
    /// rest takes no reports and has no deadline.
    #[must_use]
    pub const fn is_watched(&self) -> bool {
        self.active && self.pause.is_none() && self.retired_at.is_none()
    }

    /// Who says that its backup is expected; the config before a command, a command before a report.
    #[must_use]
    pub const fn source(&self) -> JobSource {
        if self.declared {
            JobSource::Config
        } else if self.added {
            JobSource::Command
        } else {
            JobSource::Report
        }
    }

    /// When the next backup is expected; `None` for a job at rest, or a schedule that ended.
    #[must_use]
    pub fn expected_at(&self) -> Option<Timestamp> {
        if !self.is_watched() {
            return None;
        }
        self.schedule.next_expected(self.covered_until)
    }

    /// The instant after which the job is missing when no report has spoken of it.
    #[must_use]
    pub fn deadline_at(&self) -> Option<Timestamp> {
        self.schedule.deadline_of(self.expected_at()?)
    }

    /// Whether the deadline has passed at `now`.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.deadline_at().is_some_and(|deadline| now > deadline)
    }

    /// When the last good backup ended.
    #[must_use]
    pub fn last_success_at(&self) -> Option<Timestamp> {
        self.last_good.as_ref().map(|good| good.ended_at)
    }

    /// The folder `company/city/neighborhood/year/database` that the job's words ask for.
    #[must_use]
    pub fn preferred_validated_folder(&self) -> String {
        validated_folder(self, None)
    }

    /// The folder to take when another job has the preferred one already (two agents of one site
    /// with a database of the same name): the preferred one, marked with the job's own number.
    #[must_use]
    pub fn distinct_validated_folder(&self) -> String {
        validated_folder(self, Some(self.id))
    }
}

/// The year that a database's name ends with: `XAFRIC_2025` is of 2025.
///
/// ```
/// use vigie_domain::year_of_database;
///
/// assert_eq!(year_of_database("XAFRIC_2025"), Some(2025));
/// assert_eq!(year_of_database("XAFRIC"), None);
/// assert_eq!(year_of_database("XAFRIC_20251"), None);
/// ```
#[must_use]
pub fn year_of_database(database: &str) -> Option<i16> {
    let (_, year) = database.rsplit_once('_')?;
    let is_year = year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit());
    is_year.then(|| year.parse().ok()).flatten()
}
