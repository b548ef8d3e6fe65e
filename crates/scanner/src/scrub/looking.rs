//! One look at a validated file: what is wrong with it, if anything, and what says nothing about it. Keeps
//! nothing.

use std::io;
use std::sync::atomic::AtomicBool;

use rustix::io::Errno;
use vigie_domain::{ValidatedFault, ValidatedFile};

use crate::deposit::identity::FileIdentity;
use crate::proof::hashing::Hashing;
use crate::proof::pace::Reader;
use crate::proof::page_cache::release_all;
use crate::scrub::standing::{Found, StandingTree};
use crate::watchdog::pulse::Pulse;

/// What the system says of what a disk has lost. All other errors are of the machine, or of who may read
/// what, and say nothing about the file.
#[cfg(any(target_os = "linux", target_os = "android"))]
const DAMAGE: [Errno; 5] = [
    Errno::IO,
    Errno::ILSEQ,
    Errno::BADMSG,
    Errno::UCLEAN,
    Errno::NODATA,
];
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const DAMAGE: [Errno; 3] = [Errno::IO, Errno::ILSEQ, Errno::BADMSG];

/// What came of looking at a file.
#[derive(Debug)]
pub(crate) enum Look {
    /// It is as it was kept.
    Intact,
    /// It is not, and how it looked, when there is a file to look at.
    Damaged(ValidatedFault, Option<FileIdentity>),
    /// It was changed or replaced while it was read: what was read is neither.
    Changed,
    /// The machine could not look at it.
    Failed(io::Error),
    /// Somebody said to stop.
    Stopped,
}

/// Reads a file from the disk and compares it with what was kept. `read` is told, piece by piece, how many
/// bytes were read.
///
/// Pages of it that the system holds are released first, as they would hide what became of the disk below
/// them. Not released are those that another program holds in use, those of file systems with caches of
/// their own (ZFS, network), and what the disk itself remembers.
pub(crate) fn look(
    tree: &StandingTree,
    file: &ValidatedFile,
    reader: &Reader,
    is_stopped: &AtomicBool,
    read: &(dyn Fn(u64) + Sync),
) -> Look {
    let (opened, before) = match tree.find(&file.path) {
        Ok(Found::File(opened, identity)) => (opened, identity),
        Ok(Found::Gone) => return Look::Damaged(ValidatedFault::Gone, None),
        Ok(Found::NotRegular(kind)) => {
            let kind = kind.to_owned();
            return Look::Damaged(ValidatedFault::NotRegular { kind }, None);
        }
        Err(error) => return failed(error, None),
    };
    let size_differs = |size| Look::Damaged(ValidatedFault::SizeDiffers { size }, Some(before));
    if before.size != file.size {
        return size_differs(before.size);
    }
    release_all(&opened);
    // Nobody watches over it: a scrub has nobody to serve in its stead.
    let pulse = Pulse::default();
    let mut hashing = Hashing::new(file.size, reader, &pulse, read);
    match hashing.read_unless(&opened, is_stopped) {
        Ok(true) => {}
        Ok(false) => return Look::Stopped,
        Err(error) => return failed(error, Some(before)),
    }
    let (size, sha256) = hashing.finish();
    match opened.metadata() {
        Ok(after) if FileIdentity::of(&after) == before => {}
        Ok(_) => return Look::Changed,
        Err(error) => return failed(error, Some(before)),
    }
    if size != file.size {
        size_differs(size)
    } else if sha256 == file.sha256 {
        Look::Intact
    } else {
        Look::Damaged(ValidatedFault::ContentDiffers { sha256 }, Some(before))
    }
}

/// Whether a file can be opened and its first byte be read from the disk, whatever that is.
pub(crate) fn stands(tree: &StandingTree, file: &ValidatedFile) -> bool {
    use cap_std::fs::FileExt;

    let Ok(Found::File(opened, _)) = tree.find(&file.path) else {
        return false;
    };
    release_all(&opened);
    opened.read_at(&mut [0], 0).is_ok()
}

/// Whether the path still leads to the file that was looked at.
pub(crate) fn is_still_there(tree: &StandingTree, path: &str, looked_at: FileIdentity) -> bool {
    let found = tree.find(path);
    matches!(found, Ok(Found::File(_, identity)) if identity == looked_at)
}

fn failed(error: io::Error, identity: Option<FileIdentity>) -> Look {
    if Errno::from_io_error(&error).is_some_and(|errno| DAMAGE.contains(&errno)) {
        let error = error.to_string();
        return Look::Damaged(ValidatedFault::Unreadable { error }, identity);
    }
    Look::Failed(error)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::FileExt;
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use sha2::{Digest, Sha256 as Sha256Hasher};
    use vigie_domain::{JobId, Sha256, ValidatedFileId};

    use super::*;
    use crate::proof::pace::Pace;

    const PATH: &str = "A/X/X.zst";

    struct Place {
        root: tempfile::TempDir,
        tree: StandingTree,
        file: ValidatedFile,
    }

    impl Place {
        /// With a file of some pieces.
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let content: Vec<u8> = (0..=250).cycle().take(500_000).collect();
            fs::create_dir_all(root.path().join("A/X")).unwrap();
            fs::write(root.path().join(PATH), &content).unwrap();
            let kept_at = "2025-06-19T02:00:00Z".parse().unwrap();
            let file = ValidatedFile {
                id: ValidatedFileId(1),
                job_id: JobId(1),
                path: PATH.to_owned(),
                sha256: Sha256::from(<[u8; 32]>::from(Sha256Hasher::digest(&content))),
                size: content.len() as u64,
                kept_at,
                checked_at: kept_at,
                fault: None,
            };
            let tree = StandingTree::open(root.path()).unwrap();
            Self { root, tree, file }
        }

        fn path(&self) -> PathBuf {
            self.root.path().join(PATH)
        }

        fn write_at(&self, bytes: &[u8], at: u64) {
            let file = fs::File::options().write(true).open(self.path()).unwrap();
            file.write_all_at(bytes, at).unwrap();
        }

        fn look(&self) -> Look {
            self.look_while(&|_| ())
        }

        fn look_while(&self, read: &(dyn Fn(u64) + Sync)) -> Look {
            let reader = Arc::new(Pace::in_pieces_of(100_000)).reader();
            look(
                &self.tree,
                &self.file,
                &reader,
                &AtomicBool::new(false),
                read,
            )
        }

        #[track_caller]
        fn fault(&self) -> ValidatedFault {
            match self.look() {
                Look::Damaged(fault, _) => fault,
                look => panic!("{look:?}"),
            }
        }
    }

    #[test]
    fn a_file_as_it_was_kept_is_intact_and_every_byte_of_it_was_read() {
        let place = Place::new();
        let read = AtomicU64::new(0);
        let look = place.look_while(&|bytes| {
            read.fetch_add(bytes, Ordering::Relaxed);
        });
        assert!(matches!(look, Look::Intact), "{look:?}");
        assert_eq!(read.into_inner(), 500_000);
    }

    #[test]
    fn what_is_wrong_is_told_by_its_kind() {
        let place = Place::new();
        place.write_at(b"?", 499_999);
        let ValidatedFault::ContentDiffers { sha256 } = place.fault() else {
            panic!("{:?}", place.fault());
        };
        assert_ne!(sha256, place.file.sha256);
        let file = fs::File::options().write(true).open(place.path()).unwrap();
        file.set_len(7).unwrap();
        assert_eq!(place.fault(), ValidatedFault::SizeDiffers { size: 7 });
        fs::remove_file(place.path()).unwrap();
        assert_eq!(place.fault(), ValidatedFault::Gone);
        fs::create_dir(place.path()).unwrap();
        let kind = "a directory".to_owned();
        assert_eq!(place.fault(), ValidatedFault::NotRegular { kind });
    }

    #[test]
    fn a_file_that_is_written_to_while_it_is_read_is_neither_intact_nor_damaged() {
        let place = Place::new();
        let written = AtomicU64::new(0);
        let look = place.look_while(&|_| {
            if written.fetch_add(1, Ordering::Relaxed) == 0 {
                place.write_at(b"?", 499_999);
                let file = fs::File::options().append(true).open(place.path()).unwrap();
                file.set_len(500_001).unwrap();
            }
        });
        assert!(matches!(look, Look::Changed), "{look:?}");
    }

    #[test]
    fn a_file_that_was_replaced_after_it_was_read_is_another_one() {
        let place = Place::new();
        place.write_at(b"?", 0);
        let Look::Damaged(_, Some(identity)) = place.look() else {
            panic!("it is damaged");
        };
        assert!(is_still_there(&place.tree, PATH, identity));
        let other = place.root.path().join("other");
        fs::copy(place.path(), &other).unwrap();
        fs::rename(other, place.path()).unwrap();
        assert!(!is_still_there(&place.tree, PATH, identity));
    }

    #[test]
    fn what_is_read_stops_between_two_pieces() {
        let Place { root, tree, file } = Place::new();
        let (stop, read) = (AtomicBool::new(false), AtomicU64::new(0));
        let reader = Arc::new(Pace::in_pieces_of(100_000)).reader();
        let look = look(&tree, &file, &reader, &stop, &|bytes| {
            read.fetch_add(bytes, Ordering::Relaxed);
            stop.store(true, Ordering::Relaxed);
        });
        drop(root);
        assert!(matches!(look, Look::Stopped), "{look:?}");
        assert!(read.into_inner() <= 200_000);
    }

    #[test]
    fn only_what_a_disk_has_lost_is_held_against_a_file() {
        let is_damage = |errno: Errno| matches!(failed(errno.into(), None), Look::Damaged(..));
        assert!(DAMAGE.into_iter().all(is_damage));
        for errno in [
            Errno::ACCESS,
            Errno::PERM,
            Errno::MFILE,
            Errno::NOMEM,
            Errno::STALE,
        ] {
            assert!(!is_damage(errno), "{errno}");
        }
    }
}
