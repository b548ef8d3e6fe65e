//! Statements that write or look up many rows at once, as each statement has its price whatever it does.
//! Knows no table.

use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection};

use crate::error::Fault;

/// How many rows go to one statement at most, a power of two: far below the number of values that SQLite
/// takes, and more gain nothing.
pub(crate) const ROWS: usize = 128;

/// These rows in parts whose lengths are powers of two: a statement that was not met before takes twice as
/// long, and those that were are kept in memory, so there had better be few of them.
pub(crate) fn chunks<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let (chunk, rest) = rows.split_at(length(rows.len())?);
        rows = rest;
        Some(chunk)
    })
}

/// The same of rows that are to be changed.
pub(crate) fn chunks_mut<T>(mut rows: &mut [T]) -> impl Iterator<Item = &mut [T]> {
    std::iter::from_fn(move || {
        let length = length(rows.len())?;
        let (chunk, rest) = std::mem::take(&mut rows).split_at_mut(length);
        rows = rest;
        Some(chunk)
    })
}

/// Of the next part of so many rows; `None` when there are none.
fn length(rows: usize) -> Option<usize> {
    Some(ROWS.min(1 << rows.checked_ilog2()?))
}

/// `{before}(?, ?), (?, ?){after}`, for `count` rows of `columns` values. Nothing but question marks is
/// put in.
pub(crate) fn statement(
    before: &str,
    columns: usize,
    count: usize,
    after: &str,
) -> AssertSqlSafe<String> {
    let row = format!("({})", vec!["?"; columns].join(", "));
    AssertSqlSafe(format!("{before}{}{after}", vec![row; count].join(", ")))
}

/// A statement with its values.
pub(crate) type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

/// Executes one statement after the other and tells how many rows were changed. Each is made ready while
/// SQLite, on a thread of its own, is at work on the one before it.
pub(crate) async fn execute_each<'q>(
    connection: &mut SqliteConnection,
    mut statements: impl Iterator<Item = Result<Query<'q>, Fault>>,
) -> Result<u64, Fault> {
    let mut changed = 0;
    let mut next = statements.next().transpose()?;
    while let Some(statement) = next {
        let (done, following) = tokio::join!(
            biased;
            statement.execute(&mut *connection),
            async { statements.next().transpose() },
        );
        changed += done?.rows_affected();
        next = following?;
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_in_few_lengths_and_none_is_left_out() {
        for (count, expected) in [
            (0, vec![]),
            (1, vec![1]),
            (37, vec![32, 4, 1]),
            (128, vec![128]),
            (300, vec![128, 128, 32, 8, 4]),
        ] {
            let mut rows: Vec<usize> = (0..count).collect();
            let lengths: Vec<usize> = chunks(&rows).map(<[usize]>::len).collect();
            assert_eq!(lengths, expected);
            assert_eq!(chunks(&rows).collect::<Vec<_>>().concat(), rows);
            for (number, chunk) in chunks_mut(&mut rows).enumerate() {
                assert_eq!(chunk.len(), lengths[number]);
                for row in chunk {
                    *row += 1;
                }
            }
            assert_eq!(rows, (1..=count).collect::<Vec<_>>());
        }
    }
}
