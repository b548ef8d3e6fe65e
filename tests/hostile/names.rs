//! Names of databases and of reports that are made to deceive.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use serde_json::json;

use super::case::{AGENT, CONTENT, Case, Expected, case, entries, good, good_report, log, report};
use crate::site::{Backup, Site};

/// A good backup of a database of this name, in a file of a harmless one.
fn named(name: &str) -> Backup {
    Backup::good(name, CONTENT).staged_under("X.sql.zst")
}

fn back_up(site: &Site, name: &str) {
    site.deliver(&report(vec![named(name)]));
}

fn report_named(site: &Site, name: &OsStr) {
    good_report().stage(&site.deposit());
    fs::write(log(site).join(name), good_report().text()).unwrap();
}

fn each_has_a_folder_of_its_own(site: &Site, count: usize) {
    let folder = format!("validated/{}/no-year", AGENT.replace('_', "/"));
    assert_eq!(site.files_in(&folder).len(), count);
}

pub fn cases() -> Vec<Case> {
    let mut all = of_databases();
    all.extend(of_several_databases());
    all.extend(of_reports());
    all
}

fn of_databases() -> Vec<Case> {
    let good = || Expected::Entry("SUCCESS", "");
    vec![
        case(
            "a database with a header",
            |site| back_up(site, "X\nBcc: evil@example.com"),
            good(),
        ),
        case(
            "a database that ends the headers",
            |site| back_up(site, "X\r\n\r\nbody"),
            good(),
        ),
        case(
            "a database that clears the screen",
            |site| back_up(site, "X\u{1b}[2J\u{7}"),
            good(),
        ),
        case(
            "a database with a C1 control",
            |site| back_up(site, "X\u{9b}2J"),
            good(),
        ),
        case(
            "a database that is turned around",
            |site| back_up(site, "\u{202e}cod.X"),
            good(),
        ),
        case(
            "a database with no visible letter",
            |site| back_up(site, "\u{200b}\u{2060}"),
            good(),
        ),
        case(
            "a database without a name",
            |site| back_up(site, ""),
            good(),
        ),
        case("a database of spaces", |site| back_up(site, "   "), good()),
        case("a database called .", |site| back_up(site, "."), good()),
        case("a database called ..", |site| back_up(site, ".."), good()),
        case(
            "a database with a path",
            |site| back_up(site, "../../../foreign/X"),
            good(),
        ),
        case(
            "a database with an absolute path",
            |site| back_up(site, "/etc/passwd"),
            good(),
        ),
        case(
            "a database with a Windows path",
            |site| back_up(site, "..\\..\\X"),
            good(),
        ),
        case("a database called CON", |site| back_up(site, "CON"), good()),
        case(
            "a database that ends in dots",
            |site| back_up(site, "X..."),
            good(),
        ),
        case(
            "a database with a NUL",
            |site| back_up(site, "X\0Y"),
            good(),
        ),
        case(
            "a database called .vigie-partial",
            |site| back_up(site, ".vigie-partial"),
            good(),
        ),
        case(
            "a database of 255 bytes",
            |site| back_up(site, &"/".repeat(255)),
            good(),
        ),
        case(
            "a database with half of a surrogate pair",
            |site| {
                good_report().stage(&site.deposit());
                let text = report(vec![named("HERE")])
                    .text()
                    .replace("HERE", "\\ud83d");
                super::case::drop_text(site, text.as_bytes());
            },
            good(),
        ),
    ]
}

fn of_several_databases() -> Vec<Case> {
    let good = || Expected::Entry("SUCCESS", "");
    vec![
        case(
            "databases that differ in case alone",
            |site| site.deliver(&report(vec![named("x"), named("X")])),
            good(),
        )
        .check(|site, _| each_has_a_folder_of_its_own(site, 2)),
        case(
            "databases that look the same",
            |site| site.deliver(&report(vec![named("X"), named("Х"), named("Χ")])),
            good(),
        )
        .check(|site, _| each_has_a_folder_of_its_own(site, 3)),
        case(
            "a letter with an accent, and a letter and an accent",
            |site| site.deliver(&report(vec![named("\u{e9}"), named("e\u{301}")])),
            good(),
        )
        .check(|site, _| each_has_a_folder_of_its_own(site, 2)),
        case(
            "names that are what others are written as",
            |site| {
                let names = ["..", "%2E.", "%2E%2E", "%", ""];
                site.deliver(&report(names.map(named).into()));
            },
            good(),
        )
        .check(|site, _| each_has_a_folder_of_its_own(site, 5)),
        case(
            "long names that begin alike",
            |site| {
                let name = |last: &str| named(&format!("{}{last}", "/".repeat(254)));
                site.deliver(&report(vec![name("a"), name("b")]));
            },
            good(),
        )
        .check(|site, _| each_has_a_folder_of_its_own(site, 2)),
    ]
}

fn of_reports() -> Vec<Case> {
    let good_one = || Expected::Entry("SUCCESS", "");
    vec![
        case(
            "a report whose name has two lines",
            |site| site.deliver(&good_report().named("a\nb: c.json")),
            good_one(),
        ),
        case(
            "a rejected report whose name clears the screen",
            |site| {
                let other = good_report().saying("agent_id", json!("\u{202e}\u{1b}[2J"));
                site.deliver(&other.named("\u{1b}[2J\u{202e}\n.json"));
            },
            Expected::Rejected("agent_id"),
        ),
        case(
            "a failed backup in a report whose name is turned around",
            |site| {
                let failed = good().saying("/BACKUP/status", json!(false));
                let failed = failed.saying("/BACKUP/error_message", json!("\u{1b}[31m\u{202e}\r"));
                site.deliver(&report(vec![failed]).named("\u{202e}nosj.\r\u{7}.json"));
            },
            Expected::Entry("FAILED", ""),
        ),
        case(
            "a report whose name is no UTF-8",
            |site| report_named(site, OsStr::from_bytes(b"\xE9\x1b[2J.json")),
            Expected::Ignored("no UTF-8"),
        ),
        case(
            "a report with the longest name",
            |site| site.deliver(&good_report().named(&format!("{}.json", "x".repeat(250)))),
            good_one(),
        ),
        case(
            "a rejected report with the longest name",
            |site| {
                let name = format!("{}é.json", "x".repeat(248));
                let other = good_report().saying("agent_id", json!(null));
                site.deliver(&other.named(&name));
            },
            Expected::Rejected("agent_id is missing"),
        )
        .check(|site, _| {
            let rejected = format!("deposit/{AGENT}/log/_rejected");
            assert_eq!(site.files_in(&rejected).len(), 2);
        }),
        case(
            "a report that is hidden",
            |site| report_named(site, OsStr::new(".json")),
            Expected::Nothing,
        ),
        case(
            "a report with another ending, and one in capitals",
            |site| {
                report_named(site, OsStr::new("r.json.part"));
                report_named(site, OsStr::new("R.JSON"));
            },
            good_one(),
        )
        .check(|_, result| assert_eq!(entries(result).len(), 1)),
    ]
}
