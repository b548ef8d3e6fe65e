//! The stages of a session, and how long the server may take in each. Knows no bytes.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use super::problem::Problem;

/// How many times longer the answer to a whole mail may take than any other: before it gives that
/// one, a server scans, filters and stores. RFC 5321 asks for ten minutes, but a silence there is
/// about one mail, and the next one is tried: with many of them waiting, a server that falls silent
/// just there would hold up a cycle for that long once each. A mail that it has taken all the same
/// goes out again with the same Message-ID.
const TIMES_FOR_WHOLE_MAIL: u32 = 2;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Lookup,
    Connecting,
    Greeting,
    Hello,
    Tls,
    Token,
    Login,
    Sender,
    Recipient,
    Data,
    WholeMail,
}

impl Stage {
    /// Waits for the step that makes this stage, but not for ever. `timeout` is the wait for an
    /// ordinary answer.
    pub(super) async fn within<T, E: Into<Problem>>(
        self,
        timeout: Duration,
        step: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Problem> {
        let wait = self.wait(timeout);
        match tokio::time::timeout(wait, step).await {
            Ok(answer) => answer.map_err(Into::into),
            Err(_) => Err(Problem::silence(wait, self)),
        }
    }

    fn wait(self, timeout: Duration) -> Duration {
        match self {
            Self::WholeMail => timeout.saturating_mul(TIMES_FOR_WHOLE_MAIL),
            _ => timeout,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Lookup => "to the question for its address",
            Self::Connecting => "to the connection",
            Self::Greeting => "where it should have greeted",
            Self::Hello => "to EHLO",
            Self::Tls => "to the start of TLS",
            Self::Token => "to the question for a token",
            Self::Login => "to the login",
            Self::Sender => "to MAIL FROM",
            Self::Recipient => "to RCPT TO",
            Self::Data => "to DATA",
            Self::WholeMail => "to the end of the mail",
        })
    }
}
