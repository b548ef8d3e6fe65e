//! Folders of agents, and what lies in the root of the deposit.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use super::case::{AGENT, Case, ENDED_AT, Expected, LAST, case, good, good_report, make_pipe};
use crate::site::{Backup, MORNING, Report, Site};

/// A folder of this name, with a good report in it.
fn folder(site: &Site, name: &OsStr) {
    good_report().deliver(&site.path("foreign-deposit"));
    let from = site.path("foreign-deposit").join(AGENT);
    fs::rename(from, site.deposit().join(name)).unwrap();
    fs::remove_dir(site.path("foreign-deposit")).unwrap();
}

/// An agent of this name, with a good report of its own.
fn agent(site: &Site, name: &str) {
    site.deliver(&Report::new(name, ENDED_AT, vec![good()]).named("r.json"));
}

fn twin_is_told(_: &Site, result: &Value) {
    let ignored = result["ignored"].to_string();
    assert!(ignored.contains("case alone"), "{ignored}");
}

pub fn cases() -> Vec<Case> {
    let good_one = || Expected::Entry("SUCCESS", "");
    vec![
        case(
            "a folder whose name is no UTF-8",
            |site| folder(site, OsStr::from_bytes(b"A_\xE9_\x1b[2J")),
            Expected::Ignored("no UTF-8"),
        ),
        case(
            "a folder whose name has two lines",
            |site| folder(site, OsStr::new("A_B\nC")),
            Expected::Ignored("control character"),
        ),
        case(
            "a folder whose name is turned around",
            |site| agent(site, "A_B_\u{202e}C"),
            good_one(),
        ),
        case(
            "a folder whose name is turned around, with reports that can't be taken",
            |site| {
                let name = "A_\u{202e}_\u{2028}C";
                let other = Report::new(name, ENDED_AT, vec![good()]).named("r.json");
                site.deliver(&other.saying("agent_id", json!("\u{202e}")));
                fs::write(
                    site.deposit().join(name).join("log/_rejected"),
                    "in the way",
                )
                .unwrap();
            },
            Expected::Error("_rejected is a file, not a folder"),
        ),
        case(
            "a folder with a backslash",
            |site| folder(site, OsStr::new("A_B\\..\\C")),
            Expected::Ignored("path separator"),
        ),
        case(
            "a folder that is hidden",
            |site| folder(site, OsStr::new(".A_B_C")),
            Expected::Nothing,
        ),
        case(
            "a folder with a name of 255 bytes",
            |site| agent(site, &format!("A_B_{}", "x".repeat(251))),
            good_one(),
        ),
        case(
            "a folder that ends in dots",
            |site| agent(site, "A_B_C..."),
            good_one(),
        ),
        case(
            "a folder of spaces",
            |site| folder(site, OsStr::new("   ")),
            Expected::Ignored("empty"),
        ),
        case("a folder called CON", |site| agent(site, "CON"), good_one()),
        case(
            "a folder that looks like another agent's",
            |site| agent(site, "ZZZ_LАST_SITE"),
            good_one(),
        ),
        case(
            "a folder that differs from a known agent's in case alone",
            |site| {
                site.scan(MORNING);
                let twin = Backup::good(LAST.1, b"other").not_staged();
                let twin = Report::new(LAST.0, "2025-06-19T03:00:00", vec![twin]);
                site.deliver(&twin.in_folder("ZZZ_Last_SITE"));
            },
            Expected::Ignored("case alone"),
        )
        .check(|site, _| assert_eq!(site.status_of(LAST.1), "OK")),
        case(
            "a folder that differs from the agent's own in case alone",
            |site| {
                site.deliver(&good_report());
                site.deliver(&good_report().in_folder("mmm_hostile_site"));
            },
            Expected::Entry("SUCCESS", ""),
        )
        .check(twin_is_told),
        case(
            "a link to another agent's folder",
            |site| symlink(LAST.0, site.deposit().join("A_B_C")).unwrap(),
            Expected::Nothing,
        ),
        case(
            "a link to the root of the system",
            |site| symlink("/", site.deposit().join("A_B_C")).unwrap(),
            Expected::Nothing,
        ),
        case(
            "files, pipes and links that lead nowhere in the root",
            |site| {
                fs::write(site.deposit().join("A_B_C"), "hello").unwrap();
                make_pipe(&site.deposit().join("A_B_D"));
                symlink("nowhere", site.deposit().join("A_B_E")).unwrap();
                symlink("A_B_F", site.deposit().join("A_B_F")).unwrap();
            },
            Expected::Nothing,
        ),
        case(
            "2,000 empty folders",
            |site| {
                for number in 0..2000 {
                    fs::create_dir(site.deposit().join(format!("A_B_{number}"))).unwrap();
                }
            },
            Expected::Nothing,
        ),
        case(
            "a site whose parts are what others' missing ones are written as",
            |site| {
                agent(site, "A_B");
                agent(site, "A_B_no-neighborhood");
            },
            Expected::Entry("SUCCESS", ""),
        )
        .check(|site, _| {
            // Each copy in a folder of its own, which `kept once` has counted already.
            let jobs = site.json(&["status"])["jobs"].clone();
            let paths = jobs.as_array().unwrap().iter();
            let paths = paths.map(|job| job["latest_entry"]["validated_path"].clone());
            let mut paths: Vec<String> = paths.map(|path| path.to_string()).collect();
            paths.sort();
            paths.dedup();
            assert_eq!(paths.len(), 4, "{paths:?}");
            assert_ne!(json!(paths[0]), json!(paths[1]));
        }),
    ]
}
