//! The tree in which proven backups are kept. A copy appears whole or not at all, and the last good
//! one stands until then. Knows paths that are safe already, no report.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsMaybeDirExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, OpenOptions};

use crate::DepositError;
use crate::deposit::open_folder;
use crate::proof::page_cache::release_all;

/// One name for every copy on its way: what a crash left is overwritten by the next attempt, so
/// nothing piles up. A job's folder is written to by one scan at a time.
const PARTIAL: &str = ".vigie-partial";

/// The tree's root.
#[derive(Debug)]
pub(crate) struct ValidatedTree {
    root: Dir,
    /// The paths of folders that were made and whose names may not be on the disk yet. Every copy
    /// below one of them sees to it, whoever made the folder.
    unsynced: Mutex<HashSet<String>>,
}

/// What there is to see of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// A regular file of its size.
    Whole,
    /// Something else, or something that can't be looked at.
    Other,
    /// Its folder, and nothing of its name there.
    Absent,
    /// Nothing: its folder is not there either.
    Hidden,
}

/// A copy that is being made.
#[derive(Debug)]
pub(crate) struct PartialCopy<'a> {
    tree: &'a ValidatedTree,
    folder: Dir,
    file: File,
    file_name: String,
    /// The folders that hold the unsynced ones on the way to this copy, with the paths of those.
    to_sync: Vec<(Dir, String)>,
}

impl ValidatedTree {
    pub(crate) fn open(path: &Path) -> Result<Self, DepositError> {
        let failed = |error| DepositError::new("open the validated tree", path, error);
        Dir::create_ambient_dir_all(path, ambient_authority()).map_err(failed)?;
        Self::open_existing(path)
    }

    /// Opens a tree that has to be there.
    pub(crate) fn open_existing(path: &Path) -> Result<Self, DepositError> {
        let failed = |error| DepositError::new("open the validated tree", path, error);
        let root = Dir::open_ambient_dir(path, ambient_authority()).map_err(failed)?;
        Ok(Self {
            root,
            unsynced: Mutex::default(),
        })
    }

    /// Whether a copy of this size stands there.
    pub(crate) fn holds(&self, path: &str, size: u64) -> bool {
        self.see(path, size) == Sight::Whole
    }

    /// What there is to see of a copy of this size.
    pub(crate) fn see(&self, path: &str, size: u64) -> Sight {
        let is_absent = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        let (folder, file_name) = match self.folder_of(path) {
            Ok(found) => found,
            Err(error) if is_absent(&error) => return Sight::Hidden,
            Err(_) => return Sight::Other,
        };
        match folder.symlink_metadata(file_name) {
            Ok(metadata) if metadata.is_file() && metadata.len() == size => Sight::Whole,
            Err(error) if is_absent(&error) => Sight::Absent,
            Ok(_) | Err(_) => Sight::Other,
        }
    }

    /// The folder that a path leads to, through folders alone, and the last component.
    pub(crate) fn folder_of<'p>(&self, path: &'p str) -> io::Result<(Dir, &'p str)> {
        let (folder, file_name) = path.rsplit_once('/').unwrap_or((".", path));
        let below = |dir: Dir, component| open_folder(&dir, component);
        let dir = folder.split('/').try_fold(self.root.try_clone()?, below)?;
        Ok((dir, file_name))
    }

    /// Starts a copy in a job's folder.
    pub(crate) fn start(&self, folder: &str, file_name: &str) -> io::Result<PartialCopy<'_>> {
        let mut dir = self.root.try_clone()?;
        let mut path = String::with_capacity(folder.len() + 1);
        let mut to_sync = Vec::new();
        for component in folder.split('/') {
            path.push('/');
            path.push_str(component);
            let below = self.open_or_make(&dir, component, &path)?;
            if self.unsynced().contains(&path) {
                to_sync.push((dir, path.clone()));
            }
            dir = below;
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
            tree: self,
            folder: dir,
            file,
            file_name: file_name.to_owned(),
            to_sync,
        })
    }

    fn open_or_make(&self, parent: &Dir, name: &str, path: &str) -> io::Result<Dir> {
        match open_folder(parent, name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened,
        }
        // Noted before it is there: nobody is to find it and take it for durable.
        self.unsynced().insert(path.to_owned());
        match parent.create_dir(name) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => open_folder(parent, name),
        }
    }

    fn unsynced(&self) -> MutexGuard<'_, HashSet<String>> {
        self.unsynced.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartialCopy<'_> {
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
        if let Err(error) = put {
            self.abandon();
            return Err(error);
        }
        sync(&self.folder)?;
        // Last, when all of it is on its way to the disk already: each alone would have to wait.
        for (folder, path) in &self.to_sync {
            sync(folder)?;
            self.tree.unsynced().remove(path);
        }
        Ok(())
    }

    pub(crate) fn abandon(self) {
        // What can't be removed now is overwritten by the next copy.
        let _ = self.folder.remove_file(PARTIAL);
    }
}

/// Makes the names in a folder as durable as the files that they name.
pub(crate) fn sync(folder: &Dir) -> io::Result<()> {
    // A `Dir` itself is a place and can't be synchronised; the folder opened for reading can.
    let mut options = OpenOptions::new();
    options.read(true).maybe_dir(true);
    folder.open_with(".", &options)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> (tempfile::TempDir, ValidatedTree) {
        let root = tempfile::tempdir().unwrap();
        let tree = ValidatedTree::open(root.path()).unwrap();
        (root, tree)
    }

    #[test]
    fn a_folder_is_durable_with_the_first_copy_below_it() {
        let (_root, tree) = tree();
        let copy = tree.start("A/B/X", "X.zst").unwrap();
        assert_eq!(copy.to_sync.len(), 3);
        copy.finish().unwrap();
        assert_eq!(tree.start("A/B/X", "X.zst").unwrap().to_sync.len(), 0);
        assert_eq!(tree.start("A/B/Y", "Y.zst").unwrap().to_sync.len(), 1);
    }

    #[test]
    fn a_folder_that_another_copy_has_just_made_is_not_taken_for_durable() {
        let (_root, tree) = tree();
        let maker = tree.start("A/B/X", "X.zst").unwrap();
        let copy = tree.start("A/B/Y", "Y.zst").unwrap();
        maker.abandon();
        assert_eq!(copy.to_sync.len(), 3);
        copy.finish().unwrap();
        assert!(tree.holds("A/B/Y/Y.zst", 0));
        assert_eq!(tree.start("A/B/X", "X.zst").unwrap().to_sync.len(), 1);
    }
}
