//! When people are not to be told: silences, maintenance and holidays. Knows no mail and no clock.

use std::fmt;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

use crate::{Matchers, Subject};

/// How far windows that touch are followed. Who waits so long asks again then.
const FOLLOWED: SignedDuration = SignedDuration::from_hours(31 * 24);

/// The number by which a store knows a silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SilenceId(pub i64);

impl fmt::Display for SilenceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A stretch in which somebody wants people not to be told of some jobs. It always ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// The store's number for it.
    pub id: SilenceId,
    /// Of which jobs.
    pub matchers: Matchers,
    /// When it starts.
    pub starts_at: Timestamp,
    /// The first instant at which people are told again.
    pub ends_at: Timestamp,
    /// Why, for people.
    pub reason: String,
    /// Who wants it.
    pub author: String,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Silence {
    /// Whether it is in force.
    #[must_use]
    pub fn is_active_at(&self, now: Timestamp) -> bool {
        self.starts_at <= now && now < self.ends_at
    }
}

/// A stretch, once or again and again, in which people are not to be told of some jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuietWindow {
    /// What it is called, for people.
    pub name: String,
    /// Of which jobs.
    pub matchers: Matchers,
    /// What its dates and times are told in.
    pub time_zone: TimeZone,
    /// When.
    pub times: QuietTimes,
}

/// When a window is quiet, by the clocks of its time zone.
///
/// It starts when they first show its start, or go past it, and ends when they first show its end, or
/// go past that. So a night in which they are put forward or back is an hour shorter or longer, and
/// what lies in an hour that is left out is not quiet at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuietTimes {
    /// On some days of each week.
    Weekly {
        /// The days on which it starts.
        days: Vec<Weekday>,
        /// When it starts.
        start: Time,
        /// When it ends: on the next day unless that is later than the start. So the same time as the
        /// start ends it a day later, and midnight to midnight is a whole day.
        end: Time,
    },
    /// Once.
    Once {
        /// When it starts.
        from: DateTime,
        /// When it ends. No later than the start, it is never quiet.
        until: DateTime,
    },
    /// On whole days.
    Holidays {
        /// The days.
        dates: Vec<HolidayDate>,
    },
}

/// A day that is quiet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HolidayDate {
    /// Once.
    On(Date),
    /// In each year that has it.
    EachYear {
        /// The month, from 1 on.
        month: i8,
        /// The day of the month, from 1 on.
        day: i8,
    },
}

impl HolidayDate {
    fn is_on(self, date: Date) -> bool {
        match self {
            Self::On(day) => day == date,
            Self::EachYear { month, day } => (month, day) == (date.month(), date.day()),
        }
    }
}

/// All that keeps people from being told.
///
/// ```
/// use jiff::civil::{Weekday, time};
/// use jiff::tz::TimeZone;
/// use vigie_notify::{
///     AlertSeverity, Matchers, Quiet, QuietTimes, QuietWindow, Subject, samples,
/// };
///
/// let nights = QuietWindow {
///     name: "nights".to_owned(),
///     matchers: Matchers::default(),
///     time_zone: TimeZone::get("Africa/Douala")?,
///     times: QuietTimes::Weekly {
///         days: vec![Weekday::Friday],
///         start: time(22, 0, 0, 0),
///         end: time(6, 0, 0, 0),
///     },
/// };
/// let quiet = Quiet { windows: vec![nights], ..Quiet::default() };
/// let job = samples::missing_full().job;
/// let subject = Subject::of(&job, AlertSeverity::Critical);
///
/// // A quarter past midnight in Douala, on a Saturday.
/// let held = quiet.until(&subject, "2025-06-20T23:15:00Z".parse()?).unwrap();
/// assert_eq!(held.until, "2025-06-21T05:00:00Z".parse()?);
/// assert_eq!(held.by.to_string(), "nights");
/// assert_eq!(quiet.until(&subject, held.until), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quiet {
    /// What people asked for on the way.
    pub silences: Vec<Silence>,
    /// What is planned: maintenance and holidays.
    pub windows: Vec<QuietWindow>,
}

/// That people are not to be told of something now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// When they may be told: later than now, and the end of all that touches. That is followed for a
    /// month at most, so that it may be quiet then, too.
    pub until: Timestamp,
    /// What keeps them from being told now, and does so the longest.
    pub by: HeldBy,
}

/// What keeps people from being told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum HeldBy {
    /// A silence.
    Silence {
        /// Its number.
        id: SilenceId,
        /// Why it is there.
        reason: String,
    },
    /// Maintenance or a holiday.
    Maintenance {
        /// What it is called.
        name: String,
    },
}

/// In words: `silence 3 (new disks)`, or the name of a window.
impl fmt::Display for HeldBy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence { id, reason } => write!(formatter, "silence {id} ({reason})"),
            Self::Maintenance { name } => formatter.write_str(name),
        }
    }
}

impl Quiet {
    /// Until when people are not to be told of this, and why; `None` when they may be told now.
    #[must_use]
    pub fn until(&self, subject: &Subject<'_>, now: Timestamp) -> Option<Held> {
        let silences = self.silences.iter();
        let silences: Vec<&Silence> = silences
            .filter(|silence| silence.matchers.matches(subject))
            .collect();
        let windows = self.windows.iter();
        let windows: Vec<&QuietWindow> = windows
            .filter(|window| window.matchers.matches(subject))
            .collect();
        let (end, by) = in_force(&silences, &windows, now)?;
        let until = follow(end, later(now, FOLLOWED), |at| {
            in_force(&silences, &windows, at).map(|(end, _)| end)
        });
        Some(Held {
            until,
            by: by.told(),
        })
    }
}

/// Whether these weekly windows together leave no time in which people are told. Windows of other
/// kinds are not looked at: they end by themselves.
#[must_use]
pub fn never_end(windows: &[&QuietWindow]) -> bool {
    let weekly = windows.iter().copied();
    let weekly: Vec<&QuietWindow> = weekly
        .filter(|window| matches!(window.times, QuietTimes::Weekly { .. }))
        .collect();
    let week = SignedDuration::from_hours(8 * 24);
    // A week in winter and one in summer: windows may be told in several zones.
    [1_768_176_000, 1_783_900_800].into_iter().all(|second| {
        let Ok(start) = Timestamp::from_second(second) else {
            return false;
        };
        let limit = later(start, week);
        let end_at = |at| in_force(&[], &weekly, at).map(|(end, _)| end);
        follow(start, limit, end_at) >= limit
    })
}

/// What keeps people from being told at an instant.
enum InForce<'a> {
    Silence(&'a Silence),
    Window(&'a QuietWindow),
}

impl InForce<'_> {
    fn told(&self) -> HeldBy {
        match self {
            Self::Silence(silence) => HeldBy::Silence {
                id: silence.id,
                reason: silence.reason.clone(),
            },
            Self::Window(window) => HeldBy::Maintenance {
                name: window.name.clone(),
            },
        }
    }
}

/// Of all that is in force at an instant, what ends last, and when it does.
fn in_force<'a>(
    silences: &[&'a Silence],
    windows: &[&'a QuietWindow],
    at: Timestamp,
) -> Option<(Timestamp, InForce<'a>)> {
    let silences = silences.iter().filter(|silence| silence.is_active_at(at));
    let silences = silences.map(|silence| (silence.ends_at, InForce::Silence(silence)));
    let windows = windows
        .iter()
        .filter_map(|window| Some((window.end_at(at)?, InForce::Window(window))));
    // Of those that end together the last is taken: what people asked for explains more.
    windows.chain(silences).max_by_key(|(end, _)| *end)
}

/// Goes from one end to the next as long as something else is in force there.
fn follow(
    mut at: Timestamp,
    limit: Timestamp,
    end_at: impl Fn(Timestamp) -> Option<Timestamp>,
) -> Timestamp {
    while at < limit {
        match end_at(at) {
            Some(end) => at = end,
            None => break,
        }
    }
    at
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

impl QuietWindow {
    /// When the stretch ends that this instant lies in.
    fn end_at(&self, at: Timestamp) -> Option<Timestamp> {
        let stretches = match &self.times {
            QuietTimes::Weekly { days, start, end } => {
                self.around(at, |date| self.weekly(date, days, *start, *end))
            }
            QuietTimes::Once { from, until } => {
                self.stretch(*from, *until).into_iter().collect::<Vec<_>>()
            }
            QuietTimes::Holidays { dates } => self.around(at, |date| self.holiday(date, dates)),
        };
        let around = stretches.into_iter();
        let ends = around.filter(|(start, end)| *start <= at && at < *end);
        ends.map(|(_, end)| end).max()
    }

    /// The stretches that start on the day of this instant or on one beside it: the one before may
    /// reach over midnight, and clocks may be put back to the day before.
    fn around(
        &self,
        at: Timestamp,
        stretch_of: impl Fn(Date) -> Option<(Timestamp, Timestamp)>,
    ) -> Vec<(Timestamp, Timestamp)> {
        let today = self.time_zone.to_datetime(at).date();
        [today.yesterday(), Ok(today), today.tomorrow()]
            .into_iter()
            .filter_map(|date| stretch_of(date.ok()?))
            .collect()
    }

    fn weekly(
        &self,
        date: Date,
        days: &[Weekday],
        start: Time,
        end: Time,
    ) -> Option<(Timestamp, Timestamp)> {
        let last = if end > start {
            date
        } else {
            date.tomorrow().ok()?
        };
        let is_its_day = days.contains(&date.weekday());
        is_its_day.then(|| self.stretch(date.to_datetime(start), last.to_datetime(end)))?
    }

    fn holiday(&self, date: Date, dates: &[HolidayDate]) -> Option<(Timestamp, Timestamp)> {
        let next = date.checked_add(1.day()).ok()?;
        let midnight = Time::midnight();
        let is_one = dates.iter().any(|holiday| holiday.is_on(date));
        is_one.then(|| self.stretch(date.to_datetime(midnight), next.to_datetime(midnight)))?
    }

    fn stretch(&self, from: DateTime, until: DateTime) -> Option<(Timestamp, Timestamp)> {
        Some((self.first_at(from)?, self.first_at(until)?))
    }

    /// The first instant at which clocks show this, or are put forward past it.
    fn first_at(&self, shown: DateTime) -> Option<Timestamp> {
        let ambiguous = self.time_zone.to_ambiguous_zoned(shown);
        let is_left_out = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
        let earlier = ambiguous.earlier().ok()?.timestamp();
        if is_left_out {
            let mut changes = self.time_zone.following(earlier);
            return changes.next().map(|change| change.timestamp());
        }
        Some(earlier)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::{date, datetime, time};
    use proptest::prelude::*;
    use vigie_domain::JobStatus;

    use super::*;
    use crate::AlertSeverity;

    const SUBJECT: Subject<'static> = Subject {
        company: "SDMC",
        city: "DOUALA",
        agent: "SDMC_DOUALA_AKWA",
        database: "XAFRIC_2025",
        year: Some(2025),
        status: JobStatus::Missing,
        severity: AlertSeverity::Critical,
    };

    const EVERY_DAY: [Weekday; 7] = [
        Weekday::Monday,
        Weekday::Tuesday,
        Weekday::Wednesday,
        Weekday::Thursday,
        Weekday::Friday,
        Weekday::Saturday,
        Weekday::Sunday,
    ];

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn window(zone: &str, times: QuietTimes) -> QuietWindow {
        QuietWindow {
            name: "window".to_owned(),
            matchers: Matchers::default(),
            time_zone: TimeZone::get(zone).unwrap(),
            times,
        }
    }

    fn weekly(zone: &str, days: &[Weekday], start: Time, end: Time) -> QuietWindow {
        let days = days.to_vec();
        window(zone, QuietTimes::Weekly { days, start, end })
    }

    fn silence(id: i64, starts_at: Timestamp, ends_at: Timestamp) -> Silence {
        Silence {
            id: SilenceId(id),
            matchers: Matchers::default(),
            starts_at,
            ends_at,
            reason: "new disks".to_owned(),
            author: "ops".to_owned(),
            created_at: starts_at,
        }
    }

    fn of_windows(windows: Vec<QuietWindow>) -> Quiet {
        Quiet {
            windows,
            silences: Vec::new(),
        }
    }

    /// When it starts and ends to be quiet between two instants, to the half hour.
    fn stretches(quiet: &Quiet, from: &str, until: &str) -> Vec<(String, String)> {
        let (mut now, until) = (at(from), at(until));
        let mut stretches = Vec::new();
        while now < until {
            match quiet.until(&SUBJECT, now) {
                Some(held) => {
                    stretches.push((now.to_string(), held.until.to_string()));
                    now = held.until;
                }
                None => now = later(now, SignedDuration::from_mins(30)),
            }
        }
        stretches
    }

    #[track_caller]
    fn assert_quiet(window: QuietWindow, from: &str, until: &str, expected: &[(&str, &str)]) {
        let stretches = stretches(&of_windows(vec![window]), from, until);
        let stretches: Vec<(&str, &str)> = stretches
            .iter()
            .map(|(start, end)| (start.as_str(), end.as_str()))
            .collect();
        assert_eq!(stretches, expected);
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_starts() {
        let nights = weekly(
            "Africa/Douala",
            &[Weekday::Saturday, Weekday::Sunday],
            time(22, 0, 0, 0),
            time(6, 0, 0, 0),
        );
        assert_quiet(
            nights,
            "2025-06-20T00:00:00Z",
            "2025-06-24T00:00:00Z",
            &[
                ("2025-06-21T21:00:00Z", "2025-06-22T05:00:00Z"),
                ("2025-06-22T21:00:00Z", "2025-06-23T05:00:00Z"),
            ],
        );
    }

    #[test]
    fn whole_days_that_follow_each_other_are_one_stretch() {
        let midnight = Time::midnight();
        let weekends = [Weekday::Saturday, Weekday::Sunday];
        assert_quiet(
            weekly("UTC", &weekends, midnight, midnight),
            "2025-06-20T00:00:00Z",
            "2025-06-26T00:00:00Z",
            &[("2025-06-21T00:00:00Z", "2025-06-23T00:00:00Z")],
        );
    }

    #[test]
    fn the_night_in_which_clocks_change_is_shorter_or_longer() {
        let nights = || {
            let (start, end) = (time(22, 0, 0, 0), time(6, 0, 0, 0));
            weekly("Europe/Paris", &[Weekday::Saturday], start, end)
        };
        assert_quiet(
            nights(),
            "2025-03-29T00:00:00Z",
            "2025-03-31T00:00:00Z",
            &[("2025-03-29T21:00:00Z", "2025-03-30T04:00:00Z")],
        );
        assert_quiet(
            nights(),
            "2025-10-25T00:00:00Z",
            "2025-10-27T00:00:00Z",
            &[("2025-10-25T20:00:00Z", "2025-10-26T05:00:00Z")],
        );
    }

    #[test]
    fn what_lies_in_an_hour_that_is_left_out_is_cut_to_what_is_there() {
        let from_to = |start, end| weekly("Europe/Paris", &[Weekday::Sunday], start, end);
        let (from, until) = ("2025-03-30T00:00:00Z", "2025-03-30T12:00:00Z");
        let inside = from_to(time(2, 10, 0, 0), time(2, 50, 0, 0));
        assert_quiet(inside, from, until, &[]);
        let starts = from_to(time(2, 30, 0, 0), time(4, 0, 0, 0));
        let expected = [("2025-03-30T01:00:00Z", "2025-03-30T02:00:00Z")];
        assert_quiet(starts, from, until, &expected);
        let ends = from_to(time(1, 30, 0, 0), time(2, 30, 0, 0));
        let expected = [("2025-03-30T00:30:00Z", "2025-03-30T01:00:00Z")];
        assert_quiet(ends, from, until, &expected);
    }

    #[test]
    fn a_holiday_is_a_whole_day_of_its_zone_be_it_of_23_or_25_hours() {
        let day = |zone, date| {
            let dates = vec![HolidayDate::On(date)];
            window(zone, QuietTimes::Holidays { dates })
        };
        assert_quiet(
            day("Europe/Paris", date(2025, 3, 30)),
            "2025-03-29T00:00:00Z",
            "2025-04-01T00:00:00Z",
            &[("2025-03-29T23:00:00Z", "2025-03-30T22:00:00Z")],
        );
        assert_quiet(
            day("Europe/Paris", date(2025, 10, 26)),
            "2025-10-25T00:00:00Z",
            "2025-10-28T00:00:00Z",
            &[("2025-10-25T22:00:00Z", "2025-10-26T23:00:00Z")],
        );
        // This day has no midnight: it starts at one o'clock.
        assert_quiet(
            day("America/Santiago", date(2025, 9, 7)),
            "2025-09-06T00:00:00Z",
            "2025-09-09T00:00:00Z",
            &[("2025-09-07T04:00:00Z", "2025-09-08T03:00:00Z")],
        );
        // Samoa left this day out.
        assert_quiet(
            day("Pacific/Apia", date(2011, 12, 30)),
            "2011-12-28T00:00:00Z",
            "2012-01-02T00:00:00Z",
            &[],
        );
    }

    #[test]
    fn a_holiday_of_each_year_comes_in_each_year_that_has_it() {
        let each_year = |month, day| {
            let dates = vec![HolidayDate::EachYear { month, day }];
            window("UTC", QuietTimes::Holidays { dates })
        };
        let christmas = [
            ("2024-12-25T00:00:00Z", "2024-12-26T00:00:00Z"),
            ("2025-12-25T00:00:00Z", "2025-12-26T00:00:00Z"),
        ];
        let (from, until) = ("2024-06-01T00:00:00Z", "2026-06-01T00:00:00Z");
        assert_quiet(each_year(12, 25), from, until, &christmas);
        assert_quiet(each_year(2, 29), from, until, &[]);
        let leap_day = [("2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z")];
        assert_quiet(each_year(2, 29), "2024-01-01T00:00:00Z", from, &leap_day);
    }

    #[test]
    fn what_happens_once_has_dates_and_times_of_its_zone() {
        let move_of_servers = |until| {
            let from = datetime(2025, 6, 21, 8, 0, 0, 0);
            window("Africa/Douala", QuietTimes::Once { from, until })
        };
        assert_quiet(
            move_of_servers(datetime(2025, 6, 22, 20, 30, 0, 0)),
            "2025-06-20T00:00:00Z",
            "2025-06-25T00:00:00Z",
            &[("2025-06-21T07:00:00Z", "2025-06-22T19:30:00Z")],
        );
        assert_quiet(
            move_of_servers(datetime(2025, 6, 21, 8, 0, 0, 0)),
            "2025-06-20T00:00:00Z",
            "2025-06-25T00:00:00Z",
            &[],
        );
    }

    #[test]
    fn what_touches_is_one_stretch_named_by_what_holds_longest_at_first() {
        let mut quiet = of_windows(vec![
            weekly(
                "UTC",
                &[Weekday::Saturday],
                time(0, 0, 0, 0),
                time(12, 0, 0, 0),
            ),
            weekly(
                "UTC",
                &[Weekday::Saturday],
                time(11, 0, 0, 0),
                time(13, 0, 0, 0),
            ),
        ]);
        quiet.silences = vec![
            silence(1, at("2025-06-21T13:00:00Z"), at("2025-06-21T15:00:00Z")),
            silence(2, at("2025-06-21T15:00:01Z"), at("2025-06-21T18:00:00Z")),
        ];
        let held = quiet.until(&SUBJECT, at("2025-06-21T01:00:00Z")).unwrap();
        assert_eq!(held.until, at("2025-06-21T15:00:00Z"));
        assert_eq!(held.by.to_string(), "window");
        let held = quiet.until(&SUBJECT, at("2025-06-21T14:00:00Z")).unwrap();
        assert_eq!(held.by.to_string(), "silence 1 (new disks)");
        assert_eq!(quiet.until(&SUBJECT, held.until), None);
    }

    #[test]
    fn what_is_about_others_keeps_nobody_from_being_told() {
        let others = Matchers {
            agents: vec!["LPG_*".parse().unwrap()],
            ..Matchers::default()
        };
        let (start, end) = (at("2025-06-21T00:00:00Z"), at("2025-06-22T00:00:00Z"));
        let mut silence = silence(1, start, end);
        let mut window = weekly("UTC", &EVERY_DAY, Time::midnight(), Time::midnight());
        silence.matchers = others.clone();
        window.matchers = others;
        let quiet = Quiet {
            silences: vec![silence],
            windows: vec![window],
        };
        assert_eq!(quiet.until(&SUBJECT, start), None);
    }

    #[test]
    fn a_chain_without_an_end_is_followed_for_a_month_and_a_silence_to_its_end() {
        let start = at("2025-06-21T00:00:00Z");
        let always = weekly("UTC", &EVERY_DAY, Time::midnight(), Time::midnight());
        let mut quiet = of_windows(vec![always]);
        let held = quiet.until(&SUBJECT, start).unwrap();
        assert_eq!(held.until, later(start, FOLLOWED));
        let end = later(start, SignedDuration::from_hours(90 * 24));
        quiet.silences.push(silence(1, start, end));
        assert_eq!(quiet.until(&SUBJECT, start).unwrap().until, end);
    }

    #[test]
    fn windows_that_leave_no_time_are_known() {
        let midnight = Time::midnight();
        let days = weekly("UTC", &EVERY_DAY, time(6, 0, 0, 0), time(22, 0, 0, 0));
        let nights = weekly("UTC", &EVERY_DAY, time(22, 0, 0, 0), time(6, 0, 0, 0));
        let all = weekly("Europe/Paris", &EVERY_DAY, midnight, midnight);
        let work = weekly("Europe/Paris", &EVERY_DAY[..6], midnight, midnight);
        assert!(never_end(&[&all]));
        assert!(never_end(&[&days, &nights]));
        assert!(!never_end(&[&days]));
        assert!(!never_end(&[&work]));
        assert!(!never_end(&[]));
    }

    /// What the clocks of a zone show at each minute around an instant, and the latest time that they
    /// showed until then.
    struct Minutes {
        first: Timestamp,
        latest: Vec<DateTime>,
    }

    impl Minutes {
        fn around(zone: &TimeZone, middle: Timestamp) -> Self {
            let first = middle.checked_sub(SignedDuration::from_hours(96)).unwrap();
            let mut latest = Vec::new();
            for minute in 0..192 * 60 {
                let shown = zone.to_datetime(later(first, SignedDuration::from_mins(minute)));
                let before = latest.last().copied().unwrap_or(shown);
                latest.push(shown.max(before));
            }
            Self { first, latest }
        }

        fn first_at(&self, shown: DateTime) -> usize {
            self.latest.partition_point(|latest| *latest < shown)
        }
    }

    /// By the definition: a night of `days` starts when the clocks first show or pass its start.
    fn is_quiet(minutes: &Minutes, days: &[Weekday], start: Time, end: Time) -> Vec<bool> {
        let mut quiet = vec![false; minutes.latest.len()];
        let first = minutes.latest[0].date().tomorrow().unwrap();
        for date in first.series(1.day()).take(6) {
            let next = date.tomorrow().unwrap();
            let last = if end > start { date } else { next };
            if days.contains(&date.weekday()) {
                let from = minutes.first_at(date.to_datetime(start));
                let until = minutes.first_at(last.to_datetime(end)).max(from);
                quiet[from..until].fill(true);
            }
        }
        quiet
    }

    #[test]
    fn around_each_change_of_clocks_each_minute_is_as_the_clocks_say() {
        let zones = [
            ("Europe/Paris", "2025-03-30T01:00:00Z"),
            ("Europe/Paris", "2025-10-26T01:00:00Z"),
            ("America/New_York", "2025-03-09T07:00:00Z"),
            ("America/New_York", "2025-11-02T06:00:00Z"),
            ("America/Santiago", "2025-09-07T04:00:00Z"),
            ("America/Havana", "2025-11-02T05:00:00Z"),
            ("Australia/Lord_Howe", "2025-04-05T15:00:00Z"),
            ("Africa/Cairo", "2025-04-24T22:00:00Z"),
            ("Africa/Cairo", "2025-10-30T21:00:00Z"),
            ("Pacific/Apia", "2011-12-30T10:00:00Z"),
            ("America/St_Johns", "2010-11-07T02:31:00Z"),
            ("Africa/Douala", "2025-06-20T23:00:00Z"),
        ];
        let hours = [
            ((22, 0), (6, 0)),
            ((0, 0), (0, 0)),
            ((2, 15), (2, 45)),
            ((1, 30), (0, 30)),
            ((23, 30), (0, 0)),
        ];
        let weekdays = [EVERY_DAY.to_vec(), vec![Weekday::Sunday, Weekday::Friday]];
        let time_of = |(hour, minute)| time(hour, minute, 0, 0);
        for (name, change) in zones {
            let zone = TimeZone::get(name).unwrap();
            let minutes = Minutes::around(&zone, at(change));
            for (start, end) in hours.map(|(start, end)| (time_of(start), time_of(end))) {
                for days in &weekdays {
                    let window = weekly(name, days, start, end);
                    let expected = is_quiet(&minutes, days, start, end);
                    for (minute, is_quiet) in (0_i64..).zip(expected) {
                        // Nights that start or end further away may be cut off.
                        if !(70 * 60..122 * 60).contains(&minute) {
                            continue;
                        }
                        let now = later(minutes.first, SignedDuration::from_mins(minute));
                        let told = format!("{name} {now} {start} to {end} on {days:?}");
                        assert_eq!(window.end_at(now).is_some(), is_quiet, "{told}");
                    }
                }
            }
        }
    }

    fn any_time() -> impl Strategy<Value = Time> {
        (0..24_i8, prop::sample::select(vec![0_i8, 1, 30, 59]))
            .prop_map(|(hour, minute)| time(hour, minute, 0, 0))
    }

    fn any_window() -> impl Strategy<Value = QuietWindow> {
        let zones = ["UTC", "Europe/Paris", "America/Santiago", "Africa/Cairo"];
        let days = prop::sample::subsequence(EVERY_DAY.to_vec(), 0..=7);
        let weekly = (days, any_time(), any_time())
            .prop_map(|(days, start, end)| QuietTimes::Weekly { days, start, end });
        let once = (0..60_i64, 0..100_i64).prop_map(|(from, hours)| {
            let from = datetime(2025, 3, 1, 0, 0, 0, 0)
                .checked_add(SignedDuration::from_hours(from * 10))
                .unwrap();
            let until = from.checked_add(SignedDuration::from_hours(hours)).unwrap();
            QuietTimes::Once { from, until }
        });
        let holidays = (3..5_i8, 1..31_i8).prop_map(|(month, day)| QuietTimes::Holidays {
            dates: vec![
                HolidayDate::EachYear { month, day },
                HolidayDate::On(date(2025, 3, day)),
            ],
        });
        let times = prop_oneof![weekly, once, holidays];
        (prop::sample::select(zones.to_vec()), times).prop_map(|(zone, times)| window(zone, times))
    }

    proptest! {
        #[test]
        fn it_is_quiet_until_the_end_that_is_told_and_no_longer(
            windows in prop::collection::vec(any_window(), 0..4),
            silences in prop::collection::vec((0..40_000_i64, 1..5_000_i64), 0..3),
            minute in 0..44_640_i64,
        ) {
            let start = at("2025-03-01T00:00:00Z");
            let after = |minute| later(start, SignedDuration::from_mins(minute));
            let silences = silences.iter().map(|(from, lasts)| {
                silence(1, after(*from), after(from + lasts))
            });
            let quiet = Quiet { silences: silences.collect(), windows };
            let now = after(minute);
            let Some(held) = quiet.until(&SUBJECT, now) else { return Ok(()) };
            prop_assert!(held.until > now);
            let limit = later(now, FOLLOWED);
            if held.until < limit {
                prop_assert_eq!(quiet.until(&SUBJECT, held.until), None);
            }
            // In between it is quiet all the time, and ends at the same instant for all who ask.
            let step = held.until.duration_since(now) / 16;
            for part in 1..16 {
                let between = quiet.until(&SUBJECT, later(now, step * part)).map(|held| held.until);
                prop_assert!(between >= Some(held.until));
                prop_assert!(held.until >= limit || between == Some(held.until));
            }
            let last = held.until.checked_sub(SignedDuration::from_nanos(1)).unwrap();
            prop_assert!(quiet.until(&SUBJECT, last).is_some());
        }
    }
}
