//! How a job is put to rest by hand, and watched again. Knows no declaration.

use jiff::Timestamp;

use crate::{DomainEvent, EventKind, ExpectedBackupJob, JobStatus, Pause, Transition};

/// The job, not watched from `pause.since` on. One that is paused already stays so since it was, and
/// takes over the rest. An open incident closes, as nobody will report its end.
///
/// ```
/// # use std::time::Duration;
/// use vigie_domain::*;
///
/// let day = Duration::from_secs(24 * 3600);
/// let agent = AgentId::new("SDMC_DOUALA_AKWA")?;
/// let schedule = Schedule::every(day, day / 12)?;
/// let known_since = "2025-06-19T00:00:00Z".parse()?;
/// let job = ExpectedBackupJob::new(JobId(1), agent, "XAFRIC", schedule, known_since);
///
/// let pause = Pause {
///     since: "2025-06-19T12:00:00Z".parse()?,
///     until: Some("2025-06-23T06:00:00Z".parse()?),
///     by: Some("Ngono".to_owned()),
///     reason: Some("the site moves".to_owned()),
/// };
/// let paused = pause_job(&job, pause).job;
/// assert_eq!(paused.deadline_at(), None);
///
/// // It ends by itself, and what was not expected meanwhile is not missing now.
/// let resumed = end_pause(&paused, "2025-06-23T06:01:00Z".parse()?).expect("it is over").job;
/// assert_eq!(resumed.deadline_at(), Some("2025-06-24T08:00:00Z".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn pause_job(known: &ExpectedBackupJob, pause: Pause) -> Transition {
    let now = pause.since;
    let since = known.pause.as_ref().map_or(now, |pause| pause.since);
    let mut job = known.clone();
    job.pause = Some(Pause { since, ..pause });
    watch_or_rest(known, job, now)
}

/// The job, watched again from `now` on: no longer paused, nor retired. Its clock starts anew. What the
/// config has put to rest stays there.
#[must_use]
pub fn resume_job(known: &ExpectedBackupJob, now: Timestamp) -> Transition {
    let mut job = known.clone();
    job.pause = None;
    job.retired_at = None;
    job.active |= !job.declared;
    watch_or_rest(known, job, now)
}

/// The job after a pause that is over at `now`: its clock starts at the pause's end, however late that is
/// seen. `None` when it is not paused, or still is.
#[must_use]
pub fn end_pause(known: &ExpectedBackupJob, now: Timestamp) -> Option<Transition> {
    let until = known.pause.as_ref()?.until?;
    if until > now {
        return None;
    }
    let mut job = known.clone();
    job.pause = None;
    Some(watch_or_rest(known, job, until))
}

/// The job, given up for good at `now`. An open incident closes.
#[must_use]
pub fn retire_job(known: &ExpectedBackupJob, now: Timestamp) -> Transition {
    let mut job = known.clone();
    job.pause = None;
    job.retired_at.get_or_insert(now);
    watch_or_rest(known, job, now)
}

/// What follows when a job is watched from `now` on and was not before, or the other way round.
pub(crate) fn watch_or_rest(
    known: &ExpectedBackupJob,
    mut job: ExpectedBackupJob,
    now: Timestamp,
) -> Transition {
    let mut events = Vec::new();
    if job.is_watched() && !known.is_watched() {
        job.covered_until = job.covered_until.max(now);
    }
    if !job.is_watched() && known.is_watched() {
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
    Transition { job, events }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{AgentId, JobId, Schedule, judge_deadline};

    const HOUR: Duration = Duration::from_hours(1);

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn job() -> ExpectedBackupJob {
        let agent = AgentId::new("A_B_C").unwrap();
        let daily = Schedule::every(24 * HOUR, HOUR).unwrap();
        ExpectedBackupJob::new(JobId(1), agent, "X", daily, at("2025-06-19T00:00:00Z"))
    }

    fn missing() -> ExpectedBackupJob {
        judge_deadline(&job(), at("2025-06-21T00:00:00Z"))
            .unwrap()
            .job
    }

    fn pause(since: &str, until: Option<&str>) -> Pause {
        Pause {
            since: at(since),
            until: until.map(at),
            by: None,
            reason: None,
        }
    }

    #[test]
    fn a_pause_closes_the_incident_and_raises_no_other() {
        let paused = pause_job(&missing(), pause("2025-06-21T06:00:00Z", None));
        let names: Vec<_> = paused.events.iter().map(DomainEvent::name).collect();
        assert_eq!(names, ["JobDeactivated"]);
        assert_eq!(paused.job.current_status, JobStatus::Unknown);
        assert_eq!(
            judge_deadline(&paused.job, at("2030-01-01T00:00:00Z")),
            None
        );
        let again = pause_job(&paused.job, pause("2025-06-22T00:00:00Z", None));
        assert_eq!(again.events, []);
        assert_eq!(again.job, paused.job);
    }

    #[test]
    fn a_second_pause_has_its_own_end_and_the_first_ones_beginning() {
        let paused = pause_job(&job(), pause("2025-06-19T06:00:00Z", None)).job;
        let until = Some("2025-07-01T00:00:00Z");
        let again = pause_job(&paused, pause("2025-06-20T00:00:00Z", until)).job;
        assert_eq!(again.pause, Some(pause("2025-06-19T06:00:00Z", until)));
    }

    #[test]
    fn a_job_that_is_watched_again_starts_anew_and_raises_nothing() {
        let paused = pause_job(&missing(), pause("2025-06-21T06:00:00Z", None)).job;
        let resumed = resume_job(&paused, at("2025-07-01T00:00:00Z"));
        assert_eq!(resumed.events, []);
        assert_eq!(resumed.job.deadline_at(), Some(at("2025-07-02T01:00:00Z")));
        let again = resume_job(&resumed.job, at("2025-07-01T12:00:00Z"));
        assert_eq!(again.job, resumed.job);
    }

    #[test]
    fn a_pause_ends_at_its_end_and_not_before() {
        let until = "2025-06-23T00:00:00Z";
        let paused = pause_job(&job(), pause("2025-06-19T06:00:00Z", Some(until))).job;
        assert_eq!(end_pause(&paused, at("2025-06-22T23:59:59Z")), None);
        // Vigie was down for three days: the job was expected all the same.
        let ended = end_pause(&paused, at("2025-06-26T00:00:00Z")).unwrap().job;
        assert_eq!(ended.deadline_at(), Some(at("2025-06-24T01:00:00Z")));
        let for_ever = pause_job(&job(), pause("2025-06-19T06:00:00Z", None)).job;
        assert_eq!(end_pause(&for_ever, at("2100-01-01T00:00:00Z")), None);
        assert_eq!(end_pause(&job(), at("2100-01-01T00:00:00Z")), None);
    }

    #[test]
    fn a_retired_job_is_not_watched_until_it_is_brought_back() {
        let paused = pause_job(&missing(), pause("2025-06-21T06:00:00Z", None)).job;
        let retired = retire_job(&paused, at("2025-06-22T00:00:00Z"));
        assert_eq!(retired.events, []);
        assert_eq!(retired.job.pause, None);
        assert_eq!(retired.job.deadline_at(), None);
        let told = retire_job(&missing(), at("2025-06-22T00:00:00Z")).events;
        assert_eq!(told[0].name(), "JobDeactivated");
        let back = resume_job(&retired.job, at("2025-07-01T00:00:00Z")).job;
        assert_eq!(back.deadline_at(), Some(at("2025-07-02T01:00:00Z")));
    }

    #[test]
    fn what_the_config_put_to_rest_is_not_resumed_by_hand() {
        let mut rest = job();
        rest.active = false;
        assert!(
            resume_job(&rest, at("2025-06-20T00:00:00Z"))
                .job
                .is_watched()
        );
        rest.declared = true;
        assert!(
            !resume_job(&rest, at("2025-06-20T00:00:00Z"))
                .job
                .is_watched()
        );
    }
}
