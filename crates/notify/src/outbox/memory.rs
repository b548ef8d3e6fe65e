//! An outbox that lives as long as the program: for programs that need no more, and for tests.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use vigie_domain::{DomainEvent, JobId};

use super::{
    Attempt, Backlog, DeadDelivery, Delivery, DeliveryId, EventId, LONGEST_DELAY, Lease,
    OpenIncident, Outbox, OutboxError, Outcome, Plan,
};
use crate::mail::recipient_of;
use crate::{Acknowledgement, Incident, IncidentKey, Mail};

/// Keeps events until they are planned and mails until they are sent, in memory: it loses none to a
/// mail server that is down, and all to the end of the program. Clones are the same outbox.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use vigie_domain::{DomainEvent, EventKind, JobStatus};
/// use vigie_notify::{
///     Composer, ComposerSettings, DeliverySettings, DeliveryWorker, MemoryOutbox, MemoryTransport,
///     Planner, samples,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let composer = Composer::new(ComposerSettings {
///     admin_email_recipient: vec!["admin@example.com".to_owned()],
///     ..ComposerSettings::default()
/// })?;
/// let (outbox, outgoing) = (MemoryOutbox::new(), Arc::new(MemoryTransport::new()));
/// // Both clocks stand still here; `SystemClock` is the one that goes.
/// let now = samples::missing_full().now;
/// let planner = Planner::new(composer, outbox.clone(), now);
/// let settings = DeliverySettings::default();
/// let worker = DeliveryWorker::new(outgoing.clone(), outbox.clone(), now, settings);
///
/// outbox.push(DomainEvent {
///     at: now,
///     kind: EventKind::JobMissing {
///         job: Box::new(samples::missing_full().job),
///         from: JobStatus::Ok,
///         expected_at: now,
///         deadline_at: now,
///     },
/// });
/// planner.plan(now).await?;
/// let delivered = worker.deliver_due(Duration::from_secs(10)).await?;
///
/// assert_eq!(delivered.sent, 1);
/// assert_eq!(outgoing.mails()[0].to, "admin@example.com");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryOutbox {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    events: BTreeMap<EventId, DomainEvent>,
    last_event: i64,
    last_delivery: i64,
    deliveries: BTreeMap<DeliveryId, Row>,
    deliveries_of: HashMap<EventId, Vec<DeliveryId>>,
    /// When somebody was last told of dead deliveries to an address.
    told_at: HashMap<String, Timestamp>,
    sent_at: VecDeque<Timestamp>,
    open: BTreeMap<JobId, KeptIncident>,
}

/// An incident until it closes.
#[derive(Debug)]
struct KeptIncident {
    incident: Incident,
    event: (EventId, DomainEvent),
    /// Who was sent a mail about it, and by which delivery.
    told: Vec<(DeliveryId, String)>,
}

/// A delivery until nobody asks for it any more.
#[derive(Debug)]
struct Row {
    event: Option<EventId>,
    delivery: Delivery,
    state: State,
    planned_at: Timestamp,
    due_at: Timestamp,
    holder: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Sent,
    Dead { died_at: Timestamp, error: String },
}

/// How many instants of sent mails are kept.
const SENT: usize = 100_000;

impl MemoryOutbox {
    /// An outbox in which nothing waits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts an event in, behind all others.
    pub fn push(&self, event: DomainEvent) {
        let mut kept = self.kept();
        kept.last_event += 1;
        let id = EventId(kept.last_event);
        kept.events.insert(id, event);
    }

    /// Notes that somebody has taken the open incident of a job on, and tells whether there is one.
    #[must_use]
    pub fn acknowledge(&self, job: JobId, acknowledgement: Acknowledgement) -> bool {
        let mut kept = self.kept();
        let open = kept.open.get_mut(&job);
        open.map(|kept| kept.incident.acknowledged = Some(acknowledgement))
            .is_some()
    }

    /// The changes of one call are made before the lock is given back, so that what a panic leaves
    /// is whole.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn add(&mut self, event: Option<EventId>, mail: &Mail, planned_at: Timestamp) -> DeliveryId {
        self.last_delivery += 1;
        let id = DeliveryId(self.last_delivery);
        let delivery = Delivery {
            id,
            mail: mail.clone(),
            attempts: 0,
            deferrals: 0,
        };
        let row = Row {
            event,
            state: State::Waiting,
            planned_at,
            due_at: planned_at,
            holder: None,
            delivery,
        };
        self.deliveries.insert(id, row);
        if let Some(event) = event {
            self.deliveries_of.entry(event).or_default().push(id);
        }
        id
    }

    /// Keeps an incident until it closes.
    fn keep(&mut self, incident: &Incident, event: EventId) {
        let key = incident.key();
        if incident.closed_at.is_some() {
            self.open.remove(&key.job);
            return;
        }
        let known = self.open.remove(&key.job);
        let known = known.filter(|known| known.incident.key() == key);
        let mut incident = incident.clone();
        let (mut told, mut last) = (Vec::new(), None);
        if let Some(known) = known {
            if known.incident.changes == incident.changes {
                incident.acknowledged = known.incident.acknowledged;
            }
            (told, last) = (known.told, Some(known.event));
        }
        let event = self.events.get(&event).map(|of| (event, of.clone()));
        if let Some(event) = event.or(last) {
            let kept = KeptIncident {
                incident,
                event,
                told,
            };
            self.open.insert(key.job, kept);
        }
    }

    fn note_told(&mut self, incident: Option<IncidentKey>, id: DeliveryId, to: &str) {
        let Some(key) = incident else {
            return;
        };
        let open = self.open.get_mut(&key.job);
        if let Some(kept) = open.filter(|kept| kept.incident.key() == key) {
            kept.told.push((id, to.to_owned()));
        }
    }

    fn open_of(&self, kept: &KeptIncident) -> OpenIncident {
        let is_dead = |id: &DeliveryId| {
            let row = self.deliveries.get(id);
            row.is_some_and(|row| matches!(row.state, State::Dead { .. }))
        };
        let is_waiting = |id: &DeliveryId| {
            let row = self.deliveries.get(id);
            row.is_some_and(|row| row.state == State::Waiting)
        };
        let waiting = kept.told.iter().filter(|(id, _)| is_waiting(id));
        let waiting: BTreeSet<String> = waiting.map(|(_, to)| recipient_of(to)).collect();
        let told = kept.told.iter().filter(|(id, _)| !is_dead(id));
        let told: BTreeSet<String> = told.map(|(_, to)| to.clone()).collect();
        OpenIncident {
            incident: kept.incident.clone(),
            told: told.into_iter().collect(),
            waiting: waiting.into_iter().collect(),
            event: kept.event.clone(),
        }
    }

    fn of_event(&self, event: EventId) -> impl Iterator<Item = &Row> {
        let ids = self.deliveries_of.get(&event).into_iter().flatten();
        ids.filter_map(|id| self.deliveries.get(id))
    }

    fn end(&mut self, holder: &str, attempt: &Attempt) {
        let Some(row) = self.deliveries.get_mut(&attempt.delivery) else {
            return;
        };
        let was_waiting = row.state == State::Waiting;
        row.end(holder, attempt);
        let event = row.event;
        if was_waiting && row.state == State::Sent {
            self.sent_at.push_back(attempt.at);
            if self.sent_at.len() > SENT {
                self.sent_at.pop_front();
            }
        }
        match event {
            Some(event) => self.forget_if_done(event),
            None => self
                .deliveries
                .retain(|id, row| *id != attempt.delivery || row.state == State::Waiting),
        }
    }

    /// Who was told stays known for as long as somebody may have to be told that others were not.
    fn forget_if_done(&mut self, event: EventId) {
        if self.of_event(event).all(|row| row.state == State::Sent) {
            for id in self.deliveries_of.remove(&event).unwrap_or_default() {
                self.deliveries.remove(&id);
            }
        }
    }

    fn forget_dead(&mut self, id: DeliveryId, told_at: Timestamp) {
        let Some(row) = self.deliveries.remove(&id) else {
            return;
        };
        for kept in self.open.values_mut() {
            kept.told.retain(|(told, _)| *told != id);
        }
        self.told_at.insert(row.delivery.mail.recipient(), told_at);
        if let Some(event) = row.event {
            self.forget_if_done(event);
        }
    }

    fn dead_of(&self, row: &Row, since: Timestamp, now: Timestamp) -> Option<DeadDelivery> {
        let (State::Dead { died_at, error }, Some(event)) = (&row.state, row.event) else {
            return None;
        };
        let mail = &row.delivery.mail;
        let others = self.of_event(event);
        let address = mail.recipient();
        let others = others.filter(|row| {
            !matches!(row.state, State::Dead { .. }) && row.delivery.mail.recipient() != address
        });
        let mut others: Vec<String> = others.map(|row| row.delivery.mail.to.clone()).collect();
        let mut known = BTreeSet::new();
        others.retain(|to| known.insert(to.clone()));
        let told_at = self.told_at.get(&mail.recipient());
        if !others.is_empty() && told_at.is_some_and(|told_at| *told_at > since && *told_at < now) {
            return None;
        }
        Some(DeadDelivery {
            id: row.delivery.id,
            mail: mail.clone(),
            died_at: *died_at,
            error: error.clone(),
            others,
        })
    }
}

impl Row {
    fn is_due(&self, now: Timestamp) -> bool {
        let latest = now.saturating_add(LONGEST_DELAY).unwrap_or(Timestamp::MAX);
        self.state == State::Waiting && (self.due_at <= now || self.due_at > latest)
    }

    fn end(&mut self, holder: &str, attempt: &Attempt) {
        let is_taken = matches!(attempt.outcome, Outcome::Sent(_));
        let is_claimed = self.holder.as_deref() == Some(holder);
        if self.state != State::Waiting || !(is_claimed || is_taken) {
            return;
        }
        self.holder = None;
        self.due_at = attempt.at;
        self.delivery.attempts += u32::from(attempt.outcome != Outcome::Released);
        match &attempt.outcome {
            Outcome::Sent(_) => self.state = State::Sent,
            Outcome::Dead { error } => {
                self.state = State::Dead {
                    died_at: attempt.at,
                    error: error.clone(),
                };
            }
            Outcome::Deferred { due_at, .. } => {
                self.delivery.deferrals += 1;
                self.due_at = *due_at;
            }
            Outcome::Unreached { .. } | Outcome::Released => {}
        }
    }
}

#[async_trait]
impl Outbox for MemoryOutbox {
    async fn unplanned_events(
        &self,
        limit: u32,
    ) -> Result<Vec<(EventId, DomainEvent)>, OutboxError> {
        let kept = self.kept();
        let events = kept.events.iter().take(limit as usize);
        Ok(events.map(|(id, event)| (*id, event.clone())).collect())
    }

    async fn plan(&self, plan: &Plan) -> Result<(), OutboxError> {
        let mut kept = self.kept();
        let (closed, open): (Vec<_>, Vec<_>) = plan
            .incidents
            .iter()
            .partition(|(incident, _)| incident.closed_at.is_some());
        for (incident, event) in closed.into_iter().chain(open) {
            kept.keep(incident, *event);
        }
        for planned in &plan.mails {
            let id = kept.add(Some(planned.event), &planned.mail, plan.planned_at);
            kept.note_told(planned.incident, id, &planned.mail.to);
        }
        if let Some(up_to) = plan.up_to {
            kept.events.retain(|id, _| *id > up_to);
        }
        Ok(())
    }

    async fn open_incidents(&self, jobs: &[JobId]) -> Result<Vec<OpenIncident>, OutboxError> {
        let kept = self.kept();
        let jobs: BTreeSet<&JobId> = jobs.iter().collect();
        let open = jobs.into_iter().filter_map(|job| kept.open.get(job));
        Ok(open.map(|incident| kept.open_of(incident)).collect())
    }

    async fn incidents_to_remind(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<OpenIncident>, OutboxError> {
        let kept = self.kept();
        let is_due = |kept: &&KeptIncident| {
            let incident = &kept.incident;
            let is_free = incident.acknowledged.is_none();
            is_free && incident.remind_at.is_some_and(|due_at| due_at <= now)
        };
        let mut due: Vec<&KeptIncident> = kept.open.values().filter(is_due).collect();
        due.sort_by_key(|kept| (kept.incident.remind_at, kept.incident.job));
        let due = due.into_iter().take(limit as usize);
        Ok(due.map(|incident| kept.open_of(incident)).collect())
    }

    async fn untold_dead(
        &self,
        since: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<DeadDelivery>, OutboxError> {
        let kept = self.kept();
        let rows = kept.deliveries.values();
        let untold = rows.filter_map(|row| kept.dead_of(row, since, now));
        Ok(untold.take(limit as usize).collect())
    }

    async fn plan_notices(
        &self,
        told: &[DeliveryId],
        mails: &[Mail],
        planned_at: Timestamp,
    ) -> Result<(), OutboxError> {
        let mut kept = self.kept();
        for id in told {
            kept.forget_dead(*id, planned_at);
        }
        for mail in mails {
            kept.add(None, mail, planned_at);
        }
        Ok(())
    }

    async fn claim(
        &self,
        now: Timestamp,
        lease: &Lease,
        except: &[String],
        limit: u32,
    ) -> Result<Vec<Delivery>, OutboxError> {
        let mut kept = self.kept();
        let mut due: Vec<&mut Row> = kept
            .deliveries
            .values_mut()
            .filter(|row| row.is_due(now) && !except.contains(&row.delivery.mail.recipient()))
            .collect();
        due.sort_by_key(|row| row.due_at);
        let claimed = due.into_iter().take(limit as usize).map(|row| {
            row.due_at = lease.until;
            row.holder = Some(lease.holder.clone());
            row.delivery.clone()
        });
        Ok(claimed.collect())
    }

    async fn renew(&self, lease: &Lease) -> Result<(), OutboxError> {
        for row in self.kept().deliveries.values_mut() {
            if row.state == State::Waiting && row.holder.as_ref() == Some(&lease.holder) {
                row.due_at = lease.until;
            }
        }
        Ok(())
    }

    async fn record(&self, holder: &str, attempts: &[Attempt]) -> Result<(), OutboxError> {
        let mut kept = self.kept();
        for attempt in attempts {
            kept.end(holder, attempt);
        }
        Ok(())
    }

    async fn backlog(&self) -> Result<Backlog, OutboxError> {
        let kept = self.kept();
        let waiting = || {
            let rows = kept.deliveries.values();
            rows.filter(|row| row.state == State::Waiting)
        };
        Ok(Backlog {
            waiting: waiting().count() as u64,
            oldest_planned_at: waiting().map(|row| row.planned_at).min(),
        })
    }

    async fn count_sent_since(&self, since: Timestamp) -> Result<u64, OutboxError> {
        let kept = self.kept();
        let sent = kept.sent_at.iter().filter(|sent_at| **sent_at >= since);
        Ok(sent.count() as u64)
    }
}
