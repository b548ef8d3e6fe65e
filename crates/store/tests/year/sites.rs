//! The remote sites: when their agents run by the clocks on their walls, and what becomes of each backup.
//! Knows no rule of Vigie.

use std::time::Duration;

use fastrand::Rng;
use jiff::civil::{DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use vigie_domain::{
    AgentId, DatabaseReport, Finding, JobDeclaration, Report, Schedule, Sha256, Stage, Stages,
};

use crate::weather::{Climate, Stretch, any, stretches};

/// Both hemispheres, odd offsets, half an hour of summer time, and none at all.
const ZONES: [&str; 10] = [
    "Africa/Douala",
    "Europe/Paris",
    "America/New_York",
    "America/St_Johns",
    "America/Santiago",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "Pacific/Chatham",
];

const HOUR: Duration = Duration::from_hours(1);

/// What becomes of a backup, as a report tells it and the server finds it.
#[derive(Clone, Copy)]
pub enum Fate {
    Good,
    Failed,
    Broken,
    Absent,
    Mangled,
    Unhashed,
}

const BAD: [Fate; 5] = [
    Fate::Failed,
    Fate::Broken,
    Fate::Absent,
    Fate::Mangled,
    Fate::Unhashed,
];

/// A report with what the server finds of each of its databases.
pub struct Dropped {
    pub arrives_at: Timestamp,
    pub report: Report,
    pub findings: Vec<Finding>,
}

/// One database, and how long it will go on failing in which way.
struct Database {
    name: String,
    spell: Option<(u32, Fate)>,
}

pub struct Site {
    pub agent: AgentId,
    /// Nothing ever goes wrong there.
    pub is_faultless: bool,
    zone_name: &'static str,
    zone: TimeZone,
    schedule: Schedule,
    hours: Vec<i8>,
    is_weekly: bool,
    databases: Vec<Database>,
    silences: Vec<Stretch>,
    last_run: DateTime,
    contents: u64,
}

impl Site {
    /// The one of this number, with so many databases.
    pub fn of(rng: &mut Rng, number: usize, databases: usize, from: Timestamp, days: i64) -> Self {
        let zone_name = ZONES[number % ZONES.len()];
        let zone = TimeZone::get(zone_name).unwrap();
        let hour = rng.i8(0..24);
        let early = None;
        let (schedule, hours, is_weekly) = match number % 7 {
            0 => (Schedule::every(24 * HOUR, 3 * HOUR), vec![hour], false),
            1 => {
                let half_day = Schedule::cron("0 5,17 * * *", zone_name, 2 * HOUR, early);
                (half_day, vec![5, 17], false)
            }
            2 => {
                let weekly = format!("0 {hour} * * MON");
                let weekly = Schedule::cron(&weekly, zone_name, 6 * HOUR, early);
                (weekly, vec![hour], true)
            }
            // In the hour that clocks leave out or show twice.
            3 => {
                let nightly = Schedule::cron("30 2 * * *", zone_name, 2 * HOUR, early);
                (nightly, vec![2], false)
            }
            _ => {
                let daily = format!("0 {hour} * * *");
                let daily = Schedule::cron(&daily, zone_name, 2 * HOUR, early);
                (daily, vec![hour], false)
            }
        };
        let is_faultless = number % 10 == 4;
        let often = if is_faultless { 0.0 } else { 5.0 };
        let climate = Climate {
            per_year: often,
            hours: 5..500,
        };
        let company = number % 12;
        let agent = format!("C{company:02}_TOWN{:02}_SITE{number:02}", number % 20);
        let database = |index: usize| Database {
            name: format!("DB{:05}", number * databases + index + 1),
            spell: None,
        };
        Self {
            agent: AgentId::new(&agent).unwrap(),
            is_faultless,
            zone_name,
            last_run: zone.to_datetime(from),
            zone,
            schedule: schedule.unwrap(),
            hours,
            is_weekly,
            databases: (0..databases).map(database).collect(),
            silences: stretches(rng, from, days, &climate),
            contents: 0,
        }
    }

    pub fn zone_name(&self) -> &'static str {
        self.zone_name
    }

    /// What the config says of its jobs. Some have an owner who is told.
    pub fn declarations(&self, rng: &mut Rng) -> Vec<JobDeclaration> {
        let declaration = |database: &Database| JobDeclaration {
            agent: self.agent.clone(),
            database: database.name.clone(),
            company: None,
            city: None,
            neighborhood: None,
            year: None,
            schedule: self.schedule.clone(),
            recipients: if rng.u8(0..10) == 0 {
                vec![format!("Owner <owner{}@example.com>", rng.u8(0..6))]
            } else {
                Vec::new()
            },
            active: true,
            warnings: None,
            verify: None,
        };
        self.databases.iter().map(declaration).collect()
    }

    /// The reports of all runs that have begun by now.
    pub fn run(&mut self, rng: &mut Rng, truth: Timestamp) -> Vec<Dropped> {
        let mut dropped = Vec::new();
        while let Some(starts_at) = self.next_run(truth) {
            if any(&self.silences, starts_at) {
                continue;
            }
            let ended_at = minutes_later(starts_at, rng.i64(1..40));
            dropped.extend(self.report(rng, ended_at));
        }
        dropped
    }

    fn next_run(&mut self, truth: Timestamp) -> Option<Timestamp> {
        let mut date = self.last_run.date();
        loop {
            let is_its_day = !self.is_weekly || date.weekday() == Weekday::Monday;
            let half = if self.hours == [2] { 30 } else { 0 };
            let next = self.hours.iter().map(|hour| date.at(*hour, half, 0, 0));
            let next = next
                .filter(|next| is_its_day && *next > self.last_run)
                .min();
            let Some(next) = next else {
                date = date.tomorrow().unwrap();
                continue;
            };
            let at = self.zone.to_ambiguous_zoned(next).compatible().unwrap();
            if at.timestamp() > truth {
                return None;
            }
            self.last_run = next;
            return Some(at.timestamp());
        }
    }

    fn report(&mut self, rng: &mut Rng, ended_at: Timestamp) -> Option<Dropped> {
        let is_faultless = self.is_faultless;
        let is_lost = !is_faultless && rng.u16(0..400) == 0;
        let is_partial = !is_faultless && rng.u16(0..200) == 0;
        let is_late = !is_faultless && rng.u16(0..100) == 0;
        let (mut databases, mut findings) = (Vec::new(), Vec::new());
        for database in &mut self.databases {
            if is_partial && rng.bool() {
                continue;
            }
            self.contents += 1;
            let fate = if is_faultless {
                Fate::Good
            } else {
                fate(rng, database)
            };
            let (section, finding) = section(&database.name, fate, self.contents);
            databases.push(section);
            findings.push(finding);
        }
        let minutes = if is_late {
            rng.i64(180..1_800)
        } else {
            rng.i64(0..10)
        };
        (!is_lost).then(|| Dropped {
            arrives_at: minutes_later(ended_at, minutes),
            report: Report {
                operation_started_at: None,
                operation_ended_at: ended_at,
                overall_status: None,
                databases,
            },
            findings,
        })
    }
}

fn fate(rng: &mut Rng, database: &mut Database) -> Fate {
    if let Some((left, fate)) = database.spell {
        database.spell = (left > 1).then_some((left - 1, fate));
        return fate;
    }
    if rng.u16(0..250) == 0 {
        let fate = BAD[rng.usize(0..BAD.len())];
        database.spell = Some((rng.u32(1..6), fate));
        return fate;
    }
    Fate::Good
}

fn section(name: &str, fate: Fate, content: u64) -> (DatabaseReport, Finding) {
    let hash = |content: u64| {
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&content.to_be_bytes());
        Sha256::from(bytes)
    };
    let done = Stage {
        succeeded: Some(true),
        sha256: Some(hash(content)),
        size: Some(1_000_000),
        ..Stage::default()
    };
    let broken = Stage {
        succeeded: Some(false),
        message: Some("no space left on device".to_owned()),
        ..Stage::default()
    };
    let mut stages = Stages {
        backup: done.clone(),
        compress: done.clone(),
        transfer: done,
    };
    let measured = |content| Finding::Measured {
        size: 1_000_000,
        sha256: Some(hash(content)),
        content: None,
    };
    let finding = match fate {
        Fate::Good => measured(content),
        Fate::Failed => {
            stages.backup = broken;
            Finding::NotNeeded
        }
        Fate::Broken => {
            stages.transfer = broken;
            Finding::NotNeeded
        }
        Fate::Absent => Finding::Absent,
        Fate::Mangled => measured(content + 1_000_000_000),
        Fate::Unhashed => {
            stages.backup.sha256 = None;
            stages.compress.sha256 = None;
            stages.transfer.sha256 = None;
            measured(content)
        }
    };
    let section = DatabaseReport {
        database: name.to_owned(),
        staged_file_name: Some(format!("{name}.zst")),
        stages,
        ..DatabaseReport::default()
    };
    (section, finding)
}

fn minutes_later(at: Timestamp, minutes: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_mins(minutes)).unwrap()
}
