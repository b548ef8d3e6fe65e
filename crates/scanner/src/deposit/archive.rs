//! Sets reports aside once they are committed: into `log/_archive`, or with a reason into
//! `log/_rejected`. Never deletes one and never takes one that nobody has read.

use std::io::{self, Write};
use std::path::Path;

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt};
use cap_std::fs::{Dir, OpenOptions};
use vigie_domain::Sha256;

use crate::DepositError;
use crate::deposit::identity::FileIdentity;
use crate::deposit::{LogFolder, open_folder};

const ARCHIVE: &str = "_archive";
const REJECTED: &str = "_rejected";

/// The longest file name that common file systems take, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// A report as it was read.
#[derive(Debug, Clone)]
pub(crate) struct ReadFile {
    /// The file's name in the `log` folder.
    pub name: String,
    /// The SHA-256 of its bytes.
    pub sha256: Sha256,
    /// How the file looked when it was read.
    pub identity: FileIdentity,
}

impl LogFolder {
    /// Moves a report that was taken to the archive.
    pub(crate) fn archive(&self, report: &ReadFile) -> Result<(), DepositError> {
        self.set_aside(report, ARCHIVE, None)
    }

    /// Moves a report that can't be taken beside the others, with the reason in a file next to it.
    pub(crate) fn reject(&self, report: &ReadFile, reason: &str) -> Result<(), DepositError> {
        self.set_aside(report, REJECTED, Some(reason))
    }

    fn set_aside(
        &self,
        report: &ReadFile,
        folder_name: &'static str,
        reason: Option<&str>,
    ) -> Result<(), DepositError> {
        let path = self.path().join(&report.name);
        let failed = |error| DepositError::new("set aside", &path, error);
        let folder = open_or_create(self.dir(), folder_name)
            .map_err(|error| DepositError::new("open", self.path().join(folder_name), error))?;
        self.beat().map_err(failed)?;
        let target = free_name(&folder, report).map_err(failed)?;
        self.beat().map_err(failed)?;
        if let Some(reason) = reason {
            write_anew(&folder, &reason_name(&target), reason).map_err(failed)?;
        }
        match self.move_as_read(report, &folder, &target) {
            // Another cycle was here first, or the agent took it back.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            moved => moved.map_err(failed),
        }
    }

    /// An agent may put a new report in the place of the one that was read at any moment. What was
    /// not read is left where it is, or put back.
    fn move_as_read(&self, report: &ReadFile, folder: &Dir, target: &str) -> io::Result<()> {
        let log = self.dir();
        let now = FileIdentity::of(&log.symlink_metadata(&report.name)?);
        if !now.is_same_content(&report.identity) {
            return Ok(());
        }
        self.beat()?;
        log.rename(&report.name, folder, target)?;
        // Even by a thread that nobody waits for any more: what it moved has to be what was read.
        let moved = FileIdentity::of(&folder.symlink_metadata(target)?);
        if !moved.is_same_content(&report.identity) {
            folder.rename(target, log, free_name(log, report)?)?;
        }
        Ok(())
    }
}

fn open_or_create(parent: &Dir, name: &str) -> io::Result<Dir> {
    match parent.create_dir(name) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    open_folder(parent, name)
}

/// Writes a text into a file that nobody else has made: a pipe that an agent put there would be waited
/// for, and a link lead elsewhere.
fn write_anew(folder: &Dir, name: &str, text: &str) -> io::Result<()> {
    match folder.remove_file(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options
        .write(true)
        .create_new(true)
        .follow(FollowSymlinks::No);
    let mut file = folder.open_with(name, &options)?;
    file.write_all(format!("{}\n", text.trim_end()).as_bytes())
}

/// The name of the file that tells why a report lies beside it.
fn reason_name(report: &str) -> String {
    const SUFFIX: &str = ".reason.txt";
    let end = report.floor_char_boundary(MAX_NAME_BYTES - SUFFIX.len());
    format!("{}{SUFFIX}", &report[..end])
}

/// The report's own name or, when another report of that name lies there, one marked by content.
fn free_name(folder: &Dir, report: &ReadFile) -> io::Result<String> {
    match folder.symlink_metadata(&report.name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(report.name.clone()),
        Err(error) => return Err(error),
        Ok(_) => {}
    }
    let path = Path::new(&report.name);
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mark = &report.sha256.to_string()[..12];
    // Long names make room for the mark.
    let end = stem.floor_char_boundary(200);
    Ok(format!("{}.{mark}.json", &stem[..end]))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;
    use vigie_domain::AgentId;

    use super::*;
    use crate::deposit::Deposit;
    use crate::watchdog::pulse::Pulse;

    fn log_with(report: &str) -> (TempDir, LogFolder) {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("A_B_C/log")).unwrap();
        fs::write(root.path().join("A_B_C/log/r.json"), report).unwrap();
        let agent = AgentId::new("A_B_C").unwrap();
        let deposit = Deposit::open(root.path()).unwrap();
        let log = deposit
            .agent(&agent, &Pulse::default())
            .unwrap()
            .log()
            .unwrap()
            .unwrap();
        (root, log)
    }

    fn read(log: &LogFolder) -> ReadFile {
        let (_, identity) = log.read("r.json", 1000).unwrap().unwrap();
        ReadFile {
            name: "r.json".to_owned(),
            sha256: Sha256::from([0xAB; 32]),
            identity,
        }
    }

    #[test]
    fn a_report_that_was_replaced_since_it_was_read_is_left_for_the_next_cycle() {
        let (root, log) = log_with("read");
        let report = read(&log);
        let log_path = root.path().join("A_B_C/log");
        fs::write(log_path.join("arriving"), "not read yet").unwrap();
        fs::rename(log_path.join("arriving"), log_path.join("r.json")).unwrap();
        log.archive(&report).unwrap();
        assert_eq!(
            fs::read_to_string(log_path.join("r.json")).unwrap(),
            "not read yet"
        );
        assert!(!log_path.join("_archive/r.json").exists());
    }

    #[test]
    fn a_thread_that_nobody_waits_for_any_more_sets_no_report_aside() {
        let (root, log) = log_with("read");
        let report = read(&log);
        log.pulse.cancel();
        log.archive(&report).unwrap_err();
        assert!(root.path().join("A_B_C/log/r.json").exists());
    }

    #[test]
    fn a_report_that_is_gone_already_is_no_error() {
        let (root, log) = log_with("read");
        let report = read(&log);
        fs::remove_file(root.path().join("A_B_C/log/r.json")).unwrap();
        log.archive(&report).unwrap();
    }

    #[test]
    fn a_report_does_not_overwrite_another_of_its_name() {
        let (root, log) = log_with("second");
        let archive = root.path().join("A_B_C/log/_archive");
        fs::create_dir(&archive).unwrap();
        fs::write(archive.join("r.json"), "first").unwrap();
        log.archive(&read(&log)).unwrap();
        assert_eq!(fs::read_to_string(archive.join("r.json")).unwrap(), "first");
        let marked = archive.join("r.abababababab.json");
        assert_eq!(fs::read_to_string(marked).unwrap(), "second");
    }
}
