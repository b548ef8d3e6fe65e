//! How fast files may be read: on how many cores at once, and how many bytes a second. Knows no
//! file.

use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What is read in one turn when nothing asks for less: some milliseconds of work.
const PIECE_BYTES: u64 = 4 * 1024 * 1024;

/// Below this the turns themselves would cost more than the reading.
const SMALLEST_PIECE_BYTES: u64 = 64 * 1024;

/// In how many pieces a second's worth of bytes is read at least, so that a limited rate is an even
/// one.
const PIECES_A_SECOND: u64 = 20;

/// How fast files may be read, by all threads together.
#[derive(Debug)]
pub(crate) struct Pace {
    cores: usize,
    line: Mutex<Line>,
    moved: Condvar,
    rate: Option<Rate>,
}

/// Who reads and who waits: as at a counter where tickets are drawn.
#[derive(Debug, Default)]
struct Line {
    next_ticket: u64,
    next_served: u64,
    served: usize,
}

/// The right to work on one core. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    pace: &'a Pace,
}

impl Pace {
    /// Reading on at most `cores` at once, and at most `max_read_rate` bytes a second.
    pub(crate) fn new(cores: NonZeroUsize, max_read_rate: Option<NonZeroU64>) -> Self {
        Self {
            cores: cores.get(),
            line: Mutex::default(),
            moved: Condvar::new(),
            rate: max_read_rate.map(Rate::new),
        }
    }

    /// How many bytes to read between one question and the next.
    pub(crate) fn piece_bytes(&self) -> u64 {
        self.rate.as_ref().map_or(PIECE_BYTES, Rate::piece_bytes)
    }

    /// Waits until so many bytes may be read. To be asked before a core is waited for: whoever
    /// waits here must not keep others from working.
    pub(crate) fn allow(&self, bytes: u64) {
        if let Some(rate) = &self.rate {
            sleep(rate.reserve(bytes, Instant::now()));
        }
    }

    /// Waits for a core. Whoever came first is first: a large file asks again for each of its
    /// pieces, behind every small one that waits.
    pub(crate) fn turn(&self) -> Turn<'_> {
        let mut line = self.line();
        let ticket = line.next_ticket;
        line.next_ticket += 1;
        let is_not_yet = |line: &mut Line| line.next_served != ticket || line.served == self.cores;
        line = self
            .moved
            .wait_while(line, is_not_yet)
            .unwrap_or_else(PoisonError::into_inner);
        line.next_served += 1;
        line.served += 1;
        if line.next_served != line.next_ticket && line.served < self.cores {
            self.moved.notify_all();
        }
        Turn { pace: self }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut line = self.pace.line();
        line.served -= 1;
        if line.next_served != line.next_ticket {
            self.pace.moved.notify_all();
        }
    }
}

/// A number of bytes a second, given out in the order in which it is asked for.
#[derive(Debug)]
struct Rate {
    bytes_a_second: NonZeroU64,
    /// When all that was given out has been used up.
    used_up_at: Mutex<Option<Instant>>,
}

impl Rate {
    fn new(bytes_a_second: NonZeroU64) -> Self {
        Self {
            bytes_a_second,
            used_up_at: Mutex::default(),
        }
    }

    fn piece_bytes(&self) -> u64 {
        (self.bytes_a_second.get() / PIECES_A_SECOND).clamp(SMALLEST_PIECE_BYTES, PIECE_BYTES)
    }

    /// How long to wait before so many bytes are read. What was not used in time is lost: it would
    /// come back as a burst.
    fn reserve(&self, bytes: u64, now: Instant) -> Duration {
        let mut used_up_at = self
            .used_up_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let from = used_up_at.map_or(now, |at| at.max(now));
        *used_up_at = Some(from + self.time_for(bytes));
        from.duration_since(now)
    }

    fn time_for(&self, bytes: u64) -> Duration {
        let nanoseconds = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_a_second.get());
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}
