//! The arguments of `vigie jobs`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use vigie_domain::JobSource;
use vigie_notify::Glob;

use super::{OutputArguments, instant};

#[derive(Debug, Subcommand)]
pub enum JobsCommand {
    /// Lists the backups that are expected, and who says so
    #[command(
        after_help = "Examples:\n  vigie jobs list --agent 'SDMC_*'\n  vigie jobs list --paused\n  \
                            vigie jobs list --source command --json"
    )]
    List(JobsListArguments),
    /// Makes a job known that the config does not declare
    #[command(
        after_help = "Example: vigie jobs add --agent SDMC_DOUALA_AKWA --database XAFRIC_2025 \
                            --cron '0 1 * * *' --timezone Africa/Douala --grace 2h\n\n\
                            What is not given comes from [schedule] in the config, and from the \
                            agent's id.\n\nExit status: 0 added, 1 not added, 2 usage or \
                            configuration."
    )]
    Add(AddArguments),
    /// Leaves jobs unwatched for a while; what was wrong with them is closed
    #[command(
        after_help = "Examples:\n  vigie jobs pause --agent SDMC_DOUALA_AKWA --for 7d --reason 'the \
                            site moves'\n  vigie jobs pause --agent 'SDMC_*' --until \
                            2025-07-01T06:00:00Z --dry-run\n\nA pause holds whatever the config says, \
                            and ends by itself at its end or with `vigie jobs resume`."
    )]
    Pause(PauseArguments),
    /// Watches jobs again that were paused, or with --retired those that were retired
    #[command(
        after_help = "Example: vigie jobs resume --agent SDMC_DOUALA_AKWA\n\nTheir clocks start \
                            anew: what was not expected yesterday can't be missing since yesterday."
    )]
    Resume(ResumeArguments),
    /// Gives jobs up for good; their history and their validated backups stay
    #[command(
        after_help = "Example: vigie jobs retire --agent SDMC_DOUALA_AKWA --database 'XAFRIC_20*' \
                            --dry-run\n\nA later report of a retired job is left alone, and `vigie \
                            scan` tells so. `vigie jobs resume --retired` brings it back, and so does \
                            whatever declares it."
    )]
    Retire(RetireArguments),
    /// Adds the jobs of a CSV or TOML file, and changes those that are known and differ
    #[command(
        after_help = "Example: vigie jobs import jobs.csv --dry-run\n\nThe first line of a CSV file \
                            names its columns, in any order: agent, database, every, cron, grace, \
                            early, timezone, company, city, neighborhood, year, recipients (separated \
                            by ;), active, verify. A TOML file has [[jobs]] as the config does.\n\nNothing is \
                            imported unless all is right. What the file leaves out stays as it \
                            is.\n\nExit status: 0 imported, 1 not imported, 2 usage, configuration, or \
                            something wrong in the file."
    )]
    Import(ImportArguments),
}

#[derive(Debug, Args)]
pub struct JobsListArguments {
    #[command(flatten)]
    pub names: NameArguments,
    /// Only jobs of this status, such as OK or MISSING
    #[arg(long, value_name = "STATUS", ignore_case = true, value_parser = ["OK", "FAILED", "MISSING", "HASH_MISMATCH", "TRANSFER_INTEGRITY_FAILED", "UNKNOWN"])]
    pub status: Option<String>,
    /// Only jobs that are paused
    #[arg(long)]
    pub paused: bool,
    /// Only jobs that are retired; without it they are left out
    #[arg(long)]
    pub retired: bool,
    /// Only jobs that this one says are expected
    #[arg(long, value_name = "SOURCE", value_enum)]
    pub source: Option<Source>,
    /// The same as --format json
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub output: OutputArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Source {
    /// The config
    Config,
    /// `vigie jobs add` or `vigie jobs import`
    Command,
    /// A report of a database that nobody had declared
    Report,
}

impl From<Source> for JobSource {
    fn from(source: Source) -> Self {
        match source {
            Source::Config => Self::Config,
            Source::Command => Self::Command,
            Source::Report => Self::Report,
        }
    }
}

/// Which jobs; in names `*`, `?` and `[ab]` stand for letters.
#[derive(Debug, Args)]
pub struct NameArguments {
    /// Only jobs of this agent; `*`, `?` and `[ab]` stand for letters
    #[arg(long, value_name = "AGENT")]
    pub agent: Option<Glob>,
    /// Only jobs of this database; `*`, `?` and `[ab]` stand for letters
    #[arg(long, value_name = "DATABASE")]
    pub database: Option<Glob>,
    /// Only jobs of this company; `*`, `?` and `[ab]` stand for letters
    #[arg(long, value_name = "COMPANY")]
    pub company: Option<Glob>,
}

/// The same where somebody who names nothing would hardly mean all jobs.
#[derive(Debug, Args)]
pub struct ChosenArguments {
    #[command(flatten)]
    pub names: NameArguments,
    /// All jobs
    #[arg(
        long,
        required_unless_present_any = ["agent", "database", "company"],
        conflicts_with_all = ["agent", "database", "company"]
    )]
    pub all: bool,
}

#[derive(Debug, Args)]
pub struct AddArguments {
    /// The agent, as its folder is called
    #[arg(long, value_name = "AGENT")]
    pub agent: String,
    /// The database, as reports name it
    #[arg(long, value_name = "DATABASE")]
    pub database: String,
    /// The longest time between two backups, such as 24h
    #[arg(long, value_name = "DURATION", conflicts_with = "cron")]
    pub every: Option<String>,
    /// When backups are expected, such as '0 1 * * *'
    #[arg(long, value_name = "EXPRESSION")]
    pub cron: Option<String>,
    /// The time zone of the cron expression
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,
    /// How long a backup may be late
    #[arg(long, value_name = "DURATION")]
    pub grace: Option<String>,
    /// How long before an expected time a backup may end
    #[arg(long, value_name = "DURATION")]
    pub early: Option<String>,
    /// The customer
    #[arg(long, value_name = "NAME")]
    pub company: Option<String>,
    /// The city
    #[arg(long, value_name = "NAME")]
    pub city: Option<String>,
    /// The neighborhood
    #[arg(long, value_name = "NAME")]
    pub neighborhood: Option<String>,
    /// The year that the database is about
    #[arg(long, value_name = "YEAR")]
    pub year: Option<i64>,
    /// Who is told, instead of the administrators; can be repeated
    #[arg(long = "recipient", value_name = "ADDRESS")]
    pub recipients: Vec<String>,
    /// How deep its backups are looked into: recognised, hash, decode or content
    #[arg(long, value_name = "LEVEL")]
    pub verify: Option<String>,
}

#[derive(Debug, Args)]
pub struct PauseArguments {
    #[command(flatten)]
    pub chosen: ChosenArguments,
    /// When it ends; without an offset it is UTC
    #[arg(long, value_name = "INSTANT", value_parser = instant, conflicts_with = "duration")]
    pub until: Option<Timestamp>,
    /// How long it lasts, such as 7d
    #[arg(long = "for", value_name = "DURATION")]
    pub duration: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Who says so; the user who does without it
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// Show what would happen, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct ResumeArguments {
    #[command(flatten)]
    pub chosen: ChosenArguments,
    /// Bring back those that were retired too
    #[arg(long)]
    pub retired: bool,
    /// Show what would happen, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct RetireArguments {
    #[command(flatten)]
    pub chosen: ChosenArguments,
    /// Show what would happen, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct ImportArguments {
    /// The file: .csv or .toml
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Show what would happen, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}
