//! What a look into a backup found: how far it can be read back. Types and words; who looks is the
//! scanner's part.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Sha256;

/// How deep a backup is looked into before it counts as proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifyLevel {
    /// As deep as [`Content`](Self::Content) into what is recognised. Of anything else the hash is all
    /// that can be said, and enough.
    #[default]
    Recognised,
    /// Its size and SHA-256 are compared, and nothing more.
    Hash,
    /// A compressed backup is decoded from end to end. One that is neither compressed nor recognised is
    /// at fault.
    Decode,
    /// It is decoded, and what is inside has to be recognised and complete.
    Content,
}

impl VerifyLevel {
    /// Every level, in the order in which they are documented.
    pub const ALL: [Self; 4] = [Self::Recognised, Self::Hash, Self::Decode, Self::Content];

    /// The level as it is written in config and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recognised => "recognised",
            Self::Hash => "hash",
            Self::Decode => "decode",
            Self::Content => "content",
        }
    }

    /// Whether more than the hash is asked for.
    #[must_use]
    pub fn looks_inside(self) -> bool {
        self != Self::Hash
    }

    /// Whether a backup that was proven at this level is at `wanted` too.
    ///
    /// ```
    /// use vigie_domain::VerifyLevel;
    ///
    /// assert!(VerifyLevel::Content.covers(VerifyLevel::Decode));
    /// assert!(!VerifyLevel::Decode.covers(VerifyLevel::Content));
    /// // Nothing may have been recognised then.
    /// assert!(!VerifyLevel::Recognised.covers(VerifyLevel::Decode));
    /// ```
    #[must_use]
    pub fn covers(self, wanted: Self) -> bool {
        self == wanted || self == Self::Content || wanted == Self::Hash
    }

    /// Whether a backup that can't be looked into is at fault.
    #[must_use]
    pub fn is_demanding(self) -> bool {
        matches!(self, Self::Decode | Self::Content)
    }
}

impl fmt::Display for VerifyLevel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// How a backup is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// RFC 8878.
    Zstd,
    /// RFC 1952.
    Gzip,
    /// The .xz file format.
    Xz,
    /// The format of bzip2.
    Bzip2,
}

impl Compression {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// What a backup is once it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentKind {
    /// What `pg_dump -Fc` writes.
    PostgresCustom,
    /// What `pg_dump` writes: SQL.
    PostgresPlain,
    /// What `pg_dumpall` writes: SQL.
    PostgresCluster,
    /// What `mysqldump` of `MySQL` writes: SQL.
    Mysql,
    /// What `mariadb-dump` writes: SQL.
    Mariadb,
    /// A database file of SQLite 3.
    Sqlite,
    /// A tar archive; `pg_dump -Ft` writes one.
    Tar,
}

impl ContentKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::PostgresCustom,
        Self::PostgresPlain,
        Self::PostgresCluster,
        Self::Mysql,
        Self::Mariadb,
        Self::Sqlite,
        Self::Tar,
    ];

    /// The kind as it stands in JSON; templates translate by it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::PostgresCustom => "postgres_custom",
            Self::PostgresPlain => "postgres_plain",
            Self::PostgresCluster => "postgres_cluster",
            Self::Mysql => "mysql",
            Self::Mariadb => "mariadb",
            Self::Sqlite => "sqlite",
            Self::Tar => "tar",
        }
    }
}

impl fmt::Display for ContentKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::PostgresCustom => "PostgreSQL dump (custom format)",
            Self::PostgresPlain => "PostgreSQL dump (plain SQL)",
            Self::PostgresCluster => "PostgreSQL cluster dump (plain SQL)",
            Self::Mysql => "MySQL dump",
            Self::Mariadb => "MariaDB dump",
            Self::Sqlite => "SQLite database",
            Self::Tar => "tar archive",
        })
    }
}

/// Why nothing can be said of a backup beyond what its hash says, though nothing is known to be wrong
/// with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Unseen {
    /// To decode it takes more memory than is given to it.
    NeedsMemory {
        /// How many bytes are given to it.
        limit: u64,
    },
    /// It was compressed with a dictionary that is not in it.
    NeedsDictionary,
    /// It has a form that is not known, such as that of a newer version.
    UnknownForm,
}

impl fmt::Display for Unseen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeedsMemory { limit } => {
                write!(
                    formatter,
                    "decoding it takes more than {} of memory",
                    Size(*limit)
                )
            }
            Self::NeedsDictionary => {
                formatter.write_str("it was compressed with a dictionary that is not in it")
            }
            Self::UnknownForm => formatter.write_str("it has a form that Vigie does not know"),
        }
    }
}

/// Why a backup can't be read back. `Display` says it in English; templates translate by `code`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum ContentFault {
    /// The compressed stream stops before its end.
    StreamCut {
        /// How it is compressed.
        compression: Compression,
    },
    /// A checksum or the structure of the compressed stream does not hold.
    StreamDamaged {
        /// How it is compressed.
        compression: Compression,
    },
    /// After the end of the compressed stream something follows that belongs to none.
    StreamFollowed {
        /// How it is compressed.
        compression: Compression,
    },
    /// The compressed stream is whole, and there is nothing in it: what was to be compressed failed.
    StreamEmpty {
        /// How it is compressed.
        compression: Compression,
    },
    /// Decoded, it has another size than the agent's dump had.
    RawSizeDiffers {
        /// The size in bytes that the agent reported of its BACKUP stage.
        expected: u64,
        /// That of what was decoded; `None` when decoding stopped as soon as there was more.
        actual: Option<u64>,
    },
    /// Decoded, it has another SHA-256 than the agent's dump had.
    RawContentDiffers,
    /// It decodes to so much that it may be a decompression bomb.
    ExpandsTooFar {
        /// After how many bytes decoding stopped.
        limit: u64,
    },
    /// The decoder broke down over it, and it is not known why.
    DecoderFailed,
    /// It can't be looked into, and was to be.
    CannotLook {
        /// Why.
        why: Unseen,
    },
    /// It is nothing that is known how to look into, and was to be looked into.
    NotRecognised,
    /// What is inside stops before its end.
    ContentCut {
        /// What it is.
        kind: ContentKind,
    },
    /// The structure of what is inside does not hold.
    ContentDamaged {
        /// What it is.
        kind: ContentKind,
        /// What is wrong, as a sentence without its full stop.
        problem: String,
    },
}

impl ContentFault {
    /// The fault in one word, by which templates translate it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::StreamCut { .. } => "stream_cut",
            Self::StreamDamaged { .. } => "stream_damaged",
            Self::StreamFollowed { .. } => "stream_followed",
            Self::StreamEmpty { .. } => "stream_empty",
            Self::RawSizeDiffers { .. } => "raw_size_differs",
            Self::RawContentDiffers => "raw_content_differs",
            Self::ExpandsTooFar { .. } => "expands_too_far",
            Self::DecoderFailed => "decoder_failed",
            Self::CannotLook { .. } => "cannot_look",
            Self::NotRecognised => "not_recognised",
            Self::ContentCut { .. } => "content_cut",
            Self::ContentDamaged { .. } => "content_damaged",
        }
    }
}

impl fmt::Display for ContentFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StreamCut { compression } => {
                write!(formatter, "the {compression} stream stops before its end")
            }
            Self::StreamDamaged { compression } => {
                write!(formatter, "the {compression} stream is damaged")
            }
            Self::StreamFollowed { compression } => write!(
                formatter,
                "after the end of the {compression} stream stands something that belongs to none"
            ),
            Self::StreamEmpty { compression } => {
                write!(formatter, "the {compression} stream is whole, but empty")
            }
            Self::RawSizeDiffers {
                expected,
                actual: Some(actual),
            } => write!(
                formatter,
                "decoded it has {actual} bytes, and the agent reported {expected}"
            ),
            Self::RawSizeDiffers {
                expected,
                actual: None,
            } => write!(
                formatter,
                "decoded it has more than the {expected} bytes that the agent reported"
            ),
            Self::RawContentDiffers => formatter
                .write_str("decoded it has another SHA-256 than the agent reported of its dump"),
            Self::ExpandsTooFar { limit } => write!(
                formatter,
                "it decodes to more than {}, as a decompression bomb would; raise \
                 verify.max_expansion if it is none",
                Size(*limit)
            ),
            Self::DecoderFailed => formatter.write_str("the decoder broke down over it"),
            Self::CannotLook { why } => why.fmt(formatter),
            Self::NotRecognised => formatter.write_str("it is nothing that Vigie can look into"),
            Self::ContentCut { kind } => write!(formatter, "the {kind} stops before its end"),
            Self::ContentDamaged { kind, problem } => {
                write!(formatter, "the {kind} is damaged: {problem}")
            }
        }
    }
}

/// What a look into a backup found. `Display` says it in English.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentFinding {
    /// How it is compressed; `None` when it is not, or not in a way that is known.
    pub compression: Option<Compression>,
    /// How many bytes it decoded to, as far as it did; `None` when it is not compressed.
    pub raw_size: Option<u64>,
    /// Their SHA-256, computed only where the agent reported one.
    pub raw_sha256: Option<Sha256>,
    /// What it is once it is decoded; `None` when that is not recognised.
    pub kind: Option<ContentKind>,
    /// Whether what it is was found to be complete.
    pub is_complete: bool,
    /// Why nothing more could be said.
    pub unseen: Option<Unseen>,
    /// Why it can't be read back; `None` when it can, as far as that was looked at.
    pub fault: Option<ContentFault>,
}

impl ContentFinding {
    /// The words for what was found, without what is wrong.
    fn write_facts(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(compression) = self.compression {
            write!(formatter, "{compression}")?;
            if let Some(size) = self.raw_size {
                write!(formatter, ", {} raw", Size(size))?;
            }
            if self.kind.is_some() {
                formatter.write_str(", ")?;
            }
        }
        match self.kind {
            Some(kind) if self.is_complete => write!(formatter, "a complete {kind}"),
            Some(kind) => write!(formatter, "a {kind}"),
            None if self.compression.is_none() => formatter.write_str("not recognised"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ContentFinding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_facts(formatter)?;
        match (&self.fault, &self.unseen) {
            (Some(ContentFault::NotRecognised), _) if self.compression.is_none() => Ok(()),
            (Some(fault), _) => write!(formatter, ": {fault}"),
            (None, Some(unseen)) => write!(formatter, ", not looked into: {unseen}"),
            (None, None) => Ok(()),
        }
    }
}

/// A number of bytes as people say it: `1.2 GiB`.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if self.0 < 1024 {
            return write!(formatter, "{} B", self.0);
        }
        let exponent = self.0.ilog2() / 10;
        let tenths = (u128::from(self.0) * 10) >> (10 * exponent);
        let unit = UNITS[exponent as usize - 1];
        write!(formatter, "{}.{} {unit}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn custom() -> ContentFinding {
        ContentFinding {
            compression: Some(Compression::Zstd),
            raw_size: Some(1_300_000_000),
            kind: Some(ContentKind::PostgresCustom),
            is_complete: true,
            ..ContentFinding::default()
        }
    }

    #[test]
    fn a_finding_says_what_a_backup_is_and_what_is_wrong_with_it() {
        assert_eq!(
            custom().to_string(),
            "zstd, 1.2 GiB raw, a complete PostgreSQL dump (custom format)"
        );
        let cut = ContentFinding {
            is_complete: false,
            fault: Some(ContentFault::StreamCut {
                compression: Compression::Zstd,
            }),
            ..custom()
        };
        assert_eq!(
            cut.to_string(),
            "zstd, 1.2 GiB raw, a PostgreSQL dump (custom format): the zstd stream stops before \
             its end"
        );
        let newer = ContentFinding {
            kind: Some(ContentKind::PostgresCustom),
            unseen: Some(Unseen::UnknownForm),
            ..ContentFinding::default()
        };
        assert_eq!(
            newer.to_string(),
            "a PostgreSQL dump (custom format), not looked into: it has a form that Vigie does not \
             know"
        );
        let unknown = ContentFinding {
            fault: Some(ContentFault::NotRecognised),
            ..ContentFinding::default()
        };
        assert_eq!(unknown.to_string(), "not recognised");
    }

    #[test]
    fn sizes_are_told_in_the_unit_that_suits_them() {
        let told = |bytes| Size(bytes).to_string();
        assert_eq!(told(1023), "1023 B");
        assert_eq!(told(1024), "1.0 KiB");
        assert_eq!(told(128 << 20), "128.0 MiB");
        assert_eq!(told(u64::MAX), "15.9 EiB");
    }

    #[test]
    fn every_code_is_the_one_in_json() {
        for kind in ContentKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.code());
        }
        for level in VerifyLevel::ALL {
            assert_eq!(serde_json::to_value(level).unwrap(), level.as_str());
        }
        let fault = ContentFault::ContentCut {
            kind: ContentKind::Tar,
        };
        assert_eq!(serde_json::to_value(&fault).unwrap()["code"], fault.code());
    }
}
