//! Tells how far a cycle is once it takes long enough to ask: with bars on a terminal, with a line now and
//! then elsewhere. What is told is in `words`, what is counted in `counters`.

mod bars;
mod counters;
mod words;

use std::convert::Infallible;
use std::future::{Future, pending};
use std::time::Duration;

use indicatif::MultiProgress;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tracing::info;

pub use self::counters::Counters;

use self::bars::Bars;
use self::counters::Snapshot;
use crate::screen::Screen;
use crate::stages::Stages;

/// What is done sooner needs no bar, which only gets in the way of what is logged.
const BARS_AFTER: Duration = Duration::from_secs(1);

/// How often bars move.
const BARS_EVERY: Duration = Duration::from_millis(200);

/// How often a line is printed where there is no terminal; what is done sooner needs none.
const LINES_EVERY: Duration = Duration::from_secs(10);

/// How often a line is logged by a service; what is done sooner needs none.
const LOGGED_EVERY: Duration = Duration::from_mins(1);

/// How to tell how far a cycle is, and what its stages took.
#[derive(Debug, Clone)]
pub struct Showing {
    way: Way,
    stages: Stages,
    /// What lines are about.
    work: &'static str,
}

/// What a cycle is called in lines.
const SCAN: &str = "scan";

#[derive(Debug, Clone)]
enum Way {
    /// Not at all.
    Nothing,
    /// With bars that disappear when the cycle is done.
    Bars(MultiProgress),
    /// With lines on standard error.
    Lines,
    /// In what is logged.
    Logged,
}

impl Showing {
    /// For nobody.
    pub fn nothing() -> Self {
        Self {
            way: Way::Nothing,
            stages: Stages::default(),
            work: SCAN,
        }
    }

    /// For somebody who started a cycle and waits for its end.
    pub fn on(screen: &Screen, is_quiet: bool, stages: Stages) -> Self {
        let way = match screen.bars() {
            _ if is_quiet => Way::Nothing,
            Some(bars) => Way::Bars(bars.clone()),
            None => Way::Lines,
        };
        Self {
            way,
            stages,
            work: SCAN,
        }
    }

    /// For those who read what a service logs.
    pub fn logged(stages: Stages) -> Self {
        Self {
            way: Way::Logged,
            stages,
            work: SCAN,
        }
    }

    /// The same for other work than a cycle.
    pub fn of(self, work: &'static str) -> Self {
        Self { work, ..self }
    }

    /// Does this work, and tells meanwhile what is counted of it.
    pub async fn during<T>(&self, counters: &Counters, work: impl Future<Output = T>) -> T {
        let done = tokio::select! {
            biased;
            done = work => done,
            never = self.way.show(counters, self.work) => match never {},
        };
        self.stages.tell();
        done
    }
}

impl Way {
    async fn show(&self, counters: &Counters, work: &str) -> Infallible {
        match self {
            Self::Nothing => pending().await,
            Self::Bars(all) => {
                let mut bars = Bars::new(all);
                each(BARS_AFTER, BARS_EVERY, counters, |now| bars.draw(now)).await
            }
            Self::Lines => {
                each(LINES_EVERY, LINES_EVERY, counters, |now| {
                    eprintln!("{work}: {}", words::line(now));
                })
                .await
            }
            Self::Logged => {
                each(LOGGED_EVERY, LOGGED_EVERY, counters, |now| {
                    info!("{work}: {}", words::line(now));
                })
                .await
            }
        }
    }
}

async fn each(
    first: Duration,
    every: Duration,
    counters: &Counters,
    mut tell: impl FnMut(&Snapshot),
) -> Infallible {
    let started = Instant::now();
    let mut tick = interval_at(started + first, every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        tell(&counters.snapshot(started.elapsed()));
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    /// After how many seconds of work that takes so long something is told.
    async fn told_at(first: u64, every: u64, takes: u64) -> Vec<u64> {
        let (counters, mut told) = (Counters::default(), Vec::new());
        let seconds = Duration::from_secs;
        tokio::select! {
            () = sleep(seconds(takes)) => {}
            _ = each(seconds(first), seconds(every), &counters, |now| {
                told.push(now.elapsed.as_secs());
            }) => {}
        }
        told
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_told_of_what_is_soon_done() {
        assert!(told_at(10, 10, 9).await.is_empty());
        assert_eq!(told_at(10, 10, 35).await, [10, 20, 30]);
    }

    #[tokio::test]
    async fn what_the_work_gives_is_handed_on() {
        let counters = Counters::default();
        assert_eq!(Showing::nothing().during(&counters, async { 7 }).await, 7);
    }
}
