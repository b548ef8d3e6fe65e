//! The scanner's port on SQLite.

use std::collections::HashMap;

use async_trait::async_trait;
use jiff::Timestamp;
use vigie_domain::{
    AgentId, DomainEvent, ExpectedBackupJob, JobId, ProvenBackup, Schedule, Transition,
    register_job,
};
use vigie_scanner::{
    KnownJob, ReportCommit, ReportKey, SeenReport, Store, StoreError, UndeclaredDatabase,
};

use crate::entry_rows::NewEntry;
use crate::error::{Doing, Fault};
use crate::event_rows::NewEvent;
use crate::job_rows::{self, Written, job_of};
use crate::{
    SqliteStore, entry_rows, event_rows, proven_files, proven_rows, report_rows, validated_files,
};

/// Served by the index `jobs_by_deadline`, whose condition it repeats.
const OVERDUE: &str = "SELECT * FROM jobs WHERE deadline_at < ? AND deadline_at IS NOT NULL \
                       AND silent_since IS NULL ORDER BY deadline_at LIMIT ?";

#[async_trait]
impl Store for SqliteStore {
    async fn seen_reports(&self, reports: &[ReportKey]) -> Result<Vec<SeenReport>, StoreError> {
        let seen = report_rows::seen(&self.pool, reports).await;
        Ok(seen.doing("look up the reports seen before")?)
    }

    async fn jobs_of_agents(&self, agents: &[AgentId]) -> Result<Vec<KnownJob>, StoreError> {
        let jobs = job_rows::of_agents(&self.pool, agents).await;
        Ok(jobs.doing("look up the jobs of agents")?)
    }

    async fn register_jobs(
        &self,
        databases: &[UndeclaredDatabase],
        schedule: &Schedule,
        now: Timestamp,
    ) -> Result<Vec<Transition>, StoreError> {
        let registered = self.register(databases, schedule, now).await;
        Ok(registered.doing("register jobs")?)
    }

    async fn proven_backups(
        &self,
        jobs: &[JobId],
        limit: u32,
    ) -> Result<HashMap<JobId, Vec<ProvenBackup>>, StoreError> {
        let backups = proven_rows::last_of(&self.pool, jobs, limit).await;
        Ok(backups.doing("look up the earlier backups of jobs")?)
    }

    async fn commit_reports(&self, commits: &[ReportCommit]) -> Result<(), StoreError> {
        Ok(self.commit(commits).await.doing("commit reports")?)
    }

    async fn overdue_jobs(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<ExpectedBackupJob>, StoreError> {
        let query = sqlx::query(OVERDUE).bind(now.as_microsecond()).bind(limit);
        let rows = query.fetch_all(&self.pool).await;
        let rows = rows.doing("look up what is overdue")?;
        let jobs: Result<Vec<_>, Fault> = rows.iter().map(job_of).collect();
        Ok(jobs.doing("read what is overdue")?)
    }

    async fn commit_deadlines(&self, moves: &[Transition]) -> Result<(), StoreError> {
        let judged = self.commit_moves(moves, Written::Moved).await;
        Ok(judged.doing("commit deadlines")?)
    }
}

impl SqliteStore {
    async fn register(
        &self,
        databases: &[UndeclaredDatabase],
        schedule: &Schedule,
        now: Timestamp,
    ) -> Result<Vec<Transition>, Fault> {
        let mut transaction = self.begin().await?;
        let job = |known: &UndeclaredDatabase| {
            let (agent, schedule) = (known.agent.clone(), schedule.clone());
            ExpectedBackupJob::new(JobId(0), agent, &known.database, schedule, now)
        };
        let mut jobs: Vec<ExpectedBackupJob> = databases.iter().map(job).collect();
        job_rows::insert(&mut transaction, &mut jobs).await?;
        let registered: Vec<Transition> = jobs.into_iter().map(register_job).collect();
        let events = registered.iter().flat_map(|known| &known.events);
        event_rows::insert(&mut transaction, events).await?;
        transaction.commit().await?;
        Ok(registered)
    }

    async fn commit(&self, commits: &[ReportCommit]) -> Result<(), Fault> {
        let mut transaction = self.begin().await?;
        let reports = commits.iter().map(|commit| &commit.report);
        let reports = report_rows::upsert(&mut transaction, reports).await?;
        let moves = || commits.iter().flat_map(|commit| &commit.moves);
        let jobs = moves().map(|moved| &moved.job);
        job_rows::update(&mut transaction, jobs, Written::Moved).await?;
        let copies = validated_files::insert(&mut transaction, moves()).await?;
        let mut ids = entry_rows::next_id(&mut transaction).await?..;
        let (mut entries, mut events) = (Vec::new(), Vec::new());
        for commit in commits {
            let report = reports[&(commit.report.agent.key(), commit.report.sha256)];
            let new = commit.moves.iter().zip(&mut ids);
            let new: Vec<NewEntry> = new
                .map(|(moved, id)| NewEntry {
                    id,
                    report,
                    moved,
                    validated: validated_files::of_move(&copies, moved),
                })
                .collect();
            events.extend(with_entries(&commit.events, &new));
            entries.extend(new);
        }
        entry_rows::insert(&mut transaction, &entries).await?;
        event_rows::insert_all(&mut transaction, &events).await?;
        let files = moves().filter_map(|moved| Some((moved.job.id, moved.proven_file.as_ref()?)));
        proven_files::upsert(&mut transaction, files).await?;
        transaction.commit().await?;
        Ok(())
    }

    pub(crate) async fn commit_moves(
        &self,
        moves: &[Transition],
        written: Written,
    ) -> Result<(), Fault> {
        let mut transaction = self.begin().await?;
        let jobs = moves.iter().map(|moved| &moved.job);
        job_rows::update(&mut transaction, jobs, written).await?;
        let events = moves.iter().flat_map(|moved| &moved.events);
        event_rows::insert(&mut transaction, events).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Each event with the number of the entry that it speaks of, when that is one of these.
fn with_entries<'a>(events: &'a [DomainEvent], entries: &[NewEntry<'_>]) -> Vec<NewEvent<'a>> {
    let by_job: HashMap<JobId, &NewEntry> = entries
        .iter()
        .map(|entry| (entry.moved.job.id, entry))
        .collect();
    let entry_of = |event: &DomainEvent| {
        let kept = by_job.get(&event.job()?.id)?;
        (event.entry()? == &kept.moved.entry).then_some(kept.id)
    };
    let events = events.iter().map(|event| (event, entry_of(event)));
    events.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_plan::{query_plan, searches, sorts};

    #[tokio::test]
    async fn what_is_overdue_is_looked_up_and_not_searched_for() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("vigie.db"))
            .await
            .unwrap();
        let plan = query_plan(&store, OVERDUE, 2).await;
        assert_eq!(searches(&plan, &[]), [""; 0], "{plan:#?}");
        assert_eq!(sorts(&plan), 0, "{plan:#?}");
        let search = "SEARCH jobs USING INDEX jobs_by_deadline";
        assert!(plan[0].starts_with(search), "{plan:#?}");
    }
}
