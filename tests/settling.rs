use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, SystemTime};

use crate::site::{Backup, Report, Site, this_moment};

const AGENT: &str = "SDMC_DOUALA_AKWA";

/// Files are waited for: the program's default.
fn waiting(settle: &str) -> Site {
    Site::with_config(&format!(
        "[deposit]\nroot = \"deposit\"\n{settle}\n\
         [mail]\nadmin_email_recipient = \"admin@example.com\"\n"
    ))
}

const CONTENT: [u8; 10_000] = [b'x'; 10_000];

/// Delivers a fresh report with these bytes staged in place of [`CONTENT`].
fn deliver_staged_as(site: &Site, staged: &[u8]) -> PathBuf {
    let backup = Backup::good("X", &CONTENT).staged_as(staged);
    site.deliver(&Report::new(AGENT, &this_moment(), vec![backup]));
    site.path(format!("deposit/{AGENT}/databases/X.sql.zst"))
}

/// Does `late` beside a scan on the real clock, as the times of files are real, and gives the status
/// that the backup ends up with.
fn scan_beside(site: &Site, late: impl FnOnce() + Send) -> String {
    thread::scope(|scope| {
        let writer = scope.spawn(late);
        site.json(&["scan"]);
        writer.join().unwrap();
    });
    site.status_of("X")
}

#[test]
fn a_report_that_arrives_before_its_file_is_whole_waits_for_it() {
    let site = waiting("");
    let path = deliver_staged_as(&site, &CONTENT[..10]);
    let status = scan_beside(&site, || {
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        // For so long that the scan has seen it, however busy the machine; then the line stalls, for
        // longer than a file at rest is looked at.
        let waits = [300; 12].into_iter().chain([7000, 300, 300]);
        for (part, wait) in CONTENT[10..].chunks(700).zip(waits) {
            thread::sleep(Duration::from_millis(wait));
            file.write_all(part).unwrap();
        }
    });
    assert_eq!(status, "OK");
}

#[test]
fn a_file_that_rsync_is_still_building_is_waited_for() {
    let site = waiting("");
    let path = deliver_staged_as(&site, b"the file of last night");
    let last_night = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
    File::open(&path).unwrap().set_times(last_night).unwrap();
    let status = scan_beside(&site, || {
        let hidden = path.with_file_name(".X.sql.zst.a1B2c3");
        let mut file = File::create(&hidden).unwrap();
        // For longer than an unchanged file is waited for, so that it is the hidden one that counts.
        for part in CONTENT.chunks(1250) {
            thread::sleep(Duration::from_secs(1));
            file.write_all(part).unwrap();
        }
        fs::rename(hidden, path).unwrap();
    });
    assert_eq!(status, "OK");
}

#[test]
fn a_file_that_never_stops_growing_is_a_broken_transfer() {
    let site = waiting("settle = \"3s\"");
    let path = deliver_staged_as(&site, &CONTENT[..10]);
    let status = scan_beside(&site, || {
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        for part in CONTENT[10..600].chunks(10) {
            thread::sleep(Duration::from_millis(100));
            file.write_all(part).unwrap();
        }
    });
    assert_eq!(status, "TRANSFER_INTEGRITY_FAILED");
    let reason = &site.job("X")["latest_entry"]["reason"];
    assert_eq!(reason["code"], "still_growing");
}

#[test]
fn a_file_that_stays_short_is_judged_after_a_moment() {
    let site = waiting("");
    deliver_staged_as(&site, &CONTENT[..10]);
    site.json(&["scan"]);
    assert_eq!(site.status_of("X"), "TRANSFER_INTEGRITY_FAILED");
    assert_eq!(
        site.job("X")["latest_entry"]["reason"]["code"],
        "size_differs"
    );
}
