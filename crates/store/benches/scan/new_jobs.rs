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

pub(crate) fn measure(arguments: &Arguments, is_kept: bool) -> Vec<Line> {
    let case = if is_kept { "kept" } else { "new" };
    let agents = arguments.scaled(AGENTS);
    let jobs = NewJobs::make(agents, is_kept);
    // What it leaves is what the floor writes too.
    let mut peaks = vec![jobs.undone(|jobs| jobs.take_all("left.db")).peak];
    let (mut ours, mut one, mut more) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..arguments.rounds {
        let outcome = jobs.undone(|jobs| jobs.take_all("run.db"));
        peaks.push(outcome.peak);
        ours.push(outcome.took());
        one.push(jobs.undone(|jobs| jobs.bare(1)).took());
        more.push(jobs.undone(|jobs| jobs.bare(arguments.threads)).took());
    }
    let twice = NewJobs::make(2 * agents, is_kept).take_all("left.db").peak;

    let copied = if is_kept { ", each copied" } else { "" };
    let measured = format!("{} new jobs{copied}", agents * JOBS_OF_AGENT);
    let of_one = Rounds {
        ours: &ours,
        theirs: &one,
    };
    let of_more = Rounds {
        ours: &ours,
        theirs: &more,
    };
    // How fast files get to the disk is its own affair.
    let target = (!is_kept).then_some(Target::AtMost(2.0));
    let what = || (measured.clone(), Unit::Seconds);
    let mut lines = vec![
        of_one.line(case, what(), "bare, 1 thread", target),
        of_more.line(
            case,
            what(),
            format!("bare, {} threads", arguments.threads),
            None,
        ),
    ];
    if arguments.is_full() && !is_kept {
        lines.push(quoted(case, &measured, median(&ours), QUOTED_SECONDS, 30.0));
    }
    lines.push(peak(case, format!("{agents} agents"), median(&peaks)));
    lines.push(peak(case, format!("{} agents", 2 * agents), twice));
    lines
}
