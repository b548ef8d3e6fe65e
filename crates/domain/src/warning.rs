//! What is odd about a job whose backups are proven: facts that a hash does not tell. Knows no
//! history and no rule that finds them.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::StageName;

/// Something odd about a job that is OK.
///
/// It is no incident: the last backup is there and proven. It may still be worth a look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Warning {
    /// Each backup has had the same content for so long that something may have stopped writing.
    Unchanged {
        /// When the first backup of this content ended.
        since: Timestamp,
        /// How many backups had it, the first included.
        backups: u32,
    },
    /// The last backup is smaller or larger than this job's backups are.
    SizeOutOfBand {
        /// Its size in bytes.
        size: u64,
        /// The smallest size in bytes that is usual.
        low: u64,
        /// The largest size in bytes that is usual.
        high: u64,
        /// The middle of the sizes in bytes that it is compared with.
        median: u64,
        /// How many backups it is compared with.
        backups: u32,
    },
    /// Backups end later and later, and will miss their deadline if that goes on.
    ArrivingLater {
        /// How long after its expected time the last one ended.
        delay: SignedDuration,
        /// How long after their expected times they used to end.
        usual: SignedDuration,
        /// How long after its expected time one is given up.
        grace: SignedDuration,
        /// How many backups tell that.
        backups: u32,
    },
    /// The report tells of stages that failed before they succeeded.
    StagesRetried {
        /// Those stages, in their order.
        stages: Vec<StageName>,
    },
}

impl Warning {
    /// The names of all kinds, in the order in which they are documented.
    pub const CODES: [&'static str; 4] = [
        "unchanged",
        "size_out_of_band",
        "arriving_later",
        "stages_retried",
    ];

    /// The name of its kind, as it stands in config, JSON, SQL and templates.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unchanged { .. } => "unchanged",
            Self::SizeOutOfBand { .. } => "size_out_of_band",
            Self::ArrivingLater { .. } => "arriving_later",
            Self::StagesRetried { .. } => "stages_retried",
        }
    }
}
