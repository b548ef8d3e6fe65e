use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::site::{
    Backup, MORNING, Report, Running, Site, read_mails, sent_failed_waiting, this_moment,
};
use crate::smtp::{MailServer, site_with_server};

const AGENT: &str = "SDMC_DOUALA_AKWA";

fn deliver_bad_backup(site: &Site, database: &str, ended_at: &str) {
    let backup = Backup::good(database, b"content").not_staged();
    site.deliver(&Report::new(AGENT, ended_at, vec![backup]));
}

/// What a command that has to succeed prints.
#[track_caller]
fn told(site: &Site, arguments: &[&str]) -> String {
    let output = site.run(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What a command complains of that has to fail.
#[track_caller]
fn complaint(site: &Site, arguments: &[&str]) -> String {
    let output = site.run(arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn listed(site: &Site, state: &str) -> Vec<Value> {
    let list = site.json(&["outbox", "list", "--state", state]);
    list["mails"].as_array().unwrap().clone()
}

#[test]
fn a_mail_that_waits_is_listed_with_the_reason_and_leaves_when_it_is_retried() {
    let (site, _server) = site_with_server("\"later@example.com\"");
    deliver_bad_backup(&site, "X", "2025-06-19T02:10:00");
    assert_eq!(sent_failed_waiting(&site.scan(MORNING)), [0, 1, 1]);
    let list = told(&site, &["outbox", "list"]);
    assert!(list.contains("later@example.com"), "{list}");
    assert!(list.contains("greylisted, come back later"), "{list}");
    assert!(list.contains("[MISSING] X: not received"), "{list}");
    let show = told(&site, &["outbox", "show", "1"]);
    for part in [
        "State      waiting",
        "Tries      1",
        "451",
        "Next try   20",
        AGENT,
    ] {
        assert!(show.contains(part), "{part:?} is not in\n{show}");
    }
    let status = told(&site, &["status"]);
    assert!(
        status.contains("1 mail waits to be sent, the oldest for "),
        "{status}"
    );

    // It is not its time yet.
    assert_eq!(sent_failed_waiting(&site.scan(MORNING)), [0, 0, 1]);
    assert!(told(&site, &["outbox", "retry", "1"]).starts_with("1 mail is due now"));
    assert_eq!(sent_failed_waiting(&site.scan(MORNING)), [1, 0, 0]);
    let sent = listed(&site, "sent");
    assert_eq!(sent[0]["attempts"], 2);
    assert!(
        sent[0]["answer"].as_str().unwrap().contains("kept"),
        "{sent:?}"
    );
    let taken_by = sent[0]["taken_by"].as_str().unwrap();
    assert!(taken_by.starts_with("localhost:"), "{taken_by}");
    let refusal = complaint(&site, &["outbox", "retry", "1"]);
    assert!(
        refusal.contains("mail 1 can't be retried: it was sent"),
        "{refusal}"
    );
}

#[test]
fn mails_that_wait_are_sent_even_when_the_deposit_can_not_be_scanned() {
    let (site, _server) = site_with_server("\"later@example.com\"");
    deliver_bad_backup(&site, "X", "2025-06-19T02:10:00");
    assert_eq!(sent_failed_waiting(&site.scan(MORNING)), [0, 1, 1]);
    told(&site, &["outbox", "retry"]);
    fs::rename(site.path("deposit"), site.path("unmounted")).unwrap();
    complaint(&site, &["scan", "--now", MORNING]);
    let sent = listed(&site, "sent");
    let mut subjects: Vec<&str> = sent
        .iter()
        .filter_map(|mail| mail["subject"].as_str())
        .collect();
    subjects.sort_unstable();
    assert_eq!(subjects.len(), 2, "{subjects:?}");
    assert!(subjects[0].starts_with("[MISSING] X"), "{subjects:?}");
    assert!(subjects[1].starts_with("[OUTAGE]"), "{subjects:?}");
}

#[test]
fn a_mail_that_was_refused_stays_until_it_is_retried_or_given_up() {
    let (site, _server) = site_with_server("\"nobody@example.com\"");
    deliver_bad_backup(&site, "X", "2025-06-19T02:10:00");
    deliver_bad_backup(&site, "Y", "2025-06-19T02:20:00");
    site.scan(MORNING);
    assert_eq!(listed(&site, "dead").len(), 2);
    let status = told(&site, &["status"]);
    assert!(status.contains("2 mails were refused for good"), "{status}");
    let output = site.run(&["scan", "--now", MORNING]);
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(!log.contains("nobody else to tell"), "told once:\n{log}");

    assert!(told(&site, &["outbox", "drop", "2"]).contains("mail 2 is given up"));
    let again = complaint(&site, &["outbox", "drop", "2"]);
    assert!(again.contains("it was given up before"), "{again}");
    assert!(told(&site, &["outbox", "retry", "--dead"]).starts_with("1 mail is due now"));
    assert_eq!(sent_failed_waiting(&site.scan(MORNING)), [0, 1, 0]);
    assert_eq!(listed(&site, "dead")[0]["attempts"], 2);
    assert_eq!(listed(&site, "dropped")[0]["id"], 2);
    let unknown = complaint(&site, &["outbox", "show", "99"]);
    assert!(unknown.contains("there is no mail 99"), "{unknown}");
    let usage = site.run(&["outbox", "retry", "1", "--dead"]);
    assert_eq!(usage.status.code(), Some(2));
}

#[test]
fn a_mail_of_the_outbox_has_these_keys() {
    let (site, _server) = site_with_server("\"admin@example.com\"");
    deliver_bad_backup(&site, "X", "2025-06-19T02:10:00");
    site.scan(MORNING);
    let keys = |value: &Value| -> Vec<String> {
        let object = value.as_object().unwrap();
        object.keys().cloned().collect()
    };
    let of_list = [
        "answer",
        "attempts",
        "id",
        "last_attempt_at",
        "last_error",
        "lease_holder",
        "message_id",
        "next_attempt_at",
        "planned_at",
        "recipient",
        "state",
        "subject",
        "taken_by",
        "urgent",
    ];
    assert_eq!(keys(&listed(&site, "sent")[0]), of_list);
    let shown = site.json(&["outbox", "show", "1"]);
    assert_eq!(shown["mail"]["to"], "admin@example.com");
    assert_eq!(keys(&shown).len(), of_list.len() + 1);
}

#[test]
fn while_one_vigie_runs_another_scans_and_leaves_it_the_mails() {
    let (site, _server) = site_with_server("\"admin@example.com\"");
    append(&site, "[scan]\ninterval = \"1h\"\n");
    let running = Running::start(site);
    let site = &running.site;
    deliver_bad_backup(site, "X", &this_moment());
    let result = site.json(&["scan"]);
    assert_eq!(result["mails"]["sent_by_another"], true, "{result}");
    running.wait_until("the mail", || read_mails(&site.path("inbox")).len() == 1);
}

#[test]
fn mails_leave_once_the_server_is_back_without_another_cycle() {
    let (site, server) = site_with_server("\"admin@example.com\"");
    append(&site, "[scan]\ninterval = \"1h\"\n");
    let port = server.port;
    drop(server);
    deliver_bad_backup(&site, "X", &this_moment());
    let running = Running::start(site);
    running.wait_for("all mails wait", 1);
    let server = MailServer::restart(&running.site, port);
    let inbox = running.site.path("inbox");
    running.wait_until("the mail", || read_mails(&inbox).len() == 1);
    running.stop();
    drop(server);
}

/// A server that takes connections and never says a word.
fn mute_server(site: &Site) -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = format!(
        "[deposit]\nroot = \"deposit\"\nsettle = \"0s\"\n\
         [scan]\ninterval = \"1s\"\n\
         [mail]\ntransport = \"smtp\"\nadmin_email_recipient = \"admin@example.com\"\n\
         deliver_within = \"1s\"\n\
         [smtp]\nhost = \"localhost\"\nport = {port}\nsecurity = \"none\"\ntimeout = \"5m\"\n"
    );
    fs::write(site.path("vigie.toml"), config).unwrap();
    listener
}

#[test]
fn a_scan_waits_for_mails_no_longer_than_it_is_told() {
    let site = Site::new();
    let _listener = mute_server(&site);
    deliver_bad_backup(&site, "X", "2025-06-19T02:10:00");
    let started = Instant::now();
    let scan = told(&site, &["scan", "--now", MORNING]);
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
    assert!(
        scan.contains("mails    0 sent, 1 failed, 1 waiting"),
        "{scan}"
    );
    assert!(scan.contains("they are tried again later"), "{scan}");
}

#[test]
fn cycles_go_on_while_the_mail_server_is_mute() {
    let site = Site::new();
    let _listener = mute_server(&site);
    deliver_bad_backup(&site, "X", &this_moment());
    let running = Running::start(site);
    running.wait_for("cycle done", 4);
    assert_eq!(running.site.status_of("X"), "MISSING");
    assert_eq!(running.site.json(&["status"])["mails_waiting"], 1);
}

#[test]
fn a_program_that_is_told_to_stop_begins_no_more_mails_and_loses_none() {
    let limit = "max_per_minute = 10\n";
    let alerts = "[alerts]\ngroup_by = \"none\"\nmax_per_hour = 1000\n";
    let site = Site::with(&format!("{limit}{alerts}[scan]\ninterval = \"1h\"\n"));
    let backups = (0..50).map(|number| Backup::good(&format!("X{number}"), b"x").not_staged());
    site.deliver(&Report::new(AGENT, &this_moment(), backups.collect()));
    let running = Running::start(site);
    assert!(running.log().contains("mails=50"), "{}", running.log());
    running.wait_until("ten mails", || running.site.mails().len() == 10);
    running.edit_config(limit, "");
    let site = running.stop();
    assert_eq!(site.mails().len(), 10);
    assert_eq!(site.json(&["status"])["mails_waiting"], 40);
    site.json(&["scan"]);
    assert_eq!(site.mails().len(), 50);
}

#[test]
fn a_retry_is_heard_by_a_program_that_leaves_the_server_alone() {
    let (site, server) = site_with_server("\"admin@example.com\"");
    append(&site, "[scan]\ninterval = \"1h\"\n");
    let port = server.port;
    drop(server);
    deliver_bad_backup(&site, "X", &this_moment());
    let running = Running::start(site);
    // After the fourth try it waits for eight seconds at least.
    running.wait_for("all mails wait", 4);
    let _server = MailServer::restart(&running.site, port);
    let started = Instant::now();
    told(&running.site, &["outbox", "retry"]);
    let inbox = running.site.path("inbox");
    running.wait_until("the mail", || read_mails(&inbox).len() == 1);
    assert!(started.elapsed() < Duration::from_secs(7));
}

fn append(site: &Site, sections: &str) {
    let path = site.path("vigie.toml");
    let config = fs::read_to_string(&path).unwrap();
    fs::write(path, config + sections).unwrap();
}
