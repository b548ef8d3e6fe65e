//! What tells one state of a file from another. Opens nothing.

use std::time::Duration;

use cap_std::fs::{Metadata, MetadataExt};
use jiff::{SignedDuration, Timestamp};
use rustix::fs::Stat;
use serde::{Deserialize, Serialize};

/// What tells one state of a file from another: where it lies, its size, and when it was modified and
/// changed. To be kept and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileIdentity {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) size: u64,
    /// Seconds and nanoseconds since 1970.
    modified: (i64, i64),
    /// The same.
    changed: (i64, i64),
}

impl FileIdentity {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    pub(crate) fn of_stat(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
            size: stat.st_size.unsigned_abs(),
            modified: (stat.st_mtime, stat.st_mtime_nsec.cast_signed()),
            changed: (stat.st_ctime, stat.st_ctime_nsec.cast_signed()),
        }
    }

    /// Whether it has not changed for so long at `now` that whoever changes it from then on can't leave it
    /// looking the same.
    pub(crate) fn is_older_than(&self, age: SignedDuration, now: Timestamp) -> bool {
        let since = now.as_duration().saturating_sub(age);
        SignedDuration::from_secs(self.changed.0) < since
    }

    /// When it was put where it lies, as far as this machine knows.
    pub(crate) fn arrived_at(&self) -> Timestamp {
        let (seconds, nanoseconds) = self.changed;
        let nanoseconds = i32::try_from(nanoseconds).unwrap_or_default();
        Timestamp::new(seconds, nanoseconds).unwrap_or(Timestamp::MAX)
    }

    /// The time of modification, in nanoseconds since 1970.
    pub(crate) fn modified_at(&self) -> i128 {
        i128::from(self.modified.0) * 1_000_000_000 + i128::from(self.modified.1)
    }

    /// Whether it was changed, or put where it is, after this instant.
    pub(crate) fn is_changed_after(&self, at: Timestamp) -> bool {
        let (seconds, nanoseconds) = self.changed;
        let changed = i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
        changed > at.as_nanosecond()
    }

    /// Whether both are states of one file with the same content, wherever it was moved meanwhile.
    pub(crate) fn is_same_content(&self, other: &Self) -> bool {
        (self.device, self.inode, self.size, self.modified)
            == (other.device, other.inode, other.size, other.modified)
    }

    /// Whether it was written to less than `settle` before `now`, as far as can be told.
    ///
    /// The time of modification is set by the agent and that of change by this machine. An old time
    /// of modification is believed: it makes the agent's own file judged sooner. A future one is
    /// not, or an agent could keep a file from ever being judged.
    pub(crate) fn is_fresh(&self, now: Timestamp, settle: Duration) -> bool {
        let since = Duration::try_from(now.as_duration())
            .unwrap_or_default()
            .saturating_sub(settle);
        let is_after = |(seconds, _): (i64, i64)| {
            u64::try_from(seconds).is_ok_and(|seconds| Duration::from_secs(seconds) > since)
        };
        !settle.is_zero() && is_after(self.modified) && is_after(self.changed)
    }
}

#[cfg(test)]
impl FileIdentity {
    pub(crate) fn arrived(at: Timestamp) -> Self {
        Self {
            changed: (at.as_second(), 0),
            ..Self::sized(1)
        }
    }

    pub(crate) fn sized(size: u64) -> Self {
        Self {
            device: 1,
            inode: 1,
            size,
            modified: (0, 0),
            changed: (0, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(modified: i64, changed: i64) -> FileIdentity {
        FileIdentity {
            modified: (modified, 0),
            changed: (changed, 0),
            ..FileIdentity::sized(1)
        }
    }

    #[test]
    fn only_a_file_that_both_clocks_call_new_is_fresh() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let settle = Duration::from_mins(1);
        let is_fresh = |modified, changed| identity(modified, changed).is_fresh(now, settle);
        assert!(is_fresh(999_990, 999_990));
        assert!(is_fresh(9_999_999, 999_990));
        assert!(!is_fresh(9_999_999, 999_000));
        assert!(!is_fresh(500_000, 999_990));
        assert!(!identity(999_990, 999_990).is_fresh(now, Duration::ZERO));
    }
}
