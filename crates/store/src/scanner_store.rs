//! The scanner's port on SQLite.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{QueryBuilder, Row, SqliteConnection};
use vigie_domain::{AgentId, ExpectedBackupJob, JobId, Schedule, Sha256, Transition, register_job};
use vigie_scanner::{JobMove, ReportCommit, ReportRecord, SeenReport, Store, StoreError};

use crate::error::{Doing, Fault};
use crate::job_rows::{self, job_of, json, json_of};
use crate::many_rows::{self, ROWS};
use crate::{SqliteStore, event_rows};

/// Stays below the number of values that one statement of SQLite takes.
const DIGESTS_AT_ONCE: usize = 500;

/// Served by the index `jobs_by_deadline`, whose condition it repeats.
const OVERDUE: &str = "SELECT * FROM jobs WHERE deadline_at < ? AND deadline_at IS NOT NULL \
                       AND silent_since IS NULL ORDER BY deadline_at LIMIT ?";

#[async_trait]
impl Store for SqliteStore {
    async fn seen_reports(
        &self,
        agent: &AgentId,
        digests: &[Sha256],
    ) -> Result<Vec<SeenReport>, StoreError> {
        let mut seen = Vec::new();
        for digests in digests.chunks(DIGESTS_AT_ONCE) {
            let found = self.seen(agent, digests).await;
            seen.extend(found.doing("look up the reports seen before")?);
        }
        Ok(seen)
    }

    async fn jobs_of_agent(&self, agent: &AgentId) -> Result<Vec<ExpectedBackupJob>, StoreError> {
        let select = "SELECT * FROM jobs WHERE agent_key = ? ORDER BY id";
        let query = sqlx::query(select).bind(agent.key());
        let rows = query.fetch_all(&self.pool).await;
        let rows = rows.doing("look up the jobs of an agent")?;
        let jobs: Result<Vec<_>, Fault> = rows.iter().map(job_of).collect();
        Ok(jobs.doing("read the jobs of an agent")?)
    }

    async fn register_jobs(
        &self,
        agent: &AgentId,
        databases: &[String],
        schedule: &Schedule,
        now: Timestamp,
    ) -> Result<Vec<Transition>, StoreError> {
        let registered = self.register(agent, databases, schedule, now).await;
        Ok(registered.doing("register jobs")?)
    }

    async fn commit_report(&self, commit: &ReportCommit) -> Result<(), StoreError> {
        Ok(self.commit(commit).await.doing("commit a report")?)
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
        Ok(self.commit_moves(moves).await.doing("commit deadlines")?)
    }
}

impl SqliteStore {
    async fn seen(&self, agent: &AgentId, digests: &[Sha256]) -> Result<Vec<SeenReport>, Fault> {
        let mut query = QueryBuilder::new("SELECT sha256, retry FROM reports WHERE agent_key = ");
        query.push_bind(agent.key()).push(" AND sha256 IN (");
        let mut list = query.separated(", ");
        for digest in digests {
            list.push_bind(digest.to_string());
        }
        query.push(")");
        let rows = query.build().fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                let sha256: String = row.try_get("sha256")?;
                Ok(SeenReport {
                    sha256: sha256.parse().map_err(|error| Fault::Value {
                        column: "sha256",
                        value: sha256,
                        problem: format!("{error}"),
                    })?,
                    retry: json_of(row, "retry")?,
                })
            })
            .collect()
    }

    async fn register(
        &self,
        agent: &AgentId,
        databases: &[String],
        schedule: &Schedule,
        now: Timestamp,
    ) -> Result<Vec<Transition>, Fault> {
        let mut transaction = self.begin().await?;
        let job = |database: &String| {
            let (agent, schedule) = (agent.clone(), schedule.clone());
            ExpectedBackupJob::new(JobId(0), agent, database, schedule, now)
        };
        let mut jobs: Vec<ExpectedBackupJob> = databases.iter().map(job).collect();
        job_rows::insert(&mut transaction, &mut jobs).await?;
        let registered: Vec<Transition> = jobs.into_iter().map(register_job).collect();
        let events = registered.iter().flat_map(|known| &known.events);
        event_rows::insert(&mut transaction, events).await?;
        transaction.commit().await?;
        Ok(registered)
    }

    async fn commit(&self, commit: &ReportCommit) -> Result<(), Fault> {
        let mut transaction = self.begin().await?;
        let report_id = upsert_report(&mut transaction, &commit.report).await?;
        let jobs = commit.moves.iter().map(|moved| &moved.job);
        job_rows::update(&mut transaction, jobs).await?;
        insert_entries(&mut transaction, &commit.moves, report_id).await?;
        event_rows::insert(&mut transaction, &commit.events).await?;
        transaction.commit().await?;
        Ok(())
    }

    pub(crate) async fn commit_moves(&self, moves: &[Transition]) -> Result<(), Fault> {
        let mut transaction = self.begin().await?;
        job_rows::update(&mut transaction, moves.iter().map(|moved| &moved.job)).await?;
        let events = moves.iter().flat_map(|moved| &moved.events);
        event_rows::insert(&mut transaction, events).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// A report that is tried again is the same report: only what is left to try changes.
async fn upsert_report(
    connection: &mut SqliteConnection,
    report: &ReportRecord,
) -> Result<i64, Fault> {
    let upsert = "INSERT INTO reports (agent_key, sha256, agent, file_name, operation_ended_at, \
                  received_at, rejection, retry) VALUES (?, ?, ?, ?, ?, ?, ?, ?) \
                  ON CONFLICT (agent_key, sha256) DO UPDATE SET retry = excluded.retry \
                  RETURNING id";
    let ended_at = report.operation_ended_at.map(Timestamp::as_microsecond);
    let id = sqlx::query_scalar(upsert)
        .bind(report.agent.key())
        .bind(report.sha256.to_string())
        .bind(report.agent.as_str())
        .bind(&report.file_name)
        .bind(ended_at)
        .bind(report.received_at.as_microsecond())
        .bind(&report.rejection)
        .bind(json("retry", &report.retry)?)
        .fetch_one(connection)
        .await?;
    Ok(id)
}

async fn insert_entries(
    connection: &mut SqliteConnection,
    moves: &[JobMove],
    report_id: i64,
) -> Result<(), Fault> {
    for moves in moves.chunks(ROWS) {
        let insert = "INSERT INTO entries (job_id, report_id, recorded_at, status, entry) VALUES ";
        let mut query = sqlx::query(many_rows::statement(insert, 5, moves.len(), ""));
        for JobMove { job, entry } in moves {
            query = query
                .bind(job.id.0)
                .bind(report_id)
                .bind(entry.recorded_at.as_microsecond())
                .bind(entry.status.as_str())
                .bind(json("entry", entry)?);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_overdue_is_looked_up_and_not_searched_for() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("vigie.db"))
            .await
            .unwrap();
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {OVERDUE}"));
        let query = sqlx::query_as(explain).bind(0).bind(500);
        let rows: Vec<(i64, i64, i64, String)> = query.fetch_all(&store.pool).await.unwrap();
        let plan: Vec<String> = rows.into_iter().map(|row| row.3).collect();
        assert_eq!(plan.len(), 1, "{plan:?}");
        assert!(
            plan[0].starts_with("SEARCH jobs USING INDEX jobs_by_deadline"),
            "{plan:?}"
        );
    }
}
