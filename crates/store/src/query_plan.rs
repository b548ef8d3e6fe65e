//! How SQLite goes about a statement: for tests that nothing is searched for that can be looked up.

use sqlx::AssertSqlSafe;

use crate::SqliteStore;

/// The steps that SQLite takes for a statement with so many values.
pub(crate) async fn query_plan(store: &SqliteStore, statement: &str, values: usize) -> Vec<String> {
    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
    let mut query = sqlx::query_as(explain);
    for _ in 0..values {
        query = query.bind("[]");
    }
    let rows: Vec<(i64, i64, i64, String)> = query.fetch_all(&store.pool).await.unwrap();
    rows.into_iter().map(|row| row.3).collect()
}

/// The steps that walk over a whole table, or over another index than these, which hold only what is
/// wanted. Rows that a statement brings along may go by a name of these too.
pub(crate) fn searches<'a>(plan: &'a [String], small: &[&str]) -> Vec<&'a str> {
    let is_search = |step: &&str| {
        let is_small = small
            .iter()
            .any(|name| step.contains(&format!("INDEX {name}")) || *step == format!("SCAN {name}"));
        let is_given = step.contains("VIRTUAL TABLE") || step.contains("CONSTANT ROW");
        step.starts_with("SCAN") && !is_given && !is_small
    };
    plan.iter().map(String::as_str).filter(is_search).collect()
}

/// How many steps sort what they found.
pub(crate) fn sorts(plan: &[String]) -> usize {
    let sorts = plan
        .iter()
        .filter(|step| step.contains("TEMP B-TREE FOR ORDER BY"));
    sorts.count()
}
