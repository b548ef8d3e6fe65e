//! How far a cycle is, as bars: one for all of it and one for each large file. Knows no cycle.

use std::collections::BTreeMap;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::counters::{LargeFile, Snapshot};
use super::words;

/// The bar of all of it; the rest of the line is as much of the words as there is room for.
const ALL: &str = "[{bar:24}] {wide_msg}";
/// That of a file, below it.
const FILE: &str = "  [{bar:22}] {wide_msg}";

/// The bars of one cycle; they disappear with this.
pub struct Bars<'a> {
    screen: &'a MultiProgress,
    all: Option<ProgressBar>,
    files: BTreeMap<u64, ProgressBar>,
}

impl<'a> Bars<'a> {
    /// Nothing is drawn yet.
    pub fn new(screen: &'a MultiProgress) -> Self {
        Self {
            screen,
            all: None,
            files: BTreeMap::new(),
        }
    }

    pub fn draw(&mut self, now: &Snapshot) {
        let all = self.all.get_or_insert_with(|| bar(self.screen, ALL));
        let (done, of) = words::share(now);
        set(all, done, of, words::beside_bar(now));
        let is_there = |number: u64| now.large.iter().any(|file| file.number == number);
        self.files.retain(|number, bar| {
            let is_kept = is_there(*number);
            if !is_kept {
                remove(self.screen, bar);
            }
            is_kept
        });
        for file in &now.large {
            self.draw_file(file);
        }
    }

    fn draw_file(&mut self, file: &LargeFile) {
        let screen = self.screen;
        let bar = self
            .files
            .entry(file.number)
            .or_insert_with(|| bar(screen, FILE));
        set(bar, file.read, file.bytes, words::of_file(file));
    }
}

impl Drop for Bars<'_> {
    fn drop(&mut self) {
        for bar in self.files.values().chain(&self.all) {
            remove(self.screen, bar);
        }
    }
}

fn bar(screen: &MultiProgress, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    screen.add(bar)
}

fn set(bar: &ProgressBar, done: u64, of: u64, message: String) {
    bar.set_length(of.max(done));
    bar.set_position(done);
    bar.set_message(message);
}

fn remove(screen: &MultiProgress, bar: &ProgressBar) {
    bar.finish_and_clear();
    screen.remove(bar);
}
