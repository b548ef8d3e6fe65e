//! `vigie outbox`: the mails on their way, and what people do about them.

mod change;
mod list;
mod show;
mod shown;

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use vigie_store::SqliteStore;

use crate::arguments::OutboxCommand;
use crate::vigie::{load_config, open_existing};

pub async fn run(config: Option<&Path>, command: &OutboxCommand) -> anyhow::Result<ExitCode> {
    let store = open(config).await?;
    match command {
        OutboxCommand::List(arguments) => list::run(&store, arguments).await,
        OutboxCommand::Show(arguments) => show::run(&store, arguments).await,
        OutboxCommand::Retry(arguments) => change::retry(&store, arguments).await,
        OutboxCommand::Drop(arguments) => change::drop(&store, arguments).await,
    }
}

async fn open(config: Option<&Path>) -> anyhow::Result<SqliteStore> {
    match open_existing(&load_config(config)?).await? {
        Some(store) => Ok(store),
        None => bail!("there is no database yet: no cycle has been done"),
    }
}
