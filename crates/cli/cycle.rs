//! One cycle of the program: scan, then plan mails, then see to what is kept. What `scan`, `run` and `demo` have in common.
//! Sends nothing.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use tracing::info;
use vigie_notify::{Clock, ClockJump, Planned, SystemClock};
use vigie_scanner::{Observer, PruneResult, ScanError, ScanResult};

use crate::lock::CycleLock;
use crate::progress::{Counters, Showing};
use crate::vigie::Vigie;
use crate::watch::facts;

/// What a cycle found and did.
#[derive(Debug, Serialize)]
pub struct CycleResult {
    /// The instant that it was done at.
    pub now: Timestamp,
    #[serde(flatten)]
    pub scan: ScanResult,
    /// What became of the proven backups that are kept.
    #[serde(skip_serializing_if = "is_nothing")]
    pub pruned: PruneResult,
    /// The mails that were left in the outbox.
    #[serde(skip)]
    pub planned: Planned,
}

fn is_nothing(pruned: &PruneResult) -> bool {
    *pruned == PruneResult::default()
}

/// Does one cycle. Events become mails even when the deposit can't be scanned, and that becomes one too.
pub async fn cycle(
    vigie: &Vigie,
    _lock: &CycleLock,
    now: Timestamp,
    clock_jump: Option<ClockJump>,
    showing: &Showing,
) -> anyhow::Result<CycleResult> {
    // Before the scan, which may take longer than people are to wait for word of a cycle.
    let mut facts = facts(vigie.store.last_cycle().await?, SystemClock.now());
    // First, so that the reports of jobs that are watched again are taken.
    for job in vigie.store.end_pauses(now).await? {
        info!(agent = %job.agent, database = job.database, "its pause is over");
    }
    let counters = Arc::new(Counters::default());
    let counted = counters.clone();
    let observe: Observer = Arc::new(move |step| counted.count(&step));
    let scan = vigie.scanner.scan(now, observe);
    let scanned = showing.during(&counters, scan).await;
    facts.clock_jump = clock_jump.or(facts.clock_jump);
    if let Err(ScanError::Deposit(error)) = &scanned {
        facts.deposit_error = Some(error.to_string());
    }
    facts.validated = vigie.tree.state();
    let planned = vigie.planner.plan_cycle(now, &facts).await?;
    if facts.clock_jump.is_some() {
        // What is told need not be told by the next cycle too, should this one fail.
        vigie.store.clamp_last_cycle(SystemClock.now()).await?;
    }
    let scan = scanned?;
    let pruned = if facts.clock_jump.is_some() {
        // Nothing is taken away by a clock that nobody believes.
        PruneResult::default()
    } else {
        prune(vigie, now).await
    };
    vigie.store.record_cycle(SystemClock.now()).await?;
    Ok(CycleResult {
        now,
        scan,
        pruned,
        planned,
    })
}

/// Sees to what is kept. That it can't be done makes no cycle a failed one: the next tries again.
async fn prune(vigie: &Vigie, now: Timestamp) -> PruneResult {
    let Some(pruner) = &vigie.pruner else {
        return PruneResult::default();
    };
    pruner
        .after_cycle(now)
        .await
        .unwrap_or_else(|error| PruneResult {
            errors: vec![error.to_string()],
            ..PruneResult::default()
        })
}
