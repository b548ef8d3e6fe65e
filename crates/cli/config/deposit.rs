//! `[deposit]`: where agents drop things, and how their reports are taken.

use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use vigie_domain::ReportLimits;

use super::problem::Complaint;
use super::raw::RawDeposit;
use super::reading::Reading;
use super::{byte_size, duration, report_limits, time_zone};

const REPORT_MAX_AGE: Duration = Duration::from_hours(30 * 24);
const REPORT_MAX_SIZE: u64 = 4 << 20;
const SETTLE: Duration = Duration::from_mins(1);

/// Where agents drop things, and how their reports are taken.
#[derive(Debug, Clone)]
pub struct DepositConfig {
    /// The folder that holds one folder per agent.
    pub root: PathBuf,
    /// Where proven backups are copied to; nowhere when `None`.
    pub validated: Option<PathBuf>,
    /// Whether a database that only a report knows becomes a job.
    pub auto_register: bool,
    /// How old a report may be and still count.
    pub report_max_age: Duration,
    /// How large a report may be, in bytes.
    pub report_max_size: u64,
    /// How much a report may hold.
    pub report_limits: ReportLimits,
    /// What agents mean by times without an offset.
    pub time_zone: TimeZone,
    /// How long a growing file is waited for.
    pub settle: Duration,
}

pub fn read(raw: &RawDeposit, reading: &mut Reading) -> DepositConfig {
    let age = raw.report_max_age.as_deref();
    let settle = raw.settle.as_deref();
    let zone = raw.timezone.as_deref();
    DepositConfig {
        root: root(raw, reading),
        validated: reading.path("deposit.validated", raw.validated.as_deref()),
        auto_register: raw.auto_register.unwrap_or(true),
        report_max_age: reading
            .parse("deposit.report_max_age", age, duration::positive)
            .unwrap_or(REPORT_MAX_AGE),
        report_max_size: raw
            .report_max_size
            .as_ref()
            .and_then(|size| reading.accept("deposit.report_max_size", byte_size::read(size)))
            .unwrap_or(REPORT_MAX_SIZE),
        report_limits: report_limits::read(raw, reading),
        time_zone: reading
            .parse("deposit.timezone", zone, time_zone::parse)
            .unwrap_or(TimeZone::UTC),
        settle: reading
            .parse("deposit.settle", settle, duration::any)
            .unwrap_or(SETTLE),
    }
}

fn root(raw: &RawDeposit, reading: &mut Reading) -> PathBuf {
    let key = "deposit.root";
    if raw.root.is_none() && !reading.has_problem_with(key) {
        let remedy = "name the folder that agents write to: root = \"deposit\" below [deposit]";
        reading.complain(key, Complaint::new("is not set", remedy));
    }
    reading.path(key, raw.root.as_deref()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::tests::{config, config_with, problems, problems_with, read};

    #[test]
    fn all_but_the_root_has_a_default() {
        let deposit = config("").deposit;
        assert_eq!(deposit.root, Path::new("/srv/vigie/deposit"));
        assert_eq!(deposit.validated, None);
        assert!(deposit.auto_register);
        assert_eq!(deposit.report_max_age, Duration::from_hours(30 * 24));
        assert_eq!(deposit.report_max_size, 4 * 1024 * 1024);
        assert_eq!(deposit.time_zone, TimeZone::UTC);
        assert_eq!(deposit.settle, Duration::from_mins(1));
    }

    #[test]
    fn each_value_can_be_given() {
        let text = "
[deposit]
root = '/var/./deposit'
validated = '../validated'
auto_register = false
report_max_age = '7d'
report_max_size = 1000
timezone = 'Africa/Douala'
settle = '0s'
";
        let deposit = read(text, &[]).unwrap().deposit;
        assert_eq!(deposit.root, Path::new("/var/deposit"));
        assert_eq!(
            deposit.validated.as_deref(),
            Some(Path::new("/srv/vigie/../validated"))
        );
        assert!(!deposit.auto_register);
        assert_eq!(deposit.report_max_age, Duration::from_hours(7 * 24));
        assert_eq!(deposit.report_max_size, 1000);
        assert_eq!(deposit.time_zone.iana_name(), Some("Africa/Douala"));
        assert_eq!(deposit.settle, Duration::ZERO);
        let size = "deposit.report_max_size = '64KiB'";
        assert_eq!(config(size).deposit.report_max_size, 64 * 1024);
    }

    #[test]
    fn paths_in_the_file_start_from_its_folder_and_those_in_variables_from_the_current_one() {
        let text = "[deposit]\nroot = 'deposit'\nvalidated = 'validated'\n";
        let environment = crate::config::tests::environment(&[("BACKUP_STORAGE_ROOT", "drop")]);
        let path = Path::new("/etc/vigie/vigie.toml");
        let deposit = crate::config::Config::from_toml(text, path, &environment)
            .unwrap()
            .deposit;
        assert_eq!(deposit.root, Path::new("/srv/vigie/drop"));
        assert_eq!(
            deposit.validated.as_deref(),
            Some(Path::new("/etc/vigie/validated"))
        );
    }

    #[test]
    fn variables_override_the_paths_and_an_empty_one_does_not() {
        let variables = [
            ("BACKUP_STORAGE_ROOT", ""),
            ("VALIDATED_BACKUPS_BASE_PATH", "/mnt/validated"),
        ];
        let deposit = config_with("deposit.validated = 'validated'", &variables).deposit;
        assert_eq!(deposit.root, Path::new("/srv/vigie/deposit"));
        assert_eq!(
            deposit.validated.as_deref(),
            Some(Path::new("/mnt/validated"))
        );
        let deposit = read("", &[("BACKUP_STORAGE_ROOT", "/mnt/deposit")]);
        assert_eq!(deposit.unwrap().deposit.root, Path::new("/mnt/deposit"));
    }

    #[test]
    fn a_wrong_value_says_what_to_write() {
        let text = "
[deposit.nothing]
[[jobs]]
";
        assert_eq!(problems(text).len(), 3);
        let cases = [
            (
                "validated = '~/validated'",
                "vigie.toml:2: deposit.validated is \"~/validated\", and `~` does not stand for a \
                 home folder here; write the whole path",
            ),
            (
                "validated = ' '",
                "vigie.toml:2: deposit.validated is empty; give it a value, or leave the key out",
            ),
            (
                "auto_register = 'yes'",
                "vigie.toml:2: deposit.auto_register is a string; write true or false",
            ),
            (
                "report_max_age = '0d'",
                "vigie.toml:2: deposit.report_max_age is zero; give a longer time",
            ),
            (
                "report_max_size = true",
                "vigie.toml:2: deposit.report_max_size is a boolean; write a number of bytes, \
                 or a string such as \"4MiB\"",
            ),
            (
                "report_max_size = '4M'",
                "vigie.toml:2: deposit.report_max_size is \"4M\", which is no size; write a whole \
                 number and B, kB, MB, GB, KiB, MiB or GiB, such as \"4MiB\"",
            ),
            (
                "timezone = 'Douala'",
                "vigie.toml:2: deposit.timezone is \"Douala\", which is no IANA time zone; did \
                 you mean \"Africa/Douala\"?",
            ),
            (
                "settle = 60",
                "vigie.toml:2: deposit.settle is an integer; write a string in quotes",
            ),
        ];
        for (line, problem) in cases {
            assert_eq!(problems(&format!("deposit.{line}")), [problem]);
        }
    }

    #[test]
    fn a_wrong_variable_is_named_as_such() {
        assert_eq!(
            problems_with("", &[("BACKUP_STORAGE_ROOT", "~/deposit")]),
            [
                "environment: BACKUP_STORAGE_ROOT (deposit.root) is \"~/deposit\", and `~` does \
                 not stand for a home folder here; write the whole path"
            ]
        );
    }

    #[test]
    fn a_root_of_the_wrong_kind_is_not_also_called_missing() {
        let errors = read("[deposit]\nroot = 3", &[]).unwrap_err();
        assert_eq!(
            errors.to_string(),
            "vigie.toml:2: deposit.root is an integer; write a string in quotes"
        );
    }
}
