//! `vigie routes`: who is told of what.

mod list;
mod test;

use std::path::Path;
use std::process::ExitCode;

use crate::arguments::RoutesCommand;
use crate::vigie::load_config;

pub async fn run(config: Option<&Path>, command: &RoutesCommand) -> anyhow::Result<ExitCode> {
    let config = load_config(config)?;
    match command {
        RoutesCommand::List(arguments) => list::run(&config, arguments),
        RoutesCommand::Test(arguments) => test::run(&config, arguments).await,
    }
}
