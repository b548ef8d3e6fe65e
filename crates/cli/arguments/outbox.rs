//! The arguments of `vigie outbox`.

use clap::{Args, Subcommand, ValueEnum};
use vigie_store::DeliveryState;

use super::OutputArguments;

#[derive(Debug, Subcommand)]
pub enum OutboxCommand {
    /// Lists the mails that wait and those that were refused for good, newest first
    #[command(
        after_help = "Examples:\n  vigie outbox list\n  vigie outbox list --state dead\n  \
                            vigie outbox list --state sent --limit 10 --format json"
    )]
    List(OutboxListArguments),
    /// Shows one mail, why it is where it is, and what it says
    #[command(after_help = "Example: vigie outbox show 42")]
    Show(ShowArguments),
    /// Makes mails due now: one, those that were refused for good, or all that wait
    #[command(
        after_help = "Examples:\n  vigie outbox retry          all that wait, without waiting \
                            longer\n  vigie outbox retry 42       this one, even if it was refused \
                            or given up\n  vigie outbox retry --dead   all that were refused for \
                            good\n\nA running `vigie run` sends them as soon as its server answers, \
                            else the next `vigie scan` does.\n\nExit status: 0 done, 1 there is no such mail or it \
                            can't be retried, 2 usage or configuration."
    )]
    Retry(RetryArguments),
    /// Gives mails up that wait or were refused; they are not sent
    #[command(after_help = "Examples:\n  vigie outbox drop 42\n  vigie outbox drop --dead")]
    Drop(DropArguments),
}

#[derive(Debug, Args)]
pub struct OutboxListArguments {
    /// Only mails in this state, instead of those that wait and those that are dead; can be repeated
    #[arg(long = "state", value_name = "STATE", value_enum)]
    pub states: Vec<State>,
    /// At most this many mails
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    #[command(flatten)]
    pub output: OutputArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum State {
    /// To be tried, for the first time or again
    Waiting,
    /// Taken by a server, a program or a folder
    Sent,
    /// Refused for good
    Dead,
    /// Given up by `vigie outbox drop`
    Dropped,
}

impl From<State> for DeliveryState {
    fn from(state: State) -> Self {
        match state {
            State::Waiting => Self::Waiting,
            State::Sent => Self::Sent,
            State::Dead => Self::Dead,
            State::Dropped => Self::Dropped,
        }
    }
}

#[derive(Debug, Args)]
pub struct ShowArguments {
    /// The mail's number, as `vigie outbox list` has it
    #[arg(value_name = "ID")]
    pub id: i64,
    #[command(flatten)]
    pub output: OutputArguments,
}

#[derive(Debug, Args)]
pub struct RetryArguments {
    /// The mail's number, as `vigie outbox list` has it
    #[arg(value_name = "ID", conflicts_with = "dead")]
    pub id: Option<i64>,
    /// All that were refused for good
    #[arg(long)]
    pub dead: bool,
}

#[derive(Debug, Args)]
pub struct DropArguments {
    /// The mail's number, as `vigie outbox list` has it
    #[arg(
        value_name = "ID",
        conflicts_with = "dead",
        required_unless_present = "dead"
    )]
    pub id: Option<i64>,
    /// All that were refused for good
    #[arg(long)]
    pub dead: bool,
}
