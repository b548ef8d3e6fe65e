//! Writes in a folder of the validated tree what it holds, as `sha256sum -c` reads it (GNU coreutils,
//! "sha2 utilities"). It tells what is recorded and looks at no copy.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt};
use cap_std::fs::{Dir, OpenOptions};
use vigie_domain::{MANIFEST, ValidatedFile};

use crate::DepositError;
use crate::proof::validated_tree::ValidatedTree;

/// Where a list is made. No copy has this name: none of theirs begins with a dot.
const PARTIAL: &str = ".vigie-manifest";

/// What became of some lists.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// The folders whose lists are as they should be.
    pub folders: Vec<String>,
    pub errors: Vec<String>,
}

/// Writes the lists of these folders. A folder that can't be written to keeps no other from being served.
pub(super) fn write_all(
    tree: &ValidatedTree,
    root: &Path,
    folders: Vec<String>,
    files: &[ValidatedFile],
) -> Written {
    let mut by_folder: BTreeMap<&str, Vec<&ValidatedFile>> = BTreeMap::new();
    for file in files {
        let (folder, _) = file.path.rsplit_once('/').unwrap_or_default();
        by_folder.entry(folder).or_default().push(file);
    }
    let mut written = Written::default();
    for folder in folders {
        let files = by_folder.get(&*folder).map_or(&[][..], Vec::as_slice);
        match write(tree, &folder, files) {
            Ok(()) => written.folders.push(folder),
            Err(error) => {
                let path = root.join(&folder).join(MANIFEST);
                let error = DepositError::new("write the list of validated backups", path, error);
                written.errors.push(error.to_string());
            }
        }
    }
    written
}

/// It is not synchronised: whatever is lost of it can be told again from what is recorded.
fn write(tree: &ValidatedTree, folder: &str, files: &[&ValidatedFile]) -> io::Result<()> {
    let dir = match tree.folder_of(&format!("{folder}/{MANIFEST}")) {
        // Somebody removed it with all that it held.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?.0,
    };
    // A backup that was kept under this name before there were lists.
    if files.iter().any(|file| name_of(file) == MANIFEST) {
        return Ok(());
    }
    // Whatever lies there, a link or a pipe, is not opened.
    absent_is_fine(dir.remove_file(PARTIAL))?;
    if files.is_empty() {
        return absent_is_fine(dir.remove_file(MANIFEST));
    }
    let put = put(&dir, &list_of(files));
    if put.is_err() {
        let _ = dir.remove_file(PARTIAL);
    }
    put
}

fn put(dir: &Dir, list: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options
        .write(true)
        .create_new(true)
        .follow(FollowSymlinks::No);
    let mut file = dir.open_with(PARTIAL, &options)?;
    file.write_all(list.as_bytes())?;
    dir.rename(PARTIAL, dir, MANIFEST)
}

fn absent_is_fine(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn list_of(files: &[&ValidatedFile]) -> String {
    let mut files = files.to_vec();
    files.sort_unstable_by_key(|file| name_of(file));
    let mut list = String::new();
    for file in files {
        let (name, sha256) = (name_of(file), file.sha256);
        // Writing to a String can't fail.
        let _ = if name.contains(['\\', '\n', '\r']) {
            let name = name
                .replace('\\', "\\\\")
                .replace('\n', "\\n")
                .replace('\r', "\\r");
            writeln!(list, "\\{sha256}  {name}")
        } else {
            writeln!(list, "{sha256}  {name}")
        };
    }
    list
}

fn name_of(file: &ValidatedFile) -> &str {
    let (_, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
    name
}
