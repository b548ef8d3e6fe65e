//! Staged files that were proven, so that they need not be read again for as long as nobody touches them.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use vigie_domain::{Finding, ProofNeeded, Sha256};

use crate::deposit::AgentFolder;
use crate::deposit::identity::FileIdentity;
use crate::proof::Proof;

/// A file that was changed later than this before a cycle may be changed once more and look the same, as
/// the clocks of file systems tick.
const SURELY_TOLD_APART: SignedDuration = SignedDuration::from_secs(3);

/// A staged file that was proven. It need not be read again for as long as it stays what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvenFile {
    /// Its bare name.
    pub name: String,
    /// How it looked.
    pub identity: FileIdentity,
    /// The SHA-256 of its content.
    pub sha256: Sha256,
}

impl ProvenFile {
    /// How to know the file again that was just proven; `None` when it was not, or when it changed so
    /// lately that it could change again unnoticed.
    pub(crate) fn of(needed: &ProofNeeded, proof: &Proof, now: Timestamp) -> Option<Self> {
        let Finding::Measured {
            sha256: Some(sha256),
            ..
        } = proof.finding
        else {
            return None;
        };
        let identity = proof.identity?;
        let is_proven = proof.is_steady && needed.sha256 == Some(sha256);
        let known = || Self {
            name: needed.staged_file_name.clone(),
            identity,
            sha256,
        };
        (is_proven && identity.is_older_than(SURELY_TOLD_APART, now)).then(known)
    }

    /// What reading the staged file would give, when nobody touched it since and nothing else is expected
    /// of it.
    pub(crate) fn still_proves(&self, needed: &ProofNeeded, folder: &AgentFolder) -> Option<Proof> {
        let size = self.identity.size;
        let is_expected = self.name == needed.staged_file_name
            && needed.sha256 == Some(self.sha256)
            && needed.size.is_none_or(|expected| expected == size);
        let identity = self.identity;
        if !is_expected || folder.staged_identity(&self.name) != Some(identity) {
            return None;
        }
        Some(Proof {
            finding: Finding::Measured {
                size,
                sha256: Some(self.sha256),
            },
            identity: Some(identity),
            is_steady: true,
            kept: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, FileTimes};
    use std::path::PathBuf;

    use vigie_domain::AgentId;

    use super::*;
    use crate::deposit::Deposit;
    use crate::watchdog::pulse::Pulse;

    const CONTENT: &[u8] = b"the compressed dump";

    /// Long after every file that a test makes.
    const LATER: &str = "2100-01-01T00:00:00Z";

    struct Place {
        _root: tempfile::TempDir,
        path: PathBuf,
        folder: AgentFolder,
    }

    fn place() -> Place {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("A_B_C/databases/X.zst");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, CONTENT).unwrap();
        let deposit = Deposit::open(root.path()).unwrap();
        Place {
            folder: deposit
                .agent(&AgentId::new("A_B_C").unwrap(), &Pulse::default())
                .unwrap(),
            path,
            _root: root,
        }
    }

    fn needed() -> ProofNeeded {
        ProofNeeded {
            staged_file_name: "X.zst".to_owned(),
            size: Some(CONTENT.len() as u64),
            sha256: Some(Sha256::from([7; 32])),
        }
    }

    /// As if the file that lies there had been read.
    fn proof(place: &Place) -> Proof {
        Proof {
            finding: Finding::Measured {
                size: CONTENT.len() as u64,
                sha256: needed().sha256,
            },
            identity: place.folder.staged_identity("X.zst"),
            is_steady: true,
            kept: None,
        }
    }

    fn known(place: &Place) -> ProvenFile {
        ProvenFile::of(&needed(), &proof(place), LATER.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_file_that_nobody_touched_is_still_proven() {
        let place = place();
        let still = known(&place).still_proves(&needed(), &place.folder);
        assert_eq!(still.unwrap().finding, proof(&place).finding);
    }

    #[test]
    fn a_file_with_another_byte_and_its_old_time_is_not() {
        let place = place();
        let known = known(&place);
        let modified_at = fs::metadata(&place.path).unwrap().modified().unwrap();
        let mut other = CONTENT.to_vec();
        other[0] ^= 1;
        // Until the file system's clock has ticked; a test has no three seconds.
        while place.folder.staged_identity("X.zst") == Some(known.identity) {
            fs::write(&place.path, &other).unwrap();
            let times = FileTimes::new().set_modified(modified_at);
            let file = File::options().write(true).open(&place.path).unwrap();
            file.set_times(times).unwrap();
        }
        assert!(known.still_proves(&needed(), &place.folder).is_none());
    }

    #[test]
    fn a_report_that_expects_another_hash_has_the_file_read() {
        let place = place();
        let other = ProofNeeded {
            sha256: Some(Sha256::from([8; 32])),
            ..needed()
        };
        assert!(known(&place).still_proves(&other, &place.folder).is_none());
    }

    #[test]
    fn a_file_that_changed_a_moment_ago_is_not_known_again() {
        let place = place();
        let modified_at = fs::metadata(&place.path).unwrap().modified().unwrap();
        let now = Timestamp::try_from(modified_at).unwrap() + SignedDuration::from_secs(1);
        assert_eq!(ProvenFile::of(&needed(), &proof(&place), now), None);
    }

    #[test]
    fn what_was_not_proven_is_not_known_again() {
        let place = place();
        let later = LATER.parse().unwrap();
        let unsteady = Proof {
            is_steady: false,
            ..proof(&place)
        };
        assert_eq!(ProvenFile::of(&needed(), &unsteady, later), None);
        let expected = ProofNeeded {
            sha256: Some(Sha256::from([8; 32])),
            ..needed()
        };
        assert_eq!(ProvenFile::of(&expected, &proof(&place), later), None);
    }
}
