use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use jiff::ToSpan;
use jiff::civil::{Date, date};
use serde_json::{Value, json};

use crate::site::{Backup, Report, Site, sha256_of, tell};

const AGENT: &str = "SDMC_DOUALA_AKWA";
const DATABASE: &str = "XAFRIC_2025";
const FOLDER: &str = "validated/SDMC/DOUALA/AKWA/2025/XAFRIC_2025";
const SIGKILL: i32 = 9;

fn site_with(rules: &str) -> Site {
    Site::with(&format!("[retention]\n{rules}\n"))
}

/// The backup of a night with this content, delivered and scanned in the morning.
#[track_caller]
fn night(site: &Site, day: Date, content: &str) -> Value {
    let backup = Backup::good(DATABASE, content.as_bytes());
    site.deliver(&Report::new(
        AGENT,
        &format!("{day}T02:00:00"),
        vec![backup],
    ));
    site.scan(&format!("{day}T06:00:00Z"))
}

fn nights(first: Date, count: i64) -> impl Iterator<Item = Date> {
    (0..count).map(move |days| first.checked_add(days.days()).unwrap())
}

/// Under which name the backup of that night is kept.
fn kept_as(day: Date, content: &str) -> String {
    let sha256 = sha256_of(content.as_bytes());
    let time = day.strftime("%Y%m%d");
    format!("{time}T020000Z_{}_{DATABASE}.sql.zst", &sha256[..16])
}

/// The copies in the folder of the database, which is listed as it is.
#[track_caller]
fn copies(site: &Site) -> Vec<String> {
    assert!(is_as_listed(site), "{:?}", site.files_in(FOLDER));
    let list = fs::read_to_string(site.path(FOLDER).join("SHA256SUMS")).unwrap();
    let listed: Vec<&str> = list
        .lines()
        .map(|line| line.split_once("  ").unwrap().1)
        .collect();
    let mut files = site.files_in(FOLDER);
    files.retain(|name| name != "SHA256SUMS");
    assert_eq!(files, listed);
    files
}

fn is_as_listed(site: &Site) -> bool {
    let mut check = Command::new("sha256sum");
    check.args(["--check", "--strict", "--quiet", "SHA256SUMS"]);
    let output = check.current_dir(site.path(FOLDER)).output().unwrap();
    output.status.success()
}

#[test]
fn of_sixty_nights_those_that_the_rules_name_are_kept() {
    let site = site_with("keep_daily = 7\nkeep_weekly = 4\nkeep_monthly = 3");
    for day in nights(date(2025, 5, 1), 60) {
        night(&site, day, &format!("dump of {day}"));
    }
    // The oldest takes the room of the third month, and Sundays end weeks.
    let expected = [
        (5, 1),
        (5, 31),
        (6, 8),
        (6, 15),
        (6, 22),
        (6, 23),
        (6, 24),
        (6, 25),
        (6, 26),
        (6, 27),
        (6, 28),
        (6, 29),
    ]
    .map(|(month, day)| {
        let day = date(2025, month, day);
        kept_as(day, &format!("dump of {day}"))
    });
    assert_eq!(copies(&site), expected);
    let planned = site.json(&["prune", "--dry-run"]);
    assert_eq!(
        (&planned["removed"], &planned["errors"]),
        (&json!(0), &json!([]))
    );
    let kept = planned["jobs"][0]["keep"].as_array().unwrap();
    assert_eq!(kept[0]["reasons"], json!(["oldest monthly snapshot"]));
    assert_eq!(
        kept[11]["reasons"],
        json!([
            "last good backup",
            "daily snapshot",
            "weekly snapshot",
            "monthly snapshot"
        ])
    );

    // Damaged ones are not kept, and push nothing out.
    for day in nights(date(2025, 6, 30), 9) {
        let torn = Backup::good(DATABASE, b"whole").staged_as(b"other");
        site.deliver(&Report::new(AGENT, &format!("{day}T02:00:00"), vec![torn]));
        site.scan(&format!("{day}T06:00:00Z"));
    }
    assert_eq!(site.status_of(DATABASE), "HASH_MISMATCH");
    assert_eq!(copies(&site), expected);
}

#[test]
fn content_that_stays_the_same_is_kept_once_and_counts_for_each_night() {
    let site = site_with("keep_daily = 3");
    let mut days = nights(date(2025, 6, 1), 6);
    let [first, second] = [days.next().unwrap(), days.next().unwrap()];
    night(&site, first, "one");
    night(&site, second, "two");
    let one_and_two = [kept_as(first, "one"), kept_as(second, "two")];
    assert_eq!(copies(&site), one_and_two);
    night(&site, days.next().unwrap(), "two");
    assert_eq!(copies(&site), one_and_two);
    // The fourth day with a backup: that of the first is not among the last three any more.
    night(&site, days.next().unwrap(), "two");
    assert_eq!(copies(&site), one_and_two[1..]);
    // Content that comes back is a copy of its own.
    let fifth = days.next().unwrap();
    night(&site, fifth, "one");
    assert_eq!(
        copies(&site),
        [kept_as(second, "two"), kept_as(fifth, "one")]
    );
    let history = site.json(&["history", DATABASE]);
    let newest = &history["jobs"][0]["entries"][0]["validated_path"];
    assert!(newest.as_str().unwrap().ends_with(&kept_as(fifth, "one")));
}

#[test]
fn an_agent_that_sends_by_the_hundred_with_false_dates_pushes_nothing_old_out() {
    let site = site_with("keep_daily = 7\nkeep_weekly = 4\nkeep_monthly = 2");
    let honest = [date(2025, 5, 28), date(2025, 6, 2)];
    for day in honest {
        night(&site, day, &format!("dump of {day}"));
    }
    // Of fifteen days, as it says, and all of them within an hour.
    let (dated, sent) = (
        date(2025, 6, 3).at(0, 0, 0, 0),
        date(2025, 6, 19).at(6, 0, 0, 0),
    );
    for number in 0..100_i64 {
        let ended_at = dated.checked_add((number * 220).minutes()).unwrap();
        let content = format!("rubbish {number}");
        let backup = Backup::good(DATABASE, content.as_bytes());
        site.deliver(&Report::new(AGENT, &ended_at.to_string(), vec![backup]));
        let now = sent.checked_add((number * 36).seconds()).unwrap();
        let result = site.scan(&format!("{now}Z"));
        assert_eq!(result["entries"][0]["status"], "SUCCESS", "{result:#}");
    }
    let copies = copies(&site);
    assert_eq!(copies.len(), 3, "{copies:?}");
    let kept = honest.map(|day| kept_as(day, &format!("dump of {day}")));
    assert_eq!(copies[..2], kept);
}

/// All that lies below a folder.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut contents = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            let below = self::contents(&entry.path()).into_iter();
            contents.extend(below.map(|(path, bytes)| (format!("{name}/{path}"), bytes)));
        } else {
            contents.insert(name, fs::read(entry.path()).unwrap());
        }
    }
    contents
}

fn say(site: &Site, from: &str, to: &str) {
    let path = site.path("vigie.toml");
    let config = fs::read_to_string(&path).unwrap();
    assert!(config.contains(from));
    fs::write(path, config.replace(from, to)).unwrap();
}

/// Five nights, all kept, and then a rule that keeps two.
fn site_with_too_many() -> Site {
    let site = site_with("keep_last = \"all\"");
    for day in nights(date(2025, 6, 1), 5) {
        night(&site, day, &format!("dump of {day}"));
    }
    assert_eq!(copies(&site).len(), 5);
    say(&site, "keep_last = \"all\"", "keep_last = 2");
    site
}

#[test]
fn a_dry_run_tells_what_would_go_and_changes_nothing() {
    let site = site_with_too_many();
    // Of the database what it tells: its files change when somebody only reads it.
    let told = || [site.json(&["history", DATABASE]), site.json(&["status"])];
    let all = || {
        let mut all = contents(&site.path("."));
        all.retain(|path, _| !path.starts_with("vigie.db"));
        all
    };
    let (before, told_before) = (all(), told());
    let planned = site.json(&["prune", "--dry-run"]);
    let text = site.run(&["forget", "--dry-run"]);
    let after = all();
    assert_eq!(told(), told_before);
    assert_eq!(
        after.keys().collect::<Vec<_>>(),
        before.keys().collect::<Vec<_>>()
    );
    for (path, bytes) in &before {
        assert!(after[path] == *bytes, "{path} has changed");
    }
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("last good backup, last snapshot"), "{text}");
    assert!(
        text.contains("3 copies of 1 job would be removed, 54 B would be free"),
        "{text}"
    );
    assert_eq!(planned["removed"], 3);

    let done = site.json(&["prune"]);
    assert_eq!(done["jobs"], planned["jobs"]);
    assert_eq!(
        (&done["removed"], &done["bytes_freed"]),
        (&json!(3), &json!(54))
    );
    assert_eq!(copies(&site).len(), 2);
    assert_eq!(site.json(&["prune"])["removed"], 0);
    let entries = site.json(&["history", DATABASE]);
    assert_eq!(entries["jobs"][0]["entries"].as_array().unwrap().len(), 5);
}

#[test]
fn a_cycle_looks_only_at_jobs_that_had_a_backup_and_prune_at_those_that_are_named() {
    let site = site_with_too_many();
    let result = site.scan("2025-06-05T07:00:00Z");
    assert_eq!(result.get("pruned"), None, "{result:#}");
    let other = site.run(&["prune", "--database", "OTHER"]);
    assert_eq!(other.status.code(), Some(1));
    assert_eq!(copies(&site).len(), 5);
    assert_eq!(site.json(&["prune", "--agent", "sdmc_*"])["removed"], 3);
    assert_eq!(copies(&site).len(), 2);
}

#[test]
fn a_job_at_rest_is_pruned_like_any_other_and_keeps_its_last_good_backup() {
    let site = site_with_too_many();
    let retired = site.run(&["jobs", "retire", "--database", DATABASE]);
    assert!(retired.status.success(), "{retired:?}");
    say(&site, "keep_last = 2", "keep_last = 1");
    site.json(&["prune"]);
    let day = date(2025, 6, 5);
    assert_eq!(copies(&site), [kept_as(day, &format!("dump of {day}"))]);
}

#[test]
fn a_flipped_byte_is_found_with_the_list_and_the_copy_stays() {
    let site = site_with_too_many();
    let day = date(2025, 6, 5);
    let newest = kept_as(day, &format!("dump of {day}"));
    let path = site.path(FOLDER).join(&newest);
    let mut bytes = fs::read(&path).unwrap();
    bytes[0] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(!is_as_listed(&site));
    // One that is not there with its size takes the place of no intact one.
    fs::write(&path, "cut").unwrap();
    let kept = site.json(&["prune"])["jobs"][0]["keep"].clone();
    let kept: Vec<(&Value, &Value)> = kept
        .as_array()
        .unwrap()
        .iter()
        .map(|file| (&file["intact"], &file["reasons"][0]))
        .collect();
    let expected = [
        (json!(true), json!("last snapshot")),
        (json!(true), json!("last intact copy")),
        (json!(false), json!("last good backup")),
    ];
    assert_eq!(
        kept,
        expected.each_ref().map(|(intact, reason)| (intact, reason))
    );
}

#[test]
fn a_site_that_kept_one_copy_of_each_goes_on_with_versions() {
    let site = Site::new();
    let [first, second, third] = [date(2025, 6, 1), date(2025, 6, 2), date(2025, 6, 3)];
    night(&site, first, "one");
    let old = format!("{DATABASE}.sql.zst");
    assert_eq!(copies(&site), [old.as_str()]);
    let refused = site.run(&["prune"]);
    assert_eq!(refused.status.code(), Some(1));
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(error.contains("has no [retention]"), "{error}");

    let config = fs::read_to_string(site.path("vigie.toml")).unwrap();
    let rules = "\n[retention]\nkeep_daily = 2\n";
    fs::write(site.path("vigie.toml"), config + rules).unwrap();
    night(&site, second, "two");
    assert_eq!(copies(&site), [kept_as(second, "two"), old]);
    night(&site, third, "three");
    assert_eq!(
        copies(&site),
        [kept_as(second, "two"), kept_as(third, "three")]
    );
}

#[test]
fn a_staged_file_with_the_name_of_the_list_is_kept_under_another() {
    for rules in ["", "[retention]\nkeep_last = 2\n"] {
        let site = Site::with(rules);
        let staged = site.path(format!("deposit/{AGENT}/databases"));
        fs::create_dir_all(&staged).unwrap();
        fs::write(staged.join("SHA256SUMS"), "one").unwrap();
        let backup = Backup::good(DATABASE, b"one")
            .not_staged()
            .saying("/staged_file_name", json!("SHA256SUMS"));
        site.deliver(&Report::new(AGENT, "2025-06-19T02:00:00", vec![backup]));
        site.scan("2025-06-19T06:00:00Z");
        assert_eq!(site.status_of(DATABASE), "OK");
        assert_eq!(copies(&site).len(), 1);
    }
}

#[test]
fn what_is_in_the_way_of_a_list_is_told_and_spoils_nothing() {
    let site = Site::new();
    fs::create_dir_all(site.path(FOLDER).join("SHA256SUMS")).unwrap();
    let backup = Backup::good(DATABASE, b"one");
    site.deliver(&Report::new(AGENT, "2025-06-19T02:00:00", vec![backup]));
    let scan = site.run(&["scan", "--now", "2025-06-19T06:00:00Z"]);
    assert_eq!(scan.status.code(), Some(1));
    let told = String::from_utf8(scan.stdout).unwrap();
    assert!(told.contains("not done"), "{told}");
    assert_eq!(site.status_of(DATABASE), "OK");
    fs::remove_dir(site.path(FOLDER).join("SHA256SUMS")).unwrap();
    site.scan("2025-06-19T07:00:00Z");
    assert_eq!(copies(&site), [format!("{DATABASE}.sql.zst")]);
}

/// Prunes with a kill -9 in place of the `step`-th call; tells whether it came to that.
fn prune_killed_at(site: &Site, calls: &str, step: usize) -> bool {
    let vigie = site.command();
    let status = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null"])
        .arg(format!("--trace={calls}"))
        .arg(format!("--inject={calls}:signal=KILL:when={step}"))
        .arg(vigie.get_program())
        .args(vigie.get_args())
        .arg("prune")
        .current_dir(site.path(""))
        .output()
        .expect("strace; tests/run installs it")
        .status;
    match (status.signal(), status.code()) {
        (Some(SIGKILL), _) => true,
        (None, Some(0)) => false,
        _ => panic!("{calls} {step}: it ended with {status}"),
    }
}

#[test]
fn a_prune_that_is_killed_at_any_step_is_made_up_for_by_the_next_cycle() {
    let before = site_with_too_many();
    let what_lasts = |site: &Site| {
        let planned = site.json(&["prune", "--dry-run"]);
        (contents(&site.path("validated")), planned.to_string())
    };
    let expected = {
        let site = before.copy();
        site.json(&["prune"]);
        what_lasts(&site)
    };
    let mut kills = 0;
    for calls in [
        "unlink,unlinkat",
        "fsync,fdatasync",
        "pwrite64",
        "rename,renameat,renameat2",
    ] {
        for step in 1.. {
            let site = before.copy();
            if !prune_killed_at(&site, calls, step) {
                break;
            }
            kills += 1;
            // What was not begun is no concern of a cycle without a new backup.
            site.scan("2025-06-05T07:00:00Z");
            site.json(&["prune"]);
            assert_eq!(
                what_lasts(&site),
                expected,
                "killed at call {step} of {calls}"
            );
            assert_eq!(copies(&site).len(), 2);
        }
    }
    tell(&format!(
        "kills of a prune: {kills}, nothing lost, nothing left"
    ));
    assert!(kills > 10, "only {kills} steps were found");
}

#[test]
fn no_rule_is_taken_that_keeps_nothing() {
    let site = site_with("keep_daily = 0");
    let check = site.run(&["config", "check"]);
    assert_eq!(check.status.code(), Some(2));
    let error = String::from_utf8(check.stderr).unwrap();
    assert!(error.contains("retention keeps nothing"), "{error}");
}
