//! One cycle of the program: scan, then mail. What `scan`, `run` and `demo` have in common.

use jiff::Timestamp;
use serde::Serialize;
use vigie_notify::{Clock, Dispatched, SystemClock};
use vigie_scanner::ScanResult;

use crate::lock::CycleLock;
use crate::progress::CycleProgress;
use crate::vigie::Vigie;

/// What a cycle found and did.
#[derive(Debug, Serialize)]
pub struct CycleResult {
    /// The instant that it was done at.
    pub now: Timestamp,
    #[serde(flatten)]
    pub scan: ScanResult,
    /// The mails of this cycle, and those that still waited from before.
    pub mails: Dispatched,
}

/// Does one cycle. Mails that wait are sent even when the deposit can't be scanned.
pub async fn cycle(
    vigie: &Vigie,
    _lock: &CycleLock,
    now: Timestamp,
    progress: CycleProgress,
) -> anyhow::Result<CycleResult> {
    let scanned = vigie.scanner.scan(now, &|step| progress.show(&step)).await;
    drop(progress);
    let mails = vigie.dispatcher.dispatch(now).await?;
    let scan = scanned?;
    vigie.store.record_cycle(SystemClock.now()).await?;
    Ok(CycleResult { now, scan, mails })
}
