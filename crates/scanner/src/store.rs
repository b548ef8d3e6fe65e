//! The port to whatever keeps jobs, entries and events. Knows no database.

use std::collections::HashMap;
use std::error::Error;

use async_trait::async_trait;
use jiff::Timestamp;
use thiserror::Error;
use vigie_domain::{
    AgentId, BackupEntry, DomainEvent, ExpectedBackupJob, JobId, ProvenBackup, Schedule, Sha256,
    Transition, ValidatedFile, ValidatedFileId,
};

use crate::{ProvenFile, UndeclaredDatabase};

/// Keeps what the scanner knows and decides.
///
/// Each call that writes is one transaction: after a crash all of it is there, or nothing. Agents
/// are the same when their [`key`](AgentId::key) is, databases when they are spelled alike.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Store: Send + Sync {
    /// Which of these reports were committed before.
    ///
    /// # Errors
    ///
    /// When the store fails.
    async fn seen_reports(&self, reports: &[ReportKey]) -> Result<Vec<SeenReport>, StoreError>;

    /// Every job of these agents, at rest or not, each agent's in the order of their numbers.
    ///
    /// # Errors
    ///
    /// When the store fails.
    async fn jobs_of_agents(&self, agents: &[AgentId]) -> Result<Vec<KnownJob>, StoreError>;

    /// Makes jobs of databases that reports spoke of and that have none, each of which stands there
    /// once, with their `JobRegistered` events. See [`vigie_domain::register_job`].
    ///
    /// # Errors
    ///
    /// When the store fails; then no job is made.
    async fn register_jobs(
        &self,
        databases: &[UndeclaredDatabase],
        schedule: &Schedule,
        now: Timestamp,
    ) -> Result<Vec<Transition>, StoreError>;

    /// The last proven backups of each of these jobs, at most `limit` of each, oldest first: those
    /// that were committed with their entries ([`JobMove::proven`]). A job without any may be left out.
    ///
    /// # Errors
    ///
    /// When the store fails.
    async fn proven_backups(
        &self,
        jobs: &[JobId],
        limit: u32,
    ) -> Result<HashMap<JobId, Vec<ProvenBackup>>, StoreError>;

    /// Keeps all that came of these reports: of all of them or of none. Of its job a move changes what
    /// reports and deadlines decide on (its status and what goes with it, `covered_until`, `last_…`,
    /// `…_since`, `same_content`, `warnings`), not what declares it or puts it to rest. One that was committed before
    /// stays one report: what is left to try is that of now.
    ///
    /// # Errors
    ///
    /// When the store fails; then nothing is kept. A scanner then tries each report by itself, so that
    /// one that can't be kept keeps no other from it.
    async fn commit_reports(&self, commits: &[ReportCommit]) -> Result<(), StoreError>;

    /// Up to `limit` active jobs whose deadline lies before `now` and whose silence has not been told
    /// yet (`silent_since` is `None`). It has to cost what is overdue, not what is known.
    ///
    /// # Errors
    ///
    /// When the store fails.
    async fn overdue_jobs(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<ExpectedBackupJob>, StoreError>;

    /// Keeps the jobs whose deadlines were judged, with their events. As in
    /// [`commit_reports`](Self::commit_reports), what declares a job is not changed by it.
    ///
    /// # Errors
    ///
    /// When the store fails; then nothing is kept.
    async fn commit_deadlines(&self, moves: &[Transition]) -> Result<(), StoreError>;
}

/// What a report is known by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReportKey {
    /// The agent in whose folder it lies.
    pub agent: AgentId,
    /// See [`ReportRecord::sha256`].
    pub sha256: Sha256,
}

/// A report that was committed before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenReport {
    /// What it is known by; the case of the agent may be another.
    pub key: ReportKey,
    /// The databases in it that have to be tried again, as the server was at fault.
    pub retry: Vec<String>,
}

/// A job, with what is known of its staged file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownJob {
    /// The job.
    pub job: ExpectedBackupJob,
    /// The staged file that was last proven for it: that of the last [`JobMove::proven_file`].
    pub proven_file: Option<ProvenFile>,
    /// The copy of it that was kept last, when nothing is known to be wrong with it.
    pub validated_file: Option<ValidatedFile>,
}

impl KnownJob {
    /// A job with no past.
    #[must_use]
    pub fn new(job: ExpectedBackupJob) -> Self {
        Self {
            job,
            proven_file: None,
            validated_file: None,
        }
    }
}

/// All that came of one report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportCommit {
    /// The report itself, so that it is known when it is met again.
    pub report: ReportRecord,
    /// The jobs that it moved, each with the entry that did it.
    pub moves: Vec<JobMove>,
    /// What happened, in order.
    pub events: Vec<DomainEvent>,
}

/// A report, as a store remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRecord {
    /// The agent in whose folder it lay.
    pub agent: AgentId,
    /// The name of its file.
    pub file_name: String,
    /// What it is known by when it is met again: the SHA-256 of its bytes, and for a rejected report
    /// of its name and time too.
    pub sha256: Sha256,
    /// When the agent's run ended; `None` for a rejected report.
    pub operation_ended_at: Option<Timestamp>,
    /// When the server took or rejected it.
    pub received_at: Timestamp,
    /// Why it was rejected; `None` when it was taken.
    pub rejection: Option<String>,
    /// The databases in it that have to be tried again.
    pub retry: Vec<String>,
}

/// A job after a report, with the entry that moved it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobMove {
    /// The job now.
    pub job: ExpectedBackupJob,
    /// The new entry.
    pub entry: BackupEntry,
    /// What later backups are held against; `None` when this one is not proven.
    pub proven: Option<ProvenBackup>,
    /// The staged file that was proven, when it may be known again; `None` changes nothing about what
    /// was kept before.
    pub proven_file: Option<ProvenFile>,
    /// The validated file that stands for the entry ([`BackupEntry::validated_path`]) and did so before.
    /// When there is none the entry's path, if it has one, is that of a new file, which takes the place of
    /// any other at that path.
    pub standing: Option<ValidatedFileId>,
}

/// A store that failed.
#[derive(Debug, Error)]
#[error("could not {doing}: {source}")]
pub struct StoreError {
    /// What was being done, as a verb and its object.
    pub doing: &'static str,
    /// Whether the same call may go through later.
    pub is_retryable: bool,
    /// The store's own error.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}
