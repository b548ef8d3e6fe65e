//! What the scanner keeps, in memory, with everything that it committed in the last cycle. Decides nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use jiff::Timestamp;
use vigie_domain::{
    AgentId, BackupEntry, DomainEvent, ExpectedBackupJob, JobId, ProvenBackup, Schedule, Sha256,
    Transition, ValidatedFile, ValidatedFileId, register_job,
};
use vigie_scanner::{
    JobMove, KnownJob, ProvenFile, ReportCommit, ReportKey, ReportRecord, SeenReport, Store,
    StoreError, UndeclaredDatabase,
};

/// A job by the key of its agent and the name of its database.
pub type JobKey = (String, String);

pub fn key_of(job: &ExpectedBackupJob) -> JobKey {
    (job.agent.key(), job.database.clone())
}

/// The number of a job, the same in whatever order jobs become known (FNV-1a).
pub fn number_of(agent: &AgentId, database: &str) -> JobId {
    let name = format!("{}\n{database}", agent.key());
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    JobId((hash >> 1).cast_signed())
}

/// Keeps all that a scanner wants to have kept. Clones share it, so that a scanner can be started anew
/// on the same store.
#[derive(Clone, Default)]
pub struct MemoryStore {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
pub struct Kept {
    /// In the order in which they became known.
    pub jobs: BTreeMap<String, Vec<ExpectedBackupJob>>,
    pub reports: BTreeMap<(String, Sha256), ReportRecord>,
    pub proven: HashMap<JobId, Vec<ProvenBackup>>,
    pub proven_files: HashMap<JobId, ProvenFile>,
    /// The copy of each job that was kept last.
    pub validated_files: HashMap<JobId, ValidatedFile>,
    /// The entries of the last cycle by the keys of their agents, in the order of their commits.
    pub entries: BTreeMap<String, Vec<(String, BackupEntry)>>,
    /// The events of the last cycle.
    pub events: BTreeMap<String, Vec<DomainEvent>>,
}

impl MemoryStore {
    pub fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap()
    }
}

impl Kept {
    pub fn put(&mut self, job: &ExpectedBackupJob) {
        let jobs = self.jobs.entry(job.agent.key()).or_default();
        match jobs.iter_mut().find(|known| known.id == job.id) {
            Some(known) => known.clone_from(job),
            None => jobs.push(job.clone()),
        }
    }

    fn note(&mut self, events: &[DomainEvent]) {
        for event in events {
            let noted = self.events.entry(event.agent().key()).or_default();
            noted.push(event.clone());
        }
    }

    fn jobs_of(&self, agent: &AgentId) -> impl Iterator<Item = KnownJob> + '_ {
        let jobs = self.jobs.get(&agent.key()).into_iter().flatten();
        jobs.map(|job| KnownJob {
            job: job.clone(),
            proven_file: self.proven_files.get(&job.id).cloned(),
            validated_file: self.validated_files.get(&job.id).cloned(),
        })
    }

    fn register(
        &mut self,
        agent: &AgentId,
        database: &str,
        schedule: &Schedule,
        now: Timestamp,
    ) -> Transition {
        let id = number_of(agent, database);
        let job = ExpectedBackupJob::new(id, agent.clone(), database, schedule.clone(), now);
        let known = register_job(job);
        self.put(&known.job);
        self.note(&known.events);
        known
    }

    fn commit(&mut self, commit: &ReportCommit) {
        let report = &commit.report;
        let key = (report.agent.key(), report.sha256);
        let known = self.reports.entry(key).or_insert_with(|| report.clone());
        known.retry.clone_from(&report.retry);
        for moved in &commit.moves {
            self.put(&moved.job);
            self.proven
                .entry(moved.job.id)
                .or_default()
                .extend(moved.proven);
            if let Some(file) = &moved.proven_file {
                self.proven_files.insert(moved.job.id, file.clone());
            }
            self.keep(moved);
            let entries = self.entries.entry(report.agent.key()).or_default();
            entries.push((moved.job.database.clone(), moved.entry.clone()));
        }
        self.note(&commit.events);
    }

    fn keep(&mut self, moved: &JobMove) {
        let entry = &moved.entry;
        let known = self.validated_files.get(&moved.job.id);
        match (moved.standing, &entry.validated_path) {
            (Some(id), path) => {
                let known = known.unwrap();
                assert_eq!((known.id, Some(&known.path)), (id, path.as_ref()));
            }
            (None, None) => {}
            (None, Some(path)) => {
                let id = ValidatedFileId(known.map_or(0, |known| known.id.0 + 1));
                let file = ValidatedFile {
                    id,
                    job_id: entry.job_id,
                    path: path.clone(),
                    sha256: entry.actual_sha256.unwrap(),
                    size: entry.actual_size.unwrap(),
                    kept_at: entry.recorded_at,
                    checked_at: entry.recorded_at,
                    fault: None,
                };
                self.validated_files.insert(moved.job.id, file);
            }
        }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn seen_reports(&self, reports: &[ReportKey]) -> Result<Vec<SeenReport>, StoreError> {
        let kept = self.kept();
        let seen = reports.iter().filter_map(|key| {
            let report = kept.reports.get(&(key.agent.key(), key.sha256))?;
            let (key, retry) = (key.clone(), report.retry.clone());
            Some(SeenReport { key, retry })
        });
        Ok(seen.collect())
    }

    async fn jobs_of_agents(&self, agents: &[AgentId]) -> Result<Vec<KnownJob>, StoreError> {
        let kept = self.kept();
        Ok(agents
            .iter()
            .flat_map(|agent| kept.jobs_of(agent))
            .collect())
    }

    async fn register_jobs(
        &self,
        databases: &[UndeclaredDatabase],
        schedule: &Schedule,
        now: Timestamp,
    ) -> Result<Vec<Transition>, StoreError> {
        let mut kept = self.kept();
        let registered = databases
            .iter()
            .map(|UndeclaredDatabase { agent, database }| {
                kept.register(agent, database, schedule, now)
            });
        Ok(registered.collect())
    }

    async fn proven_backups(
        &self,
        jobs: &[JobId],
        limit: u32,
    ) -> Result<HashMap<JobId, Vec<ProvenBackup>>, StoreError> {
        let kept = self.kept();
        let last = |id: &JobId| {
            let all = kept.proven.get(id)?;
            let start = all.len().saturating_sub(limit as usize);
            Some((*id, all[start..].to_vec()))
        };
        Ok(jobs.iter().filter_map(last).collect())
    }

    async fn commit_reports(&self, commits: &[ReportCommit]) -> Result<(), StoreError> {
        let mut kept = self.kept();
        for commit in commits {
            kept.commit(commit);
        }
        Ok(())
    }

    async fn overdue_jobs(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<ExpectedBackupJob>, StoreError> {
        let kept = self.kept();
        let is_due = |job: &&ExpectedBackupJob| job.is_overdue(now) && job.silent_since.is_none();
        let overdue = kept.jobs.values().flatten().filter(is_due);
        let mut overdue: Vec<_> = overdue.cloned().collect();
        overdue.sort_by_key(key_of);
        overdue.truncate(limit as usize);
        Ok(overdue)
    }

    async fn commit_deadlines(&self, moves: &[Transition]) -> Result<(), StoreError> {
        let mut kept = self.kept();
        for moved in moves {
            kept.put(&moved.job);
            kept.note(&moved.events);
        }
        Ok(())
    }
}
