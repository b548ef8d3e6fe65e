//! How many mails may leave in a minute. Knows no mail.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

/// What a limit is about, and a second more: a mail arrives later than it leaves, and not each equally
/// late.
const MINUTE: Duration = Duration::from_secs(61);

/// Lets no more through in any minute than a limit, and each as soon as that allows.
#[derive(Debug)]
pub(super) struct Pace {
    limit: Option<usize>,
    /// When the last ones left, as many as the limit, the oldest first.
    left: VecDeque<Instant>,
}

impl Pace {
    /// `sent` have left within the last minute; when in it is not known, so the worst is assumed.
    pub(super) fn new(limit: Option<NonZeroU32>, sent: u64, now: Instant) -> Self {
        let limit = limit.map(|limit| usize::try_from(limit.get()).unwrap_or(usize::MAX));
        let known = limit.map_or(0, |limit| limit.min(usize::try_from(sent).unwrap_or(limit)));
        Self {
            limit,
            left: std::iter::repeat_n(now, known).collect(),
        }
    }

    /// When the next one may leave; `None` is now.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        let oldest = *self.left.front()?;
        let is_full = self.limit.is_some_and(|limit| self.left.len() >= limit);
        (is_full && oldest + MINUTE > now).then(|| oldest + MINUTE)
    }

    /// One leaves.
    pub(super) fn take(&mut self, now: Instant) {
        let Some(limit) = self.limit else {
            return;
        };
        if self.left.len() >= limit {
            self.left.pop_front();
        }
        self.left.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(limit: u32, sent: u64, now: Instant) -> Pace {
        Pace::new(NonZeroU32::new(limit), sent, now)
    }

    #[test]
    fn no_minute_has_more_than_the_limit() {
        let start = Instant::now();
        let mut pace = pace(3, 0, start);
        let mut left = Vec::new();
        for second in 0..600 {
            let now = start + Duration::from_secs(second);
            while pace.next(now).is_none() {
                pace.take(now);
                left.push(now);
            }
        }
        assert_eq!(left.len(), 30);
        for window in left.windows(4) {
            assert!(window[3] - window[0] >= MINUTE);
        }
    }

    #[test]
    fn what_left_before_counts() {
        let start = Instant::now();
        let full = pace(2, 5, start);
        assert_eq!(full.next(start), Some(start + MINUTE));
        let mut half = pace(2, 1, start);
        assert_eq!(half.next(start), None);
        half.take(start);
        assert_eq!(half.next(start), Some(start + MINUTE));
        assert_eq!(half.next(start + MINUTE), None);
    }

    #[test]
    fn without_a_limit_nothing_waits() {
        let now = Instant::now();
        let mut free = Pace::new(None, 1_000_000, now);
        for _ in 0..1000 {
            assert_eq!(free.next(now), None);
            free.take(now);
        }
        assert!(free.left.is_empty());
    }
}
