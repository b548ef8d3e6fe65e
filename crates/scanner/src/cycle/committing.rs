//! From what was found to what is kept: decides, commits many reports in one transaction, and then sets
//! them aside. A report that can't be committed keeps no other from it.

use std::collections::{BTreeMap, HashMap};
use std::slice;
use std::sync::Arc;

use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, timeout_at};
use tracing::{Instrument, debug, debug_span, warn};
use vigie_domain::{AgentId, BackupEntryStatus, DomainEvent, EventKind, JobId, ProvenBackup};

use crate::cycle::Cycle;
use crate::cycle::judging::Judging;
use crate::cycle::proving::{Place, Proven};
use crate::cycle::workshop::Workshop;
use crate::deposit::archive::ReadFile;
use crate::deposit::inbox::RefusedReport;
use crate::watchdog::Untrusted;
use crate::watchdog::pulse::Pulse;
use crate::{DepositError, EntrySummary, ReportCommit, ReportRecord, Store, StoreError};

/// How many reports are committed in one transaction.
const AT_ONCE: usize = 50;

/// How long a report waits for others to be committed with: each transaction waits for the disk.
const PATIENCE: Duration = Duration::from_millis(20);

/// How many batches of reports are set aside at once.
const BATCHES_SET_ASIDE_AT_ONCE: usize = 4;

/// A report that is done with and may be set aside.
#[derive(Debug)]
pub(crate) struct Done {
    pub agent: AgentId,
    pub file: ReadFile,
    /// Why it was refused; `None` when it was taken.
    pub reason: Option<String>,
}

/// The reports of one agent that are done with.
#[derive(Debug)]
pub(crate) struct DoneOfAgent {
    agent: AgentId,
    pub reports: Vec<Done>,
}

impl Untrusted for DoneOfAgent {
    fn owner(&self) -> Option<&AgentId> {
        Some(&self.agent)
    }
}

/// What has to be kept of a report.
#[derive(Debug)]
struct Decided {
    commit: ReportCommit,
    /// Whether there is anything that is not kept already.
    is_news: bool,
    file: ReadFile,
}

/// Reports that are kept in one transaction.
#[derive(Debug)]
struct Batch {
    decided: Vec<Decided>,
    /// Those of which nothing has to be kept.
    done: Vec<Done>,
    /// Room for others is made when all of the batch is kept.
    places: Vec<Place>,
}

/// What became of setting the reports of some agents aside.
type SetAside = JoinSet<Vec<(AgentId, Vec<Result<(), DepositError>>)>>;

/// Commits what became of all reports: one batch is decided while the one before it is kept.
pub(crate) async fn commit_all<S: Store>(cycle: &Cycle<'_, S>, proven: Receiver<Proven>) {
    let (decided, to_keep) = channel(1);
    tokio::join!(decide_all(cycle, proven, decided), keep_all(cycle, to_keep));
}

async fn decide_all<S: Store>(
    cycle: &Cycle<'_, S>,
    mut proven: Receiver<Proven>,
    decided: Sender<Batch>,
) {
    loop {
        let batch = gather(&mut proven).await;
        if batch.is_empty() {
            break;
        }
        let span = debug_span!("decide", reports = batch.len());
        let batch = decide_batch(cycle, batch).instrument(span).await;
        // Nobody takes it any more only when the cycle is given up.
        let _ = decided.send(batch).await;
    }
}

async fn keep_all<S: Store>(cycle: &Cycle<'_, S>, mut decided: Receiver<Batch>) {
    let mut set_aside = SetAside::new();
    while let Some(batch) = decided.recv().await {
        let span = debug_span!("commit", reports = batch.decided.len());
        let Batch {
            decided,
            mut done,
            places,
        } = batch;
        done.extend(keep(cycle, decided).instrument(span).await);
        drop(places);
        if done.is_empty() {
            continue;
        }
        while set_aside.len() >= BATCHES_SET_ASIDE_AT_ONCE {
            note_next(cycle, &mut set_aside).await;
        }
        set_aside.spawn(set_all_aside(cycle.workshop.clone(), done));
    }
    while !set_aside.is_empty() {
        note_next(cycle, &mut set_aside).await;
    }
}

/// Sets reports aside, those of one agent by one thread: two could move two reports to one name.
async fn set_all_aside(
    workshop: Arc<Workshop>,
    done: Vec<Done>,
) -> Vec<(AgentId, Vec<Result<(), DepositError>>)> {
    let span = debug_span!("set aside", reports = done.len());
    let mut by_agent: BTreeMap<AgentId, Vec<Done>> = BTreeMap::new();
    for done in done {
        by_agent.entry(done.agent.clone()).or_default().push(done);
    }
    let agents: Vec<AgentId> = by_agent.keys().cloned().collect();
    let done = by_agent
        .into_iter()
        .map(|(agent, reports)| DoneOfAgent { agent, reports });
    let at_work = workshop.clone();
    let set_aside = move |done: &DoneOfAgent, pulse: &Pulse| at_work.set_aside(done, pulse);
    let set_aside = workshop.watchdog.each(span, done.collect(), set_aside);
    let set_aside = set_aside.await;
    let each = agents.into_iter().zip(set_aside).map(|(agent, done)| {
        let path = workshop.places.deposit.path_of(&agent);
        let stalled = |stall| DepositError::stalled("set reports aside in", path, stall);
        let done = done.unwrap_or_else(|stall| vec![Err(stalled(stall))]);
        (agent, done)
    });
    each.collect()
}

/// The next reports that are ready, and those that are soon after them; none when there are no more.
async fn gather(proven: &mut Receiver<Proven>) -> Vec<Proven> {
    let mut batch = Vec::new();
    proven.recv_many(&mut batch, AT_ONCE).await;
    let give_up_at = Instant::now() + PATIENCE;
    while !batch.is_empty() && batch.len() < AT_ONCE {
        let room = AT_ONCE - batch.len();
        let more = proven.recv_many(&mut batch, room);
        match timeout_at(give_up_at, more).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    batch
}

async fn note_next<S: Store>(cycle: &Cycle<'_, S>, set_aside: &mut SetAside) {
    match set_aside.join_next().await {
        Some(Ok(done)) => {
            for (agent, done) in done {
                for done in done {
                    cycle.findings.failure(&agent, done.map_err(Into::into));
                }
            }
        }
        Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Some(Err(_)) | None => {}
    }
}

async fn decide_batch<S: Store>(cycle: &Cycle<'_, S>, batch: Vec<Proven>) -> Batch {
    let mut done = Vec::new();
    let mut decided = Vec::new();
    let mut judged = Vec::new();
    let mut places = Vec::new();
    {
        let mut noted = cycle.findings.note();
        for proven in batch {
            match proven {
                Proven::Judged(judging, place) => {
                    judged.extend(judging);
                    places.push(place);
                }
                Proven::Refused(agent, refused) if refused.is_repeated => {
                    noted.result.reports.repeated += 1;
                    done.push(Done {
                        agent,
                        file: refused.file,
                        reason: Some(refused.reason),
                    });
                }
                Proven::Refused(agent, refused) => decided.push(cycle.refuse(agent, refused)),
                Proven::Repeated(agent, file) => {
                    noted.result.reports.repeated += 1;
                    done.push(Done {
                        agent,
                        file,
                        reason: None,
                    });
                }
                Proven::Failed(agent, error) => noted.error(&agent, &error.into()),
                Proven::Left(agent) => {
                    noted.result.reports.pending += 1;
                    noted.unstored(&agent);
                }
            }
        }
    }
    decided.extend(decide(cycle, judged).await);
    Batch {
        decided,
        done,
        places,
    }
}

impl<S: Store> Cycle<'_, S> {
    fn refuse(&self, agent: AgentId, refused: RefusedReport) -> Decided {
        let now = self.workshop.now;
        let RefusedReport {
            file,
            field,
            reason,
            ..
        } = refused;
        warn!(%agent, report = file.name, reason, "report rejected");
        let event = DomainEvent {
            at: now,
            kind: EventKind::ReportRejected {
                agent: agent.clone(),
                report: file.name.clone(),
                field,
                reason: reason.clone(),
            },
        };
        let commit = ReportCommit {
            report: ReportRecord {
                agent,
                file_name: file.name.clone(),
                sha256: file.sha256,
                operation_ended_at: None,
                received_at: now,
                rejection: Some(reason),
                retry: Vec::new(),
            },
            moves: Vec::new(),
            events: vec![event],
        };
        Decided {
            commit,
            is_news: true,
            file,
        }
    }

    fn decide(&self, judging: &Judging, earlier: &HashMap<JobId, Vec<ProvenBackup>>) -> Decided {
        let warnings = &self.workshop.settings.warnings;
        let commit = judging.decide(self.workshop.now, earlier, warnings);
        let is_complete = commit.report.retry.is_empty();
        Decided {
            is_news: !judging.is_retry || is_complete || !commit.moves.is_empty(),
            file: judging.report.file.clone(),
            commit,
        }
    }
}

/// Decides with what is known of earlier backups. When that can't be looked up for one report, the others
/// are decided all the same.
async fn decide<S: Store>(cycle: &Cycle<'_, S>, judged: Vec<Judging>) -> Vec<Decided> {
    match earlier(cycle, &judged).await {
        Ok(earlier) => {
            let decided = judged.iter().map(|judging| cycle.decide(judging, &earlier));
            decided.collect()
        }
        Err(error) => {
            let mut decided = Vec::new();
            let is_alone = judged.len() == 1;
            for judging in judged {
                if is_alone {
                    cycle.findings.note().error(&judging.agent, &error.into());
                    break;
                }
                decided.extend(Box::pin(decide(cycle, vec![judging])).await);
            }
            decided
        }
    }
}

async fn earlier<S: Store>(
    cycle: &Cycle<'_, S>,
    judged: &[Judging],
) -> Result<HashMap<JobId, Vec<ProvenBackup>>, StoreError> {
    let warnings = &cycle.workshop.settings.warnings;
    let jobs: Vec<JobId> = judged
        .iter()
        .flat_map(|judging| judging.to_compare(warnings))
        .collect();
    if jobs.is_empty() {
        return Ok(HashMap::new());
    }
    let limit = ProvenBackup::LOOKED_AT;
    cycle.store.proven_backups(&jobs, limit).await
}

/// Commits these reports together or, when that fails, each by itself.
async fn keep<S: Store>(cycle: &Cycle<'_, S>, decided: Vec<Decided>) -> Vec<Done> {
    let (news, old): (Vec<_>, Vec<_>) = decided.into_iter().partition(|one| one.is_news);
    let (commits, files): (Vec<ReportCommit>, Vec<ReadFile>) =
        news.into_iter().map(|one| (one.commit, one.file)).unzip();
    let mut kept = Vec::new();
    if commits.is_empty() || cycle.store.commit_reports(&commits).await.is_ok() {
        kept.extend(commits.into_iter().zip(files));
    } else {
        for (commit, file) in commits.into_iter().zip(files) {
            match cycle.store.commit_reports(slice::from_ref(&commit)).await {
                Ok(()) => kept.push((commit, file)),
                Err(error) => {
                    let agent = &commit.report.agent;
                    cycle.findings.note().error(agent, &error.into());
                }
            }
        }
    }
    kept.extend(old.into_iter().map(|one| (one.commit, one.file)));
    let done = kept
        .into_iter()
        .filter_map(|(commit, file)| note(cycle, commit, file));
    done.collect()
}

/// Notes what was kept. The report may be set aside unless something is left to try.
fn note<S: Store>(cycle: &Cycle<'_, S>, commit: ReportCommit, file: ReadFile) -> Option<Done> {
    let ReportCommit {
        report,
        moves,
        events,
    } = commit;
    let mut noted = cycle.findings.note();
    for moved in &moves {
        let summary = EntrySummary::of(&report.agent, &moved.job.database, &moved.entry);
        if moved.entry.status != BackupEntryStatus::Success {
            debug!(agent = %report.agent, database = moved.job.database, status = %moved.entry.status, "entry");
        }
        noted.result.entries.push(summary);
    }
    noted.events(&events);
    let counts = &mut noted.result.reports;
    let count = match (&report.rejection, report.retry.is_empty()) {
        (Some(_), _) => &mut counts.rejected,
        (None, true) => &mut counts.processed,
        (None, false) => &mut counts.pending,
    };
    *count += 1;
    report.retry.is_empty().then_some(Done {
        agent: report.agent,
        file,
        reason: report.rejection,
    })
}
