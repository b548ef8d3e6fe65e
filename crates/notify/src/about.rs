//! What a mail can be about. Knows no reader and no words.

use jiff::Timestamp;
use vigie_domain::{BackupEntry, ExpectedBackupJob, LastGoodBackup};

use crate::{DeliveryId, Mail, MailKind, StatusChange};

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
            Self::Undelivered { .. } => MailKind::Undelivered,
        }
    }

    /// The job whose incident it belongs to, and since when that is open.
    pub(crate) fn incident(&self) -> Option<(&ExpectedBackupJob, Timestamp)> {
        match self {
            Self::Job { job, .. } => Some((job, job.incident_since?)),
            Self::Reminder { job, history, .. } | Self::Recovery { job, history, .. } => {
                Some((job, history.opened_at))
            }
            Self::Undelivered { .. } => None,
        }
    }

    /// Whether the mail about it is marked as important.
    pub(crate) fn is_urgent(&self) -> bool {
        match self {
            Self::Job { entry, .. } | Self::Reminder { entry, .. } => entry.is_none(),
            Self::Recovery { .. } => false,
            Self::Undelivered { mails, .. } => mails.iter().any(|refused| refused.mail.urgent),
        }
    }
}
