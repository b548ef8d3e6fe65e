//! Keeps the reading of large files from pushing what other programs use out of the system's page
//! cache. A hint to the system: where it is not heard, nothing but memory is lost.

use cap_std::fs::File;

/// A file that is smaller pushes little out, and the asking would cost more than it.
#[cfg(target_os = "linux")]
const LEAST_BYTES: u64 = 1024 * 1024;

/// In how many places a file is looked at to tell whether it is in the cache.
#[cfg(target_os = "linux")]
const PROBES: u32 = 16;

/// The system holds neighbouring pages as one, up to so many bytes, and releases all of them or
/// none.
const LARGEST_FOLIO_BYTES: u64 = 4 * 1024 * 1024;

/// After so many bytes all that lies behind is released once more.
const RELEASE_AGAIN_BYTES: u64 = 256 * 1024 * 1024;

/// Whether the pages of a file that is about to be read are to be released behind the reading: not
/// when most of it is in the cache already. Somebody else has it there, and reading it takes no
/// memory from others.
#[cfg(target_os = "linux")]
pub(crate) fn is_to_be_released(file: &File, size: u64) -> bool {
    use std::io::IoSliceMut;

    use rustix::io::{ReadWriteFlags, preadv2};

    let is_cached = |probe: &u32| {
        // A read that would have to wait fails instead. It brings the pages around into the cache,
        // so that it can be asked once; they are released with the rest.
        let mut byte = [0];
        let at = size / u64::from(PROBES) * u64::from(*probe);
        let bytes = &mut [IoSliceMut::new(&mut byte)];
        preadv2(file, bytes, at, ReadWriteFlags::NOWAIT).is_ok()
    };
    size >= LEAST_BYTES && (0..PROBES).filter(is_cached).count() * 2 < (0..PROBES).len()
}

/// Releases the pages between two offsets. Those with bytes that are not on the disk yet stay, and
/// are on their way there from now on; they are released when more has been read or written.
pub(crate) fn release_behind(file: &File, from: u64, to: u64) {
    release(file, from / LARGEST_FOLIO_BYTES * LARGEST_FOLIO_BYTES, to);
    if from / RELEASE_AGAIN_BYTES != to / RELEASE_AGAIN_BYTES {
        release(file, 0, to);
    }
}

#[cfg(target_os = "linux")]
fn release(file: &File, from: u64, to: u64) {
    use std::num::NonZeroU64;

    use rustix::fs::{Advice, fadvise};

    if let Some(length) = NonZeroU64::new(to.saturating_sub(from)) {
        let _ = fadvise(file, from, Some(length), Advice::DontNeed);
    }
}

/// Releases all pages of a file that nobody else reads.
#[cfg(target_os = "linux")]
pub(crate) fn release_all(file: &File) {
    use rustix::fs::{Advice, fadvise};

    let _ = fadvise(file, 0, None, Advice::DontNeed);
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn release_all(_file: &File) {}

#[cfg(not(target_os = "linux"))]
pub(crate) fn is_to_be_released(_file: &File, _size: u64) -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
fn release(_file: &File, _from: u64, _to: u64) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_somebody_else_has_in_the_cache_stays_there() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![1; 4 * 1024 * 1024]).unwrap();
        let file = File::from_std(file);
        assert!(!is_to_be_released(&file, 4 * 1024 * 1024));
    }

    #[test]
    fn a_small_file_is_not_worth_the_asking() {
        let file = File::from_std(tempfile::tempfile().unwrap());
        assert!(!is_to_be_released(&file, LEAST_BYTES - 1));
    }
}
