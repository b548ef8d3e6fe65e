//! One cycle: its stages, side by side. The order of things is here; each stage is in its own module.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::sync::mpsc::channel;
use tracing::{Instrument, debug, debug_span};
use vigie_domain::{AgentId, Transition, judge_deadline};

use crate::cycle::Cycle;
use crate::cycle::committing::commit_all;
use crate::cycle::discovery::Folders;
use crate::cycle::findings::Findings;
use crate::cycle::intake::{Outlets, take_in};
use crate::cycle::memory::Memory;
use crate::cycle::proving::prove_all;
use crate::cycle::workshop::Workshop;
use crate::deposit::RootListing;
use crate::places::Places;
use crate::proof::pace::Pace;
use crate::watchdog::pulse::Pulse;
use crate::watchdog::{Watchdog, WholeDeposit};
use crate::{DepositError, Observer, Progress, ScanError, ScanResult, ScannerSettings, Store};

/// How many overdue jobs are judged in one transaction.
const DEADLINES_AT_ONCE: u32 = 500;

/// How many reports wait between two stages.
const BETWEEN_STAGES: usize = 16;

/// Scans a deposit, cycle by cycle.
///
/// It remembers which folders held nothing new, so that a cycle costs what is new: keep one scanner for
/// as long as the deposit is watched.
#[derive(Debug)]
pub struct Scanner<S> {
    settings: Arc<ScannerSettings>,
    memory: Arc<Memory>,
    pace: Arc<Pace>,
    watchdog: Watchdog,
    /// Two cycles at once would make their copies in the same files.
    turn: Mutex<()>,
    store: S,
}

impl<S: Store> Scanner<S> {
    /// A scanner that keeps what it finds in `store`.
    pub fn new(settings: ScannerSettings, store: S) -> Self {
        Self {
            pace: Arc::new(Pace::new(settings.cores, settings.max_read_rate)),
            memory: Arc::default(),
            watchdog: Watchdog::new(settings.stall_timeout),
            turn: Mutex::default(),
            settings: Arc::new(settings),
            store,
        }
    }

    /// Does one cycle at `now`, and tells `observe` how far it is. It waits for the cycle in hand to end.
    ///
    /// What could not be done for one agent stands in the result and does not keep the others from
    /// being served. An agent whose folder does not answer for [`stall_timeout`](ScannerSettings::stall_timeout),
    /// as its mount hangs, is one of these, and so it is in each further cycle until it answers.
    ///
    /// A call that hangs can't be interrupted: it takes a thread of the runtime's blocking pool along, one for
    /// each call that was under way in such a folder and 256 in all, until the system lets it go. So end a
    /// program by [`Runtime::shutdown_background`](tokio::runtime::Runtime::shutdown_background) or
    /// `shutdown_timeout`, since to drop a runtime is to wait for all of its threads; and let the pool be
    /// larger than that (tokio's is of 512). The store and the validated tree are trusted to answer.
    ///
    /// A cycle that is cut off at any point, by an error or a crash, is made up for by
    /// the next one: nothing is lost, and nothing happens twice.
    ///
    /// # Errors
    ///
    /// When the deposit or the validated tree can't be opened, or the deposit does not answer, or the store fails when deadlines are judged
    /// or when it is asked whose of two folders is the agent's. In particular no deadline is judged when the deposit can't be listed: what is missing
    /// then is the deposit.
    pub async fn scan(&self, now: Timestamp, observe: Observer) -> Result<ScanResult, ScanError> {
        let _turn = self.turn.lock().await;
        let (places, listing) = self.list().await?;
        let (settings, pace) = (self.settings.clone(), self.pace.clone());
        let watchdog = self.watchdog.clone();
        let workshop = Workshop::new(places, settings, pace, watchdog, now, observe);
        let cycle = Cycle {
            store: &self.store,
            workshop: Arc::new(workshop),
            memory: self.memory.clone(),
            findings: Findings::default(),
        };
        for (agent, reason) in listing.ignored {
            cycle.findings.note().ignored(agent, None, reason);
        }
        let agents = without_twins(&cycle, listing.agents).await?;
        let count = agents.len();
        let to_visit = cycle.to_visit(agents).await;
        cycle.workshop.tell(Progress::Agents(to_visit.len()));
        let visited = to_visit.len();
        let (judging, to_prove) = channel(BETWEEN_STAGES);
        let (proven, to_commit) = channel(BETWEEN_STAGES);
        let outlets = Outlets {
            judging,
            proven: proven.clone(),
        };
        tokio::join!(
            take_in(&cycle, to_visit, outlets),
            prove_all(cycle.workshop.clone(), to_prove, proven),
            commit_all(&cycle, to_commit),
        );
        cycle.workshop.tell(Progress::Deadlines);
        let span = debug_span!("deadlines");
        judge_deadlines(&cycle).instrument(span).await?;
        let mut work = cycle.workshop.work();
        (work.agents, work.agents_visited) = (count, visited);
        debug!(?work, "scanned");
        let mut result = cycle.findings.into_result();
        result.work = work;
        Ok(result)
    }

    async fn list(&self) -> Result<(Places, RootListing), DepositError> {
        let settings = self.settings.clone();
        let list = move |_: &WholeDeposit, pulse: &Pulse| {
            let _span = debug_span!("list the deposit").entered();
            let places = Places::open(&settings, pulse)?;
            let listing = places.deposit.list(pulse)?;
            Ok((places, listing))
        };
        let listed = self.watchdog.one(WholeDeposit, list).await;
        listed.unwrap_or_else(|stall| {
            let path = &self.settings.root;
            Err(DepositError::stalled("list the deposit", path, stall))
        })
    }

    /// Leaves the folders alone that do not answer an earlier scanner of the same deposit, for as long as
    /// they do not: each would cost this one another thread, and another wait.
    pub fn inherit_stalls(&mut self, earlier: &Self) {
        if self.settings.root == earlier.settings.root {
            self.watchdog.share(&earlier.watchdog);
        }
    }
}

/// Of folders that differ in case alone only one can be the agent's: the one that its jobs know, or else
/// the first. Were all of them served, whoever can make a folder could speak for another agent.
async fn without_twins<S: Store>(
    cycle: &Cycle<'_, S>,
    agents: Vec<AgentId>,
) -> Result<Vec<AgentId>, ScanError> {
    let Folders {
        mut agents,
        mut twins,
    } = Folders::of(agents);
    for alike in &mut twins {
        let jobs = cycle.store.jobs_of_agents(&alike[..1]).await?;
        let known = jobs.first().map(|known| &known.job.agent);
        let chosen = alike.iter().position(|twin| Some(twin) == known);
        let agent = alike.swap_remove(chosen.unwrap_or_default());
        for twin in alike.drain(..) {
            let reason = format!(
                "its name differs from {agent} in case alone: rename or remove one of them"
            );
            cycle
                .findings
                .note()
                .ignored(twin.to_string(), None, reason);
        }
        agents.push(agent);
    }
    Ok(agents)
}

/// Of an agent whose reports the store did not take it can't be said that no report was received, and of one
/// whose folder could not be read not at once.
async fn judge_deadlines<S: Store>(cycle: &Cycle<'_, S>) -> Result<(), ScanError> {
    let now = cycle.workshop.now;
    let mut passed_over = 0;
    loop {
        // Those that are passed over come first again.
        let limit = DEADLINES_AT_ONCE.saturating_add(passed_over);
        let overdue = cycle.store.overdue_jobs(now, limit).await?;
        let moves: Vec<Transition> = {
            let noted = cycle.findings.note();
            let overdue = overdue.iter().filter(|job| noted.may_judge(job, now));
            overdue.filter_map(|job| judge_deadline(job, now)).collect()
        };
        let is_all = overdue.len() < limit as usize;
        passed_over = u32::try_from(overdue.len() - moves.len()).unwrap_or(u32::MAX);
        if moves.is_empty() && is_all {
            return Ok(());
        }
        if moves.is_empty() {
            continue;
        }
        cycle.store.commit_deadlines(&moves).await?;
        for moved in &moves {
            cycle.findings.note().events(&moved.events);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use mockall::predicate::always;
    use sha2::Digest;
    use vigie_domain::{ExpectedBackupJob, JobId, Schedule, Sha256};

    use super::*;
    use crate::store::MockStore;
    use crate::{KnownJob, ReportCommit, SeenReport, StoreError};

    const NOW: &str = "2025-06-19T06:00:00Z";

    fn daily() -> Schedule {
        Schedule::every(Duration::from_hours(24), Duration::from_hours(2)).unwrap()
    }

    fn broken() -> StoreError {
        StoreError {
            doing: "look up the jobs of an agent",
            is_retryable: true,
            source: Box::new(io::Error::other("disk I/O error")),
        }
    }

    fn deposit_of(agents: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for agent in agents {
            let log = root.path().join(agent).join("log");
            fs::create_dir_all(&log).unwrap();
            let report = format!(
                r#"{{"agent_id": "{agent}", "operation_end_time": "2025-06-19T02:00:00",
                    "databases": {{"X": {{"BACKUP": {{"status": false}}}}}}}}"#
            );
            fs::write(log.join("r.json"), report).unwrap();
        }
        root
    }

    fn known(agent: &AgentId) -> ExpectedBackupJob {
        let known_since = "2025-06-18T00:00:00Z".parse().unwrap();
        ExpectedBackupJob::new(JobId(1), agent.clone(), "X", daily(), known_since)
    }

    fn known_job(agent: &AgentId) -> KnownJob {
        KnownJob::new(known(agent))
    }

    async fn scan(root: &tempfile::TempDir, store: MockStore) -> Result<ScanResult, ScanError> {
        let scanner = Scanner::new(ScannerSettings::new(root.path(), daily()), store);
        scanner.scan(NOW.parse().unwrap(), Arc::new(|_| ())).await
    }

    #[tokio::test]
    async fn a_store_that_fails_for_one_agent_keeps_no_other_from_being_served() {
        let root = deposit_of(&["BAD_B_C", "GOOD_B_C"]);
        let mut store = MockStore::new();
        store.expect_seen_reports().returning(|_| Ok(Vec::new()));
        store.expect_jobs_of_agents().returning(|agents| {
            if agents.iter().any(|agent| agent.as_str() == "BAD_B_C") {
                return Err(broken());
            }
            Ok(agents.iter().map(known_job).collect())
        });
        let of_the_good_one =
            |commits: &[ReportCommit]| commits[0].report.agent.as_str() == "GOOD_B_C";
        store
            .expect_commit_reports()
            .withf(of_the_good_one)
            .times(1)
            .returning(|_| Ok(()));
        store.expect_overdue_jobs().returning(|_, _| Ok(Vec::new()));
        let result = scan(&root, store).await.unwrap();
        assert_eq!(result.reports.processed, 1);
        assert_eq!(
            result.errors[0].error,
            "could not look up the jobs of an agent: disk I/O error"
        );
        assert!(root.path().join("BAD_B_C/log/r.json").exists());
        assert!(root.path().join("GOOD_B_C/log/_archive/r.json").exists());
    }

    #[tokio::test]
    async fn of_an_agent_whose_report_could_not_be_stored_it_is_not_said_that_none_came() {
        let root = deposit_of(&["BAD_B_C"]);
        let mut store = MockStore::new();
        store.expect_seen_reports().returning(|_| Err(broken()));
        store.expect_overdue_jobs().returning(|_, _| {
            let overdue = ["BAD_B_C", "SILENT_B_C"].map(|agent| {
                let mut job = known(&AgentId::new(agent).unwrap());
                job.covered_until = "2025-06-01T00:00:00Z".parse().unwrap();
                job
            });
            Ok(overdue.into())
        });
        // The mock gives the same jobs out for ever: a failure to keep them ends the cycle.
        let of_the_silent_one =
            |moves: &[Transition]| moves.len() == 1 && moves[0].job.agent.as_str() == "SILENT_B_C";
        store
            .expect_commit_deadlines()
            .withf(of_the_silent_one)
            .times(1)
            .returning(|_| Err(broken()));
        assert!(matches!(scan(&root, store).await, Err(ScanError::Store(_))));
    }

    #[tokio::test]
    async fn however_many_jobs_are_passed_over_those_after_them_are_judged() {
        let root = deposit_of(&["BAD_B_C"]);
        let mut store = MockStore::new();
        store.expect_seen_reports().returning(|_| Err(broken()));
        let overdue = |agent: &str| {
            let mut job = known(&AgentId::new(agent).unwrap());
            job.covered_until = "2025-06-01T00:00:00Z".parse().unwrap();
            job
        };
        let is_judged = Arc::new(AtomicBool::new(false));
        let judged = is_judged.clone();
        store.expect_overdue_jobs().returning(move |_, limit| {
            let bad = (0..2 * DEADLINES_AT_ONCE).map(|_| overdue("BAD_B_C"));
            let silent = (!judged.load(Ordering::Relaxed)).then(|| overdue("SILENT_B_C"));
            Ok(bad.chain(silent).take(limit as usize).collect())
        });
        let judged = is_judged.clone();
        store.expect_commit_deadlines().returning(move |moves| {
            if moves
                .iter()
                .any(|moved| moved.job.agent.as_str() == "SILENT_B_C")
            {
                judged.store(true, Ordering::Relaxed);
            }
            Ok(())
        });
        scan(&root, store).await.unwrap();
        assert!(is_judged.load(Ordering::Relaxed));
    }

    #[tokio::test]
    async fn a_cycle_waits_for_the_one_in_hand() {
        let root = deposit_of(&["A_B_C"]);
        let mut store = MockStore::new();
        store.expect_seen_reports().returning(|_| Ok(Vec::new()));
        store
            .expect_jobs_of_agents()
            .returning(|agents| Ok(agents.iter().map(known_job).collect()));
        store.expect_commit_reports().returning(|_| Ok(()));
        store.expect_overdue_jobs().returning(|_, _| Ok(Vec::new()));
        let scanner = Scanner::new(ScannerSettings::new(root.path(), daily()), store);
        let cycle = || scanner.scan(NOW.parse().unwrap(), Arc::new(|_| ()));
        let (first, second) = tokio::join!(cycle(), cycle());
        let processed = |result: Result<ScanResult, ScanError>| result.unwrap().reports.processed;
        assert_eq!((processed(first), processed(second)), (1, 0));
    }

    #[tokio::test]
    async fn a_report_that_could_not_be_committed_stays_where_it_is() {
        let root = deposit_of(&["A_B_C"]);
        let mut store = MockStore::new();
        store.expect_seen_reports().returning(|_| Ok(Vec::new()));
        store
            .expect_jobs_of_agents()
            .returning(|agents| Ok(agents.iter().map(known_job).collect()));
        store
            .expect_commit_reports()
            .with(always())
            .returning(|_| Err(broken()));
        store.expect_overdue_jobs().returning(|_, _| Ok(Vec::new()));
        let result = scan(&root, store).await.unwrap();
        assert_eq!(result.reports.processed, 0);
        assert_eq!(result.events, []);
        assert!(root.path().join("A_B_C/log/r.json").exists());
    }

    #[tokio::test]
    async fn a_report_that_was_taken_once_is_not_rejected_when_it_has_grown_old() {
        let root = deposit_of(&["A_B_C"]);
        let mut store = MockStore::new();
        let bytes = fs::read(root.path().join("A_B_C/log/r.json")).unwrap();
        let sha256 = Sha256::from(<[u8; 32]>::from(sha2::Sha256::digest(bytes)));
        store.expect_seen_reports().returning(move |keys| {
            let (key, retry) = (keys[0].clone(), Vec::new());
            assert_eq!(key.sha256, sha256);
            Ok(vec![SeenReport { key, retry }])
        });
        store
            .expect_jobs_of_agents()
            .returning(|agents| Ok(agents.iter().map(known_job).collect()));
        store.expect_overdue_jobs().returning(|_, _| Ok(Vec::new()));
        let scanner = Scanner::new(ScannerSettings::new(root.path(), daily()), store);
        let much_later = "2025-09-01T06:00:00Z".parse().unwrap();
        let result = scanner.scan(much_later, Arc::new(|_| ())).await.unwrap();
        assert_eq!((result.reports.repeated, result.reports.rejected), (1, 0));
        assert!(root.path().join("A_B_C/log/_archive/r.json").exists());
    }

    #[tokio::test]
    async fn a_job_that_the_store_takes_for_overdue_and_the_rules_do_not_ends_the_cycle_all_the_same()
     {
        let root = deposit_of(&[]);
        let mut store = MockStore::new();
        let not_due = |_, _| {
            let agent = AgentId::new("A_B_C").unwrap();
            let mut job = known(&agent);
            job.covered_until = NOW.parse().unwrap();
            Ok(vec![job])
        };
        store.expect_overdue_jobs().times(1).returning(not_due);
        assert_eq!(scan(&root, store).await.unwrap().events, []);
    }
}
