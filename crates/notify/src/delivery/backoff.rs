//! How long to wait before something is tried again. Knows no mail and no clock.

use std::time::Duration;

use crate::mail::digest;

/// A wait that doubles with each failure, up to an end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backoff {
    /// The wait after the first failure.
    pub(super) first: Duration,
    /// The longest wait.
    pub(super) longest: Duration,
}

impl Backoff {
    /// The wait after this many failures in a row, at least one. It lies in the upper half of what
    /// doubling gives, at a point that `what` decides: what failed at once does not come back at
    /// once, and the same always waits equally long.
    pub(super) fn wait(self, failures: u32, what: &str) -> Duration {
        let doublings = failures.saturating_sub(1).min(32);
        let whole = self.first.saturating_mul(1 << doublings.min(31));
        let half = whole.min(self.longest) / 2;
        let digest = digest(&[what.as_bytes(), &failures.to_be_bytes()]);
        let point = u32::from_str_radix(&digest[..4], 16).unwrap_or_default();
        half + half * point / 0xFFFF
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BACKOFF: Backoff = Backoff {
        first: Duration::from_secs(10),
        longest: Duration::from_hours(1),
    };

    #[test]
    fn waits_grow_from_seconds_to_an_hour() {
        let waits: Vec<u64> = (1..=11)
            .map(|failures| BACKOFF.wait(failures, "x").as_secs())
            .collect();
        for (failures, wait) in waits.iter().enumerate() {
            let whole = (10 << failures).min(3600);
            assert!((whole / 2..=whole).contains(wait), "{waits:?}");
        }
    }

    #[test]
    fn what_failed_together_does_not_come_back_together() {
        let waits = (0..100).map(|delivery| BACKOFF.wait(9, &format!("{delivery}")).as_secs());
        let distinct: std::collections::BTreeSet<u64> = waits.collect();
        assert!(distinct.len() > 80, "{distinct:?}");
    }

    proptest! {
        #[test]
        fn no_wait_is_longer_than_the_longest_or_shorter_than_half_the_first(
            failures in any::<u32>(),
            what in any::<String>(),
        ) {
            let wait = BACKOFF.wait(failures, &what);
            prop_assert!(wait <= BACKOFF.longest);
            prop_assert!(wait >= BACKOFF.first / 2);
            prop_assert_eq!(wait, BACKOFF.wait(failures, &what));
        }
    }
}
