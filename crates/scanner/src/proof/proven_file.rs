//! Staged files that were proven, so that they need not be read again for as long as nobody touches them.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use vigie_domain::{ContentFinding, Finding, ProofNeeded, Sha256, VerifyLevel};

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
    /// How deep it was looked into.
    #[serde(default = "hash_alone")]
    pub verify: VerifyLevel,
    /// What that found; `None` when nothing was recognised.
    #[serde(default)]
    pub content: Option<ContentFinding>,
}

/// How deep files were looked into when nobody noted it.
const fn hash_alone() -> VerifyLevel {
    VerifyLevel::Hash
}

impl ProvenFile {
    /// How to know the file again that was just proven; `None` when it was not, or when it changed so
    /// lately that it could change again unnoticed.
    pub(crate) fn of(
        needed: &ProofNeeded,
        level: VerifyLevel,
        proof: &Proof,
        now: Timestamp,
    ) -> Option<Self> {
        let Finding::Measured {
            sha256: Some(sha256),
            content,
            ..
        } = &proof.finding
        else {
            return None;
        };
        let sha256 = *sha256;
        let identity = proof.identity?;
        let is_readable = content.as_ref().is_none_or(|found| found.fault.is_none());
        let is_proven = proof.is_steady && is_readable && needed.sha256 == Some(sha256);
        let known = || Self {
            name: needed.staged_file_name.clone(),
            identity,
            sha256,
            verify: level,
            content: content.clone(),
        };
        (is_proven && identity.is_older_than(SURELY_TOLD_APART, now)).then(known)
    }

    /// What reading the staged file would give, when nobody touched it since and nothing else is expected
    /// of it.
    pub(crate) fn still_proves(
        &self,
        needed: &ProofNeeded,
        level: VerifyLevel,
        folder: &AgentFolder,
    ) -> Option<Proof> {
        let size = self.identity.size;
        let is_expected = self.name == needed.staged_file_name
            && needed.sha256 == Some(self.sha256)
            && needed.size.is_none_or(|expected| expected == size)
            && self.verify.covers(level)
            && (!level.looks_inside() || self.decodes_as(needed));
        let identity = self.identity;
        if !is_expected || folder.staged_identity(&self.name) != Some(identity) {
            return None;
        }
        Some(Proof {
            finding: Finding::Measured {
                size,
                sha256: Some(self.sha256),
                content: self.content.clone(),
            },
            identity: Some(identity),
            is_steady: true,
            kept: None,
        })
    }
}

impl ProvenFile {
    /// Whether it decoded to what the agent says now of its dump.
    fn decodes_as(&self, needed: &ProofNeeded) -> bool {
        let decoded = self
            .content
            .as_ref()
            .filter(|found| found.compression.is_some());
        decoded.is_none_or(|found| {
            needed
                .raw_size
                .is_none_or(|expected| found.raw_size == Some(expected))
                && needed
                    .raw_sha256
                    .is_none_or(|expected| found.raw_sha256 == Some(expected))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, FileTimes};
    use std::path::PathBuf;

    use vigie_domain::{AgentId, Compression, ContentFault};

    use super::*;
    use crate::deposit::Deposit;
    use crate::watchdog::pulse::Pulse;

    const CONTENT: &[u8] = b"the compressed dump";

    /// Long after every file that a test makes.
    const LATER: &str = "2100-01-01T00:00:00Z";

    const LEVEL: VerifyLevel = VerifyLevel::Recognised;

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
            ..ProofNeeded::default()
        }
    }

    /// As if the file that lies there had been read.
    fn proof(place: &Place) -> Proof {
        Proof {
            finding: Finding::Measured {
                size: CONTENT.len() as u64,
                sha256: needed().sha256,
                content: None,
            },
            identity: place.folder.staged_identity("X.zst"),
            is_steady: true,
            kept: None,
        }
    }

    fn known(place: &Place) -> ProvenFile {
        ProvenFile::of(&needed(), LEVEL, &proof(place), LATER.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_file_that_nobody_touched_is_still_proven() {
        let place = place();
        let still = known(&place).still_proves(&needed(), LEVEL, &place.folder);
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
        assert!(
            known
                .still_proves(&needed(), LEVEL, &place.folder)
                .is_none()
        );
    }

    #[test]
    fn a_report_that_expects_another_hash_has_the_file_read() {
        let place = place();
        let other = ProofNeeded {
            sha256: Some(Sha256::from([8; 32])),
            ..needed()
        };
        assert!(
            known(&place)
                .still_proves(&other, LEVEL, &place.folder)
                .is_none()
        );
    }

    #[test]
    fn a_file_that_changed_a_moment_ago_is_not_known_again() {
        let place = place();
        let modified_at = fs::metadata(&place.path).unwrap().modified().unwrap();
        let now = Timestamp::try_from(modified_at).unwrap() + SignedDuration::from_secs(1);
        assert_eq!(ProvenFile::of(&needed(), LEVEL, &proof(&place), now), None);
    }

    #[test]
    fn what_was_not_proven_is_not_known_again() {
        let place = place();
        let later = LATER.parse().unwrap();
        let unsteady = Proof {
            is_steady: false,
            ..proof(&place)
        };
        assert_eq!(ProvenFile::of(&needed(), LEVEL, &unsteady, later), None);
        let expected = ProofNeeded {
            sha256: Some(Sha256::from([8; 32])),
            ..needed()
        };
        assert_eq!(
            ProvenFile::of(&expected, LEVEL, &proof(&place), later),
            None
        );
    }

    #[test]
    fn a_file_that_is_to_be_looked_into_deeper_is_read_again() {
        let place = place();
        let is_known = |known: &ProvenFile, level| {
            known
                .still_proves(&needed(), level, &place.folder)
                .is_some()
        };
        let known = known(&place);
        assert!(is_known(&known, VerifyLevel::Hash));
        assert!(!is_known(&known, VerifyLevel::Decode));
        let mut old = serde_json::to_value(&known).unwrap();
        old.as_object_mut().unwrap().remove("verify");
        old.as_object_mut().unwrap().remove("content");
        let old: ProvenFile = serde_json::from_value(old).unwrap();
        assert!(is_known(&old, VerifyLevel::Hash));
        assert!(!is_known(&old, LEVEL));
    }

    #[test]
    fn what_it_decoded_to_has_to_be_what_the_agent_says_of_its_dump() {
        let place = place();
        let mut proof = proof(&place);
        let found = ContentFinding {
            compression: Some(Compression::Zstd),
            raw_size: Some(100),
            ..ContentFinding::default()
        };
        if let Finding::Measured { content, .. } = &mut proof.finding {
            *content = Some(found);
        }
        let later = LATER.parse().unwrap();
        let known = ProvenFile::of(&needed(), LEVEL, &proof, later).unwrap();
        let expecting = |size, sha256| {
            let needed = ProofNeeded {
                raw_size: size,
                raw_sha256: sha256,
                ..needed()
            };
            known.still_proves(&needed, LEVEL, &place.folder)
        };
        assert_eq!(expecting(Some(100), None).unwrap().finding, proof.finding);
        assert!(expecting(Some(101), None).is_none());
        assert!(expecting(None, Some(Sha256::from([1; 32]))).is_none());
    }

    #[test]
    fn what_can_not_be_read_back_is_not_known_again() {
        let place = place();
        let mut proof = proof(&place);
        let fault = ContentFault::NotRecognised;
        if let Finding::Measured { content, .. } = &mut proof.finding {
            *content = Some(ContentFinding {
                fault: Some(fault),
                ..ContentFinding::default()
            });
        }
        let later = LATER.parse().unwrap();
        assert_eq!(ProvenFile::of(&needed(), LEVEL, &proof, later), None);
    }
}
