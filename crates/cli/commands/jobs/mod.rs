//! `vigie jobs`: the backups that are expected, and what people do about them without the config.

mod add;
mod change;
mod import;
mod list;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use vigie_domain::ExpectedBackupJob;
use vigie_store::SqliteStore;

use crate::arguments::{JobsCommand, NameArguments};
use crate::config::Config;
use crate::lock::CycleLock;
use crate::vigie::{load_config, open_existing};

/// How long a command waits for a cycle to end.
const PATIENCE: Duration = Duration::from_mins(1);

pub async fn run(config: Option<&Path>, command: &JobsCommand) -> anyhow::Result<ExitCode> {
    let config = load_config(config)?;
    match command {
        JobsCommand::List(arguments) => list::run(&config, arguments).await,
        JobsCommand::Add(arguments) => add::run(&config, arguments).await,
        JobsCommand::Pause(arguments) => change::pause(&config, arguments).await,
        JobsCommand::Resume(arguments) => change::resume(&config, arguments).await,
        JobsCommand::Retire(arguments) => change::retire(&config, arguments).await,
        JobsCommand::Import(arguments) => import::run(&config, arguments).await,
    }
}

/// A cycle writes what it read of jobs when it began, so that nobody changes them meanwhile.
pub(in crate::commands) async fn lock(config: &Config) -> anyhow::Result<CycleLock> {
    CycleLock::take_within(&config.database.path, PATIENCE).await
}

pub(in crate::commands) async fn open(config: &Config) -> anyhow::Result<SqliteStore> {
    match open_existing(config).await? {
        Some(store) => Ok(store),
        None => bail!("there is no database yet: no cycle has been done"),
    }
}

pub(in crate::commands) fn matches(names: &NameArguments, job: &ExpectedBackupJob) -> bool {
    let NameArguments {
        agent,
        database,
        company,
    } = names;
    let agent = agent.as_ref();
    let company = company.as_ref();
    agent.is_none_or(|glob| glob.matches_in_any_case(job.agent.as_str()))
        && company.is_none_or(|glob| glob.matches_in_any_case(&job.company))
        && database
            .as_ref()
            .is_none_or(|glob| glob.matches(&job.database))
}

/// `1 job`, `2 jobs`.
pub(in crate::commands) fn jobs(count: usize) -> String {
    let noun = if count == 1 { "job" } else { "jobs" };
    format!("{count} {noun}")
}
