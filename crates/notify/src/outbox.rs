//! Where events wait to become mails and mails wait to be sent: the port that a program's store
//! fills. Knows no transport.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use thiserror::Error;
use vigie_domain::DomainEvent;

use crate::Mail;

/// The number by which an outbox knows an event. Later events have larger numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(pub i64);

/// The number by which an outbox knows a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryId(pub i64);

impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A mail that an event asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedMail {
    /// The event.
    pub event: EventId,
    /// The mail.
    pub mail: Mail,
}

/// A mail on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The outbox's number for it.
    pub id: DeliveryId,
    /// The mail.
    pub mail: Mail,
    /// How often sending it has failed.
    pub attempts: u32,
}

/// Keeps events until they are planned and mails until they are sent, through crashes of the
/// program and outages of the mail server.
///
/// A mail whose program died between sending it and recording that is sent again, with the same
/// message id.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Outbox: Send + Sync {
    /// The first events that nobody has planned mails for yet, oldest first.
    ///
    /// # Errors
    ///
    /// When they can't be read.
    async fn unplanned_events(
        &self,
        limit: u32,
    ) -> Result<Vec<(EventId, DomainEvent)>, OutboxError>;

    /// Keeps one delivery for each mail and marks all events up to `up_to` as planned, both or
    /// neither.
    ///
    /// # Errors
    ///
    /// When that can't be written; then nothing is.
    async fn plan(&self, up_to: EventId, mails: &[PlannedMail]) -> Result<(), OutboxError>;

    /// The first deliveries behind `after` that wait to be tried, in the order of their numbers.
    ///
    /// # Errors
    ///
    /// When they can't be read.
    async fn waiting_deliveries(
        &self,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> Result<Vec<Delivery>, OutboxError>;

    /// The delivery is done.
    ///
    /// # Errors
    ///
    /// When that can't be written.
    async fn record_sent(&self, id: DeliveryId, at: Timestamp) -> Result<(), OutboxError>;

    /// The delivery failed; it no longer waits when that is permanent.
    ///
    /// # Errors
    ///
    /// When that can't be written.
    async fn record_failed(
        &self,
        id: DeliveryId,
        at: Timestamp,
        error: &str,
        is_permanent: bool,
    ) -> Result<(), OutboxError>;

    /// How many deliveries wait.
    ///
    /// # Errors
    ///
    /// When they can't be counted.
    async fn count_waiting(&self) -> Result<u64, OutboxError>;
}

/// Why an outbox could not do its part.
#[derive(Debug, Error)]
#[error("could not {action}: {source}")]
pub struct OutboxError {
    /// What was tried, so that "could not …" is a sentence.
    pub action: &'static str,
    /// What went wrong.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl OutboxError {
    /// The error of an action, which completes the sentence "could not …".
    pub fn new(
        action: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            action,
            source: source.into(),
        }
    }
}
