//! Who an agent is: its id and the site that the id names. Knows no folder and no report.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest file name that common file systems take, in bytes; an agent's id names a folder.
const MAX_BYTES: usize = 255;

/// The id of a remote site that makes backups: `COMPANY_CITY_NEIGHBORHOOD`.
///
/// An id is also the name of the agent's folder in the deposit, so it never holds a path
/// separator, a control character or a leading dot. Agents in the field spell their own id in
/// another case than their folder: [`key`](Self::key) is the same for both. A clone shares the text.
///
/// ```
/// use vigie_domain::AgentId;
///
/// let agent = AgentId::new("SDMC_DOUALA_AKWA_NORD")?;
/// assert_eq!(agent.company(), "SDMC");
/// assert_eq!(agent.city(), "DOUALA");
/// assert_eq!(agent.neighborhood(), "AKWA_NORD");
/// assert!(agent.is_same_as(&AgentId::new("sdmc_douala_akwa_nord")?));
/// assert!(AgentId::new("../etc").is_err());
/// # Ok::<(), vigie_domain::InvalidAgentId>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AgentId(Arc<str>);

/// Why a text is no [`AgentId`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{id:?} is no agent id: {problem}")]
pub struct InvalidAgentId {
    /// The text that was given.
    pub id: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl AgentId {
    /// Takes an id as it is spelled.
    ///
    /// # Errors
    ///
    /// When the id could not be the name of a folder below the deposit: empty, longer than 255
    /// bytes, with a path separator or a control character, or with a leading dot.
    pub fn new(id: impl Into<String>) -> Result<Self, InvalidAgentId> {
        let id = id.into();
        let problem = if id.trim().is_empty() {
            "it is empty"
        } else if id.len() > MAX_BYTES {
            "it is longer than 255 bytes"
        } else if id.contains(['/', '\\']) {
            "it holds a path separator"
        } else if id.contains(char::is_control) {
            "it holds a control character"
        } else if id.starts_with('.') {
            "it starts with a dot"
        } else {
            return Ok(Self(id.into()));
        };
        Err(InvalidAgentId { id, problem })
    }

    /// The id as it was first spelled.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same for every spelling of one id in upper or lower case: what identity is decided by.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }

    /// Whether both spell the same agent, whatever the case.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.key() == other.key()
    }

    /// The first part of the id.
    #[must_use]
    pub fn company(&self) -> &str {
        self.part(0)
    }

    /// The second part of the id; empty when the id has none.
    #[must_use]
    pub fn city(&self) -> &str {
        self.part(1)
    }

    /// All that follows the city; empty when the id has no third part.
    #[must_use]
    pub fn neighborhood(&self) -> &str {
        self.part(2)
    }

    fn part(&self, index: usize) -> &str {
        self.0.splitn(3, '_').nth(index).unwrap_or("")
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for AgentId {
    type Error = InvalidAgentId;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        Self::new(id)
    }
}

impl From<AgentId> for String {
    fn from(agent: AgentId) -> Self {
        agent.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_fewer_parts_leaves_the_others_empty() {
        let agent = AgentId::new("SDMC_DOUALA").unwrap();
        assert_eq!(
            (agent.company(), agent.city(), agent.neighborhood()),
            ("SDMC", "DOUALA", "")
        );
    }

    #[test]
    fn an_id_that_could_not_be_a_folder_is_refused() {
        for id in ["", " ", ".", "..", ".hidden", "a/b", "a\\b", "a\nb", "a\0b"] {
            assert!(AgentId::new(id).is_err(), "{id:?} was taken");
        }
        assert!(AgentId::new("x".repeat(256)).is_err());
        assert!(AgentId::new("Ä".repeat(127)).is_ok());
    }
}
