//! What time it is, as something that is given. Knows no mail.

use jiff::Timestamp;

/// Tells what time it is.
///
/// A [`Timestamp`] is a clock that stands still, so that any mail can be written as of any instant.
pub trait Clock: Send + Sync {
    /// The instant that it is now.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one clock; all others are given an instant"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

impl Clock for Timestamp {
    fn now(&self) -> Timestamp {
        *self
    }
}
