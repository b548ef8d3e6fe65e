//! What a cycle has found so far, noted by all that go on side by side.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tracing::{debug, warn};
use vigie_domain::{AgentId, DomainEvent, ExpectedBackupJob};

use crate::{AgentError, EventSummary, IgnoredFile, ScanError, ScanResult};

/// How long after its deadline a job is taken for missing although its agent's folder could not be read: it
/// may be that a report lies there, and it may be that nobody ever learns of it.
const BENEFIT_OF_THE_DOUBT: SignedDuration = SignedDuration::from_hours(1);

/// What a cycle has found so far.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    noted: Mutex<Noted>,
}

#[derive(Debug, Default)]
pub(crate) struct Noted {
    pub result: ScanResult,
    /// The agents, by their keys, of which there are reports that did not get into the store.
    unstored: HashSet<String>,
    /// The agents, by their keys, whose folders could not be read, for now.
    unread: HashSet<String>,
    /// Those of them, by their keys, whose folders do not answer at all.
    stalled: HashSet<String>,
}

impl Findings {
    pub(crate) fn note(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn failure(&self, agent: &AgentId, done: Result<(), ScanError>) {
        if let Err(error) = done {
            self.note().error(agent, &error);
        }
    }

    /// All that was found, each agent's in the order in which it happened.
    pub(crate) fn into_result(self) -> ScanResult {
        let noted = self.noted.into_inner();
        let mut result = noted.unwrap_or_else(PoisonError::into_inner).result;
        // Agents are served side by side; people compare one cycle with the next.
        result.entries.sort_by_cached_key(|entry| entry.agent.key());
        result.events.sort_by_cached_key(|event| event.agent.key());
        result.errors.sort_by_cached_key(|error| error.agent.key());
        result
            .ignored
            .sort_by(|one, other| (&one.agent, &one.name).cmp(&(&other.agent, &other.name)));
        result.undeclared.sort();
        result.undeclared.dedup();
        result.retired.sort();
        result.retired.dedup();
        result
    }
}

impl Noted {
    pub(crate) fn events(&mut self, events: &[DomainEvent]) {
        let events = events.iter().map(EventSummary::from);
        self.result.events.extend(events);
    }

    pub(crate) fn ignored(&mut self, agent: String, name: Option<String>, reason: String) {
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

    pub(crate) fn error(&mut self, agent: &AgentId, error: &ScanError) {
        match error {
            ScanError::Store(_) => self.unstored(agent),
            ScanError::Deposit(error) if error.is_passing() => {
                self.unread.insert(agent.key());
                // Once is enough, however much there was to do in its folder.
                if error.is_stall() && !self.stalled.insert(agent.key()) {
                    return;
                }
            }
            // What can never be read is as good as never sent, and somebody has to hear of it.
            ScanError::Deposit(_) => {}
        }
        warn!(%agent, %error, "agent not served");
        self.result.errors.push(AgentError {
            agent: agent.clone(),
            error: error.to_string(),
        });
    }

    /// There are reports of this agent that the store has not got.
    pub(crate) fn unstored(&mut self, agent: &AgentId) {
        self.unstored.insert(agent.key());
    }

    /// Whether it can be said of a job at `now` that no report was received. Not when there are some that
    /// the store has not got; when it is not known whether there are any, not at once.
    pub(crate) fn may_judge(&self, job: &ExpectedBackupJob, now: Timestamp) -> bool {
        let key = job.agent.key();
        let is_long_over = || {
            let deadline_at = job.deadline_at();
            deadline_at.is_some_and(|at| at.duration_until(now) > BENEFIT_OF_THE_DOUBT)
        };
        !self.unstored.contains(&key) && (!self.unread.contains(&key) || is_long_over())
    }
}
