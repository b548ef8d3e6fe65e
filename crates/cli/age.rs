//! How long ago something was, in as few words as tell it.

use jiff::Timestamp;

/// The time from `since` to `now` in its two largest units; what is still to come is no time ago.
pub fn age(since: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(since).as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0 | 1, _, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_its_largest_units() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let cases = [
            (-5, "0 s"),
            (59, "59 s"),
            (61, "1 min"),
            (7_870, "2 h 11 min"),
            (86_400 + 60, "24 h 1 min"),
            (3 * 86_400 + 7_200, "3 d 2 h"),
        ];
        for (seconds, told) in cases {
            let since = Timestamp::from_second(1_000_000 - seconds).unwrap();
            assert_eq!(age(since, now), told);
        }
    }
}
