//! What went wrong in one step of a session, and what that says of the next try. Knows no mail and no
//! server's name.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::response::Response;

use super::stage::Stage;
use crate::untrusted::{ellipsis, one_line};

/// How much of a server's answer is told.
const ANSWER: usize = 300;

/// What went wrong in one step of a session.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) text: String,
    pub(super) kind: ProblemKind,
}

/// What a problem says of the next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProblemKind {
    /// The server is about to go away (421).
    Closing,
    /// The server takes nothing from someone who has not logged in (530).
    LoginNeeded,
    /// The server will never take it.
    Permanent,
    /// The server did not take it now, or the line broke.
    Passing,
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

    /// That the server agreed, but to something else than it was asked for.
    pub(super) fn unexpected(reply: &Response) -> Self {
        Self::passing(&format!("its answer is out of place: {}", words_of(reply)))
    }

    /// A problem that may have passed by the next try.
    pub(super) fn passing(text: &str) -> Self {
        Self {
            text: told(text),
            kind: ProblemKind::Passing,
        }
    }
}

impl From<SmtpError> for Problem {
    fn from(error: SmtpError) -> Self {
        let words = error.source().map(ToString::to_string).unwrap_or_default();
        // 5.7.x is a policy: mostly that this sender may not relay, which is put right in a config
        // and no reason to lose an alert.
        let is_policy = words.starts_with("5.7.");
        let kind = match error.status().map(u16::from) {
            Some(421) => ProblemKind::Closing,
            Some(530) => ProblemKind::LoginNeeded,
            _ if error.is_permanent() && !is_policy => ProblemKind::Permanent,
            _ => ProblemKind::Passing,
        };
        Self {
            text: told(&error.to_string()),
            kind,
        }
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::passing(&error.to_string())
    }
}

/// A reply as people are told it, on one line.
pub(super) fn words_of(reply: &Response) -> String {
    let words: Vec<&str> = reply.message().collect();
    told(&format!("{} {}", reply.code(), words.join(" ")))
}

fn told(text: &str) -> String {
    one_line(text, ANSWER, ellipsis)
}
