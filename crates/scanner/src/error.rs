//! What can go wrong in a scan, with the path it went wrong on.

use std::io;
use std::path::PathBuf;

use rustix::io::Errno;
use thiserror::Error;

use crate::StoreError;
use crate::watchdog::Stall;

/// Why a cycle could not be done. The next cycle tries again; nothing is lost by it.
#[derive(Debug, Error)]
pub enum ScanError {
    /// The deposit itself, or the validated tree, can't be used.
    #[error(transparent)]
    Deposit(#[from] DepositError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A file or folder that could not be used.
#[derive(Debug, Error)]
#[error("could not {doing} {}: {source}", path.display())]
pub struct DepositError {
    /// What was being done, as a verb: "list".
    pub doing: &'static str,
    /// To which path.
    pub path: PathBuf,
    /// The system's error.
    #[source]
    pub source: io::Error,
}

impl DepositError {
    /// Whether the machine lacked something for a moment, so that nothing is said about the file itself.
    pub(crate) fn is_passing(&self) -> bool {
        let passing = [
            Errno::MFILE,
            Errno::NFILE,
            Errno::NOMEM,
            Errno::AGAIN,
            Errno::STALE,
            Errno::TIMEDOUT,
        ];
        let is_passing = |error| passing.contains(&error);
        self.is_stall() || Errno::from_io_error(&self.source).is_some_and(is_passing)
    }

    /// Whether there was no answer at all.
    pub(crate) fn is_stall(&self) -> bool {
        let source = self.source.get_ref();
        source.is_some_and(<dyn std::error::Error + Send + Sync>::is::<Stall>)
    }

    pub(crate) fn stalled(doing: &'static str, path: impl Into<PathBuf>, stall: Stall) -> Self {
        let source = io::Error::new(io::ErrorKind::TimedOut, stall);
        Self::new(doing, path, source)
    }

    pub(crate) fn new(doing: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self {
            doing,
            path: path.into(),
            source,
        }
    }
}
