//! What the program sees of itself: whether the clock can be right, and whether it slept for long. Knows
//! no deposit and no mail.

use jiff::{SignedDuration, Timestamp};
use vigie_notify::{ClockJump, CycleFacts, TreeState};
use vigie_store::LastCycle;

/// A clock may be set by so much without a word: that is what keeps clocks right.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// Nobody has to know that no cycle was done for less than this.
const SHORT: SignedDuration = SignedDuration::from_hours(1);

/// How many times as long as the last time between two cycles is long.
const LONG: i32 = 3;

/// Compares the clock on the wall with one that nobody sets.
#[derive(Debug, Default)]
pub struct ClockWatch {
    last: Option<(Timestamp, SignedDuration)>,
}

impl ClockWatch {
    /// Looks at both clocks: that on the wall shows `now`, the other the time since the machine was
    /// started, sleep included.
    pub fn look(&mut self, now: Timestamp, since_boot: SignedDuration) -> Option<ClockJump> {
        let (then, before) = self.last.replace((now, since_boot))?;
        let expected = then.checked_add(since_boot - before).ok()?;
        jump(expected, now)
    }
}

/// The time since the machine was started, sleep included where the system counts it.
pub fn since_boot() -> SignedDuration {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let clock = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(clock);
    let nanoseconds = i32::try_from(time.tv_nsec).unwrap_or_default();
    SignedDuration::new(time.tv_sec, nanoseconds)
}

/// What the last cycles tell at `now`, by the clock on the wall.
pub fn facts(last: Option<LastCycle>, now: Timestamp) -> CycleFacts {
    let Some(last) = last else {
        return CycleFacts::default();
    };
    let clock_jump = jump(last.done_at, now).filter(|_| now < last.done_at);
    let idle = last.done_at.duration_until(now);
    let usual = last
        .previous_done_at
        .map(|before| before.duration_until(last.done_at));
    let is_long = |usual: SignedDuration| idle > SHORT && idle > usual.saturating_mul(LONG);
    CycleFacts {
        deposit_error: None,
        validated: TreeState::NotLooked,
        clock_jump,
        idle_since: usual.is_some_and(is_long).then_some(last.done_at),
    }
}

fn jump(expected: Timestamp, found: Timestamp) -> Option<ClockJump> {
    let is_far = expected.duration_until(found).abs() > TOLERANCE;
    is_far.then_some(ClockJump { expected, found })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + minutes * 60).unwrap()
    }

    fn minutes(minutes: i64) -> SignedDuration {
        SignedDuration::from_mins(minutes)
    }

    fn idle_since(previous: i64, done: i64, now: i64) -> Option<Timestamp> {
        let last = LastCycle {
            done_at: at(done),
            previous_done_at: Some(at(previous)),
        };
        facts(Some(last), at(now)).idle_since
    }

    #[test]
    fn a_clock_that_is_set_by_more_than_minutes_has_jumped() {
        let mut watch = ClockWatch::default();
        assert_eq!(watch.look(at(0), minutes(7)), None);
        assert_eq!(watch.look(at(1), minutes(8)), None);
        assert_eq!(watch.look(at(5), minutes(9)), None);
        let jumped = watch.look(at(65), minutes(10)).unwrap();
        assert_eq!((jumped.expected, jumped.found), (at(6), at(65)));
        // It goes on from there.
        assert_eq!(watch.look(at(66), minutes(11)), None);
        assert!(watch.look(at(6), minutes(12)).is_some());
        // A machine that slept has a clock that went on.
        assert_eq!(watch.look(at(606), minutes(612)), None);
    }

    #[test]
    fn a_last_cycle_in_the_future_means_that_the_clock_was_put_back() {
        let last = |done| LastCycle {
            done_at: at(done),
            previous_done_at: None,
        };
        assert_eq!(facts(Some(last(60)), at(58)).clock_jump, None);
        let jumped = facts(Some(last(60)), at(30)).clock_jump.unwrap();
        assert_eq!((jumped.expected, jumped.found), (at(60), at(30)));
        assert_eq!(facts(Some(last(0)), at(600)).clock_jump, None);
    }

    #[test]
    fn a_long_time_without_a_cycle_is_one_that_is_long_for_this_program() {
        assert_eq!(idle_since(-1, 0, 59), None);
        assert_eq!(idle_since(-1, 0, 61), Some(at(0)));
        // One cycle a day, by cron.
        assert_eq!(idle_since(-1440, 0, 1440), None);
        assert_eq!(idle_since(-1440, 0, 3 * 1440 + 1), Some(at(0)));
        assert_eq!(facts(None, at(0)), CycleFacts::default());
    }
}
