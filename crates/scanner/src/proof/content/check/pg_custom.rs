//! What `pg_dump -Fc` writes: a header, a table of contents, and a block of data for each entry that
//! has some. Knows nothing of what the data is.
//!
//! The versions that are known are those of PostgreSQL 9.0 to 18: 1.12 to 1.16.

use std::collections::HashMap;

use flate2::{Decompress, FlushDecompress, Status};

use super::{Check, Gathered, Trouble};

const NEWEST_VERSION: u8 = 16;
const OLDEST_VERSION: u8 = 12;

/// The number that stands for this format among those of `pg_dump`.
const CUSTOM_FORMAT: u8 = 1;

/// More entries with data than any database has tables. Of more nothing is said.
const MOST_ENTRIES: usize = 1_000_000;

const OUTPUT_BYTES: usize = 32 * 1024;

/// The kinds of blocks.
const DATA: u8 = 1;
const LARGE_OBJECTS: u8 = 3;

/// What the table of contents says of where an entry's data stands.
const POSITION_SET: u8 = 2;
const NO_DATA: u8 = 3;

pub(super) struct PgCustom {
    gathered: Gathered,
    at: At,
    version: u8,
    int_bytes: usize,
    offset_bytes: usize,
    is_deflated: bool,
    /// How many bytes were passed over since the start of the file.
    position: u64,
    entries_left: u64,
    /// The entries that have data, each with where it stands when that is known.
    expected: HashMap<u32, Option<u64>>,
    /// Whether it is known of any entry where its data stands: it was added when all of it was written.
    has_positions: bool,
    /// The number of the entry that is being read, and whether it is said to have data.
    entry: u32,
    inflating: Inflating,
}

/// What the next bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Magic,
    /// The compression, and the fields after it: so many numbers and then strings.
    Compression,
    Created(u8),
    HeadText(u8),
    EntryCount,
    Entry(Field),
    /// So many bytes of a text are left, after which it goes on there.
    Text(u64, After),
    BlockKind,
    BlockEntry(u8),
    LargeObject,
    /// The length of a chunk of data, within a block of this kind.
    Chunk(u8),
    ChunkData(u8, u64),
}

/// What follows a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    HeadText(u8),
    Entry(Field),
}

/// The fields of an entry of the table of contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Number,
    /// Whether it had something that dumps data.
    HasDumper,
    /// So many texts: those from the first object id to the description.
    Names(u8),
    Section,
    /// Those from the definition on.
    Definitions(u8),
    RelationKind,
    /// The owner, and whether it has object ids.
    Owner(u8),
    Dependency,
    Position,
}

impl PgCustom {
    /// Of compressed data no more than `most` bytes are decoded.
    pub(super) fn new(most: u64) -> Self {
        Self {
            gathered: Gathered::default(),
            at: At::Magic,
            version: 0,
            int_bytes: 4,
            offset_bytes: 8,
            is_deflated: false,
            position: 0,
            entries_left: 0,
            expected: HashMap::new(),
            has_positions: false,
            entry: 0,
            inflating: Inflating::new(most),
        }
    }

    fn take(&mut self, length: usize, input: &mut &[u8]) -> Option<Vec<u8>> {
        let taken = self.gathered.take(length, input)?;
        self.position += length as u64;
        Some(taken)
    }

    fn byte(&mut self, input: &mut &[u8]) -> Option<u8> {
        Some(self.take(1, input)?[0])
    }

    /// A number: its sign, and then its bytes, the lowest first.
    fn int(&mut self, input: &mut &[u8]) -> Option<Result<i64, Trouble>> {
        let bytes = self.take(1 + self.int_bytes, input)?;
        let number = i64::try_from(little_endian(&bytes[1..])).unwrap_or(i64::MAX);
        Some(match bytes[0] {
            0 => Ok(number),
            1 => Ok(-number),
            _ => Err(damaged("a number in it has no sign")),
        })
    }

    /// The length of a text, and where it goes on from there. A negative one is that of no text.
    fn text(&mut self, after: After, input: &mut &[u8]) -> Result<Option<(bool, At)>, Trouble> {
        let length = self.int(input).transpose()?;
        Ok(length.map(|length| match u64::try_from(length) {
            Ok(length) => (true, At::Text(length, after)),
            Err(_) => (false, after.at()),
        }))
    }

    /// Goes on by one field; `None` when its bytes are not all there.
    fn step(&mut self, input: &mut &[u8]) -> Result<Option<At>, Trouble> {
        Ok(match self.at {
            At::Magic => match self.take(11, input) {
                None => None,
                Some(head) => Some(self.head(&head)?),
            },
            At::Compression => self.compression(input)?,
            At::Created(left) => self.int(input).transpose()?.map(|_| match left {
                1 => At::HeadText(3),
                left => At::Created(left - 1),
            }),
            At::HeadText(0) => Some(At::EntryCount),
            At::HeadText(left) => {
                let text = self.text(After::HeadText(left - 1), input)?;
                text.map(|(_, at)| at)
            }
            At::EntryCount => match self.int(input).transpose()? {
                None => None,
                Some(count) => Some(self.entries(count)?),
            },
            At::Entry(field) => self.field(field, input)?,
            At::Text(0, after) => Some(after.at()),
            At::Text(left, after) => {
                let now = self.pass(left, input).len() as u64;
                (now > 0).then_some(At::Text(left - now, after))
            }
            At::BlockKind => match self.byte(input) {
                None => None,
                Some(kind @ (DATA | LARGE_OBJECTS)) => Some(At::BlockEntry(kind)),
                Some(_) => return Err(damaged("between its data stands something else")),
            },
            At::BlockEntry(kind) => match self.int(input).transpose()? {
                None => None,
                Some(number) => Some(self.block(kind, number)?),
            },
            At::LargeObject => self.int(input).transpose()?.map(|object| {
                self.inflating.start();
                if object == 0 {
                    At::BlockKind
                } else {
                    At::Chunk(LARGE_OBJECTS)
                }
            }),
            At::Chunk(kind) => match self.int(input).transpose()? {
                None => None,
                Some(0) => Some(self.end_of_data(kind)?),
                Some(length) => match u64::try_from(length) {
                    Ok(length) => Some(At::ChunkData(kind, length)),
                    Err(_) => return Err(damaged("the length of its data is negative")),
                },
            },
            At::ChunkData(kind, 0) => Some(At::Chunk(kind)),
            At::ChunkData(kind, left) => {
                let bytes = self.pass(left, input);
                if self.is_deflated {
                    self.inflating.push(bytes)?;
                }
                let now = bytes.len() as u64;
                (now > 0).then_some(At::ChunkData(kind, left - now))
            }
        })
    }

    /// Up to so many bytes, as far as they are there.
    fn pass<'a>(&mut self, most: u64, input: &mut &'a [u8]) -> &'a [u8] {
        let length = usize::try_from(most).unwrap_or(usize::MAX).min(input.len());
        let (now, rest) = input.split_at(length);
        *input = rest;
        self.position += length as u64;
        now
    }

    fn head(&mut self, head: &[u8]) -> Result<At, Trouble> {
        let (major, minor) = (head[5], head[6]);
        if major != 1 || !(OLDEST_VERSION..=NEWEST_VERSION).contains(&minor) {
            return Err(Trouble::Unknown);
        }
        (self.version, self.int_bytes, self.offset_bytes) =
            (minor, usize::from(head[8]), usize::from(head[9]));
        if self.int_bytes != 4 || !(4..=8).contains(&self.offset_bytes) {
            return Err(Trouble::Unknown);
        }
        if head[10] != CUSTOM_FORMAT {
            return Err(Trouble::Unknown);
        }
        Ok(At::Compression)
    }

    /// A level, of which zero is none; since version 1.15 a method.
    fn compression(&mut self, input: &mut &[u8]) -> Result<Option<At>, Trouble> {
        if self.version < 15 {
            let level = self.int(input).transpose()?;
            self.is_deflated = level.is_some_and(|level| level != 0);
            return Ok(level.map(|_| At::Created(7)));
        }
        let method = self.byte(input);
        self.is_deflated = method == Some(1);
        match method {
            Some(0..=3) | None => Ok(method.map(|_| At::Created(7))),
            Some(_) => Err(Trouble::Unknown),
        }
    }

    fn entries(&mut self, count: i64) -> Result<At, Trouble> {
        let none = || damaged("its table of contents has a negative length");
        self.entries_left = u64::try_from(count).map_err(|_| none())?;
        Ok(self.next_entry())
    }

    fn next_entry(&mut self) -> At {
        match self.entries_left.checked_sub(1) {
            None => At::BlockKind,
            Some(left) => {
                self.entries_left = left;
                At::Entry(Field::Number)
            }
        }
    }

    fn field(&mut self, field: Field, input: &mut &[u8]) -> Result<Option<At>, Trouble> {
        let texts = |left: u8, then: Field, more: fn(u8) -> Field| match left {
            1 => then,
            left => more(left - 1),
        };
        let next = match field {
            Field::Number => match self.int(input).transpose()? {
                None => return Ok(None),
                Some(number) => {
                    self.entry = u32::try_from(number).unwrap_or_default();
                    if self.entry == 0 {
                        return Err(damaged("its table of contents holds no number of an entry"));
                    }
                    Field::HasDumper
                }
            },
            // What counts is whether it has a place.
            Field::HasDumper => match self.int(input).transpose()? {
                None => return Ok(None),
                Some(0 | 1) => Field::Names(4),
                Some(_) => return Err(damaged("its table of contents can't be read")),
            },
            Field::Names(left) => {
                let then = texts(left, Field::Section, Field::Names);
                return Ok(self.text(After::Entry(then), input)?.map(|(_, at)| at));
            }
            Field::Section => match self.int(input).transpose()? {
                None => return Ok(None),
                // The definition, how to drop it, how to copy it, its schema and its tablespace; since
                // 1.14 its access method.
                Some(0..=4) => Field::Definitions(if self.version < 14 { 5 } else { 6 }),
                Some(_) => return Err(damaged("its table of contents can't be read")),
            },
            Field::Definitions(left) => {
                let then = if self.version < 16 {
                    Field::Owner(2)
                } else {
                    Field::RelationKind
                };
                let then = texts(left, then, Field::Definitions);
                return Ok(self.text(After::Entry(then), input)?.map(|(_, at)| at));
            }
            Field::RelationKind => match self.int(input).transpose()? {
                None => return Ok(None),
                Some(_) => Field::Owner(2),
            },
            Field::Owner(left) => {
                let then = texts(left, Field::Dependency, Field::Owner);
                return Ok(self.text(After::Entry(then), input)?.map(|(_, at)| at));
            }
            Field::Dependency => {
                let text = self.text(After::Entry(Field::Dependency), input)?;
                match text {
                    Some((true, at)) => return Ok(Some(at)),
                    Some((false, _)) => Field::Position,
                    None => return Ok(None),
                }
            }
            Field::Position => {
                let Some(position) = self.take(1 + self.offset_bytes, input) else {
                    return Ok(None);
                };
                self.expect(position[0], little_endian(&position[1..]))?;
                return Ok(Some(self.next_entry()));
            }
        };
        Ok(Some(At::Entry(next)))
    }

    fn expect(&mut self, state: u8, position: u64) -> Result<(), Trouble> {
        let place = match state {
            NO_DATA => return Ok(()),
            0 | 1 => None,
            POSITION_SET => Some(position),
            _ => return Err(damaged("its table of contents can't be read")),
        };
        self.has_positions |= place.is_some();
        if self.expected.len() == MOST_ENTRIES {
            return Err(Trouble::Unknown);
        }
        self.expected.insert(self.entry, place);
        Ok(())
    }

    fn block(&mut self, kind: u8, number: i64) -> Result<At, Trouble> {
        let entry = u32::try_from(number).ok();
        let start = self.position - 2 - self.int_bytes as u64;
        match entry.and_then(|entry| self.expected.remove(&entry)) {
            None => Err(damaged(&format!(
                "it has data of entry {number}, which has none"
            ))),
            Some(Some(place)) if place != start => Err(damaged(&format!(
                "the data of entry {number} is not in its place"
            ))),
            Some(_) if kind == LARGE_OBJECTS => Ok(At::LargeObject),
            Some(_) => {
                self.inflating.start();
                Ok(At::Chunk(DATA))
            }
        }
    }

    fn end_of_data(&mut self, kind: u8) -> Result<At, Trouble> {
        if self.is_deflated {
            self.inflating.finish()?;
        }
        Ok(if kind == LARGE_OBJECTS {
            At::LargeObject
        } else {
            At::BlockKind
        })
    }
}

impl After {
    fn at(self) -> At {
        match self {
            Self::HeadText(left) => At::HeadText(left),
            Self::Entry(field) => At::Entry(field),
        }
    }
}

impl Check for PgCustom {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        let mut input = bytes;
        while let Some(at) = self.step(&mut input)? {
            self.at = at;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Trouble> {
        let is_between = self.at == At::BlockKind && self.gathered.is_empty();
        // Where places were added at the end, an entry without one had nothing to write.
        let is_missing = |place: &Option<u64>| place.is_some() || !self.has_positions;
        if is_between && !self.expected.values().any(is_missing) {
            return Ok(());
        }
        Err(Trouble::Cut)
    }
}

/// The data of one entry, which is one zlib stream (RFC 1950) over all its chunks, with a checksum at
/// its end.
struct Inflating {
    inflate: Decompress,
    buffer: Vec<u8>,
    is_begun: bool,
    is_ended: bool,
    /// How many bytes more may come out, over all entries.
    left: u64,
}

impl Inflating {
    fn new(most: u64) -> Self {
        Self {
            inflate: Decompress::new(true),
            buffer: vec![0; OUTPUT_BYTES],
            is_begun: false,
            is_ended: false,
            left: most,
        }
    }

    fn start(&mut self) {
        self.inflate.reset(true);
        (self.is_begun, self.is_ended) = (false, false);
    }

    fn push(&mut self, mut input: &[u8]) -> Result<(), Trouble> {
        self.is_begun |= !input.is_empty();
        loop {
            if self.is_ended {
                return if input.is_empty() {
                    Ok(())
                } else {
                    Err(bad_checksum())
                };
            }
            let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self
                .inflate
                .decompress(input, &mut self.buffer, FlushDecompress::None)
                .map_err(|_| bad_checksum())?;
            let taken = usize::try_from(self.inflate.total_in() - before_in).unwrap_or(usize::MAX);
            let given = self.inflate.total_out() - before_out;
            input = &input[taken..];
            self.left = self.left.checked_sub(given).ok_or_else(too_much)?;
            self.is_ended = status == Status::StreamEnd;
            if !self.is_ended && given < self.buffer.len() as u64 {
                if input.is_empty() {
                    return Ok(());
                }
                if taken == 0 && given == 0 {
                    return Err(bad_checksum());
                }
            }
        }
    }

    fn finish(&self) -> Result<(), Trouble> {
        // Of an entry without rows not even a header is written.
        if self.is_begun && !self.is_ended {
            return Err(bad_checksum());
        }
        Ok(())
    }
}

fn too_much() -> Trouble {
    damaged("its data decodes to more than verify.max_expansion allows")
}

fn bad_checksum() -> Trouble {
    damaged("the compressed data of an entry is damaged")
}

fn damaged(problem: &str) -> Trouble {
    Trouble::Damaged(problem.to_owned())
}

fn little_endian(bytes: &[u8]) -> u64 {
    let byte = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
    bytes.iter().rev().fold(0, byte)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;

    fn int(number: i32) -> Vec<u8> {
        let sign = u8::from(number < 0);
        [&[sign][..], &number.unsigned_abs().to_le_bytes()].concat()
    }

    fn text(text: &str) -> Vec<u8> {
        [
            int(i32::try_from(text.len()).unwrap()),
            text.as_bytes().to_vec(),
        ]
        .concat()
    }

    fn position(state: u8, at: u64) -> Vec<u8> {
        [&[state][..], &at.to_le_bytes()].concat()
    }

    /// An entry of the table of contents.
    fn entry(minor: u8, number: i32, place: Vec<u8>) -> Vec<u8> {
        let mut bytes = [
            int(number),
            int(1),
            text("0"),
            text("16385"),
            text("t"),
            text("TABLE DATA"),
        ];
        bytes[5].extend(int(3));
        let mut bytes = bytes.concat();
        let definitions = if minor < 14 { 5 } else { 6 };
        bytes.extend((0..definitions).flat_map(|_| int(-1)));
        if minor >= 16 {
            bytes.extend(int(114));
        }
        bytes.extend([text("owner"), text("false"), text("7"), int(-1), place].concat());
        bytes
    }

    fn head(minor: u8, is_deflated: bool, entries: i32) -> Vec<u8> {
        let mut bytes = [b"PGDMP\x01", &[minor][..], b"\0\x04\x08\x01"].concat();
        match (minor, is_deflated) {
            (..15, _) => bytes.extend(int(if is_deflated { -1 } else { 0 })),
            _ => bytes.push(u8::from(is_deflated)),
        }
        bytes.extend((0..7).flat_map(int));
        bytes.extend([text("books"), text("15.1"), text("15.1"), int(entries)].concat());
        bytes
    }

    fn block(kind: u8, number: i32, data: &[Vec<u8>]) -> Vec<u8> {
        [vec![kind], int(number), data.concat()].concat()
    }

    fn chunk(bytes: &[u8]) -> Vec<u8> {
        [int(i32::try_from(bytes.len()).unwrap()), bytes.to_vec()].concat()
    }

    fn deflated(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn verdict_of(most: u64, bytes: &[u8]) -> Result<(), Trouble> {
        let mut check = PgCustom::new(most);
        for piece in bytes.chunks(13) {
            check.push(piece)?;
        }
        check.finish()
    }

    fn verdict(bytes: &[u8]) -> Result<(), Trouble> {
        verdict_of(1 << 20, bytes)
    }

    fn is_damaged(bytes: &[u8]) -> bool {
        matches!(verdict(bytes), Err(Trouble::Damaged(_)))
    }

    /// A table, and a large object.
    fn archive(minor: u8, data: &[u8]) -> Vec<u8> {
        let unset = || position(1, 0);
        let objects = [int(99), chunk(data), int(0), int(0)];
        [
            head(minor, true, 3),
            entry(minor, 5, unset()),
            entry(minor, 6, position(NO_DATA, 0)),
            entry(minor, 7, unset()),
            block(DATA, 5, &[chunk(&data[..4]), chunk(&data[4..]), int(0)]),
            block(LARGE_OBJECTS, 7, &objects),
        ]
        .concat()
    }

    #[test]
    fn each_known_version_is_read_and_is_cut_anywhere_before_its_end() {
        for minor in OLDEST_VERSION..=NEWEST_VERSION {
            let archive = archive(minor, &deflated(b"some rows"));
            assert_eq!(verdict(&archive), Ok(()), "1.{minor}");
            for end in 11..archive.len() {
                assert_eq!(
                    verdict(&archive[..end]),
                    Err(Trouble::Cut),
                    "1.{minor} at {end}"
                );
            }
        }
        assert_eq!(
            verdict(b"PGDMP\x01\x11\0\x04\x08\x01"),
            Err(Trouble::Unknown)
        );
    }

    #[test]
    fn the_checksum_of_compressed_data_has_to_hold() {
        let mut data = deflated(b"some rows");
        *data.last_mut().unwrap() ^= 1;
        assert!(is_damaged(&archive(14, &data)));
        data.pop();
        assert!(is_damaged(&archive(14, &data)));
        let mut longer = deflated(b"some rows");
        longer.push(0);
        assert!(is_damaged(&archive(14, &longer)));
        let bomb = archive(14, &deflated(&vec![0; 100_000]));
        assert!(matches!(
            verdict_of(99_999, &bomb),
            Err(Trouble::Damaged(_))
        ));
        assert_eq!(verdict_of(200_000, &bomb), Ok(()));
    }

    #[test]
    fn data_has_to_stand_where_the_table_of_contents_says() {
        let archive = |place| {
            let mut bytes = head(14, false, 2);
            bytes.extend(entry(14, 5, place));
            bytes.extend(entry(14, 6, position(1, 0)));
            (
                bytes.len(),
                [bytes, block(DATA, 5, &[chunk(b"rows"), int(0)])].concat(),
            )
        };
        let (at, _) = archive(position(POSITION_SET, 0));
        let place = position(POSITION_SET, at as u64);
        // The other entry had nothing to write: it has no place, though one has.
        assert_eq!(verdict(&archive(place).1), Ok(()));
        assert!(is_damaged(
            &archive(position(POSITION_SET, at as u64 + 1)).1
        ));
        // Where none has a place, each has to have its data.
        assert_eq!(verdict(&archive(position(1, 0)).1), Err(Trouble::Cut));
        assert!(is_damaged(&archive(position(NO_DATA, 0)).1));
    }
}
