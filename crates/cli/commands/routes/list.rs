//! `vigie routes list`: the routes in the order in which they are tried.

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;
use vigie_notify::{Matchers, Route};

use crate::arguments::{Format, RoutesListArguments};
use crate::config::Config;
use crate::printable::printable_within;
use crate::table::print_table;

/// How wide a cell may become, in characters.
const WIDEST_CELL: usize = 60;

/// A route as `--format json` shows it. The keys are stable.
#[derive(Debug, Serialize)]
struct ShownRoute<'a> {
    number: usize,
    name: Option<&'a str>,
    matchers: &'a Matchers,
    recipients: &'a [String],
    #[serde(rename = "continue")]
    continues: bool,
}

#[derive(Debug, Serialize)]
struct Shown<'a> {
    routes: Vec<ShownRoute<'a>>,
    /// Who is told of what nobody else is.
    administrators: &'a [String],
}

pub fn run(config: &Config, arguments: &RoutesListArguments) -> anyhow::Result<ExitCode> {
    let routes = &config.routing.routes;
    let administrators = &config.mail.admin_email_recipient;
    let numbered = || (1..).zip(routes);
    let mut out = io::stdout().lock();
    match arguments.output.format {
        Format::Json => {
            let shown = Shown {
                routes: numbered().map(shown).collect(),
                administrators,
            };
            serde_json::to_writer_pretty(&mut out, &shown)?;
            writeln!(out)?;
        }
        Format::Text => {
            if routes.is_empty() {
                writeln!(out, "the config has no routes")?;
            } else {
                let head = ["ROUTE", "NAME", "JOBS", "RECIPIENTS", "THEN"];
                let rows: Vec<[String; 5]> = numbered().map(row_of).collect();
                print_table(&mut out, head, &rows)?;
            }
            let administrators = match administrators.as_slice() {
                [] => "nobody".to_owned(),
                some => some.join(", "),
            };
            writeln!(out, "else, without recipients of the job: {administrators}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn shown((number, route): (usize, &Route)) -> ShownRoute<'_> {
    ShownRoute {
        number,
        name: route.name.as_deref(),
        matchers: &route.matchers,
        recipients: &route.recipients,
        continues: route.continues,
    }
}

fn row_of((number, route): (usize, &Route)) -> [String; 5] {
    [
        number.to_string(),
        printable_within(route.name.as_deref().unwrap_or("-"), WIDEST_CELL),
        printable_within(&route.matchers.to_string(), WIDEST_CELL),
        printable_within(&route.recipients.join(", "), WIDEST_CELL),
        if route.continues { "goes on" } else { "ends" }.to_owned(),
    ]
}
