//! An outbox that lives as long as the program: for programs that need no more, and for tests.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use vigie_domain::{DomainEvent, EventKind, ExpectedBackupJob, JobId};

use super::notifications::Notifications;
use super::{
    Attempt, Backlog, DeadDelivery, Delivery, DeliveryId, EventId, LONGEST_DELAY, Lease, Ledger,
    OpenIncident, Outbox, OutboxError, Outcome, Plan, PlannedMail,
};
use crate::mail::recipient_of;
use crate::{
    Acknowledgement, AskedNotification, FaultRecord, Incident, IncidentKey, Mail, NoticeClass,
    NotificationDetail, NotificationId, NotificationKind, PendingJob, PendingNotification,
    ReaderState, Silence,
};

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
    /// Incidents that have closed, until that is told.
    closed: BTreeMap<IncidentKey, KeptIncident>,
    pending: Notifications,
    /// To whom mails about jobs are, and their dates.
    dated: VecDeque<(String, Timestamp)>,
    /// The dates of the newest mails, by recipient: of all, and of those that were sent.
    last_written: BTreeMap<String, Timestamp>,
    last_sent: BTreeMap<String, Timestamp>,
    faults: Vec<FaultRecord>,
    silences: Vec<Silence>,
    /// The jobs that events spoke of, as they were last.
    jobs: BTreeMap<JobId, ExpectedBackupJob>,
    /// The last incident of each job that has closed.
    history: BTreeMap<JobId, Incident>,
    last_digest: Option<Timestamp>,
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
    /// What the mail tells of.
    jobs: BTreeSet<JobId>,
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

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// How many faults are kept.
const FAULTS: usize = 100;

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
        if let Some(job) = event.job() {
            kept.jobs.insert(job.id, job.clone());
        }
        kept.events.insert(id, event);
    }

    /// Adds a silence.
    pub fn silence(&self, silence: Silence) {
        self.kept().silences.push(silence);
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
        let last = self
            .last_written
            .entry(mail.recipient())
            .or_insert(mail.date);
        *last = mail.date.max(*last);
        if event.is_some() {
            self.dated.push_back((mail.recipient(), mail.date));
        }
        if self.dated.len() > SENT {
            self.dated.pop_front();
        }
        let delivery = Delivery {
            id,
            mail: mail.clone(),
            attempts: 0,
            deferrals: 0,
        };
        let row = Row {
            event,
            jobs: BTreeSet::new(),
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

    /// Keeps an incident until it has closed and that is told.
    fn keep(&mut self, incident: &Incident, event: EventId) {
        let key = incident.key();
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
        let Some(event) = event.or(last) else {
            return;
        };
        let is_closed = incident.closed_at.is_some();
        let kept = KeptIncident {
            incident,
            event,
            told,
        };
        if is_closed {
            self.history.insert(key.job, kept.incident.clone());
            let is_well = matches!(kept.event.1.kind, EventKind::JobRecovered { .. });
            self.pending.close(key, is_well);
            self.closed.insert(key, kept);
        } else {
            self.open.insert(key.job, kept);
        }
    }

    fn incident(&mut self, key: IncidentKey) -> Option<&mut KeptIncident> {
        let open = self.open.get_mut(&key.job);
        open.filter(|kept| kept.incident.key() == key)
            .or_else(|| self.closed.get_mut(&key))
    }

    fn ask(&mut self, asked: &AskedNotification, at: Timestamp) {
        let event = self.events.get(&asked.event).cloned();
        self.pending.ask(asked, event, at);
    }

    fn add_planned(&mut self, planned: &PlannedMail, planned_at: Timestamp) {
        let mail = &planned.mail;
        let id = self.add(planned.event, mail, planned_at);
        for told in &planned.tells {
            let Some(told) = self.pending.remove(*told) else {
                continue;
            };
            let is_damage = told.kind == NotificationKind::Damage;
            if told.kind.class() == NoticeClass::Problem && !is_damage {
                self.pending.outdate(told.job, &told.recipient());
            }
            if let Some(row) = self.deliveries.get_mut(&id) {
                row.jobs.insert(told.job);
            }
            if let Some(kept) = told.incident.and_then(|key| self.incident(key)) {
                kept.told.push((id, told.reader));
            }
        }
    }

    /// Nobody asks for a closed incident any more of which all was told.
    fn forget_closed(&mut self) {
        let pending = &self.pending;
        self.closed.retain(|key, _| pending.is_any_of(*key));
    }

    fn keep_fault(&mut self, fault: &FaultRecord) {
        let is_same = |known: &FaultRecord| {
            (known.fault.code(), known.opened_at) == (fault.fault.code(), fault.opened_at)
        };
        self.faults.retain(|known| !is_same(known));
        self.faults.push(fault.clone());
        // No more are asked for than of an hour.
        if self.faults.len() > FAULTS {
            self.faults.remove(0);
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
        let mut waiting: BTreeSet<String> = waiting.map(|(_, to)| recipient_of(to)).collect();
        waiting.extend(self.pending.readers_of(kept.incident.key()));
        let told = kept.told.iter().filter(|(id, _)| !is_dead(id));
        let told: BTreeSet<String> = told.map(|(_, to)| to.clone()).collect();
        OpenIncident {
            incident: kept.incident.clone(),
            told: told.into_iter().collect(),
            waiting: waiting.into_iter().collect(),
            event: kept.event.clone(),
        }
    }

    fn pending_of(&self, now: Timestamp) -> Vec<PendingNotification> {
        let due = self.pending.due(now);
        let pending = due.filter_map(|(id, kept)| {
            let asked = &kept.asked;
            let incident = asked.incident.and_then(|key| self.incident_of(key));
            let (_, event) = self.event_of(asked, kept.event.as_ref())?;
            let job = event.job()?;
            let last = incident.and_then(|kept| kept.incident.changes.last());
            let status = last.map_or(job.current_status, |change| change.status);
            Some(PendingNotification {
                id,
                subject: asked.subject(),
                kind: asked.kind,
                reader: asked.reader.clone(),
                asked_at: kept.asked_at,
                acknowledged: incident.is_some_and(|kept| kept.incident.acknowledged.is_some()),
                held_by: kept.held.map(|hold| hold.cause),
                job: PendingJob::new(job, status),
            })
        });
        let mut pending: Vec<_> = pending.collect();
        pending.sort_by_cached_key(|pending| (recipient_of(&pending.reader), pending.id));
        pending
    }

    fn detail_of(&self, id: NotificationId) -> Option<NotificationDetail> {
        let kept = self.pending.get(id)?;
        let (event_id, event) = self.event_of(&kept.asked, kept.event.as_ref())?;
        let incident = kept.asked.incident.and_then(|key| self.incident_of(key));
        Some(NotificationDetail {
            id,
            incident: incident.map(|kept| kept.incident.clone()),
            event: (event_id, event.clone()),
        })
    }

    fn incident_of(&self, key: IncidentKey) -> Option<&KeptIncident> {
        let open = self.open.get(&key.job);
        open.filter(|kept| kept.incident.key() == key)
            .or_else(|| self.closed.get(&key))
    }

    /// The last event of the incident, or that of the warning.
    fn event_of<'a>(
        &'a self,
        asked: &AskedNotification,
        own: Option<&'a DomainEvent>,
    ) -> Option<(EventId, &'a DomainEvent)> {
        match asked.incident {
            Some(key) => {
                let (id, event) = &self.incident_of(key)?.event;
                Some((*id, event))
            }
            None => Some((asked.event, own?)),
        }
    }

    fn reader_state(&self, reader: &str, now: Timestamp) -> ReaderState {
        let since = now.saturating_sub(HOUR).unwrap_or(Timestamp::MIN);
        let dated = || {
            let dated = self.dated.iter().filter(|(to, _)| to == reader);
            dated
                .map(|(_, at)| *at)
                .filter(|at| *at > since && *at <= now)
        };
        let rows = self.deliveries.values();
        let waiting = rows
            .filter(|row| row.state == State::Waiting && row.delivery.mail.recipient() == reader);
        let waiting_since = waiting.map(|row| row.delivery.mail.date).min();
        let last_sent_at = self.last_sent.get(reader);
        let stuck_since =
            waiting_since.filter(|since| last_sent_at.is_none_or(|sent_at| sent_at < since));
        let last_written_at = self.last_written.get(reader).copied();
        ReaderState {
            written: u32::try_from(dated().count()).unwrap_or(u32::MAX),
            first_written_at: dated().min(),
            stuck_since,
            last_written_at: stuck_since.and(last_written_at),
            held_back: self.pending.held_back(reader, now),
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
            let (to, date) = (row.delivery.mail.recipient(), row.delivery.mail.date);
            let last = self.last_sent.entry(to).or_insert(date);
            *last = date.max(*last);
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
        let others = others.filter(|other| {
            !matches!(other.state, State::Dead { .. })
                && other.delivery.mail.recipient() != address
                && other.jobs.is_superset(&row.jobs)
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
impl Ledger for MemoryOutbox {
    async fn unplanned_events(
        &self,
        limit: u32,
    ) -> Result<Vec<(EventId, DomainEvent)>, OutboxError> {
        let kept = self.kept();
        let events = kept.events.iter().take(limit as usize);
        Ok(events.map(|(id, event)| (*id, event.clone())).collect())
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

    async fn pending_notifications(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<PendingNotification>, OutboxError> {
        let mut pending = self.kept().pending_of(now);
        pending.truncate(limit as usize);
        Ok(pending)
    }

    async fn notification_details(
        &self,
        ids: &[NotificationId],
    ) -> Result<Vec<NotificationDetail>, OutboxError> {
        let kept = self.kept();
        Ok(ids.iter().filter_map(|id| kept.detail_of(*id)).collect())
    }

    async fn reader_states(
        &self,
        readers: &[String],
        now: Timestamp,
    ) -> Result<Vec<(String, ReaderState)>, OutboxError> {
        let kept = self.kept();
        let state = |reader: &String| (reader.clone(), kept.reader_state(reader, now));
        Ok(readers.iter().map(state).collect())
    }

    async fn silences(&self, now: Timestamp) -> Result<Vec<Silence>, OutboxError> {
        let kept = self.kept();
        let silences = kept.silences.iter();
        let now = silences.filter(|silence| silence.starts_at <= now && now < silence.ends_at);
        Ok(now.cloned().collect())
    }

    async fn watched_jobs(&self) -> Result<u64, OutboxError> {
        let kept = self.kept();
        let watched = kept.jobs.values().filter(|job| job.is_watched());
        Ok(watched.count() as u64)
    }

    async fn last_digest(&self) -> Result<Option<Timestamp>, OutboxError> {
        Ok(self.kept().last_digest)
    }

    async fn jobs(&self, jobs: &[JobId]) -> Result<Vec<ExpectedBackupJob>, OutboxError> {
        let kept = self.kept();
        Ok(jobs
            .iter()
            .filter_map(|job| kept.jobs.get(job).cloned())
            .collect())
    }

    async fn jobs_after(
        &self,
        last: JobId,
        limit: u32,
    ) -> Result<Vec<ExpectedBackupJob>, OutboxError> {
        let kept = self.kept();
        let after = kept.jobs.values().filter(|job| job.id > last);
        Ok(after.take(limit as usize).cloned().collect())
    }

    async fn incidents_since(
        &self,
        jobs: &[JobId],
        since: Timestamp,
    ) -> Result<Vec<Incident>, OutboxError> {
        let kept = self.kept();
        let is_late = |closed: &&Incident| closed.closed_at.is_some_and(|at| at > since);
        let mut incidents = Vec::new();
        for job in jobs.iter().collect::<BTreeSet<_>>() {
            incidents.extend(kept.history.get(job).filter(is_late).cloned());
            incidents.extend(kept.open.get(job).map(|open| open.incident.clone()));
        }
        Ok(incidents)
    }

    async fn waiting_mails(&self) -> Result<Backlog, OutboxError> {
        self.backlog().await
    }

    async fn faults_since(&self, since: Timestamp) -> Result<Vec<FaultRecord>, OutboxError> {
        let kept = self.kept();
        let faults = kept.faults.iter();
        let recent = faults.filter(|fault| fault.closed_at.is_none() || fault.opened_at > since);
        Ok(recent.cloned().collect())
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
        for asked in &plan.asked {
            kept.ask(asked, plan.planned_at);
        }
        for planned in &plan.mails {
            kept.add_planned(planned, plan.planned_at);
        }
        kept.pending.hold(&plan.held);
        for dropped in &plan.dropped {
            kept.pending.remove(*dropped);
        }
        for fault in &plan.faults {
            kept.keep_fault(fault);
        }
        kept.last_digest = plan.digest_at.or(kept.last_digest);
        kept.forget_closed();
        if let Some(up_to) = plan.up_to {
            kept.events.retain(|id, _| *id > up_to);
        }
        Ok(())
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
}

#[async_trait]
impl Outbox for MemoryOutbox {
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
