//! Shows on a terminal how far a cycle is, once it takes long enough to ask. Shows nothing elsewhere.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use vigie_scanner::Progress;

use crate::printable::printable;

/// What is done sooner needs no bar, which only gets in the way of what is logged.
const PATIENCE: Duration = Duration::from_secs(1);

/// The bar of one cycle; it disappears with it.
#[derive(Debug)]
pub struct CycleProgress {
    started: Instant,
    is_quiet: bool,
    agents: AtomicU64,
    visited: AtomicU64,
    bar: OnceLock<ProgressBar>,
}

impl CycleProgress {
    pub fn new(is_quiet: bool) -> Self {
        Self {
            started: Instant::now(),
            is_quiet,
            agents: AtomicU64::new(0),
            visited: AtomicU64::new(0),
            bar: OnceLock::new(),
        }
    }

    pub fn show(&self, progress: &Progress<'_>) {
        let message = match progress {
            Progress::Agents(count) => {
                self.agents.store(*count as u64, Ordering::Relaxed);
                return;
            }
            Progress::Visited(agent) => {
                self.visited.fetch_add(1, Ordering::Relaxed);
                printable(agent.as_str())
            }
            Progress::Expected { .. }
            | Progress::FileKnown { .. }
            | Progress::FileBegun { .. }
            | Progress::FileRead { .. }
            | Progress::FileEnded { .. } => return,
            Progress::Settling(count) => format!("waiting for the files of {count} reports"),
            Progress::Deadlines => "deadlines".to_owned(),
        };
        if self.is_quiet || self.started.elapsed() < PATIENCE {
            return;
        }
        let bar = self
            .bar
            .get_or_init(|| bar(self.agents.load(Ordering::Relaxed)));
        bar.set_message(message);
        bar.set_position(self.visited.load(Ordering::Relaxed));
    }
}

impl Drop for CycleProgress {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}

fn bar(agents: u64) -> ProgressBar {
    // Hides itself when standard error is no terminal.
    let bar = ProgressBar::with_draw_target(Some(agents), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} agents  {msg}") {
        bar.set_style(style);
    }
    bar
}
