use crate::site::{Backup, DAYS_LATER, MORNING, Report, START, Site, event_names, subjects};

const AGENT: &str = "SDMC_DOUALA_AKWA";

fn declared(schedule: &str) -> Site {
    Site::with(&format!(
        "[[jobs]]\nagent = \"{AGENT}\"\ndatabase = \"X\"\n{schedule}\n"
    ))
}

fn report(ended_at: &str) -> Report {
    let content = format!("content of {ended_at}");
    let backup = Backup::good("X", content.as_bytes());
    Report::new(AGENT, ended_at, vec![backup])
}

#[test]
fn before_its_first_deadline_a_job_is_unknown_and_not_failing() {
    let site = declared("");
    site.scan(START);
    site.scan("2025-06-20T02:00:00Z");
    assert_eq!(site.status_of("X"), "UNKNOWN");
    assert!(
        site.json(&["status", "--failing"])["jobs"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    site.scan("2025-06-20T02:00:01Z");
    assert_eq!(site.status_of("X"), "MISSING");
    assert_eq!(
        site.json(&["status", "--failing"])["jobs"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn missing_again_in_the_next_cycle_is_the_same_incident() {
    let site = declared("");
    site.scan(START);
    site.scan(DAYS_LATER);
    for _ in 0..3 {
        assert_eq!(
            event_names(&site.scan("2025-06-21T20:00:00Z")),
            Vec::<&str>::new()
        );
    }
    assert_eq!(site.mails().len(), 1);
}

#[test]
fn a_report_that_leaves_a_database_out_counts_as_none() {
    let site = declared("");
    site.scan(START);
    let other = Backup::good("OTHER", b"other");
    site.deliver(&Report::new(AGENT, "2025-06-21T05:00:00", vec![other]));
    site.scan(DAYS_LATER);
    assert_eq!(site.status_of("X"), "MISSING");
    assert_eq!(site.status_of("OTHER"), "OK");
}

#[test]
fn the_watchers_own_downtime_raises_no_alarm() {
    let site = declared("");
    site.scan(START);
    for day in ["19", "20", "21", "22", "23"] {
        let report = report(&format!("2025-06-{day}T02:00:00"));
        site.deliver(&report);
    }
    let result = site.scan("2025-06-23T06:00:00Z");
    assert_eq!(result["reports"]["processed"], 5);
    assert_eq!(site.status_of("X"), "OK");
    assert_eq!(subjects(&site.mails()), Vec::<&str>::new());
}

#[test]
fn a_nightly_backup_that_ends_a_minute_early_is_on_time() {
    let site = declared("cron = \"0 1 * * *\"\ntimezone = \"Africa/Douala\"\ngrace = \"1h\"");
    site.scan(START);
    for day in ["19", "20", "21", "22"] {
        // Expected at midnight in UTC, which is one o'clock in Douala.
        site.deliver(&report(&format!("2025-06-{day}T23:59:00Z")));
        site.scan(&format!("2025-06-{day}T23:59:30Z"));
        assert_eq!(site.status_of("X"), "OK");
    }
    assert_eq!(site.job("X")["expected_at"], "2025-06-24T00:00:00Z");
    site.scan("2025-06-24T01:00:00Z");
    assert_eq!(site.status_of("X"), "OK");
    site.scan("2025-06-24T01:00:01Z");
    assert_eq!(site.status_of("X"), "MISSING");
}

#[test]
fn a_job_of_its_own_schedule_has_its_own_deadline() {
    let site = declared("every = \"7d\"\ngrace = \"12h\"");
    site.scan(START);
    assert_eq!(site.job("X")["deadline_at"], "2025-06-26T12:00:00Z");
}

#[test]
fn a_job_at_rest_is_not_watched() {
    let site = declared("active = false");
    site.scan(START);
    site.deliver(&report("2025-06-19T02:00:00"));
    site.scan(MORNING);
    site.scan(DAYS_LATER);
    assert_eq!(site.status_of("X"), "UNKNOWN");
    assert_eq!(site.mails().len(), 0);
}

#[test]
fn an_agent_whose_reports_are_all_rejected_is_missing_in_the_end() {
    let site = declared("");
    site.scan(START);
    site.deliver(&report("2025-06-19T02:00:00"));
    site.scan(MORNING);
    report("2025-06-20T02:00:00").deliver_text(&site.deposit(), b"{broken");
    site.scan("2025-06-20T06:00:00Z");
    assert_eq!(site.status_of("X"), "MISSING");
}

#[test]
fn without_the_deposit_no_deadline_is_judged() {
    let site = declared("");
    site.scan(START);
    std::fs::rename(site.deposit(), site.path("elsewhere")).unwrap();
    let output = site.run(&["scan", "--now", DAYS_LATER]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("could not open the deposit"), "{error}");
    assert_eq!(site.status_of("X"), "UNKNOWN");
}

#[test]
fn recipients_of_a_job_are_told_in_place_of_the_administrators() {
    let site = declared("recipients = [\"dba@example.com\", \"night@example.com\"]");
    site.scan(START);
    let result = site.scan(DAYS_LATER);
    assert_eq!(result["mails"]["sent"], 2);
    let mails = site.mails();
    let mut to: Vec<_> = mails.iter().map(|mail| mail.to.as_str()).collect();
    to.sort_unstable();
    assert_eq!(to, ["dba@example.com", "night@example.com"]);
    assert_ne!(mails[0].message_id, mails[1].message_id);
}
