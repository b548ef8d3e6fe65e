use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::thread;

use serde_json::Value;

use crate::site::{Backup, MORNING, Report, START, Site, tell};

const SIGKILL: i32 = 9;

/// The system calls by which a scan changes anything that lasts. A kill before the n-th of each, for
/// every n, is a kill between any two steps.
const STEPS: [&str; 8] = [
    "rename,renameat,renameat2",
    "fsync,fdatasync",
    "pwrite64",
    "write",
    "unlink,unlinkat",
    "mkdir,mkdirat",
    "ftruncate",
    "openat2",
];

/// A night in which a good backup, a changed good backup, a bad one, a broken report and a silent
/// agent meet, on top of a night in which all was well.
fn site_before_the_scan() -> Site {
    let site = Site::with("[[jobs]]\nagent = \"SILENT_A_B\"\ndatabase = \"NEVER\"\n");
    let night = |hour: &str, content: &[u8]| {
        let ended_at = format!("2025-06-{hour}:00:00");
        let backup = |name: &str| Backup::good(name, content);
        vec![
            Report::new(
                "FIRST_A_B",
                &ended_at,
                vec![backup("KEPT"), backup("ALSO_KEPT")],
            ),
            Report::new("SECOND_A_B", &ended_at, vec![backup("TORN")]),
        ]
    };
    site.scan(START);
    for report in night("19T02", b"one") {
        site.deliver(&report);
    }
    site.scan(MORNING);
    let mut reports = night("20T02", b"two");
    let torn = Backup::good("TORN", b"two").staged_as(b"tw");
    reports[1] = Report::new("SECOND_A_B", "2025-06-20T02:00:00", vec![torn]);
    for report in reports {
        site.deliver(&report);
    }
    let broken = Report::new("THIRD_A_B", "2025-06-20T02:00:00", Vec::new());
    broken.deliver_text(&site.deposit(), b"{broken");
    // A copy that can't be kept, as something is in the way, and is tried again in each cycle.
    fs::write(site.path("validated/FOURTH"), "in the way").unwrap();
    let kept_nowhere = Backup::good("KEPT_NOWHERE", b"one");
    let fourth = Report::new("FOURTH_A_B", "2025-06-20T02:00:00", vec![kept_nowhere]);
    site.deliver(&fourth);
    // The same report twice.
    let copied = Backup::good("COPIED", b"one");
    let copied = Report::new("FIFTH_A_B", "2025-06-20T02:00:00", vec![copied]);
    site.deliver(&copied);
    site.deliver(&copied.named("copy.json"));
    site
}

const NOW: &str = "2025-06-20T06:00:00Z";

/// All that lasts after a scan, in a form that two runs can be compared by.
fn what_lasts(site: &Site) -> BTreeMap<String, String> {
    let mut lasting = BTreeMap::new();
    let status = site.json(&["status"]);
    for job in status["jobs"].as_array().unwrap() {
        let name = job["database"].as_str().unwrap();
        lasting.insert(format!("job {name}"), job.to_string());
        let history = site.json(&["history", name]);
        let entries = &history["jobs"][0]["entries"];
        lasting.insert(format!("history {name}"), entries.to_string());
    }
    for tree in ["deposit", "validated"] {
        collect_files(&site.path(tree), tree, &mut lasting);
    }
    for mail in site.mails() {
        let count = lasting
            .entry(format!("mail {}", mail.message_id))
            .or_default();
        count.push_str(&mail.subject);
    }
    lasting
}

fn collect_files(folder: &Path, shown: &str, lasting: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let shown = format!("{shown}/{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            collect_files(&entry.path(), &shown, lasting);
        } else {
            let content = fs::read(entry.path()).unwrap();
            lasting.insert(shown, String::from_utf8_lossy(&content).into_owned());
        }
    }
}

/// Scans with a kill -9 in place of the `step`-th call; tells whether it came to that.
fn scan_killed_at(site: &Site, calls: &str, step: usize) -> bool {
    let vigie = site.command();
    let status = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null"])
        .arg(format!("--trace={calls}"))
        .arg(format!("--inject={calls}:signal=KILL:when={step}"))
        .arg(vigie.get_program())
        .args(vigie.get_args())
        .args(["scan", "--now", NOW])
        .current_dir(site.path(""))
        .output()
        .expect("strace; tests/run installs it")
        .status;
    match (status.signal(), status.code()) {
        (Some(SIGKILL), _) => true,
        (None, Some(0)) => false,
        _ => panic!("{calls} {step}: the scan ended with {status}"),
    }
}

#[test]
fn a_scan_that_is_killed_at_any_step_is_made_up_for_by_the_next() {
    let before = site_before_the_scan();
    let expected = {
        let site = before.copy();
        // The second of two copies is set aside in the cycle after the first.
        site.scan(NOW);
        site.scan(NOW);
        what_lasts(&site)
    };
    let kill_at_every = |calls: &str| {
        for step in 1.. {
            let site = before.copy();
            if !scan_killed_at(&site, calls, step) {
                return step - 1;
            }
            site.scan(NOW);
            site.scan(NOW);
            let lasting = what_lasts(&site);
            assert_eq!(lasting, expected, "killed at call {step} of {calls}");
            let next = site.scan(NOW);
            assert_eq!(next["events"], Value::Array(Vec::new()));
        }
        unreachable!("steps have no end")
    };
    let kills: usize = thread::scope(|scope| {
        let kill_at_every = &kill_at_every;
        let threads = STEPS.map(|calls| scope.spawn(move || kill_at_every(calls)));
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    tell(&format!(
        "kills of a scan: {kills}, nothing lost, nothing doubled"
    ));
    assert!(kills > 50, "only {kills} steps were found");
}
