//! Which `log` folders need not be listed again, as nothing was put into them since nothing was found
//! there. Lists nothing itself.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use vigie_domain::AgentId;

use crate::deposit::identity::FileIdentity;

/// A folder that changes twice within one tick of its file system's clock looks the same both times. No
/// file system in use ticks slower than every two seconds.
const TICK: Duration = Duration::from_secs(3);

/// What the cycles of one scanner saw.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    cycles: u32,
    empty: HashMap<AgentId, EmptyFolder>,
}

/// A folder in which there was nothing to do.
#[derive(Debug, Clone, Copy)]
struct EmptyFolder {
    identity: FileIdentity,
    since: Instant,
    /// Whether it was listed once more after its clock must have ticked.
    is_sure: bool,
}

impl Memory {
    /// Begins a cycle in which these agents are there, and tells whether every folder has to be listed,
    /// whatever is remembered.
    pub(crate) fn begin(&self, agents: &[AgentId], full_sweep_every: NonZeroU32) -> bool {
        let mut seen = self.lock();
        let is_full = seen.cycles.is_multiple_of(full_sweep_every.get());
        seen.cycles = seen.cycles.wrapping_add(1);
        if is_full {
            let there: HashSet<&AgentId> = agents.iter().collect();
            seen.empty.retain(|agent, _| there.contains(agent));
        }
        is_full
    }

    /// Leaves out the agents whose folders look like this and hold nothing to do.
    pub(crate) fn to_visit(&self, agents: Vec<(AgentId, Option<FileIdentity>)>) -> Vec<AgentId> {
        let seen = self.lock();
        let is_empty = |agent: &AgentId, identity: Option<FileIdentity>| {
            let known = seen.empty.get(agent);
            known.is_some_and(|known| known.is_sure && Some(known.identity) == identity)
        };
        let to_visit = agents
            .into_iter()
            .filter(|(agent, identity)| !is_empty(agent, *identity));
        to_visit.map(|(agent, _)| agent).collect()
    }

    /// Nothing to do was found in an agent's folder, which looked like this before it was listed.
    pub(crate) fn found_nothing(&self, agent: &AgentId, identity: FileIdentity, now: Instant) {
        let mut seen = self.lock();
        match seen.empty.get_mut(agent) {
            Some(known) if known.identity == identity => {
                known.is_sure |= now.duration_since(known.since) >= TICK;
            }
            _ => {
                let known = EmptyFolder {
                    identity,
                    since: now,
                    is_sure: false,
                };
                seen.empty.insert(agent.clone(), known);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent() -> AgentId {
        AgentId::new("A_B_C").unwrap()
    }

    fn every(cycles: u32) -> NonZeroU32 {
        NonZeroU32::new(cycles).unwrap()
    }

    fn is_passed_over(memory: &Memory, folder: FileIdentity) -> bool {
        memory.to_visit(vec![(agent(), Some(folder))]).is_empty()
    }

    #[test]
    fn a_folder_is_passed_over_once_it_was_found_empty_twice_with_a_tick_between() {
        let (memory, start) = (Memory::default(), Instant::now());
        let folder = FileIdentity::sized(1);
        memory.found_nothing(&agent(), folder, start);
        assert!(!is_passed_over(&memory, folder));
        memory.found_nothing(&agent(), folder, start + TICK / 2);
        assert!(!is_passed_over(&memory, folder));
        memory.found_nothing(&agent(), folder, start + TICK);
        assert!(is_passed_over(&memory, folder));
        assert!(!is_passed_over(&memory, FileIdentity::sized(2)));
    }

    #[test]
    fn a_folder_that_changed_has_to_prove_itself_anew() {
        let (memory, start) = (Memory::default(), Instant::now());
        let (before, after) = (FileIdentity::sized(1), FileIdentity::sized(2));
        memory.found_nothing(&agent(), before, start);
        memory.found_nothing(&agent(), before, start + TICK);
        memory.found_nothing(&agent(), after, start + TICK * 2);
        assert!(!is_passed_over(&memory, after));
        assert!(!is_passed_over(&memory, before));
    }

    #[test]
    fn every_so_often_all_folders_are_listed() {
        let memory = Memory::default();
        let is_full: Vec<bool> = (0..7).map(|_| memory.begin(&[agent()], every(3))).collect();
        assert_eq!(is_full, [true, false, false, true, false, false, true]);
    }

    #[test]
    fn an_agent_that_is_gone_is_forgotten() {
        let (memory, start) = (Memory::default(), Instant::now());
        let folder = FileIdentity::sized(1);
        memory.found_nothing(&agent(), folder, start);
        memory.found_nothing(&agent(), folder, start + TICK);
        memory.begin(&[], every(1));
        assert!(!is_passed_over(&memory, folder));
    }
}
