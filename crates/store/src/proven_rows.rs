//! The proven backups of jobs as a few columns of their entries. Knows no rule that compares them.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sqlx::{Row, SqlitePool};
use vigie_domain::{JobId, ProvenBackup};

use crate::error::Fault;
use crate::job_rows::json_of;

/// One row for each job, as each row has its price whatever it holds. The index `entries_proven` answers
/// it alone, and its condition is repeated here.
const LAST: &str = "SELECT jobs.value AS job_id, ( \
        SELECT json_group_array(json_array(ended_at, size, delay) ORDER BY id) FROM ( \
            SELECT id, ended_at, size, delay FROM entries \
            WHERE job_id = jobs.value AND size IS NOT NULL ORDER BY id DESC LIMIT ?)) AS backups \
    FROM json_each(?) AS jobs";

/// A backup as three numbers, instants and durations in microseconds.
type Numbers = (i64, u64, Option<i64>);

pub(crate) async fn last_of(
    pool: &SqlitePool,
    jobs: &[JobId],
    limit: u32,
) -> Result<HashMap<JobId, Vec<ProvenBackup>>, Fault> {
    let jobs: Vec<i64> = jobs.iter().map(|job| job.0).collect();
    let query = sqlx::query(LAST).bind(limit).bind(json!(jobs).to_string());
    let rows = query.fetch_all(pool).await?;
    rows.iter()
        .map(|row| {
            let backups: Vec<Numbers> = json_of(row, "backups")?;
            let backups: Result<_, Fault> = backups.into_iter().map(backup_of).collect();
            Ok((JobId(row.try_get("job_id")?), backups?))
        })
        .collect()
}

fn backup_of((ended_at, size, delay): Numbers) -> Result<ProvenBackup, Fault> {
    Ok(ProvenBackup {
        ended_at: Timestamp::from_microsecond(ended_at).map_err(|error| Fault::Value {
            column: "ended_at",
            value: ended_at.to_string(),
            problem: error.to_string(),
        })?,
        size,
        delay: delay.map(SignedDuration::from_micros),
    })
}

/// The values of the columns `ended_at`, `size` and `delay`.
pub(crate) fn columns_of(proven: Option<&ProvenBackup>) -> (Option<i64>, Option<i64>, Option<i64>) {
    let delay = proven.and_then(|backup| i64::try_from(backup.delay?.as_micros()).ok());
    (
        proven.map(|backup| backup.ended_at.as_microsecond()),
        proven.and_then(|backup| i64::try_from(backup.size).ok()),
        delay,
    )
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
    use vigie_domain::SameContent;

    use super::*;
    use crate::SqliteStore;
    use crate::query_plan::{query_plan, searches};

    #[tokio::test]
    async fn earlier_backups_are_read_from_an_index_and_from_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("vigie.db"))
            .await
            .unwrap();
        let plan = query_plan(&store, LAST, 2).await;
        let search = "SEARCH entries USING COVERING INDEX entries_proven (job_id=?)";
        assert!(plan.iter().any(|step| step == search), "{plan:#?}");
        // The inner query's rows are as few as its limit.
        let inner = "(subquery-1)";
        assert_eq!(searches(&plan, &[inner]), [""; 0], "{plan:#?}");
    }

    /// A database before there were warnings, with backups of these statuses and contents.
    async fn before_warnings(path: &std::path::Path, entries: &[(&str, &str, bool)]) {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true);
        let pool = SqlitePoolOptions::new()
            .connect_with(options)
            .await
            .unwrap();
        let mut migrator = sqlx::migrate!();
        migrator
            .migrations
            .to_mut()
            .retain(|migration| migration.version < 7);
        migrator.run(&pool).await.unwrap();
        let job = "INSERT INTO jobs (agent_key, agent, database, company, city, neighborhood, \
                   schedule, recipients, active, declared, validated_folder, current_status, \
                   known_since, covered_until) VALUES ('a_b_c', 'A_B_C', 'X', 'A', 'B', 'C', \
                   '{\"every_seconds\":86400,\"grace_seconds\":7200}', '[]', 1, 1, 'x', 'OK', 0, 0)";
        sqlx::query(job).execute(&pool).await.unwrap();
        let report = "INSERT INTO reports (agent_key, sha256, agent, file_name, received_at, retry) \
                      VALUES ('a_b_c', '', 'A_B_C', 'r.json', 0, '[]')";
        sqlx::query(report).execute(&pool).await.unwrap();
        for (ended_at, status, unchanged) in entries {
            let entry = json!({
                "operation_ended_at": ended_at, "actual_size": 7, "unchanged": unchanged,
            });
            let insert = "INSERT INTO entries (job_id, report_id, recorded_at, status, entry) \
                          VALUES (1, 1, unixepoch('2025-06-23T02:00:00Z') * 1000000, ?, ?)";
            sqlx::query(insert)
                .bind(status)
                .bind(entry.to_string())
                .execute(&pool)
                .await
                .unwrap();
        }
        pool.close().await;
    }

    #[tokio::test]
    async fn what_was_recorded_before_there_were_warnings_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vigie.db");
        let entries = [
            ("2025-06-19T01:00:00.123456Z", "SUCCESS", false),
            ("2025-06-20T01:00:00Z", "SUCCESS", false),
            ("2025-06-21T01:00:00Z", "HASH_MISMATCH", false),
            ("2025-06-22T01:00:00Z", "SUCCESS", true),
            ("2045-06-23T01:00:00Z", "SUCCESS", true),
        ];
        before_warnings(&path, &entries).await;
        let store = SqliteStore::open(&path).await.unwrap();
        let job = store.jobs_of_database("X", None).await.unwrap().remove(0);
        let since = "2025-06-20T01:00:00Z".parse().unwrap();
        assert_eq!(job.same_content, Some(SameContent { since, backups: 3 }));
        assert_eq!(job.warnings, []);
        assert_eq!(job.warning_settings, None);
        let past = last_of(&store.pool, &[job.id], 3).await.unwrap();
        let ended: Vec<String> = past[&job.id]
            .iter()
            .map(|backup| backup.ended_at.to_string())
            .collect();
        // An agent's clock that ran ahead is not believed.
        assert_eq!(
            ended,
            [
                "2025-06-20T01:00:00Z",
                "2025-06-22T01:00:00Z",
                "2025-06-23T02:00:00Z"
            ]
        );
        assert!(past[&job.id].iter().all(|backup| backup.size == 7));
    }
}
