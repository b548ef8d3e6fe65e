//! A report (STATUS.json): what an agent says it did, for several databases. The types; how they
//! are read from bytes is in `parse`.

mod field;
mod kept;
mod limits;
mod parse;
mod surrogate;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use limits::ReportLimits;

use crate::{ProofNeeded, Sha256};

/// What an agent says it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// When the agent's run began.
    pub operation_started_at: Option<Timestamp>,
    /// When the agent's run ended. Reports of one agent apply in this order.
    pub operation_ended_at: Timestamp,
    /// What the agent says of its run as a whole.
    pub overall_status: Option<String>,
    /// One section for each database that the report speaks of, in the report's order.
    pub databases: Vec<DatabaseReport>,
}

/// What a report says of one database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DatabaseReport {
    /// The database, as the report names it.
    pub database: String,
    /// The bare name of the staged file, whatever path the agent gave.
    pub staged_file_name: Option<String>,
    /// What it says of each stage.
    pub stages: Stages,
    /// What it tells of the agent's log: the section's own words, else the report's.
    pub logs_summary: Option<String>,
    /// What could not be read in it. It spoils this database and no other.
    pub fault: Option<SectionFault>,
}

/// What could not be read in the section of one database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionFault {
    /// The field, as a path within the section; empty for the section as a whole.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

/// The three stages of an agent's backup, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stages {
    /// The dump of the database.
    pub backup: Stage,
    /// Its compression; the file of record is the compressed one.
    pub compress: Stage,
    /// Its way to the deposit.
    pub transfer: Stage,
}

/// What an agent says of one stage.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stage {
    /// Whether it succeeded; `None` when nothing is said.
    pub succeeded: Option<bool>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The SHA-256 of what it made.
    pub sha256: Option<Sha256>,
    /// The size in bytes of what it made.
    pub size: Option<u64>,
    /// The agent's words on it, mostly an error.
    pub message: Option<String>,
    /// How many attempts it took, the last included; `None` when nothing is said.
    #[serde(default)]
    pub attempts: Option<u32>,
}

/// The name of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StageName {
    /// The dump of the database.
    Backup,
    /// Its compression.
    Compress,
    /// Its way to the deposit.
    Transfer,
}

impl StageName {
    /// Every stage, in the order in which an agent goes through them.
    pub const ALL: [Self; 3] = [Self::Backup, Self::Compress, Self::Transfer];

    /// The name as it stands in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Backup => "BACKUP",
            Self::Compress => "COMPRESS",
            Self::Transfer => "TRANSFER",
        }
    }
}

impl fmt::Display for StageName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl Stages {
    /// The stage of this name.
    #[must_use]
    pub const fn get(&self, name: StageName) -> &Stage {
        match name {
            StageName::Backup => &self.backup,
            StageName::Compress => &self.compress,
            StageName::Transfer => &self.transfer,
        }
    }

    /// The agent's words on the first stage that failed.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        StageName::ALL
            .into_iter()
            .map(|name| self.get(name))
            .filter(|stage| stage.succeeded != Some(true))
            .find_map(|stage| stage.message.as_deref())
    }
}

impl DatabaseReport {
    /// The staged file that has to be looked at before this database can be judged; `None` when the
    /// report alone decides.
    #[must_use]
    pub fn proof_needed(&self) -> Option<ProofNeeded> {
        if crate::verdict::from_report_alone(self).is_some() {
            return None;
        }
        let Stages {
            backup, compress, ..
        } = &self.stages;
        // An agent that dumps and compresses in one step gives what it has of both for each of them, or
        // nothing of the dump, as 0.
        let raw_size = backup.size.filter(|size| *size > 0);
        Some(ProofNeeded {
            staged_file_name: self.staged_file_name.clone()?,
            size: compress.size,
            sha256: compress.sha256,
            raw_size: raw_size.filter(|_| backup.size != compress.size),
            raw_sha256: backup.sha256.filter(|_| backup.sha256 != compress.sha256),
        })
    }
}

/// Why a report can't be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportError {
    /// The field that is wrong; `None` when it is the file as a whole.
    pub field: Option<String>,
    /// What is wrong.
    pub problem: ReportProblem,
}

/// What is wrong with a report.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReportProblem {
    /// The file ends before the report does: it may still be being written.
    #[error("the file ends before the report does")]
    Incomplete,
    /// The file is no UTF-8.
    #[error("the file is no UTF-8: byte {byte:#04X} at offset {offset}")]
    NotUtf8 {
        /// The first byte that is wrong.
        byte: u8,
        /// Where it is, from the start of the file.
        offset: usize,
    },
    /// The file is no JSON.
    #[error("the file is no JSON: {0}")]
    NotJson(String),
    /// The field, or all of the report, has another type than it must have.
    #[error("is {found}, not {expected}")]
    WrongType {
        /// The type that it must have.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// The field is left out, or says nothing.
    #[error("is missing")]
    Missing,
    /// The field holds no instant.
    #[error("is {0:?}, which is no date and time")]
    NoTime(String),
    /// The report speaks for another agent than the one in whose folder it lies.
    #[error("is {found:?}, but the report lies in the folder of {folder:?}")]
    OtherAgent {
        /// The agent that the report names.
        found: String,
        /// The agent whose folder it is.
        folder: String,
    },
    /// Objects and arrays lie in each other more deeply than they may.
    #[error("the report is nested more deeply than the {0} levels that `report_max_depth` allows")]
    TooDeep(usize),
    /// The report names more databases than it may.
    #[error("names {count} databases, more than the {limit} that `report_max_databases` allows")]
    TooMany {
        /// How many it names.
        count: usize,
        /// How many it may name.
        limit: usize,
    },
    /// The name of a database is longer than it may be.
    #[error(
        "names a database with {bytes} bytes, more than the {limit} that `report_max_name` allows: \
         {start:?}…"
    )]
    NameTooLong {
        /// How the name begins.
        start: String,
        /// How long it is, in bytes.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// A path would leave the agent's folder.
    #[error("is {0:?}, a path that would leave the agent's folder")]
    LeavesFolder(String),
}

impl ReportError {
    /// Whether the report may be whole once its writer is done.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        self.problem == ReportProblem::Incomplete
    }
}

impl fmt::Display for ReportError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.field, &self.problem) {
            (Some(field), problem) => write!(formatter, "{field} {problem}"),
            (None, problem @ ReportProblem::WrongType { .. }) => {
                write!(formatter, "the report {problem}")
            }
            (None, problem) => problem.fmt(formatter),
        }
    }
}

impl std::error::Error for ReportError {}
