//! What a mail can be about. Knows no reader and no words.

use jiff::Timestamp;
use vigie_domain::{BackupEntry, ExpectedBackupJob};

use crate::{DeliveryId, Mail, MailKind};

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

/// What a mail is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum About<'a> {
    /// A job, and the entry that a report led to, if there is one.
    Job {
        job: &'a ExpectedBackupJob,
        entry: Option<&'a BackupEntry>,
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
            Self::Undelivered { .. } => MailKind::Undelivered,
        }
    }

    /// The job whose incident it belongs to, and since when that is open.
    pub(crate) fn incident(&self) -> Option<(&ExpectedBackupJob, Timestamp)> {
        match self {
            Self::Job { job, .. } => Some((job, job.incident_since?)),
            Self::Undelivered { .. } => None,
        }
    }

    /// Whether the mail about it is marked as important.
    pub(crate) fn is_urgent(&self) -> bool {
        match self {
            Self::Job { entry, .. } => entry.is_none(),
            Self::Undelivered { mails, .. } => mails.iter().any(|refused| refused.mail.urgent),
        }
    }
}
