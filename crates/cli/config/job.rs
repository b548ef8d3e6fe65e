//! `[[jobs]]`: the backups that are expected by name.

use std::collections::BTreeMap;

use vigie_domain::{AgentId, JobDeclaration, Schedule, WarningSettings};

use super::document::{element, join};
use super::matching;
use super::problem::Complaint;
use super::raw::{RawJob, RawSchedule};
use super::reading::{self, Reading};
use super::recipient::{self, AddressBook};
use super::schedule::{ScheduleParts, Schedules, complain_of_parts_without_cron};
use super::{verify, warnings};

/// What is so for all jobs that do not say otherwise.
#[derive(Debug, Clone)]
pub struct JobDefaults {
    pub schedule: ScheduleParts,
    pub warnings: WarningSettings,
}

/// What is so for all jobs, the default schedule, and all jobs, those without a schedule of
/// their own on that one. The book learns what jobs say of their recipients.
pub fn read(
    raw_default: &RawSchedule,
    warnings: WarningSettings,
    raw_jobs: Vec<RawJob>,
    book: &mut AddressBook,
    reading: &mut Reading,
) -> (JobDefaults, Option<Schedule>, Vec<JobDeclaration>) {
    let default = ScheduleParts::read(raw_default, "schedule", reading);
    // A default time zone is of use as soon as one job has a cron.
    if !default.is_cron() && raw_jobs.iter().all(|job| job.cron.is_none()) {
        complain_of_parts_without_cron(raw_default, "schedule", reading);
    }
    let schedule = finish(&default, "schedule", reading);
    let defaults = JobDefaults {
        schedule: default,
        warnings,
    };
    let jobs = read_each(raw_jobs, &defaults, book, reading);
    (defaults, schedule, jobs)
}

/// The jobs of `[[jobs]]`, each once.
pub fn read_each(
    raw_jobs: Vec<RawJob>,
    defaults: &JobDefaults,
    book: &mut AddressBook,
    reading: &mut Reading,
) -> Vec<JobDeclaration> {
    let mut known = BTreeMap::new();
    let mut jobs = Vec::new();
    let mut schedules = Schedules::default();
    for (index, raw) in raw_jobs.into_iter().enumerate() {
        let path = element("jobs", index);
        if let Some(mut job) = read_one(raw, defaults, &path, book, reading) {
            job.schedule = schedules.share(job.schedule);
            complain_of_twin(&job, &path, &mut known, reading);
            jobs.push(job);
        }
    }
    jobs
}

/// The job whose keys stand in the table at `path`.
pub fn read_one(
    mut raw: RawJob,
    defaults: &JobDefaults,
    path: &str,
    book: &mut AddressBook,
    reading: &mut Reading,
) -> Option<JobDeclaration> {
    let schedule = schedule_of(&raw.take_schedule(), &defaults.schedule, path, reading);
    let agent = required(raw.agent.as_deref(), path, "agent", reading, agent_id);
    let database = raw.database.as_deref();
    let database = required(database, path, "database", reading, reading::text);
    let mut part = |name: &str, given: Option<&str>| {
        reading.parse(&join(path, name), given, reading::one_line)
    };
    let company = part("company", raw.company.as_deref());
    let city = part("city", raw.city.as_deref());
    let neighborhood = part("neighborhood", raw.neighborhood.as_deref());
    let year = raw
        .year
        .and_then(|year| reading.accept(&join(path, "year"), matching::year_of(year)));
    let recipients_key = join(path, "recipients");
    let recipients = recipient::read_each_once(&recipients_key, raw.recipients, book, reading);
    let warnings = raw
        .warnings
        .map(|raw| warnings::read(raw, &join(path, "warnings"), defaults.warnings, reading));
    let verify = raw.verify.as_deref();
    let verify = reading.parse(&join(path, "verify"), verify, verify::level);
    Some(JobDeclaration {
        agent: agent?,
        database: database?,
        company,
        city,
        neighborhood,
        year,
        schedule: schedule?,
        recipients,
        active: raw.active.unwrap_or(true),
        warnings,
        verify,
    })
}

fn schedule_of(
    raw: &RawSchedule,
    default: &ScheduleParts,
    path: &str,
    reading: &mut Reading,
) -> Option<Schedule> {
    let parts = ScheduleParts::read(raw, path, reading).or(default);
    if !parts.is_cron() {
        complain_of_parts_without_cron(raw, path, reading);
    }
    finish(&parts, path, reading)
}

/// The parts were checked one by one, so that what is still wrong concerns the whole table.
fn finish(parts: &ScheduleParts, path: &str, reading: &mut Reading) -> Option<Schedule> {
    let schedule = parts.schedule().map_err(|error| {
        Complaint::new(
            format!("has a schedule that can't be: {error}"),
            "correct the schedule",
        )
    });
    reading.accept(path, schedule)
}

fn required<T>(
    given: Option<&str>,
    path: &str,
    name: &str,
    reading: &mut Reading,
    parse: impl FnOnce(&str) -> Result<T, Complaint>,
) -> Option<T> {
    let key = join(path, name);
    if given.is_none() && !reading.has_problem_with(&key) {
        let complaint = Complaint::new("is not set", "name the agent and the database of each job");
        reading.complain(&key, complaint);
    }
    reading.parse(&key, given, parse)
}

fn agent_id(id: &str) -> Result<AgentId, Complaint> {
    AgentId::new(id).map_err(|error| {
        Complaint::new(
            format!("is {id:?}, which is no agent id: {}", error.problem),
            "write it as the agent's folder is called, such as \"SDMC_DOUALA_AKWA\"",
        )
    })
}

/// One database of one agent has one job: of two, nobody could say which schedule holds.
fn complain_of_twin(
    job: &JobDeclaration,
    path: &str,
    known: &mut BTreeMap<(String, String), String>,
    reading: &mut Reading,
) {
    let identity = (job.agent.key(), job.database.clone());
    let Some(twin) = known.get(&identity) else {
        known.insert(identity, path.to_owned());
        return;
    };
    let complaint = Complaint::new(
        format!(
            "is for the same backup as {}: {:?} of {}",
            reading.places.told(twin),
            job.database,
            job.agent
        ),
        "keep one of them",
    );
    reading.complain(path, complaint);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::tests::{config, problems};

    const HOUR: Duration = Duration::from_hours(1);
    const JOB: &str = "[[jobs]]\nagent = 'SDMC_DOUALA_AKWA'\ndatabase = 'X_2025'\n";

    fn job(keys: &str) -> JobDeclaration {
        config(&format!("{JOB}{keys}")).jobs.remove(0)
    }

    #[test]
    fn an_agent_and_a_database_are_all_that_has_to_be_given() {
        let expected = JobDeclaration {
            agent: AgentId::new("SDMC_DOUALA_AKWA").unwrap(),
            database: "X_2025".to_owned(),
            company: None,
            city: None,
            neighborhood: None,
            year: None,
            schedule: Schedule::every(24 * HOUR, 2 * HOUR).unwrap(),
            recipients: Vec::new(),
            active: true,
            warnings: None,
            verify: None,
        };
        assert_eq!(job(""), expected);
    }

    #[test]
    fn each_value_can_be_given() {
        let job = job("
year = 2024
company = 'SDMC SA'
city = 'Yaoundé'
neighborhood = ''
recipients = ['a@example.com', 'b@example.com', 'a@example.com']
active = false
");
        assert_eq!(job.year, Some(2024));
        assert_eq!(job.company.as_deref(), Some("SDMC SA"));
        assert_eq!(job.city.as_deref(), Some("Yaoundé"));
        assert_eq!(job.neighborhood.as_deref(), Some(""));
        assert_eq!(job.recipients, ["a@example.com", "b@example.com"]);
        assert!(!job.active);
    }

    #[test]
    fn what_a_job_says_of_its_schedule_comes_before_the_default() {
        let every = "[schedule]\nevery = '12h'\ngrace = '1h'\n";
        let cron = "[schedule]\ncron = '0 1 * * *'\ntimezone = 'Africa/Douala'\nearly = '10m'\n";
        let minutes = |minutes| Duration::from_mins(minutes);
        let at = |expression, zone, early| Schedule::cron(expression, zone, 2 * HOUR, early);
        let cases = [
            (every, "", Schedule::every(12 * HOUR, HOUR)),
            (
                every,
                "grace = '5m'",
                Schedule::every(12 * HOUR, minutes(5)),
            ),
            (every, "every = '7d'", Schedule::every(7 * 24 * HOUR, HOUR)),
            (
                every,
                "cron = '0 2 * * *'",
                Schedule::cron("0 2 * * *", "UTC", HOUR, None),
            ),
            (
                cron,
                "",
                at("0 1 * * *", "Africa/Douala", Some(minutes(10))),
            ),
            (
                cron,
                "cron = '0 2 * * *'",
                at("0 2 * * *", "Africa/Douala", Some(minutes(10))),
            ),
            (
                cron,
                "timezone = 'Europe/Paris'\nearly = '1m'",
                at("0 1 * * *", "Europe/Paris", Some(minutes(1))),
            ),
            (cron, "every = '12h'", Schedule::every(12 * HOUR, 2 * HOUR)),
        ];
        for (default, keys, schedule) in cases {
            let job = config(&format!("{default}{JOB}{keys}")).jobs.remove(0);
            assert_eq!(job.schedule, schedule.unwrap(), "{default}{keys}");
        }
    }

    #[test]
    fn a_default_time_zone_serves_the_jobs_that_have_a_cron() {
        let text = format!("[schedule]\ntimezone = 'Europe/Paris'\n{JOB}cron = '0 2 * * *'");
        let schedule = Schedule::cron("0 2 * * *", "Europe/Paris", 2 * HOUR, None).unwrap();
        assert_eq!(config(&text).jobs[0].schedule, schedule);
    }

    #[test]
    fn a_wrong_value_says_what_to_write() {
        let cases = [
            (
                "year = 20255",
                "year is 20255, which is no year; write one such as 2025, or leave it out",
            ),
            (
                "company = \"SDMC\\nBcc: x\"",
                "company holds a line break or another control character; write it on one line",
            ),
            (
                "recipients = 'ops'",
                "recipients is \"ops\", which is no mail address; write one such as \
                 \"admin@example.com\"",
            ),
            (
                "recipients = ['ops@example.com', 'dba@']",
                "recipients[2] is \"dba@\", which is no mail address; write one such as \
                 \"admin@example.com\"",
            ),
            (
                "timezone = 'UTC'",
                "timezone is given without a cron, and means nothing with every; leave timezone \
                 out, or give a cron",
            ),
            ("active = 1", "active is an integer; write true or false"),
        ];
        for (line, problem) in cases {
            let problem = format!("vigie.toml:5: jobs[1].{problem}");
            assert_eq!(problems(&format!("{JOB}{line}")), [problem]);
        }
    }

    #[test]
    fn a_job_without_its_names_or_with_impossible_ones_is_refused() {
        assert_eq!(
            problems("[[jobs]]\n[[jobs]]\nagent = '../etc'\ndatabase = ''"),
            [
                "vigie.toml:2: jobs[1].agent is not set; name the agent and the database of each \
                 job",
                "vigie.toml:2: jobs[1].database is not set; name the agent and the database of \
                 each job",
                "vigie.toml:4: jobs[2].agent is \"../etc\", which is no agent id: it holds a path \
                 separator; write it as the agent's folder is called, such as \
                 \"SDMC_DOUALA_AKWA\"",
                "vigie.toml:5: jobs[2].database is empty; give it a value, or leave the key out",
            ]
        );
    }

    #[test]
    fn two_jobs_for_one_backup_are_refused_whatever_the_case_of_the_agent() {
        let twin = JOB.replace("SDMC_DOUALA_AKWA", "sdmc_douala_akwa");
        assert_eq!(
            problems(&format!("{JOB}{twin}")),
            [
                "vigie.toml:5: jobs[2] is for the same backup as jobs[1] on line 2: \"X_2025\" of \
                 sdmc_douala_akwa; keep one of them"
            ]
        );
        let other = JOB.replace("X_2025", "x_2025");
        assert_eq!(config(&format!("{JOB}{other}")).jobs.len(), 2);
    }

    #[test]
    fn jobs_may_stand_in_one_array() {
        let jobs = config("jobs = [{ agent = 'A', database = 'X' }]").jobs;
        assert_eq!(jobs[0].agent.as_str(), "A");
    }
}
