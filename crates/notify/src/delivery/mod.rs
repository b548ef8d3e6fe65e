//! Gets the mails of an outbox sent: claims, sends, records. Knows no event and no template.

mod backoff;
mod hand;
mod pace;
mod pause;
mod turns;

use std::num::{NonZeroU32, NonZeroUsize};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use self::backoff::Backoff;
use self::hand::{Hand, Work};
use crate::{Clock, Outbox, OutboxError, Transport};

/// How long mails on their way may still take once the worker is told to stop. What is cut off then
/// goes out again with the same message id.
const FAREWELL: Duration = Duration::from_secs(30);

/// How long mails may still take at the end of a round. What has begun by then mostly arrives in it.
const LAST_ORDERS: Duration = Duration::from_secs(10);

/// How long the worker waits for an outbox that fails.
const OUTBOX_BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(2),
    longest: Duration::from_mins(1),
};

/// How mails are sent.
#[derive(Debug, Clone)]
pub struct DeliverySettings {
    /// How many mails may be on their way at once: as many as the transport has connections.
    pub parallel: NonZeroUsize,
    /// How many mails may leave in any minute, at most.
    pub max_per_minute: Option<NonZeroU32>,
    /// How long a claim on a delivery lasts without being renewed; after a crash, what was claimed
    /// waits for so long. From a second to [`LONGEST_DELAY`](crate::LONGEST_DELAY).
    pub lease: Duration,
    /// What tells this worker from all others at the same outbox.
    pub holder: String,
}

impl Default for DeliverySettings {
    /// Four mails at once, as many a minute as go through, claims of a minute, and the only worker
    /// at its outbox.
    fn default() -> Self {
        Self {
            parallel: NonZeroUsize::new(4).unwrap_or(NonZeroUsize::MIN),
            max_per_minute: None,
            lease: Duration::from_mins(1),
            holder: "worker".to_owned(),
        }
    }
}

/// What became of the mails that a worker had in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[must_use]
pub struct Delivered {
    /// Mails that were sent.
    pub sent: u64,
    /// Tries that failed, and are made again; why is in the log and in the outbox.
    pub failed: u64,
    /// Mails that were refused for good.
    pub dead: u64,
}

impl Delivered {
    /// Both together.
    pub fn and(self, other: Self) -> Self {
        Self {
            sent: self.sent + other.sent,
            failed: self.failed + other.failed,
            dead: self.dead + other.dead,
        }
    }
}

/// Sends the mails of an outbox, losing none.
///
/// Each mail is claimed, sent, and recorded as sent before the next batch is claimed. One that is not
/// taken for now is tried again after seconds, then minutes, then each hour, until it is taken or
/// refused for good. While nothing gets through to the server, one mail now and then finds out
/// whether it is back, and all others wait untried. Somebody whose mails go nowhere takes neither the
/// lanes nor the time of others.
///
/// Needs a Tokio runtime. Dropping a future of this cuts mails off that are on their way; they go out
/// again when the lease on them has run out.
pub struct DeliveryWorker<T: ?Sized, O, C> {
    transport: Arc<T>,
    outbox: O,
    clock: C,
    settings: DeliverySettings,
    wake: Notify,
    retry: Notify,
}

impl<T: ?Sized, O, C> std::fmt::Debug for DeliveryWorker<T, O, C> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("DeliveryWorker")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl<T: Transport + ?Sized + 'static, O: Outbox, C: Clock> DeliveryWorker<T, O, C> {
    /// A worker that sends what waits in the outbox through the transport. The clock tells what is
    /// due.
    pub fn new(transport: Arc<T>, outbox: O, clock: C, settings: DeliverySettings) -> Self {
        Self {
            transport,
            outbox,
            clock,
            settings,
            wake: Notify::new(),
            retry: Notify::new(),
        }
    }

    /// Sends all that is due now, and ends when nothing more is, when nothing gets through, or when
    /// the time is over: nothing is begun in its last quarter (ten seconds at most), and what is still
    /// on its way at its end is cut off, and goes out again the next time.
    ///
    /// # Errors
    ///
    /// When the outbox can't do its part. What was recorded until then stays so.
    pub async fn deliver_due(&self, within: Duration) -> Result<Delivered, OutboxError> {
        let mut hand = Hand::new(self);
        let until = Instant::now() + within;
        let work = Work::AllThatIsDue {
            // A mail that is cut off may have been taken, and arrives again.
            begin_until: until - LAST_ORDERS.min(within / 4),
            until,
        };
        hand.work(work, pin!(std::future::pending())).await?;
        Ok(hand.delivered)
    }

    /// Sends what becomes due until `stop` is ready; then nothing new is begun, mails on their way
    /// get some seconds to arrive, and all that was claimed is given back.
    ///
    /// An outbox that fails is logged and asked again.
    pub async fn run(&self, stop: impl Future<Output = ()>) -> Delivered {
        let mut stop = pin!(stop);
        let mut hand = Hand::new(self);
        let mut failures = 0;
        let mut before = Delivered::default();
        while let Err(error) = hand.work(Work::UntilStopped, stop.as_mut()).await {
            failures = if hand.delivered == before {
                failures + 1
            } else {
                1
            };
            before = hand.delivered;
            let wait = OUTBOX_BACKOFF.wait(failures, &self.settings.holder);
            tracing::error!(%error, next_try_in = ?wait, "mails wait, as the outbox failed");
            // Who has stopped before is not asked again.
            if hand.is_stopping() {
                break;
            }
            tokio::select! {
                () = sleep(wait) => {}
                // The outbox is asked once more, as what was sent is not recorded yet.
                () = stop.as_mut() => hand.begin_no_more(FAREWELL),
            }
        }
        hand.delivered
    }

    /// Has the outbox looked at now, as there is something new in it. Without a word it is looked at
    /// each second.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Has all that is due tried now, even if the server or somebody is being left alone, as people who
    /// have put something right want to see it.
    pub fn retry(&self) {
        self.retry.notify_one();
    }
}

#[cfg(test)]
mod tests;
