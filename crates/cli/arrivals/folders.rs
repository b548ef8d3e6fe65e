//! The folders of a deposit in which reports can appear, as inotify (`man 7 inotify`) watches them: each
//! agent's `log` folder; as long as there is none, the agent's folder; and the root. Follows no link below
//! the root, and reads no report.

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, OsStr};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, Stat, fstat, openat};
use rustix::io::Errno;
use thiserror::Error;
use tracing::debug;
use vigie_domain::AgentId;

/// Room for some hundred events.
const EVENTS_BYTES: usize = 32 * 1024;

/// How folders are opened that are watched and not listed.
const PLACE: OFlags = OFlags::PATH
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// What is told of a folder in which other folders are waited for.
const NEW_FOLDERS: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::ONLYDIR);

/// What is told of a `log` folder: what comes into it, and not what is taken out of it, so that a cycle
/// that sets reports aside tells nothing of itself.
const REPORTS: WatchFlags = NEW_FOLDERS
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::EXCL_UNLINK);

/// The folders that are watched.
#[derive(Debug)]
pub struct Folders {
    root: PathBuf,
    inotify: Arc<OwnedFd>,
    watched_root: Option<Root>,
    /// How the root looked before it was listed, if each of its agents is watched since.
    listed: Option<Listed>,
    watches: HashMap<i32, Watched>,
    by_agent: HashMap<AgentId, i32>,
}

#[derive(Debug, Clone, Copy)]
struct Root {
    watch: i32,
    device: u64,
    inode: u64,
}

/// What changes when a folder is put into the root or taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Listed {
    device: u64,
    inode: u64,
    modified: (i64, i64),
}

#[derive(Debug)]
struct Watched {
    agent: AgentId,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A `log` folder, in which reports are waited for.
    Log,
    /// An agent's folder, in which the `log` folder is waited for.
    Agent,
}

/// What was told of the folders.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The reports that arrived: whose, and the name.
    pub reports: Vec<(AgentId, String)>,
    /// The agents whose folders are new, or others than before. They are not watched until
    /// [`Folders::watch`] is told so.
    pub new: Vec<AgentId>,
    /// Whether so much happened at once that some of it was not told.
    pub is_incomplete: bool,
}

/// Why folders can't be watched.
#[derive(Debug, Error)]
pub enum WatchError {
    /// One of the system's limits is reached.
    #[error(
        "the limit {setting} is reached; raise it with sysctl, or set scan.watch = false in the config"
    )]
    Limit {
        /// Its name, as sysctl has it.
        setting: &'static str,
    },
    /// The system can't do it.
    #[error(
        "could not {doing}: {source}; set scan.watch = false in the config if that is to stay so"
    )]
    System {
        /// What was being done.
        doing: &'static str,
        /// The system's error.
        source: io::Error,
    },
}

impl Folders {
    /// Watches nothing yet.
    pub fn new(root: PathBuf) -> Result<Self, WatchError> {
        let flags = CreateFlags::CLOEXEC | CreateFlags::NONBLOCK;
        let inotify = inotify::init(flags).map_err(|errno| match errno {
            Errno::MFILE => WatchError::Limit {
                setting: "fs.inotify.max_user_instances",
            },
            errno => failed("begin to watch folders", errno),
        })?;
        Ok(Self {
            root,
            inotify: Arc::new(inotify),
            watched_root: None,
            listed: None,
            watches: HashMap::new(),
            by_agent: HashMap::new(),
        })
    }

    /// Watches all agents that are there now and none that are gone, and tells how many are new. A root that
    /// can't be listed has none.
    pub fn refresh(&mut self) -> Result<usize, WatchError> {
        let root = match self.open_root() {
            Ok(root) => root,
            Err(errno) => {
                debug!(root = %self.root.display(), "could not open the deposit to watch it: {errno}");
                self.forget_all();
                return Ok(0);
            }
        };
        let stat = fstat(&root).map_err(|errno| failed("look at the deposit", errno))?;
        let looks = Listed {
            device: stat.st_dev,
            inode: stat.st_ino,
            modified: (stat.st_mtime, stat.st_mtime_nsec.cast_signed()),
        };
        if self.listed == Some(looks) {
            return Ok(0);
        }
        self.watch_root(root.as_fd(), &stat)?;
        self.listed = Some(looks);
        let agents = agents_in(root.as_fd());
        self.forget_all_but(&agents);
        let mut new = 0;
        for agent in agents {
            if !self.by_agent.contains_key(&agent) {
                self.watch_agent(root.as_fd(), agent)?;
                new += 1;
            }
        }
        Ok(new)
    }

    /// Watches these agents anew, and tells whether one of them has a `log` folder, in which there may be
    /// reports of which nothing was told.
    pub fn watch(&mut self, agents: Vec<AgentId>) -> Result<bool, WatchError> {
        if agents.is_empty() {
            return Ok(false);
        }
        let Ok(root) = self.open_root() else {
            return Ok(false);
        };
        let mut has_log = false;
        for agent in agents {
            self.forget(&agent);
            has_log |= self.watch_agent(root.as_fd(), agent)? == Some(Kind::Log);
        }
        Ok(has_log)
    }

    /// All that was told since the last time.
    pub fn read(&mut self) -> Result<Told, WatchError> {
        let mut told = Told::default();
        let mut buffer = vec![MaybeUninit::uninit(); EVENTS_BYTES];
        let inotify = self.inotify.clone();
        let mut reader = Reader::new(&*inotify, &mut buffer);
        loop {
            match reader.next() {
                Ok(event) => {
                    let name = event.file_name().map(CStr::to_bytes).unwrap_or_default();
                    self.take(event.wd(), event.events(), name, &mut told);
                }
                Err(Errno::AGAIN) => return Ok(told),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(failed("read what happened in folders", errno)),
            }
        }
    }

    fn take(&mut self, watch: i32, events: ReadFlags, name: &[u8], told: &mut Told) {
        let is_root = self.watched_root.is_some_and(|root| root.watch == watch);
        if is_root || events.contains(ReadFlags::QUEUE_OVERFLOW) {
            // Whatever its time says: that may be the same for two changes.
            self.listed = None;
        }
        told.is_incomplete |= events.contains(ReadFlags::QUEUE_OVERFLOW);
        if is_root && events.contains(ReadFlags::IGNORED) {
            // It was removed or unmounted; the next listing looks for it again.
            self.watched_root = None;
            return;
        }
        let is_folder = events.contains(ReadFlags::ISDIR);
        if is_root {
            told.new.extend(agent_named(name).filter(|_| is_folder));
            return;
        }
        let Some(watched) = self.watches.get(&watch) else {
            return;
        };
        let agent = watched.agent.clone();
        if events.intersects(ReadFlags::IGNORED | ReadFlags::MOVE_SELF) {
            self.forget(&agent);
            told.new.push(agent);
        } else if watched.kind == Kind::Agent {
            told.new
                .extend((is_folder && name == b"log").then_some(agent));
        } else if !is_folder && is_report(name) {
            let name = String::from_utf8_lossy(name).into_owned();
            told.reports.push((agent, name));
        }
    }

    fn open_root(&self) -> Result<OwnedFd, Errno> {
        // The operator may have put a link there.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(CWD, &self.root, flags, Mode::empty())
    }

    fn watch_root(&mut self, root: BorrowedFd<'_>, stat: &Stat) -> Result<(), WatchError> {
        let is_same = |known: Root| (known.device, known.inode) == (stat.st_dev, stat.st_ino);
        if self.watched_root.is_some_and(is_same) {
            return Ok(());
        }
        self.forget_all();
        let watch = self
            .add(root, NEW_FOLDERS)
            .map_err(|errno| failed("watch the deposit", errno))?;
        self.watched_root = Some(Root {
            watch,
            device: stat.st_dev,
            inode: stat.st_ino,
        });
        Ok(())
    }

    /// Of what can't be opened nothing is told, and the next refresh tries again.
    fn watch_agent(
        &mut self,
        root: BorrowedFd<'_>,
        agent: AgentId,
    ) -> Result<Option<Kind>, WatchError> {
        match self.try_watch_agent(root, &agent) {
            Ok((watch, kind)) => {
                self.by_agent.insert(agent.clone(), watch);
                let before = self.watches.insert(watch, Watched { agent, kind });
                // A folder that was renamed has the watch that it had.
                if let Some(before) = before
                    && self
                        .watches
                        .get(&watch)
                        .is_some_and(|now| now.agent != before.agent)
                {
                    self.by_agent.remove(&before.agent);
                }
                Ok(Some(kind))
            }
            Err(errno @ Errno::NOSPC) => Err(failed("watch an agent's folder", errno)),
            Err(errno) => {
                debug!(%agent, "could not watch the agent's folder: {errno}");
                self.listed = None;
                Ok(None)
            }
        }
    }

    fn try_watch_agent(&self, root: BorrowedFd<'_>, agent: &AgentId) -> Result<(i32, Kind), Errno> {
        let folder = openat(root, agent.as_str(), PLACE, Mode::empty())?;
        let log = || openat(&folder, "log", PLACE, Mode::empty());
        if let Ok(log) = log() {
            return Ok((self.add(log.as_fd(), REPORTS)?, Kind::Log));
        }
        let watch = self.add(folder.as_fd(), NEW_FOLDERS)?;
        // It may have been made just before that.
        let Ok(log) = log() else {
            return Ok((watch, Kind::Agent));
        };
        let _ = inotify::remove_watch(&*self.inotify, watch);
        Ok((self.add(log.as_fd(), REPORTS)?, Kind::Log))
    }

    /// Watches a folder that was opened, as a path could lead through a link by now.
    fn add(&self, folder: BorrowedFd<'_>, flags: WatchFlags) -> Result<i32, Errno> {
        let path = format!("/proc/self/fd/{}", folder.as_raw_fd());
        inotify::add_watch(&*self.inotify, Path::new(&path), flags)
    }

    fn forget(&mut self, agent: &AgentId) {
        if let Some(watch) = self.by_agent.remove(agent) {
            self.watches.remove(&watch);
            // It is gone already when its folder is.
            let _ = inotify::remove_watch(&*self.inotify, watch);
        }
    }

    fn forget_all_but(&mut self, agents: &HashSet<AgentId>) {
        let known = self.by_agent.keys();
        let gone: Vec<AgentId> = known
            .filter(|agent| !agents.contains(agent))
            .cloned()
            .collect();
        for agent in gone {
            self.forget(&agent);
        }
    }

    fn forget_all(&mut self) {
        let root = self.watched_root.take().map(|root| root.watch);
        for watch in self.watches.drain().map(|(watch, _)| watch).chain(root) {
            let _ = inotify::remove_watch(&*self.inotify, watch);
        }
        self.by_agent.clear();
        self.listed = None;
    }
}

/// Becomes readable when there is something to tell.
impl AsFd for Folders {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

fn failed(doing: &'static str, errno: Errno) -> WatchError {
    match errno {
        Errno::NOSPC => WatchError::Limit {
            setting: "fs.inotify.max_user_watches",
        },
        errno => WatchError::System {
            doing,
            source: errno.into(),
        },
    }
}

/// Nothing when it can't be listed: the cycle that follows says so.
fn agents_in(root: BorrowedFd<'_>) -> HashSet<AgentId> {
    let Ok(listing) = Dir::read_from(root) else {
        return HashSet::new();
    };
    let folders = listing
        .flatten()
        .filter(|entry| matches!(entry.file_type(), FileType::Directory | FileType::Unknown));
    folders
        .filter_map(|entry| agent_named(entry.file_name().to_bytes()))
        .collect()
}

/// The agent whose folder this is; none for what is somebody's tooling.
fn agent_named(name: &[u8]) -> Option<AgentId> {
    AgentId::new(str::from_utf8(name).ok()?).ok()
}

/// Whether a cycle takes what has this name for a report.
fn is_report(name: &[u8]) -> bool {
    let ending = Path::new(OsStr::from_bytes(name)).extension();
    ending.is_some_and(|ending| ending.eq_ignore_ascii_case("json")) && !name.starts_with(b".")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn agent(name: &str) -> AgentId {
        AgentId::new(name).unwrap()
    }

    /// A deposit with these agents, watched.
    fn watching(agents: &[&str]) -> (tempfile::TempDir, Folders) {
        let root = tempfile::tempdir().unwrap();
        for agent in agents {
            fs::create_dir_all(root.path().join(agent).join("log")).unwrap();
        }
        let mut folders = Folders::new(root.path().to_owned()).unwrap();
        assert_eq!(folders.refresh().unwrap(), agents.len());
        (root, folders)
    }

    fn reports(told: &Told) -> Vec<&str> {
        told.reports.iter().map(|(_, name)| name.as_str()).collect()
    }

    #[test]
    fn reports_are_told_of_when_they_are_written_or_moved_in_and_nothing_else_is() {
        let (root, mut folders) = watching(&["A_B_C"]);
        let log = root.path().join("A_B_C/log");
        fs::write(log.join(".arriving"), "{}").unwrap();
        fs::write(log.join("notes.txt"), "").unwrap();
        fs::create_dir(log.join("folder.json")).unwrap();
        fs::write(root.path().join("A_B_C/beside.json"), "").unwrap();
        fs::rename(log.join(".arriving"), log.join("moved.json")).unwrap();
        let told = folders.read().unwrap();
        assert_eq!(reports(&told), ["moved.json"]);
        assert_eq!(told.reports[0].0, agent("A_B_C"));
        fs::write(log.join("WRITTEN.JSON"), "{}").unwrap();
        let told = folders.read().unwrap();
        assert_eq!(reports(&told), ["WRITTEN.JSON", "WRITTEN.JSON"]);
        assert_eq!(folders.read().unwrap(), Told::default());
    }

    #[test]
    fn what_a_cycle_does_there_is_not_told() {
        let (root, mut folders) = watching(&["A_B_C"]);
        let log = root.path().join("A_B_C/log");
        for name in ["good.json", "bad.json"] {
            fs::write(log.join(name), "{}").unwrap();
        }
        folders.read().unwrap();
        for (folder, name) in [("_archive", "good.json"), ("_rejected", "bad.json")] {
            fs::create_dir(log.join(folder)).unwrap();
            fs::read(log.join(name)).unwrap();
            fs::rename(log.join(name), log.join(folder).join(name)).unwrap();
        }
        fs::write(log.join("_rejected/bad.json.reason.txt"), "why").unwrap();
        // Events come in order: whatever was to be told of the above would come before this.
        fs::write(log.join("next.json"), "{}").unwrap();
        let told = folders.read().unwrap();
        assert_eq!(reports(&told), ["next.json", "next.json"]);
        assert!(told.new.is_empty());
    }

    #[test]
    fn a_new_agent_is_watched_from_its_folder_to_its_reports() {
        let (root, mut folders) = watching(&[]);
        let folder = root.path().join("A_B_C");
        fs::create_dir(&folder).unwrap();
        let new = folders.read().unwrap().new;
        assert_eq!(new, [agent("A_B_C")]);
        assert!(!folders.watch(new).unwrap());
        fs::create_dir(folder.join("databases")).unwrap();
        fs::create_dir(folder.join("log")).unwrap();
        let new = folders.read().unwrap().new;
        assert_eq!(new, [agent("A_B_C")]);
        assert!(folders.watch(new).unwrap());
        fs::write(folder.join("log/r.json"), "{}").unwrap();
        assert!(!folders.read().unwrap().reports.is_empty());
    }

    #[test]
    fn a_log_folder_that_is_replaced_is_watched_anew() {
        let (root, mut folders) = watching(&["A_B_C"]);
        let log = root.path().join("A_B_C/log");
        for replace in [
            &(|| fs::rename(&log, root.path().join("A_B_C/old")).unwrap()) as &dyn Fn(),
            &|| fs::remove_dir_all(&log).unwrap(),
        ] {
            replace();
            fs::create_dir(&log).unwrap();
            let new = folders.read().unwrap().new;
            assert_eq!(new, [agent("A_B_C")]);
            assert!(folders.watch(new).unwrap());
            fs::write(log.join("r.json"), "{}").unwrap();
            assert_eq!(reports(&folders.read().unwrap()), ["r.json", "r.json"]);
        }
    }

    #[test]
    fn only_what_is_new_is_watched_by_the_next_listing() {
        let (root, mut folders) = watching(&["A_B_C", "D_E_F"]);
        assert_eq!(folders.refresh().unwrap(), 0);
        fs::create_dir(root.path().join("G_H_I")).unwrap();
        fs::remove_dir_all(root.path().join("A_B_C")).unwrap();
        folders.read().unwrap();
        assert_eq!(folders.refresh().unwrap(), 1);
        assert_eq!(folders.watches.len(), 2);
    }

    #[test]
    fn a_deposit_that_comes_back_is_watched_again() {
        let (root, mut folders) = watching(&["A_B_C"]);
        let moved = root.path().with_extension("moved");
        fs::rename(root.path(), &moved).unwrap();
        assert_eq!(folders.refresh().unwrap(), 0);
        assert!(folders.watches.is_empty());
        fs::create_dir_all(root.path().join("A_B_C/log")).unwrap();
        assert_eq!(folders.refresh().unwrap(), 1);
        folders.read().unwrap();
        fs::write(moved.join("A_B_C/log/old.json"), "{}").unwrap();
        fs::write(root.path().join("A_B_C/log/new.json"), "{}").unwrap();
        let told = folders.read().unwrap();
        assert_eq!(reports(&told), ["new.json", "new.json"]);
        fs::remove_dir_all(moved).unwrap();
    }

    #[test]
    fn no_link_is_followed() {
        let elsewhere = tempfile::tempdir().unwrap();
        let log = elsewhere.path().join("log");
        fs::create_dir(&log).unwrap();
        let root = tempfile::tempdir().unwrap();
        symlink(elsewhere.path(), root.path().join("A_B_C")).unwrap();
        fs::create_dir(root.path().join("D_E_F")).unwrap();
        symlink(&log, root.path().join("D_E_F/log")).unwrap();
        let mut folders = Folders::new(root.path().to_owned()).unwrap();
        folders.refresh().unwrap();
        assert!(!folders.watch(vec![agent("A_B_C"), agent("D_E_F")]).unwrap());
        fs::write(log.join("r.json"), "{}").unwrap();
        assert_eq!(folders.read().unwrap(), Told::default());
    }

    #[test]
    fn a_limit_of_the_system_is_named() {
        assert!(
            failed("watch the deposit", Errno::NOSPC)
                .to_string()
                .contains("fs.inotify.max_user_watches")
        );
    }
}
