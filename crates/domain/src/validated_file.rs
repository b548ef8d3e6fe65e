//! A proven backup as it is kept in the validated tree, what can become of it there, and what a look at it
//! makes of that. Touches no file system.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{DomainEvent, EventKind, ExpectedBackupJob, JobId, Sha256};

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

/// The kept backups of a job that are as they should be, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IntactCopies {
    /// How many there are.
    pub count: u32,
    /// The one that was kept last.
    pub newest: Option<ValidatedFile>,
}

/// What a look at a kept backup makes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedFile {
    /// The kept backup as it is known from now on.
    pub file: ValidatedFile,
    /// That it is damaged, or as it should be again, when that is news.
    pub event: Option<DomainEvent>,
}

/// Judges what was found of a kept backup at `now`: `None` when it is as it was kept.
///
/// News is a fault where there was none, one of another [`code`](ValidatedFault::code) than before, and that
/// there is none any more. A dying disk that gives other bytes at each reading is told of once.
///
/// `others` are the intact copies of the job beside this one.
///
/// ```
/// use std::time::Duration;
/// use vigie_domain::{
///     AgentId, ExpectedBackupJob, IntactCopies, JobId, Schedule, Sha256, ValidatedFault, ValidatedFile,
///     ValidatedFileId, record_check,
/// };
///
/// let (kept_at, now) = ("2025-06-01T01:00:00Z".parse()?, "2025-07-01T01:00:00Z".parse()?);
/// let schedule = Schedule::every(Duration::from_secs(24 * 3600), Duration::ZERO)?;
/// let job = ExpectedBackupJob::new(JobId(1), AgentId::new("A_B_C")?, "X", schedule, kept_at);
/// let file = ValidatedFile {
///     id: ValidatedFileId(1),
///     job_id: job.id,
///     path: "A/B/C/X/X.zst".to_owned(),
///     sha256: Sha256::from([1; 32]),
///     size: 7,
///     kept_at,
///     checked_at: kept_at,
///     fault: None,
/// };
/// let gone = record_check(&job, &file, Some(ValidatedFault::Gone), now, IntactCopies::default());
/// assert_eq!(gone.event.map(|event| event.name()), Some("ValidatedFileDamaged"));
/// let still = record_check(&job, &gone.file, Some(ValidatedFault::Gone), now, IntactCopies::default());
/// assert_eq!(still.event, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn record_check(
    job: &ExpectedBackupJob,
    file: &ValidatedFile,
    found: Option<ValidatedFault>,
    now: Timestamp,
    others: IntactCopies,
) -> CheckedFile {
    let checked = ValidatedFile {
        checked_at: now,
        fault: found,
        ..file.clone()
    };
    let code = |fault: &Option<ValidatedFault>| fault.as_ref().map(ValidatedFault::code);
    let kind = match (&file.fault, &checked.fault) {
        (before, found) if code(before) == code(found) => None,
        (Some(fault), None) => Some(EventKind::ValidatedFileRestored {
            job: Box::new(job.clone()),
            file: Box::new(checked.clone()),
            fault: fault.clone(),
        }),
        (before, _) => Some(EventKind::ValidatedFileDamaged {
            job: Box::new(job.clone()),
            file: Box::new(checked.clone()),
            intact_at: before.is_none().then_some(file.checked_at),
            others: Box::new(others),
        }),
    };
    CheckedFile {
        file: checked,
        event: kind.map(|kind| DomainEvent { at: now, kind }),
    }
}

impl ValidatedFault {
    /// The names of all kinds, in the order in which they are documented.
    pub const CODES: [&'static str; 5] = [
        "gone",
        "not_regular",
        "size_differs",
        "content_differs",
        "unreadable",
    ];

    /// The name of its kind, as it stands in JSON, SQL and templates.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::NotRegular { .. } => "not_regular",
            Self::SizeDiffers { .. } => "size_differs",
            Self::ContentDiffers { .. } => "content_differs",
            Self::Unreadable { .. } => "unreadable",
        }
    }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{AgentId, Schedule};

    const KEPT: &str = "2025-06-01T01:00:00Z";
    const NOW: &str = "2025-07-01T01:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn job() -> ExpectedBackupJob {
        let schedule = Schedule::every(Duration::from_hours(24), Duration::ZERO).unwrap();
        let agent = AgentId::new("A_B_C").unwrap();
        ExpectedBackupJob::new(JobId(1), agent, "X", schedule, at(KEPT))
    }

    fn file(fault: Option<ValidatedFault>) -> ValidatedFile {
        ValidatedFile {
            id: ValidatedFileId(1),
            job_id: JobId(1),
            path: "A/B/C/X/X.zst".to_owned(),
            sha256: Sha256::from([1; 32]),
            size: 7,
            kept_at: at(KEPT),
            checked_at: at(KEPT),
            fault,
        }
    }

    /// One of each kind, in the order of their codes.
    fn faults() -> [ValidatedFault; 5] {
        let kind = "a pipe".to_owned();
        let error = "Input/output error".to_owned();
        [
            ValidatedFault::Gone,
            ValidatedFault::NotRegular { kind },
            ValidatedFault::SizeDiffers { size: 3 },
            ValidatedFault::ContentDiffers {
                sha256: Sha256::from([2; 32]),
            },
            ValidatedFault::Unreadable { error },
        ]
    }

    fn check(before: Option<ValidatedFault>, found: Option<ValidatedFault>) -> CheckedFile {
        let others = IntactCopies {
            count: 2,
            newest: Some(file(None)),
        };
        record_check(&job(), &file(before), found, at(NOW), others)
    }

    #[test]
    fn what_is_as_it_should_be_is_no_news() {
        let checked = check(None, None);
        assert_eq!(checked.event, None);
        assert_eq!(checked.file.checked_at, at(NOW));
    }

    #[test]
    fn a_fault_is_told_with_when_the_file_was_last_right_and_what_is_left() {
        for fault in faults() {
            let CheckedFile { file, event } = check(None, Some(fault.clone()));
            assert_eq!(file.fault, Some(fault));
            let event = event.unwrap();
            assert_eq!(event.at, at(NOW));
            let EventKind::ValidatedFileDamaged {
                job,
                file: told,
                intact_at,
                others,
            } = event.kind
            else {
                panic!("{event:?}");
            };
            assert_eq!((*told, intact_at), (file, Some(at(KEPT))));
            assert_eq!((job.id, others.count), (JobId(1), 2));
        }
    }

    #[test]
    fn a_fault_that_stays_is_told_once() {
        for fault in faults() {
            assert_eq!(check(Some(fault.clone()), Some(fault)).event, None);
        }
        // Each reading of a dying disk gives other bytes.
        let [one, other] = [2, 3].map(|byte| ValidatedFault::ContentDiffers {
            sha256: Sha256::from([byte; 32]),
        });
        let checked = check(Some(one), Some(other.clone()));
        assert_eq!((checked.event, checked.file.fault), (None, Some(other)));
    }

    #[test]
    fn a_fault_that_becomes_another_is_told_again() {
        let cut = ValidatedFault::SizeDiffers { size: 3 };
        let event = check(Some(cut), Some(ValidatedFault::Gone)).event.unwrap();
        let EventKind::ValidatedFileDamaged { intact_at, .. } = event.kind else {
            panic!("{event:?}");
        };
        assert_eq!(intact_at, None);
    }

    #[test]
    fn what_is_as_it_should_be_again_is_told_with_what_was_wrong() {
        for fault in faults() {
            let CheckedFile { file, event } = check(Some(fault.clone()), None);
            assert_eq!(file.fault, None);
            let event = event.unwrap();
            assert_eq!(event.name(), "ValidatedFileRestored");
            let EventKind::ValidatedFileRestored { fault: was, .. } = event.kind else {
                panic!("{event:?}");
            };
            assert_eq!(was, fault);
        }
    }

    #[test]
    fn the_code_of_a_fault_is_that_of_its_json() {
        for (fault, code) in faults().into_iter().zip(ValidatedFault::CODES) {
            let json = serde_json::to_value(&fault).unwrap();
            assert_eq!((fault.code(), &json["code"]), (code, &code.into()));
            let read: ValidatedFault = serde_json::from_value(json).unwrap();
            assert_eq!(read, fault);
        }
    }

    #[test]
    fn an_event_is_read_as_it_was_written() {
        for checked in [
            check(None, Some(ValidatedFault::Gone)),
            check(Some(ValidatedFault::Gone), None),
        ] {
            let event = checked.event.unwrap();
            let json = serde_json::to_string(&event).unwrap();
            assert_eq!(serde_json::from_str::<DomainEvent>(&json).unwrap(), event);
        }
    }
}
