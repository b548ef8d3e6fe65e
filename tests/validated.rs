use std::fs;
use std::os::unix::fs::MetadataExt;

use serde_json::json;

use crate::site::{Backup, MORNING, Report, Site};

const AGENT: &str = "SDMC_DOUALA_AKWA";
const FOLDER: &str = "validated/SDMC/DOUALA/AKWA/2025/XAFRIC_2025";

fn report(ended_at: &str, backup: Backup) -> Report {
    Report::new(AGENT, ended_at, vec![backup])
}

fn good(content: &[u8]) -> Backup {
    Backup::good("XAFRIC_2025", content)
}

#[test]
fn a_proven_backup_is_kept_by_site_year_and_database() {
    let site = Site::new();
    site.deliver(&report("2025-06-19T02:00:00", good(b"one")));
    site.scan(MORNING);
    assert_eq!(site.files_in(FOLDER), ["SHA256SUMS", "XAFRIC_2025.sql.zst"]);
    let copy = site.path(FOLDER).join("XAFRIC_2025.sql.zst");
    assert_eq!(fs::read(copy).unwrap(), b"one");
    let staged = site.path(format!("deposit/{AGENT}/databases/XAFRIC_2025.sql.zst"));
    assert_eq!(fs::read(staged).unwrap(), b"one");
    assert_eq!(
        site.job("XAFRIC_2025")["latest_entry"]["validated_path"],
        "SDMC/DOUALA/AKWA/2025/XAFRIC_2025/XAFRIC_2025.sql.zst"
    );
}

#[test]
fn a_bad_backup_leaves_the_last_good_one_standing() {
    let site = Site::new();
    site.deliver(&report("2025-06-19T02:00:00", good(b"one")));
    site.scan(MORNING);
    site.deliver(&report(
        "2025-06-20T02:00:00",
        good(b"two").staged_as(b"TWO"),
    ));
    site.scan("2025-06-20T06:00:00Z");
    let copy = site.path(FOLDER).join("XAFRIC_2025.sql.zst");
    assert_eq!(fs::read(&copy).unwrap(), b"one");
    assert_eq!(site.files_in(FOLDER), ["SHA256SUMS", "XAFRIC_2025.sql.zst"]);
    site.deliver(&report("2025-06-21T02:00:00", good(b"three")));
    site.scan("2025-06-21T06:00:00Z");
    assert_eq!(fs::read(&copy).unwrap(), b"three");
}

#[test]
fn the_same_content_is_not_copied_again_unless_its_copy_is_gone() {
    let site = Site::new();
    site.deliver(&report("2025-06-19T02:00:00", good(b"one")));
    site.scan(MORNING);
    let copy = site.path(FOLDER).join("XAFRIC_2025.sql.zst");
    let inode = fs::metadata(&copy).unwrap().ino();
    site.deliver(&report("2025-06-20T02:00:00", good(b"one")));
    site.scan("2025-06-20T06:00:00Z");
    assert_eq!(fs::metadata(&copy).unwrap().ino(), inode);
    fs::remove_file(&copy).unwrap();
    site.deliver(&report("2025-06-21T02:00:00", good(b"one")));
    site.scan("2025-06-21T06:00:00Z");
    assert_eq!(fs::read(&copy).unwrap(), b"one");
}

#[test]
fn names_are_made_safe_and_stay_apart() {
    let site = Site::new();
    let names = ["../../../etc/x", "..%2F..%2F..%2Fetc%2Fx", "a\nb"];
    let backups = names.map(|name| {
        Backup::good(name, name.as_bytes()).saying("/staged_file_name", json!("X.sql.zst"))
    });
    for (index, backup) in backups.into_iter().enumerate() {
        // Each in a report of its own, as they share one staged file.
        let report_of_it = report(&format!("2025-06-19T0{index}:00:00"), backup.not_staged());
        let folder = site.path(format!("deposit/{AGENT}/databases"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("X.sql.zst"), names[index]).unwrap();
        site.deliver(&report_of_it);
        site.scan(MORNING);
    }
    let folder = "validated/SDMC/DOUALA/AKWA/no-year";
    let kept = [
        "%2E.%2F..%2F..%2Fetc%2Fx",
        "%2E.%252F..%252F..%252Fetc%252Fx",
        "a%0Ab",
    ];
    assert_eq!(site.files_in(folder).len(), names.len());
    for (kept, name) in kept.iter().zip(names) {
        let copy = site.path(folder).join(kept).join("X.sql.zst");
        assert_eq!(fs::read_to_string(copy).unwrap(), name);
    }
}

#[test]
fn two_agents_of_one_site_do_not_overwrite_each_other() {
    let declare = |agent: &str| {
        format!(
            "[[jobs]]\nagent = \"{agent}\"\ndatabase = \"XAFRIC_2025\"\ncompany = \"SDMC\"\n\
             city = \"DOUALA\"\nneighborhood = \"AKWA\"\n"
        )
    };
    let site = Site::with(&(declare("FIRST_A_B") + &declare("SECOND_A_B")));
    for agent in ["FIRST_A_B", "SECOND_A_B"] {
        let backup = good(agent.as_bytes());
        site.deliver(&Report::new(agent, "2025-06-19T02:00:00", vec![backup]));
    }
    site.scan(MORNING);
    let status = site.json(&["status"]);
    let mut kept: Vec<_> = status["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| {
            let path = job["latest_entry"]["validated_path"].as_str().unwrap();
            fs::read_to_string(site.path("validated").join(path)).unwrap()
        })
        .collect();
    kept.sort();
    assert_eq!(kept, ["FIRST_A_B", "SECOND_A_B"]);
}

#[test]
fn a_copy_that_could_not_be_kept_is_told_once_and_tried_until_it_is() {
    let site = Site::new();
    // A file stands where the company's folder has to be.
    fs::create_dir(site.path("validated")).unwrap();
    fs::write(site.path("validated/SDMC"), "in the way").unwrap();
    site.deliver(&report("2025-06-19T02:00:00", good(b"one")));
    for _ in 0..3 {
        let result = site.scan(MORNING);
        assert_eq!(result["reports"]["pending"], 1, "{result:#}");
        assert_eq!(site.status_of("XAFRIC_2025"), "FAILED");
    }
    let mail = site.only_mail();
    assert_eq!(
        mail.subject,
        "[FAILED] XAFRIC_2025: not completed (SDMC_DOUALA_AKWA)"
    );
    let history = site.json(&["history", "XAFRIC_2025"]);
    assert_eq!(history["jobs"][0]["entries"].as_array().unwrap().len(), 1);
    assert_eq!(
        history["jobs"][0]["entries"][0]["reason"]["code"],
        "cannot_keep"
    );

    fs::remove_file(site.path("validated/SDMC")).unwrap();
    let result = site.scan(MORNING);
    assert_eq!(result["entries"][0]["status"], "SUCCESS", "{result:#}");
    assert_eq!(site.status_of("XAFRIC_2025"), "OK");
    let copy = site.path(FOLDER).join("XAFRIC_2025.sql.zst");
    assert_eq!(fs::read(copy).unwrap(), b"one");
    assert_eq!(site.files_in(&format!("deposit/{AGENT}/log")), ["_archive"]);
}

#[test]
fn without_a_path_nothing_is_kept() {
    let site = Site::with_config(
        "[deposit]\nroot = \"deposit\"\n[mail]\nadmin_email_recipient = \"a@example.com\"\n",
    );
    site.deliver(&report("2025-06-19T02:00:00", good(b"one")));
    site.scan(MORNING);
    assert_eq!(site.status_of("XAFRIC_2025"), "OK");
    assert_eq!(
        site.job("XAFRIC_2025")["latest_entry"]["validated_path"],
        json!(null)
    );
}
