use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::Write;
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

/// Does `late` beside a scan on the real clock, as the times of files are real, and gives the status that the backup ends up with.
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
    let content = b"0123456789".repeat(1000);
    let backup = Backup::good("X", &content).staged_as(&content[..10]);
    site.deliver(&Report::new(AGENT, &this_moment(), vec![backup]));
    let path = site.path(format!("deposit/{AGENT}/databases/X.sql.zst"));
    let status = scan_beside(&site, || {
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        // The line stalls in the middle, for longer than a file at rest is looked at.
        for (part, wait) in content[10..].chunks(2000).zip([300, 300, 7000, 300, 300]) {
            thread::sleep(Duration::from_millis(wait));
            file.write_all(part).unwrap();
        }
    });
    assert_eq!(status, "OK");
}

#[test]
fn a_file_that_rsync_is_still_building_is_waited_for() {
    let site = waiting("");
    let content = b"0123456789".repeat(1000);
    let backup = Backup::good("X", &content).staged_as(b"the file of last night");
    site.deliver(&Report::new(AGENT, &this_moment(), vec![backup]));
    let folder = site.path(format!("deposit/{AGENT}/databases"));
    let last_night = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
    let staged = File::open(folder.join("X.sql.zst")).unwrap();
    staged.set_times(last_night).unwrap();
    let status = scan_beside(&site, || {
        let hidden = folder.join(".X.sql.zst.a1B2c3");
        let mut file = fs::File::create(&hidden).unwrap();
        // Longer than a file has to be quiet, so that it is the hidden one that is watched.
        for part in content.chunks(2500) {
            thread::sleep(Duration::from_secs(1));
            file.write_all(part).unwrap();
        }
        fs::rename(hidden, folder.join("X.sql.zst")).unwrap();
    });
    assert_eq!(status, "OK");
}

#[test]
fn a_file_that_never_stops_growing_is_a_broken_transfer() {
    let site = waiting("settle = \"3s\"");
    let content = b"0123456789".repeat(1000);
    let backup = Backup::good("X", &content).staged_as(&content[..10]);
    site.deliver(&Report::new(AGENT, &this_moment(), vec![backup]));
    let path = site.path(format!("deposit/{AGENT}/databases/X.sql.zst"));
    let status = scan_beside(&site, || {
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        for part in content[10..600].chunks(10) {
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
    let backup = Backup::good("X", b"content").staged_as(b"con");
    site.deliver(&Report::new(AGENT, &this_moment(), vec![backup]));
    site.json(&["scan"]);
    assert_eq!(site.status_of("X"), "TRANSFER_INTEGRITY_FAILED");
    assert_eq!(
        site.job("X")["latest_entry"]["reason"]["code"],
        "size_differs"
    );
}
