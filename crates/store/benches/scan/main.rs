//! How long a scan takes, and how much memory, beside the least that it could take.
//!
//! Five cases, each against a floor that is measured in turns with it; medians of what several rounds gave,
//! and of their ratios. Every measurement is a process of its own, so that its peak of memory is too.
//!
//! - `new`: 10,000 jobs of 1,000 agents, all of them new, against a plain program that does the same to
//!   the files and inserts the same rows ([`bare_scan`] says what it leaves out).
//! - `kept`: the same, each backup copied to a validated tree, and listed there.
//! - `large`: 4 files of 1 GiB, proven, against hashing bytes that are in the cache; proven and kept,
//!   against the slower of hashing and copying.
//! - `unchanged`: the deposit of `new` once more, when nothing has come; the first cycle of a scanner, and
//!   later ones.
//! - `known`: 10,000 agents that have dropped nothing, against one stat of each; 10 overdue jobs among
//!   up to 1,000,000, against as many among fewer.
//!
//! What was quoted of the ancestor can't be measured here; it stands in the table as quoted.
//!
//! `cargo bench -p vigie-store --bench scan` prints one table. After `--` go the cases to measure, and
//! `--percent 10` for smaller sizes, `--rounds 1` for fewer rounds, `--threads 4` for a second floor of so
//! many, `--json FILE` for the table as JSON. Only the ratios mean something on another machine, and only
//! while nobody else uses the disk. `large` needs 8 GiB on it, and as much free memory to be about more
//! than the disk.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that can't go on has failed"
)]

mod arguments;
mod bare_files;
mod bare_scan;
mod child;
mod deposit;
mod empty_store;
mod large_files;
mod left_rows;
mod many_known;
mod new_jobs;
mod nothing_new;
mod scanning;
mod stopwatch;
mod table;

#[expect(dead_code, reason = "another benchmark needs the rest of it")]
#[path = "../many_jobs/mod.rs"]
mod many_jobs;

use std::process::ExitCode;

use tempfile::TempDir;

use arguments::{Arguments, USAGE};
use child::{MARK, Task};

/// How many agents the small backups come from.
const AGENTS: usize = 1_000;

const JOBS_OF_AGENT: usize = 10;

fn main() -> ExitCode {
    let mut given = std::env::args().skip(1).peekable();
    if given.next_if_eq(MARK).is_some() {
        let task: Task = serde_json::from_str(&given.next().unwrap()).unwrap();
        println!("{}", serde_json::to_string(&task.run()).unwrap());
        return ExitCode::SUCCESS;
    }
    let Some(arguments) = Arguments::read(given) else {
        eprintln!("usage: {USAGE}");
        return ExitCode::from(2);
    };
    let cases: [(&str, &dyn Fn() -> Vec<table::Line>); 5] = [
        ("new", &|| new_jobs::measure(&arguments, false)),
        ("kept", &|| new_jobs::measure(&arguments, true)),
        ("large", &|| large_files::measure(&arguments)),
        ("unchanged", &|| nothing_new::measure(&arguments)),
        ("known", &|| many_known::measure(&arguments)),
    ];
    let mut lines = Vec::new();
    for (case, measure) in cases {
        if arguments.wants(case) {
            eprintln!("measuring {case}");
            lines.extend(measure());
        }
    }
    table::print(&lines);
    if let Some(file) = &arguments.json {
        table::write(&lines, arguments.percent, arguments.rounds, file);
    }
    ExitCode::SUCCESS
}

/// Where the program is built is a disk, which the folder for temporary files need not be.
fn temporary() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}
