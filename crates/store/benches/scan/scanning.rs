//! What is measured: cycles of the scanner, and the part of them that the store does alone. The one
//! module that calls the scanner.

use std::path::Path;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use vigie_domain::{BackupEntryStatus, Schedule, judge_deadline};
use vigie_notify::{Clock as _, SystemClock};
use vigie_scanner::{PruneResult, Pruner, ScanResult, Scanner, ScannerSettings, Store};
use vigie_store::SqliteStore;

use crate::empty_store::EmptyStore;
use crate::many_jobs::{self, ManyJobs};
use crate::stopwatch::{Stopwatch, Took};

/// How long nothing happens before later cycles, as the program waits too: what was written to just
/// now may be written to once more without looking newer.
const REST: Duration = Duration::from_secs(3);

/// As the program's own.
fn runtime() -> Runtime {
    Builder::new_multi_thread().enable_all().build().unwrap()
}

fn settings(deposit: &Path, validated: Option<&Path>) -> ScannerSettings {
    let daily = Schedule::every(Duration::from_hours(24), Duration::from_hours(2)).unwrap();
    let mut settings = ScannerSettings::new(deposit, daily);
    settings.validated = validated.map(Path::to_owned);
    settings
}

async fn cycle<S: Store>(scanner: &Scanner<S>) -> (Took, ScanResult) {
    let now = SystemClock.now();
    let started = Stopwatch::start();
    let result = scanner.scan(now, Arc::new(|_| ())).await.unwrap();
    let took = started.stop();
    assert_eq!(result.errors, []);
    assert_eq!(result.ignored, []);
    (took, result)
}

/// The cycle that takes what agents dropped, and lists what is kept of it.
pub(crate) fn take_all(
    deposit: &Path,
    validated: Option<&Path>,
    database: &Path,
    reports: usize,
) -> Took {
    runtime().block_on(async {
        let store = SqliteStore::open(database).await.unwrap();
        let scanner = Scanner::new(settings(deposit, validated), store.clone());
        let (mut took, result) = cycle(&scanner).await;
        if let Some(validated) = validated {
            let pruner = Pruner::new(validated, None, store.clone());
            let started = Stopwatch::start();
            let result = pruner.after_cycle(SystemClock.now()).await.unwrap();
            let listed = started.stop();
            assert_eq!(result, PruneResult::default());
            eprintln!("{:.3} s of it for lists", listed.elapsed);
            took.elapsed += listed.elapsed;
            took.processor += listed.processor;
        }
        assert_eq!(result.reports.processed, reports);
        let is_good = |entry: &vigie_scanner::EntrySummary| {
            entry.status == BackupEntryStatus::Success && entry.reason.is_none()
        };
        assert!(!result.entries.is_empty() && result.entries.iter().all(is_good));
        store.close().await;
        took
    })
}

/// The first cycle of a scanner, and `later` more, when nothing is new.
pub(crate) fn find_nothing(deposit: &Path, database: &Path, later: usize) -> Vec<Took> {
    runtime().block_on(async {
        let store = SqliteStore::open(database).await.unwrap();
        let scanner = Scanner::new(settings(deposit, None), store.clone());
        let cycles = idle_cycles(&scanner, later).await;
        store.close().await;
        cycles
    })
}

/// The same with a store that costs nothing.
pub(crate) fn find_nothing_in_files(deposit: &Path, later: usize) -> Vec<Took> {
    let scanner = Scanner::new(settings(deposit, None), EmptyStore);
    runtime().block_on(idle_cycles(&scanner, later))
}

async fn idle_cycles<S: Store>(scanner: &Scanner<S>, later: usize) -> Vec<Took> {
    let mut cycles = Vec::with_capacity(later + 1);
    for number in 0..=later {
        if number == 1 {
            sleep(REST);
            // Sees what the rest has made certain.
            cycle(scanner).await;
        }
        let (took, result) = cycle(scanner).await;
        assert_eq!(result.reports.found, 0);
        cycles.push(took);
    }
    cycles
}

/// How long it takes to look up `due` jobs that are overdue, to judge and to keep them, for each of
/// these numbers of known jobs in turns, `rounds` times.
pub(crate) fn judge_due(known: &[usize], due: usize, rounds: usize) -> Vec<Took> {
    runtime().block_on(async {
        let mut stores = Vec::new();
        for &known in known {
            let filled = ManyJobs::known(known).await;
            let copy = filled.with_overdue(due * (rounds + 1), 0).await;
            // What is looked up and written first warms the caches.
            judge_some(&copy.store, due).await;
            stores.push((filled, copy));
        }
        let mut took = Vec::new();
        for _ in 0..rounds {
            for (_, copy) in &stores {
                let started = Stopwatch::start();
                judge_some(&copy.store, due).await;
                took.push(started.stop());
            }
        }
        for (_, copy) in stores {
            copy.store.close().await;
        }
        took
    })
}

async fn judge_some(store: &SqliteStore, due: usize) {
    let (now, limit) = (many_jobs::now(), u32::try_from(due).unwrap());
    let overdue = store.overdue_jobs(now, limit).await.unwrap();
    let judged = overdue.iter().filter_map(|job| judge_deadline(job, now));
    let moves: Vec<_> = judged.collect();
    assert_eq!(moves.len(), due);
    store.commit_deadlines(&moves).await.unwrap();
}
