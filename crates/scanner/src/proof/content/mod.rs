//! Looks into a file while it is hashed: decodes it when it is compressed, and checks that what is
//! inside is whole. It is fed with the very bytes that are hashed, keeps none of them, and is told no
//! name. Decides nothing; the verdict is the domain's.

mod check;
mod decoder;
mod raw;
pub(crate) mod room;

use std::panic::{AssertUnwindSafe, catch_unwind};

use vigie_domain::{
    Compression, ContentFault, ContentFinding, ProofNeeded, Sha256, Unseen, VerifyLevel,
};

use self::decoder::{Decoder, Stop, Taken};
use self::raw::Raw;
use self::room::Guest;

/// How many bytes tell how a file is compressed.
const MAGIC_BYTES: usize = 10;

/// What may come out of a file of any size, before it is asked how many times its size that is.
const ALWAYS_ALLOWED: u64 = 1 << 30;

/// What a file is looked into for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question {
    pub level: VerifyLevel,
    /// How many times its own size a file may decode to, when the agent did not say how much it should
    /// be.
    pub max_expansion: u64,
    /// What the agent reported of its dump.
    pub raw_size: Option<u64>,
    pub raw_sha256: Option<Sha256>,
}

impl Question {
    pub(crate) fn new(level: VerifyLevel, max_expansion: u64, needed: &ProofNeeded) -> Self {
        Self {
            level,
            max_expansion,
            raw_size: needed.raw_size,
            raw_sha256: needed.raw_sha256,
        }
    }
}

/// A look into one file, on its way.
pub(crate) struct Look<'a> {
    level: VerifyLevel,
    /// Has a room for as long as anything is decoded.
    guest: &'a Guest,
    has_large_room: bool,
    compression: Option<Compression>,
    stage: Stage,
    raw: Raw,
    /// What a decoder can't take before it has a large room.
    held_up: Option<Vec<u8>>,
}

/// What becomes of the next bytes.
enum Stage {
    /// They may still be the first ones, by which the file is recognised.
    Start(Vec<u8>),
    Compressed(Decoder),
    Plain,
    /// They are not looked at, as it is known that they can't be read, or not by this look.
    Stopped(Stop),
}

impl<'a> Look<'a> {
    /// A look into a file of `size` bytes; `None` when only its hash is asked for. Waits until there is
    /// room for a decoder.
    pub(crate) fn start(question: &Question, size: u64, guest: &'a Guest) -> Option<Self> {
        if !question.level.looks_inside() {
            return None;
        }
        let most = size.saturating_mul(question.max_expansion);
        let most = most.saturating_add(ALWAYS_ALLOWED);
        guest.enter();
        Some(Self {
            level: question.level,
            guest,
            has_large_room: false,
            compression: None,
            stage: Stage::Start(Vec::new()),
            raw: Raw::new(question, most),
            held_up: None,
        })
    }

    /// The next bytes of the file.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.guarded(|look| look.take(bytes));
    }

    /// Whether it has to wait for a room before it gets more.
    pub(crate) fn is_held_up(&self) -> bool {
        self.held_up.is_some()
    }

    /// Waits for the room. To be called by one who holds no turn of the pace.
    pub(crate) fn wait(&mut self) {
        if !self.has_large_room {
            self.guest.enter_large();
            self.has_large_room = true;
        }
    }

    /// Goes on with what had to wait.
    pub(crate) fn resume(&mut self) {
        if let Some(bytes) = self.held_up.take() {
            self.push(&bytes);
        }
    }

    /// What was found, once the whole file was pushed; `None` when nothing was recognised, and nothing
    /// had to be.
    pub(crate) fn finish(mut self) -> Option<ContentFinding> {
        self.guarded(|look| {
            if let Stage::Start(start) = &mut look.stage {
                let start = std::mem::take(start);
                look.recognise(&start);
            }
            match &mut look.stage {
                Stage::Compressed(decoder) => {
                    if let Err(stop) = decoder.finish(&mut look.raw) {
                        look.stage = Stage::Stopped(stop);
                    } else if let Some(compression) = look.compression
                        && look.raw.size() == 0
                    {
                        let fault = ContentFault::StreamEmpty { compression };
                        look.stage = Stage::Stopped(Stop::Fault(fault));
                    }
                }
                Stage::Start(_) | Stage::Plain | Stage::Stopped(_) => {}
            }
            if !matches!(look.stage, Stage::Stopped(_)) {
                look.raw.finish(look.compression.is_some());
            }
        });
        self.raw.settle();
        let guest = self.guest;
        let finding = self.into_finding();
        guest.leave();
        finding
    }

    /// A decoder is somebody else's code, and its input an attacker's: where it panics all the same,
    /// that is a fault of this one file and not the end of the scan. Nothing of what it was at is used
    /// again.
    fn guarded(&mut self, work: impl FnOnce(&mut Self)) {
        if matches!(self.stage, Stage::Stopped(_)) {
            return;
        }
        if catch_unwind(AssertUnwindSafe(|| work(self))).is_err() {
            self.held_up = None;
            self.stage = Stage::Stopped(Stop::Fault(ContentFault::DecoderFailed));
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        match &mut self.stage {
            Stage::Start(start) => {
                start.extend_from_slice(bytes);
                if start.len() >= MAGIC_BYTES {
                    let start = std::mem::take(start);
                    self.recognise(&start);
                }
            }
            Stage::Compressed(decoder) => {
                let is_large = self.has_large_room;
                match decoder.push(bytes, is_large, &mut self.raw) {
                    Ok(Taken::All) => {}
                    Ok(Taken::Part(taken)) => self.held_up = Some(bytes[taken..].to_vec()),
                    Err(stop) => self.stage = Stage::Stopped(stop),
                }
            }
            Stage::Plain => self.raw.push_plain(bytes),
            Stage::Stopped(_) => {}
        }
    }

    /// Finds out by its first bytes what the file is, and goes on with them.
    fn recognise(&mut self, start: &[u8]) {
        self.compression = decoder::recognise(start);
        self.stage = match self.compression.map(Decoder::new) {
            None => Stage::Plain,
            Some(Ok(decoder)) => Stage::Compressed(decoder),
            Some(Err(stop)) => Stage::Stopped(stop),
        };
        self.take(start);
    }

    fn into_finding(self) -> Option<ContentFinding> {
        let is_compressed = self.compression.is_some();
        let inside = self.raw.inside();
        let mut finding = ContentFinding {
            compression: self.compression,
            raw_size: is_compressed.then_some(self.raw.size()),
            raw_sha256: self.raw.sha256(),
            kind: inside.kind,
            is_complete: inside.is_complete,
            unseen: inside.unseen,
            fault: self.raw.fault().or(inside.fault),
        };
        match self.stage {
            Stage::Stopped(Stop::Fault(fault)) => finding.fault = Some(fault),
            Stage::Stopped(Stop::Unseen(why)) => finding.unseen = Some(why),
            Stage::Start(_) | Stage::Compressed(_) | Stage::Plain => {}
        }
        finding.is_complete &= finding.fault.is_none() && finding.unseen.is_none();
        judge(finding, self.level, inside.unseen)
    }
}

/// What the level makes of that something could not be looked into. A structure of a newer version is
/// no fault at any level: it would be a false alarm after each update of a database server.
fn judge(
    mut finding: ContentFinding,
    level: VerifyLevel,
    newer: Option<Unseen>,
) -> Option<ContentFinding> {
    let is_unknown =
        finding.kind.is_none() && (finding.compression.is_none() || level == VerifyLevel::Content);
    if finding.fault.is_none() && level.is_demanding() {
        finding.fault = match finding.unseen {
            Some(why) if newer.is_none() => Some(ContentFault::CannotLook { why }),
            None if is_unknown => Some(ContentFault::NotRecognised),
            _ => None,
        };
    }
    let is_nothing =
        finding.compression.is_none() && finding.kind.is_none() && finding.fault.is_none();
    (!is_nothing).then_some(finding)
}

#[cfg(test)]
mod tests;
