//! Works on folders that may never answer, as those on a network mount whose server is gone: a call on one
//! of them can't be interrupted, and takes the thread that made it along.
//!
//! So the work is done in threads that somebody watches. One that does not move for too long is given up:
//! its folder is told as one that does not answer, the others are served by another thread, and nobody
//! touches the folder again until the thread has come back. When it does, it finds that it was given up
//! and leaves everything as it is. Knows no report and no file.

mod hung;
pub(crate) mod pulse;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep};
use tracing::Span;
use vigie_domain::AgentId;

pub(crate) use crate::watchdog::hung::Stall;
use crate::watchdog::hung::{Hung, Silence};
use crate::watchdog::pulse::{Pulse, Seen};

/// How often a thread is looked at, at least.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often within the time after which it is given up.
const LOOKS: u32 = 8;

/// How many threads go on at most beside those that do not move, over all work. Each may have a dozen open
/// files, of which a process may have 1,024.
const MOST_HELPERS: usize = 32;

/// Something of a folder that may never answer.
pub(crate) trait Untrusted: Send + Sync + 'static {
    /// Whose folder it is; `None` for the deposit itself.
    fn owner(&self) -> Option<&AgentId>;
}

impl Untrusted for AgentId {
    fn owner(&self) -> Option<&AgentId> {
        Some(self)
    }
}

/// The deposit's own folder.
pub(crate) struct WholeDeposit;

impl Untrusted for WholeDeposit {
    fn owner(&self) -> Option<&AgentId> {
        None
    }
}

/// Has work done on folders that may never answer, and knows those that don't.
#[derive(Debug, Clone)]
pub(crate) struct Watchdog {
    timeout: Duration,
    hung: Arc<Hung>,
    helpers: Arc<AtomicUsize>,
}

impl Watchdog {
    /// Gives up what has not moved for this long.
    pub(crate) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            hung: Arc::default(),
            helpers: Arc::default(),
        }
    }

    /// Knows from now on what another one knows.
    pub(crate) fn share(&mut self, other: &Self) {
        self.hung = other.hung.clone();
        self.helpers = other.helpers.clone();
    }

    /// Does `work` on one folder.
    pub(crate) async fn one<I: Untrusted, T: Send + 'static>(
        &self,
        item: I,
        work: impl FnOnce(&I, &Pulse) -> T + Send + 'static,
    ) -> Result<T, Stall> {
        self.one_in_place(item, (), work).await
    }

    /// The same, in a `place` that others wait for: it is dropped when the work is done, or does not move.
    pub(crate) async fn one_in_place<I: Untrusted, P, T: Send + 'static>(
        &self,
        item: I,
        place: P,
        work: impl FnOnce(&I, &Pulse) -> T + Send + 'static,
    ) -> Result<T, Stall> {
        let work = Mutex::new(Some(work));
        let once = move |item: &I, pulse: &Pulse| {
            let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
            work.map(|work| work(item, pulse))
        };
        match self
            .all(Span::none(), vec![item], Some(place), once)
            .await
            .pop()
        {
            Some(Ok(Some(done))) => Ok(done),
            Some(Err(stall)) => Err(stall),
            // There is one item, and it is worked on once.
            Some(Ok(None)) | None => std::future::pending().await,
        }
    }

    /// Does `work` on each of these, one after the other as long as each answers, and gives what came of
    /// it in the same order. What is left when one does not answer at once is gone on with beside it. Each
    /// thread is in `span` meanwhile.
    pub(crate) async fn each<I: Untrusted, T: Send + 'static>(
        &self,
        span: Span,
        items: Vec<I>,
        work: impl Fn(&I, &Pulse) -> T + Send + Sync + 'static,
    ) -> Vec<Result<T, Stall>> {
        self.all(span, items, None::<()>, work).await
    }

    async fn all<I: Untrusted, P, T: Send + 'static>(
        &self,
        span: Span,
        items: Vec<I>,
        mut place: Option<P>,
        work: impl Fn(&I, &Pulse) -> T + Send + Sync + 'static,
    ) -> Vec<Result<T, Stall>> {
        if items.is_empty() {
            return Vec::new();
        }
        let round = Arc::new(Round {
            done: Mutex::new(items.iter().map(|_| None).collect()),
            left: AtomicUsize::new(items.len()),
            next: AtomicUsize::new(0),
            hung: self.hung.clone(),
            span,
            items,
            work,
        });
        let mut crew = Crew::default();
        crew.send(&round, None);
        let look_every = self.look_every();
        while round.left.load(Ordering::Acquire) > 0 {
            tokio::select! {
                biased;
                Some(ended) = crew.tasks.join_next() => pass_on(ended).await,
                () = sleep(look_every) => {
                    let is_stuck = self.look(&mut crew, &round);
                    if is_stuck && place.is_some() && crew.has_substitute(&self.helpers) {
                        place = None;
                    }
                }
            }
        }
        round.take_done()
    }

    fn look_every(&self) -> Duration {
        (self.timeout / LOOKS).clamp(Duration::from_millis(1), LOOK_EVERY)
    }

    /// Gives up who hangs. When nobody moves, which it tells, as many again go on with what is left.
    fn look<I: Untrusted, T: Send + 'static, W: Work<I, T>>(
        &self,
        crew: &mut Crew,
        round: &Arc<Round<I, T, W>>,
    ) -> bool {
        let now = Instant::now();
        let count = crew.workers.len();
        let mut is_any_moving = false;
        crew.workers.retain_mut(|worker| {
            let is_moving = worker.look(now);
            is_any_moving |= is_moving;
            if !is_moving {
                worker.pulse.pass_on();
            }
            let silence = now.duration_since(worker.since);
            silence < self.timeout || !round.give_up(worker, self.timeout)
        });
        if is_any_moving {
            return false;
        }
        for _ in 0..count.min(round.untaken()) {
            let helper = Helper::new(&self.helpers);
            if helper.is_none() && !crew.workers.is_empty() {
                break;
            }
            crew.send(round, helper);
        }
        true
    }
}

/// A panic in the work goes on in whoever waits for it.
async fn pass_on(ended: Result<(), JoinError>) {
    match ended {
        Ok(()) => {}
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime is shutting down: nobody waits for the answer any more.
        Err(_) => std::future::pending().await,
    }
}

trait Work<I, T>: Fn(&I, &Pulse) -> T + Send + Sync + 'static {}

impl<I, T, W: Fn(&I, &Pulse) -> T + Send + Sync + 'static> Work<I, T> for W {}

/// What there is to do, and what came of it.
struct Round<I, T, W> {
    items: Vec<I>,
    work: W,
    next: AtomicUsize,
    left: AtomicUsize,
    done: Mutex<Vec<Option<Result<T, Stall>>>>,
    hung: Arc<Hung>,
    span: Span,
}

impl<I: Untrusted, T, W: Work<I, T>> Round<I, T, W> {
    fn serve(&self, pulse: &Pulse, in_hand: &AtomicUsize) {
        let _entered = self.span.enter();
        loop {
            let index = self.next.fetch_add(1, Ordering::AcqRel);
            let Some(item) = self.items.get(index) else {
                return;
            };
            if let Some(stall) = self.hung.stall_of(item.owner()) {
                self.settle(index, Err(stall));
                continue;
            }
            in_hand.store(index, Ordering::Release);
            pulse.begin();
            let back = Back {
                hung: &self.hung,
                owner: item.owner(),
                pulse,
            };
            let done = (self.work)(item, pulse);
            if pulse.end().is_err() {
                return;
            }
            drop(back);
            self.settle(index, Ok(done));
        }
    }

    fn give_up(&self, worker: &Worker, timeout: Duration) -> bool {
        let index = worker.in_hand.load(Ordering::Acquire);
        let owner = self.items[index].owner();
        let is_given_up = self
            .hung
            .give_up(owner, &worker.pulse, worker.seen, worker.since);
        if is_given_up {
            worker.pulse.write_off();
            self.settle(index, Err(Stall::Begun(Silence(timeout))));
        }
        is_given_up
    }

    fn settle(&self, index: usize, done: Result<T, Stall>) {
        self.done()[index] = Some(done);
        self.left.fetch_sub(1, Ordering::AcqRel);
    }

    fn untaken(&self) -> usize {
        let next = self.next.load(Ordering::Acquire);
        self.items.len().saturating_sub(next)
    }

    fn take_done(&self) -> Vec<Result<T, Stall>> {
        let done = std::mem::take(&mut *self.done());
        done.into_iter().flatten().collect()
    }

    fn done(&self) -> MutexGuard<'_, Vec<Option<Result<T, Stall>>>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has a thread that hung known as one that has come back, when this is dropped.
struct Back<'a> {
    hung: &'a Hung,
    owner: Option<&'a AgentId>,
    pulse: &'a Pulse,
}

impl Drop for Back<'_> {
    fn drop(&mut self) {
        if self.pulse.is_lost() {
            self.hung.came_back(self.owner);
        }
    }
}

/// The threads that are at a round, as seen from outside.
#[derive(Default)]
struct Crew {
    tasks: JoinSet<()>,
    workers: Vec<Worker>,
    /// The one who goes on in the place of this crew.
    substitute: Option<Helper>,
}

struct Worker {
    pulse: Pulse,
    in_hand: Arc<AtomicUsize>,
    seen: Seen,
    /// When it was first seen like this.
    since: Instant,
    _helper: Option<Helper>,
}

impl Crew {
    fn send<I: Untrusted, T: Send + 'static, W: Work<I, T>>(
        &mut self,
        round: &Arc<Round<I, T, W>>,
        helper: Option<Helper>,
    ) {
        let (pulse, in_hand) = (Pulse::waiting(), Arc::new(AtomicUsize::new(0)));
        self.workers.push(Worker {
            seen: pulse.seen(),
            pulse: pulse.clone(),
            in_hand: in_hand.clone(),
            since: Instant::now(),
            _helper: helper,
        });
        let round = round.clone();
        self.tasks
            .spawn_blocking(move || round.serve(&pulse, &in_hand));
    }
}

impl Crew {
    /// Whether there is one who may go on in its place, or can be.
    fn has_substitute(&mut self, helpers: &Arc<AtomicUsize>) -> bool {
        if self.substitute.is_none() {
            self.substitute = Helper::new(helpers);
        }
        self.substitute.is_some()
    }
}

impl Drop for Crew {
    /// Nobody waits any more for those that are still at work.
    fn drop(&mut self) {
        self.workers.iter().for_each(|worker| worker.pulse.cancel());
    }
}

impl Worker {
    /// Whether it has moved since the last look, or waits for something else than the folder.
    fn look(&mut self, now: Instant) -> bool {
        let seen = self.pulse.seen();
        let is_moving = seen != self.seen || seen.is_waiting();
        if is_moving {
            (self.seen, self.since) = (seen, now);
        }
        is_moving
    }
}

/// One of the threads that there may be beside those that may hang.
struct Helper {
    count: Arc<AtomicUsize>,
}

impl Helper {
    fn new(count: &Arc<AtomicUsize>) -> Option<Self> {
        let helper = Self {
            count: count.clone(),
        };
        let before = count.fetch_add(1, Ordering::AcqRel);
        // One too many is taken back as this is dropped.
        (before < MOST_HELPERS).then_some(helper)
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests;
