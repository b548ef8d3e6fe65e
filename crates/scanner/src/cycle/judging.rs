//! A report on its way to a decision: what is found where its staged files should be, and then what has
//! to be committed. Waits for nothing, does no commit and moves no report.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::Instant;
use vigie_domain::{
    AgentId, BackupEntry, BackupEntryStatus, DatabaseReport, EntryReason, Finding, JobId,
    ProofNeeded, ProvenBackup, Transition, ValidatedFileId, WarningSettings, judge_entry,
    judge_warnings, record_entry, validated_file_name, version_file_name,
};

use crate::cycle::settle::{Rest, Watch};
use crate::cycle::workshop::Workshop;
use crate::deposit::identity::FileIdentity;
use crate::deposit::inbox::ReceivedReport;
use crate::deposit::{AgentFolder, Partials};
use crate::proof::validated_tree::ValidatedTree;
use crate::proof::{HOLLOW, Keep, Proof};
use crate::{JobMove, KnownJob, ProvenFile, ReportCommit, ReportRecord};

/// A report on its way to a decision.
#[derive(Debug)]
pub(crate) struct Judging {
    pub agent: AgentId,
    pub report: Arc<ReceivedReport>,
    /// Whether it was committed before and is only tried again.
    pub is_retry: bool,
    pub sections: Vec<Section>,
}

/// One database of it.
#[derive(Debug)]
pub(crate) struct Section {
    index: usize,
    known: KnownJob,
    report: Arc<ReceivedReport>,
    finding: Finding,
    proven_file: Option<ProvenFile>,
    /// What became of keeping a copy: where it is, or why there is none.
    kept: Option<Result<Kept, String>>,
    /// The watch over a file that may still be written.
    watch: Option<Watch>,
}

/// A copy in the validated tree.
#[derive(Debug)]
struct Kept {
    path: String,
    /// Which one it is, when it stood there before.
    standing: Option<ValidatedFileId>,
}

/// The hidden files of an agent's folder, listed when somebody asks for the first time.
pub(crate) struct PartialsOnce<'a> {
    folder: &'a AgentFolder,
    partials: OnceCell<Partials>,
}

impl<'a> PartialsOnce<'a> {
    pub(crate) fn new(folder: &'a AgentFolder) -> Self {
        Self {
            folder,
            partials: OnceCell::new(),
        }
    }

    fn get(&self) -> &Partials {
        self.partials.get_or_init(|| self.folder.partials())
    }
}

impl Section {
    pub(crate) fn new(index: usize, known: KnownJob, report: Arc<ReceivedReport>) -> Self {
        Self {
            index,
            known,
            report,
            finding: Finding::NotNeeded,
            proven_file: None,
            kept: None,
            watch: None,
        }
    }

    /// Which of the report's databases it is.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    fn database(&self) -> &DatabaseReport {
        &self.report.report.databases[self.index]
    }

    /// What has to be proven; `None` when the report alone decides.
    pub(crate) fn needed(&self) -> Option<ProofNeeded> {
        self.database().proof_needed()
    }

    /// Whether the file may still be written, so that it has to be looked at again.
    pub(crate) fn is_watched(&self) -> bool {
        self.watch.is_some()
    }

    /// The first look at a staged file. One that is not what it should be and that was written to lately
    /// is watched from now on.
    pub(crate) fn look(
        &mut self,
        needed: &ProofNeeded,
        folder: &AgentFolder,
        partials: &PartialsOnce<'_>,
        workshop: &Workshop,
    ) {
        let started = Instant::now();
        let proof = self.prove(needed, folder, workshop);
        // One that is hollow may be yet to be filled.
        let may_settle = matches!(
            self.finding,
            Finding::Absent | Finding::Measured { .. } | Finding::NotRegular { kind: HOLLOW }
        );
        if proof.is_steady && (self.is_final() || !may_settle) {
            return;
        }
        let (settle, now) = (workshop.settings.settle, workshop.now);
        // Not the staged file alone: it may be that of last night, about to be replaced.
        let partials = partials.get();
        let identities = folder.staged_identities(&needed.staged_file_name, partials);
        let is_fresh = |identity: &FileIdentity| identity.is_fresh(now, settle);
        let is_built = partials.of(&needed.staged_file_name).iter().any(is_fresh);
        let has_changed = is_built
            || !proof.is_steady
            || proof
                .identity
                .is_some_and(|identity| !identities.contains(&identity));
        let is_report_fresh = is_fresh(&self.report.file.identity);
        if has_changed || is_report_fresh || identities.iter().any(is_fresh) {
            let mut watch = Watch::start(identities, settle, started);
            if has_changed {
                watch.note_change(started);
            }
            self.watch = Some(watch);
        }
    }

    /// One more look at a file that is watched. One that came to rest is proven again if it changed.
    pub(crate) fn look_again(
        &mut self,
        needed: &ProofNeeded,
        folder: &AgentFolder,
        partials: &PartialsOnce<'_>,
        workshop: &Workshop,
    ) {
        let (Some(mut watch), at) = (self.watch.take(), Instant::now()) else {
            return;
        };
        let identities = folder.staged_identities(&needed.staged_file_name, partials.get());
        let rest = watch.look(identities, at);
        match rest {
            Rest::NotYet => self.watch = Some(watch),
            Rest::AsBefore => {}
            Rest::Paused => {
                let proof = self.prove(needed, folder, workshop);
                if !(proof.is_steady && self.is_final()) {
                    self.watch = Some(watch);
                }
            }
            Rest::Changed | Rest::Never => {
                let proof = self.prove(needed, folder, workshop);
                let Finding::Measured { size, sha256, .. } = self.finding else {
                    return;
                };
                // What was read from end to end without a change is what it is, however late it came
                // to rest.
                let is_at_rest = rest == Rest::Changed || sha256.is_some();
                if proof.is_steady && is_at_rest {
                    return;
                }
                if watch.is_over(at) {
                    self.finding = Finding::StillGrowing { size };
                } else {
                    watch.note_change(at);
                    self.watch = Some(watch);
                }
            }
        }
    }

    /// Finds out what lies there. What was proven before and did not change since is not read again.
    fn prove(&mut self, needed: &ProofNeeded, folder: &AgentFolder, workshop: &Workshop) -> Proof {
        let tree = workshop.places.validated.as_ref();
        let job = &self.known.job;
        let standing = || tree.and_then(|tree| standing_copy(tree, &self.known, needed));
        let standing = folder.pulse().wait(standing).unwrap_or_default();
        let is_to_be_kept = tree.is_some() && standing.is_none();
        let known_file = self.known.proven_file.as_ref();
        let known_file = known_file.filter(|_| !is_to_be_kept);
        let file_name = self.file_name(needed, workshop);
        let level = job.verify.unwrap_or(workshop.settings.verify);
        let still = known_file.and_then(|known| known.still_proves(needed, level, folder));
        let mut proof = if let Some(proof) = still {
            let known = || workshop.note_known(needed.size.unwrap_or_default());
            let _ = folder.pulse().wait(known);
            proof
        } else {
            let keep = tree.filter(|_| is_to_be_kept).map(|tree| Keep {
                tree,
                folder: &job.validated_folder,
                file_name: &file_name,
            });
            workshop.prove(&job.agent, folder, needed, level, keep)
        };
        self.finding = proof.finding.clone();
        self.proven_file = ProvenFile::of(needed, level, &proof, workshop.now);
        self.kept = match standing {
            Some(standing) => Some(Ok(standing)),
            None => proof.kept.take().map(|kept| {
                kept.map(|()| Kept {
                    path: format!("{}/{file_name}", job.validated_folder),
                    standing: None,
                })
            }),
        };
        proof
    }

    /// Under which name a copy is kept.
    fn file_name(&self, needed: &ProofNeeded, workshop: &Workshop) -> String {
        let staged = &needed.staged_file_name;
        match needed.sha256.filter(|_| workshop.settings.keep_versions) {
            None => validated_file_name(staged),
            Some(sha256) => {
                let ended_at = self.report.report.operation_ended_at;
                version_file_name(ended_at, workshop.now, sha256, staged)
            }
        }
    }

    /// Whether waiting would change nothing: it is what it should be, or what the agent sent.
    fn is_final(&self) -> bool {
        let verdict = judge_entry(self.database(), &self.finding);
        let is_as_sent = matches!(
            verdict.reason,
            Some(EntryReason::NotReadable {
                is_as_sent: true,
                ..
            })
        );
        is_as_sent
            || matches!(
                verdict.status,
                BackupEntryStatus::Success | BackupEntryStatus::Unknown
            )
    }

    fn standing(&self) -> Option<ValidatedFileId> {
        let kept = self.kept.as_ref()?.as_ref().ok()?;
        kept.standing
    }

    fn entry(&self, now: Timestamp) -> BackupEntry {
        let (job, finding) = (&self.known.job, &self.finding);
        let ReceivedReport { file, report } = &*self.report;
        let mut entry = BackupEntry::judged(job, &file.name, report, self.database(), finding, now);
        if entry.status == BackupEntryStatus::Success {
            match &self.kept {
                None => {}
                Some(Ok(kept)) => entry.validated_path = Some(kept.path.clone()),
                Some(Err(error)) => entry = entry.not_kept(error.clone()),
            }
        }
        entry
    }
}

impl Judging {
    /// Whether every staged file is at rest.
    pub(crate) fn is_settled(&self) -> bool {
        !self.sections.iter().any(Section::is_watched)
    }

    /// The jobs whose earlier backups have to be known before it can be decided.
    pub(crate) fn to_compare(&self, defaults: &WarningSettings) -> Vec<JobId> {
        let has_to = |section: &&Section| {
            let job = &section.known.job;
            let settings = job.warning_settings.as_ref().unwrap_or(defaults);
            let status = judge_entry(section.database(), &section.finding).status;
            // Without a last good backup there are none before it.
            job.last_good.is_some()
                && status == BackupEntryStatus::Success
                && settings.need_history()
        };
        let sections = self.sections.iter().filter(has_to);
        sections.map(|section| section.known.job.id).collect()
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
            let entry = section.entry(now);
            if entry.is_server_fault() {
                retry.push(section.database().database.clone());
            }
            let before = &section.known.job;
            let history = earlier.get(&before.id).map_or(&[][..], Vec::as_slice);
            let recorded = record_entry(before, &entry, now);
            let judged = judge_warnings(before, recorded, &entry, history, warnings);
            let Transition { job, events: facts } = judged;
            let proven = ProvenBackup::of(before, &job, &entry);
            let standing = section
                .standing()
                .filter(|_| entry.validated_path.is_some());
            events.extend(facts);
            moves.push(JobMove {
                job,
                entry,
                proven,
                proven_file: section.proven_file.clone(),
                standing,
            });
        }
        if self.is_retry {
            // The same fault as last time is no news.
            moves.retain(|moved| !moved.entry.is_server_fault());
            events.retain(|event| event.entry().is_none_or(|entry| !entry.is_server_fault()));
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

/// The copy of the content that is expected, when it stands in the validated tree already: nothing is
/// copied when it is that of the last good backup.
fn standing_copy(tree: &ValidatedTree, known: &KnownJob, needed: &ProofNeeded) -> Option<Kept> {
    let file = known.validated_file.as_ref()?;
    let is_standing = needed.sha256 == Some(file.sha256) && tree.holds(&file.path, file.size);
    is_standing.then(|| Kept {
        path: file.path.clone(),
        standing: Some(file.id),
    })
}
