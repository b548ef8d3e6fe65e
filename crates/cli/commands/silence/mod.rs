//! `vigie silence`: keeps people from being told of some jobs for a while.

mod add;
mod expire;
mod list;
mod shown;

use std::path::Path;
use std::process::ExitCode;

use crate::arguments::SilenceCommand;
use crate::vigie::load_config;

pub async fn run(config: Option<&Path>, command: &SilenceCommand) -> anyhow::Result<ExitCode> {
    let config = load_config(config)?;
    match command {
        SilenceCommand::Add(arguments) => add::run(&config, arguments).await,
        SilenceCommand::List(arguments) => list::run(&config, arguments).await,
        SilenceCommand::Expire(arguments) => expire::run(&config, arguments).await,
    }
}
