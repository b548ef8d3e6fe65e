//! Bounds the memory of all decoders together. Knows no format.
//!
//! However many files are looked at at once, so many decoders and no more are at work, and of those
//! that take much memory fewer still. Nobody waits here while he holds a turn of the pace, and whoever
//! has much never waits for more: so all get through.

use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, PoisonError};

/// How many small files are looked into beside the large ones, at least: a large one takes long.
const SMALL_ONES: usize = 4;

/// How many decoders may take much memory at once.
const LARGE_ROOMS: usize = 2;

/// What a decoder may take without asking, in bytes. What the tools write unless they are told to try
/// hard takes less.
pub(crate) const COMMON_BYTES: u64 = 12 * 1024 * 1024;

/// What a decoder may take that has a large room, in bytes: as much as `zstd -d` gives.
pub(crate) const LARGE_BYTES: u64 = 128 * 1024 * 1024;

/// The memory of all decoders.
#[derive(Debug)]
pub(crate) struct Rooms {
    common: Places,
    large: Places,
}

/// Room for one decoder. It is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Room<'a>(&'a Places);

#[derive(Debug)]
struct Places {
    free: Mutex<usize>,
    freed: Condvar,
}

impl Rooms {
    /// Rooms for the files that are read on so many cores.
    pub(crate) fn new(cores: NonZeroUsize) -> Self {
        Self {
            common: Places::new(cores.get() + cores.get().max(SMALL_ONES)),
            large: Places::new(LARGE_ROOMS),
        }
    }

    /// Waits for room for a decoder that takes up to [`COMMON_BYTES`].
    pub(crate) fn common(&self) -> Room<'_> {
        self.common.enter()
    }

    /// Waits for room for one that takes up to [`LARGE_BYTES`].
    pub(crate) fn large(&self) -> Room<'_> {
        self.large.enter()
    }
}

impl Places {
    fn new(free: usize) -> Self {
        Self {
            free: Mutex::new(free),
            freed: Condvar::new(),
        }
    }

    fn enter(&self) -> Room<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self
            .freed
            .wait_while(free, |free| *free == 0)
            .unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Room(self)
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn no_more_decoders_have_much_memory_than_there_are_large_rooms() {
        let rooms = Rooms::new(NonZeroUsize::MIN);
        let (at_once, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let _common = rooms.common();
                    let _large = rooms.large();
                    let now = at_once.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(now, Ordering::SeqCst);
                    thread::yield_now();
                    at_once.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        assert!(most.into_inner() <= LARGE_ROOMS);
        assert_eq!(at_once.into_inner(), 0);
    }
}
