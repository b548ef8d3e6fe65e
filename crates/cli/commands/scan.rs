//! `vigie scan`: one cycle and its mails, and what it found as text or JSON.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;
use vigie_notify::{Clock, SystemClock};
use vigie_scanner::{EventSummary, PruneResult, Work};

use crate::FAILED;
use crate::age::age;
use crate::arguments::{Format, ScanArguments};
use crate::binary_size::binary_size;
use crate::config::Config;
use crate::cycle::{CycleResult, cycle};
use crate::delivery::{MailResult, deliver};
use crate::lock::CycleLock;
use crate::ping::Pinger;
use crate::printable::printable_within;
use crate::progress::Showing;
use crate::vigie::{Vigie, load_config};

/// How much of a name is printed, in characters; JSON has all of it.
const WIDEST_NAME: usize = 80;

/// How much of a reason is printed, in characters.
const WIDEST_REASON: usize = 400;

pub async fn run(
    config: Option<&Path>,
    arguments: &ScanArguments,
    showing: &Showing,
) -> anyhow::Result<ExitCode> {
    let now = arguments.now.unwrap_or_else(|| SystemClock.now());
    let config = load_config(config)?;
    let pinger = Pinger::new(&config);
    let (vigie, lock) = pinger.told(Box::pin(begin(config, now))).await?;
    let cycle = cycle(&vigie, &lock, now, None, showing).await;
    // Another cycle need not wait for mails.
    drop(lock);
    // What was found before is told even when the deposit can't be scanned now.
    let (mails, ()) = tokio::join!(deliver(&vigie, now), pinger.tell(&cycle));
    let result = ScanOutcome {
        cycle: cycle?,
        mails: mails?,
    };
    let mut out = io::stdout().lock();
    match arguments.output.format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &result)?;
            writeln!(out)?;
        }
        Format::Text => print(&mut out, &result)?,
    }
    let is_done = result.cycle.scan.errors.is_empty() && result.cycle.pruned.errors.is_empty();
    Ok(if is_done {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

async fn begin(config: Config, now: Timestamp) -> anyhow::Result<(Vigie, CycleLock)> {
    let vigie = Vigie::open(config).await?;
    let lock = CycleLock::take(&vigie.config.database.path)?;
    vigie.declare_jobs(&lock, now).await?;
    Ok((vigie, lock))
}

/// A cycle and what became of its mails and of those that waited before.
#[derive(Debug, Serialize)]
pub struct ScanOutcome {
    #[serde(flatten)]
    pub cycle: CycleResult,
    pub mails: MailResult,
}

/// Prints what a cycle found, for people.
pub fn print(out: &mut dyn Write, result: &ScanOutcome) -> io::Result<()> {
    let scan = &result.cycle.scan;
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
    print_work(out, scan.work)?;
    let mut line = |label: &str, agent: &str, name: Option<&str>, reason: Option<&str>| {
        let agent = printable_within(agent, WIDEST_NAME);
        let name = printable_within(name.unwrap_or("-"), WIDEST_NAME);
        write!(out, "  {label:25}  {agent}  {name}")?;
        match reason {
            Some(reason) => writeln!(out, "  ({})", printable_within(reason, WIDEST_REASON)),
            None => writeln!(out),
        }
    };
    // Recorded backups are counted above; the events that follow from them tell the rest.
    let told = scan
        .events
        .iter()
        .filter(|event| event.name != "BackupRecorded");
    for event in told {
        let (agent, database) = (event.agent.as_str(), event.database.as_deref());
        line(label_of(event), agent, database, event.reason.as_deref())?;
    }
    for database in &scan.undeclared {
        line(
            "undeclared",
            database.agent.as_str(),
            Some(&database.database),
            None,
        )?;
    }
    for job in &scan.retired {
        let reason = "left alone; `vigie jobs resume --retired` brings the job back";
        let (agent, database) = (job.agent.as_str(), job.database.as_str());
        line("retired", agent, Some(database), Some(reason))?;
    }
    for ignored in &scan.ignored {
        line(
            "ignored",
            &ignored.agent,
            ignored.name.as_deref(),
            Some(&ignored.reason),
        )?;
    }
    for error in &scan.errors {
        line("not served", error.agent.as_str(), None, Some(&error.error))?;
    }
    print_pruned(out, &result.cycle.pruned)?;
    print_mails(out, &result.mails)
}

/// Prints what became of the copies that are kept, when anything did.
fn print_pruned(out: &mut dyn Write, pruned: &PruneResult) -> io::Result<()> {
    if pruned.removed > 0 {
        let freed = binary_size(pruned.bytes_freed);
        writeln!(out, "copies   {} removed ({freed} freed)", pruned.removed)?;
    }
    for error in &pruned.errors {
        writeln!(
            out,
            "  not done  {}",
            printable_within(error, WIDEST_REASON)
        )?;
    }
    Ok(())
}

/// Prints how much was read, when there was anything to read.
fn print_work(out: &mut dyn Write, work: Work) -> io::Result<()> {
    if work.files_read + work.files_known == 0 {
        return Ok(());
    }
    write!(out, "files    {} read", work.files_read)?;
    if work.files_read > 0 {
        write!(out, " ({})", binary_size(work.bytes_read))?;
    }
    if work.files_known > 0 {
        write!(out, ", {} known and unchanged", work.files_known)?;
    }
    writeln!(out)
}

pub fn print_mails(out: &mut dyn Write, mails: &MailResult) -> io::Result<()> {
    let delivered = mails.delivered;
    writeln!(
        out,
        "mails    {} sent, {} failed, {} waiting",
        delivered.sent, delivered.failed, mails.waiting
    )?;
    if delivered.dead > 0 {
        let dead = delivered.dead;
        writeln!(
            out,
            "  {dead} refused for good; `vigie outbox list` tells why"
        )?;
    }
    let Some(since) = mails.oldest_waiting_since else {
        return Ok(());
    };
    let who = if mails.sent_by_another {
        "another vigie is sending them"
    } else {
        "they are tried again later; `vigie outbox list` tells why they wait"
    };
    writeln!(
        out,
        "  the oldest waits for {}; {who}",
        age(since, SystemClock.now())
    )
}

/// An event in a word or two.
fn label_of(event: &EventSummary) -> &'static str {
    match event.name {
        "JobMissing" => "MISSING, no report",
        "JobRegistered" => "new job",
        "JobRecovered" => "recovered",
        "JobDeactivated" => "put to rest",
        "JobWarned" => "OK, but odd",
        "ValidatedFileDamaged" => "kept backup damaged",
        "ValidatedFileRestored" => "kept backup as it was",
        "ReportRejected" => "report rejected",
        name => event.status.unwrap_or(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(files_read: u64, bytes_read: u64, files_known: u64) -> String {
        let mut out = Vec::new();
        let work = Work {
            files_read,
            bytes_read,
            files_known,
            ..Work::default()
        };
        print_work(&mut out, work).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_was_read_is_told_when_there_was_anything_to_read() {
        assert_eq!(told(0, 0, 0), "");
        assert_eq!(told(12, 3_650_722_202, 0), "files    12 read (3.4 GiB)\n");
        assert_eq!(told(0, 0, 18), "files    0 read, 18 known and unchanged\n");
        let both = "files    1 read (7 B), 2 known and unchanged\n";
        assert_eq!(told(1, 7, 2), both);
    }
}
