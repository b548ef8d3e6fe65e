//! The variables of the **recovery** mail. Knows no template and no sentence.

use jiff::{Timestamp, Zoned};
use schemars::JsonSchema;
use serde::Serialize;
use vigie_domain::{BackupEntry, ExpectedBackupJob};

use super::{
    BackupContext, IncidentContext, JobMailContext, LastGoodContext, Reader, Surroundings,
};
use crate::IncidentHistory;

/// The variables of the **recovery** mail: a job is OK again.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RecoveryContext {
    /// What every mail about a job has.
    #[serde(flatten)]
    pub of_job: JobMailContext,
    /// When the next one is expected; null for a job at rest, or when its schedule has ended.
    pub expected_at: Option<Zoned>,
    /// The incident, which ended when the server judged the backup.
    pub incident: IncidentContext,
    /// The backup that ended it.
    #[serde(flatten)]
    pub backup: BackupContext,
    /// The last backup that was proven before this one; null when there was none.
    pub last_good_before: Option<LastGoodContext>,
}

impl RecoveryContext {
    pub(crate) fn new(
        job: &ExpectedBackupJob,
        entry: &BackupEntry,
        history: &IncidentHistory,
        now: Timestamp,
        reader: &Reader,
        surroundings: &Surroundings,
    ) -> Self {
        let before = history.last_good.as_ref();
        Self {
            of_job: JobMailContext::new(job, now, reader, surroundings),
            expected_at: job.expected_at().map(|at| reader.at(at)),
            incident: IncidentContext::new(history, entry.recorded_at, reader),
            backup: BackupContext::new(entry, reader),
            last_good_before: before.map(|good| LastGoodContext::new(good, now, reader)),
        }
    }
}
