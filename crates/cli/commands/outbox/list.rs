//! `vigie outbox list`: the mails that wait and those that were refused.

use std::io::{self, Write};
use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;
use vigie_notify::{Clock, SystemClock};
use vigie_store::{DeliveryRecord, DeliveryState, SqliteStore};

use super::shown::{ShownDelivery, next_attempt_at};
use crate::age::age;
use crate::arguments::{Format, OutboxListArguments};
use crate::printable::printable_within;
use crate::table::print_table;

/// How wide a cell may become, in characters.
const WIDEST_CELL: usize = 60;

/// How much of an error is printed, in characters; `show` has all of it.
const WIDEST_ERROR: usize = 160;

#[derive(Debug, Serialize)]
struct Shown<'a> {
    mails: Vec<ShownDelivery<'a>>,
}

pub async fn run(store: &SqliteStore, arguments: &OutboxListArguments) -> anyhow::Result<ExitCode> {
    let mut states: Vec<DeliveryState> = arguments
        .states
        .iter()
        .map(|state| (*state).into())
        .collect();
    if states.is_empty() {
        states = vec![DeliveryState::Waiting, DeliveryState::Dead];
    }
    let records = store.deliveries(&states, arguments.limit).await?;
    let mut out = io::stdout().lock();
    match arguments.output.format {
        Format::Json => {
            let mails = records.iter().map(ShownDelivery::of).collect();
            serde_json::to_writer_pretty(&mut out, &Shown { mails })?;
            writeln!(out)?;
        }
        Format::Text => print(&mut out, &records, SystemClock.now())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn print(out: &mut dyn Write, records: &[DeliveryRecord], now: Timestamp) -> io::Result<()> {
    if records.is_empty() {
        return writeln!(out, "no mails to show");
    }
    let rows: Vec<[String; 7]> = records.iter().map(|record| row_of(record, now)).collect();
    let head = [
        "ID",
        "STATE",
        "AGE",
        "TRIES",
        "NEXT TRY",
        "RECIPIENT",
        "SUBJECT",
    ];
    print_table(out, head, &rows)?;
    // The same problem often keeps many mails, and is then told once.
    let mut told: Vec<(&str, Vec<i64>)> = Vec::new();
    for record in records {
        let Some(error) = &record.last_error else {
            continue;
        };
        match told.iter_mut().find(|(known, _)| known == error) {
            Some((_, ids)) => ids.push(record.id.0),
            None => told.push((error, vec![record.id.0])),
        }
    }
    for (error, ids) in told {
        let error = printable_within(error, WIDEST_ERROR);
        writeln!(out, "\n{}:\n  {error}", numbers(&ids))?;
    }
    Ok(())
}

fn row_of(record: &DeliveryRecord, now: Timestamp) -> [String; 7] {
    [
        record.id.to_string(),
        record.state.as_str().to_owned(),
        age(record.planned_at, now),
        record.attempts.to_string(),
        next_try(record, now),
        printable_within(&record.mail.to, WIDEST_CELL),
        printable_within(&record.mail.subject, WIDEST_CELL),
    ]
}

fn next_try(record: &DeliveryRecord, now: Timestamp) -> String {
    match next_attempt_at(record) {
        Some(due_at) if due_at <= now => "now".to_owned(),
        Some(due_at) => format!("in {}", age(now, due_at)),
        None if record.lease_holder.is_some() => "under way".to_owned(),
        None => "-".to_owned(),
    }
}

/// At most some of the numbers.
fn numbers(ids: &[i64]) -> String {
    const SOME: usize = 8;
    let shown: Vec<String> = ids.iter().take(SOME).map(i64::to_string).collect();
    match ids.len().checked_sub(SOME) {
        None | Some(0) => shown.join(", "),
        Some(more) => format!("{} and {more} more", shown.join(", ")),
    }
}
