use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::site::{Backup, DAYS_LATER, MORNING, Report, START, Site, this_moment};

const AGENT: &str = "SDMC_DOUALA_AKWA";

fn good() -> Report {
    Report::new(
        AGENT,
        "2025-06-19T02:10:00",
        vec![Backup::good("X", b"content")],
    )
}

fn error_of(site: &Site, arguments: &[&str]) -> (Option<i32>, String) {
    let output = site.run(arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), error)
}

#[test]
fn init_writes_a_config_that_works_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let vigie = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
        command.env_clear().current_dir(folder.path());
        command.args(arguments).output().unwrap()
    };
    assert!(vigie(&["init"]).status.success());
    let again = vigie(&["init"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("there already"));
    let check = vigie(&["config", "check"]);
    assert!(check.status.success(), "{check:?}");
    good().deliver(&folder.path().join("deposit"));
    let scan = vigie(&["scan"]);
    assert!(scan.status.success(), "{scan:?}");
}

#[test]
fn a_config_that_is_not_there_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_vigie"))
        .env_clear()
        .current_dir(folder.path())
        .arg("scan")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("vigie.toml") && error.contains("vigie init"),
        "{error}"
    );
}

#[test]
fn a_config_that_is_wrong_names_file_line_key_and_remedy() {
    let site = Site::with_config(
        "[deposit]\nrot = \"deposit\"\n[mail]\ntransport = \"smtp\"\n[smtp]\nprot = 587\n",
    );
    let (code, error) = error_of(&site, &["scan"]);
    assert_eq!(code, Some(2));
    for part in [
        "vigie.toml:2",
        "deposit.rot",
        "deposit.root",
        "vigie.toml:6",
        "smtp.port",
    ] {
        assert!(error.contains(part), "no {part} in {error}");
    }
}

#[test]
fn config_check_looks_at_the_paths_too() {
    let site = Site::new();
    assert!(site.run(&["config", "check"]).status.success());
    fs::remove_dir(site.deposit()).unwrap();
    let (code, error) = error_of(&site, &["config", "check"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("deposit.root"), "{error}");
}

#[test]
fn the_environment_overrides_the_file() {
    let site = Site::new();
    fs::create_dir(site.path("other")).unwrap();
    good().deliver(&site.path("other"));
    let output = site
        .command()
        .args(["scan", "--now", MORNING, "--format", "json"])
        .env("BACKUP_STORAGE_ROOT", site.path("other"))
        .env("DATABASE_URL", "sqlite://other.db")
        .output()
        .unwrap();
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["reports"]["processed"], 1);
    assert!(site.path("other.db").exists() && !site.path("vigie.db").exists());
}

#[test]
fn a_wrong_command_line_exits_with_2_and_shows_the_usage() {
    let site = Site::new();
    for arguments in [&["scna"][..], &["scan", "--now", "tomorrow"], &["history"]] {
        let (code, error) = error_of(&site, arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {error}");
    }
    let help = site.run(&["scan", "--help"]);
    assert!(String::from_utf8_lossy(&help.stdout).contains("Examples:"));
}

#[test]
fn the_result_of_a_scan_has_these_keys() {
    let site = Site::new();
    site.deliver(&good());
    assert_eq!(
        site.scan(MORNING),
        json!({
            "now": MORNING,
            "reports": {"found": 1, "processed": 1, "rejected": 0, "pending": 0, "repeated": 0},
            "entries": [{
                "agent": AGENT, "database": "X", "status": "SUCCESS", "unchanged": false,
                "reason": null,
            }],
            "events": [
                {
                    "type": "JobRegistered", "agent": AGENT, "database": "X", "status": "UNKNOWN",
                    "reason": null,
                },
                {
                    "type": "BackupRecorded", "agent": AGENT, "database": "X", "status": "SUCCESS",
                    "reason": null,
                },
            ],
            "retired": [],
            "undeclared": [],
            "ignored": [],
            "errors": [],
            "work": {
                "agents": 1, "agents_visited": 1, "files_read": 1, "bytes_read": 7,
                "files_known": 0,
            },
            "mails": {
                "sent": 0, "failed": 0, "dead": 0, "waiting": 0, "oldest_waiting_since": null,
                "sent_by_another": false,
            },
        })
    );
}

#[test]
fn status_check_answers_as_a_monitoring_plugin() {
    let site = Site::new();
    let check = |expected: i32, line: &str| {
        let output = site.run(&["status", "--check"]);
        let shown = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(expected), "{shown}");
        assert_eq!(shown.lines().count(), 1);
        assert!(shown.starts_with(line), "{shown}");
    };
    check(3, "VIGIE UNKNOWN - there is no database yet");
    site.scan(MORNING);
    check(3, "VIGIE UNKNOWN - no jobs are watched");
    site.deliver(&good());
    site.scan(MORNING);
    check(0, "VIGIE OK - 1 job: 1 OK | ok=1");
    let backup = Backup::good("Y", b"content").saying("/COMPRESS/sha256_checksum", Value::Null);
    site.deliver(&Report::new(AGENT, "2025-06-19T03:00:00", vec![backup]));
    site.scan(MORNING);
    check(1, "VIGIE WARNING - 2 jobs: 1 OK, 1 UNKNOWN");
    site.scan(DAYS_LATER);
    check(2, "VIGIE CRITICAL - 2 jobs: 2 MISSING");
    fs::write(site.path("vigie.toml"), "[deposit").unwrap();
    check(3, "VIGIE UNKNOWN - ");
}

#[test]
fn looking_makes_no_database() {
    let site = Site::new();
    assert_eq!(site.json(&["status"])["jobs"], json!([]));
    assert_eq!(error_of(&site, &["history", "X"]).0, Some(1));
    assert!(!site.path("vigie.db").exists());
}

#[test]
fn a_name_of_any_length_can_be_shown() {
    let site = Site::new();
    let long = Backup::good(&"L".repeat(70_000), b"content").not_staged();
    site.deliver(&Report::new(AGENT, "2025-06-19T02:10:00", vec![long]));
    site.scan(MORNING);
    let output = site.run(&["status"]);
    assert!(output.status.success(), "{output:?}");
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(
        shown.lines().all(|line| line.chars().count() < 200),
        "{shown}"
    );
}

#[test]
fn history_of_a_database_that_nobody_knows_is_an_error() {
    let site = Site::new();
    site.scan(MORNING);
    let (code, error) = error_of(&site, &["history", "X"]);
    assert_eq!(code, Some(1));
    assert!(
        error.contains("no job is known for the database X"),
        "{error}"
    );
}

#[test]
fn a_pipe_that_is_closed_early_is_no_error() {
    let site = Site::new();
    // More than a pipe holds, so that the program is still writing when nobody reads any more.
    let names = (0..200).map(|number| format!("DATABASE_{number}"));
    let backups = names.map(|name| Backup::good(&name, b"content")).collect();
    site.deliver(&Report::new(AGENT, "2025-06-19T02:10:00", backups));
    site.scan(MORNING);
    let shown = site.run(&["status", "--format", "json"]).stdout;
    assert!(
        shown.len() > 100_000,
        "{} bytes fit into a pipe",
        shown.len()
    );
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "\"$0\" --config \"$1\" status --format json | head -c 1",
        ])
        .arg(env!("CARGO_BIN_EXE_vigie"))
        .arg(site.path("vigie.toml"));
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn while_another_cycle_is_at_work_nothing_is_changed() {
    let declaration = format!("[[jobs]]\nagent = \"{AGENT}\"\ndatabase = \"X\"\n");
    let site = Site::with(&declaration);
    let lock = fs::File::create(site.path("vigie.db.lock")).unwrap();
    lock.lock().unwrap();
    let (code, error) = error_of(&site, &["scan", "--now", START]);
    assert_eq!(code, Some(1));
    assert!(error.contains("another vigie is doing a cycle"), "{error}");
    assert_eq!(site.json(&["status"])["jobs"], json!([]));
    drop(lock);
    site.scan(START);
    assert_eq!(site.status_of("X"), "UNKNOWN");
}

#[test]
fn jobs_that_are_no_longer_declared_are_still_watched() {
    let declaration = format!("[[jobs]]\nagent = \"{AGENT}\"\ndatabase = \"X\"\n");
    let site = Site::with(&declaration);
    site.scan(START);
    let config = fs::read_to_string(site.path("vigie.toml")).unwrap();
    fs::write(site.path("vigie.toml"), config.replace(&declaration, "")).unwrap();
    let output = site.run(&["scan", "--now", MORNING]);
    let warning = String::from_utf8(output.stderr).unwrap();
    assert!(warning.contains("no longer declares this job"), "{warning}");
    site.scan(DAYS_LATER);
    assert_eq!(site.status_of("X"), "MISSING");
}

#[test]
fn run_does_cycles_until_it_is_told_to_stop_and_finishes_the_one_in_hand() {
    let site = Site::with("[scan]\ninterval = \"1s\"\n");
    let mut child = site.command().arg("run").spawn().unwrap();
    let now = this_moment();
    let backup = Backup::good("X", b"content");
    site.deliver(&Report::new(AGENT, &now, vec![backup]));
    let archive = format!("deposit/{AGENT}/log/_archive");
    let started = Instant::now();
    while site.files_in(&archive).is_empty() {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "no cycle was done"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut kill = Command::new("sh");
    kill.args(["-c", "kill \"$0\""]).arg(child.id().to_string());
    assert!(kill.status().unwrap().success());
    assert!(child.wait().unwrap().success());
    assert_eq!(site.status_of("X"), "OK");
}
