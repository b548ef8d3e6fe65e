//! When nothing gets through to a mail server, how long it is left alone. Knows no mail.

use std::time::Duration;

use tokio::time::Instant;

use super::backoff::Backoff;

/// Shorter than what single mails wait, as one try stands for all of them: once the server is back,
/// nobody should be told much later than it could have been.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(2),
    longest: Duration::from_mins(5),
};

/// How long the first mail goes alone. A wrong password is tried once then, and not by all lanes.
const ALONE: Duration = Duration::from_secs(2);

/// Lets one mail go ahead, then everything, until nothing gets through; then, after a while, again one
/// mail to find out.
#[derive(Debug, Default)]
pub(super) struct Pause {
    failures: u32,
    until: Option<Instant>,
    is_proven: bool,
    first_left_at: Option<Instant>,
}

impl Pause {
    /// How many mails may be on their way.
    pub(super) fn lanes(&self, lanes: usize, now: Instant) -> usize {
        let is_alone = |left_at| now < left_at + ALONE;
        if self.is_on(now) {
            0
        } else if self.failures > 0 || !self.is_proven && self.first_left_at.is_none_or(is_alone) {
            1
        } else {
            lanes
        }
    }

    /// A mail leaves.
    pub(super) fn start(&mut self, now: Instant) {
        self.first_left_at.get_or_insert(now);
    }

    /// Whether the server is being left alone.
    pub(super) fn is_on(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until > now)
    }

    /// Nothing got through. Tells how long the server is left alone from now on, or `None` when it
    /// is already: what was on its way when a pause began is no further failure.
    pub(super) fn begin(&mut self, now: Instant, whose: &str) -> Option<Duration> {
        if self.is_on(now) {
            return None;
        }
        self.failures = self.failures.saturating_add(1);
        let wait = BACKOFF.wait(self.failures, whose);
        self.until = Some(now + wait);
        Some(wait)
    }

    /// The server is tried now.
    pub(super) fn end_early(&mut self) {
        self.until = None;
    }

    /// The server answered.
    pub(super) fn end(&mut self) {
        self.failures = 0;
        self.until = None;
        self.is_proven = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_pause_one_mail_finds_out_whether_the_server_is_back() {
        let mut now = Instant::now();
        let mut pause = Pause::default();
        pause.end();
        assert_eq!(pause.lanes(4, now), 4);
        let mut last = Duration::ZERO;
        for _ in 0..20 {
            let wait = pause.begin(now, "worker").unwrap();
            assert!(wait >= last / 2 && wait <= BACKOFF.longest, "{wait:?}");
            assert_eq!(pause.lanes(4, now), 0);
            assert_eq!(pause.begin(now, "worker"), None);
            now += wait;
            assert_eq!(pause.lanes(4, now), 1);
            last = wait;
        }
        assert!(last >= BACKOFF.longest / 2);
        pause.end();
        assert_eq!(pause.lanes(4, now), 4);
        assert!(pause.begin(now, "worker").unwrap() <= BACKOFF.first);
    }

    #[test]
    fn the_first_mail_goes_ahead_but_keeps_no_other_waiting_for_long() {
        let now = Instant::now();
        let mut pause = Pause::default();
        assert_eq!(pause.lanes(4, now), 1);
        pause.start(now);
        assert_eq!(pause.lanes(4, now), 1);
        assert_eq!(pause.lanes(4, now + ALONE), 4);
        pause.end();
        assert_eq!(pause.lanes(4, now), 4);
    }
}
