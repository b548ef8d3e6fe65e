//! `[retention]`: how many proven backups of each job are kept.

use jiff::tz::TimeZone;
use vigie_domain::{KeepCount, RetentionPolicy};

use super::deposit::DepositConfig;
use super::problem::Complaint;
use super::raw::{RawCount, RawRetention};
use super::reading::Reading;
use super::time_zone;

/// The policy, with days in `usual_zone` unless it names another; `None` when each backup takes the place
/// of the one before it.
pub fn read(
    raw: Option<RawRetention>,
    deposit: &DepositConfig,
    usual_zone: &TimeZone,
    reading: &mut Reading,
) -> Option<RetentionPolicy> {
    let raw = raw?;
    let before = reading.problems.len();
    let mut count = |key: &str, given: Option<RawCount>| {
        let count = given.map_or(Ok(KeepCount::NONE), count_of);
        let accepted = reading.accept(&format!("retention.{key}"), count);
        accepted.unwrap_or(KeepCount::NONE)
    };
    let policy = RetentionPolicy {
        last: count("keep_last", raw.keep_last),
        hourly: count("keep_hourly", raw.keep_hourly),
        daily: count("keep_daily", raw.keep_daily),
        weekly: count("keep_weekly", raw.keep_weekly),
        monthly: count("keep_monthly", raw.keep_monthly),
        yearly: count("keep_yearly", raw.keep_yearly),
        time_zone: reading
            .parse(
                "retention.timezone",
                raw.timezone.as_deref(),
                time_zone::parse,
            )
            .unwrap_or_else(|| usual_zone.clone()),
    };
    if reading.problems.len() > before || reading.has_problem_below("retention") {
        return Some(policy);
    }
    if policy.is_empty() {
        let remedy = "say how many: keep_daily = 7, for example; or leave [retention] out, and each \
                      backup takes the place of the one before it";
        reading.complain("retention", Complaint::new("keeps nothing", remedy));
    }
    if deposit.validated.is_none() && !reading.has_problem_with("deposit.validated") {
        let what = "is given, and no backup is kept, as deposit.validated is not set";
        let remedy = "name the folder to keep them in: validated = \"validated\" below [deposit]";
        reading.complain("retention", Complaint::new(what, remedy));
    }
    Some(policy)
}

fn count_of(raw: RawCount) -> Result<KeepCount, Complaint> {
    let remedy = "write a number of backups, or \"all\"";
    match raw {
        RawCount::Number(-1) => Ok(KeepCount::All),
        RawCount::Number(number) => u32::try_from(number)
            .map(KeepCount::AtMost)
            .map_err(|_| Complaint::new(format!("is {number}"), remedy)),
        RawCount::Written(word) if word == "all" || word == "unlimited" => Ok(KeepCount::All),
        RawCount::Written(word) => Err(Complaint::new(format!("is {word:?}"), remedy)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{config, problems};

    const KEPT: &str = "deposit.validated = 'validated'\n";

    fn policy(text: &str) -> RetentionPolicy {
        config(&format!("{KEPT}{text}")).retention.unwrap()
    }

    #[test]
    fn without_it_each_backup_takes_the_place_of_the_one_before() {
        assert_eq!(config(KEPT).retention, None);
    }

    #[test]
    fn each_value_can_be_given() {
        let text = "mail.timezone = 'Europe/Paris'\n[retention]\nkeep_last = 1\nkeep_hourly = 2\n\
                    keep_daily = 3\nkeep_weekly = 4\nkeep_monthly = 'all'\nkeep_yearly = -1";
        let expected = RetentionPolicy {
            last: KeepCount::AtMost(1),
            hourly: KeepCount::AtMost(2),
            daily: KeepCount::AtMost(3),
            weekly: KeepCount::AtMost(4),
            monthly: KeepCount::All,
            yearly: KeepCount::All,
            time_zone: TimeZone::get("Europe/Paris").unwrap(),
        };
        assert_eq!(policy(text), expected);
        let zone = policy("retention = { keep_last = 1, timezone = 'Africa/Douala' }").time_zone;
        assert_eq!(zone.iana_name(), Some("Africa/Douala"));
    }

    #[test]
    fn a_wrong_value_says_what_to_write() {
        let cases = [
            (
                "retention.keep_daily = -2",
                "retention.keep_daily is -2; write a number of backups, or \"all\"",
            ),
            (
                "retention.keep_daily = 'some'",
                "retention.keep_daily is \"some\"; write a number of backups, or \"all\"",
            ),
            (
                "retention.keep_daily = 1.5",
                "retention.keep_daily is a decimal number; write a number of backups, or \"all\"",
            ),
            (
                "retention.keep_dayly = 1",
                "retention.keep_dayly is no known key; did you mean retention.keep_daily?",
            ),
            (
                "retention = { keep_daily = 0 }",
                "retention keeps nothing; say how many: keep_daily = 7, for example; or leave \
                 [retention] out, and each backup takes the place of the one before it",
            ),
        ];
        for (text, problem) in cases {
            let text = format!("{KEPT}{text}");
            assert!(
                problems(&text).contains(&format!("vigie.toml:3: {problem}")),
                "{:?}",
                problems(&text)
            );
        }
        assert_eq!(
            problems("retention.keep_daily = 7"),
            [
                "vigie.toml:2: retention is given, and no backup is kept, as deposit.validated is \
                 not set; name the folder to keep them in: validated = \"validated\" below [deposit]"
            ]
        );
    }
}
