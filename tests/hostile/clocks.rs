//! Clocks that are wrong, by hours and by thousands of years.

use serde_json::{Value, json};

use super::case::{AGENT, Case, Expected, case, entries, good, good_report, report};
use crate::site::{Backup, Report, Site, event_names};

fn ended_at(site: &Site, time: &str) {
    site.deliver(&good_report().saying("operation_end_time", json!(time)));
}

fn is_warned_of_the_clock(site: &Site, result: &Value) {
    let warned = result["events"].as_array().unwrap();
    let warned = warned.iter().filter(|event| event["type"] == "JobWarned");
    let codes: Vec<_> = warned.map(|event| event["warnings"].clone()).collect();
    assert_eq!(codes, [json!(["clock_ahead"])]);
    let mail = site.only_mail();
    assert!(mail.subject.contains("clock is ahead"), "{}", mail.subject);
    assert!(
        mail.text.contains("timezone below [deposit]"),
        "{}",
        mail.text
    );
}

/// Once the clock is right, reports are taken again, and the warning is over.
fn honest_reports_are_taken_again(site: &Site, result: &Value) {
    is_warned_of_the_clock(site, result);
    let next = Backup::good("X", b"the next night's dump");
    site.deliver(&Report::new(AGENT, "2025-06-19T06:30:00", vec![next]));
    let result = site.scan("2025-06-19T07:00:00Z");
    assert_eq!(event_names(&result), ["BackupRecorded"], "{result:#}");
    let job = site.job("X");
    assert_eq!(job["last_success_at"], "2025-06-19T06:30:00Z", "{job:#}");
    assert_eq!(
        job["latest_entry"]["operation_ended_at"],
        "2025-06-19T06:30:00Z"
    );
    // Neither has the one from the future moved the deadline there.
    let result = site.scan("2025-06-20T09:00:00Z");
    let missing = event_names(&result);
    assert!(missing.contains(&"JobMissing"), "{result:#}");
}

pub fn cases() -> Vec<Case> {
    vec![
        case(
            "a clock that is ahead by five hours",
            |site| ended_at(site, "2025-06-19T11:00:00"),
            Expected::Entry("SUCCESS", ""),
        )
        .check(honest_reports_are_taken_again),
        case(
            "a clock that is ahead by twenty years",
            |site| ended_at(site, "2045-06-19T02:10:00"),
            Expected::Entry("SUCCESS", ""),
        )
        .check(honest_reports_are_taken_again),
        case(
            "the end of the year 9999",
            |site| ended_at(site, "9999-12-30T21:59:59Z"),
            Expected::Entry("SUCCESS", ""),
        )
        .check(honest_reports_are_taken_again),
        case(
            "a year that no calendar has",
            |site| ended_at(site, "+99999-01-01T00:00:00Z"),
            Expected::Rejected("which is no date and time"),
        ),
        case(
            "a year before all others",
            |site| ended_at(site, "-009998-01-01T00:00:00Z"),
            Expected::Rejected("the agent's clock is behind"),
        ),
        case(
            "a clock that is behind by years, and a new file",
            |site| ended_at(site, "1970-01-01T00:00:07"),
            Expected::Rejected("the agent's clock is behind, as the file has just come"),
        ),
        case(
            "a clock that is behind by hours",
            |site| ended_at(site, "2025-06-18T06:00:00"),
            Expected::Entry("SUCCESS", ""),
        ),
        case(
            "a run that ends before it begins",
            |site| {
                let begins = json!("2026-01-01T00:00:00");
                site.deliver(&good_report().saying("operation_start_time", begins));
            },
            Expected::Entry("SUCCESS", ""),
        ),
        case(
            "two reports of one instant",
            |site| {
                site.deliver(&report(vec![good().not_staged()]).named("a.json"));
                site.deliver(&good_report().saying("n", json!(2)).named("b.json"));
            },
            Expected::Entry("SUCCESS", ""),
        )
        .check(|site, result| {
            assert_eq!(entries(result).len(), 1);
            let archive = format!("deposit/{AGENT}/log/_archive");
            assert_eq!(site.files_in(&archive), ["a.json", "b.json"]);
        }),
        case(
            "two reports of one instant about two databases",
            |site| {
                site.deliver(&good_report().named("a.json"));
                site.deliver(&report(vec![Backup::good("Y", b"other")]).named("b.json"));
            },
            Expected::Entry("SUCCESS", ""),
        )
        .check(|_, result| assert_eq!(entries(result).len(), 2)),
    ]
}
