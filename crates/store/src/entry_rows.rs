//! Entries as rows. Knows no rule that makes them.

use sqlx::SqliteConnection;
use vigie_scanner::JobMove;

use crate::error::Fault;
use crate::job_rows::json;
use crate::many_rows::{self, ROWS};
use crate::proven_rows;

/// They get their numbers in this order. Each stands beside the number of its report.
pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    moves: &[(i64, &JobMove)],
) -> Result<(), Fault> {
    for moves in moves.chunks(ROWS) {
        let insert = "INSERT INTO entries (job_id, report_id, recorded_at, status, entry, \
                      ended_at, size, delay) VALUES ";
        let mut query = sqlx::query(many_rows::statement(insert, 8, moves.len(), ""));
        for (report, moved) in moves {
            let entry = &moved.entry;
            let (ended_at, size, delay) = proven_rows::columns_of(moved.proven.as_ref());
            query = query
                .bind(moved.job.id.0)
                .bind(report)
                .bind(entry.recorded_at.as_microsecond())
                .bind(entry.status.as_str())
                .bind(json("entry", entry)?)
                .bind(ended_at)
                .bind(size)
                .bind(delay);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}
