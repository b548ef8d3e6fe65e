//! What is counted of a cycle, by many threads at once: for a small file a few atomic additions, and no
//! lock. Prints nothing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use vigie_scanner::Progress;

/// From this size on, in bytes, a file is told of by itself.
const LARGE: u64 = 64 * 1024 * 1024;

/// How many files are told of by themselves at once; a screen has room for no more.
const LARGE_AT_ONCE: usize = 8;

/// What a place is marked with in which no file is.
const FREE: u64 = 0;

/// What a place is marked with while a file is put into it.
const TAKEN: u64 = u64::MAX;

/// What is counted of a cycle.
#[derive(Debug, Default)]
pub struct Counters {
    agents: AtomicU64,
    visited: AtomicU64,
    expected: AtomicU64,
    passed_over: AtomicU64,
    read: AtomicU64,
    begun: AtomicU64,
    ended: AtomicU64,
    settling: AtomicU64,
    is_judging: AtomicBool,
    large: [Place; LARGE_AT_ONCE],
}

/// The place of a large file that is read.
#[derive(Debug, Default)]
struct Place {
    /// Its number and one, or that there is none.
    file: AtomicU64,
    read: AtomicU64,
    about: Mutex<About>,
}

#[derive(Debug, Clone, Default)]
struct About {
    agent: String,
    name: String,
    bytes: u64,
}

/// How far a cycle is at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Since when it has been going on.
    pub elapsed: Duration,
    /// The agents that have to be visited.
    pub agents: u64,
    /// Those that were.
    pub visited: u64,
    /// The bytes of staged files that have to be read, as far as that is known yet.
    pub to_read: u64,
    /// Those that were.
    pub read: u64,
    /// The staged files that are looked at.
    pub at_work: u64,
    /// The reports that wait for files that are still being written.
    pub settling: u64,
    /// Whether all reports were taken.
    pub is_judging: bool,
    /// The large files that are read.
    pub large: Vec<LargeFile>,
}

/// A large file that is read. Its names are as the agent gave them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LargeFile {
    /// A number that no other file of this cycle has.
    pub number: u64,
    pub agent: String,
    pub name: String,
    /// Its size, by its report.
    pub bytes: u64,
    /// How many of them were read.
    pub read: u64,
}

impl Counters {
    /// Counts one step.
    pub fn count(&self, step: &Progress<'_>) {
        let add = |counter: &AtomicU64, more: u64| {
            counter.fetch_add(more, Ordering::Relaxed);
        };
        match *step {
            Progress::Agents(count) => self.agents.store(count as u64, Ordering::Relaxed),
            Progress::Visited(_) => add(&self.visited, 1),
            Progress::Expected { bytes } => add(&self.expected, bytes),
            Progress::FileKnown { bytes } => add(&self.passed_over, bytes),
            Progress::FileBegun {
                file,
                agent,
                name,
                bytes,
            } => {
                add(&self.begun, 1);
                if bytes >= LARGE {
                    self.put(file, || About {
                        agent: agent.to_string(),
                        name: name.to_owned(),
                        bytes,
                    });
                }
            }
            Progress::FileRead { file, bytes } => {
                add(&self.read, bytes);
                if let Some(place) = self.place_of(file) {
                    add(&place.read, bytes);
                }
            }
            Progress::FileEnded { file, unread } => {
                add(&self.ended, 1);
                add(&self.passed_over, unread);
                if let Some(place) = self.place_of(file) {
                    place.file.store(FREE, Ordering::Relaxed);
                }
            }
            Progress::Settling(count) => self.settling.store(count as u64, Ordering::Relaxed),
            Progress::Deadlines => self.is_judging.store(true, Ordering::Relaxed),
        }
    }

    /// How far it is by now.
    pub fn snapshot(&self, elapsed: Duration) -> Snapshot {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let read = value(&self.read);
        let expected = value(&self.expected).saturating_sub(value(&self.passed_over));
        let ended = value(&self.ended);
        Snapshot {
            elapsed,
            agents: value(&self.agents),
            visited: value(&self.visited),
            // A file that is read twice, as it changed, is expected once.
            to_read: expected.max(read),
            read,
            at_work: value(&self.begun).saturating_sub(ended),
            settling: value(&self.settling),
            is_judging: self.is_judging.load(Ordering::Relaxed),
            large: self.large.iter().filter_map(Place::look).collect(),
        }
    }

    /// Puts a file into a free place, if there is one.
    fn put(&self, file: u64, about: impl FnOnce() -> About) {
        let is_free = |place: &&Place| {
            let (taken, relaxed) = (Ordering::Acquire, Ordering::Relaxed);
            let taking = place.file.compare_exchange(FREE, TAKEN, taken, relaxed);
            taking.is_ok()
        };
        if let Some(place) = self.large.iter().find(is_free) {
            *place.about.lock().unwrap_or_else(PoisonError::into_inner) = about();
            place.read.store(0, Ordering::Relaxed);
            place.file.store(file + 1, Ordering::Release);
        }
    }

    fn place_of(&self, file: u64) -> Option<&Place> {
        let is_here = |place: &&Place| place.file.load(Ordering::Relaxed) == file + 1;
        self.large.iter().find(is_here)
    }
}

impl Place {
    fn look(&self) -> Option<LargeFile> {
        let file = self.file.load(Ordering::Acquire);
        if file == FREE || file == TAKEN {
            return None;
        }
        let about = self.about.lock().unwrap_or_else(PoisonError::into_inner);
        let About { agent, name, bytes } = about.clone();
        drop(about);
        let read = self.read.load(Ordering::Relaxed);
        // It may have ended meanwhile, and another one be in its place.
        let is_still = self.file.load(Ordering::Acquire) == file;
        is_still.then_some(LargeFile {
            number: file - 1,
            agent,
            name,
            bytes,
            read,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use vigie_domain::AgentId;

    use super::*;

    fn begin(counters: &Counters, file: u64, bytes: u64) {
        let agent = AgentId::new("A_B_C").unwrap();
        counters.count(&Progress::FileBegun {
            file,
            agent: &agent,
            name: "X.zst",
            bytes,
        });
    }

    fn numbers(counters: &Counters) -> Vec<u64> {
        let large = counters.snapshot(Duration::ZERO).large;
        large.iter().map(|file| file.number).collect()
    }

    #[test]
    fn what_need_not_be_read_is_not_waited_for() {
        let counters = Counters::default();
        counters.count(&Progress::Expected { bytes: 1000 });
        counters.count(&Progress::FileKnown { bytes: 300 });
        begin(&counters, 0, 200);
        counters.count(&Progress::FileRead { file: 0, bytes: 50 });
        let before = counters.snapshot(Duration::ZERO);
        assert_eq!((before.read, before.to_read, before.at_work), (50, 700, 1));
        counters.count(&Progress::FileEnded {
            file: 0,
            unread: 150,
        });
        let after = counters.snapshot(Duration::ZERO);
        assert_eq!((after.read, after.to_read, after.at_work), (50, 550, 0));
    }

    #[test]
    fn a_file_that_is_read_again_makes_no_more_read_than_there_is() {
        let counters = Counters::default();
        counters.count(&Progress::Expected { bytes: 100 });
        for file in 0..2 {
            begin(&counters, file, 100);
            counters.count(&Progress::FileRead { file, bytes: 100 });
            counters.count(&Progress::FileEnded { file, unread: 0 });
        }
        let snapshot = counters.snapshot(Duration::ZERO);
        assert_eq!((snapshot.read, snapshot.to_read), (200, 200));
    }

    #[test]
    fn large_files_are_told_of_by_themselves_for_as_long_as_there_is_room() {
        let counters = Counters::default();
        begin(&counters, 0, LARGE - 1);
        assert!(numbers(&counters).is_empty());
        for file in 1..=9 {
            begin(&counters, file, LARGE);
        }
        assert_eq!(numbers(&counters), [1, 2, 3, 4, 5, 6, 7, 8]);
        counters.count(&Progress::FileRead { file: 3, bytes: 7 });
        counters.count(&Progress::FileEnded { file: 1, unread: 0 });
        begin(&counters, 10, LARGE);
        let snapshot = counters.snapshot(Duration::ZERO);
        assert_eq!(numbers(&counters), [10, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(snapshot.large[2].read, 7);
        assert_eq!(snapshot.large[0].read, 0);
        assert_eq!(snapshot.at_work, 10);
    }

    #[test]
    fn what_many_threads_tell_is_all_counted() {
        let counters = Counters::default();
        thread::scope(|scope| {
            for thread in 0..4 {
                let counters = &counters;
                scope.spawn(move || {
                    for file in (0..500).map(|file| thread * 500 + file) {
                        begin(counters, file, LARGE);
                        counters.count(&Progress::FileRead { file, bytes: 2 });
                        counters.count(&Progress::FileEnded { file, unread: 0 });
                    }
                });
            }
        });
        let snapshot = counters.snapshot(Duration::ZERO);
        assert_eq!((snapshot.read, snapshot.at_work), (4000, 0));
        assert!(snapshot.large.is_empty());
    }
}
