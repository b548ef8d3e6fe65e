//! What is odd about a job whose backups are proven: facts that a hash does not tell. Knows no
//! history and no rule that finds them.

use std::fmt;

use jiff::{SignedDuration, SignedDurationRound, Timestamp, Unit};
use serde::{Deserialize, Serialize};

use crate::StageName;

/// Something odd about a job that is OK. `Display` says it in English; templates translate by `code`.
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
    /// The report's run has not ended yet by this machine's clock: that of the agent is ahead, or its
    /// times are meant in another zone.
    ClockAhead {
        /// By how much, at least.
        by: SignedDuration,
    },
}

impl Warning {
    /// The names of all kinds, in the order in which they are documented.
    pub const CODES: [&'static str; 5] = [
        "unchanged",
        "size_out_of_band",
        "arriving_later",
        "stages_retried",
        "clock_ahead",
    ];

    /// The name of its kind, as it stands in config, JSON, SQL and templates.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unchanged { .. } => "unchanged",
            Self::SizeOutOfBand { .. } => "size_out_of_band",
            Self::ArrivingLater { .. } => "arriving_later",
            Self::StagesRetried { .. } => "stages_retried",
            Self::ClockAhead { .. } => "clock_ahead",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unchanged { since, backups } => write!(
                formatter,
                "the last {backups} backups have the same content, since {}",
                since.strftime("%Y-%m-%d %H:%M UTC")
            ),
            Self::SizeOutOfBand {
                size, low, high, ..
            } => write!(
                formatter,
                "the last backup has {size} bytes, where {low} to {high} are usual"
            ),
            Self::ArrivingLater {
                delay,
                usual,
                grace,
                ..
            } => write!(
                formatter,
                "backups end later and later: the last one {} after its expected time, where {} was \
                 usual and {} is the most",
                in_minutes(*delay),
                in_minutes(*usual),
                in_minutes(*grace)
            ),
            Self::StagesRetried { stages } => {
                let stages: Vec<_> = stages.iter().map(|stage| stage.as_str()).collect();
                write!(
                    formatter,
                    "the report says that {} needed more than one attempt",
                    stages.join(" and ")
                )
            }
            Self::ClockAhead { by } => write!(
                formatter,
                "the agent's clock is ahead by {}, or its times are meant in another time zone",
                in_minutes(*by)
            ),
        }
    }
}

fn in_minutes(duration: SignedDuration) -> String {
    let to_minutes = SignedDurationRound::new().smallest(Unit::Minute);
    let rounded = duration.round(to_minutes).unwrap_or(duration);
    if rounded.is_zero() {
        return "0m".to_owned();
    }
    format!("{rounded:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_in_a_sentence() {
        let minutes = SignedDuration::from_mins;
        let warnings = [
            Warning::Unchanged {
                since: "2025-05-01T01:00:00Z".parse().unwrap(),
                backups: 31,
            },
            Warning::SizeOutOfBand {
                size: 40,
                low: 60,
                high: 120,
                median: 80,
                backups: 30,
            },
            Warning::ArrivingLater {
                delay: minutes(95) + SignedDuration::from_secs(7),
                usual: SignedDuration::from_secs(5),
                grace: minutes(120),
                backups: 60,
            },
            Warning::StagesRetried {
                stages: vec![StageName::Backup, StageName::Transfer],
            },
            Warning::ClockAhead {
                by: minutes(125) + SignedDuration::from_secs(7),
            },
        ];
        let told = warnings.each_ref().map(ToString::to_string);
        assert_eq!(
            told,
            [
                "the last 31 backups have the same content, since 2025-05-01 01:00 UTC",
                "the last backup has 40 bytes, where 60 to 120 are usual",
                "backups end later and later: the last one 1h 35m after its expected time, where 0m \
                 was usual and 2h is the most",
                "the report says that BACKUP and TRANSFER needed more than one attempt",
                "the agent's clock is ahead by 2h 5m, or its times are meant in another time zone",
            ]
        );
        assert_eq!(warnings.each_ref().map(Warning::code), Warning::CODES);
        for warning in warnings {
            let json = serde_json::to_value(&warning).unwrap();
            assert_eq!(json["code"], warning.code());
            assert_eq!(serde_json::from_value::<Warning>(json).unwrap(), warning);
        }
    }
}
