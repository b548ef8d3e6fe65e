//! `vigie silence list`: what people are not told of, until when, and who wanted that.

use std::io::{self, Write};
use std::process::ExitCode;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use vigie_notify::{Clock, Silence, SystemClock};

use super::shown::{ShownSilence, State};
use crate::arguments::{Format, SilenceListArguments};
use crate::config::Config;
use crate::local_time::local_time;
use crate::printable::printable_within;
use crate::table::print_table;
use crate::vigie::open_existing;

/// How wide a cell may become, in characters.
const WIDEST_CELL: usize = 60;

#[derive(Debug, Serialize)]
struct Shown<'a> {
    silences: Vec<ShownSilence<'a>>,
}

pub async fn run(config: &Config, arguments: &SilenceListArguments) -> anyhow::Result<ExitCode> {
    let now = SystemClock.now();
    let silences = match open_existing(config).await? {
        Some(store) if arguments.all => store.all_silences().await?,
        Some(store) => store.open_silences(now).await?,
        None => Vec::new(),
    };
    let mut out = io::stdout().lock();
    match arguments.output.format {
        Format::Json => {
            let silences = silences.iter();
            let silences = silences.map(|silence| ShownSilence::of(silence, now));
            let shown = Shown {
                silences: silences.collect(),
            };
            serde_json::to_writer_pretty(&mut out, &shown)?;
            writeln!(out)?;
        }
        Format::Text if silences.is_empty() => writeln!(out, "no silences to show")?,
        Format::Text => {
            let head = ["ID", "STATE", "STARTS", "ENDS", "BY", "JOBS", "REASON"];
            let silences = silences.iter();
            let rows = silences.map(|silence| row_of(silence, &config.mail.time_zone, now));
            print_table(&mut out, head, &rows.collect::<Vec<_>>())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row_of(silence: &Silence, zone: &TimeZone, now: Timestamp) -> [String; 7] {
    [
        silence.id.to_string(),
        State::of(silence, now).as_str().to_owned(),
        local_time(silence.starts_at, zone),
        local_time(silence.ends_at, zone),
        printable_within(&silence.author, WIDEST_CELL),
        printable_within(&silence.matchers.to_string(), WIDEST_CELL),
        printable_within(&silence.reason, WIDEST_CELL),
    ]
}
