//! Turns events into mails that wait in the outbox, losing none. Sends nothing.

mod digests;
mod faults;
mod telling;
#[cfg(test)]
mod tests;
mod undelivered;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;
use vigie_domain::{DomainEvent, ExpectedBackupJob, JobId};

use crate::desk::{Desk, Readers};
use crate::{
    AlertSeverity, Clock, Composer, CycleFacts, DigestSettings, EventId, Grouping, Ledger,
    OutboxError, Plan, QuietWindow, Reminders, Routed, Routing, Templates, TreeState,
};

/// How many events are planned in one transaction.
const EVENTS: u32 = 500;

/// How many incidents are reminded of in one transaction.
const INCIDENTS: u32 = 500;

/// Who is told what, how often, and when not.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlertPolicy {
    /// When people are reminded of what stays wrong.
    pub reminders: Reminders,
    /// How several notices become one mail.
    pub grouping: Grouping,
    /// Who is told of what.
    pub routing: Routing,
    /// When nobody wants to be told of some jobs.
    pub windows: Vec<QuietWindow>,
    /// When digests are written; `None` when they are not.
    pub digests: Option<DigestSettings>,
}

/// Consumes the events that a scan left in the outbox, and the news that mails were refused.
#[derive(Debug)]
pub struct Planner<L, C> {
    composer: Composer,
    policy: AlertPolicy,
    ledger: L,
    clock: C,
}

/// What one round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[must_use]
pub struct Planned {
    /// Mails that wait to be sent now and did not before.
    pub mails: u64,
}

impl<L: Ledger, C: Clock> Planner<L, C> {
    /// A planner that leaves what the composer writes of the outbox's events there. The clock tells
    /// since when mails wait.
    pub fn new(composer: Composer, ledger: L, clock: C) -> Self {
        Self {
            composer,
            policy: AlertPolicy::default(),
            ledger,
            clock,
        }
    }

    /// The same with another policy.
    #[must_use]
    pub fn with_policy(mut self, policy: AlertPolicy) -> Self {
        self.policy = policy;
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

    /// Plans mails for all new events, reminders of the incidents that stay open, the digests that are due,
    /// and the mails that tell the others of mails that were refused for good. The last are written as of the clock, as it is
    /// the clock that a delivery goes by, and all others as of `now`.
    ///
    /// What the new events ask for is told together: by group where it is much of one agent, in one mail
    /// where the whole system seems to be at fault, and in a summary where it would be more than a
    /// reader is to get in an hour. What is told is how things are at `now`, not how they were.
    ///
    /// # Errors
    ///
    /// When the outbox can't do its part. What was planned until then stays so.
    pub async fn plan(&self, now: Timestamp) -> Result<Planned, OutboxError> {
        self.plan_cycle(now, &CycleFacts::default()).await
    }

    /// The same, after a cycle of which these facts are known.
    ///
    /// # Errors
    ///
    /// When the outbox can't do its part. What was planned until then stays so.
    pub async fn plan_cycle(
        &self,
        now: Timestamp,
        facts: &CycleFacts,
    ) -> Result<Planned, OutboxError> {
        self.follow_events(now).await?;
        self.remind(now).await?;
        let (of_faults, is_back) = self.plan_faults(now, facts).await?;
        let mut facts = facts.clone();
        // Cycles were tried all the while, and people know why none was done.
        facts.idle_since = facts.idle_since.filter(|_| !is_back);
        let of_jobs = self.tell(now, &facts).await?;
        let digests = self.plan_digests(now).await?;
        let notices = self.plan_notices().await?;
        Ok(Planned {
            mails: of_faults + of_jobs + digests + notices,
        })
    }

    /// Plans what waits to be told at `now`, and the mails that tell the others of mails that were refused
    /// for good: for who has sent mails after [`Self::plan_cycle`], as readers may have got some then that
    /// did not before.
    ///
    /// # Errors
    ///
    /// When the outbox can't do its part. What was planned until then stays so.
    pub async fn plan_rest(&self, now: Timestamp) -> Result<Planned, OutboxError> {
        let of_jobs = self.tell(now, &CycleFacts::default()).await?;
        let notices = self.plan_notices().await?;
        Ok(Planned {
            mails: of_jobs + notices,
        })
    }

    /// Plans mails for all new events and of the validated tree, after a scrub that found it so: for who
    /// does no cycle, and knows nothing of the deposit.
    ///
    /// # Errors
    ///
    /// When the outbox can't do its part. What was planned until then stays so.
    pub async fn plan_scrub(
        &self,
        now: Timestamp,
        validated: &TreeState,
    ) -> Result<Planned, OutboxError> {
        self.follow_events(now).await?;
        let of_tree = self.plan_validated(now, validated).await?;
        let of_jobs = self.tell(now, &CycleFacts::default()).await?;
        Ok(Planned {
            mails: of_tree + of_jobs,
        })
    }

    async fn follow_events(&self, now: Timestamp) -> Result<(), OutboxError> {
        let mut planned_up_to = None;
        loop {
            let events = self.ledger.unplanned_events(EVENTS).await?;
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
            let plan = self.plan_of(events, now).await?;
            self.ledger.plan(&plan).await?;
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
        let open = self.ledger.open_incidents(&jobs).await?;
        let mut desk = Desk::new(self, &self.policy.reminders, open, now);
        let mut up_to = None;
        for (id, event) in events {
            desk.follow(id, event);
            up_to = Some(id);
        }
        Ok(desk.plan(up_to, self.clock.now()))
    }

    fn routed(&self, job: &ExpectedBackupJob, severity: AlertSeverity) -> Routed {
        let administrators: Vec<String> = self.composer.administrators().collect();
        let routing = &self.policy.routing;
        routing.recipients_of(job, severity, &administrators)
    }

    /// Reminds people of what is still wrong, so that it isn't forgotten.
    async fn remind(&self, now: Timestamp) -> Result<(), OutboxError> {
        loop {
            let due = self.ledger.incidents_to_remind(now, INCIDENTS).await?;
            if due.is_empty() {
                return Ok(());
            }
            let jobs: Vec<JobId> = due.iter().map(|open| open.incident.job).collect();
            let jobs = self.ledger.jobs(&jobs).await?;
            let mut desk = Desk::new(self, &self.policy.reminders, due, now);
            desk.remind(&jobs);
            let plan = desk.plan(None, self.clock.now());
            if plan.incidents.is_empty() {
                return Ok(());
            }
            self.ledger.plan(&plan).await?;
        }
    }
}

impl<L: Ledger, C: Clock> Readers for Planner<L, C> {
    fn readers_of(&self, job: &ExpectedBackupJob, severity: AlertSeverity) -> Vec<String> {
        let routed = self.routed(job, severity);
        for error in &routed.unusable {
            tracing::warn!(
                job = job.id.0,
                database = ?job.database,
                agent = %job.agent,
                %error,
                "a recipient of this job gets no mail"
            );
        }
        if routed.recipients.is_empty() {
            tracing::warn!(
                job = job.id.0,
                database = ?job.database,
                agent = %job.agent,
                status = %job.current_status,
                "nobody is told about this job: neither it nor a route nor the administrators have a \
                 mail address; set `recipients` of the job or `admin_email_recipient`"
            );
        }
        let readers = routed.recipients.into_iter();
        readers.map(|reader| reader.address).collect()
    }
}
