//! The port to whatever keeps the rows of validated files, for who reads those files again. Knows no
//! database.

use async_trait::async_trait;
use jiff::Timestamp;
use vigie_domain::{
    AgentId, DomainEvent, ExpectedBackupJob, ValidatedFault, ValidatedFile, ValidatedFileId,
};

use crate::StoreError;

/// Keeps what a scrub finds.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait ScrubStore: Send + Sync {
    /// Up to `limit` validated files that were last looked at before `before`, those whose last look is
    /// the longest ago first, and of these those that come after `after`. A file that somebody is about to
    /// remove is left out. It has to cost what is given, not what is kept.
    ///
    /// # Errors
    ///
    /// When the store fails.
    async fn files_due(
        &self,
        before: Timestamp,
        after: DuePlace,
        limit: u32,
    ) -> Result<Vec<DueFile>, StoreError>;

    /// How many validated files were last looked at before `before`.
    ///
    /// # Errors
    ///
    /// When the store fails.
    async fn due_totals(&self, before: Timestamp) -> Result<DueTotals, StoreError>;

    /// Up to `limit` validated files of which nothing wrong is known, evenly from among all of them.
    ///
    /// # Errors
    ///
    /// When the store fails.
    async fn files_from_all_over(&self, limit: u32) -> Result<Vec<ValidatedFile>, StoreError>;

    /// Keeps what was found of these files, in one transaction with the events that follow from it
    /// ([`vigie_domain::record_check`]). A file that is not there any more under its number and path, as it
    /// was replaced or removed meanwhile, is passed over.
    ///
    /// # Errors
    ///
    /// When the store fails; then nothing is kept.
    async fn commit_checks(&self, checks: &[FileCheck]) -> Result<RecordedChecks, StoreError>;
}

/// A place in the order in which validated files are due. The default comes before all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DuePlace {
    /// When the file was last looked at.
    pub checked_at: Timestamp,
    /// Its number.
    pub id: ValidatedFileId,
}

impl Default for DuePlace {
    fn default() -> Self {
        Self {
            checked_at: Timestamp::MIN,
            id: ValidatedFileId(0),
        }
    }
}

/// A validated file that is to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueFile {
    /// The file.
    pub file: ValidatedFile,
    /// The agent that made the backup.
    pub agent: AgentId,
    /// Its database.
    pub database: String,
}

impl DueFile {
    /// Its place in the order in which files are due.
    #[must_use]
    pub fn place(&self) -> DuePlace {
        DuePlace {
            checked_at: self.file.checked_at,
            id: self.file.id,
        }
    }
}

/// How much is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DueTotals {
    /// How many files.
    pub files: u64,
    /// How many bytes they have together.
    pub bytes: u64,
}

/// What was found of a validated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileCheck {
    /// Which file.
    pub id: ValidatedFileId,
    /// Where it was looked for.
    pub path: String,
    /// What is wrong with it; `None` when it is as it was kept.
    pub found: Option<ValidatedFault>,
    /// When that was found.
    pub at: Timestamp,
}

/// What became of the checks of one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordedChecks {
    /// How many were kept.
    pub count: u64,
    /// The files with which something is wrong, or was before.
    pub judged: Vec<JudgedCheck>,
}

/// A validated file with which something is wrong, or was before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgedCheck {
    /// Its job.
    pub job: ExpectedBackupJob,
    /// The file as it is known now.
    pub file: ValidatedFile,
    /// What people are to know of it; `None` when they knew it before.
    pub event: Option<DomainEvent>,
}
