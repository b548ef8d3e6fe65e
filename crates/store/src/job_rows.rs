//! Jobs as rows. Knows no rule that moves a job.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, SqliteConnection};
use vigie_domain::{AgentId, ExpectedBackupJob, JobId};

use crate::error::Fault;

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
        last_good: optional_json_of(row, "last_good")?,
        same_content: optional_json_of(row, "same_content")?,
        warning_settings: optional_json_of(row, "warning_settings")?,
        warnings: json_of(row, "warnings")?,
    })
}

/// Inserts a job that the store does not know yet, and tells the number and the folder it got.
pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    job: &mut ExpectedBackupJob,
) -> Result<(), Fault> {
    let next = "SELECT coalesce(max(id), 0) + 1 FROM jobs";
    job.id = JobId(sqlx::query_scalar(next).fetch_one(&mut *connection).await?);
    give_own_folder(connection, job).await?;
    let insert = "INSERT INTO jobs (agent_key, agent, database, company, city, neighborhood, year, \
                  schedule, recipients, active, declared, validated_folder, current_status, \
                  known_since, covered_until, deadline_at, last_report_at, last_checked_at, \
                  silent_since, incident_since, last_good, same_content, warning_settings, \
                  warnings, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    bind(sqlx::query(insert), job)?.execute(connection).await?;
    Ok(())
}

/// Writes all that is known of a job now.
pub(crate) async fn update(
    connection: &mut SqliteConnection,
    job: &ExpectedBackupJob,
) -> Result<(), Fault> {
    let update = "UPDATE jobs SET agent_key = ?, agent = ?, database = ?, company = ?, city = ?, \
                  neighborhood = ?, year = ?, schedule = ?, recipients = ?, active = ?, \
                  declared = ?, validated_folder = ?, current_status = ?, known_since = ?, \
                  covered_until = ?, deadline_at = ?, last_report_at = ?, last_checked_at = ?, \
                  silent_since = ?, incident_since = ?, last_good = ?, same_content = ?, \
                  warning_settings = ?, warnings = ? WHERE id = ?";
    let done = bind(sqlx::query(update), job)?.execute(connection).await?;
    if done.rows_affected() == 1 {
        Ok(())
    } else {
        Err(sqlx::Error::RowNotFound.into())
    }
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
        .bind(optional_json("last_good", job.last_good.as_ref())?)
        .bind(optional_json("same_content", job.same_content.as_ref())?)
        .bind(optional_json(
            "warning_settings",
            job.warning_settings.as_ref(),
        )?)
        .bind(json("warnings", &job.warnings)?)
        .bind(job.id.0))
}

pub(crate) fn json<T: Serialize>(what: &'static str, value: &T) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|error| Fault::Unwritable(what, error))
}

fn optional_json<T: Serialize>(
    what: &'static str,
    value: Option<&T>,
) -> Result<Option<String>, Fault> {
    value.map(|value| json(what, value)).transpose()
}

fn optional_json_of<T: DeserializeOwned>(
    row: &SqliteRow,
    column: &'static str,
) -> Result<Option<T>, Fault> {
    match row.try_get::<Option<String>, _>(column)? {
        Some(_) => Ok(Some(json_of(row, column)?)),
        None => Ok(None),
    }
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
