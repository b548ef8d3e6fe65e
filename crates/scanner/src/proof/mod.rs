//! Proves a staged file: computes its SHA-256, looks into it and, where a copy is to be kept, writes the
//! very bytes that were proven. Decides nothing; the verdict is the domain's.

pub(crate) mod content;
pub(crate) mod copying;
pub(crate) mod hashing;
pub(crate) mod pace;
pub(crate) mod page_cache;
pub(crate) mod proven_file;
pub(crate) mod validated_tree;

use std::io;

use cap_std::fs::{File, MetadataExt};
use vigie_domain::{ContentFinding, Finding, ProofNeeded, Sha256};

use crate::deposit::identity::FileIdentity;
use crate::deposit::{AgentFolder, Staged};
use crate::proof::content::room::Guest;
use crate::proof::content::{Look, Question};
use crate::proof::hashing::Hashing;
use crate::proof::pace::Reader;
use crate::proof::validated_tree::{PartialCopy, ValidatedTree};
use crate::watchdog::pulse::Pulse;

/// What a sparse file is called that is as good as empty.
pub(crate) const HOLLOW: &str = "a sparse file with next to nothing in it";

/// Up to this size, in bytes, a file of holes is read like any other: it takes a second.
const SOON_READ: u64 = 1024 * 1024 * 1024;

/// How many times its room on the disk a file may be long. No backup of use is compressed by so much,
/// and with less an agent could keep a disk of terabytes busy for years.
const HOLLOW_ABOVE: u64 = 1000;

/// Where a proven backup is to be kept.
#[derive(Debug)]
pub(crate) struct Keep<'a> {
    pub tree: &'a ValidatedTree,
    pub folder: &'a str,
    pub file_name: &'a str,
}

/// What one look at a staged file gave.
#[derive(Debug)]
pub(crate) struct Proof {
    pub finding: Finding,
    /// The file as it was looked at; `None` when there was none to open.
    pub identity: Option<FileIdentity>,
    /// Whether the file was the same before and after.
    pub is_steady: bool,
    /// What became of the copy; `None` when none was asked for, or the file is not what it should be.
    pub kept: Option<Result<(), String>>,
}

impl Proof {
    fn without_reading(finding: Finding) -> Self {
        Self {
            finding,
            identity: None,
            is_steady: true,
            kept: None,
        }
    }
}

/// How files are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Means<'a> {
    pub reader: &'a Reader,
    pub guest: &'a Guest,
}

/// Looks at a staged file and reads it when its size alone does not tell. `read` is told, piece by
/// piece, how many bytes were read.
///
/// Of a thread that was given up meanwhile it touches nothing in the validated tree: another one may be
/// at work there by then. What it has written of a copy is overwritten by the next.
pub(crate) fn prove(
    folder: &AgentFolder,
    needed: &ProofNeeded,
    question: &Question,
    keep: Option<Keep<'_>>,
    means: Means<'_>,
    read: &(dyn Fn(u64) + Sync),
) -> Proof {
    let pulse = folder.pulse();
    let (file, identity) = match folder.staged(&needed.staged_file_name) {
        Ok(Staged::File(file, identity)) => (file, identity),
        Ok(Staged::Absent) => return Proof::without_reading(Finding::Absent),
        Ok(Staged::NotRegular(kind)) => {
            return Proof::without_reading(Finding::NotRegular { kind });
        }
        Err(error) => return Proof::without_reading(unreadable(&error)),
    };
    let size = identity.size;
    let is_told_by_size = size == 0 || needed.size.is_some_and(|expected| expected != size);
    let mut proof = Proof {
        finding: Finding::Measured {
            size,
            sha256: None,
            content: None,
        },
        identity: Some(identity),
        is_steady: true,
        kept: None,
    };
    if is_told_by_size {
        return proof;
    }
    match is_hollow(&file) {
        Ok(false) => {}
        Ok(true) => {
            proof.finding = Finding::NotRegular { kind: HOLLOW };
            return proof;
        }
        Err(error) => {
            proof.finding = unreadable(&error);
            return proof;
        }
    }
    // What can't be proven is not kept.
    let keep = keep.filter(|_| needed.sha256.is_some());
    let started = pulse.wait(|| (Look::start(question, size, means.guest), Copy::start(keep)));
    let (look, mut copy) = match started {
        Ok(started) => started,
        Err(given_up) => return Proof::without_reading(unreadable(&given_up.into())),
    };
    let hashing = Hashing::new(size, means.reader, pulse, read).looking(look);
    match read_through(&file, identity, &mut copy, hashing, pulse) {
        Err(error) => {
            copy.abandon(pulse);
            proof.finding = unreadable(&error);
        }
        Ok(Reading {
            size,
            sha256,
            content,
            is_steady,
        }) => {
            let is_readable = content.as_ref().is_none_or(|found| found.fault.is_none());
            proof.finding = Finding::Measured {
                size,
                sha256: Some(sha256),
                content,
            };
            proof.is_steady = is_steady;
            if is_steady && is_readable && needed.sha256 == Some(sha256) {
                proof.kept = pulse.wait(|| copy.finish()).unwrap_or_default();
            } else {
                copy.abandon(pulse);
            }
        }
    }
    proof
}

/// Whether next to nothing of a file is on the disk: to read it would take the time of its length, which
/// costs whoever makes it nothing.
fn is_hollow(file: &File) -> io::Result<bool> {
    let metadata = file.metadata()?;
    let on_disk = metadata.blocks().saturating_mul(512);
    Ok(metadata.len() > SOON_READ && metadata.len() / HOLLOW_ABOVE > on_disk)
}

struct Reading {
    size: u64,
    sha256: Sha256,
    content: Option<ContentFinding>,
    is_steady: bool,
}

fn read_through(
    file: &File,
    before: FileIdentity,
    copy: &mut Copy<'_>,
    mut hashing: Hashing<'_>,
    pulse: &Pulse,
) -> io::Result<Reading> {
    if !copy.read(file, &mut hashing, pulse) {
        hashing.read(file)?;
    }
    let after = FileIdentity::of(&file.metadata()?);
    pulse.beat()?;
    let content = hashing.finish_look()?;
    let (size, sha256) = hashing.finish();
    let is_cut_short = size < before.size;
    Ok(Reading {
        // Of a file that grows no more is read than there was at first: there may be no end to it.
        size: if is_cut_short { size } else { after.size },
        sha256,
        content,
        is_steady: after == before && !is_cut_short,
    })
}

fn unreadable(error: &io::Error) -> Finding {
    Finding::Unreadable {
        error: error.to_string(),
    }
}

/// A copy that is made along with the reading. Its failure does not stop the proof: what the agent
/// sent is judged all the same.
enum Copy<'a> {
    NotAsked,
    Going(PartialCopy<'a>),
    Failed(io::Error),
}

impl<'a> Copy<'a> {
    fn start(keep: Option<Keep<'a>>) -> Self {
        match keep.map(|keep| keep.tree.start(keep.folder, keep.file_name)) {
            None => Self::NotAsked,
            Some(Ok(copy)) => Self::Going(copy),
            Some(Err(error)) => Self::Failed(error),
        }
    }

    /// Whether the file was read and the copy has all of it.
    fn read(&mut self, file: &File, hashing: &mut Hashing<'_>, pulse: &Pulse) -> bool {
        let Self::Going(copy) = self else {
            return false;
        };
        match hashing.read_and_copy(file, copy.file()) {
            Ok(()) => true,
            Err(error) => {
                std::mem::replace(self, Self::Failed(error)).abandon(pulse);
                false
            }
        }
    }

    fn finish(self) -> Option<Result<(), String>> {
        match self {
            Self::NotAsked => None,
            Self::Going(copy) => Some(copy.finish().map_err(|error| error.to_string())),
            Self::Failed(error) => Some(Err(error.to_string())),
        }
    }

    fn abandon(self, pulse: &Pulse) {
        if let Self::Going(copy) = self {
            let _ = pulse.wait(|| copy.abandon());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::num::NonZeroUsize;
    use std::os::unix::fs::FileExt;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use sha2::{Digest, Sha256 as Sha256Hasher};
    use vigie_domain::{AgentId, VerifyLevel};

    use super::*;
    use crate::deposit::Deposit;
    use crate::proof::content::room::Rooms;
    use crate::proof::pace::Pace;

    const CONTENT: &[u8] = b"the compressed dump";

    /// Some pieces, so that things can happen between them.
    const LARGE: usize = 1024 * 1024;

    struct Place {
        root: tempfile::TempDir,
        folder: AgentFolder,
        tree: ValidatedTree,
    }

    fn place() -> Place {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("deposit/A_B_C/databases")).unwrap();
        fs::write(root.path().join("deposit/A_B_C/databases/X.zst"), CONTENT).unwrap();
        let deposit = Deposit::open(&root.path().join("deposit")).unwrap();
        Place {
            folder: deposit
                .agent(&AgentId::new("A_B_C").unwrap(), &Pulse::default())
                .unwrap(),
            tree: ValidatedTree::open(&root.path().join("validated")).unwrap(),
            root,
        }
    }

    fn unhurried() -> Reader {
        Arc::new(Pace::new(NonZeroUsize::MIN, None)).reader()
    }

    fn in_pieces() -> Reader {
        Arc::new(Pace::in_pieces_of(LARGE as u64 / 16)).reader()
    }

    fn large() -> Vec<u8> {
        (0..=250).cycle().take(LARGE).collect()
    }

    /// At the level that nobody asked for, as nobody looks inside unless he recognises it.
    fn look(
        folder: &AgentFolder,
        needed: &ProofNeeded,
        keep: Option<Keep<'_>>,
        reader: &Reader,
        read: &(dyn Fn(u64) + Sync),
    ) -> Proof {
        let question = Question::new(VerifyLevel::default(), 1000, needed);
        let guest = &Rooms::new(NonZeroUsize::MIN).guest();
        let means = Means { reader, guest };
        prove(folder, needed, &question, keep, means, read)
    }

    fn staged(place: &Place) -> PathBuf {
        place.root.path().join("deposit/A_B_C/databases/X.zst")
    }

    fn hash_of(bytes: &[u8]) -> Sha256 {
        Sha256::from(<[u8; 32]>::from(Sha256Hasher::digest(bytes)))
    }

    fn prove_and_keep(place: &Place, size: usize, sha256: Sha256) -> Proof {
        let needed = ProofNeeded {
            staged_file_name: "X.zst".to_owned(),
            size: Some(size as u64),
            sha256: Some(sha256),
            ..ProofNeeded::default()
        };
        let keep = Keep {
            tree: &place.tree,
            folder: "A/B/C/no-year/X",
            file_name: "X.zst",
        };
        look(&place.folder, &needed, Some(keep), &unhurried(), &|_| ())
    }

    /// Until then a change might not show in the times of a file, and it would be luck to see it.
    fn wait_for_the_clock_of_the_file_system(place: &Place) {
        let modified = |path| fs::metadata(path).unwrap().modified().unwrap();
        let written_at = modified(staged(place));
        let probe = place.root.path().join("probe");
        while {
            fs::write(&probe, b"").unwrap();
            modified(probe.clone()) == written_at
        } {}
    }

    /// Proves and keeps a large file, to which `meanwhile` happens after each piece.
    fn prove_large_while(place: &Place, meanwhile: &(dyn Fn() + Sync)) -> Proof {
        fs::write(staged(place), large()).unwrap();
        wait_for_the_clock_of_the_file_system(place);
        let needed = ProofNeeded {
            staged_file_name: "X.zst".to_owned(),
            size: Some(LARGE as u64),
            sha256: Some(hash_of(&large())),
            ..ProofNeeded::default()
        };
        let keep = Keep {
            tree: &place.tree,
            folder: "A/B/C/no-year/X",
            file_name: "X.zst",
        };
        look(&place.folder, &needed, Some(keep), &in_pieces(), &|_| {
            meanwhile();
        })
    }

    fn kept(root: &Path) -> Vec<String> {
        let Ok(entries) = fs::read_dir(root.join("validated/A/B/C/no-year/X")) else {
            return Vec::new();
        };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn what_is_proven_is_kept() {
        let place = place();
        let proof = prove_and_keep(&place, CONTENT.len(), hash_of(CONTENT));
        assert_eq!(proof.kept, Some(Ok(())));
        assert!(proof.is_steady);
        assert_eq!(kept(place.root.path()), ["X.zst"]);
        let copy = place.root.path().join("validated/A/B/C/no-year/X/X.zst");
        assert_eq!(fs::read(copy).unwrap(), CONTENT);
    }

    #[test]
    fn what_is_not_proven_leaves_nothing_behind() {
        let place = place();
        let proof = prove_and_keep(&place, CONTENT.len(), hash_of(b"other"));
        assert_eq!(proof.kept, None);
        assert_eq!(
            proof.finding,
            Finding::Measured {
                size: CONTENT.len() as u64,
                sha256: Some(hash_of(CONTENT)),
                content: None,
            }
        );
        assert_eq!(kept(place.root.path()), Vec::<String>::new());
    }

    #[test]
    fn what_can_not_be_proven_is_not_copied() {
        let place = place();
        let needed = ProofNeeded {
            staged_file_name: "X.zst".to_owned(),
            size: None,
            sha256: None,
            ..ProofNeeded::default()
        };
        let keep = Keep {
            tree: &place.tree,
            folder: "A/B/C/no-year/X",
            file_name: "X.zst",
        };
        assert_eq!(
            look(&place.folder, &needed, Some(keep), &unhurried(), &|_| ()).kept,
            None
        );
        assert!(!place.root.path().join("validated/A").exists());
    }

    #[test]
    fn a_file_of_another_size_is_not_read() {
        let place = place();
        let proof = prove_and_keep(&place, 3, hash_of(CONTENT));
        let size = CONTENT.len() as u64;
        assert_eq!(
            proof.finding,
            Finding::Measured {
                size,
                sha256: None,
                content: None,
            }
        );
    }

    #[test]
    fn what_a_crash_left_of_a_copy_is_overwritten() {
        let place = place();
        let folder = place.root.path().join("validated/A/B/C/no-year/X");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(".vigie-partial"), vec![b'x'; 10_000]).unwrap();
        prove_and_keep(&place, CONTENT.len(), hash_of(CONTENT));
        assert_eq!(kept(place.root.path()), ["X.zst"]);
        assert_eq!(fs::read(folder.join("X.zst")).unwrap(), CONTENT);
    }

    #[test]
    fn of_a_copy_that_can_not_be_put_in_its_place_nothing_is_left() {
        let place = place();
        let folder = place.root.path().join("validated/A/B/C/no-year/X");
        fs::create_dir_all(folder.join("X.zst")).unwrap();
        let proof = prove_and_keep(&place, CONTENT.len(), hash_of(CONTENT));
        assert!(matches!(proof.kept, Some(Err(_))));
        assert_eq!(kept(place.root.path()), ["X.zst"]);
    }

    #[test]
    fn a_link_in_the_validated_tree_is_not_followed() {
        let place = place();
        let elsewhere = place.root.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, place.root.path().join("validated/A")).unwrap();
        let proof = prove_and_keep(&place, CONTENT.len(), hash_of(CONTENT));
        assert!(matches!(proof.kept, Some(Err(_))));
        assert_eq!(fs::read_dir(elsewhere).unwrap().count(), 0);
    }

    #[test]
    fn of_a_large_file_the_copy_is_proven_and_every_byte_is_told() {
        let place = place();
        fs::write(staged(&place), large()).unwrap();
        let told = AtomicU64::new(0);
        let needed = ProofNeeded {
            staged_file_name: "X.zst".to_owned(),
            size: None,
            sha256: Some(hash_of(&large())),
            ..ProofNeeded::default()
        };
        for keep in [
            None,
            Some(Keep {
                tree: &place.tree,
                folder: "A/B/C/no-year/X",
                file_name: "X.zst",
            }),
        ] {
            told.store(0, Ordering::Relaxed);
            let proof = look(&place.folder, &needed, keep, &in_pieces(), &|bytes| {
                told.fetch_add(bytes, Ordering::Relaxed);
            });
            let size = LARGE as u64;
            let sha256 = Some(hash_of(&large()));
            assert_eq!(
                proof.finding,
                Finding::Measured {
                    size,
                    sha256,
                    content: None,
                }
            );
            assert!(proof.is_steady);
            assert_eq!(told.load(Ordering::Relaxed), size);
        }
        let copy = place.root.path().join("validated/A/B/C/no-year/X/X.zst");
        assert_eq!(fs::read(copy).unwrap(), large());
    }

    #[test]
    fn a_file_that_changes_while_it_is_copied_is_not_kept() {
        let place = place();
        let file = staged(&place);
        let proof = prove_large_while(&place, &|| {
            let file = fs::File::options().write(true).open(&file).unwrap();
            file.write_all_at(b"other", 0).unwrap();
        });
        assert!(!proof.is_steady);
        assert_eq!(proof.kept, None);
        assert_eq!(kept(place.root.path()), Vec::<String>::new());
    }

    #[test]
    fn a_thread_that_nobody_waits_for_any_more_leaves_the_validated_tree_as_it_is() {
        let place = place();
        let folder = place.root.path().join("validated/A/B/C/no-year/X");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("X.zst"), "the last good one").unwrap();
        let (pieces, pulse) = (AtomicU64::new(0), place.folder.pulse().clone());
        let proof = prove_large_while(&place, &|| {
            // All is read by then, and proven.
            if pieces.fetch_add(1, Ordering::Relaxed) == 15 {
                pulse.cancel();
            }
        });
        assert_eq!(pieces.into_inner(), 16);
        assert_eq!(proof.kept, None);
        // Another thread may be at the copy by now, so that it is not removed.
        let mut names = kept(place.root.path());
        names.sort();
        assert_eq!(names, [".vigie-partial", "X.zst"]);
        let good = fs::read_to_string(folder.join("X.zst")).unwrap();
        assert_eq!(good, "the last good one");
    }

    #[test]
    fn a_thread_that_nobody_waits_for_any_more_starts_no_copy() {
        let place = place();
        place.folder.pulse().cancel();
        let proof = prove_and_keep(&place, CONTENT.len(), hash_of(CONTENT));
        assert_eq!(proof.kept, None);
        assert!(!place.root.path().join("validated/A").exists());
    }

    #[test]
    fn a_file_that_is_swapped_while_it_is_copied_is_not_kept() {
        let place = place();
        let (file, other) = (staged(&place), place.root.path().join("other"));
        let proof = prove_large_while(&place, &|| {
            fs::write(&other, large()).unwrap();
            fs::rename(&other, &file).unwrap();
        });
        assert!(!proof.is_steady);
        assert_eq!(kept(place.root.path()), Vec::<String>::new());
    }

    #[test]
    fn a_file_that_grows_for_ever_is_read_no_further_than_it_was() {
        let place = place();
        let file = staged(&place);
        let proof = prove_large_while(&place, &|| {
            let mut file = fs::File::options().append(true).open(&file).unwrap();
            file.write_all(&vec![0; LARGE / 16]).unwrap();
        });
        assert!(!proof.is_steady);
        let Finding::Measured { size, .. } = proof.finding else {
            panic!("it was not measured: {:?}", proof.finding);
        };
        assert_eq!(size, 2 * LARGE as u64);
        assert_eq!(kept(place.root.path()), Vec::<String>::new());
    }

    #[test]
    fn a_file_that_is_cut_short_while_it_is_copied_is_not_kept() {
        let place = place();
        let file = staged(&place);
        let proof = prove_large_while(&place, &|| {
            let file = fs::File::options().write(true).open(&file).unwrap();
            file.set_len(100).unwrap();
        });
        assert!(!proof.is_steady);
        assert_eq!(kept(place.root.path()), Vec::<String>::new());
    }

    #[test]
    fn a_file_that_is_cut_short_while_it_is_read_is_told_as_it_was_read() {
        let place = place();
        fs::write(staged(&place), large()).unwrap();
        wait_for_the_clock_of_the_file_system(&place);
        let file = staged(&place);
        let needed = ProofNeeded {
            staged_file_name: "X.zst".to_owned(),
            size: None,
            sha256: None,
            ..ProofNeeded::default()
        };
        let proof = look(&place.folder, &needed, None, &in_pieces(), &|_| {
            let file = fs::File::options().write(true).open(&file).unwrap();
            file.set_len(100).unwrap();
        });
        assert!(!proof.is_steady);
        let read = LARGE / 16;
        assert_eq!(
            proof.finding,
            Finding::Measured {
                size: read as u64,
                sha256: Some(hash_of(&large()[..read])),
                content: None,
            }
        );
    }
}
