//! The variables about what a look into a backup found. Knows no template and no sentence.

use schemars::JsonSchema;
use serde::Serialize;
use vigie_domain::{Compression, ContentFault, ContentFinding, ContentKind, Unseen};

use super::Reader;

/// Every code that a fault has.
const FAULTS: [&str; 12] = [
    "stream_cut",
    "stream_damaged",
    "stream_followed",
    "stream_empty",
    "raw_size_differs",
    "raw_content_differs",
    "expands_too_far",
    "decoder_failed",
    "cannot_look",
    "not_recognised",
    "content_cut",
    "content_damaged",
];

const COMPRESSIONS: [&str; 4] = ["zstd", "gzip", "xz", "bzip2"];

const UNSEEN: [&str; 3] = ["needs_memory", "needs_dictionary", "unknown_form"];

/// What a look into a backup found.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ContentContext {
    /// `zstd`, `gzip`, `xz` or `bzip2`; null when it is not compressed, or nobody looked.
    #[schemars(extend("enum" = COMPRESSIONS))]
    pub compression: Option<&'static str>,
    /// How many bytes it decoded to, as far as it did; null when it is not compressed.
    pub raw_size: Option<u64>,
    /// What it is once it is decoded: `postgres_custom`, `postgres_plain`, `postgres_cluster`, `mysql`,
    /// `mariadb`, `sqlite` or `tar`; null when that is not recognised.
    #[schemars(extend("enum" = ContentKind::ALL.map(ContentKind::code)))]
    pub kind: Option<&'static str>,
    /// Whether what it is was found to be complete.
    pub is_complete: bool,
    /// Why nothing more can be said: `needs_memory`, `needs_dictionary` or `unknown_form`; null when
    /// nothing kept it from being looked into.
    #[schemars(extend("enum" = UNSEEN))]
    pub unseen: Option<&'static str>,
}

/// Why a backup can't be read back.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ContentFaultContext {
    /// `stream_cut`, `stream_damaged`, `stream_followed`, `stream_empty`, `raw_size_differs`,
    /// `raw_content_differs`, `expands_too_far`, `decoder_failed`, `cannot_look`, `not_recognised`,
    /// `content_cut` or `content_damaged`; null for other reasons.
    #[schemars(extend("enum" = FAULTS))]
    pub code: Option<&'static str>,
    /// `zstd`, `gzip`, `xz` or `bzip2`; null when the compression is not what is at fault.
    #[schemars(extend("enum" = COMPRESSIONS))]
    pub compression: Option<&'static str>,
    /// What is cut or damaged, as `content.kind` has it; null for other codes.
    #[schemars(extend("enum" = ContentKind::ALL.map(ContentKind::code)))]
    pub kind: Option<&'static str>,
    /// What is wrong with it, in English; null for other codes than `content_damaged`.
    pub problem: Option<String>,
    /// The size in bytes that the agent reported of its dump; null for other codes than
    /// `raw_size_differs`.
    pub expected_size: Option<u64>,
    /// The size in bytes that it decoded to; null when decoding stopped before, and for other codes.
    pub actual_size: Option<u64>,
    /// Why it can't be looked into, as `content.unseen` has it; null for other codes than `cannot_look`.
    #[schemars(extend("enum" = UNSEEN))]
    pub unseen: Option<&'static str>,
}

impl ContentContext {
    pub(super) fn new(found: Option<&ContentFinding>) -> Self {
        Self {
            compression: found
                .and_then(|found| found.compression)
                .map(Compression::as_str),
            raw_size: found.and_then(|found| found.raw_size),
            kind: found.and_then(|found| found.kind).map(ContentKind::code),
            is_complete: found.is_some_and(|found| found.is_complete),
            unseen: found.and_then(|found| found.unseen.as_ref()).map(unseen),
        }
    }
}

impl ContentFaultContext {
    pub(super) const NONE: Self = Self {
        code: None,
        compression: None,
        kind: None,
        problem: None,
        expected_size: None,
        actual_size: None,
        unseen: None,
    };

    /// With each of its texts cut to a length.
    pub(super) fn cut(fault: &ContentFault, reader: &Reader, limit: usize) -> Self {
        let plain = Self {
            code: Some(fault.code()),
            ..Self::NONE
        };
        match fault {
            ContentFault::StreamCut { compression }
            | ContentFault::StreamDamaged { compression }
            | ContentFault::StreamFollowed { compression }
            | ContentFault::StreamEmpty { compression } => Self {
                compression: Some(compression.as_str()),
                ..plain
            },
            ContentFault::RawSizeDiffers { expected, actual } => Self {
                expected_size: Some(*expected),
                actual_size: *actual,
                ..plain
            },
            ContentFault::CannotLook { why } => Self {
                unseen: Some(unseen(why)),
                ..plain
            },
            ContentFault::ContentCut { kind } => Self {
                kind: Some(kind.code()),
                ..plain
            },
            ContentFault::ContentDamaged { kind, problem } => Self {
                kind: Some(kind.code()),
                problem: Some(reader.line(problem, limit)),
                ..plain
            },
            ContentFault::RawContentDiffers
            | ContentFault::ExpandsTooFar { .. }
            | ContentFault::DecoderFailed
            | ContentFault::NotRecognised => plain,
        }
    }
}

const fn unseen(why: &Unseen) -> &'static str {
    match why {
        Unseen::NeedsMemory { .. } => "needs_memory",
        Unseen::NeedsDictionary => "needs_dictionary",
        Unseen::UnknownForm => "unknown_form",
    }
}
