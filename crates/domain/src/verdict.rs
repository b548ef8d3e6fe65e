//! The verdict on one backup: what the report says, held against what lies in the deposit.

use crate::{BackupEntryStatus, ContentFinding, DatabaseReport, EntryReason, Sha256, StageName};

/// The staged file that a verdict waits for, and what it should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProofNeeded {
    /// The file's bare name in the agent's folder.
    pub staged_file_name: String,
    /// The size in bytes that the agent reported.
    pub size: Option<u64>,
    /// The SHA-256 that the agent reported.
    pub sha256: Option<Sha256>,
    /// The size in bytes that the agent reported of its dump, before it was compressed.
    pub raw_size: Option<u64>,
    /// The SHA-256 that the agent reported of its dump.
    pub raw_sha256: Option<Sha256>,
}

/// What was found where the staged file should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Nobody looked: the report alone decides.
    NotNeeded,
    /// There is nothing of that name.
    Absent,
    /// There is something else of that name.
    NotRegular {
        /// What it is, as part of a sentence: "a symbolic link".
        kind: &'static str,
    },
    /// It is there and the server could not read it.
    Unreadable {
        /// The system's words.
        error: String,
    },
    /// It was still being written when the settle time ended.
    StillGrowing {
        /// Its size in bytes at the last look.
        size: u64,
    },
    /// It is there and does not change.
    Measured {
        /// Its size in bytes.
        size: u64,
        /// The SHA-256 of its content; `None` when its size already told enough.
        sha256: Option<Sha256>,
        /// What a look into it found; `None` when nobody looked, or nothing was recognised.
        content: Option<ContentFinding>,
    },
}

/// What became of one backup, and why it is not a SUCCESS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What became of it.
    pub status: BackupEntryStatus,
    /// Why it is not a SUCCESS; `None` when it is.
    pub reason: Option<EntryReason>,
}

impl Verdict {
    fn bad(status: BackupEntryStatus, reason: EntryReason) -> Self {
        Self {
            status,
            reason: Some(reason),
        }
    }
}

/// Judges one backup by what its report says and what was found in its place.
///
/// The file of record is the compressed one, so the expected hash and size are those of COMPRESS.
#[must_use]
pub fn judge_entry(report: &DatabaseReport, finding: &Finding) -> Verdict {
    use BackupEntryStatus as Status;
    from_report_alone(report).unwrap_or_else(|| match finding {
        Finding::NotNeeded | Finding::Absent => {
            Verdict::bad(Status::Missing, EntryReason::StagedFileAbsent)
        }
        Finding::NotRegular { kind } => {
            let kind = (*kind).to_owned();
            Verdict::bad(Status::Failed, EntryReason::StagedFileNotRegular { kind })
        }
        Finding::Unreadable { error } => {
            let error = error.clone();
            Verdict::bad(Status::Failed, EntryReason::CannotRead { error })
        }
        Finding::StillGrowing { .. } => {
            Verdict::bad(Status::TransferIntegrityFailed, EntryReason::StillGrowing)
        }
        Finding::Measured {
            size,
            sha256,
            content,
        } => from_measure(report, *size, *sha256, content.as_ref()),
    })
}

/// The verdict that needs no look at the staged file.
pub(crate) fn from_report_alone(report: &DatabaseReport) -> Option<Verdict> {
    use BackupEntryStatus as Status;
    let failed = |name: StageName| report.stages.get(name).succeeded == Some(false);
    let unsaid = |name: &StageName| report.stages.get(*name).succeeded.is_none();

    for stage in [StageName::Backup, StageName::Compress] {
        if failed(stage) {
            return Some(Verdict::bad(
                Status::Failed,
                EntryReason::StageFailed { stage },
            ));
        }
    }
    if failed(StageName::Transfer) {
        return Some(Verdict::bad(
            Status::TransferIntegrityFailed,
            EntryReason::TransferReportedBroken,
        ));
    }
    if let Some(fault) = &report.fault {
        let field = if fault.field.is_empty() {
            "it".to_owned()
        } else {
            fault.field.clone()
        };
        let problem = fault.problem.clone();
        return Some(Verdict::bad(
            Status::Failed,
            EntryReason::SectionUnreadable { field, problem },
        ));
    }
    if let Some(stage) = StageName::ALL.into_iter().find(unsaid) {
        return Some(Verdict::bad(
            Status::Failed,
            EntryReason::StageNotReported { stage },
        ));
    }
    if report.staged_file_name.is_none() {
        return Some(Verdict::bad(
            Status::Missing,
            EntryReason::StagedFileNotNamed,
        ));
    }
    None
}

fn from_measure(
    report: &DatabaseReport,
    size: u64,
    sha256: Option<Sha256>,
    content: Option<&ContentFinding>,
) -> Verdict {
    use BackupEntryStatus as Status;
    let expected = &report.stages.compress;
    let has_other_size = expected.size.is_some_and(|expected| expected != size);
    if size == 0 {
        // An empty file is nobody's backup, even where the agent says that it should be empty.
        let status = if has_other_size {
            Status::TransferIntegrityFailed
        } else {
            Status::Failed
        };
        return Verdict::bad(status, EntryReason::StagedFileEmpty);
    }
    if has_other_size {
        return Verdict::bad(Status::TransferIntegrityFailed, EntryReason::SizeDiffers);
    }
    let unreadable = |is_as_sent| {
        let fault = content?.fault.clone()?;
        let reason = EntryReason::NotReadable { fault, is_as_sent };
        Some(Verdict::bad(Status::Failed, reason))
    };
    match expected.sha256 {
        None => {
            unreadable(false).unwrap_or(Verdict::bad(Status::Unknown, EntryReason::NoHashReported))
        }
        Some(expected) if sha256 == Some(expected) => unreadable(true).unwrap_or(Verdict {
            status: Status::Success,
            reason: None,
        }),
        Some(_) => Verdict::bad(Status::HashMismatch, EntryReason::ContentDiffers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Compression, ContentFault, SectionFault, Stage, Stages};

    const SIZE: u64 = 1024;

    fn hash(byte: u8) -> Sha256 {
        Sha256::from([byte; 32])
    }

    fn said(succeeded: Option<bool>) -> Stage {
        Stage {
            succeeded,
            ..Stage::default()
        }
    }

    fn good() -> DatabaseReport {
        DatabaseReport {
            database: "X".to_owned(),
            staged_file_name: Some("X.zst".to_owned()),
            stages: Stages {
                backup: said(Some(true)),
                compress: Stage {
                    sha256: Some(hash(1)),
                    size: Some(SIZE),
                    ..said(Some(true))
                },
                transfer: said(Some(true)),
            },
            ..DatabaseReport::default()
        }
    }

    fn measured(size: u64, sha256: Option<Sha256>) -> Finding {
        Finding::Measured {
            size,
            sha256,
            content: None,
        }
    }

    fn status(report: &DatabaseReport, finding: &Finding) -> BackupEntryStatus {
        judge_entry(report, finding).status
    }

    #[test]
    fn success_takes_every_stage_the_size_and_the_hash() {
        let verdict = judge_entry(&good(), &measured(SIZE, Some(hash(1))));
        assert_eq!(verdict.status, BackupEntryStatus::Success);
        assert_eq!(verdict.reason, None);
    }

    #[test]
    fn without_a_reported_size_the_hash_alone_decides() {
        let mut report = good();
        report.stages.compress.size = None;
        assert_eq!(
            status(&report, &measured(7, Some(hash(1)))),
            BackupEntryStatus::Success
        );
        assert_eq!(
            status(&report, &measured(7, Some(hash(2)))),
            BackupEntryStatus::HashMismatch
        );
    }

    #[test]
    fn what_lies_in_the_deposit_decides_when_all_went_well_for_the_agent() {
        use BackupEntryStatus as Status;
        let cases = [
            (Finding::Absent, Status::Missing),
            (
                Finding::NotRegular {
                    kind: "a directory",
                },
                Status::Failed,
            ),
            (
                Finding::Unreadable {
                    error: "Input/output error".to_owned(),
                },
                Status::Failed,
            ),
            (
                Finding::StillGrowing { size: SIZE - 1 },
                Status::TransferIntegrityFailed,
            ),
            (measured(SIZE - 1, None), Status::TransferIntegrityFailed),
            (measured(0, None), Status::TransferIntegrityFailed),
            (measured(SIZE, Some(hash(2))), Status::HashMismatch),
            (measured(SIZE, None), Status::HashMismatch),
        ];
        for (finding, expected) in cases {
            assert_eq!(status(&good(), &finding), expected, "{finding:?}");
        }
    }

    #[test]
    fn an_empty_file_is_never_a_success() {
        let mut report = good();
        for size in [None, Some(0), Some(SIZE)] {
            report.stages.compress.size = size;
            let verdict = judge_entry(&report, &measured(0, report.stages.compress.sha256));
            assert_ne!(verdict.status, BackupEntryStatus::Success);
            assert_eq!(verdict.reason, Some(EntryReason::StagedFileEmpty));
        }
    }

    #[test]
    fn without_a_hash_the_backup_is_unknown_but_a_wrong_size_still_tells() {
        let mut report = good();
        report.stages.compress.sha256 = None;
        assert_eq!(
            status(&report, &measured(SIZE, Some(hash(1)))),
            BackupEntryStatus::Unknown
        );
        assert_eq!(
            status(&report, &Finding::Absent),
            BackupEntryStatus::Missing
        );
        assert_eq!(
            status(&report, &measured(SIZE - 1, None)),
            BackupEntryStatus::TransferIntegrityFailed
        );
    }

    #[test]
    fn what_arrived_as_it_was_sent_and_can_not_be_read_back_is_no_success() {
        let fault = ContentFault::StreamCut {
            compression: Compression::Zstd,
        };
        let looked_into = |fault: Option<&ContentFault>, sha256| Finding::Measured {
            size: SIZE,
            sha256: Some(sha256),
            content: Some(ContentFinding {
                fault: fault.cloned(),
                ..ContentFinding::default()
            }),
        };
        let verdict = judge_entry(&good(), &looked_into(Some(&fault), hash(1)));
        assert_eq!(verdict.status, BackupEntryStatus::Failed);
        let reason = verdict.reason.unwrap();
        assert_eq!(
            reason.to_string(),
            "the staged file arrived as it was sent, but can't be read back: the zstd stream stops \
             before its end"
        );
        assert_eq!(
            status(&good(), &looked_into(None, hash(1))),
            BackupEntryStatus::Success
        );
        // That other bytes arrived says more than that they can't be read.
        assert_eq!(
            status(&good(), &looked_into(Some(&fault), hash(2))),
            BackupEntryStatus::HashMismatch
        );
        let mut report = good();
        report.stages.compress.sha256 = None;
        let verdict = judge_entry(&report, &looked_into(Some(&fault), hash(1)));
        let is_as_sent = false;
        assert_eq!(verdict.status, BackupEntryStatus::Failed);
        assert_eq!(
            verdict.reason,
            Some(EntryReason::NotReadable { fault, is_as_sent })
        );
        assert_eq!(
            status(&report, &looked_into(None, hash(1))),
            BackupEntryStatus::Unknown
        );
    }

    #[test]
    fn what_the_agent_says_comes_before_any_look_at_the_file() {
        let mut report = good();
        report.stages.transfer = said(Some(false));
        assert_eq!(
            status(&report, &Finding::NotNeeded),
            BackupEntryStatus::TransferIntegrityFailed
        );
        report.stages.compress.succeeded = Some(false);
        report.fault = Some(SectionFault {
            field: "COMPRESS.size".to_owned(),
            problem: "is \"many\"".to_owned(),
        });
        let verdict = judge_entry(&report, &Finding::NotNeeded);
        let stage = StageName::Compress;
        assert_eq!(verdict.status, BackupEntryStatus::Failed);
        assert_eq!(verdict.reason, Some(EntryReason::StageFailed { stage }));
        assert_eq!(report.proof_needed(), None);
    }

    #[test]
    fn a_stage_of_which_nothing_is_said_has_not_succeeded() {
        let mut report = good();
        report.stages.transfer = said(None);
        let stage = StageName::Transfer;
        let verdict = judge_entry(&report, &Finding::NotNeeded);
        assert_eq!(verdict.status, BackupEntryStatus::Failed);
        assert_eq!(
            verdict.reason,
            Some(EntryReason::StageNotReported { stage })
        );
    }

    #[test]
    fn a_file_that_is_not_named_is_missing() {
        let mut report = good();
        report.staged_file_name = None;
        assert_eq!(
            status(&report, &Finding::NotNeeded),
            BackupEntryStatus::Missing
        );
    }
}
