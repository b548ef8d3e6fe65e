//! Copies a file's bytes into another file by the cheapest way that their file systems have. Knows
//! no name: two open files are all that it gets.

use std::io;

use cap_std::fs::{File, FileExt};

/// What is copied at once where the system does not copy by itself.
const BUFFER_BYTES: usize = 128 * 1024;

/// A copy on its way from one file to another.
#[derive(Debug)]
pub(crate) struct Copying<'a> {
    from: &'a File,
    to: &'a File,
    is_done_by_system: bool,
    buffer: Vec<u8>,
}

impl<'a> Copying<'a> {
    pub(crate) fn new(from: &'a File, to: &'a File) -> Self {
        Self {
            from,
            to,
            is_done_by_system: true,
            buffer: Vec::new(),
        }
    }

    /// Copies the bytes between two offsets and tells where it came to: less far when the file ends
    /// before.
    pub(crate) fn copy(&mut self, mut from: u64, to: u64) -> io::Result<u64> {
        while from < to {
            let length = usize::try_from(to - from).unwrap_or(usize::MAX);
            let copied = match self.copy_some(from, length) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                copied => copied?,
            };
            if copied == 0 {
                break;
            }
            from += copied as u64;
        }
        Ok(from)
    }

    fn copy_some(&mut self, at: u64, length: usize) -> io::Result<usize> {
        if self.is_done_by_system {
            match system::copy(self.from, self.to, at, length) {
                Ok(0) => {}
                Err(error) if system::is_not_offered(&error) => self.is_done_by_system = false,
                copied => return copied,
            }
        }
        // Also when the system copied nothing: some file systems say so of files that have bytes.
        self.buffer.resize(BUFFER_BYTES, 0);
        let length = length.min(BUFFER_BYTES);
        let read = self.from.read_at(&mut self.buffer[..length], at)?;
        self.to.write_all_at(&self.buffer[..read], at)?;
        Ok(read)
    }
}

pub(crate) use system::{clone, reserve};

#[cfg(target_os = "linux")]
mod system {
    use std::io;

    use cap_std::fs::File;
    use rustix::fs::{FallocateFlags, copy_file_range, fallocate, ioctl_ficlone};
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

    pub(super) fn copy(from: &File, to: &File, at: u64, length: usize) -> io::Result<usize> {
        let (mut read_at, mut write_at) = (at, at);
        let (read_at, write_at) = (Some(&mut read_at), Some(&mut write_at));
        Ok(copy_file_range(from, read_at, to, write_at, length)?)
    }

    /// Whether the two file systems, or a sandbox around this program, don't let the system copy.
    pub(super) fn is_not_offered(error: &io::Error) -> bool {
        let not_offered = [
            Errno::XDEV,
            Errno::OPNOTSUPP,
            Errno::INVAL,
            Errno::NOSYS,
            Errno::PERM,
        ];
        Errno::from_io_error(error).is_some_and(|error| not_offered.contains(&error))
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

    pub(super) fn copy(_: &File, _: &File, _at: u64, _length: usize) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn is_not_offered(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::Unsupported
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn content() -> Vec<u8> {
        (0..=250).cycle().take(300_000).collect()
    }

    fn file_of(bytes: &[u8]) -> File {
        let file = File::from_std(tempfile::tempfile().unwrap());
        file.write_all_at(bytes, 0).unwrap();
        file
    }

    fn read(file: &File) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
        file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    #[test]
    fn a_copy_has_the_bytes_of_the_file_whoever_copies() {
        for is_done_by_system in [true, false] {
            let (from, to) = (file_of(&content()), file_of(b""));
            let mut copying = Copying {
                is_done_by_system,
                ..Copying::new(&from, &to)
            };
            assert_eq!(copying.copy(0, 200_000).unwrap(), 200_000);
            assert_eq!(copying.copy(200_000, 300_000).unwrap(), 300_000);
            assert_eq!(read(&to), content());
        }
    }

    #[test]
    fn a_file_that_ends_early_is_copied_to_its_end() {
        let (from, to) = (file_of(&content()), file_of(b""));
        assert_eq!(Copying::new(&from, &to).copy(0, 400_000).unwrap(), 300_000);
        assert_eq!(read(&to), content());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_the_system_does_not_copy_is_read_and_written() {
        // Nothing on a disk, so that the system either refuses or copies nothing.
        let from = File::from_std(fs::File::open("/proc/self/status").unwrap());
        let to = file_of(b"");
        let mut copying = Copying::new(&from, &to);
        assert!(copying.copy(0, 4).unwrap() >= 4);
        assert!(read(&to).starts_with(b"Name"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_in_the_words_of_the_system() {
        let to = fs::File::options().write(true).open("/dev/full").unwrap();
        let (from, to) = (file_of(&content()), File::from_std(to));
        let error = Copying::new(&from, &to).copy(0, 300_000).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
