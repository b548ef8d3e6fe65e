//! Turns events into mails that wait in the outbox, losing none. Sends nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use vigie_domain::{DomainEvent, JobId};

use crate::desk::Desk;
use crate::mail::recipient_of;
use crate::{
    Clock, Composer, DeadDelivery, DeliveryId, EventId, Mail, Outbox, OutboxError, Plan, Reminders,
    Templates, UndeliveredMail,
};

/// How many events are planned in one transaction.
const EVENTS: u32 = 100;

/// How many incidents are reminded of in one transaction.
const INCIDENTS: u32 = 100;

/// How many dead deliveries are told of in one transaction.
const DEAD: u32 = 500;

/// How long nobody is told again of dead deliveries to the same address, if somebody else got the same.
const QUIET: SignedDuration = SignedDuration::from_hours(1);

/// Consumes the events that a scan left in the outbox, and the news that mails were refused.
#[derive(Debug)]
pub struct Planner<O, C> {
    composer: Composer,
    reminders: Reminders,
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
            reminders: Reminders::default(),
            outbox,
            clock,
        }
    }

    /// The same, with reminders at other times.
    #[must_use]
    pub fn with_reminders(mut self, reminders: Reminders) -> Self {
        self.reminders = reminders;
        self
    }

    /// Takes other words for the mails of the next rounds.
    pub fn set_templates(&mut self, templates: Templates) {
        self.composer = self.composer.clone().with_templates(templates);
    }

    /// The composer of mails.
    pub fn composer(&self) -> &Composer {
        &self.composer
    }

    /// Plans mails for all new events, reminders of the incidents that stay open, and the mails that tell
    /// the others of mails that were refused for good. The last are written as of the clock, as it is
    /// the clock that a delivery goes by, and all others as of `now`.
    ///
    /// # Errors
    ///
    /// When the outbox can't do its part. What was planned until then stays so.
    pub async fn plan(&self, now: Timestamp) -> Result<Planned, OutboxError> {
        let of_events = self.plan_events(now).await?;
        let reminders = self.plan_reminders(now).await?;
        let notices = self.plan_notices().await?;
        Ok(Planned {
            mails: of_events + reminders + notices,
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
            let plan = self.plan_of(events, now).await?;
            self.outbox.plan(&plan).await?;
            count += plan.mails.len() as u64;
            planned_up_to = Some(up_to);
        }
    }

    async fn plan_of(
        &self,
        events: Vec<(EventId, DomainEvent)>,
        now: Timestamp,
    ) -> Result<Plan, OutboxError> {
        let jobs: BTreeSet<JobId> = events
            .iter()
            .filter_map(|(_, event)| Some(event.job()?.id))
            .collect();
        let jobs: Vec<JobId> = jobs.into_iter().collect();
        let open = self.outbox.open_incidents(&jobs).await?;
        let mut desk = Desk::new(&self.composer, &self.reminders, open, now);
        let mut up_to = None;
        for (id, event) in events {
            desk.follow(id, event);
            up_to = Some(id);
        }
        Ok(desk.plan(up_to, self.clock.now()))
    }

    /// Reminds people of what is still wrong, so that it isn't forgotten.
    async fn plan_reminders(&self, now: Timestamp) -> Result<u64, OutboxError> {
        let mut count = 0;
        loop {
            let due = self.outbox.incidents_to_remind(now, INCIDENTS).await?;
            if due.is_empty() {
                return Ok(count);
            }
            let mut desk = Desk::new(&self.composer, &self.reminders, due, now);
            desk.remind();
            let plan = desk.plan(None, self.clock.now());
            if plan.incidents.is_empty() {
                return Ok(count);
            }
            self.outbox.plan(&plan).await?;
            count += plan.mails.len() as u64;
        }
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
    use vigie_domain::{BackupEntryStatus, EventKind, JobStatus};

    use super::*;
    use crate::outbox::MockOutbox;
    use crate::{
        Attempt, ComposerSettings, Lease, MemoryOutbox, Outcome, PlannedMail, Receipt,
        TemplateFiles, samples,
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
        outbox.expect_open_incidents().returning(|_| Ok(Vec::new()));
        outbox
            .expect_incidents_to_remind()
            .returning(|_, _| Ok(Vec::new()));
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
            vec![(EventId(5), missing()), (EventId(6), recorded())],
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
                .withf(move |plan| {
                    let mails = &plan.mails;
                    let to: Vec<&str> = mails.iter().map(|planned| &*planned.mail.to).collect();
                    let fits = |planned: &PlannedMail| {
                        planned.event == EventId(event)
                            && planned.mail.subject == subject
                            && planned.mail.date == now()
                    };
                    plan.up_to == Some(EventId(up_to))
                        && plan.planned_at == now()
                        && to == ["a@example.com", "b@example.com"]
                        && mails.iter().all(fits)
                })
                .returning(|_| Ok(()));
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
            .withf(|plan| {
                let subjects = plan.mails.iter();
                let subjects = subjects.map(|planned| planned.mail.subject.as_str());
                let has_subject = subjects.filter(|subject| subject.contains("XAFRIC_2025"));
                plan.up_to == Some(EventId(1)) && has_subject.count() == 2
            })
            .returning(|_| Ok(()));
        let planner = Planner::new(composer, outbox, now());
        assert_eq!(planner.plan(now()).await.unwrap().mails, 2);
    }

    #[tokio::test]
    async fn an_outbox_that_gives_planned_events_again_does_not_mail_for_ever() {
        let again = vec![(EventId(1), missing())];
        let mut outbox = outbox_with_events(vec![again.clone(), again]);
        outbox.expect_plan().times(1).returning(|_| Ok(()));
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

    /// A recovery of the job of [`missing_with`], whose incident began with it.
    fn recovered_with() -> DomainEvent {
        let mut event = recovered();
        if let EventKind::JobRecovered {
            job,
            incident_since,
            ..
        } = &mut event.kind
        {
            let missing = samples::missing_full().job;
            job.id = missing.id;
            *incident_since = missing.incident_since.unwrap();
        }
        event
    }

    fn later(hours: i64) -> Timestamp {
        now()
            .checked_add(SignedDuration::from_hours(hours))
            .unwrap()
    }

    #[tokio::test]
    async fn who_was_told_of_a_failure_is_told_when_it_is_over_and_nobody_else() {
        let outbox = MemoryOutbox::new();
        let planner = Planner::new(composer(), outbox.clone(), now());
        outbox.push(missing_with(&["a@example.com", "Gone <gone@example.com>"]));
        let _ = planner.plan(now()).await.unwrap();
        send_all(&outbox, &["gone@example.com"], now()).await;
        outbox.push(recovered_with());
        let _ = planner.plan(later(5)).await.unwrap();
        let told = send_all(&outbox, &[], now()).await;
        let recovery: Vec<_> = told
            .iter()
            .filter(|(_, subject)| subject.starts_with("[OK]"))
            .collect();
        assert_eq!(recovery.len(), 1, "{told:?}");
        assert_eq!(recovery[0].0, "a@example.com");
        // It is over once.
        outbox.push(recovered_with());
        assert_eq!(planner.plan(later(6)).await.unwrap().mails, 0);
    }

    #[tokio::test]
    async fn a_failure_that_nobody_was_told_of_is_over_in_silence() {
        let outbox = MemoryOutbox::new();
        let nobody = Composer::new(ComposerSettings::default()).unwrap();
        let planner = Planner::new(nobody, outbox.clone(), now());
        outbox.push(missing_with(&[]));
        outbox.push(recovered_with());
        assert_eq!(planner.plan(now()).await.unwrap().mails, 0);
    }

    #[tokio::test]
    async fn people_are_reminded_of_an_incident_until_it_is_over_or_somebody_takes_it_on() {
        let outbox = MemoryOutbox::new();
        let mut reminded = Vec::new();
        outbox.push(missing_with(&["a@example.com"]));
        for hour in 0..400 {
            let planner = Planner::new(composer(), outbox.clone(), later(hour));
            if planner.plan(later(hour)).await.unwrap().mails > 0 {
                reminded.push(hour);
            }
            send_all(&outbox, &[], later(hour)).await;
        }
        assert_eq!(reminded, [0, 24, 72, 168, 336]);
        let acknowledgement = crate::Acknowledgement {
            at: later(400),
            by: "ops".to_owned(),
        };
        let job = samples::missing_full().job.id;
        assert!(outbox.acknowledge(job, acknowledgement));
        let planner = Planner::new(composer(), outbox.clone(), later(2000));
        assert_eq!(planner.plan(later(2000)).await.unwrap().mails, 0);
        outbox.push(recovered_with());
        assert_eq!(planner.plan(later(2001)).await.unwrap().mails, 1);
    }

    #[tokio::test]
    async fn who_has_not_got_the_news_is_not_reminded_of_it() {
        let outbox = MemoryOutbox::new();
        outbox.push(missing_with(&["a@example.com"]));
        let mut mails = 0;
        for hour in 0..200 {
            let planner = Planner::new(composer(), outbox.clone(), later(hour));
            mails += planner.plan(later(hour)).await.unwrap().mails;
        }
        assert_eq!(mails, 1);
        send_all(&outbox, &[], later(200)).await;
        let planner = Planner::new(composer(), outbox.clone(), later(400));
        assert_eq!(planner.plan(later(400)).await.unwrap().mails, 1);
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
