//! A scanner over a store of one's own, here in memory: one cycle on a deposit, as if it were the
//! given instant. As in any cycle, reports that were taken move to `log/_archive`.
//!
//! ```sh
//! cargo run -p vigie-scanner --example own_store -- path/to/deposit 2025-06-20T06:00:00Z
//! ```

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use vigie_domain::{
    AgentId, ExpectedBackupJob, JobId, ProvenBackup, Schedule, Sha256, Transition, register_job,
};
use vigie_scanner::{
    KnownJob, ProvenFile, ReportCommit, ReportKey, ReportRecord, Scanner, ScannerSettings,
    SeenReport, Store, StoreError, UndeclaredDatabase,
};

/// All that a scanner wants to have kept.
#[derive(Default)]
struct MemoryStore {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    jobs: Vec<ExpectedBackupJob>,
    reports: HashMap<(String, Sha256), ReportRecord>,
    proven: HashMap<JobId, Vec<ProvenBackup>>,
    proven_files: HashMap<JobId, ProvenFile>,
}

impl MemoryStore {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn put(&mut self, job: &ExpectedBackupJob) {
        match self.jobs.iter_mut().find(|known| known.id == job.id) {
            Some(known) => known.clone_from(job),
            None => self.jobs.push(job.clone()),
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
        let is_theirs =
            |job: &&ExpectedBackupJob| agents.iter().any(|agent| job.agent.is_same_as(agent));
        let known = |job: &ExpectedBackupJob| KnownJob {
            job: job.clone(),
            proven_file: kept.proven_files.get(&job.id).cloned(),
            // It keeps no copies.
            validated_file: None,
        };
        Ok(kept.jobs.iter().filter(is_theirs).map(known).collect())
    }

    async fn register_jobs(
        &self,
        databases: &[UndeclaredDatabase],
        schedule: &Schedule,
        now: Timestamp,
    ) -> Result<Vec<Transition>, StoreError> {
        let mut kept = self.kept();
        let mut registered = Vec::new();
        for UndeclaredDatabase { agent, database } in databases {
            let next = kept.jobs.iter().map(|job| job.id.0).max().unwrap_or(0) + 1;
            let (agent, schedule) = (agent.clone(), schedule.clone());
            let job = ExpectedBackupJob::new(JobId(next), agent, database, schedule, now);
            let known = register_job(job);
            kept.put(&known.job);
            registered.push(known);
        }
        Ok(registered)
    }

    async fn proven_backups(
        &self,
        jobs: &[JobId],
        limit: u32,
    ) -> Result<HashMap<JobId, Vec<ProvenBackup>>, StoreError> {
        let kept = self.kept();
        let last = |id: &JobId| {
            let all = kept.proven.get(id)?;
            Some((
                *id,
                all[all.len().saturating_sub(limit as usize)..].to_vec(),
            ))
        };
        Ok(jobs.iter().filter_map(last).collect())
    }

    async fn commit_reports(&self, commits: &[ReportCommit]) -> Result<(), StoreError> {
        let mut kept = self.kept();
        for commit in commits {
            let report = &commit.report;
            let key = (report.agent.key(), report.sha256);
            kept.reports.insert(key, report.clone());
            for moved in &commit.moves {
                kept.put(&moved.job);
                let proven = kept.proven.entry(moved.job.id).or_default();
                proven.extend(moved.proven);
                if let Some(file) = &moved.proven_file {
                    kept.proven_files.insert(moved.job.id, file.clone());
                }
            }
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
        let overdue = kept.jobs.iter().filter(is_due);
        Ok(overdue.take(limit as usize).cloned().collect())
    }

    async fn commit_deadlines(&self, moves: &[Transition]) -> Result<(), StoreError> {
        let mut kept = self.kept();
        for moved in moves {
            kept.put(&moved.job);
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [root, now] = &arguments[..] else {
        return Err("usage: own_store DEPOSIT INSTANT".into());
    };
    let daily = Schedule::every(Duration::from_hours(24), Duration::from_hours(2))?;
    let scanner = Scanner::new(ScannerSettings::new(root, daily), MemoryStore::default());
    let result = scanner.scan(now.parse()?, Arc::new(|_| ())).await?;
    for event in &result.events {
        let database = event.database.as_deref().unwrap_or("-");
        println!("{}  {}  {database}", event.name, event.agent);
    }
    println!("{} reports processed", result.reports.processed);
    Ok(())
}
