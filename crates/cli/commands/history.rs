//! `vigie history`: the backups of one database, newest first.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde::{Serialize, Serializer};
use vigie_domain::{AgentId, BackupEntry, JobStatus, Warning};
use vigie_scanner::DueFile;

use crate::arguments::{Format, HistoryArguments};
use crate::commands::damage::{ShownDamage, print_damage};
use crate::printable::printable;
use crate::vigie::{load_config, open_existing};

/// A job with its entries, as `--format json` shows it. The keys are stable.
#[derive(Debug, Serialize)]
struct JobHistory {
    id: i64,
    agent: String,
    database: String,
    status: JobStatus,
    /// What was odd about the last good backup.
    warnings: Vec<Warning>,
    /// The kept backups of it that are not as they were kept.
    #[serde(serialize_with = "shown")]
    damaged: Vec<DueFile>,
    entries: Vec<BackupEntry>,
}

fn shown<S: Serializer>(damaged: &[DueFile], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(damaged.iter().map(ShownDamage::of))
}

#[derive(Debug, Serialize)]
struct History {
    jobs: Vec<JobHistory>,
}

pub async fn run(config: Option<&Path>, arguments: &HistoryArguments) -> anyhow::Result<ExitCode> {
    let config = load_config(config)?;
    let store = open_existing(&config).await?;
    let Some(store) = store else {
        bail!("there is no database yet: no cycle has been done");
    };
    let agent = arguments.agent.as_deref().map(AgentId::new);
    let agent = agent.transpose().context("--agent")?;
    let database = &arguments.database;
    let jobs = store.jobs_of_database(database, agent.as_ref()).await?;
    if jobs.is_empty() {
        let whose = agent.map_or(String::new(), |agent| format!(" of agent {agent}"));
        bail!("no job is known for the database {database}{whose}; `vigie status` lists all jobs");
    }
    let mut history = History { jobs: Vec::new() };
    let damaged = store.damaged_files().await?;
    for job in jobs {
        let of_job = damaged.iter().filter(|file| file.file.job_id == job.id);
        history.jobs.push(JobHistory {
            id: job.id.0,
            entries: store.entries_of_job(&job, arguments.limit).await?,
            agent: job.agent.to_string(),
            database: job.database,
            status: job.current_status,
            warnings: job.warnings,
            damaged: of_job.cloned().collect(),
        });
    }
    let mut out = io::stdout().lock();
    match arguments.output.format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &history)?;
            writeln!(out)?;
        }
        Format::Text => history
            .jobs
            .iter()
            .try_for_each(|job| print(&mut out, job))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn print(out: &mut dyn Write, job: &JobHistory) -> io::Result<()> {
    writeln!(
        out,
        "{}  {}  {}",
        printable(&job.agent),
        printable(&job.database),
        job.status
    )?;
    for warning in &job.warnings {
        writeln!(out, "  odd: {warning}")?;
    }
    print_damage(out, "  damaged: ", &job.damaged)?;
    if job.entries.is_empty() {
        writeln!(out, "  no report has spoken of it")?;
    }
    for entry in &job.entries {
        let ended_at = entry.operation_ended_at.strftime("%Y-%m-%d %H:%M:%S UTC");
        let size = entry
            .actual_size
            .map_or("-".to_owned(), |size| format!("{size} B"));
        write!(out, "  {ended_at}  {:25}  {size:>20}", entry.status)?;
        if entry.unchanged {
            write!(out, "  unchanged")?;
        }
        if let Some(content) = entry
            .content
            .as_ref()
            .filter(|content| content.fault.is_none())
        {
            write!(out, "  {content}")?;
        }
        if let Some(reason) = &entry.reason {
            write!(out, "  {}", printable(&reason.to_string()))?;
        }
        writeln!(out)?;
    }
    Ok(())
}
