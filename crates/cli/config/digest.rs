//! `[digest]`: the mail that says how all is, once a day or a week.

use jiff::civil::{Time, Weekday, time};
use jiff::tz::TimeZone;
use vigie_notify::{DigestPeriod, DigestSettings};

use super::problem::Complaint;
use super::raw::RawDigest;
use super::reading::Reading;
use super::recipient::{self, AddressBook};
use super::{choice, time_zone, window};

const AT: Time = time(7, 0, 0, 0);

const WEEKDAY: Weekday = Weekday::Monday;

/// Who reads digests; the book learns what else is said of them.
pub fn read_readers(
    raw: &mut RawDigest,
    book: &mut AddressBook,
    reading: &mut Reading,
) -> Option<Vec<String>> {
    let given = raw.recipients.take()?;
    let readers = recipient::read_each_once("digest.recipients", Some(given), book, reading);
    Some(readers)
}

/// When digests are written, times in `usual_zone` unless it names another; `None` when they are not.
pub fn read(
    raw: &RawDigest,
    readers: Option<Vec<String>>,
    usual_zone: &TimeZone,
    reading: &mut Reading,
) -> Option<DigestSettings> {
    let period = reading.parse("digest.every", raw.every.as_deref(), period);
    let at = reading.parse("digest.at", raw.at.as_deref(), window::time);
    let day = |word: &str| choice::one_of(word, &window::DAYS);
    let weekday = reading.parse("digest.weekday", raw.weekday.as_deref(), day);
    let zone = raw.timezone.as_deref();
    let zone = reading.parse("digest.timezone", zone, time_zone::parse);
    let is_given = at.is_some() || weekday.is_some() || zone.is_some() || readers.is_some();
    if raw.every.is_none() && is_given {
        let remedy = "say how often: every = \"daily\" or every = \"weekly\"";
        reading.complain("digest", Complaint::new("has no `every`", remedy));
    }
    if period == Some(DigestPeriod::Daily) && weekday.is_some() {
        let remedy = "leave it out, or write every = \"weekly\"";
        let what = "is given for a digest of each day";
        reading.complain("digest.weekday", Complaint::new(what, remedy));
    }
    Some(DigestSettings {
        period: period?,
        at: at.unwrap_or(AT),
        weekday: weekday.unwrap_or(WEEKDAY),
        time_zone: zone.unwrap_or_else(|| usual_zone.clone()),
        recipients: readers.unwrap_or_default(),
    })
}

fn period(word: &str) -> Result<DigestPeriod, Complaint> {
    let choices = DigestPeriod::ALL.map(|period| (period.as_str(), period));
    choice::one_of(word, &choices)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{config, problems};

    #[test]
    fn there_are_digests_for_who_says_how_often() {
        assert_eq!(config("").digests, None);
        let plain = config("digest.every = 'weekly'").digests.unwrap();
        assert_eq!((plain.at, plain.weekday), (AT, WEEKDAY));
        assert_eq!(plain.recipients, [""; 0]);
        let all = config(
            "[digest]\nevery = 'weekly'\nat = '06:30'\nweekday = 'sun'\ntimezone = 'Africa/Douala'\n\
             recipients = ['boss@example.com', { address = 'chef@example.com', locale = 'fr' }]",
        );
        let digests = all.digests.unwrap();
        assert_eq!(
            (digests.at, digests.weekday),
            (time(6, 30, 0, 0), Weekday::Sunday)
        );
        assert_eq!(digests.time_zone.iana_name(), Some("Africa/Douala"));
        assert_eq!(digests.recipients, ["boss@example.com", "chef@example.com"]);
        assert_eq!(all.mail.preferences[0].address, "chef@example.com");
    }

    #[test]
    fn a_wrong_value_says_what_to_write() {
        assert_eq!(
            problems("[digest]\nevery = 'monthly'\nat = '25:00'\nweekday = 'someday'"),
            [
                "vigie.toml:3: digest.every is \"monthly\"; write \"daily\" or \"weekly\"",
                "vigie.toml:4: digest.at is \"25:00\", which is no time of day; write one such as \"22:00\"",
                "vigie.toml:5: digest.weekday is \"someday\"; write \"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\" or \"sun\"",
            ]
        );
        assert_eq!(
            problems("[digest]\nat = '06:00'"),
            [
                "vigie.toml:2: digest has no `every`; say how often: every = \"daily\" or every = \"weekly\""
            ]
        );
        assert_eq!(
            problems("[digest]\nevery = 'daily'\nweekday = 'mon'"),
            [
                "vigie.toml:4: digest.weekday is given for a digest of each day; leave it out, or write every = \"weekly\""
            ]
        );
    }
}
