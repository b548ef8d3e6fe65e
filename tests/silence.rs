use serde_json::{Value, json};

use crate::site::{Backup, Report, START, Site};

const AGENT: &str = "SDMC_DOUALA_AKWA";

fn site() -> Site {
    Site::with(
        "timezone = \"Africa/Douala\"
        [[jobs]]\nagent = \"SDMC_DOUALA_AKWA\"\ndatabase = \"X_2025\"\n
        [[jobs]]\nagent = \"LPG_GAROUA\"\ndatabase = \"Y\"\n",
    )
}

/// The exit status, and what was said.
fn vigie(site: &Site, arguments: &[&str]) -> (i32, String) {
    let output = site.run(arguments);
    let said = [output.stdout, output.stderr].concat();
    let code = output.status.code().unwrap();
    (code, String::from_utf8(said).unwrap())
}

#[track_caller]
fn assert_says(site: &Site, arguments: &[&str], code: i32, words: &str) {
    let (found, said) = vigie(site, arguments);
    assert!(said.contains(words), "{arguments:?}: {said}");
    assert_eq!(found, code, "{said}");
}

fn add(matchers: &[&str], end: [&str; 2]) -> Vec<String> {
    let rest = ["--reason", "new disks", "--by", "Ngono"];
    let arguments = [&["silence", "add"], matchers, &end[..], &rest[..]].concat();
    arguments.into_iter().map(str::to_owned).collect()
}

#[track_caller]
fn add_json(site: &Site, matchers: &[&str], end: [&str; 2]) -> Value {
    let arguments = add(matchers, end);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    site.json(&arguments)
}

fn listed(site: &Site, arguments: &[&str]) -> Vec<(i64, String)> {
    let silences = site.json(&[&["silence", "list"], arguments].concat());
    let silences = silences["silences"].as_array().unwrap().iter();
    let states = silences.map(|silence| {
        let state = silence["state"].as_str().unwrap();
        (silence["id"].as_i64().unwrap(), state.to_owned())
    });
    states.collect()
}

#[test]
fn a_silence_is_listed_until_somebody_ends_it_and_stays_as_a_record() {
    let site = site();
    assert_eq!(listed(&site, &[]), []);
    assert_says(&site, &["silence", "expire", "1"], 1, "no database yet");
    let added = add_json(
        &site,
        &["--agent", "sdmc_*", "--status", "missing"],
        ["--for", "4h"],
    );
    assert_eq!(added["id"], 1);
    let matchers = json!({"agents": ["sdmc_*"], "statuses": ["MISSING"]});
    assert_eq!(added["matchers"], matchers);
    assert_eq!(
        (&added["reason"], &added["author"]),
        (&json!("new disks"), &json!("Ngono"))
    );
    add_json(&site, &["--all"], ["--for", "30d"]);
    assert_eq!(
        listed(&site, &[]),
        [(1, "active".to_owned()), (2, "active".to_owned())]
    );
    assert_says(
        &site,
        &["silence", "list"],
        0,
        "agent sdmc_*, status MISSING  new disks",
    );

    assert_says(
        &site,
        &["silence", "expire", "1"],
        0,
        "silence 1 has ended; people are told of agent sdmc_*, status MISSING again",
    );
    assert_eq!(listed(&site, &[]), [(2, "active".to_owned())]);
    assert_eq!(
        listed(&site, &["--all"]),
        [(2, "active".to_owned()), (1, "ended".to_owned())]
    );
    assert_says(&site, &["silence", "expire", "1"], 1, "has ended already");
}

#[test]
fn of_several_silences_all_end_or_none() {
    let site = site();
    for _ in 0..2 {
        add_json(&site, &["--all"], ["--for", "4h"]);
    }
    assert_says(&site, &["silence", "expire", "1", "7"], 1, "no silence 7");
    assert_eq!(listed(&site, &[]).len(), 2);
    assert_eq!(vigie(&site, &["silence", "expire", "2", "1"]).0, 0);
    assert_eq!(listed(&site, &[]), []);
}

#[test]
fn times_are_those_of_the_mails_and_one_to_come_is_pending() {
    let site = site();
    let mut arguments = add(&["--database", "X_*"], ["--until", "2099-05-02 08:00"]);
    arguments.extend(["--from", "2099-05-01T20:00:00Z"].map(str::to_owned));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let added = site.json(&arguments);
    assert_eq!(
        (&added["starts_at"], &added["ends_at"], &added["state"]),
        (
            &json!("2099-05-01T20:00:00Z"),
            &json!("2099-05-02T07:00:00Z"),
            &json!("pending")
        )
    );
}

#[test]
fn it_says_which_known_jobs_are_meant() {
    let site = site();
    let said = |agent: &str| {
        let arguments = add(&["--agent", agent, "--status", "FAILED"], ["--for", "4h"]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        vigie(&site, &arguments).1
    };
    assert!(said("SDMC_*").contains("no job is known yet"));
    site.scan(START);
    assert!(said("SDMC_*").contains("it is about 1 of 2 known jobs"));
    assert!(said("SMDC_*").contains("warning: it is about no known job"));
}

#[test]
fn what_would_never_end_or_say_why_is_no_silence() {
    let site = site();
    let reason = ["--reason", "x", "--by", "y"];
    let cases: [(&[&str], i32, &str); 9] = [
        (&["--agent", "A"], 2, "<--until <TIME>|--for <DURATION>>"),
        (
            &["--for", "4h"],
            2,
            "<--agent <PATTERN>|--database <PATTERN>",
        ),
        (
            &["--all", "--agent", "A", "--for", "4h"],
            2,
            "'--all' cannot be used with",
        ),
        (
            &["--all", "--for", "4h", "--until", "2099-01-01 08:00"],
            2,
            "cannot be used with",
        ),
        (&["--all", "--for", "soon"], 2, "write a number and a unit"),
        (
            &["--all", "--until", "2099-01-01"],
            2,
            "write a date and a time",
        ),
        (
            &["--agent", "A[", "--for", "4h"],
            2,
            "it has a [ that is not closed",
        ),
        (
            &["--all", "--until", "2020-01-01 08:00"],
            1,
            "at 2020-01-01 08:00 WAT, which is past",
        ),
        (
            &["--all", "--for", "400d"],
            1,
            "a silence lasts a year at most",
        ),
    ];
    for (arguments, code, words) in cases {
        let arguments = [&["silence", "add"], arguments, &reason[..]].concat();
        assert_says(&site, &arguments, code, words);
    }
    let unsaid: [(&[&str], i32, &str); 3] = [
        (&["--by", "y"], 2, "--reason <TEXT>"),
        (&["--by", "y", "--reason", " "], 2, "say why"),
        (&["--reason", "x"], 1, "say it with --by"),
    ];
    for (arguments, code, words) in unsaid {
        let arguments = [&["silence", "add", "--all", "--for", "4h"], arguments].concat();
        assert_says(&site, &arguments, code, words);
    }
    assert_eq!(listed(&site, &["--all"]), []);
}

#[test]
fn a_silence_changes_nothing_of_what_is_known() {
    let site = site();
    site.scan(START);
    add_json(&site, &["--all"], ["--for", "4h"]);
    site.deliver(&Report::new(
        AGENT,
        "2025-06-19T02:00:00",
        vec![Backup::good("X_2025", b"content")],
    ));
    site.scan("2025-06-19T06:00:00Z");
    assert_eq!(site.status_of("X_2025"), "OK");
}
