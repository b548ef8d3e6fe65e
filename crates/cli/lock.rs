//! One cycle at a time: a lock beside the database. The system releases it however the process
//! ends, so a crash leaves nothing behind that has to be cleaned up.

use std::fs::{File, TryLockError};
use std::path::Path;

use anyhow::{Context, bail};

/// Held while a cycle is at work.
#[derive(Debug)]
pub struct CycleLock {
    _file: File,
}

impl CycleLock {
    /// Takes the lock that belongs to this database, or says that another process has it.
    pub fn take(database: &Path) -> anyhow::Result<Self> {
        let mut path = database.as_os_str().to_owned();
        path.push(".lock");
        let shown = Path::new(&path).display();
        let file = File::create(&path).with_context(|| format!("could not open {shown}"))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => bail!(
                "another vigie is doing a cycle on this database ({shown} is locked); \
                 wait for it to end"
            ),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("could not lock {shown}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_cycle_is_refused_until_the_first_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("vigie.db");
        let first = CycleLock::take(&database).unwrap();
        let refusal = CycleLock::take(&database).unwrap_err().to_string();
        assert!(refusal.contains("vigie.db.lock is locked"), "{refusal}");
        drop(first);
        CycleLock::take(&database).unwrap();
    }
}
