//! A database file of SQLite 3, as far as its header tells what belongs to it. Knows nothing of what is
//! in its pages.
//!
//! The header is described in the SQLite documentation, "Database File Format", section 1.3.

use super::{Check, Gathered, Trouble};

const HEADER_BYTES: usize = 108;

/// The newest version of the format for reading: that with a write-ahead log.
const NEWEST_VERSION: u8 = 2;

/// The types that the first page can have: an inner page of a table, or a leaf of one.
const FIRST_PAGE_TYPES: [u8; 2] = [5, 13];

pub(super) struct Sqlite {
    start: Gathered,
    header: Option<Header>,
    size: u64,
}

#[derive(Debug, Clone, Copy)]
struct Header {
    page_size: u64,
    /// `None` when the one who wrote it last did not keep count.
    pages: Option<u64>,
}

impl Sqlite {
    pub(super) fn new() -> Self {
        Self {
            start: Gathered::default(),
            header: None,
            size: 0,
        }
    }
}

impl Check for Sqlite {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        self.size += bytes.len() as u64;
        let mut input = bytes;
        if self.header.is_none()
            && let Some(start) = self.start.take(HEADER_BYTES, &mut input)
        {
            self.header = Some(header_of(&start)?);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Trouble> {
        let header = self.header.ok_or(Trouble::Cut)?;
        // A file may be longer than it says: SQLite looks at no more than that.
        let is_whole = match header.pages {
            Some(pages) => self.size >= pages * header.page_size,
            None => self.size.is_multiple_of(header.page_size),
        };
        if is_whole { Ok(()) } else { Err(Trouble::Cut) }
    }
}

fn header_of(bytes: &[u8]) -> Result<Header, Trouble> {
    let number = |at: usize| {
        let of = |byte: usize| u32::from(bytes[at + byte]) << (24 - 8 * byte);
        of(0) | of(1) | of(2) | of(3)
    };
    let page_size = match u64::from(bytes[16]) << 8 | u64::from(bytes[17]) {
        1 => 65536,
        size if size.is_power_of_two() && (512..=32768).contains(&size) => size,
        size => return Err(Trouble::Damaged(format!("it gives pages {size} bytes"))),
    };
    if bytes[19] > NEWEST_VERSION {
        return Err(Trouble::Unknown);
    }
    // The payload fractions have to be these.
    if bytes[21..24] != [64, 32, 32] {
        return Err(Trouble::Damaged(
            "its header is not that of a database".to_owned(),
        ));
    }
    if !FIRST_PAGE_TYPES.contains(&bytes[100]) {
        return Err(Trouble::Damaged(
            "its first page is no page of a table".to_owned(),
        ));
    }
    let is_counted = number(24) == number(92) && number(28) > 0;
    if is_counted && number(36) > number(28) {
        return Err(Trouble::Damaged(format!(
            "it has {} pages, and more free ones",
            number(28)
        )));
    }
    Ok(Header {
        page_size,
        pages: is_counted.then(|| u64::from(number(28))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three pages of 512 bytes.
    fn database() -> Vec<u8> {
        let mut bytes = vec![0; 3 * 512];
        bytes[..16].copy_from_slice(b"SQLite format 3\0");
        bytes[16..24].copy_from_slice(&[2, 0, 1, 1, 0, 64, 32, 32]);
        bytes[24..32].copy_from_slice(&[0, 0, 0, 7, 0, 0, 0, 3]);
        bytes[92..96].copy_from_slice(&[0, 0, 0, 7]);
        bytes[100] = 13;
        bytes
    }

    fn verdict(bytes: &[u8]) -> Result<(), Trouble> {
        let mut check = Sqlite::new();
        for piece in bytes.chunks(50) {
            check.push(piece)?;
        }
        check.finish()
    }

    fn with(change: impl FnOnce(&mut Vec<u8>)) -> Result<(), Trouble> {
        let mut bytes = database();
        change(&mut bytes);
        verdict(&bytes)
    }

    #[test]
    fn a_file_has_to_hold_the_pages_that_it_says() {
        assert_eq!(verdict(&database()), Ok(()));
        assert_eq!(verdict(&database()[..1535]), Err(Trouble::Cut));
        assert_eq!(verdict(&database()[..60]), Err(Trouble::Cut));
        assert_eq!(with(|bytes| bytes.push(0)), Ok(()));
    }

    #[test]
    fn a_count_that_nobody_kept_is_not_believed() {
        assert_eq!(with(|bytes| bytes[31] = 9), Err(Trouble::Cut));
        let stale = |bytes: &mut Vec<u8>| (bytes[31], bytes[95]) = (9, 6);
        assert_eq!(with(stale), Ok(()));
        assert_eq!(with(|bytes| bytes[31] = 0), Ok(()));
        let cut = |bytes: &mut Vec<u8>| {
            stale(bytes);
            bytes.pop();
        };
        assert_eq!(with(cut), Err(Trouble::Cut));
    }

    #[test]
    fn what_no_database_has_is_damage_and_a_newer_version_is_not() {
        for (at, byte) in [(16, 3), (21, 0), (100, 0), (39, 200)] {
            let verdict = with(|bytes| bytes[at] = byte);
            assert!(matches!(verdict, Err(Trouble::Damaged(_))), "{at}");
        }
        assert_eq!(with(|bytes| (bytes[18], bytes[19]) = (2, 2)), Ok(()));
        assert_eq!(with(|bytes| bytes[19] = 3), Err(Trouble::Unknown));
        // Bytes that an extension reserves in each page.
        assert_eq!(with(|bytes| bytes[20] = 32), Ok(()));
    }
}
