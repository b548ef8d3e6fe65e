//! One cycle: visits every agent, waits for files on their way, judges deadlines. The order of
//! things is here; each thing itself is in its own module.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};
use tracing::{debug, warn};
use vigie_domain::{
    AgentId, BackupEntryStatus, DomainEvent, EventKind, ExpectedBackupJob, ProvenBackup, Sha256,
    Transition, judge_deadline,
};

use crate::archive::ReadFile;
use crate::blocking::blocking;
use crate::deposit::LogFolder;
use crate::inbox::{Inbox, RefusedReport};
use crate::judging::{Judging, Section};
use crate::places::Places;
use crate::selection::{Candidate, SelectedReport, select};
use crate::settle::LOOK_EVERY;
use crate::{
    AgentError, DepositError, EntrySummary, EventSummary, IgnoredFile, Progress, ReportCommit,
    ReportRecord, RetiredJob, ScanError, ScanResult, ScannerSettings, SeenReport, Store,
    UndeclaredDatabase,
};

/// How far an agent's clock may be ahead before that is told.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_hours(1);

/// How many overdue jobs are judged in one transaction.
const DEADLINES_AT_ONCE: u32 = 500;

/// Scans a deposit, cycle by cycle.
#[derive(Debug)]
pub struct Scanner<S> {
    settings: Arc<ScannerSettings>,
    store: S,
}

impl<S: Store> Scanner<S> {
    /// A scanner that keeps what it finds in `store`.
    pub fn new(settings: ScannerSettings, store: S) -> Self {
        Self {
            settings: Arc::new(settings),
            store,
        }
    }

    /// Does one cycle at `now`, and tells `observe` how far it is.
    ///
    /// What could not be done for one agent stands in the result and does not keep the others from
    /// being served. A cycle that is cut off at any point, by an error or a crash, is made up for by
    /// the next one: nothing is lost, and nothing happens twice.
    ///
    /// # Errors
    ///
    /// When the deposit or the validated tree can't be opened, or the store fails when deadlines are
    /// judged. In particular no deadline is judged when the deposit can't be listed: what is missing
    /// then is the deposit.
    pub async fn scan(
        &self,
        now: Timestamp,
        observe: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<ScanResult, ScanError> {
        let settings = self.settings.clone();
        let (places, listing) = blocking(move || {
            let places = Places::open(&settings)?;
            let listing = places.deposit.list()?;
            Ok::<_, DepositError>((places, listing))
        })
        .await?;
        let mut cycle = Cycle {
            scanner: self,
            places: Arc::new(places),
            now,
            result: ScanResult::default(),
            unsettled: Vec::new(),
            unstored: HashSet::new(),
        };
        for (agent, reason) in listing.ignored {
            cycle.ignore(agent, None, reason);
        }
        let agents = cycle.without_twins(listing.agents).await?;
        observe(Progress::Agents(agents.len()));
        for agent in agents {
            observe(Progress::Visiting(agent.clone()));
            let done = cycle.visit(&agent).await;
            cycle.note_failure(&agent, done);
        }
        cycle.settle(observe).await;
        observe(Progress::Deadlines);
        cycle.judge_deadlines().await?;
        cycle.result.undeclared.sort();
        cycle.result.undeclared.dedup();
        cycle.result.retired.sort();
        cycle.result.retired.dedup();
        Ok(cycle.result)
    }
}

struct Cycle<'a, S> {
    scanner: &'a Scanner<S>,
    places: Arc<Places>,
    now: Timestamp,
    result: ScanResult,
    unsettled: Vec<Judging>,
    /// The agents whose reports the store did not take, by their keys.
    unstored: HashSet<String>,
}

impl<S: Store> Cycle<'_, S> {
    /// Of folders that differ in case alone only one can be the agent's: the one that its jobs
    /// know, or else the first. Were all of them served, whoever can make a folder could speak for
    /// another agent.
    async fn without_twins(&mut self, agents: Vec<AgentId>) -> Result<Vec<AgentId>, ScanError> {
        let mut by_key: BTreeMap<String, Vec<AgentId>> = BTreeMap::new();
        for agent in agents {
            by_key.entry(agent.key()).or_default().push(agent);
        }
        let mut served = Vec::with_capacity(by_key.len());
        for mut twins in by_key.into_values() {
            let mut chosen = 0;
            if twins.len() > 1 {
                let jobs = self.store().jobs_of_agent(&twins[0]).await?;
                let known = jobs.first().map(|job| &job.agent);
                chosen = twins
                    .iter()
                    .position(|twin| Some(twin) == known)
                    .unwrap_or_default();
            }
            let agent = twins.swap_remove(chosen);
            for twin in twins {
                let reason = format!(
                    "its name differs from {agent} in case alone: rename or remove one of them"
                );
                self.ignore(twin.to_string(), None, reason);
            }
            served.push(agent);
        }
        Ok(served)
    }

    /// Takes what lies in an agent's folder. What goes wrong with one report is noted and keeps no
    /// other from being taken.
    async fn visit(&mut self, agent: &AgentId) -> Result<(), ScanError> {
        let (places, settings) = (self.places.clone(), self.scanner.settings.clone());
        let (visited, now) = (agent.clone(), self.now);
        let mut inbox = blocking(move || match places.log(&visited)? {
            Some(log) => Inbox::read(&log, &visited, &settings, now),
            None => Ok(Inbox::default()),
        })
        .await?;
        self.result.reports.found += inbox.found();
        self.result.reports.pending += inbox.pending;
        for (name, reason) in std::mem::take(&mut inbox.ignored) {
            self.ignore(agent.to_string(), Some(name), reason);
        }
        for error in std::mem::take(&mut inbox.unreadable) {
            self.note_error(agent, &error.into());
        }
        // The second of two that are the same waits: it is known as a repetition once the first is
        // committed, and not before.
        self.result.reports.pending += inbox.put_off_copies();
        if inbox.received.is_empty() && inbox.refused.is_empty() {
            return Ok(());
        }
        let mut seen = self.seen(agent, &inbox).await?;
        for mut refused in inbox.refused {
            let taken = seen.get(&refused.content);
            if taken.is_some_and(|taken| taken.retry.is_empty()) {
                refused.file.sha256 = refused.content;
                self.result.reports.repeated += 1;
                let done = self.archive(agent, refused.file).await;
                self.note_failure(agent, done);
                continue;
            }
            let is_repeated = seen.contains_key(&refused.file.sha256);
            let done = self.refuse(agent, refused, is_repeated).await;
            self.note_failure(agent, done);
        }
        let mut candidates = Vec::new();
        for received in inbox.received {
            match seen.remove(&received.file.sha256) {
                Some(seen) if seen.retry.is_empty() => {
                    self.result.reports.repeated += 1;
                    let done = self.archive(agent, received.file).await;
                    self.note_failure(agent, done);
                }
                seen => candidates.push(Candidate {
                    received,
                    retry: seen.map(|seen| seen.retry),
                }),
            }
        }
        if candidates.is_empty() {
            return Ok(());
        }
        let jobs = self.jobs_for(agent, &candidates).await?;
        for selected in select(candidates, &jobs, self.now) {
            let done = self.take(agent, selected, &jobs).await;
            self.note_failure(agent, done);
        }
        Ok(())
    }

    async fn seen(
        &self,
        agent: &AgentId,
        inbox: &Inbox,
    ) -> Result<HashMap<Sha256, SeenReport>, ScanError> {
        let refused = inbox.refused.iter();
        let refused = refused.flat_map(|refused| [refused.file.sha256, refused.content]);
        let received = inbox.received.iter().map(|received| received.file.sha256);
        let digests: Vec<_> = refused.chain(received).collect();
        let seen = self.store().seen_reports(agent, &digests).await?;
        Ok(seen.into_iter().map(|seen| (seen.sha256, seen)).collect())
    }

    async fn refuse(
        &mut self,
        agent: &AgentId,
        refused: RefusedReport,
        is_repeated: bool,
    ) -> Result<(), ScanError> {
        let RefusedReport {
            file,
            field,
            reason,
            ..
        } = refused;
        if is_repeated {
            self.result.reports.repeated += 1;
        } else {
            let event = DomainEvent {
                at: self.now,
                kind: EventKind::ReportRejected {
                    agent: agent.clone(),
                    report: file.name.clone(),
                    field,
                    reason: reason.clone(),
                },
            };
            let commit = ReportCommit {
                report: ReportRecord {
                    agent: agent.clone(),
                    file_name: file.name.clone(),
                    sha256: file.sha256,
                    operation_ended_at: None,
                    received_at: self.now,
                    rejection: Some(reason.clone()),
                    retry: Vec::new(),
                },
                moves: Vec::new(),
                events: vec![event],
            };
            self.store().commit_report(&commit).await?;
            warn!(%agent, report = file.name, reason, "report rejected");
            self.result.reports.rejected += 1;
            self.note_events(&commit.events);
        }
        self.with_log(agent, move |log| log.reject(&file, &reason))
            .await
    }

    /// The agent's jobs by database, with those that its reports make known.
    async fn jobs_for(
        &mut self,
        agent: &AgentId,
        candidates: &[Candidate],
    ) -> Result<HashMap<String, ExpectedBackupJob>, ScanError> {
        let jobs = self.store().jobs_of_agent(agent).await?;
        let mut jobs: HashMap<_, _> = jobs
            .into_iter()
            .map(|job| (job.database.clone(), job))
            .collect();
        let sections = candidates
            .iter()
            .flat_map(|candidate| &candidate.received.report.databases);
        let is_retired = |job: &&ExpectedBackupJob| job.retired_at.is_some();
        let spoken_of = sections
            .clone()
            .filter_map(|section| jobs.get(&section.database));
        let retired = spoken_of.filter(is_retired).map(|job| RetiredJob {
            agent: agent.clone(),
            database: job.database.clone(),
        });
        self.result.retired.extend(retired);
        let mut unknown: Vec<String> = sections
            .map(|section| section.database.clone())
            .filter(|database| !jobs.contains_key(database))
            .collect();
        unknown.sort();
        unknown.dedup();
        if unknown.is_empty() {
            return Ok(jobs);
        }
        if !self.scanner.settings.auto_register {
            let undeclared = unknown.into_iter().map(|database| UndeclaredDatabase {
                agent: agent.clone(),
                database,
            });
            self.result.undeclared.extend(undeclared);
            return Ok(jobs);
        }
        let schedule = &self.scanner.settings.default_schedule;
        let registered = self
            .store()
            .register_jobs(agent, &unknown, schedule, self.now)
            .await?;
        for Transition { job, events } in registered {
            self.note_events(&events);
            jobs.insert(job.database.clone(), job);
        }
        Ok(jobs)
    }

    /// Looks at every staged file that a report speaks for; what may still be on its way is looked
    /// at again at the end of the cycle.
    async fn take(
        &mut self,
        agent: &AgentId,
        selected: SelectedReport,
        jobs: &HashMap<String, ExpectedBackupJob>,
    ) -> Result<(), ScanError> {
        let ended_at = selected.received.report.operation_ended_at;
        if ended_at.duration_until(self.now) < -CLOCK_TOLERANCE {
            warn!(%agent, %ended_at, now = %self.now, "the agent's clock is ahead: its report has not ended yet");
        }
        let sections = selected
            .databases
            .iter()
            .filter_map(|&index| {
                let database = &selected.received.report.databases[index];
                Some(Section::new(index, jobs.get(&database.database)?.clone()))
            })
            .collect();
        let mut judging = Judging {
            agent: agent.clone(),
            report: selected.received,
            is_retry: selected.is_retry,
            sections,
        };
        let (places, settle, now) = (self.places.clone(), self.scanner.settings.settle, self.now);
        let started = Instant::now();
        judging = blocking(move || {
            judging.look(&places, settle, now, started)?;
            Ok::<_, DepositError>(judging)
        })
        .await?;
        if judging.is_settled() {
            self.finish(judging).await
        } else {
            self.unsettled.push(judging);
            Ok(())
        }
    }

    async fn settle(&mut self, observe: &(dyn Fn(Progress) + Send + Sync)) {
        while !self.unsettled.is_empty() {
            observe(Progress::Settling(self.unsettled.len()));
            sleep(LOOK_EVERY).await;
            for mut judging in std::mem::take(&mut self.unsettled) {
                let agent = judging.agent.clone();
                let (places, at) = (self.places.clone(), Instant::now());
                let looked = blocking(move || {
                    judging.look_again(&places, at)?;
                    Ok::<_, DepositError>(judging)
                })
                .await;
                let done = match looked {
                    Ok(judging) if judging.is_settled() => self.finish(judging).await,
                    Ok(judging) => {
                        self.unsettled.push(judging);
                        Ok(())
                    }
                    Err(error) => Err(error.into()),
                };
                self.note_failure(&agent, done);
            }
        }
    }

    /// Commits all that came of a report, then sets it aside.
    async fn finish(&mut self, judging: Judging) -> Result<(), ScanError> {
        let agent = judging.agent.clone();
        let warnings = &self.scanner.settings.warnings;
        let to_compare = judging.to_compare(warnings);
        let mut earlier = HashMap::new();
        if !to_compare.is_empty() {
            let limit = ProvenBackup::LOOKED_AT;
            earlier = self.store().proven_backups(&to_compare, limit).await?;
        }
        let mut commit = judging.decide(self.now, &earlier, warnings);
        if judging.is_retry {
            // The same fault as last time is no news.
            commit.moves.retain(|moved| !moved.entry.is_server_fault());
            commit
                .events
                .retain(|event| event.entry().is_none_or(|entry| !entry.is_server_fault()));
        }
        let is_complete = commit.report.retry.is_empty();
        let is_news = !judging.is_retry || is_complete || !commit.moves.is_empty();
        if is_news {
            self.store().commit_report(&commit).await?;
        }
        for moved in &commit.moves {
            let summary = EntrySummary::of(&agent, &moved.job.database, &moved.entry);
            if moved.entry.status != BackupEntryStatus::Success {
                debug!(%agent, database = moved.job.database, status = %moved.entry.status, "entry");
            }
            self.result.entries.push(summary);
        }
        self.note_events(&commit.events);
        if !is_complete {
            self.result.reports.pending += 1;
            return Ok(());
        }
        self.result.reports.processed += 1;
        self.archive(&agent, judging.report.file).await
    }

    /// Of an agent whose reports the store did not take it can't be said that no report was received.
    async fn judge_deadlines(&mut self) -> Result<(), ScanError> {
        loop {
            let overdue = self
                .store()
                .overdue_jobs(self.now, DEADLINES_AT_ONCE)
                .await?;
            let moves: Vec<Transition> = overdue
                .iter()
                .filter(|job| !self.unstored.contains(&job.agent.key()))
                .filter_map(|job| judge_deadline(job, self.now))
                .collect();
            if moves.is_empty() {
                return Ok(());
            }
            self.store().commit_deadlines(&moves).await?;
            for moved in &moves {
                self.note_events(&moved.events);
            }
        }
    }

    async fn archive(&self, agent: &AgentId, file: ReadFile) -> Result<(), ScanError> {
        self.with_log(agent, move |log| log.archive(&file)).await
    }

    async fn with_log(
        &self,
        agent: &AgentId,
        work: impl FnOnce(&LogFolder) -> Result<(), DepositError> + Send + 'static,
    ) -> Result<(), ScanError> {
        let (places, agent) = (self.places.clone(), agent.clone());
        let done = blocking(move || match places.log(&agent)? {
            Some(log) => work(&log),
            None => Ok(()),
        });
        Ok(done.await?)
    }

    fn store(&self) -> &S {
        &self.scanner.store
    }

    fn ignore(&mut self, agent: String, name: Option<String>, reason: String) {
        if name.is_none() {
            warn!(agent, reason, "folder ignored");
        } else {
            debug!(agent, name, reason, "ignored");
        }
        self.result.ignored.push(IgnoredFile {
            agent,
            name,
            reason,
        });
    }

    fn note_events(&mut self, events: &[DomainEvent]) {
        self.result
            .events
            .extend(events.iter().map(EventSummary::from));
    }

    fn note_failure(&mut self, agent: &AgentId, done: Result<(), ScanError>) {
        if let Err(error) = done {
            self.note_error(agent, &error);
        }
    }

    fn note_error(&mut self, agent: &AgentId, error: &ScanError) {
        if matches!(error, ScanError::Store(_)) {
            self.unstored.insert(agent.key());
        }
        warn!(%agent, %error, "agent not served");
        self.result.errors.push(AgentError {
            agent: agent.clone(),
            error: error.to_string(),
        });
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io;
    use std::time::Duration;

    use mockall::predicate::always;
    use sha2::Digest;
    use vigie_domain::{JobId, Schedule};

    use super::*;
    use crate::StoreError;
    use crate::store::MockStore;

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

    async fn scan(root: &tempfile::TempDir, store: MockStore) -> Result<ScanResult, ScanError> {
        let scanner = Scanner::new(ScannerSettings::new(root.path(), daily()), store);
        scanner.scan(NOW.parse().unwrap(), &|_| ()).await
    }

    #[tokio::test]
    async fn a_store_that_fails_for_one_agent_keeps_no_other_from_being_served() {
        let root = deposit_of(&["BAD_B_C", "GOOD_B_C"]);
        let mut store = MockStore::new();
        store.expect_seen_reports().returning(|_, _| Ok(Vec::new()));
        store.expect_jobs_of_agent().returning(|agent| {
            if agent.as_str() == "BAD_B_C" {
                return Err(broken());
            }
            Ok(vec![known(agent)])
        });
        let of_the_good_one = |commit: &ReportCommit| commit.report.agent.as_str() == "GOOD_B_C";
        store
            .expect_commit_report()
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
        store.expect_seen_reports().returning(|_, _| Err(broken()));
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
    async fn a_report_that_could_not_be_committed_stays_where_it_is() {
        let root = deposit_of(&["A_B_C"]);
        let mut store = MockStore::new();
        store.expect_seen_reports().returning(|_, _| Ok(Vec::new()));
        store
            .expect_jobs_of_agent()
            .returning(|agent| Ok(vec![known(agent)]));
        store
            .expect_commit_report()
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
        store.expect_seen_reports().returning(move |_, _| {
            let retry = Vec::new();
            Ok(vec![SeenReport { sha256, retry }])
        });
        store.expect_overdue_jobs().returning(|_, _| Ok(Vec::new()));
        let scanner = Scanner::new(ScannerSettings::new(root.path(), daily()), store);
        let much_later = "2025-09-01T06:00:00Z".parse().unwrap();
        let result = scanner.scan(much_later, &|_| ()).await.unwrap();
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
