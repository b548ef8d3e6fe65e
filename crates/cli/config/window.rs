//! `[[maintenance]]` and `[[holidays]]`: when people are not to be told. Knows no silence: those are
//! made on the way.

use jiff::Span;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use vigie_notify::{HolidayDate, QuietTimes, QuietWindow, never_end};

use super::document::element;
use super::problem::Complaint;
use super::raw::{RawHolidays, RawMaintenance};
use super::reading::{self, Reading};
use super::{choice, matching, time_zone};

pub const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// An earlier year lost its first digits: `26-05-14` would be a day of the year 26.
const FIRST_YEAR: i16 = 2000;

/// A year in which each day of a year is.
const LEAP_YEAR: i16 = 2024;

/// The windows in the order of the file, in `usual_zone` unless they name another.
pub fn read(
    maintenance: Vec<RawMaintenance>,
    holidays: Vec<RawHolidays>,
    usual_zone: &TimeZone,
    reading: &mut Reading,
) -> Vec<QuietWindow> {
    let mut windows = Vec::new();
    for (index, raw) in maintenance.into_iter().enumerate() {
        let path = element("maintenance", index);
        windows.extend(read_maintenance(raw, usual_zone, &path, reading));
    }
    if !reading.has_problem_below("maintenance") {
        complain_of_endless(&windows, reading);
    }
    for (index, raw) in holidays.into_iter().enumerate() {
        let path = element("holidays", index);
        windows.extend(read_holidays(raw, usual_zone, &path, reading));
    }
    windows
}

fn read_maintenance(
    mut raw: RawMaintenance,
    usual_zone: &TimeZone,
    path: &str,
    reading: &mut Reading,
) -> Option<QuietWindow> {
    let matchers = matching::read(raw.take_matchers(), path, reading);
    let name = name(raw.name.as_deref(), path, reading);
    let time_zone = zone(raw.timezone.as_deref(), usual_zone, path, reading);
    let times = times(raw, path, reading);
    Some(QuietWindow {
        name: name?,
        matchers,
        time_zone,
        times: times?,
    })
}

fn read_holidays(
    mut raw: RawHolidays,
    usual_zone: &TimeZone,
    path: &str,
    reading: &mut Reading,
) -> Option<QuietWindow> {
    let matchers = matching::read(raw.take_matchers(), path, reading);
    let name = name(raw.name.as_deref(), path, reading);
    let time_zone = zone(raw.timezone.as_deref(), usual_zone, path, reading);
    let key = format!("{path}.dates");
    let dates = matching::several(&key, raw.dates, reading, holiday);
    if dates.is_empty() && !reading.has_problem_below(&key) {
        let remedy = "list the days: dates = [\"12-25\", \"2026-05-14\"]";
        reading.complain(&key, Complaint::new("is not set", remedy));
    }
    Some(QuietWindow {
        name: name?,
        matchers,
        time_zone,
        times: QuietTimes::Holidays { dates },
    })
}

fn name(given: Option<&str>, path: &str, reading: &mut Reading) -> Option<String> {
    let key = format!("{path}.name");
    if given.is_none() && !reading.has_problem_with(&key) {
        let remedy = "give it one: people are told by it why a mail has to wait";
        reading.complain(&key, Complaint::new("is not set", remedy));
    }
    reading.parse(&key, given, reading::text)
}

fn zone(given: Option<&str>, usual: &TimeZone, path: &str, reading: &mut Reading) -> TimeZone {
    let zone = reading.parse(&format!("{path}.timezone"), given, time_zone::parse);
    zone.unwrap_or_else(|| usual.clone())
}

fn times(raw: RawMaintenance, path: &str, reading: &mut Reading) -> Option<QuietTimes> {
    let weekly = [
        ("days", raw.days.is_some()),
        ("start", raw.start.is_some()),
        ("end", raw.end.is_some()),
    ];
    let once = [("from", raw.from.is_some()), ("to", raw.to.is_some())];
    let given = |keys: &[(&'static str, bool)]| {
        let mut keys = keys.iter().filter(|(_, is_given)| *is_given);
        keys.next().map(|(key, _)| *key)
    };
    match (given(&weekly), given(&once)) {
        (Some(weekly), Some(once)) => {
            let complaint = Complaint::new(
                format!("is given together with {path}.{weekly}"),
                "keep days, start and end for each week, or from and to for once",
            );
            reading.complain(&format!("{path}.{once}"), complaint);
            None
        }
        (Some(_), None) => each_week(raw, path, reading),
        (None, Some(_)) => only_once(&raw, path, reading),
        (None, None) => {
            let all = ["days", "start", "end", "from", "to"];
            let mut keys = all.iter().map(|key| format!("{path}.{key}"));
            if !keys.any(|key| reading.has_problem_below(&key)) {
                let remedy = "give days, start and end for each week, or from and to for once";
                reading.complain(path, Complaint::new("has no time", remedy));
            }
            None
        }
    }
}

/// Every day without days, whole days without times.
fn each_week(raw: RawMaintenance, path: &str, reading: &mut Reading) -> Option<QuietTimes> {
    let is_each_day = raw.days.is_none();
    let mut days = matching::several(&format!("{path}.days"), raw.days, reading, |word| {
        choice::one_of(word, &DAYS)
    });
    if is_each_day {
        days = DAYS.map(|(_, day)| day).to_vec();
    }
    if raw.start.is_none() && raw.end.is_none() {
        let (start, end) = (Time::midnight(), Time::midnight());
        return Some(QuietTimes::Weekly { days, start, end });
    }
    let (start_key, end_key) = (format!("{path}.start"), format!("{path}.end"));
    let remedy = "give both, or none of them for whole days";
    complain_of_half(
        [&start_key, &end_key],
        [&raw.start, &raw.end],
        remedy,
        reading,
    );
    let start = reading.parse(&start_key, raw.start.as_deref(), time);
    let end = reading.parse(&end_key, raw.end.as_deref(), end_time);
    let (start, (end, is_midnight)) = (start?, end?);
    if start == end && !is_midnight {
        let remedy = "leave both out for whole days, or give another";
        reading.complain(&end_key, Complaint::new("is the same as the start", remedy));
    }
    Some(QuietTimes::Weekly { days, start, end })
}

fn only_once(raw: &RawMaintenance, path: &str, reading: &mut Reading) -> Option<QuietTimes> {
    let (from_key, to_key) = (format!("{path}.from"), format!("{path}.to"));
    complain_of_half(
        [&from_key, &to_key],
        [&raw.from, &raw.to],
        "give both",
        reading,
    );
    let from = reading.parse(&from_key, raw.from.as_deref(), date_and_time);
    let until = reading.parse(&to_key, raw.to.as_deref(), date_and_time);
    let (from, until) = (from?, until?);
    let longest = from.saturating_add(Span::new().years(1));
    if until <= from {
        let remedy = "write the time at which it ends";
        reading.complain(&to_key, Complaint::new("is not after the start", remedy));
    } else if until > longest {
        let remedy = "end it sooner; `active = false` puts a job to rest";
        let what = "is more than a year after the start";
        reading.complain(&to_key, Complaint::new(what, remedy));
    }
    Some(QuietTimes::Once { from, until })
}

/// Of two keys that belong together, one alone is a slip.
fn complain_of_half(
    keys: [&str; 2],
    given: [&Option<String>; 2],
    remedy: &str,
    reading: &mut Reading,
) {
    for (missing, other) in [(0, 1), (1, 0)] {
        let is_half = given[missing].is_none() && given[other].is_some();
        if is_half && !reading.has_problem_with(keys[missing]) {
            let what = format!("is not set, and {} is", keys[other]);
            reading.complain(keys[missing], Complaint::new(what, remedy));
        }
    }
}

/// A time such as `22:00`.
pub fn time(text: &str) -> Result<Time, Complaint> {
    ["%H:%M", "%H:%M:%S"]
        .iter()
        .find_map(|form| Time::strptime(form, text).ok())
        .ok_or_else(|| {
            let what = format!("is {text:?}, which is no time of day");
            Complaint::new(what, "write one such as \"22:00\"")
        })
}

/// The time, and whether it is the midnight at the end of a day.
fn end_time(text: &str) -> Result<(Time, bool), Complaint> {
    if text == "24:00" {
        return Ok((Time::midnight(), true));
    }
    Ok((time(text)?, false))
}

fn date_and_time(text: &str) -> Result<DateTime, Complaint> {
    // The usual reading would pass over an offset, and a date alone would be its first minute.
    [
        "%Y-%m-%dT%H:%M",
        "%Y-%m-%d %H:%M",
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%d %H:%M:%S",
    ]
    .iter()
    .find_map(|form| DateTime::strptime(form, text).ok())
    .filter(|shown| shown.year() >= FIRST_YEAR)
    .ok_or_else(|| {
        let what = format!("is {text:?}, which is no date and time");
        let remedy = "write both, in the window's time zone, such as \"2026-05-01 20:00\"";
        Complaint::new(what, remedy)
    })
}

fn holiday(text: &str) -> Result<HolidayDate, Complaint> {
    let date = |text: &str| Date::strptime("%Y-%m-%d", text).ok();
    let once = date(text).filter(|date| date.year() >= FIRST_YEAR);
    let each_year = || {
        let date = date(&format!("{LEAP_YEAR}-{text}"))?;
        let (month, day) = (date.month(), date.day());
        Some(HolidayDate::EachYear { month, day })
    };
    once.map(HolidayDate::On).or_else(each_year).ok_or_else(|| {
        let what = format!("is {text:?}, which is no date");
        let remedy = "write month and day for each year (\"12-25\"), or a year before them \
                      (\"2026-05-14\")";
        Complaint::new(what, remedy)
    })
}

/// Windows that leave no time together would keep an alert for ever.
fn complain_of_endless(windows: &[QuietWindow], reading: &mut Reading) {
    for index in 0..windows.len() {
        let known = &windows[..=index];
        let endless = known.iter().find(|about| {
            let known = known.iter();
            let together: Vec<&QuietWindow> = known
                .filter(|window| window.matchers.covers(&about.matchers))
                .collect();
            never_end(&together)
        });
        let Some(about) = endless else {
            continue;
        };
        let what = if never_end(&[&windows[index]]) {
            "covers the whole week".to_owned()
        } else {
            let about = &about.matchers;
            format!("covers the whole week together with those before it ({about})")
        };
        let remedy =
            "leave some time in which people are told; `active = false` puts a job to rest";
        reading.complain(&element("maintenance", index), Complaint::new(what, remedy));
        return;
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::{date, datetime, time};

    use super::*;
    use crate::config::tests::{config, problems};

    const MAINTENANCE: &str = "[[maintenance]]\nname = 'm'\n";

    fn times_of(keys: &str) -> QuietTimes {
        let mut config = config(&format!("{MAINTENANCE}{keys}"));
        config.windows.remove(0).times
    }

    #[test]
    fn nights_of_a_week_have_days_and_times() {
        let expected = QuietTimes::Weekly {
            days: vec![Weekday::Saturday, Weekday::Sunday],
            start: time(22, 0, 0, 0),
            end: time(6, 30, 0, 0),
        };
        let keys = "days = ['sat', 'sun']\nstart = '22:00'\nend = '06:30'";
        assert_eq!(times_of(keys), expected);
    }

    #[test]
    fn without_days_it_is_each_day_and_without_times_the_whole_day() {
        let each_day = QuietTimes::Weekly {
            days: DAYS.map(|(_, day)| day).to_vec(),
            start: time(1, 0, 0, 0),
            end: Time::midnight(),
        };
        assert_eq!(times_of("start = '01:00'\nend = '24:00'"), each_day);
        let sundays = QuietTimes::Weekly {
            days: vec![Weekday::Sunday],
            start: Time::midnight(),
            end: Time::midnight(),
        };
        assert_eq!(times_of("days = 'sun'"), sundays);
        let written_out = "days = 'sun'\nstart = '00:00'\nend = '24:00'";
        assert_eq!(times_of(written_out), sundays);
    }

    #[test]
    fn what_happens_once_has_two_dates_with_times() {
        let expected = QuietTimes::Once {
            from: datetime(2026, 5, 1, 20, 0, 0, 0),
            until: datetime(2026, 5, 3, 8, 15, 0, 0),
        };
        let keys = "from = '2026-05-01 20:00'\nto = '2026-05-03T08:15:00'";
        assert_eq!(times_of(keys), expected);
    }

    #[test]
    fn holidays_are_days_of_one_year_or_of_each() {
        let config = config(
            "mail.timezone = 'Africa/Douala'\n[[holidays]]\nname = 'h'\n\
             dates = ['12-25', '02-29', '2026-05-14']\nagent = 'SDMC_*'\n\
             [[holidays]]\nname = 'i'\ndates = '01-01'\ntimezone = 'Europe/Paris'",
        );
        let dates = vec![
            HolidayDate::EachYear { month: 12, day: 25 },
            HolidayDate::EachYear { month: 2, day: 29 },
            HolidayDate::On(date(2026, 5, 14)),
        ];
        assert_eq!(config.windows[0].times, QuietTimes::Holidays { dates });
        assert_eq!(config.windows[0].matchers.to_string(), "agent SDMC_*");
        let zones = config.windows.iter();
        let zones: Vec<_> = zones.map(|one| one.time_zone.iana_name()).collect();
        assert_eq!(zones, [Some("Africa/Douala"), Some("Europe/Paris")]);
    }

    #[test]
    fn a_wrong_time_says_what_to_write() {
        let cases = [
            (
                "days = ['sat', 'Sunday']",
                ".days[2] is \"Sunday\"; write \"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \
                 \"sat\" or \"sun\"",
            ),
            (
                "days = []",
                ".days is empty; give it a value, or leave the key out",
            ),
            (
                "from = '2026-05-01'\nto = '2026-05-02 08:00'",
                ".from is \"2026-05-01\", which is no date and time; write both, in the window's \
                 time zone, such as \"2026-05-01 20:00\"",
            ),
            (
                "from = '26-05-01 20:00'\nto = '2026-05-02 08:00'",
                ".from is \"26-05-01 20:00\", which is no date and time; write both, in the window's \
                 time zone, such as \"2026-05-01 20:00\"",
            ),
            (
                "from = '2026-05-01T20:00+02:00'\nto = '2026-05-02 08:00'",
                ".from is \"2026-05-01T20:00+02:00\", which is no date and time; write both, in \
                 the window's time zone, such as \"2026-05-01 20:00\"",
            ),
            (
                "days = 'sun'\ntimezone = 'Douala'",
                ".timezone is \"Douala\", which is no IANA time zone; did you mean \
                 \"Africa/Douala\"?",
            ),
        ];
        for (keys, problem) in cases {
            let told = problems(&format!("{MAINTENANCE}{keys}"));
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(
                told[0].ends_with(&format!(": maintenance[1]{problem}")),
                "{told:?}"
            );
        }
    }

    #[test]
    fn times_that_do_not_go_together_are_refused() {
        let cases = [
            (
                "",
                "vigie.toml:2: maintenance[1] has no time; give days, start and end for each \
                 week, or from and to for once",
            ),
            (
                "start = '22:00'",
                "vigie.toml:2: maintenance[1].end is not set, and maintenance[1].start is; give \
                 both, or none of them for whole days",
            ),
            (
                "to = '2026-05-01 20:00'",
                "vigie.toml:2: maintenance[1].from is not set, and maintenance[1].to is; give both",
            ),
            (
                "days = 'sun'\nfrom = '2026-05-01 20:00'",
                "vigie.toml:5: maintenance[1].from is given together with maintenance[1].days; \
                 keep days, start and end for each week, or from and to for once",
            ),
            (
                "start = '22:00'\nend = '22:00'",
                "vigie.toml:5: maintenance[1].end is the same as the start; leave both out for \
                 whole days, or give another",
            ),
            (
                "start = '22h'\nend = '25:00'",
                "vigie.toml:4: maintenance[1].start is \"22h\", which is no time of day; write \
                 one such as \"22:00\"\n\
                 vigie.toml:5: maintenance[1].end is \"25:00\", which is no time of day; write \
                 one such as \"22:00\"",
            ),
            (
                "from = '2026-05-01 20:00'\nto = '2026-05-01 20:00'",
                "vigie.toml:5: maintenance[1].to is not after the start; write the time at which \
                 it ends",
            ),
            (
                "from = '2026-05-01 20:00'\nto = '2036-05-01 20:00'",
                "vigie.toml:5: maintenance[1].to is more than a year after the start; end it \
                 sooner; `active = false` puts a job to rest",
            ),
        ];
        for (keys, problem) in cases {
            assert_eq!(
                problems(&format!("{MAINTENANCE}{keys}")).join("\n"),
                problem
            );
        }
    }

    #[test]
    fn a_window_has_a_name_and_holidays_have_dates() {
        assert_eq!(
            problems("[[maintenance]]\ndays = 'sun'\n[[holidays]]\nname = 'h'"),
            [
                "vigie.toml:2: maintenance[1].name is not set; give it one: people are told by it \
                 why a mail has to wait",
                "vigie.toml:4: holidays[1].dates is not set; list the days: dates = [\"12-25\", \
                 \"2026-05-14\"]",
            ]
        );
        assert_eq!(
            problems("[[holidays]]\nname = 'h'\ndates = ['12-25', '25.12.', '02-30', '26-12-25']"),
            ["25.12.", "02-30", "26-12-25"].iter().enumerate().map(|(index, text)| format!(
                "vigie.toml:4: holidays[1].dates[{}] is {text:?}, which is no date; write month \
                 and day for each year (\"12-25\"), or a year before them (\"2026-05-14\")",
                index + 2
            )).collect::<Vec<_>>()
        );
    }

    #[test]
    fn windows_that_leave_no_time_are_refused() {
        let remedy =
            "leave some time in which people are told; `active = false` puts a job to rest";
        let whole =
            format!("{MAINTENANCE}days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']");
        assert_eq!(
            problems(&whole),
            [format!(
                "vigie.toml:2: maintenance[1] covers the whole week; {remedy}"
            )]
        );
        let days = format!("{MAINTENANCE}start = '06:00'\nend = '22:00'\nagent = 'SDMC_*'\n");
        let nights = format!("{MAINTENANCE}start = '22:00'\nend = '06:00'\n");
        assert_eq!(
            problems(&format!("{days}{nights}")),
            [format!(
                "vigie.toml:7: maintenance[2] covers the whole week together with those before it \
                 (agent SDMC_*); {remedy}"
            )]
        );
        let others = nights.replace("start", "agent = 'LPG_*'\nstart");
        assert_eq!(config(&format!("{days}{others}")).windows.len(), 2);
    }
}
