//! One measurement in a process of its own, so that its peak of memory is its own too. The process is
//! this program once more; only what is measured is timed, not its start.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::bare_scan::BareScan;
use crate::stopwatch::Took;
use crate::{bare_files, scanning};

/// The first argument of such a process.
pub(crate) const MARK: &str = "--measure";

/// What is measured.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Task {
    TakeAll {
        deposit: PathBuf,
        validated: Option<PathBuf>,
        database: PathBuf,
        reports: usize,
    },
    BareScan {
        deposit: PathBuf,
        validated: Option<PathBuf>,
        database: PathBuf,
        rows_of: PathBuf,
        threads: usize,
    },
    FindNothing {
        deposit: PathBuf,
        database: PathBuf,
        later: usize,
    },
    FindNothingInFiles {
        deposit: PathBuf,
        later: usize,
    },
    StatEach {
        deposit: PathBuf,
        agents: usize,
        times: usize,
    },
    JudgeDue {
        known: Vec<usize>,
        due: usize,
        rounds: usize,
    },
    HashFiles {
        files: Vec<PathBuf>,
        threads: usize,
    },
    CopyFiles {
        files: Vec<PathBuf>,
        into: PathBuf,
        threads: usize,
    },
    HashInCache {
        bytes: u64,
        threads: usize,
    },
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) seconds: Vec<f64>,
    /// Of the processor, by all threads, in the same time.
    pub(crate) processor_seconds: f64,
    /// The most memory that the process had at once, in MiB.
    pub(crate) peak: f64,
}

impl Outcome {
    /// The one measurement.
    pub(crate) fn took(&self) -> f64 {
        assert_eq!(self.seconds.len(), 1);
        self.seconds[0]
    }
}

impl Task {
    /// Has it measured by another process, once nobody's bytes are on their way to the disk.
    pub(crate) fn in_child(&self) -> Outcome {
        let disk = File::open(env!("CARGO_TARGET_TMPDIR")).unwrap();
        rustix::fs::syncfs(disk).unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args([MARK, &serde_json::to_string(self).unwrap()])
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(child.status.success(), "{self:?}: {}", child.status);
        serde_json::from_slice(&child.stdout).unwrap()
    }

    /// Measures it.
    pub(crate) fn run(&self) -> Outcome {
        let took = self.took();
        Outcome {
            seconds: took.iter().map(|took| took.elapsed).collect(),
            processor_seconds: took.iter().map(|took| took.processor).sum(),
            peak: peak(),
        }
    }

    fn took(&self) -> Vec<Took> {
        match self {
            Self::TakeAll {
                deposit,
                validated,
                database,
                reports,
            } => vec![scanning::take_all(
                deposit,
                validated.as_deref(),
                database,
                *reports,
            )],
            Self::BareScan {
                deposit,
                validated,
                database,
                rows_of,
                threads,
            } => {
                let bare = BareScan {
                    deposit,
                    validated: validated.as_deref(),
                    database,
                    rows_of,
                    threads: *threads,
                };
                vec![bare.run()]
            }
            Self::FindNothing {
                deposit,
                database,
                later,
            } => scanning::find_nothing(deposit, database, *later),
            Self::FindNothingInFiles { deposit, later } => {
                scanning::find_nothing_in_files(deposit, *later)
            }
            Self::StatEach {
                deposit,
                agents,
                times,
            } => (0..*times)
                .map(|_| bare_files::stat_each(deposit, *agents))
                .collect(),
            Self::JudgeDue { known, due, rounds } => scanning::judge_due(known, *due, *rounds),
            Self::HashFiles { files, threads } => vec![bare_files::hash_files(files, *threads)],
            Self::CopyFiles {
                files,
                into,
                threads,
            } => vec![bare_files::copy_files(files, into, *threads)],
            Self::HashInCache { bytes, threads } => {
                vec![bare_files::hash_in_cache(*bytes, *threads)]
            }
        }
    }
}

/// The most memory that this process had at once (proc(5), `VmHWM`), in MiB.
fn peak() -> f64 {
    let status = fs::read_to_string(Path::new("/proc/self/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u32 = line
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    f64::from(kib) / 1024.0
}
