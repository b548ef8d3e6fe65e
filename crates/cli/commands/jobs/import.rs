//! `vigie jobs import`.

use std::process::ExitCode;

use vigie_domain::JobDeclaration;
use vigie_notify::{Clock as _, SystemClock};
use vigie_store::{Added, SqliteStore};

use super::jobs;
use crate::arguments::ImportArguments;
use crate::config::Config;

pub async fn run(config: &Config, arguments: &ImportArguments) -> anyhow::Result<ExitCode> {
    let listed = config.read_job_file(&arguments.file)?.into_iter();
    let declarations: Vec<JobDeclaration> = listed.map(|job| job.declaration).collect();
    let _lock = super::lock(config).await?;
    let store = SqliteStore::open(&config.database.path).await?;
    let now = SystemClock.now();
    let is_trial = arguments.dry_run;
    let added = store.add_jobs(&declarations, now, is_trial).await?;
    print(declarations.len(), &added, is_trial);
    Ok(ExitCode::SUCCESS)
}

fn print(count: usize, added: &Added, is_trial: bool) {
    let tense = if is_trial { " would be" } else { "" };
    println!(
        "{}:{tense} {} added, {} changed, {} unchanged",
        jobs(count),
        added.added,
        added.changed,
        added.unchanged
    );
    if added.brought_back > 0 {
        println!(
            "  {} of those that changed had been retired",
            added.brought_back
        );
    }
}
