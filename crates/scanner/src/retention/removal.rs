//! Removes files from the validated tree: regular ones, at their own paths, through folders alone.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::Path;

use tracing::{info, warn};
use vigie_domain::{JobId, ValidatedFile};

use crate::DepositError;
use crate::proof::validated_tree::{ValidatedTree, sync};

/// What became of some files.
#[derive(Debug, Default)]
pub(super) struct Removal {
    /// Those that are not there any more.
    pub removed: Vec<ValidatedFile>,
    /// The jobs of the others.
    pub failed_jobs: HashSet<JobId>,
    pub errors: Vec<String>,
}

/// Removes these files. A folder that can't be written to keeps no other from being served.
pub(super) fn remove(tree: &ValidatedTree, root: &Path, files: &[ValidatedFile]) -> Removal {
    let mut by_folder: BTreeMap<&str, Vec<&ValidatedFile>> = BTreeMap::new();
    for file in files {
        let (folder, _) = file.path.rsplit_once('/').unwrap_or_default();
        by_folder.entry(folder).or_default().push(file);
    }
    let mut removal = Removal::default();
    for files in by_folder.into_values() {
        let mut gone = Vec::new();
        for file in files {
            match remove_one(tree, file) {
                Ok(()) => gone.push(file),
                Err(error) => removal.fail(root, file, error),
            }
        }
        // Once for all: until it is on the disk none of them counts as gone.
        let synced = gone
            .first()
            .map_or(Ok(()), |file| sync_folder_of(tree, file));
        match synced {
            Ok(()) => removal.removed.extend(gone.into_iter().cloned()),
            Err(error) => removal.fail(root, gone[0], error),
        }
    }
    removal
}

impl Removal {
    fn fail(&mut self, root: &Path, file: &ValidatedFile, error: io::Error) {
        let error = DepositError::new("remove the validated backup", root.join(&file.path), error);
        self.errors.push(error.to_string());
        self.failed_jobs.insert(file.job_id);
    }
}

/// What is gone already is as good as removed. So is what something else has taken the place of: that is
/// no copy, and left alone.
fn remove_one(tree: &ValidatedTree, file: &ValidatedFile) -> io::Result<()> {
    let is_absent = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let found = tree
        .folder_of(&file.path)
        .and_then(|(folder, name)| Ok((folder.symlink_metadata(name)?, folder, name)));
    let (metadata, folder, name) = match found {
        Err(error) if is_absent(&error) => return Ok(()),
        found => found?,
    };
    if !metadata.is_file() {
        warn!(
            file = file.path,
            "what lies in the place of a validated backup is no file, and left alone"
        );
        return Ok(());
    }
    match folder.remove_file(name) {
        Err(error) if !is_absent(&error) => Err(error),
        _ => {
            info!(
                file = file.path,
                size = file.size,
                "validated backup removed, as no rule keeps it"
            );
            Ok(())
        }
    }
}

fn sync_folder_of(tree: &ValidatedTree, file: &ValidatedFile) -> io::Result<()> {
    match tree.folder_of(&file.path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        opened => sync(&opened?.0),
    }
}
