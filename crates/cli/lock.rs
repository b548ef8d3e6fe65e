//! One cycle at a time, and one that sends mails: locks beside the database. The system releases them
//! however the process ends, so a crash leaves nothing behind that has to be cleaned up.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use thiserror::Error;
use tokio::time::{Instant, sleep};

/// Held while a cycle is at work.
#[derive(Debug)]
pub struct CycleLock {
    _file: File,
}

/// Held while mails are sent. Whoever has it knows that all others who claimed mails are dead.
#[derive(Debug)]
pub struct DeliveryLock {
    _file: File,
}

/// Another process is doing a cycle on the same database.
#[derive(Debug, Error)]
#[error(
    "another vigie is doing a cycle on this database ({} is locked); wait for it to end",
    .0.display()
)]
pub struct AnotherCycle(PathBuf);

impl CycleLock {
    /// Takes the lock that belongs to this database, or says that another process has it.
    pub fn take(database: &Path) -> anyhow::Result<Self> {
        let path = beside(database, ".lock");
        match lock(&path)? {
            Some(file) => Ok(Self { _file: file }),
            None => Err(AnotherCycle(path).into()),
        }
    }

    /// The same, and waits for a cycle to end, for not longer than this.
    pub async fn take_within(database: &Path, patience: Duration) -> anyhow::Result<Self> {
        const LOOK_EVERY: Duration = Duration::from_millis(100);
        let give_up_at = Instant::now() + patience;
        loop {
            match Self::take(database) {
                Err(error) if error.is::<AnotherCycle>() && Instant::now() < give_up_at => {
                    sleep(LOOK_EVERY).await;
                }
                taken => return taken,
            }
        }
    }
}

impl DeliveryLock {
    /// Takes the lock that belongs to this database; `None` while another process has it.
    pub fn take(database: &Path) -> anyhow::Result<Option<Self>> {
        let file = lock(&beside(database, ".mail.lock"))?;
        Ok(file.map(|file| Self { _file: file }))
    }
}

fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

fn lock(path: &Path) -> anyhow::Result<Option<File>> {
    let shown = path.display();
    let file = File::create(path).with_context(|| format!("could not open {shown}"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("could not lock {shown}"))
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

    #[test]
    fn one_sends_mails_beside_one_who_does_a_cycle() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("vigie.db");
        let _cycle = CycleLock::take(&database).unwrap();
        let first = DeliveryLock::take(&database).unwrap();
        assert!(first.is_some());
        assert!(DeliveryLock::take(&database).unwrap().is_none());
        drop(first);
        assert!(DeliveryLock::take(&database).unwrap().is_some());
    }
}
