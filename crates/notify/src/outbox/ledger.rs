//! Where events wait to become mails, and what is known of incidents and of who is told what: the port
//! that a program's store fills for the [`Planner`](crate::Planner). Knows no transport.

use async_trait::async_trait;
use jiff::Timestamp;
use vigie_domain::{DomainEvent, ExpectedBackupJob, JobId};

use super::{Backlog, DeliveryId, EventId, OutboxError};
use crate::{
    AskedNotification, FaultRecord, Hold, Incident, Mail, NotificationDetail, NotificationId,
    PendingNotification, ReaderState, Silence,
};

/// A mail that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedMail {
    /// The event that asked for it, or the first of several; `None` when none did.
    pub event: Option<EventId>,
    /// The notifications that it tells.
    pub tells: Vec<NotificationId>,
    /// The mail.
    pub mail: Mail,
}

/// What is kept at once: all of it or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// The last event that has been planned; `None` when it is about none.
    pub up_to: Option<EventId>,
    /// Incidents as they are now, each with the event that last changed it. Of one that closes, what no
    /// mail tells yet falls away, and alerts become [`NotificationKind::Passed`].
    ///
    /// [`NotificationKind::Passed`]: crate::NotificationKind::Passed
    pub incidents: Vec<(Incident, EventId)>,
    /// What readers are to be told from now on.
    pub asked: Vec<AskedNotification>,
    /// Mails that are due at once. Who is told by one that a job is not OK is not told any more that an
    /// earlier incident of it is over.
    pub mails: Vec<PlannedMail>,
    /// Notifications that are held back.
    pub held: Vec<(NotificationId, Hold)>,
    /// Notifications of which nobody is told any more.
    pub dropped: Vec<NotificationId>,
    /// Faults of the system as they are now.
    pub faults: Vec<FaultRecord>,
    /// When digests were written, if they were.
    pub digest_at: Option<Timestamp>,
    /// When that was decided.
    pub planned_at: Timestamp,
}

/// An incident that has not closed, and who knows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenIncident {
    /// The incident.
    pub incident: Incident,
    /// Who was sent a mail about it, as those mails name them, without those whose mail is dead or
    /// was given up.
    pub told: Vec<String>,
    /// Whom what was asked for has not reached yet, be it that no mail tells it, or that the mail waits
    /// (addresses as [`Mail::recipient`] gives them).
    pub waiting: Vec<String>,
    /// The event that was last heard of it.
    pub event: (EventId, DomainEvent),
}

/// A delivery that became dead, of which nobody has been told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadDelivery {
    /// The outbox's number for it.
    pub id: DeliveryId,
    /// The mail.
    pub mail: Mail,
    /// When it was refused.
    pub died_at: Timestamp,
    /// Why.
    pub error: String,
    /// Who was sent a mail about the same event that tells of the same jobs at least, as their mails name
    /// them, without those whose mail is dead too.
    pub others: Vec<String>,
}

/// Keeps events until they are planned, incidents until they are over, and what readers are to be told
/// until a mail in the [`Outbox`](super::Outbox) tells it.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Ledger: Send + Sync {
    /// The first events that nobody has planned mails for yet, oldest first. Those that are no news
    /// ([`is_news`](crate::is_news)) may be left out, so that a night in which all went well costs
    /// nothing.
    ///
    /// # Errors
    ///
    /// When they can't be read.
    async fn unplanned_events(
        &self,
        limit: u32,
    ) -> Result<Vec<(EventId, DomainEvent)>, OutboxError>;

    /// The open incidents of these jobs.
    ///
    /// # Errors
    ///
    /// When they can't be read.
    async fn open_incidents(&self, jobs: &[JobId]) -> Result<Vec<OpenIncident>, OutboxError>;

    /// The first open incidents of which people are to be reminded at `now`, the longest due first.
    ///
    /// # Errors
    ///
    /// When they can't be read.
    async fn incidents_to_remind(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<OpenIncident>, OutboxError>;

    /// Notifications that no mail tells yet and that are not held back at `now`, by their readers and the
    /// order of their numbers. What is held for longer than [`LONGEST_DELAY`](super::LONGEST_DELAY) from now is not: no hold
    /// is that long, so a clock was put back.
    ///
    /// # Errors
    ///
    /// When they can't be read.
    async fn pending_notifications(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<PendingNotification>, OutboxError>;

    /// All that mails tell of these notifications, in any order. One of which nothing is known is left
    /// out.
    ///
    /// # Errors
    ///
    /// When it can't be read.
    async fn notification_details(
        &self,
        ids: &[NotificationId],
    ) -> Result<Vec<NotificationDetail>, OutboxError>;

    /// How it stands with the mails to these readers (addresses as [`Mail::recipient`] gives them) at
    /// `now`: those that are dated in the hour before, those that wait, and what is held back.
    ///
    /// # Errors
    ///
    /// When it can't be read.
    async fn reader_states(
        &self,
        readers: &[String],
        now: Timestamp,
    ) -> Result<Vec<(String, ReaderState)>, OutboxError>;

    /// The silences that somebody has asked for and that hold at `now`.
    ///
    /// # Errors
    ///
    /// When they can't be read.
    async fn silences(&self, now: Timestamp) -> Result<Vec<Silence>, OutboxError>;

    /// How many jobs are watched.
    ///
    /// # Errors
    ///
    /// When they can't be counted.
    async fn watched_jobs(&self) -> Result<u64, OutboxError>;

    /// When the last digests were written, or when their time began; `None` when it has not.
    ///
    /// # Errors
    ///
    /// When it can't be read.
    async fn last_digest(&self) -> Result<Option<Timestamp>, OutboxError>;

    /// These jobs as they are now, in any order.
    ///
    /// # Errors
    ///
    /// When they can't be read.
    async fn jobs(&self, jobs: &[JobId]) -> Result<Vec<ExpectedBackupJob>, OutboxError>;

    /// The first jobs with numbers above this one, in the order of their numbers.
    ///
    /// # Errors
    ///
    /// When they can't be read.
    async fn jobs_after(
        &self,
        last: JobId,
        limit: u32,
    ) -> Result<Vec<ExpectedBackupJob>, OutboxError>;

    /// The incidents of these jobs that are open, or closed after `since`, by job and opening.
    ///
    /// # Errors
    ///
    /// When they can't be read.
    async fn incidents_since(
        &self,
        jobs: &[JobId],
        since: Timestamp,
    ) -> Result<Vec<Incident>, OutboxError>;

    /// What waits to be sent.
    ///
    /// # Errors
    ///
    /// When it can't be counted.
    async fn waiting_mails(&self) -> Result<Backlog, OutboxError>;

    /// The faults of the system that last, and those that opened after `since`.
    ///
    /// # Errors
    ///
    /// When they can't be read.
    async fn faults_since(&self, since: Timestamp) -> Result<Vec<FaultRecord>, OutboxError>;

    /// Keeps a plan: first its incidents as they are now, then what is asked for, then one delivery for
    /// each of its mails with what it tells, and that its events are planned. Whether somebody has taken
    /// an incident on is only written when it has changed.
    ///
    /// # Errors
    ///
    /// When that can't be written; then nothing is.
    async fn plan(&self, plan: &Plan) -> Result<(), OutboxError>;

    /// The first dead deliveries, in the order of their numbers, that nobody has been told of. Those of
    /// which others got a mail are left out for somebody of whose dead deliveries people were told
    /// after `since` and before `now`.
    ///
    /// # Errors
    ///
    /// When they can't be read.
    async fn untold_dead(
        &self,
        since: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<DeadDelivery>, OutboxError>;

    /// Keeps one delivery for each mail, due at once, and marks these dead deliveries as told of,
    /// both or neither. Of the new deliveries nobody will be told when they are dead too.
    ///
    /// # Errors
    ///
    /// When that can't be written; then nothing is.
    async fn plan_notices(
        &self,
        told: &[DeliveryId],
        mails: &[Mail],
        planned_at: Timestamp,
    ) -> Result<(), OutboxError>;
}
