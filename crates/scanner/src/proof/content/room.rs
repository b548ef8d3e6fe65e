//! Bounds the memory of all decoders together. Knows no format.
//!
//! However many files are looked at at once, so many decoders and no more are at work, and of those
//! that take much memory fewer still. Nobody waits here while he holds a turn of the pace, and whoever
//! has much never waits for more: so all get through.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

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
    common: Arc<Places>,
    large: Arc<Places>,
}

/// One who may have rooms. They are free again when this is dropped, or when they are taken away.
#[derive(Debug)]
pub(crate) struct Guest {
    common: Room,
    large: Room,
}

#[derive(Debug)]
struct Room {
    places: Arc<Places>,
    is_taken: AtomicBool,
}

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

    /// One more who may have rooms.
    pub(crate) fn guest(&self) -> Guest {
        let room = |places: &Arc<Places>| Room {
            places: places.clone(),
            is_taken: AtomicBool::new(false),
        };
        Guest {
            common: room(&self.common),
            large: room(&self.large),
        }
    }
}

impl Guest {
    /// Waits for room for a decoder that takes up to [`COMMON_BYTES`].
    pub(crate) fn enter(&self) {
        self.common.enter();
    }

    /// Waits for room for one that takes up to [`LARGE_BYTES`].
    pub(crate) fn enter_large(&self) {
        self.large.enter();
    }

    /// Makes room for others. Where the thread that decodes hangs, somebody else calls this in its place;
    /// should it move again, there is for a while one decoder more than there are rooms.
    pub(crate) fn leave(&self) {
        self.common.leave();
        self.large.leave();
    }
}

impl Room {
    fn enter(&self) {
        self.places.enter();
        self.is_taken.store(true, Ordering::Release);
    }

    fn leave(&self) {
        if self.is_taken.swap(false, Ordering::AcqRel) {
            self.places.leave();
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Places {
    fn new(free: usize) -> Arc<Self> {
        Arc::new(Self {
            free: Mutex::new(free),
            freed: Condvar::new(),
        })
    }

    fn enter(&self) {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self
            .freed
            .wait_while(free, |free| *free == 0)
            .unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
    }

    fn leave(&self) {
        *self.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::thread;

    use super::*;

    #[test]
    fn no_more_decoders_have_much_memory_than_there_are_large_rooms() {
        let rooms = Rooms::new(NonZeroUsize::MIN);
        let (at_once, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let guest = rooms.guest();
                    guest.enter();
                    guest.enter_large();
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
    #[test]
    fn the_room_of_one_who_hangs_is_there_for_others_and_counted_once() {
        let rooms = Rooms::new(NonZeroUsize::MIN);
        let guests: Vec<Guest> = (0..LARGE_ROOMS).map(|_| rooms.guest()).collect();
        guests.iter().for_each(Guest::enter_large);
        guests[0].leave();
        let other = rooms.guest();
        other.enter_large();
        drop(guests);
        drop(other);
        assert_eq!(*rooms.large.free.lock().unwrap(), LARGE_ROOMS);
    }
}
