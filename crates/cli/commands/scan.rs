//! `vigie scan`: one cycle, and what it found as text or JSON.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use vigie_notify::{Clock, SystemClock};

use crate::FAILED;
use crate::arguments::{Format, ScanArguments};
use crate::cycle::{CycleResult, cycle};
use crate::lock::CycleLock;
use crate::printable::printable;
use crate::progress::CycleProgress;
use crate::vigie::{Vigie, load_config};

pub async fn run(
    config: Option<&Path>,
    arguments: &ScanArguments,
    is_quiet: bool,
) -> anyhow::Result<ExitCode> {
    let now = arguments.now.unwrap_or_else(|| SystemClock.now());
    let vigie = Vigie::open(load_config(config)?).await?;
    let lock = CycleLock::take(&vigie.config.database.path)?;
    vigie.declare_jobs(&lock, now).await?;
    let result = cycle(&vigie, &lock, now, CycleProgress::new(is_quiet)).await?;
    let mut out = io::stdout().lock();
    match arguments.output.format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &result)?;
            writeln!(out)?;
        }
        Format::Text => print(&mut out, &result)?,
    }
    Ok(if result.scan.errors.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

/// Prints what a cycle found, for people.
pub fn print(out: &mut dyn Write, result: &CycleResult) -> io::Result<()> {
    let scan = &result.scan;
    let reports = scan.reports;
    write!(
        out,
        "reports  {} found, {} processed, {} rejected, {} pending",
        reports.found, reports.processed, reports.rejected, reports.pending
    )?;
    if reports.repeated > 0 {
        write!(out, ", {} seen before", reports.repeated)?;
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in &scan.entries {
        *counts.entry(entry.status.as_str()).or_default() += 1;
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(status, count)| format!("{count} {status}"))
        .collect();
    let counts = if counts.is_empty() {
        "none new".to_owned()
    } else {
        counts.join(", ")
    };
    writeln!(out, "\nbackups  {counts}")?;
    for event in &scan.events {
        // Recorded backups are counted above; the events that follow from them tell the rest.
        if event.name == "BackupRecorded" {
            continue;
        }
        let subject = event.database.as_deref().unwrap_or("-");
        write!(
            out,
            "  {:14} {}  {}",
            event.name,
            printable(event.agent.as_str()),
            printable(subject)
        )?;
        if let Some(status) = event.status {
            write!(out, "  {status}")?;
        }
        if let Some(reason) = &event.reason {
            write!(out, "  ({})", printable(reason))?;
        }
        writeln!(out)?;
    }
    for database in &scan.undeclared {
        let (agent, database) = (database.agent.as_str(), &database.database);
        writeln!(
            out,
            "  undeclared     {}  {}",
            printable(agent),
            printable(database)
        )?;
    }
    for ignored in &scan.ignored {
        let name = ignored.name.as_deref().unwrap_or("-");
        writeln!(
            out,
            "  ignored        {}  {}  ({})",
            printable(&ignored.agent),
            printable(name),
            printable(&ignored.reason)
        )?;
    }
    for error in &scan.errors {
        writeln!(
            out,
            "  error          {}  {}",
            printable(error.agent.as_str()),
            printable(&error.error)
        )?;
    }
    let mails = result.mails;
    writeln!(
        out,
        "mails    {} sent, {} failed, {} waiting",
        mails.sent, mails.failed, mails.waiting
    )
}
