//! `[scrub]`: how often kept backups are read again.

use std::num::NonZeroU64;
use std::time::Duration;

use super::problem::Complaint;
use super::raw::{RawScrub, RawSpan};
use super::reading::Reading;
use super::{duration, read_rate};

const EVERY: Duration = Duration::from_hours(30 * 24);

/// How often kept backups are read again.
#[derive(Debug, Clone)]
pub struct ScrubConfig {
    /// Within which time `vigie run` reads each of them once; never when `None`.
    pub every: Option<Duration>,
    /// How many bytes of them are read in a second, at most; as many as of staged files when `None`.
    pub max_read_rate: Option<NonZeroU64>,
}

pub fn read(raw: &RawScrub, reading: &mut Reading) -> ScrubConfig {
    ScrubConfig {
        every: match &raw.every {
            None | Some(RawSpan::Switch(true)) => Some(EVERY),
            Some(RawSpan::Switch(false)) => None,
            Some(RawSpan::Written(text)) => reading
                .accept("scrub.every", every(text))
                .unwrap_or_default(),
        },
        max_read_rate: raw
            .max_read_rate
            .as_ref()
            .and_then(|rate| reading.accept("scrub.max_read_rate", read_rate::read(rate))),
    }
}

fn every(text: &str) -> Result<Option<Duration>, Complaint> {
    if text == "never" {
        return Ok(None);
    }
    duration::positive(text).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{config, problems};

    #[test]
    fn kept_backups_are_read_again_each_month_unless_told_otherwise() {
        let scrub = config("").scrub;
        assert_eq!(scrub.every, Some(Duration::from_hours(720)));
        assert_eq!(scrub.max_read_rate, None);
        let every = |text| config(&format!("scrub.every = {text}")).scrub.every;
        assert_eq!(every("'90d'"), Some(Duration::from_hours(90 * 24)));
        assert_eq!(every("true"), Some(EVERY));
        assert_eq!(every("false"), None);
        assert_eq!(every("'never'"), None);
        let scrub = config("scrub.max_read_rate = '20MB/s'").scrub;
        assert_eq!(scrub.max_read_rate, NonZeroU64::new(20_000_000));
    }

    #[test]
    fn a_wrong_value_says_what_to_write() {
        let cases = [
            (
                "scrub.every = 30",
                "scrub.every is an integer; write a duration such as \"30d\", or false",
            ),
            (
                "scrub.every = 'monthly'",
                "scrub.every is \"monthly\", which is no duration; write a number and a unit, such \
                 as \"90s\", \"15m\", \"24h\" or \"7d\"",
            ),
            (
                "scrub.every = '0s'",
                "scrub.every is zero; give a longer time",
            ),
            (
                "scrub.max_read_rate = 'slow'",
                "scrub.max_read_rate is \"slow\", which is no rate; write a whole number above zero \
                 and kB/s, MB/s, GB/s, KiB/s, MiB/s or GiB/s, such as \"50MB/s\"; leave the key out \
                 for no limit",
            ),
        ];
        for (text, problem) in cases {
            assert_eq!(problems(text), [format!("vigie.toml:2: {problem}")]);
        }
    }
}
