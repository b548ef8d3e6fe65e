//! Dates, durations, sizes and numbers in words, in each language. Knows no mail and no template.

mod file;

use std::collections::BTreeMap;

use jiff::Zoned;
use serde::Deserialize;

pub(crate) use file::WordingFault;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The words and signs of one language: its `wording.toml`, over the English one.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Wording {
    number: NumberWording,
    date: DateWording,
    duration: DurationWording,
    size: SizeWording,
    status: BTreeMap<String, String>,
    about: BTreeMap<String, String>,
    note: NoteWording,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct NumberWording {
    point: String,
    group: String,
    space: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct DateWording {
    format: String,
    weekdays: [String; 7],
    months: [String; 12],
}

#[derive(Debug, Clone, Default, Deserialize)]
struct DurationWording {
    day: String,
    hour: String,
    minute: String,
    second: String,
    past: String,
    future: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct SizeWording {
    one: String,
    none: String,
    several: String,
    units: [String; 6],
}

#[derive(Debug, Clone, Default, Deserialize)]
struct NoteWording {
    one_left_out: String,
    left_out: String,
    built_in: String,
    test: String,
    one_held_back: String,
    held_back: String,
}

impl Wording {
    /// A date that nobody can take for another one: `Fri 20 Jun 2025, 09:37:35 WAT (UTC+01:00)`.
    pub(crate) fn date(&self, at: &Zoned) -> String {
        let words = &self.date;
        let weekday = usize::from(at.weekday().to_monday_zero_offset().unsigned_abs());
        let month = usize::from(at.month().unsigned_abs()) - 1;
        let mut date = String::with_capacity(48);
        for (text, placeholder) in pieces(&words.format) {
            date.push_str(text);
            match placeholder {
                "weekday" => date.push_str(&words.weekdays[weekday]),
                "month" => date.push_str(&words.months[month]),
                "day" => date.push_str(&at.day().to_string()),
                "year" => date.push_str(&at.year().to_string()),
                "time" => date.push_str(&time_of(at)),
                _ => {}
            }
        }
        date.push(' ');
        date.push_str(&zone_of(at));
        date
    }

    /// A duration in its two largest units: `2 d 3 h`. Up to two days it is told in hours, as the
    /// schedules of backups are.
    pub(crate) fn duration(&self, seconds: u64) -> String {
        let words = &self.duration;
        let (first, second) = if seconds >= 2 * DAY {
            (
                (seconds / DAY, &words.day),
                (seconds % DAY / HOUR, &words.hour),
            )
        } else if seconds >= HOUR {
            (
                (seconds / HOUR, &words.hour),
                (seconds % HOUR / MINUTE, &words.minute),
            )
        } else if seconds >= MINUTE {
            (
                (seconds / MINUTE, &words.minute),
                (seconds % MINUTE, &words.second),
            )
        } else {
            ((seconds, &words.second), (0, &words.second))
        };
        let space = &self.number.space;
        let unit = |(number, unit)| format!("{}{space}{unit}", self.number(number));
        if second.0 == 0 {
            unit(first)
        } else {
            format!("{}{space}{}", unit(first), unit(second))
        }
    }

    /// How long ago something was, or how soon it will be: `2 d 3 h ago`.
    pub(crate) fn relative(&self, at: &Zoned, now: &Zoned) -> String {
        let seconds = now.timestamp().as_second() - at.timestamp().as_second();
        let sentence = if seconds >= 0 {
            &self.duration.past
        } else {
            &self.duration.future
        };
        sentence.replace("{duration}", &self.duration(seconds.unsigned_abs()))
    }

    /// A size as people say it, and exact: `1.5 MiB (1,572,864 bytes)`.
    pub(crate) fn bytes(&self, size: u64) -> String {
        let words = &self.size;
        let byte = match size {
            0 => &words.none,
            1 => &words.one,
            _ => &words.several,
        };
        let space = &self.number.space;
        let exact = format!("{}{space}{byte}", self.number(size));
        if size < 1024 {
            return exact;
        }
        // Tenths of the unit below, so that no size is too large and none is rounded up to 1024.
        let mut tenths = u128::from(size) * 10 / 1024;
        let mut unit = 0;
        while tenths >= 10 * 1024 && unit + 1 < words.units.len() {
            tenths /= 1024;
            unit += 1;
        }
        let (whole, tenth, unit) = (tenths / 10, tenths % 10, &words.units[unit]);
        let point = &self.number.point;
        format!("{whole}{point}{tenth}{space}{unit} ({exact})")
    }

    /// A number with its digits in groups of three.
    pub(crate) fn number(&self, number: u64) -> String {
        let digits = number.to_string();
        let mut grouped = String::with_capacity(digits.len() + digits.len() / 3 * 2);
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                grouped.push_str(&self.number.group);
            }
            grouped.push(digit);
        }
        grouped
    }

    /// The name of a status; `None` for what is none.
    pub(crate) fn status(&self, code: &str) -> Option<&str> {
        self.status.get(code).map(String::as_str)
    }

    /// What a mail is about that is about no single job; empty for what is not known.
    pub(crate) fn about(&self, code: &str) -> String {
        self.about.get(code).cloned().unwrap_or_default()
    }

    /// The note that stands where a text was cut.
    pub(crate) fn left_out(&self, characters: usize) -> String {
        if characters == 1 {
            return self.note.one_left_out.clone();
        }
        let count = self.number(characters as u64);
        self.note.left_out.replace("{count}", &count)
    }

    /// The line in a mail that had to be written with the built-in templates.
    pub(crate) fn built_in_used(&self, problem: &str) -> String {
        self.note.built_in.replace("{problem}", problem)
    }

    /// The line in a mail to somebody of whose alerts some are held back; `None` when none is.
    pub(crate) fn held_back(&self, count: u32) -> Option<String> {
        match count {
            0 => None,
            1 => Some(self.note.one_held_back.clone()),
            _ => {
                let count = self.number(u64::from(count));
                Some(self.note.held_back.replace("{count}", &count))
            }
        }
    }

    /// The line in a mail that is sent to try the way.
    pub(crate) fn test(&self) -> &str {
        &self.note.test
    }
}

fn time_of(at: &Zoned) -> String {
    format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second())
}

/// The name of an instant's time zone and how far it is from UTC: `WAT (UTC+01:00)`.
fn zone_of(at: &Zoned) -> String {
    let info = at.time_zone().to_offset_info(at.timestamp());
    let name = info.abbreviation();
    if name == "UTC" {
        name.to_owned()
    } else if name.starts_with(char::is_alphabetic) {
        format!("{name} ({})", at.strftime("UTC%:z"))
    } else {
        at.strftime("UTC%:z").to_string()
    }
}

/// A text in pieces, each with the name of the placeholder that follows it.
fn pieces(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('}')
        .map(|piece| piece.split_once('{').unwrap_or((piece, "")))
}

/// The first digits of a digest: enough to recognize it, not to prove anything.
pub(crate) fn short_hash(digest: &str) -> String {
    digest.chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_BREAK_SPACE: char = '\u{A0}';

    fn both() -> [Wording; 2] {
        let english = include_str!("../../templates/en/wording.toml");
        let french = include_str!("../../templates/fr/wording.toml");
        [
            Wording::read(&[english]).unwrap(),
            Wording::read(&[english, french]).unwrap(),
        ]
    }

    fn plain(text: &str) -> String {
        text.replace(NO_BREAK_SPACE, " ")
    }

    #[test]
    fn a_duration_is_told_in_its_two_largest_units() {
        let [english, french] = both();
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
            assert_eq!(english.duration(seconds), en);
            assert_eq!(plain(&french.duration(seconds)), fr);
        }
    }

    #[test]
    fn a_size_is_told_as_people_say_it_and_exactly() {
        let [english, french] = both();
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
            assert_eq!(english.bytes(size), en);
            assert_eq!(plain(&french.bytes(size)), fr);
        }
        assert!(english.bytes(u64::MAX).starts_with("15.9 EiB"));
    }

    #[test]
    fn a_date_names_its_day_and_its_time_zone() {
        let at: jiff::Timestamp = "2025-06-20T08:37:35.9Z".parse().unwrap();
        let [english, french] = both();
        for (zone, text) in [
            ("UTC", "Fri 20 Jun 2025, 08:37:35 UTC"),
            ("Africa/Douala", "Fri 20 Jun 2025, 09:37:35 WAT (UTC+01:00)"),
            ("Europe/Paris", "Fri 20 Jun 2025, 10:37:35 CEST (UTC+02:00)"),
            ("Asia/Kathmandu", "Fri 20 Jun 2025, 14:22:35 UTC+05:45"),
        ] {
            assert_eq!(english.date(&at.in_tz(zone).unwrap()), text);
        }
        assert_eq!(
            french.date(&at.in_tz("UTC").unwrap()),
            "ven. 20 juin 2025, 08:37:35 UTC"
        );
    }

    #[test]
    fn what_was_and_what_will_be_is_told_from_now() {
        let now: Zoned = "2025-06-20T08:00:00Z[UTC]".parse().unwrap();
        let before = now
            .checked_sub(jiff::SignedDuration::from_hours(5))
            .unwrap();
        let [english, french] = both();
        assert_eq!(english.relative(&before, &now), "5 h ago");
        assert_eq!(english.relative(&now, &before), "in 5 h");
        assert_eq!(plain(&french.relative(&before, &now)), "il y a 5 h");
        assert_eq!(english.relative(&now, &now), "0 s ago");
    }

    #[test]
    fn every_status_has_a_name_in_each_language() {
        let [english, french] = both();
        for status in vigie_domain::JobStatus::ALL {
            let code = status.as_str();
            assert_ne!(english.status(code), french.status(code), "{code}");
        }
        assert_eq!(english.status("SUCCESS"), Some("proven"));
        assert_eq!(english.status("OTHER"), None);
    }
}
