//! Whose mails may be on their way: somebody whose mails go nowhere keeps no other from being told.
//! Knows no mail.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::backoff::Backoff;

/// How long a recipient is left alone whose mail was not taken for now. Much shorter than what that
/// mail waits: the next one may well be taken.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(2),
    longest: Duration::from_mins(1),
};

/// The lanes that mails leave by, and who has how many of them.
#[derive(Debug)]
pub(super) struct Turns {
    lanes: usize,
    recipients: HashMap<String, Turn>,
}

#[derive(Debug, Default)]
struct Turn {
    in_flight: usize,
    /// How many mails in a row were not taken for now.
    failures: u32,
    rests_until: Option<Instant>,
    /// Whether the last mail was taken.
    is_proven: bool,
}

impl Turns {
    pub(super) fn new(lanes: usize) -> Self {
        Self {
            lanes,
            recipients: HashMap::new(),
        }
    }

    /// Whether a mail to this recipient may leave.
    pub(super) fn may_start(&self, recipient: &str, now: Instant) -> bool {
        let turn = self.recipients.get(recipient);
        turn.is_none_or(|turn| turn.may_start(self.lanes, now))
    }

    /// The recipients to whom no mail may leave.
    pub(super) fn blocked(&self, now: Instant) -> impl Iterator<Item = &String> {
        let turns = self.recipients.iter();
        turns.filter_map(move |(recipient, turn)| {
            (!turn.may_start(self.lanes, now)).then_some(recipient)
        })
    }

    /// Nobody is left alone any longer.
    pub(super) fn end_rests(&mut self) {
        for turn in self.recipients.values_mut() {
            turn.rests_until = None;
        }
    }

    /// Whether somebody is left alone at this instant.
    pub(super) fn anybody_rests(&self, at: Instant) -> bool {
        let mut turns = self.recipients.values();
        turns.any(|turn| turn.rests_until.is_some_and(|until| until > at))
    }

    /// A mail leaves.
    pub(super) fn start(&mut self, recipient: &str) {
        let turn = self.recipients.entry(recipient.to_owned()).or_default();
        turn.in_flight += 1;
    }

    /// A mail was taken.
    pub(super) fn prove(&mut self, recipient: &str) {
        self.land(recipient, |turn| {
            turn.failures = 0;
            turn.rests_until = None;
            turn.is_proven = true;
        });
    }

    /// A mail will never be taken, or nobody was there to take it.
    pub(super) fn end(&mut self, recipient: &str) {
        self.land(recipient, |_| {});
    }

    /// A mail was not taken for now.
    pub(super) fn fail(&mut self, recipient: &str, now: Instant) {
        self.land(recipient, |turn| {
            turn.failures = turn.failures.saturating_add(1);
            turn.rests_until = Some(now + BACKOFF.wait(turn.failures, recipient));
            turn.is_proven = false;
        });
    }

    fn land(&mut self, recipient: &str, note: impl FnOnce(&mut Turn)) {
        if let Some(turn) = self.recipients.get_mut(recipient) {
            turn.in_flight = turn.in_flight.saturating_sub(1);
            note(turn);
        }
    }
}

impl Turn {
    /// Nobody gets all lanes, and whoever may make the others wait gets one.
    fn may_start(&self, lanes: usize, now: Instant) -> bool {
        let share = if self.is_proven {
            (lanes - 1).max(1)
        } else {
            1
        };
        self.in_flight < share && self.rests_until.is_none_or(|until| until <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_all_lanes_and_who_is_new_takes_one() {
        let now = Instant::now();
        let mut turns = Turns::new(4);
        turns.start("new");
        assert!(!turns.may_start("new", now));
        assert!(turns.may_start("other", now));
        assert_eq!(turns.blocked(now).collect::<Vec<_>>(), ["new"]);
        turns.prove("new");
        for _ in 0..3 {
            assert!(turns.may_start("new", now));
            turns.start("new");
        }
        assert!(!turns.may_start("new", now));
        assert!(turns.may_start("other", now));
    }

    #[test]
    fn the_only_lane_is_for_everybody() {
        let now = Instant::now();
        let mut turns = Turns::new(1);
        assert!(turns.may_start("one", now));
        turns.start("one");
        assert!(!turns.may_start("one", now));
    }

    #[test]
    fn who_takes_nothing_for_now_rests_longer_each_time_and_then_gets_one_lane() {
        let mut now = Instant::now();
        let mut turns = Turns::new(4);
        for _ in 0..10 {
            assert!(turns.may_start("greylisted", now));
            turns.start("greylisted");
            turns.fail("greylisted", now);
            assert!(!turns.may_start("greylisted", now));
            assert!(turns.may_start("other", now));
            now += BACKOFF.longest;
        }
        turns.start("greylisted");
        assert!(!turns.may_start("greylisted", now));
        turns.prove("greylisted");
        turns.start("greylisted");
        assert!(turns.may_start("greylisted", now));
    }
}
