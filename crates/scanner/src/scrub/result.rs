//! What a scrub found and did. The keys are stable.

use serde::Serialize;
use vigie_domain::{AgentId, EventKind, ValidatedFault};

use super::store::{DueFile, JudgedCheck};

/// How many errors are kept; the others are counted.
const ERRORS: usize = 100;

/// What a scrub found and did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ScrubResult {
    /// How many files were looked at, and what was found of them kept.
    pub files_checked: u64,
    /// How many bytes were read.
    pub bytes_read: u64,
    /// How many bytes the files have that were begun, whether they had to be read or not.
    #[serde(skip)]
    pub bytes_begun: u64,
    /// The files that are not as they were kept, in the order in which they were looked at.
    pub damaged: Vec<DamagedFile>,
    /// The files that were not, and are again.
    pub restored: Vec<RestoredFile>,
    /// How many files were replaced or removed while they were looked at; the next scrub looks at those that are there.
    pub changed: u64,
    /// The files that the machine could not look at, at most 100 of them. Nothing is said about them.
    pub errors: Vec<FileError>,
    /// How many there are.
    pub failed: u64,
    /// How many files that were due were not looked at.
    pub files_left: u64,
    /// How many bytes these have.
    pub bytes_left: u64,
}

/// A kept backup that is not as it was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DamagedFile {
    /// The agent that made the backup.
    pub agent: AgentId,
    /// Its database.
    pub database: String,
    /// Where it is, relative to the validated tree.
    pub path: String,
    /// What is wrong.
    pub fault: ValidatedFault,
    /// The same as a sentence.
    pub reason: String,
    /// Whether nobody knew of it before.
    pub is_new: bool,
}

/// A kept backup that is as it was kept again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestoredFile {
    /// The agent that made the backup.
    pub agent: AgentId,
    /// Its database.
    pub database: String,
    /// Where it is, relative to the validated tree.
    pub path: String,
    /// What was wrong with it.
    pub fault: ValidatedFault,
}

/// A kept backup that the machine could not look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileError {
    /// The agent that made the backup.
    pub agent: AgentId,
    /// Its database.
    pub database: String,
    /// Where it is, relative to the validated tree.
    pub path: String,
    /// Why.
    pub error: String,
}

impl ScrubResult {
    /// Whether all that was due and begun was looked at, and is as it was kept.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damaged.is_empty() && self.failed == 0
    }

    pub(super) fn note_judged(&mut self, judged: JudgedCheck) {
        let JudgedCheck { job, file, event } = judged;
        let (agent, database, path) = (job.agent, job.database, file.path);
        if let Some(fault) = file.fault {
            self.damaged.push(DamagedFile {
                agent,
                database,
                path,
                reason: fault.to_string(),
                fault,
                is_new: event.is_some(),
            });
            return;
        }
        if let Some(EventKind::ValidatedFileRestored { fault, .. }) = event.map(|event| event.kind)
        {
            self.restored.push(RestoredFile {
                agent,
                database,
                path,
                fault,
            });
        }
    }

    pub(super) fn note_error(&mut self, due: DueFile, error: String) {
        self.failed += 1;
        if self.errors.len() < ERRORS {
            self.errors.push(FileError {
                agent: due.agent,
                database: due.database,
                path: due.file.path,
                error,
            });
        }
    }
}
