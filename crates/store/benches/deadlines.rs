//! How fast passed deadlines are judged and kept, however many jobs are known.
//!
//! Each measurement is what a cycle does: look up what is overdue, judge it, keep jobs and events
//! durably, until nothing is overdue any more. The overdue jobs lie scattered among the others, in a
//! database on the disk.
//!
//! `cargo bench -p vigie-store --bench deadlines` prints one table; a number after `--` is how many
//! jobs are overdue instead of 10,000. Only the ratios mean something on another machine.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that can't go on has failed"
)]

mod many_jobs;

use std::time::{Duration, Instant};

use tokio::runtime::Builder;

use many_jobs::{ManyJobs, judge_overdue};

/// How many jobs are overdue in each measurement, when no number is given.
const OVERDUE: usize = 10_000;

/// How many jobs are known, as a multiple of those that are overdue.
const KNOWN: [usize; 3] = [1, 10, 100];

/// How often everything is measured, in turns, so that a busy moment hits all.
const ROUNDS: usize = 3;

fn main() {
    // Cargo gives an argument of its own.
    let given = std::env::args().find_map(|argument| argument.parse().ok());
    let overdue: usize = given.unwrap_or(OVERDUE);
    // As the program's own.
    let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
    let filled = KNOWN.map(|multiple| runtime.block_on(ManyJobs::known(overdue * multiple)));
    let measured = (0..ROUNDS).map(|_| {
        let each = filled.each_ref();
        each.map(|filled| runtime.block_on(measure(filled, overdue)))
    });
    print(overdue, &measured.collect::<Vec<_>>());
}

fn print(overdue: usize, rounds: &[[Duration; KNOWN.len()]]) {
    println!("{overdue} overdue jobs judged and kept; the medians of {ROUNDS} rounds\n");
    println!("     known        ms    jobs/s   to the first");
    for (position, multiple) in KNOWN.into_iter().enumerate() {
        let took = |round: &[Duration; KNOWN.len()]| round[position].as_secs_f64();
        let seconds = median(rounds.iter().map(took).collect());
        let ratio = |round: &[Duration; KNOWN.len()]| took(round) / round[0].as_secs_f64();
        let ratio = median(rounds.iter().map(ratio).collect());
        let known = overdue * multiple;
        let speed = f64::from(u32::try_from(overdue).unwrap()) / seconds;
        println!("{known:10} {:9.0} {speed:9.0} {ratio:14.2}", seconds * 1e3);
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn measure(filled: &ManyJobs, overdue: usize) -> Duration {
    let copy = filled.with_overdue(overdue, 0).await;
    let started = Instant::now();
    let count = judge_overdue(&copy.store).await;
    let took = started.elapsed();
    assert_eq!(count, overdue);
    copy.store.close().await;
    took
}
