//! The arguments of `vigie prune`.

use clap::Args;

use super::{NameArguments, OutputArguments};

#[derive(Debug, Args)]
pub struct PruneArguments {
    #[command(flatten)]
    pub names: NameArguments,
    /// Show what would be removed, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub output: OutputArguments,
}
