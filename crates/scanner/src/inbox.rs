//! Reads what lies in an agent's `log` folder and sorts it: whole reports, reports that can't be
//! taken, reports that are still being written. Decides nothing about backups.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256 as Sha256Hasher};
use vigie_domain::{AgentId, Report, Sha256};

use crate::archive::ReadFile;
use crate::deposit::{FileIdentity, LogFolder};
use crate::{DepositError, ScannerSettings};

/// What lay in an agent's `log` folder.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    /// The reports that can be taken.
    pub received: Vec<ReceivedReport>,
    /// The reports that can't.
    pub refused: Vec<RefusedReport>,
    /// How many are still being written.
    pub pending: usize,
    /// What is named like a report and is none.
    pub ignored: Vec<(String, String)>,
    /// What could not be read.
    pub unreadable: Vec<DepositError>,
}

/// A report that can be taken.
#[derive(Debug)]
pub(crate) struct ReceivedReport {
    pub file: ReadFile,
    pub report: Report,
}

/// A report that can't be taken.
#[derive(Debug)]
pub(crate) struct RefusedReport {
    pub file: ReadFile,
    /// The SHA-256 of its bytes alone: a report that was taken once is not refused later.
    pub content: Sha256,
    pub field: Option<String>,
    pub reason: String,
}

impl Inbox {
    pub(crate) fn read(
        log: &LogFolder,
        agent: &AgentId,
        settings: &ScannerSettings,
        now: Timestamp,
    ) -> Result<Self, DepositError> {
        let listing = log.list()?;
        let mut inbox = Self {
            ignored: listing.ignored,
            ..Self::default()
        };
        for name in listing.reports {
            // One byte more than is allowed tells that there is more.
            let limit = settings.report_max_size.saturating_add(1);
            match log.read(&name, limit) {
                Ok(None) => {}
                Ok(Some((bytes, identity))) => {
                    inbox.sort_in(name, &bytes, identity, agent, settings, now);
                }
                Err(error) => inbox.unreadable.push(error),
            }
        }
        Ok(inbox)
    }

    /// How many reports lay there, whole or not.
    pub(crate) fn found(&self) -> usize {
        self.received.len() + self.refused.len() + self.pending + self.unreadable.len()
    }

    /// Leaves out all but the first of the reports that are the same to the byte, and tells how many.
    pub(crate) fn put_off_copies(&mut self) -> usize {
        let before = self.received.len();
        let mut met = HashSet::new();
        self.received
            .retain(|received| met.insert(received.file.sha256));
        before - self.received.len()
    }

    fn sort_in(
        &mut self,
        name: String,
        bytes: &[u8],
        identity: FileIdentity,
        agent: &AgentId,
        settings: &ScannerSettings,
        now: Timestamp,
    ) {
        let file = ReadFile {
            name,
            sha256: digest_of(bytes, identity, settings.report_max_size),
            identity,
        };
        let mut refuse = |file: ReadFile, field: Option<&str>, reason| {
            self.refused.push(RefusedReport {
                content: file.sha256,
                file: file.known_by_place(),
                field: field.map(str::to_owned),
                reason,
            });
        };
        if bytes.len() as u64 > settings.report_max_size {
            let (size, limit) = (identity.size, settings.report_max_size);
            let reason = format!(
                "the report has {size} bytes, more than the {limit} that `report_max_size` allows"
            );
            return refuse(file, None, reason);
        }
        match Report::parse(bytes, agent, &settings.time_zone) {
            Err(error) if error.is_incomplete() && identity.is_fresh(now, settings.settle) => {
                self.pending += 1;
            }
            Err(error) => refuse(file, error.field.as_deref(), error.to_string()),
            Ok(report) => match too_old(&report, settings.report_max_age, now) {
                Some(reason) => refuse(file, Some("operation_end_time"), reason),
                None => self.received.push(ReceivedReport { file, report }),
            },
        }
    }
}

impl ReadFile {
    /// What can't be taken is known by its name and time too: an agent that drops an empty report
    /// each night is told of each night.
    fn known_by_place(mut self) -> Self {
        let mut hasher = Sha256Hasher::new();
        hasher.update(self.sha256.as_bytes());
        hasher.update(&self.name);
        hasher.update(self.identity.modified_at().to_le_bytes());
        self.sha256 = Sha256::from(<[u8; 32]>::from(hasher.finalize()));
        self
    }
}

/// What a report is known by when it is met again. Of one that is too large the start and the size
/// are enough.
fn digest_of(bytes: &[u8], identity: FileIdentity, max_size: u64) -> Sha256 {
    let mut hasher = Sha256Hasher::new();
    hasher.update(bytes);
    if bytes.len() as u64 > max_size {
        hasher.update(identity.size.to_le_bytes());
    }
    Sha256::from(<[u8; 32]>::from(hasher.finalize()))
}

fn too_old(report: &Report, max_age: Duration, now: Timestamp) -> Option<String> {
    let age = Duration::try_from(now.duration_since(report.operation_ended_at)).ok()?;
    (age > max_age).then(|| {
        format!(
            "operation_end_time is {}, longer ago than `report_max_age` allows: the report says \
             nothing about today",
            report.operation_ended_at
        )
    })
}
