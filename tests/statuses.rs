use serde_json::json;

use crate::site::{
    Backup, DAYS_LATER, MORNING, Report, START, Site, event_names, sent_failed_waiting, sha256_of,
    subjects,
};

const AGENT: &str = "SDMC_DOUALA_AKWA";
const ENDED_AT: &str = "2025-06-19T02:10:00";
const CONTENT: &[u8] = b"the compressed dump";

/// Delivers one backup, scans, and checks the status of entry and job, and the mail.
#[track_caller]
fn assert_judged(backup: Backup, entry: &str, job: &str) -> Site {
    let site = Site::new();
    site.deliver(&Report::new(AGENT, ENDED_AT, vec![backup]));
    let result = site.scan(MORNING);
    assert_eq!(result["entries"][0]["status"], entry, "{result:#}");
    let shown = site.job("XAFRIC_2025");
    assert_eq!(shown["status"], job);
    assert_eq!(shown["latest_entry"]["status"], entry);
    if job == "OK" {
        assert_eq!(subjects(&site.mails()), Vec::<&str>::new());
    } else {
        let mail = site.only_mail();
        let subject = &mail.subject;
        assert!(
            subject.starts_with(&format!("[{entry}] XAFRIC_2025: ")),
            "{subject}"
        );
        assert_eq!(mail.to, "admin@example.com");
        assert!(mail.text.contains(AGENT) && mail.html.contains(AGENT));
    }
    site
}

fn good() -> Backup {
    Backup::good("XAFRIC_2025", CONTENT)
}

#[test]
fn a_backup_that_arrived_as_it_was_sent_is_a_success() {
    let site = assert_judged(good(), "SUCCESS", "OK");
    let job = site.job("XAFRIC_2025");
    assert_eq!(job["company"], "SDMC");
    assert_eq!(job["city"], "DOUALA");
    assert_eq!(job["neighborhood"], "AKWA");
    assert_eq!(job["year"], 2025);
    assert_eq!(job["agent"], AGENT);
    assert_eq!(job["last_success_at"], "2025-06-19T02:10:00Z");
    assert_eq!(job["last_checked_at"], MORNING);
    assert_eq!(job["deadline_at"], "2025-06-20T08:00:00Z");
    assert_eq!(job["latest_entry"]["actual_sha256"], sha256_of(CONTENT));
    assert_eq!(job["latest_entry"]["unchanged"], false);
}

#[test]
fn a_dump_that_failed_for_the_agent_is_failed() {
    let backup = good()
        .saying(
            "/BACKUP",
            json!({"status": "False", "error_message": "disk full on db1"}),
        )
        .not_staged();
    let site = assert_judged(backup, "FAILED", "FAILED");
    assert!(site.only_mail().text.contains("disk full on db1"));
}

#[test]
fn a_transfer_that_the_agent_calls_broken_is_a_broken_transfer() {
    let backup = good().saying("/TRANSFER/status", json!(false));
    assert_judged(
        backup,
        "TRANSFER_INTEGRITY_FAILED",
        "TRANSFER_INTEGRITY_FAILED",
    );
}

#[test]
fn a_file_that_is_not_there_is_missing() {
    let site = assert_judged(good().not_staged(), "MISSING", "MISSING");
    assert!(site.only_mail().header("X-Priority").is_none());
}

#[test]
fn a_file_that_was_cut_short_is_a_broken_transfer() {
    let site = assert_judged(
        good().staged_as(&CONTENT[..7]),
        "TRANSFER_INTEGRITY_FAILED",
        "TRANSFER_INTEGRITY_FAILED",
    );
    let entry = &site.job("XAFRIC_2025")["latest_entry"];
    assert_eq!(entry["actual_size"], 7);
    assert_eq!(entry["expected_size"], CONTENT.len());
}

#[test]
fn a_file_of_the_right_size_and_other_content_is_a_mismatch() {
    let flipped = b"the compressed dumP";
    let site = assert_judged(good().staged_as(flipped), "HASH_MISMATCH", "HASH_MISMATCH");
    let text = site.only_mail().text;
    assert!(text.contains(&sha256_of(CONTENT)) && text.contains(&sha256_of(flipped)));
}

#[test]
fn a_report_without_a_hash_leaves_the_backup_unknown() {
    let backup = good().saying("/COMPRESS/sha256_checksum", json!("None"));
    assert_judged(backup, "UNKNOWN", "UNKNOWN");
}

#[test]
fn an_empty_file_is_never_a_success() {
    let empty = Backup::good("XAFRIC_2025", b"");
    assert_judged(empty, "FAILED", "FAILED");
    assert_judged(
        good().staged_as(b""),
        "TRANSFER_INTEGRITY_FAILED",
        "TRANSFER_INTEGRITY_FAILED",
    );
}

#[test]
fn a_backup_that_never_came_is_missing_and_leaves_no_entry() {
    let site = Site::with(&format!(
        "[[jobs]]\nagent = \"{AGENT}\"\ndatabase = \"XAFRIC_2025\"\n"
    ));
    assert_eq!(event_names(&site.scan(START)), Vec::<&str>::new());
    assert_eq!(site.status_of("XAFRIC_2025"), "UNKNOWN");
    let result = site.scan(DAYS_LATER);
    assert_eq!(
        result["events"],
        json!([{
            "type": "JobMissing",
            "agent": AGENT,
            "database": "XAFRIC_2025",
            "status": "MISSING",
            "reason": null,
        }])
    );
    assert_eq!(sent_failed_waiting(&result), [1, 0, 0]);
    let job = site.job("XAFRIC_2025");
    assert_eq!(job["status"], "MISSING");
    assert_eq!(job["latest_entry"], json!(null));

    let mail = site.only_mail();
    assert_eq!(
        mail.subject,
        "[MISSING] XAFRIC_2025: no backup report received from SDMC_DOUALA_AKWA"
    );
    assert_eq!(mail.header("Importance"), Some("high"));
    assert_eq!(mail.header("X-Priority"), Some("1"));
    assert_eq!(mail.header("Auto-Submitted"), Some("auto-generated"));
    for fact in [
        "XAFRIC_2025",
        AGENT,
        "SDMC",
        "DOUALA",
        "MISSING",
        "20 Jun 2025, 00:00:00",
    ] {
        assert!(mail.text.contains(fact), "no {fact} in {}", mail.text);
        assert!(mail.html.contains(fact), "no {fact} in {}", mail.html);
    }
}

#[test]
fn the_same_content_again_is_a_success_that_is_marked_unchanged() {
    let site = Site::new();
    site.deliver(&Report::new(AGENT, ENDED_AT, vec![good()]));
    site.scan(MORNING);
    site.deliver(&Report::new(AGENT, "2025-06-20T02:10:00", vec![good()]));
    let result = site.scan("2025-06-20T06:00:00Z");
    assert_eq!(result["entries"][0]["status"], "SUCCESS");
    assert_eq!(result["entries"][0]["unchanged"], true);
}

#[test]
fn french_mails_are_french() {
    let site = Site::with("locale = \"fr\"\n");
    site.deliver(&Report::new(AGENT, ENDED_AT, vec![good().not_staged()]));
    site.scan(MORNING);
    assert_eq!(
        subjects(&site.mails()),
        ["[MISSING] XAFRIC_2025 - non reçue (SDMC_DOUALA_AKWA)"]
    );
    let site = Site::with("locale = \"fr\"\n");
    site.deliver(&Report::new(AGENT, ENDED_AT, vec![good()]));
    site.scan(MORNING);
    site.scan(DAYS_LATER);
    assert_eq!(
        subjects(&site.mails()),
        ["[MISSING] XAFRIC_2025 - aucun rapport de sauvegarde reçu de SDMC_DOUALA_AKWA"]
    );
}
