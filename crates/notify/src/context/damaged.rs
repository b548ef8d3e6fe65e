//! The variables of the **damaged** mail. Knows no template and no sentence.

use jiff::{Timestamp, Zoned};
use schemars::JsonSchema;
use serde::Serialize;
use vigie_domain::{ExpectedBackupJob, IntactCopies, ValidatedFault, ValidatedFile};

use super::{JobMailContext, Reader, Surroundings, seconds_between};

/// The longest text of an error.
const ERROR: usize = 500;

/// The longest path: it is told in full where file systems have such.
const PATH: usize = 1_000;

/// The variables of the **damaged** mail: a backup that was kept is not what it was any more.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DamagedContext {
    /// What every mail about a job has.
    #[serde(flatten)]
    pub of_job: JobMailContext,
    /// The backup that is damaged, as it was kept.
    pub file: KeptFileContext,
    /// What is wrong with it.
    pub fault: KeptFileFaultContext,
    /// When it was last found as it should be; null when something was wrong with it before.
    pub intact_at: Option<Zoned>,
    /// How many seconds before it was found damaged that was; null when `intact_at` is.
    pub intact_seconds: Option<u64>,
    /// Whether it has the content of the job's last good backup.
    pub is_last_good: bool,
    /// What is left of what was kept of the job.
    pub intact: IntactContext,
}

/// A backup in the validated tree, as it was kept.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct KeptFileContext {
    /// Where it is, below the validated tree.
    pub path: String,
    /// The size in bytes with which it was kept.
    pub size: u64,
    /// The SHA-256 of the content that was proven when it was kept.
    pub sha256: String,
    /// When it was kept.
    pub kept_at: Zoned,
    /// When it was last read, or looked for.
    pub checked_at: Zoned,
}

/// What is wrong with a kept backup.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct KeptFileFaultContext {
    /// `gone`, `not_regular`, `size_differs`, `content_differs` or `unreadable`.
    #[schemars(extend("enum" = ValidatedFault::CODES))]
    pub code: &'static str,
    /// What lies in its place; null for other codes.
    pub kind: Option<String>,
    /// The size in bytes that it has now; null for other codes.
    pub size: Option<u64>,
    /// The SHA-256 of what it holds now; null for other codes.
    pub sha256: Option<String>,
    /// The system's words; null for other codes.
    pub error: Option<String>,
}

/// The kept backups of a job that are as they should be, as far as is known.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct IntactContext {
    /// How many there are.
    pub count: u32,
    /// The one that was kept last; null when there is none.
    pub newest: Option<KeptFileContext>,
}

/// What is told of a kept backup that is damaged.
pub(super) struct Damage<'a> {
    pub(super) job: &'a ExpectedBackupJob,
    pub(super) file: &'a ValidatedFile,
    pub(super) intact_at: Option<Timestamp>,
    pub(super) others: &'a IntactCopies,
}

impl DamagedContext {
    pub(super) fn new(
        damage: &Damage<'_>,
        now: Timestamp,
        reader: &Reader,
        surroundings: &Surroundings,
    ) -> Self {
        let Damage {
            job,
            file,
            intact_at,
            others,
        } = damage;
        let until_found = |at| seconds_between(at, file.checked_at).unwrap_or_default();
        Self {
            of_job: JobMailContext::new(job, now, reader, surroundings),
            file: KeptFileContext::new(file, reader),
            fault: KeptFileFaultContext::new(file.fault.as_ref(), reader),
            intact_at: intact_at.map(|at| reader.at(at)),
            intact_seconds: intact_at.map(until_found),
            is_last_good: is_last_good(job, file),
            intact: IntactContext {
                count: others.count,
                newest: others
                    .newest
                    .as_ref()
                    .map(|file| KeptFileContext::new(file, reader)),
            },
        }
    }
}

fn is_last_good(job: &ExpectedBackupJob, file: &ValidatedFile) -> bool {
    let good = job.last_good.as_ref();
    good.is_some_and(|good| good.sha256 == file.sha256)
}

impl KeptFileContext {
    fn new(file: &ValidatedFile, reader: &Reader) -> Self {
        Self {
            path: reader.line(&file.path, PATH),
            size: file.size,
            sha256: file.sha256.to_string(),
            kept_at: reader.at(file.kept_at),
            checked_at: reader.at(file.checked_at),
        }
    }
}

impl KeptFileFaultContext {
    /// Of a file with no fault it would say that it is gone; no event is about such a one.
    fn new(fault: Option<&ValidatedFault>, reader: &Reader) -> Self {
        let fault = fault.unwrap_or(&ValidatedFault::Gone);
        let none = Self {
            code: fault.code(),
            kind: None,
            size: None,
            sha256: None,
            error: None,
        };
        match fault {
            ValidatedFault::Gone => none,
            ValidatedFault::NotRegular { kind } => Self {
                kind: Some(reader.name(kind)),
                ..none
            },
            ValidatedFault::SizeDiffers { size } => Self {
                size: Some(*size),
                ..none
            },
            ValidatedFault::ContentDiffers { sha256 } => Self {
                sha256: Some(sha256.to_string()),
                ..none
            },
            ValidatedFault::Unreadable { error } => Self {
                error: Some(reader.line(error, ERROR)),
                ..none
            },
        }
    }
}
