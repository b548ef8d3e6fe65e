//! Instants on the command line, with an offset or by the clocks of a time zone. Knows no clock.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// How a local date and time is written.
const LOCAL: [&str; 4] = [
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
];

/// An instant as somebody wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// With its offset.
    Instant(Timestamp),
    /// As clocks show it.
    Local(DateTime),
}

impl Moment {
    /// The instant, where clocks are those of `zone`. One that they show twice is the first, one that
    /// they leave out is as much later.
    pub fn in_zone(self, zone: &TimeZone) -> anyhow::Result<Timestamp> {
        match self {
            Self::Instant(instant) => Ok(instant),
            Self::Local(shown) => Ok(zone.to_timestamp(shown)?),
        }
    }
}

impl FromStr for Moment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(instant) = text.parse() {
            return Ok(Self::Instant(instant));
        }
        // The usual reading takes a date alone for its first minute.
        let mut local = LOCAL.iter().map(|form| DateTime::strptime(form, text));
        local
            .find_map(Result::ok)
            .map(Self::Local)
            .ok_or("write a date and a time, such as \"2026-05-01 20:00\" or 2026-05-01T20:00:00Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_paris(text: &str) -> String {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let moment: Moment = text.parse().unwrap();
        moment.in_zone(&zone).unwrap().to_string()
    }

    #[test]
    fn without_an_offset_it_is_what_clocks_show() {
        assert_eq!(in_paris("2026-05-01 20:00"), "2026-05-01T18:00:00Z");
        assert_eq!(in_paris("2026-05-01T20:00:30"), "2026-05-01T18:00:30Z");
        assert_eq!(in_paris("2026-05-01T20:00Z"), "2026-05-01T20:00:00Z");
        assert_eq!(in_paris("2026-05-01 20:00+01:00"), "2026-05-01T19:00:00Z");
    }

    #[test]
    fn a_date_or_a_time_alone_is_none() {
        for text in ["2026-05-01", "20:00", "tomorrow", ""] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
    }
}
