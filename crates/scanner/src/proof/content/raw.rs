//! What is inside a file once it is decoded: counts it, hashes it where the agent said what it should
//! be, and has it checked. Knows no compression.

use sha2::{Digest, Sha256 as Sha256Hasher};
use vigie_domain::{ContentFault, ContentKind, Sha256, Unseen, VerifyLevel};

use super::Question;
use super::check::{self, Check, START_BYTES, Trouble};
use super::decoder::Output;

/// What is inside a file.
pub(crate) struct Raw {
    size: u64,
    expected_size: Option<u64>,
    expected_sha256: Option<Sha256>,
    /// After so many bytes it may be a decompression bomb.
    most: u64,
    hasher: Sha256Hasher,
    sha256: Option<Sha256>,
    fault: Option<ContentFault>,
    is_checked: bool,
    content: Content,
}

enum Content {
    /// The first bytes, by which it is recognised.
    Start(Vec<u8>),
    Unrecognised,
    /// It is recognised, and that is all that was asked for.
    Recognised(ContentKind),
    Checking(ContentKind, Box<dyn Check>),
    Checked(ContentKind),
    Troubled(ContentKind, Trouble),
}

/// What is known of what is inside.
pub(crate) struct Inside {
    pub kind: Option<ContentKind>,
    pub is_complete: bool,
    pub unseen: Option<Unseen>,
    pub fault: Option<ContentFault>,
}

impl Raw {
    pub(crate) fn new(question: &Question, most: u64) -> Self {
        Self {
            size: 0,
            expected_size: question.raw_size,
            expected_sha256: question.raw_sha256,
            most,
            hasher: Sha256Hasher::new(),
            sha256: None,
            fault: None,
            is_checked: question.level != VerifyLevel::Decode,
            content: Content::Start(Vec::new()),
        }
    }

    /// Takes bytes of a file that is not compressed. Of these the size and the hash are known without.
    pub(crate) fn push_plain(&mut self, bytes: &[u8]) {
        self.check(bytes);
    }

    /// There is no more.
    pub(crate) fn finish(&mut self, is_decoded: bool) {
        if is_decoded {
            self.compare();
        }
        self.settle();
        if let Content::Checking(kind, check) = &mut self.content {
            self.content = match check.finish() {
                Ok(()) => Content::Checked(*kind),
                Err(trouble) => Content::Troubled(*kind, trouble),
            };
        }
    }

    /// Recognises what is too short for more.
    pub(crate) fn settle(&mut self) {
        if let Content::Start(start) = &mut self.content {
            let start = std::mem::take(start);
            self.recognise(&start);
        }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn sha256(&self) -> Option<Sha256> {
        self.sha256
    }

    /// What is wrong with it as a whole.
    pub(crate) fn fault(&self) -> Option<ContentFault> {
        self.fault.clone()
    }

    pub(crate) fn inside(&self) -> Inside {
        let mut inside = Inside {
            kind: None,
            is_complete: false,
            unseen: None,
            fault: None,
        };
        match &self.content {
            Content::Start(_) | Content::Unrecognised => {}
            Content::Recognised(kind) | Content::Checking(kind, _) => inside.kind = Some(*kind),
            Content::Checked(kind) => {
                inside.kind = Some(*kind);
                inside.is_complete = true;
            }
            Content::Troubled(kind, trouble) => {
                let kind = *kind;
                inside.kind = Some(kind);
                match trouble {
                    Trouble::Cut => inside.fault = Some(ContentFault::ContentCut { kind }),
                    Trouble::Damaged(problem) => {
                        let problem = problem.clone();
                        inside.fault = Some(ContentFault::ContentDamaged { kind, problem });
                    }
                    Trouble::Unknown => inside.unseen = Some(Unseen::UnknownForm),
                }
            }
        }
        inside
    }

    fn compare(&mut self) {
        if let Some(expected) = self.expected_size
            && expected != self.size
        {
            let actual = Some(self.size);
            self.fault = Some(ContentFault::RawSizeDiffers { expected, actual });
        }
        if let Some(expected) = self.expected_sha256 {
            let digest = <[u8; 32]>::from(self.hasher.finalize_reset());
            let sha256 = Sha256::from(digest);
            self.sha256 = Some(sha256);
            if sha256 != expected && self.fault.is_none() {
                self.fault = Some(ContentFault::RawContentDiffers);
            }
        }
    }

    fn check(&mut self, bytes: &[u8]) {
        match &mut self.content {
            Content::Start(start) => {
                let missing = START_BYTES - start.len();
                let (now, rest) = bytes.split_at(missing.min(bytes.len()));
                start.extend_from_slice(now);
                if start.len() == START_BYTES {
                    let start = std::mem::take(start);
                    self.recognise(&start);
                    self.check(rest);
                }
            }
            Content::Checking(kind, check) => {
                if let Err(trouble) = check.push(bytes) {
                    self.content = Content::Troubled(*kind, trouble);
                }
            }
            Content::Unrecognised
            | Content::Recognised(_)
            | Content::Checked(_)
            | Content::Troubled(..) => {}
        }
    }

    fn recognise(&mut self, start: &[u8]) {
        self.content = match check::recognise(start) {
            None => Content::Unrecognised,
            Some(kind) if self.is_checked => Content::Checking(kind, check::of(kind, self.most)),
            Some(kind) => Content::Recognised(kind),
        };
        self.check(start);
    }
}

impl Output for Raw {
    fn push(&mut self, bytes: &[u8]) -> Result<(), ContentFault> {
        self.size += bytes.len() as u64;
        match self.expected_size {
            Some(expected) if self.size > expected => {
                let actual = None;
                return Err(ContentFault::RawSizeDiffers { expected, actual });
            }
            _ if self.size > self.most => {
                let limit = self.most;
                return Err(ContentFault::ExpandsTooFar { limit });
            }
            _ => {}
        }
        if self.expected_sha256.is_some() {
            self.hasher.update(bytes);
        }
        self.check(bytes);
        Ok(())
    }
}
