//! A proven backup as it is kept in the validated tree, and what can become of it there. Touches no file
//! system.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{JobId, Sha256};

/// A store's number for a validated file. A file that is replaced by another of its name is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ValidatedFileId(pub i64);

/// A proven backup as it is kept in the validated tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidatedFile {
    /// The store's number for it.
    pub id: ValidatedFileId,
    /// The job that it is a backup of.
    pub job_id: JobId,
    /// Where it is, relative to the validated tree.
    pub path: String,
    /// The content that was proven when it was kept.
    pub sha256: Sha256,
    /// Its size in bytes.
    pub size: u64,
    /// When it was kept.
    pub kept_at: Timestamp,
    /// When its content was last looked at, here: when it was kept, or read again since.
    pub checked_at: Timestamp,
    /// What was wrong with it then; `None` when it was as it should be.
    pub fault: Option<ValidatedFault>,
}

/// What is wrong with a validated file. `Display` says it in English; templates translate by `code`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum ValidatedFault {
    /// There is nothing of that name any more.
    Gone,
    /// Something else lies in its place: a link, a directory, a pipe.
    NotRegular {
        /// What it is.
        kind: String,
    },
    /// It has another size.
    SizeDiffers {
        /// The size in bytes that it has.
        size: u64,
    },
    /// It has its size and other content.
    ContentDiffers {
        /// The SHA-256 of what it holds.
        sha256: Sha256,
    },
    /// It can't be read.
    Unreadable {
        /// The system's words.
        error: String,
    },
}

impl fmt::Display for ValidatedFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => formatter.write_str("the file is gone"),
            Self::NotRegular { kind } => {
                write!(formatter, "in its place is {kind}, not a regular file")
            }
            Self::SizeDiffers { size } => {
                write!(formatter, "the file has another size, of {size} bytes")
            }
            Self::ContentDiffers { .. } => {
                formatter.write_str("the file has its size, but other content")
            }
            Self::Unreadable { error } => write!(formatter, "the file can't be read: {error}"),
        }
    }
}
