//! `vigie prune`: removes the kept backups that no rule of `[retention]` keeps, or tells which these are.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use jiff::Timestamp;
use serde::Serialize;
use vigie_domain::{ExpectedBackupJob, JobId, Sha256};
use vigie_notify::{Clock as _, SystemClock};
use vigie_scanner::{JudgedFile, JudgedJob, PruneResult};

use super::jobs::{jobs, lock, matches, open};
use crate::FAILED;
use crate::arguments::{Format, PruneArguments};
use crate::binary_size::binary_size;
use crate::local_time::local_time;
use crate::printable::printable_within;
use crate::table::print_table;
use crate::vigie::{load_config, pruner};

/// How much of a name is printed, in characters.
const WIDEST_NAME: usize = 80;

/// A kept backup as `--format json` shows it. The keys are stable.
#[derive(Debug, Serialize)]
struct ShownFile {
    /// Relative to the validated tree.
    path: String,
    size: u64,
    sha256: Sha256,
    /// When the newest backup that it stands for was recorded.
    recorded_at: Timestamp,
    intact: bool,
    reasons: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ShownJob {
    id: i64,
    agent: String,
    database: String,
    keep: Vec<ShownFile>,
    remove: Vec<ShownFile>,
}

#[derive(Debug, Serialize)]
struct Shown {
    dry_run: bool,
    jobs: Vec<ShownJob>,
    #[serde(flatten)]
    result: PruneResult,
}

pub async fn run(config: Option<&Path>, arguments: &PruneArguments) -> anyhow::Result<ExitCode> {
    let config = load_config(config)?;
    let Some(policy) = &config.retention else {
        bail!(
            "{} has no [retention], so that nothing is ever removed; say there how many backups are \
             kept",
            config.path.display()
        );
    };
    let zone = policy.time_zone.clone();
    let _lock = lock(&config).await?;
    let store = open(&config).await?;
    let Some(pruner) = pruner(&config, &store) else {
        bail!("no backup is kept, as deposit.validated is not set");
    };
    let known = store
        .jobs_that(|job| matches(&arguments.names, job))
        .await?;
    if known.is_empty() {
        bail!("no job matches; `vigie jobs list` lists those that are known");
    }
    let ids: Vec<JobId> = known.iter().map(|job| job.id).collect();
    let mut judged: Vec<JudgedJob> = Vec::new();
    let mut note = |job| judged.push(job);
    let result = if arguments.dry_run {
        pruner.plan(&ids, &mut note).await?
    } else {
        pruner.prune(&ids, SystemClock.now(), &mut note).await?
    };
    // Nothing is left beside the database, where a trial is to leave all as it was.
    store.close().await;
    let code = if result.errors.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    };
    let shown = Shown {
        dry_run: arguments.dry_run,
        jobs: shown_jobs(&known, judged),
        result,
    };
    let mut out = io::stdout().lock();
    match arguments.output.format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &shown)?;
            writeln!(out)?;
        }
        Format::Text => print(&mut out, &shown, |at| local_time(at, &zone))?,
    }
    Ok(code)
}

/// In the order in which jobs are listed.
fn shown_jobs(known: &[ExpectedBackupJob], judged: Vec<JudgedJob>) -> Vec<ShownJob> {
    let mut judged: HashMap<JobId, Vec<JudgedFile>> =
        judged.into_iter().map(|job| (job.job, job.files)).collect();
    let shown = known.iter().filter_map(|job| {
        let files = judged.remove(&job.id)?;
        let (keep, remove): (Vec<_>, Vec<_>) = files.into_iter().partition(JudgedFile::is_kept);
        Some(ShownJob {
            id: job.id.0,
            agent: job.agent.to_string(),
            database: job.database.clone(),
            keep: keep.into_iter().map(shown_file).collect(),
            remove: remove.into_iter().map(shown_file).collect(),
        })
    });
    shown.collect()
}

fn shown_file(judged: JudgedFile) -> ShownFile {
    ShownFile {
        reasons: judged.reasons.iter().map(ToString::to_string).collect(),
        recorded_at: judged.recorded_at,
        intact: judged.is_intact,
        path: judged.file.path,
        size: judged.file.size,
        sha256: judged.file.sha256,
    }
}

fn print(out: &mut dyn Write, shown: &Shown, time: impl Fn(Timestamp) -> String) -> io::Result<()> {
    for job in &shown.jobs {
        let agent = printable_within(&job.agent, WIDEST_NAME);
        let database = printable_within(&job.database, WIDEST_NAME);
        writeln!(out, "{agent}  {database}")?;
        let row = |verb: &str, file: &ShownFile| {
            let name = file.path.rsplit('/').next().unwrap_or_default();
            let mut reasons = file.reasons.join(", ");
            if !file.intact {
                reasons = format!("{reasons} (damaged)");
            }
            [
                verb.to_owned(),
                time(file.recorded_at),
                binary_size(file.size),
                printable_within(name, WIDEST_NAME),
                reasons,
            ]
        };
        let kept = job.keep.iter().map(|file| row("keep", file));
        let removed = job.remove.iter().map(|file| row("remove", file));
        let rows: Vec<[String; 5]> = kept.chain(removed).collect();
        print_table(out, ["", "TIME", "SIZE", "FILE", "REASONS"], &rows)?;
        writeln!(out)?;
    }
    let PruneResult {
        removed,
        bytes_freed,
        errors,
    } = &shown.result;
    for error in errors {
        writeln!(
            out,
            "not done: {}",
            printable_within(error, 4 * WIDEST_NAME)
        )?;
    }
    let copies = if *removed == 1 { "copy" } else { "copies" };
    let (verb, freed) = if shown.dry_run {
        ("would be removed", "would be free")
    } else {
        ("removed", "freed")
    };
    let of = jobs(shown.jobs.len());
    writeln!(
        out,
        "{removed} {copies} of {of} {verb}, {} {freed}",
        binary_size(*bytes_freed)
    )
}
