//! When backups are expected: `[schedule]`, and what a job says instead of it.

use std::collections::HashMap;
use std::time::Duration;

use vigie_domain::{InvalidSchedule, Schedule};

use super::document::join;
use super::problem::Complaint;
use super::raw::RawSchedule;
use super::reading::Reading;
use super::{duration, time_zone};

const EVERY: Duration = Duration::from_hours(24);
const GRACE: Duration = Duration::from_hours(2);
const TIME_ZONE: &str = "UTC";

/// Stands in for an expression that is wrong, so that nothing else is called wrong because of it.
const STAND_IN: &str = "0 0 * * *";

/// What one table says of a schedule; the rest comes from the default.
#[derive(Debug, Clone, Default)]
pub struct ScheduleParts {
    rhythm: Option<Rhythm>,
    time_zone: Option<String>,
    grace: Option<Duration>,
    early: Option<Duration>,
}

#[derive(Debug, Clone)]
enum Rhythm {
    Every(Duration),
    Cron(String),
}

/// The schedules of jobs, each kept once: a cron expression takes kilobytes, and thousands of jobs
/// have the same.
#[derive(Default)]
pub struct Schedules(HashMap<(String, Duration), Vec<Schedule>>);

impl Schedules {
    /// The schedule, or the same one as it is kept.
    pub fn share(&mut self, schedule: Schedule) -> Schedule {
        let alike = (schedule.to_string(), schedule.grace());
        let kept = self.0.entry(alike).or_default();
        if let Some(same) = kept.iter().find(|kept| **kept == schedule) {
            return same.clone();
        }
        kept.push(schedule.clone());
        schedule
    }
}

impl ScheduleParts {
    /// Takes apart what the table at `path` says.
    pub fn read(raw: &RawSchedule, path: &str, reading: &mut Reading) -> Self {
        let grace = raw.grace.as_deref();
        let early = raw.early.as_deref();
        let zone = raw.timezone.as_deref();
        Self {
            rhythm: rhythm(raw, path, reading),
            time_zone: reading
                .parse(&join(path, "timezone"), zone, time_zone::parse)
                .and(raw.timezone.clone()),
            grace: reading.parse(&join(path, "grace"), grace, duration::in_seconds),
            early: reading.parse(&join(path, "early"), early, duration::in_seconds),
        }
    }

    /// Each part of this one, and those of `default` that are not given.
    pub fn or(self, default: &Self) -> Self {
        Self {
            rhythm: self.rhythm.or_else(|| default.rhythm.clone()),
            time_zone: self.time_zone.or_else(|| default.time_zone.clone()),
            grace: self.grace.or(default.grace),
            early: self.early.or(default.early),
        }
    }

    pub fn is_cron(&self) -> bool {
        matches!(self.rhythm, Some(Rhythm::Cron(_)))
    }

    /// The schedule that the parts make up.
    pub fn schedule(&self) -> Result<Schedule, InvalidSchedule> {
        let grace = self.grace.unwrap_or(GRACE);
        match &self.rhythm {
            Some(Rhythm::Cron(expression)) => {
                let time_zone = self.time_zone.as_deref().unwrap_or(TIME_ZONE);
                Schedule::cron(expression, time_zone, grace, self.early)
            }
            Some(Rhythm::Every(every)) => Schedule::every(*every, grace),
            None => Schedule::every(EVERY, grace),
        }
    }
}

/// Complains of the keys in the table at `path` that mean nothing without a `cron`.
pub fn complain_of_parts_without_cron(raw: &RawSchedule, path: &str, reading: &mut Reading) {
    let given = [
        ("timezone", raw.timezone.is_some()),
        ("early", raw.early.is_some()),
    ];
    for (name, is_given) in given {
        if is_given {
            let complaint = Complaint::new(
                "is given without a cron, and means nothing with every",
                format!("leave {name} out, or give a cron"),
            );
            reading.complain(&join(path, name), complaint);
        }
    }
}

fn rhythm(raw: &RawSchedule, path: &str, reading: &mut Reading) -> Option<Rhythm> {
    let (every_key, cron_key) = (join(path, "every"), join(path, "cron"));
    if raw.every.is_some() && raw.cron.is_some() {
        let complaint = Complaint::new(
            format!("is given together with {every_key}"),
            "keep one of them",
        );
        reading.complain(&cron_key, complaint);
    }
    if let Some(expression) = &raw.cron {
        let expression = reading.parse(&cron_key, Some(expression), cron);
        return Some(Rhythm::Cron(
            expression.unwrap_or_else(|| STAND_IN.to_owned()),
        ));
    }
    let every = raw.every.as_deref()?;
    let every = reading.parse(&every_key, Some(every), duration::positive_in_seconds);
    Some(Rhythm::Every(every.unwrap_or(EVERY)))
}

fn cron(expression: &str) -> Result<String, Complaint> {
    let Err(error) = Schedule::cron(expression, TIME_ZONE, Duration::ZERO, None) else {
        return Ok(expression.to_owned());
    };
    let why = match error {
        InvalidSchedule::Never(_) => "which names no time that ever comes".to_owned(),
        InvalidSchedule::Cron { problem, .. } => {
            let problem = problem.trim_end_matches('.');
            format!("which can't be read: {problem}")
        }
        other => other.to_string(),
    };
    Err(Complaint::new(
        format!("is {expression:?}, {why}"),
        "write minute, hour, day, month and weekday, such as \"0 1 * * *\"",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{config, problems};

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn schedules_that_are_shared_are_the_same_to_the_last_part() {
        let minutes = |minutes| Some(Duration::from_mins(minutes));
        let mut schedules = Schedules::default();
        for (zone, grace, early) in [
            ("UTC", HOUR, None),
            ("UTC", HOUR, minutes(1)),
            ("UTC", HOUR, minutes(2)),
            ("UTC", 2 * HOUR, minutes(2)),
            ("Europe/Paris", HOUR, None),
        ] {
            let nightly = Schedule::cron("0 1 * * *", zone, grace, early).unwrap();
            assert_eq!(schedules.share(nightly.clone()), nightly);
            assert_eq!(schedules.share(nightly.clone()), nightly);
        }
        let kept: usize = schedules.0.values().map(Vec::len).sum();
        assert_eq!(kept, 5);
    }

    #[test]
    fn a_backup_is_expected_every_day_within_two_hours() {
        let schedule = Schedule::every(24 * HOUR, 2 * HOUR).unwrap();
        assert_eq!(config("").schedule, schedule);
    }

    #[test]
    fn each_part_can_be_given() {
        let schedule = config("[schedule]\nevery = '12h'\ngrace = '0s'").schedule;
        assert_eq!(
            schedule,
            Schedule::every(12 * HOUR, Duration::ZERO).unwrap()
        );

        let text = "[schedule]\ncron = '0 1 * * *'\ntimezone = 'Africa/Douala'\nearly = '1h'";
        let nightly = Schedule::cron("0 1 * * *", "Africa/Douala", 2 * HOUR, Some(HOUR)).unwrap();
        assert_eq!(config(text).schedule, nightly);

        let in_utc = Schedule::cron("0 1 * * *", "UTC", 2 * HOUR, None).unwrap();
        assert_eq!(config("schedule.cron = '0 1 * * *'").schedule, in_utc);
    }

    #[test]
    fn a_wrong_value_says_what_to_write() {
        let five_fields = "write minute, hour, day, month and weekday, such as \"0 1 * * *\"";
        let cases = [
            (
                "every = '0s'",
                "every is zero; give a longer time".to_owned(),
            ),
            (
                "every = '1500ms'",
                "every is \"1500ms\", which is no whole number of seconds; round it to seconds"
                    .to_owned(),
            ),
            (
                "grace = '2 ours'",
                "grace is \"2 ours\", which is no duration; write a number and a unit, such as \
                 \"90s\", \"15m\", \"24h\" or \"7d\""
                    .to_owned(),
            ),
            (
                "cron = '0 0 30 2 *'",
                format!(
                    "cron is \"0 0 30 2 *\", which names no time that ever comes; {five_fields}"
                ),
            ),
            (
                "timezone = 'UTC'",
                "timezone is given without a cron, and means nothing with every; leave timezone \
                 out, or give a cron"
                    .to_owned(),
            ),
            (
                "early = '1h'",
                "early is given without a cron, and means nothing with every; leave early out, or \
                 give a cron"
                    .to_owned(),
            ),
        ];
        for (line, problem) in cases {
            let problem = format!("vigie.toml:2: schedule.{problem}");
            assert_eq!(problems(&format!("schedule.{line}")), [problem]);
        }
        let unreadable = problems("schedule.cron = '0 25 * * *'");
        assert!(
            unreadable[0].starts_with(
                "vigie.toml:2: schedule.cron is \"0 25 * * *\", which can't be read: "
            )
        );
        assert!(unreadable[0].ends_with(five_fields) && unreadable.len() == 1);
    }

    #[test]
    fn every_and_cron_together_are_refused() {
        assert_eq!(
            problems("[schedule]\ncron = '0 1 * * *'\nevery = '24h'"),
            [
                "vigie.toml:3: schedule.cron is given together with schedule.every; keep one of \
                 them"
            ]
        );
    }

    #[test]
    fn a_wrong_default_is_told_once_however_many_jobs_take_it() {
        let job = "[[jobs]]\nagent = 'A_B_C'\ndatabase =";
        let text = format!("[schedule]\ncron = 'daily at one'\n{job} 'X'\n{job} 'Y'");
        assert_eq!(problems(&text).len(), 1);
    }
}
