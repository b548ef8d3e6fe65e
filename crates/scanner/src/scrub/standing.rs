//! The validated tree as it stands: opens what should be there and makes nothing. Knows no hash.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, MetadataExt};

use crate::DepositError;
use crate::deposit::identity::FileIdentity;
use crate::deposit::{kind_of, open_folder, reading};

/// What a new file system holds before anybody has put anything there.
const OF_THE_FILE_SYSTEM: &str = "lost+found";

/// The root of a tree that was there when it was opened.
#[derive(Debug)]
pub(crate) struct StandingTree {
    root: Dir,
    path: PathBuf,
    /// The device and the number of the root.
    place: (u64, u64),
}

/// What lies under a path in the tree.
#[derive(Debug)]
pub(crate) enum Found {
    Gone,
    NotRegular(&'static str),
    File(File, FileIdentity),
}

impl StandingTree {
    pub(crate) fn open(path: &Path) -> Result<Self, DepositError> {
        let failed = |error| DepositError::new("open the validated tree", path, error);
        let root = Dir::open_ambient_dir(path, ambient_authority()).map_err(failed)?;
        let metadata = root.dir_metadata().map_err(failed)?;
        Ok(Self {
            root,
            path: path.to_owned(),
            place: (metadata.dev(), metadata.ino()),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether nobody has put anything there, as in the folder on which a disk is not mounted.
    pub(crate) fn is_empty(&self) -> Result<bool, DepositError> {
        let failed = |error| DepositError::new("list the validated tree", &self.path, error);
        for entry in self.root.entries().map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let is_hidden = name.as_encoded_bytes().starts_with(b".");
            if !is_hidden && name != OsStr::new(OF_THE_FILE_SYSTEM) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether its path leads to it still, and not to what lies below a disk that was taken away.
    pub(crate) fn is_in_its_place(&self) -> Result<bool, DepositError> {
        Ok(Self::open(&self.path)?.place == self.place)
    }

    /// Opens the regular file at this path, through folders alone.
    pub(crate) fn find(&self, path: &str) -> io::Result<Found> {
        let (dir, name) = match self.folder_of(path) {
            Ok(found) => found,
            // Something else lies in the place of a folder: its errors are no more the system's own.
            Err(error) if is_absent(&error) || error.raw_os_error().is_none() => {
                return Ok(Found::Gone);
            }
            Err(error) => return Err(error),
        };
        let kind = match dir.symlink_metadata(name) {
            Ok(metadata) => metadata.file_type(),
            Err(error) if is_absent(&error) => return Ok(Found::Gone),
            Err(error) => return Err(error),
        };
        if !kind.is_file() {
            return Ok(Found::NotRegular(kind_of(kind)));
        }
        let file = match dir.open_with(name, &reading()) {
            Ok(file) => file,
            Err(error) if is_absent(&error) => return Ok(Found::Gone),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(Found::NotRegular(kind_of(metadata.file_type())));
        }
        Ok(Found::File(file, FileIdentity::of(&metadata)))
    }

    fn folder_of<'p>(&self, path: &'p str) -> io::Result<(Dir, &'p str)> {
        let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
        let below = |dir: Dir, component| open_folder(&dir, component);
        let dir = folder.split('/').try_fold(self.root.try_clone()?, below)?;
        Ok((dir, name))
    }
}

fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn tree() -> (tempfile::TempDir, StandingTree) {
        let root = tempfile::tempdir().unwrap();
        let tree = StandingTree::open(root.path()).unwrap();
        (root, tree)
    }

    #[test]
    fn what_is_not_there_is_not_made() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("validated");
        let error = StandingTree::open(&path).unwrap_err().to_string();
        assert!(
            error.starts_with("could not open the validated tree "),
            "{error}"
        );
        assert!(!path.exists());
    }

    #[test]
    fn what_a_file_system_brings_along_is_no_content() {
        let (root, tree) = tree();
        assert!(tree.is_empty().unwrap());
        fs::create_dir(root.path().join("lost+found")).unwrap();
        fs::write(root.path().join(".Trash"), b"").unwrap();
        assert!(tree.is_empty().unwrap());
        fs::create_dir(root.path().join("A")).unwrap();
        assert!(!tree.is_empty().unwrap());
    }

    #[test]
    fn another_folder_in_the_place_of_the_tree_is_noticed() {
        let above = tempfile::tempdir().unwrap();
        let path = above.path().join("validated");
        fs::create_dir(&path).unwrap();
        let tree = StandingTree::open(&path).unwrap();
        assert!(tree.is_in_its_place().unwrap());
        fs::rename(&path, above.path().join("elsewhere")).unwrap();
        assert!(tree.is_in_its_place().is_err());
        fs::create_dir(&path).unwrap();
        assert!(!tree.is_in_its_place().unwrap());
    }

    #[test]
    fn regular_files_alone_are_opened_and_through_folders_alone() {
        let (root, tree) = tree();
        let folder = root.path().join("A/X");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("X.zst"), b"content").unwrap();
        symlink("X.zst", folder.join("link")).unwrap();
        symlink("A", root.path().join("way")).unwrap();
        fs::create_dir(folder.join("folder")).unwrap();
        let found = |path| match tree.find(path).unwrap() {
            Found::Gone => "gone",
            Found::NotRegular(kind) => kind,
            Found::File(..) => "a file",
        };
        let found = [
            "A/X/X.zst",
            "A/X/Y.zst",
            "A/Y/X.zst",
            "A/X/X.zst/X.zst",
            "A/X/link",
            "A/X/folder",
            "way/X/X.zst",
        ]
        .map(found);
        assert_eq!(
            found,
            [
                "a file",
                "gone",
                "gone",
                "gone",
                "a symbolic link",
                "a directory",
                "gone"
            ]
        );
    }
}
