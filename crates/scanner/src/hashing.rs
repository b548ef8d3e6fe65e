//! Computes the SHA-256 of a file, at the pace that is allowed: of the file itself, or of the copy
//! that is made of it meanwhile. Knows no name, and nothing of what the SHA-256 should be.

use std::io;
use std::panic::resume_unwind;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use cap_std::fs::{File, FileExt};
use sha2::{Digest, Sha256 as Sha256Hasher};
use vigie_domain::Sha256;

use crate::copying::{Copying, clone, reserve};
use crate::pace::Pace;
use crate::page_cache::{is_to_be_released, release};

/// Large enough that the system calls no longer count, small enough to stay in the cache of a core.
const BUFFER_BYTES: usize = 128 * 1024;

/// How far a copy may be ahead of the reading of it: its bytes are to be in memory still.
const AHEAD_BYTES: u64 = 32 * 1024 * 1024;

/// After so many bytes all that was read is released once more: what is just being written to the
/// disk can't be the first time.
const RELEASE_AGAIN_BYTES: u64 = 256 * 1024 * 1024;

/// A SHA-256 on its way.
pub(crate) struct Hashing<'a> {
    hasher: Sha256Hasher,
    position: u64,
    size: u64,
    buffer: Vec<u8>,
    pace: &'a Pace,
    read: &'a (dyn Fn(u64) + Sync),
}

/// What reading a file means for others.
#[derive(Debug, Clone, Copy)]
struct Manners {
    /// Whether the reading counts against the rate that is allowed.
    is_counted: bool,
    is_released: bool,
}

impl<'a> Hashing<'a> {
    /// Of a file of `size` bytes. `read` is told, piece by piece, how many bytes were read.
    pub(crate) fn new(size: u64, pace: &'a Pace, read: &'a (dyn Fn(u64) + Sync)) -> Self {
        let buffer_bytes =
            usize::try_from(size).map_or(BUFFER_BYTES, |size| size.min(BUFFER_BYTES));
        Self {
            hasher: Sha256Hasher::new(),
            position: 0,
            size,
            buffer: vec![0; buffer_bytes],
            pace,
            read,
        }
    }

    /// Reads on in the file to its size, or to its end where it is shorter by now.
    pub(crate) fn read(&mut self, file: &File) -> io::Result<()> {
        let manners = Manners {
            is_counted: true,
            is_released: is_to_be_released(file, self.size),
        };
        self.read_to(self.size, file, manners)
    }

    /// Copies the file and reads the copy, so that the bytes that are proven are those of the copy.
    /// When the copy fails the file itself can be read on from there.
    pub(crate) fn read_through_copy(&mut self, file: &File, copy: &File) -> io::Result<()> {
        let of_copy = |is_counted| Manners {
            is_counted,
            is_released: self.size > self.pace.piece_bytes(),
        };
        if clone(file, copy) {
            return self.read_to(self.size, copy, of_copy(true));
        }
        let mut copying = Copying::new(file, copy);
        if self.size > self.pace.piece_bytes() {
            reserve(copy, self.size)?;
            return self.read_behind(&mut copying, file, copy, of_copy(false));
        }
        self.pace.allow(self.size);
        let copied = copying.copy(0, self.size)?;
        self.read_to(copied, copy, of_copy(false))
    }

    /// How many bytes were read, and their SHA-256.
    pub(crate) fn finish(self) -> (u64, Sha256) {
        let digest = <[u8; 32]>::from(self.hasher.finalize());
        (self.position, Sha256::from(digest))
    }

    fn read_to(&mut self, end: u64, file: &File, manners: Manners) -> io::Result<()> {
        while self.position < end {
            let from = self.position;
            let to = end.min(from + self.pace.piece_bytes());
            if manners.is_counted {
                self.pace.allow(to - from);
            }
            self.read_piece(to, file)?;
            (self.read)(self.position - from);
            if manners.is_released {
                release(file, from, self.position);
                if from / RELEASE_AGAIN_BYTES != self.position / RELEASE_AGAIN_BYTES {
                    release(file, 0, self.position);
                }
            }
            if self.position < to {
                break;
            }
        }
        Ok(())
    }

    fn read_piece(&mut self, to: u64, file: &File) -> io::Result<()> {
        let _turn = self.pace.turn();
        while self.position < to {
            let left = usize::try_from(to - self.position).unwrap_or(usize::MAX);
            let length = left.min(self.buffer.len());
            match file.read_at(&mut self.buffer[..length], self.position) {
                Ok(0) => break,
                Ok(length) => {
                    self.hasher.update(&self.buffer[..length]);
                    self.position += length as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads the copy while it is made. Both take about as long as the slower of them.
    fn read_behind(
        &mut self,
        copying: &mut Copying<'_>,
        file: &File,
        copy: &File,
        manners: Manners,
    ) -> io::Result<()> {
        let (size, pace) = (self.size, self.pace);
        let ahead = Ahead::default();
        thread::scope(|scope| {
            let builder = thread::Builder::new().name("copy".to_owned());
            let thread = builder.spawn_scoped(scope, || ahead.copy(copying, file, size, pace))?;
            let read = ahead.follow(self, copy, manners);
            match thread.join() {
                Ok(copied) => copied.and(read),
                Err(panic) => resume_unwind(panic),
            }
        })
    }
}

/// Keeps a copy and the reading of it together: the one not too far ahead, the other behind it.
#[derive(Debug, Default)]
struct Ahead {
    state: Mutex<AheadState>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct AheadState {
    copied: u64,
    read: u64,
    /// Whether one of the two has ended, well or badly.
    is_over: bool,
}

impl Ahead {
    fn copy(
        &self,
        copying: &mut Copying<'_>,
        file: &File,
        size: u64,
        pace: &Pace,
    ) -> io::Result<()> {
        let _over = Over(self);
        let is_released = is_to_be_released(file, size);
        let mut copied = 0;
        while copied < size {
            let is_too_far = |state: &AheadState| copied >= state.read + AHEAD_BYTES;
            if self.wait_while(is_too_far).is_over {
                break;
            }
            let (from, to) = (copied, size.min(copied + pace.piece_bytes()));
            pace.allow(to - from);
            copied = copying.copy(from, to)?;
            if is_released {
                release(file, from, copied);
            }
            self.note(|state| state.copied = copied);
            if copied < to {
                break;
            }
        }
        Ok(())
    }

    fn follow(&self, hashing: &mut Hashing<'_>, copy: &File, manners: Manners) -> io::Result<()> {
        let _over = Over(self);
        loop {
            let position = hashing.position;
            let copied = self.wait_while(|state| state.copied <= position).copied;
            if copied <= position {
                return Ok(());
            }
            let to = copied.min(position + hashing.pace.piece_bytes());
            hashing.read_to(to, copy, manners)?;
            if hashing.position < to {
                let message = "the copy was cut short while it was made";
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
            }
            self.note(|state| state.read = to);
        }
    }

    /// Waits while there is nothing to do, and both are at work.
    fn wait_while(&self, is_idle: impl Fn(&AheadState) -> bool) -> MutexGuard<'_, AheadState> {
        self.moved
            .wait_while(self.state(), |state| is_idle(state) && !state.is_over)
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, change: impl FnOnce(&mut AheadState)) {
        change(&mut self.state());
        self.moved.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, AheadState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the other side that this one has ended, even by a panic: nobody waits for ever.
struct Over<'a>(&'a Ahead);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.note(|state| state.is_over = true);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const SIZE: u64 = 1024 * 1024;

    fn content() -> Vec<u8> {
        (0..=250).cycle().take(1024 * 1024).collect()
    }

    fn file_of(bytes: &[u8]) -> File {
        let file = File::from_std(tempfile::tempfile().unwrap());
        file.write_all_at(bytes, 0).unwrap();
        file
    }

    fn hash_of(bytes: &[u8]) -> Sha256 {
        Sha256::from(<[u8; 32]>::from(Sha256Hasher::digest(bytes)))
    }

    fn paces() -> [Pace; 2] {
        [Pace::in_pieces_of(SIZE / 16), Pace::in_pieces_of(SIZE)]
    }

    #[test]
    fn what_is_hashed_is_what_the_copy_has() {
        for pace in paces() {
            let (file, copy) = (file_of(&content()), file_of(b""));
            let mut hashing = Hashing::new(SIZE, &pace, &|_| ());
            hashing.read_through_copy(&file, &copy).unwrap();
            assert_eq!(hashing.finish(), (SIZE, hash_of(&content())));
            let mut copied = vec![0; content().len()];
            copy.read_exact_at(&mut copied, 0).unwrap();
            assert_eq!(copied, content());
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn when_the_disk_is_full_the_file_itself_is_read() {
        for pace in paces() {
            let file = file_of(&content());
            let mut options = fs::File::options();
            let full = options.read(true).write(true).open("/dev/full").unwrap();
            let full = File::from_std(full);
            let mut hashing = Hashing::new(SIZE, &pace, &|_| ());
            let error = hashing.read_through_copy(&file, &full).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
            hashing.read(&file).unwrap();
            assert_eq!(hashing.finish(), (SIZE, hash_of(&content())));
        }
    }

    #[test]
    fn a_copy_that_somebody_cuts_short_does_not_hang_and_the_file_is_read_on() {
        let pace = Pace::in_pieces_of(SIZE / 16);
        let (file, copy) = (file_of(&content()), file_of(b""));
        let cut = |_| copy.set_len(0).unwrap();
        let mut hashing = Hashing::new(SIZE, &pace, &cut);
        // Whether it is found depends on which of the two threads is faster.
        let _ = hashing.read_through_copy(&file, &copy);
        hashing.read(&file).unwrap();
        assert_eq!(hashing.finish().0, SIZE);
    }

    #[test]
    fn a_panic_of_the_observer_leaves_no_thread_waiting() {
        let pace = Pace::in_pieces_of(SIZE);
        let size = 2 * AHEAD_BYTES;
        let (file, copy) = (file_of(b""), file_of(b""));
        file.set_len(size).unwrap();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut hashing = Hashing::new(size, &pace, &|_| panic!("told"));
            hashing.read_through_copy(&file, &copy)
        }));
        assert!(panicked.is_err());
    }
}
