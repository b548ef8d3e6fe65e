use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::site::{Backup, DAYS_LATER, MORNING, Report, START, Site, this_moment};

const AGENT: &str = "SDMC_DOUALA_AKWA";

/// What a command that has to succeed prints.
#[track_caller]
fn told(site: &Site, arguments: &[&str]) -> String {
    let output = site.run(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What a command complains of that has to end with this status.
#[track_caller]
fn complaint(site: &Site, status: i32, arguments: &[&str]) -> String {
    let output = site.run(arguments);
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// The jobs that `jobs list` shows with these arguments.
#[track_caller]
fn listed(site: &Site, arguments: &[&str]) -> Vec<Value> {
    let list = site.json(&[&["jobs", "list"], arguments].concat());
    list["jobs"].as_array().unwrap().clone()
}

fn names(jobs: &[Value]) -> Vec<&str> {
    jobs.iter()
        .map(|job| job["database"].as_str().unwrap())
        .collect()
}

const DECLARED: &str = "[[jobs]]\nagent = \"SDMC_DOUALA_AKWA\"\ndatabase = \"X\"";

/// A job of the config that has been missing for days.
fn with_missing_job() -> Site {
    let site = Site::with(DECLARED);
    site.scan(START);
    site.scan(DAYS_LATER);
    assert_eq!(site.status_of("X"), "MISSING");
    site
}

fn good_report(database: &str, ended_at: &str) -> Report {
    Report::new(AGENT, ended_at, vec![Backup::good(database, b"content")])
}

#[test]
fn a_job_that_was_added_is_expected_and_reported_missing() {
    let site = Site::new();
    let add = [
        "jobs",
        "add",
        "--agent",
        AGENT,
        "--database",
        "X",
        "--cron",
        "0 1 * * *",
        "--timezone",
        "Africa/Douala",
        "--grace",
        "1h",
        "--recipient",
        "dba@example.com",
    ];
    let answer = told(&site, &add);
    assert!(
        answer.starts_with("X of SDMC_DOUALA_AKWA is expected 0 1 * * * (Africa/Douala), next at "),
        "{answer}"
    );
    let jobs = listed(&site, &["--source", "command"]);
    assert_eq!(names(&jobs), ["X"]);
    assert_eq!(jobs[0]["schedule"]["grace_seconds"], 3600);
    let table = told(&site, &["jobs", "list"]);
    assert!(
        table.contains("UNKNOWN  0 1 * * * (Africa/Douala)"),
        "{table}"
    );
    let again = complaint(&site, 1, &add);
    assert!(
        again.contains("X of SDMC_DOUALA_AKWA is a job already"),
        "{again}"
    );
    let far = "2040-01-01T00:00:00Z";
    site.scan(far);
    assert_eq!(site.status_of("X"), "MISSING");
    assert_eq!(site.mails()[0].to, "dba@example.com");
}

#[test]
fn what_is_wrong_with_an_added_job_is_told_by_argument() {
    let site = Site::with(DECLARED);
    let add = ["jobs", "add", "--agent", "../etc", "--database", "Y"];
    let wrong = [&add[..], &["--every", "1x", "--recipient", "ops"]].concat();
    let told = complaint(&site, 1, &wrong);
    assert!(
        told.contains("--every is \"1x\", which is no duration; write"),
        "{told}"
    );
    assert!(
        told.contains("--agent is \"../etc\", which is no agent id"),
        "{told}"
    );
    assert!(
        told.contains("--recipient is \"ops\", which is no mail address"),
        "{told}"
    );
    let declared = ["jobs", "add", "--agent", AGENT, "--database", "X"];
    let told = complaint(&site, 1, &declared);
    assert!(
        told.contains("is declared by the config; edit the config"),
        "{told}"
    );
}

#[test]
fn a_paused_job_of_the_config_stays_paused_and_is_silent_until_it_is_resumed() {
    let site = with_missing_job();
    let mails = site.mails().len();
    let pause = [
        "jobs",
        "pause",
        "--agent",
        "sdmc_*",
        "--reason",
        "the site moves",
        "--by",
        "Ngono",
    ];
    let trial = told(&site, &[&pause[..], &["--dry-run"]].concat());
    assert!(trial.starts_with("1 job would be paused until resumed, by Ngono: the site moves"));
    assert!(
        trial.contains("SDMC_DOUALA_AKWA  X  (its incident closes)"),
        "{trial}"
    );
    assert_eq!(site.status_of("X"), "MISSING");

    let done = told(&site, &pause);
    assert!(done.starts_with("1 job is paused until resumed"), "{done}");
    // The config declares it at each start, and nothing is heard of it.
    site.scan("2025-06-30T06:00:00Z");
    site.scan("2025-07-30T06:00:00Z");
    assert_eq!(site.mails().len(), mails);
    let job = site.job("X");
    assert_eq!(job["status"], "UNKNOWN");
    assert_eq!(job["active"], false);
    assert_eq!(job["incident_since"], Value::Null);
    assert_eq!(job["pause"]["reason"], "the site moves");
    let status = told(&site, &["status"]);
    assert!(
        status.contains("(paused until resumed, by Ngono: the si"),
        "{status}"
    );
    assert_eq!(names(&listed(&site, &["--paused"])), ["X"]);

    let resumed = told(&site, &["jobs", "resume", "--agent", AGENT]);
    assert!(resumed.starts_with("1 job is resumed\n"), "{resumed}");
    assert_eq!(listed(&site, &["--paused"]), [Value::Null; 0]);
    // Its clock starts anew: it is due a day from now.
    let now = this_moment();
    site.scan(&now);
    assert_eq!(site.status_of("X"), "UNKNOWN");
    assert_eq!(site.mails().len(), mails);
    site.scan("2040-01-01T00:00:00Z");
    assert_eq!(site.status_of("X"), "MISSING");
    assert_eq!(site.mails().len(), mails + 1);
}

#[test]
fn a_pause_ends_by_itself_and_a_report_of_then_is_taken() {
    let site = with_missing_job();
    told(
        &site,
        &["jobs", "pause", "--all", "--until", "2040-01-01T00:00:00Z"],
    );
    site.deliver(&good_report("X", "2039-12-31T02:00:00"));
    site.scan("2039-12-31T06:00:00Z");
    assert_eq!(site.status_of("X"), "UNKNOWN");
    site.deliver(&good_report("X", "2040-01-01T02:00:00"));
    site.scan("2040-01-01T06:00:00Z");
    assert_eq!(site.status_of("X"), "OK");
    assert_eq!(site.job("X")["pause"], Value::Null);
    assert_eq!(site.job("X")["deadline_at"], "2040-01-02T04:00:00Z");
}

#[test]
fn a_pause_of_the_past_is_refused() {
    let site = with_missing_job();
    let past = ["jobs", "pause", "--all", "--until", START];
    let told = complaint(&site, 1, &past);
    assert!(
        told.contains("--until is 2025-06-19T00:00:00Z, which is over already"),
        "{told}"
    );
    let told = complaint(&site, 1, &["jobs", "pause", "--all", "--for", "soon"]);
    assert!(
        told.contains("--for is \"soon\", which is no duration"),
        "{told}"
    );
    // Whoever names nothing hardly means all.
    complaint(&site, 2, &["jobs", "pause"]);
    let told = complaint(&site, 1, &["jobs", "pause", "--agent", "NOBODY*"]);
    assert!(told.contains("no job matches"), "{told}");
}

#[test]
fn a_retired_job_is_hidden_and_a_later_report_brings_it_back_only_when_asked() {
    let site = Site::new();
    site.deliver(&good_report("X", "2025-06-19T02:00:00"));
    site.deliver(&Report::new(
        "OTHER_A_B",
        "2025-06-19T02:00:00",
        vec![Backup::good("Y", b"content")],
    ));
    site.scan(MORNING);
    let kept = site.path("validated/SDMC/DOUALA/AKWA");
    assert!(kept.exists());
    let retired = told(
        &site,
        &["jobs", "retire", "--agent", AGENT, "--database", "X*"],
    );
    assert!(retired.starts_with("1 job is retired\n"), "{retired}");
    assert_eq!(names(&listed(&site, &[])), ["Y"]);
    assert_eq!(names(&listed(&site, &["--retired"])), ["X"]);
    let status = site.json(&["status"]);
    assert_eq!(status["jobs"].as_array().unwrap().len(), 1);
    let status = site.json(&["status", "--retired"]);
    assert_eq!(status["jobs"][0]["database"], "X");

    site.deliver(&good_report("X", "2025-06-20T02:00:00"));
    let scan = site.scan("2025-06-20T06:00:00Z");
    assert_eq!(scan["retired"][0]["database"], "X");
    assert_eq!(scan["entries"].as_array().unwrap().len(), 0);
    assert_eq!(names(&listed(&site, &["--agent", AGENT])), [""; 0]);
    assert!(kept.exists());
    let history = site.json(&["history", "X"]);
    assert_eq!(history["jobs"][0]["entries"].as_array().unwrap().len(), 1);

    let told_of = complaint(&site, 1, &["jobs", "resume", "--agent", AGENT]);
    assert!(
        told_of.contains("1 retired, which --retired brings back"),
        "{told_of}"
    );
    told(&site, &["jobs", "resume", "--agent", AGENT, "--retired"]);
    site.deliver(&good_report("X", "2025-06-21T02:00:00"));
    site.scan("2025-06-21T06:00:00Z");
    assert_eq!(site.status_of("X"), "OK");
}

#[test]
fn a_job_of_the_config_is_not_retired_behind_its_back() {
    let site = with_missing_job();
    let told = complaint(&site, 1, &["jobs", "retire", "--all"]);
    assert!(
        told.contains("the config declares 1 job of these"),
        "{told}"
    );
    assert!(told.contains("SDMC_DOUALA_AKWA  X"), "{told}");
    assert_eq!(site.status_of("X"), "MISSING");
}

#[test]
fn a_file_is_imported_as_a_whole_and_a_second_time_changes_nothing() {
    let site = Site::new();
    let file = site.path("jobs.csv");
    let text = "\u{feff}agent;database;every;recipients\r\n\
                A_B_C;X;12h;\"a@example.com;b@example.com\"\r\nA_B_D;Y;;\r\n";
    fs::write(&file, text.replace("12h", "12")).unwrap();
    let import = ["jobs", "import", "jobs.csv"];
    let wrong = complaint(&site, 2, &import);
    assert!(
        wrong.contains("jobs.csv:2: every is \"12\", which is no duration"),
        "{wrong}"
    );
    assert_eq!(names(&listed(&site, &[])), [""; 0]);

    fs::write(&file, text).unwrap();
    let trial = told(&site, &["jobs", "import", "jobs.csv", "--dry-run"]);
    assert_eq!(trial, "2 jobs: would be 2 added, 0 changed, 0 unchanged\n");
    assert_eq!(names(&listed(&site, &[])), [""; 0]);
    assert_eq!(
        told(&site, &import),
        "2 jobs: 2 added, 0 changed, 0 unchanged\n"
    );
    let before = listed(&site, &[]);
    assert_eq!(before[0]["recipients"][1], "b@example.com");
    assert_eq!(
        told(&site, &import),
        "2 jobs: 0 added, 0 changed, 2 unchanged\n"
    );
    assert_eq!(listed(&site, &[]), before);

    fs::write(
        site.path("jobs.toml"),
        "[[jobs]]\nagent = 'A_B_C'\ndatabase = 'X'\n",
    )
    .unwrap();
    let changed = told(&site, &["jobs", "import", "jobs.toml"]);
    assert_eq!(changed, "1 job: 0 added, 1 changed, 0 unchanged\n");
    assert_eq!(
        listed(&site, &["--agent", "a_b_c"])[0]["schedule"]["every_seconds"],
        86_400
    );
}

#[test]
fn thousands_of_jobs_come_from_a_file_in_seconds() {
    let site = Site::new();
    let mut text = "agent,database,cron,timezone,recipients\n".to_owned();
    for number in 0..5_000 {
        let agent = number % 500;
        writeln!(
            text,
            "S{agent}_DOUALA_AKWA,X_{number},0 1 * * *,Africa/Douala,dba@example.com"
        )
        .unwrap();
    }
    fs::write(site.path("jobs.csv"), text).unwrap();
    let started = Instant::now();
    let answer = told(&site, &["jobs", "import", "jobs.csv"]);
    assert_eq!(answer, "5000 jobs: 5000 added, 0 changed, 0 unchanged\n");
    assert!(started.elapsed() < Duration::from_secs(30));
    let paused = told(&site, &["jobs", "pause", "--agent", "S7_*", "--for", "7d"]);
    assert!(paused.starts_with("10 jobs are paused until "), "{paused}");
}

#[test]
fn a_command_waits_for_a_cycle_to_end() {
    let site = with_missing_job();
    let lock = fs::File::create(site.path("vigie.db.lock")).unwrap();
    lock.lock().unwrap();
    let mut pause = site.command();
    let mut waiting = pause.args(["jobs", "pause", "--all"]).spawn().unwrap();
    // It can't be done as long as the cycle goes on, however long that is looked at.
    for _ in 0..5 {
        assert_eq!(site.job("X")["pause"], Value::Null);
        assert!(waiting.try_wait().unwrap().is_none());
    }
    drop(lock);
    assert!(waiting.wait().unwrap().success());
    assert_ne!(site.job("X")["pause"], Value::Null);
}
