//! `vigie scrub`: kept backups are read again, and what was found is shown as text or JSON.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use vigie_notify::{Clock, SystemClock, TreeState};
use vigie_scanner::{ScrubOrder, ScrubResult};

use super::scan::print_mails;
use crate::FAILED;
use crate::arguments::{Format, ScrubArguments};
use crate::binary_size::binary_size;
use crate::config::{Complaint, Config, ConfigErrors};
use crate::delivery::{MailResult, deliver};
use crate::lock::{AnotherCycle, CycleLock};
use crate::printable::printable_within;
use crate::progress::{Counters, Showing};
use crate::scrubbing::{log, scrubber, surroundings, tree_state};
use crate::vigie::{Vigie, load_config, open_existing};

/// How much of a name is printed, in characters; JSON has all of it.
const WIDEST_NAME: usize = 80;

/// How much of a path or a reason is printed.
const WIDEST_REASON: usize = 400;

/// How long a cycle in hand is waited for until the mails are left to whoever does it.
const PATIENCE: Duration = Duration::from_secs(5);

/// A scrub and what became of its mails.
#[derive(Debug, Serialize)]
struct ScrubOutcome {
    /// When it began.
    now: Timestamp,
    #[serde(flatten)]
    scrub: ScrubResult,
    mails: MailResult,
}

pub async fn run(
    config: Option<&Path>,
    arguments: &ScrubArguments,
    showing: &Showing,
) -> anyhow::Result<ExitCode> {
    let now = SystemClock.now();
    let config = load_config(config)?;
    let validated = validated(&config)?;
    if !config.database.path.exists() {
        bail!("there is no database yet: no cycle has been done");
    }
    if let Some(path) = &arguments.give_up {
        return give_up(&config, path).await;
    }
    let vigie = Vigie::open(config).await?;
    vigie.store.clamp_checks(now).await?;
    let cores = vigie.config.scan.cores;
    let cores = cores.map_or_else(available_parallelism, Ok);
    let scrubber = scrubber(
        &vigie,
        cores.unwrap_or(std::num::NonZeroUsize::MIN),
        &validated,
    );
    let counters = Arc::new(Counters::default());
    let counted = counters.clone();
    let around = surroundings(
        &vigie.config.database.path,
        Arc::new(move |step| counted.count(&step)),
    );
    let order = order(arguments, now);
    let scrub = scrubber.scrub(&order, &around);
    let found = showing.during(&counters, scrub).await;
    plan(&vigie, &tree_state(&found)).await?;
    // What was found before it ended early is told too.
    let mails = deliver(&vigie, SystemClock.now()).await?;
    let outcome = ScrubOutcome {
        now,
        scrub: found?,
        mails,
    };
    log(&outcome.scrub);
    let mut out = io::stdout().lock();
    match arguments.output.format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &outcome)?;
            writeln!(out)?;
        }
        Format::Text => print(&mut out, &outcome)?,
    }
    Ok(if outcome.scrub.is_sound() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

/// The tree, when there is one.
fn validated(config: &Config) -> Result<PathBuf, ConfigErrors> {
    config.deposit.validated.clone().ok_or_else(|| {
        let complaint = Complaint::new(
            "is not set, so no backup is kept that could be read again",
            "name the folder that proven backups are copied to",
        );
        config.problem("deposit.validated", complaint).into()
    })
}

fn order(arguments: &ScrubArguments, now: Timestamp) -> ScrubOrder {
    let age = arguments.older_than.unwrap_or_default();
    let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
    ScrubOrder {
        before: now.saturating_sub(age).unwrap_or(Timestamp::MIN),
        max_bytes: arguments.max_bytes,
        accepts_loss: arguments.accept_loss,
    }
}

/// Plans the mails of what was found. While somebody else does a cycle it is left to them.
async fn plan(vigie: &Vigie, tree: &TreeState) -> anyhow::Result<()> {
    match CycleLock::take_within(&vigie.config.database.path, PATIENCE).await {
        Ok(_lock) => {
            let planned = vigie.planner.plan_scrub(SystemClock.now(), tree).await?;
            tracing::debug!(mails = planned.mails, "planned");
            Ok(())
        }
        Err(error) if error.is::<AnotherCycle>() => Ok(()),
        Err(error) => Err(error),
    }
}

async fn give_up(config: &Config, path: &str) -> anyhow::Result<ExitCode> {
    let store = open_existing(config).await?;
    let store = store.context("there is no database yet: no cycle has been done")?;
    if !store.forget_damaged_file(path).await? {
        bail!(
            "no kept backup at {path} is known to be damaged; `vigie status` lists those that are"
        );
    }
    writeln!(
        io::stdout().lock(),
        "{path} is no longer counted among what is kept"
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Prints what a scrub found, for people.
fn print(out: &mut dyn Write, outcome: &ScrubOutcome) -> io::Result<()> {
    let scrub = &outcome.scrub;
    write!(
        out,
        "copies   {} looked at ({} read), {} damaged",
        scrub.files_checked,
        binary_size(scrub.bytes_read),
        scrub.damaged.len()
    )?;
    if !scrub.restored.is_empty() {
        write!(out, ", {} as kept again", scrub.restored.len())?;
    }
    if scrub.changed > 0 {
        write!(out, ", {} replaced meanwhile", scrub.changed)?;
    }
    writeln!(out)?;
    let mut line = |label: &str, [agent, database, path]: [&str; 3], reason: &str| {
        let [agent, database] = [agent, database].map(|name| printable_within(name, WIDEST_NAME));
        let [path, reason] = [path, reason].map(|text| printable_within(text, WIDEST_REASON));
        writeln!(out, "  {label:14}  {agent}  {database}  {path}  ({reason})")
    };
    for damaged in &scrub.damaged {
        let label = if damaged.is_new {
            "DAMAGED"
        } else {
            "still damaged"
        };
        let names = [damaged.agent.as_str(), &damaged.database, &damaged.path];
        line(label, names, &damaged.reason)?;
    }
    for restored in &scrub.restored {
        let names = [restored.agent.as_str(), &restored.database, &restored.path];
        line("as kept again", names, &format!("was: {}", restored.fault))?;
    }
    for error in &scrub.errors {
        let names = [error.agent.as_str(), &error.database, &error.path];
        line("not read", names, &error.error)?;
    }
    let unlisted = scrub.failed - scrub.errors.len() as u64;
    if unlisted > 0 {
        writeln!(out, "  and {unlisted} more that could not be read")?;
    }
    if scrub.files_left > 0 {
        let bytes = binary_size(scrub.bytes_left);
        writeln!(
            out,
            "left     {} ({bytes}) for the next scrub",
            scrub.files_left
        )?;
    }
    print_mails(out, &outcome.mails)
}
