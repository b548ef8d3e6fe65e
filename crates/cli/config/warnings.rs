//! `[warnings]`: what is told of backups that are proven and odd, of all jobs or of one.

use std::time::Duration;

use jiff::SignedDuration;
use vigie_domain::WarningSettings;

use super::duration;
use super::problem::Complaint;
use super::raw::{RawSpan, RawWarnings};
use super::reading::Reading;
use super::switch_or_table::SwitchOrTable;

/// What is said at `path` of warnings; what it leaves out is as in `default`.
pub fn read(
    raw: SwitchOrTable<RawWarnings>,
    path: &str,
    default: WarningSettings,
    reading: &mut Reading,
) -> WarningSettings {
    let raw = match raw {
        SwitchOrTable::Switch(false) => return WarningSettings::NONE,
        SwitchOrTable::Switch(true) => return default,
        SwitchOrTable::Table(raw) => raw,
    };
    WarningSettings {
        unchanged_after: match raw.unchanged_after {
            None => default.unchanged_after,
            Some(RawSpan::Switch(false)) => None,
            Some(RawSpan::Switch(true)) => WarningSettings::default().unchanged_after,
            Some(RawSpan::Written(text)) => {
                let key = format!("{path}.unchanged_after");
                reading.accept(&key, span(&text))
            }
        },
        size: raw.size.unwrap_or(default.size),
        later: raw.later.unwrap_or(default.later),
        retried: raw.retried.unwrap_or(default.retried),
        clock: raw.clock.unwrap_or(default.clock),
    }
}

fn span(text: &str) -> Result<SignedDuration, Complaint> {
    let written: Duration = duration::positive_in_seconds(text)?;
    // No duration of the config is longer than ten years.
    Ok(SignedDuration::try_from(written).unwrap_or(SignedDuration::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{config, problems};

    const JOB: &str = "[[jobs]]\nagent = 'A_B_C'\ndatabase = 'X'\n";

    fn days(days: i64) -> SignedDuration {
        SignedDuration::from_hours(24 * days)
    }

    fn of_job(text: &str) -> Option<WarningSettings> {
        config(text).jobs[0].warnings
    }

    #[test]
    fn everything_odd_is_told_unless_it_is_turned_off() {
        let warnings = config("").warnings;
        assert_eq!(warnings, WarningSettings::default());
        assert_eq!(warnings.unchanged_after, Some(days(30)));
        let some = config("[warnings]\nunchanged_after = '90d'\nlater = false").warnings;
        let expected = WarningSettings {
            unchanged_after: Some(days(90)),
            later: false,
            ..warnings
        };
        assert_eq!(some, expected);
        let none = config("warnings.unchanged_after = false").warnings;
        assert_eq!(none.unchanged_after, None);
        assert_eq!(config("warnings = false").warnings, WarningSettings::NONE);
        assert_eq!(config("warnings = true").warnings, warnings);
    }

    #[test]
    fn a_job_says_what_differs_for_it() {
        assert_eq!(of_job(JOB), None);
        assert_eq!(
            of_job(&format!("{JOB}warnings = false")),
            Some(WarningSettings::NONE)
        );
        let text = format!(
            "warnings = {{ unchanged_after = '7d', later = false }}\n{JOB}\
             warnings = {{ unchanged_after = false, size = false, later = true }}"
        );
        let expected = WarningSettings {
            unchanged_after: None,
            size: false,
            later: true,
            retried: true,
            clock: true,
        };
        assert_eq!(of_job(&text), Some(expected));
        // What is on for one job alone.
        let text = format!("warnings = false\n{JOB}warnings = {{ size = true }}");
        let expected = WarningSettings {
            size: true,
            ..WarningSettings::NONE
        };
        assert_eq!(of_job(&text), Some(expected));
        let text = format!("warnings = false\n{JOB}[jobs.warnings]\nunchanged_after = true");
        assert_eq!(of_job(&text).unwrap().unchanged_after, Some(days(30)));
    }

    #[test]
    fn a_wrong_value_says_what_to_write() {
        let cases = [
            (
                "warnings = 'none'",
                "warnings is a string; write false, or a table of its keys",
            ),
            (
                "warnings.unchanged_after = 30",
                "warnings.unchanged_after is an integer; write a duration such as \"30d\", or false",
            ),
            (
                "warnings.unchanged_after = 'a month'",
                "warnings.unchanged_after is \"a month\", which is no duration; write a number \
                 and a unit, such as \"90s\", \"15m\", \"24h\" or \"7d\"",
            ),
            (
                "warnings.unchanged_after = '0d'",
                "warnings.unchanged_after is zero; give a longer time",
            ),
            (
                "warnings.size = 'no'",
                "warnings.size is a string; write true or false",
            ),
            (
                "warnings.sizes = true",
                "warnings.sizes is no known key; did you mean warnings.size?",
            ),
            (
                "[[warnings]]\nsize = true",
                "warnings is given several times; write [warnings] above its keys",
            ),
        ];
        for (text, problem) in cases {
            assert_eq!(problems(text), [format!("vigie.toml:2: {problem}")]);
        }
        assert_eq!(
            problems(&format!("{JOB}warnings = {{ late = true, size = 1 }}")),
            [
                "vigie.toml:5: jobs[1].warnings.late is no known key; did you mean \
                 jobs[1].warnings.later?",
                "vigie.toml:5: jobs[1].warnings.size is an integer; write true or false",
            ]
        );
    }
}
