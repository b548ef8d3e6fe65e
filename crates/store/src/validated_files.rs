//! The copies in the validated tree as rows. Touches none of them.

use std::collections::{BTreeMap, HashMap};

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, SqliteConnection};
use vigie_domain::{JobId, ValidatedFile, ValidatedFileId};
use vigie_scanner::JobMove;

use crate::error::Fault;
use crate::job_rows::{instant_of, optional_json_of, word_of};
use crate::many_rows;

/// Of entries that had another copy at one of these paths there is none any more. Left to itself, SQLite
/// could walk over all copies.
const REPLACED: [&str; 2] = [
    "WITH new (job_id, path, sha256) AS (VALUES ",
    ") DELETE FROM validated_files WHERE id IN (SELECT validated_files.id FROM new \
     CROSS JOIN validated_files ON validated_files.path = new.path \
     WHERE (validated_files.job_id, validated_files.sha256) <> (new.job_id, new.sha256))",
];

/// A row for each new copy, whose id is given back by its path. One of the same content that stood there
/// before is the same: the entries that had it have it still.
const INSERT: [&str; 2] = [
    "INSERT INTO validated_files (job_id, path, sha256, size, kept_at, checked_at) VALUES ",
    " ON CONFLICT (path) DO UPDATE SET size = excluded.size, kept_at = excluded.kept_at, \
     checked_at = excluded.checked_at, fault = NULL, removing_since = NULL RETURNING id, path",
];

/// The numbers of new copies, by their paths.
pub(crate) type NewFiles<'a> = HashMap<&'a str, ValidatedFileId>;

/// Keeps the copies that these moves made.
pub(crate) async fn insert<'a>(
    connection: &mut SqliteConnection,
    moves: impl Iterator<Item = &'a JobMove>,
) -> Result<NewFiles<'a>, Fault> {
    // Of a path that stands there twice the last one counts.
    let new: BTreeMap<&str, &JobMove> = moves
        .filter(|moved| moved.standing.is_none())
        .filter_map(|moved| Some((moved.entry.validated_path.as_deref()?, moved)))
        .collect();
    let rows: Vec<(&str, &JobMove)> = new.into_iter().collect();
    let mut ids = HashMap::with_capacity(rows.len());
    for rows in many_rows::chunks(&rows) {
        let mut query = sqlx::query(statement(REPLACED, 3, rows.len()));
        for (path, JobMove { entry, .. }) in rows {
            query = query
                .bind(entry.job_id.0)
                .bind(*path)
                .bind(entry.actual_sha256.map(|sha256| sha256.to_string()));
        }
        query.execute(&mut *connection).await?;
        let mut query = sqlx::query(statement(INSERT, 6, rows.len()));
        for (path, JobMove { entry, .. }) in rows {
            let at = entry.recorded_at.as_microsecond();
            query = query
                .bind(entry.job_id.0)
                .bind(*path)
                .bind(entry.actual_sha256.map(|sha256| sha256.to_string()))
                .bind(entry.actual_size.and_then(|size| i64::try_from(size).ok()))
                .bind(at)
                .bind(at);
        }
        let kept: Vec<(i64, String)> = query
            .fetch_all(&mut *connection)
            .await?
            .iter()
            .map(|row| Ok((row.try_get("id")?, row.try_get("path")?)))
            .collect::<Result<_, Fault>>()?;
        let paths: HashMap<&str, &'a str> = rows.iter().map(|(path, _)| (*path, *path)).collect();
        for (id, path) in kept {
            if let Some(path) = paths.get(&*path) {
                ids.insert(*path, ValidatedFileId(id));
            }
        }
    }
    Ok(ids)
}

fn statement([before, after]: [&str; 2], columns: usize, rows: usize) -> AssertSqlSafe<String> {
    many_rows::statement(before, columns, rows, after)
}

/// The copy that stands for the entry of this move.
pub(crate) fn of_move(new: &NewFiles<'_>, moved: &JobMove) -> Option<ValidatedFileId> {
    let path = moved.entry.validated_path.as_deref()?;
    moved.standing.or_else(|| new.get(path).copied())
}

/// What [`file_of`] reads, beside columns of other tables.
pub(crate) const COLUMNS: &str = "validated_files.id AS file_id, \
    validated_files.job_id AS file_job_id, validated_files.path, validated_files.sha256 AS file_sha256, \
    validated_files.size AS file_size, kept_at, checked_at, fault";

/// Reads [`COLUMNS`].
pub(crate) fn file_of(row: &SqliteRow) -> Result<ValidatedFile, Fault> {
    Ok(ValidatedFile {
        id: ValidatedFileId(row.try_get("file_id")?),
        job_id: JobId(row.try_get("file_job_id")?),
        path: row.try_get("path")?,
        sha256: word_of(row, "file_sha256")?,
        size: row.try_get("file_size")?,
        kept_at: instant_of(row, "kept_at")?,
        checked_at: instant_of(row, "checked_at")?,
        fault: optional_json_of(row, "fault")?,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use jiff::tz::TimeZone;
    use serde_json::json;
    use sqlx::SqlitePool;
    use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
    use vigie_domain::{
        AgentId, BackupEntry, DatabaseReport, Finding, Report, Schedule, Sha256, record_entry,
    };
    use vigie_scanner::{
        KnownJob, PruneStore as _, ReportCommit, ReportRecord, Store as _, StoreError,
        UndeclaredDatabase,
    };

    use super::*;
    use crate::SqliteStore;

    const NOW: &str = "2025-06-19T06:00:00Z";

    async fn open(path: &Path) -> SqliteStore {
        SqliteStore::open(path).await.unwrap()
    }

    fn agent() -> AgentId {
        AgentId::new("A_B_C").unwrap()
    }

    async fn known(store: &SqliteStore) -> KnownJob {
        store.jobs_of_agents(&[agent()]).await.unwrap().remove(0)
    }

    /// Commits a good backup of this content, kept at this path.
    async fn keep(
        store: &SqliteStore,
        content: u8,
        path: &str,
        standing: Option<ValidatedFileId>,
    ) -> Result<(), StoreError> {
        let job = known(store).await.job;
        let report = Report::parse(
            br#"{"agent_id": "A_B_C", "operation_end_time": "2025-06-19T02:00:00", "databases": {}}"#,
            &agent(),
            &TimeZone::UTC,
        );
        let now = NOW.parse().unwrap();
        let (section, finding) = (
            DatabaseReport::default(),
            Finding::Measured {
                size: 7,
                sha256: Some(Sha256::from([content; 32])),
                content: None,
            },
        );
        let report = report.unwrap();
        let mut entry = BackupEntry::judged(&job, "r.json", &report, &section, &finding, now);
        entry.validated_path = Some(path.to_owned());
        let moved = JobMove {
            job: record_entry(&job, &entry, now).job,
            entry,
            proven: None,
            proven_file: None,
            standing,
        };
        let report = ReportRecord {
            agent: agent(),
            file_name: "r.json".to_owned(),
            sha256: Sha256::from([content; 32]),
            operation_ended_at: None,
            received_at: now,
            rejection: None,
            retry: Vec::new(),
        };
        let commit = ReportCommit {
            report,
            moves: vec![moved],
            events: Vec::new(),
        };
        store.commit_reports(&[commit]).await
    }

    /// The copy of each entry, from the first to the last.
    async fn copies_of_entries(pool: &SqlitePool) -> Vec<Option<i64>> {
        let select = "SELECT validated_file_id FROM entries ORDER BY id";
        sqlx::query_scalar(select).fetch_all(pool).await.unwrap()
    }

    async fn with_a_job(folder: &tempfile::TempDir) -> SqliteStore {
        let store = open(&folder.path().join("vigie.db")).await;
        let schedule = Schedule::every(Duration::from_hours(24), Duration::ZERO).unwrap();
        let database = UndeclaredDatabase {
            agent: agent(),
            database: "X".to_owned(),
        };
        let now = NOW.parse().unwrap();
        let registered = store.register_jobs(&[database], &schedule, now).await;
        registered.unwrap();
        store
    }

    #[tokio::test]
    async fn a_job_is_known_with_the_copy_that_was_kept_last() {
        let folder = tempfile::tempdir().unwrap();
        let store = with_a_job(&folder).await;
        assert_eq!(known(&store).await.validated_file, None);
        keep(&store, 1, "A/X/1.zst", None).await.unwrap();
        keep(&store, 2, "A/X/2.zst", None).await.unwrap();
        let last = known(&store).await.validated_file.unwrap();
        assert_eq!((&*last.path, last.size), ("A/X/2.zst", 7));
        assert_eq!(last.sha256, Sha256::from([2; 32]));
        assert_eq!(last.checked_at, NOW.parse().unwrap());
        // One more backup of the same content has the same copy.
        keep(&store, 2, "A/X/2.zst", Some(last.id)).await.unwrap();
        assert_eq!(known(&store).await.validated_file, Some(last));
        assert_eq!(
            copies_of_entries(&store.pool).await,
            [Some(1), Some(2), Some(2)]
        );
    }

    #[tokio::test]
    async fn a_copy_in_the_place_of_another_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let store = with_a_job(&folder).await;
        keep(&store, 1, "A/X/X.zst", None).await.unwrap();
        let first = known(&store).await.validated_file.unwrap();
        keep(&store, 2, "A/X/X.zst", None).await.unwrap();
        let second = known(&store).await.validated_file.unwrap();
        assert_ne!(first.id, second.id);
        assert_eq!(
            copies_of_entries(&store.pool).await,
            [None, Some(second.id.0)]
        );
    }

    #[tokio::test]
    async fn a_copy_of_the_same_content_at_the_same_path_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let store = with_a_job(&folder).await;
        keep(&store, 1, "A/X/1.zst", None).await.unwrap();
        let first = known(&store).await.validated_file.unwrap();
        keep(&store, 2, "A/X/2.zst", None).await.unwrap();
        store
            .begin_removal(&[first.id], NOW.parse().unwrap())
            .await
            .unwrap();
        // It is there again, and so is not to be removed any more.
        keep(&store, 1, "A/X/1.zst", None).await.unwrap();
        let ids = copies_of_entries(&store.pool).await;
        assert_eq!(ids, [Some(1), Some(2), Some(1)]);
        let kept = store.versions_of_jobs(&[first.job_id]).await.unwrap();
        assert!(kept.iter().all(|version| !version.is_being_removed));
    }

    #[tokio::test]
    async fn a_copy_that_is_being_removed_stands_for_nothing_new() {
        let folder = tempfile::tempdir().unwrap();
        let store = with_a_job(&folder).await;
        keep(&store, 1, "A/X/1.zst", None).await.unwrap();
        let file = known(&store).await.validated_file.unwrap();
        store
            .begin_removal(&[file.id], NOW.parse().unwrap())
            .await
            .unwrap();
        assert_eq!(known(&store).await.validated_file, None);
    }

    #[tokio::test]
    async fn of_a_copy_that_is_known_to_be_damaged_nothing_is_expected() {
        let folder = tempfile::tempdir().unwrap();
        let store = with_a_job(&folder).await;
        keep(&store, 1, "A/X/X.zst", None).await.unwrap();
        let damage = r#"UPDATE validated_files SET fault = '{"code":"gone"}'"#;
        sqlx::query(damage).execute(&store.pool).await.unwrap_err();
        let mut transaction = store.begin().await.unwrap();
        sqlx::query(damage)
            .execute(&mut *transaction)
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(known(&store).await.validated_file, None);
    }

    /// A database before there were rows for copies, with entries of these statuses, paths and contents.
    async fn before_copies(path: &Path, entries: &[(&str, Option<&str>, u8)]) {
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
            .retain(|migration| migration.version <= 12);
        migrator.run(&pool).await.unwrap();
        let job = "INSERT INTO jobs (agent_key, agent, database, company, city, neighborhood, \
                   schedule, recipients, active, declared, validated_folder, current_status, \
                   known_since, covered_until) VALUES ('a_b_c', 'A_B_C', 'X', 'A', 'B', 'C', \
                   '{\"every_seconds\":86400,\"grace_seconds\":7200}', '[]', 1, 1, 'x', 'OK', 0, 0)";
        sqlx::query(job).execute(&pool).await.unwrap();
        let report = "INSERT INTO reports (agent_key, sha256, agent, file_name, received_at, retry) \
                      VALUES ('a_b_c', '', 'A_B_C', 'r.json', 0, '[]')";
        sqlx::query(report).execute(&pool).await.unwrap();
        for (status, path, content) in entries {
            let entry = json!({
                "validated_path": path,
                "actual_size": 7,
                "actual_sha256": Sha256::from([*content; 32]),
            });
            let insert = "INSERT INTO entries (job_id, report_id, recorded_at, status, entry) \
                          VALUES (1, 1, 1000000, ?, ?)";
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
    async fn copies_from_before_they_had_rows_are_known() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vigie.db");
        let entries = [
            ("SUCCESS", Some("x/X.zst"), 1),
            ("SUCCESS", Some("x/X.zst"), 2),
            ("FAILED", None, 3),
            ("SUCCESS", Some("x/X.zst"), 2),
            ("SUCCESS", None, 4),
        ];
        before_copies(&path, &entries).await;
        let store = open(&path).await;
        let copy = known(&store).await.validated_file.unwrap();
        assert_eq!((&*copy.path, copy.size), ("x/X.zst", 7));
        assert_eq!(copy.sha256, Sha256::from([2; 32]));
        assert_eq!(copy.kept_at, "1970-01-01T00:00:01Z".parse().unwrap());
        let expected = [None, Some(copy.id.0), None, Some(copy.id.0), None];
        assert_eq!(copies_of_entries(&store.pool).await, expected);
    }
}
