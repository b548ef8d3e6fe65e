//! What is asked to be told to one reader, until a mail tells it. Knows no mail's words and no store.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vigie_domain::{ExpectedBackupJob, JobId, JobStatus};

use crate::mail::recipient_of;
use crate::{EventId, Incident, IncidentKey, NoticeClass};

/// The number by which an outbox knows a notification. Later ones have larger numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NotificationId(pub i64);

/// What kind of thing a reader is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationKind {
    /// A job is not OK.
    Alert,
    /// A job is still not OK.
    Reminder,
    /// A job is OK again.
    Recovery,
    /// A backup that was kept is damaged.
    Damage,
    /// A proven backup is odd.
    Warning,
    /// A job was not OK and is OK again, and both were held back: nobody is told, but how many such
    /// there were.
    Passed,
}

impl NotificationKind {
    /// Its name in JSON and SQL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Reminder => "reminder",
            Self::Recovery => "recovery",
            Self::Damage => "damage",
            Self::Warning => "warning",
            Self::Passed => "passed",
        }
    }

    /// Which others it may stand in one mail with.
    #[must_use]
    pub const fn class(self) -> NoticeClass {
        match self {
            Self::Alert | Self::Reminder | Self::Damage => NoticeClass::Problem,
            Self::Recovery | Self::Passed => NoticeClass::Recovery,
            Self::Warning => NoticeClass::Warning,
        }
    }
}

impl fmt::Display for NotificationKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// What one reader is to be told. Of one incident a reader has at most one that no mail tells yet:
/// the last one asked for takes the place of those before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedNotification {
    /// The job.
    pub job: JobId,
    /// Its incident; `None` for damage and for a warning.
    pub incident: Option<IncidentKey>,
    /// The event that asks for it.
    pub event: EventId,
    /// What is to be told.
    pub kind: NotificationKind,
    /// Who is to be told, as mails name them.
    pub reader: String,
}

impl AskedNotification {
    /// The address of the reader alone, its ASCII letters in lower case.
    #[must_use]
    pub fn recipient(&self) -> String {
        recipient_of(&self.reader)
    }

    /// What it is about.
    #[must_use]
    pub fn subject(&self) -> NotificationSubject {
        match self.incident {
            Some(key) => NotificationSubject::Incident(key),
            None => NotificationSubject::Event(self.event),
        }
    }
}

/// What a notification is about: two readers of the same are told the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NotificationSubject {
    /// An incident as it is now.
    Incident(IncidentKey),
    /// An event of no incident.
    Event(EventId),
}

/// A notification that no mail tells yet, with as much of its job as decides on how it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingNotification {
    /// The outbox's number for it.
    pub id: NotificationId,
    /// What it is about.
    pub subject: NotificationSubject,
    /// What is to be told.
    pub kind: NotificationKind,
    /// Who is to be told, as mails name them.
    pub reader: String,
    /// When that was asked for first.
    pub asked_at: Timestamp,
    /// Whether somebody has taken the incident on.
    pub acknowledged: bool,
    /// Why it was held back before, if it was.
    pub held_by: Option<HoldCause>,
    /// Its job.
    pub job: PendingJob,
}

/// As much of a job as decides on how it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingJob {
    /// The store's number for it.
    pub id: JobId,
    /// Its agent.
    pub agent: String,
    /// Its database.
    pub database: String,
    /// The customer that the database belongs to.
    pub company: String,
    /// The city of the site.
    pub city: String,
    /// The year that the database is about.
    pub year: Option<i16>,
    /// What it is, or was last before its recovery.
    pub status: JobStatus,
}

impl PendingJob {
    /// Of a job that is or was of this status.
    #[must_use]
    pub fn new(job: &ExpectedBackupJob, status: JobStatus) -> Self {
        Self {
            id: job.id,
            agent: job.agent.as_str().to_owned(),
            database: job.database.clone(),
            company: job.company.clone(),
            city: job.city.clone(),
            year: job.year,
            status,
        }
    }
}

/// All that a mail tells of a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationDetail {
    /// The outbox's number for it.
    pub id: NotificationId,
    /// The incident as it is now; `None` for damage and for a warning.
    pub incident: Option<Incident>,
    /// The event that was last heard of the incident, or that the damage or the warning is.
    pub event: (EventId, vigie_domain::DomainEvent),
}

/// That a notification is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// Until when, unless it is looked at again before.
    pub until: Timestamp,
    /// Why.
    pub cause: HoldCause,
}

/// Why a notification is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldCause {
    /// Somebody asked for silence.
    Silence,
    /// The config asks for quiet: maintenance or holidays.
    Maintenance,
    /// The reader has had as many mails in an hour as are allowed.
    Limit,
    /// Mails to the reader do not get through.
    Undeliverable,
}

impl HoldCause {
    /// All of them, in the order in which they are documented.
    pub const ALL: [Self; 4] = [
        Self::Silence,
        Self::Maintenance,
        Self::Limit,
        Self::Undeliverable,
    ];

    /// Its name in JSON and SQL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::Maintenance => "maintenance",
            Self::Limit => "limit",
            Self::Undeliverable => "undeliverable",
        }
    }

    /// Whether somebody asked for it.
    #[must_use]
    pub const fn is_wanted(self) -> bool {
        matches!(self, Self::Silence | Self::Maintenance)
    }
}

impl fmt::Display for HoldCause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// How it stands with the mails to one reader.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReaderState {
    /// How many mails about jobs were written to them in the last hour.
    pub written: u32,
    /// When the first of these was written.
    pub first_written_at: Option<Timestamp>,
    /// Since when mails to them wait to be sent: the date of the oldest that waits, if none of those that
    /// were written since was sent.
    pub stuck_since: Option<Timestamp>,
    /// The date of the newest mail to them, if some are stuck.
    pub last_written_at: Option<Timestamp>,
    /// How many notifications for them are held back because somebody asked for it.
    pub held_back: u32,
}
