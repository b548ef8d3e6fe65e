//! Kept backups that are damaged, as commands show them. Reads none of them.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;
use vigie_domain::{JobId, ValidatedFault};
use vigie_scanner::DueFile;

use crate::printable::printable_within;

/// How much of a name is printed, in characters; JSON has all of it.
const WIDEST_NAME: usize = 48;

/// How much of a path or a reason is printed.
const WIDEST_REASON: usize = 400;

/// A kept backup that is damaged, as `--format json` shows it. The keys are stable.
#[derive(Debug, Serialize)]
pub struct ShownDamage<'a> {
    job_id: JobId,
    agent: &'a str,
    database: &'a str,
    /// Relative to the validated tree.
    path: &'a str,
    size: u64,
    kept_at: Timestamp,
    /// When the damage was last looked at.
    checked_at: Timestamp,
    fault: Option<&'a ValidatedFault>,
    /// The same as a sentence.
    reason: Option<String>,
}

impl<'a> ShownDamage<'a> {
    pub fn of(damaged: &'a DueFile) -> Self {
        let file = &damaged.file;
        Self {
            job_id: file.job_id,
            agent: damaged.agent.as_str(),
            database: &damaged.database,
            path: &file.path,
            size: file.size,
            kept_at: file.kept_at,
            checked_at: file.checked_at,
            fault: file.fault.as_ref(),
            reason: file.fault.as_ref().map(ToString::to_string),
        }
    }
}

/// A line for each.
pub fn print_damage(out: &mut dyn Write, lead: &str, damaged: &[DueFile]) -> io::Result<()> {
    for damaged in damaged {
        let file = &damaged.file;
        let agent = printable_within(damaged.agent.as_str(), WIDEST_NAME);
        let database = printable_within(&damaged.database, WIDEST_NAME);
        let path = printable_within(&file.path, WIDEST_REASON);
        let reason = file.fault.as_ref().map(ToString::to_string);
        let reason = printable_within(&reason.unwrap_or_default(), WIDEST_REASON);
        writeln!(out, "{lead}{agent}  {database}  {path}  ({reason})")?;
    }
    Ok(())
}
