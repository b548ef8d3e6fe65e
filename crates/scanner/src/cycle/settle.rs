//! Waits for files that may still be on their way. Tells when a file has come to rest; what it then
//! is, others find out.

use std::time::Duration;

use tokio::time::Instant;

use crate::deposit::identity::FileIdentity;

/// How long a file that nobody was seen to write has to stay the same to be taken for whole.
const QUIET: Duration = Duration::from_secs(5);

/// How long one that somebody was seen to write has to: lines to far sites stall.
const QUIET_AFTER_CHANGE: Duration = Duration::from_secs(15);

/// How long a writer has to pause for a look whether it was the end.
const PAUSE: Duration = Duration::from_secs(1);

/// How often a file that may still be written is looked at.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(200);

/// One file that may still be written.
#[derive(Debug)]
pub(crate) struct Watch {
    identities: Vec<FileIdentity>,
    changed_at: Instant,
    give_up_at: Instant,
    settle: Duration,
    has_changed: bool,
    has_paused: bool,
}

/// What a look at a watched file tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// It may still be written.
    NotYet,
    /// It has not changed since the watch began.
    AsBefore,
    /// It changed and its writer pauses: it may be whole, or not yet.
    Paused,
    /// It changed and has come to rest.
    Changed,
    /// It was still changing when the settle time ended.
    Never,
}

impl Watch {
    /// Watches a file that looks like this now, for at most `settle`.
    pub(crate) fn start(identities: Vec<FileIdentity>, settle: Duration, now: Instant) -> Self {
        Self {
            identities,
            changed_at: now,
            give_up_at: now + settle,
            settle,
            has_changed: false,
            has_paused: false,
        }
    }

    pub(crate) fn look(&mut self, identities: Vec<FileIdentity>, now: Instant) -> Rest {
        if identities != self.identities {
            self.identities = identities;
            self.note_change(now);
        }
        let still_for = now.duration_since(self.changed_at);
        let quiet = if self.has_changed {
            QUIET_AFTER_CHANGE
        } else {
            QUIET
        };
        if still_for >= quiet.min(self.settle) {
            return if self.has_changed {
                Rest::Changed
            } else {
                Rest::AsBefore
            };
        }
        if self.is_over(now) {
            return Rest::Never;
        }
        if self.has_changed && !self.has_paused && still_for >= PAUSE {
            self.has_paused = true;
            return Rest::Paused;
        }
        Rest::NotYet
    }

    /// Whether the settle time has ended.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        now >= self.give_up_at
    }

    /// Somebody was seen to write.
    pub(crate) fn note_change(&mut self, now: Instant) {
        self.changed_at = now;
        self.has_changed = true;
        self.has_paused = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_secs(30);

    fn sized(size: u64) -> Vec<FileIdentity> {
        vec![FileIdentity::sized(size)]
    }

    #[test]
    fn a_file_that_stays_the_same_is_at_rest_after_the_quiet_time() {
        let start = Instant::now();
        let mut watch = Watch::start(sized(1), SETTLE, start);
        assert_eq!(watch.look(sized(1), start + QUIET / 2), Rest::NotYet);
        assert_eq!(watch.look(sized(1), start + QUIET), Rest::AsBefore);
    }

    #[test]
    fn a_file_that_changed_is_looked_at_when_its_writer_pauses_and_waited_for_longer() {
        let start = Instant::now();
        let mut watch = Watch::start(sized(1), SETTLE, start);
        let changed = start + QUIET / 2;
        assert_eq!(watch.look(sized(2), changed), Rest::NotYet);
        assert_eq!(watch.look(sized(2), changed + PAUSE), Rest::Paused);
        assert_eq!(watch.look(sized(2), changed + PAUSE * 2), Rest::NotYet);
        let again = changed + QUIET_AFTER_CHANGE / 2;
        assert_eq!(watch.look(sized(3), again), Rest::NotYet);
        assert_eq!(watch.look(sized(3), again + PAUSE), Rest::Paused);
        assert_eq!(
            watch.look(sized(3), again + QUIET_AFTER_CHANGE),
            Rest::Changed
        );
    }

    #[test]
    fn a_file_that_grows_for_ever_is_given_up() {
        let start = Instant::now();
        let mut watch = Watch::start(sized(1), SETTLE, start);
        for second in 1..30 {
            let rest = watch.look(sized(second), start + Duration::from_secs(second));
            assert_eq!(rest, Rest::NotYet);
        }
        assert_eq!(watch.look(sized(30), start + SETTLE), Rest::Never);
    }

    #[test]
    fn without_a_settle_time_nothing_is_waited_for() {
        let start = Instant::now();
        let mut watch = Watch::start(sized(1), Duration::ZERO, start);
        assert!(watch.is_over(start));
        assert_eq!(watch.look(sized(1), start), Rest::AsBefore);
    }
}
