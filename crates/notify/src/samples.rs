//! Jobs, entries, incidents, faults and refused mails to look at mails with: for each mail and each status
//! one with all that can be known and one with as little as there can be. Every instant is fixed, so that
//! the same sample always gives the same mail.

mod damaged;
mod digest;
mod incident;
mod several;
mod undelivered;
mod warning;

use std::time::Duration;

use jiff::Timestamp;
use vigie_domain::{
    AgentId, BackupEntry, BackupEntryStatus, Compression, ContentFault, ContentFinding,
    ContentKind, EntryReason, ExpectedBackupJob, JobId, JobStatus, LastGoodBackup, Schedule,
    Sha256, Stage, StageName, Stages, Unseen,
};

pub use damaged::{DamagedSample, damaged_full, damaged_minimal, with_each_fault};
pub use digest::{DigestSample, digest_full, digest_minimal};
pub(crate) use incident::reminder_of;
pub use incident::{
    RecoverySample, ReminderSample, recovery_full, recovery_minimal, reminder_entry_full,
    reminder_entry_minimal, reminder_full, reminder_minimal,
};
pub use several::{
    GroupSample, OutageSample, SummarySample, group_damaged_full, group_full, group_minimal,
    group_mixed_full, group_recovery_full, group_warning_full, outage_clock_minimal,
    outage_deposit_ended, outage_deposit_full, outage_deposit_minimal, outage_many_missing_ended,
    outage_many_missing_full, outage_validated_full, summary_downtime_full, summary_full,
    summary_minimal,
};
pub(crate) use undelivered::refused_missing;
pub use undelivered::{UndeliveredSample, undelivered_full, undelivered_minimal};
pub use warning::{WarningSample, warning_full, warning_minimal, with_each_warning};

use crate::MailKind;
use crate::about::About;

const HOUR: Duration = Duration::from_hours(1);
const MADE: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const ARRIVED: &str = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752";
const LAST_GOOD: &str = "fd61a03af4f77d870fc21e05e7e80678095c92d808cfb3b5c279ee04c74aca13";
const SIZE: u64 = 1_288_490_188;

/// What a mail is written about.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Sample {
    /// A job: the missing mail and the entry mail.
    Job(Box<JobSample>),
    /// A job that is still not OK: the reminder mail.
    Reminder(Box<ReminderSample>),
    /// A job that is OK again: the recovery mail.
    Recovery(Box<RecoverySample>),
    /// A kept backup that is damaged: the damaged mail.
    Damaged(Box<DamagedSample>),
    /// A job that is OK, and odd: the warning mail.
    Warning(Box<WarningSample>),
    /// Several jobs that have something in common: the group mail.
    Group(GroupSample),
    /// A fault of the whole system: the outage mail.
    Outage(OutageSample),
    /// What would have been too many mails: the summary mail.
    Summary(SummarySample),
    /// How all is: the digest mail.
    Digest(Box<DigestSample>),
    /// Mails that were refused: the undelivered mail.
    Undelivered(UndeliveredSample),
}

/// A job that a mail is written about.
#[derive(Debug, Clone)]
pub struct JobSample {
    /// What it is a sample of, such as `missing.full` or `entry.hash_mismatch.minimal`.
    pub name: String,
    /// The job.
    pub job: ExpectedBackupJob,
    /// The entry; `None` for the missing mail.
    pub entry: Option<BackupEntry>,
    /// The instant as of which the mail is written.
    pub now: Timestamp,
}

impl Sample {
    /// What it is a sample of, such as `missing.full` or `entry.hash_mismatch.minimal`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Job(sample) => &sample.name,
            Self::Reminder(sample) => &sample.name,
            Self::Recovery(sample) => &sample.name,
            Self::Damaged(sample) => &sample.name,
            Self::Warning(sample) => &sample.name,
            Self::Group(sample) => &sample.name,
            Self::Outage(sample) => &sample.name,
            Self::Summary(sample) => &sample.name,
            Self::Digest(sample) => &sample.name,
            Self::Undelivered(sample) => &sample.name,
        }
    }

    /// The instant as of which the mail is written.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        match self {
            Self::Job(sample) => sample.now,
            Self::Reminder(sample) => sample.now,
            Self::Recovery(sample) => sample.now,
            Self::Damaged(sample) => sample.now,
            Self::Warning(sample) => sample.now,
            Self::Group(sample) => sample.now,
            Self::Outage(sample) => sample.now,
            Self::Summary(sample) => sample.now,
            Self::Digest(sample) => sample.now,
            Self::Undelivered(sample) => sample.now,
        }
    }

    /// The mail that is written about it.
    #[must_use]
    pub fn mail(&self) -> MailKind {
        self.about().mail()
    }

    pub(crate) fn about(&self) -> About<'_> {
        match self {
            Self::Job(sample) => About::Job {
                job: &sample.job,
                entry: sample.entry.as_ref(),
            },
            Self::Reminder(sample) => About::Reminder {
                job: &sample.job,
                entry: sample.entry.as_ref(),
                history: &sample.history,
                reminder: &sample.reminder,
            },
            Self::Recovery(sample) => About::Recovery {
                job: &sample.job,
                entry: &sample.entry,
                history: &sample.history,
            },
            Self::Damaged(sample) => About::Damage {
                job: &sample.job,
                file: &sample.file,
                intact_at: sample.intact_at,
                others: &sample.others,
            },
            Self::Warning(sample) => About::Warning {
                job: &sample.job,
                entry: &sample.entry,
                warnings: &sample.warnings,
            },
            Self::Group(GroupSample { scope, notices, .. }) => About::Group { scope, notices },
            Self::Outage(OutageSample {
                outage, notices, ..
            }) => About::Outage { outage, notices },
            Self::Summary(sample) => About::Summary {
                cause: &sample.cause,
                notices: &sample.notices,
                came_and_went: sample.came_and_went,
            },
            Self::Digest(sample) => About::Digest {
                digest: &sample.digest,
            },
            Self::Undelivered(UndeliveredSample { address, mails, .. }) => {
                About::Undelivered { address, mails }
            }
        }
    }
}

impl From<JobSample> for Sample {
    fn from(sample: JobSample) -> Self {
        Self::Job(Box::new(sample))
    }
}

impl From<ReminderSample> for Sample {
    fn from(sample: ReminderSample) -> Self {
        Self::Reminder(Box::new(sample))
    }
}

impl From<RecoverySample> for Sample {
    fn from(sample: RecoverySample) -> Self {
        Self::Recovery(Box::new(sample))
    }
}

impl From<DamagedSample> for Sample {
    fn from(sample: DamagedSample) -> Self {
        Self::Damaged(Box::new(sample))
    }
}

impl From<WarningSample> for Sample {
    fn from(sample: WarningSample) -> Self {
        Self::Warning(Box::new(sample))
    }
}

impl From<GroupSample> for Sample {
    fn from(sample: GroupSample) -> Self {
        Self::Group(sample)
    }
}

impl From<OutageSample> for Sample {
    fn from(sample: OutageSample) -> Self {
        Self::Outage(sample)
    }
}

impl From<SummarySample> for Sample {
    fn from(sample: SummarySample) -> Self {
        Self::Summary(sample)
    }
}

impl From<DigestSample> for Sample {
    fn from(sample: DigestSample) -> Self {
        Self::Digest(Box::new(sample))
    }
}

impl From<UndeliveredSample> for Sample {
    fn from(sample: UndeliveredSample) -> Self {
        Self::Undelivered(sample)
    }
}

/// Every sample.
#[must_use]
pub fn all() -> Vec<Sample> {
    let mut samples = vec![missing_full().into(), missing_minimal().into()];
    for status in BackupEntryStatus::ALL {
        samples.push(entry_full(status).into());
        samples.push(entry_minimal(status).into());
    }
    let failed = BackupEntryStatus::Failed;
    samples.extend([reminder_full().into(), reminder_minimal().into()]);
    samples.push(reminder_entry_full(failed).into());
    samples.push(reminder_entry_minimal(failed).into());
    samples.push(recovery_full().into());
    samples.push(recovery_minimal().into());
    samples.extend([damaged_full().into(), damaged_minimal().into()]);
    samples.extend([warning_full().into(), warning_minimal().into()]);
    for group in [
        group_full(),
        group_mixed_full(),
        group_recovery_full(),
        group_damaged_full(),
        group_warning_full(),
        group_minimal(),
    ] {
        samples.push(group.into());
    }
    for outage in [
        outage_deposit_full(),
        outage_deposit_minimal(),
        outage_deposit_ended(),
        outage_validated_full(),
        outage_clock_minimal(),
        outage_many_missing_full(),
        outage_many_missing_ended(),
    ] {
        samples.push(outage.into());
    }
    for summary in [summary_full(), summary_downtime_full(), summary_minimal()] {
        samples.push(summary.into());
    }
    samples.extend([digest_full().into(), digest_minimal().into()]);
    samples.push(undelivered_full().into());
    samples.push(undelivered_minimal().into());
    samples
}

/// A job whose report has not come, after two years of good backups.
#[must_use]
pub fn missing_full() -> JobSample {
    let mut job = full_job();
    job.current_status = JobStatus::Missing;
    job.incident_since = Some(at("2025-06-20T02:00:05Z"));
    JobSample {
        name: "missing.full".to_owned(),
        job,
        entry: None,
        now: at("2025-06-20T05:20:00Z"),
    }
}

/// A job of which nothing has ever been heard.
#[must_use]
pub fn missing_minimal() -> JobSample {
    let mut job = minimal_job();
    job.current_status = JobStatus::Missing;
    JobSample {
        name: "missing.minimal".to_owned(),
        job,
        entry: None,
        now: at("2025-06-20T02:00:01Z"),
    }
}

/// A backup of this status with all that a report can say and a server can measure.
#[must_use]
pub fn entry_full(status: BackupEntryStatus) -> JobSample {
    let mut job = full_job();
    job.covered_until = at("2025-06-20T00:00:00Z");
    job.current_status = job_status(status);
    job.last_report_at = Some(at("2025-06-20T00:41:07Z"));
    job.incident_since = Some(at("2025-06-20T00:45:00Z"));
    let mut entry = full_entry(&job, status);
    tell(&mut entry);
    JobSample {
        name: format!("entry.{}.full", status.as_str().to_lowercase()),
        job,
        entry: Some(entry),
        now: at("2025-06-20T00:45:02Z"),
    }
}

/// A backup of this status of which next to nothing is known.
#[must_use]
pub fn entry_minimal(status: BackupEntryStatus) -> JobSample {
    let mut job = minimal_job();
    job.current_status = job_status(status);
    let entry = BackupEntry {
        job_id: job.id,
        status,
        reason: None,
        recorded_at: at("2025-06-20T00:45:00Z"),
        report: "r.json".to_owned(),
        operation_started_at: None,
        operation_ended_at: at("2025-06-20T00:41:07Z"),
        overall_status: None,
        stages: Stages::default(),
        agent_error: None,
        logs_summary: None,
        staged_file_name: None,
        expected_sha256: None,
        expected_size: None,
        actual_sha256: None,
        actual_size: None,
        content: None,
        unchanged: false,
        validated_path: None,
    };
    JobSample {
        name: format!("entry.{}.minimal", status.as_str().to_lowercase()),
        job,
        entry: Some(entry),
        now: at("2025-06-20T00:45:02Z"),
    }
}

/// Every reason with the status that it comes with, each for a backup of which all is known and for one
/// of which next to nothing is.
#[must_use]
pub fn with_each_reason() -> Vec<JobSample> {
    use BackupEntryStatus as Status;
    let stage = StageName::Compress;
    let text = || "what it is".to_owned();
    let reasons = [
        (Status::Failed, EntryReason::StageFailed { stage }),
        (Status::Failed, EntryReason::StageNotReported { stage }),
        (
            Status::TransferIntegrityFailed,
            EntryReason::TransferReportedBroken,
        ),
        (
            Status::Failed,
            EntryReason::SectionUnreadable {
                field: text(),
                problem: text(),
            },
        ),
        (Status::Missing, EntryReason::StagedFileNotNamed),
        (Status::Missing, EntryReason::StagedFileAbsent),
        (
            Status::Failed,
            EntryReason::StagedFileNotRegular { kind: text() },
        ),
        (
            Status::TransferIntegrityFailed,
            EntryReason::StagedFileEmpty,
        ),
        (Status::TransferIntegrityFailed, EntryReason::SizeDiffers),
        (Status::TransferIntegrityFailed, EntryReason::StillGrowing),
        (Status::HashMismatch, EntryReason::ContentDiffers),
        (Status::Unknown, EntryReason::NoHashReported),
        (Status::Failed, EntryReason::CannotRead { error: text() }),
        (Status::Failed, EntryReason::CannotKeep { error: text() }),
    ];
    let faults = each_fault().into_iter().map(|fault| {
        let is_as_sent = fault != ContentFault::RawContentDiffers;
        (
            Status::Failed,
            EntryReason::NotReadable { fault, is_as_sent },
        )
    });
    let mut samples = Vec::new();
    for (status, reason) in reasons.into_iter().chain(faults) {
        for mut sample in [entry_full(status), entry_minimal(status)] {
            if let Some(entry) = &mut sample.entry {
                entry.reason = Some(reason.clone());
            }
            samples.push(sample);
        }
    }
    samples
}

/// Every fault of a backup that can't be read back.
fn each_fault() -> Vec<ContentFault> {
    let compression = Compression::Zstd;
    let kinds = ContentKind::ALL.into_iter();
    let unseen = [
        Unseen::NeedsMemory { limit: 128 << 20 },
        Unseen::NeedsDictionary,
        Unseen::UnknownForm,
    ];
    let mut faults = vec![
        ContentFault::StreamCut { compression },
        ContentFault::StreamDamaged { compression },
        ContentFault::StreamFollowed { compression },
        ContentFault::StreamEmpty { compression },
        ContentFault::RawSizeDiffers {
            expected: 6_871_947_673,
            actual: Some(6_871_947_600),
        },
        ContentFault::RawSizeDiffers {
            expected: 6_871_947_673,
            actual: None,
        },
        ContentFault::RawContentDiffers,
        ContentFault::ExpandsTooFar { limit: 1 << 40 },
        ContentFault::DecoderFailed,
        ContentFault::NotRecognised,
        ContentFault::ContentDamaged {
            kind: ContentKind::Tar,
            problem: "what is wrong".to_owned(),
        },
    ];
    faults.extend(unseen.map(|why| ContentFault::CannotLook { why }));
    faults.extend(kinds.map(|kind| ContentFault::ContentCut { kind }));
    faults
}

/// An entry that is not OK leaves its job in the same status; a good one that came too late leaves
/// it as it was.
fn job_status(status: BackupEntryStatus) -> JobStatus {
    match status {
        BackupEntryStatus::Success => JobStatus::Missing,
        other => other.job_status(),
    }
}

fn full_job() -> ExpectedBackupJob {
    let schedule = Schedule::cron("0 1 * * *", "Africa/Douala", 2 * HOUR, None)
        .expect("the sample's schedule is valid");
    let mut job = ExpectedBackupJob::new(
        JobId(41),
        agent("SDMC_DOUALA_AKWA"),
        "XAFRIC_2025",
        schedule,
        at("2023-01-02T09:00:00Z"),
    );
    job.declared = true;
    job.covered_until = at("2025-06-19T00:00:00Z");
    job.last_report_at = Some(at("2025-06-19T00:38:51Z"));
    job.last_checked_at = Some(at("2025-06-20T02:00:05Z"));
    job.last_good = Some(LastGoodBackup {
        ended_at: at("2025-06-19T00:38:51Z"),
        sha256: sha256(LAST_GOOD),
        size: 1_283_457_024,
        staged_file_name: "XAFRIC_2025.sql.zst".to_owned(),
    });
    job
}

fn minimal_job() -> ExpectedBackupJob {
    let schedule =
        Schedule::every(24 * HOUR, Duration::ZERO).expect("the sample's schedule is valid");
    ExpectedBackupJob::new(
        JobId(1),
        agent("SDMC"),
        "ARCHIVE",
        schedule,
        at("2025-06-19T02:00:00Z"),
    )
}

fn full_entry(job: &ExpectedBackupJob, status: BackupEntryStatus) -> BackupEntry {
    let is_good = status == BackupEntryStatus::Success;
    let stage = |started_at, ended_at, size| Stage {
        succeeded: Some(true),
        started_at: Some(at(started_at)),
        ended_at: Some(at(ended_at)),
        sha256: Some(sha256(MADE)),
        size: Some(size),
        message: None,
        attempts: None,
    };
    BackupEntry {
        job_id: job.id,
        status,
        reason: None,
        recorded_at: at("2025-06-20T00:45:00Z"),
        report: "20250620_004107_SDMC_DOUALA_AKWA.json".to_owned(),
        operation_started_at: Some(at("2025-06-20T00:00:03Z")),
        operation_ended_at: at("2025-06-20T00:41:07Z"),
        overall_status: Some(
            if is_good {
                "success"
            } else {
                "completed_with_errors"
            }
            .to_owned(),
        ),
        stages: Stages {
            backup: stage(
                "2025-06-20T00:00:04Z",
                "2025-06-20T00:22:31Z",
                6_871_947_673,
            ),
            compress: stage("2025-06-20T00:22:31Z", "2025-06-20T00:30:02Z", SIZE),
            transfer: stage("2025-06-20T00:30:02Z", "2025-06-20T00:41:05Z", SIZE),
        },
        agent_error: None,
        logs_summary: Some(
            "20 databases, 19 of them done\nlast line: run finished in 41 min 4 s".to_owned(),
        ),
        staged_file_name: Some("XAFRIC_2025.sql.zst".to_owned()),
        expected_sha256: Some(sha256(MADE)),
        expected_size: Some(SIZE),
        actual_sha256: Some(sha256(MADE)),
        actual_size: Some(SIZE),
        content: is_good.then(|| ContentFinding {
            compression: Some(Compression::Zstd),
            raw_size: Some(6_871_947_673),
            kind: Some(ContentKind::PostgresPlain),
            is_complete: true,
            ..ContentFinding::default()
        }),
        unchanged: is_good,
        validated_path: is_good
            .then(|| "SDMC/DOUALA/AKWA/2025/XAFRIC_2025/XAFRIC_2025.sql.zst".to_owned()),
    }
}

/// Turns an entry of which all went well into one of its own status.
fn tell(entry: &mut BackupEntry) {
    match entry.status {
        BackupEntryStatus::Success => {}
        BackupEntryStatus::Failed => {
            let error = "mysqldump: Got errno 28 on write\nNo space left on device: /var/backups";
            entry.reason = Some(EntryReason::StageFailed {
                stage: StageName::Backup,
            });
            entry.stages.backup.succeeded = Some(false);
            entry.stages.backup.message = Some(error.to_owned());
            entry.stages.backup.sha256 = None;
            entry.stages.backup.size = None;
            entry.stages.compress = Stage::default();
            entry.stages.transfer = Stage::default();
            entry.agent_error = Some(error.to_owned());
            entry.expected_sha256 = None;
            entry.expected_size = None;
            not_measured(entry);
        }
        BackupEntryStatus::Missing => {
            entry.reason = Some(EntryReason::StagedFileAbsent);
            not_measured(entry);
        }
        BackupEntryStatus::HashMismatch => {
            entry.reason = Some(EntryReason::ContentDiffers);
            entry.actual_sha256 = Some(sha256(ARRIVED));
        }
        BackupEntryStatus::TransferIntegrityFailed => {
            entry.reason = Some(EntryReason::SizeDiffers);
            entry.actual_size = Some(734_003_200);
            let warning = "rsync warning: some files vanished before they could be transferred";
            entry.stages.transfer.message = Some(warning.to_owned());
            entry.actual_sha256 = None;
        }
        BackupEntryStatus::Unknown => {
            entry.reason = Some(EntryReason::NoHashReported);
            entry.stages.compress.sha256 = None;
            entry.expected_sha256 = None;
        }
    }
}

fn not_measured(entry: &mut BackupEntry) {
    entry.actual_sha256 = None;
    entry.actual_size = None;
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("the sample's instant is valid")
}

fn sha256(text: &str) -> Sha256 {
    text.parse().expect("the sample's digest is valid")
}

fn agent(id: &str) -> AgentId {
    AgentId::new(id).expect("the sample's agent is valid")
}
