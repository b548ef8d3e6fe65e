//! Durations as people write them: `90s`, `15m`, `24h`, `7d`. Knows no key.

use std::time::Duration;

use super::problem::Complaint;

/// Nothing here waits longer, and instants stay far from where time can't be counted any more.
const LONGEST: Duration = Duration::from_hours(10 * 366 * 24);

/// With fewer digits no sum of parts comes near the end of what can be counted.
const MOST_DIGITS: usize = 9;

/// A duration that may be zero.
pub fn any(text: &str) -> Result<Duration, Complaint> {
    let has_huge_number = text
        .split(|character: char| !character.is_ascii_digit())
        .any(|digits| digits.len() > MOST_DIGITS);
    if has_huge_number {
        return Err(too_long(text));
    }
    let duration = humantime::parse_duration(text).map_err(|_| {
        Complaint::new(
            format!("is {text:?}, which is no duration"),
            "write a number and a unit, such as \"90s\", \"15m\", \"24h\" or \"7d\"",
        )
    })?;
    if text.contains('M') {
        // A month is what a capital M stands for, and hardly ever what it was written for.
        return Err(Complaint::new(
            format!("is {text:?}, where M would be months"),
            "write \"m\" for minutes, or count in days (\"30d\")",
        ));
    }
    if duration > LONGEST {
        return Err(too_long(text));
    }
    Ok(duration)
}

/// A duration that must not be zero.
pub fn positive(text: &str) -> Result<Duration, Complaint> {
    let duration = any(text)?;
    if duration.is_zero() {
        return Err(Complaint::new("is zero", "give a longer time"));
    }
    Ok(duration)
}

/// A duration that may be zero and that a store keeps in seconds.
pub fn in_seconds(text: &str) -> Result<Duration, Complaint> {
    whole_seconds(text, any(text)?)
}

/// A duration that must not be zero and that a store keeps in seconds.
pub fn positive_in_seconds(text: &str) -> Result<Duration, Complaint> {
    whole_seconds(text, positive(text)?)
}

fn whole_seconds(text: &str, duration: Duration) -> Result<Duration, Complaint> {
    if duration.subsec_nanos() != 0 {
        return Err(Complaint::new(
            format!("is {text:?}, which is no whole number of seconds"),
            "round it to seconds",
        ));
    }
    Ok(duration)
}

fn too_long(text: &str) -> Complaint {
    Complaint::new(
        format!("is {text:?}, which is longer than ten years"),
        "give a shorter time",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit_or_several() {
        let cases = [
            ("90s", 90),
            ("15m", 900),
            ("24h", 86400),
            ("7d", 604_800),
            ("1h 30m", 5400),
            ("0s", 0),
            ("0.5d", 43200),
        ];
        for (text, seconds) in cases {
            assert_eq!(in_seconds(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_says_how_one_is_written() {
        for text in ["", "10", "h", "-5m", "1 fortnight", "24:00"] {
            let complaint = any(text).unwrap_err();
            assert_eq!(complaint.what, format!("is {text:?}, which is no duration"));
            assert!(complaint.remedy.contains("\"24h\""));
        }
    }

    #[test]
    fn a_duration_too_long_to_count_with_is_refused() {
        for text in ["11y", "18446744073709551615s 1000ms", "99999999999999999d"] {
            let complaint = any(text).unwrap_err();
            assert!(complaint.what.ends_with("longer than ten years"), "{text}");
        }
    }

    #[test]
    fn minutes_are_not_taken_for_months() {
        assert_eq!(
            any("15M").unwrap_err().what,
            "is \"15M\", where M would be months"
        );
    }

    #[test]
    fn zero_and_parts_of_a_second_are_refused_where_they_make_no_sense() {
        assert_eq!(positive("0s").unwrap_err().what, "is zero");
        assert_eq!(any("1500ms"), Ok(Duration::from_millis(1500)));
        assert_eq!(
            in_seconds("1500ms").unwrap_err().what,
            "is \"1500ms\", which is no whole number of seconds"
        );
    }
}
