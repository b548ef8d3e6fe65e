//! What somebody wants to be warned of. Knows no rule.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::Warning;

/// What somebody wants to be warned of, for one job or for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct WarningSettings {
    /// For how long a live database may have the same content; `None` for as long as it likes.
    pub unchanged_after: Option<SignedDuration>,
    /// Whether a size out of the usual is told.
    pub size: bool,
    /// Whether it is told that backups arrive later and later.
    pub later: bool,
    /// Whether stages are told that failed before they succeeded.
    pub retried: bool,
    /// Whether it is told that an agent's clock is ahead.
    pub clock: bool,
}

impl WarningSettings {
    /// Nothing is told.
    pub const NONE: Self = Self {
        unchanged_after: None,
        size: false,
        later: false,
        retried: false,
        clock: false,
    };

    /// Whether a rule is wanted that looks at earlier backups.
    #[must_use]
    pub const fn need_history(&self) -> bool {
        self.size || self.later
    }

    /// Whether this kind of warning is wanted.
    #[must_use]
    pub const fn want(&self, warning: &Warning) -> bool {
        match warning {
            Warning::Unchanged { .. } => self.unchanged_after.is_some(),
            Warning::SizeOutOfBand { .. } => self.size,
            Warning::ArrivingLater { .. } => self.later,
            Warning::StagesRetried { .. } => self.retried,
            Warning::ClockAhead { .. } => self.clock,
        }
    }
}

impl Default for WarningSettings {
    /// Everything is told, the same content after 30 days.
    fn default() -> Self {
        Self {
            unchanged_after: Some(SignedDuration::from_hours(30 * 24)),
            size: true,
            later: true,
            retried: true,
            clock: true,
        }
    }
}
