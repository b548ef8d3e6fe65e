//! Recognises what a backup is by its first bytes, and checks as it streams past that it is whole.
//! Knows no compression and no file.

mod pg_custom;
mod sql_trailer;
mod sqlite;
mod tar;

use vigie_domain::ContentKind;

/// How many bytes tell what a backup is.
pub(crate) const START_BYTES: usize = 512;

/// Checks a backup that streams past. Once it has found trouble, it gets no more.
pub(crate) trait Check: Send {
    /// The next bytes.
    fn push(&mut self, bytes: &[u8]) -> Result<(), Trouble>;

    /// There is no more.
    fn finish(&mut self) -> Result<(), Trouble>;
}

/// Why a backup is not found to be complete.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It stops before its end.
    Cut,
    /// Its structure does not hold: what is wrong, as a sentence without its full stop.
    Damaged(String),
    /// It may be valid, and has a form that is not known here.
    Unknown,
}

/// What a backup that begins like this is.
pub(crate) fn recognise(start: &[u8]) -> Option<ContentKind> {
    if start.starts_with(b"PGDMP") {
        Some(ContentKind::PostgresCustom)
    } else if start.starts_with(b"SQLite format 3\0") {
        Some(ContentKind::Sqlite)
    } else if start.len() == START_BYTES && start[257..].starts_with(b"ustar") {
        Some(ContentKind::Tar)
    } else {
        sql_trailer::recognise(start)
    }
}

/// A check of what was recognised. Of compressed data within it no more than `most` bytes are decoded.
pub(crate) fn of(kind: ContentKind, most: u64) -> Box<dyn Check> {
    match kind {
        ContentKind::PostgresCustom => Box::new(pg_custom::PgCustom::new(most)),
        ContentKind::Sqlite => Box::new(sqlite::Sqlite::new()),
        ContentKind::Tar => Box::new(tar::Tar::new()),
        ContentKind::PostgresPlain
        | ContentKind::PostgresCluster
        | ContentKind::Mysql
        | ContentKind::Mariadb => Box::new(sql_trailer::SqlTrailer::new(kind)),
    }
}

/// Gathers a few bytes that may come in pieces.
#[derive(Debug, Default)]
struct Gathered(Vec<u8>);

impl Gathered {
    /// The next `length` bytes once all of them are there.
    fn take(&mut self, length: usize, input: &mut &[u8]) -> Option<Vec<u8>> {
        let missing = length.saturating_sub(self.0.len());
        let (now, rest) = input.split_at(missing.min(input.len()));
        self.0.extend_from_slice(now);
        *input = rest;
        (self.0.len() >= length).then(|| std::mem::take(&mut self.0))
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
