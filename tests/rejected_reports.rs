use std::fs;

use serde_json::json;

use crate::site::{Backup, MORNING, Report, Site, event_names};

const AGENT: &str = "SDMC_DOUALA_AKWA";
const ENDED_AT: &str = "2025-06-19T02:10:00";

fn report() -> Report {
    Report::new(AGENT, ENDED_AT, vec![Backup::good("X", b"content")])
}

/// These bytes are set aside with a reason, and another agent is served in the same cycle.
#[track_caller]
fn assert_rejected(text: &[u8], field: Option<&str>, reason: &str) {
    let site = Site::new();
    report().deliver_text(&site.deposit(), text);
    let other = Report::new(
        "ZZZ_LAST_SITE",
        ENDED_AT,
        vec![Backup::good("OTHER", b"good")],
    );
    site.deliver(&other);
    let result = site.scan(MORNING);
    assert_eq!(result["reports"]["rejected"], 1, "{result:#}");
    assert_eq!(result["events"][0]["type"], "ReportRejected");
    assert_eq!(result["events"][0]["agent"], AGENT);
    let told = result["events"][0]["reason"].as_str().unwrap();
    assert!(told.contains(reason), "{told}");
    if let Some(field) = field {
        assert!(told.contains(field), "{told} does not name {field}");
    }
    let name = report().file_name().to_owned();
    let rejected = format!("deposit/{AGENT}/log/_rejected");
    let reason_name = format!("{name}.reason.txt");
    assert_eq!(
        site.files_in(&rejected),
        [name.clone(), reason_name.clone()]
    );
    assert_eq!(fs::read(site.path(&rejected).join(name)).unwrap(), text);
    let kept = fs::read_to_string(site.path(&rejected).join(reason_name)).unwrap();
    assert_eq!(kept, format!("{told}\n"));
    assert_eq!(site.status_of("OTHER"), "OK");
    assert_eq!(event_names(&site.scan(MORNING)), Vec::<&str>::new());
}

#[test]
fn what_is_no_json_is_rejected() {
    assert_rejected(b"{broken", None, "no JSON");
    assert_rejected(b"not a report at all", None, "no JSON");
    assert_rejected(b"[1, 2]", None, "the report is an array, not an object");
    let nested = [vec![b'['; 10_000], vec![b']'; 10_000]].concat();
    assert_rejected(&nested, None, "report_max_depth");
}

#[test]
fn latin_1_is_rejected() {
    let text = report().text().replace("completed", "termin\u{e9}");
    let latin_1: Vec<u8> = text
        .chars()
        .map(|character| u8::try_from(u32::from(character)).unwrap())
        .collect();
    assert_rejected(&latin_1, None, "no UTF-8: byte 0xE9");
}

#[test]
fn a_report_without_what_it_must_have_is_rejected_by_the_field() {
    for field in ["agent_id", "operation_end_time", "databases"] {
        let without = report().saying(field, json!("None")).text();
        assert_rejected(without.as_bytes(), Some(field), "is missing");
    }
    let undated = report().saying("operation_end_time", json!("yesterday"));
    assert_rejected(
        undated.text().as_bytes(),
        Some("operation_end_time"),
        "yesterday",
    );
    let listed = report().saying("databases", json!(["X"]));
    assert_rejected(
        listed.text().as_bytes(),
        Some("databases"),
        "an array, not an object",
    );
}

#[test]
fn a_report_of_another_agent_is_rejected() {
    let other = report().saying("agent_id", json!("ZZZ_LAST_SITE"));
    assert_rejected(other.text().as_bytes(), Some("agent_id"), "ZZZ_LAST_SITE");
}

#[test]
fn a_path_that_would_leave_the_agents_folder_is_rejected() {
    let path = "../../ZZZ_LAST_SITE/databases/OTHER.sql.zst";
    let leaving = Backup::good("X", b"content").saying("/staged_file_name", json!(path));
    let text = Report::new(AGENT, ENDED_AT, vec![leaving]).text();
    assert_rejected(
        text.as_bytes(),
        Some("databases.X.staged_file_name"),
        "leave",
    );
}

#[test]
fn a_report_from_1999_is_rejected() {
    let old = report().saying("operation_end_time", json!("1999-12-31T23:59:59"));
    assert_rejected(
        old.text().as_bytes(),
        Some("operation_end_time"),
        "report_max_age",
    );
}

#[test]
fn a_report_that_is_too_large_is_rejected_unread() {
    let large = report().saying("padding", json!("x".repeat(5 << 20)));
    assert_rejected(large.text().as_bytes(), None, "report_max_size");
}

#[test]
fn a_half_written_report_is_left_alone_and_read_when_it_is_whole() {
    let site = Site::with_config(
        "[deposit]\nroot = \"deposit\"\n[mail]\nadmin_email_recipient = \"a@example.com\"\n",
    );
    let report = report();
    let text = report.text();
    for part in [&text[..0], &text[..text.len() / 2]] {
        report.deliver_text(&site.deposit(), part.as_bytes());
        let result = site.scan(MORNING);
        assert_eq!(result["reports"]["pending"], 1, "{result:#}");
        assert_eq!(result["events"], json!([]));
    }
    site.deliver(&report);
    site.scan(MORNING);
    assert_eq!(site.status_of("X"), "OK");
}

#[test]
fn a_report_that_stays_half_written_is_rejected_in_the_end() {
    // No settle time: what is half-written stays so.
    assert_rejected(b"", None, "ends before the report does");
    let text = report().text();
    let half = &text.as_bytes()[..text.len() / 2];
    assert_rejected(half, None, "ends before the report does");
}

#[test]
fn two_rejected_reports_of_one_name_are_both_kept() {
    let site = Site::new();
    for text in ["{first", "{second"] {
        report().deliver_text(&site.deposit(), text.as_bytes());
        assert_eq!(site.scan(MORNING)["reports"]["rejected"], 1);
    }
    let kept = site.files_in(&format!("deposit/{AGENT}/log/_rejected"));
    assert_eq!(kept.len(), 4, "{kept:?}");
}

#[test]
fn an_empty_report_each_night_is_told_each_night() {
    let site = Site::new();
    for night in ["2025-06-19T02:00:00", "2025-06-20T02:00:00"] {
        Report::new(AGENT, night, Vec::new()).deliver_text(&site.deposit(), b"");
        assert_eq!(event_names(&site.scan(MORNING)), ["ReportRejected"]);
    }
}

#[test]
fn a_rejected_report_that_is_put_back_once_it_can_be_taken_is_taken() {
    let site = Site::new();
    let old = report().saying("operation_end_time", json!("2025-01-01T02:00:00"));
    site.deliver(&old);
    assert_eq!(site.scan(MORNING)["reports"]["rejected"], 1);
    let config = fs::read_to_string(site.path("vigie.toml")).unwrap();
    let patient = config.replace("settle", "report_max_age = \"365d\"\nsettle");
    fs::write(site.path("vigie.toml"), patient).unwrap();
    site.deliver(&old);
    assert_eq!(site.scan(MORNING)["reports"]["processed"], 1);
    assert_eq!(site.status_of("X"), "OK");
}

#[test]
fn a_rejected_report_of_the_longest_name_is_set_aside_like_any_other() {
    let site = Site::new();
    let name = format!("{}.json", "n".repeat(250));
    let broken = Report::new(AGENT, ENDED_AT, Vec::new()).named(&name);
    broken.deliver_text(&site.deposit(), b"{broken");
    assert_eq!(site.scan(MORNING)["reports"]["rejected"], 1);
    let kept = site.files_in(&format!("deposit/{AGENT}/log/_rejected"));
    assert_eq!(kept.len(), 2, "{kept:?}");
}

#[test]
fn a_rejected_report_that_comes_again_is_no_news() {
    let site = Site::new();
    report().deliver_text(&site.deposit(), b"{broken");
    site.scan(MORNING);
    // As rsync does with --times: the same file, whose time is the agent's.
    let log = site.path(format!("deposit/{AGENT}/log"));
    fs::rename(
        log.join("_rejected").join(report().file_name()),
        log.join(report().file_name()),
    )
    .unwrap();
    let again = site.scan(MORNING);
    assert_eq!(again["reports"]["repeated"], 1);
    assert_eq!(again["events"], json!([]));
    assert_eq!(
        site.files_in(&format!("deposit/{AGENT}/log")),
        ["_rejected"]
    );
}
