//! Turns events into mails and gets them sent, losing none. Knows no store and no scanner.

use jiff::Timestamp;
use serde::Serialize;
use vigie_domain::{DomainEvent, EventKind};

use crate::{
    Composer, Delivery, DeliveryId, EventId, Mail, Outbox, OutboxError, PlannedMail, Templates,
    Transport,
};

/// How many events are planned in one transaction.
const EVENTS: u32 = 100;

/// How many deliveries are held in memory at once.
const DELIVERIES: u32 = 100;

/// Consumes the events that a scan left in the outbox.
///
/// Events become mails first, in the outbox, and only then are mails sent. So an outage of the mail
/// server or the death of the program costs time and no mail.
#[derive(Debug)]
pub struct Dispatcher<T, O> {
    composer: Composer,
    transport: T,
    outbox: O,
}

/// What one round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[must_use]
pub struct Dispatched {
    /// Mails that were sent.
    pub sent: u64,
    /// Tries that failed; why is in the log.
    pub failed: u64,
    /// Mails that wait for the next round.
    pub waiting: u64,
}

impl<T: Transport, O: Outbox> Dispatcher<T, O> {
    /// A dispatcher that sends what the composer writes of the outbox's events through the
    /// transport.
    pub fn new(composer: Composer, transport: T, outbox: O) -> Self {
        Self {
            composer,
            transport,
            outbox,
        }
    }

    /// Takes other words for the mails of the next rounds.
    pub fn set_templates(&mut self, templates: Templates) {
        self.composer = self.composer.clone().with_templates(templates);
    }

    /// The composer of mails.
    pub fn composer(&self) -> &Composer {
        &self.composer
    }

    /// Plans mails for all new events, then tries each waiting delivery once. Mails are written as
    /// of `now`.
    ///
    /// When nothing gets through to the server, the rest is not tried and waits.
    ///
    /// # Errors
    ///
    /// When the outbox can't do its part. What was recorded until then stays so.
    pub async fn dispatch(&self, now: Timestamp) -> Result<Dispatched, OutboxError> {
        self.plan(now).await?;
        let mut dispatched = self.send(now).await?;
        dispatched.waiting = self.outbox.count_waiting().await?;
        Ok(dispatched)
    }

    async fn plan(&self, now: Timestamp) -> Result<(), OutboxError> {
        let mut planned_up_to = None;
        loop {
            let events = self.outbox.unplanned_events(EVENTS).await?;
            let Some((last, _)) = events.last() else {
                return Ok(());
            };
            let up_to = *last;
            if planned_up_to >= Some(up_to) {
                // Planning them again would mail for ever.
                return Err(OutboxError::new(
                    "plan mails",
                    format!("event {up_to} was planned and is given out again"),
                ));
            }
            let mails: Vec<PlannedMail> = events
                .iter()
                .flat_map(|(id, event)| self.planned_mails(*id, event, now))
                .collect();
            self.outbox.plan(up_to, &mails).await?;
            planned_up_to = Some(up_to);
        }
    }

    fn planned_mails(&self, id: EventId, event: &DomainEvent, now: Timestamp) -> Vec<PlannedMail> {
        let mails = match &event.kind {
            EventKind::JobDegraded { job, entry, .. } => {
                self.composer.compose(job, Some(entry), now)
            }
            EventKind::JobMissing { job, .. } => self.composer.compose(job, None, now),
            _ => Vec::new(),
        };
        let planned = |mail: Mail| PlannedMail { event: id, mail };
        mails.into_iter().map(planned).collect()
    }

    async fn send(&self, now: Timestamp) -> Result<Dispatched, OutboxError> {
        let mut dispatched = Dispatched::default();
        let mut after: Option<DeliveryId> = None;
        loop {
            let deliveries = self.outbox.waiting_deliveries(after, DELIVERIES).await?;
            for delivery in &deliveries {
                match self.deliver(delivery, now).await? {
                    Outcome::Sent => dispatched.sent += 1,
                    Outcome::Failed => dispatched.failed += 1,
                    Outcome::NothingGetsThrough => {
                        dispatched.failed += 1;
                        return Ok(dispatched);
                    }
                }
            }
            match deliveries.last() {
                Some(last) if after < Some(last.id) => after = Some(last.id),
                _ => return Ok(dispatched),
            }
        }
    }

    async fn deliver(&self, delivery: &Delivery, now: Timestamp) -> Result<Outcome, OutboxError> {
        let Err(error) = self.transport.send(&delivery.mail).await else {
            self.outbox.record_sent(delivery.id, now).await?;
            return Ok(Outcome::Sent);
        };
        let (delivery_id, recipient) = (delivery.id.0, &delivery.mail.to);
        let attempts = delivery.attempts.saturating_add(1);
        if error.is_permanent() {
            tracing::error!(delivery = delivery_id, %recipient, attempts, %error, "a mail was refused");
        } else {
            tracing::warn!(delivery = delivery_id, %recipient, attempts, %error, "a mail waits");
        }
        self.outbox
            .record_failed(delivery.id, now, &error.to_string(), error.is_permanent())
            .await?;
        Ok(if error.is_unreachable() {
            Outcome::NothingGetsThrough
        } else {
            Outcome::Failed
        })
    }
}

/// What became of one try.
enum Outcome {
    Sent,
    Failed,
    NothingGetsThrough,
}

#[cfg(test)]
mod tests {
    use mockall::Sequence;
    use vigie_domain::{BackupEntryStatus, JobStatus};

    use super::*;
    use crate::outbox::MockOutbox;
    use crate::transport::MockTransport;
    use crate::{ComposerSettings, Receipt, TemplateFiles, TransportError, samples};

    const NOW: &str = "2025-06-20T05:20:00Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn composer() -> Composer {
        Composer::new(ComposerSettings {
            from: "vigie@example.com".to_owned(),
            admin_email_recipient: vec!["a@example.com".to_owned(), "b@example.com".to_owned()],
            ..ComposerSettings::default()
        })
        .unwrap()
    }

    fn missing() -> DomainEvent {
        let job = Box::new(samples::missing_full().job);
        let at = now();
        let kind = EventKind::JobMissing {
            expected_at: at,
            deadline_at: at,
            from: JobStatus::Ok,
            job,
        };
        DomainEvent { at, kind }
    }

    fn degraded() -> DomainEvent {
        let sample = samples::entry_full(BackupEntryStatus::HashMismatch);
        let kind = EventKind::JobDegraded {
            job: Box::new(sample.job),
            entry: Box::new(sample.entry.unwrap()),
            from: JobStatus::Ok,
        };
        DomainEvent { at: now(), kind }
    }

    fn recorded() -> DomainEvent {
        let sample = samples::entry_full(BackupEntryStatus::Failed);
        let kind = EventKind::BackupRecorded {
            job: Box::new(sample.job),
            entry: Box::new(sample.entry.unwrap()),
        };
        DomainEvent { at: now(), kind }
    }

    fn recovered() -> DomainEvent {
        let mut sample = samples::entry_full(BackupEntryStatus::Success);
        sample.job.current_status = JobStatus::Ok;
        let kind = EventKind::JobRecovered {
            job: Box::new(sample.job),
            entry: Box::new(sample.entry.unwrap()),
            from: JobStatus::Missing,
            incident_since: now(),
        };
        DomainEvent { at: now(), kind }
    }

    fn delivery(id: i64) -> Delivery {
        let mail = Mail {
            message_id: format!("<{id}@example.com>"),
            date: now(),
            from: "vigie@example.com".to_owned(),
            to: format!("{id}@example.com"),
            subject: String::new(),
            text: String::new(),
            html: String::new(),
            urgent: false,
        };
        Delivery {
            id: DeliveryId(id),
            mail,
            attempts: 0,
        }
    }

    /// An outbox that gives out each batch of events once, then none.
    fn outbox_with_events(batches: Vec<Vec<(EventId, DomainEvent)>>) -> MockOutbox {
        let mut outbox = MockOutbox::new();
        let mut batches = batches.into_iter();
        outbox
            .expect_unplanned_events()
            .returning(move |_| Ok(batches.next().unwrap_or_default()));
        outbox
    }

    /// An outbox without events in which these deliveries wait.
    fn outbox_with_deliveries(ids: &[i64]) -> MockOutbox {
        let mut outbox = outbox_with_events(Vec::new());
        let ids = ids.to_vec();
        outbox
            .expect_waiting_deliveries()
            .returning(move |after, _| {
                let is_behind = |id: &&i64| after.is_none_or(|after| **id > after.0);
                Ok(ids
                    .iter()
                    .filter(is_behind)
                    .map(|&id| delivery(id))
                    .collect())
            });
        outbox.expect_count_waiting().returning(|| Ok(7));
        outbox
    }

    fn without_deliveries(mut outbox: MockOutbox) -> MockOutbox {
        outbox
            .expect_waiting_deliveries()
            .returning(|_, _| Ok(Vec::new()));
        outbox.expect_count_waiting().returning(|| Ok(0));
        outbox
    }

    async fn dispatch(
        transport: MockTransport,
        outbox: MockOutbox,
    ) -> Result<Dispatched, OutboxError> {
        Dispatcher::new(composer(), transport, outbox)
            .dispatch(now())
            .await
    }

    #[tokio::test]
    async fn bad_news_become_one_mail_to_each_recipient_and_all_else_none() {
        let mut outbox = outbox_with_events(vec![
            vec![(EventId(1), recorded()), (EventId(2), degraded())],
            vec![(EventId(5), missing()), (EventId(6), recovered())],
        ]);
        let mut order = Sequence::new();
        for (up_to, event, subject) in [
            (
                2,
                2,
                "[HASH_MISMATCH] XAFRIC_2025: different content (SDMC_DOUALA_AKWA)",
            ),
            (
                6,
                5,
                "[MISSING] XAFRIC_2025: no backup report received from SDMC_DOUALA_AKWA",
            ),
        ] {
            outbox
                .expect_plan()
                .times(1)
                .in_sequence(&mut order)
                .withf(move |&id, mails| {
                    let to: Vec<&str> = mails.iter().map(|planned| &*planned.mail.to).collect();
                    let fits = |planned: &PlannedMail| {
                        planned.event == EventId(event)
                            && planned.mail.subject == subject
                            && planned.mail.date == now()
                    };
                    id == EventId(up_to)
                        && to == ["a@example.com", "b@example.com"]
                        && mails.iter().all(fits)
                })
                .returning(|_, _| Ok(()));
        }
        let dispatched = dispatch(MockTransport::new(), without_deliveries(outbox)).await;
        assert_eq!(dispatched.unwrap(), Dispatched::default());
    }

    #[tokio::test]
    async fn an_event_whose_template_is_broken_is_told_all_the_same() {
        let own = TemplateFiles::none().with("en/missing/subject.txt.hbs", "{{misspelt}}");
        let composer = composer().with_templates(Templates::builder().files(own).build());
        let mut outbox = outbox_with_events(vec![vec![(EventId(1), missing())]]);
        outbox
            .expect_plan()
            .times(1)
            .withf(|&up_to, mails| {
                let subjects = mails.iter().map(|planned| planned.mail.subject.as_str());
                let has_subject = subjects.filter(|subject| subject.contains("XAFRIC_2025"));
                up_to == EventId(1) && has_subject.count() == 2
            })
            .returning(|_, _| Ok(()));
        let outbox = without_deliveries(outbox);
        let dispatcher = Dispatcher::new(composer, MockTransport::new(), outbox);
        assert_eq!(
            dispatcher.dispatch(now()).await.unwrap(),
            Dispatched::default()
        );
    }

    #[tokio::test]
    async fn an_outbox_that_gives_planned_events_again_does_not_mail_for_ever() {
        let again = vec![(EventId(1), missing())];
        let mut outbox = outbox_with_events(vec![again.clone(), again]);
        outbox.expect_plan().times(1).returning(|_, _| Ok(()));
        let error = dispatch(MockTransport::new(), outbox).await.unwrap_err();
        assert!(error.to_string().contains("event 1"), "{error}");
    }

    #[tokio::test]
    async fn each_waiting_delivery_is_tried_once_and_recorded() {
        let mut outbox = outbox_with_deliveries(&[1, 2, 3]);
        let mut transport = MockTransport::new();
        transport.expect_send().times(3).returning(|mail| {
            if mail.to.starts_with('2') {
                return Err(TransportError::Temporary {
                    by: "server".to_owned(),
                    recipient: mail.to.clone(),
                    problem: "451 greylisted".to_owned(),
                });
            }
            Ok(Receipt::default())
        });
        outbox
            .expect_record_sent()
            .times(2)
            .withf(|id, &at| id.0 != 2 && at == now())
            .returning(|_, _| Ok(()));
        outbox
            .expect_record_failed()
            .times(1)
            .withf(|id, &at, error, &is_permanent| {
                id.0 == 2 && at == now() && error.contains("451 greylisted") && !is_permanent
            })
            .returning(|_, _, _, _| Ok(()));
        let dispatched = dispatch(transport, outbox).await.unwrap();
        let expected = Dispatched {
            sent: 2,
            failed: 1,
            waiting: 7,
        };
        assert_eq!(dispatched, expected);
    }

    #[tokio::test]
    async fn when_nothing_gets_through_the_rest_waits_untried() {
        let mut outbox = outbox_with_deliveries(&[1, 2, 3]);
        let mut transport = MockTransport::new();
        transport.expect_send().times(1).returning(|_| {
            Err(TransportError::Unreachable {
                action: "connect to".to_owned(),
                server: "mail.example.com:587".to_owned(),
                problem: "connection refused".to_owned(),
                advice: "check host and port".to_owned(),
            })
        });
        outbox
            .expect_record_failed()
            .times(1)
            .withf(|id, _, error, &is_permanent| {
                id.0 == 1 && error.contains("mail.example.com:587") && !is_permanent
            })
            .returning(|_, _, _, _| Ok(()));
        let dispatched = dispatch(transport, outbox).await.unwrap();
        assert_eq!(
            (dispatched.sent, dispatched.failed, dispatched.waiting),
            (0, 1, 7)
        );
    }

    #[tokio::test]
    async fn a_refused_mail_is_not_tried_again_and_holds_up_no_other() {
        let mut outbox = outbox_with_deliveries(&[1, 2]);
        let mut transport = MockTransport::new();
        transport.expect_send().times(2).returning(|mail| {
            if mail.to.starts_with('2') {
                return Ok(Receipt::default());
            }
            Err(TransportError::Refused {
                by: "server".to_owned(),
                recipient: mail.to.clone(),
                problem: "550 no such user".to_owned(),
            })
        });
        outbox
            .expect_record_failed()
            .times(1)
            .withf(|id, _, _, &is_permanent| id.0 == 1 && is_permanent)
            .returning(|_, _, _, _| Ok(()));
        outbox
            .expect_record_sent()
            .times(1)
            .returning(|_, _| Ok(()));
        let dispatched = dispatch(transport, outbox).await.unwrap();
        assert_eq!((dispatched.sent, dispatched.failed), (1, 1));
    }

    #[tokio::test]
    async fn what_the_outbox_can_not_do_is_told() {
        let mut outbox = MockOutbox::new();
        outbox
            .expect_unplanned_events()
            .returning(|_| Err(OutboxError::new("read events", "disk I/O error")));
        let error = dispatch(MockTransport::new(), outbox).await.unwrap_err();
        assert_eq!(error.to_string(), "could not read events: disk I/O error");
    }
}
