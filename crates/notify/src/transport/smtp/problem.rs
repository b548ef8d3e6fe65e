//! What went wrong in one step of a session, and what that says of the next try. Knows no mail and no
//! server's name.

use std::io;
use std::time::Duration;

use lettre::transport::smtp::Error as SmtpError;

use super::meaning::meaning_of;
use super::reply::{Reply, told};
use super::stage::Stage;

/// What went wrong in one step of a session.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) text: String,
    pub(super) kind: ProblemKind,
}

/// What a problem says of the next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProblemKind {
    /// The server is about to go away.
    Closing,
    /// The server takes nothing from someone who is not logged in as it wants.
    LoginNeeded,
    /// The server will never take it.
    Permanent,
    /// The server did not take it now.
    Temporary,
    /// The line broke, or nobody knows any more what an answer is about.
    Broken,
    /// No answer came in time.
    Silence,
}

impl Problem {
    /// That nothing came.
    pub(super) fn silence(wait: Duration, stage: Stage) -> Self {
        Self {
            text: format!("no answer within {wait:?} {stage}"),
            kind: ProblemKind::Silence,
        }
    }

    /// That the server said no, or agreed to something else than it was asked for.
    pub(super) fn of_reply(stage: Stage, reply: &Reply) -> Self {
        if reply.refuses() {
            return Self {
                text: reply.to_string(),
                kind: meaning_of(stage, reply.code, reply.enhanced_code()),
            };
        }
        Self::broken(&format!("its answer is out of place: {reply}"))
    }

    /// A problem after which this session is of no use.
    pub(super) fn broken(text: &str) -> Self {
        Self {
            text: told(text),
            kind: ProblemKind::Broken,
        }
    }
}

impl From<SmtpError> for Problem {
    fn from(error: SmtpError) -> Self {
        Self::broken(&error.to_string())
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::broken(&error.to_string())
    }
}
