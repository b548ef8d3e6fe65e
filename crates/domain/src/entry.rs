//! An entry: the record of one backup that a report spoke of, with what the server measured.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    ContentFault, ContentFinding, DatabaseReport, ExpectedBackupJob, Finding, JobId, JobStatus,
    Report, Sha256, StageName, Stages, judge_entry,
};

/// What became of one backup that a report spoke of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BackupEntryStatus {
    /// Every stage succeeded, and the staged file has the size and SHA-256 that the agent reported.
    Success,
    /// The agent says that a stage failed, or the server could not read or keep the file.
    Failed,
    /// The report says that all went well, but the staged file is not there.
    Missing,
    /// The staged file has the right size and other content.
    HashMismatch,
    /// The staged file has another size, or the agent itself reports a broken transfer.
    TransferIntegrityFailed,
    /// The report gives no hash to compare with.
    Unknown,
}

impl BackupEntryStatus {
    /// Every status, in the order in which they are documented.
    pub const ALL: [Self; 6] = [
        Self::Success,
        Self::Failed,
        Self::Missing,
        Self::HashMismatch,
        Self::TransferIntegrityFailed,
        Self::Unknown,
    ];

    /// The status as it is written in config, JSON, SQL and mails.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            other => other.job_status().as_str(),
        }
    }

    /// The status that a job takes from an entry of this status.
    #[must_use]
    pub const fn job_status(self) -> JobStatus {
        match self {
            Self::Success => JobStatus::Ok,
            Self::Failed => JobStatus::Failed,
            Self::Missing => JobStatus::Missing,
            Self::HashMismatch => JobStatus::HashMismatch,
            Self::TransferIntegrityFailed => JobStatus::TransferIntegrityFailed,
            Self::Unknown => JobStatus::Unknown,
        }
    }
}

impl fmt::Display for BackupEntryStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// Why an entry is not a SUCCESS. `Display` says it in English; templates translate by `code`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum EntryReason {
    /// The agent says that this stage failed.
    StageFailed {
        /// The first stage that failed.
        stage: StageName,
    },
    /// The report does not say that this stage succeeded.
    StageNotReported {
        /// The first stage of which nothing is said.
        stage: StageName,
    },
    /// The agent itself reports that the transfer broke.
    TransferReportedBroken,
    /// The report's section on this database can't be read.
    SectionUnreadable {
        /// The field, as a path within the section.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The report names no staged file.
    StagedFileNotNamed,
    /// The staged file is not in the agent's folder.
    StagedFileAbsent,
    /// Something else lies in the staged file's place: a link, a directory, a pipe.
    StagedFileNotRegular {
        /// What it is.
        kind: String,
    },
    /// The staged file is empty.
    StagedFileEmpty,
    /// The staged file has another size than the agent reported.
    SizeDiffers,
    /// The staged file was still growing when the settle time ended.
    StillGrowing,
    /// The staged file has the right size and other content.
    ContentDiffers,
    /// The report gives no hash to compare with.
    NoHashReported,
    /// The staged file can't be read back: whatever made it, it is no backup.
    NotReadable {
        /// What is wrong with it.
        fault: ContentFault,
        /// Whether it is what the agent sent; the report may give no hash to tell.
        is_as_sent: bool,
    },
    /// The server could not read the staged file. It is tried again in the next cycle.
    CannotRead {
        /// The system's words.
        error: String,
    },
    /// The server could not keep the proven backup. It is tried again in the next cycle.
    CannotKeep {
        /// The system's words.
        error: String,
    },
}

impl fmt::Display for EntryReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StageFailed { stage } => write!(formatter, "the agent says that {stage} failed"),
            Self::StageNotReported { stage } => {
                write!(formatter, "the report does not say that {stage} succeeded")
            }
            Self::TransferReportedBroken => {
                formatter.write_str("the agent itself reports a broken transfer")
            }
            Self::SectionUnreadable { field, problem } => write!(
                formatter,
                "the report's section on this database can't be read: {field} {problem}"
            ),
            Self::StagedFileNotNamed => formatter.write_str("the report names no staged file"),
            Self::StagedFileAbsent => formatter.write_str("the staged file is not there"),
            Self::StagedFileNotRegular { kind } => {
                write!(formatter, "the staged file is {kind}, not a regular file")
            }
            Self::StagedFileEmpty => formatter.write_str("the staged file is empty"),
            Self::SizeDiffers => {
                formatter.write_str("the staged file has another size than the agent reported")
            }
            Self::StillGrowing => formatter.write_str("the staged file is still growing"),
            Self::ContentDiffers => {
                formatter.write_str("the staged file has the reported size, but other content")
            }
            Self::NoHashReported => {
                formatter.write_str("the report gives no hash to compare the staged file with")
            }
            Self::NotReadable { fault, is_as_sent } => {
                formatter.write_str("the staged file ")?;
                if *is_as_sent {
                    formatter.write_str("arrived as it was sent, but ")?;
                }
                match fault {
                    ContentFault::NotRecognised => {
                        formatter.write_str("is nothing that Vigie can look into")
                    }
                    ContentFault::CannotLook { why } => {
                        write!(formatter, "can't be looked into: {why}")
                    }
                    fault => write!(formatter, "can't be read back: {fault}"),
                }
            }
            Self::CannotRead { error } => {
                write!(
                    formatter,
                    "the server could not read the staged file: {error}"
                )
            }
            Self::CannotKeep { error } => {
                write!(
                    formatter,
                    "the server could not keep the proven backup: {error}"
                )
            }
        }
    }
}

/// The record of one backup that a report spoke of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupEntry {
    /// The job that the backup belongs to.
    pub job_id: JobId,
    /// What became of it.
    pub status: BackupEntryStatus,
    /// Why it is not a SUCCESS.
    pub reason: Option<EntryReason>,
    /// When the server judged it.
    pub recorded_at: Timestamp,
    /// The name of the report's file.
    pub report: String,
    /// When the agent's run began, as it says.
    pub operation_started_at: Option<Timestamp>,
    /// When the agent's run ended, as it says.
    pub operation_ended_at: Timestamp,
    /// What the agent says of its run as a whole.
    pub overall_status: Option<String>,
    /// What the agent says of each stage.
    pub stages: Stages,
    /// The error that the agent gives, of the first stage that has one.
    pub agent_error: Option<String>,
    /// What the agent tells of its log.
    pub logs_summary: Option<String>,
    /// The staged file's bare name.
    pub staged_file_name: Option<String>,
    /// The SHA-256 that the file should have: that of the COMPRESS stage.
    pub expected_sha256: Option<Sha256>,
    /// The size in bytes that the file should have: that of the COMPRESS stage.
    pub expected_size: Option<u64>,
    /// The SHA-256 that the server computed; `None` when it had no reason to read the file.
    pub actual_sha256: Option<Sha256>,
    /// The size in bytes that the server found.
    pub actual_size: Option<u64>,
    /// What a look into the file found; `None` when nobody looked, or nothing was recognised.
    #[serde(default)]
    pub content: Option<ContentFinding>,
    /// A SUCCESS with the same content as the last good backup.
    pub unchanged: bool,
    /// Where the proven copy is kept, relative to the validated tree.
    pub validated_path: Option<String>,
}

impl BackupEntry {
    /// The record of what `report`, read from the file `report_name`, says of the job's database,
    /// judged at `now` by what was found in the staged file's place.
    #[must_use]
    pub fn judged(
        job: &ExpectedBackupJob,
        report_name: &str,
        report: &Report,
        database: &DatabaseReport,
        finding: &Finding,
        now: Timestamp,
    ) -> Self {
        let verdict = judge_entry(database, finding);
        let (actual_size, actual_sha256) = match finding {
            Finding::Measured { size, sha256, .. } => (Some(*size), *sha256),
            Finding::StillGrowing { size } => (Some(*size), None),
            _ => (None, None),
        };
        let content = match finding {
            Finding::Measured { content, .. } => content.clone(),
            _ => None,
        };
        let is_known_content = job
            .last_good
            .as_ref()
            .is_some_and(|good| Some(good.sha256) == actual_sha256);
        Self {
            job_id: job.id,
            unchanged: verdict.status == BackupEntryStatus::Success && is_known_content,
            status: verdict.status,
            reason: verdict.reason,
            recorded_at: now,
            report: report_name.to_owned(),
            operation_started_at: report.operation_started_at,
            operation_ended_at: report.operation_ended_at,
            overall_status: report.overall_status.clone(),
            stages: database.stages.clone(),
            agent_error: database.stages.error().map(str::to_owned),
            logs_summary: database.logs_summary.clone(),
            staged_file_name: database.staged_file_name.clone(),
            expected_sha256: database.stages.compress.sha256,
            expected_size: database.stages.compress.size,
            actual_sha256,
            actual_size,
            content,
            validated_path: None,
        }
    }

    /// The same record of a backup that was proven and then could not be kept.
    #[must_use]
    pub fn not_kept(mut self, error: String) -> Self {
        self.status = BackupEntryStatus::Failed;
        self.reason = Some(EntryReason::CannotKeep { error });
        self.unchanged = false;
        self
    }

    /// Whether this server, not the agent, is what failed. Such a backup is tried again in each
    /// cycle until it can be judged.
    #[must_use]
    pub fn is_server_fault(&self) -> bool {
        matches!(
            self.reason,
            Some(EntryReason::CannotRead { .. } | EntryReason::CannotKeep { .. })
        )
    }
}
