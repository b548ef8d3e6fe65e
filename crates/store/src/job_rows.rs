//! Jobs as rows. Knows no rule that moves a job.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, SqliteConnection, SqlitePool};
use vigie_domain::{AgentId, ExpectedBackupJob, JobId, ValidatedFile, VerifyLevel};
use vigie_scanner::KnownJob;

use crate::error::Fault;
use crate::many_rows::{self, Query};
use crate::validated_files;

pub(crate) fn job_of(row: &SqliteRow) -> Result<ExpectedBackupJob, Fault> {
    Ok(ExpectedBackupJob {
        id: JobId(row.try_get("id")?),
        agent: agent_of(row)?,
        database: row.try_get("database")?,
        company: row.try_get("company")?,
        city: row.try_get("city")?,
        neighborhood: row.try_get("neighborhood")?,
        year: row.try_get("year")?,
        schedule: json_of(row, "schedule")?,
        recipients: json_of(row, "recipients")?,
        active: row.try_get("active")?,
        declared: row.try_get("declared")?,
        added: row.try_get("added")?,
        pause: optional_json_of(row, "pause")?,
        retired_at: optional_instant_of(row, "retired_at")?,
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
        verify: optional_word_of(row, "verify")?,
    })
}

pub(crate) fn agent_of(row: &SqliteRow) -> Result<AgentId, Fault> {
    let agent: String = row.try_get("agent")?;
    AgentId::new(&agent).map_err(|error| Fault::Value {
        column: "agent",
        value: agent,
        problem: error.to_string(),
    })
}

/// What declares a job and puts it to rest, in the order in which [`Written::bind`] gives the values.
const DECLARED: [&str; 20] = [
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
    "added",
    "pause",
    "pause_until",
    "retired_at",
    "validated_folder",
    "known_since",
    "warning_settings",
    "verify",
];

/// What reports and deadlines decide on; the same.
const MOVED: [&str; 10] = [
    "current_status",
    "covered_until",
    "deadline_at",
    "last_report_at",
    "last_checked_at",
    "silent_since",
    "incident_since",
    "last_good",
    "same_content",
    "warnings",
];

/// What of a job is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Written {
    /// All that is known of it.
    All,
    /// What reports and deadlines decide on.
    Moved,
}

impl Written {
    fn columns(self) -> Vec<&'static str> {
        let declared = match self {
            Self::All => &DECLARED[..],
            Self::Moved => &["id"],
        };
        declared.iter().chain(&MOVED).copied().collect()
    }

    fn bind<'q>(self, query: Query<'q>, job: &ExpectedBackupJob) -> Result<Query<'q>, Fault> {
        let query = match self {
            Self::All => bind_declared(query, job)?,
            Self::Moved => query.bind(job.id.0),
        };
        bind_moved(query, job)
    }
}

/// The columns that a job keeps when it moves. Left alone, the pages of their indices are too: of jobs
/// that lie scattered among many, that is half of what there is to write.
const KEPT: [&str; 4] = ["id", "agent_key", "database", "validated_folder"];

/// All jobs of these agents, by number, each with the staged file that was last proven for it and the copy
/// that was kept last.
pub(crate) async fn of_agents(
    pool: &SqlitePool,
    agents: &[AgentId],
) -> Result<Vec<KnownJob>, Fault> {
    let mut keys: Vec<String> = agents.iter().map(AgentId::key).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut known = Vec::new();
    for keys in many_rows::chunks(&keys) {
        let mut query = sqlx::query(of_agents_statement(keys.len()));
        for key in keys {
            query = query.bind(key);
        }
        for row in query.fetch_all(pool).await? {
            known.push(KnownJob {
                job: job_of(&row)?,
                proven_file: optional_json_of(&row, "file")?,
                validated_file: validated_file_of(&row)?,
            });
        }
    }
    known.sort_unstable_by_key(|known| known.job.id);
    Ok(known)
}

/// Left to itself, SQLite could walk over all jobs.
fn of_agents_statement(count: usize) -> AssertSqlSafe<String> {
    let before = "WITH wanted (agent_key) AS (VALUES ";
    let columns = validated_files::COLUMNS;
    let after = format!(
        ") SELECT jobs.*, file, {columns} FROM wanted \
         CROSS JOIN jobs ON jobs.agent_key = wanted.agent_key \
         LEFT JOIN proven_files ON proven_files.job_id = jobs.id \
         LEFT JOIN validated_files ON fault IS NULL AND removing_since IS NULL AND validated_files.id = \
         (SELECT max(id) FROM validated_files WHERE job_id = jobs.id)"
    );
    many_rows::statement(before, 1, count, &after)
}

fn validated_file_of(row: &SqliteRow) -> Result<Option<ValidatedFile>, Fault> {
    let id: Option<i64> = row.try_get("file_id")?;
    id.map(|_| validated_files::file_of(row)).transpose()
}

/// The jobs of these agents (by their keys) and databases that are known, in no order.
pub(crate) async fn known_of(
    connection: &mut SqliteConnection,
    identities: &[(String, String)],
) -> Result<Vec<ExpectedBackupJob>, Fault> {
    let mut known = Vec::new();
    for identities in many_rows::chunks(identities) {
        let mut query = sqlx::query(known_of_statement(identities.len()));
        for (agent_key, database) in identities {
            query = query.bind(agent_key).bind(database);
        }
        for row in query.fetch_all(&mut *connection).await? {
            known.push(job_of(&row)?);
        }
    }
    Ok(known)
}

/// Left to itself, SQLite could walk over all jobs.
fn known_of_statement(count: usize) -> AssertSqlSafe<String> {
    let before = "WITH wanted (agent_key, database) AS (VALUES ";
    let after = ") SELECT jobs.* FROM wanted CROSS JOIN jobs ON jobs.agent_key = wanted.agent_key \
                 AND jobs.database = wanted.database";
    many_rows::statement(before, 2, count, after)
}

/// Inserts jobs that the store does not know yet, each once. They get their numbers and folders.
pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    jobs: &mut [ExpectedBackupJob],
) -> Result<(), Fault> {
    let next = "SELECT coalesce(max(id), 0) + 1 FROM jobs";
    let next: i64 = sqlx::query_scalar(next).fetch_one(&mut *connection).await?;
    for (id, job) in (next..).zip(jobs.iter_mut()) {
        job.id = JobId(id);
    }
    let columns = Written::All.columns();
    let insert = format!("INSERT INTO jobs ({}) VALUES ", columns.join(", "));
    give_own_folders(connection, jobs).await?;
    let statements = many_rows::chunks(jobs).map(|jobs| {
        let query = sqlx::query(many_rows::statement(&insert, columns.len(), jobs.len(), ""));
        jobs.iter()
            .try_fold(query, |query, job| Written::All.bind(query, job))
    });
    many_rows::execute_each(connection, statements).await?;
    Ok(())
}

/// Writes these jobs as they are now but for their folders, which no move changes. Each has to be there; of
/// one that stands there twice the last counts.
pub(crate) async fn update(
    connection: &mut SqliteConnection,
    jobs: impl IntoIterator<Item = &ExpectedBackupJob>,
    written: Written,
) -> Result<(), Fault> {
    let last: BTreeMap<JobId, &ExpectedBackupJob> =
        jobs.into_iter().map(|job| (job.id, job)).collect();
    let jobs: Vec<&ExpectedBackupJob> = last.into_values().collect();
    let statements = many_rows::chunks(&jobs).map(|jobs| {
        let query = sqlx::query(update_of(written, jobs.len()));
        jobs.iter()
            .try_fold(query, |query, job| written.bind(query, job))
    });
    let changed = many_rows::execute_each(connection, statements).await?;
    if changed == jobs.len() as u64 {
        Ok(())
    } else {
        Err(sqlx::Error::RowNotFound.into())
    }
}

/// Writes where these jobs keep their backups from now on. They get folders of their own.
pub(crate) async fn update_folders(
    connection: &mut SqliteConnection,
    jobs: &mut [ExpectedBackupJob],
) -> Result<(), Fault> {
    for jobs in many_rows::chunks_mut(jobs) {
        give_own_folders(connection, jobs).await?;
        let before = "WITH new (id, validated_folder) AS (VALUES ";
        let after = ") UPDATE jobs SET validated_folder = new.validated_folder FROM new \
                     WHERE jobs.id = new.id";
        let mut query = sqlx::query(many_rows::statement(before, 2, jobs.len(), after));
        for job in jobs {
            query = query.bind(job.id.0).bind(&*job.validated_folder);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

fn update_of(written: Written, count: usize) -> AssertSqlSafe<String> {
    let columns = written.columns();
    let changed = columns.iter().filter(|column| !KEPT.contains(column));
    let set: Vec<String> = changed
        .map(|column| format!("{column} = new.{column}"))
        .collect();
    let before = format!("WITH new ({}) AS (VALUES ", columns.join(", "));
    let after = format!(
        ") UPDATE jobs SET {} FROM new WHERE jobs.id = new.id",
        set.join(", ")
    );
    many_rows::statement(&before, columns.len(), count, &after)
}

/// No two jobs keep their backups in one folder: the second gets one of its own below it.
async fn give_own_folders(
    connection: &mut SqliteConnection,
    jobs: &mut [ExpectedBackupJob],
) -> Result<(), Fault> {
    let mut taken: HashMap<String, i64> = HashMap::new();
    for jobs in many_rows::chunks(jobs) {
        let before = "SELECT validated_folder, id FROM jobs WHERE validated_folder IN (VALUES ";
        let mut query = sqlx::query_as(many_rows::statement(before, 1, jobs.len(), ")"));
        for job in jobs {
            query = query.bind(&job.validated_folder);
        }
        let found: Vec<(String, i64)> = query.fetch_all(&mut *connection).await?;
        taken.extend(found);
    }
    for job in jobs {
        let id = job.id.0;
        if taken.get(&job.validated_folder).is_some_and(|by| *by != id) {
            job.validated_folder = job.distinct_validated_folder();
        }
        taken.insert(job.validated_folder.clone(), id);
    }
    Ok(())
}

fn bind_declared<'q>(query: Query<'q>, job: &ExpectedBackupJob) -> Result<Query<'q>, Fault> {
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
        .bind(job.added)
        .bind(optional_json("pause", job.pause.as_ref())?)
        .bind(micros(job.pause.as_ref().and_then(|pause| pause.until)))
        .bind(micros(job.retired_at))
        .bind(job.validated_folder.clone())
        .bind(job.known_since.as_microsecond())
        .bind(optional_json(
            "warning_settings",
            job.warning_settings.as_ref(),
        )?)
        .bind(job.verify.map(VerifyLevel::as_str)))
}

fn bind_moved<'q>(query: Query<'q>, job: &ExpectedBackupJob) -> Result<Query<'q>, Fault> {
    Ok(query
        .bind(job.current_status.as_str())
        .bind(job.covered_until.as_microsecond())
        .bind(micros(job.deadline_at()))
        .bind(micros(job.last_report_at))
        .bind(micros(job.last_checked_at))
        .bind(micros(job.silent_since))
        .bind(micros(job.incident_since))
        .bind(optional_json("last_good", job.last_good.as_ref())?)
        .bind(optional_json("same_content", job.same_content.as_ref())?)
        .bind(json("warnings", &job.warnings)?))
}

fn micros(instant: Option<Timestamp>) -> Option<i64> {
    instant.map(Timestamp::as_microsecond)
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

pub(crate) fn optional_json_of<T: DeserializeOwned>(
    row: &SqliteRow,
    column: &'static str,
) -> Result<Option<T>, Fault> {
    let text: Option<String> = row.try_get(column)?;
    text.map(|text| parse(column, text)).transpose()
}

pub(crate) fn json_of<T: DeserializeOwned>(
    row: &SqliteRow,
    column: &'static str,
) -> Result<T, Fault> {
    parse(column, row.try_get(column)?)
}

pub(crate) fn parse<T: DeserializeOwned>(column: &'static str, text: String) -> Result<T, Fault> {
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

pub(crate) fn optional_word_of<T: DeserializeOwned>(
    row: &SqliteRow,
    column: &'static str,
) -> Result<Option<T>, Fault> {
    match row.try_get::<Option<String>, _>(column)? {
        Some(_) => Ok(Some(word_of(row, column)?)),
        None => Ok(None),
    }
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
    use crate::query_plan::{query_plan, searches};

    #[tokio::test]
    async fn jobs_are_looked_up_and_not_searched_for() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("vigie.db"))
            .await
            .unwrap();
        let cases = [
            (
                update_of(Written::All, 2),
                2 * Written::All.columns().len(),
                "INTEGER PRIMARY KEY (rowid=?)",
            ),
            (
                known_of_statement(2),
                4,
                "INDEX sqlite_autoindex_jobs_2 (agent_key=? AND database=?)",
            ),
            (
                of_agents_statement(2),
                2,
                "INDEX sqlite_autoindex_jobs_2 (agent_key=?)",
            ),
        ];
        for (statement, values, by) in cases {
            let plan = query_plan(&store, &statement.0, values).await;
            let search = format!("SEARCH jobs USING {by}");
            assert!(plan.contains(&search), "{plan:#?}");
            assert_eq!(searches(&plan, &["wanted", "new"]), [""; 0], "{plan:#?}");
        }
    }

    #[test]
    fn what_a_job_keeps_is_left_alone_when_it_moves() {
        let statement = update_of(Written::All, 1).0;
        assert!(statement.contains(" current_status = "), "{statement}");
        for column in KEPT {
            let set = format!(" {column} = ");
            assert!(!statement.contains(&set), "{statement}");
        }
    }
}
