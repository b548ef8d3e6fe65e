use serde_json::{Value, json};

use crate::site::{Backup, Report, START, Site};

const AGENT: &str = "SDMC_DOUALA_AKWA";

const ROUTES: &str = r#"
    timezone = "Africa/Douala"
    [[routes]]
    name = "Douala"
    city = "Douala"
    recipients = ["ops@example.com", { address = "lea@example.com", locale = "fr", timezone = "UTC" }]
    continue = true
    [[routes]]
    agent = "SDMC_*"
    status = ["MISSING", "FAILED"]
    recipients = "sdmc@example.com"
    [[routes]]
    severity = "warning"
    recipients = "odd@example.com"
    [[maintenance]]
    name = "weekend nights"
    days = ["sat", "sun"]
    start = "22:00"
    end = "06:00"
    [[jobs]]
    agent = "sdmc_douala_akwa"
    database = "X_2025"
    recipients = ["dba@example.com"]
"#;

/// On a Friday at noon nothing is held.
const FRIDAY: &str = "2026-11-27 12:00";

fn asked(site: &Site, arguments: &[&str]) -> Value {
    site.json(&[&["routes", "test", "--at", FRIDAY], arguments].concat())
}

/// Who is told, and the number of the route or else why.
fn told(answer: &Value) -> Vec<String> {
    let recipients = answer["recipients"].as_array().unwrap().iter();
    let told = recipients.map(|one| {
        let by = match &one["route"] {
            Value::Null => one["by"].as_str().unwrap().to_owned(),
            route => route["number"].to_string(),
        };
        format!("{} {by}", one["address"].as_str().unwrap())
    });
    told.collect()
}

#[test]
fn who_is_told_is_shown_with_why_and_how_they_read() {
    let site = Site::with(ROUTES);
    let answer = asked(&site, &["--agent", AGENT, "--database", "X_2025"]);
    assert_eq!(
        told(&answer),
        [
            "dba@example.com job",
            "ops@example.com 1",
            "lea@example.com 1",
            "sdmc@example.com 2"
        ]
    );
    let lea = &answer["recipients"][2];
    assert_eq!(
        (&lea["locale"], &lea["timezone"]),
        (&json!("fr"), &json!("UTC"))
    );
    let ops = &answer["recipients"][1];
    assert_eq!(ops["timezone"], "Africa/Douala");
    assert_eq!(
        (&answer["job"], &answer["held"]),
        (&json!("declared"), &Value::Null)
    );

    let output = site.run(&["routes", "test", "--agent", AGENT, "--database", "X_2025"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("company sdmc, city douala, year 2025"),
        "{text}"
    );
    assert!(
        text.contains("lea@example.com   route 1 (Douala)  fr        UTC"),
        "{text}"
    );
}

#[test]
fn what_is_asked_about_decides_on_the_route() {
    let site = Site::with(ROUTES);
    let of = |arguments: &[&str]| {
        let job = ["--agent", "SDMC_GAROUA", "--database", "Z"];
        told(&asked(&site, &[&job, arguments].concat()))
    };
    assert_eq!(of(&[]), ["sdmc@example.com 2"]);
    assert_eq!(of(&["--status", "failed"]), ["sdmc@example.com 2"]);
    assert_eq!(of(&["--status", "UNKNOWN"]), ["admin@example.com default"]);
    assert_eq!(
        of(&["--status", "OK", "--severity", "warning"]),
        ["odd@example.com 3"]
    );
    assert_eq!(
        of(&["--city", "DOUALA", "--status", "UNKNOWN"]),
        ["ops@example.com 1", "lea@example.com 1"]
    );
}

#[test]
fn a_job_that_reports_spoke_of_is_known() {
    let site = Site::with(ROUTES);
    let job = ["--agent", AGENT, "--database", "Y"];
    assert_eq!(asked(&site, &job)["job"], "unknown");
    site.scan(START);
    let backup = Backup::good("Y", b"content");
    site.deliver(&Report::new(AGENT, "2025-06-19T02:00:00", vec![backup]));
    site.scan("2025-06-19T06:00:00Z");
    assert_eq!(asked(&site, &job)["job"], "registered");
}

#[test]
fn what_holds_it_is_shown_and_until_when() {
    let site = Site::with(ROUTES);
    let job = ["--agent", AGENT, "--database", "X_2025"];
    let at = |moment: &str| {
        let held = site.json(&[&["routes", "test", "--at", moment], &job[..]].concat());
        held["held"].clone()
    };
    assert_eq!(
        at("2026-11-28 23:00"),
        json!({
            "until": "2026-11-29T05:00:00Z",
            "by": {"kind": "maintenance", "name": "weekend nights"},
        })
    );
    assert_eq!(at("2026-11-28T20:59:59Z"), Value::Null);
    let silence = "silence add --company SDMC --until 2099-01-02T00:00:00Z --from \
                   2099-01-01T00:00:00Z --reason move --by y";
    let silence: Vec<&str> = silence.split_whitespace().collect();
    assert!(site.run(&silence).status.success());
    assert_eq!(
        at("2099-01-01T12:00:00Z"),
        json!({
            "until": "2099-01-02T00:00:00Z",
            "by": {"kind": "silence", "id": 1, "reason": "move"},
        })
    );
    let output = site.run(
        &[
            &["routes", "test", "--at", "2099-01-01T12:00:00Z"],
            &job[..],
        ]
        .concat(),
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let held = "held until 2099-01-02 01:00 WAT (for 12 h 0 min): silence 1 (move)";
    assert!(text.contains(held), "{text}");
}

#[test]
fn when_nobody_would_be_told_the_exit_status_says_so() {
    let site = Site::with_config("deposit.root = 'deposit'\n");
    let output = site.run(&["routes", "test", "--agent", "A", "--database", "X"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("nobody would be told"), "{text}");
}

#[test]
fn the_routes_are_listed_in_their_order() {
    let site = Site::with(ROUTES);
    let listed = site.json(&["routes", "list"]);
    assert_eq!(listed["routes"][1]["number"], 2);
    assert_eq!(
        listed["routes"][1]["matchers"],
        json!({"agents": ["SDMC_*"], "statuses": ["MISSING", "FAILED"]})
    );
    assert_eq!(listed["administrators"], json!(["admin@example.com"]));
    let text = String::from_utf8(site.run(&["routes", "list"]).stdout).unwrap();
    assert!(
        text.contains("agent SDMC_*, status MISSING or FAILED"),
        "{text}"
    );
    assert!(text.contains("goes on"), "{text}");
}

#[test]
fn a_route_that_is_never_reached_is_told_with_its_line() {
    let site = Site::with_config(
        "deposit.root = 'deposit'\n[[routes]]\nrecipients = 'all@example.com'\n\
         [[routes]]\nagent = 'A'\nrecipients = 'a@example.com'\n",
    );
    let output = site.run(&["config", "check"]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    let told = "vigie.toml:4: routes[2] is never reached: routes[1] on line 2 takes all that it \
                matches";
    assert!(text.contains(told), "{text}");
}
