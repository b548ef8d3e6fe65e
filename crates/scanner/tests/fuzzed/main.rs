//! What the targets of `fuzz/` try, tried on all that they found worth keeping: every file of a corpus.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod names;
mod report;
mod scan;
mod schedule;
#[path = "../agreement/store.rs"]
mod store;

use std::fs;
use std::path::Path;

fn replay(target: &str, run: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let mut tried = 0;
    for entry in fs::read_dir(corpus.join(target)).unwrap() {
        let path = entry.unwrap().path();
        // The name of the file that fails is in the output of the test.
        println!("{}", path.display());
        run(&fs::read(path).unwrap());
        tried += 1;
    }
    assert!(tried > 0, "the corpus of {target} is empty");
}

#[test]
fn no_report_of_the_corpus_breaks_the_parser() {
    replay("report", report::run);
}

#[test]
fn no_name_of_the_corpus_leaves_its_folder() {
    replay("names", names::run);
}

#[test]
fn no_schedule_of_the_corpus_turns_time_back() {
    replay("schedule", schedule::run);
}

#[test]
fn no_tree_of_the_corpus_breaks_a_scan_or_its_borders() {
    replay("scan", scan::run);
}
