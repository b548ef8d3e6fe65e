//! The command line of `vigie templates`. Knows no config and does no work.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use vigie_notify::{Locale, MailKind};

use super::OutputArguments;

#[derive(Debug, Subcommand)]
pub enum TemplatesCommand {
    /// Shows each template, and whether it is built in or your own
    #[command(after_help = "Example: vigie templates list --directory templates")]
    List(ListArguments),
    /// Writes every mail with every sample, and tells what is wrong with your own templates
    #[command(
        after_help = "Examples:\n  vigie templates check\n  vigie templates check --directory \
                      templates --format github\n\n\
                      Exit status: 0 every mail can be written (warnings are no error), 1 a mail \
                      can't be, 2 usage or configuration."
    )]
    Check(CheckArguments),
    /// Writes mails as pages to look at in a browser
    #[command(
        after_help = "Examples:\n  vigie templates preview --open\n  vigie templates preview \
                      missing --locale fr\n  vigie templates preview --sample \
                      entry.hash_mismatch.full\n  vigie templates preview --job 3"
    )]
    Preview(PreviewArguments),
    /// Copies built-in templates into the folder of your own, to be edited there
    #[command(
        after_help = "Examples:\n  vigie templates eject missing --locale fr\n  vigie templates \
                      eject --directory templates\n  vigie templates eject --locale de      a \
                      new language, to be translated\n  vigie templates eject --update         \
                      after an upgrade"
    )]
    Eject(EjectArguments),
    /// Writes each mail as one file to be kept under version control, or compares with those
    #[command(
        after_help = "Examples:\n  vigie templates snapshot snapshots\n  vigie templates snapshot \
                      --check snapshots\n\n\
                      Exit status: 0 done (with --check: no mail differs), 1 a mail differs or \
                      the templates have errors, 2 usage or configuration."
    )]
    Snapshot(SnapshotArguments),
    /// Shows the variables and helpers that templates can use
    #[command(after_help = "Example: vigie templates variables missing")]
    Variables(VariablesArguments),
}

#[derive(Debug, Args)]
pub struct FolderArguments {
    /// The folder of your own templates, instead of `templates.directory`
    ///
    /// No config file is needed then. One that is there is still read for vars and links.
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ListArguments {
    #[command(flatten)]
    pub folder: FolderArguments,
    #[command(flatten)]
    pub output: OutputArguments,
}

#[derive(Debug, Args)]
pub struct CheckArguments {
    #[command(flatten)]
    pub folder: FolderArguments,
    /// How to print what is wrong
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub format: CheckFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For people, and editors that jump to a place
    Text,
    /// For programs; keys are stable
    Json,
    /// As annotations of a GitHub workflow
    Github,
}

#[derive(Debug, Args)]
pub struct PreviewArguments {
    /// Only this mail: `missing`, `entry`, `reminder`, `recovery`, `damaged`, `warning`, `group`, `outage`, `summary`,
    /// `digest` or `undelivered`
    #[arg(value_name = "MAIL")]
    pub mail: Option<MailKind>,
    /// Only this language
    #[arg(long, value_name = "LOCALE")]
    pub locale: Option<Locale>,
    /// Only this sample, such as `entry.hash_mismatch.full`
    #[arg(long, value_name = "NAME")]
    pub sample: Option<String>,
    /// A job as it is now, by its id in `vigie status --format json`, instead of samples
    #[arg(long, value_name = "ID", conflicts_with_all = ["mail", "sample"])]
    pub job: Option<i64>,
    /// The folder to write to; files of an earlier preview there are written anew
    #[arg(long, value_name = "DIR", default_value = "vigie-preview")]
    pub out: PathBuf,
    /// Show it in the browser
    #[arg(long)]
    pub open: bool,
    #[command(flatten)]
    pub folder: FolderArguments,
}

#[derive(Debug, Args)]
pub struct EjectArguments {
    /// Only this mail, `missing`, `entry`, `reminder`, `recovery`, `damaged`, `warning`, `group`, `outage`, `summary`,
    /// `digest` or `undelivered`, with the partials that it includes
    #[arg(value_name = "MAIL")]
    pub mail: Option<MailKind>,
    /// Only this language; for one that is not built in, copies to be translated
    #[arg(long, value_name = "LOCALE")]
    pub locale: Option<Locale>,
    /// Copy nothing but those whose built-in one has changed since they were copied; yours is kept
    /// beside it as .orig
    #[arg(long)]
    pub update: bool,
    #[command(flatten)]
    pub folder: FolderArguments,
}

#[derive(Debug, Args)]
pub struct SnapshotArguments {
    /// The folder of the snapshots
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Write nothing, and show what would be written otherwise
    #[arg(long)]
    pub check: bool,
    #[command(flatten)]
    pub folder: FolderArguments,
}

#[derive(Debug, Args)]
pub struct VariablesArguments {
    /// Only this mail: `missing`, `entry`, `reminder`, `recovery`, `damaged`, `warning`, `group`, `outage`, `summary`,
    /// `digest` or `undelivered`
    #[arg(value_name = "MAIL")]
    pub mail: Option<MailKind>,
    /// How to print them
    #[arg(long, value_enum, default_value_t = VariablesFormat::Text)]
    pub format: VariablesFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum VariablesFormat {
    /// For people
    Text,
    /// For programs; keys are stable
    Json,
    /// As a page about templates
    Markdown,
}
