//! Rates as people write them: `50MB/s`, `200MiB`. Knows no key.

use std::num::NonZeroU64;

use super::byte_size;
use super::problem::Complaint;
use super::raw::RawReadRate;

/// A number of bytes a second that is not zero. `/s` may be left out.
///
/// A number without a unit is refused: the options of rsync, restic and borg that limit a rate count
/// such a number in KiB, and sizes are counted in bytes here.
fn parse(text: &str) -> Result<NonZeroU64, Complaint> {
    let size = text.trim();
    let size = size.strip_suffix("/s").unwrap_or(size).trim_end();
    let unit = size.trim_start_matches(|character: char| character.is_ascii_digit());
    if unit.is_empty() && !size.is_empty() {
        return Err(without_unit(&format!("{text:?}")));
    }
    if matches!(unit.trim_start(), "Mb" | "Gb" | "Kb") {
        return Err(Complaint::new(
            format!("is {text:?}, where b would be bits"),
            "write B for bytes, such as \"50MB/s\"",
        ));
    }
    let bytes = byte_size::parse(size).ok().and_then(NonZeroU64::new);
    bytes.ok_or_else(|| {
        Complaint::new(
            format!("is {text:?}, which is no rate"),
            "write a whole number above zero and kB/s, MB/s, GB/s, KiB/s, MiB/s or GiB/s, such as \
             \"50MB/s\"; leave the key out for no limit",
        )
    })
}

/// What the config says of a rate.
pub fn read(rate: &RawReadRate) -> Result<NonZeroU64, Complaint> {
    match rate {
        RawReadRate::Bare(number) => Err(without_unit(&number.to_string())),
        RawReadRate::Written(text) => parse(text),
    }
}

/// What is wrong with a number alone, as it was written.
fn without_unit(written: &str) -> Complaint {
    Complaint::new(
        format!("is {written}, which could be bytes or KiB a second"),
        "write the unit too, such as \"50MB/s\" or \"200MiB/s\"",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_size_with_or_without_a_second() {
        let cases = [
            ("50MB", 50_000_000),
            ("50mb/s", 50_000_000),
            ("200 MiB/s", 200 << 20),
            ("64KiB /s", 64 << 10),
            ("500000B/s", 500_000),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse(text).map(NonZeroU64::get), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_rate_says_how_one_is_written() {
        for text in ["", "fast", "50M", "0MB", "50Mbit/s", "50MB/h", "-1MB"] {
            let complaint = parse(text).unwrap_err();
            assert_eq!(complaint.what, format!("is {text:?}, which is no rate"));
            assert!(complaint.remedy.contains("\"50MB/s\""));
        }
    }

    #[test]
    fn what_others_count_otherwise_is_not_guessed_at() {
        let what = |text| parse(text).unwrap_err().what;
        assert_eq!(
            what("51200"),
            "is \"51200\", which could be bytes or KiB a second"
        );
        assert_eq!(what("400Mb/s"), "is \"400Mb/s\", where b would be bits");
    }
}
