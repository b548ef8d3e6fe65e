//! Where mails wait to be sent: the port that a program's store fills. Knows no transport.

mod ledger;
mod memory;
mod notifications;

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use thiserror::Error;

use crate::{Mail, Receipt};

#[cfg(test)]
pub(crate) use ledger::MockLedger;
pub use ledger::{DeadDelivery, Ledger, OpenIncident, Plan, PlannedMail};
pub use memory::MemoryOutbox;

/// The number by which an outbox knows an event. Later events have larger numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(pub i64);

/// The number by which an outbox knows a delivery. Later deliveries have larger numbers.
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

/// A mail on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The outbox's number for it.
    pub id: DeliveryId,
    /// The mail.
    pub mail: Mail,
    /// How often it was tried to send it.
    pub attempts: u32,
    /// How many of those tries ended with [`Outcome::Deferred`].
    pub deferrals: u32,
}

/// Who has claimed deliveries, and until when nobody else sends them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Tells who claims from all others that share the outbox.
    pub holder: String,
    /// When others may take over, as the holder must have died.
    pub until: Timestamp,
}

/// One try to send a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The delivery.
    pub delivery: DeliveryId,
    /// When it ended.
    pub at: Timestamp,
    /// How.
    pub outcome: Outcome,
}

/// What became of one try to send a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Somebody took the mail.
    Sent(Receipt),
    /// This mail was not taken for now.
    Deferred {
        /// Why.
        error: String,
        /// When it is tried again.
        due_at: Timestamp,
    },
    /// Nobody was there to take a mail, or nobody waited for the answer. It stays due, as that says
    /// nothing about this mail.
    Unreached {
        /// Why.
        error: String,
    },
    /// This mail will never be taken as it is.
    Dead {
        /// Why.
        error: String,
    },
    /// It was not tried: what was claimed is given back.
    Released,
}

/// What waits in an outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// How many deliveries wait.
    pub waiting: u64,
    /// When the oldest of them was planned.
    pub oldest_planned_at: Option<Timestamp>,
}

/// Keeps mails until they are sent, through crashes of the program and outages of the mail server. A
/// [`Ledger`] puts them there.
///
/// A delivery waits until somebody claims it. What was claimed belongs to one holder until its lease
/// runs out, so that several programs may send from one outbox, and what a dead one had in hand is
/// sent by the next. A mail whose program died between the server's answer and its record goes out
/// again, with the same message id and the same bytes.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Claims the first deliveries that are due at `now`, the longest due first, without those to
    /// `except` (addresses as [`Mail::recipient`] gives them). What is due later than
    /// [`LONGEST_DELAY`] from now is due too: no delay is that long, so a clock was put back.
    ///
    /// # Errors
    ///
    /// When that can't be written; then nothing is claimed.
    async fn claim(
        &self,
        now: Timestamp,
        lease: &Lease,
        except: &[String],
        limit: u32,
    ) -> Result<Vec<Delivery>, OutboxError>;

    /// Makes all that the holder has claimed last until the lease's end.
    ///
    /// # Errors
    ///
    /// When that can't be written.
    async fn renew(&self, lease: &Lease) -> Result<(), OutboxError>;

    /// Keeps what became of tries, all of it or nothing, and gives the claims on them back. A mail
    /// that was taken counts as sent whoever claims it now; all else is forgotten when the holder's
    /// lease ran out and somebody else has claimed the delivery.
    ///
    /// # Errors
    ///
    /// When that can't be written; then nothing is.
    async fn record(&self, holder: &str, attempts: &[Attempt]) -> Result<(), OutboxError>;

    /// What waits, claimed or not.
    ///
    /// # Errors
    ///
    /// When it can't be counted.
    async fn backlog(&self) -> Result<Backlog, OutboxError>;

    /// How many mails were sent at this instant or later.
    ///
    /// # Errors
    ///
    /// When they can't be counted.
    async fn count_sent_since(&self, since: Timestamp) -> Result<u64, OutboxError>;
}

/// No delivery is put off, no lease lasts and no notification is held for longer than this.
pub const LONGEST_DELAY: jiff::SignedDuration = jiff::SignedDuration::from_hours(2);

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
