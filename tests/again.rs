use serde_json::json;

use crate::site::{
    Backup, DAYS_LATER, MORNING, Report, START, Site, event_names, sent_failed_waiting, subjects,
};

const AGENT: &str = "SDMC_DOUALA_AKWA";

fn report(ended_at: &str, backup: Backup) -> Report {
    Report::new(AGENT, ended_at, vec![backup])
}

fn good(content: &[u8]) -> Backup {
    Backup::good("X", content)
}

#[test]
fn a_second_scan_changes_nothing() {
    let site = Site::new();
    site.deliver(&report("2025-06-19T02:00:00", good(b"one").not_staged()));
    site.scan(MORNING);
    let (status, mails) = (site.json(&["status"]), site.mails().len());
    let second = site.scan(MORNING);
    assert_eq!(second["entries"], json!([]));
    assert_eq!(second["events"], json!([]));
    assert_eq!(sent_failed_waiting(&second), [0, 0, 0]);
    assert_eq!(site.json(&["status"]), status);
    assert_eq!(site.mails().len(), mails);
}

#[test]
fn a_report_that_comes_again_is_taken_once() {
    let site = Site::new();
    let report = report("2025-06-19T02:00:00", good(b"one"));
    site.deliver(&report);
    site.scan(MORNING);
    site.deliver(&report);
    let again = site.scan(MORNING);
    assert_eq!(again["reports"]["repeated"], 1);
    assert_eq!(again["entries"], json!([]));
    let history = site.json(&["history", "X"]);
    assert_eq!(history["jobs"][0]["entries"].as_array().unwrap().len(), 1);
    assert_eq!(site.files_in(&format!("deposit/{AGENT}/log")), ["_archive"]);
}

#[test]
fn a_good_backup_ends_the_incident_and_is_told_as_an_event() {
    let site = Site::new();
    site.deliver(&report("2025-06-19T02:00:00", good(b"one").not_staged()));
    site.scan(MORNING);
    site.deliver(&report("2025-06-20T02:00:00", good(b"two")));
    let result = site.scan("2025-06-20T06:00:00Z");
    assert_eq!(event_names(&result), ["BackupRecorded", "JobRecovered"]);
    assert_eq!(site.status_of("X"), "OK");
    assert_eq!(
        subjects(&site.mails()),
        [
            "[MISSING] X: not received (SDMC_DOUALA_AKWA)",
            "[OK] X: backups arrive from SDMC_DOUALA_AKWA after 24 h",
        ]
    );
    assert_eq!(site.job("X")["incident_since"], json!(null));
}

#[test]
fn a_report_after_a_silence_ends_it() {
    let site = Site::with(&format!(
        "[[jobs]]\nagent = \"{AGENT}\"\ndatabase = \"X\"\n"
    ));
    site.scan(START);
    site.scan(DAYS_LATER);
    site.deliver(&report("2025-06-21T08:00:00", good(b"one")));
    let result = site.scan("2025-06-21T09:00:00Z");
    assert_eq!(event_names(&result), ["BackupRecorded", "JobRecovered"]);
}

#[test]
fn reports_apply_in_the_order_of_their_ends_and_not_of_their_names() {
    let site = Site::new();
    // The listing comes to the newer one first; the file is that of the newer one.
    let older = report("2025-06-19T01:00:00", good(b"old")).named("z.json");
    let newer = report("2025-06-19T02:00:00", good(b"new")).named("a.json");
    site.deliver(&older);
    site.deliver(&newer);
    let result = site.scan(MORNING);
    assert_eq!(result["entries"].as_array().unwrap().len(), 1, "{result:#}");
    assert_eq!(site.status_of("X"), "OK");
    assert_eq!(site.job("X")["last_success_at"], "2025-06-19T02:00:00Z");
}

#[test]
fn a_report_that_comes_after_a_newer_one_was_taken_is_not_held_against_the_newer_file() {
    let site = Site::new();
    let older = report("2025-06-19T01:00:00", good(b"old"));
    site.deliver(&report("2025-06-19T02:00:00", good(b"new")));
    site.scan(MORNING);
    older.deliver_text(&site.deposit(), older.text().as_bytes());
    let result = site.scan(MORNING);
    assert_eq!(result["reports"]["processed"], 1);
    assert_eq!(result["entries"], json!([]));
    assert_eq!(site.status_of("X"), "OK");
}

#[test]
fn three_reports_of_one_agent_about_three_databases_are_all_taken() {
    let site = Site::new();
    for (index, database) in ["A", "B", "C"].into_iter().enumerate() {
        let backup = Backup::good(database, database.as_bytes());
        site.deliver(&report(&format!("2025-06-19T02:0{index}:00"), backup));
    }
    let result = site.scan(MORNING);
    assert_eq!(result["reports"]["processed"], 3);
    for database in ["A", "B", "C"] {
        assert_eq!(site.status_of(database), "OK");
    }
    assert_eq!(subjects(&site.mails()), Vec::<&str>::new());
}

#[test]
fn an_agent_whose_clock_was_ahead_is_believed_again_once_it_is_right() {
    let site = Site::new();
    site.deliver(&report("2045-01-01T00:00:00", good(b"one")));
    site.scan(MORNING);
    assert_eq!(site.job("X")["last_success_at"], MORNING);
    site.deliver(&report("2025-06-20T02:00:00", good(b"two")));
    let result = site.scan("2025-06-20T06:00:00Z");
    assert_eq!(result["entries"][0]["status"], "SUCCESS");
}

#[test]
fn the_same_failure_the_next_day_is_recorded_and_raises_no_new_alarm() {
    let site = Site::with("[alerts]\nreminders = []\n");
    site.deliver(&report("2025-06-19T02:00:00", good(b"one").not_staged()));
    site.scan(MORNING);
    site.deliver(&report("2025-06-20T02:00:00", good(b"two").not_staged()));
    let result = site.scan("2025-06-20T06:00:00Z");
    assert_eq!(event_names(&result), ["BackupRecorded"]);
    assert_eq!(site.mails().len(), 1);
    site.deliver(&report(
        "2025-06-21T02:00:00",
        good(b"three").staged_as(b"THREE"),
    ));
    site.scan("2025-06-21T06:00:00Z");
    assert_eq!(site.mails().len(), 2);
}

#[test]
fn two_copies_of_one_report_are_one_report() {
    let site = Site::new();
    let report = report("2025-06-19T02:00:00", good(b"one").not_staged());
    let text = report.text();
    for name in ["a.json", "b.json"] {
        Report::new(AGENT, "2025-06-19T02:00:00", Vec::new())
            .named(name)
            .deliver_text(&site.deposit(), text.as_bytes());
    }
    let first = site.scan(MORNING);
    assert_eq!(first["entries"].as_array().unwrap().len(), 1, "{first:#}");
    let second = site.scan(MORNING);
    assert_eq!(second["reports"]["repeated"], 1);
    assert_eq!(second["entries"], json!([]));
    assert_eq!(site.files_in(&format!("deposit/{AGENT}/log")), ["_archive"]);
    for name in ["c.json", "d.json"] {
        Report::new(AGENT, "2025-06-19T02:00:00", Vec::new())
            .named(name)
            .deliver_text(&site.deposit(), text.as_bytes());
    }
    let third = site.scan(MORNING);
    assert_eq!(third["entries"], json!([]));
    assert_eq!(site.mails().len(), 1);
}

#[test]
fn silence_after_a_report_without_its_file_is_told_too() {
    let site = Site::new();
    site.deliver(&report("2025-06-19T02:00:00", good(b"one").not_staged()));
    site.scan(MORNING);
    site.scan(DAYS_LATER);
    site.scan(DAYS_LATER);
    assert_eq!(
        subjects(&site.mails()),
        [
            "[MISSING] X: no backup report received from SDMC_DOUALA_AKWA",
            "[MISSING] X: not received (SDMC_DOUALA_AKWA)",
        ]
    );
}

#[test]
fn a_database_of_the_same_name_at_two_agents_is_two_jobs() {
    let site = Site::new();
    site.deliver(&report("2025-06-19T02:00:00", good(b"one")));
    let other = Report::new(
        "ZZZ_LAST_SITE",
        "2025-06-19T02:00:00",
        vec![good(b"1").not_staged()],
    );
    site.deliver(&other);
    site.scan(MORNING);
    let history = site.json(&["history", "X"]);
    assert_eq!(history["jobs"].as_array().unwrap().len(), 2);
    let history = site.json(&["history", "X", "--agent", "zzz_last_site"]);
    assert_eq!(history["jobs"][0]["status"], "MISSING");
}
