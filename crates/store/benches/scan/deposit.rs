//! The deposits that are scanned: many small backups, few large ones, or folders in which nothing is
//! new. Knows no scanner.

use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fastrand::Rng;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// Where agents stage their backups.
pub(crate) const STAGED: &str = "databases";

/// Where the scanner puts the reports that it took.
pub(crate) const ARCHIVE: &str = "_archive";

/// How long ago the agents were done, so that nothing looks as if it were still being written.
const AGE: Duration = Duration::from_hours(1);

/// A large file is this block over and over, each time with another number at its start.
const BLOCK: usize = 1024 * 1024;

const NAMES: [&str; 10] = [
    "XAFRIC", "LEDGER", "PAYROLL", "STOCK", "INVOICES", "CRM", "SHOP", "LOANS", "CARDS", "BRANCHES",
];

/// What agents dropped.
pub(crate) struct Deposit {
    pub(crate) root: PathBuf,
    pub(crate) agents: usize,
}

/// What each agent drops.
#[derive(Clone, Copy)]
pub(crate) struct Backups {
    pub(crate) databases: usize,
    /// How large each backup is.
    pub(crate) bytes: u64,
}

pub(crate) fn agent_name(number: usize) -> String {
    format!("SDMC_DOUALA_SITE{number:05}")
}

impl Deposit {
    /// One report of each agent, with its backups, all of them good and of other content each.
    pub(crate) fn filled(root: PathBuf, agents: usize, backups: Backups, now: Timestamp) -> Self {
        let ended_at = now - AGE;
        for number in 0..agents {
            let mut random = Rng::with_seed(number as u64);
            let agent = agent_name(number);
            let folder = root.join(&agent);
            make_folders(&folder);
            fs::create_dir(folder.join("log").join(ARCHIVE)).unwrap();
            let mut sections = Map::new();
            for position in 0..backups.databases {
                let database = format!("{}_2025", NAMES[position % NAMES.len()]);
                let path = folder.join(STAGED).join(format!("{database}.sql.zst"));
                let sha256 = stage(&path, backups.bytes, &mut random);
                make_old(&path, ended_at);
                sections.insert(
                    database.clone(),
                    section(&database, backups.bytes, &sha256, ended_at),
                );
            }
            let name = format!("{}_{agent}.json", ended_at.strftime("%Y%m%d_%H%M%S"));
            let path = folder.join("log").join(name);
            fs::write(&path, report(&agent, &sections, ended_at)).unwrap();
            make_old(&path, ended_at);
        }
        Self { root, agents }
    }

    /// Folders of agents that have dropped nothing new.
    pub(crate) fn of_silent_agents(root: PathBuf, agents: usize) -> Self {
        for number in 0..agents {
            let folder = root.join(agent_name(number));
            make_folders(&folder);
            fs::create_dir(folder.join("log").join(ARCHIVE)).unwrap();
        }
        Self { root, agents }
    }

    /// Moves the reports that were taken back to where the agents had dropped them.
    pub(crate) fn put_back(&self) {
        for number in 0..self.agents {
            let log = self.root.join(agent_name(number)).join("log");
            for entry in fs::read_dir(log.join(ARCHIVE)).unwrap() {
                let entry = entry.unwrap();
                fs::rename(entry.path(), log.join(entry.file_name())).unwrap();
            }
        }
    }

    /// The staged files.
    pub(crate) fn staged(&self) -> Vec<PathBuf> {
        let folders = (0..self.agents).map(|number| self.root.join(agent_name(number)));
        let listed = folders.flat_map(|folder| fs::read_dir(folder.join(STAGED)).unwrap());
        let mut staged: Vec<PathBuf> = listed.map(|entry| entry.unwrap().path()).collect();
        staged.sort();
        staged
    }
}

fn make_folders(folder: &Path) {
    for name in ["log", STAGED] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
}

/// Writes a backup and gives its SHA-256.
fn stage(path: &Path, bytes: u64, random: &mut Rng) -> String {
    let mut file = File::create(path).unwrap();
    let mut hasher = Sha256::new();
    let mut block = vec![0; BLOCK.min(usize::try_from(bytes).unwrap())];
    random.fill(&mut block);
    let mut left = bytes;
    while left > 0 {
        block[..8].copy_from_slice(&left.to_le_bytes());
        let length = usize::try_from(left).map_or(block.len(), |left| left.min(block.len()));
        file.write_all(&block[..length]).unwrap();
        hasher.update(&block[..length]);
        left -= length as u64;
    }
    assert_eq!(file.seek(SeekFrom::End(0)).unwrap(), bytes);
    vigie_domain::Sha256::from(<[u8; 32]>::from(hasher.finalize())).to_string()
}

/// What a report says of a database, as agents write it.
fn section(database: &str, bytes: u64, sha256: &str, ended_at: Timestamp) -> Value {
    let time = |seconds: u64| naive(ended_at - Duration::from_secs(seconds));
    json!({
        "BACKUP": {"status": true, "start_time": time(600), "end_time": time(300), "size": 10 * bytes},
        "COMPRESS": {"status": "True", "sha256_checksum": sha256, "size": bytes},
        "TRANSFER": {"status": true, "end_time": time(30), "error_message": null},
        "staged_file_name": format!("/home/backup/out/{database}.sql.zst"),
        "logs_summary": "pg_dump: all tables dumped",
    })
}

fn report(agent: &str, databases: &Map<String, Value>, ended_at: Timestamp) -> String {
    let report = json!({
        "agent_id": agent,
        "operation_start_time": naive(ended_at - Duration::from_mins(10)),
        "operation_end_time": naive(ended_at),
        "overall_status": "completed",
        "databases": databases,
    });
    serde_json::to_string_pretty(&report).unwrap()
}

/// Without an offset, and with microseconds.
fn naive(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string()
}

fn make_old(path: &Path, at: Timestamp) {
    let since_epoch = Duration::try_from(at.as_duration()).unwrap();
    let times = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + since_epoch);
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_times(times).unwrap();
}
