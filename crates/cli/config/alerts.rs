//! `[alerts]`: how often people are told of what stays wrong.

use std::time::Duration;

use vigie_notify::Reminders;

use super::duration;
use super::problem::Complaint;
use super::raw::RawAlerts;
use super::reading::Reading;

const REMINDERS: &str = "alerts.reminders";

/// How often people are told of what stays wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertsConfig {
    /// When people are reminded of an incident that is open.
    pub reminders: Reminders,
}

pub fn read(raw: RawAlerts, reading: &mut Reading) -> AlertsConfig {
    let reminders = raw
        .reminders
        .map(|written| reminders(&written, reading))
        .unwrap_or_default();
    AlertsConfig { reminders }
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
        assert_eq!(none.after, []);
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
