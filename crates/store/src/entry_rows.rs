//! Entries as rows. Knows no rule that makes them.

use sqlx::SqliteConnection;
use vigie_domain::ValidatedFileId;
use vigie_scanner::JobMove;

use crate::error::Fault;
use crate::job_rows::json;
use crate::many_rows::{self, Query};
use crate::proven_rows;

/// An entry that is to be kept.
pub(crate) struct NewEntry<'a> {
    pub(crate) id: i64,
    /// The number of its report.
    pub(crate) report: i64,
    pub(crate) moved: &'a JobMove,
    /// The copy that stands for it.
    pub(crate) validated: Option<ValidatedFileId>,
}

/// The number of the entry that comes next, for as long as the transaction keeps others from taking it.
pub(crate) async fn next_id(connection: &mut SqliteConnection) -> Result<i64, Fault> {
    let next = "SELECT coalesce(max(id), 0) + 1 FROM entries";
    Ok(sqlx::query_scalar(next).fetch_one(connection).await?)
}

pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    entries: &[NewEntry<'_>],
) -> Result<(), Fault> {
    let statements = many_rows::chunks(entries).map(insert_of);
    many_rows::execute_each(connection, statements).await?;
    Ok(())
}

fn insert_of<'q>(entries: &[NewEntry<'_>]) -> Result<Query<'q>, Fault> {
    let insert = "INSERT INTO entries (id, job_id, report_id, recorded_at, status, entry, \
                  ended_at, size, delay, validated_file_id) VALUES ";
    let mut query = sqlx::query(many_rows::statement(insert, 10, entries.len(), ""));
    for new in entries {
        let (moved, entry) = (new.moved, &new.moved.entry);
        let (ended_at, size, delay) = proven_rows::columns_of(moved.proven.as_ref());
        query = query
            .bind(new.id)
            .bind(moved.job.id.0)
            .bind(new.report)
            .bind(entry.recorded_at.as_microsecond())
            .bind(entry.status.as_str())
            .bind(json("entry", entry)?)
            .bind(ended_at)
            .bind(size)
            .bind(delay)
            .bind(new.validated.map(|file| file.0));
    }
    Ok(query)
}
