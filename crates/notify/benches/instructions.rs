//! How many instructions the way of one report takes: read, decided on, told in a mail. They are counted
//! and not timed, so that a machine that is busy gives the same number as one that is not.
//!
//! `cargo bench -p vigie-notify --bench instructions` holds them against those that are recorded in
//! `instructions.json` beside this file, and fails when one has grown by more than 3 %; with
//! `-- --record` it records them anew. It runs itself under callgrind (valgrind.org). What counts is
//! one call, after one that has filled what is filled once.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that can't go on has failed"
)]

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use vigie_domain::{
    AgentId, BackupEntry, BackupEntryStatus, DatabaseReport, ExpectedBackupJob, Finding, JobId,
    ProvenBackup, Report, Schedule, Sha256, WarningSettings, judge_entry, judge_warnings,
    record_entry,
};
use vigie_notify::samples::{self, JobSample};
use vigie_notify::{Composer, ComposerSettings};

const RECORD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.json");

/// By how many percent a count may grow. The seeds of hash maps move it by hundredths of a percent, another
/// processor or another C library by more.
const TOLERANCE: f64 = 3.0;

/// The first argument of the process that is counted.
const MARK: &str = "--count";

const CASES: [&str; 4] = ["parse", "decide", "render missing", "render entry"];

const AGENT: &str = "SDMC_DOUALA_AKWA";

const NAMES: [&str; 10] = [
    "XAFRIC", "LEDGER", "PAYROLL", "STOCK", "INVOICES", "CRM", "SHOP", "LOANS", "CARDS", "BRANCHES",
];

const SIZE: u64 = 1_288_490_188;

const DAY: Duration = Duration::from_hours(24);

/// What `instructions.json` holds.
#[derive(Serialize, Deserialize)]
struct Recorded {
    rustc: String,
    architecture: String,
    instructions: BTreeMap<String, u64>,
}

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    if let [mark, case] = &given[..]
        && mark == MARK
    {
        run(case);
        return ExitCode::SUCCESS;
    }
    let mut now = Recorded {
        rustc: rustc(),
        architecture: std::env::consts::ARCH.to_owned(),
        instructions: BTreeMap::new(),
    };
    for case in CASES {
        let Some(count) = count(case) else {
            eprintln!(
                "valgrind is not there: install it (`apt-get install valgrind`) and try again"
            );
            return ExitCode::from(2);
        };
        now.instructions.insert(case.to_owned(), count);
    }
    if given.iter().any(|argument| argument == "--record") {
        let text = serde_json::to_string_pretty(&now).unwrap() + "\n";
        fs::write(RECORD, text).unwrap();
    }
    let recorded = serde_json::from_slice(&fs::read(RECORD).unwrap()).unwrap();
    compare(&recorded, &now)
}

fn compare(recorded: &Recorded, now: &Recorded) -> ExitCode {
    if recorded.architecture != now.architecture {
        let (then, here) = (&recorded.architecture, &now.architecture);
        eprintln!("the instructions were recorded on {then} and say nothing of {here}");
        return ExitCode::from(2);
    }
    println!("                    recorded          now   change");
    let mut grown = Vec::new();
    for case in CASES {
        let (then, now) = (recorded.instructions[case], now.instructions[case]);
        let change = (f64_of(now) / f64_of(then) - 1.0) * 100.0;
        println!("{case:16} {then:11} {now:12} {change:+7.2} %");
        if change > TOLERANCE {
            grown.push(case);
        }
    }
    if recorded.rustc != now.rustc {
        println!("\nrecorded with {}, now {}", recorded.rustc, now.rustc);
    }
    if grown.is_empty() {
        return ExitCode::SUCCESS;
    }
    let grown = grown.join(", ");
    eprintln!(
        "\ngrown by more than {TOLERANCE} %: {grown}; if it is worth it, record it with `-- --record`"
    );
    ExitCode::FAILURE
}

fn rustc() -> String {
    let output = Command::new("rustc").arg("--version").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Counts the instructions of one case in a process of its own; `None` when there is no valgrind.
fn count(case: &str) -> Option<u64> {
    let folder = tempfile::tempdir().unwrap();
    let counts = folder.path().join("counts");
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args([
            "--quiet",
            "--tool=callgrind",
            "--toggle-collect=*counted_call*",
        ])
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(std::env::current_exe().unwrap())
        .args([MARK, case]);
    match valgrind.status() {
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        status => assert!(status.unwrap().success(), "{case} could not be counted"),
    }
    let count = total(&counts);
    assert!(count > 10_000, "{case}: nothing was counted");
    Some(count)
}

/// The sum in a file of callgrind.
fn total(file: &Path) -> u64 {
    let text = fs::read_to_string(file).unwrap();
    let total = text.lines().find_map(|line| line.strip_prefix("totals:"));
    total.unwrap().trim().parse().unwrap()
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn f64_of(count: u64) -> f64 {
    count as f64
}

fn run(case: &str) {
    match case {
        "parse" => {
            let (text, agent) = (report_text(), agent());
            twice(&|| {
                black_box(
                    Report::parse(black_box(text.as_bytes()), &agent, &TimeZone::UTC).unwrap(),
                );
            });
        }
        "decide" => {
            let decided = Decided::new();
            twice(&|| decided.decide());
        }
        "render missing" => render(&samples::missing_full()),
        "render entry" => render(&samples::entry_full(BackupEntryStatus::HashMismatch)),
        _ => panic!("no case {case}"),
    }
}

/// The second time counts.
fn twice(work: &dyn Fn()) {
    work();
    counted_call(work);
}

/// Callgrind counts between the beginning and the end of the function of this name.
#[inline(never)]
fn counted_call(work: &dyn Fn()) {
    work();
    // Else the call would be the function's last, and the function would have ended before it.
    black_box(());
}

fn render(sample: &JobSample) {
    let settings = ComposerSettings {
        admin_email_recipient: vec!["Admin <admin@example.com>".to_owned()],
        ..ComposerSettings::default()
    };
    let composer = Composer::new(settings).unwrap();
    let mut job = sample.job.clone();
    job.recipients.clear();
    twice(&|| {
        let mails = composer.compose(black_box(&job), sample.entry.as_ref(), sample.now);
        assert_eq!(black_box(mails).len(), 1);
    });
}

/// A report with all that it is decided on.
struct Decided {
    report: Report,
    jobs: Vec<ExpectedBackupJob>,
    findings: Vec<Finding>,
    history: Vec<ProvenBackup>,
}

impl Decided {
    fn new() -> Self {
        let report = Report::parse(report_text().as_bytes(), &agent(), &TimeZone::UTC).unwrap();
        let databases = report.databases.iter().enumerate();
        let jobs = databases.clone().map(|(number, database)| {
            let schedule = Schedule::every(DAY, Duration::from_hours(2)).unwrap();
            let id = JobId(i64::try_from(number).unwrap());
            ExpectedBackupJob::new(id, agent(), &database.database, schedule, now() - DAY * 101)
        });
        // One has other content, one was cut short, the others are good.
        let finding = |(number, database): (usize, &DatabaseReport)| {
            let (size, sha256) = match number {
                3 => (SIZE, Some(Sha256::from([0; 32]))),
                7 => (SIZE / 2, None),
                _ => (SIZE, database.stages.compress.sha256),
            };
            Finding::Measured {
                size,
                sha256,
                content: None,
            }
        };
        let backup = |night: u32| ProvenBackup {
            ended_at: now() - DAY * (101 - night),
            size: SIZE + u64::from(night) * 1_000_000,
            delay: Some(SignedDuration::from_secs(i64::from(night))),
        };
        Self {
            jobs: jobs.collect(),
            findings: databases.map(finding).collect(),
            history: (0..ProvenBackup::LOOKED_AT).map(backup).collect(),
            report,
        }
    }

    /// All that the scanner decides of one report.
    fn decide(&self) {
        let (report, defaults) = (&self.report, WarningSettings::default());
        let known = self.jobs.iter().zip(&self.findings);
        let mut good = 0;
        for (database, (job, finding)) in report.databases.iter().zip(known) {
            assert!(black_box(database.proof_needed()).is_some());
            black_box(judge_entry(database, finding));
            let name = "20250620_021035_SDMC_DOUALA_AKWA.json";
            let entry = BackupEntry::judged(job, name, report, database, finding, now());
            let recorded = record_entry(job, &entry, now());
            let moved = judge_warnings(job, recorded, &entry, &self.history, &defaults);
            good += usize::from(entry.status == BackupEntryStatus::Success);
            black_box(ProvenBackup::of(job, &moved.job, &entry));
            black_box((moved, entry));
        }
        assert_eq!(good, NAMES.len() - 2);
    }
}

fn agent() -> AgentId {
    AgentId::new(AGENT).unwrap()
}

fn now() -> Timestamp {
    "2025-06-20T06:00:00Z".parse().unwrap()
}

/// A report of ten databases, as agents write them.
fn report_text() -> String {
    let section = |(number, name): (usize, &&str)| {
        let section = json!({
            "BACKUP": {
                "status": true,
                "start_time": "2025-06-20T02:00:00.967071",
                "end_time": "2025-06-20T02:05:00.142592",
                "size": 10 * SIZE,
            },
            "COMPRESS": {"status": "True", "sha256_checksum": format!("{number:064x}"), "size": SIZE},
            "TRANSFER": {"status": true, "end_time": "2025-06-20T02:10:05.142592", "error_message": null},
            "staged_file_name": format!("/home/backup/out/{name}_2025.sql.zst"),
            "logs_summary": "pg_dump: all tables dumped",
        });
        (format!("{name}_2025"), section)
    };
    let databases: Map<String, Value> = NAMES.iter().enumerate().map(section).collect();
    let report = json!({
        "agent_id": AGENT,
        "operation_start_time": "2025-06-20T02:00:00.967071",
        "operation_end_time": "2025-06-20T02:10:35.142592",
        "overall_status": "completed",
        "databases": databases,
    });
    serde_json::to_string_pretty(&report).unwrap()
}
