//! `deposit.report_max_*`: how much a report may hold, besides its size in bytes.

use vigie_domain::ReportLimits;

use super::problem::Complaint;
use super::raw::RawDeposit;
use super::reading::Reading;

pub fn read(raw: &RawDeposit, reading: &mut Reading) -> ReportLimits {
    let usual = ReportLimits::default();
    let mut limit = |name: &str, given: Option<i64>, least: usize, most: usize, usual: usize| {
        let key = format!("deposit.report_max_{name}");
        given
            .and_then(|number| reading.accept(&key, within(number, least, most)))
            .unwrap_or(usual)
    };
    let (least, most) = (ReportLimits::SHALLOWEST, ReportLimits::DEEPEST);
    ReportLimits {
        max_depth: limit("depth", raw.report_max_depth, least, most, usual.max_depth),
        max_databases: limit(
            "databases",
            raw.report_max_databases,
            1,
            100_000,
            usual.max_databases,
        ),
        max_name: limit("name", raw.report_max_name, 1, 1000, usual.max_name),
        max_text: limit("text", raw.report_max_text, 1, 1_000_000, usual.max_text),
    }
}

fn within(number: i64, least: usize, most: usize) -> Result<usize, Complaint> {
    let whole = usize::try_from(number).ok();
    whole
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| {
            let remedy = format!("write a number from {least} to {most}");
            Complaint::new(format!("is {number}"), remedy)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{config, problems};

    #[test]
    fn the_limits_are_those_of_the_domain_unless_told_otherwise() {
        assert_eq!(config("").deposit.report_limits, ReportLimits::default());
        let text = "[deposit]\nroot = 'deposit'\nreport_max_depth = 8\nreport_max_databases = 50\n\
                    report_max_name = 64\nreport_max_text = 500";
        let given = crate::config::tests::read(text, &[]).unwrap();
        let expected = ReportLimits {
            max_depth: 8,
            max_databases: 50,
            max_name: 64,
            max_text: 500,
        };
        assert_eq!(given.deposit.report_limits, expected);
    }

    #[test]
    fn a_limit_with_which_no_report_could_be_taken_is_wrong() {
        for (line, problem) in [
            (
                "report_max_depth = 4",
                "report_max_depth is 4; write a number from 5 to 100",
            ),
            (
                "report_max_depth = 101",
                "report_max_depth is 101; write a number from 5 to 100",
            ),
            (
                "report_max_databases = 0",
                "report_max_databases is 0; write a number from 1 to 100000",
            ),
            (
                "report_max_name = -1",
                "report_max_name is -1; write a number from 1 to 1000",
            ),
            (
                "report_max_text = 0",
                "report_max_text is 0; write a number from 1 to 1000000",
            ),
        ] {
            let expected = format!("vigie.toml:2: deposit.{problem}");
            assert_eq!(problems(&format!("deposit.{line}")), [expected]);
        }
    }
}
