//! A silence as people and programs see it.

use jiff::Timestamp;
use serde::Serialize;
use vigie_notify::Silence;

/// Where a silence is between its start and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Active,
    Pending,
    Ended,
}

impl State {
    pub fn of(silence: &Silence, now: Timestamp) -> Self {
        if silence.ends_at <= now {
            Self::Ended
        } else if silence.is_active_at(now) {
            Self::Active
        } else {
            Self::Pending
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Ended => "ended",
        }
    }
}

/// A silence as `--format json` shows it. The keys are stable.
#[derive(Debug, Serialize)]
pub struct ShownSilence<'a> {
    state: State,
    #[serde(flatten)]
    silence: &'a Silence,
}

impl<'a> ShownSilence<'a> {
    pub fn of(silence: &'a Silence, now: Timestamp) -> Self {
        Self {
            state: State::of(silence, now),
            silence,
        }
    }
}
