//! How a job becomes known, and how what the config says of it changes it. Knows no config file.

use jiff::Timestamp;

use crate::rest::watch_or_rest;
use crate::{
    AgentId, DomainEvent, EventKind, ExpectedBackupJob, JobId, Schedule, Transition, VerifyLevel,
    WarningSettings,
};

/// What a config, or somebody with a command, says of one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobDeclaration {
    /// The agent that makes the backup.
    pub agent: AgentId,
    /// The database, as reports name it.
    pub database: String,
    /// The customer; `None` means the first part of the agent's id.
    pub company: Option<String>,
    /// The city; `None` means the second part of the agent's id.
    pub city: Option<String>,
    /// The neighborhood; `None` means the rest of the agent's id.
    pub neighborhood: Option<String>,
    /// The year; `None` means a trailing `_YYYY` of the database.
    pub year: Option<i16>,
    /// When backups are expected.
    pub schedule: Schedule,
    /// Who is told; nobody here means the administrators.
    pub recipients: Vec<String>,
    /// Whether the job is watched.
    pub active: bool,
    /// What to warn of; `None` means what is said of all jobs.
    pub warnings: Option<WarningSettings>,
    /// How deep its backups are looked into; `None` means what is said of all jobs.
    pub verify: Option<VerifyLevel>,
}

/// A new job became known from a report, at the instant when its clock started.
#[must_use]
pub fn register_job(job: ExpectedBackupJob) -> Transition {
    let kind = EventKind::JobRegistered {
        job: Box::new(job.clone()),
    };
    let at = job.known_since;
    Transition {
        job,
        events: vec![DomainEvent { at, kind }],
    }
}

/// The job as the config declares it at `now`; `known` is what was known of it before.
///
/// When the schedule changes, or a job at rest is watched again, its clock starts anew: what was
/// not expected yesterday can't be missing since yesterday. A job that is put to rest during an
/// incident closes it, as nobody will report its end. A pause goes on, as whoever declares the job
/// need not know of it; a retired job is back, as somebody expects it again.
#[must_use]
pub fn declare_job(
    id: JobId,
    declaration: &JobDeclaration,
    known: Option<&ExpectedBackupJob>,
    now: Timestamp,
) -> Transition {
    follow(id, declaration, known, now, |job| job.declared = true)
}

/// The same for a job that somebody adds or changes with a command.
#[must_use]
pub fn add_job(
    id: JobId,
    declaration: &JobDeclaration,
    known: Option<&ExpectedBackupJob>,
    now: Timestamp,
) -> Transition {
    follow(id, declaration, known, now, |job| job.added = true)
}

fn follow(
    id: JobId,
    declaration: &JobDeclaration,
    known: Option<&ExpectedBackupJob>,
    now: Timestamp,
    note_source: impl Fn(&mut ExpectedBackupJob),
) -> Transition {
    let plain = ExpectedBackupJob::new(
        id,
        declaration.agent.clone(),
        declaration.database.clone(),
        declaration.schedule.clone(),
        now,
    );
    let own = |given: &Option<String>, default: &str| given.clone().unwrap_or(default.to_owned());
    let mut job = ExpectedBackupJob {
        id,
        agent: declaration.agent.clone(),
        company: own(&declaration.company, &plain.company),
        city: own(&declaration.city, &plain.city),
        neighborhood: own(&declaration.neighborhood, &plain.neighborhood),
        year: declaration.year.or(plain.year),
        schedule: declaration.schedule.clone(),
        recipients: declaration.recipients.clone(),
        active: declaration.active,
        retired_at: None,
        warning_settings: declaration.warnings,
        verify: declaration.verify,
        ..known.cloned().unwrap_or(plain)
    };
    note_source(&mut job);
    if let Some(settings) = &job.warning_settings {
        job.warnings.retain(|warning| settings.want(warning));
    }
    let Some(known) = known else {
        job.validated_folder = job.preferred_validated_folder();
        return Transition {
            job,
            events: Vec::new(),
        };
    };
    if known.schedule != job.schedule {
        job.covered_until = job.covered_until.max(now);
    }
    if known.preferred_validated_folder() != job.preferred_validated_folder() {
        job.validated_folder = job.preferred_validated_folder();
    }
    watch_or_rest(known, job, now)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{JobSource, Pause, judge_deadline, pause_job, retire_job};

    const HOUR: Duration = Duration::from_hours(1);

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn declaration() -> JobDeclaration {
        JobDeclaration {
            agent: AgentId::new("SDMC_DOUALA_AKWA").unwrap(),
            database: "XAFRIC_2025".to_owned(),
            company: None,
            city: None,
            neighborhood: None,
            year: None,
            schedule: Schedule::every(24 * HOUR, HOUR).unwrap(),
            recipients: Vec::new(),
            active: true,
            warnings: None,
            verify: None,
        }
    }

    fn declared(
        known: Option<&ExpectedBackupJob>,
        now: &str,
        change: impl Fn(&mut JobDeclaration),
    ) -> Transition {
        let mut declaration = declaration();
        change(&mut declaration);
        declare_job(JobId(1), &declaration, known, at(now))
    }

    #[test]
    fn what_is_not_declared_comes_from_the_agents_id_and_the_database() {
        let job = declared(None, "2025-06-19T00:00:00Z", |declaration| {
            declaration.city = Some("Yaoundé".to_owned());
        })
        .job;
        assert_eq!(
            (job.company.as_str(), job.city.as_str()),
            ("SDMC", "Yaoundé")
        );
        assert_eq!((job.neighborhood.as_str(), job.year), ("AKWA", Some(2025)));
        assert_eq!(job.validated_folder, "SDMC/Yaoundé/AKWA/2025/XAFRIC_2025");
        assert!(job.declared);
    }

    #[test]
    fn declaring_the_same_again_changes_nothing() {
        let job = declared(None, "2025-06-19T00:00:00Z", |_| ()).job;
        let again = declared(Some(&job), "2025-06-20T00:00:00Z", |_| ());
        assert_eq!(again.job, job);
        assert_eq!(again.events, []);
    }

    #[test]
    fn a_changed_schedule_starts_the_clock_anew() {
        let job = declared(None, "2025-06-19T00:00:00Z", |_| ()).job;
        let hourly = declared(Some(&job), "2025-06-19T12:00:00Z", |declaration| {
            declaration.schedule = Schedule::every(HOUR, HOUR).unwrap();
        })
        .job;
        assert_eq!(hourly.deadline_at(), Some(at("2025-06-19T14:00:00Z")));
    }

    #[test]
    fn a_job_put_to_rest_closes_its_incident_and_starts_anew_when_watched_again() {
        let job = declared(None, "2025-06-19T00:00:00Z", |_| ()).job;
        let missing = judge_deadline(&job, at("2025-06-21T00:00:00Z"))
            .unwrap()
            .job;
        let rest = declared(Some(&missing), "2025-06-22T00:00:00Z", |declaration| {
            declaration.active = false;
        });
        assert_eq!(rest.events[0].name(), "JobDeactivated");
        assert_eq!(rest.job.incident_since, None);
        let awake = declared(Some(&rest.job), "2025-07-01T00:00:00Z", |_| ());
        assert_eq!(awake.events, []);
        assert_eq!(awake.job.deadline_at(), Some(at("2025-07-02T01:00:00Z")));
    }

    #[test]
    fn a_job_that_was_added_can_be_declared_and_is_an_added_one_again_afterwards() {
        let now = at("2025-06-19T00:00:00Z");
        let added = add_job(JobId(1), &declaration(), None, now).job;
        assert_eq!(added.source(), JobSource::Command);
        let mut declared = declared(Some(&added), "2025-06-20T00:00:00Z", |_| ()).job;
        assert_eq!(declared.source(), JobSource::Config);
        declared.declared = false;
        assert_eq!(declared, added);
    }

    #[test]
    fn declaring_a_job_again_ends_no_pause() {
        let job = declared(None, "2025-06-19T00:00:00Z", |_| ()).job;
        let pause = Pause {
            since: at("2025-06-19T01:00:00Z"),
            until: None,
            by: Some("Ngono".to_owned()),
            reason: None,
        };
        let paused = pause_job(&job, pause).job;
        let again = declared(Some(&paused), "2025-06-30T00:00:00Z", |_| ());
        assert_eq!(again.job, paused);
        let hourly = declared(Some(&paused), "2025-06-30T00:00:00Z", |declaration| {
            declaration.schedule = Schedule::every(HOUR, HOUR).unwrap();
        });
        assert_eq!(hourly.job.deadline_at(), None);
    }

    #[test]
    fn a_retired_job_that_is_declared_is_back_with_a_new_clock() {
        let job = declared(None, "2025-06-19T00:00:00Z", |_| ()).job;
        let retired = retire_job(&job, at("2025-06-19T01:00:00Z")).job;
        let back = declared(Some(&retired), "2025-06-30T00:00:00Z", |_| ()).job;
        assert_eq!(back.deadline_at(), Some(at("2025-07-01T01:00:00Z")));
    }
}
