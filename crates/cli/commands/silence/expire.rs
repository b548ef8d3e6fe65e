//! `vigie silence expire`: people are told again.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use vigie_notify::{Clock, SilenceId, SystemClock};

use crate::arguments::SilenceExpireArguments;
use crate::config::Config;
use crate::local_time::local_time;
use crate::lock::CycleLock;
use crate::printable::printable;
use crate::vigie::open_existing;

/// How long a cycle is waited for.
const PATIENCE: Duration = Duration::from_mins(1);

pub async fn run(config: &Config, arguments: &SilenceExpireArguments) -> anyhow::Result<ExitCode> {
    let Some(store) = open_existing(config).await? else {
        bail!("there is no database yet, and no silence");
    };
    let now = SystemClock.now();
    let ids: Vec<SilenceId> = arguments.ids.iter().copied().map(SilenceId).collect();
    for id in &ids {
        let Some(silence) = store.silence(*id).await? else {
            bail!("there is no silence {id}; `vigie silence list` has those that hold something");
        };
        if silence.ends_at <= now {
            let ended_at = local_time(silence.ends_at, &config.mail.time_zone);
            bail!("silence {id} has ended already, at {ended_at}");
        }
    }
    // A cycle that has read the silences would hold back what they are about once more.
    let _lock = CycleLock::take_within(&config.database.path, PATIENCE).await?;
    for silence in store.expire_silences(&ids, now).await? {
        println!(
            "silence {} has ended; people are told of {} again",
            silence.id,
            printable(&silence.matchers.to_string())
        );
    }
    Ok(ExitCode::SUCCESS)
}
