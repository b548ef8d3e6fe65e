//! The sign of life of a thread that works on files: whether it moves, or waits on nobody's account but its
//! own, and whether anybody still waits for it. Knows no file and no clock.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;

/// The thread waits for something that is not the folder's to give.
const WAITING: u64 = 1;

/// Nobody waits for the thread any more.
const GIVEN_UP: u64 = 2;

/// It was given up because it hangs, and is counted until it comes back.
const LOST: u64 = 4;

/// The rest of the number counts the signs of life.
const BEAT: u64 = 8;

/// The sign of life of a thread that works on files. The thread itself gives it after each call that may
/// take for ever, and learns by it whether it was given up meanwhile.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pulse {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    state: AtomicU64,
    held: Mutex<Option<Arc<dyn Holds>>>,
}

/// What a thread has of others while it works.
pub(crate) trait Holds: Send + Sync {
    /// The thread does not move: what others wait for is theirs. It may move again.
    fn pass_on(&self);

    /// The thread was given up, and nobody hears from it any more.
    fn write_off(&self);
}

/// How a pulse was at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen(u64);

/// Nobody waits any more for what the thread does: it has to leave everything as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("it was given up, as it did not answer for so long")]
pub(crate) struct GivenUp;

impl From<GivenUp> for io::Error {
    fn from(given_up: GivenUp) -> Self {
        Self::new(io::ErrorKind::TimedOut, given_up)
    }
}

/// Held while the thread has something of others.
#[derive(Debug)]
pub(crate) struct Holding<'a> {
    pulse: &'a Pulse,
}

impl Pulse {
    /// Of a thread that has not begun.
    pub(crate) fn waiting() -> Self {
        let pulse = Self::default();
        pulse.inner.state.store(WAITING, Ordering::Release);
        pulse
    }

    /// The thread moves.
    pub(crate) fn beat(&self) -> Result<(), GivenUp> {
        unless_given_up(self.inner.state.fetch_add(BEAT, Ordering::AcqRel))
    }

    /// Does what takes as long as it takes through no fault of the folder, such as waiting for a core. It
    /// is not begun when the thread was given up, and while it is done the thread is not given up: it is
    /// done as a whole, or not at all.
    pub(crate) fn wait<T>(&self, work: impl FnOnce() -> T) -> Result<T, GivenUp> {
        let before = self.inner.state.fetch_or(WAITING, Ordering::AcqRel);
        unless_given_up(before)?;
        let done = work();
        if before & WAITING == 0 {
            self.begin();
        }
        Ok(done)
    }

    /// From now on it is the folder that the thread waits for.
    pub(super) fn begin(&self) {
        // It is set, so that to take it away is to count one more.
        self.inner.state.fetch_add(BEAT - WAITING, Ordering::AcqRel);
    }

    /// The folder has done its part.
    pub(super) fn end(&self) -> Result<(), GivenUp> {
        unless_given_up(self.inner.state.fetch_or(WAITING, Ordering::AcqRel))
    }

    pub(super) fn seen(&self) -> Seen {
        Seen(self.inner.state.load(Ordering::Acquire))
    }

    /// Whether it was given up because it hung.
    pub(super) fn is_lost(&self) -> bool {
        self.seen().0 & LOST != 0
    }

    /// Gives the thread up if it has not moved since it was seen like this, and tells whether that was so.
    pub(super) fn give_up(&self, seen: Seen) -> bool {
        let Seen(state) = seen;
        let is_hanging = state & (WAITING | GIVEN_UP) == 0;
        let given_up = || {
            self.inner.state.compare_exchange(
                state,
                state | GIVEN_UP | LOST,
                Ordering::AcqRel,
                Ordering::Acquire,
            )
        };
        is_hanging && given_up().is_ok()
    }

    /// Nobody waits for the thread any more, whatever it does.
    pub(crate) fn cancel(&self) {
        self.inner.state.fetch_or(GIVEN_UP, Ordering::AcqRel);
    }

    /// The thread has this of others until what is returned is dropped.
    pub(crate) fn hold(&self, holds: Arc<dyn Holds>) -> Holding<'_> {
        *self.held() = Some(holds);
        Holding { pulse: self }
    }

    /// Passes on, in the place of a thread that does not move, what others wait for.
    pub(super) fn pass_on(&self) {
        let held = self.held().clone();
        if let Some(held) = held {
            held.pass_on();
        }
    }

    /// Does in the place of a thread that was given up what it won't do.
    pub(super) fn write_off(&self) {
        let held = self.held().take();
        if let Some(held) = held {
            held.pass_on();
            held.write_off();
        }
    }

    fn held(&self) -> MutexGuard<'_, Option<Arc<dyn Holds>>> {
        self.inner
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    pub(super) fn is_waiting(self) -> bool {
        self.0 & WAITING != 0
    }
}

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        // Of a thread that hung somebody else sees to it.
        if !self.pulse.is_lost() {
            *self.pulse.held() = None;
        }
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Inner")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

fn unless_given_up(state: u64) -> Result<(), GivenUp> {
    if state & GIVEN_UP == 0 {
        Ok(())
    } else {
        Err(GivenUp)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn a_thread_that_moves_is_not_given_up() {
        let pulse = Pulse::default();
        let seen = pulse.seen();
        pulse.beat().unwrap();
        assert!(!pulse.give_up(seen));
        assert!(pulse.give_up(pulse.seen()));
        assert_eq!(pulse.beat(), Err(GivenUp));
    }

    #[test]
    fn what_waits_through_no_fault_of_the_folder_is_not_given_up() {
        let pulse = Pulse::default();
        let given_up = pulse.wait(|| pulse.give_up(pulse.seen()));
        assert_eq!(given_up, Ok(false));
        assert!(pulse.give_up(pulse.seen()));
        assert_eq!(pulse.wait(|| unreachable!()), Err::<(), _>(GivenUp));
    }

    #[test]
    fn a_wait_within_a_wait_ends_with_the_outer_one() {
        let pulse = Pulse::default();
        let given_up = pulse.wait(|| {
            pulse.wait(|| ()).unwrap();
            pulse.give_up(pulse.seen())
        });
        assert_eq!(given_up, Ok(false));
        assert!(!pulse.seen().is_waiting());
    }

    #[test]
    fn a_thread_that_has_not_begun_or_has_ended_is_not_given_up() {
        let pulse = Pulse::waiting();
        assert!(!pulse.give_up(pulse.seen()));
        pulse.begin();
        pulse.end().unwrap();
        assert!(!pulse.give_up(pulse.seen()));
    }

    #[derive(Default)]
    struct Counted {
        passed_on: AtomicUsize,
        written_off: AtomicUsize,
    }

    impl Holds for Counted {
        fn pass_on(&self) {
            self.passed_on.fetch_add(1, Ordering::Relaxed);
        }

        fn write_off(&self) {
            self.written_off.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Counted {
        fn counts(&self) -> [usize; 2] {
            [&self.passed_on, &self.written_off].map(|count| count.load(Ordering::Relaxed))
        }
    }

    #[test]
    fn what_a_thread_has_of_others_is_taken_from_it_while_it_has_it() {
        let (pulse, counted) = (Pulse::default(), Arc::new(Counted::default()));
        drop(pulse.hold(counted.clone()));
        pulse.pass_on();
        pulse.write_off();
        assert_eq!(counted.counts(), [0, 0]);
        let holding = pulse.hold(counted.clone());
        pulse.pass_on();
        assert_eq!(counted.counts(), [1, 0]);
        assert!(pulse.give_up(pulse.seen()));
        // The thread comes back before anybody could see to it.
        drop(holding);
        pulse.write_off();
        pulse.write_off();
        assert_eq!(counted.counts(), [2, 1]);
    }
}
