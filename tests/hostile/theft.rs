//! Agents that speak for others.

use serde_json::json;

use super::case::{AGENT, Case, Expected, LAST, case, good_report, report};
use crate::site::{Backup, MORNING, Report, Site};

fn speaks_as(site: &Site, agent: &str) {
    site.deliver(&good_report().saying("agent_id", json!(agent)));
}

/// What another agent's job is, before and after.
fn last_is_left_alone(site: &Site, _: &serde_json::Value) {
    let jobs = site.json(&["status"])["jobs"].clone();
    let of_last = jobs.as_array().unwrap().iter();
    let of_last: Vec<_> = of_last.filter(|job| job["agent"] == LAST.0).collect();
    assert_eq!(of_last.len(), 1);
    assert_eq!(of_last[0]["status"], "OK");
    assert_eq!(of_last[0]["last_success_at"], "2025-06-19T02:10:00Z");
}

pub fn cases() -> Vec<Case> {
    let rejected = || Expected::Rejected("but the report lies in the folder of");
    let all = vec![
        case(
            "a report that speaks for another agent",
            |site| speaks_as(site, LAST.0),
            rejected(),
        ),
        case(
            "a report that speaks for another agent in other case",
            |site| speaks_as(site, "zzz_last_site"),
            rejected(),
        ),
        case(
            "an agent id that looks like its own",
            |site| speaks_as(site, "МММ_HOSTILE_SITE"),
            rejected(),
        ),
        case(
            "an agent id that is a path",
            |site| speaks_as(site, "../ZZZ_LAST_SITE"),
            rejected(),
        ),
        case(
            "an agent id with a NUL",
            |site| speaks_as(site, "MMM_HOSTILE_SITE\0ZZZ_LAST_SITE"),
            rejected(),
        ),
        case(
            "an agent id of 1 MiB",
            |site| speaks_as(site, &"x".repeat(1 << 20)),
            rejected(),
        ),
        case(
            "an agent id that is a list",
            |site| site.deliver(&good_report().saying("agent_id", json!([AGENT, LAST.0]))),
            Expected::Rejected("agent_id is an array, not a string"),
        ),
        case(
            "two agent ids in one report",
            |site| {
                let text = good_report().text();
                let both = format!("{{\"agent_id\": \"{AGENT}\", \"AGENT_ID\": \"{}\",", LAST.0);
                let text = text.replacen('{', &both, 1);
                good_report().stage(&site.deposit());
                super::case::drop_text(site, text.as_bytes());
            },
            Expected::Entry("SUCCESS", ""),
        ),
        case(
            "a report for another's database of the same name",
            |site| {
                let theirs = Backup::good(LAST.1, b"other content");
                site.deliver(&report(vec![theirs]));
            },
            Expected::Entry("SUCCESS", ""),
        ),
        case(
            "a database whose name leads to another's copy",
            |site| {
                let name = "../../../ZZZ/LAST/SITE/no-year/LAST";
                let copy = Backup::good(name, b"other content").staged_under("LAST.sql.zst");
                site.deliver(&report(vec![copy]));
            },
            Expected::Entry("SUCCESS", ""),
        ),
        case(
            "another's report, moved over",
            |site| {
                let theirs = Backup::good(LAST.1, b"other").not_staged();
                let theirs = Report::new(LAST.0, "2025-06-19T03:00:00", vec![theirs]);
                site.deliver(&theirs.in_folder(AGENT));
            },
            rejected(),
        ),
        case(
            "another's report after it was taken, moved over",
            |site| {
                site.scan(MORNING);
                let archive = format!("deposit/{}/log/_archive", LAST.0);
                let name = site.files_in(&archive).remove(0);
                let from = site.path(archive).join(name);
                std::fs::copy(from, super::case::log(site).join("r.json")).unwrap();
            },
            rejected(),
        ),
    ];
    all.into_iter()
        .map(|case| case.check(last_is_left_alone))
        .collect()
}
