//! When backups are expected. Knows instants and time zones, no job and no status.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use croner::{Cron, YEAR_UPPER_LIMIT};
use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// An expectation further away than this is no use to anybody, and a sum with it could overflow.
const LONGEST: Duration = Duration::from_hours(10 * 366 * 24);

/// When a job's backups are expected, and how long after that one is given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenSchedule", into = "WrittenSchedule")]
pub enum Schedule {
    /// A fixed time after the last backup.
    Every {
        /// The longest time between two backups.
        every: Duration,
        /// How long a backup may be late.
        grace: Duration,
    },
    /// At the times of a cron expression.
    Cron(Arc<CronSchedule>),
}

/// A cron expression in a time zone, right on both days of daylight saving: a time that the clocks
/// skip is expected right after the gap, one that they repeat is expected once.
#[derive(Debug, Clone)]
pub struct CronSchedule {
    expression: String,
    cron: Cron,
    time_zone_name: String,
    time_zone: TimeZone,
    grace: Duration,
    early: Option<Duration>,
}

/// Why a schedule can't be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidSchedule {
    /// The interval is zero.
    #[error("`every` is zero; give the longest time between two backups, such as \"24h\"")]
    ZeroInterval,
    /// A duration is longer than ten years.
    #[error("`{0}` is longer than ten years")]
    TooLong(&'static str),
    /// The cron expression can't be read.
    #[error("the cron expression {expression:?} can't be read: {problem}")]
    Cron {
        /// The expression as given.
        expression: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The cron expression names a date that never comes.
    #[error("the cron expression {0:?} names no time that ever comes")]
    Never(String),
    /// The time zone is not in the IANA database.
    #[error("{0:?} is no IANA time zone; an example is \"Africa/Douala\"")]
    TimeZone(String),
}

impl Schedule {
    /// A backup at least `every` so often, given up `grace` after that.
    ///
    /// # Errors
    ///
    /// When `every` is zero, or a duration exceeds ten years.
    pub fn every(every: Duration, grace: Duration) -> Result<Self, InvalidSchedule> {
        if every.is_zero() {
            return Err(InvalidSchedule::ZeroInterval);
        }
        at_most_longest("every", every)?;
        at_most_longest("grace", grace)?;
        Ok(Self::Every { every, grace })
    }

    /// A backup at each time of a cron expression (five fields, or six with seconds first) in an
    /// IANA time zone, given up `grace` after that.
    ///
    /// `early` is how long before an expected time a backup may end and still be the one expected
    /// then; by default a quarter of the interval that ends there.
    ///
    /// ```
    /// use std::time::Duration;
    /// use vigie_domain::Schedule;
    ///
    /// let hour = Duration::from_hours(1);
    /// let nightly = Schedule::cron("0 1 * * *", "Africa/Douala", hour, None)?;
    /// let evening = "2025-06-20T18:00:00Z".parse()?;
    /// assert_eq!(nightly.next_expected(evening), Some("2025-06-21T00:00:00Z".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the expression can't be read or names no time that comes, when the time zone is not
    /// known, or when a duration exceeds ten years.
    pub fn cron(
        expression: &str,
        time_zone: &str,
        grace: Duration,
        early: Option<Duration>,
    ) -> Result<Self, InvalidSchedule> {
        at_most_longest("grace", grace)?;
        at_most_longest("early", early.unwrap_or_default())?;
        let cron = Cron::from_str(expression).map_err(|error| InvalidSchedule::Cron {
            expression: expression.to_owned(),
            problem: error.to_string(),
        })?;
        let schedule = CronSchedule {
            expression: expression.to_owned(),
            cron,
            time_zone_name: time_zone.to_owned(),
            time_zone: TimeZone::get(time_zone)
                .map_err(|_| InvalidSchedule::TimeZone(time_zone.to_owned()))?,
            grace,
            early,
        };
        if !schedule.ever_comes() {
            return Err(InvalidSchedule::Never(expression.to_owned()));
        }
        Ok(Self::Cron(Arc::new(schedule)))
    }

    /// How long after the expected time a backup is given up.
    #[must_use]
    pub fn grace(&self) -> Duration {
        match self {
            Self::Every { grace, .. } => *grace,
            Self::Cron(cron) => cron.grace,
        }
    }

    /// The first instant after `covered_until` at which a backup is expected; `None` when the
    /// schedule has ended.
    #[must_use]
    pub fn next_expected(&self, covered_until: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every { every, .. } => later(covered_until, *every),
            Self::Cron(cron) => cron.next(covered_until),
        }
    }

    /// The instant after which the backup expected at `expected_at` is missing.
    #[must_use]
    pub fn deadline_of(&self, expected_at: Timestamp) -> Option<Timestamp> {
        later(expected_at, self.grace())
    }

    /// How many backups were given up by `until`, of a job whose last good one ended at `good_until`;
    /// `None` when they are too many to count (over ten thousand).
    ///
    /// ```
    /// use std::time::Duration;
    /// use vigie_domain::Schedule;
    ///
    /// let daily = Schedule::every(Duration::from_hours(24), Duration::from_hours(2))?;
    /// let (good, again) = ("2025-06-17T01:00:00Z".parse()?, "2025-06-20T01:30:00Z".parse()?);
    /// assert_eq!(daily.given_up_between(good, again), Some(2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn given_up_between(&self, good_until: Timestamp, until: Timestamp) -> Option<u32> {
        const MOST: u32 = 10_000;
        let mut expected_at = good_until;
        for count in 0..=MOST {
            match self.next_expected(expected_at) {
                Some(next)
                    if self
                        .deadline_of(next)
                        .is_some_and(|deadline| deadline < until) =>
                {
                    expected_at = next;
                }
                _ => return Some(count),
            }
        }
        None
    }

    /// Where the expectation stands after a report of a backup that ended at `ended_at`, for a job
    /// that was covered until `covered_until`. Never earlier than that.
    ///
    /// With `every` the clock starts anew. With `cron` the report covers one expected time and no
    /// second one: the last one before it, late as it may be, or the one to come when it is only
    /// slightly early.
    #[must_use]
    pub fn cover(&self, covered_until: Timestamp, ended_at: Timestamp) -> Timestamp {
        let covered = match self {
            Self::Every { .. } => ended_at,
            Self::Cron(cron) => cron
                .covered_by(covered_until, ended_at)
                .unwrap_or(covered_until),
        };
        covered.max(covered_until)
    }
}

impl CronSchedule {
    /// The expression as it was written.
    #[must_use]
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The IANA name of the time zone.
    #[must_use]
    pub fn time_zone_name(&self) -> &str {
        &self.time_zone_name
    }

    /// Whether it names any time that ever comes.
    fn ever_comes(&self) -> bool {
        let mut fields = self.expression.split_whitespace();
        if fields.any(|field| field.split(',').all(str::is_empty)) {
            return false;
        }
        let has_years = self.expression.split_whitespace().count() > 6;
        let after = if has_years {
            Timestamp::UNIX_EPOCH
        } else {
            a_hundred_years_before_the_end()
        };
        self.next(after).is_some()
    }

    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let after = after.to_zoned(self.time_zone.clone());
        let next = self.cron.find_next_occurrence(&after, false).ok()?;
        Some(next.timestamp())
    }

    fn last_until(&self, until: Timestamp) -> Option<Timestamp> {
        let until = until.to_zoned(self.time_zone.clone());
        let last = self.cron.find_previous_occurrence(&until, true).ok()?;
        Some(last.timestamp())
    }

    /// The expected time that a backup which ended at `ended_at` stands for.
    ///
    /// Once an expected time was missed, a report shortly before the next one could be a very late
    /// one or a slightly early one. It is the late one while the earlier time is still waited for,
    /// and after that unless it is no earlier than it may be late. Were it always the late one, an
    /// agent that ends a minute early would, after one missed day, be a day behind for ever, and
    /// reported missing each night although its backup is there.
    fn covered_by(&self, covered_until: Timestamp, ended_at: Timestamp) -> Option<Timestamp> {
        let last = self.last_until(ended_at);
        let Some(next) = self.next(ended_at) else {
            return last;
        };
        let Some(last) = last else {
            return (later(ended_at, self.early.unwrap_or_default())? >= next).then_some(next);
        };
        let interval = last.duration_until(next);
        let mut early = self.early.map_or(interval / 4, signed);
        if last > covered_until {
            if ended_at <= later(last, self.grace)? {
                return Some(last);
            }
            early = early.min(signed(self.grace).max(interval / 24));
        }
        let is_slightly_early = ended_at.duration_until(next) <= early;
        Some(if is_slightly_early { next } else { last })
    }
}

impl PartialEq for CronSchedule {
    fn eq(&self, other: &Self) -> bool {
        self.expression == other.expression
            && self.time_zone_name == other.time_zone_name
            && self.grace == other.grace
            && self.early == other.early
    }
}

impl Eq for CronSchedule {}

impl fmt::Display for Schedule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every { every, .. } => write!(formatter, "every {:#}", signed(*every)),
            Self::Cron(cron) => write!(formatter, "{} ({})", cron.expression, cron.time_zone_name),
        }
    }
}

/// What comes at all, whatever the year, comes within forty: that long there may be no 29 February on a
/// given weekday. The search for what never comes ends with the last year that there is to croner, and
/// takes seconds when it begins today.
fn a_hundred_years_before_the_end() -> Timestamp {
    let year = i16::try_from(YEAR_UPPER_LIMIT - 100).unwrap_or(i16::MAX);
    let start = date(year, 1, 1).to_zoned(TimeZone::UTC);
    start.map_or(Timestamp::UNIX_EPOCH, |start| start.timestamp())
}

fn at_most_longest(name: &'static str, duration: Duration) -> Result<(), InvalidSchedule> {
    if duration > LONGEST {
        return Err(InvalidSchedule::TooLong(name));
    }
    Ok(())
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

fn later(instant: Timestamp, duration: Duration) -> Option<Timestamp> {
    instant.checked_add(duration).ok()
}

/// A schedule as it is written in JSON: durations in seconds.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
struct WrittenSchedule {
    #[serde(skip_serializing_if = "Option::is_none")]
    every_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cron: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timezone: Option<String>,
    grace_seconds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    early_seconds: Option<u64>,
}

impl From<Schedule> for WrittenSchedule {
    fn from(schedule: Schedule) -> Self {
        match schedule {
            Schedule::Every { every, grace } => Self {
                every_seconds: Some(every.as_secs()),
                cron: None,
                timezone: None,
                grace_seconds: grace.as_secs(),
                early_seconds: None,
            },
            Schedule::Cron(cron) => Self {
                every_seconds: None,
                cron: Some(cron.expression.clone()),
                timezone: Some(cron.time_zone_name.clone()),
                grace_seconds: cron.grace.as_secs(),
                early_seconds: cron.early.map(|early| early.as_secs()),
            },
        }
    }
}

impl TryFrom<WrittenSchedule> for Schedule {
    type Error = InvalidSchedule;

    fn try_from(written: WrittenSchedule) -> Result<Self, Self::Error> {
        let grace = Duration::from_secs(written.grace_seconds);
        let Some(cron) = written.cron else {
            let every = Duration::from_secs(written.every_seconds.unwrap_or_default());
            return Self::every(every, grace);
        };
        let timezone = written.timezone.as_deref().unwrap_or("UTC");
        let early = written.early_seconds.map(Duration::from_secs);
        Self::cron(&cron, timezone, grace, early)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn nightly(grace: Duration) -> Schedule {
        Schedule::cron("0 1 * * *", "UTC", grace, None).unwrap()
    }

    #[test]
    fn a_report_covers_the_expected_time_before_it() {
        let covered =
            nightly(2 * HOUR).cover(at("2025-06-19T12:00:00Z"), at("2025-06-20T01:20:00Z"));
        assert_eq!(covered, at("2025-06-20T01:00:00Z"));
    }

    #[test]
    fn a_slightly_early_report_covers_the_time_to_come() {
        let covered =
            nightly(2 * HOUR).cover(at("2025-06-19T01:00:00Z"), at("2025-06-20T00:59:00Z"));
        assert_eq!(covered, at("2025-06-20T01:00:00Z"));
    }

    #[test]
    fn a_late_report_covers_the_time_it_was_late_for() {
        let covered =
            nightly(2 * HOUR).cover(at("2025-06-19T01:00:00Z"), at("2025-06-20T17:00:00Z"));
        assert_eq!(covered, at("2025-06-20T01:00:00Z"));
    }

    #[test]
    fn an_agent_that_ends_a_minute_early_is_not_behind_for_ever_after_a_missed_day() {
        let schedule = nightly(2 * HOUR);
        let covered = schedule.cover(at("2025-06-18T01:00:00Z"), at("2025-06-20T00:59:00Z"));
        assert_eq!(covered, at("2025-06-20T01:00:00Z"));
    }

    #[test]
    fn a_backup_that_was_run_by_hand_in_the_evening_is_not_tomorrows() {
        let covered =
            nightly(2 * HOUR).cover(at("2025-06-19T01:00:00Z"), at("2025-06-20T20:00:00Z"));
        assert_eq!(covered, at("2025-06-20T01:00:00Z"));
        let covered_already = at("2025-06-20T01:00:00Z");
        let covered = nightly(2 * HOUR).cover(covered_already, at("2025-06-20T20:00:00Z"));
        assert_eq!(covered, at("2025-06-21T01:00:00Z"));
    }

    #[test]
    fn within_a_long_grace_a_report_is_for_the_time_still_waited_for() {
        let schedule = nightly(23 * HOUR);
        let covered = schedule.cover(at("2025-06-19T01:00:00Z"), at("2025-06-20T23:00:00Z"));
        assert_eq!(covered, at("2025-06-20T01:00:00Z"));
    }

    #[test]
    fn how_early_is_early_can_be_given() {
        let strict =
            Schedule::cron("0 1 * * *", "UTC", HOUR, Some(Duration::from_mins(1))).unwrap();
        let before = at("2025-06-19T01:00:00Z");
        assert_eq!(strict.cover(before, at("2025-06-20T00:58:00Z")), before);
        assert_eq!(
            strict.cover(before, at("2025-06-20T00:59:00Z")),
            at("2025-06-20T01:00:00Z")
        );
    }

    #[test]
    fn a_time_that_the_clocks_skip_is_expected_right_after_the_gap() {
        let schedule = Schedule::cron("30 2 * * *", "Europe/Paris", HOUR, None).unwrap();
        assert_eq!(
            schedule.next_expected(at("2025-03-29T12:00:00Z")),
            Some(at("2025-03-30T01:00:00Z"))
        );
    }

    #[test]
    fn a_time_that_the_clocks_repeat_is_expected_once() {
        let schedule = Schedule::cron("30 2 * * *", "Europe/Paris", HOUR, None).unwrap();
        let first = schedule.next_expected(at("2025-10-25T12:00:00Z")).unwrap();
        assert_eq!(first, at("2025-10-26T00:30:00Z"));
        assert_eq!(
            schedule.next_expected(first),
            Some(at("2025-10-27T01:30:00Z"))
        );
    }

    #[test]
    fn a_schedule_that_can_not_be_says_why() {
        let text = |result: Result<Schedule, InvalidSchedule>| result.unwrap_err().to_string();
        assert!(text(Schedule::every(Duration::ZERO, HOUR)).contains("zero"));
        assert!(text(Schedule::every(HOUR, Duration::MAX)).contains("`grace`"));
        assert!(text(Schedule::cron("0 25 * * *", "UTC", HOUR, None)).contains("0 25 * * *"));
        assert!(text(Schedule::cron("0 0 30 2 *", "UTC", HOUR, None)).contains("ever comes"));
        assert!(text(Schedule::cron("0 , * * *", "UTC", HOUR, None)).contains("ever comes"));
        let rare = "0 0 29 2 +1";
        assert!(Schedule::cron(rare, "UTC", HOUR, None).is_ok());
        assert!(text(Schedule::cron("0 1 * * *", "Douala", HOUR, None)).contains("IANA"));
    }

    fn any_schedule() -> impl Strategy<Value = Schedule> {
        let crons = prop::sample::select(vec![
            "0 1 * * *",
            "*/15 * * * *",
            "30 2 * * 1-5",
            "0 0 1 * *",
        ]);
        let zones = prop::sample::select(vec![
            "UTC",
            "Africa/Douala",
            "Europe/Paris",
            "America/New_York",
        ]);
        prop_oneof![
            (1..2_000_000_u64, 0..200_000_u64).prop_map(|(every, grace)| Schedule::every(
                Duration::from_secs(every),
                Duration::from_secs(grace)
            )
            .unwrap()),
            (crons, zones, 0..200_000_u64).prop_map(|(cron, zone, grace)| Schedule::cron(
                cron,
                zone,
                Duration::from_secs(grace),
                None
            )
            .unwrap()),
        ]
    }

    fn any_instant() -> impl Strategy<Value = Timestamp> {
        (1_600_000_000..1_900_000_000_i64)
            .prop_map(|second| Timestamp::from_second(second).unwrap())
    }

    proptest! {
        #[test]
        fn what_is_expected_lies_ahead_and_its_deadline_not_before_it(
            schedule in any_schedule(), covered in any_instant(),
        ) {
            let expected = schedule.next_expected(covered).unwrap();
            prop_assert!(expected > covered);
            prop_assert!(schedule.deadline_of(expected).unwrap() >= expected);
        }

        #[test]
        fn coverage_never_goes_back_and_never_takes_two_expected_times(
            schedule in any_schedule(), covered in any_instant(), ended in any_instant(),
        ) {
            let after = schedule.cover(covered, ended);
            prop_assert!(after >= covered);
            // At most one expected time lies between the backup's end and what it covers.
            if after > ended {
                prop_assert!(after == covered || schedule.next_expected(ended) == Some(after));
            }
        }

        #[test]
        fn a_written_schedule_is_read_back(schedule in any_schedule()) {
            let json = serde_json::to_string(&schedule).unwrap();
            prop_assert_eq!(serde_json::from_str::<Schedule>(&json).unwrap(), schedule);
        }
    }
}
