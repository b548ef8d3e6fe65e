//! `[alerts]`: how often people are told of what stays wrong, and how much goes into one mail.

use std::time::Duration;

use vigie_notify::{GroupBy, Grouping, Reminders};

use super::choice::one_of;
use super::duration;
use super::problem::Complaint;
use super::raw::RawAlerts;
use super::reading::Reading;

const REMINDERS: &str = "alerts.reminders";

/// How often people are told of what stays wrong, and how much goes into one mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertsConfig {
    /// When people are reminded of an incident that is open.
    pub reminders: Reminders,
    /// How several notices become one mail.
    pub grouping: Grouping,
}

pub fn read(raw: RawAlerts, reading: &mut Reading) -> AlertsConfig {
    let usual = Grouping::default();
    let reminders = raw
        .reminders
        .map(|written| reminders(&written, reading))
        .unwrap_or_default();
    AlertsConfig {
        reminders,
        grouping: Grouping {
            by: raw
                .group_by
                .and_then(|word| reading.parse("alerts.group_by", Some(&word), group_by))
                .unwrap_or(usual.by),
            above: raw
                .group_above
                .and_then(|jobs| reading.accept("alerts.group_above", count(jobs)))
                .unwrap_or(usual.above),
            outage_above: raw
                .outage_above
                .and_then(|percent| reading.accept("alerts.outage_above", percentage(percent)))
                .unwrap_or(usual.outage_above),
            max_per_hour: raw
                .max_per_hour
                .and_then(|mails| reading.accept("alerts.max_per_hour", count(mails)))
                .unwrap_or(usual.max_per_hour),
        },
    }
}

fn group_by(word: &str) -> Result<Option<GroupBy>, Complaint> {
    let choices = GroupBy::ALL.map(|by| (by.as_str(), Some(by)));
    one_of(word, &[&choices[..], &[("none", None)]].concat())
}

fn count<T: TryFrom<i64>>(number: i64) -> Result<T, Complaint> {
    let whole = (number >= 1).then(|| T::try_from(number).ok()).flatten();
    whole.ok_or_else(|| Complaint::new(format!("is {number}"), "write a number from 1 on"))
}

fn percentage(number: i64) -> Result<u8, Complaint> {
    let whole = u8::try_from(number).ok();
    whole
        .filter(|percent| (1..=100).contains(percent))
        .ok_or_else(|| {
            let remedy = "write a percentage from 1 to 100, of which 100 means never";
            Complaint::new(format!("is {number}"), remedy)
        })
}

fn reminders(written: &[String], reading: &mut Reading) -> Reminders {
    let mut after: Vec<Duration> = Vec::new();
    for (number, text) in written.iter().enumerate() {
        let key = format!("{REMINDERS}[{}]", number + 1);
        let Some(wait) = reading.parse(&key, Some(text), duration::positive) else {
            continue;
        };
        if after.last().is_some_and(|last| *last >= wait) {
            let what = format!("is {text:?}, which is no later than the one before it");
            let remedy = "write the times in order, such as [\"24h\", \"72h\", \"7d\"]";
            reading.complain(&key, Complaint::new(what, remedy));
        }
        after.push(wait);
    }
    Reminders { after }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{config, problems};

    #[test]
    fn people_are_reminded_after_a_day_three_days_and_a_week_unless_told_otherwise() {
        let hours = [24, 72, 168].map(Duration::from_hours);
        assert_eq!(config("").alerts.reminders.after, hours);
        let given = config("alerts.reminders = ['1h', '2d']").alerts.reminders;
        assert_eq!(given.after, [1, 48].map(Duration::from_hours));
        let none = config("alerts.reminders = []").alerts.reminders;
        assert!(none.after.is_empty());
    }

    #[test]
    fn jobs_are_grouped_by_agent_unless_told_otherwise() {
        assert_eq!(config("").alerts.grouping, Grouping::default());
        let given = config(
            "[alerts]\ngroup_by = 'company'\ngroup_above = 10\noutage_above = 30\nmax_per_hour = 5",
        );
        let grouping = Grouping {
            by: Some(GroupBy::Company),
            above: 10,
            outage_above: 30,
            max_per_hour: 5,
        };
        assert_eq!(given.alerts.grouping, grouping);
        assert_eq!(config("alerts.group_by = 'none'").alerts.grouping.by, None);
        assert_eq!(
            problems(
                "[alerts]\ngroup_by = 'job'\ngroup_above = 0\noutage_above = 101\nmax_per_hour = -1"
            ),
            [
                "vigie.toml:3: alerts.group_by is \"job\"; write \"agent\", \"company\", \"city\" or \"none\"",
                "vigie.toml:4: alerts.group_above is 0; write a number from 1 on",
                "vigie.toml:5: alerts.outage_above is 101; write a percentage from 1 to 100, of which 100 means never",
                "vigie.toml:6: alerts.max_per_hour is -1; write a number from 1 on",
            ]
        );
    }

    #[test]
    fn a_wrong_value_says_what_to_write() {
        assert_eq!(
            problems("alerts.reminders = ['24h', '1h']"),
            [
                "vigie.toml:2: alerts.reminders[2] is \"1h\", which is no later than the one \
                 before it; write the times in order, such as [\"24h\", \"72h\", \"7d\"]"
            ]
        );
        assert_eq!(
            problems("alerts.reminders = ['soon']"),
            [
                "vigie.toml:2: alerts.reminders[1] is \"soon\", which is no duration; write a \
                 number and a unit, such as \"90s\", \"15m\", \"24h\" or \"7d\""
            ]
        );
    }
}
