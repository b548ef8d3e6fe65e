use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::site::{Backup, MORNING, Report, Running, Site, sha256_of, subjects, this_moment};

const AGENT: &str = "SDMC_DOUALA_AKWA";
const OTHER_AGENT: &str = "LPG_YAOUNDE_MOKOLO";
const CONTENT: &[u8] = b"the compressed dump";

/// With these databases of an agent kept.
fn kept(databases: &[&str]) -> Site {
    let site = Site::new();
    keep(&site, AGENT, databases);
    site
}

fn keep(site: &Site, agent: &str, databases: &[&str]) {
    let backups = databases
        .iter()
        .map(|database| Backup::good(database, CONTENT));
    site.deliver(&Report::new(
        agent,
        "2025-06-19T02:00:00",
        backups.collect(),
    ));
    let result = site.scan(MORNING);
    assert_eq!(result["errors"], json!([]));
}

/// Where the copy of a database of the first agent is, below the site.
fn copy(site: &Site, database: &str) -> PathBuf {
    let entry = &site.job(database)["latest_entry"];
    site.path("validated")
        .join(entry["validated_path"].as_str().unwrap())
}

/// Scrubs, and gives the exit status and what was found.
#[track_caller]
fn scrub(site: &Site, arguments: &[&str]) -> (i32, Value) {
    let output = site.run(&[&["scrub", "--format", "json"], arguments].concat());
    let result = serde_json::from_slice(&output.stdout);
    let result = result.unwrap_or_else(|_| panic!("{output:?}"));
    (output.status.code().unwrap(), result)
}

/// Database and code of each fault that a scrub told.
fn damaged(result: &Value) -> Vec<(&str, &str)> {
    let damaged = result["damaged"].as_array().unwrap();
    let told = damaged.iter().map(|damaged| {
        let [database, code] = [&damaged["database"], &damaged["fault"]["code"]];
        (database.as_str().unwrap(), code.as_str().unwrap())
    });
    let mut told: Vec<_> = told.collect();
    told.sort_unstable();
    told
}

#[track_caller]
fn check(site: &Site) -> (i32, String) {
    let output = site.run(&["status", "--check"]);
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), text)
}

#[test]
fn what_is_as_it_was_kept_is_told_to_nobody() {
    let site = kept(&["SALES", "STOCK"]);
    let (status, result) = scrub(&site, &[]);
    assert_eq!((status, &result["files_checked"]), (0, &json!(2)));
    assert_eq!(result["bytes_read"], 2 * CONTENT.len());
    assert_eq!(
        (&result["damaged"], &result["errors"]),
        (&json!([]), &json!([]))
    );
    assert_eq!(
        (&result["files_left"], &result["bytes_left"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(site.mails().len(), 0);
    // The same content in another file is the same content.
    let copy = copy(&site, "SALES");
    let other = site.path("other");
    fs::copy(&copy, &other).unwrap();
    fs::rename(other, copy).unwrap();
    assert_eq!(scrub(&site, &[]).0, 0);
    let text = String::from_utf8(site.run(&["scrub"]).stdout).unwrap();
    assert!(
        text.starts_with("copies   2 looked at (38 B read), 0 damaged\n"),
        "{text}"
    );
}

#[test]
fn each_kind_of_damage_is_found_and_told_once() {
    let databases = ["BIT", "CUT", "GONE", "LINK", "PIPE", "FOLDER", "WELL"];
    let site = kept(&databases);
    let [bit, cut, gone, link, pipe, folder, _] = databases.map(|database| copy(&site, database));
    // As if nobody had touched it.
    let modified = fs::metadata(&bit).unwrap().modified().unwrap();
    let file = fs::File::options().write(true).open(&bit).unwrap();
    file.write_all_at(b"T", 0).unwrap();
    file.set_modified(modified).unwrap();
    fs::File::options()
        .write(true)
        .open(cut)
        .unwrap()
        .set_len(7)
        .unwrap();
    for path in [&gone, &link, &pipe, &folder] {
        fs::remove_file(path).unwrap();
    }
    symlink(&bit, link).unwrap();
    assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
    fs::create_dir(folder).unwrap();

    let (status, result) = scrub(&site, &[]);
    assert_eq!((status, &result["files_checked"]), (1, &json!(7)));
    let expected = [
        ("BIT", "content_differs"),
        ("CUT", "size_differs"),
        ("FOLDER", "not_regular"),
        ("GONE", "gone"),
        ("LINK", "not_regular"),
        ("PIPE", "not_regular"),
    ];
    assert_eq!(damaged(&result), expected);
    // More than three of one agent are one mail.
    let mail = site.only_mail();
    assert_eq!(
        mail.subject,
        format!("[DAMAGED] {AGENT}: 6 kept backups are damaged")
    );
    assert_eq!(mail.header("X-Priority"), Some("1"));
    let words: Vec<&str> = mail.text.split_whitespace().collect();
    let words = words.join(" ");
    let found = sha256_of(b"The compressed dump");
    for told in ["/GONE.sql.zst is gone; kept ", ", no other intact", &found] {
        assert!(words.contains(told), "{told} is not in {}", mail.text);
    }

    // It is known, and stays wrong.
    let (status, again) = scrub(&site, &[]);
    assert_eq!((status, damaged(&again).len()), (1, 6));
    let is_new = again["damaged"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["is_new"]);
    assert!(is_new.into_iter().all(|is_new| *is_new == false));
    assert_eq!(site.mails().len(), 1);
    // The jobs themselves are as their reports left them.
    assert!(
        databases
            .iter()
            .all(|database| site.status_of(database) == "OK")
    );
}

#[test]
fn damage_is_seen_by_all_who_look() {
    let site = kept(&["SALES", "STOCK"]);
    assert_eq!(check(&site).0, 0);
    let gone = copy(&site, "SALES");
    fs::remove_file(&gone).unwrap();
    scrub(&site, &[]);
    let (status, text) = check(&site);
    assert_eq!(status, 2, "{text}");
    assert!(
        text.contains("; 1 kept backup is damaged: SDMC/DOUALA/AKWA/"),
        "{text}"
    );
    assert!(text.trim_end().ends_with(" damaged=1"), "{text}");
    let shown = site.json(&["status"])["damaged"].clone();
    assert_eq!(
        (&shown[0]["database"], &shown[0]["reason"]),
        (&json!("SALES"), &json!("the file is gone"))
    );
    let path = shown[0]["path"].as_str().unwrap();
    assert!(gone.ends_with(path), "{path}");
    let of_job = |database| site.json(&["history", database])["jobs"][0]["damaged"].clone();
    assert_eq!((&of_job("SALES"), of_job("STOCK")), (&shown, json!([])));
    for arguments in [&["status"][..], &["history", "SALES"]] {
        let text = String::from_utf8(site.run(arguments).stdout).unwrap();
        assert!(text.contains("(the file is gone)"), "{text}");
    }
    let mail = site.only_mail();
    assert_eq!(
        mail.subject,
        format!("[DAMAGED] SALES: the last good backup is gone ({AGENT})")
    );

    // What is lost for good is nobody's affair any more, once somebody says so.
    let output = site.run(&["scrub", "--give-up", path]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(check(&site).0, 0);
    assert_eq!(
        site.run(&["scrub", "--give-up", path]).status.code(),
        Some(1)
    );
    assert_eq!(scrub(&site, &[]).0, 0);
}

#[test]
fn what_comes_back_is_as_it_was_and_no_alarm() {
    let site = kept(&["SALES", "STOCK"]);
    let (path, away) = (copy(&site, "SALES"), site.path("away"));
    fs::rename(&path, &away).unwrap();
    assert_eq!(scrub(&site, &[]).0, 1);
    fs::rename(&away, &path).unwrap();
    let (status, result) = scrub(&site, &[]);
    assert_eq!(status, 0, "{result:#}");
    assert_eq!(result["restored"][0]["database"], "SALES");
    assert_eq!(result["restored"][0]["fault"]["code"], "gone");
    assert_eq!(site.mails().len(), 1);
    assert_eq!(check(&site).0, 0);
    // When it goes again, that is told again.
    fs::remove_file(path).unwrap();
    assert_eq!(scrub(&site, &[]).0, 1);
    assert_eq!(site.mails().len(), 2);
}

#[test]
fn the_next_report_of_what_was_lost_has_it_kept_anew() {
    let site = kept(&["SALES", "STOCK"]);
    let path = copy(&site, "SALES");
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.write_all_at(b"T", 0).unwrap();
    assert_eq!(scrub(&site, &[]).0, 1);
    let backup = Backup::good("SALES", CONTENT);
    site.deliver(&Report::new(AGENT, "2025-06-20T02:00:00", vec![backup]));
    site.scan("2025-06-20T06:00:00Z");
    assert_eq!(fs::read(copy(&site, "SALES")).unwrap(), CONTENT);
    let (status, result) = scrub(&site, &[]);
    assert_eq!((status, &result["files_checked"]), (0, &json!(2)));
    assert_eq!(check(&site).0, 0);
}

#[test]
fn those_read_the_longest_ago_come_first_and_two_runs_cover_all() {
    let site = kept(&["A", "B", "C"]);
    keep(&site, OTHER_AGENT, &["D", "E"]);
    let three = (3 * CONTENT.len()).to_string();
    let (status, first) = scrub(&site, &["--max-bytes", &three]);
    assert_eq!(
        (status, &first["files_checked"], &first["files_left"]),
        (0, &json!(3), &json!(2))
    );
    assert_eq!(first["bytes_left"], 2 * CONTENT.len());
    // What was read just now is not read again before all others.
    for database in ["D", "E"] {
        fs::remove_file(copy(&site, database)).unwrap();
    }
    let (status, second) = scrub(&site, &["--max-bytes", &three]);
    assert_eq!(
        (status, damaged(&second)),
        (1, vec![("D", "gone"), ("E", "gone")])
    );
    let (_, none) = scrub(&site, &["--older-than", "1h"]);
    assert_eq!(none["files_checked"], 0);
    // Each is told by a mail of its own where there are few.
    let mails = site.mails();
    assert_eq!(subjects(&mails).len(), 2);
    assert!(
        mails
            .iter()
            .all(|mail| mail.subject.ends_with(&format!("({OTHER_AGENT})")))
    );
}

#[test]
fn a_tree_that_is_gone_is_one_error_and_no_mail_about_files() {
    let site = kept(&["SALES", "STOCK"]);
    let (tree, away) = (site.path("validated"), site.path("away"));
    fs::rename(&tree, &away).unwrap();
    for make in [false, true] {
        if make {
            fs::create_dir(&tree).unwrap();
        }
        let output = site.run(&["scrub"]);
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains("the validated tree "), "{error}");
    }
    let mail = site.only_mail();
    assert!(
        mail.subject
            .starts_with("[OUTAGE] The kept backups can't be read since "),
        "{}",
        mail.subject
    );
    let (status, text) = check(&site);
    assert_eq!(
        (status, text.contains("what is kept can't be read since ")),
        (2, true),
        "{text}"
    );
    fs::remove_dir(&tree).unwrap();
    fs::rename(&away, &tree).unwrap();
    let (status, result) = scrub(&site, &[]);
    assert_eq!((status, &result["files_checked"]), (0, &json!(2)));
    let mails = site.mails();
    assert_eq!(mails.len(), 2);
    assert!(
        mails[0]
            .subject
            .starts_with("[OK] The kept backups can be read again"),
        "{}",
        mails[0].subject
    );
    assert_eq!(check(&site).0, 0);
}

/// Without the privilege by which the superuser reads everything.
fn unprivileged(site: &Site, arguments: &[&str]) -> Output {
    let mut vigie = site.command();
    vigie.args(arguments);
    let is_superuser = fs::metadata("/proc/self").unwrap().uid() == 0;
    let output = if is_superuser {
        Command::new("/usr/bin/setpriv")
            .arg("--bounding-set=-dac_override,-dac_read_search")
            .arg(vigie.get_program())
            .args(vigie.get_args())
            .env_clear()
            .current_dir(site.path(""))
            .output()
    } else {
        vigie.output()
    };
    output.unwrap()
}

#[test]
fn what_may_not_be_read_is_the_servers_fault_and_not_the_files() {
    let site = kept(&["SALES", "STOCK"]);
    let path = copy(&site, "SALES");
    fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
    let output = unprivileged(&site, &["scrub", "--format", "json"]);
    let result: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!((damaged(&result), &result["failed"]), (vec![], &json!(1)));
    let error = result["errors"][0]["error"].as_str().unwrap();
    assert!(error.contains("Permission denied"), "{error}");
    assert_eq!(
        (&result["files_checked"], &result["files_left"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(site.mails().len(), 0);
}

#[test]
fn without_a_tree_it_says_what_to_set() {
    let site = Site::with_config("[deposit]\nroot = \"deposit\"\n");
    let output = site.run(&["scrub"]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("deposit.validated is not set"), "{error}");
    let output = site.run(&["scrub", "--max-bytes", "much"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_scrub_that_is_killed_loses_nothing_and_the_next_goes_on() {
    let site = Site::with("[scrub]\nmax_read_rate = \"400kB/s\"");
    let large = vec![b'x'; 200_000];
    let databases: Vec<String> = (0..20).map(|number| format!("X{number:02}")).collect();
    let backups = databases
        .iter()
        .map(|database| Backup::good(database, &large));
    site.deliver(&Report::new(
        AGENT,
        "2025-06-19T02:00:00",
        backups.collect(),
    ));
    site.scan(MORNING);
    fs::remove_file(copy(&site, "X00")).unwrap();
    let mut scrubbing = site
        .command()
        .arg("scrub")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let recorded = || site.json(&["status"])["damaged"].as_array().unwrap().len();
    while recorded() == 0 {
        assert!(started.elapsed() < Duration::from_secs(20));
    }
    scrubbing.kill().unwrap();
    scrubbing.wait().unwrap();
    assert_eq!(site.mails().len(), 0);
    let config = fs::read_to_string(site.path("vigie.toml")).unwrap();
    fs::write(site.path("vigie.toml"), config.replace("400kB/s", "4GB/s")).unwrap();
    // What was read before the kill was read an instant ago.
    let (status, rest) = scrub(&site, &["--older-than", "1d"]);
    let files = rest["files_checked"].as_u64().unwrap();
    assert!((1..20).contains(&files), "{files}");
    // Nothing of what it read is damaged, and what the first one found is told now.
    assert_eq!((status, damaged(&rest)), (0, vec![]));
    let mail = site.only_mail();
    assert!(
        mail.subject.starts_with("[DAMAGED] X00: "),
        "{}",
        mail.subject
    );
}

#[test]
fn a_running_vigie_reads_what_is_kept_beside_its_scans() {
    let site = Site::with("[scrub]\nevery = \"1s\"\n[scan]\ninterval = \"500ms\"");
    let now = this_moment();
    let backups = |databases: &[&str]| -> Vec<Backup> {
        let good = databases
            .iter()
            .map(|database| Backup::good(database, CONTENT));
        good.collect()
    };
    site.deliver(&Report::new(AGENT, &now, backups(&["SALES"])));
    site.deliver(&Report::new(OTHER_AGENT, &now, backups(&["STOCK"])));
    let running = Running::start(site);
    let site = &running.site;
    running.wait_until("both are kept", || {
        site.json(&["status"])["jobs"].as_array().unwrap().len() == 2
    });
    fs::remove_file(copy(site, "SALES")).unwrap();
    running.wait_until("the mail", || site.mails().len() == 1);
    assert!(site.only_mail().subject.starts_with("[DAMAGED] SALES: "));
    // Scans go on meanwhile, and what is gone is told once.
    let cycles = running.log().matches("cycle done").count();
    running.wait_for("cycle done", cycles + 3);
    let (tree, away) = (site.path("validated"), site.path("away"));
    // A tree that is taken away is told once too, and that it is back.
    fs::rename(&tree, &away).unwrap();
    running.wait_until("the outage", || site.mails().len() == 2);
    let _ = fs::remove_dir_all(&tree);
    fs::rename(&away, &tree).unwrap();
    running.wait_until("its end", || site.mails().len() == 3);
    let mails = site.mails();
    let subjects = subjects(&mails);
    assert!(
        subjects[1].starts_with("[OK] The kept backups can be read again"),
        "{subjects:?}"
    );
    assert!(
        subjects[2].starts_with("[OUTAGE] The kept backups can't be read"),
        "{subjects:?}"
    );
    running.stop();
}

#[test]
fn what_is_not_to_be_read_again_is_not() {
    let site = Site::with("[scrub]\nevery = false\n[scan]\ninterval = \"200ms\"");
    site.deliver(&Report::new(
        AGENT,
        &this_moment(),
        vec![Backup::good("SALES", CONTENT)],
    ));
    let running = Running::start(site);
    running.wait_until("it is kept", || {
        running.site.path("validated/SDMC").exists()
    });
    fs::remove_file(copy(&running.site, "SALES")).unwrap();
    let cycles = running.log().matches("cycle done").count();
    running.wait_for("cycle done", cycles + 5);
    let site = running.stop();
    assert_eq!(site.json(&["status"])["damaged"], json!([]));
}
