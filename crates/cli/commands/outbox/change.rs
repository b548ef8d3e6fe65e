//! `vigie outbox retry` and `drop`: mails that are sent now, or never. Sends none itself.

use std::process::ExitCode;

use anyhow::bail;
use vigie_notify::{Clock, DeliveryId, SystemClock};
use vigie_store::{DeliveryState, SqliteStore, Which};

use crate::arguments::{DropArguments, RetryArguments};

pub async fn retry(store: &SqliteStore, arguments: &RetryArguments) -> anyhow::Result<ExitCode> {
    let which = match arguments.id {
        Some(id) => Which::One(DeliveryId(id)),
        None if arguments.dead => Which::Dead,
        None => Which::Waiting,
    };
    let due = store.retry_deliveries(which, SystemClock.now()).await?;
    if let (Which::One(id), true) = (which, due.is_empty()) {
        bail!("mail {id} can't be retried: {}", why_not(store, id).await?);
    }
    println!("{}", retried(store, which, due.len()).await?);
    Ok(ExitCode::SUCCESS)
}

async fn retried(store: &SqliteStore, which: Which, count: usize) -> anyhow::Result<String> {
    let dead = store.count_dead().await?;
    Ok(match (count, which) {
        (0, Which::Waiting) if dead > 0 => {
            format!("no mail waits; {dead} were refused, which `vigie outbox retry --dead` retries")
        }
        (0, _) => "nothing to retry".to_owned(),
        (1, _) => "1 mail is due now; `vigie run` or the next `vigie scan` sends it".to_owned(),
        _ => format!("{count} mails are due now; `vigie run` or the next `vigie scan` sends them"),
    })
}

pub async fn drop(store: &SqliteStore, arguments: &DropArguments) -> anyhow::Result<ExitCode> {
    let which = match arguments.id {
        Some(id) => Which::One(DeliveryId(id)),
        None => Which::Dead,
    };
    let dropped = store.drop_deliveries(which).await?;
    match (which, dropped.len()) {
        (Which::One(id), 0) => bail!("mail {id} can't be given up: {}", why_not(store, id).await?),
        (Which::One(id), _) => {
            println!("mail {id} is given up; `vigie outbox retry {id}` takes that back");
        }
        (_, 0) => println!("no mail was refused"),
        (_, 1) => println!("1 mail is given up"),
        (_, count) => println!("{count} mails are given up"),
    }
    Ok(ExitCode::SUCCESS)
}

async fn why_not(store: &SqliteStore, id: DeliveryId) -> anyhow::Result<String> {
    let Some(record) = store.delivery(id).await? else {
        return Ok(
            "there is none of that number; `vigie outbox list` has those that wait".to_owned(),
        );
    };
    Ok(match (record.state, &record.lease_holder) {
        (DeliveryState::Sent, _) => "it was sent".to_owned(),
        (DeliveryState::Dropped, _) => "it was given up before".to_owned(),
        (_, Some(holder)) => format!("it is being sent by {holder} at this moment"),
        (state, None) => format!("it is {}", state.as_str()),
    })
}
