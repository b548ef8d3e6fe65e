//! A scrub: validated files are read again and compared with what was proven when they were kept, those
//! whose last look is the longest ago first. The order of things is here; a look at one file is in
//! `looking`, the tree in `standing`. Knows no report and no cycle.

mod looking;
mod result;
mod standing;
mod store;

use std::collections::VecDeque;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use vigie_domain::{ValidatedFault, ValidatedFile};

pub use result::{DamagedFile, FileError, RestoredFile, ScrubResult};
pub use store::{DueFile, DuePlace, DueTotals, FileCheck, JudgedCheck, RecordedChecks, ScrubStore};

use crate::blocking::blocking;
use crate::proof::pace::Pace;
use crate::{DepositError, Observer, Progress, StoreError};
use looking::{Look, is_still_there, look, stands};
use standing::StandingTree;

/// How many files are asked for at once.
const DUE_AT_ONCE: u32 = 256;

/// How many results are kept in one transaction at most.
const KEPT_AT_ONCE: usize = 256;

/// How long a result waits for others until it is kept: so much is read once more after a crash.
const KEPT_EVERY: Duration = Duration::from_secs(1);

/// How many files from all over the tree are looked for when one is lost.
const LOOKED_FOR: u32 = 64;

/// When at least so many of them, and more than half, are not there, it is the tree that is lost. Fewer
/// can be told of one by one.
const MANY: usize = 20;

/// What a [`Scrubber`] has to be told.
#[derive(Debug, Clone)]
pub struct ScrubSettings {
    /// The tree in which proven backups are kept.
    pub validated: PathBuf,
    /// On how many cores files are read at once, at most.
    pub cores: NonZeroUsize,
    /// How many bytes are read in a second, at most, over all files; `None` for as many as can be.
    pub max_read_rate: Option<NonZeroU64>,
}

/// Which files are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScrubOrder {
    /// Those that were last looked at before this instant. It has to lie in the past, or files would be
    /// looked at again and again.
    pub before: Timestamp,
    /// No file is begun any more when those that were have so many bytes; `None` begins all. A file that is
    /// larger is read all the same when it is its turn.
    pub max_bytes: Option<u64>,
    /// Takes files for lost even when hardly any is there, which else is taken for a disk that is not
    /// mounted.
    pub accepts_loss: bool,
}

/// What a scrub asks and tells while it goes on.
#[derive(Clone)]
pub struct ScrubSurroundings {
    /// What time it is.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Whether somebody may be keeping new backups at this moment. A file that was replaced is told from
    /// one that was tampered with by the store, which knows of it only when the cycle has committed it. While one may be at work, what was
    /// changed on the disk since it was last looked at is left for the next scrub.
    pub is_cycle_at_work: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Is told how far the scrub is, as of a cycle.
    pub observe: Observer,
}

/// Reads validated files again. It may be at work beside cycles.
#[derive(Debug)]
pub struct Scrubber<S> {
    settings: ScrubSettings,
    pace: Arc<Pace>,
    is_stopped: Arc<AtomicBool>,
    store: S,
}

/// Why a scrub ended early. What it found before that is kept.
#[derive(Debug, Error)]
pub enum ScrubError {
    /// The validated tree as a whole can't be relied on, so that nothing is said about files.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is wrong with the validated tree as a whole. Once it is there again, a scrub goes on.
#[derive(Debug, Error)]
pub enum TreeError {
    /// Its root can't be used.
    #[error(transparent)]
    Unusable(#[from] DepositError),
    /// There is nothing in it.
    #[error("the validated tree {} is empty, though backups were kept there: is its disk mounted?", .0.display())]
    Empty(PathBuf),
    /// Something else lies under its path since the scrub began.
    #[error("the validated tree {} was replaced by another folder: is its disk mounted?", .0.display())]
    Replaced(PathBuf),
    /// Most of what should be there is not.
    #[error(
        "of {looked_for} backups looked for all over the validated tree {}, {absent} are not there: is its \
         disk mounted?",
        path.display()
    )]
    Lost {
        /// The tree.
        path: PathBuf,
        /// How many files were looked for.
        looked_for: usize,
        /// How many of them are not there, or can't be read.
        absent: usize,
    },
}

/// One file that was looked at.
#[derive(Debug)]
struct Looked {
    due: DueFile,
    look: Look,
    /// How many bytes of it were read.
    read: u64,
    at: Timestamp,
}

impl<S: ScrubStore> Scrubber<S> {
    /// A scrubber that keeps what it finds in `store`.
    pub fn new(settings: ScrubSettings, store: S) -> Self {
        Self {
            pace: Arc::new(Pace::new(settings.cores, settings.max_read_rate)),
            is_stopped: Arc::default(),
            settings,
            store,
        }
    }

    /// Ends the scrub in hand after the pieces that are being read, and each one after it at once. What was
    /// found is kept.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    /// Looks at files until none is due, as many bytes were read as are asked for, or it is [stopped](Self::stop).
    ///
    /// Files are only read. What is found of them is kept within a second or so, and a scrub that is cut
    /// off at any point is made up for by the next one, which goes on with those that were not looked at.
    ///
    /// # Errors
    ///
    /// When the validated tree is not there, or the store fails. A single file that can't be looked at
    /// stands in the result.
    pub async fn scrub(
        &self,
        order: &ScrubOrder,
        around: &ScrubSurroundings,
    ) -> Result<ScrubResult, ScrubError> {
        let mut queue = Queue::default();
        queue.fill(&self.store, order.before).await?;
        if queue.due.is_empty() {
            return Ok(ScrubResult::default());
        }
        let tree = Arc::new(self.open_tree(order.accepts_loss).await?);
        let totals = self.store.due_totals(order.before).await?;
        let bytes = order.max_bytes.unwrap_or(u64::MAX).min(totals.bytes);
        (around.observe)(Progress::Expected { bytes });
        let mut going = Going {
            scrubber: self,
            order,
            around,
            tree,
            looks: JoinSet::new(),
            looked: Vec::new(),
            result: ScrubResult::default(),
            begun_bytes: 0,
            begun_files: 0,
        };
        going.all(queue).await?;
        let mut result = going.result;
        result.bytes_begun = going.begun_bytes;
        let left = self.store.due_totals(order.before).await?;
        (result.files_left, result.bytes_left) = (left.files, left.bytes);
        Ok(result)
    }

    /// Looks whether the tree is there, when anything is kept in it.
    ///
    /// # Errors
    ///
    /// When it is not, or the store fails.
    pub async fn check_tree(&self) -> Result<(), ScrubError> {
        let any = self.store.files_from_all_over(1).await?;
        if !any.is_empty() {
            self.open_tree(false).await?;
        }
        Ok(())
    }

    async fn open_tree(&self, accepts_loss: bool) -> Result<StandingTree, TreeError> {
        let path = self.settings.validated.clone();
        blocking(move || {
            let tree = StandingTree::open(&path)?;
            if !accepts_loss && tree.is_empty()? {
                return Err(TreeError::Empty(path));
            }
            Ok(tree)
        })
        .await
    }
}

/// The files that come next.
#[derive(Debug, Default)]
struct Queue {
    due: VecDeque<DueFile>,
    last: DuePlace,
    is_all: bool,
}

impl Queue {
    async fn fill(&mut self, store: &impl ScrubStore, before: Timestamp) -> Result<(), StoreError> {
        if self.due.is_empty() && !self.is_all {
            let due = store.files_due(before, self.last, DUE_AT_ONCE).await?;
            self.is_all = due.len() < DUE_AT_ONCE as usize;
            if let Some(last) = due.last() {
                self.last = last.place();
            }
            self.due = due.into();
        }
        Ok(())
    }
}

/// A scrub on its way.
struct Going<'a, S> {
    scrubber: &'a Scrubber<S>,
    order: &'a ScrubOrder,
    around: &'a ScrubSurroundings,
    tree: Arc<StandingTree>,
    looks: JoinSet<Looked>,
    /// What is not kept yet.
    looked: Vec<Looked>,
    result: ScrubResult,
    /// The files that were begun, read or not.
    begun_bytes: u64,
    begun_files: u64,
}

impl<S: ScrubStore> Going<'_, S> {
    async fn all(&mut self, mut queue: Queue) -> Result<(), ScrubError> {
        let store = &self.scrubber.store;
        let mut keep_at = Instant::now() + KEPT_EVERY;
        loop {
            while self.may_begin() {
                queue.fill(store, self.order.before).await?;
                let Some(due) = queue.due.pop_front() else {
                    break;
                };
                self.begin(due);
            }
            match timeout_at(keep_at, self.looks.join_next()).await {
                Ok(None) => return self.keep().await,
                Ok(Some(Ok(looked))) => self.note(looked),
                Ok(Some(Err(error))) if error.is_panic() => {
                    std::panic::resume_unwind(error.into_panic())
                }
                // The runtime is shutting down: nobody waits for the answer any more.
                Ok(Some(Err(_))) => std::future::pending().await,
                Err(_) => {}
            }
            if self.looked.len() >= KEPT_AT_ONCE || Instant::now() >= keep_at {
                self.keep().await?;
                keep_at = Instant::now() + KEPT_EVERY;
            }
        }
    }

    fn may_begin(&self) -> bool {
        let is_within = |max| self.begun_bytes < max;
        self.looks.len() < self.scrubber.settings.cores.get()
            && self.looked.len() < KEPT_AT_ONCE
            && self.order.max_bytes.is_none_or(is_within)
            && !self.scrubber.is_stopped.load(Ordering::Relaxed)
    }

    fn begin(&mut self, due: DueFile) {
        let number = self.begun_files;
        self.begun_files += 1;
        self.begun_bytes = self.begun_bytes.saturating_add(due.file.size);
        let (tree, pace) = (self.tree.clone(), self.scrubber.pace.clone());
        let is_stopped = self.scrubber.is_stopped.clone();
        let (observe, clock) = (self.around.observe.clone(), self.around.clock.clone());
        self.looks.spawn_blocking(move || {
            let file = &due.file;
            observe(Progress::FileBegun {
                file: number,
                agent: &due.agent,
                name: &file.path,
                bytes: file.size,
            });
            let read = AtomicU64::new(0);
            let look = look(&tree, file, &pace.reader(), &is_stopped, &|bytes| {
                read.fetch_add(bytes, Ordering::Relaxed);
                observe(Progress::FileRead {
                    file: number,
                    bytes,
                });
            });
            let read = read.into_inner();
            observe(Progress::FileEnded {
                file: number,
                unread: file.size.saturating_sub(read),
            });
            let at = clock();
            Looked {
                due,
                look,
                read,
                at,
            }
        });
    }

    fn note(&mut self, looked: Looked) {
        self.result.bytes_read += looked.read;
        if matches!(looked.look, Look::Failed(_) | Look::Changed) {
            // It is the first in line the next time too, and must not use up what the others wait for.
            let unread = looked.due.file.size.saturating_sub(looked.read);
            self.begun_bytes = self.begun_bytes.saturating_sub(unread);
        }
        self.looked.push(looked);
    }

    /// Keeps what was found, if it can be the files that are at fault.
    async fn keep(&mut self) -> Result<(), ScrubError> {
        let looked = std::mem::take(&mut self.looked);
        if looked.is_empty() {
            return Ok(());
        }
        if looked.iter().any(Looked::is_loss) && !self.order.accepts_loss {
            self.check_whole_tree().await?;
        }
        let checks = self.checks(looked).await;
        let recorded = self.scrubber.store.commit_checks(&checks).await?;
        self.result.files_checked += recorded.count;
        self.result.changed += (checks.len() as u64).saturating_sub(recorded.count);
        for judged in recorded.judged {
            self.result.note_judged(judged);
        }
        Ok(())
    }

    /// When one is lost, others from all over the tree tell whether all of it is.
    async fn check_whole_tree(&self) -> Result<(), ScrubError> {
        let files = self.scrubber.store.files_from_all_over(LOOKED_FOR).await?;
        let tree = self.tree.clone();
        let found: Result<(), TreeError> = blocking(move || {
            if !tree.is_in_its_place()? {
                return Err(TreeError::Replaced(tree.path().to_owned()));
            }
            let looked_for = files.len();
            let is_absent = |file: &&ValidatedFile| !stands(&tree, file);
            let absent = files.iter().filter(is_absent).count();
            if absent >= MANY && absent * 2 > looked_for {
                return Err(TreeError::Lost {
                    path: tree.path().to_owned(),
                    looked_for,
                    absent,
                });
            }
            Ok(())
        })
        .await;
        Ok(found?)
    }

    /// What there is to keep of these. All else is counted.
    async fn checks(&mut self, looked: Vec<Looked>) -> Vec<FileCheck> {
        let is_damaged = |looked: &Looked| matches!(looked.look, Look::Damaged(..));
        // Asked after the files were read: whoever replaced one of them before that is still at work now,
        // or has told the store.
        let is_cycle_at_work = looked.iter().any(is_damaged) && (self.around.is_cycle_at_work)();
        let mut checks = Vec::with_capacity(looked.len());
        for Looked { due, look, at, .. } in looked {
            let found = match look {
                Look::Intact => None,
                Look::Damaged(fault, identity) => {
                    let may_be_new = identity.is_some_and(|identity| {
                        is_cycle_at_work && identity.is_changed_after(due.file.checked_at)
                    });
                    if may_be_new || !self.is_still_so(&due.file, &fault, identity).await {
                        self.result.changed += 1;
                        continue;
                    }
                    Some(fault)
                }
                Look::Changed => {
                    self.result.changed += 1;
                    continue;
                }
                Look::Failed(error) => {
                    self.result.note_error(due, error.to_string());
                    continue;
                }
                Look::Stopped => continue,
            };
            checks.push(FileCheck {
                id: due.file.id,
                path: due.file.path,
                found,
                at,
            });
        }
        checks
    }

    /// Whether the file that was found to be damaged is the one that lies there now.
    async fn is_still_so(
        &self,
        file: &ValidatedFile,
        fault: &ValidatedFault,
        identity: Option<crate::FileIdentity>,
    ) -> bool {
        let (tree, path) = (self.tree.clone(), file.path.clone());
        let is_gone = *fault == ValidatedFault::Gone;
        blocking(move || match identity {
            Some(identity) => is_still_there(&tree, &path, identity),
            None if is_gone => matches!(tree.find(&path), Ok(standing::Found::Gone)),
            None => !matches!(tree.find(&path), Ok(standing::Found::File(..))),
        })
        .await
    }
}

impl Looked {
    /// Whether the file is not there, or can't be read.
    const fn is_loss(&self) -> bool {
        matches!(
            self.look,
            Look::Damaged(
                ValidatedFault::Gone
                    | ValidatedFault::NotRegular { .. }
                    | ValidatedFault::Unreadable { .. },
                _
            )
        )
    }
}

#[cfg(test)]
mod tests;
