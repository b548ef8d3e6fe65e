//! `vigie jobs pause`, `resume` and `retire`.

use std::collections::HashSet;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail, ensure};
use jiff::Timestamp;
use vigie_domain::{
    ExpectedBackupJob, JobDeclaration, Pause, Transition, pause_job, resume_job, retire_job,
};
use vigie_notify::{Clock as _, SystemClock};
use vigie_store::SqliteStore;

use super::{jobs, lock, matches, open};
use crate::arguments::{ChosenArguments, PauseArguments, ResumeArguments, RetireArguments};
use crate::config::{Config, duration_of};
use crate::pause::pause_in_words;
use crate::printable::printable_within;
use crate::vigie::user;

/// How much of a name is printed, in characters.
const WIDEST_NAME: usize = 80;

/// How many jobs a complaint names.
const NAMED: usize = 10;

pub async fn pause(config: &Config, arguments: &PauseArguments) -> anyhow::Result<ExitCode> {
    let _lock = lock(config).await?;
    let store = open(config).await?;
    let pause = pause_of(arguments, SystemClock.now())?;
    let known = known(&store, &arguments.chosen).await?;
    let (retired, known): (Vec<_>, Vec<_>) = known.into_iter().partition(is_retired);
    ensure!(
        !known.is_empty(),
        "{} that match are retired, and not watched already",
        jobs(retired.len())
    );
    let changes: Vec<Transition> = known
        .iter()
        .map(|job| pause_job(job, pause.clone()))
        .collect();
    let done = format!("paused {}", pause_in_words(&pause));
    finish(&store, &changes, &done, arguments.dry_run).await
}

pub async fn resume(config: &Config, arguments: &ResumeArguments) -> anyhow::Result<ExitCode> {
    let _lock = lock(config).await?;
    let store = open(config).await?;
    let now = SystemClock.now();
    let known = known(&store, &arguments.chosen).await?;
    let is_meant = |job: &&ExpectedBackupJob| match job.retired_at {
        Some(_) => arguments.retired,
        None => job.pause.is_some() || (!job.active && !job.declared),
    };
    let resumed = known.iter().filter(is_meant);
    let changes: Vec<Transition> = resumed.map(|job| resume_job(job, now)).collect();
    if changes.is_empty() {
        bail!("{}", nothing_to_resume(&known));
    }
    let at_rest = changes.iter().filter(|change| !change.job.is_watched());
    let at_rest = at_rest.count();
    let code = finish(&store, &changes, "resumed", arguments.dry_run).await?;
    if at_rest > 0 {
        println!(
            "the config keeps {} at rest: `active = false`",
            jobs(at_rest)
        );
    }
    Ok(code)
}

pub async fn retire(config: &Config, arguments: &RetireArguments) -> anyhow::Result<ExitCode> {
    let _lock = lock(config).await?;
    let store = open(config).await?;
    let now = SystemClock.now();
    let known = known(&store, &arguments.chosen).await?;
    refuse_declared(config, &known)?;
    let left: Vec<&ExpectedBackupJob> = known.iter().filter(|job| !is_retired(job)).collect();
    ensure!(
        !left.is_empty(),
        "{} that match are retired already",
        jobs(known.len())
    );
    let changes: Vec<Transition> = left.into_iter().map(|job| retire_job(job, now)).collect();
    finish(&store, &changes, "retired", arguments.dry_run).await
}

fn pause_of(arguments: &PauseArguments, now: Timestamp) -> anyhow::Result<Pause> {
    let until = match &arguments.duration {
        None => arguments.until,
        Some(text) => {
            let wrong = |what: String, remedy: String| anyhow!("--for {what}; {remedy}");
            let duration =
                duration_of(text).map_err(|problem| wrong(problem.what, problem.remedy))?;
            Some(now.checked_add(duration).context("--for")?)
        }
    };
    if let Some(until) = until {
        ensure!(until > now, "--until is {until}, which is over already");
    }
    let by = arguments.by.clone().or_else(user);
    let given = |text: Option<String>| {
        let text = text.map(|text| text.trim().to_owned());
        text.filter(|text| !text.is_empty())
    };
    Ok(Pause {
        since: now,
        until,
        by: given(by),
        reason: given(arguments.reason.clone()),
    })
}

/// The jobs that were chosen, at least one.
async fn known(
    store: &SqliteStore,
    chosen: &ChosenArguments,
) -> anyhow::Result<Vec<ExpectedBackupJob>> {
    let known = store.jobs_that(|job| matches(&chosen.names, job)).await?;
    ensure!(
        !known.is_empty(),
        "no job matches; `vigie jobs list` lists those that are known"
    );
    Ok(known)
}

fn is_retired(job: &ExpectedBackupJob) -> bool {
    job.retired_at.is_some()
}

fn nothing_to_resume(known: &[ExpectedBackupJob]) -> String {
    let retired = known.iter().filter(|job| is_retired(job)).count();
    let at_rest = known.iter().filter(|job| job.declared && !job.active);
    let at_rest = at_rest.count();
    let mut told = format!("none of {} that match is paused", jobs(known.len()));
    if retired > 0 {
        told = format!("{told}; {retired} retired, which --retired brings back");
    }
    if at_rest > 0 {
        told = format!("{told}; {at_rest} at rest by the config, which says `active = false`");
    }
    told
}

/// The config would bring them back at the next start.
fn refuse_declared(config: &Config, known: &[ExpectedBackupJob]) -> anyhow::Result<()> {
    let identity = |job: &JobDeclaration| (job.agent.key(), job.database.clone());
    let declared: HashSet<_> = config.jobs.iter().map(identity).collect();
    let is_declared =
        |job: &&ExpectedBackupJob| declared.contains(&(job.agent.key(), job.database.clone()));
    let declared: Vec<String> = known.iter().filter(is_declared).map(name).collect();
    if declared.is_empty() {
        return Ok(());
    }
    let count = jobs(declared.len());
    let more = if declared.len() > NAMED {
        "\n  …"
    } else {
        ""
    };
    let named = declared[..declared.len().min(NAMED)].join("\n  ");
    bail!(
        "nothing is retired, as the config declares {count} of these; take them out of it first, or \
         pause them:\n  {named}{more}"
    )
}

fn name(job: &ExpectedBackupJob) -> String {
    let agent = printable_within(job.agent.as_str(), WIDEST_NAME);
    format!("{agent}  {}", printable_within(&job.database, WIDEST_NAME))
}

/// Keeps the changes, unless it is a trial, and names the jobs.
async fn finish(
    store: &SqliteStore,
    changes: &[Transition],
    done: &str,
    is_trial: bool,
) -> anyhow::Result<ExitCode> {
    if !is_trial {
        store.change_jobs(changes).await?;
    }
    let verb = match (is_trial, changes.len()) {
        (true, _) => "would be",
        (false, 1) => "is",
        (false, _) => "are",
    };
    let mut out = io::stdout().lock();
    writeln!(out, "{} {verb} {done}", jobs(changes.len()))?;
    for Transition { job, events } in changes {
        let closed = if events.is_empty() {
            ""
        } else {
            "  (its incident closes)"
        };
        writeln!(out, "  {}{closed}", name(job))?;
    }
    Ok(ExitCode::SUCCESS)
}
