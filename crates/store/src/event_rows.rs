//! Events as rows. One that speaks of an entry that is kept too refers to it, as entries are long.

use jiff::Timestamp;
use serde::Serialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use vigie_domain::{DomainEvent, EventKind, ExpectedBackupJob, JobStatus, Warning};
use vigie_notify::is_news;

use crate::error::Fault;
use crate::job_rows::{json, parse};
use crate::many_rows::{self, Query};

/// An event, with the number of its entry when that is kept as a row of its own.
pub(crate) type NewEvent<'a> = (&'a DomainEvent, Option<i64>);

/// They get their numbers in this order. None of their entries is kept elsewhere.
pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    events: impl IntoIterator<Item = &DomainEvent>,
) -> Result<(), Fault> {
    let events: Vec<NewEvent> = events.into_iter().map(|event| (event, None)).collect();
    insert_all(connection, &events).await
}

/// They get their numbers in this order.
pub(crate) async fn insert_all(
    connection: &mut SqliteConnection,
    events: &[NewEvent<'_>],
) -> Result<(), Fault> {
    let statements = many_rows::chunks(events).map(insert_of);
    many_rows::execute_each(connection, statements).await?;
    Ok(())
}

fn insert_of<'q>(events: &[NewEvent<'_>]) -> Result<Query<'q>, Fault> {
    let insert = "INSERT INTO events (at, type, agent, database, status, event, entry_id, \
                  is_news) VALUES ";
    let mut query = sqlx::query(many_rows::statement(insert, 8, events.len(), ""));
    for (event, entry) in events {
        let text = match (entry, WithoutEntry::of(event)) {
            (Some(_), Some(without)) => json("event", &without)?,
            _ => json("event", event)?,
        };
        query = query
            .bind(event.at.as_microsecond())
            .bind(event.name())
            .bind(event.agent().to_string())
            .bind(event.job().map(|job| job.database.clone()))
            .bind(event.status())
            .bind(text)
            .bind(*entry)
            .bind(is_news(event));
    }
    Ok(query)
}

/// Reads the columns `event` and `event_entry`, which is the JSON of the entry that it refers to.
pub(crate) fn event_of(row: &SqliteRow) -> Result<DomainEvent, Fault> {
    let mut text: String = row.try_get("event")?;
    let entry: Option<String> = row.try_get("event_entry")?;
    if let Some(entry) = entry {
        // The event is an object with members before it.
        text.truncate(text.len().saturating_sub(1));
        text.push_str(",\"entry\":");
        text.push_str(&entry);
        text.push('}');
    }
    parse("event", text)
}

/// An event but for its entry.
#[derive(Serialize)]
struct WithoutEntry<'a> {
    at: Timestamp,
    #[serde(flatten)]
    kind: KindWithoutEntry<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum KindWithoutEntry<'a> {
    BackupRecorded {
        job: &'a ExpectedBackupJob,
    },
    JobDegraded {
        job: &'a ExpectedBackupJob,
        from: JobStatus,
    },
    JobRecovered {
        job: &'a ExpectedBackupJob,
        from: JobStatus,
        incident_since: Timestamp,
    },
    JobWarned {
        job: &'a ExpectedBackupJob,
        warnings: &'a [Warning],
    },
}

impl<'a> WithoutEntry<'a> {
    /// `None` for one that speaks of no entry.
    fn of(event: &'a DomainEvent) -> Option<Self> {
        let kind = match &event.kind {
            EventKind::BackupRecorded { job, .. } => KindWithoutEntry::BackupRecorded { job },
            EventKind::JobDegraded { job, from, .. } => {
                KindWithoutEntry::JobDegraded { job, from: *from }
            }
            EventKind::JobRecovered {
                job,
                from,
                incident_since,
                ..
            } => KindWithoutEntry::JobRecovered {
                job,
                from: *from,
                incident_since: *incident_since,
            },
            EventKind::JobWarned { job, warnings, .. } => {
                KindWithoutEntry::JobWarned { job, warnings }
            }
            EventKind::JobRegistered { .. }
            | EventKind::JobMissing { .. }
            | EventKind::JobDeactivated { .. }
            | EventKind::ValidatedFileDamaged { .. }
            | EventKind::ValidatedFileRestored { .. }
            | EventKind::ReportRejected { .. } => return None,
        };
        Some(Self { at: event.at, kind })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use jiff::tz::TimeZone;
    use sqlx::SqlitePool;
    use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
    use vigie_domain::{AgentId, BackupEntry, Finding, JobId, Report, Schedule, record_entry};
    use vigie_notify::{EventId, Ledger as _};

    use super::*;
    use crate::SqliteStore;

    const START: &str = "2025-06-19T00:00:00Z";

    /// What came of a failed backup of the job with the number 1.
    fn failed() -> Vec<DomainEvent> {
        let agent = AgentId::new("A_B_C").unwrap();
        let daily = Schedule::every(Duration::from_hours(24), Duration::ZERO).unwrap();
        let job =
            ExpectedBackupJob::new(JobId(1), agent.clone(), "X", daily, START.parse().unwrap());
        let report = br#"{"agent_id": "A_B_C", "operation_end_time": "2025-06-19T02:00:00",
            "databases": {"X": {"BACKUP": {"status": false, "error_message": "disk \"a\" full"}}}}"#;
        let report = Report::parse(report, &agent, &TimeZone::UTC).unwrap();
        let now = "2025-06-19T06:00:00Z".parse().unwrap();
        let (section, none) = (&report.databases[0], &Finding::NotNeeded);
        let entry = BackupEntry::judged(&job, "r.json", &report, section, none, now);
        record_entry(&job, &entry, now).events
    }

    /// A database as it was before events referred to entries. Of its events, the first was planned.
    async fn with_whole_events(path: &Path, events: &[DomainEvent]) {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true);
        let pool = SqlitePoolOptions::new()
            .connect_with(options)
            .await
            .unwrap();
        let mut migrator = sqlx::migrate!();
        let migrations = migrator.migrations.to_mut();
        migrations.retain(|migration| migration.version <= 10);
        migrator.run(&pool).await.unwrap();
        run(
            &pool,
            "INSERT INTO jobs (agent_key, agent, database, company, city, neighborhood, schedule, \
             recipients, active, declared, validated_folder, current_status, known_since, \
             covered_until) VALUES ('a_b_c', 'A_B_C', 'X', 'A', 'B', 'C', \
             '{\"every_seconds\":86400,\"grace_seconds\":7200}', '[]', 1, 1, 'x', 'OK', 0, 0)",
        )
        .await;
        for event in events {
            let insert = "INSERT INTO events (at, type, agent, database, status, event) \
                          VALUES (?, ?, 'A_B_C', 'X', ?, ?)";
            sqlx::query(insert)
                .bind(event.at.as_microsecond())
                .bind(event.name())
                .bind(event.status())
                .bind(json("event", event).unwrap())
                .execute(&pool)
                .await
                .unwrap();
        }
        run(&pool, "UPDATE consumers SET position = 1").await;
        run(
            &pool,
            "INSERT INTO incidents (job_id, opened_at, good_until, changes, reminders, event_id) \
             VALUES (1, 0, 0, '[]', 0, 1)",
        )
        .await;
        pool.close().await;
    }

    async fn run(pool: &SqlitePool, statement: &'static str) {
        sqlx::query(statement).execute(pool).await.unwrap();
    }

    #[tokio::test]
    async fn events_from_before_they_referred_to_entries_are_read_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vigie.db");
        let events = failed();
        assert_eq!(events.len(), 2, "{events:#?}");
        assert!(events.iter().all(|event| event.entry().is_some()));
        with_whole_events(&path, &events).await;
        let store = SqliteStore::open(&path).await.unwrap();
        let open = store.open_incidents(&[JobId(1)]).await.unwrap();
        assert_eq!(open[0].event, (EventId(1), events[0].clone()));
        // What nobody has planned yet is planned after the migration.
        let unplanned = store.unplanned_events(10).await.unwrap();
        assert_eq!(unplanned, [(EventId(2), events[1].clone())]);
    }
}
