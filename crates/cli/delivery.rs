//! Gets mails sent: in a bounded round for commands that end, in a task for one that goes on. Does no
//! cycle.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tracing::{error, info};
use vigie_notify::{Delivered, Outbox};
use vigie_store::SqliteStore;

use crate::causes::causes;
use crate::lock::{CycleLock, DeliveryLock};
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

/// Sends what is due, but for no longer than the config allows, and so tells others of what is refused
/// meanwhile. What has happened since the cycle is written about as of `now`.
pub async fn deliver(vigie: &Vigie, now: Timestamp) -> anyhow::Result<MailResult> {
    let lock = lock_soon(vigie).await?;
    let mut delivered = Delivered::default();
    if lock.is_some() {
        vigie.store.release_leases().await?;
        let within = vigie.config.mail.deliver_within;
        let until = Instant::now() + within;
        delivered = vigie.worker.deliver_due(within).await?;
        let is_news = delivered.dead > 0 || delivered.sent > 0;
        if is_news && plan(vigie, now).await? {
            let left = until.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                delivered = delivered.and(vigie.worker.deliver_due(left).await?);
            }
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

/// The lock of who sends mails. One who is about to end is waited for, as what is planned from now on
/// may not be sent by them any more.
async fn lock_soon(vigie: &Vigie) -> anyhow::Result<Option<DeliveryLock>> {
    let until = Instant::now() + PATIENCE;
    loop {
        let lock = DeliveryLock::take(&vigie.config.database.path)?;
        if lock.is_some() || Instant::now() > until || vigie.store.backlog().await?.waiting == 0 {
            return Ok(lock);
        }
        sleep(PATIENCE / 20).await;
    }
}

/// Plans the mails about those that were refused, and those for who gets mails again, and tells whether
/// there are any. Two that plan at once would do it twice, so while somebody else does a cycle it is left
/// to them.
async fn plan(vigie: &Vigie, now: Timestamp) -> anyhow::Result<bool> {
    match CycleLock::take(&vigie.config.database.path) {
        Ok(_lock) => {
            // What was held back at `now` is looked at again after it.
            let later = now.saturating_add(SignedDuration::from_secs(1));
            let planned = vigie.planner.plan_rest(later.unwrap_or(now)).await?;
            Ok(planned.mails > 0)
        }
        Err(_) => Ok(false),
    }
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
            let delivered = tokio::select! {
                delivered = sending.run(async { _ = stopped.await }) => delivered,
                () = pass_retries_on(&store, &sending) => Delivered::default(),
            };
            drop(lock);
            info!(
                sent = delivered.sent,
                failed = delivered.failed,
                "no more mails are sent"
            );
        });
        Self { worker, stop, task }
    }

    /// Whether it has ended by itself, which it must not.
    pub fn has_ended(&self) -> bool {
        self.task.is_finished()
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

/// Has mails tried at once when people ask for it by `vigie outbox retry`, for ever.
async fn pass_retries_on(store: &SqliteStore, worker: &MailWorker) {
    let mut last = store.last_retry().await.unwrap_or_default();
    loop {
        sleep(PATIENCE).await;
        // A database that fails is told of by the worker.
        if let Ok(retry) = store.last_retry().await
            && retry != last
        {
            worker.retry();
            last = retry;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use vigie_notify::{Mail, Receipt, Transport, TransportError};

    use super::*;
    use crate::cycle::cycle;
    use crate::progress::Showing;
    use crate::vigie::load_config_alone;
    use vigie_notify::Ledger;

    /// Refuses a mail to nobody, and sees to it that somebody does a cycle from then on.
    struct Refusing {
        database: std::path::PathBuf,
        cycle: Mutex<Option<CycleLock>>,
    }

    #[async_trait]
    impl Transport for Refusing {
        async fn send(&self, mail: &Mail) -> Result<Receipt, TransportError> {
            if !mail.to.starts_with("nobody") {
                return Ok(Receipt::default());
            }
            *self.cycle.lock().unwrap() = Some(CycleLock::take(&self.database).unwrap());
            Err(TransportError::Refused {
                by: "server".to_owned(),
                recipient: mail.to.clone(),
                problem: "550".to_owned(),
            })
        }
    }

    #[tokio::test]
    async fn nothing_is_planned_while_somebody_else_does_a_cycle() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vigie.toml");
        let config = "[deposit]\nroot = 'deposit'\n\
             [mail]\nadmin_email_recipient = ['nobody@example.com', 'a@example.com']\n\
             [[jobs]]\nagent = 'A_B_C'\ndatabase = 'X'\n";
        std::fs::write(&path, config).unwrap();
        std::fs::create_dir(folder.path().join("deposit")).unwrap();
        let config = load_config_alone(&path).unwrap();
        let refusing = Arc::new(Refusing {
            database: config.database.path.clone(),
            cycle: Mutex::new(None),
        });
        let vigie = Vigie::with_transport(config, refusing.clone())
            .await
            .unwrap();
        let [known_at, now] =
            ["2025-06-10T00:00:00Z", "2025-06-20T00:00:00Z"].map(|at| at.parse().unwrap());
        let lock = CycleLock::take(&vigie.config.database.path).unwrap();
        vigie.declare_jobs(&lock, known_at).await.unwrap();
        let done = cycle(&vigie, &lock, now, None, &Showing::nothing()).await;
        assert_eq!(done.unwrap().planned.mails, 2);
        drop(lock);

        let result = deliver(&vigie, now).await.unwrap();
        assert_eq!((result.delivered.sent, result.delivered.dead), (1, 1));
        assert_eq!(result.waiting, 0);
        let untold = vigie
            .store
            .untold_dead(Timestamp::MIN, Timestamp::MAX, 10)
            .await
            .unwrap();
        assert_eq!(untold.len(), 1);
        // They tell of it, or the next cycle does.
        *refusing.cycle.lock().unwrap() = None;
        assert!(plan(&vigie, now).await.unwrap());
    }
}
