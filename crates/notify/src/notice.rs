//! What people are told of jobs and of the system, before it is known who reads it and in which mail.
//! Knows no reader and no words.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vigie_domain::{
    BackupEntry, ExpectedBackupJob, IntactCopies, JobStatus, ValidatedFile, Warning,
};

use crate::{AlertSeverity, IncidentHistory, ReminderNumber};

/// One thing that people are told of one job: a mail of its own, or a part of one that tells of
/// several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// It is not OK.
    Alert {
        /// The job.
        job: Box<ExpectedBackupJob>,
        /// The entry that a report led to; `None` when no report came.
        entry: Option<Box<BackupEntry>>,
    },
    /// It is still not OK.
    Reminder {
        /// The job.
        job: Box<ExpectedBackupJob>,
        /// The last entry; `None` when no report came.
        entry: Option<Box<BackupEntry>>,
        /// What was before.
        history: IncidentHistory,
        /// Which reminder it is.
        reminder: ReminderNumber,
    },
    /// It is OK again.
    Recovery {
        /// The job.
        job: Box<ExpectedBackupJob>,
        /// The backup that ended the incident.
        entry: Box<BackupEntry>,
        /// What was before.
        history: IncidentHistory,
    },
    /// A backup of it that was kept is not what it was any more.
    Damage {
        /// The job, whatever its status.
        job: Box<ExpectedBackupJob>,
        /// The kept backup; its fault says what is wrong.
        file: Box<ValidatedFile>,
        /// When it was last found as it should be; `None` when something was wrong with it before.
        intact_at: Option<Timestamp>,
        /// What else is kept of the job.
        others: Box<IntactCopies>,
    },
    /// It is OK, and its backup is odd.
    Warning {
        /// The job.
        job: Box<ExpectedBackupJob>,
        /// The backup.
        entry: Box<BackupEntry>,
        /// What is odd.
        warnings: Vec<Warning>,
    },
}

/// Notices that may stand in one mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NoticeClass {
    /// Something is wrong, or still is: with a job, or with a backup of it that was kept.
    Problem,
    /// Something is well again.
    Recovery,
    /// Something is odd.
    Warning,
}

impl NoticeClass {
    /// How bad that is: a recovery is as bad as the failure that it ends.
    #[must_use]
    pub const fn severity(self) -> AlertSeverity {
        match self {
            Self::Problem | Self::Recovery => AlertSeverity::Critical,
            Self::Warning => AlertSeverity::Warning,
        }
    }
}

impl Notice {
    /// The job that it tells of.
    #[must_use]
    pub fn job(&self) -> &ExpectedBackupJob {
        match self {
            Self::Alert { job, .. }
            | Self::Reminder { job, .. }
            | Self::Recovery { job, .. }
            | Self::Damage { job, .. }
            | Self::Warning { job, .. } => job,
        }
    }

    /// Which notices it may stand in one mail with.
    #[must_use]
    pub const fn class(&self) -> NoticeClass {
        match self {
            Self::Alert { .. } | Self::Reminder { .. } | Self::Damage { .. } => {
                NoticeClass::Problem
            }
            Self::Recovery { .. } => NoticeClass::Recovery,
            Self::Warning { .. } => NoticeClass::Warning,
        }
    }
}

/// The code of a kept backup that is damaged, where the statuses of jobs stand too.
pub(crate) const DAMAGED: &str = "DAMAGED";

/// What a notice tells of a job, where the statuses of jobs stand.
pub(crate) fn code_of(notice: &Notice) -> &'static str {
    match notice {
        Notice::Damage { .. } => DAMAGED,
        _ => notice.job().current_status.as_str(),
    }
}

/// How bad what has this code is, the worst first: what can't be had again comes before what may come
/// with the next report.
pub(crate) fn rank_of_code(code: &str) -> u8 {
    if code == DAMAGED {
        return 0;
    }
    let status = JobStatus::ALL
        .into_iter()
        .find(|status| status.as_str() == code);
    1 + status.map_or(u8::MAX - 1, rank)
}

/// How bad a status is, the worst first: what never came, what came damaged, what failed and says
/// so, what is not known.
#[must_use]
pub const fn rank(status: JobStatus) -> u8 {
    match status {
        JobStatus::Missing => 0,
        JobStatus::HashMismatch => 1,
        JobStatus::TransferIntegrityFailed => 2,
        JobStatus::Failed => 3,
        JobStatus::Unknown => 4,
        JobStatus::Ok => 5,
    }
}

/// Notices with the worst status first, and then in the order of their agents and databases.
pub(crate) fn worst_first<'a>(notices: impl IntoIterator<Item = &'a Notice>) -> Vec<&'a Notice> {
    let mut sorted: Vec<&Notice> = notices.into_iter().collect();
    sorted.sort_by_cached_key(|notice| {
        let job = notice.job();
        let agent = job.agent.as_str().to_owned();
        (
            rank_of_code(code_of(notice)),
            agent,
            job.database.clone(),
            job.id.0,
        )
    });
    sorted
}

/// What the jobs of one mail have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    /// The agent that makes their backups.
    Agent,
    /// The customer that they belong to.
    Company,
    /// The city of their sites.
    City,
}

impl GroupBy {
    /// All of them, in the order in which they are documented.
    pub const ALL: [Self; 3] = [Self::Agent, Self::Company, Self::City];

    /// Its name in config, JSON and templates.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Company => "company",
            Self::City => "city",
        }
    }
}

impl fmt::Display for GroupBy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// The agent, company or city that all jobs of a mail are of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupScope {
    /// Which of them.
    pub by: GroupBy,
    /// Its name.
    pub name: String,
}

/// Why one mail tells of what would have been too many.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SummaryCause {
    /// The reader has had as many mails in an hour as are allowed.
    Limit {
        /// How many those are.
        per_hour: u32,
    },
    /// Vigie did not run for a while.
    Downtime {
        /// When its last cycle before that was done.
        from: Timestamp,
        /// When it was back.
        until: Timestamp,
    },
    /// Mails did not reach the reader for a while.
    Undeliverable {
        /// Since when.
        since: Timestamp,
    },
}

impl SummaryCause {
    /// The names of all causes, in the order in which they are documented.
    pub const CODES: [&'static str; 3] = ["limit", "downtime", "undeliverable"];

    /// Its name in templates.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Limit { .. } => "limit",
            Self::Downtime { .. } => "downtime",
            Self::Undeliverable { .. } => "undeliverable",
        }
    }
}

/// Something is wrong with the whole system, not with single jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum SystemFault {
    /// The deposit can't be read, so that nothing that agents drop is seen, and nothing is judged.
    DepositUnreachable {
        /// The error, as a sentence.
        error: String,
    },
    /// The validated tree can't be relied on, so that nothing is known of the backups that are kept.
    ValidatedUnreachable {
        /// The error, as a sentence.
        error: String,
    },
    /// The machine's clock shows another time than it can be.
    ClockJumped {
        /// What it should have shown.
        expected: Timestamp,
        /// What it showed.
        found: Timestamp,
    },
    /// So many backups became missing at once that single agents are hardly the cause.
    ManyMissing {
        /// How many of all watched jobs in a hundred did so in one cycle.
        percent: u8,
    },
}

impl SystemFault {
    /// The names of all faults, in the order in which they are documented.
    pub const CODES: [&'static str; 4] = [
        "deposit_unreachable",
        "validated_unreachable",
        "clock_jumped",
        "many_missing",
    ];

    /// Its name, as it stands in JSON, SQL and templates.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DepositUnreachable { .. } => "deposit_unreachable",
            Self::ValidatedUnreachable { .. } => "validated_unreachable",
            Self::ClockJumped { .. } => "clock_jumped",
            Self::ManyMissing { .. } => "many_missing",
        }
    }
}

/// A fault of the whole system, as one mail tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// What is wrong.
    pub fault: SystemFault,
    /// Since when.
    pub since: Timestamp,
    /// Which reminder of it this is; `None` when it is the first mail or the last.
    pub reminder: Option<ReminderNumber>,
    /// When it was over; `None` while it lasts.
    pub ended_at: Option<Timestamp>,
}
