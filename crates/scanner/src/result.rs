//! What one cycle found and did, small enough to keep for ten thousands of jobs.

use std::sync::Arc;

use serde::Serialize;
use vigie_domain::{AgentId, BackupEntry, BackupEntryStatus, DomainEvent, EventKind, Warning};

/// What one cycle found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ScanResult {
    /// The reports, counted.
    pub reports: ReportCounts,
    /// The backups that were recorded.
    pub entries: Vec<EntrySummary>,
    /// What happened, in order.
    pub events: Vec<EventSummary>,
    /// The databases that reports speak of and that are no jobs, as nobody declared them.
    pub undeclared: Vec<UndeclaredDatabase>,
    /// The retired jobs that reports speak of all the same. What the reports say of them is left alone.
    pub retired: Vec<RetiredJob>,
    /// What lies among the reports and is none.
    pub ignored: Vec<IgnoredFile>,
    /// What could not be done for single agents. The others were served.
    pub errors: Vec<AgentError>,
    /// How much there was to do.
    pub work: Work,
}

/// How much one cycle had to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Work {
    /// The agents in the deposit.
    pub agents: usize,
    /// Those of them whose folders were listed. In the others nothing had changed.
    pub agents_visited: usize,
    /// The staged files that were read.
    pub files_read: u64,
    /// Their bytes.
    pub bytes_read: u64,
    /// The staged files that were not read, as they had not changed since they were proven.
    pub files_known: u64,
}

/// The reports of one cycle, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ReportCounts {
    /// All that lay in the deposit.
    pub found: usize,
    /// Taken: their databases were judged.
    pub processed: usize,
    /// Set aside, with a reason.
    pub rejected: usize,
    /// Left for the next cycle: still being written, or to be tried again.
    pub pending: usize,
    /// The same as one that was taken or rejected before.
    pub repeated: usize,
}

/// One backup that was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EntrySummary {
    /// The agent.
    pub agent: AgentId,
    /// The database.
    pub database: String,
    /// What became of it.
    pub status: BackupEntryStatus,
    /// Whether it has the content of the last good backup.
    pub unchanged: bool,
    /// Why it is no SUCCESS, as a sentence.
    pub reason: Option<String>,
    /// What a look into it found, in words; `None` when nobody looked, or nothing was recognised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventSummary {
    /// The event's name.
    #[serde(rename = "type")]
    pub name: &'static str,
    /// The agent.
    pub agent: AgentId,
    /// The database; `None` for a report as a whole.
    pub database: Option<String>,
    /// The entry's status for a recorded backup, else the job's.
    pub status: Option<&'static str>,
    /// Why, for a rejected report or a bad backup; what is odd, for a backup that is warned of; what is wrong,
    /// for a kept backup.
    pub reason: Option<String>,
    /// The codes of what is odd; none for all other events.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<&'static str>,
}

/// A database that is no job.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct UndeclaredDatabase {
    /// The agent whose report speaks of it.
    pub agent: AgentId,
    /// The database.
    pub database: String,
}

/// A job that was given up, and of which a report speaks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RetiredJob {
    /// The agent whose report speaks of it.
    pub agent: AgentId,
    /// The database.
    pub database: String,
}

/// Something among the reports that is none: a folder, a link, a pipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IgnoredFile {
    /// The folder's name, or its nearest readable form.
    pub agent: String,
    /// The file's name, or its nearest readable form; `None` for the folder itself.
    pub name: Option<String>,
    /// Why it is no report.
    pub reason: String,
}

/// What could not be done for one agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AgentError {
    /// The agent.
    pub agent: AgentId,
    /// What could not be done, to what, and why.
    pub error: String,
}

/// How far a cycle is. What is done side by side is told in no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// The deposit was listed: this many agents will be visited.
    Agents(usize),
    /// This agent's reports were read.
    Visited(&'a AgentId),
    /// A report was taken: staged files of so many bytes more, by its words, will be looked at.
    Expected {
        /// How many bytes.
        bytes: u64,
    },
    /// A staged file that was expected is not read, as it has not changed since it was proven.
    FileKnown {
        /// How many bytes of those that were expected.
        bytes: u64,
    },
    /// A staged file is looked at.
    FileBegun {
        /// A number that no other file of this cycle has.
        file: u64,
        /// Whose it is.
        agent: &'a AgentId,
        /// Its name.
        name: &'a str,
        /// Its size in bytes, by its report.
        bytes: u64,
    },
    /// So much more of it was read.
    FileRead {
        /// Its number.
        file: u64,
        /// How many bytes.
        bytes: u64,
    },
    /// All that there is to find out about it was found out.
    FileEnded {
        /// Its number.
        file: u64,
        /// How many bytes of those that were expected were not read.
        unread: u64,
    },
    /// This many reports wait for files that are still being written.
    Settling(usize),
    /// All reports are read; deadlines are being judged.
    Deadlines,
}

/// Is told how far a cycle is, by many threads at once.
pub type Observer = Arc<dyn Fn(Progress<'_>) + Send + Sync>;

impl EntrySummary {
    pub(crate) fn of(agent: &AgentId, database: &str, entry: &BackupEntry) -> Self {
        Self {
            agent: agent.clone(),
            database: database.to_owned(),
            status: entry.status,
            unchanged: entry.unchanged,
            reason: entry.reason.as_ref().map(ToString::to_string),
            content: entry.content.as_ref().map(ToString::to_string),
        }
    }
}

impl From<&DomainEvent> for EventSummary {
    fn from(event: &DomainEvent) -> Self {
        let warnings = match &event.kind {
            EventKind::JobWarned { warnings, .. } => &warnings[..],
            _ => &[],
        };
        let reason = match &event.kind {
            EventKind::ReportRejected { reason, .. } => Some(reason.clone()),
            EventKind::JobWarned { warnings, .. } => {
                let told: Vec<String> = warnings.iter().map(Warning::to_string).collect();
                Some(told.join("; "))
            }
            EventKind::ValidatedFileDamaged { file, .. } => {
                file.fault.as_ref().map(ToString::to_string)
            }
            _ => event
                .entry()
                .and_then(|entry| entry.reason.as_ref())
                .map(ToString::to_string),
        };
        Self {
            name: event.name(),
            agent: event.agent().clone(),
            database: event.job().map(|job| job.database.clone()),
            status: event.status(),
            reason,
            warnings: warnings.iter().map(Warning::code).collect(),
        }
    }
}
