//! The mail that says how all is, and what people who asked for quiet are told when it ends.

use std::fs;

use serde_json::json;

use crate::site::{
    Backup, DAYS_LATER, MORNING, ReceivedMail, Report, START, Site, read_mails, subjects,
};

const AGENT: &str = "SDMC_DOUALA_AKWA";

const OTHER: &str = "TRADEX_YAOUNDE_BASTOS";

fn job(agent: &str, database: &str) -> String {
    format!("[[jobs]]\nagent = \"{agent}\"\ndatabase = \"{database}\"\n")
}

fn deliver(site: &Site, agent: &str, database: &str, ended_at: &str) {
    let backup = Backup::good(database, ended_at.as_bytes());
    site.deliver(&Report::new(agent, ended_at, vec![backup]));
}

/// The mails of a scan, which are taken away.
fn mails_of_scan(site: &Site, now: &str) -> Vec<ReceivedMail> {
    site.scan(now);
    take_mails(site)
}

fn take_mails(site: &Site) -> Vec<ReceivedMail> {
    let mails = read_mails(&site.path("mails"));
    if !mails.is_empty() {
        fs::remove_dir_all(site.path("mails")).unwrap();
    }
    mails
}

fn digests(mails: &[ReceivedMail]) -> Vec<&ReceivedMail> {
    let digests = mails
        .iter()
        .filter(|mail| mail.subject.starts_with("[DIGEST]"));
    digests.collect()
}

#[test]
fn a_digest_comes_once_a_day_when_all_is_well_too() {
    let site = Site::with(&format!(
        "[digest]\nevery = \"daily\"\nat = \"07:00\"\ntimezone = \"Africa/Douala\"\n{}",
        job(AGENT, "X")
    ));
    site.scan(START);
    deliver(&site, AGENT, "X", "2025-06-19T02:00:00");
    // It is 06:59 in Douala.
    assert!(mails_of_scan(&site, "2025-06-19T05:59:00Z").is_empty());
    let mails = mails_of_scan(&site, "2025-06-19T06:00:00Z");
    assert_eq!(digests(&mails).len(), 1, "{:?}", subjects(&mails));
    assert!(mails[0].subject.contains("OK"), "{}", mails[0].subject);
    assert!(mails_of_scan(&site, "2025-06-19T06:01:00Z").is_empty());
    assert!(mails_of_scan(&site, "2025-06-20T03:00:00Z").is_empty());

    // Of the days in which nobody looked there is one.
    let mails = mails_of_scan(&site, "2025-06-23T09:00:00Z");
    let digests = digests(&mails);
    assert_eq!(
        (mails.len(), digests.len()),
        (2, 1),
        "{:?}",
        subjects(&mails)
    );
    assert!(digests[0].subject.contains('1'), "{}", digests[0].subject);
    for part in [&digests[0].text, &digests[0].html] {
        assert!(part.contains("MISSING") && part.contains(AGENT), "{part}");
    }
}

#[test]
fn who_is_no_administrator_reads_of_their_own_jobs_alone() {
    let route = format!(
        "[[routes]]\nagent = \"TRADEX_*\"\nrecipients = [\"tradex@example.com\"]\ncontinue = true\n\
         [[routes]]\nrecipients = [\"admin@example.com\"]\n\
         [digest]\nevery = \"weekly\"\nrecipients = [\"admin@example.com\", \"tradex@example.com\"]\n{}{}",
        job(AGENT, "SECRET"),
        job(OTHER, "X"),
    );
    let site = Site::with(&route);
    site.scan(START);
    site.scan(DAYS_LATER);
    let mails = mails_of_scan(&site, "2025-06-23T08:00:00Z");
    let digests = digests(&mails);
    assert_eq!(digests.len(), 2, "{:?}", subjects(&mails));
    let to = |address: &str| digests.iter().find(|mail| mail.to == address).unwrap();
    let (all, own) = (to("admin@example.com"), to("tradex@example.com"));
    assert!(all.text.contains("SECRET") && all.text.contains(OTHER));
    assert!(own.text.contains(OTHER), "{}", own.text);
    for part in [&own.text, &own.html, &own.subject] {
        assert!(!part.contains("SECRET") && !part.contains("SDMC"), "{part}");
    }
}

#[test]
fn what_maintenance_holds_back_is_told_when_it_ends_if_it_is_still_so() {
    let window = "[[maintenance]]\nname = \"new disks\"\n\
                  from = \"2025-06-20 00:00\"\nto = \"2025-06-22 06:00\"\n";
    let site = Site::with(&format!("{window}{}{}", job(AGENT, "X"), job(AGENT, "Y")));
    site.scan(START);
    site.scan(MORNING);
    assert!(mails_of_scan(&site, DAYS_LATER).is_empty());
    assert_eq!(site.json(&["status"])["held_back"]["maintenance"], json!(2));
    // One comes back meanwhile, and nobody need know.
    deliver(&site, AGENT, "X", "2025-06-21T20:00:00");
    assert!(mails_of_scan(&site, "2025-06-21T20:10:00Z").is_empty());
    let mails = mails_of_scan(&site, "2025-06-22T06:00:00Z");
    assert_eq!(mails.len(), 1, "{:?}", subjects(&mails));
    assert!(
        mails[0].subject.starts_with("[MISSING] Y:"),
        "{}",
        mails[0].subject
    );
    assert_eq!(site.json(&["status"])["held_back"]["maintenance"], json!(0));
    // Who was told is told that it is over, and of the other there is nothing to tell.
    deliver(&site, AGENT, "Y", "2025-06-22T10:00:00");
    let mails = mails_of_scan(&site, "2025-06-22T10:10:00Z");
    assert_eq!(mails.len(), 1, "{:?}", subjects(&mails));
    assert!(
        mails[0].subject.starts_with("[OK] Y:"),
        "{}",
        mails[0].subject
    );
}

#[test]
fn a_silence_that_somebody_ends_early_brings_back_what_is_still_wrong() {
    let site = Site::with(&(job(AGENT, "X") + &job(AGENT, "Y")));
    site.scan(START);
    let silence = site.run(&[
        "silence",
        "add",
        "--agent",
        "SDMC_*",
        "--for",
        "2h",
        "--reason",
        "new disks",
        "--by",
        "Ngono",
    ]);
    assert!(silence.status.success(), "{silence:?}");
    let mails_now = || {
        site.json(&["scan"]);
        take_mails(&site)
    };
    assert!(mails_now().is_empty());
    assert_eq!(site.json(&["status"])["held_back"]["silence"], json!(2));
    assert!(mails_now().is_empty());
    assert!(site.run(&["silence", "expire", "1"]).status.success());
    let mails = mails_now();
    assert_eq!(mails.len(), 2, "{:?}", subjects(&mails));
}

#[test]
fn a_mail_says_how_much_is_held_back() {
    let window = "[[maintenance]]\nname = \"new storage\"\ndatabase = \"Y\"\n\
                  from = \"2025-06-20 00:00\"\nto = \"2025-06-25 00:00\"\n";
    let site = Site::with(&format!("{window}{}{}", job(AGENT, "X"), job(AGENT, "Y")));
    site.scan(START);
    let mails = mails_of_scan(&site, DAYS_LATER);
    assert_eq!(mails.len(), 1, "{:?}", subjects(&mails));
    assert!(mails[0].subject.starts_with("[MISSING] X:"));
    for part in [&mails[0].text, &mails[0].html] {
        assert!(part.contains("held back"), "{part}");
    }
    assert_eq!(mails_of_scan(&site, "2025-06-25T00:00:00Z").len(), 2);
}
