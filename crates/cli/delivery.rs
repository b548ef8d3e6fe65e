//! Gets mails sent: in a bounded round for commands that end, in a task for one that goes on. Does no
//! cycle.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tracing::{error, info};
use vigie_notify::{Delivered, Outbox};

use crate::causes::causes;
use crate::lock::DeliveryLock;
use crate::vigie::{MailWorker, Vigie};

/// How often it is looked whether another program still sends mails.
const PATIENCE: Duration = Duration::from_secs(1);

/// What became of mails, as `--format json` shows it. The keys are stable.
#[derive(Debug, Serialize)]
pub struct MailResult {
    #[serde(flatten)]
    pub delivered: Delivered,
    /// Mails that wait to be tried again, or for the first time.
    pub waiting: u64,
    /// Since when the oldest of them waits.
    pub oldest_waiting_since: Option<Timestamp>,
    /// Whether another program has taken it on to send them.
    pub sent_by_another: bool,
}

/// Sends what is due, but for no longer than the config allows. Of what is refused meanwhile, others
/// are told in mails as of `now`.
pub async fn deliver(vigie: &Vigie, now: Timestamp) -> anyhow::Result<MailResult> {
    let lock = DeliveryLock::take(&vigie.config.database.path)?;
    let mut delivered = Delivered::default();
    if lock.is_some() {
        vigie.store.release_leases().await?;
        let within = vigie.config.mail.deliver_within;
        delivered = vigie.worker.deliver_due(within).await?;
        if delivered.dead > 0 && vigie.planner.plan(now).await?.mails > 0 {
            delivered = delivered.and(vigie.worker.deliver_due(within).await?);
        }
    }
    let backlog = vigie.store.backlog().await?;
    Ok(MailResult {
        delivered,
        waiting: backlog.waiting,
        oldest_waiting_since: backlog.oldest_planned_at,
        sent_by_another: lock.is_none(),
    })
}

/// Sends mails beside all else until it is stopped.
pub struct DeliveryTask {
    worker: Arc<MailWorker>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl DeliveryTask {
    /// Starts as soon as nobody else sends mails.
    pub fn start(vigie: &Vigie) -> Self {
        let (stop, mut stopped) = oneshot::channel();
        let (worker, store) = (vigie.worker.clone(), vigie.store.clone());
        let database = vigie.config.database.path.clone();
        let sending = worker.clone();
        let task = tokio::spawn(async move {
            let lock = loop {
                match DeliveryLock::take(&database) {
                    Ok(Some(lock)) => break lock,
                    Ok(None) => {}
                    Err(failure) => error!("mails wait: {}", causes(&failure)),
                }
                tokio::select! {
                    () = sleep(PATIENCE) => {}
                    _ = &mut stopped => return,
                }
            };
            if let Err(failure) = store.release_leases().await {
                // Then they run out.
                error!(error = %failure, "mails that were claimed before wait for a minute");
            }
            let delivered = sending.run(async { _ = stopped.await }).await;
            drop(lock);
            info!(
                sent = delivered.sent,
                failed = delivered.failed,
                "no more mails are sent"
            );
        });
        Self { worker, stop, task }
    }

    /// Says that there are new mails.
    pub fn wake(&self) {
        self.worker.wake();
    }

    /// Begins no more mails, and waits for those that are on their way.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        if let Err(failure) = self.task.await {
            error!("sending mails ended early: {failure}");
        }
    }
}
