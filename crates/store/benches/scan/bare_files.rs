//! The floors that have to do with single files: hashing alone, copying alone, one look at each agent's
//! folder. Each is shared by some threads where that gains something.

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rustix::fs::{AtFlags, Mode, OFlags, open, statat};
use sha2::{Digest as _, Sha256};

use crate::bare_scan::{copy, hash};
use crate::deposit::agent_name;
use crate::stopwatch::{Stopwatch, Took};

/// What fits into the cache of a core, and what the scanner reads at once.
const BUFFER: usize = 256 * 1024;

/// Reads and hashes the files, as many at a time as there are threads.
pub(crate) fn hash_files(files: &[PathBuf], threads: usize) -> Took {
    share(files, threads, || {
        let mut buffer = vec![0; BUFFER];
        move |file| {
            black_box(hash(file, &mut buffer));
        }
    })
}

/// Copies the files to the disk, as many at a time as there are threads.
pub(crate) fn copy_files(files: &[PathBuf], into: &Path, threads: usize) -> Took {
    fs::create_dir(into).unwrap();
    share(files, threads, || {
        |file: &Path| {
            let name = file.to_string_lossy().replace('/', "_");
            copy(file, &into.join(name));
        }
    })
}

fn share<F: FnMut(&Path)>(
    files: &[PathBuf],
    threads: usize,
    worker: impl Fn() -> F + Sync,
) -> Took {
    let next = AtomicUsize::new(0);
    let started = Stopwatch::start();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut work = worker();
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(file);
                }
            });
        }
    });
    started.stop()
}

/// Hashes as many bytes that are in the cache already, in equal shares.
pub(crate) fn hash_in_cache(bytes: u64, threads: usize) -> Took {
    let buffer = vec![0x5A; BUFFER];
    let times = bytes / threads as u64 / BUFFER as u64;
    let started = Stopwatch::start();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut hasher = Sha256::new();
                for _ in 0..times {
                    hasher.update(black_box(&buffer));
                }
                black_box(hasher.finalize());
            });
        }
    });
    started.stop()
}

/// Looks at the `log` folder of each agent once, by names that are known already.
pub(crate) fn stat_each(root: &Path, agents: usize) -> Took {
    let names: Vec<String> = (0..agents)
        .map(|number| format!("{}/log", agent_name(number)))
        .collect();
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = open(root, flags, Mode::empty()).unwrap();
    let started = Stopwatch::start();
    for name in &names {
        black_box(statat(&root, name, AtFlags::SYMLINK_NOFOLLOW).unwrap());
    }
    started.stop()
}
