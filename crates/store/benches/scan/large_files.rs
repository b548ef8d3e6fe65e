//! The case `large`: few large backups, hashed alone and kept. Their floors are the same hash on bytes that
//! are in the cache already, and the slower of hashing and copying.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use vigie_notify::{Clock as _, SystemClock};

use crate::arguments::Arguments;
use crate::child::{Outcome, Task};
use crate::deposit::{Backups, Deposit};
use crate::table::{Line, Rounds, Target, Unit, median, peak};
use crate::temporary;

const CASE: &str = "large";

const GIB: usize = 1024 * 1024 * 1024;

/// As many files as that are in each agent's folder, so that it can be seen whether agents and the
/// databases of one are served at the same time.
const FILES_OF_AGENT: usize = 2;

/// As many as the machine, for which the targets are meant, has cores.
const AT_ONCE: usize = 2;

struct Large {
    folder: TempDir,
    deposit: Deposit,
    bytes: u64,
}

impl Large {
    fn make(agents: usize, bytes: u64) -> Self {
        let folder = temporary();
        let backups = Backups {
            databases: FILES_OF_AGENT,
            bytes,
        };
        let root = folder.path().join("deposit");
        let deposit = Deposit::filled(root, agents, backups, SystemClock.now());
        Self {
            folder,
            deposit,
            bytes,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn take_all(&self, is_kept: bool) -> Outcome {
        let task = Task::TakeAll {
            deposit: self.deposit.root.clone(),
            validated: is_kept.then(|| self.path("validated")),
            database: self.path("run.db"),
            reports: self.deposit.agents,
        };
        let outcome = task.in_child();
        if is_kept {
            fs::remove_dir_all(self.path("validated")).unwrap();
        }
        self.deposit.put_back();
        fs::remove_file(self.path("run.db")).unwrap();
        outcome
    }

    fn hash(&self) -> f64 {
        let task = Task::HashFiles {
            files: self.deposit.staged(),
            threads: AT_ONCE,
        };
        task.in_child().took()
    }

    fn copy(&self) -> f64 {
        let into = self.path("copies");
        let task = Task::CopyFiles {
            files: self.deposit.staged(),
            into: into.clone(),
            threads: AT_ONCE,
        };
        let took = task.in_child().took();
        fs::remove_dir_all(into).unwrap();
        took
    }

    fn all_bytes(&self) -> u64 {
        self.bytes * self.deposit.staged().len() as u64
    }
}

/// What each round gave, in seconds.
#[derive(Default)]
struct Times {
    proven: Vec<f64>,
    in_cache: Vec<f64>,
    kept: Vec<f64>,
    hashed: Vec<f64>,
    copied: Vec<f64>,
    peaks: Vec<f64>,
}

pub(crate) fn measure(arguments: &Arguments) -> Vec<Line> {
    let bytes = arguments.scaled(GIB) as u64;
    let large = Large::make(2, bytes);
    let all = large.all_bytes();
    let in_cache = Task::HashInCache {
        bytes: all,
        threads: AT_ONCE,
    };
    // Brings the files into memory.
    large.hash();
    let mut times = Times::default();
    for _ in 0..arguments.rounds {
        times.proven.push(large.take_all(false).took());
        times.in_cache.push(in_cache.in_child().took());
        let kept = large.take_all(true);
        times.kept.push(kept.took());
        times.peaks.push(kept.peak);
        times.hashed.push(large.hash());
        times.copied.push(large.copy());
    }
    drop(large);
    let twice = Large::make(1, 2 * bytes).take_all(true).peak;
    lines(&times, all, bytes, twice)
}

fn lines(times: &Times, all: u64, bytes: u64, twice: f64) -> Vec<Line> {
    let gigabytes = |seconds: &f64| f64_of(all) / 1e9 / seconds;
    let proven: Vec<f64> = times.proven.iter().map(gigabytes).collect();
    let in_cache: Vec<f64> = times.in_cache.iter().map(gigabytes).collect();
    let both = times.hashed.iter().zip(&times.copied);
    let slower: Vec<f64> = both.map(|(hashed, copied)| hashed.max(*copied)).collect();
    let mib = bytes / 1024 / 1024;
    let files = format!("{} files of {mib} MiB", all / bytes);
    let proof = Rounds {
        ours: &proven,
        theirs: &in_cache,
    };
    let kept = |theirs| Rounds {
        ours: &times.kept,
        theirs,
    };
    let proving = (format!("{files} proven"), Unit::GigabytesPerSecond);
    let keeping = || (format!("{files} proven and kept"), Unit::Seconds);
    vec![
        proof.line(
            CASE,
            proving,
            "sha2 in the cache, 2 threads",
            Some(Target::AtLeast(0.85)),
        ),
        kept(&slower).line(
            CASE,
            keeping(),
            "the slower of the next two",
            Some(Target::AtMost(1.15)),
        ),
        kept(&times.hashed).line(CASE, keeping(), "hash alone, 2 threads", None),
        kept(&times.copied).line(CASE, keeping(), "copy and fsync alone, 2 threads", None),
        peak(CASE, format!("files of {mib} MiB"), median(&times.peaks)),
        peak(CASE, format!("files of {} MiB", 2 * mib), twice),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn f64_of(bytes: u64) -> f64 {
    bytes as f64
}
