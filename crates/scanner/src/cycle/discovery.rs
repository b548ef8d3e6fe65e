//! Which agents there are, and which of them have to be visited. Reads no report.

use futures_util::future::join_all;
use tracing::debug_span;
use vigie_domain::AgentId;

use crate::blocking::blocking;
use crate::cycle::Cycle;
use crate::deposit::identity::FileIdentity;
use crate::watchdog::pulse::Pulse;
use crate::{DepositError, Store};

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

impl<S: Store> Cycle<'_, S> {
    /// The agents whose `log` folders may hold something new.
    pub(crate) async fn to_visit(&self, agents: Vec<AgentId>) -> Vec<AgentId> {
        let every = self.workshop.settings.full_sweep_every;
        let span = debug_span!("discover", agents = agents.len());
        if span.in_scope(|| self.memory.begin(&agents, every)) {
            return agents;
        }
        let part = agents
            .len()
            .div_ceil(self.workshop.settings.cores.get())
            .max(1);
        let looks = agents.chunks(part).map(|part| self.look_at_logs(part));
        let looked = join_all(looks).await;
        let identities = looked.into_iter().flatten().collect();
        let memory = self.memory.clone();
        blocking(move || memory.to_visit(identities)).await
    }

    /// How the `log` folders of these agents look, of those that answer.
    async fn look_at_logs(&self, agents: &[AgentId]) -> Vec<(AgentId, Option<FileIdentity>)> {
        let workshop = self.workshop.clone();
        let look = move |agent: &AgentId, _: &Pulse| workshop.places.deposit.log_identity(agent);
        let span = debug_span!("discover", agents = agents.len());
        let watchdog = &self.workshop.watchdog;
        let looks = watchdog.each(span, agents.to_vec(), look).await;
        let each = agents.iter().zip(looks).filter_map(|(agent, look)| {
            let look = look.map_err(|stall| {
                let path = self.workshop.places.deposit.path_of(agent);
                let error = DepositError::stalled("look at", path, stall);
                self.findings.note().error(agent, &error.into());
            });
            Some((agent.clone(), look.ok()?))
        });
        each.collect()
    }
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
