//! The thread that asks the system what happens in the folders of a deposit: finding out may mean waiting
//! for a disk. Decides nothing about cycles.

use std::io::{self, PipeReader, PipeWriter, Write, pipe};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tokio::sync::oneshot;
use tracing::{debug, warn};

use super::Noted;
use super::folders::{Folders, Told, WatchError};

/// A thread that watches a deposit. It ends when this is dropped, or the system refuses.
#[derive(Debug)]
pub struct Watching {
    listings: SyncSender<oneshot::Sender<()>>,
    /// Wakes the thread, by a byte or by being closed.
    bell: PipeWriter,
}

impl Watching {
    pub fn start(root: PathBuf, noted: Noted) -> io::Result<Self> {
        let (listings, asked) = sync_channel(1);
        let (door, bell) = pipe()?;
        let thread = thread::Builder::new().name("arrivals".to_owned());
        thread.spawn(move || {
            if let Err(error) = watch(root, &noted, &asked, &door) {
                warn!("reports are taken at the interval alone: {error}");
            }
        })?;
        Ok(Self { listings, bell })
    }

    /// Has the thread watch what is there now, and gives what tells when it does; `None` when it does not
    /// watch any more, or is not done with the last listing.
    pub fn list(&mut self) -> Option<oneshot::Receiver<()>> {
        let (listed, is_listed) = oneshot::channel();
        self.listings.try_send(listed).ok()?;
        self.bell.write_all(&[0]).ok()?;
        Some(is_listed)
    }
}

fn watch(
    root: PathBuf,
    noted: &Noted,
    asked: &Receiver<oneshot::Sender<()>>,
    door: &PipeReader,
) -> Result<(), WatchError> {
    let mut folders = Folders::new(root)?;
    loop {
        wait(&folders, door)?;
        note(&mut folders, noted)?;
        match asked.try_recv() {
            Ok(listed) => list(&mut folders, listed, noted, door)?,
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return Ok(()),
        }
    }
}

/// Waits until there is something to tell, or the bell rings.
fn wait(folders: &Folders, door: &PipeReader) -> Result<(), WatchError> {
    let mut both =
        [folders.as_fd(), door.as_fd()].map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
    match poll(&mut both, None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(WatchError::System {
            doing: "wait for what happens in folders",
            source: errno.into(),
        }),
    }
}

/// Watches what is there. What has arrived before is found by the cycle that waits for this; when it no
/// longer waits, what arrived meanwhile may have been missed by both.
fn list(
    folders: &mut Folders,
    listed: oneshot::Sender<()>,
    noted: &Noted,
    mut door: &PipeReader,
) -> Result<(), WatchError> {
    // The bell's byte.
    let _ = io::Read::read(&mut door, &mut [0]);
    let started = Instant::now();
    let new = folders.refresh()?;
    debug!(new, took = ?started.elapsed(), "folders are watched");
    if listed.send(()).is_err() && new > 0 {
        noted.arrival();
    }
    Ok(())
}

fn note(folders: &mut Folders, noted: &Noted) -> Result<(), WatchError> {
    let Told {
        reports,
        new,
        is_incomplete,
    } = folders.read()?;
    for (agent, name) in &reports {
        debug!(%agent, ?name, "a report has arrived");
    }
    let has_log = folders.watch(new)?;
    if is_incomplete || has_log || !reports.is_empty() {
        noted.arrival();
    }
    Ok(())
}
