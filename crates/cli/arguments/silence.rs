//! The arguments of `vigie silence`.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::{MatcherArguments, Moment, OutputArguments};
use crate::config::positive_in_seconds;

/// The longest reason, in characters: it is told in one line.
const LONGEST_REASON: usize = 500;

#[derive(Debug, Subcommand)]
pub enum SilenceCommand {
    /// Keeps people from being told of what matches, until a time
    #[command(
        after_help = "Examples:\n  vigie silence add --agent 'SDMC_DOUALA_*' --for 4h --reason \
                            \"new disks\"\n  vigie silence add --database XAFRIC_2025 --status \
                            MISSING --until \"2026-05-01 20:00\" --reason \"moved to another \
                            site\"\n\nTimes without an offset are those of mail.timezone.\n\n\
                            Exit status: 0 added, 1 not added, 2 usage or configuration."
    )]
    Add(Box<SilenceAddArguments>),
    /// Lists the silences that are in force or still to start, the first to end first
    #[command(
        after_help = "Examples:\n  vigie silence list\n  vigie silence list --all --format json"
    )]
    List(SilenceListArguments),
    /// Ends silences now: people are told again, and one that is still to start never does
    #[command(after_help = "Example: vigie silence expire 3 5\n\n\
                            Exit status: 0 ended, 1 none of them ended, 2 usage or configuration.")]
    Expire(SilenceExpireArguments),
}

#[derive(Debug, Args)]
#[group(skip)]
#[command(
    group = clap::ArgGroup::new("meant").args(["agents", "databases", "companies", "cities", "years", "statuses", "severities", "all"]).required(true).multiple(true),
    group = clap::ArgGroup::new("end").args(["until", "lasting"]).required(true)
)]
pub struct SilenceAddArguments {
    #[command(flatten)]
    pub matchers: MatcherArguments,
    /// Every job: nobody is told of anything
    #[arg(long, conflicts_with = "matchers")]
    pub all: bool,
    /// When it ends
    #[arg(long, value_name = "TIME")]
    pub until: Option<Moment>,
    /// How long it lasts: 90m, 4h, 7d
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub lasting: Option<Duration>,
    /// When it starts; now without it
    #[arg(long, value_name = "TIME")]
    pub from: Option<Moment>,
    /// Why, for all who wonder
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: String,
    /// Who wants it; the user who says so without it
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    #[command(flatten)]
    pub output: OutputArguments,
}

#[derive(Debug, Args)]
pub struct SilenceListArguments {
    /// Those that have ended, too
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub output: OutputArguments,
}

#[derive(Debug, Args)]
pub struct SilenceExpireArguments {
    /// The numbers of the silences, as `vigie silence list` has them
    #[arg(value_name = "ID", required = true)]
    pub ids: Vec<i64>,
}

fn duration(text: &str) -> Result<Duration, String> {
    positive_in_seconds(text).map_err(|complaint| complaint.remedy)
}

fn reason(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        Err("say why")
    } else if text.contains(char::is_control) {
        Err("write it on one line")
    } else if text.chars().count() > LONGEST_REASON {
        Err("write at most 500 characters")
    } else {
        Ok(text.to_owned())
    }
}
