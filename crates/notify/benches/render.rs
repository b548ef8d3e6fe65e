//! What writing a mail costs beside a bare Handlebars render of the same templates, with the same
//! helpers and ready variables. `cargo bench -p vigie-notify --bench render` prints one table; only
//! the ratios mean something on another machine.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that can't go on has failed"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use vigie_domain::BackupEntryStatus;
use vigie_notify::samples::{self, JobSample, Sample};
use vigie_notify::{Composer, ComposerSettings, Locale, Recipient, Templates};

/// How many times both are measured, in turns, so that a busy moment hits both.
const ROUNDS: usize = 15;

/// How long one measurement takes at least.
const AT_LEAST: Duration = Duration::from_millis(100);

fn main() {
    println!("mail      bare µs   ours µs   ratio   mails/s");
    let mismatch = samples::entry_full(BackupEntryStatus::HashMismatch);
    for sample in [samples::missing_full(), mismatch] {
        measure(&sample);
    }
    let started = Instant::now();
    for _ in 0..10 {
        black_box(Templates::built_in());
    }
    let micros = started.elapsed().as_micros() / 10;
    println!("\ncompiling the built-in templates: {micros} µs");
}

fn measure(sample: &JobSample) {
    let composer = Composer::new(ComposerSettings::default()).unwrap();
    let reader = Recipient {
        address: "admin@example.com".to_owned(),
        locale: None,
        time_zone: None,
    };
    let entry = sample.entry.as_ref();
    let variables = composer
        .variables(&sample.job, entry, sample.now, &reader)
        .unwrap();
    let mail = Sample::from(sample.clone()).mail();
    let bare = || {
        let length = composer
            .templates()
            .render_bare(&Locale::EN, mail, &variables);
        black_box(length.unwrap());
    };
    let ours = || {
        let mail = composer.preview(&sample.job, entry, sample.now, &reader);
        black_box(mail.unwrap());
    };
    let mut measured: Vec<(f64, f64)> = (0..ROUNDS).map(|_| (micros(bare), micros(ours))).collect();
    measured.sort_by(|one, other| (one.1 / one.0).total_cmp(&(other.1 / other.0)));
    let (bare, ours) = measured[ROUNDS / 2];
    println!(
        "{mail:8} {bare:9.1} {ours:9.1} {:7.2} {:9.0}",
        ours / bare,
        1e6 / ours
    );
}

/// How long one call takes, in microseconds.
fn micros(call: impl Fn()) -> f64 {
    let started = Instant::now();
    let mut calls = 0_u32;
    while started.elapsed() < AT_LEAST {
        call();
        calls += 1;
    }
    started.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
}
