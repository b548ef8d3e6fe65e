//! The cases `new` and `kept`: many small backups, all of them new. Their floor is [`bare_scan`].
//!
//! [`bare_scan`]: crate::bare_scan

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use vigie_notify::{Clock as _, SystemClock};

use crate::arguments::Arguments;
use crate::child::{Outcome, Task};
use crate::deposit::{Backups, Deposit};
use crate::table::{Line, Rounds, Target, Unit, median, peak, quoted};
use crate::{AGENTS, JOBS_OF_AGENT, temporary};

const SMALL: Backups = Backups {
    databases: JOBS_OF_AGENT,
    bytes: 1024,
};

/// Of the ancestor, for as many.
const QUOTED_SECONDS: f64 = 15.0;

/// A deposit, with what is scanned into beside it.
pub(crate) struct NewJobs {
    folder: TempDir,
    deposit: Deposit,
    is_kept: bool,
}

impl NewJobs {
    pub(crate) fn make(agents: usize, is_kept: bool) -> Self {
        let folder = temporary();
        let root = folder.path().join("deposit");
        let deposit = Deposit::filled(root, agents, SMALL, SystemClock.now());
        Self {
            folder,
            deposit,
            is_kept,
        }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.deposit.root.clone()
    }

    pub(crate) fn database(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The cycle that takes all.
    pub(crate) fn take_all(&self, database: &str) -> Outcome {
        let task = Task::TakeAll {
            deposit: self.root(),
            validated: self.validated(),
            database: self.database(database),
            reports: self.deposit.agents,
        };
        task.in_child()
    }

    fn validated(&self) -> Option<PathBuf> {
        self.is_kept.then(|| self.folder.path().join("validated"))
    }

    fn bare(&self, threads: usize) -> Outcome {
        if let Some(validated) = self.validated() {
            fs::create_dir(validated).unwrap();
        }
        let task = Task::BareScan {
            deposit: self.root(),
            validated: self.validated(),
            database: self.database("run.db"),
            rows_of: self.database("left.db"),
            threads,
        };
        task.in_child()
    }

    /// All is as it was before.
    fn undo(&self) {
        self.deposit.put_back();
        if let Some(validated) = self.validated() {
            fs::remove_dir_all(validated).unwrap();
        }
        for name in ["run.db", "run.db-wal", "run.db-shm"] {
            let path = self.database(name);
            if path.exists() {
                fs::remove_file(path).unwrap();
            }
        }
    }

    /// Measures and undoes.
    fn undone(&self, measure: impl FnOnce(&Self) -> Outcome) -> Outcome {
        let outcome = measure(self);
        self.undo();
        outcome
    }
}

/// What each round gave, in seconds.
#[derive(Default)]
struct Times {
    ours: Vec<f64>,
    one_thread: Vec<f64>,
    more_threads: Vec<f64>,
    our_processor: Vec<f64>,
    bare_processor: Vec<f64>,
    peaks: Vec<f64>,
}

pub(crate) fn measure(arguments: &Arguments, is_kept: bool) -> Vec<Line> {
    let case = if is_kept { "kept" } else { "new" };
    let agents = arguments.scaled(AGENTS);
    let jobs = NewJobs::make(agents, is_kept);
    // What it leaves is what the floor writes too.
    jobs.undone(|jobs| jobs.take_all("left.db"));
    let mut times = Times::default();
    for _ in 0..arguments.rounds {
        let ours = jobs.undone(|jobs| jobs.take_all("run.db"));
        times.ours.push(ours.took());
        times.our_processor.push(ours.processor_seconds);
        times.peaks.push(ours.peak);
        let bare = jobs.undone(|jobs| jobs.bare(1));
        times.one_thread.push(bare.took());
        times.bare_processor.push(bare.processor_seconds);
        let bare = jobs.undone(|jobs| jobs.bare(arguments.threads));
        times.more_threads.push(bare.took());
    }
    drop(jobs);
    let twice = NewJobs::make(2 * agents, is_kept).take_all("left.db").peak;

    let mut lines = times.lines(case, agents * JOBS_OF_AGENT, arguments);
    if arguments.is_full() && !is_kept {
        let measured = lines[0].measured.clone();
        lines.push(quoted(
            case,
            measured,
            median(&times.ours),
            QUOTED_SECONDS,
            30.0,
        ));
    }
    lines.push(peak(case, format!("{agents} agents"), median(&times.peaks)));
    lines.push(peak(case, format!("{} agents", 2 * agents), twice));
    lines
}

impl Times {
    fn lines(&self, case: &'static str, jobs: usize, arguments: &Arguments) -> Vec<Line> {
        let rounds = |ours, theirs| Rounds { ours, theirs };
        let measured = || (format!("{jobs} jobs, all new"), Unit::Seconds);
        let processor = ("the same, time of the processor", Unit::Seconds);
        let threads = format!("bare, {} threads", arguments.threads);
        // How fast files get to the disk is its own affair.
        let target = (case == "new").then_some(Target::AtMost(2.0));
        vec![
            rounds(&self.ours, &self.one_thread).line(case, measured(), "bare, 1 thread", target),
            rounds(&self.our_processor, &self.bare_processor).line(
                case,
                processor,
                "bare, 1 thread",
                None,
            ),
            rounds(&self.ours, &self.more_threads).line(case, measured(), threads, None),
        ]
    }
}
