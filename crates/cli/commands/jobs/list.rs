//! `vigie jobs list`.

use std::io::{self, Write};
use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;
use vigie_domain::{ExpectedBackupJob, JobSource, JobStatus, Pause, Schedule};

use super::matches;
use crate::arguments::{Format, JobsListArguments};
use crate::config::Config;
use crate::pause::pause_in_words;
use crate::printable::printable_within;
use crate::table::print_table;
use crate::vigie::open_existing;

/// How wide a column of the table may become, in characters.
const WIDEST_CELL: usize = 48;

/// The same for the last column, beyond which nothing is pushed.
const WIDEST_PAUSE: usize = 120;

/// A job as `--format json` shows it. The keys are stable.
#[derive(Debug, Serialize)]
struct ShownJob<'a> {
    id: i64,
    agent: &'a str,
    database: &'a str,
    company: &'a str,
    city: &'a str,
    neighborhood: &'a str,
    year: Option<i16>,
    status: JobStatus,
    source: JobSource,
    /// Whether it is watched.
    watched: bool,
    schedule: &'a Schedule,
    recipients: &'a [String],
    expected_at: Option<Timestamp>,
    deadline_at: Option<Timestamp>,
    pause: Option<&'a Pause>,
    retired_at: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct ShownJobs<'a> {
    jobs: Vec<ShownJob<'a>>,
}

pub async fn run(config: &Config, arguments: &JobsListArguments) -> anyhow::Result<ExitCode> {
    let jobs = match open_existing(config).await? {
        Some(store) => store.jobs_that(|job| is_wanted(arguments, job)).await?,
        None => Vec::new(),
    };
    let mut out = io::stdout().lock();
    if arguments.json || arguments.output.format == Format::Json {
        let jobs = jobs.iter().map(shown).collect();
        serde_json::to_writer_pretty(&mut out, &ShownJobs { jobs })?;
        writeln!(out)?;
    } else if jobs.is_empty() {
        writeln!(out, "no jobs to show")?;
    } else {
        let head = [
            "AGENT", "DATABASE", "STATUS", "SCHEDULE", "EXPECTED", "SOURCE", "PAUSED",
        ];
        let rows: Vec<[String; 7]> = jobs.iter().map(row_of).collect();
        print_table(&mut out, head, &rows)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn is_wanted(arguments: &JobsListArguments, job: &ExpectedBackupJob) -> bool {
    let status = arguments.status.as_deref();
    matches(&arguments.names, job)
        && arguments.retired == job.retired_at.is_some()
        && (!arguments.paused || job.pause.is_some())
        && status.is_none_or(|status| job.current_status.as_str().eq_ignore_ascii_case(status))
        && arguments
            .source
            .is_none_or(|source| job.source() == source.into())
}

fn shown(job: &ExpectedBackupJob) -> ShownJob<'_> {
    ShownJob {
        id: job.id.0,
        agent: job.agent.as_str(),
        database: &job.database,
        company: &job.company,
        city: &job.city,
        neighborhood: &job.neighborhood,
        year: job.year,
        status: job.current_status,
        source: job.source(),
        watched: job.is_watched(),
        schedule: &job.schedule,
        recipients: &job.recipients,
        expected_at: job.expected_at(),
        deadline_at: job.deadline_at(),
        pause: job.pause.as_ref(),
        retired_at: job.retired_at,
    }
}

fn row_of(job: &ExpectedBackupJob) -> [String; 7] {
    let status = match job.retired_at {
        Some(at) => format!("(retired {})", at.strftime("%Y-%m-%d")),
        None if job.is_watched() => job.current_status.to_string(),
        None => "(at rest)".to_owned(),
    };
    let expected_at = job.expected_at();
    [
        printable_within(job.agent.as_str(), WIDEST_CELL),
        printable_within(&job.database, WIDEST_CELL),
        status,
        printable_within(&job.schedule.to_string(), WIDEST_CELL),
        expected_at.map_or("-".to_owned(), minute),
        job.source().as_str().to_owned(),
        job.pause.as_ref().map_or("-".to_owned(), |pause| {
            printable_within(&pause_in_words(pause), WIDEST_PAUSE)
        }),
    ]
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
