//! `vigie templates`: what an ops team needs to write the mails in its own words. Sends nothing.

mod check;
mod chosen;
mod eject;
mod list;
mod preview;
mod snapshot;
mod variables;

use std::path::Path;
use std::process::ExitCode;

pub use self::chosen::counted;
use crate::arguments::TemplatesCommand;

pub async fn run(config: Option<&Path>, command: &TemplatesCommand) -> anyhow::Result<ExitCode> {
    match command {
        TemplatesCommand::List(list) => list::run(config, list),
        TemplatesCommand::Check(check) => check::run(config, check),
        TemplatesCommand::Preview(preview) => preview::run(config, preview).await,
        TemplatesCommand::Eject(eject) => eject::run(config, eject),
        TemplatesCommand::Snapshot(snapshot) => snapshot::run(config, snapshot),
        TemplatesCommand::Variables(variables) => variables::run(variables),
    }
}
