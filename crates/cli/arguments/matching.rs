//! The arguments that say which jobs are meant, and what of them.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use vigie_domain::JobStatus;
use vigie_notify::{AlertSeverity, Glob, Matchers};

/// All that is given has to match, and of what is given several times one.
#[derive(Debug, Args)]
#[group(id = "matchers", multiple = true)]
pub struct MatcherArguments {
    /// The agents; * stands for any letters, ? for one; can be repeated, as all of these
    #[arg(long = "agent", value_name = "PATTERN")]
    agents: Vec<Glob>,
    /// The databases
    #[arg(long = "database", value_name = "PATTERN")]
    databases: Vec<Glob>,
    /// The customers
    #[arg(long = "company", value_name = "PATTERN")]
    companies: Vec<Glob>,
    /// The cities
    #[arg(long = "city", value_name = "PATTERN")]
    cities: Vec<Glob>,
    /// The years of the databases
    #[arg(long = "year", value_name = "YEAR", value_parser = clap::value_parser!(i16).range(1..=9999))]
    years: Vec<i16>,
    /// Only what has this status
    #[arg(long = "status", value_name = "STATUS", ignore_case = true, value_parser = statuses())]
    statuses: Vec<JobStatus>,
    /// Only what matters so much
    #[arg(long = "severity", value_name = "SEVERITY", ignore_case = true, value_parser = severities())]
    severities: Vec<AlertSeverity>,
}

impl MatcherArguments {
    pub fn matchers(&self) -> Matchers {
        Matchers {
            companies: self.companies.clone(),
            cities: self.cities.clone(),
            agents: self.agents.clone(),
            databases: self.databases.clone(),
            years: self.years.clone(),
            statuses: self.statuses.clone(),
            severities: self.severities.clone(),
        }
    }
}

/// A status, in either case.
pub fn statuses() -> impl TypedValueParser<Value = JobStatus> {
    let words = PossibleValuesParser::new(JobStatus::ALL.map(JobStatus::as_str));
    words.try_map(|word| {
        let mut all = JobStatus::ALL.into_iter();
        let known = all.find(|status| status.as_str().eq_ignore_ascii_case(&word));
        known.ok_or("no such status")
    })
}

/// A severity, in either case.
pub fn severities() -> impl TypedValueParser<Value = AlertSeverity> {
    let words = PossibleValuesParser::new(AlertSeverity::ALL.map(AlertSeverity::as_str));
    words.try_map(|word| {
        let mut all = AlertSeverity::ALL.into_iter();
        let known = all.find(|severity| severity.as_str().eq_ignore_ascii_case(&word));
        known.ok_or("no such severity")
    })
}
