//! How a job becomes known, and how what the config says of it changes it. Knows no config file.

use jiff::Timestamp;

use crate::{
    AgentId, DomainEvent, EventKind, ExpectedBackupJob, JobId, JobStatus, Schedule, Transition,
    WarningSettings,
};

/// What a config says of one job.
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
/// incident closes it, as nobody will report its end.
#[must_use]
pub fn declare_job(
    id: JobId,
    declaration: &JobDeclaration,
    known: Option<&ExpectedBackupJob>,
    now: Timestamp,
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
        warning_settings: declaration.warnings,
        declared: true,
        ..known.cloned().unwrap_or(plain)
    };
    if let Some(settings) = &job.warning_settings {
        job.warnings.retain(|warning| settings.want(warning));
    }
    let mut events = Vec::new();
    if let Some(known) = known {
        if known.schedule != job.schedule || (job.active && !known.active) {
            job.covered_until = job.covered_until.max(now);
        }
        if known.preferred_validated_folder() != job.preferred_validated_folder() {
            job.validated_folder = job.preferred_validated_folder();
        }
        if !job.active && known.active {
            job.current_status = JobStatus::Unknown;
            job.silent_since = None;
            job.warnings.clear();
            if let Some(incident_since) = job.incident_since.take() {
                let kind = EventKind::JobDeactivated {
                    job: Box::new(job.clone()),
                    from: known.current_status,
                    incident_since,
                };
                events.push(DomainEvent { at: now, kind });
            }
        }
    } else {
        job.validated_folder = job.preferred_validated_folder();
    }
    Transition { job, events }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::judge_deadline;

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
}
