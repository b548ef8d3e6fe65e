//! Notices that reports arrive, where the system tells of it, so that the next cycle need not wait for its
//! time. A hint and never the truth: whatever it misses, the next cycle finds. Reads no report and does no
//! cycle.

#[cfg(target_os = "linux")]
mod folders;
mod pacing;
#[cfg(target_os = "linux")]
mod watching;
#[cfg(not(target_os = "linux"))]
#[path = "not_watching.rs"]
mod watching;

use std::future::pending;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::warn;

use self::pacing::Waiting;
use self::watching::Watching;

/// How long finding out which folders there are may hold up a cycle: they may lie on a disk that hangs.
const LISTING: Duration = Duration::from_secs(5);

/// Notices that reports arrive.
#[derive(Debug)]
pub struct Arrivals {
    noted: Noted,
    changed: watch::Receiver<Option<Waiting>>,
    watching: Option<Watching>,
    cycle_ended_at: Option<Instant>,
}

/// What has arrived since the last cycle began.
#[derive(Debug, Clone)]
struct Noted(Arc<watch::Sender<Option<Waiting>>>);

impl Noted {
    fn arrival(&self) {
        let now = Instant::now();
        self.0
            .send_modify(|waiting| *waiting = Some(Waiting::after(*waiting, now)));
    }

    fn clear(&self) {
        self.0.send_replace(None);
    }
}

impl Arrivals {
    /// Watches the deposit at `root` from the next cycle on, if that is wanted.
    pub fn start(root: &Path, is_wanted: bool) -> Self {
        let (sender, changed) = watch::channel(None);
        let noted = Noted(Arc::new(sender));
        let start = || match Watching::start(root.to_owned(), noted.clone()) {
            Ok(watching) => Some(watching),
            Err(error) => {
                warn!("reports are taken at the interval alone: {error}");
                None
            }
        };
        Self {
            watching: is_wanted.then(start).flatten(),
            noted,
            changed,
            cycle_ended_at: None,
        }
    }

    /// Waits until the next cycle has a reason to begin early.
    pub async fn due(&mut self) {
        loop {
            let (waiting, ended_at) = (*self.changed.borrow_and_update(), self.cycle_ended_at);
            let due = async {
                match waiting {
                    Some(waiting) => sleep_until(waiting.due_at(ended_at)).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = due => return,
                // It can't be closed, as this holds the other end.
                _ = self.changed.changed() => {}
            }
        }
    }

    /// A cycle begins, which finds all that has arrived so far.
    pub async fn cycle_begins(&mut self) {
        if let Some(is_listed) = self.watching.as_mut().and_then(Watching::list) {
            // What takes longer goes on beside the cycle.
            let _ = timeout(LISTING, is_listed).await;
        }
        self.noted.clear();
    }

    /// A cycle has ended.
    pub fn cycle_ended(&mut self) {
        self.cycle_ended_at = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn is_due(arrivals: &mut Arrivals, within_seconds: u64) -> bool {
        let within = Duration::from_secs(within_seconds);
        timeout(within, arrivals.due()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_cycle_begins_for_what_arrives_after_the_last_one_began() {
        let mut arrivals = Arrivals::start(Path::new("/"), false);
        arrivals.noted.arrival();
        arrivals.cycle_begins().await;
        assert!(!is_due(&mut arrivals, 3600).await);
        arrivals.noted.arrival();
        arrivals.cycle_ended();
        assert!(!is_due(&mut arrivals, 4).await);
        assert!(is_due(&mut arrivals, 2).await);
    }
}
