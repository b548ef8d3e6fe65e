//! Turns events into mails that wait in the outbox, losing none. Sends nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use vigie_domain::{DomainEvent, EventKind};

use crate::mail::recipient_of;
use crate::{
    Clock, Composer, DeadDelivery, DeliveryId, EventId, Mail, Outbox, OutboxError, PlannedMail,
    Templates, UndeliveredMail,
};

/// How many events are planned in one transaction.
const EVENTS: u32 = 100;

/// How many dead deliveries are told of in one transaction.
const DEAD: u32 = 500;

/// How long nobody is told again of dead deliveries to the same address, if somebody else got the same.
const QUIET: SignedDuration = SignedDuration::from_hours(1);

/// Consumes the events that a scan left in the outbox, and the news that mails were refused.
#[derive(Debug)]
pub struct Planner<O, C> {
    composer: Composer,
    outbox: O,
    clock: C,
}

/// What one round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[must_use]
pub struct Planned {
    /// Mails that wait to be sent now and did not before.
    pub mails: u64,
}

impl<O: Outbox, C: Clock> Planner<O, C> {
    /// A planner that leaves what the composer writes of the outbox's events there. The clock tells
    /// since when mails wait.
    pub fn new(composer: Composer, outbox: O, clock: C) -> Self {
        Self {
            composer,
            outbox,
            clock,
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

    /// Plans mails for all new events, and those that tell the others of mails that were refused for
    /// good. Mails are written as of `now`.
    ///
    /// # Errors
    ///
    /// When the outbox can't do its part. What was planned until then stays so.
    pub async fn plan(&self, now: Timestamp) -> Result<Planned, OutboxError> {
        let of_events = self.plan_events(now).await?;
        let notices = self.plan_notices().await?;
        Ok(Planned {
            mails: of_events + notices,
        })
    }

    async fn plan_events(&self, now: Timestamp) -> Result<u64, OutboxError> {
        let mut planned_up_to = None;
        let mut count = 0;
        loop {
            let events = self.outbox.unplanned_events(EVENTS).await?;
            let Some((last, _)) = events.last() else {
                return Ok(count);
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
                .flat_map(|(id, event)| self.mails_of(*id, event, now))
                .collect();
            self.outbox.plan(up_to, &mails, self.clock.now()).await?;
            count += mails.len() as u64;
            planned_up_to = Some(up_to);
        }
    }

    fn mails_of(&self, id: EventId, event: &DomainEvent, now: Timestamp) -> Vec<PlannedMail> {
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

    /// Somebody who is told nothing is a danger that the others have to know of.
    async fn plan_notices(&self) -> Result<u64, OutboxError> {
        let at = self.clock.now();
        let since = at.saturating_sub(QUIET).unwrap_or(Timestamp::MIN);
        let (mut told_up_to, mut count) = (None, 0);
        loop {
            let dead = self.outbox.untold_dead(since, at, DEAD).await?;
            let told: Vec<DeliveryId> = dead.iter().map(|delivery| delivery.id).collect();
            let last = told.last().copied();
            if last <= told_up_to {
                return Ok(count);
            }
            let mails = self.notices(dead, at);
            self.outbox.plan_notices(&told, &mails, at).await?;
            count += mails.len() as u64;
            told_up_to = last;
        }
    }

    /// One mail to each reader about each address. Nobody reads of a mail that was not for them too,
    /// but for the administrators.
    fn notices(&self, dead: Vec<DeadDelivery>, now: Timestamp) -> Vec<Mail> {
        let unreached: BTreeSet<String> = dead
            .iter()
            .map(|delivery| delivery.mail.recipient())
            .collect();
        let mut lists: BTreeMap<(String, String), (String, Vec<UndeliveredMail>)> = BTreeMap::new();
        for delivery in dead {
            let address = delivery.mail.recipient();
            let mut is_told = false;
            for reader in delivery
                .others
                .iter()
                .cloned()
                .chain(self.composer.administrators())
            {
                let reader_address = recipient_of(&reader);
                if unreached.contains(&reader_address) {
                    continue;
                }
                is_told = true;
                let key = (address.clone(), reader_address);
                let (_, mails) = lists.entry(key).or_insert_with(|| (reader, Vec::new()));
                if mails.last().is_none_or(|last| last.delivery != delivery.id) {
                    mails.push(undelivered(&delivery));
                }
            }
            if !is_told {
                tracing::error!(
                    delivery = delivery.id.0,
                    recipient = address,
                    error = delivery.error,
                    "a mail was refused, and there is nobody else to tell; name another \
                     administrator"
                );
            }
        }
        let mut mails = Vec::new();
        for ((address, _), (reader, undelivered)) in lists {
            match self
                .composer
                .compose_undelivered(&reader, &address, &undelivered, now)
            {
                Ok(mail) => mails.push(mail),
                Err(error) => tracing::error!(%error, "nobody is told that a mail was refused"),
            }
        }
        mails
    }
}

fn undelivered(delivery: &DeadDelivery) -> UndeliveredMail {
    UndeliveredMail {
        delivery: delivery.id,
        mail: delivery.mail.clone(),
        refused_at: delivery.died_at,
        answer: delivery.error.clone(),
    }
}

#[cfg(test)]
mod tests {
    use mockall::Sequence;
    use vigie_domain::{BackupEntryStatus, JobStatus};

    use super::*;
    use crate::outbox::MockOutbox;
    use crate::{
        Attempt, ComposerSettings, Lease, MemoryOutbox, Outcome, Receipt, TemplateFiles, samples,
    };

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

    fn missing_with(recipients: &[&str]) -> DomainEvent {
        let mut event = missing();
        if let EventKind::JobMissing { job, .. } = &mut event.kind {
            job.recipients = recipients
                .iter()
                .map(|&address| address.to_owned())
                .collect();
        }
        event
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

    /// An outbox that gives out each batch of events once, then none, and in which nothing is dead.
    fn outbox_with_events(batches: Vec<Vec<(EventId, DomainEvent)>>) -> MockOutbox {
        let mut outbox = MockOutbox::new();
        let mut batches = batches.into_iter();
        outbox
            .expect_unplanned_events()
            .returning(move |_| Ok(batches.next().unwrap_or_default()));
        outbox
            .expect_untold_dead()
            .returning(|_, _, _| Ok(Vec::new()));
        outbox
    }

    async fn plan(outbox: MockOutbox) -> Result<Planned, OutboxError> {
        Planner::new(composer(), outbox, now()).plan(now()).await
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
                .withf(move |&id, mails, &planned_at| {
                    let to: Vec<&str> = mails.iter().map(|planned| &*planned.mail.to).collect();
                    let fits = |planned: &PlannedMail| {
                        planned.event == EventId(event)
                            && planned.mail.subject == subject
                            && planned.mail.date == now()
                    };
                    id == EventId(up_to)
                        && planned_at == now()
                        && to == ["a@example.com", "b@example.com"]
                        && mails.iter().all(fits)
                })
                .returning(|_, _, _| Ok(()));
        }
        assert_eq!(plan(outbox).await.unwrap(), Planned { mails: 4 });
    }

    #[tokio::test]
    async fn an_event_whose_template_is_broken_is_told_all_the_same() {
        let own = TemplateFiles::none().with("en/missing/subject.txt.hbs", "{{misspelt}}");
        let composer = composer().with_templates(Templates::builder().files(own).build());
        let mut outbox = outbox_with_events(vec![vec![(EventId(1), missing())]]);
        outbox
            .expect_plan()
            .times(1)
            .withf(|&up_to, mails, _| {
                let subjects = mails.iter().map(|planned| planned.mail.subject.as_str());
                let has_subject = subjects.filter(|subject| subject.contains("XAFRIC_2025"));
                up_to == EventId(1) && has_subject.count() == 2
            })
            .returning(|_, _, _| Ok(()));
        let planner = Planner::new(composer, outbox, now());
        assert_eq!(planner.plan(now()).await.unwrap().mails, 2);
    }

    #[tokio::test]
    async fn an_outbox_that_gives_planned_events_again_does_not_mail_for_ever() {
        let again = vec![(EventId(1), missing())];
        let mut outbox = outbox_with_events(vec![again.clone(), again]);
        outbox.expect_plan().times(1).returning(|_, _, _| Ok(()));
        let error = plan(outbox).await.unwrap_err();
        assert!(error.to_string().contains("event 1"), "{error}");
    }

    #[tokio::test]
    async fn what_the_outbox_can_not_do_is_told() {
        let mut outbox = MockOutbox::new();
        outbox
            .expect_unplanned_events()
            .returning(|_| Err(OutboxError::new("read events", "disk I/O error")));
        let error = plan(outbox).await.unwrap_err();
        assert_eq!(error.to_string(), "could not read events: disk I/O error");
    }

    /// Claims all that waits; mails to `refused` are refused for good, all others are taken. Gives
    /// recipient and subject of each mail, sorted.
    async fn send_all(
        outbox: &MemoryOutbox,
        refused: &[&str],
        at: Timestamp,
    ) -> Vec<(String, String)> {
        let lease = Lease {
            holder: "test".to_owned(),
            until: at,
        };
        let claimed = outbox.claim(at, &lease, &[], 1000).await.unwrap();
        let attempts: Vec<Attempt> = claimed
            .iter()
            .map(|delivery| Attempt {
                delivery: delivery.id,
                at,
                outcome: if refused.contains(&&*delivery.mail.recipient()) {
                    Outcome::Dead {
                        error: "550 no such user".to_owned(),
                    }
                } else {
                    Outcome::Sent(Receipt::default())
                },
            })
            .collect();
        outbox.record("test", &attempts).await.unwrap();
        let told = claimed
            .into_iter()
            .map(|delivery| (delivery.mail.to, delivery.mail.subject));
        let mut told: Vec<_> = told.collect();
        told.sort();
        told
    }

    fn to(told: &[(String, String)]) -> Vec<&str> {
        told.iter().map(|(to, _)| to.as_str()).collect()
    }

    #[tokio::test]
    async fn when_somebody_is_refused_the_other_recipients_and_the_administrators_are_told() {
        let outbox = MemoryOutbox::new();
        let planner = Planner::new(composer(), outbox.clone(), now());
        let own = ["Gone <Gone@example.com>", "Still <still@example.com>"];
        outbox.push(missing_with(&own));
        outbox.push(missing_with(&["stranger@example.com"]));
        assert_eq!(planner.plan(now()).await.unwrap().mails, 3);
        send_all(&outbox, &["gone@example.com"], now()).await;

        assert_eq!(planner.plan(now()).await.unwrap().mails, 3);
        let told = send_all(&outbox, &[], now()).await;
        assert_eq!(
            to(&told),
            [
                "Still <still@example.com>",
                "a@example.com",
                "b@example.com"
            ]
        );
        for (_, subject) in &told {
            assert!(subject.starts_with("[UNDELIVERED]"), "{subject}");
            assert!(subject.contains("gone@example.com"), "{subject}");
        }
        assert_eq!(planner.plan(now()).await.unwrap().mails, 0);
    }

    #[tokio::test]
    async fn who_is_refused_again_and_again_is_told_of_once_an_hour() {
        let outbox = MemoryOutbox::new();
        let mut notices = 0;
        for minutes in 0..180 {
            let at = now()
                .checked_add(SignedDuration::from_mins(minutes))
                .unwrap();
            outbox.push(missing_with(&["gone@example.com", "c@example.com"]));
            let planner = Planner::new(composer(), outbox.clone(), at);
            let _ = planner.plan(at).await.unwrap();
            let told = send_all(&outbox, &["gone@example.com"], at).await;
            notices += told.iter().filter(|(to, _)| to == "a@example.com").count();
        }
        assert_eq!(notices, 3);
    }

    #[tokio::test]
    async fn what_nobody_else_got_is_told_of_at_once() {
        let outbox = MemoryOutbox::new();
        let planner = Planner::new(composer(), outbox.clone(), now());
        for _ in 0..3 {
            outbox.push(missing_with(&["gone@example.com"]));
            let _ = planner.plan(now()).await.unwrap();
            send_all(&outbox, &["gone@example.com"], now()).await;
            assert_eq!(planner.plan(now()).await.unwrap().mails, 2);
            send_all(&outbox, &[], now()).await;
        }
    }

    #[tokio::test]
    async fn all_that_one_address_was_refused_is_told_of_at_once() {
        let outbox = MemoryOutbox::new();
        let planner = Planner::new(composer(), outbox.clone(), now());
        for _ in 0..1100 {
            outbox.push(missing_with(&["gone@example.com"]));
        }
        assert_eq!(planner.plan(now()).await.unwrap().mails, 1100);
        for _ in 0..2 {
            send_all(&outbox, &["gone@example.com"], now()).await;
        }
        // Three lists to each of two administrators.
        assert_eq!(planner.plan(now()).await.unwrap().mails, 6);
        assert_eq!(planner.plan(now()).await.unwrap().mails, 0);
    }

    #[tokio::test]
    async fn a_refused_notice_makes_no_further_notices() {
        let outbox = MemoryOutbox::new();
        let planner = Planner::new(composer(), outbox.clone(), now());
        outbox.push(missing());
        let all = ["a@example.com", "b@example.com"];
        for mails in [2, 0, 0] {
            assert_eq!(planner.plan(now()).await.unwrap().mails, mails);
            send_all(&outbox, &all, now()).await;
        }
        outbox.push(missing_with(&["gone@example.com"]));
        for mails in [1, 2, 0, 0] {
            assert_eq!(planner.plan(now()).await.unwrap().mails, mails);
            send_all(&outbox, &[&all[..], &["gone@example.com"]].concat(), now()).await;
        }
    }
}
