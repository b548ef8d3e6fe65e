//! The arguments of `vigie scrub`.

use std::time::Duration;

use clap::Args;

use super::OutputArguments;
use crate::config::{duration_of, size_of};

#[derive(Debug, Args)]
pub struct ScrubArguments {
    /// Read only what was last read, or kept, so long ago: 12h, 7d; all without it
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub older_than: Option<Duration>,
    /// Begin no more files when those that were begun have so many bytes: 500MB, 10GiB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub max_bytes: Option<u64>,
    /// Take backups for lost even when most of them are not there, which else is taken for a disk that is
    /// not mounted
    #[arg(long)]
    pub accept_loss: bool,
    /// Read nothing, and take one backup that was found damaged off the list for good: its path below
    /// deposit.validated. What lies there is left alone
    #[arg(long, value_name = "PATH", conflicts_with_all = ["older_than", "max_bytes", "accept_loss", "format"])]
    pub give_up: Option<String>,
    #[command(flatten)]
    pub output: OutputArguments,
}

fn duration(text: &str) -> Result<Duration, String> {
    duration_of(text).map_err(|complaint| complaint.remedy)
}

fn size(text: &str) -> Result<u64, String> {
    size_of(text).map_err(|complaint| complaint.remedy)
}
