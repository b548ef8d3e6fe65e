//! `vigie silence add`: people are not told of some jobs until a time.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use jiff::{SignedDuration, Timestamp};
use vigie_notify::{AlertSeverity, Clock, Matchers, Silence, SilenceId, Subject, SystemClock};
use vigie_store::SqliteStore;

use super::shown::ShownSilence;
use crate::age::age;
use crate::arguments::{Format, SilenceAddArguments};
use crate::commands::templates::counted;
use crate::config::Config;
use crate::local_time::local_time;
use crate::printable::printable;
use crate::vigie::author;

/// Whoever wants quiet for longer wants a job to rest.
const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);

pub async fn run(config: &Config, arguments: &SilenceAddArguments) -> anyhow::Result<ExitCode> {
    let now = SystemClock.now();
    let silence = silence(config, arguments, now)?;
    let store = SqliteStore::open(&config.database.path).await?;
    let silence = store.add_silence(silence).await?;
    let mut out = io::stdout().lock();
    match arguments.output.format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &ShownSilence::of(&silence, now))?;
            writeln!(out)?;
        }
        Format::Text => {
            let [meant, known] = count(&store, &silence.matchers).await?;
            print(&mut out, &silence, config)?;
            match (meant, known) {
                (_, 0) => writeln!(out, "no job is known yet")?,
                (0, _) => writeln!(
                    out,
                    "warning: it is about no known job; `vigie status` lists them"
                )?,
                _ => writeln!(
                    out,
                    "it is about {meant} of {}",
                    counted(known, "known job")
                )?,
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn silence(
    config: &Config,
    arguments: &SilenceAddArguments,
    now: Timestamp,
) -> anyhow::Result<Silence> {
    let zone = &config.mail.time_zone;
    let starts_at = arguments.from.map(|from| from.in_zone(zone)).transpose();
    let starts_at = starts_at.context("--from")?.unwrap_or(now);
    let ends_at = match (arguments.until, arguments.lasting) {
        (Some(until), _) => until.in_zone(zone).context("--until")?,
        (None, lasting) => starts_at.checked_add(lasting.unwrap_or_default())?,
    };
    let end = local_time(ends_at, zone);
    ensure!(
        ends_at > now,
        "it would end at {end}, which is past: it is {}",
        local_time(now, zone)
    );
    ensure!(
        ends_at > starts_at,
        "it would end at {end}, which is not after its start, {}",
        local_time(starts_at, zone)
    );
    ensure!(
        ends_at.duration_since(starts_at) <= LONGEST,
        "it would last until {end}, and a silence lasts a year at most; `active = false` in the \
         config puts a job to rest"
    );
    Ok(Silence {
        id: SilenceId(0),
        matchers: arguments.matchers.matchers(),
        starts_at,
        ends_at,
        reason: arguments.reason.clone(),
        author: author(arguments.by.as_deref())?,
        created_at: now,
    })
}

fn print(out: &mut dyn Write, silence: &Silence, config: &Config) -> io::Result<()> {
    let zone = &config.mail.time_zone;
    let start = if silence.starts_at > silence.created_at {
        format!(" from {}", local_time(silence.starts_at, zone))
    } else {
        String::new()
    };
    writeln!(
        out,
        "silence {}: nobody is told of {}{start} until {} (in {})",
        silence.id,
        printable(&silence.matchers.to_string()),
        local_time(silence.ends_at, zone),
        age(silence.created_at, silence.ends_at)
    )
}

/// How many jobs it is about, whatever they are now, and how many are known.
async fn count(store: &SqliteStore, matchers: &Matchers) -> anyhow::Result<[usize; 2]> {
    let of_any_status = Matchers {
        statuses: Vec::new(),
        severities: Vec::new(),
        ..matchers.clone()
    };
    let jobs = store.jobs_with_latest_entries().await?;
    let meant = jobs
        .iter()
        .filter(|known| of_any_status.matches(&Subject::of(&known.job, AlertSeverity::Critical)));
    Ok([meant.count(), jobs.len()])
}
