//! The command line. Knows no config and does no work.

mod jobs;
mod matching;
mod moment;
mod outbox;
mod prune;
mod routes;
mod scrub;
mod silence;
mod templates;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use vigie_notify::{InvalidAddress, Locale, MailKind, check_address};

pub use jobs::{
    AddArguments, ChosenArguments, ImportArguments, JobsCommand, JobsListArguments, NameArguments,
    PauseArguments, ResumeArguments, RetireArguments,
};
pub use matching::MatcherArguments;
pub use moment::Moment;
pub use outbox::{
    DropArguments, OutboxCommand, OutboxListArguments, RetryArguments, ShowArguments,
};
pub use prune::PruneArguments;
pub use routes::{RoutesCommand, RoutesListArguments, RoutesTestArguments};
pub use scrub::ScrubArguments;
pub use silence::{
    SilenceAddArguments, SilenceCommand, SilenceExpireArguments, SilenceListArguments,
};
pub use templates::{
    CheckArguments, CheckFormat, EjectArguments, FolderArguments, ListArguments, PreviewArguments,
    SnapshotArguments, TemplatesCommand, VariablesArguments, VariablesFormat,
};

/// Watches backups: proves what arrived, and tells people what failed, was damaged, or never came.
#[derive(Debug, Parser)]
#[command(name = "vigie", version, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,

    /// The config file
    ///
    /// Without it the one that the variable `VIGIE_CONFIG` names, then `./vigie.toml`.
    #[arg(long, short, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Tell more on standard error; twice for details, thrice for those of libraries too
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// Tell only errors on standard error
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Builds a deposit that covers every status, scans it and shows the mails
    #[command(after_help = "Example: vigie demo --dir /tmp/vigie-demo")]
    Demo(DemoArguments),
    /// Writes a commented vigie.toml that works as it is
    #[command(after_help = "Example: vigie init --dir /etc/vigie")]
    Init(InitArguments),
    /// Does one cycle: reads reports, proves files, judges deadlines, sends mails
    #[command(after_help = "Examples:\n  vigie scan\n  vigie scan --format json\n  \
                            vigie scan --now 2025-06-20T06:00:00Z\n\n\
                            Exit status: 0 done (alerts are no error), 1 could not do all of its \
                            work, 2 usage or configuration.")]
    Scan(ScanArguments),
    /// Does a cycle at each `scan.interval`, and soon after a report arrives, until SIGINT or SIGTERM
    ///
    /// Templates that have changed are taken over before a cycle, config and templates at a SIGHUP;
    /// what is wrong with them is logged, and all stays as it was.
    #[command(after_help = "Example: vigie run --config /etc/vigie/vigie.toml")]
    Run,
    /// Reads the backups that were kept again, those read the longest ago first, and tells of damage
    ///
    /// Each is read from the disk, as far as the system lets go of what it has in memory, and compared with
    /// the hash that was proven when it was kept. What was read is recorded as it goes: a scrub that is
    /// interrupted goes on with the next one. `vigie run` does this by itself: see `[scrub]` in the config.
    #[command(
        after_help = "Examples:\n  vigie scrub\n  vigie scrub --older-than 7d --max-bytes 10GiB\n  \
                            vigie scrub --format json\n\n\
                            Exit status: 0 all that was read is as it was kept, 1 some is damaged, or could not be \
                            read, 2 usage or configuration."
    )]
    Scrub(ScrubArguments),
    /// Shows every job with its latest backup
    #[command(
        after_help = "Examples:\n  vigie status --failing\n  vigie status --format json\n  \
                            vigie status --check    one line for a monitoring system\n\n\
                            Exit status of --check: 0 all is well, 1 a job whose backup can't be \
                            compared, a mail that was refused or has waited for an hour, 2 a failing job, a kept backup that is damaged or a deadline that nobody judged, 3 the \
                            state can't be told."
    )]
    Status(StatusArguments),
    /// Shows the backups of one database, newest first
    #[command(after_help = "Example: vigie history XAFRIC_2025 --agent SDMC_DOUALA_AKWA")]
    History(HistoryArguments),
    /// Notes that somebody has taken on what is wrong with a backup; reminders end with that
    #[command(
        after_help = "Example: vigie ack XAFRIC_2025 --agent SDMC_DOUALA_AKWA --by Ngono\n\n\
                            People are told again when it becomes something else, and when it is \
                            OK.\n\nExit status: 0 noted, 1 not noted, 2 usage or configuration."
    )]
    Ack(AckArguments),
    /// Keeps people from being told of some jobs for a while
    ///
    /// What there is to tell waits until the silence ends. It always ends, and stays as a record.
    #[command(subcommand)]
    Silence(SilenceCommand),
    /// Shows who is told of what, and why
    #[command(subcommand)]
    Routes(RoutesCommand),
    /// Lists the backups that are expected; adds, pauses and retires them without the config
    #[command(subcommand)]
    Jobs(Box<JobsCommand>),
    /// Removes the copies of proven backups that no rule of `[retention]` keeps
    ///
    /// Each cycle does so for the jobs that had a backup; this looks at all jobs, as after a change of
    /// the rules. The last good backup of a job always stays.
    #[command(
        visible_alias = "forget",
        after_help = "Examples:\n  vigie prune --dry-run\n  vigie prune --agent 'SDMC_*' --format json\n\n\
                      Exit status: 0 done, 1 could not do all of its work, 2 usage or configuration."
    )]
    Prune(Box<PruneArguments>),
    /// Looks at the config
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Tries the way that mails go
    #[command(subcommand)]
    Mail(MailCommand),
    /// Looks at the mails on their way, and sends them again or gives them up
    #[command(subcommand)]
    Outbox(OutboxCommand),
    /// Looks at the words of the mails, and helps to write your own
    #[command(subcommand)]
    Templates(TemplatesCommand),
}

#[derive(Debug, Args)]
pub struct DemoArguments {
    /// The folder to build the demo in; made anew when it holds an earlier demo
    #[arg(long, value_name = "DIR", default_value = "vigie-demo")]
    pub dir: PathBuf,
}

#[derive(Debug, Args)]
pub struct InitArguments {
    /// The folder to write vigie.toml to
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
}

#[derive(Debug, Args)]
pub struct ScanArguments {
    /// The instant to scan at, instead of this moment; without an offset it is UTC
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub now: Option<Timestamp>,
    #[command(flatten)]
    pub output: OutputArguments,
}

#[derive(Debug, Args)]
pub struct StatusArguments {
    /// Show only the jobs that are not OK, without those that are not due yet
    #[arg(long)]
    pub failing: bool,
    /// Show only the jobs that were retired, which are left out otherwise
    #[arg(long, conflicts_with_all = ["failing", "check"])]
    pub retired: bool,
    /// Answer as a monitoring plugin: one line and an exit status
    #[arg(long, conflicts_with = "failing")]
    pub check: bool,
    #[command(flatten)]
    pub output: OutputArguments,
}

#[derive(Debug, Args)]
pub struct HistoryArguments {
    /// The database, as reports name it
    #[arg(value_name = "DATABASE")]
    pub database: String,
    /// The agent, when several have a database of that name
    #[arg(long, value_name = "AGENT")]
    pub agent: Option<String>,
    /// At most this many backups
    #[arg(long, value_name = "COUNT", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    #[command(flatten)]
    pub output: OutputArguments,
}

#[derive(Debug, Args)]
pub struct AckArguments {
    /// The database, as reports name it
    #[arg(value_name = "DATABASE")]
    pub database: String,
    /// The agent, when several have a database of that name
    #[arg(long, value_name = "AGENT")]
    pub agent: Option<String>,
    /// Who has taken it on; the user who says so without it
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Checks config, paths, templates and mail settings, and sends nothing
    #[command(after_help = "Example: vigie config check --config /etc/vigie/vigie.toml")]
    Check,
}

#[derive(Debug, Subcommand)]
pub enum MailCommand {
    /// Sends one real mail about something made up, and prints the server's answer
    #[command(
        after_help = "Example: vigie mail test --to admin@example.com --mail missing\n\n\
                            Exit status: 0 it was taken, 1 it was not, 2 usage or configuration."
    )]
    Test(MailTestArguments),
}

#[derive(Debug, Args)]
pub struct MailTestArguments {
    /// Who the mail goes to: an address, with or without a name
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub to: String,
    /// Which mail: missing, entry, reminder, recovery, damaged, warning, group, outage, summary, digest
    /// or undelivered
    #[arg(long, value_name = "MAIL", default_value = "missing")]
    pub mail: MailKind,
    /// The language, instead of the one that the config has for this address
    #[arg(long, value_name = "LOCALE")]
    pub locale: Option<Locale>,
}

#[derive(Debug, Args)]
pub struct OutputArguments {
    /// How to print the data
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For programs; keys are stable
    Json,
}

fn address(text: &str) -> Result<String, InvalidAddress> {
    check_address(text).map(|()| text.to_owned())
}

fn instant(text: &str) -> Result<Timestamp, String> {
    let naive = |text: &str| -> Option<Timestamp> {
        let naive: DateTime = text.parse().ok()?;
        TimeZone::UTC.to_timestamp(naive).ok()
    };
    text.parse()
        .ok()
        .or_else(|| naive(text))
        .ok_or_else(|| "give an instant such as 2025-06-20T06:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_that_does_work_shows_an_example() {
        fn check(command: &clap::Command) {
            let mut below = command.get_subcommands().peekable();
            if below.peek().is_none() {
                let after = command.get_after_help().map(ToString::to_string);
                assert!(after.unwrap_or_default().contains("Example"), "{command}");
            }
            below.for_each(check);
        }
        check(&Arguments::command());
    }

    #[test]
    fn an_instant_may_leave_out_its_offset() {
        assert_eq!(
            instant("2025-06-20T06:00:00"),
            instant("2025-06-20T06:00:00Z")
        );
        assert_eq!(
            instant("2025-06-20T07:00:00+01:00"),
            instant("2025-06-20 06:00:00")
        );
        assert!(instant("tomorrow").is_err());
    }
}
