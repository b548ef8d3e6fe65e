//! Shows on a terminal how far a cycle is. Shows nothing elsewhere.

use std::sync::OnceLock;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use vigie_scanner::Progress;

use crate::printable::printable;

/// The bar of one cycle; it disappears with it.
#[derive(Debug, Default)]
pub struct CycleProgress {
    bar: OnceLock<ProgressBar>,
    is_quiet: bool,
}

impl CycleProgress {
    pub fn new(is_quiet: bool) -> Self {
        Self {
            bar: OnceLock::new(),
            is_quiet,
        }
    }

    pub fn show(&self, progress: &Progress) {
        match progress {
            Progress::Agents(count) => {
                self.bar.get_or_init(|| bar(*count as u64, self.is_quiet));
            }
            Progress::Visiting(agent) => self.step(|bar| {
                bar.inc(1);
                bar.set_message(printable(agent.as_str()));
            }),
            Progress::Settling(count) => self.step(|bar| {
                bar.set_message(format!("waiting for the files of {count} reports"));
            }),
            Progress::Deadlines => self.step(|bar| bar.set_message("deadlines")),
        }
    }

    fn step(&self, change: impl FnOnce(&ProgressBar)) {
        if let Some(bar) = self.bar.get() {
            change(bar);
        }
    }
}

impl Drop for CycleProgress {
    fn drop(&mut self) {
        self.step(ProgressBar::finish_and_clear);
    }
}

fn bar(count: u64, is_quiet: bool) -> ProgressBar {
    let target = if is_quiet {
        ProgressDrawTarget::hidden()
    } else {
        // Hides itself when standard error is no terminal.
        ProgressDrawTarget::stderr()
    };
    let bar = ProgressBar::with_draw_target(Some(count), target);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} agents  {msg}") {
        bar.set_style(style);
    }
    bar
}
