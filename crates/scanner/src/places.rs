//! The trees on the disk that a cycle works in, opened once for it.

use vigie_domain::AgentId;

use crate::deposit::{Deposit, LogFolder};
use crate::proof::validated_tree::ValidatedTree;
use crate::watchdog::pulse::Pulse;
use crate::{DepositError, ScannerSettings};

/// The trees on the disk that a cycle works in.
#[derive(Debug)]
pub(crate) struct Places {
    pub deposit: Deposit,
    pub validated: Option<ValidatedTree>,
}

impl Places {
    pub fn open(settings: &ScannerSettings, pulse: &Pulse) -> Result<Self, DepositError> {
        let deposit = Deposit::open(&settings.root)?;
        let validated = || settings.validated.as_deref().map(ValidatedTree::open);
        let validated = pulse.wait(validated).map_err(|given_up| {
            DepositError::new("open the deposit", &settings.root, given_up.into())
        })?;
        Ok(Self {
            deposit,
            validated: validated.transpose()?,
        })
    }

    pub fn log(&self, agent: &AgentId, pulse: &Pulse) -> Result<Option<LogFolder>, DepositError> {
        self.deposit.agent(agent, pulse)?.log()
    }
}
