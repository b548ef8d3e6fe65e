//! Prints how many mails there were, beside a mail per job, reader and scan.

#![expect(
    clippy::cast_precision_loss,
    reason = "nobody reads more than five digits"
)]

use std::collections::BTreeMap;

use crate::account::{Counts, Purpose};

type Days = BTreeMap<String, BTreeMap<String, u64>>;

pub fn print(counts: &Counts, days: i64) {
    let of = |purpose| counts.mails.get(&purpose).copied().unwrap_or_default();
    let (jobs, faults) = (of(Purpose::Jobs), of(Purpose::Fault));
    let notices = of(Purpose::Notice);
    let (mails, naive) = (sum(&counts.by_day), sum(&counts.naive_by_day));
    println!(
        "\n{:28} {:>12} {:>12} {:>8}",
        "", "this policy", "naive policy", "ratio"
    );
    row("mails", mails as f64, naive as f64);
    let incidents = counts.incidents as f64;
    row(
        "mails per incident",
        mails as f64 / incidents,
        naive as f64 / incidents,
    );
    row(
        "mails per day",
        mails as f64 / days as f64,
        naive as f64 / days as f64,
    );
    let per_reader = |by: &Days| sum(by) as f64 / by.len() as f64 / days as f64;
    row(
        "per reader and day",
        per_reader(&counts.by_day),
        per_reader(&counts.naive_by_day),
    );
    row(
        "most to one in a day",
        most(&counts.by_day),
        most(&counts.naive_by_day),
    );
    println!("\n{:28} {:>12} {:>12} {:>8}", "reader", "", "", "");
    for (reader, by_day) in &counts.naive_by_day {
        let own: u64 = counts
            .by_day
            .get(reader)
            .map_or(0, |days| days.values().sum());
        let naive: u64 = by_day.values().sum();
        row(reader, own as f64, naive as f64);
    }
    println!(
        "\n{} incidents; {jobs} mails of jobs, {faults} of faults of the system, {notices} of refused mails",
        counts.incidents
    );
    println!(
        "{} above the limit of an hour (of the system, not of jobs)",
        counts.above_limit
    );
    for (tag, count) in &counts.tags {
        println!("{count:8} {tag}");
    }
}

fn row(name: &str, own: f64, naive: f64) {
    println!("{name:28} {own:12.2} {naive:12.2} {:8.1}", naive / own);
}

fn sum(by: &Days) -> u64 {
    by.values().flat_map(BTreeMap::values).sum()
}

fn most(by: &Days) -> f64 {
    by.values()
        .flat_map(BTreeMap::values)
        .max()
        .copied()
        .unwrap_or_default() as f64
}
