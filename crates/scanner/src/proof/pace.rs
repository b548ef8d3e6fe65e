//! How fast files may be read: on how many cores at once, and how many bytes a second. Knows no
//! file.

use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
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
    piece_bytes: u64,
}

/// Who reads and who waits: as at a counter where tickets are drawn.
#[derive(Debug, Default)]
struct Line {
    next_ticket: u64,
    next_served: u64,
    served: usize,
}

/// Who reads one file, with at most one core at a time.
#[derive(Debug)]
pub(crate) struct Reader {
    pace: Arc<Pace>,
    has_turn: AtomicBool,
}

/// The right to work on one core. It ends when this is dropped, or taken away.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    reader: &'a Reader,
}

impl Pace {
    /// Reading on at most `cores` at once, and at most `max_read_rate` bytes a second.
    pub(crate) fn new(cores: NonZeroUsize, max_read_rate: Option<NonZeroU64>) -> Self {
        let rate = max_read_rate.map(Rate::new);
        Self {
            cores: cores.get(),
            line: Mutex::default(),
            moved: Condvar::new(),
            piece_bytes: rate.as_ref().map_or(PIECE_BYTES, Rate::piece_bytes),
            rate,
        }
    }

    /// As fast as one core can, and in small pieces.
    #[cfg(test)]
    pub(crate) fn in_pieces_of(piece_bytes: u64) -> Self {
        Self {
            piece_bytes,
            ..Self::new(NonZeroUsize::MIN, None)
        }
    }

    /// One more who reads at this pace.
    pub(crate) fn reader(self: &Arc<Self>) -> Reader {
        Reader {
            pace: self.clone(),
            has_turn: AtomicBool::new(false),
        }
    }

    fn wait_in_line(&self) {
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
    }

    fn go(&self) {
        let mut line = self.line();
        line.served -= 1;
        if line.next_served != line.next_ticket {
            self.moved.notify_all();
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    /// How many bytes to read between one question and the next.
    pub(crate) fn piece_bytes(&self) -> u64 {
        self.pace.piece_bytes
    }

    /// Waits until so many bytes may be read. To be asked before a core is waited for: whoever
    /// waits here must not keep others from working.
    pub(crate) fn allow(&self, bytes: u64) {
        if let Some(rate) = &self.pace.rate {
            sleep(rate.reserve(bytes, Instant::now()));
        }
    }

    /// Waits for a core. Whoever came first is first: a large file asks again for each of its
    /// pieces, behind every small one that waits.
    pub(crate) fn turn(&self) -> Turn<'_> {
        self.pace.wait_in_line();
        self.has_turn.store(true, Ordering::Release);
        Turn { reader: self }
    }

    /// Takes the core from one who does not go on with it, and asks for no other.
    pub(crate) fn end_turn(&self) {
        if self.has_turn.swap(false, Ordering::AcqRel) {
            self.pace.go();
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.reader.end_turn();
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    fn on_cores(cores: usize) -> Arc<Pace> {
        Arc::new(Pace::new(NonZeroUsize::new(cores).unwrap(), None))
    }

    fn wait_for_a_line_of(pace: &Pace, length: u64) {
        loop {
            let line = pace.line();
            if line.next_ticket - line.next_served == length {
                return;
            }
            drop(line);
            thread::yield_now();
        }
    }

    #[test]
    fn no_more_work_at_once_than_there_are_cores() {
        let pace = on_cores(2);
        let at_work = Mutex::new((0, 0));
        let work = || {
            let reader = pace.reader();
            for _ in 0..200 {
                let _turn = reader.turn();
                let mut count = at_work.lock().unwrap();
                count.0 += 1;
                count.1 = count.1.max(count.0);
                drop(count);
                thread::yield_now();
                at_work.lock().unwrap().0 -= 1;
            }
        };
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(work);
            }
        });
        assert_eq!(*at_work.lock().unwrap(), (0, 2));
    }

    #[test]
    fn a_large_file_does_not_barge_in_front_of_a_small_one_that_waits() {
        let pace = on_cores(1);
        let (tell, told) = mpsc::channel();
        let large = pace.reader();
        let first_piece = large.turn();
        thread::scope(|scope| {
            let (pace, small) = (&pace, tell.clone());
            scope.spawn(move || {
                let reader = pace.reader();
                let _turn = reader.turn();
                small.send("the small file").unwrap();
            });
            wait_for_a_line_of(pace, 1);
            drop(first_piece);
            let _second_piece = large.turn();
            tell.send("the second piece").unwrap();
        });
        assert_eq!(told.recv().unwrap(), "the small file");
    }

    #[test]
    fn whoever_came_first_is_served_first() {
        let pace = on_cores(1);
        let served = Mutex::new(Vec::new());
        let first = pace.reader();
        let held = first.turn();
        thread::scope(|scope| {
            for number in 0..8 {
                let (pace, served) = (&pace, &served);
                scope.spawn(move || {
                    let reader = pace.reader();
                    let _turn = reader.turn();
                    served.lock().unwrap().push(number);
                });
                wait_for_a_line_of(pace, number + 1);
            }
            drop(held);
        });
        assert_eq!(served.into_inner().unwrap(), [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn a_core_that_was_taken_away_is_given_to_the_next_and_not_given_back_again() {
        let pace = on_cores(1);
        let (hung, next) = (pace.reader(), pace.reader());
        let held = hung.turn();
        hung.end_turn();
        let turn = next.turn();
        drop(held);
        assert_eq!(pace.line().served, 1);
        drop(turn);
        assert_eq!(pace.line().served, 0);
    }

    fn rate(bytes_a_second: u64) -> Rate {
        Rate::new(NonZeroU64::new(bytes_a_second).unwrap())
    }

    #[test]
    fn bytes_are_given_out_as_fast_as_the_rate_allows_and_in_turn() {
        let (rate, now) = (rate(1_000_000), Instant::now());
        assert_eq!(rate.reserve(100_000, now), Duration::ZERO);
        assert_eq!(rate.reserve(500_000, now), Duration::from_millis(100));
        assert_eq!(rate.reserve(1, now), Duration::from_millis(600));
    }

    #[test]
    fn a_pause_is_not_made_up_for_by_a_burst() {
        let (rate, now) = (rate(1_000_000), Instant::now());
        rate.reserve(1_000_000, now);
        let after_a_pause = now + Duration::from_mins(1);
        assert_eq!(rate.reserve(1_000_000, after_a_pause), Duration::ZERO);
        assert_eq!(rate.reserve(1, after_a_pause), Duration::from_secs(1));
    }

    #[test]
    fn a_low_rate_is_read_in_small_pieces() {
        assert_eq!(rate(20_000_000).piece_bytes(), 1_000_000);
        assert_eq!(rate(1).piece_bytes(), SMALLEST_PIECE_BYTES);
        assert_eq!(rate(u64::MAX).piece_bytes(), PIECE_BYTES);
    }

    #[test]
    fn all_threads_together_keep_to_the_rate() {
        let pace = Pace::new(NonZeroUsize::MIN, NonZeroU64::new(10_000_000));
        let pace = Arc::new(pace);
        let started = Instant::now();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..5).for_each(|_| pace.reader().allow(50_000)));
            }
        });
        // The last of them is allowed when the 950,000 bytes before it have been used up.
        assert!(started.elapsed() >= Duration::from_millis(95));
    }
}
