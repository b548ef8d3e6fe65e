//! When digests are written. Knows no fact that they tell.

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

use super::DigestPeriod;

/// When digests are written, and for whom.
#[derive(Debug, Clone, PartialEq)]
pub struct DigestSettings {
    /// How often.
    pub period: DigestPeriod,
    /// At which time of the day.
    pub at: Time,
    /// On which day, when it is once a week.
    pub weekday: Weekday,
    /// Of which time zone day and time are.
    pub time_zone: TimeZone,
    /// Who gets one; nobody here means the administrators. An administrator reads of all jobs, anybody
    /// else of those that they are told of.
    pub recipients: Vec<String>,
}

impl DigestSettings {
    /// The last instant up to `now` at which a digest is due. A time that a clock leaves out when it is
    /// put forward is due as much later; of one that comes twice it is the first.
    ///
    /// ```
    /// use vigie_notify::{DigestPeriod, DigestSettings, TimeZone, civil};
    ///
    /// let digests = DigestSettings {
    ///     period: DigestPeriod::Weekly,
    ///     at: civil::time(7, 0, 0, 0),
    ///     weekday: civil::Weekday::Monday,
    ///     time_zone: TimeZone::get("Africa/Douala")?,
    ///     recipients: Vec::new(),
    /// };
    /// // A Friday, and the Monday before it.
    /// let now = "2025-06-20T12:00:00Z".parse()?;
    /// assert_eq!(digests.last_due(now), Some("2025-06-16T06:00:00Z".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn last_due(&self, now: Timestamp) -> Option<Timestamp> {
        let mut day = now.to_zoned(self.time_zone.clone()).date();
        // This week's day may be ahead, and today's hour too.
        for _ in 0..=8 {
            let is_day = self.period == DigestPeriod::Daily || day.weekday() == self.weekday;
            let due = self.time_zone.to_zoned(day.to_datetime(self.at)).ok();
            let due = due.as_ref().map(Zoned::timestamp);
            if is_day && due.is_some_and(|due| due <= now) {
                return due;
            }
            day = day.checked_sub(1.day()).ok()?;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::time;
    use proptest::prelude::*;

    use super::*;

    fn digests(period: DigestPeriod, zone: &str) -> DigestSettings {
        DigestSettings {
            period,
            at: time(2, 30, 0, 0),
            weekday: Weekday::Sunday,
            time_zone: TimeZone::get(zone).unwrap(),
            recipients: Vec::new(),
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_hour_that_is_left_out_or_comes_twice_has_one_digest() {
        let daily = digests(DigestPeriod::Daily, "Europe/Paris");
        for (now, due) in [
            ("2025-03-29T12:00:00Z", "2025-03-29T01:30:00Z"),
            // 02:30 is left out: it is 03:30 then.
            ("2025-03-30T12:00:00Z", "2025-03-30T01:30:00Z"),
            ("2025-10-26T00:45:00Z", "2025-10-26T00:30:00Z"),
            ("2025-10-26T12:00:00Z", "2025-10-26T00:30:00Z"),
        ] {
            assert_eq!(daily.last_due(at(now)), Some(at(due)), "{now}");
        }
    }

    proptest! {
        #[test]
        fn there_is_one_each_day_or_week(
            hours in 400_000_i64..600_000,
            is_weekly: bool,
            zone in prop::sample::select(&["UTC", "America/New_York", "Australia/Lord_Howe"][..]),
        ) {
            let period = if is_weekly { DigestPeriod::Weekly } else { DigestPeriod::Daily };
            let now = Timestamp::from_second(hours * 3_600).unwrap();
            let due = digests(period, zone).last_due(now).unwrap();
            let most = if is_weekly { 7 * 24 + 1 } else { 25 };
            prop_assert!(due <= now);
            prop_assert!(due.duration_until(now).as_hours() <= most);
            prop_assert_eq!(digests(period, zone).last_due(due), Some(due));
        }
    }
}
