//! Jobs as rows. Knows no rule that moves a job.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, Sqlite, SqliteConnection};
use vigie_domain::{AgentId, ExpectedBackupJob, JobId};

use crate::error::Fault;
use crate::many_rows::{self, ROWS};

pub(crate) fn job_of(row: &SqliteRow) -> Result<ExpectedBackupJob, Fault> {
    let agent: String = row.try_get("agent")?;
    Ok(ExpectedBackupJob {
        id: JobId(row.try_get("id")?),
        agent: AgentId::new(&agent).map_err(|error| Fault::Value {
            column: "agent",
            value: agent,
            problem: error.to_string(),
        })?,
        database: row.try_get("database")?,
        company: row.try_get("company")?,
        city: row.try_get("city")?,
        neighborhood: row.try_get("neighborhood")?,
        year: row.try_get("year")?,
        schedule: json_of(row, "schedule")?,
        recipients: json_of(row, "recipients")?,
        active: row.try_get("active")?,
        declared: row.try_get("declared")?,
        validated_folder: row.try_get("validated_folder")?,
        current_status: word_of(row, "current_status")?,
        known_since: instant_of(row, "known_since")?,
        covered_until: instant_of(row, "covered_until")?,
        last_report_at: optional_instant_of(row, "last_report_at")?,
        last_checked_at: optional_instant_of(row, "last_checked_at")?,
        silent_since: optional_instant_of(row, "silent_since")?,
        incident_since: optional_instant_of(row, "incident_since")?,
        last_good: match row.try_get::<Option<String>, _>("last_good")? {
            Some(_) => Some(json_of(row, "last_good")?),
            None => None,
        },
    })
}

/// Every column, in the order in which [`bind`] gives the values.
const COLUMNS: [&str; 22] = [
    "id",
    "agent_key",
    "agent",
    "database",
    "company",
    "city",
    "neighborhood",
    "year",
    "schedule",
    "recipients",
    "active",
    "declared",
    "validated_folder",
    "current_status",
    "known_since",
    "covered_until",
    "deadline_at",
    "last_report_at",
    "last_checked_at",
    "silent_since",
    "incident_since",
    "last_good",
];

/// The columns that a job keeps when it moves. Left alone, the pages of their indices are too: of jobs
/// that lie scattered among many, that is half of what there is to write.
const KEPT: [&str; 4] = ["id", "agent_key", "database", "validated_folder"];

/// Inserts a job that the store does not know yet, and tells the number and the folder it got.
pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    job: &mut ExpectedBackupJob,
) -> Result<(), Fault> {
    let next = "SELECT coalesce(max(id), 0) + 1 FROM jobs";
    job.id = JobId(sqlx::query_scalar(next).fetch_one(&mut *connection).await?);
    give_own_folder(connection, job).await?;
    let insert = format!("INSERT INTO jobs ({}) VALUES ", COLUMNS.join(", "));
    let statement = many_rows::statement(&insert, COLUMNS.len(), 1, "");
    bind(sqlx::query(statement), job)?
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes all that is known of these jobs now but their folders, which no move changes. Of one that
/// stands there twice the last counts.
pub(crate) async fn update(
    connection: &mut SqliteConnection,
    jobs: impl IntoIterator<Item = &ExpectedBackupJob>,
) -> Result<(), Fault> {
    let last: BTreeMap<JobId, &ExpectedBackupJob> =
        jobs.into_iter().map(|job| (job.id, job)).collect();
    let jobs: Vec<&ExpectedBackupJob> = last.into_values().collect();
    for jobs in jobs.chunks(ROWS) {
        let mut query = sqlx::query(update_of(jobs.len()));
        for job in jobs {
            query = bind(query, job)?;
        }
        let done = query.execute(&mut *connection).await?;
        if done.rows_affected() != jobs.len() as u64 {
            return Err(sqlx::Error::RowNotFound.into());
        }
    }
    Ok(())
}

/// Writes that a job keeps its backups elsewhere from now on.
pub(crate) async fn update_folder(
    connection: &mut SqliteConnection,
    job: &ExpectedBackupJob,
) -> Result<(), Fault> {
    sqlx::query("UPDATE jobs SET validated_folder = ? WHERE id = ?")
        .bind(&job.validated_folder)
        .bind(job.id.0)
        .execute(connection)
        .await?;
    Ok(())
}

fn update_of(count: usize) -> AssertSqlSafe<String> {
    let mut set: Vec<String> = Vec::new();
    for column in COLUMNS {
        if !KEPT.contains(&column) {
            set.push(format!("{column} = new.{column}"));
        }
    }
    let before = format!("WITH new ({}) AS (VALUES ", COLUMNS.join(", "));
    let after = format!(
        ") UPDATE jobs SET {} FROM new WHERE jobs.id = new.id",
        set.join(", ")
    );
    many_rows::statement(&before, COLUMNS.len(), count, &after)
}

/// No two jobs keep their backups in one folder: the second gets one of its own below it.
pub(crate) async fn give_own_folder(
    connection: &mut SqliteConnection,
    job: &mut ExpectedBackupJob,
) -> Result<(), Fault> {
    let others = "SELECT count(*) FROM jobs WHERE validated_folder = ? AND id <> ?";
    let taken: i64 = sqlx::query_scalar(others)
        .bind(&job.validated_folder)
        .bind(job.id.0)
        .fetch_one(connection)
        .await?;
    if taken > 0 {
        job.validated_folder = job.distinct_validated_folder();
    }
    Ok(())
}

type Query<'q> = sqlx::query::Query<'q, Sqlite, sqlx::sqlite::SqliteArguments>;

fn bind<'q>(query: Query<'q>, job: &ExpectedBackupJob) -> Result<Query<'q>, Fault> {
    let micros = |instant: Option<Timestamp>| instant.map(Timestamp::as_microsecond);
    Ok(query
        .bind(job.id.0)
        .bind(job.agent.key())
        .bind(job.agent.to_string())
        .bind(job.database.clone())
        .bind(job.company.clone())
        .bind(job.city.clone())
        .bind(job.neighborhood.clone())
        .bind(job.year)
        .bind(json("schedule", &job.schedule)?)
        .bind(json("recipients", &job.recipients)?)
        .bind(job.active)
        .bind(job.declared)
        .bind(job.validated_folder.clone())
        .bind(job.current_status.as_str())
        .bind(job.known_since.as_microsecond())
        .bind(job.covered_until.as_microsecond())
        .bind(micros(job.deadline_at()))
        .bind(micros(job.last_report_at))
        .bind(micros(job.last_checked_at))
        .bind(micros(job.silent_since))
        .bind(micros(job.incident_since))
        .bind(match &job.last_good {
            Some(good) => Some(json("last_good", good)?),
            None => None,
        }))
}

pub(crate) fn json<T: Serialize>(what: &'static str, value: &T) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|error| Fault::Unwritable(what, error))
}

pub(crate) fn json_of<T: DeserializeOwned>(
    row: &SqliteRow,
    column: &'static str,
) -> Result<T, Fault> {
    let text: String = row.try_get(column)?;
    serde_json::from_str(&text).map_err(|error| Fault::Value {
        column,
        value: text,
        problem: error.to_string(),
    })
}

/// A status, or another value that is a single word in JSON.
pub(crate) fn word_of<T: DeserializeOwned>(
    row: &SqliteRow,
    column: &'static str,
) -> Result<T, Fault> {
    let text: String = row.try_get(column)?;
    serde_json::from_value(text.clone().into()).map_err(|error| Fault::Value {
        column,
        value: text,
        problem: error.to_string(),
    })
}

pub(crate) fn instant_of(row: &SqliteRow, column: &'static str) -> Result<Timestamp, Fault> {
    instant(column, row.try_get(column)?)
}

pub(crate) fn optional_instant_of(
    row: &SqliteRow,
    column: &'static str,
) -> Result<Option<Timestamp>, Fault> {
    let micros: Option<i64> = row.try_get(column)?;
    micros.map(|micros| instant(column, micros)).transpose()
}

fn instant(column: &'static str, micros: i64) -> Result<Timestamp, Fault> {
    Timestamp::from_microsecond(micros).map_err(|error| Fault::Value {
        column,
        value: micros.to_string(),
        problem: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqliteStore;

    #[tokio::test]
    async fn jobs_are_looked_up_to_be_updated_and_the_index_of_their_folders_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("vigie.db"))
            .await
            .unwrap();
        let statement = update_of(2).0;
        assert!(!statement.contains("validated_folder ="), "{statement}");
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let rows: Vec<(i64, i64, i64, String)> = sqlx::query_as(explain)
            .fetch_all(&store.pool)
            .await
            .unwrap();
        let plan: Vec<String> = rows.into_iter().map(|row| row.3).collect();
        let searches = "SEARCH jobs USING INTEGER PRIMARY KEY (rowid=?)";
        assert!(plan.iter().any(|step| step == searches), "{plan:#?}");
        assert!(!plan.iter().any(|step| step == "SCAN jobs"), "{plan:#?}");
    }
}
