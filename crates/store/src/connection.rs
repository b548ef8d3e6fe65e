//! Opens the database and brings its tables up to date. Knows no table.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::migrate::MigrateError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use thiserror::Error;

/// How long to wait for another process that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// One is written through; others read beside it.
const CONNECTIONS: u32 = 4;

/// The store of jobs, entries, events and mails on SQLite.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    pub(crate) pool: SqlitePool,
}

/// Why a database could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The file can't be opened or made.
    #[error("could not open the database {}: {source}; check that its folder exists and can be written to", path.display())]
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

impl SqliteStore {
    /// Opens the database in this file, and makes it when it is not there.
    ///
    /// # Errors
    ///
    /// When the file can't be opened or made, or its tables are of a newer version.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // What was committed has to survive a power cut too: a mail may have gone out for it.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .connect_with(options)
            .await
            .map_err(|source| OpenError::Open {
                path: path.to_owned(),
                source,
            })?;
        sqlx::migrate!()
            .run(&pool)
            .await
            .map_err(|source| OpenError::Migrate {
                path: path.to_owned(),
                source,
            })?;
        Ok(Self { pool })
    }

    /// Closes the database once every call is done.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// A transaction that may write, so it waits for other writers now and not in the middle.
    pub(crate) async fn begin(
        &self,
    ) -> Result<sqlx::Transaction<'static, sqlx::Sqlite>, sqlx::Error> {
        self.pool.begin_with("BEGIN IMMEDIATE").await
    }
}
