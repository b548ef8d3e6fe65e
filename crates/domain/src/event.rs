//! The facts that a scan or a scrub emits. Knows nobody who listens to them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    AgentId, BackupEntry, ExpectedBackupJob, IntactCopies, JobStatus, ValidatedFault,
    ValidatedFile, Warning,
};

/// A fact, with the instant from which it is one.
///
/// An event carries the job and the entry as they were then, so that whoever consumes it late still
/// tells what happened, not what has become of it since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainEvent {
    /// When it became a fact.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum EventKind {
    /// A job became known from a report.
    JobRegistered {
        /// The new job.
        job: Box<ExpectedBackupJob>,
    },
    /// A report spoke of a backup, and the server judged it.
    BackupRecorded {
        /// The job as the backup left it.
        job: Box<ExpectedBackupJob>,
        /// What was recorded.
        entry: Box<BackupEntry>,
    },
    /// A backup took its job to a status that is not OK: an incident opened, or became another.
    JobDegraded {
        /// The job as the backup left it.
        job: Box<ExpectedBackupJob>,
        /// The backup that did it.
        entry: Box<BackupEntry>,
        /// The job's status before.
        from: JobStatus,
    },
    /// The deadline passed and no report spoke of the job. There is no entry: nothing was reported.
    JobMissing {
        /// The job, now missing.
        job: Box<ExpectedBackupJob>,
        /// The job's status before.
        from: JobStatus,
        /// When the backup was expected.
        expected_at: Timestamp,
        /// When it was given up: the expected time and the grace.
        deadline_at: Timestamp,
    },
    /// The job is OK again: its incident closed.
    JobRecovered {
        /// The job, now OK.
        job: Box<ExpectedBackupJob>,
        /// The backup that did it.
        entry: Box<BackupEntry>,
        /// The job's status before.
        from: JobStatus,
        /// Since when the incident had been open.
        incident_since: Timestamp,
    },
    /// The job was put to rest during an incident, which closed with it.
    JobDeactivated {
        /// The job, now at rest.
        job: Box<ExpectedBackupJob>,
        /// The job's status before.
        from: JobStatus,
        /// Since when the incident had been open.
        incident_since: Timestamp,
    },
    /// A proven backup is odd in ways in which the one before it was not.
    JobWarned {
        /// The job, which is OK.
        job: Box<ExpectedBackupJob>,
        /// The backup.
        entry: Box<BackupEntry>,
        /// What is odd, and was not before.
        warnings: Vec<Warning>,
    },
    /// A backup that was kept is not what it was any more, or is wrong in another way than before.
    ValidatedFileDamaged {
        /// The job, whose status tells of what reports bring and not of this.
        job: Box<ExpectedBackupJob>,
        /// The kept backup; its fault says what is wrong.
        file: Box<ValidatedFile>,
        /// When it was last found as it should be; `None` when something was wrong with it before.
        intact_at: Option<Timestamp>,
        /// What else is kept of the job.
        others: Box<IntactCopies>,
    },
    /// A backup that was kept is as it should be again.
    ValidatedFileRestored {
        /// The job.
        job: Box<ExpectedBackupJob>,
        /// The kept backup.
        file: Box<ValidatedFile>,
        /// What was wrong with it.
        fault: ValidatedFault,
    },
    /// A report could not be taken and was set aside.
    ReportRejected {
        /// The agent in whose folder it lay.
        agent: AgentId,
        /// The name of the report's file.
        report: String,
        /// The field that is wrong; `None` when it is the file as a whole.
        field: Option<String>,
        /// What is wrong, as a sentence.
        reason: String,
    },
}

impl DomainEvent {
    /// The event's name, as it stands in JSON and SQL.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self.kind {
            EventKind::JobRegistered { .. } => "JobRegistered",
            EventKind::BackupRecorded { .. } => "BackupRecorded",
            EventKind::JobDegraded { .. } => "JobDegraded",
            EventKind::JobMissing { .. } => "JobMissing",
            EventKind::JobRecovered { .. } => "JobRecovered",
            EventKind::JobDeactivated { .. } => "JobDeactivated",
            EventKind::JobWarned { .. } => "JobWarned",
            EventKind::ValidatedFileDamaged { .. } => "ValidatedFileDamaged",
            EventKind::ValidatedFileRestored { .. } => "ValidatedFileRestored",
            EventKind::ReportRejected { .. } => "ReportRejected",
        }
    }

    /// The job that it is about; `None` for a report that could not be taken.
    #[must_use]
    pub fn job(&self) -> Option<&ExpectedBackupJob> {
        match &self.kind {
            EventKind::JobRegistered { job }
            | EventKind::BackupRecorded { job, .. }
            | EventKind::JobDegraded { job, .. }
            | EventKind::JobMissing { job, .. }
            | EventKind::JobRecovered { job, .. }
            | EventKind::JobDeactivated { job, .. }
            | EventKind::JobWarned { job, .. }
            | EventKind::ValidatedFileDamaged { job, .. }
            | EventKind::ValidatedFileRestored { job, .. } => Some(job),
            EventKind::ReportRejected { .. } => None,
        }
    }

    pub(crate) fn job_mut(&mut self) -> Option<&mut ExpectedBackupJob> {
        match &mut self.kind {
            EventKind::JobRegistered { job }
            | EventKind::BackupRecorded { job, .. }
            | EventKind::JobDegraded { job, .. }
            | EventKind::JobMissing { job, .. }
            | EventKind::JobRecovered { job, .. }
            | EventKind::JobDeactivated { job, .. }
            | EventKind::JobWarned { job, .. }
            | EventKind::ValidatedFileDamaged { job, .. }
            | EventKind::ValidatedFileRestored { job, .. } => Some(job),
            EventKind::ReportRejected { .. } => None,
        }
    }

    /// The entry that it speaks of.
    #[must_use]
    pub fn entry(&self) -> Option<&BackupEntry> {
        match &self.kind {
            EventKind::BackupRecorded { entry, .. }
            | EventKind::JobDegraded { entry, .. }
            | EventKind::JobRecovered { entry, .. }
            | EventKind::JobWarned { entry, .. } => Some(entry),
            _ => None,
        }
    }

    /// The agent that it is about.
    #[must_use]
    pub fn agent(&self) -> &AgentId {
        match &self.kind {
            EventKind::ReportRejected { agent, .. } => agent,
            EventKind::JobRegistered { job }
            | EventKind::BackupRecorded { job, .. }
            | EventKind::JobDegraded { job, .. }
            | EventKind::JobMissing { job, .. }
            | EventKind::JobRecovered { job, .. }
            | EventKind::JobDeactivated { job, .. }
            | EventKind::JobWarned { job, .. }
            | EventKind::ValidatedFileDamaged { job, .. }
            | EventKind::ValidatedFileRestored { job, .. } => &job.agent,
        }
    }

    /// The status that it tells: the entry's for a recorded backup, else the job's.
    #[must_use]
    pub fn status(&self) -> Option<&'static str> {
        match &self.kind {
            EventKind::BackupRecorded { entry, .. } => Some(entry.status.as_str()),
            _ => self.job().map(|job| job.current_status.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{JobId, Schedule};

    #[test]
    fn the_name_is_the_type_tag_of_its_json() {
        let job = ExpectedBackupJob::new(
            JobId(1),
            AgentId::new("A_B_C").unwrap(),
            "X",
            Schedule::every(Duration::from_mins(1), Duration::ZERO).unwrap(),
            Timestamp::UNIX_EPOCH,
        );
        let event = DomainEvent {
            at: Timestamp::UNIX_EPOCH,
            kind: EventKind::JobRegistered { job: Box::new(job) },
        };
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json["type"], event.name());
        assert_eq!(serde_json::from_value::<DomainEvent>(json).unwrap(), event);
    }
}
