//! `vigie jobs add`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{anyhow, ensure};
use vigie_domain::JobDeclaration;
use vigie_notify::{Clock as _, SystemClock};
use vigie_store::SqliteStore;

use crate::arguments::AddArguments;
use crate::config::{Config, OneOrSeveral, Problem, RawJob, TextOrTable};
use crate::printable::printable;

pub async fn run(config: &Config, arguments: &AddArguments) -> anyhow::Result<ExitCode> {
    let declaration = config
        .read_job(raw_of(arguments), Path::new(""))
        .map_err(|problems| anyhow!("{}", in_lines(&problems)))?;
    let JobDeclaration {
        agent, database, ..
    } = &declaration;
    let is_this =
        |job: &JobDeclaration| job.agent.key() == agent.key() && job.database == *database;
    let name = format!("{} of {agent}", printable(database));
    ensure!(
        !config.jobs.iter().any(is_this),
        "{name} is declared by the config; edit the config instead"
    );
    let _lock = super::lock(config).await?;
    let store = SqliteStore::open(&config.database.path).await?;
    let known = store.jobs_of_database(database, Some(agent)).await?;
    if let Some(known) = known.first() {
        let remedy = if known.retired_at.is_some() {
            "it is retired, and `vigie jobs resume --retired` brings it back"
        } else {
            "`vigie jobs import` changes jobs that are known"
        };
        return Err(anyhow!("{name} is a job already; {remedy}"));
    }
    let now = SystemClock.now();
    let declarations = std::slice::from_ref(&declaration);
    store.add_jobs(declarations, now, false).await?;
    let next = declaration.schedule.next_expected(now);
    let next = next.map_or("never".to_owned(), |next| {
        next.strftime("%Y-%m-%d %H:%M UTC").to_string()
    });
    println!(
        "{name} is expected {}, next at {next}",
        declaration.schedule
    );
    Ok(ExitCode::SUCCESS)
}

fn raw_of(arguments: &AddArguments) -> RawJob {
    let recipients = arguments.recipients.iter().cloned().map(TextOrTable::Text);
    RawJob {
        agent: Some(arguments.agent.clone()),
        database: Some(arguments.database.clone()),
        year: arguments.year,
        company: arguments.company.clone(),
        city: arguments.city.clone(),
        neighborhood: arguments.neighborhood.clone(),
        every: arguments.every.clone(),
        cron: arguments.cron.clone(),
        timezone: arguments.timezone.clone(),
        grace: arguments.grace.clone(),
        early: arguments.early.clone(),
        recipients: Some(OneOrSeveral::Several(recipients.collect())),
        active: None,
        warnings: None,
        verify: arguments.verify.clone(),
    }
}

/// Problems with what was given, by the names of the arguments.
fn in_lines(problems: &[Problem]) -> String {
    let told = |problem: &Problem| {
        let (what, remedy) = (&problem.what, &problem.remedy);
        match problem.key.as_deref().filter(|key| !key.is_empty()) {
            Some(key) if key.starts_with("recipients") => format!("--recipient {what}; {remedy}"),
            Some(key) => format!("--{key} {what}; {remedy}"),
            None => format!("the job {what}; {remedy}"),
        }
    };
    problems.iter().map(told).collect::<Vec<_>>().join("\n")
}
