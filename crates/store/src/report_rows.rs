//! Reports as rows. Knows nothing of what came of them.

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, SqliteConnection, SqlitePool};
use vigie_domain::Sha256;
use vigie_scanner::{ReportKey, ReportRecord, SeenReport};

use crate::error::Fault;
use crate::job_rows::{agent_of, json, json_of};
use crate::many_rows;

/// A report that is tried again is the same report: only what is left to try changes. SQLite promises
/// no order of what it returns.
const ON_CONFLICT: &str = " ON CONFLICT (agent_key, sha256) DO UPDATE SET retry = excluded.retry \
                           RETURNING id, agent_key, sha256";

/// The number of each report, by its agent's key and its digest.
pub(crate) type ReportIds = HashMap<(String, Sha256), i64>;

/// Those that were kept before.
pub(crate) async fn seen(
    pool: &SqlitePool,
    reports: &[ReportKey],
) -> Result<Vec<SeenReport>, Fault> {
    let mut seen = Vec::new();
    for reports in many_rows::chunks(reports) {
        let mut query = sqlx::query(seen_of(reports.len()));
        for report in reports {
            query = query
                .bind(report.agent.key())
                .bind(report.sha256.to_string());
        }
        for row in query.fetch_all(pool).await? {
            seen.push(SeenReport {
                key: ReportKey {
                    agent: agent_of(&row)?,
                    sha256: sha256_of(&row)?,
                },
                retry: json_of(&row, "retry")?,
            });
        }
    }
    Ok(seen)
}

/// Left to itself, SQLite could walk over all reports.
fn seen_of(count: usize) -> AssertSqlSafe<String> {
    let before = "WITH wanted (agent_key, sha256) AS (VALUES ";
    let after = ") SELECT reports.agent, reports.sha256, retry FROM wanted CROSS JOIN reports \
                 ON reports.agent_key = wanted.agent_key AND reports.sha256 = wanted.sha256";
    many_rows::statement(before, 2, count, after)
}

/// Of a report that stands there twice the last counts.
pub(crate) async fn upsert<'a>(
    connection: &mut SqliteConnection,
    reports: impl Iterator<Item = &'a ReportRecord>,
) -> Result<ReportIds, Fault> {
    let reports: Vec<&ReportRecord> = reports.collect();
    let mut ids = HashMap::with_capacity(reports.len());
    for reports in many_rows::chunks(&reports) {
        let insert = "INSERT INTO reports (agent_key, sha256, agent, file_name, \
                      operation_ended_at, received_at, rejection, retry) VALUES ";
        let mut query = sqlx::query(many_rows::statement(insert, 8, reports.len(), ON_CONFLICT));
        for report in reports {
            let ended_at = report.operation_ended_at.map(Timestamp::as_microsecond);
            query = query
                .bind(report.agent.key())
                .bind(report.sha256.to_string())
                .bind(report.agent.as_str())
                .bind(&report.file_name)
                .bind(ended_at)
                .bind(report.received_at.as_microsecond())
                .bind(&report.rejection)
                .bind(json("retry", &report.retry)?);
        }
        for row in query.fetch_all(&mut *connection).await? {
            let key = (row.try_get("agent_key")?, sha256_of(&row)?);
            ids.insert(key, row.try_get("id")?);
        }
    }
    Ok(ids)
}

fn sha256_of(row: &SqliteRow) -> Result<Sha256, Fault> {
    let sha256: String = row.try_get("sha256")?;
    sha256.parse().map_err(|error| Fault::Value {
        column: "sha256",
        value: sha256,
        problem: format!("{error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqliteStore;
    use crate::query_plan::{query_plan, searches};

    #[tokio::test]
    async fn reports_are_looked_up_and_not_searched_for() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("vigie.db"))
            .await
            .unwrap();
        let plan = query_plan(&store, &seen_of(2).0, 4).await;
        assert_eq!(searches(&plan, &["wanted"]), [""; 0], "{plan:#?}");
        let search = "SEARCH reports USING INDEX sqlite_autoindex_reports_1 \
                      (agent_key=? AND sha256=?)";
        assert!(plan.contains(&search.to_owned()), "{plan:#?}");
    }
}
