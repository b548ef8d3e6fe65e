mod hang;

use std::fs;
use std::process::{Child, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use self::hang::Hang;
use crate::site::{
    Backup, DAYS_LATER, MORNING, Report, Running, START, Site, subjects, this_moment,
};

/// The agent whose mount hangs.
const HUNG: &str = "HUNG_A_B";

/// Agents before and after it, by name.
const OTHERS: [&str; 3] = ["FIRST_A_B", "IN_BETWEEN_A_B", "LAST_A_B"];

/// Large enough to be read in pieces, and beside being written.
const LARGE: usize = 24 * 1024 * 1024;

const KEPT: &str = "validated/HUNG/A/B/no-year/OF_HUNG_A_B";

const STAGED: &str = "deposit/HUNG_A_B/databases/OF_HUNG_A_B.sql.zst";

/// In the middle of a large file.
const READING: Hang = Hang {
    calls: "pread64",
    path: STAGED,
    from: 60,
};

const LISTING: Hang = Hang {
    calls: "getdents64",
    path: "deposit/HUNG_A_B/log",
    from: 1,
};

/// One core, so that a thread that is lost with it would be missed.
fn site() -> Site {
    site_with("")
}

fn site_with(sections: &str) -> Site {
    Site::with(&format!(
        "[scan]\nstall_timeout = \"1s\"\ninterval = \"1s\"\ncores = 1\nwatch = false\n{sections}"
    ))
}

fn report(agent: &str, ended_at: &str, content: &[u8]) -> Report {
    let backup = Backup::good(&format!("OF_{agent}"), content);
    // Of one name, so that a test knows it.
    Report::new(agent, ended_at, vec![backup]).named("report.json")
}

fn deliver_all(site: &Site, ended_at: &str, content_of_the_hung: &[u8]) {
    for agent in OTHERS {
        site.deliver(&report(agent, ended_at, ended_at.as_bytes()));
    }
    site.deliver(&report(HUNG, ended_at, content_of_the_hung));
}

/// Waits for the end of a program, which has to come within seconds.
fn end_of(mut program: Child) -> Output {
    let started = Instant::now();
    while program.try_wait().unwrap().is_none() {
        if started.elapsed() > Duration::from_secs(20) {
            let _ = program.kill();
            panic!("it did not end: {:?}", program.wait_with_output());
        }
        thread::sleep(Duration::from_millis(20));
    }
    program.wait_with_output().unwrap()
}

fn scan_output(site: &Site, hang: Hang, now: &str) -> Output {
    let mut scan = hang.command(site, &["scan", "--now", now, "--format", "json"]);
    scan.stdout(Stdio::piped()).stderr(Stdio::piped());
    end_of(scan.spawn().unwrap())
}

/// Scans while something hangs, which is no success.
#[track_caller]
fn scan_with(site: &Site, hang: Hang, now: &str) -> Value {
    let output = scan_output(site, hang, now);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let errors = result["errors"].as_array().unwrap();
    let [error] = &errors[..] else {
        panic!("not one error: {errors:#?}");
    };
    assert_eq!(error["agent"], HUNG);
    let words = error["error"].as_str().unwrap();
    let expected = "deposit/HUNG_A_B: it has not answered for 1 s: its mount may hang";
    assert!(words.contains(expected), "{words}");
    result
}

#[track_caller]
fn assert_others_are_served(site: &Site, result: &Value) {
    let entries = result["entries"].as_array().unwrap();
    for agent in OTHERS {
        let is_good = |entry: &Value| entry["agent"] == agent && entry["status"] == "SUCCESS";
        assert!(entries.iter().any(is_good), "{agent}: {result:#}");
        assert_eq!(site.status_of(&format!("OF_{agent}")), "OK");
    }
}

/// Of the one that hangs nothing was recorded and nothing kept; the next scan does both.
#[track_caller]
fn assert_made_up_for(site: &Site) {
    let names = site.files_in(KEPT);
    let is_copy = |name: &String| name != ".vigie-partial";
    assert!(!names.iter().any(is_copy), "{names:?}");
    let result = site.scan("2025-06-19T07:00:00Z");
    assert_eq!(result["errors"], Value::Array(Vec::new()));
    assert_eq!(result["entries"].as_array().unwrap().len(), 1, "{result:#}");
    assert_eq!(result["entries"][0]["status"], "SUCCESS");
    assert_eq!(site.files_in(KEPT), ["OF_HUNG_A_B.sql.zst", "SHA256SUMS"]);
}

#[track_caller]
fn hangs_before_anything_is_recorded(hang: Hang) {
    let site = site();
    deliver_all(&site, "2025-06-19T02:00:00", &vec![7; LARGE]);
    let result = scan_with(&site, hang, MORNING);
    assert_others_are_served(&site, &result);
    assert_eq!(result["entries"].as_array().unwrap().len(), OTHERS.len());
    assert_made_up_for(&site);
}

#[test]
fn an_agents_folder_that_hangs_when_it_is_opened_holds_up_nobody_else() {
    hangs_before_anything_is_recorded(Hang {
        calls: "openat,openat2",
        path: "deposit/HUNG_A_B",
        from: 1,
    });
}

#[test]
fn a_log_folder_that_hangs_when_it_is_listed_holds_up_nobody_else() {
    hangs_before_anything_is_recorded(LISTING);
}

#[test]
fn a_report_that_hangs_when_it_is_read_holds_up_nobody_else() {
    hangs_before_anything_is_recorded(Hang {
        calls: "read",
        path: "deposit/HUNG_A_B/log/report.json",
        from: 1,
    });
}

#[test]
fn a_staged_file_that_hangs_when_it_is_opened_holds_up_nobody_else() {
    hangs_before_anything_is_recorded(Hang {
        calls: "openat,openat2",
        path: STAGED,
        from: 1,
    });
}

#[test]
fn a_large_file_that_hangs_in_the_middle_of_its_copy_holds_up_nobody_else() {
    hangs_before_anything_is_recorded(READING);
}

#[test]
fn however_many_files_hang_they_are_waited_for_together() {
    let site = site();
    deliver_all(&site, "2025-06-19T02:00:00", b"one");
    for number in 0..20 {
        let agent = format!("{HUNG}{number}");
        site.deliver(&report(&agent, "2025-06-19T02:00:00", b"one"));
    }
    let hang = Hang {
        calls: "pread64",
        path: "deposit/HUNG_A_B*",
        from: 1,
    };
    let output = scan_output(&site, hang, MORNING);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["errors"].as_array().unwrap().len(), 21);
    assert_others_are_served(&site, &result);
}

#[test]
fn a_report_that_hangs_when_it_is_set_aside_was_taken_all_the_same() {
    let site = site();
    deliver_all(&site, "2025-06-19T02:00:00", b"one");
    let hang = Hang {
        calls: "renameat,renameat2",
        path: "deposit/HUNG_A_B/log/report.json",
        from: 1,
    };
    let result = scan_with(&site, hang, MORNING);
    assert_others_are_served(&site, &result);
    for agent in OTHERS {
        assert_eq!(site.files_in(&format!("deposit/{agent}/log")), ["_archive"]);
    }
    assert_eq!(site.status_of("OF_HUNG_A_B"), "OK");
    assert_eq!(
        site.files_in("deposit/HUNG_A_B/log"),
        ["_archive", "report.json"]
    );
    let next = site.scan("2025-06-19T07:00:00Z");
    assert_eq!(next["reports"]["repeated"], 1);
    assert_eq!(next["entries"], Value::Array(Vec::new()));
    assert_eq!(site.files_in("deposit/HUNG_A_B/log"), ["_archive"]);
}

/// `vigie run` at a site in which something hangs, once it has said so.
fn running_with(site: Site, hang: Hang) -> Running {
    let run = hang.command(&site, &["run"]);
    let running = Running::start_by(site, run);
    running.wait_for("has not answered for 1 s", 1);
    running
}

/// Of each agent there are so many entries, and all are good.
#[track_caller]
fn assert_recorded(site: &Site, agent: &str, times: usize) {
    let history = site.json(&["history", &format!("OF_{agent}")]);
    let entries = history["jobs"][0]["entries"].as_array().unwrap();
    assert_eq!(entries.len(), times, "{agent}: {entries:#?}");
    assert!(entries.iter().all(|entry| entry["status"] == "SUCCESS"));
}

#[test]
fn an_agent_that_answers_again_is_served_once_and_was_left_alone_until_then() {
    let site = site();
    deliver_all(&site, &this_moment(), &vec![7; LARGE]);
    let running = running_with(site, READING);
    running.wait_for("it has still not answered", 3);
    let status = |agent: &str| running.site.status_of(&format!("OF_{agent}"));
    assert_eq!(OTHERS.map(status), ["OK", "OK", "OK"]);
    assert_eq!(running.site.files_in(KEPT), [".vigie-partial"]);
    Hang::let_go(&running.site);
    running.wait_until("its backup", || status(HUNG) == "OK");
    let cycles = running.log().matches("cycle done").count();
    running.wait_for("cycle done", cycles + 2);
    let log = running.log();
    let site = running.stop();
    assert_eq!(
        log.matches("it has not answered").count(),
        2,
        "as a warning and an error: {log}"
    );
    assert_eq!(site.files_in(KEPT), ["OF_HUNG_A_B.sql.zst", "SHA256SUMS"]);
    for agent in OTHERS.iter().chain([&HUNG]) {
        assert_recorded(&site, agent, 1);
    }
}

#[test]
fn a_log_folder_that_hangs_when_it_is_looked_at_holds_up_nobody_else() {
    let site = site();
    deliver_all(&site, &this_moment(), b"one");
    // The first cycle looks into all folders, those after it at their times alone.
    let hang = Hang {
        calls: "newfstatat",
        path: "deposit/HUNG_A_B/log",
        from: 1,
    };
    let running = running_with(site, hang);
    assert!(
        running.log().contains("could not look at"),
        "{}",
        running.log()
    );
    let cycles = running.log().matches("cycle done").count();
    for agent in OTHERS {
        running.site.deliver(&report(agent, &this_moment(), b"two"));
    }
    running.wait_for("cycle done", cycles + 3);
    Hang::let_go(&running.site);
    running.site.deliver(&report(HUNG, &this_moment(), b"two"));
    let archive = "deposit/HUNG_A_B/log/_archive";
    running.wait_until("its second report", || {
        running.site.files_in(archive).len() == 2
    });
    let site = running.stop();
    for agent in OTHERS.iter().chain([&HUNG]) {
        assert_recorded(&site, agent, 2);
    }
}

#[test]
fn a_program_in_which_something_hangs_can_be_stopped() {
    let site = site();
    deliver_all(&site, &this_moment(), b"one");
    let started = Instant::now();
    running_with(site, LISTING).stop();
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn what_hangs_is_not_touched_again_after_a_new_config_was_taken_over() {
    let site = site();
    deliver_all(&site, &this_moment(), b"one");
    let running = running_with(site, LISTING);
    running.hang_up();
    running.wait_for("config and templates were taken over", 1);
    let before = running.log().matches("it has still not answered").count();
    running.wait_for("it has still not answered", before + 3);
    assert_eq!(running.log().matches("it has not answered").count(), 2);
    running.stop();
}

#[test]
fn a_job_whose_agent_does_not_answer_is_missing_an_hour_after_its_deadline() {
    let job = |agent: &str| format!("[[jobs]]\nagent = \"{agent}\"\ndatabase = \"OF_{agent}\"\n");
    let site = site_with(&(job(HUNG) + &job(OTHERS[0])));
    for agent in [HUNG, OTHERS[0]] {
        fs::create_dir_all(site.deposit().join(agent).join("log")).unwrap();
    }
    site.scan(START);
    // Expected a day after the start, with a grace of two hours.
    scan_with(&site, LISTING, "2025-06-20T02:30:00Z");
    assert_eq!(site.status_of("OF_FIRST_A_B"), "MISSING");
    assert_eq!(site.status_of("OF_HUNG_A_B"), "UNKNOWN");
    scan_with(&site, LISTING, "2025-06-20T03:00:01Z");
    assert_eq!(site.status_of("OF_HUNG_A_B"), "MISSING");
    assert_eq!(site.mails().len(), 2);
}

#[test]
fn a_deposit_that_hangs_is_told_and_nothing_is_said_of_its_jobs() {
    let site = site();
    deliver_all(&site, "2025-06-19T02:00:00", b"one");
    site.scan(MORNING);
    let hang = Hang {
        calls: "getdents64",
        path: "deposit",
        from: 1,
    };
    let output = scan_output(&site, hang, DAYS_LATER);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("could not list the deposit"), "{error}");
    assert!(error.contains("it has not answered for 1 s"), "{error}");
    assert_eq!(site.status_of("OF_FIRST_A_B"), "OK");
    let mails = site.mails();
    assert_eq!(mails.len(), 1, "{:?}", subjects(&mails));
    assert!(
        mails[0].text.contains("not answered for 1 s"),
        "{}",
        mails[0].text
    );
}
