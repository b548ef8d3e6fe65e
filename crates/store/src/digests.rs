//! What digests are written of, and when the last ones were.

use jiff::Timestamp;
use serde_json::json;
use sqlx::{SqliteConnection, SqlitePool};
use vigie_domain::{ExpectedBackupJob, JobId};

use crate::error::Fault;
use crate::job_rows::{instant_of, job_of};

pub(crate) async fn last(pool: &SqlitePool) -> Result<Option<Timestamp>, Fault> {
    let select = "SELECT written_at FROM last_digest";
    let row = sqlx::query(select).fetch_optional(pool).await?;
    row.as_ref()
        .map(|row| instant_of(row, "written_at"))
        .transpose()
}

pub(crate) async fn record(
    connection: &mut SqliteConnection,
    written_at: Timestamp,
) -> Result<(), Fault> {
    let upsert = "INSERT INTO last_digest (id, written_at) VALUES (1, ?) \
                  ON CONFLICT (id) DO UPDATE SET written_at = excluded.written_at";
    let query = sqlx::query(upsert).bind(written_at.as_microsecond());
    query.execute(connection).await?;
    Ok(())
}

pub(crate) async fn jobs(
    pool: &SqlitePool,
    jobs: &[JobId],
) -> Result<Vec<ExpectedBackupJob>, Fault> {
    let jobs: Vec<i64> = jobs.iter().map(|job| job.0).collect();
    let select = "SELECT * FROM jobs WHERE id IN (SELECT value FROM json_each(?))";
    let query = sqlx::query(select).bind(json!(jobs).to_string());
    let rows = query.fetch_all(pool).await?;
    rows.iter().map(job_of).collect()
}

pub(crate) async fn jobs_after(
    pool: &SqlitePool,
    last: JobId,
    limit: u32,
) -> Result<Vec<ExpectedBackupJob>, Fault> {
    let select = "SELECT * FROM jobs WHERE id > ? ORDER BY id LIMIT ?";
    let query = sqlx::query(select).bind(last.0).bind(limit);
    let rows = query.fetch_all(pool).await?;
    rows.iter().map(job_of).collect()
}
