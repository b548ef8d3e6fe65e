//! A tar archive: ustar, and what GNU tar and POSIX 2001 (pax) added to it. Knows nothing of what its
//! members hold.

use super::{Check, Gathered, Trouble};

const BLOCK: usize = 512;

/// What is read of the extended header of a member. More than it is passed over, with the size that it
/// may hold.
const EXTENDED_BYTES: u64 = 1024 * 1024;

pub(super) struct Tar {
    at: At,
    gathered: Gathered,
    /// The size that an extended header gives the next member.
    size: Option<u64>,
    has_members: bool,
}

enum At {
    Header,
    /// More of the map of a sparse member, which has so many bytes.
    SparseMap(u64),
    /// So many bytes of a member and its padding are left.
    Data(u64),
    /// The extended header of a member: so many bytes, with their padding.
    Extended(usize, usize),
    /// A block of zeros stood there.
    FirstEnd,
    End,
}

impl Tar {
    pub(super) fn new() -> Self {
        Self {
            at: At::Header,
            gathered: Gathered::default(),
            size: None,
            has_members: false,
        }
    }

    /// What follows a header.
    fn header(&mut self, block: &[u8]) -> Result<At, Trouble> {
        if block.iter().all(|byte| *byte == 0) {
            return Ok(At::FirstEnd);
        }
        if !has_right_checksum(block) {
            let problem = if self.has_members {
                "the header of a member has another checksum, or is none"
            } else {
                "its first header has another checksum"
            };
            return Err(Trouble::Damaged(problem.to_owned()));
        }
        self.has_members = true;
        let unreadable = || Trouble::Damaged("the size of a member is no number".to_owned());
        let size = number_of(&block[124..136]).ok_or_else(unreadable)?;
        match block[156] {
            // Of a link the size is that of what it links to, where it is given at all.
            b'1' => {
                self.size = None;
                Ok(At::Header)
            }
            b'x' if size <= EXTENDED_BYTES => {
                let length = usize::try_from(size).map_err(|_| Trouble::Unknown)?;
                Ok(At::Extended(length, length.next_multiple_of(BLOCK)))
            }
            b'x' => Err(Trouble::Unknown),
            // These speak of the members that follow, and an extended header of the next of those.
            b'g' | b'L' | b'K' => data_of(size),
            b'S' if block[482] != 0 => Ok(At::SparseMap(self.size.take().unwrap_or(size))),
            _ => data_of(self.size.take().unwrap_or(size)),
        }
    }

    fn step(&mut self, input: &mut &[u8]) -> Result<bool, Trouble> {
        let next = match self.at {
            At::Data(0) => At::Header,
            At::Data(left) => {
                let now = left.min(input.len() as u64);
                *input = &input[usize::try_from(now).unwrap_or(usize::MAX)..];
                self.at = At::Data(left - now);
                return Ok(now == left);
            }
            At::Extended(length, padded) => {
                let Some(bytes) = self.gathered.take(padded, input) else {
                    return Ok(false);
                };
                self.size = size_of(&bytes[..length])?.or(self.size);
                At::Header
            }
            At::End => {
                // Whatever fills the last record.
                *input = &[];
                return Ok(false);
            }
            At::Header | At::SparseMap(_) | At::FirstEnd => {
                let Some(block) = self.gathered.take(BLOCK, input) else {
                    return Ok(false);
                };
                match self.at {
                    At::SparseMap(size) if block[504] != 0 => At::SparseMap(size),
                    At::SparseMap(size) => data_of(size)?,
                    // Whatever it is: tar reads no further than a lone block of zeros.
                    At::FirstEnd => At::End,
                    _ => self.header(&block)?,
                }
            }
        };
        self.at = next;
        Ok(true)
    }
}

impl Check for Tar {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        let mut input = bytes;
        while self.step(&mut input)? {}
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Trouble> {
        match self.at {
            // GNU tar reads an archive with one block of zeros, and warns of it.
            At::FirstEnd if self.gathered.is_empty() => Ok(()),
            At::End => Ok(()),
            _ => Err(Trouble::Cut),
        }
    }
}

fn data_of(size: u64) -> Result<At, Trouble> {
    let padded = size.checked_next_multiple_of(BLOCK as u64);
    let too_large = || Trouble::Damaged("a member is larger than can be".to_owned());
    padded.map(At::Data).ok_or_else(too_large)
}

/// The sum of all bytes of the header, those of the sum itself taken for spaces. Some old writers
/// summed signed bytes.
fn has_right_checksum(block: &[u8]) -> bool {
    let Some(told) = number_of(&block[148..156]) else {
        return false;
    };
    let bytes = || block[..148].iter().chain(&[b' '; 8]).chain(&block[156..]);
    let unsigned: i64 = bytes().map(|byte| i64::from(*byte)).sum();
    let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
    i64::try_from(told).is_ok_and(|told| told == unsigned || told == signed)
}

/// Octal digits, or a number to the base 256 when its first bit is set.
fn number_of(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        // A negative number is no size.
        let first = (field[0] & 0x40 == 0).then_some(u64::from(field[0] & 0x3F))?;
        let next = |number: u64, byte: &u8| {
            let shifted = number.checked_mul(256)?;
            Some(shifted | u64::from(*byte))
        };
        return field[1..].iter().try_fold(first, next);
    }
    let text = field.split(|byte| *byte == 0).next()?;
    let text = std::str::from_utf8(text).ok()?.trim_matches(' ');
    if text.is_empty() {
        return Some(0);
    }
    u64::from_str_radix(text, 8).ok()
}

/// The size in an extended header: records such as `20 size=9000000000\n`, each with its length.
fn size_of(records: &[u8]) -> Result<Option<u64>, Trouble> {
    let broken = || Trouble::Damaged("the extended header of a member can't be read".to_owned());
    let (mut rest, mut size) = (records, None);
    while !rest.is_empty() && rest[0] != 0 {
        let space = rest
            .iter()
            .position(|byte| *byte == b' ')
            .ok_or_else(broken)?;
        let length = std::str::from_utf8(&rest[..space]).ok();
        let length: usize = length
            .and_then(|text| text.parse().ok())
            .ok_or_else(broken)?;
        if length <= space + 1 || length > rest.len() || rest[length - 1] != b'\n' {
            return Err(broken());
        }
        let record = &rest[space + 1..length - 1];
        if let Some(value) = record.strip_prefix(b"size=") {
            let value = std::str::from_utf8(value).ok();
            size = Some(
                value
                    .and_then(|text| text.parse().ok())
                    .ok_or_else(broken)?,
            );
        }
        rest = &rest[length..];
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header with its checksum.
    fn header(kind: u8, size: &[u8]) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[..4].copy_from_slice(b"name");
        block[124..124 + size.len()].copy_from_slice(size);
        block[156] = kind;
        block[257..263].copy_from_slice(b"ustar\0");
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        block
    }

    fn padded(data: &[u8]) -> Vec<u8> {
        let mut data = data.to_vec();
        data.resize(data.len().next_multiple_of(BLOCK), 0);
        data
    }

    fn verdict(parts: &[Vec<u8>]) -> Result<(), Trouble> {
        let bytes = parts.concat();
        let mut check = Tar::new();
        for piece in bytes.chunks(100) {
            check.push(piece)?;
        }
        check.finish()
    }

    fn end() -> Vec<u8> {
        vec![0; 2 * BLOCK]
    }

    #[test]
    fn an_archive_ends_with_a_block_of_zeros_at_least() {
        let member = [header(b'0', b"00000000003"), padded(b"abc")].concat();
        assert_eq!(verdict(&[member.clone(), end()]), Ok(()));
        assert_eq!(verdict(&[member.clone(), vec![0; BLOCK]]), Ok(()));
        assert_eq!(
            verdict(&[member.clone(), end(), padded(b"whatever")]),
            Ok(())
        );
        assert_eq!(verdict(std::slice::from_ref(&member)), Err(Trouble::Cut));
        assert_eq!(verdict(&[member.clone(), vec![0; 100]]), Err(Trouble::Cut));
        assert_eq!(verdict(&[member[..600].to_vec()]), Err(Trouble::Cut));
    }

    #[test]
    fn a_header_that_is_none_is_damage() {
        let member = [header(b'0', b"00000000003"), padded(b"abc")].concat();
        let mut other = header(b'0', b"00000000003");
        other[0] ^= 1;
        let damaged = verdict(&[member, other, end()]);
        assert!(matches!(damaged, Err(Trouble::Damaged(_))), "{damaged:?}");
    }

    #[test]
    fn sizes_come_in_several_forms() {
        let data = padded(&[b'x'; 1000]);
        let base_256 = [&[0x80][..], &[0; 9], &[0x03, 0xE8]].concat();
        for size in [&b"00000001750"[..], b"   1750 \0", &base_256] {
            assert_eq!(verdict(&[header(b'0', size), data.clone(), end()]), Ok(()));
        }
        // That of an extended header comes before that of the header itself.
        let extended = [header(b'x', b"00000000015"), padded(b"13 size=1000\n")].concat();
        let member = header(b'0', b"00000000000");
        let parts = [extended, member.clone(), data.clone(), member, end()];
        assert_eq!(verdict(&parts), Ok(()));
        // A link has no data, whatever size it is given.
        assert_eq!(verdict(&[header(b'1', b"00000001750"), end()]), Ok(()));
    }

    #[test]
    fn the_map_of_a_sparse_member_may_take_more_blocks() {
        let mut sparse = header(b'S', b"00000000003");
        sparse[482] = 1;
        let sum: u32 = sparse.iter().map(|byte| u32::from(*byte)).sum();
        let sum = sum
            - sparse[148..156]
                .iter()
                .map(|byte| u32::from(*byte))
                .sum::<u32>()
            + 8 * 32;
        sparse[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        let mut map = vec![7; BLOCK];
        map[504] = 0;
        assert_eq!(verdict(&[sparse, map, padded(b"abc"), end()]), Ok(()));
    }
}
