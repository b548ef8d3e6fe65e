//! A deposit and a validated tree, each twice: one for the scanner and one for the model, the same to the
//! byte, the name and the time of modification. Knows no report.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use jiff::Timestamp;
use rustix::fs::{CWD, FileType, Mode, mknodat};

/// Both copies. What is done to one is done to the other.
pub struct Twice {
    pub scanned: PathBuf,
    pub modelled: PathBuf,
}

/// Something that is not a file.
#[derive(Clone, Copy, Debug)]
pub enum Oddity {
    Directory,
    Link,
    Pipe,
}

/// What lies under a name, as it is compared. Folders are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    File(Vec<u8>),
    Link(PathBuf),
    Pipe,
}

impl Twice {
    pub fn new(folder: &Path) -> Self {
        let [scanned, modelled] = ["scanned", "modelled"].map(|copy| folder.join(copy));
        for copy in [&scanned, &modelled] {
            fs::create_dir_all(copy.join("deposit")).unwrap();
            fs::create_dir_all(copy.join("away")).unwrap();
        }
        Self { scanned, modelled }
    }

    /// Makes the file, or overwrites it in place. Whether that could be done: something may be in the way.
    pub fn write(&self, path: &str, bytes: &[u8], modified: Timestamp) -> bool {
        self.both(path, |path| {
            make_way(path)?;
            write_at(path, bytes, modified)
        })
    }

    /// Makes the file elsewhere and moves it here, in the place of whatever was here.
    pub fn replace(&self, path: &str, bytes: &[u8], modified: Timestamp) -> bool {
        self.both(path, |path| {
            make_way(path)?;
            let arriving = path.with_file_name(".arriving");
            write_at(&arriving, bytes, modified)?;
            fs::rename(arriving, path)
        })
    }

    pub fn put_oddity(&self, path: &str, oddity: Oddity) -> bool {
        self.both(path, |path| {
            make_way(path)?;
            if path.symlink_metadata().is_ok() {
                fs::remove_file(path)?;
            }
            match oddity {
                Oddity::Directory => fs::create_dir(path),
                Oddity::Link => symlink("/etc/hostname", path),
                Oddity::Pipe => Ok(mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0)?),
            }
        })
    }

    pub fn create_folder(&self, path: &str) -> bool {
        self.both(path, |path| fs::create_dir_all(path))
    }

    /// A folder, named like a report, whose name is no text.
    pub fn create_unreadable_name(&self, path: &str) -> bool {
        let name = OsStr::from_bytes(b"\xFF.json");
        self.both(path, |path| fs::create_dir_all(path.join(name)))
    }

    pub fn remove(&self, path: &str) -> bool {
        self.both(path, |path| {
            if path.symlink_metadata()?.is_dir() {
                fs::remove_dir_all(path)
            } else {
                fs::remove_file(path)
            }
        })
    }

    pub fn rename(&self, from: &str, to: &str) -> bool {
        let roots = [&self.scanned, &self.modelled];
        same(roots.map(|root| fs::rename(root.join(from), root.join(to))))
    }

    /// Renames a file, and puts the time of the folder that it lies in back to what it was.
    pub fn rename_unnoticed(&self, folder: &str, from: &str, to: &str) -> bool {
        self.both(folder, |folder| {
            let before = folder.symlink_metadata()?.modified()?;
            fs::rename(folder.join(from), folder.join(to))?;
            File::open(folder)?.set_modified(before)
        })
    }

    /// The bytes of a regular file.
    pub fn read(&self, path: &str) -> Option<Vec<u8>> {
        let path = self.modelled.join(path);
        let is_file = path.symlink_metadata().is_ok_and(|found| found.is_file());
        is_file.then(|| fs::read(path).unwrap())
    }

    pub fn modified(&self, path: &str) -> Option<Timestamp> {
        let metadata = self.modelled.join(path).symlink_metadata().ok()?;
        Timestamp::try_from(metadata.modified().ok()?).ok()
    }

    pub fn exists(&self, path: &str) -> bool {
        self.modelled.join(path).symlink_metadata().is_ok()
    }

    /// The regular files in a folder, in order; none when it is no folder.
    pub fn files(&self, path: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.modelled.join(path)) else {
            return Vec::new();
        };
        let files = entries.map(Result::unwrap).filter(|entry| {
            let kind = entry.file_type();
            kind.is_ok_and(|kind| kind.is_file())
        });
        let names = files.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    fn both(&self, path: &str, act: impl Fn(&Path) -> io::Result<()>) -> bool {
        same([&self.scanned, &self.modelled].map(|root| act(&root.join(path))))
    }
}

/// Everything that is no folder, by its path; nothing when the root is none.
pub fn contents(root: &Path) -> BTreeMap<PathBuf, Found> {
    let mut found = BTreeMap::new();
    let mut folders = Vec::from_iter(root.is_dir().then(|| root.to_owned()));
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            let relative = path.strip_prefix(root).unwrap().to_owned();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_symlink() {
                found.insert(relative, Found::Link(fs::read_link(path).unwrap()));
            } else if kind.is_fifo() {
                found.insert(relative, Found::Pipe);
            } else {
                found.insert(relative, Found::File(fs::read(path).unwrap()));
            }
        }
    }
    found
}

fn same([scanned, modelled]: [io::Result<()>; 2]) -> bool {
    let message = "the copies were different before they were changed";
    assert_eq!(scanned.is_ok(), modelled.is_ok(), "{message}");
    scanned.is_ok()
}

/// Makes the folders on the way, and removes what is neither a file nor absent.
fn make_way(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path.parent().unwrap())?;
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(metadata) if !metadata.is_file() => fs::remove_file(path),
        _ => Ok(()),
    }
}

fn write_at(path: &Path, bytes: &[u8], modified: Timestamp) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    set_modified(&file, modified)
}

fn set_modified(file: &File, modified: Timestamp) -> io::Result<()> {
    let since = Duration::try_from(modified.as_duration()).unwrap();
    file.set_modified(UNIX_EPOCH + since)
}
