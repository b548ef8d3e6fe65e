//! `vigie status`: every job with its latest backup, or one line for a monitoring system.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;
use vigie_domain::{BackupEntry, ExpectedBackupJob, JobStatus};
use vigie_notify::Outbox;
use vigie_store::{JobOverview, SqliteStore};

use crate::arguments::{Format, StatusArguments};
use crate::printable::printable;
use crate::vigie::load_config;

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
    active: bool,
    declared: bool,
    schedule: String,
    expected_at: Option<Timestamp>,
    deadline_at: Option<Timestamp>,
    last_checked_at: Option<Timestamp>,
    last_report_at: Option<Timestamp>,
    last_success_at: Option<Timestamp>,
    incident_since: Option<Timestamp>,
    latest_entry: Option<&'a BackupEntry>,
}

#[derive(Debug, Serialize)]
struct ShownStatus<'a> {
    jobs: Vec<ShownJob<'a>>,
    mails_waiting: u64,
}

pub async fn run(config: Option<&Path>, arguments: &StatusArguments) -> anyhow::Result<ExitCode> {
    let config = load_config(config)?;
    let store = SqliteStore::open(&config.database.path).await?;
    let mut overviews = store.jobs_with_latest_entries().await?;
    if arguments.failing {
        overviews.retain(|overview| is_failing(&overview.job));
    }
    let mails_waiting = store.count_waiting().await?;
    let mut out = io::stdout().lock();
    match arguments.output.format {
        Format::Json => {
            let jobs = overviews.iter().map(ShownJob::from).collect();
            let status = ShownStatus {
                jobs,
                mails_waiting,
            };
            serde_json::to_writer_pretty(&mut out, &status)?;
            writeln!(out)?;
        }
        Format::Text => print(&mut out, &overviews, mails_waiting)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Not OK, and not merely so new that nothing is known yet.
fn is_failing(job: &ExpectedBackupJob) -> bool {
    job.active && job.incident_since.is_some()
}

impl<'a> From<&'a JobOverview> for ShownJob<'a> {
    fn from(JobOverview { job, latest_entry }: &'a JobOverview) -> Self {
        Self {
            id: job.id.0,
            company: &job.company,
            city: &job.city,
            neighborhood: &job.neighborhood,
            year: job.year,
            database: &job.database,
            agent: job.agent.as_str(),
            status: job.current_status,
            active: job.active,
            declared: job.declared,
            schedule: job.schedule.to_string(),
            expected_at: job.expected_at(),
            deadline_at: job.deadline_at(),
            last_checked_at: job.last_checked_at,
            last_report_at: job.last_report_at,
            last_success_at: job.last_success_at(),
            incident_since: job.incident_since,
            latest_entry: latest_entry.as_ref(),
        }
    }
}

fn print(out: &mut dyn Write, overviews: &[JobOverview], mails_waiting: u64) -> io::Result<()> {
    if overviews.is_empty() {
        writeln!(out, "no jobs to show")?;
    } else {
        let rows: Vec<[String; 5]> = overviews.iter().map(row_of).collect();
        print_table(
            out,
            [
                "STATUS",
                "AGENT",
                "DATABASE",
                "LAST GOOD BACKUP",
                "DEADLINE",
            ],
            &rows,
        )?;
    }
    if mails_waiting > 0 {
        writeln!(out, "\n{mails_waiting} mails wait to be sent")?;
    }
    Ok(())
}

fn row_of(JobOverview { job, .. }: &JobOverview) -> [String; 5] {
    let shown = |instant: Option<Timestamp>| {
        instant.map_or("-".to_owned(), |instant| {
            instant.strftime("%Y-%m-%d %H:%M UTC").to_string()
        })
    };
    let status = if job.active {
        job.current_status.to_string()
    } else {
        "(at rest)".to_owned()
    };
    [
        status,
        printable(job.agent.as_str()),
        printable(&job.database),
        shown(job.last_success_at()),
        shown(job.deadline_at()),
    ]
}

fn print_table<const COLUMNS: usize>(
    out: &mut dyn Write,
    head: [&str; COLUMNS],
    rows: &[[String; COLUMNS]],
) -> io::Result<()> {
    let mut widths = head.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut line = |cells: [&str; COLUMNS]| {
        let padded: Vec<String> = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        writeln!(out, "{}", padded.join("  ").trim_end())
    };
    line(head)?;
    rows.iter()
        .try_for_each(|row| line(row.each_ref().map(String::as_str)))
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
    let (severity, text) = match load_for_check(config).await {
        Ok(overviews) => summary(&overviews),
        Err(error) => {
            let error = format!("{error:#}").replace('\n', "; ");
            (Severity::Unknown, printable(&error).replace('|', "/"))
        }
    };
    println!("VIGIE {} - {text}", format!("{severity:?}").to_uppercase());
    ExitCode::from(severity as u8)
}

async fn load_for_check(config: Option<&Path>) -> anyhow::Result<Vec<JobOverview>> {
    let config = load_config(config)?;
    let store = SqliteStore::open(&config.database.path).await?;
    Ok(store.jobs_with_latest_entries().await?)
}

fn summary(overviews: &[JobOverview]) -> (Severity, String) {
    let jobs: Vec<_> = overviews
        .iter()
        .map(|overview| &overview.job)
        .filter(|job| job.active)
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
    let severity = match (failing, uncompared) {
        (0, 0) => Severity::Ok,
        (0, _) => Severity::Warning,
        _ => Severity::Critical,
    };
    let counts: Vec<String> = JobStatus::ALL
        .into_iter()
        .filter(|status| count(*status) > 0)
        .map(|status| format!("{} {status}", count(status)))
        .collect();
    let data: Vec<String> = JobStatus::ALL
        .into_iter()
        .map(|status| format!("{}={}", status.as_str().to_lowercase(), count(status)))
        .collect();
    let text = format!(
        "{} jobs: {} | {}",
        jobs.len(),
        counts.join(", "),
        data.join(" ")
    );
    (severity, text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use vigie_domain::{AgentId, JobId, Schedule};

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

    #[test]
    fn the_worst_job_decides() {
        let good = job(JobStatus::Ok, false);
        let new = job(JobStatus::Unknown, false);
        let uncompared = job(JobStatus::Unknown, true);
        let missing = job(JobStatus::Missing, true);
        let severity = |jobs: &[&JobOverview]| {
            let jobs: Vec<JobOverview> = jobs.iter().map(|job| (*job).clone()).collect();
            summary(&jobs).0
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
            summary(&jobs).1,
            "2 jobs: 1 OK, 1 MISSING | ok=1 failed=0 missing=1 hash_mismatch=0 \
             transfer_integrity_failed=0 unknown=0"
        );
    }

    #[test]
    fn a_job_at_rest_is_not_counted() {
        let mut rest = job(JobStatus::Missing, true);
        rest.job.active = false;
        assert_eq!(summary(&[rest, job(JobStatus::Ok, false)]).0, Severity::Ok);
    }
}
