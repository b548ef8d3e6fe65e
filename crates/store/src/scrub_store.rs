//! The port of a scrub on SQLite: which copies are due, and what was found of them. Touches none of them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::json;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use vigie_domain::{
    CheckedFile, IntactCopies, JobId, ValidatedFault, ValidatedFile, ValidatedFileId, record_check,
};
use vigie_scanner::{
    DueFile, DuePlace, DueTotals, FileCheck, JudgedCheck, RecordedChecks, ScrubStore, StoreError,
};

use crate::error::{Doing, Fault, QueryError};
use crate::job_rows::{agent_of, job_of, json as json_text};
use crate::validated_files::{COLUMNS, file_of};
use crate::{SqliteStore, event_rows};

/// Served by the index `validated_files_by_check`.
fn due_statement() -> String {
    format!(
        "SELECT {COLUMNS}, agent, database FROM validated_files \
         JOIN jobs ON jobs.id = validated_files.job_id \
         WHERE removing_since IS NULL AND checked_at < ?1 AND (checked_at, validated_files.id) > (?2, ?3) \
         ORDER BY checked_at, validated_files.id LIMIT ?4"
    )
}

const TOTALS: &str = "SELECT count(*) AS files, coalesce(sum(size), 0) AS bytes \
                      FROM validated_files WHERE removing_since IS NULL AND checked_at < ?1";

/// The first sound one from each of so many places that lie evenly between the first number and the last.
fn all_over_statement() -> String {
    format!(
        "WITH RECURSIVE places (place) AS ( \
             SELECT 0 UNION ALL SELECT place + 1 FROM places WHERE place + 1 < ?1), \
         bounds (low, high) AS ( \
             SELECT (SELECT min(id) FROM validated_files), (SELECT max(id) FROM validated_files)) \
         SELECT DISTINCT {COLUMNS} FROM places CROSS JOIN bounds \
         CROSS JOIN validated_files ON validated_files.id = ( \
             SELECT id FROM validated_files \
             WHERE id >= low + (high + 1 - low) * place / ?1 AND fault IS NULL AND removing_since IS NULL \
             ORDER BY id LIMIT 1)"
    )
}

/// The files that are as they were kept, and were so before: by far the most.
const CONFIRM: &str = "\
    UPDATE validated_files SET checked_at = seen.value ->> 'at' FROM json_each(?1) AS seen \
    WHERE validated_files.id = seen.value ->> 'id' AND validated_files.path = seen.value ->> 'path' \
    AND fault IS NULL AND removing_since IS NULL";

/// Those of all others that are still there, with their jobs.
fn others_statement() -> String {
    format!(
        "SELECT jobs.*, {COLUMNS}, seen.key AS place FROM json_each(?1) AS seen \
         CROSS JOIN validated_files ON validated_files.id = seen.value ->> 'id' \
             AND validated_files.path = seen.value ->> 'path' \
         CROSS JOIN jobs ON jobs.id = validated_files.job_id \
         WHERE removing_since IS NULL AND (fault IS NOT NULL OR seen.value ->> 'is_damaged')"
    )
}

const WRITE: &str = "UPDATE validated_files SET checked_at = ?2, fault = ?3 WHERE id = ?1";

const INTACT: &str = "SELECT count(*) AS count, max(id) AS newest FROM validated_files \
                      WHERE job_id = ?1 AND fault IS NULL AND removing_since IS NULL";

fn one_statement() -> String {
    format!("SELECT {COLUMNS} FROM validated_files WHERE id = ?1")
}

/// Served by the index `validated_files_damaged`.
fn damaged_statement() -> String {
    format!(
        "SELECT {COLUMNS}, agent, database FROM validated_files INDEXED BY validated_files_damaged \
         JOIN jobs ON jobs.id = validated_files.job_id \
         WHERE fault IS NOT NULL AND removing_since IS NULL ORDER BY validated_files.id"
    )
}

const FORGET: &str = "DELETE FROM validated_files WHERE path = ? AND fault IS NOT NULL";

#[async_trait]
impl ScrubStore for SqliteStore {
    async fn files_due(
        &self,
        before: Timestamp,
        after: DuePlace,
        limit: u32,
    ) -> Result<Vec<DueFile>, StoreError> {
        let query = sqlx::query(sqlx::AssertSqlSafe(due_statement()))
            .bind(before.as_microsecond())
            .bind(after.checked_at.as_microsecond())
            .bind(after.id.0)
            .bind(limit);
        let rows = query.fetch_all(&self.pool).await;
        let rows = rows.doing("look up the copies that are due")?;
        let due: Result<Vec<_>, Fault> = rows.iter().map(due_of).collect();
        Ok(due.doing("read the copies that are due")?)
    }

    async fn due_totals(&self, before: Timestamp) -> Result<DueTotals, StoreError> {
        let query = sqlx::query(TOTALS).bind(before.as_microsecond());
        let row = query.fetch_one(&self.pool).await;
        let row = row.doing("sum up the copies that are due")?;
        let totals = || -> Result<DueTotals, Fault> {
            Ok(DueTotals {
                files: row.try_get("files")?,
                bytes: row.try_get("bytes")?,
            })
        };
        Ok(totals().doing("read how many copies are due")?)
    }

    async fn files_from_all_over(&self, limit: u32) -> Result<Vec<ValidatedFile>, StoreError> {
        let query = sqlx::query(sqlx::AssertSqlSafe(all_over_statement())).bind(limit);
        let rows = query.fetch_all(&self.pool).await;
        let rows = rows.doing("look up copies from all over")?;
        let files: Result<Vec<_>, Fault> = rows.iter().map(file_of).collect();
        Ok(files.doing("read copies from all over")?)
    }

    async fn commit_checks(&self, checks: &[FileCheck]) -> Result<RecordedChecks, StoreError> {
        let recorded = self.record_checks(checks).await;
        Ok(recorded.doing("commit what was found of copies")?)
    }
}

impl SqliteStore {
    /// The copies with which something was wrong when they were last looked at, in the order in which they were kept.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn damaged_files(&self) -> Result<Vec<DueFile>, QueryError> {
        let query = sqlx::query(sqlx::AssertSqlSafe(damaged_statement()));
        let rows = query.fetch_all(&self.pool).await;
        let rows = rows.doing("look up the copies that are damaged")?;
        let damaged: Result<Vec<_>, Fault> = rows.iter().map(due_of).collect();
        damaged.doing("read the copies that are damaged")
    }

    /// Gives up the copy at this path, if something was wrong with it when it was last looked at; whether
    /// there was one. What lies there is left alone.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn forget_damaged_file(&self, path: &str) -> Result<bool, QueryError> {
        let forgotten = async {
            let mut transaction = self.begin().await?;
            let query = sqlx::query(FORGET).bind(path);
            let forgotten = query.execute(&mut *transaction).await?.rows_affected();
            transaction.commit().await?;
            Ok::<_, Fault>(forgotten > 0)
        };
        forgotten.await.doing("give up a copy that is damaged")
    }

    async fn record_checks(&self, checks: &[FileCheck]) -> Result<RecordedChecks, Fault> {
        let mut transaction = self.begin().await?;
        let confirmed = confirm(&mut transaction, checks).await?;
        let looked_at = others(&mut transaction, checks).await?;
        let judged = judge(&mut transaction, looked_at).await?;
        let events = judged.iter().filter_map(|judged| judged.event.as_ref());
        event_rows::insert(&mut transaction, events).await?;
        transaction.commit().await?;
        Ok(RecordedChecks {
            count: confirmed + judged.len() as u64,
            judged,
        })
    }
}

/// A file that needs a closer look, as it was until now, and what was found.
struct LookedAt<'a> {
    job: vigie_domain::ExpectedBackupJob,
    file: ValidatedFile,
    check: &'a FileCheck,
}

async fn confirm(connection: &mut SqliteConnection, checks: &[FileCheck]) -> Result<u64, Fault> {
    let sound = checks.iter().filter(|check| check.found.is_none());
    let sound: Vec<_> = sound.map(bound).collect();
    if sound.is_empty() {
        return Ok(0);
    }
    let query = sqlx::query(CONFIRM).bind(json!(sound).to_string());
    Ok(query.execute(connection).await?.rows_affected())
}

/// The files with which something is wrong, or was before.
async fn others<'a>(
    connection: &mut SqliteConnection,
    checks: &'a [FileCheck],
) -> Result<Vec<LookedAt<'a>>, Fault> {
    let all: Vec<_> = checks.iter().map(bound).collect();
    let query = sqlx::query(sqlx::AssertSqlSafe(others_statement())).bind(json!(all).to_string());
    let mut looked_at = Vec::new();
    for row in query.fetch_all(connection).await? {
        let file = file_of(&row)?;
        let place: i64 = row.try_get("place")?;
        if let Some(check) = usize::try_from(place).ok().and_then(|at| checks.get(at)) {
            let job = job_of(&row)?;
            looked_at.push(LookedAt { job, file, check });
        }
    }
    Ok(looked_at)
}

/// First all of them are written, and then it is asked what is left beside them.
async fn judge(
    connection: &mut SqliteConnection,
    looked_at: Vec<LookedAt<'_>>,
) -> Result<Vec<JudgedCheck>, Fault> {
    for LookedAt { file, check, .. } in &looked_at {
        write(connection, file.id, check.at, check.found.as_ref()).await?;
    }
    let mut intact: HashMap<JobId, IntactCopies> = HashMap::new();
    let mut judged = Vec::with_capacity(looked_at.len());
    for LookedAt { job, file, check } in looked_at {
        let others = match intact.entry(job.id) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(place) => place.insert(intact_of(connection, job.id).await?).clone(),
        };
        let CheckedFile { file, event } =
            record_check(&job, &file, check.found.clone(), check.at, others);
        judged.push(JudgedCheck { job, file, event });
    }
    Ok(judged)
}

async fn write(
    connection: &mut SqliteConnection,
    id: ValidatedFileId,
    at: Timestamp,
    fault: Option<&ValidatedFault>,
) -> Result<(), Fault> {
    let fault = fault.map(|fault| json_text("fault", fault)).transpose()?;
    let query = sqlx::query(WRITE)
        .bind(id.0)
        .bind(at.as_microsecond())
        .bind(fault);
    query.execute(connection).await?;
    Ok(())
}

/// The intact copies of a job.
async fn intact_of(connection: &mut SqliteConnection, job: JobId) -> Result<IntactCopies, Fault> {
    let query = sqlx::query(INTACT).bind(job.0);
    let row = query.fetch_one(&mut *connection).await?;
    let newest: Option<i64> = row.try_get("newest")?;
    let newest = match newest {
        None => None,
        Some(id) => {
            let query = sqlx::query(sqlx::AssertSqlSafe(one_statement())).bind(id);
            Some(file_of(&query.fetch_one(connection).await?)?)
        }
    };
    Ok(IntactCopies {
        count: row.try_get("count")?,
        newest,
    })
}

fn bound(check: &FileCheck) -> serde_json::Value {
    json!({
        "id": check.id.0,
        "path": check.path,
        "at": check.at.as_microsecond(),
        "is_damaged": check.found.is_some(),
    })
}

fn due_of(row: &SqliteRow) -> Result<DueFile, Fault> {
    Ok(DueFile {
        file: file_of(row)?,
        agent: agent_of(row)?,
        database: row.try_get("database")?,
    })
}

#[cfg(test)]
mod tests;
