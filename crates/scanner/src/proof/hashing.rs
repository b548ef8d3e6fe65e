//! Computes the SHA-256 of a file, at the pace that is allowed, and writes a copy of the very bytes
//! that were hashed. What is hashed is looked into where that is asked for. Knows no name, and nothing
//! of what the SHA-256 should be.

use std::io;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use cap_std::fs::{File, FileExt};
use sha2::{Digest, Sha256 as Sha256Hasher};
use vigie_domain::{ContentFinding, Sha256};

use crate::proof::content::Look;
use crate::proof::copying::{ALIGNMENT, BLOCK_BYTES, Block, clone, reserve, write_blocks};
use crate::proof::pace::Reader;
use crate::proof::page_cache::{is_to_be_released, release_behind};
use crate::watchdog::pulse::Pulse;

/// Large enough that the system calls no longer count, small enough to stay in the cache of a core.
const BUFFER_BYTES: usize = 128 * 1024;

/// A file up to here is written by the thread that reads it: the disk has it before another thread
/// would have started.
const SMALL_BYTES: u64 = 4 * 1024 * 1024;

/// One that is filled, one that is written, and one between them.
const BLOCKS: usize = 3;

/// A SHA-256 on its way.
pub(crate) struct Hashing<'a> {
    hasher: Sha256Hasher,
    position: u64,
    size: u64,
    reader: &'a Reader,
    pulse: &'a Pulse,
    read: &'a (dyn Fn(u64) + Sync),
    /// The look into what is read.
    look: Option<Look<'a>>,
}

impl<'a> Hashing<'a> {
    /// Of a file of `size` bytes. `read` is told, piece by piece, how many bytes were read, for as long as
    /// the thread is waited for.
    pub(crate) fn new(
        size: u64,
        reader: &'a Reader,
        pulse: &'a Pulse,
        read: &'a (dyn Fn(u64) + Sync),
    ) -> Self {
        Self {
            hasher: Sha256Hasher::new(),
            position: 0,
            size,
            reader,
            pulse,
            read,
            look: None,
        }
    }

    /// Looks into what it reads.
    pub(crate) fn looking(self, look: Option<Look<'a>>) -> Self {
        Self { look, ..self }
    }

    /// Reads on in the file to its size, or to its end where it is shorter by now.
    pub(crate) fn read(&mut self, file: &File) -> io::Result<()> {
        let is_released = is_to_be_released(file, self.size);
        self.read_all(file, is_released, |_, _| Ok(()))
    }

    /// The same of a file of which nothing is to stay in the page cache, until somebody says to stop; whether
    /// nobody did.
    pub(crate) fn read_unless(&mut self, file: &File, is_stopped: &AtomicBool) -> io::Result<bool> {
        let is_told = || is_stopped.load(Ordering::Relaxed);
        let read = self.read_all(file, true, |_, _| {
            if is_told() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            Ok(())
        });
        match read {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            read => read.map(|()| true),
        }
    }

    /// Reads the file and makes a copy of what it read. When the copy fails, the file itself can be
    /// read on from there.
    pub(crate) fn read_and_copy(&mut self, file: &File, copy: &File) -> io::Result<()> {
        if self.pulse.wait(|| clone(file, copy))? {
            // What is read is what is kept, and not what becomes of the file meanwhile.
            return self.read_all(copy, true, |_, _| Ok(()));
        }
        if self.size <= SMALL_BYTES {
            let pulse = self.pulse;
            return self.read_all(file, false, |bytes, at| {
                pulse.wait(|| copy.write_all_at(bytes, at))?
            });
        }
        self.pulse.wait(|| reserve(copy, self.size))??;
        self.read_beside_writing(file, copy)
    }

    /// What the look found, once all of the file was read.
    pub(crate) fn finish_look(&mut self) -> io::Result<Option<ContentFinding>> {
        let Some(mut look) = self.look.take() else {
            return Ok(None);
        };
        let reader = self.reader;
        // The copy failed while it waited, and there was nothing more to read.
        while look.is_held_up() {
            self.pulse.wait(|| {
                look.wait();
                let _turn = reader.turn();
                look.resume();
            })?;
        }
        let finish = || {
            let _turn = reader.turn();
            look.finish()
        };
        Ok(self.pulse.wait(finish)?)
    }

    /// How many bytes were read, and their SHA-256.
    pub(crate) fn finish(self) -> (u64, Sha256) {
        let digest = <[u8; 32]>::from(self.hasher.finalize());
        (self.position, Sha256::from(digest))
    }

    fn read_all(
        &mut self,
        file: &File,
        is_released: bool,
        write: impl Fn(&[u8], u64) -> io::Result<()>,
    ) -> io::Result<()> {
        let buffer_bytes = usize::try_from(self.size).unwrap_or(usize::MAX);
        let mut buffer = vec![0; buffer_bytes.min(BUFFER_BYTES)];
        while self.position < self.size {
            let to = self.size.min(self.position + self.reader.piece_bytes());
            let is_whole = self.read_piece(to, file, is_released, |hashing| {
                let length = length_of(to - hashing.position).min(buffer.len());
                let (at, length) = (
                    hashing.position,
                    hashing.read_some(&mut buffer[..length], file)?,
                );
                write(&buffer[..length], at)?;
                Ok(length)
            })?;
            if !is_whole {
                break;
            }
        }
        Ok(())
    }

    /// Reads and writes at the same time: it takes about as long as the slower of them.
    fn read_beside_writing(&mut self, file: &File, copy: &File) -> io::Result<()> {
        let (filled, to_write) = sync_channel(BLOCKS);
        let (written, free) = sync_channel(BLOCKS);
        for _ in 0..BLOCKS {
            // There is room for all of them, and somebody to take them.
            let _ = written.send(Block::new());
        }
        thread::scope(|scope| {
            let builder = thread::Builder::new().name("copy".to_owned());
            // With its ends of both channels: the reading ends when the writing does.
            let work = move || write_blocks(copy, &to_write, &written);
            let thread = builder.spawn_scoped(scope, work)?;
            let read = self.fill_blocks(file, &free, &filled);
            drop(filled);
            match self.pulse.wait(|| thread.join())? {
                Ok(written) => written.and(read),
                Err(panic) => resume_unwind(panic),
            }
        })
    }

    fn fill_blocks(
        &mut self,
        file: &File,
        free: &Receiver<Block>,
        filled: &SyncSender<Block>,
    ) -> io::Result<()> {
        let is_released = is_to_be_released(file, self.size);
        let piece = length_of(self.reader.piece_bytes()) / ALIGNMENT * ALIGNMENT;
        let piece = piece.clamp(ALIGNMENT, BLOCK_BYTES) as u64;
        while self.position < self.size {
            let Ok(mut block) = self.pulse.wait(|| free.recv())? else {
                break;
            };
            let (from, to) = (self.position, self.size.min(self.position + piece));
            let is_whole = self.read_piece(to, file, is_released, |hashing| {
                let (start, end) = (length_of(hashing.position - from), length_of(to - from));
                let end = end.min(start + BUFFER_BYTES);
                hashing.read_some(&mut block.room()[start..end], file)
            })?;
            (block.at, block.length) = (from, length_of(self.position - from));
            if filled.send(block).is_err() || !is_whole {
                break;
            }
        }
        Ok(())
    }

    /// Reads up to an offset in one turn, and tells whether the file went that far.
    fn read_piece(
        &mut self,
        to: u64,
        file: &File,
        is_released: bool,
        mut read_some: impl FnMut(&mut Self) -> io::Result<usize>,
    ) -> io::Result<bool> {
        let from = self.position;
        self.pulse.wait(|| self.reader.allow(to - from))?;
        loop {
            let turn = self.pulse.wait(|| self.reader.turn())?;
            self.resume_look()?;
            while self.position < to && !self.is_held_up() && read_some(self)? > 0 {}
            drop(turn);
            if !self.is_held_up() {
                break;
            }
            if let Some(look) = &mut self.look {
                // Whoever waits here must not keep others from a core.
                self.pulse.wait(|| look.wait())?;
            }
        }
        self.pulse.wait(|| (self.read)(self.position - from))?;
        if is_released {
            release_behind(file, from, self.position);
        }
        Ok(self.position == to)
    }

    fn is_held_up(&self) -> bool {
        self.look.as_ref().is_some_and(Look::is_held_up)
    }

    fn resume_look(&mut self) -> io::Result<()> {
        if let Some(look) = &mut self.look {
            self.pulse.wait(|| look.resume())?;
        }
        Ok(())
    }

    fn read_some(&mut self, buffer: &mut [u8], file: &File) -> io::Result<usize> {
        loop {
            match file.read_at(buffer, self.position) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => {
                    let length = read?;
                    self.pulse.beat()?;
                    self.hasher.update(&buffer[..length]);
                    if let Some(look) = &mut self.look {
                        self.pulse.wait(|| look.push(&buffer[..length]))?;
                    }
                    self.position += length as u64;
                    return Ok(length);
                }
            }
        }
    }
}

/// A number of bytes that has to fit in memory, or the most that can be asked for.
fn length_of(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::{Arc, Once};

    use super::*;
    use crate::proof::pace::Pace;
    use crate::proof::page_cache::release_all;

    /// A small one, and one that is written beside the reading; both end within a page.
    const SIZES: [u64; 2] = [100_100, SMALL_BYTES + 500_100];

    fn content(size: u64) -> Vec<u8> {
        (0..=250).cycle().take(length_of(size)).collect()
    }

    fn file_of(bytes: &[u8]) -> File {
        let file = File::from_std(tempfile::tempfile().unwrap());
        file.write_all_at(bytes, 0).unwrap();
        file
    }

    fn hash_of(bytes: &[u8]) -> Sha256 {
        Sha256::from(<[u8; 32]>::from(Sha256Hasher::digest(bytes)))
    }

    /// Of no size that a disk has.
    fn reader() -> Reader {
        Arc::new(Pace::in_pieces_of(70_000)).reader()
    }

    #[test]
    fn what_is_hashed_is_what_the_copy_has() {
        for size in SIZES {
            let (file, copy) = (file_of(&content(size)), file_of(b""));
            let (reader, pulse) = (reader(), Pulse::default());
            let mut hashing = Hashing::new(size, &reader, &pulse, &|_| ());
            hashing.read_and_copy(&file, &copy).unwrap();
            assert_eq!(hashing.finish(), (size, hash_of(&content(size))));
            assert_eq!(copy.metadata().unwrap().len(), size);
            let mut copied = vec![0; length_of(size)];
            copy.read_exact_at(&mut copied, 0).unwrap();
            assert!(copied == content(size));
        }
    }

    #[test]
    fn what_changes_under_the_reading_is_never_hashed_in_one_way_and_kept_in_another() {
        for size in SIZES {
            let (file, copy) = (file_of(&content(size)), file_of(b""));
            let changed = Once::new();
            let change = |_| {
                changed.call_once(|| file.write_all_at(&vec![7; length_of(size)], 0).unwrap());
            };
            let (reader, pulse) = (reader(), Pulse::default());
            let mut hashing = Hashing::new(size, &reader, &pulse, &change);
            hashing.read_and_copy(&file, &copy).unwrap();
            let mut copied = vec![0; length_of(size)];
            copy.read_exact_at(&mut copied, 0).unwrap();
            let (_, sha256) = hashing.finish();
            assert_eq!(sha256, hash_of(&copied));
            assert_ne!(sha256, hash_of(&content(size)));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn when_the_disk_is_full_the_file_is_read_all_the_same() {
        for size in SIZES {
            let file = file_of(&content(size));
            let mut options = fs::File::options();
            let full = options.read(true).write(true).open("/dev/full").unwrap();
            let full = File::from_std(full);
            let (reader, pulse) = (reader(), Pulse::default());
            let mut hashing = Hashing::new(size, &reader, &pulse, &|_| ());
            let error = hashing.read_and_copy(&file, &full).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
            hashing.read(&file).unwrap();
            assert_eq!(hashing.finish(), (size, hash_of(&content(size))));
        }
    }

    /// A file whose bytes are on the disk and not in the cache; `None` where the file system is in
    /// memory and has nowhere else to keep them.
    fn uncached(size: u64) -> Option<File> {
        let file = || {
            let file = file_of(&content(size));
            file.sync_all().unwrap();
            release_all(&file);
            file
        };
        // Not the one that is returned: to look is to bring a part of it back.
        is_to_be_released(&file(), size).then(file)
    }

    #[test]
    fn a_large_file_that_was_not_in_the_cache_is_not_there_after_it_was_read() {
        let (size, reader, pulse) = (SIZES[1], reader(), Pulse::default());
        let Some(file) = uncached(size) else {
            return;
        };
        Hashing::new(size, &reader, &pulse, &|_| ())
            .read(&file)
            .unwrap();
        assert!(is_to_be_released(&file, size));
    }

    #[test]
    fn nor_is_it_after_it_was_copied_nor_the_copy() {
        let (size, reader, pulse) = (SIZES[1], reader(), Pulse::default());
        let Some(file) = uncached(size) else {
            return;
        };
        let copy = file_of(b"");
        let mut hashing = Hashing::new(size, &reader, &pulse, &|_| ());
        hashing.read_and_copy(&file, &copy).unwrap();
        copy.sync_all().unwrap();
        release_all(&copy);
        assert!(is_to_be_released(&file, size));
        assert!(is_to_be_released(&copy, size));
    }

    #[test]
    fn a_large_file_that_was_in_the_cache_stays_there() {
        let (size, reader, pulse) = (SIZES[1], reader(), Pulse::default());
        let file = file_of(&content(size));
        Hashing::new(size, &reader, &pulse, &|_| ())
            .read(&file)
            .unwrap();
        assert!(!is_to_be_released(&file, size));
    }

    #[test]
    fn a_panic_of_the_observer_leaves_no_thread_waiting() {
        let size = SIZES[1];
        let (file, copy) = (file_of(&content(size)), file_of(b""));
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let (reader, pulse) = (reader(), Pulse::default());
            let mut hashing = Hashing::new(size, &reader, &pulse, &|_| panic!("told"));
            hashing.read_and_copy(&file, &copy)
        }));
        assert!(panicked.is_err());
    }
}
