//! What agents put into the deposit to harm: each case is a site of its own and one run of the program,
//! between two honest agents that have to be served in the same cycle.

#![expect(clippy::too_many_lines, reason = "a table has as many rows as it has")]

mod apart;
mod case;
mod clocks;
mod faults;
mod files;
mod folders;
mod limits;
mod names;
mod staged;
mod theft;
mod traced;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use crate::site::tell;
use case::Case;

/// How many cases are run at once.
const THREADS: usize = 4;

fn all() -> Vec<Case> {
    let mut all = limits::cases();
    all.extend(clocks::cases());
    all.extend(names::cases());
    all.extend(folders::cases());
    all.extend(files::cases());
    all.extend(staged::cases());
    all.extend(faults::cases());
    all.extend(theft::cases());
    all
}

/// The table can be read with `cargo test --test integration each_hostile_case -- --nocapture`.
#[test]
fn each_hostile_case_ends_as_it_should_and_keeps_nobody_else_from_being_served() {
    let cases = all();
    let started = Instant::now();
    let (next, rows) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let started = Instant::now();
                    let got = catch_unwind(AssertUnwindSafe(|| case.run()));
                    let got = got.unwrap_or_else(|panic| Err(words_of(&*panic)));
                    rows.lock().unwrap().push((case, got, started.elapsed()));
                }
            });
        }
    });
    let mut rows = rows.into_inner().unwrap();
    rows.sort_by_key(|(case, ..)| cases.iter().position(|one| one.input == case.input));
    let mut wrong = Vec::new();
    let (mut held, mut skipped) = (0, 0);
    let widest = cases.iter().map(|case| case.input.chars().count()).max();
    let widest = widest.unwrap_or_default();
    tell(&format!("{:widest$}  {:<9} expected", "input", "others"));
    for (case, got, took) in &rows {
        let others = match got {
            Ok(true) => {
                held += 1;
                "served"
            }
            Ok(false) => {
                skipped += 1;
                "skipped"
            }
            Err(words) => {
                wrong.push(format!("{}: {words}", case.input));
                "WRONG"
            }
        };
        let took = took.as_millis();
        let expected = &case.expected;
        tell(&format!(
            "{:widest$}  {others:<9} {expected}  ({took} ms)",
            case.input
        ));
    }
    let took = started.elapsed();
    tell(&format!(
        "{} hostile cases: {held} ended as they should with both others served, {skipped} skipped, {} \
         wrong, in {took:.1?}",
        rows.len(),
        wrong.len()
    ));
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(held >= 60, "so few cases held: {held}");
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    text.unwrap_or_else(|| "it panicked".to_owned())
}
