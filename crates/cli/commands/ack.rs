//! `vigie ack`: somebody has taken an incident on.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use vigie_domain::{AgentId, ExpectedBackupJob};
use vigie_notify::{Acknowledgement, Clock, SystemClock};
use vigie_store::SqliteStore;

use crate::arguments::AckArguments;
use crate::printable::printable;
use crate::vigie::{author, load_config, open_existing};

pub async fn run(config: Option<&Path>, arguments: &AckArguments) -> anyhow::Result<ExitCode> {
    let Some(store) = open_existing(&load_config(config)?).await? else {
        bail!("there is no database yet: no cycle has been done");
    };
    let job = job_of(&store, arguments).await?;
    let (agent, database) = (printable(job.agent.as_str()), printable(&job.database));
    let acknowledgement = Acknowledgement {
        at: SystemClock.now(),
        by: author(arguments.by.as_deref())?,
    };
    ensure!(
        store.acknowledge(&job, &acknowledgement).await?,
        "nothing is wrong with {database} of {agent} that people were told of"
    );
    println!(
        "{database} of {agent} ({}) is taken on by {}; nobody is reminded of it until it becomes something else",
        job.current_status,
        printable(&acknowledgement.by)
    );
    Ok(ExitCode::SUCCESS)
}

async fn job_of(
    store: &SqliteStore,
    arguments: &AckArguments,
) -> anyhow::Result<ExpectedBackupJob> {
    let agent = arguments.agent.as_deref().map(AgentId::new);
    let agent = agent.transpose().context("--agent")?;
    let database = &arguments.database;
    let mut jobs = store.jobs_of_database(database, agent.as_ref()).await?;
    match jobs.len() {
        0 => bail!("no job is known for the database {database}; `vigie status` lists all jobs"),
        1 => Ok(jobs.remove(0)),
        count => bail!("{count} agents have a database {database}; name one with --agent"),
    }
}
