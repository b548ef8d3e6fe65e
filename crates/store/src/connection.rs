//! Opens the database and brings its tables up to date. Knows no table.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection, SqlitePool};
use thiserror::Error;
use tokio::time::sleep;

/// How long to wait for another process that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// The code for a database that somebody else has locked (sqlite.org/rescode.html).
const SQLITE_BUSY: &str = "5";

/// How many read at once. They see what was last committed, whatever is being written.
const READERS: u32 = 3;

/// The store of jobs, entries, events and mails on SQLite.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    /// For reading.
    pub(crate) pool: SqlitePool,
    /// For writing: one connection, which is waited for in turn. With more of them SQLite would have
    /// each sleep and look again, and read anew what another one wrote.
    pub(crate) writer: SqlitePool,
}

/// Why a database could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The file can't be opened or made.
    #[error("could not open the database {}: {source}; check that its folder exists and can be written to, and that the file is a database of this program", path.display())]
    Open {
        /// The database's file.
        path: PathBuf,
        /// The database's own error.
        #[source]
        source: sqlx::Error,
    },
    /// The tables can't be brought up to date.
    #[error("could not bring the tables of {} up to date: {source}; it may belong to a newer version of this program", path.display())]
    Migrate {
        /// The database's file.
        path: PathBuf,
        /// The database's own error.
        #[source]
        source: MigrateError,
    },
}

impl OpenError {
    /// Whether another program that makes the same database may be the cause.
    fn may_be_a_race(&self) -> bool {
        match self {
            // SQLite does not wait for others when it changes how a file is written.
            Self::Open {
                source: sqlx::Error::Database(error),
                ..
            } => error.code().is_some_and(|code| code == SQLITE_BUSY),
            Self::Migrate { source, .. } => matches!(
                source,
                MigrateError::Execute(_) | MigrateError::ExecuteMigration(..)
            ),
            Self::Open { .. } => false,
        }
    }
}

/// When the disk is full SQLite ends the transaction by itself, which the connection does not
/// learn: it would refuse every transaction from then on.
async fn is_reusable(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // Rolls back what was left open.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

async fn pool(connections: u32, options: SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .after_release(|connection, _| Box::pin(is_reusable(connection)))
        .connect_with(options)
        .await
}

impl SqliteStore {
    /// Opens the database in this file, and makes it when it is not there.
    ///
    /// # Errors
    ///
    /// When the file can't be opened or made, or its tables are of a newer version.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        Self::connect(path).await
    }

    /// Programs that start on a new database at once get in each other's way while it is made; the
    /// slower one finds it ready when it looks again.
    async fn connect(path: &Path) -> Result<Self, OpenError> {
        const ATTEMPTS: u32 = 50;
        for _ in 1..ATTEMPTS {
            match Self::try_connect(path).await {
                Err(error) if error.may_be_a_race() => sleep(Duration::from_millis(100)).await,
                done => return done,
            }
        }
        Self::try_connect(path).await
    }

    async fn try_connect(path: &Path) -> Result<Self, OpenError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // What was committed has to survive a power cut too: a mail may have gone out for it.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true);
        let failed = |source| OpenError::Open {
            path: path.to_owned(),
            source,
        };
        let writer = pool(1, options.clone()).await.map_err(failed)?;
        let migrated = sqlx::migrate!().run(&writer).await;
        migrated.map_err(|source| OpenError::Migrate {
            path: path.to_owned(),
            source,
        })?;
        let options = options.pragma("query_only", "ON");
        let pool = pool(READERS, options).await.map_err(failed)?;
        Ok(Self { pool, writer })
    }

    /// Closes the database once every call is done.
    pub async fn close(&self) {
        self.pool.close().await;
        // Last, so that what is in the log gets into the file.
        self.writer.close().await;
    }

    /// A transaction that may write, so it waits for other programs that write now and not in the middle.
    pub(crate) async fn begin(
        &self,
    ) -> Result<sqlx::Transaction<'static, sqlx::Sqlite>, sqlx::Error> {
        self.writer.begin_with("BEGIN IMMEDIATE").await
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use vigie_domain::{
        AgentId, DomainEvent, EventKind, ExpectedBackupJob, JobId, JobStatus, Schedule,
    };
    use vigie_notify::{EventId, Lease, Ledger, Outbox};
    use vigie_scanner::{Store, UndeclaredDatabase};

    use super::*;

    #[tokio::test]
    async fn a_disk_that_was_full_is_written_to_again_once_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("vigie.db"))
            .await
            .unwrap();
        let agent = AgentId::new("A_B_C").unwrap();
        let daily = Schedule::every(Duration::from_hours(24), Duration::ZERO).unwrap();
        let large = [UndeclaredDatabase {
            agent,
            database: "x".repeat(10_000_000),
        }];
        let register = || store.register_jobs(&large, &daily, Timestamp::UNIX_EPOCH);
        // The limit is that of the one connection; the one that takes its place has none.
        let limit = "PRAGMA max_page_count = 500";
        sqlx::query(limit).execute(&store.writer).await.unwrap();
        let Err(error) = register().await else {
            panic!("there was room");
        };
        assert!(error.is_retryable, "{error}");
        assert!(error.to_string().contains("full"), "{error}");
        assert_eq!(register().await.unwrap().len(), 1);
    }

    fn missing_event() -> DomainEvent {
        let daily = Schedule::every(Duration::from_hours(24), Duration::ZERO).unwrap();
        let agent = AgentId::new("A_B_C").unwrap();
        let mut job = ExpectedBackupJob::new(JobId(1), agent, "X", daily, Timestamp::UNIX_EPOCH);
        let at = "2025-06-20T02:20:00Z".parse().unwrap();
        job.incident_since = Some(at);
        job.current_status = JobStatus::Missing;
        let kind = EventKind::JobMissing {
            job: Box::new(job),
            from: JobStatus::Ok,
            expected_at: at,
            deadline_at: at,
        };
        DomainEvent { at, kind }
    }

    /// A database as the first version left it: a job in an incident, and of its alert a mail that waits, one that was sent and one that was
    /// refused.
    async fn first_version(path: &Path) {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true);
        let pool = SqlitePoolOptions::new()
            .connect_with(options)
            .await
            .unwrap();
        let mut migrator = sqlx::migrate!();
        migrator.migrations.to_mut().truncate(1);
        migrator.run(&pool).await.unwrap();
        let event = missing_event();
        let job = "INSERT INTO jobs (agent_key, agent, database, company, city, neighborhood, \
                   schedule, recipients, active, declared, validated_folder, current_status, \
                   known_since, covered_until, incident_since) \
                   VALUES ('a_b_c', 'A_B_C', 'X', 'A', 'B', 'C', ?, '[]', 1, 1, 'x', 'MISSING', \
                   0, 0, ?)";
        sqlx::query(job)
            .bind(serde_json::to_string(&event.job().unwrap().schedule).unwrap())
            .bind(event.at.as_microsecond())
            .execute(&pool)
            .await
            .unwrap();
        let insert = "INSERT INTO events (at, type, agent, database, event) \
                      VALUES (?, 'JobMissing', 'A_B_C', 'X', ?)";
        sqlx::query(insert)
            .bind(event.at.as_microsecond())
            .bind(serde_json::to_string(&event).unwrap())
            .execute(&pool)
            .await
            .unwrap();
        let planned = "UPDATE consumers SET position = 1";
        sqlx::query(planned).execute(&pool).await.unwrap();
        for (state, error) in [
            ("waiting", Some("451 later")),
            ("sent", None),
            ("dead", Some("550")),
        ] {
            let mail = serde_json::json!({
                "message_id": format!("<{state}@example.com>"),
                "date": "2025-06-20T02:20:00Z",
                "from": "vigie@example.com",
                "to": "Ops <Ops@example.com>",
                "subject": state,
                "text": "",
                "html": "",
                "urgent": false,
            });
            let insert = "INSERT INTO deliveries (event_id, recipient, message_id, mail, state, \
                          attempts, last_attempt_at, last_error) VALUES (1, ?, ?, ?, ?, 2, ?, ?)";
            sqlx::query(insert)
                .bind("Ops <Ops@example.com>")
                .bind(format!("<{state}@example.com>"))
                .bind(mail.to_string())
                .bind(state)
                .bind(1_750_386_060_000_000_i64)
                .bind(error)
                .execute(&pool)
                .await
                .unwrap();
        }
        pool.close().await;
    }

    #[tokio::test]
    async fn mails_of_the_first_version_are_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vigie.db");
        first_version(&path).await;
        let store = SqliteStore::open(&path).await.unwrap();
        let backlog = store.backlog().await.unwrap();
        assert_eq!(backlog.waiting, 1);
        assert_eq!(
            backlog.oldest_planned_at,
            "2025-06-20T02:20:00Z".parse().ok()
        );
        let lease = Lease {
            holder: "a".to_owned(),
            until: "2025-06-20T04:00:00Z".parse().unwrap(),
        };
        let now = "2025-06-20T03:00:00Z".parse().unwrap();
        let claimed = store.claim(now, &lease, &[], 10).await.unwrap();
        assert_eq!((claimed.len(), claimed[0].attempts), (1, 2));
        assert_eq!(claimed[0].mail.message_id, "<waiting@example.com>");
        let dead = store
            .untold_dead(Timestamp::MIN, Timestamp::MAX, 10)
            .await
            .unwrap();
        assert_eq!(dead.len(), 1);
        assert_eq!(dead[0].others, [""; 0]);
        // Addresses are compared without their names.
        let addresses = "SELECT DISTINCT recipient FROM deliveries";
        let addresses: Vec<String> = sqlx::query_scalar(addresses)
            .fetch_all(&store.pool)
            .await
            .unwrap();
        assert_eq!(addresses, ["ops@example.com"]);
        // The incident goes on, with those who know of it.
        let open = store.open_incidents(&[JobId(1)]).await.unwrap();
        assert_eq!(open.len(), 1);
        assert_eq!(open[0].told, ["Ops <Ops@example.com>"]);
        assert_eq!(open[0].event, (EventId(1), missing_event()));
        let incident = &open[0].incident;
        assert_eq!(incident.opened_at, missing_event().at);
        assert_eq!(incident.good_until, Timestamp::UNIX_EPOCH);
        assert_eq!(incident.changes[0].status, JobStatus::Missing);
    }

    #[tokio::test]
    async fn programs_that_start_on_a_new_database_at_once_share_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vigie.db");
        let opened = (0..16).map(|_| {
            let path = path.clone();
            tokio::spawn(async move { SqliteStore::open(&path).await.map(drop) })
        });
        for opened in opened.collect::<Vec<_>>() {
            opened.await.unwrap().unwrap();
        }
    }
}
