use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::site::{Backup, MORNING, Report, Site, sha256_of};

const AGENT: &str = "SDMC_DOUALA_AKWA";
const ENDED_AT: &str = "2025-06-19T02:10:00";
const CONTENT: &[u8] = b"the compressed dump";

fn good() -> Backup {
    Backup::good("X", CONTENT)
}

/// However it is written, the backup is good.
#[track_caller]
fn assert_success(report: &Report) {
    let site = Site::new();
    site.deliver(report);
    let result = site.scan(MORNING);
    assert_eq!(result["reports"]["processed"], 1, "{result:#}");
    assert_eq!(site.status_of("X"), "OK", "{result:#}");
    assert_eq!(site.files_in(&format!("deposit/{AGENT}/log")), ["_archive"]);
}

fn report(backup: Backup) -> Report {
    Report::new(AGENT, ENDED_AT, vec![backup])
}

#[test]
fn file_names_come_in_several_forms() {
    for name in [
        "20250619_021000_SDMC_DOUALA_AKWA.json",
        "2025-06-19_02-10-00_SDMC_DOUALA_AKWA.json",
        "2025-06-19T02-10-00_SDMC_DOUALA_AKWA.json",
        "STATUS.json",
    ] {
        assert_success(&report(good()).named(name));
    }
}

#[test]
fn booleans_numbers_and_nothing_come_as_strings() {
    assert_success(&report(
        good()
            .saying("/BACKUP/status", json!("True"))
            .saying("/COMPRESS/status", json!("true"))
            .saying("/COMPRESS/size", json!(CONTENT.len().to_string()))
            .saying("/BACKUP/sha256_checksum", json!("None"))
            .saying("/TRANSFER/error_message", json!("null"))
            .saying("/logs_summary", json!("")),
    ));
}

#[test]
fn times_come_with_and_without_an_offset() {
    for time in [
        "2025-06-19T02:10:00Z",
        "2025-06-19T03:10:00+01:00",
        "2025-06-19 02:10:00.142592",
        "2025-06-19T02:10:00.967071",
    ] {
        assert_success(&report(good()).saying("operation_end_time", json!(time)));
    }
}

#[test]
fn times_without_an_offset_are_meant_in_the_agents_zone() {
    let site = Site::with_config(
        "[deposit]\nroot = \"deposit\"\ntimezone = \"Africa/Douala\"\n\
         [mail]\nadmin_email_recipient = \"admin@example.com\"\n",
    );
    site.deliver(&report(good()));
    site.scan(MORNING);
    assert_eq!(site.job("X")["last_success_at"], "2025-06-19T01:10:00Z");
}

#[test]
fn the_hash_comes_under_either_name_in_either_case() {
    let hash = sha256_of(CONTENT);
    for (key, hash) in [
        ("sha256", hash.clone()),
        ("sha256_checksum", hash.to_uppercase()),
    ] {
        let compress = json!({"status": true, "size": CONTENT.len(), key: hash});
        assert_success(&report(good().saying("/COMPRESS", compress)));
    }
}

#[test]
fn the_staged_file_comes_as_the_agents_own_path() {
    for path in [
        "X.sql.zst",
        "/home/lam/Backup/X.sql.zst",
        "C:\\Backup\\X.sql.zst",
    ] {
        assert_success(&report(good().saying("/staged_file_name", json!(path))));
    }
}

#[test]
fn the_agent_and_its_staged_folder_are_spelled_in_two_ways() {
    assert_success(&report(good()).saying("agent_id", json!("sdmc_Douala_akwa")));
    assert_success(&report(good()).staged_in("database"));
}

#[test]
fn extra_fields_and_a_byte_order_mark_are_no_matter() {
    let report = report(good().saying("/VERIFY", json!({"status": "skipped"})))
        .saying("agent_version", json!({"major": 3, "tags": ["x", null]}));
    let site = Site::new();
    report.stage(&site.deposit());
    let text = [b"\xEF\xBB\xBF", report.text().as_bytes()].concat();
    report.deliver_text(&site.deposit(), &text);
    site.scan(MORNING);
    assert_eq!(site.status_of("X"), "OK");
}

#[test]
fn a_declared_job_is_found_whatever_the_case_of_its_agent() {
    let site = Site::with("[[jobs]]\nagent = \"sdmc_douala_akwa\"\ndatabase = \"X\"\n");
    site.deliver(&report(good()));
    site.scan(MORNING);
    assert_eq!(site.status_of("X"), "OK");
    assert_eq!(site.json(&["status"])["jobs"].as_array().unwrap().len(), 1);
}

/// One report of twenty databases: good ones, every fault, and sections that can't be read.
#[test]
fn one_bad_database_spoils_none_of_the_other_nineteen() {
    let mut expected = BTreeMap::new();
    let mut backups = Vec::new();
    for number in 0..20 {
        let name = format!("DB{number:02}_2025");
        let content = format!("content of {name}");
        let backup = Backup::good(&name, content.as_bytes());
        let (backup, status) = match number {
            3 => (backup.section(json!("oops")).not_staged(), "FAILED"),
            5 => (backup.section(Value::Null).not_staged(), "FAILED"),
            7 => (backup.saying("/COMPRESS/size", json!("many")), "FAILED"),
            9 => (
                backup.saying("/COMPRESS/sha256_checksum", json!("zz")),
                "FAILED",
            ),
            11 => (backup.not_staged(), "MISSING"),
            13 => (backup.staged_as(b"short"), "TRANSFER_INTEGRITY_FAILED"),
            15 => (backup.saying("/BACKUP/status", json!("False")), "FAILED"),
            17 => (backup.saying("/TRANSFER/status", json!(null)), "FAILED"),
            _ => (backup, "OK"),
        };
        expected.insert(name, status.to_owned());
        backups.push(backup);
    }
    let site = Site::new();
    site.deliver(&Report::new(AGENT, ENDED_AT, backups));
    let result = site.scan(MORNING);
    assert_eq!(result["entries"].as_array().unwrap().len(), 20);
    let status = site.json(&["status"]);
    let found: BTreeMap<String, String> = status["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| {
            let word = |key: &str| job[key].as_str().unwrap().to_owned();
            (word("database"), word("status"))
        })
        .collect();
    assert_eq!(found, expected);
    let reason = &site.job("DB07_2025")["latest_entry"]["reason"];
    assert_eq!(reason["code"], "section_unreadable");
    assert_eq!(reason["field"], "COMPRESS.size");
}

#[test]
fn databases_that_nobody_declared_are_listed_when_they_may_not_register() {
    let site = Site::with_config(
        "[deposit]\nroot = \"deposit\"\nauto_register = false\n\
         [mail]\nadmin_email_recipient = \"admin@example.com\"\n\
         [[jobs]]\nagent = \"SDMC_DOUALA_AKWA\"\ndatabase = \"X\"\n",
    );
    let other = Backup::good("Y", b"other");
    site.deliver(&Report::new(AGENT, ENDED_AT, vec![good(), other]));
    let result = site.scan(MORNING);
    assert_eq!(
        result["undeclared"],
        json!([{"agent": AGENT, "database": "Y"}])
    );
    assert_eq!(site.json(&["status"])["jobs"].as_array().unwrap().len(), 1);
    assert_eq!(site.status_of("X"), "OK");
}
