//! Sizes as people write them: `4MiB`, `500kB`. Knows no key.

use super::problem::Complaint;
use super::raw::RawByteSize;

const UNITS: [(&str, u64); 8] = [
    ("", 1),
    ("b", 1),
    ("kb", 1000),
    ("mb", 1000 * 1000),
    ("gb", 1000 * 1000 * 1000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
];

/// A size in bytes that is not zero, in either form.
pub fn read(size: &RawByteSize) -> Result<u64, Complaint> {
    match size {
        RawByteSize::Bytes(bytes) => from_integer(*bytes),
        RawByteSize::Written(text) => parse(text),
    }
}

/// A size in bytes that is not zero.
pub fn parse(text: &str) -> Result<u64, Complaint> {
    let unreadable = || {
        Complaint::new(
            format!("is {text:?}, which is no size"),
            "write a whole number and B, kB, MB, GB, KiB, MiB or GiB, such as \"4MiB\"",
        )
    };
    let text = text.trim();
    let digits = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start().to_lowercase();
    let (_, factor) = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .ok_or_else(unreadable)?;
    let number: u64 = number.parse().map_err(|_| unreadable())?;
    not_zero(number.checked_mul(*factor).ok_or_else(unreadable)?)
}

/// A size that was written as a number of bytes.
fn from_integer(bytes: i64) -> Result<u64, Complaint> {
    let bytes = u64::try_from(bytes)
        .map_err(|_| Complaint::new(format!("is {bytes}"), "give a number of bytes above zero"))?;
    not_zero(bytes)
}

fn not_zero(bytes: u64) -> Result<u64, Complaint> {
    if bytes == 0 {
        return Err(Complaint::new(
            "is zero",
            "give a number of bytes above zero",
        ));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_and_a_unit_in_any_case() {
        let cases = [
            ("4MiB", 4 << 20),
            ("4 mib", 4 << 20),
            ("500kB", 500_000),
            ("1GiB", 1 << 30),
            ("2GB", 2_000_000_000),
            ("10MB", 10_000_000),
            ("64KiB", 64 << 10),
            ("12b", 12),
            ("12", 12),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_says_how_one_is_written() {
        for text in ["", "MiB", "4M", "1.5MiB", "-1B", "99999999999GiB"] {
            let complaint = parse(text).unwrap_err();
            assert_eq!(complaint.what, format!("is {text:?}, which is no size"));
            assert!(complaint.remedy.ends_with("such as \"4MiB\""));
        }
        assert_eq!(parse("0MiB").unwrap_err().what, "is zero");
        assert_eq!(from_integer(-4).unwrap_err().what, "is -4");
        assert_eq!(from_integer(4096), Ok(4096));
    }
}
