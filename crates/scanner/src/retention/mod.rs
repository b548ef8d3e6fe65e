//! Removes the kept backups that no rule keeps any more, and lists in each folder of the validated tree
//! what it holds. The order of things is here; the rules are the domain's.

mod manifest;
mod removal;
mod store;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use tracing::debug;
use vigie_domain::{
    JobId, KeepReason, RetentionPolicy, ValidatedFile, ValidatedFileId, Version, judge_versions,
};

use crate::blocking::blocking;
use crate::proof::validated_tree::{Sight, ValidatedTree};
use crate::{ScanError, StoreError};

pub use store::{KeptVersion, PruneStore, Pruned};

/// How many jobs are looked at at once, and how many folders.
const AT_ONCE: u32 = 200;

/// Sees to the validated tree between cycles.
///
/// No cycle may be at work meanwhile, in this process or another: it could take a copy for kept that is
/// being removed. What is cut off at any point, by an error or a crash, is made up for the next time.
#[derive(Debug)]
pub struct Pruner<S> {
    validated: PathBuf,
    policy: Option<RetentionPolicy>,
    store: S,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct PruneResult {
    /// How many files were removed.
    pub removed: u64,
    /// How many bytes they had.
    pub bytes_freed: u64,
    /// What could not be done, of which folder or file; it is tried again the next time.
    pub errors: Vec<String>,
}

/// What is decided about the files of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgedJob {
    /// The job.
    pub job: JobId,
    /// Its files, from the first to the last.
    pub files: Vec<JudgedFile>,
}

/// What is decided about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgedFile {
    /// The file.
    pub file: ValidatedFile,
    /// When the newest backup that it stands for was recorded.
    pub recorded_at: Timestamp,
    /// Whether nothing is known to be wrong with it, and it is there with its size.
    pub is_intact: bool,
    /// Why it stays; a file without a reason goes.
    pub reasons: Vec<KeepReason>,
    is_being_removed: bool,
}

impl JudgedFile {
    /// Whether it stays.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        !self.reasons.is_empty()
    }
}

impl<S: PruneStore> Pruner<S> {
    /// Sees to the tree in this folder. Without a policy nothing is ever removed.
    pub fn new(validated: impl Into<PathBuf>, policy: Option<RetentionPolicy>, store: S) -> Self {
        Self {
            validated: validated.into(),
            policy,
            store,
        }
    }

    /// What is left to do after a cycle at `now`: only jobs that had a backup since they were last looked
    /// at can have a copy that no rule keeps any more, and only folders whose copies changed are listed.
    ///
    /// # Errors
    ///
    /// When the validated tree can't be opened or the store fails. What could not be done for one job or
    /// folder stands in the result and keeps no other from being served.
    pub async fn after_cycle(&self, now: Timestamp) -> Result<PruneResult, ScanError> {
        let mut result = PruneResult::default();
        let mut last = JobId(i64::MIN);
        while let Some(policy) = &self.policy {
            let jobs = self.store.unpruned_jobs(last, AT_ONCE).await?;
            let Some(end) = jobs.last() else {
                break;
            };
            last = *end;
            self.prune_batch(policy, &jobs, now, &mut |_| (), &mut result)
                .await?;
        }
        self.write_manifests(&mut result).await?;
        debug!(?result, "the validated tree is seen to");
        Ok(result)
    }

    /// Looks at all files of these jobs, removes those that no rule keeps, and tells of each job.
    ///
    /// # Errors
    ///
    /// As for [`Pruner::after_cycle`].
    pub async fn prune(
        &self,
        jobs: &[JobId],
        now: Timestamp,
        tell: &mut (dyn FnMut(JudgedJob) + Send),
    ) -> Result<PruneResult, ScanError> {
        let mut result = PruneResult::default();
        if let Some(policy) = &self.policy {
            for jobs in jobs.chunks(AT_ONCE as usize) {
                self.prune_batch(policy, jobs, now, tell, &mut result)
                    .await?;
            }
        }
        self.write_manifests(&mut result).await?;
        Ok(result)
    }

    /// Tells what [`Pruner::prune`] would do, and changes nothing.
    ///
    /// # Errors
    ///
    /// As for [`Pruner::after_cycle`].
    pub async fn plan(
        &self,
        jobs: &[JobId],
        tell: &mut (dyn FnMut(JudgedJob) + Send),
    ) -> Result<PruneResult, ScanError> {
        let mut result = PruneResult::default();
        if let Some(policy) = &self.policy {
            let tree = self.open_tree().await?;
            for jobs in jobs.chunks(AT_ONCE as usize) {
                let Judged { jobs, .. } = self.judge(&tree, policy, jobs).await?;
                for job in jobs {
                    for going in job.files.iter().filter(|file| !file.is_kept()) {
                        result.removed += 1;
                        result.bytes_freed += going.file.size;
                    }
                    tell(job);
                }
            }
        }
        Ok(result)
    }

    async fn open_tree(&self) -> Result<Arc<ValidatedTree>, ScanError> {
        let path = self.validated.clone();
        let tree = blocking(move || ValidatedTree::open_existing(&path)).await?;
        Ok(Arc::new(tree))
    }

    async fn prune_batch(
        &self,
        policy: &RetentionPolicy,
        jobs: &[JobId],
        now: Timestamp,
        tell: &mut (dyn FnMut(JudgedJob) + Send),
        result: &mut PruneResult,
    ) -> Result<(), ScanError> {
        let tree = self.open_tree().await?;
        let judged = self.judge(&tree, policy, jobs).await?;
        let all = || judged.jobs.iter().flat_map(|job| &job.files);
        let going = || all().filter(|file| !file.is_kept());
        let unmarked = going().filter(|file| !file.is_being_removed);
        let unmarked: Vec<ValidatedFileId> = unmarked.map(|one| one.file.id).collect();
        if !unmarked.is_empty() {
            // Before any file goes: a copy that is marked is nobody's any more, whatever comes.
            self.store.begin_removal(&unmarked, now).await?;
        }
        let files: Vec<ValidatedFile> = going().map(|one| one.file.clone()).collect();
        let path = self.validated.clone();
        let removal = blocking(move || removal::remove(&tree, &path, &files)).await;
        let spared = all().filter(|one| one.is_kept() && one.is_being_removed);
        let mut pruned = Pruned {
            spared: spared.map(|one| one.file.id).collect(),
            removed: judged.gone,
            jobs: Vec::new(),
        };
        for file in &removal.removed {
            pruned.removed.push(file.id);
            result.removed += 1;
            result.bytes_freed += file.size;
        }
        result.errors.extend(removal.errors);
        let is_done = |job: &&JobId| !removal.failed_jobs.contains(job);
        pruned.jobs = jobs.iter().filter(is_done).copied().collect();
        self.store.end_removal(&pruned).await?;
        judged.jobs.into_iter().for_each(tell);
        Ok(())
    }

    async fn judge(
        &self,
        tree: &Arc<ValidatedTree>,
        policy: &RetentionPolicy,
        jobs: &[JobId],
    ) -> Result<Judged, StoreError> {
        let versions = self.store.versions_of_jobs(jobs).await?;
        let (tree, policy) = (tree.clone(), policy.clone());
        Ok(blocking(move || judge(&tree, &policy, versions)).await)
    }

    async fn write_manifests(&self, result: &mut PruneResult) -> Result<(), ScanError> {
        let mut last = String::new();
        loop {
            let folders = self.store.stale_manifests(&last, AT_ONCE).await?;
            let Some(end) = folders.last() else {
                return Ok(());
            };
            last.clone_from(end);
            let files = self.store.files_in_folders(&folders).await?;
            let (tree, path) = (self.open_tree().await?, self.validated.clone());
            let written =
                blocking(move || manifest::write_all(&tree, &path, folders, &files)).await;
            result.errors.extend(written.errors);
            self.store.note_manifests(&written.folders).await?;
        }
    }
}

/// What is decided about some jobs.
struct Judged {
    jobs: Vec<JudgedJob>,
    /// Those that were being removed, and are gone.
    gone: Vec<ValidatedFileId>,
}

/// A copy that was being removed when something came between is judged again with the others if it is
/// still there: one of them may be found to be damaged by now.
///
/// Of a copy that is out of sight and of which nobody found that it is gone, nothing is decided: the disk
/// that it lies on may not be mounted, and would come back with files that nobody knows.
fn judge(tree: &ValidatedTree, policy: &RetentionPolicy, versions: Vec<KeptVersion>) -> Judged {
    let mut by_job: BTreeMap<JobId, Vec<(KeptVersion, bool)>> = BTreeMap::new();
    let mut gone = Vec::new();
    for version in versions {
        let file = &version.file;
        let sight = tree.see(&file.path, file.size);
        match sight {
            Sight::Whole | Sight::Other => {}
            Sight::Absent if version.is_being_removed => {
                gone.push(file.id);
                continue;
            }
            Sight::Absent | Sight::Hidden if file.fault.is_some() => {}
            Sight::Absent | Sight::Hidden => continue,
        }
        let is_intact = sight == Sight::Whole && file.fault.is_none();
        let of_job = by_job.entry(version.file.job_id).or_default();
        of_job.push((version, is_intact));
    }
    let jobs = by_job
        .into_iter()
        .map(|(job, versions)| judge_job(policy, job, versions));
    Judged {
        jobs: jobs.collect(),
        gone,
    }
}

fn judge_job(
    policy: &RetentionPolicy,
    job: JobId,
    versions: Vec<(KeptVersion, bool)>,
) -> JudgedJob {
    let (files, judged): (Vec<_>, Vec<Version>) = versions
        .into_iter()
        .map(|(version, is_intact)| {
            let backups = version.backups;
            let recorded_at = backups.iter().map(|backup| backup.recorded_at).max();
            let judged = Version {
                file: version.file.id,
                is_intact,
                backups,
            };
            let file = JudgedFile {
                recorded_at: recorded_at.unwrap_or(version.file.kept_at),
                file: version.file,
                is_intact,
                reasons: Vec::new(),
                is_being_removed: version.is_being_removed,
            };
            (file, judged)
        })
        .unzip();
    let reasons = judge_versions(policy, &judged);
    let mut files: Vec<JudgedFile> = files
        .into_iter()
        .zip(reasons)
        .map(|(file, reasons)| JudgedFile { reasons, ..file })
        .collect();
    files.sort_by_key(|one| (one.recorded_at, one.file.id));
    JudgedJob { job, files }
}

#[cfg(test)]
mod tests;
