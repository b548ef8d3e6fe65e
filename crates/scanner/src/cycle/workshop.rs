//! Where files are worked on: staged ones many at once, agents in turn, large ones apart from small ones,
//! and again while they are still being written. Decides nothing about what is found, and knows no store.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use tracing::debug_span;
use vigie_domain::{AgentId, ProofNeeded, VerifyLevel};

use crate::blocking::blocking;
use crate::cycle::committing::Done;
use crate::cycle::gate::Gate;
use crate::cycle::judging::{Judging, PartialsOnce, Section};
use crate::cycle::memory::Memory;
use crate::cycle::settle::LOOK_EVERY;
use crate::deposit::AgentFolder;
use crate::deposit::inbox::Inbox;
use crate::places::Places;
use crate::proof::content::Question;
use crate::proof::content::room::Rooms;
use crate::proof::pace::Pace;
use crate::proof::{Keep, Means, Proof, prove};
use crate::{DepositError, Observer, Progress, ScannerSettings, Work};

/// From this size on, in bytes, a file is read beside the small ones and not in one row with them.
const LARGE: u64 = 8 * 1024 * 1024;

/// How many reports have their small files looked at at once, at least, when each copy has to reach the
/// disk, which is a wait and no work. Each holds a dozen open files, of which a process may have 1,024.
const WAITING_FOR_THE_DISK: NonZeroUsize = NonZeroUsize::new(32).unwrap();

/// Where files are worked on.
pub(crate) struct Workshop {
    pub places: Places,
    pub settings: Arc<ScannerSettings>,
    pub now: Timestamp,
    pace: Arc<Pace>,
    rooms: Rooms,
    small: Gate,
    large: Gate,
    observe: Observer,
    files: AtomicU64,
    settling: AtomicUsize,
    files_read: AtomicU64,
    bytes_read: AtomicU64,
    files_known: AtomicU64,
}

impl Workshop {
    pub(crate) fn new(
        places: Places,
        settings: Arc<ScannerSettings>,
        pace: Arc<Pace>,
        now: Timestamp,
        observe: Observer,
    ) -> Self {
        let cores = settings.cores;
        let small = if places.validated.is_some() {
            cores.max(WAITING_FOR_THE_DISK)
        } else {
            cores
        };
        Self {
            places,
            settings,
            now,
            pace,
            rooms: Rooms::new(cores),
            small: Gate::new(small),
            large: Gate::new(cores),
            observe,
            files: AtomicU64::new(0),
            settling: AtomicUsize::new(0),
            files_read: AtomicU64::new(0),
            bytes_read: AtomicU64::new(0),
            files_known: AtomicU64::new(0),
        }
    }

    /// Reads the reports of an agent.
    pub(crate) fn read(&self, agent: &AgentId, memory: &Memory) -> Result<Inbox, DepositError> {
        let Some(log) = self.places.log(agent)? else {
            return Ok(Inbox::empty(agent.clone()));
        };
        let (before, started) = (log.identity()?, Instant::now());
        let inbox = Inbox::read(&log, agent.clone(), &self.settings)?;
        if inbox.is_empty() {
            memory.found_nothing(agent, before, started);
        }
        Ok(inbox)
    }

    /// Looks at every staged file of a report.
    pub(crate) async fn look(self: &Arc<Self>, judging: Judging) -> Result<Judging, DepositError> {
        self.expect(&judging);
        self.each(judging, Section::look, |_| true).await
    }

    /// Looks at the files that are still being written until they are at rest.
    pub(crate) async fn settle(
        self: &Arc<Self>,
        mut judging: Judging,
    ) -> Result<Judging, DepositError> {
        let _waiting = Waiting::begin(self);
        while !judging.is_settled() {
            sleep(LOOK_EVERY).await;
            judging = self
                .each(judging, Section::look_again, Section::is_watched)
                .await?;
        }
        Ok(judging)
    }

    async fn each(
        self: &Arc<Self>,
        mut judging: Judging,
        look: Look,
        is_meant: fn(&Section) -> bool,
    ) -> Result<Judging, DepositError> {
        let agent = judging.agent.clone();
        let key = agent.key();
        let sections = std::mem::take(&mut judging.sections);
        let (small, large) = {
            let _permit = self.small.pass(&key).await;
            let (workshop, agent) = (self.clone(), agent.clone());
            blocking(move || workshop.small_files(&agent, sections, look, is_meant)).await?
        };
        judging.sections = small;
        let large = large.into_iter().map(|section| async {
            let _permit = self.large.pass(&key).await;
            let (workshop, agent) = (self.clone(), agent.clone());
            blocking(move || workshop.large_file(&agent, section, look)).await
        });
        for section in join_all(large).await {
            judging.sections.push(section?);
        }
        judging.sections.sort_by_key(Section::index);
        Ok(judging)
    }

    /// Looks at the small files, and gives back the sections whose files are large apart from the others.
    fn small_files(
        &self,
        agent: &AgentId,
        sections: Vec<Section>,
        look: Look,
        is_meant: fn(&Section) -> bool,
    ) -> Result<(Vec<Section>, Vec<Section>), DepositError> {
        let _span = debug_span!("small files", %agent).entered();
        let folder = self.places.deposit.agent(agent)?;
        let partials = PartialsOnce::new(&folder);
        let (mut done, mut large) = (Vec::with_capacity(sections.len()), Vec::new());
        for mut section in sections {
            match section.needed().filter(|_| is_meant(&section)) {
                None => done.push(section),
                Some(needed) if is_large(&folder, &needed) => large.push(section),
                Some(needed) => {
                    look(&mut section, &needed, &folder, &partials, self);
                    done.push(section);
                }
            }
        }
        Ok((done, large))
    }

    fn large_file(
        &self,
        agent: &AgentId,
        mut section: Section,
        look: Look,
    ) -> Result<Section, DepositError> {
        let _span = debug_span!("large file", %agent).entered();
        let folder = self.places.deposit.agent(agent)?;
        let partials = PartialsOnce::new(&folder);
        if let Some(needed) = section.needed() {
            look(&mut section, &needed, &folder, &partials, self);
        }
        Ok(section)
    }

    /// Reads a staged file and tells how far it is.
    pub(crate) fn prove(
        &self,
        agent: &AgentId,
        folder: &AgentFolder,
        needed: &ProofNeeded,
        level: VerifyLevel,
        keep: Option<Keep<'_>>,
    ) -> Proof {
        let file = self.files.fetch_add(1, Ordering::Relaxed);
        let name = &needed.staged_file_name;
        let bytes = needed.size.unwrap_or_default();
        self.tell(Progress::FileBegun {
            file,
            agent,
            name,
            bytes,
        });
        let read = AtomicU64::new(0);
        let note = |bytes| {
            read.fetch_add(bytes, Ordering::Relaxed);
            self.tell(Progress::FileRead { file, bytes });
        };
        let question = Question::new(level, self.settings.max_expansion.get(), needed);
        let means = Means {
            pace: &self.pace,
            rooms: &self.rooms,
        };
        let proof = prove(folder, needed, &question, keep, means, &note);
        let read = read.into_inner();
        if read > 0 {
            self.files_read.fetch_add(1, Ordering::Relaxed);
            self.bytes_read.fetch_add(read, Ordering::Relaxed);
        }
        let unread = bytes.saturating_sub(read);
        self.tell(Progress::FileEnded { file, unread });
        proof
    }

    /// Sets reports aside, each as far as that can be done.
    pub(crate) fn set_aside(&self, reports: Vec<Done>) -> Vec<(AgentId, Result<(), DepositError>)> {
        let one = |done: Done| {
            let Some(log) = self.places.log(&done.agent)? else {
                return Ok(());
            };
            match done.reason {
                Some(reason) => log.reject(&done.file, &reason),
                None => log.archive(&done.file),
            }
        };
        let each = reports
            .into_iter()
            .map(|done| (done.agent.clone(), one(done)));
        each.collect()
    }

    /// A file of so many bytes is not read, as it is known.
    pub(crate) fn note_known(&self, bytes: u64) {
        self.files_known.fetch_add(1, Ordering::Relaxed);
        self.tell(Progress::FileKnown { bytes });
    }

    /// What was done so far.
    pub(crate) fn work(&self) -> Work {
        Work {
            files_read: self.files_read.load(Ordering::Relaxed),
            bytes_read: self.bytes_read.load(Ordering::Relaxed),
            files_known: self.files_known.load(Ordering::Relaxed),
            ..Work::default()
        }
    }

    pub(crate) fn tell(&self, progress: Progress<'_>) {
        (self.observe)(progress);
    }

    fn expect(&self, judging: &Judging) {
        let needed = judging.sections.iter().filter_map(Section::needed);
        let bytes = needed.filter_map(|needed| needed.size).sum();
        self.tell(Progress::Expected { bytes });
    }
}

type Look = fn(&mut Section, &ProofNeeded, &AgentFolder, &PartialsOnce<'_>, &Workshop);

fn is_large(folder: &AgentFolder, needed: &ProofNeeded) -> bool {
    // A file that has not the size that its report gives is not read.
    let measured = || Some(folder.staged_identity(&needed.staged_file_name)?.size);
    needed
        .size
        .or_else(measured)
        .is_some_and(|size| size >= LARGE)
}

/// A report that waits for its files, while it does.
struct Waiting<'a> {
    workshop: &'a Workshop,
}

impl<'a> Waiting<'a> {
    fn begin(workshop: &'a Workshop) -> Self {
        let before = workshop.settling.fetch_add(1, Ordering::Relaxed);
        workshop.tell(Progress::Settling(before + 1));
        Self { workshop }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let before = self.workshop.settling.fetch_sub(1, Ordering::Relaxed);
        self.workshop
            .tell(Progress::Settling(before.saturating_sub(1)));
    }
}
