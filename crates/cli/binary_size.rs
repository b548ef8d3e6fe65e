//! Numbers of bytes, told to people.

/// The steps above a byte, each 1024 times the one before.
const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];

/// So many bytes in the unit in which the number is short: `12.3 GiB`.
#[expect(
    clippy::cast_precision_loss,
    reason = "one digit after the point is told"
)]
pub fn binary_size(bytes: u64) -> String {
    let mut size = bytes as f64;
    let mut unit = None;
    for larger in UNITS {
        // What would be rounded to 1024.0 is one of the next.
        if size < 1023.95 {
            break;
        }
        size /= 1024.0;
        unit = Some(larger);
    }
    match unit {
        Some(unit) => format!("{size:.1} {unit}"),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_told_in_the_unit_in_which_it_is_short() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1024 * 1024 - 1, "1.0 MiB"),
            (13_207_024_435, "12.3 GiB"),
            (u64::MAX, "16384.0 PiB"),
        ];
        for (bytes, told) in cases {
            assert_eq!(binary_size(bytes), told);
        }
    }
}
