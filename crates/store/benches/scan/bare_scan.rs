//! The floor of a scan: the plainest fast program that does the same to a deposit.
//!
//! It lists the root and each `log` folder, reads and parses each report, and opens and hashes each
//! staged file that the report speaks of, by paths and with `std::fs` alone; with a validated tree it
//! also copies the file there, with an fsync of it and a rename. It inserts the very rows that a scan
//! left, ready-made and many to a statement, in one durable transaction with the checkpoint that follows
//! it, and renames each report into the archive, which is there already. One thread does all of it, one
//! thing after the other; of more threads one inserts the rows while the others share the agents, and all
//! share the renames.
//!
//! It does nothing else: it asks no database whether a report is known, which jobs there are and what
//! earlier backups were like; decides nothing, builds no events and none of their JSON; does not look whether
//! a file is a link, a pipe, still being written or changed while it was read; does not hash the
//! reports; commits once and not as it goes, so that a crash loses all of it; makes no name durable.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::thread;

use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};
use sqlx::SqliteConnection;
use tokio::runtime::{Builder, Runtime};
use vigie_domain::{AgentId, ProofNeeded, Report};
use vigie_store::SqliteStore;

use crate::deposit::{ARCHIVE, STAGED};
use crate::left_rows::{LeftRows, connect};
use crate::stopwatch::{Stopwatch, Took};

const BUFFER: usize = 256 * 1024;

/// What is to be done.
pub(crate) struct BareScan<'a> {
    pub(crate) deposit: &'a Path,
    pub(crate) validated: Option<&'a Path>,
    /// An empty database of the program's schema, made when it is not there.
    pub(crate) database: &'a Path,
    /// The database that a scan left.
    pub(crate) rows_of: &'a Path,
    pub(crate) threads: usize,
}

impl BareScan<'_> {
    /// Does it, and gives how long it took.
    pub(crate) fn run(&self) -> Took {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let (mut connection, mut rows) = runtime.block_on(self.prepare());
        let started = Stopwatch::start();
        let reports = if self.threads == 1 {
            let reports = self.read(&self.agents());
            runtime.block_on(rows.insert(&mut connection));
            archive(&reports);
            reports
        } else {
            self.share(&runtime, &mut connection, &mut rows)
        };
        let took = started.stop();
        assert!(!reports.is_empty());
        runtime.block_on(rows.check(&mut connection));
        took
    }

    async fn prepare(&self) -> (SqliteConnection, LeftRows) {
        SqliteStore::open(self.database)
            .await
            .unwrap()
            .close()
            .await;
        let mut connection = connect(self.database).await;
        let rows = LeftRows::read(self.rows_of, &mut connection).await;
        (connection, rows)
    }

    fn share(
        &self,
        runtime: &Runtime,
        connection: &mut SqliteConnection,
        rows: &mut LeftRows,
    ) -> Vec<PathBuf> {
        let agents = self.agents();
        let share = agents.len().div_ceil(self.threads - 1);
        let reports: Vec<PathBuf> = thread::scope(|scope| {
            let shares = agents.chunks(share);
            let readers: Vec<_> = shares
                .map(|agents| scope.spawn(|| self.read(agents)))
                .collect();
            runtime.block_on(rows.insert(connection));
            let read = readers.into_iter().map(|reader| reader.join().unwrap());
            read.flatten().collect()
        });
        thread::scope(|scope| {
            for reports in reports.chunks(reports.len().div_ceil(self.threads)) {
                scope.spawn(|| archive(reports));
            }
        });
        reports
    }

    fn agents(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.deposit).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// Reads all that agents dropped, and gives their reports.
    fn read(&self, agents: &[PathBuf]) -> Vec<PathBuf> {
        let mut buffer = vec![0; BUFFER];
        let mut reports = Vec::new();
        for agent in agents {
            let id = AgentId::new(agent.file_name().unwrap().to_str().unwrap()).unwrap();
            for entry in fs::read_dir(agent.join("log")).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_none_or(|extension| extension != "json") {
                    continue;
                }
                let bytes = fs::read(&path).unwrap();
                let report = Report::parse(&bytes, &id, &TimeZone::UTC).unwrap();
                for database in &report.databases {
                    let needed = database.proof_needed().unwrap();
                    let staged = agent.join(STAGED).join(&needed.staged_file_name);
                    prove(&staged, &needed, &mut buffer);
                    if let Some(validated) = self.validated {
                        let folder = validated.join(id.as_str()).join(&database.database);
                        keep(&staged, &folder, &needed);
                    }
                }
                reports.push(path);
            }
        }
        reports
    }
}

fn prove(staged: &Path, needed: &ProofNeeded, buffer: &mut [u8]) {
    let sha256 = hash(staged, buffer);
    assert_eq!(Some(sha256), needed.sha256, "{}", staged.display());
}

pub(crate) fn hash(path: &Path, buffer: &mut [u8]) -> vigie_domain::Sha256 {
    let mut file = File::open(path).unwrap();
    let mut hasher = Sha256::new();
    loop {
        match file.read(buffer).unwrap() {
            0 => return vigie_domain::Sha256::from(<[u8; 32]>::from(hasher.finalize())),
            length => hasher.update(&buffer[..length]),
        }
    }
}

fn keep(staged: &Path, folder: &Path, needed: &ProofNeeded) {
    fs::create_dir_all(folder).unwrap();
    let partial = folder.join("partial");
    copy(staged, &partial);
    fs::rename(&partial, folder.join(&needed.staged_file_name)).unwrap();
}

/// With `copy_file_range`, as `std::fs` does on Linux.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap();
    File::open(to).unwrap().sync_all().unwrap();
}

fn archive(reports: &[PathBuf]) {
    for report in reports {
        let log = report.parent().unwrap();
        let target = log.join(ARCHIVE).join(report.file_name().unwrap());
        fs::rename(report, target).unwrap();
    }
}
