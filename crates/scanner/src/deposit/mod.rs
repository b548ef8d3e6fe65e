//! The deposit as a place of untrusted files: opens what agents left there by single names, below
//! the folder that they were found in, never through a link. Knows no report and no rule.

pub(crate) mod archive;
pub(crate) mod identity;
pub(crate) mod inbox;

use std::cell::OnceCell;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, FileType, FileTypeExt, OpenOptions};
use rustix::fs::{AtFlags, statat};
use vigie_domain::AgentId;

use crate::DepositError;
use crate::deposit::identity::FileIdentity;
use crate::watchdog::pulse::Pulse;

/// The folders in which agents stage their files; the first is the usual one.
const STAGED_FOLDERS: [&str; 2] = ["databases", "database"];

/// The deposit's root.
#[derive(Debug)]
pub(crate) struct Deposit {
    root: Dir,
    path: PathBuf,
}

/// What lies in the root.
#[derive(Debug, Default)]
pub(crate) struct RootListing {
    /// The agents' folders, in no order.
    pub agents: Vec<AgentId>,
    /// Folders that can be no agent's, with the reason.
    pub ignored: Vec<(String, String)>,
}

/// One agent's folder.
#[derive(Debug)]
pub(crate) struct AgentFolder {
    dir: Dir,
    path: PathBuf,
    staged: OnceCell<Vec<io::Result<Dir>>>,
    pulse: Pulse,
}

/// What lies in an agent's `log` folder.
#[derive(Debug, Default)]
pub(crate) struct LogListing {
    /// The names of the reports, in order.
    pub reports: Vec<String>,
    /// What is named like a report and can't be one, with the reason.
    pub ignored: Vec<(String, String)>,
    /// How many reports were left out, as there are so many.
    pub left: usize,
}

/// The hidden files in which rsync builds staged files, by the names that they will have.
#[derive(Debug, Default)]
pub(crate) struct Partials {
    by_name: HashMap<String, Vec<FileIdentity>>,
}

impl Partials {
    /// Those in which the file of this name is built.
    pub(crate) fn of(&self, name: &str) -> &[FileIdentity] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }
}

/// What lies under a name in an agent's staged folder.
#[derive(Debug)]
pub(crate) enum Staged {
    Absent,
    NotRegular(&'static str),
    File(File, FileIdentity),
}

impl Deposit {
    pub(crate) fn open(path: &Path) -> Result<Self, DepositError> {
        let root = Dir::open_ambient_dir(path, ambient_authority())
            .map_err(|error| DepositError::new("open the deposit", path, error))?;
        Ok(Self {
            root,
            path: path.to_owned(),
        })
    }

    /// Files and links in the root are nobody's; folders that start with a dot are somebody's
    /// tooling.
    pub(crate) fn list(&self, pulse: &Pulse) -> Result<RootListing, DepositError> {
        let failed = |error| DepositError::new("list the deposit", &self.path, error);
        let mut listing = RootListing::default();
        for entry in self.root.entries().map_err(failed)? {
            let entry = entry.map_err(failed)?;
            pulse.beat().map_err(|given_up| failed(given_up.into()))?;
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                let shown = name.to_string_lossy().into_owned();
                listing
                    .ignored
                    .push((shown, "its name is no UTF-8".to_owned()));
                continue;
            };
            if name.starts_with('.') {
                continue;
            }
            match AgentId::new(name) {
                Ok(agent) => listing.agents.push(agent),
                Err(error) => listing.ignored.push((name.to_owned(), error.to_string())),
            }
        }
        listing.ignored.sort();
        Ok(listing)
    }

    /// How an agent's `log` folder looks at this moment; `None` when that can't be told. Opens nothing.
    pub(crate) fn log_identity(&self, agent: &AgentId) -> Option<FileIdentity> {
        let mut path = String::with_capacity(agent.as_str().len() + 4);
        path.push_str(agent.as_str());
        path.push_str("/log");
        let stat = statat(&self.root, path, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some(FileIdentity::of_stat(&stat))
    }

    /// Opens an agent's folder for a thread that gives this sign of life with all that it does there.
    pub(crate) fn agent(
        &self,
        agent: &AgentId,
        pulse: &Pulse,
    ) -> Result<AgentFolder, DepositError> {
        match open_folder(&self.root, agent.as_str()) {
            Ok(dir) => Ok(AgentFolder {
                dir,
                path: self.path_of(agent),
                staged: OnceCell::new(),
                pulse: pulse.clone(),
            }),
            Err(error) => Err(DepositError::new("open", self.path_of(agent), error)),
        }
    }

    /// Where an agent's folder is.
    pub(crate) fn path_of(&self, agent: &AgentId) -> PathBuf {
        self.path.join(agent.as_str())
    }
}

impl AgentFolder {
    /// The agent's `log` folder; `None` when it has none.
    pub(crate) fn log(&self) -> Result<Option<LogFolder>, DepositError> {
        let path = self.path.join("log");
        match open_folder(&self.dir, "log") {
            Ok(dir) => Ok(Some(LogFolder {
                dir,
                path,
                pulse: self.pulse.clone(),
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(DepositError::new("open", path, error)),
        }
    }

    /// Opens the staged file of this name for reading.
    pub(crate) fn staged(&self, name: &str) -> io::Result<Staged> {
        for folder in self.staged_folders() {
            self.pulse.beat()?;
            let folder = folder.as_ref().map_err(copy_of)?;
            let kind = match folder.symlink_metadata(name) {
                Ok(metadata) => metadata.file_type(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if !kind.is_file() {
                return Ok(Staged::NotRegular(kind_of(kind)));
            }
            let file = match folder.open_with(name, &reading()) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            self.pulse.beat()?;
            let metadata = file.metadata()?;
            if !metadata.is_file() {
                return Ok(Staged::NotRegular(kind_of(metadata.file_type())));
            }
            return Ok(Staged::File(file, FileIdentity::of(&metadata)));
        }
        Ok(Staged::Absent)
    }

    /// How the staged file that [`staged`](Self::staged) would open looks at this moment; `None` when there
    /// is none to open.
    pub(crate) fn staged_identity(&self, name: &str) -> Option<FileIdentity> {
        for folder in self.staged_folders() {
            match folder.as_ref().ok()?.symlink_metadata(name) {
                Ok(metadata) => {
                    return metadata.is_file().then(|| FileIdentity::of(&metadata));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(_) => return None,
            }
        }
        None
    }

    /// How the staged file, and the hidden files in which rsync builds its next version, look at
    /// this moment. When this changes, somebody is writing.
    pub(crate) fn staged_identities(&self, name: &str, partials: &Partials) -> Vec<FileIdentity> {
        let staged = self.staged_folders().filter_map(|folder| {
            let metadata = folder.as_ref().ok()?.symlink_metadata(name).ok()?;
            Some(FileIdentity::of(&metadata))
        });
        let mut identities: Vec<_> = staged.collect();
        identities.extend(partials.of(name));
        identities.sort_by_key(|identity| (identity.device, identity.inode));
        identities
    }

    /// The hidden files in which rsync builds the next versions of staged files: a dot, the name, a
    /// dot and six random letters or digits.
    pub(crate) fn partials(&self) -> Partials {
        let mut partials = Partials::default();
        let listed = self
            .staged_folders()
            .filter_map(|folder| folder.as_ref().ok()?.entries().ok());
        for entry in listed.flatten().flatten() {
            if self.pulse.beat().is_err() {
                break;
            }
            let entry_name = entry.file_name();
            let Some(name) = entry_name.to_str().and_then(built_by_rsync) else {
                continue;
            };
            if let Ok(metadata) = entry.metadata() {
                let identities = partials.by_name.entry(name.to_owned()).or_default();
                identities.push(FileIdentity::of(&metadata));
            }
        }
        partials
    }

    /// The sign of life of the thread that has opened it.
    pub(crate) fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Opened when somebody asks for the first time.
    fn staged_folders(&self) -> impl Iterator<Item = &io::Result<Dir>> + '_ {
        let open = |folder: &&str| {
            let opened = open_folder(&self.dir, folder);
            let is_absent = opened
                .as_ref()
                .is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
            (!is_absent).then_some(opened)
        };
        let staged = self
            .staged
            .get_or_init(|| STAGED_FOLDERS.iter().filter_map(open).collect());
        staged.iter()
    }
}

/// An agent's `log` folder.
#[derive(Debug)]
pub(crate) struct LogFolder {
    dir: Dir,
    path: PathBuf,
    pulse: Pulse,
}

impl LogFolder {
    /// Of many reports the newest, as those that are older speak of files that were replaced: at most so
    /// many, and of so many bytes, the last one on top.
    pub(crate) fn list(
        &self,
        at_most: usize,
        at_most_bytes: u64,
    ) -> Result<LogListing, DepositError> {
        let failed = |error| DepositError::new("list", &self.path, error);
        let mut listing = LogListing::default();
        for entry in self.dir.entries().map_err(failed)? {
            let entry = entry.map_err(failed)?;
            self.beat().map_err(failed)?;
            let name = entry.file_name();
            let shown = name.to_string_lossy().into_owned();
            let is_json = Path::new(&shown)
                .extension()
                .is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
            if !is_json || shown.starts_with('.') {
                continue;
            }
            match (name.to_str(), entry.file_type().map_err(failed)?) {
                (None, _) => {
                    let reason = "its name is no UTF-8, so it can't be told in a report's name";
                    listing.ignored.push((shown, reason.to_owned()));
                }
                (Some(name), kind) if kind.is_file() => listing.reports.push(name.to_owned()),
                (Some(_), kind) => {
                    let reason = format!("it is {}, not a file", kind_of(kind));
                    listing.ignored.push((shown, reason));
                }
            }
        }
        if listing.reports.len() > 1 {
            listing.left = self.keep_newest(&mut listing.reports, at_most, at_most_bytes);
        }
        listing.reports.sort();
        listing.ignored.sort();
        Ok(listing)
    }

    /// Tells how many were left out.
    fn keep_newest(&self, reports: &mut Vec<String>, at_most: usize, at_most_bytes: u64) -> usize {
        let looked = reports.drain(..).map(|name| {
            let is_waited_for = self.pulse.beat().is_ok();
            let looked = is_waited_for.then(|| self.dir.symlink_metadata(&name));
            let metadata = looked.and_then(Result::ok);
            (metadata.map(|metadata| FileIdentity::of(&metadata)), name)
        });
        let mut looked: Vec<_> = looked.collect();
        let modified_at = |identity: &FileIdentity| identity.modified_at();
        looked.sort_by_cached_key(|(identity, name)| {
            (Reverse(identity.as_ref().map(modified_at)), name.clone())
        });
        let count = looked.len();
        let mut bytes = 0;
        for (identity, name) in looked.into_iter().take(at_most) {
            if bytes >= at_most_bytes {
                break;
            }
            bytes += identity.map_or(0, |identity| identity.size);
            reports.push(name);
        }
        count - reports.len()
    }

    /// How the folder looks at this moment; it changes when something is put into it.
    pub(crate) fn identity(&self) -> Result<FileIdentity, DepositError> {
        let metadata = self.dir.dir_metadata();
        let metadata = metadata.map_err(|error| DepositError::new("look at", &self.path, error))?;
        Ok(FileIdentity::of(&metadata))
    }

    /// The first `limit` bytes of a report and how the file looked; `None` when it is gone, or has
    /// become something else.
    pub(crate) fn read(
        &self,
        name: &str,
        limit: u64,
    ) -> Result<Option<(Vec<u8>, FileIdentity)>, DepositError> {
        let failed = |error| DepositError::new("read", self.path.join(name), error);
        let file = match self.dir.open_with(name, &reading()) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let (mut bytes, pulse) = (Vec::new(), self.pulse.clone());
        let mut file = Beating { file, pulse }.take(limit);
        file.read_to_end(&mut bytes).map_err(failed)?;
        Ok(Some((bytes, FileIdentity::of(&metadata))))
    }

    /// The thread moves.
    pub(crate) fn beat(&self) -> io::Result<()> {
        Ok(self.pulse.beat()?)
    }

    pub(crate) fn dir(&self) -> &Dir {
        &self.dir
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// A file each piece of which is a sign of life.
struct Beating {
    file: File,
    pulse: Pulse,
}

impl Read for Beating {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.pulse.beat()?;
        Ok(read)
    }
}

fn copy_of(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}

/// Opens a folder below another one, and says so when there is something else in its place.
pub(crate) fn open_folder(parent: &Dir, name: &str) -> io::Result<Dir> {
    parent.open_dir_nofollow(name).map_err(|error| {
        let kind = parent
            .symlink_metadata(name)
            .map(|metadata| metadata.file_type());
        match kind {
            Ok(kind) if !kind.is_dir() => {
                let found = if kind.is_file() {
                    "a file"
                } else {
                    kind_of(kind)
                };
                io::Error::new(error.kind(), format!("{name} is {found}, not a folder"))
            }
            _ => error,
        }
    })
}

/// Never through a link; and never waiting for the other end of a pipe.
pub(crate) fn reading() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).follow(FollowSymlinks::No).nonblock(true);
    options
}

pub(crate) fn kind_of(kind: FileType) -> &'static str {
    if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

/// The name that the file will have once rsync has built it.
fn built_by_rsync(hidden: &str) -> Option<&str> {
    let (name, suffix) = hidden.strip_prefix('.')?.rsplit_once('.')?;
    let is_random = suffix.len() == 6 && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_random && !name.is_empty()).then_some(name)
}
