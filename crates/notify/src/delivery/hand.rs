//! What a worker has in hand: what it claimed, what is on its way, and what is not recorded yet.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::backoff::Backoff;
use super::pace::Pace;
use super::pause::Pause;
use super::turns::Turns;
use super::{Delivered, DeliveryWorker, FAREWELL};
use crate::{
    Attempt, Clock, Delivery, LONGEST_DELAY, Lease, Outbox, OutboxError, Outcome, Receipt,
    Transport, TransportError,
};

/// How many deliveries are claimed at once.
const CLAIM: u32 = 32;

/// How often an outbox is looked at in which nothing is due.
const POLL: Duration = Duration::from_secs(1);

/// How long a transport that has nothing to do keeps its connections for the next mail.
const REST_AFTER: Duration = Duration::from_secs(10);

/// What limits of mails are about.
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// How long a mail waits that was not taken for now.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(10),
    longest: Duration::from_hours(1),
};

/// When the work is done.
#[derive(Debug, Clone, Copy)]
pub(super) enum Work {
    /// Once nothing more is due, or nothing gets through, but begun by the one instant at the latest,
    /// and cut off at the other.
    AllThatIsDue {
        begin_until: Instant,
        until: Instant,
    },
    /// Once it is told to stop.
    UntilStopped,
}

/// How many mails may have been answered that the outbox does not know of yet. After a crash they go
/// out again as those do that were on their way. A quick server takes so many while a disk
/// writes a few times.
const UNRECORDED: usize = 16;

type Sent = Result<Receipt, TransportError>;

/// What the outbox was told, and what it said.
type Recorded = (Vec<Attempt>, Result<(), OutboxError>);

/// The outbox being told of attempts.
struct Recording<'a> {
    attempts: usize,
    recorded: Pin<Box<dyn Future<Output = Recorded> + Send + 'a>>,
}

/// A delivery that was claimed, and whom it is to.
struct Claimed {
    delivery: Delivery,
    recipient: String,
}

impl From<Delivery> for Claimed {
    fn from(delivery: Delivery) -> Self {
        let recipient = delivery.mail.recipient();
        Self {
            delivery,
            recipient,
        }
    }
}

/// What a worker has in hand.
pub(super) struct Hand<'a, T: ?Sized, O, C> {
    worker: &'a DeliveryWorker<T, O, C>,
    /// Claimed, and not begun.
    ready: VecDeque<Claimed>,
    sends: JoinSet<Sent>,
    in_flight: HashMap<Id, Claimed>,
    /// What became of mails, until the outbox is told.
    unrecorded: Vec<Attempt>,
    /// The outbox being told.
    recording: Option<Recording<'a>>,
    turns: Turns,
    pause: Pause,
    pace: Option<Pace>,
    /// Until when what is in hand is ours, as of the last claim or renewal.
    leased_until: Timestamp,
    /// When the outbox was last found to have nothing more for us.
    nothing_due_at: Option<Instant>,
    is_claiming: bool,
    /// When the last mail left, until the transport was sent to rest.
    busy_at: Option<Instant>,
    /// When mails that are on their way are cut off.
    cut_off_at: Option<Instant>,
    pub(super) delivered: Delivered,
}

impl<'a, T: Transport + ?Sized + 'static, O: Outbox, C: Clock> Hand<'a, T, O, C> {
    pub(super) fn new(worker: &'a DeliveryWorker<T, O, C>) -> Self {
        Self {
            worker,
            ready: VecDeque::new(),
            sends: JoinSet::new(),
            in_flight: HashMap::new(),
            unrecorded: Vec::new(),
            recording: None,
            turns: Turns::new(worker.settings.parallel.get()),
            pause: Pause::default(),
            pace: None,
            leased_until: Timestamp::MIN,
            nothing_due_at: None,
            is_claiming: true,
            busy_at: None,
            cut_off_at: None,
            delivered: Delivered::default(),
        }
    }

    /// Works until the work is done. After an error it can be gone on with: nothing that was sent is
    /// forgotten.
    pub(super) async fn work(
        &mut self,
        work: Work,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<(), OutboxError> {
        loop {
            self.begin_what_may().await?;
            if self.is_done(work) {
                self.rest(Duration::ZERO).await;
                return Ok(());
            }
            self.rest(REST_AFTER).await;
            let next_look = self.next_look(work);
            tokio::select! {
                recorded = ended(&mut self.recording) => self.end_record(recorded)?,
                Some(ended) = self.sends.join_next_with_id() => self.land_all(ended),
                () = self.worker.wake.notified() => self.nothing_due_at = None,
                () = self.worker.retry.notified() => self.retry(),
                () = sleep_until(next_look) => {}
                () = stop.as_mut(), if self.is_claiming => self.begin_no_more(FAREWELL),
            }
            self.cut_off(work).await;
        }
    }

    fn retry(&mut self) {
        self.nothing_due_at = None;
        self.pause.end_early();
        self.turns.end_rests();
    }

    /// Lets the transport rest that has had nothing to do for so long.
    async fn rest(&mut self, idle: Duration) {
        let is_idle = |busy_at: &mut Instant| *busy_at + idle <= Instant::now();
        if self.sends.is_empty() && self.busy_at.take_if(is_idle).is_some() {
            self.worker.transport.rest().await;
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        !self.is_claiming
    }

    /// Starts what was claimed, has recorded what became of what was on its way, and claims more while
    /// there is a lane for it.
    async fn begin_what_may(&mut self) -> Result<(), OutboxError> {
        if self.pace.is_none() {
            self.pace = Some(pace_so_far(self.worker).await?);
        }
        self.renew().await?;
        self.start_ready();
        self.begin_record();
        while self.is_claiming && self.has_lane() && self.may_be_due() {
            self.claim().await?;
            self.start_ready();
        }
        Ok(())
    }

    /// Whether another mail could leave now.
    fn has_lane(&self) -> bool {
        let now = Instant::now();
        let lanes = self.pause.lanes(self.worker.settings.parallel.get(), now);
        self.sends.len() < lanes
            && self.unrecorded() < UNRECORDED
            && self
                .pace
                .as_ref()
                .is_none_or(|pace| pace.next(now).is_none())
    }

    /// Of how many attempts the outbox does not know for sure.
    fn unrecorded(&self) -> usize {
        let recording = self.recording.as_ref();
        self.unrecorded.len() + recording.map_or(0, |recording| recording.attempts)
    }

    fn may_be_due(&self) -> bool {
        self.nothing_due_at
            .is_none_or(|seen_at| seen_at + POLL <= Instant::now())
    }

    async fn claim(&mut self) -> Result<(), OutboxError> {
        self.record().await?;
        let now = Instant::now();
        let mut except: Vec<String> = self.turns.blocked(now).cloned().collect();
        except.extend(self.ready.iter().map(|claimed| claimed.recipient.clone()));
        except.sort();
        except.dedup();
        let lease = self.lease();
        let at = self.worker.clock.now();
        let limit = if self.worker.settings.max_per_minute.is_some() {
            // People may give up meanwhile what nobody has in hand.
            u32::try_from(self.worker.settings.parallel.get()).unwrap_or(CLAIM)
        } else {
            CLAIM
        };
        let claimed = self.worker.outbox.claim(at, &lease, &except, limit).await?;
        let before = self.ready.len();
        if !claimed.is_empty() && self.ready.is_empty() && self.in_flight.is_empty() {
            self.leased_until = lease.until;
        }
        for delivery in claimed {
            // A lease that ran out may bring back what is on its way.
            let is_same = |other: &Claimed| other.delivery.id == delivery.id;
            if !self.in_flight.values().any(is_same) && !self.ready.iter().any(is_same) {
                self.ready.push_back(delivery.into());
            }
        }
        if self.ready.len() == before {
            self.nothing_due_at = Some(now);
        }
        Ok(())
    }

    fn lease(&self) -> Lease {
        let settings = &self.worker.settings;
        let longest = Duration::try_from(LONGEST_DELAY).unwrap_or_default();
        let lease = settings.lease.clamp(Duration::from_secs(1), longest);
        let until = self.worker.clock.now().saturating_add(lease);
        Lease {
            holder: settings.holder.clone(),
            until: until.unwrap_or(Timestamp::MAX),
        }
    }

    /// Holds on to what is in hand, well before the lease runs out.
    async fn renew(&mut self) -> Result<(), OutboxError> {
        let lease = self.lease();
        let now = self.worker.clock.now();
        let whole = now.duration_until(lease.until);
        let left = now.duration_until(self.leased_until);
        // More is left than there can be when the clock was put back.
        let is_fresh = left * 3 > whole * 2 && left <= whole;
        if is_fresh || (self.ready.is_empty() && self.in_flight.is_empty()) {
            return Ok(());
        }
        if left.is_negative() {
            // Others may have claimed what was not begun.
            self.give_back(|_| true);
            self.record().await?;
        }
        self.worker.outbox.renew(&lease).await?;
        self.leased_until = lease.until;
        Ok(())
    }

    fn start_ready(&mut self) {
        let mut position = 0;
        while position < self.ready.len() && self.has_lane() {
            let recipient = &self.ready[position].recipient;
            if !self.turns.may_start(recipient, Instant::now()) {
                position += 1;
            } else if let Some(claimed) = self.ready.remove(position) {
                self.start(claimed);
            }
        }
    }

    fn start(&mut self, claimed: Claimed) {
        if let Some(pace) = &mut self.pace {
            pace.take(Instant::now());
        }
        self.pause.start(Instant::now());
        self.busy_at = Some(Instant::now());
        self.turns.start(&claimed.recipient);
        let transport = self.worker.transport.clone();
        let mail = claimed.delivery.mail.clone();
        let send = self.sends.spawn(async move { transport.send(&mail).await });
        self.in_flight.insert(send.id(), claimed);
    }

    fn land_all(&mut self, first: Result<(Id, Sent), JoinError>) {
        let mut next = Some(first);
        while let Some(ended) = next {
            self.land(ended);
            next = self.sends.try_join_next_with_id();
        }
        if self.ready.is_empty() {
            self.nothing_due_at = None;
        }
    }

    fn land(&mut self, ended: Result<(Id, Sent), JoinError>) {
        let (id, sent) = match ended {
            Ok((id, sent)) => (id, Some(sent)),
            Err(error) if error.is_cancelled() => (error.id(), None),
            Err(error) => (error.id(), Some(Err(panicked(&error)))),
        };
        let Some(claimed) = self.in_flight.remove(&id) else {
            return;
        };
        let outcome = match sent {
            Some(Ok(receipt)) => self.taken(&claimed, receipt),
            Some(Err(error)) => self.not_taken(&claimed, &error),
            None => {
                self.turns.end(&claimed.recipient);
                self.delivered.failed += 1;
                Outcome::Unreached {
                    error: "sending was stopped before the server answered; it is tried again"
                        .to_owned(),
                }
            }
        };
        self.unrecorded.push(Attempt {
            delivery: claimed.delivery.id,
            at: self.worker.clock.now(),
            outcome,
        });
    }

    fn taken(&mut self, claimed: &Claimed, receipt: Receipt) -> Outcome {
        tracing::info!(
            delivery = claimed.delivery.id.0,
            by = receipt.by,
            answer = receipt.answer,
            "a mail was sent"
        );
        self.turns.prove(&claimed.recipient);
        self.pause.end();
        self.delivered.sent += 1;
        Outcome::Sent(receipt)
    }

    fn not_taken(&mut self, claimed: &Claimed, problem: &TransportError) -> Outcome {
        let Claimed {
            delivery,
            recipient,
        } = claimed;
        let error = problem.to_string();
        let (delivery_id, attempts) = (delivery.id.0, delivery.attempts.saturating_add(1));
        self.delivered.failed += 1;
        if problem.is_unreachable() {
            self.turns.end(recipient);
            let whose = &self.worker.settings.holder;
            if let Some(wait) = self.pause.begin(Instant::now(), whose) {
                tracing::warn!(%error, next_try_in = ?wait, "all mails wait");
                // People may retry or drop meanwhile what nobody has in hand.
                self.give_back(|_| true);
            }
            return Outcome::Unreached { error };
        }
        self.pause.end();
        if problem.is_permanent() {
            tracing::error!(
                delivery = delivery_id,
                recipient,
                attempts,
                error,
                "a mail was refused"
            );
            self.turns.end(recipient);
            self.delivered.dead += 1;
            return Outcome::Dead { error };
        }
        let deferrals = delivery.deferrals.saturating_add(1);
        let wait = BACKOFF.wait(deferrals, &delivery.mail.message_id);
        tracing::warn!(delivery = delivery_id, recipient, attempts, error, next_try_in = ?wait, "a mail waits");
        self.turns.fail(recipient, Instant::now());
        self.give_back(|waiting| waiting.recipient == *recipient);
        let due_at = self.worker.clock.now().saturating_add(wait);
        Outcome::Deferred {
            error,
            due_at: due_at.unwrap_or(Timestamp::MAX),
        }
    }

    /// Gives back what was claimed and not begun.
    fn give_back(&mut self, which: impl Fn(&Claimed) -> bool) {
        let (back, kept): (VecDeque<_>, VecDeque<_>) =
            self.ready.drain(..).partition(|claimed| which(claimed));
        self.ready = kept;
        let at = self.worker.clock.now();
        self.unrecorded
            .extend(back.into_iter().map(|claimed| Attempt {
                delivery: claimed.delivery.id,
                at,
                outcome: Outcome::Released,
            }));
    }

    /// Waits until the outbox knows all.
    async fn record(&mut self) -> Result<(), OutboxError> {
        loop {
            self.begin_record();
            if self.recording.is_none() {
                return Ok(());
            }
            let recorded = ended(&mut self.recording).await;
            self.end_record(recorded)?;
        }
    }

    /// Tells the outbox what it does not know, unless it is just being told: mails go on meanwhile, and
    /// what becomes of them is told together.
    fn begin_record(&mut self) {
        if self.recording.is_some() || self.unrecorded.is_empty() {
            return;
        }
        let (worker, attempts) = (self.worker, std::mem::take(&mut self.unrecorded));
        self.recording = Some(Recording {
            attempts: attempts.len(),
            recorded: Box::pin(async move {
                let holder = &worker.settings.holder;
                let recorded = worker.outbox.record(holder, &attempts).await;
                (attempts, recorded)
            }),
        });
    }

    fn end_record(&mut self, (attempts, recorded): Recorded) -> Result<(), OutboxError> {
        self.recording = None;
        if recorded.is_err() {
            self.unrecorded.splice(0..0, attempts);
        }
        recorded
    }

    pub(super) fn begin_no_more(&mut self, patience: Duration) {
        self.is_claiming = false;
        self.cut_off_at = Some(Instant::now() + patience);
        self.give_back(|_| true);
    }

    fn is_done(&mut self, work: Work) -> bool {
        if matches!(work, Work::AllThatIsDue { .. })
            && self.is_claiming
            && self.sends.is_empty()
            && (self.pause.is_on(Instant::now()) || self.is_drained() || self.is_too_fast(work))
        {
            self.begin_no_more(Duration::ZERO);
        }
        !self.is_claiming && self.sends.is_empty() && self.unrecorded() == 0
    }

    /// Whether no more mails may leave for as long as this work lasts.
    fn is_too_fast(&self, work: Work) -> bool {
        let Work::AllThatIsDue { begin_until, .. } = work else {
            return false;
        };
        let next = self.pace.as_ref();
        let next = next.and_then(|pace| pace.next(Instant::now()));
        next.is_some_and(|next| next > begin_until)
    }

    /// Whether nothing is due any more. Of who rests it is not known until the outbox was asked again.
    fn is_drained(&self) -> bool {
        let is_all = |seen_at| !self.turns.anybody_rests(seen_at);
        self.ready.is_empty() && self.nothing_due_at.is_some_and(is_all)
    }

    fn next_look(&self, work: Work) -> Instant {
        let now = Instant::now();
        let turn = self.pace.as_ref().and_then(|pace| pace.next(now));
        let end = match work {
            Work::AllThatIsDue { begin_until, .. } if self.is_claiming => Some(begin_until),
            Work::AllThatIsDue { .. } | Work::UntilStopped => None,
        };
        let cut_off_at = self.cut_off_at.filter(|_| !self.sends.is_empty());
        let looks = [turn, end, cut_off_at];
        looks.into_iter().flatten().fold(now + POLL, Instant::min)
    }

    /// Ends what takes too long. Whatever became of it without our knowledge, it goes out again with
    /// the same message id.
    async fn cut_off(&mut self, work: Work) {
        let now = Instant::now();
        if let Work::AllThatIsDue { begin_until, until } = work
            && begin_until <= now
            && self.is_claiming
        {
            self.begin_no_more(until.saturating_duration_since(now));
        }
        if self.cut_off_at.is_some_and(|cut_off_at| cut_off_at <= now) {
            self.sends.abort_all();
            while let Some(ended) = self.sends.join_next_with_id().await {
                self.land(ended);
            }
        }
    }
}

async fn pace_so_far<T: ?Sized, O: Outbox, C: Clock>(
    worker: &DeliveryWorker<T, O, C>,
) -> Result<Pace, OutboxError> {
    let limit = worker.settings.max_per_minute;
    let sent = if limit.is_some() {
        let since = worker.clock.now().saturating_sub(MINUTE);
        let since = since.unwrap_or(Timestamp::MIN);
        worker.outbox.count_sent_since(since).await?
    } else {
        0
    };
    Ok(Pace::new(limit, sent, Instant::now()))
}

/// The end of a record, when there is one.
async fn ended(recording: &mut Option<Recording<'_>>) -> Recorded {
    match recording {
        Some(recording) => recording.recorded.as_mut().await,
        None => std::future::pending().await,
    }
}

fn panicked(error: &JoinError) -> TransportError {
    TransportError::Local {
        action: "send a mail through".to_owned(),
        path: "the transport".to_owned(),
        problem: error.to_string(),
    }
}
