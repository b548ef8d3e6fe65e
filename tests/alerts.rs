//! How much goes into one mail: groups, outages, summaries, and what is left over for later.

use std::fs;

use serde_json::{Value, json};

use crate::site::{
    Backup, DAYS_LATER, MORNING, ReceivedMail, Report, START, Site, read_mails, subjects,
};

const AGENT: &str = "SDMC_DOUALA_AKWA";

/// Databases that are expected of these agents.
fn jobs(agents: &[&str], databases: usize) -> String {
    let of_agent = |agent: &&str| -> Vec<String> {
        let job = |number| format!("[[jobs]]\nagent = \"{agent}\"\ndatabase = \"X{number:02}\"\n");
        (0..databases).map(job).collect()
    };
    agents.iter().flat_map(of_agent).collect()
}

fn report(agent: &str, ended_at: &str, databases: usize) -> Report {
    let backups = (0..databases).map(|number| Backup::good(&format!("X{number:02}"), b"content"));
    Report::new(agent, ended_at, backups.collect())
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

#[track_caller]
fn only(mails: Vec<ReceivedMail>) -> ReceivedMail {
    let [mail] = <[ReceivedMail; 1]>::try_from(mails)
        .unwrap_or_else(|mails| panic!("not one mail but {:?}", subjects(&mails)));
    mail
}

#[test]
fn an_agent_that_falls_silent_is_one_mail_and_its_return_is_one() {
    let site = Site::with(&jobs(&[AGENT], 20));
    site.scan(START);
    site.deliver(&report(AGENT, "2025-06-19T02:00:00", 20));
    assert!(mails_of_scan(&site, MORNING).is_empty());

    let silent = only(mails_of_scan(&site, DAYS_LATER));
    assert_eq!(
        silent.subject,
        format!("[MISSING] {AGENT} is silent: 20 backups missing")
    );
    for number in 0..20 {
        let single = format!("[MISSING] X{number:02}: no backup report received from {AGENT}");
        for part in [&silent.text, &silent.html] {
            assert!(part.contains(&single), "{single} is not in {part}");
        }
    }
    assert!(mails_of_scan(&site, "2025-06-21T07:00:00Z").is_empty());

    let reminder = only(mails_of_scan(&site, "2025-06-22T08:00:00Z"));
    assert!(reminder.subject.contains("20"), "{}", reminder.subject);

    site.deliver(&report(AGENT, "2025-06-22T09:00:00", 20));
    let back = only(mails_of_scan(&site, "2025-06-22T09:10:00Z"));
    assert_eq!(
        back.subject,
        format!("[OK] {AGENT}: 20 backups arrive again")
    );
    // All three are one conversation.
    let references = |mail: &ReceivedMail| mail.header("References").map(str::to_owned);
    assert!(references(&silent).is_some());
    assert_eq!(references(&silent), references(&back));
    assert_eq!(references(&reminder), references(&back));
    assert!(mails_of_scan(&site, "2025-06-22T10:00:00Z").is_empty());
}

#[test]
fn few_jobs_have_mails_of_their_own_and_groups_are_as_the_config_says() {
    let three = Site::with(&jobs(&[AGENT], 3));
    three.scan(START);
    assert_eq!(mails_of_scan(&three, DAYS_LATER).len(), 3);

    let agents = ["SDMC_DOUALA_AKWA", "SDMC_DOUALA_BALI"];
    let by_company = format!("[alerts]\ngroup_by = \"company\"\n{}", jobs(&agents, 2));
    let one = Site::with(&by_company);
    one.scan(START);
    let mail = only(mails_of_scan(&one, DAYS_LATER));
    assert!(
        mail.subject.contains("SDMC") && mail.subject.contains('4'),
        "{}",
        mail.subject
    );

    let none = Site::with(&format!(
        "[alerts]\ngroup_by = \"none\"\n{}",
        jobs(&[AGENT], 12)
    ));
    none.scan(START);
    assert_eq!(mails_of_scan(&none, DAYS_LATER).len(), 12);
}

#[test]
fn each_reader_of_a_group_sees_what_is_theirs() {
    let mut sections = jobs(&[AGENT], 8);
    sections = sections.replace(
        "database = \"X03\"\n",
        "database = \"X03\"\nrecipients = [\"customer@example.com\", \"admin@example.com\"]\n",
    );
    let site = Site::with(&sections);
    site.scan(START);
    let mails = mails_of_scan(&site, DAYS_LATER);
    assert_eq!(mails.len(), 2, "{:?}", subjects(&mails));
    let to = |address: &str| mails.iter().find(|mail| mail.to.contains(address)).unwrap();
    assert!(to("admin").subject.contains("8 backups missing"));
    let customer = to("customer");
    assert!(customer.subject.starts_with("[MISSING] X03:"));
    assert!(!customer.text.contains("X04") && !customer.html.contains("X04"));
}

#[test]
fn when_most_backups_go_missing_at_once_one_mail_says_that_the_system_is_at_fault() {
    let agents = ["A_B_ONE", "A_B_TWO", "A_B_THREE", "A_B_FOUR"];
    let site = Site::with(&jobs(&agents, 5));
    site.scan(START);
    let mail = only(mails_of_scan(&site, DAYS_LATER));
    assert!(mail.subject.starts_with("[OUTAGE]"), "{}", mail.subject);
    assert!(mail.subject.contains("100"), "{}", mail.subject);
    for agent in agents {
        assert!(mail.text.contains(agent), "{}", mail.text);
    }
    let still = only(mails_of_scan(&site, "2025-06-22T07:00:00Z"));
    assert!(still.subject.starts_with("[OUTAGE]"), "{}", still.subject);
    for agent in agents {
        site.deliver(&report(agent, "2025-06-22T09:00:00", 5));
    }
    let back = only(mails_of_scan(&site, "2025-06-22T09:10:00Z"));
    assert!(back.subject.starts_with("[OK]"), "{}", back.subject);
    assert_eq!(mail.header("In-Reply-To"), back.header("In-Reply-To"));

    let never = Site::with(&format!(
        "[alerts]\noutage_above = 100\n{}",
        jobs(&agents, 5)
    ));
    never.scan(START);
    assert_eq!(mails_of_scan(&never, DAYS_LATER).len(), 4);
}

#[test]
fn a_deposit_that_is_gone_is_told_once_and_so_is_its_return() {
    let site = Site::with(&jobs(&[AGENT], 2));
    site.scan(START);
    let scan_without_deposit = |now: &str| {
        fs::rename(site.deposit(), site.path("unmounted")).unwrap();
        let output = site.run(&["scan", "--now", now]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        fs::rename(site.path("unmounted"), site.deposit()).unwrap();
        take_mails(&site)
    };
    // What is missing then is the deposit, not the backups.
    let mail = only(scan_without_deposit(DAYS_LATER));
    assert!(mail.subject.starts_with("[OUTAGE]"), "{}", mail.subject);
    assert!(mail.text.contains("deposit"), "{}", mail.text);
    assert!(scan_without_deposit("2025-06-21T07:00:00Z").is_empty());
    assert_eq!(scan_without_deposit("2025-06-22T07:00:00Z").len(), 1);
    let mails = mails_of_scan(&site, "2025-06-22T08:00:00Z");
    let back: Vec<_> = mails
        .iter()
        .filter(|mail| mail.subject.starts_with("[OK]"))
        .collect();
    assert_eq!(back.len(), 1, "{:?}", subjects(&mails));
    assert_eq!(mail.header("References"), back[0].header("References"));
    assert_eq!(mails.len(), 3, "{:?}", subjects(&mails));
}

#[test]
fn nobody_gets_more_mails_in_an_hour_than_are_allowed_and_one_sums_up_the_rest() {
    let mut sections = "[alerts]\nmax_per_hour = 4\ngroup_by = \"none\"\n".to_owned();
    sections += &jobs(&[AGENT], 9);
    let site = Site::with(&sections);
    site.scan(START);
    let mails = mails_of_scan(&site, DAYS_LATER);
    assert_eq!(mails.len(), 4, "{:?}", subjects(&mails));
    let summary = mails
        .iter()
        .find(|mail| mail.subject.starts_with("[SUMMARY]"));
    let summary = &summary.unwrap().text;
    assert!(
        (3..9).all(|number| summary.contains(&format!("X{number:02}"))),
        "{summary}"
    );

    // Within the hour nothing more is said, and after it one mail says how things are then.
    let failed = |numbers: std::ops::Range<usize>, at: &str| {
        let backups = numbers.map(|number| {
            Backup::good(&format!("X{number:02}"), b"content")
                .saying("/BACKUP/status", json!(false))
        });
        site.deliver(&Report::new(AGENT, at, backups.collect()));
    };
    failed(0..5, "2025-06-21T06:10:00");
    assert!(mails_of_scan(&site, "2025-06-21T06:20:00Z").is_empty());
    assert_eq!(held_back(&site), [("limit".to_owned(), 5)]);
    site.deliver(&report(AGENT, "2025-06-21T06:25:00", 2));
    assert!(mails_of_scan(&site, "2025-06-21T06:30:00Z").is_empty());
    let summary = only(mails_of_scan(&site, "2025-06-21T07:10:00Z"));
    assert!(
        summary.subject.starts_with("[SUMMARY]"),
        "{}",
        summary.subject
    );
    assert!(held_back(&site).is_empty());
}

/// What is held back, by cause.
fn held_back(site: &Site) -> Vec<(String, u64)> {
    let status = site.json(&["status"]);
    let held = status["held_back"].as_object().unwrap().clone();
    let counted = held.into_iter().filter_map(|(cause, count)| match count {
        Value::Number(count) => Some((cause, count.as_u64()?)),
        _ => None,
    });
    counted.filter(|(_, count)| *count > 0).collect()
}
