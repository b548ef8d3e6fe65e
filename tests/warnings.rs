use serde_json::{Value, json};

use crate::site::{Backup, Report, Site, event_names, this_moment};

const AGENT: &str = "SDMC_DOUALA_AKWA";

/// A night of 2025, counted from the first of March: when a backup ended, so many minutes after one
/// o'clock, and when the deposit is scanned.
fn night(number: usize, minutes: usize) -> (String, String) {
    let (month, day) = match number {
        0..=30 => (3, number + 1),
        31..=60 => (4, number - 30),
        _ => (5, number - 60),
    };
    let (hour, minute) = (1 + minutes / 60, minutes % 60);
    (
        format!("2025-{month:02}-{day:02}T{hour:02}:{minute:02}:00"),
        format!("2025-{month:02}-{day:02}T06:00:00Z"),
    )
}

/// Does one night: the backups arrive, and a scan follows.
#[track_caller]
fn night_of(site: &Site, number: usize, minutes: usize, backups: Vec<Backup>) -> Value {
    let (ended_at, scanned_at) = night(number, minutes);
    site.deliver(&Report::new(AGENT, &ended_at, backups));
    let result = site.scan(&scanned_at);
    assert_eq!(result["errors"], json!([]));
    result
}

/// The warnings that a scan told, as database and codes.
fn told(result: &Value) -> Vec<(String, String)> {
    let events = result["events"].as_array().unwrap();
    let warned = events.iter().filter(|event| event["type"] == "JobWarned");
    warned
        .map(|event| (event["database"].to_string(), event["warnings"].to_string()))
        .collect()
}

fn one(database: &str, code: &str) -> Vec<(String, String)> {
    vec![(format!("{database:?}"), format!("[{code:?}]"))]
}

/// So many bytes that no other night has.
fn content(kilobytes: usize, number: usize) -> Vec<u8> {
    let mut content = vec![b'.'; kilobytes * 1000];
    content[..8].copy_from_slice(&number.to_be_bytes());
    content
}

/// Nightly at one, with two hours of grace.
fn nightly(sections: &str) -> Site {
    let site = Site::with(sections);
    let path = site.path("vigie.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        path,
        config.replace("every = \"24h\"", "cron = \"0 1 * * *\""),
    )
    .unwrap();
    site
}

#[test]
fn a_database_that_lost_half_is_told_once_and_stays_ok() {
    let job = format!("[[jobs]]\nagent = \"{AGENT}\"\ndatabase = \"QUIET\"\nwarnings = false\n");
    let site = nightly(&job);
    let backups = |kilobytes, number| {
        let of = |database| Backup::good(database, &content(kilobytes, number));
        vec![of("SALES"), of("QUIET")]
    };
    for number in 0..16 {
        let result = night_of(&site, number, 10, backups(400 + number, number));
        assert_eq!(told(&result), []);
    }
    let result = night_of(&site, 16, 10, backups(205, 16));
    assert_eq!(told(&result), one("SALES", "size_out_of_band"));
    let names = event_names(&result);
    assert_eq!(names, ["BackupRecorded", "BackupRecorded", "JobWarned"]);
    let warned = &result["events"][2];
    assert_eq!(warned["status"], "OK");
    let reason = warned["reason"].as_str().unwrap();
    assert!(reason.contains("205000 bytes"), "{reason}");
    // The next night it is no news, and neither is the same scan again.
    assert_eq!(event_names(&site.scan("2025-03-17T07:00:00Z")), [""; 0]);
    assert_eq!(told(&night_of(&site, 17, 10, backups(206, 17))), []);

    let job = site.job("SALES");
    assert_eq!(job["status"], "OK");
    assert_eq!(job["warnings"][0]["code"], "size_out_of_band");
    assert_eq!(job["warnings"][0]["size"], 206_000);
    assert_eq!(site.job("QUIET")["warnings"], json!([]));
    let history = site.json(&["history", "SALES"]);
    assert_eq!(history["jobs"][0]["warnings"], job["warnings"]);
    for arguments in [&["status"][..], &["history", "SALES"]] {
        let output = site.run(arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("odd: "), "{text}");
        assert!(text.contains("the last backup has 206000 bytes"), "{text}");
    }

    assert_eq!(told(&night_of(&site, 18, 10, backups(418, 18))), []);
    assert_eq!(site.job("SALES")["warnings"], json!([]));
}

#[test]
fn a_warning_leaves_the_answer_to_a_monitoring_system_as_it_is() {
    let site = Site::new();
    let backup = Backup::good("SALES", b"content").saying("/TRANSFER/attempts", json!(3));
    site.deliver(&Report::new(AGENT, &this_moment(), vec![backup]));
    let result = site.json(&["scan"]);
    assert_eq!(told(&result), one("SALES", "stages_retried"));
    assert_eq!(site.status_of("SALES"), "OK");
    let check = site.run(&["status", "--check"]);
    assert!(check.status.success(), "{check:?}");
    let shown = String::from_utf8(check.stdout).unwrap();
    assert!(shown.starts_with("VIGIE OK - 1 job: 1 OK"), "{shown}");
}

#[test]
fn backups_that_end_later_each_night_are_told_before_they_miss_their_deadline() {
    let site = nightly("");
    let mut at = None;
    for number in 0..60 {
        let minutes = 5 + 2 * number + [0, 6, 1, 3][number % 4];
        let backup = Backup::good("SALES", &content(1, number));
        let result = night_of(&site, number, minutes, vec![backup]);
        assert!(!event_names(&result).contains(&"JobMissing"));
        if !told(&result).is_empty() {
            assert_eq!(told(&result), one("SALES", "arriving_later"));
            at = Some(minutes);
            break;
        }
    }
    assert!(
        at.is_some_and(|minutes| minutes < 105),
        "told at {at:?} minutes of 120"
    );
    assert_eq!(site.job("SALES")["warnings"][0]["grace"], "PT2H");
}

#[test]
fn a_live_database_that_stays_the_same_is_told_and_an_archive_is_not() {
    let site = nightly("[warnings]\nunchanged_after = \"5d\"\n");
    let backups = || {
        let of = |database| Backup::good(database, b"always the same");
        vec![of("SALES_2025"), of("SALES_2024")]
    };
    for number in 0..5 {
        assert_eq!(told(&night_of(&site, number, 10, backups())), []);
    }
    let result = night_of(&site, 5, 10, backups());
    assert_eq!(told(&result), one("SALES_2025", "unchanged"));
    assert_eq!(told(&night_of(&site, 6, 10, backups())), []);
    let warning = &site.job("SALES_2025")["warnings"][0];
    assert_eq!(warning["since"], "2025-03-01T01:10:00Z");
    assert_eq!(warning["backups"], 7);
}

#[test]
fn a_recovery_is_told_as_that_and_what_is_odd_the_night_after() {
    let site = Site::new();
    let retried = || Backup::good("SALES", b"content").saying("/BACKUP/retries", json!(1));
    night_of(
        &site,
        0,
        10,
        vec![Backup::good("SALES", b"content").not_staged()],
    );
    let result = night_of(&site, 1, 10, vec![retried()]);
    assert_eq!(event_names(&result), ["BackupRecorded", "JobRecovered"]);
    let result = night_of(&site, 2, 10, vec![retried()]);
    assert_eq!(told(&result), one("SALES", "stages_retried"));
}
