//! `vigie run`: a cycle at each interval until it is told to stop.

use std::path::Path;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info};
use vigie_notify::{Clock, SystemClock};

use crate::causes::causes;
use crate::cycle::{CycleResult, cycle};
use crate::lock::CycleLock;
use crate::progress::CycleProgress;
use crate::vigie::{Vigie, load_config};

/// A cycle that fails is logged and made up for by the next. A signal lets the cycle in hand
/// finish; a second one ends it at once, which is safe, as a cycle can be cut off at any point.
pub async fn run(config: Option<&Path>) -> anyhow::Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let vigie = Vigie::open(load_config(config)?).await?;
    let mut has_declared = false;
    let mut tick = interval(vigie.config.scan.interval);
    // A cycle that took longer than the interval is followed by one, not by all that it missed.
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    info!(
        deposit = %vigie.config.deposit.root.display(),
        interval = ?vigie.config.scan.interval,
        "watching"
    );
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
        }
        let mut is_stopping = false;
        let mut work = std::pin::pin!(one_cycle(&vigie, &mut has_declared));
        loop {
            tokio::select! {
                () = &mut work => break,
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if is_stopping {
                return Ok(ExitCode::SUCCESS);
            }
            info!("stopping after this cycle");
            is_stopping = true;
        }
        if is_stopping {
            break;
        }
    }
    info!("stopped");
    vigie.store.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Tells how a cycle went. The jobs of the config are made known in the first that gets the lock.
async fn one_cycle(vigie: &Vigie, has_declared: &mut bool) {
    match try_cycle(vigie, has_declared).await {
        Err(failure) => error!(
            "the cycle failed: {}; the next one tries again",
            causes(&failure)
        ),
        Ok(result) => {
            let (reports, mails) = (result.scan.reports, result.mails);
            for failure in &result.scan.errors {
                error!(agent = %failure.agent, "not served: {}", failure.error);
            }
            info!(
                found = reports.found,
                processed = reports.processed,
                rejected = reports.rejected,
                pending = reports.pending,
                events = result.scan.events.len(),
                sent = mails.sent,
                failed = mails.failed,
                waiting = mails.waiting,
                "cycle done"
            );
        }
    }
}

async fn try_cycle(vigie: &Vigie, has_declared: &mut bool) -> anyhow::Result<CycleResult> {
    let now = SystemClock.now();
    let lock = CycleLock::take(&vigie.config.database.path)?;
    if !*has_declared {
        vigie.declare_jobs(&lock, now).await?;
        *has_declared = true;
    }
    cycle(vigie, &lock, now, CycleProgress::new(true)).await
}
