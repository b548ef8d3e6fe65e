//! The arguments of `vigie routes`.

use clap::{Args, Subcommand};
use vigie_domain::{AgentId, InvalidAgentId, JobStatus};
use vigie_notify::AlertSeverity;

use super::matching::{severities, statuses};
use super::{Moment, OutputArguments};

#[derive(Debug, Subcommand)]
pub enum RoutesCommand {
    /// Lists the routes of the config in the order in which they are tried
    #[command(after_help = "Example: vigie routes list")]
    List(RoutesListArguments),
    /// Shows who would be told of a job, why, and whether a silence or a window holds it; sends nothing
    ///
    /// Of a job that is known or declared, its company, city, year and recipients are taken;
    /// otherwise what its agent and its database imply.
    #[command(
        after_help = "Examples:\n  vigie routes test --agent SDMC_DOUALA_AKWA --database \
                            XAFRIC_2025\n  vigie routes test --agent SDMC_DOUALA_AKWA --database \
                            XAFRIC_2025 --status FAILED --at \"2026-12-25 08:00\"\n\nTimes \
                            without an offset are those of mail.timezone.\n\n\
                            Exit status: 0 somebody would be told, 1 nobody would, 2 usage or \
                            configuration."
    )]
    Test(RoutesTestArguments),
}

#[derive(Debug, Args)]
pub struct RoutesListArguments {
    #[command(flatten)]
    pub output: OutputArguments,
}

#[derive(Debug, Args)]
pub struct RoutesTestArguments {
    /// The agent
    #[arg(long, value_name = "AGENT", value_parser = agent)]
    pub agent: AgentId,
    /// The database, as reports name it
    #[arg(long, value_name = "DATABASE")]
    pub database: String,
    /// The customer, instead of the job's
    #[arg(long, value_name = "COMPANY")]
    pub company: Option<String>,
    /// The city, instead of the job's
    #[arg(long, value_name = "CITY")]
    pub city: Option<String>,
    /// The year, instead of the job's
    #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(i16).range(1..=9999))]
    pub year: Option<i16>,
    /// What the job would be
    #[arg(long, value_name = "STATUS", default_value = "MISSING", ignore_case = true, value_parser = statuses())]
    pub status: JobStatus,
    /// How much it would matter
    #[arg(long, value_name = "SEVERITY", default_value = "critical", ignore_case = true, value_parser = severities())]
    pub severity: AlertSeverity,
    /// When, instead of now
    #[arg(long, value_name = "TIME")]
    pub at: Option<Moment>,
    #[command(flatten)]
    pub output: OutputArguments,
}

fn agent(text: &str) -> Result<AgentId, InvalidAgentId> {
    AgentId::new(text)
}
