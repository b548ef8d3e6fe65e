//! What retention needs from whoever keeps its data.

use async_trait::async_trait;
use jiff::Timestamp;
use vigie_domain::{JobId, RecordedBackup, ValidatedFile, ValidatedFileId};

use crate::StoreError;

/// Keeps which copies there are. Each call is one transaction.
///
/// The store itself notes with each entry that has a copy that its job has to be looked at
/// ([`PruneStore::unpruned_jobs`]), and with each change to the copies of a folder that its list is stale
/// ([`PruneStore::stale_manifests`]).
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait PruneStore: Send + Sync {
    /// The jobs that had a backup with a copy since they were last pruned, and those of which a copy is
    /// being removed: at most `limit` of those whose number is above `after`, by number.
    async fn unpruned_jobs(&self, after: JobId, limit: u32) -> Result<Vec<JobId>, StoreError>;

    /// All copies of these jobs, those that are being removed too.
    async fn versions_of_jobs(&self, jobs: &[JobId]) -> Result<Vec<KeptVersion>, StoreError>;

    /// Notes that these copies are being removed. From then on they stand for no new backup
    /// ([`KnownJob::validated_file`](crate::KnownJob::validated_file)), and their jobs are among
    /// [`PruneStore::unpruned_jobs`] until it is done.
    async fn begin_removal(
        &self,
        files: &[ValidatedFileId],
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Notes what came of it.
    async fn end_removal(&self, pruned: &Pruned) -> Result<(), StoreError>;

    /// The folders whose copies changed since their lists were written: at most `limit` of those whose
    /// path is above `after`, by path.
    async fn stale_manifests(&self, after: &str, limit: u32) -> Result<Vec<String>, StoreError>;

    /// The copies that lie in these folders themselves and are not being removed, of each folder by name.
    async fn files_in_folders(&self, folders: &[String]) -> Result<Vec<ValidatedFile>, StoreError>;

    /// Notes that the lists of these folders were written.
    async fn note_manifests(&self, folders: &[String]) -> Result<(), StoreError>;
}

/// A copy, and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptVersion {
    /// The copy.
    pub file: ValidatedFile,
    /// Whether it is being removed: its file may be gone.
    pub is_being_removed: bool,
    /// The backups that it stands for, at least one.
    pub backups: Vec<RecordedBackup>,
}

/// What came of pruning some jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// The copies that are gone. Of entries that had them there is none any more.
    pub removed: Vec<ValidatedFileId>,
    /// Those that were being removed, and stay.
    pub spared: Vec<ValidatedFileId>,
    /// The jobs with which nothing is left to do.
    pub jobs: Vec<JobId>,
}
