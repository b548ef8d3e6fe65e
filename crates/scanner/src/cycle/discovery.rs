//! Which agents there are, and which of them have to be visited. Reads no report.

use std::num::NonZeroUsize;
use std::thread;

use vigie_domain::AgentId;

use crate::cycle::memory::Memory;
use crate::deposit::Deposit;
use crate::deposit::identity::FileIdentity;

/// Folders whose names differ in case alone: of these only one can be the agent's.
#[derive(Debug, Default)]
pub(crate) struct Folders {
    /// The agents with one folder, in the order of their keys.
    pub agents: Vec<AgentId>,
    /// The others, each with all of its folders.
    pub twins: Vec<Vec<AgentId>>,
}

impl Folders {
    pub(crate) fn of(agents: Vec<AgentId>) -> Self {
        let mut keyed: Vec<(String, AgentId)> = agents
            .into_iter()
            .map(|agent| (agent.key(), agent))
            .collect();
        keyed.sort_unstable();
        let mut folders = Self::default();
        for alike in keyed.chunk_by(|(one, _), (other, _)| one == other) {
            match alike {
                [(_, agent)] => folders.agents.push(agent.clone()),
                alike => {
                    let twins = alike.iter().map(|(_, agent)| agent.clone());
                    folders.twins.push(twins.collect());
                }
            }
        }
        folders
    }
}

/// The agents whose `log` folders may hold something new.
pub(crate) fn to_visit(
    agents: Vec<AgentId>,
    deposit: &Deposit,
    memory: &Memory,
    is_full: bool,
    cores: NonZeroUsize,
) -> Vec<AgentId> {
    if is_full {
        return agents;
    }
    let part = agents.len().div_ceil(cores.get()).max(1);
    let look = |agents: &[AgentId]| -> Vec<Option<FileIdentity>> {
        let identities = agents.iter().map(|agent| deposit.log_identity(agent));
        identities.collect()
    };
    let identities: Vec<Option<FileIdentity>> = thread::scope(|scope| {
        let threads: Vec<_> = agents
            .chunks(part)
            .map(|agents| scope.spawn(|| look(agents)))
            .collect();
        let joined = threads.into_iter().map(thread::ScopedJoinHandle::join);
        // A thread that failed has seen nothing: all that it was to look at is visited.
        let seen = joined
            .zip(agents.chunks(part))
            .map(|(seen, agents)| seen.unwrap_or_else(|_| vec![None; agents.len()]));
        seen.flatten().collect()
    });
    memory.to_visit(agents.into_iter().zip(identities).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_differ_in_case_alone_are_found() {
        let agents = ["A_B_C", "X_Y_Z", "a_b_c"].map(|name| AgentId::new(name).unwrap());
        let folders = Folders::of(agents.to_vec());
        assert_eq!(folders.agents, [agents[1].clone()]);
        assert_eq!(folders.twins, [[agents[0].clone(), agents[2].clone()]]);
    }
}
