//! The scan comes to the same as a plain sequential one that remembers nothing and reads everything, on
//! random deposits and histories: the same jobs, entries, events, counts and files after each cycle.
//!
//! Two thousand histories by default; ten thousand take a while longer. Each is made from a seed, which is
//! told with its story when it fails, and `VIGIE_HISTORY_SEED` replays one:
//!
//! ```sh
//! VIGIE_HISTORIES=10000 cargo test --release -p vigie-scanner --test agreement
//! VIGIE_HISTORY_SEED=7 cargo test -p vigie-scanner --test agreement -- --nocapture
//! ```

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod agreement;
mod deposits;
mod history;
mod model;
mod reports;
mod sites;
mod store;

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use fastrand::Rng;
use history::{History, Lived};
use tokio::runtime::Runtime;

const HISTORIES: u64 = 2_000;

/// How many histories of one thread go on side by side: between two cycles of one the others have theirs,
/// and the kernel's clock, which is coarse on some, goes on.
const SIDE_BY_SIDE: u64 = 16;

/// After so many failures there is enough to choose a short one from.
const ENOUGH: usize = 20;

fn one_in(rng: &mut Rng, count: u32) -> bool {
    rng.u32(0..count) == 0
}

/// A history on which scanner and model do not agree.
struct Failure {
    seed: u64,
    difference: String,
    story: Vec<String>,
}

/// What was met in all histories, by its name.
type Met = BTreeMap<&'static str, u64>;

#[derive(Default)]
struct Account {
    failures: Vec<Failure>,
    met: Met,
}

#[test]
fn scanner_and_model_agree_on_random_histories() {
    let number_of = |variable: &str| std::env::var(variable).ok()?.parse::<u64>().ok();
    let seeds = match number_of("VIGIE_HISTORY_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number_of("VIGIE_HISTORIES").unwrap_or(HISTORIES),
    };
    let count = seeds.end - seeds.start;
    let is_replay = count == 1;
    let (next, account) = (AtomicU64::new(seeds.start), Mutex::new(Account::default()));
    let folder = memory_backed_folder();
    let threads = thread::available_parallelism().map_or(2, |count| count.get().max(2));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let runtime = runtime();
                while account.lock().unwrap().failures.len() < ENOUGH {
                    let first = next.fetch_add(SIDE_BY_SIDE, Ordering::Relaxed);
                    if first >= seeds.end {
                        break;
                    }
                    let last = (first + SIDE_BY_SIDE).min(seeds.end);
                    live_through(first..last, &runtime, folder.path(), is_replay, &account);
                }
            });
        }
    });
    let Account { mut failures, met } = account.into_inner().unwrap();
    println!("{met:#?}");
    failures.sort_by_key(|failure| failure.story.len());
    let seeds: Vec<u64> = failures.iter().map(|failure| failure.seed).collect();
    if let Some(Failure {
        seed,
        difference,
        story,
    }) = failures.first()
    {
        let story = story.join("\n");
        panic!(
            "{story}\n{difference}\nseed {seed}, the shortest of {seeds:?}: VIGIE_HISTORY_SEED={seed} replays it"
        );
    }
    if count >= HISTORIES {
        for name in EXPECTED {
            assert!(met.contains_key(name), "no history came to {name}");
        }
    }
}

/// What histories that tell anything come to.
const EXPECTED: [&str; 28] = [
    "SUCCESS",
    "FAILED",
    "MISSING",
    "TRANSFER_INTEGRITY_FAILED",
    "HASH_MISMATCH",
    "UNKNOWN",
    "JobRegistered",
    "BackupRecorded",
    "JobDegraded",
    "JobMissing",
    "JobRecovered",
    "JobWarned",
    "ReportRejected",
    "unchanged",
    "copy kept",
    "cannot_read",
    "cannot_keep",
    "retried with success",
    "processed",
    "pending",
    "repeated",
    "undeclared",
    "retired",
    "ignored",
    "error",
    "no cycle",
    "folder passed over",
    "file known",
];

/// On a paused clock what waits for files to settle waits for nothing.
fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap()
}

/// Does the cycles of some histories, in turn.
fn live_through(
    seeds: Range<u64>,
    runtime: &Runtime,
    folder: &Path,
    is_replay: bool,
    account: &Mutex<Account>,
) {
    let mut histories: Vec<(u64, History)> = seeds
        .map(|seed| (seed, History::new(seed, &folder.join(seed.to_string()))))
        .collect();
    let mut met = Met::new();
    while !histories.is_empty() {
        histories.retain_mut(|(seed, history)| {
            let step = AssertUnwindSafe(|| runtime.block_on(history.step()));
            let step = std::panic::catch_unwind(step);
            let difference = match step {
                Ok(Ok(lived)) => {
                    note(&mut met, &lived);
                    None
                }
                Ok(Err(difference)) => Some(difference),
                Err(_) => Some("it panicked".to_owned()),
            };
            let is_over = history.is_over() || difference.is_some();
            if is_over && is_replay {
                println!("{}", history.story().join("\n"));
            }
            if let Some(difference) = difference {
                account.lock().unwrap().failures.push(Failure {
                    seed: *seed,
                    difference,
                    story: history.story().to_vec(),
                });
            }
            if is_over {
                std::fs::remove_dir_all(folder.join(seed.to_string())).unwrap();
            }
            !is_over
        });
    }
    let mut account = account.lock().unwrap();
    for (name, count) in met {
        *account.met.entry(name).or_default() += count;
    }
}

fn note(met: &mut Met, lived: &Lived) {
    let mut count = |name: &'static str, number: usize| {
        if number > 0 {
            *met.entry(name).or_default() += number as u64;
        }
    };
    count("cycle", 1);
    let unvisited = lived.work.agents - lived.work.agents_visited;
    count("folder passed over", unvisited);
    count("file known", usize::from(lived.work.files_known > 0));
    let Some(told) = &lived.told else {
        return count("no cycle", 1);
    };
    for (_, _, entry) in &told.entries {
        count(entry.status.as_str(), 1);
        count("unchanged", entry.unchanged.into());
        count("copy kept", entry.validated_path.is_some().into());
        if entry.is_server_fault() {
            let is_read = entry.actual_sha256.is_some();
            count(
                if is_read {
                    "cannot_keep"
                } else {
                    "cannot_read"
                },
                1,
            );
        }
    }
    for event in &told.events {
        count(event.name(), 1);
    }
    count("processed", told.reports.processed);
    count("rejected", told.reports.rejected);
    count("pending", told.reports.pending);
    count("repeated", told.reports.repeated);
    count("retried with success", told.retried);
    count("undeclared", told.undeclared.len());
    count("retired", told.retired.len());
    count("ignored", told.ignored.len());
    count("error", told.errors.len());
}

/// Thousands of deposits are made and removed: where there is a file system in memory, in it.
fn memory_backed_folder() -> tempfile::TempDir {
    let in_memory = tempfile::tempdir_in("/dev/shm");
    in_memory.or_else(|_| tempfile::tempdir()).unwrap()
}
