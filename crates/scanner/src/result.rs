//! What one cycle found and did, small enough to keep for ten thousands of jobs.

use serde::Serialize;
use vigie_domain::{AgentId, BackupEntry, BackupEntryStatus, DomainEvent};

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
    /// Why, for a rejected report or a bad backup.
    pub reason: Option<String>,
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

/// How far a cycle is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The deposit was listed: this many agents will be visited.
    Agents(usize),
    /// This agent is being visited.
    Visiting(AgentId),
    /// This many reports wait for files that are still being written.
    Settling(usize),
    /// All reports are read; deadlines are being judged.
    Deadlines,
}

impl EntrySummary {
    pub(crate) fn of(agent: &AgentId, database: &str, entry: &BackupEntry) -> Self {
        Self {
            agent: agent.clone(),
            database: database.to_owned(),
            status: entry.status,
            unchanged: entry.unchanged,
            reason: entry.reason.as_ref().map(ToString::to_string),
        }
    }
}

impl From<&DomainEvent> for EventSummary {
    fn from(event: &DomainEvent) -> Self {
        let reason = match &event.kind {
            vigie_domain::EventKind::ReportRejected { reason, .. } => Some(reason.clone()),
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
        }
    }
}
