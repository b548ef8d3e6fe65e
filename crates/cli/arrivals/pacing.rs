//! When the next cycle begins early. Knows no clock and no file.

use std::time::Duration;

use tokio::time::Instant;

/// Whoever drops one report often drops others, or goes on writing.
const QUIET_FOR: Duration = Duration::from_secs(2);

/// Where something arrives all the time, it is not waited for longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The shortest time from the end of a cycle to an early one.
const BETWEEN_CYCLES: Duration = Duration::from_secs(5);

/// What has arrived since the last cycle began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    first: Instant,
    last: Instant,
}

impl Waiting {
    /// Something has arrived, after what had before.
    pub fn after(before: Option<Self>, now: Instant) -> Self {
        let first = before.map_or(now, |before| before.first);
        Self { first, last: now }
    }

    /// When to begin a cycle for it.
    pub fn due_at(self, cycle_ended_at: Option<Instant>) -> Instant {
        let at_rest = (self.last + QUIET_FOR).min(self.first + LONGEST_WAIT);
        cycle_ended_at.map_or(at_rest, |ended_at| at_rest.max(ended_at + BETWEEN_CYCLES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many seconds a cycle begins for what arrived at these.
    fn due(arrived: &[u64], cycle_ended: Option<u64>) -> u64 {
        let start = Instant::now();
        let at = |second: u64| start + Duration::from_secs(second);
        let mut waiting = None;
        for second in arrived {
            waiting = Some(Waiting::after(waiting, at(*second)));
        }
        let due_at = waiting.unwrap().due_at(cycle_ended.map(at));
        due_at.duration_since(start).as_secs()
    }

    #[test]
    fn a_cycle_waits_until_no_more_arrives_but_not_for_ever() {
        assert_eq!(due(&[100], None), 102);
        assert_eq!(due(&[100, 101, 102], Some(50)), 104);
        let all_the_time: Vec<u64> = (100..200).collect();
        assert_eq!(due(&all_the_time, Some(50)), 110);
    }

    #[test]
    fn early_cycles_have_time_between_them() {
        assert_eq!(due(&[101], Some(100)), 105);
        assert_eq!(due(&[104], Some(100)), 106);
    }
}
