//! From the agents that have to be visited to the reports that have to be judged: reads what agents left,
//! a few agents at once, asks the store what it knows of all of them together, and gives each database to
//! the report that speaks for it. Looks at no staged file.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::stream::{self, StreamExt};
use tokio::sync::mpsc::Sender;
use tracing::{Instrument, debug_span, warn};
use vigie_domain::{AgentId, Sha256, Transition};

use crate::blocking::blocking;
use crate::cycle::Cycle;
use crate::cycle::judging::{Judging, Section};
use crate::cycle::proving::Proven;
use crate::cycle::selection::{SelectedReport, select};
use crate::deposit::inbox::{Inbox, Sorted};
use crate::watchdog::pulse::Pulse;
use crate::{
    DepositError, KnownJob, Progress, RetiredJob, SeenReport, Store, StoreError, UndeclaredDatabase,
};

/// How many agents are read before the store is asked about them.
const AGENTS_AT_ONCE: usize = 64;

/// How many bytes of reports are read before the store is asked about them, those of the last agent on
/// top.
const BYTES_AT_ONCE: usize = 1024 * 1024;

/// Where the intake hands things on to.
pub(crate) struct Outlets {
    /// The reports of one agent whose staged files have to be looked at, in the order in which they apply.
    pub judging: Sender<Vec<Judging>>,
    /// What needs no look at a file.
    pub proven: Sender<Proven>,
}

/// What lay in the folders of some agents.
type Inboxes = Vec<(AgentId, Result<Inbox, DepositError>)>;

/// Reads the reports of all of these agents. They are read ahead and side by side, and taken in their own
/// order, so that the same deposit makes the same jobs with the same numbers.
pub(crate) async fn take_in<S: Store>(
    cycle: &Cycle<'_, S>,
    agents: Vec<AgentId>,
    outlets: Outlets,
) {
    let chunks = agents.chunks(AGENTS_AT_ONCE).map(<[AgentId]>::to_vec);
    let ahead = cycle.workshop.settings.cores.get() + 1;
    let mut read = stream::iter(chunks)
        .map(|agents| read_some(cycle, agents))
        .buffered(ahead);
    while let Some((mut inboxes, mut rest)) = read.next().await {
        loop {
            let full = sort_out_empty(cycle, inboxes);
            if !full.is_empty() {
                take_some(cycle, full, &outlets).await;
            }
            if rest.is_empty() {
                break;
            }
            (inboxes, rest) = read_some(cycle, rest).await;
        }
    }
}

/// Reads the inboxes of these agents, and tells of which it did not, as the reports are so large.
async fn read_some<S: Store>(
    cycle: &Cycle<'_, S>,
    agents: Vec<AgentId>,
) -> (Inboxes, Vec<AgentId>) {
    let (workshop, memory) = (cycle.workshop.clone(), cycle.memory.clone());
    let span = debug_span!("read reports", agents = agents.len());
    let bytes = AtomicUsize::new(0);
    let read = move |agent: &AgentId, pulse: &Pulse| {
        if bytes.load(Ordering::Relaxed) >= BYTES_AT_ONCE {
            return None;
        }
        let inbox = workshop.read(agent, &memory, pulse);
        let more = inbox.as_ref().map_or(0, Inbox::bytes);
        bytes.fetch_add(more, Ordering::Relaxed);
        Some(inbox)
    };
    let watchdog = &cycle.workshop.watchdog;
    let read = watchdog.each(span, agents.clone(), read).await;
    let (mut inboxes, mut rest) = (Vec::new(), Vec::new());
    for (agent, read) in agents.into_iter().zip(read) {
        match read {
            Ok(Some(inbox)) => inboxes.push((agent, inbox)),
            Ok(None) => rest.push(agent),
            Err(stall) => {
                let path = cycle.workshop.places.deposit.path_of(&agent);
                let error = DepositError::stalled("read the reports in", path, stall);
                inboxes.push((agent, Err(error)));
            }
        }
    }
    (inboxes, rest)
}

/// Notes all that needs no store, and leaves out the inboxes in which there is no report.
fn sort_out_empty<S: Store>(cycle: &Cycle<'_, S>, inboxes: Inboxes) -> Vec<Inbox> {
    let mut noted = cycle.findings.note();
    let mut full = Vec::new();
    for (agent, inbox) in inboxes {
        cycle.workshop.tell(Progress::Visited(&agent));
        let mut inbox = match inbox {
            Ok(inbox) => inbox,
            Err(error) => {
                noted.error(&agent, &error.into());
                continue;
            }
        };
        noted.result.reports.found += inbox.found();
        for (name, reason) in std::mem::take(&mut inbox.ignored) {
            noted.ignored(agent.to_string(), Some(name), reason);
        }
        for error in std::mem::take(&mut inbox.unreadable) {
            noted.error(&agent, &error.into());
        }
        if inbox.left > 0 {
            let left = inbox.left;
            noted.result.reports.pending += left;
            warn!(%agent, left, "so many reports that some are left for the next cycle");
            // What they say is not known yet.
            noted.unstored(&agent);
        }
        if inbox.has_reports() {
            full.push(inbox);
        }
    }
    full
}

/// Hands on what became of the reports of these agents. When the store fails for one of them the others
/// are taken all the same.
async fn take_some<S: Store>(cycle: &Cycle<'_, S>, inboxes: Vec<Inbox>, outlets: &Outlets) {
    let span = debug_span!("take in", agents = inboxes.len());
    let known = match Known::look_up(cycle, &inboxes).instrument(span).await {
        Ok(known) => known,
        Err(error) => match <[Inbox; 1]>::try_from(inboxes) {
            Ok([alone]) => return cycle.findings.note().error(&alone.agent, &error.into()),
            Err(inboxes) => {
                for inbox in inboxes {
                    Box::pin(take_some(cycle, vec![inbox], outlets)).await;
                }
                return;
            }
        },
    };
    let Known { seen, mut jobs } = known;
    let mut sorted = sort(cycle, inboxes, seen).await;
    register_unknown(cycle, &mut sorted, &mut jobs).await;
    for (agent, sorted) in sorted {
        cycle.findings.note().result.reports.pending += sorted.pending;
        let refused = sorted.refused.into_iter();
        let refused = refused.map(|refused| Proven::Refused(agent.clone(), refused));
        let repeated = sorted.repeated.into_iter();
        let repeated = repeated.map(|file| Proven::Repeated(agent.clone(), file));
        let jobs = jobs.remove(&agent.key()).unwrap_or_default();
        let selected = select(sorted.candidates, &jobs, cycle.workshop.now).into_iter();
        let judging: Vec<Judging> = selected
            .map(|selected| judging_of(&agent, selected, &jobs))
            .collect();
        // Nobody takes it any more only when the cycle is given up.
        for one in refused.chain(repeated) {
            let _ = outlets.proven.send(one).await;
        }
        if !judging.is_empty() {
            let _ = outlets.judging.send(judging).await;
        }
    }
}

/// The jobs of an agent, by database.
pub(crate) type JobsOfAgent = HashMap<String, KnownJob>;

/// What the store knows of some agents, by their keys.
struct Known {
    seen: HashMap<String, HashMap<Sha256, SeenReport>>,
    jobs: HashMap<String, JobsOfAgent>,
}

impl Known {
    async fn look_up<S: Store>(
        cycle: &Cycle<'_, S>,
        inboxes: &[Inbox],
    ) -> Result<Self, StoreError> {
        let keys: Vec<_> = inboxes.iter().flat_map(Inbox::keys).collect();
        let mut seen: HashMap<String, HashMap<Sha256, SeenReport>> = HashMap::new();
        for report in cycle.store.seen_reports(&keys).await? {
            let of_agent = seen.entry(report.key.agent.key()).or_default();
            of_agent.insert(report.key.sha256, report);
        }
        let agents: Vec<AgentId> = inboxes.iter().map(|inbox| inbox.agent.clone()).collect();
        let mut jobs: HashMap<String, JobsOfAgent> = HashMap::new();
        for known in cycle.store.jobs_of_agents(&agents).await? {
            let of_agent = jobs.entry(known.job.agent.key()).or_default();
            of_agent.insert(known.job.database.clone(), known);
        }
        Ok(Self { seen, jobs })
    }
}

async fn sort<S: Store>(
    cycle: &Cycle<'_, S>,
    inboxes: Vec<Inbox>,
    mut seen: HashMap<String, HashMap<Sha256, SeenReport>>,
) -> Vec<(AgentId, Sorted)> {
    let workshop = cycle.workshop.clone();
    blocking(move || {
        let _span = debug_span!("parse reports").entered();
        let sorted = inboxes.into_iter().map(|inbox| {
            let agent = inbox.agent.clone();
            let seen = seen.remove(&agent.key()).unwrap_or_default();
            (agent, inbox.sort(seen, &workshop.settings, workshop.now))
        });
        sorted.collect()
    })
    .await
}

/// Makes jobs of the databases that reports speak of and that have none, if that is wanted.
async fn register_unknown<S: Store>(
    cycle: &Cycle<'_, S>,
    sorted: &mut [(AgentId, Sorted)],
    jobs: &mut HashMap<String, JobsOfAgent>,
) {
    let mut unknown: Vec<UndeclaredDatabase> = Vec::new();
    for (agent, sorted) in &*sorted {
        let none = JobsOfAgent::new();
        let jobs = jobs.get(&agent.key()).unwrap_or(&none);
        unknown.extend(unknown_to(agent, sorted, jobs));
        let retired = retired_of(agent, sorted, jobs);
        cycle.findings.note().result.retired.extend(retired);
    }
    if unknown.is_empty() {
        return;
    }
    if !cycle.workshop.settings.auto_register {
        cycle.findings.note().result.undeclared.extend(unknown);
        return;
    }
    if cycle.register(&unknown, jobs).await.is_ok() {
        return;
    }
    // One that can't be registered keeps no other from it.
    for (agent, sorted) in sorted {
        let unknown: Vec<_> = unknown
            .iter()
            .filter(|database| database.agent == *agent)
            .cloned()
            .collect();
        if !unknown.is_empty()
            && let Err(error) = cycle.register(&unknown, jobs).await
        {
            cycle.findings.note().error(agent, &error.into());
            sorted.candidates.clear();
        }
    }
}

impl<S: Store> Cycle<'_, S> {
    async fn register(
        &self,
        databases: &[UndeclaredDatabase],
        jobs: &mut HashMap<String, JobsOfAgent>,
    ) -> Result<(), StoreError> {
        let schedule = &self.workshop.settings.default_schedule;
        let registered = self
            .store
            .register_jobs(databases, schedule, self.workshop.now);
        for Transition { job, events } in registered.await? {
            self.findings.note().events(&events);
            let of_agent = jobs.entry(job.agent.key()).or_default();
            of_agent.insert(job.database.clone(), KnownJob::new(job));
        }
        Ok(())
    }
}

fn databases_of(sorted: &Sorted) -> impl Iterator<Item = &String> {
    let reports = sorted.candidates.iter();
    let sections = reports.flat_map(|candidate| &candidate.received.report.databases);
    sections.map(|section| &section.database)
}

/// The databases that have no job, each once.
fn unknown_to(agent: &AgentId, sorted: &Sorted, jobs: &JobsOfAgent) -> Vec<UndeclaredDatabase> {
    let mut unknown: Vec<&String> = databases_of(sorted)
        .filter(|database| !jobs.contains_key(*database))
        .collect();
    unknown.sort();
    unknown.dedup();
    let undeclared = unknown.into_iter().map(|database| UndeclaredDatabase {
        agent: agent.clone(),
        database: database.clone(),
    });
    undeclared.collect()
}

fn retired_of(agent: &AgentId, sorted: &Sorted, jobs: &JobsOfAgent) -> Vec<RetiredJob> {
    let is_retired = |database: &&String| {
        let known = jobs.get(*database);
        known.is_some_and(|known| known.job.retired_at.is_some())
    };
    let retired = databases_of(sorted)
        .filter(is_retired)
        .map(|database| RetiredJob {
            agent: agent.clone(),
            database: database.clone(),
        });
    retired.collect()
}

fn judging_of(agent: &AgentId, selected: SelectedReport, jobs: &JobsOfAgent) -> Judging {
    let report = Arc::new(selected.received);
    let sections = selected.databases.into_iter().filter_map(|index| {
        let database = &report.report.databases[index].database;
        let known = jobs.get(database)?.clone();
        Some(Section::new(index, known, report.clone()))
    });
    Judging {
        agent: agent.clone(),
        is_retry: selected.is_retry,
        sections: sections.collect(),
        report,
    }
}
