//! What can go wrong with the database after it was opened.

use thiserror::Error;
use vigie_scanner::StoreError;

/// A call to the database that failed.
#[derive(Debug, Error)]
#[error("could not {doing}: {source}")]
pub struct QueryError {
    /// What was being done, as a verb and its object.
    pub doing: &'static str,
    /// The error under it.
    #[source]
    pub source: Fault,
}

/// The error under a failed call.
#[derive(Debug, Error)]
pub enum Fault {
    /// The database's own.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// A value that can't be read back: the file was written by something else.
    #[error("{column} holds {value:?}, which can't be read: {problem}")]
    Value {
        /// The column.
        column: &'static str,
        /// What stands there.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A value that can't be written.
    #[error("{0} can't be written as JSON: {1}")]
    Unwritable(&'static str, serde_json::Error),
}

impl QueryError {
    /// Whether the same call may go through later: another program was writing, or the disk was
    /// full or failed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match &self.source {
            Fault::Database(sqlx::Error::Database(error)) => {
                let code = error.code().and_then(|code| code.parse().ok());
                // Extended codes carry the primary one in their lowest byte.
                code.is_some_and(|code: u32| TRANSIENT.contains(&(code & 0xFF)))
            }
            Fault::Database(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut) => true,
            _ => false,
        }
    }
}

/// `SQLITE_BUSY`, `SQLITE_LOCKED`, `SQLITE_IOERR` and `SQLITE_FULL` (sqlite.org/rescode.html).
const TRANSIENT: [u32; 4] = [5, 6, 10, 13];

impl From<QueryError> for StoreError {
    fn from(error: QueryError) -> Self {
        Self {
            doing: error.doing,
            is_retryable: error.is_retryable(),
            source: Box::new(error.source),
        }
    }
}

/// Says what was being done when a call failed.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, QueryError>;
}

impl<T, E: Into<Fault>> Doing<T> for Result<T, E> {
    fn doing(self, doing: &'static str) -> Result<T, QueryError> {
        self.map_err(|error| QueryError {
            doing,
            source: error.into(),
        })
    }
}
