//! `vigie status`: every job with its latest backup, or one line for a monitoring system.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use vigie_domain::{BackupEntry, ExpectedBackupJob, JobId, JobSource, JobStatus, Pause, Warning};
use vigie_notify::{Acknowledgement, Clock, FaultRecord, Ledger, Outbox, SystemClock, SystemFault};
use vigie_scanner::DueFile;
use vigie_store::{JobOverview, LastCycle, SqliteStore};

use crate::age::age;
use crate::arguments::{Format, StatusArguments};
use crate::causes::causes;
use crate::commands::damage::{ShownDamage, print_damage};
use crate::commands::held_back::HeldBack;
use crate::pause::pause_in_words;
use crate::printable::{printable, printable_within};
use crate::table::print_table;
use crate::vigie::{load_config, open_existing};

/// How wide a column of the table may become, in characters.
const WIDEST_CELL: usize = 48;

/// How long a mail may wait until people should know.
const LONG_WAIT: SignedDuration = SignedDuration::from_hours(1);

/// A job as `--format json` shows it. The keys are stable.
#[derive(Debug, Serialize)]
struct ShownJob<'a> {
    id: i64,
    company: &'a str,
    city: &'a str,
    neighborhood: &'a str,
    year: Option<i16>,
    database: &'a str,
    agent: &'a str,
    status: JobStatus,
    /// Whether it is watched.
    active: bool,
    declared: bool,
    source: JobSource,
    pause: Option<&'a Pause>,
    retired_at: Option<Timestamp>,
    schedule: String,
    expected_at: Option<Timestamp>,
    deadline_at: Option<Timestamp>,
    last_checked_at: Option<Timestamp>,
    last_report_at: Option<Timestamp>,
    last_success_at: Option<Timestamp>,
    incident_since: Option<Timestamp>,
    /// Who has taken the incident on.
    acknowledged: Option<&'a Acknowledgement>,
    latest_entry: Option<&'a BackupEntry>,
    /// What was odd about the last good backup.
    warnings: &'a [Warning],
}

#[derive(Debug, Serialize)]
struct ShownStatus<'a> {
    jobs: Vec<ShownJob<'a>>,
    #[serde(flatten)]
    mails: Mails,
    /// What people are to be told and are not told yet.
    held_back: HeldBack,
    /// The kept backups that are not as they were kept.
    damaged: Vec<ShownDamage<'a>>,
}

/// The mails that did not get through.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Mails {
    #[serde(rename = "mails_waiting")]
    waiting: u64,
    #[serde(rename = "oldest_mail_waiting_since")]
    oldest_waiting_since: Option<Timestamp>,
    #[serde(rename = "mails_dead")]
    dead: u64,
}

impl Mails {
    async fn of(store: &SqliteStore) -> anyhow::Result<Self> {
        let backlog = store.backlog().await?;
        Ok(Self {
            waiting: backlog.waiting,
            oldest_waiting_since: backlog.oldest_planned_at,
            dead: store.count_dead().await?,
        })
    }

    /// Whether people should look after them: one was refused, or has waited for an hour.
    fn need_attention(self, now: Timestamp) -> bool {
        let is_late = |since: Timestamp| now.duration_since(since) > LONG_WAIT;
        self.dead > 0 || self.oldest_waiting_since.is_some_and(is_late)
    }

    /// What has to be said of them.
    fn told(self, now: Timestamp) -> Vec<String> {
        let mails = |count| if count == 1 { "mail" } else { "mails" };
        let mut told = Vec::new();
        if let Some(since) = self.oldest_waiting_since {
            let (count, age) = (self.waiting, age(since, now));
            let (noun, verb) = (mails(count), if count == 1 { "waits" } else { "wait" });
            told.push(format!(
                "{count} {noun} {verb} to be sent, the oldest for {age}"
            ));
        }
        if self.dead > 0 {
            let noun = mails(self.dead);
            let verb = if self.dead == 1 { "was" } else { "were" };
            told.push(format!("{} {noun} {verb} refused for good", self.dead));
        }
        told
    }
}

pub async fn run(config: Option<&Path>, arguments: &StatusArguments) -> anyhow::Result<ExitCode> {
    let config = load_config(config)?;
    let now = SystemClock.now();
    let (mut overviews, taken_on, mails, held_back, damaged) = match open_existing(&config).await? {
        Some(store) => (
            store.jobs_with_latest_entries().await?,
            store.acknowledgements().await?,
            Mails::of(&store).await?,
            HeldBack::of(&store).await?,
            store.damaged_files().await?,
        ),
        None => <_>::default(),
    };
    overviews.retain(|overview| overview.job.retired_at.is_some() == arguments.retired);
    if arguments.failing {
        overviews.retain(|overview| is_failing(&overview.job));
    }
    let mut out = io::stdout().lock();
    match arguments.output.format {
        Format::Json => {
            let shown = |overview| ShownJob::of(overview, &taken_on);
            let jobs = overviews.iter().map(shown).collect();
            let status = ShownStatus {
                jobs,
                mails,
                held_back,
                damaged: damaged.iter().map(ShownDamage::of).collect(),
            };
            serde_json::to_writer_pretty(&mut out, &status)?;
            writeln!(out)?;
        }
        Format::Text => {
            print(&mut out, &overviews)?;
            print_damage(&mut out, "damaged: ", &damaged)?;
            for told in mails.told(now).into_iter().chain(held_back.told()) {
                writeln!(out, "{told}")?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Not OK, and not merely so new that nothing is known yet.
fn is_failing(job: &ExpectedBackupJob) -> bool {
    job.is_watched() && job.incident_since.is_some()
}

impl<'a> ShownJob<'a> {
    fn of(
        JobOverview { job, latest_entry }: &'a JobOverview,
        taken_on: &'a HashMap<JobId, Acknowledgement>,
    ) -> Self {
        Self {
            id: job.id.0,
            company: &job.company,
            city: &job.city,
            neighborhood: &job.neighborhood,
            year: job.year,
            database: &job.database,
            agent: job.agent.as_str(),
            status: job.current_status,
            active: job.is_watched(),
            declared: job.declared,
            source: job.source(),
            pause: job.pause.as_ref(),
            retired_at: job.retired_at,
            schedule: job.schedule.to_string(),
            expected_at: job.expected_at(),
            deadline_at: job.deadline_at(),
            last_checked_at: job.last_checked_at,
            last_report_at: job.last_report_at,
            last_success_at: job.last_success_at(),
            incident_since: job.incident_since,
            acknowledged: taken_on.get(&job.id),
            latest_entry: latest_entry.as_ref(),
            warnings: &job.warnings,
        }
    }
}

fn print(out: &mut dyn Write, overviews: &[JobOverview]) -> io::Result<()> {
    if overviews.is_empty() {
        writeln!(out, "no jobs to show")?;
    } else {
        let rows: Vec<[String; 5]> = overviews.iter().map(row_of).collect();
        let head = [
            "STATUS",
            "AGENT",
            "DATABASE",
            "LAST GOOD BACKUP",
            "DEADLINE",
        ];
        print_table(out, head, &rows)?;
    }
    print_warnings(out, overviews)
}

/// A line for each: a table has no room for sentences.
fn print_warnings(out: &mut dyn Write, overviews: &[JobOverview]) -> io::Result<()> {
    for job in overviews.iter().map(|overview| &overview.job) {
        let agent = printable_within(job.agent.as_str(), WIDEST_CELL);
        let database = printable_within(&job.database, WIDEST_CELL);
        for warning in &job.warnings {
            writeln!(out, "odd: {agent}  {database}  {warning}")?;
        }
    }
    Ok(())
}

fn row_of(JobOverview { job, .. }: &JobOverview) -> [String; 5] {
    let shown = |instant: Option<Timestamp>| {
        instant.map_or("-".to_owned(), |instant| {
            instant.strftime("%Y-%m-%d %H:%M UTC").to_string()
        })
    };
    let status = match &job.pause {
        Some(pause) => {
            let told = format!("(paused {})", pause_in_words(pause));
            printable_within(&told, WIDEST_CELL)
        }
        None if job.retired_at.is_some() => "(retired)".to_owned(),
        None if job.is_watched() => job.current_status.to_string(),
        None => "(at rest)".to_owned(),
    };
    [
        status,
        printable_within(job.agent.as_str(), WIDEST_CELL),
        printable_within(&job.database, WIDEST_CELL),
        shown(job.last_success_at()),
        shown(job.deadline_at()),
    ]
}

/// The exit statuses of monitoring plugins, as Nagios and its descendants read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Severity {
    Ok = 0,
    Warning = 1,
    Critical = 2,
    Unknown = 3,
}

/// Answers as a monitoring plugin: one line with performance data, and never an error elsewhere.
pub async fn check(config: Option<&Path>) -> ExitCode {
    let (severity, text) = match state(config).await {
        Ok(state) => summary(&state, SystemClock.now()),
        Err(error) => {
            let error = causes(&error).replace('\n', "; ");
            (Severity::Unknown, printable(&error).replace('|', "/"))
        }
    };
    println!("VIGIE {} - {text}", format!("{severity:?}").to_uppercase());
    ExitCode::from(severity as u8)
}

/// What a monitoring system is told about.
struct State {
    overviews: Vec<JobOverview>,
    last_cycle: Option<LastCycle>,
    interval: Duration,
    mails: Mails,
    /// What is wrong with the whole system.
    faults: Vec<FaultRecord>,
    /// The kept backups that are not as they were kept.
    damaged: Vec<DueFile>,
}

async fn state(config: Option<&Path>) -> anyhow::Result<State> {
    let config = load_config(config)?;
    let Some(store) = open_existing(&config).await? else {
        bail!("there is no database yet: no cycle has been done");
    };
    Ok(State {
        overviews: store.jobs_with_latest_entries().await?,
        last_cycle: store.last_cycle().await?,
        interval: config.scan.interval,
        mails: Mails::of(&store).await?,
        faults: store.faults_since(Timestamp::MAX).await?,
        damaged: store.damaged_files().await?,
    })
}

fn summary(state: &State, now: Timestamp) -> (Severity, String) {
    let jobs: Vec<_> = state
        .overviews
        .iter()
        .map(|overview| &overview.job)
        .filter(|job| job.is_watched())
        .collect();
    if jobs.is_empty() {
        return (Severity::Unknown, "no jobs are watched".to_owned());
    }
    let count = |status| {
        jobs.iter()
            .filter(|job| job.current_status == status)
            .count()
    };
    let is_uncompared =
        |job: &&&ExpectedBackupJob| is_failing(job) && job.current_status == JobStatus::Unknown;
    let uncompared = jobs.iter().filter(is_uncompared).count();
    let failing = jobs.iter().filter(|job| is_failing(job)).count() - uncompared;
    let unjudged = jobs.iter().filter(|job| is_unjudged(job, state, now));
    let unjudged = unjudged.count();
    let severity = match (failing + unjudged, uncompared) {
        _ if !state.faults.is_empty() || !state.damaged.is_empty() => Severity::Critical,
        (0, 0) if !state.mails.need_attention(now) => Severity::Ok,
        (0, _) => Severity::Warning,
        _ => Severity::Critical,
    };
    let counts: Vec<String> = JobStatus::ALL
        .into_iter()
        .filter(|status| count(*status) > 0)
        .map(|status| format!("{} {status}", count(status)))
        .collect();
    let noun = if jobs.len() == 1 { "job" } else { "jobs" };
    let mut told = vec![format!("{} {noun}: {}", jobs.len(), counts.join(", "))];
    if unjudged > 0 {
        let since = state.last_cycle.map_or("so far".to_owned(), |last| {
            last.done_at
                .strftime("since %Y-%m-%d %H:%M UTC")
                .to_string()
        });
        told.push(format!(
            "{unjudged} past their deadline, but no cycle was done {since}"
        ));
    }
    if let Some(first) = state.damaged.first() {
        let path = printable_within(&first.file.path, WIDEST_CELL * 4).replace('|', "/");
        told.push(match state.damaged.len() {
            1 => format!("1 kept backup is damaged: {path}"),
            count => format!("{count} kept backups are damaged, the first is {path}"),
        });
    }
    for fault in &state.faults {
        let (what, error) = match &fault.fault {
            SystemFault::DepositUnreachable { error } => ("the deposit", error),
            SystemFault::ValidatedUnreachable { error } => ("what is kept", error),
            _ => continue,
        };
        let since = fault.opened_at.strftime("%Y-%m-%d %H:%M UTC");
        let error = printable(error).replace('|', "/");
        told.push(format!("{what} can't be read since {since}: {error}"));
    }
    told.extend(state.mails.told(now));
    let mut data: Vec<String> = JobStatus::ALL
        .into_iter()
        .map(|status| format!("{}={}", status.as_str().to_lowercase(), count(status)))
        .collect();
    data.push(format!("mails_waiting={}", state.mails.waiting));
    data.push(format!("mails_dead={}", state.mails.dead));
    data.push(format!("damaged={}", state.damaged.len()));
    (
        severity,
        format!("{} | {}", told.join("; "), data.join(" ")),
    )
}

/// Whether a deadline passed and no cycle has been done since: nobody watches any more. Two cycles
/// may be missed, as far apart as the config or the last two tell.
fn is_unjudged(job: &ExpectedBackupJob, state: &State, now: Timestamp) -> bool {
    let Some(deadline) = job.deadline_at() else {
        return false;
    };
    let gap = state.last_cycle.and_then(|last| {
        let gap = last.previous_done_at?.duration_until(last.done_at);
        Duration::try_from(gap).ok()
    });
    let patience = state.interval.max(gap.unwrap_or_default()) * 2;
    let should_be_judged = deadline.checked_add(patience);
    job.silent_since.is_none()
        && should_be_judged.is_ok_and(|judged| now > judged)
        && state.last_cycle.is_none_or(|last| last.done_at < deadline)
}

#[cfg(test)]
mod tests {
    use vigie_domain::{AgentId, Schedule};

    use super::*;

    fn job(status: JobStatus, has_incident: bool) -> JobOverview {
        let schedule = Schedule::every(Duration::from_hours(24), Duration::ZERO).unwrap();
        let agent = AgentId::new("A_B_C").unwrap();
        let known_since = Timestamp::UNIX_EPOCH;
        let mut job = ExpectedBackupJob::new(JobId(1), agent, "X", schedule, known_since);
        job.current_status = status;
        job.incident_since = has_incident.then_some(known_since);
        JobOverview {
            job,
            latest_entry: None,
        }
    }

    fn now() -> Timestamp {
        "2025-06-20T06:00:00Z".parse().unwrap()
    }

    /// Jobs of which a cycle was done just now.
    fn watched(overviews: Vec<JobOverview>) -> State {
        State {
            overviews,
            last_cycle: Some(done(now(), None)),
            interval: Duration::from_mins(1),
            mails: Mails::default(),
            faults: Vec::new(),
            damaged: Vec::new(),
        }
    }

    fn done(done_at: Timestamp, previous_done_at: Option<Timestamp>) -> LastCycle {
        LastCycle {
            done_at,
            previous_done_at,
        }
    }

    #[test]
    fn a_deadline_that_nobody_judged_is_critical_whatever_the_job_was() {
        let mut state = watched(vec![job(JobStatus::Ok, false)]);
        state.overviews[0].job.covered_until = "2025-06-18T00:00:00Z".parse().unwrap();
        assert_eq!(summary(&state, now()).0, Severity::Ok);
        state.last_cycle = Some(done("2025-06-18T23:59:00Z".parse().unwrap(), None));
        let (severity, text) = summary(&state, now());
        assert_eq!(severity, Severity::Critical);
        assert!(
            text.contains("1 past their deadline, but no cycle was done since 2025-06-18 23:59"),
            "{text}"
        );
        let just_passed = "2025-06-19T00:01:00Z".parse().unwrap();
        assert_eq!(summary(&state, just_passed).0, Severity::Ok);
        // Whose timer scans each day is not behind after some hours.
        state.last_cycle = Some(done(
            "2025-06-18T23:59:00Z".parse().unwrap(),
            Some("2025-06-17T23:59:00Z".parse().unwrap()),
        ));
        assert_eq!(summary(&state, now()).0, Severity::Ok);
    }

    #[test]
    fn mails_that_wait_are_told() {
        let mut state = watched(vec![job(JobStatus::Ok, false)]);
        state.mails = Mails {
            waiting: 8,
            oldest_waiting_since: "2025-06-20T03:48:10Z".parse().ok(),
            dead: 1,
        };
        let (severity, text) = summary(&state, now());
        assert_eq!(severity, Severity::Warning);
        assert!(
            text.contains(
                "; 8 mails wait to be sent, the oldest for 2 h 11 min; 1 mail was refused for good |"
            ),
            "{text}"
        );
        state.mails.dead = 0;
        assert_eq!(summary(&state, now()).0, Severity::Warning);
        state.mails.oldest_waiting_since = "2025-06-20T05:30:00Z".parse().ok();
        assert_eq!(summary(&state, now()).0, Severity::Ok);
    }

    #[test]
    fn the_worst_job_decides() {
        let good = job(JobStatus::Ok, false);
        let new = job(JobStatus::Unknown, false);
        let uncompared = job(JobStatus::Unknown, true);
        let missing = job(JobStatus::Missing, true);
        let severity = |jobs: &[&JobOverview]| {
            let jobs: Vec<JobOverview> = jobs.iter().map(|job| (*job).clone()).collect();
            summary(&watched(jobs), now()).0
        };
        assert_eq!(severity(&[]), Severity::Unknown);
        assert_eq!(severity(&[&good, &new]), Severity::Ok);
        assert_eq!(severity(&[&good, &uncompared]), Severity::Warning);
        assert_eq!(severity(&[&missing, &uncompared]), Severity::Critical);
    }

    #[test]
    fn the_line_counts_and_has_performance_data() {
        let jobs = [job(JobStatus::Ok, false), job(JobStatus::Missing, true)];
        assert_eq!(
            summary(&watched(jobs.into()), now()).1,
            "2 jobs: 1 OK, 1 MISSING | ok=1 failed=0 missing=1 hash_mismatch=0 \
             transfer_integrity_failed=0 unknown=0 mails_waiting=0 \
             mails_dead=0 damaged=0"
        );
    }

    #[test]
    fn a_job_at_rest_is_not_counted() {
        let mut rest = job(JobStatus::Missing, true);
        rest.job.active = false;
        let state = watched(vec![rest, job(JobStatus::Ok, false)]);
        assert_eq!(summary(&state, now()).0, Severity::Ok);
    }
}
