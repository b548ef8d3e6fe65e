use std::fs;

use crate::site::{Backup, Report, Running, Site, this_moment};

const AGENT: &str = "SDMC_DOUALA_AKWA";

/// `vigie run` with so long an interval that no second cycle comes of it, and all that it tells.
fn start(scan: &str) -> Running {
    let site = Site::with(&format!("[scan]\ninterval = \"1h\"\n{scan}\n"));
    fs::create_dir_all(site.path(format!("deposit/{AGENT}/log"))).unwrap();
    Running::start_with(site, &["-v"])
}

fn deliver(running: &Running, agent: &str, database: &str) {
    let backup = Backup::good(database, b"content");
    let report = Report::new(agent, &this_moment(), vec![backup]);
    running.site.deliver(&report);
}

#[test]
fn a_report_is_taken_soon_after_it_arrives_and_once() {
    let running = start("");
    deliver(&running, AGENT, "X");
    running.wait_for("cycle done", 2);
    assert_eq!(running.site.status_of("X"), "OK");
    deliver(&running, AGENT, "Y");
    running.wait_for("cycle done", 3);
    assert_eq!(running.site.status_of("Y"), "OK");
    // They are told in order: had the cycle that set the first report aside been taken for an arrival,
    // that would be among them.
    let log = running.log();
    assert_eq!(log.matches("a report has arrived").count(), 2, "{log}");
    assert_eq!(log.matches("a cycle begins early").count(), 2, "{log}");
}

#[test]
fn an_agent_that_is_new_is_heard_too() {
    let running = start("");
    deliver(&running, "NEW_DOUALA_AKWA", "X");
    running.wait_for("cycle done", 2);
    assert_eq!(running.site.status_of("X"), "OK");
}

#[test]
fn arrivals_are_noticed_after_the_config_was_taken_over() {
    let running = start("");
    running.hang_up();
    running.wait_for("cycle done", 2);
    deliver(&running, AGENT, "X");
    running.wait_for("cycle done", 3);
    assert_eq!(running.site.status_of("X"), "OK");
}

#[test]
fn who_does_not_want_it_is_not_woken() {
    assert!(start("").log().contains("folders are watched"));
    let log = start("watch = false").log();
    assert!(!log.contains("folders are watched"), "{log}");
}
