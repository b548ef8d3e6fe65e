//! The trees on the disk that a cycle works in, opened once for it.

use vigie_domain::AgentId;

use crate::deposit::{Deposit, LogFolder};
use crate::proof::validated_tree::ValidatedTree;
use crate::{DepositError, ScannerSettings};

/// The trees on the disk that a cycle works in.
#[derive(Debug)]
pub(crate) struct Places {
    pub deposit: Deposit,
    pub validated: Option<ValidatedTree>,
}

impl Places {
    pub fn open(settings: &ScannerSettings) -> Result<Self, DepositError> {
        Ok(Self {
            deposit: Deposit::open(&settings.root)?,
            validated: settings
                .validated
                .as_deref()
                .map(ValidatedTree::open)
                .transpose()?,
        })
    }

    pub fn log(&self, agent: &AgentId) -> Result<Option<LogFolder>, DepositError> {
        self.deposit.agent(agent)?.log()
    }
}
