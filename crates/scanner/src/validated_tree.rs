//! The tree in which proven backups are kept. A copy appears whole or not at all, and the last good
//! one stands until then. Knows paths that are safe already, no report.

use std::io;
use std::path::Path;

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsMaybeDirExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, OpenOptions};

use crate::DepositError;
use crate::deposit::open_folder;
use crate::page_cache::release_all;

/// One name for every copy on its way: what a crash left is overwritten by the next attempt, so
/// nothing piles up. A job's folder is written to by one scan at a time.
const PARTIAL: &str = ".vigie-partial";

/// The tree's root.
#[derive(Debug)]
pub(crate) struct ValidatedTree {
    root: Dir,
}

/// A copy that is being made.
#[derive(Debug)]
pub(crate) struct PartialCopy {
    folder: Dir,
    file: File,
    file_name: String,
}

impl ValidatedTree {
    pub(crate) fn open(path: &Path) -> Result<Self, DepositError> {
        let failed = |error| DepositError::new("open the validated tree", path, error);
        Dir::create_ambient_dir_all(path, ambient_authority()).map_err(failed)?;
        let root = Dir::open_ambient_dir(path, ambient_authority()).map_err(failed)?;
        Ok(Self { root })
    }

    /// Whether a copy of this size stands there.
    pub(crate) fn holds(&self, folder: &str, file_name: &str, size: u64) -> bool {
        let below = |dir: Dir, component| open_folder(&dir, component);
        let root = self.root.try_clone();
        root.and_then(|root| folder.split('/').try_fold(root, below))
            .and_then(|dir| dir.symlink_metadata(file_name))
            .is_ok_and(|metadata| metadata.is_file() && metadata.len() == size)
    }

    /// Starts a copy in a job's folder.
    pub(crate) fn start(&self, folder: &str, file_name: &str) -> io::Result<PartialCopy> {
        let mut dir = self.root.try_clone()?;
        for component in folder.split('/') {
            match dir.create_dir(component) {
                Ok(()) => sync(&dir)?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            dir = open_folder(&dir, component)?;
        }
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .follow(FollowSymlinks::No);
        let file = dir.open_with(PARTIAL, &options)?;
        Ok(PartialCopy {
            folder: dir,
            file,
            file_name: file_name.to_owned(),
        })
    }
}

impl PartialCopy {
    /// The file that the copy is made in, for writing and for reading back.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Puts the copy in the place of the last one, once its bytes are on the disk.
    pub(crate) fn finish(self) -> io::Result<()> {
        let put = self.file.sync_all().and_then(|()| {
            release_all(&self.file);
            self.folder.rename(PARTIAL, &self.folder, &self.file_name)
        });
        match put {
            Ok(()) => sync(&self.folder),
            Err(error) => {
                self.abandon();
                Err(error)
            }
        }
    }

    pub(crate) fn abandon(self) {
        // What can't be removed now is overwritten by the next copy.
        let _ = self.folder.remove_file(PARTIAL);
    }
}

/// Makes the names in a folder as durable as the files that they name.
fn sync(folder: &Dir) -> io::Result<()> {
    // A `Dir` itself is a place and can't be synchronised; the folder opened for reading can.
    let mut options = OpenOptions::new();
    options.read(true).maybe_dir(true);
    folder.open_with(".", &options)?.sync_all()
}
