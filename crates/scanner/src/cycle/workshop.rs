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

use crate::cycle::committing::{Done, DoneOfAgent};
use crate::cycle::gate::Gate;
use crate::cycle::judging::{Judging, PartialsOnce, Section};
use crate::cycle::memory::Memory;
use crate::cycle::settle::LOOK_EVERY;
use crate::deposit::AgentFolder;
use crate::deposit::inbox::Inbox;
use crate::places::Places;
use crate::proof::content::Question;
use crate::proof::content::room::{Guest, Rooms};
use crate::proof::pace::{Pace, Reader};
use crate::proof::{Keep, Means, Proof, prove};
use crate::watchdog::pulse::{Holds, Pulse};
use crate::watchdog::{Stall, Watchdog};
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
    pub watchdog: Watchdog,
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
        watchdog: Watchdog,
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
            watchdog,
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
    pub(crate) fn read(
        &self,
        agent: &AgentId,
        memory: &Memory,
        pulse: &Pulse,
    ) -> Result<Inbox, DepositError> {
        let Some(log) = self.places.log(agent, pulse)? else {
            return Ok(Inbox::empty(agent.clone()));
        };
        let (before, started) = (log.identity()?, Instant::now());
        let inbox = Inbox::read(&log, agent.clone(), &self.settings)?;
        if inbox.is_empty() && pulse.beat().is_ok() {
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
            let permit = self.small.pass(&key).await;
            let workshop = self.clone();
            let work = move |agent: &AgentId, pulse: &Pulse| {
                workshop.small_files(agent, sections, look, is_meant, pulse)
            };
            let done = self.watchdog.one_in_place(agent.clone(), permit, work);
            let done = done.await;
            done.map_err(|stall| self.not_looked_at(&agent, stall))??
        };
        judging.sections = small;
        let large = large.into_iter().map(|section| async {
            let permit = self.large.pass(&key).await;
            let workshop = self.clone();
            let work = move |agent: &AgentId, pulse: &Pulse| {
                workshop.large_file(agent, section, look, pulse)
            };
            let done = self.watchdog.one_in_place(agent.clone(), permit, work);
            let done = done.await;
            done.map_err(|stall| self.not_looked_at(&agent, stall))?
        });
        for section in join_all(large).await {
            judging.sections.push(section?);
        }
        judging.sections.sort_by_key(Section::index);
        Ok(judging)
    }

    fn not_looked_at(&self, agent: &AgentId, stall: Stall) -> DepositError {
        let path = self.places.deposit.path_of(agent);
        DepositError::stalled("look at the staged files in", path, stall)
    }

    /// Looks at the small files, and gives back the sections whose files are large apart from the others.
    fn small_files(
        &self,
        agent: &AgentId,
        sections: Vec<Section>,
        look: Look,
        is_meant: fn(&Section) -> bool,
        pulse: &Pulse,
    ) -> Result<(Vec<Section>, Vec<Section>), DepositError> {
        let _span = debug_span!("small files", %agent).entered();
        let folder = self.places.deposit.agent(agent, pulse)?;
        let partials = PartialsOnce::new(&folder);
        let (mut done, mut large) = (Vec::with_capacity(sections.len()), Vec::new());
        for mut section in sections {
            if pulse.beat().is_err() {
                break;
            }
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
        pulse: &Pulse,
    ) -> Result<Section, DepositError> {
        let _span = debug_span!("large file", %agent).entered();
        let folder = self.places.deposit.agent(agent, pulse)?;
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
        let file = Arc::new(FileInHand {
            number: self.files.fetch_add(1, Ordering::Relaxed),
            bytes: needed.size.unwrap_or_default(),
            read: AtomicU64::new(0),
            reader: self.pace.reader(),
            guest: self.rooms.guest(),
            observe: self.observe.clone(),
        });
        let (name, pulse) = (&needed.staged_file_name, folder.pulse());
        let holding = pulse.hold(file.clone());
        let begun = Progress::FileBegun {
            file: file.number,
            agent,
            name,
            bytes: file.bytes,
        };
        // Of a thread that nobody waits for any more nothing is told.
        let _ = pulse.wait(|| self.tell(begun));
        let note = |bytes| file.tell_read(bytes);
        let question = Question::new(level, self.settings.max_expansion.get(), needed);
        let means = Means {
            reader: &file.reader,
            guest: &file.guest,
        };
        let proof = prove(folder, needed, &question, keep, means, &note);
        let _ = pulse.wait(|| {
            self.note_read(file.read.load(Ordering::Relaxed));
            file.tell_end();
            drop(holding);
        });
        proof
    }

    /// Sets an agent's reports aside, each as far as that can be done.
    pub(crate) fn set_aside(
        &self,
        done: &DoneOfAgent,
        pulse: &Pulse,
    ) -> Vec<Result<(), DepositError>> {
        let one = |done: &Done| {
            let Some(log) = self.places.log(&done.agent, pulse)? else {
                return Ok(());
            };
            match &done.reason {
                Some(reason) => log.reject(&done.file, reason),
                None => log.archive(&done.file),
            }
        };
        let waited_for = done.reports.iter().take_while(|_| pulse.beat().is_ok());
        waited_for.map(one).collect()
    }

    fn note_read(&self, bytes: u64) {
        if bytes > 0 {
            self.files_read.fetch_add(1, Ordering::Relaxed);
            self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
        }
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
        // The sizes are what an agent says.
        let bytes = needed
            .filter_map(|needed| needed.size)
            .fold(0, u64::saturating_add);
        self.tell(Progress::Expected { bytes });
    }
}

/// A staged file that is looked at.
struct FileInHand {
    number: u64,
    /// How many there should be.
    bytes: u64,
    read: AtomicU64,
    reader: Reader,
    guest: Guest,
    observe: Observer,
}

impl FileInHand {
    fn tell_read(&self, bytes: u64) {
        self.read.fetch_add(bytes, Ordering::Relaxed);
        let file = self.number;
        (self.observe)(Progress::FileRead { file, bytes });
    }

    fn tell_end(&self) {
        let read = self.read.load(Ordering::Relaxed);
        let (file, unread) = (self.number, self.bytes.saturating_sub(read));
        (self.observe)(Progress::FileEnded { file, unread });
    }
}

impl Holds for FileInHand {
    fn pass_on(&self) {
        self.reader.end_turn();
        self.guest.leave();
    }

    fn write_off(&self) {
        self.tell_end();
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
