//! What the program shows: jobs with their latest entries, the history of a job, the last cycle.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use vigie_domain::{AgentId, BackupEntry, ExpectedBackupJob};
use vigie_notify::HoldCause;

use crate::error::{Doing, Fault};
use crate::job_rows::{instant_of, job_of, json_of, optional_instant_of, word_of};
use crate::{QueryError, SqliteStore};

/// A job with the newest of its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobOverview {
    /// The job.
    pub job: ExpectedBackupJob,
    /// Its newest entry; `None` when no report has spoken of it.
    pub latest_entry: Option<BackupEntry>,
}

/// When the last cycles were done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastCycle {
    /// The last one.
    pub done_at: Timestamp,
    /// The one before it.
    pub previous_done_at: Option<Timestamp>,
}

/// Served by the index `validated_files_by_check`, whose condition it repeats.
const CLAMP_CHECKS: &str = "UPDATE validated_files SET checked_at = ?1 - 1 \
                            WHERE checked_at > ?1 AND removing_since IS NULL";

impl SqliteStore {
    /// Every job with its latest entry, by agent and database.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn jobs_with_latest_entries(&self) -> Result<Vec<JobOverview>, QueryError> {
        let select = "SELECT jobs.*, entries.entry AS entry FROM jobs LEFT JOIN entries \
                      ON entries.id = (SELECT max(id) FROM entries WHERE job_id = jobs.id) \
                      ORDER BY jobs.agent_key, jobs.database";
        let rows = sqlx::query(select).fetch_all(&self.pool).await;
        let rows = rows.doing("look up the jobs")?;
        let overviews: Result<Vec<_>, Fault> = rows.iter().map(overview_of).collect();
        overviews.doing("read the jobs")
    }

    /// Records that a cycle was done at this instant of the clock on the wall.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn record_cycle(&self, done_at: Timestamp) -> Result<(), QueryError> {
        let upsert = "INSERT INTO last_cycle (id, done_at) VALUES (1, ?) ON CONFLICT (id) \
                      DO UPDATE SET previous_done_at = done_at, done_at = excluded.done_at";
        let query = sqlx::query(upsert).bind(done_at.as_microsecond());
        let done = query.execute(&self.writer).await;
        done.map(|_| ()).doing("record a cycle")
    }

    /// Sees to it that the last cycle was not done later than at this instant of the clock on the wall,
    /// which was put back.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn clamp_last_cycle(&self, now: Timestamp) -> Result<(), QueryError> {
        let update = "UPDATE last_cycle SET done_at = min(done_at, ?1), \
                      previous_done_at = min(previous_done_at, ?1)";
        let query = sqlx::query(update).bind(now.as_microsecond());
        let done = query.execute(&self.writer).await;
        done.map(|_| ()).doing("put the last cycle back")
    }

    /// Takes copies that were looked at by a clock that was ahead of `now` for looked at just before: they
    /// would not be due until that clock's time.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn clamp_checks(&self, now: Timestamp) -> Result<(), QueryError> {
        let query = sqlx::query(CLAMP_CHECKS).bind(now.as_microsecond());
        let done = query.execute(&self.writer).await;
        done.map(|_| ()).doing("put looks at copies back")
    }

    /// When the last cycle was done; `None` before the first.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn last_cycle(&self) -> Result<Option<LastCycle>, QueryError> {
        let select = "SELECT done_at, previous_done_at FROM last_cycle";
        let row = sqlx::query(select).fetch_optional(&self.pool).await;
        let row = row.doing("look up the last cycle")?;
        let last = row.as_ref().map(last_cycle_of).transpose();
        last.doing("read the last cycle")
    }

    /// How much of what people are to be told is held back, by cause.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn held_back(&self) -> Result<Vec<(HoldCause, u64)>, QueryError> {
        let count = "SELECT held_by, count(*) AS held FROM notifications \
                     WHERE delivery_id IS NULL AND held_by IS NOT NULL AND kind <> 'passed' \
                     GROUP BY held_by";
        let rows = sqlx::query(count).fetch_all(&self.pool).await;
        let rows = rows.doing("count what is held back")?;
        let held = |row: &SqliteRow| {
            let held: i64 = row.try_get("held")?;
            Ok((word_of(row, "held_by")?, held.unsigned_abs()))
        };
        let held: Result<Vec<_>, Fault> = rows.iter().map(held).collect();
        held.doing("read what is held back")
    }

    /// The jobs of a database, of one agent or of all.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn jobs_of_database(
        &self,
        database: &str,
        agent: Option<&AgentId>,
    ) -> Result<Vec<ExpectedBackupJob>, QueryError> {
        let select = "SELECT * FROM jobs WHERE database = ?1 AND (?2 IS NULL OR agent_key = ?2) \
                      ORDER BY agent_key";
        let query = sqlx::query(select)
            .bind(database)
            .bind(agent.map(AgentId::key));
        let rows = query.fetch_all(&self.pool).await;
        let rows = rows.doing("look up the jobs of a database")?;
        let jobs: Result<Vec<_>, Fault> = rows.iter().map(job_of).collect();
        jobs.doing("read the jobs of a database")
    }

    /// The entries of a job, newest first, at most `limit`.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn entries_of_job(
        &self,
        job: &ExpectedBackupJob,
        limit: u32,
    ) -> Result<Vec<BackupEntry>, QueryError> {
        let select = "SELECT entry FROM entries WHERE job_id = ? ORDER BY id DESC LIMIT ?";
        let query = sqlx::query(select).bind(job.id.0).bind(limit);
        let rows = query.fetch_all(&self.pool).await;
        let rows = rows.doing("look up the entries of a job")?;
        let entries: Result<Vec<_>, Fault> = rows.iter().map(|row| json_of(row, "entry")).collect();
        entries.doing("read the entries of a job")
    }
}

fn last_cycle_of(row: &SqliteRow) -> Result<LastCycle, Fault> {
    Ok(LastCycle {
        done_at: instant_of(row, "done_at")?,
        previous_done_at: optional_instant_of(row, "previous_done_at")?,
    })
}

fn overview_of(row: &SqliteRow) -> Result<JobOverview, Fault> {
    Ok(JobOverview {
        job: job_of(row)?,
        latest_entry: match row.try_get::<Option<String>, _>("entry")? {
            Some(_) => Some(json_of(row, "entry")?),
            None => None,
        },
    })
}
