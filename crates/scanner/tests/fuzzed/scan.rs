//! Any tree as a deposit, beside an agent that does all as it should.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arbitrary::{Result, Unstructured};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;
use vigie_domain::{BackupEntryStatus, Schedule};
use vigie_scanner::{Scanner, ScannerSettings};

use crate::store::MemoryStore;

const NOW: &str = "2025-06-19T06:00:00Z";
const HONEST: &str = "HONEST_A_B";

/// What lies outside of the deposit and is nobody's business.
const SECRET: &[u8] = b"what only the superuser may read";

pub fn run(data: &[u8]) {
    let place = Place::new();
    // A tree of which the last parts are missing is a tree.
    let _ = place.grow(&mut Unstructured::new(data));
    place.deliver(HONEST, "X", "X.zst", b"honest", b"honest");
    let store = MemoryStore::default();
    for _ in 0..2 {
        place.scan(&store);
    }
    place.check(&store);
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        // In memory, where the system has such a place.
        let shared = Path::new("/dev/shm");
        let folder = if shared.is_dir() {
            tempfile::tempdir_in(shared)
        } else {
            tempfile::tempdir()
        };
        let place = Self {
            folder: folder.unwrap(),
        };
        fs::create_dir(place.path("deposit")).unwrap();
        fs::create_dir(place.path("outside")).unwrap();
        fs::write(place.path("outside/secret"), SECRET).unwrap();
        place
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    fn scan(&self, store: &MemoryStore) {
        static RUNTIME: OnceLock<Runtime> = OnceLock::new();
        let daily = Schedule::every(Duration::from_hours(24), Duration::from_hours(2)).unwrap();
        let mut settings = ScannerSettings::new(self.path("deposit"), daily);
        settings.validated = Some(self.path("validated"));
        settings.settle = Duration::ZERO;
        settings.report_max_size = 4096;
        let scanner = Scanner::new(settings, store.clone());
        let runtime = RUNTIME.get_or_init(|| Runtime::new().unwrap());
        let cycle = scanner.scan(NOW.parse().unwrap(), Arc::new(|_| ()));
        runtime.block_on(cycle).unwrap();
    }

    fn check(&self, store: &MemoryStore) {
        let kept = store.kept();
        let honest = &kept.entries[&HONEST.to_lowercase()];
        assert_eq!(honest.len(), 1, "the honest agent was served once");
        for (_, entry) in kept.entries.values().flatten() {
            if entry.status != BackupEntryStatus::Success {
                assert_eq!(entry.validated_path, None);
                continue;
            }
            assert_eq!(entry.actual_sha256, entry.expected_sha256);
        }
        for copy in kept.validated_files.values() {
            let bytes = fs::read(self.path("validated").join(&copy.path)).unwrap();
            assert_eq!(sha256_of(&bytes), copy.sha256.to_string());
            assert!(bytes != SECRET, "a link was followed");
        }
        assert_eq!(fs::read(self.path("outside/secret")).unwrap(), SECRET);
        let outside = fs::read_dir(self.path("outside")).unwrap();
        assert_eq!(outside.count(), 1, "something was written outside");
    }

    /// Does what an agent does, with these bytes staged for those that the report speaks of.
    fn deliver(&self, agent: &str, database: &str, file: &str, reported: &[u8], staged: &[u8]) {
        let report = serde_json::json!({
            "agent_id": agent,
            "operation_end_time": "2025-06-19T02:00:00",
            "databases": {database: {
                "BACKUP": {"status": true},
                "COMPRESS": {"status": true, "size": reported.len(), "sha256": sha256_of(reported)},
                "TRANSFER": {"status": true},
                "staged_file_name": file,
            }},
        });
        let folder = self.path("deposit").join(agent);
        self.make_folder(&folder.join("log"));
        self.make_folder(&folder.join("databases"));
        self.put(&folder.join("databases").join(file), staged);
        let report = report.to_string();
        let name = format!("log/{}.json", &sha256_of(report.as_bytes())[..8]);
        self.put(&folder.join(name), report.as_bytes());
    }

    /// Whether no link leads out: it is not this that is to be kept in its borders.
    fn is_inside(&self, path: &Path) -> bool {
        let deposit = self.path("deposit");
        let mut way = path.ancestors().take_while(|path| *path != deposit);
        !way.any(Path::is_symlink)
    }

    fn put(&self, path: &Path, content: &[u8]) {
        if self.is_inside(path)
            && let Ok(mut file) = fs::File::create_new(path)
        {
            file.write_all(content).unwrap();
        }
    }

    fn make_folder(&self, path: &Path) {
        if self.is_inside(path) {
            let _ = fs::create_dir_all(path);
        }
    }

    fn grow(&self, source: &mut Unstructured) -> Result<()> {
        for _ in 0..source.int_in_range(1..=24)? {
            self.grow_once(source)?;
        }
        Ok(())
    }

    /// What can't be made is not there.
    fn grow_once(&self, source: &mut Unstructured) -> Result<()> {
        let path = self.some_path(source)?;
        match source.int_in_range(0..=9)? {
            0..=2 => {
                self.put(&path, &some_bytes(source)?);
            }
            3 => {
                self.make_folder(&path);
            }
            4 => {
                let target = match source.int_in_range(0..=4)? {
                    0 => self.path("outside/secret"),
                    1 => self.path("outside"),
                    2 => path.clone(),
                    3 => PathBuf::from(".."),
                    _ => self.some_path(source)?,
                };
                if self.is_inside(&path) {
                    let _ = symlink(target, path);
                }
            }
            5 => {
                if self.is_inside(&path) {
                    let _ = mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0);
                }
            }
            6 => {
                self.put(&path, self.some_report(source)?.as_bytes());
            }
            7 => {
                let other = self.some_path(source)?;
                if self.is_inside(&path) && self.is_inside(&other) {
                    let _ = fs::hard_link(other, path);
                }
            }
            _ => {
                let (agent, database) = (some_agent(source)?, some_text(source)?);
                let (file, reported) = (some_text(source)?, some_bytes(source)?);
                let staged = if source.arbitrary()? {
                    reported.clone()
                } else {
                    some_bytes(source)?
                };
                if !file.contains('/') {
                    self.deliver(agent, &database, &file, &reported, &staged);
                }
            }
        }
        Ok(())
    }

    /// Below the deposit, and not in the honest agent's folder.
    fn some_path(&self, source: &mut Unstructured) -> Result<PathBuf> {
        const FOLDERS: [&str; 8] = [
            "",
            "log",
            "databases",
            "database",
            "log/_archive",
            "log/_rejected",
            "log/x.json",
            "databases/X.zst",
        ];
        let mut path = self.path("deposit");
        if source.ratio(15, 16)? {
            path.push(some_agent(source)?);
            path.push(source.choose(&FOLDERS)?);
        }
        if source.arbitrary()? {
            self.make_folder(&path);
        }
        let name = match source.int_in_range(0..=5)? {
            0 => OsStr::new("r.json").to_owned(),
            1 => OsStr::new("X.zst").to_owned(),
            2 => OsStr::new(some_agent(source)?).to_owned(),
            _ => {
                let length = source.int_in_range(1..=40)?;
                let bytes = source.bytes(length)?;
                let is_safe = |byte: &&u8| !matches!(**byte, b'/' | 0);
                let bytes: Vec<u8> = bytes.iter().filter(is_safe).copied().collect();
                OsStr::from_bytes(&bytes).to_owned()
            }
        };
        if name != "." && name != ".." && name != HONEST {
            path.push(name);
        }
        Ok(path)
    }

    fn some_report(&self, source: &mut Unstructured) -> Result<String> {
        let (agent, database) = (some_agent(source)?, some_text(source)?);
        let bytes = some_bytes(source)?;
        let file = match source.int_in_range(0..=3)? {
            0 => "../../outside/secret".to_owned(),
            1 => self.path("outside/secret").display().to_string(),
            _ => some_text(source)?,
        };
        let ended_at = *source.choose(&[
            "2025-06-19T02:00:00",
            "2025-06-19T02:00:00.000001",
            "2099-01-01T00:00:00",
            "1999-01-01T00:00:00",
            "never",
        ])?;
        let stage = |succeeded: bool| serde_json::json!({"status": succeeded});
        Ok(serde_json::json!({
            "agent_id": agent,
            "operation_end_time": ended_at,
            "databases": {
                database: {
                    "BACKUP": stage(source.ratio(7, 8)?),
                    "COMPRESS": {
                        "status": "True",
                        "size": bytes.len().to_string(),
                        "sha256_checksum": sha256_of(&bytes),
                    },
                    "TRANSFER": stage(source.ratio(7, 8)?),
                    "staged_file_name": file,
                },
                "Y": {"BACKUP": some_text(source)?},
            },
        })
        .to_string())
    }
}

fn some_agent(source: &mut Unstructured) -> Result<&'static str> {
    const AGENTS: [&str; 6] = ["E_V_I", "e_v_i", "honest_a_b", "EVIL", "_archive", "Z_Z_Z"];
    source.choose(&AGENTS).copied()
}

fn some_text(source: &mut Unstructured) -> Result<String> {
    if source.ratio(1, 2)? {
        return Ok((*source.choose(&["X", "X.zst", "Y", ".", "..", "a\nb"])?).to_owned());
    }
    let length = source.int_in_range(0..=40)?;
    Ok(String::from_utf8_lossy(source.bytes(length)?).into_owned())
}

/// Often the beginning of something that can be looked into.
fn some_bytes(source: &mut Unstructured) -> Result<Vec<u8>> {
    const BEGINNINGS: [&[u8]; 9] = [
        b"",
        b"\x28\xB5\x2F\xFD",
        b"\x1F\x8B\x08",
        b"\xFD7zXZ\0",
        b"BZh9",
        b"PGDMP",
        b"SQLite format 3\0",
        b"--\n-- PostgreSQL database dump\n",
        b"-- MySQL dump 10.13",
    ];
    let mut bytes = source.choose(&BEGINNINGS)?.to_vec();
    let length = source.int_in_range(0..=600)?;
    bytes.extend_from_slice(source.bytes(length.min(source.len()))?);
    Ok(bytes)
}

fn sha256_of(bytes: &[u8]) -> String {
    let digest = <[u8; 32]>::from(Sha256::digest(bytes));
    vigie_domain::Sha256::from(digest).to_string()
}
