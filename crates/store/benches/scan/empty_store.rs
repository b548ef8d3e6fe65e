//! A store that knows nothing and answers at once, so that what is left of a cycle is its files.

use std::collections::HashMap;

use async_trait::async_trait;
use jiff::Timestamp;
use vigie_domain::{AgentId, ExpectedBackupJob, JobId, ProvenBackup, Schedule, Transition};
use vigie_scanner::{
    KnownJob, ReportCommit, ReportKey, SeenReport, Store, StoreError, UndeclaredDatabase,
};

/// Knows nothing, and can't be told anything: nothing is new where it is used.
pub(crate) struct EmptyStore;

#[async_trait]
impl Store for EmptyStore {
    async fn seen_reports(&self, _reports: &[ReportKey]) -> Result<Vec<SeenReport>, StoreError> {
        Ok(Vec::new())
    }

    async fn jobs_of_agents(&self, _agents: &[AgentId]) -> Result<Vec<KnownJob>, StoreError> {
        Ok(Vec::new())
    }

    async fn register_jobs(
        &self,
        _databases: &[UndeclaredDatabase],
        _schedule: &Schedule,
        _now: Timestamp,
    ) -> Result<Vec<Transition>, StoreError> {
        panic!("nothing is new");
    }

    async fn proven_backups(
        &self,
        _jobs: &[JobId],
        _limit: u32,
    ) -> Result<HashMap<JobId, Vec<ProvenBackup>>, StoreError> {
        Ok(HashMap::new())
    }

    async fn commit_reports(&self, _commits: &[ReportCommit]) -> Result<(), StoreError> {
        panic!("nothing is new");
    }

    async fn overdue_jobs(
        &self,
        _now: Timestamp,
        _limit: u32,
    ) -> Result<Vec<ExpectedBackupJob>, StoreError> {
        Ok(Vec::new())
    }

    async fn commit_deadlines(&self, _moves: &[Transition]) -> Result<(), StoreError> {
        panic!("nothing is new");
    }
}
