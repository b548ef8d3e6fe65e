//! `vigie outbox show`: one mail, why it is where it is, and what it says.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::bail;
use jiff::Timestamp;
use vigie_notify::{Clock, DeliveryId, SystemClock};
use vigie_store::{DeliveryRecord, SqliteStore};

use super::shown::{ShownDelivery, next_attempt_at};
use crate::age::age;
use crate::arguments::{Format, ShowArguments};
use crate::printable::printable;

pub async fn run(store: &SqliteStore, arguments: &ShowArguments) -> anyhow::Result<ExitCode> {
    let id = arguments.id;
    let Some(record) = store.delivery(DeliveryId(id)).await? else {
        bail!("there is no mail {id} in the outbox; `vigie outbox list` has those that wait");
    };
    let mut out = io::stdout().lock();
    match arguments.output.format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &ShownDelivery::with_mail(&record))?;
            writeln!(out)?;
        }
        Format::Text => print(&mut out, &record, SystemClock.now())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn print(out: &mut dyn Write, record: &DeliveryRecord, now: Timestamp) -> io::Result<()> {
    let mut line = |label: &str, text: &str| writeln!(out, "{label:11}{}", printable(text));
    let ago = |instant: Timestamp| format!("{}, {} ago", shown(instant), age(instant, now));
    line("State", record.state.as_str())?;
    line("To", &record.mail.to)?;
    line("From", &record.mail.from)?;
    line("Subject", &record.mail.subject)?;
    line("Message-ID", &record.mail.message_id)?;
    line("Planned", &ago(record.planned_at))?;
    line("Tries", &record.attempts.to_string())?;
    if let Some(last_attempt_at) = record.last_attempt_at {
        line("Last try", &ago(last_attempt_at))?;
    }
    if let Some(error) = &record.last_error {
        line("Error", error)?;
    }
    if let Some(taken_by) = &record.taken_by {
        line("Taken by", taken_by)?;
    }
    if let Some(answer) = &record.answer {
        line("Answer", answer)?;
    }
    match next_attempt_at(record) {
        Some(due_at) if due_at <= now => line("Next try", "now")?,
        Some(due_at) => line(
            "Next try",
            &format!("{}, in {}", shown(due_at), age(now, due_at)),
        )?,
        None => {}
    }
    if let Some(holder) = &record.lease_holder {
        line("Under way", &format!("by {holder}"))?;
    }
    writeln!(out)?;
    for text in record.mail.text.lines() {
        writeln!(out, "  {}", printable(text).trim_end())?;
    }
    Ok(())
}

fn shown(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
