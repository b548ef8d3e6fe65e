//! A mail of the outbox as `--format json` shows it.

use jiff::Timestamp;
use serde::Serialize;
use vigie_notify::Mail;
use vigie_store::{DeliveryRecord, DeliveryState};

/// The keys are stable.
#[derive(Debug, Serialize)]
pub struct ShownDelivery<'a> {
    id: i64,
    state: DeliveryState,
    recipient: &'a str,
    subject: &'a str,
    message_id: &'a str,
    urgent: bool,
    planned_at: Timestamp,
    /// When it is tried next; null unless it waits.
    next_attempt_at: Option<Timestamp>,
    /// Who is sending it at this moment.
    lease_holder: Option<&'a str>,
    attempts: u32,
    last_attempt_at: Option<Timestamp>,
    last_error: Option<&'a str>,
    taken_by: Option<&'a str>,
    answer: Option<&'a str>,
    /// Left out of lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    mail: Option<&'a Mail>,
}

impl<'a> ShownDelivery<'a> {
    pub fn of(record: &'a DeliveryRecord) -> Self {
        Self {
            id: record.id.0,
            state: record.state,
            recipient: &record.mail.to,
            subject: &record.mail.subject,
            message_id: &record.mail.message_id,
            urgent: record.mail.urgent,
            planned_at: record.planned_at,
            next_attempt_at: next_attempt_at(record),
            lease_holder: record.lease_holder.as_deref(),
            attempts: record.attempts,
            last_attempt_at: record.last_attempt_at,
            last_error: record.last_error.as_deref(),
            taken_by: record.taken_by.as_deref(),
            answer: record.answer.as_deref(),
            mail: None,
        }
    }

    pub fn with_mail(record: &'a DeliveryRecord) -> Self {
        Self {
            mail: Some(&record.mail),
            ..Self::of(record)
        }
    }
}

/// When a mail is tried next that waits and that nobody has in hand.
pub fn next_attempt_at(record: &DeliveryRecord) -> Option<Timestamp> {
    let is_waiting = record.state == DeliveryState::Waiting && record.lease_holder.is_none();
    is_waiting.then_some(record.due_at)
}
