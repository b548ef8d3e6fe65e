//! The variables of the **reminder** mail. Knows no template and no sentence.

use jiff::{Timestamp, Zoned};
use schemars::JsonSchema;
use serde::Serialize;
use vigie_domain::{BackupEntry, BackupEntryStatus, ExpectedBackupJob};

use super::{IncidentContext, JobMailContext, Reader, ReasonContext, Surroundings};
use crate::{IncidentHistory, ReminderNumber};

/// The variables of the **reminder** mail: a job is still not OK.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ReminderContext {
    /// What every mail about a job has.
    #[serde(flatten)]
    pub of_job: JobMailContext,
    /// When the next report is expected, or was, when none has come; null for a job at rest, or when
    /// its schedule has ended.
    pub expected_at: Option<Zoned>,
    /// The incident up to now.
    pub incident: IncidentContext,
    /// Which reminder it is: 1 for the first.
    pub reminder: u32,
    /// When the next reminder comes; null when this is the last.
    pub next_reminder_at: Option<Zoned>,
    /// The last that a report said; null when the alert is that no report came.
    pub entry: Option<LastEntryContext>,
}

/// What became of the last backup that a report spoke of.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct LastEntryContext {
    /// What became of it: `SUCCESS`, `FAILED`, `MISSING`, `HASH_MISMATCH`,
    /// `TRANSFER_INTEGRITY_FAILED` or `UNKNOWN`.
    #[schemars(extend("enum" = BackupEntryStatus::ALL.map(BackupEntryStatus::as_str)))]
    pub status: &'static str,
    /// Why it is not a `SUCCESS`.
    pub reason: ReasonContext,
    /// Whether this server, not the agent, is what failed.
    pub is_server_fault: bool,
    /// When the server judged it.
    pub recorded_at: Zoned,
    /// The name of the report's file.
    pub report: String,
    /// The error that the agent gives, of several lines; null when it gives none.
    #[schemars(extend("severalLines" = true))]
    pub agent_error: Option<String>,
}

/// What a reminder is about.
pub(super) struct Reminded<'a> {
    pub(super) job: &'a ExpectedBackupJob,
    pub(super) entry: Option<&'a BackupEntry>,
    pub(super) history: &'a IncidentHistory,
    pub(super) reminder: &'a ReminderNumber,
}

impl ReminderContext {
    pub(super) fn new(
        about: &Reminded<'_>,
        now: Timestamp,
        reader: &Reader,
        surroundings: &Surroundings,
    ) -> Self {
        let next_at = about.reminder.next_at;
        Self {
            of_job: JobMailContext::new(about.job, now, reader, surroundings),
            expected_at: about.job.expected_at().map(|at| reader.at(at)),
            incident: IncidentContext::new(about.history, now, reader),
            reminder: about.reminder.which,
            next_reminder_at: next_at.map(|at| reader.at(at)),
            entry: about
                .entry
                .map(|entry| LastEntryContext::new(entry, reader)),
        }
    }
}

impl LastEntryContext {
    fn new(entry: &BackupEntry, reader: &Reader) -> Self {
        let error = entry.agent_error.as_deref();
        Self {
            status: entry.status.as_str(),
            reason: ReasonContext::new(entry.reason.as_ref(), reader),
            is_server_fault: entry.is_server_fault(),
            recorded_at: reader.at(entry.recorded_at),
            report: reader.name(&entry.report),
            agent_error: error.map(|text| reader.message(text)),
        }
    }
}
