//! A report on its way to a decision: looks at the staged files of its databases until they are at
//! rest, then builds what has to be committed. Does no commit and moves no report.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use vigie_domain::{
    AgentId, BackupEntry, BackupEntryStatus, DatabaseReport, ExpectedBackupJob, Finding, JobId,
    ProofNeeded, ProvenBackup, Transition, WarningSettings, file_name_of, judge_entry,
    judge_warnings, record_entry,
};

use crate::deposit::{AgentFolder, FileIdentity};
use crate::inbox::ReceivedReport;
use crate::pace::Pace;
use crate::places::Places;
use crate::proof::{Keep, Proof, prove};
use crate::settle::{Rest, Watch};
use crate::validated_tree::ValidatedTree;
use crate::{DepositError, JobMove, ReportCommit, ReportRecord};

/// A report on its way to a decision.
#[derive(Debug)]
pub(crate) struct Judging {
    pub agent: AgentId,
    pub report: ReceivedReport,
    /// Whether it was committed before and is only tried again.
    pub is_retry: bool,
    pub sections: Vec<Section>,
}

/// One database of it.
#[derive(Debug)]
pub(crate) struct Section {
    index: usize,
    job: ExpectedBackupJob,
    finding: Finding,
    /// What became of keeping a copy: where it is, or why there is none.
    kept: Option<Result<String, String>>,
    /// The watch over a file that may still be written.
    watch: Option<Watch>,
}

impl Section {
    pub(crate) fn new(index: usize, job: ExpectedBackupJob) -> Self {
        Self {
            index,
            job,
            finding: Finding::NotNeeded,
            kept: None,
            watch: None,
        }
    }

    fn look(
        &mut self,
        folder: &AgentFolder,
        needed: &ProofNeeded,
        tree: Option<&ValidatedTree>,
    ) -> Proof {
        let file_name = file_name_of(&needed.staged_file_name);
        let standing = tree.and_then(|tree| standing_copy(tree, &self.job, needed));
        let keep = match (tree, &standing) {
            (Some(tree), None) => Some(Keep {
                tree,
                folder: &self.job.validated_folder,
                file_name: &file_name,
            }),
            _ => None,
        };
        let cores = available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let mut proof = prove(folder, needed, keep, &Pace::new(cores, None), &|_| ());
        self.finding = proof.finding.clone();
        self.kept = match standing {
            Some(path) => Some(Ok(path)),
            None => proof
                .kept
                .take()
                .map(|kept| kept.map(|()| format!("{}/{file_name}", self.job.validated_folder))),
        };
        proof
    }

    fn is_good(&self, database: &DatabaseReport) -> bool {
        matches!(
            judge_entry(database, &self.finding).status,
            BackupEntryStatus::Success | BackupEntryStatus::Unknown
        )
    }

    fn entry(
        &self,
        report: &ReceivedReport,
        database: &DatabaseReport,
        now: Timestamp,
    ) -> BackupEntry {
        let name = &report.file.name;
        let finding = &self.finding;
        let mut entry =
            BackupEntry::judged(&self.job, name, &report.report, database, finding, now);
        if entry.status == BackupEntryStatus::Success {
            match self.kept.clone() {
                None => {}
                Some(Ok(path)) => entry.validated_path = Some(path),
                Some(Err(error)) => entry = entry.not_kept(error),
            }
        }
        entry
    }
}

impl Judging {
    /// The first look at every staged file. A file that is not what it should be and that was
    /// written to lately is watched from now on.
    pub(crate) fn look(
        &mut self,
        places: &Places,
        settle: Duration,
        now: Timestamp,
        started: Instant,
    ) -> Result<(), DepositError> {
        let folder = places.deposit.agent(&self.agent)?;
        let is_report_fresh = self.report.file.identity.is_fresh(now, settle);
        let partials = OnceCell::new();
        for section in &mut self.sections {
            let database = &self.report.report.databases[section.index];
            let Some(needed) = database.proof_needed() else {
                continue;
            };
            let proof = section.look(&folder, &needed, places.validated.as_ref());
            let may_settle = matches!(section.finding, Finding::Absent | Finding::Measured { .. });
            if proof.is_steady && (section.is_good(database) || !may_settle) {
                continue;
            }
            // Not the staged file alone: it may be that of last night, about to be replaced.
            let partials = partials.get_or_init(|| folder.partials());
            let identities = folder.staged_identities(&needed.staged_file_name, partials);
            let is_fresh = |identity: &FileIdentity| identity.is_fresh(now, settle);
            let is_built = partials.of(&needed.staged_file_name).iter().any(is_fresh);
            let has_changed = is_built
                || !proof.is_steady
                || proof
                    .identity
                    .is_some_and(|identity| !identities.contains(&identity));
            if has_changed || is_report_fresh || identities.iter().any(is_fresh) {
                let mut watch = Watch::start(identities, settle, started);
                if has_changed {
                    watch.note_change(started);
                }
                section.watch = Some(watch);
            }
        }
        Ok(())
    }

    /// One more look at the files that are watched; the ones that came to rest are proven again if
    /// they changed.
    pub(crate) fn look_again(&mut self, places: &Places, at: Instant) -> Result<(), DepositError> {
        let folder = places.deposit.agent(&self.agent)?;
        let partials = folder.partials();
        for section in &mut self.sections {
            let Some(mut watch) = section.watch.take() else {
                continue;
            };
            let database = &self.report.report.databases[section.index];
            let Some(needed) = database.proof_needed() else {
                continue;
            };
            let identities = folder.staged_identities(&needed.staged_file_name, &partials);
            let rest = watch.look(identities, at);
            match rest {
                Rest::NotYet => section.watch = Some(watch),
                Rest::AsBefore => {}
                Rest::Paused => {
                    let proof = section.look(&folder, &needed, places.validated.as_ref());
                    if !(proof.is_steady && section.is_good(database)) {
                        section.watch = Some(watch);
                    }
                }
                Rest::Changed | Rest::Never => {
                    let proof = section.look(&folder, &needed, places.validated.as_ref());
                    let Finding::Measured { size, sha256 } = section.finding else {
                        continue;
                    };
                    // What was read from end to end without a change is what it is, however late
                    // it came to rest.
                    let is_at_rest = rest == Rest::Changed || sha256.is_some();
                    if proof.is_steady && is_at_rest {
                        continue;
                    }
                    if watch.is_over(at) {
                        section.finding = Finding::StillGrowing { size };
                    } else {
                        watch.note_change(at);
                        section.watch = Some(watch);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether every staged file is at rest.
    pub(crate) fn is_settled(&self) -> bool {
        self.sections.iter().all(|section| section.watch.is_none())
    }

    /// The jobs whose earlier backups have to be known before it can be decided.
    pub(crate) fn to_compare(&self, defaults: &WarningSettings) -> Vec<JobId> {
        let has_to = |section: &&Section| {
            let database = &self.report.report.databases[section.index];
            let job = &section.job;
            let settings = job.warning_settings.as_ref().unwrap_or(defaults);
            let status = judge_entry(database, &section.finding).status;
            status == BackupEntryStatus::Success && settings.need_history()
        };
        let sections = self.sections.iter().filter(has_to);
        sections.map(|section| section.job.id).collect()
    }

    /// What has to be committed: an entry and a move of the job for each database.
    pub(crate) fn decide(
        &self,
        now: Timestamp,
        earlier: &HashMap<JobId, Vec<ProvenBackup>>,
        warnings: &WarningSettings,
    ) -> ReportCommit {
        let mut moves = Vec::with_capacity(self.sections.len());
        let mut events = Vec::new();
        let mut retry = Vec::new();
        for section in &self.sections {
            let database = &self.report.report.databases[section.index];
            let entry = section.entry(&self.report, database, now);
            if entry.is_server_fault() {
                retry.push(database.database.clone());
            }
            let before = &section.job;
            let history = earlier.get(&before.id).map_or(&[][..], Vec::as_slice);
            let recorded = record_entry(before, &entry, now);
            let judged = judge_warnings(before, recorded, &entry, history, warnings);
            let Transition { job, events: facts } = judged;
            let proven = ProvenBackup::of(before, &job, &entry);
            events.extend(facts);
            moves.push(JobMove { job, entry, proven });
        }
        ReportCommit {
            report: ReportRecord {
                agent: self.agent.clone(),
                file_name: self.report.file.name.clone(),
                sha256: self.report.file.sha256,
                operation_ended_at: Some(self.report.report.operation_ended_at),
                received_at: now,
                rejection: None,
                retry,
            },
            moves,
            events,
        }
    }
}

/// Where the content that is expected stands in the validated tree already: nothing is copied when
/// it is that of the last good backup.
fn standing_copy(
    tree: &ValidatedTree,
    job: &ExpectedBackupJob,
    needed: &ProofNeeded,
) -> Option<String> {
    let good = job.last_good.as_ref()?;
    let file_name = file_name_of(&good.staged_file_name);
    let is_standing = needed.sha256 == Some(good.sha256)
        && tree.holds(&job.validated_folder, &file_name, good.size);
    is_standing.then(|| format!("{}/{file_name}", job.validated_folder))
}
