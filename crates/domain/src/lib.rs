//! The words and rules of Vigie as types and pure functions.
//!
//! Nothing here reads a file, opens a socket or asks what time it is: reports come in as bytes,
//! files as a [`Finding`] about them, and every instant as an argument. So any history can be
//! replayed at any instant, in any time zone.
//!
//! The way of one backup through this crate:
//!
//! 1. [`Report::parse`] reads what an agent says it did, tolerantly.
//! 2. [`DatabaseReport::proof_needed`] says which staged file has to be looked at, if any.
//! 3. [`BackupEntry::judged`] records both, with the [`Verdict`] of [`judge_entry`] on them.
//! 4. [`record_entry`] moves the job and tells which [`DomainEvent`]s follow.
//! 5. [`judge_warnings`] adds what is odd about a backup that is proven.
//! 6. [`judge_deadline`] turns a job that nobody spoke of into a missing one.
//! 7. [`record_check`] tells what a later look at a backup that was kept makes of it.
//!
//! ```
//! use std::time::Duration;
//! use vigie_domain::{AgentId, ExpectedBackupJob, JobId, JobStatus, Schedule, judge_deadline};
//!
//! let known_since = "2025-06-18T00:00:00Z".parse()?;
//! let job = ExpectedBackupJob::new(
//!     JobId(1),
//!     AgentId::new("SDMC_DOUALA_AKWA")?,
//!     "XAFRIC_2025",
//!     Schedule::every(Duration::from_secs(24 * 3600), Duration::from_secs(2 * 3600))?,
//!     known_since,
//! );
//!
//! // On the deadline itself the job is still waited for; a moment later it is missing.
//! assert!(judge_deadline(&job, "2025-06-19T02:00:00Z".parse()?).is_none());
//! let late = judge_deadline(&job, "2025-06-19T02:00:01Z".parse()?).expect("past its deadline");
//! assert_eq!(late.job.current_status, JobStatus::Missing);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod agent;
mod content;
mod declaration;
mod entry;
mod event;
mod job;
mod report;
mod rest;
mod retention;
mod schedule;
mod sha256;
mod suspicion;
mod transition;
mod validated_file;
mod validated_path;
mod verdict;
mod warning;

pub use agent::{AgentId, InvalidAgentId};
pub use content::{Compression, ContentFault, ContentFinding, ContentKind, Unseen, VerifyLevel};
pub use declaration::{JobDeclaration, add_job, declare_job, register_job};
pub use entry::{BackupEntry, BackupEntryStatus, EntryReason};
pub use event::{DomainEvent, EventKind};
pub use job::{
    ExpectedBackupJob, JobId, JobSource, JobStatus, LastGoodBackup, Pause, SameContent,
    year_of_database,
};
pub use report::{
    DatabaseReport, Report, ReportError, ReportLimits, ReportProblem, SectionFault, Stage,
    StageName, Stages,
};
pub use rest::{end_pause, pause_job, resume_job, retire_job};
pub use retention::{
    KeepCount, KeepReason, KeepRule, RecordedBackup, RetentionPolicy, Version, judge_versions,
};
pub use schedule::{CronSchedule, InvalidSchedule, Schedule};
pub use sha256::{InvalidSha256, Sha256};
pub use suspicion::{ProvenBackup, WarningSettings, judge_warnings, warnings_of};
pub use transition::{Transition, judge_deadline, record_entry};
pub use validated_file::{
    CheckedFile, IntactCopies, ValidatedFault, ValidatedFile, ValidatedFileId, record_check,
};
pub use validated_path::{MANIFEST, file_name_of, validated_file_name, version_file_name};
pub use verdict::{Finding, ProofNeeded, Verdict, judge_entry};
pub use warning::Warning;
