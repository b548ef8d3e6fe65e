//! Dates, durations, sizes and numbers in words, in each language. Knows no mail and no template.

use jiff::Zoned;

use crate::Locale;

/// Keeps a number and its unit on one line.
const NO_BREAK_SPACE: char = '\u{A0}';

/// What stands between a number and its unit. French never breaks a line there; English mails stay
/// ASCII, so that they can be read where nothing decodes them.
const fn space(locale: Locale) -> char {
    match locale {
        Locale::En => ' ',
        Locale::Fr => NO_BREAK_SPACE,
    }
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A date that nobody can take for another one: `2025-06-20 09:37:35 WAT (UTC+01:00)`.
pub(crate) fn date(at: &Zoned) -> String {
    let zone = at.strftime("%Z").to_string();
    let offset = at.strftime("UTC%:z");
    let date = at.strftime("%Y-%m-%d %H:%M:%S");
    if zone == "UTC" {
        format!("{date} UTC")
    } else if zone.starts_with(char::is_alphabetic) {
        format!("{date} {zone} ({offset})")
    } else {
        format!("{date} {offset}")
    }
}

/// A duration in its two largest units: `2 d 3 h`. Up to two days it is told in hours, as the
/// schedules of backups are.
pub(crate) fn duration(locale: Locale, seconds: u64) -> String {
    let day = match locale {
        Locale::En => "d",
        Locale::Fr => "j",
    };
    let (first, second) = if seconds >= 2 * DAY {
        ((seconds / DAY, day), (seconds % DAY / HOUR, "h"))
    } else if seconds >= HOUR {
        ((seconds / HOUR, "h"), (seconds % HOUR / MINUTE, "min"))
    } else if seconds >= MINUTE {
        ((seconds / MINUTE, "min"), (seconds % MINUTE, "s"))
    } else {
        ((seconds, "s"), (0, ""))
    };
    let space = space(locale);
    let unit = |(number, unit)| format!("{}{space}{unit}", grouped(locale, number));
    if second.0 == 0 {
        unit(first)
    } else {
        format!("{}{space}{}", unit(first), unit(second))
    }
}

/// A size as people say it, and exact: `1.5 MiB (1,572,864 bytes)`.
pub(crate) fn bytes(locale: Locale, size: u64) -> String {
    let (units, byte, bytes) = match locale {
        Locale::En => (["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"], "byte", "bytes"),
        Locale::Fr => (
            ["Kio", "Mio", "Gio", "Tio", "Pio", "Eio"],
            "octet",
            "octets",
        ),
    };
    let is_singular = size == 1 || (locale == Locale::Fr && size == 0);
    let space = space(locale);
    let exact = format!(
        "{}{space}{}",
        grouped(locale, size),
        if is_singular { byte } else { bytes }
    );
    if size < 1024 {
        return exact;
    }
    // Tenths of the unit below, so that no size is too large and none is rounded up to 1024.
    let mut tenths = u128::from(size) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10 * 1024 && unit + 1 < units.len() {
        tenths /= 1024;
        unit += 1;
    }
    let point = match locale {
        Locale::En => '.',
        Locale::Fr => ',',
    };
    let (whole, tenth, unit) = (tenths / 10, tenths % 10, units[unit]);
    format!("{whole}{point}{tenth}{space}{unit} ({exact})")
}

/// The first digits of a digest: enough to recognize it, not to prove anything.
pub(crate) fn short_hash(digest: &str) -> String {
    digest.chars().take(12).collect()
}

/// The note that stands where a text was cut.
pub(crate) fn left_out(locale: Locale, characters: usize) -> String {
    let number = grouped(locale, characters as u64);
    match (locale, characters) {
        (Locale::En, 1) => "[… 1 more character left out]".to_owned(),
        (Locale::En, _) => format!("[… {number} more characters left out]"),
        (Locale::Fr, 1) => "[… 1 caractère de plus omis]".to_owned(),
        (Locale::Fr, _) => format!("[… {number} caractères de plus omis]"),
    }
}

/// A number with its digits in groups of three.
fn grouped(locale: Locale, number: u64) -> String {
    let separator = match locale {
        Locale::En => ',',
        Locale::Fr => NO_BREAK_SPACE,
    };
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3 * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(separator);
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        text.replace(NO_BREAK_SPACE, " ")
    }

    #[test]
    fn a_duration_is_told_in_its_two_largest_units() {
        for (seconds, en, fr) in [
            (0, "0 s", "0 s"),
            (59, "59 s", "59 s"),
            (61, "1 min 1 s", "1 min 1 s"),
            (2 * HOUR, "2 h", "2 h"),
            (5 * HOUR + 20 * MINUTE + 5, "5 h 20 min", "5 h 20 min"),
            (DAY, "24 h", "24 h"),
            (2 * DAY + 3 * HOUR, "2 d 3 h", "2 j 3 h"),
            (1_500 * DAY, "1,500 d", "1 500 j"),
        ] {
            assert_eq!(duration(Locale::En, seconds), en);
            assert_eq!(plain(&duration(Locale::Fr, seconds)), fr);
        }
    }

    #[test]
    fn a_size_is_told_as_people_say_it_and_exactly() {
        for (size, en, fr) in [
            (0, "0 bytes", "0 octet"),
            (1, "1 byte", "1 octet"),
            (1_023, "1,023 bytes", "1 023 octets"),
            (
                1_572_864,
                "1.5 MiB (1,572,864 bytes)",
                "1,5 Mio (1 572 864 octets)",
            ),
            (
                1_048_575,
                "1023.9 KiB (1,048,575 bytes)",
                "1023,9 Kio (1 048 575 octets)",
            ),
        ] {
            assert_eq!(bytes(Locale::En, size), en);
            assert_eq!(plain(&bytes(Locale::Fr, size)), fr);
        }
        assert!(bytes(Locale::En, u64::MAX).starts_with("15.9 EiB"));
    }

    #[test]
    fn a_date_names_its_time_zone() {
        let at: jiff::Timestamp = "2025-06-20T08:37:35.9Z".parse().unwrap();
        for (zone, text) in [
            ("UTC", "2025-06-20 08:37:35 UTC"),
            ("Africa/Douala", "2025-06-20 09:37:35 WAT (UTC+01:00)"),
            ("Europe/Paris", "2025-06-20 10:37:35 CEST (UTC+02:00)"),
            ("Asia/Kathmandu", "2025-06-20 14:22:35 UTC+05:45"),
        ] {
            assert_eq!(date(&at.in_tz(zone).unwrap()), text);
        }
    }
}
