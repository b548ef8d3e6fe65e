//! What a mail can be about. Knows no reader and no words.

use jiff::Timestamp;
use vigie_domain::{
    BackupEntry, ExpectedBackupJob, IntactCopies, LastGoodBackup, ValidatedFile, Warning,
};

use crate::{
    DeliveryId, Digest, GroupScope, Mail, MailKind, Notice, Outage, StatusChange, SummaryCause,
};

/// A mail that was refused for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndeliveredMail {
    /// The number by which the outbox knows its delivery.
    pub delivery: DeliveryId,
    /// The mail, as it should have been delivered.
    pub mail: Mail,
    /// When it was refused.
    pub refused_at: Timestamp,
    /// The server's words.
    pub answer: String,
}

/// The stretch from the first alert on a job until it is OK again, as mails tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentHistory {
    /// When the first alert was raised, which is the job's `incident_since` while the incident is
    /// open. The mails of an incident are one conversation by it.
    pub opened_at: Timestamp,
    /// The statuses that the job has had since, oldest first. The first is the opening.
    pub changes: Vec<StatusChange>,
    /// How many expected times passed without a good backup; `None` when it can't be told.
    pub lost: Option<u32>,
    /// The last backup that was proven before the incident's end; `None` when there was none. The
    /// recovery mail tells of it, as a recovered job has the one that ended the incident already.
    pub last_good: Option<LastGoodBackup>,
}

/// Which reminder of an open incident it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReminderNumber {
    /// 1 for the first.
    pub which: u32,
    /// When the next one comes, unless the job is OK by then; `None` when it is the last.
    pub next_at: Option<Timestamp>,
}

/// What a mail is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum About<'a> {
    /// A job, and the entry that a report led to, if there is one.
    Job {
        job: &'a ExpectedBackupJob,
        entry: Option<&'a BackupEntry>,
    },
    /// A job whose incident is still open, and the entry that a report led to, if there is one.
    Reminder {
        job: &'a ExpectedBackupJob,
        entry: Option<&'a BackupEntry>,
        history: &'a IncidentHistory,
        reminder: &'a ReminderNumber,
    },
    /// A job that is OK again, and the backup that ended its incident.
    Recovery {
        job: &'a ExpectedBackupJob,
        entry: &'a BackupEntry,
        history: &'a IncidentHistory,
    },
    /// A backup of a job that was kept and is damaged, when it was last right, and what is left.
    Damage {
        job: &'a ExpectedBackupJob,
        file: &'a ValidatedFile,
        intact_at: Option<Timestamp>,
        others: &'a IntactCopies,
    },
    /// A job that is OK, and what is odd about its backup.
    Warning {
        job: &'a ExpectedBackupJob,
        entry: &'a BackupEntry,
        warnings: &'a [Warning],
    },
    /// Several jobs that have something in common.
    Group {
        scope: &'a GroupScope,
        notices: &'a [Notice],
    },
    /// A fault of the whole system, and the jobs that it concerns.
    Outage {
        outage: &'a Outage,
        notices: &'a [Notice],
    },
    /// All that there is to tell, as mails of their own would be too many.
    Summary {
        cause: &'a SummaryCause,
        notices: &'a [Notice],
        came_and_went: u32,
    },
    /// How all is, from time to time.
    Digest { digest: &'a Digest },
    /// The mails that an address did not get.
    Undelivered {
        address: &'a str,
        mails: &'a [UndeliveredMail],
    },
}

impl About<'_> {
    /// The mail that is written about it.
    pub(crate) const fn mail(&self) -> MailKind {
        match self {
            Self::Job { entry: None, .. } => MailKind::Missing,
            Self::Job { entry: Some(_), .. } => MailKind::Entry,
            Self::Reminder { .. } => MailKind::Reminder,
            Self::Recovery { .. } => MailKind::Recovery,
            Self::Damage { .. } => MailKind::Damaged,
            Self::Warning { .. } => MailKind::Warning,
            Self::Group { .. } => MailKind::Group,
            Self::Outage { .. } => MailKind::Outage,
            Self::Summary { .. } => MailKind::Summary,
            Self::Digest { .. } => MailKind::Digest,
            Self::Undelivered { .. } => MailKind::Undelivered,
        }
    }

    /// The one job whose incident it belongs to, and since when that is open.
    pub(crate) fn incident(&self) -> Option<(&ExpectedBackupJob, Timestamp)> {
        match self {
            Self::Job { job, .. } => Some((job, job.incident_since?)),
            Self::Reminder { job, history, .. } | Self::Recovery { job, history, .. } => {
                Some((job, history.opened_at))
            }
            Self::Damage { .. }
            | Self::Warning { .. }
            | Self::Group { .. }
            | Self::Outage { .. }
            | Self::Summary { .. }
            | Self::Digest { .. }
            | Self::Undelivered { .. } => None,
        }
    }

    /// Whether the mail about it is marked as important.
    pub(crate) fn is_urgent(&self) -> bool {
        match self {
            Self::Job { entry, .. } | Self::Reminder { entry, .. } => entry.is_none(),
            Self::Damage { .. } => true,
            Self::Recovery { .. } | Self::Warning { .. } | Self::Digest { .. } => false,
            Self::Group { notices, .. } | Self::Summary { notices, .. } => {
                notices.iter().any(|notice| About::from(notice).is_urgent())
            }
            Self::Outage { outage, .. } => outage.ended_at.is_none(),
            Self::Undelivered { mails, .. } => mails.iter().any(|refused| refused.mail.urgent),
        }
    }
}

impl<'a> From<&'a Notice> for About<'a> {
    /// What the mail of a notice alone is about.
    fn from(notice: &'a Notice) -> Self {
        match notice {
            Notice::Alert { job, entry } => Self::Job {
                job,
                entry: entry.as_deref(),
            },
            Notice::Reminder {
                job,
                entry,
                history,
                reminder,
            } => Self::Reminder {
                job,
                entry: entry.as_deref(),
                history,
                reminder,
            },
            Notice::Recovery {
                job,
                entry,
                history,
            } => Self::Recovery {
                job,
                entry,
                history,
            },
            Notice::Damage {
                job,
                file,
                intact_at,
                others,
            } => Self::Damage {
                job,
                file,
                intact_at: *intact_at,
                others,
            },
            Notice::Warning {
                job,
                entry,
                warnings,
            } => Self::Warning {
                job,
                entry,
                warnings,
            },
        }
    }
}
