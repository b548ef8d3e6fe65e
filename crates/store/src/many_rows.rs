//! Statements that write many rows at once, as each statement has its price whatever it writes. Knows
//! no table.

use sqlx::AssertSqlSafe;

/// How many rows go to one statement: far below the number of values that SQLite takes, and more gain
/// nothing. A statement for as many rows is prepared once.
pub(crate) const ROWS: usize = 100;

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
