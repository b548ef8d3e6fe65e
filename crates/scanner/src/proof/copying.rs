//! Writes a copy of a file: shares the file's blocks where the file system can, and writes past the
//! page cache where it can't. Knows no name: open files are all that it gets.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender};

use cap_std::fs::{File, FileExt};

use crate::proof::page_cache::release_behind;

pub(crate) use system::{clone, reserve};

/// What is written at once: enough for a disk to be busy, and little to have in memory several times.
pub(crate) const BLOCK_BYTES: usize = 1024 * 1024;

/// What is written past the page cache has to begin and end at multiples of this, in memory and in
/// the file. No disk asks for more.
pub(crate) const ALIGNMENT: usize = 4096;

/// Bytes on their way from a file to its copy.
#[derive(Debug)]
pub(crate) struct Block {
    memory: Vec<u8>,
    start: usize,
    /// Where its bytes stand in the file.
    pub at: u64,
    pub length: usize,
}

impl Block {
    pub(crate) fn new() -> Self {
        let memory = vec![0; BLOCK_BYTES + ALIGNMENT];
        let start = memory.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Self {
            memory,
            start,
            at: 0,
            length: 0,
        }
    }

    /// All the memory that can be filled.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..][..BLOCK_BYTES]
    }

    fn bytes(&self) -> &[u8] {
        &self.memory[self.start..][..self.length]
    }
}

/// Writes the blocks that come, and gives each back. Ends when no more come, or when one can't be
/// written.
pub(crate) fn write_blocks(
    copy: &File,
    blocks: &Receiver<Block>,
    written: &SyncSender<Block>,
) -> io::Result<()> {
    let mut writer = Writer::new(copy);
    for block in blocks {
        writer.write(block.bytes(), block.at)?;
        // Whoever reads may have come to the end and want no more of them.
        let _ = written.send(block);
    }
    Ok(())
}

struct Writer<'a> {
    copy: &'a File,
    is_past_cache: bool,
}

impl<'a> Writer<'a> {
    fn new(copy: &'a File) -> Self {
        Self {
            copy,
            is_past_cache: system::write_past_cache(copy, true),
        }
    }

    fn write(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            let rest = self.writable(&bytes[done..]);
            match self.copy.write_at(rest, at + done as u64) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(length) => done += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::InvalidInput && self.is_past_cache => {
                    self.use_cache();
                }
                Err(error) => return Err(error),
            }
        }
        if !self.is_past_cache {
            release_behind(self.copy, at, at + bytes.len() as u64);
        }
        Ok(())
    }

    /// As much of it as can be written at once. The end of a file, which is no multiple of anything,
    /// goes through the cache.
    fn writable<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let aligned = bytes.len() / ALIGNMENT * ALIGNMENT;
        if self.is_past_cache && aligned > 0 {
            return &bytes[..aligned];
        }
        self.use_cache();
        bytes
    }

    fn use_cache(&mut self) {
        if self.is_past_cache {
            system::write_past_cache(self.copy, false);
            self.is_past_cache = false;
        }
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::io;

    use cap_std::fs::File;
    use rustix::fs::{FallocateFlags, OFlags, fallocate, fcntl_getfl, fcntl_setfl, ioctl_ficlone};
    use rustix::io::Errno;

    /// Lets an empty file share the blocks of another one, which takes no time and no room. Tells
    /// whether the file system can.
    pub(crate) fn clone(from: &File, to: &File) -> bool {
        ioctl_ficlone(to, from).is_ok()
    }

    /// Takes the room for so many bytes: a disk that is too full is known before it is filled, and
    /// writing costs less.
    pub(crate) fn reserve(file: &File, size: u64) -> io::Result<()> {
        match fallocate(file, FallocateFlags::empty(), 0, size) {
            Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => Err(error.into()),
            // What can't be reserved can be written all the same.
            _ => Ok(()),
        }
    }

    /// Has what is written from now on go past the page cache, or through it again. Tells whether
    /// the file system can.
    pub(super) fn write_past_cache(file: &File, is_past: bool) -> bool {
        fcntl_getfl(file)
            .and_then(|flags| {
                let with = flags | OFlags::DIRECT;
                fcntl_setfl(
                    file,
                    if is_past {
                        with
                    } else {
                        flags - OFlags::DIRECT
                    },
                )
            })
            .is_ok()
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;

    use cap_std::fs::File;

    pub(crate) fn clone(_from: &File, _to: &File) -> bool {
        false
    }

    pub(crate) fn reserve(_file: &File, _size: u64) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn write_past_cache(_file: &File, _is_past: bool) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> Vec<u8> {
        (0..=250).cycle().take(3 * ALIGNMENT + 100).collect()
    }

    fn file() -> File {
        File::from_std(tempfile::tempfile().unwrap())
    }

    fn read(file: &File) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
        file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    #[test]
    fn a_file_that_ends_within_a_page_is_written_to_its_last_byte() {
        for is_past_cache in [true, false] {
            let copy = file();
            let mut writer = Writer::new(&copy);
            if !is_past_cache {
                writer.use_cache();
            }
            let mut block = Block::new();
            block.length = content().len();
            block.room()[..content().len()].copy_from_slice(&content());
            writer.write(block.bytes(), 0).unwrap();
            assert_eq!(read(&copy), content());
        }
    }

    #[test]
    fn what_can_not_be_written_past_the_cache_is_written_through_it() {
        let copy = file();
        let mut writer = Writer::new(&copy);
        let mut block = Block::new();
        // The file system refuses what doesn't begin where it has to.
        let unaligned = &mut block.room()[1..=content().len()];
        unaligned.copy_from_slice(&content());
        writer.write(unaligned, 7).unwrap();
        assert_eq!(read(&copy)[7..], content());
    }
}
