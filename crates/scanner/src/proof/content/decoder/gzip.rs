//! gzip (RFC 1952): members one after the other, and zeros after the last, as tapes have them.

use flate2::{Crc, Decompress, FlushDecompress, Status};
use vigie_domain::Compression;

use super::{Decode, Output, Stop, Taken, cut, damaged, followed};

const COMPRESSION: Compression = Compression::Gzip;

const MAGIC: [u8; 2] = [0x1F, 0x8B];

/// The flags of a header that are defined, but for the one of a text, which says nothing.
const HAS_CRC: u8 = 2;
const HAS_EXTRA: u8 = 4;
const HAS_NAME: u8 = 8;
const HAS_COMMENT: u8 = 16;
const RESERVED: u8 = 0xE0;

pub(super) struct Gzip {
    at: At,
    /// The bytes of a field of fixed length, as far as they are there.
    field: Vec<u8>,
    /// What the header of the member says follows.
    flags: u8,
    has_members: bool,
    inflate: Decompress,
    crc: Crc,
}

/// Where in a member the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Magic,
    Head,
    ExtraLength,
    Extra(usize),
    Name,
    Comment,
    HeadCrc,
    Body,
    Trailer,
    Padding,
}

impl Gzip {
    pub(super) fn new() -> Self {
        Self {
            at: At::Magic,
            field: Vec::new(),
            flags: 0,
            has_members: false,
            inflate: Decompress::new(false),
            crc: Crc::new(),
        }
    }

    /// The next `length` bytes once they are all there.
    fn take(&mut self, length: usize, input: &mut &[u8]) -> Option<Vec<u8>> {
        let (now, rest) = input.split_at((length - self.field.len()).min(input.len()));
        self.field.extend_from_slice(now);
        *input = rest;
        (self.field.len() == length).then(|| std::mem::take(&mut self.field))
    }

    /// Goes on by one field, and tells whether that could be done.
    fn step(
        &mut self,
        input: &mut &[u8],
        buffer: &mut [u8],
        output: &mut dyn Output,
    ) -> Result<bool, Stop> {
        self.at = match self.at {
            At::Magic => {
                if self.has_members && self.field.is_empty() && input.first() == Some(&0) {
                    At::Padding
                } else {
                    let Some(magic) = self.take(2, input) else {
                        return Ok(false);
                    };
                    if magic != MAGIC {
                        return Err(followed(COMPRESSION));
                    }
                    At::Head
                }
            }
            At::Head => {
                let Some(head) = self.take(8, input) else {
                    return Ok(false);
                };
                self.flags = head[1];
                if head[0] != 8 || self.flags & RESERVED != 0 {
                    return Err(damaged(COMPRESSION));
                }
                self.inflate.reset(false);
                self.crc.reset();
                self.next_of_head(HAS_EXTRA)
            }
            At::ExtraLength => {
                let Some(length) = self.take(2, input) else {
                    return Ok(false);
                };
                At::Extra(usize::from(u16::from_le_bytes([length[0], length[1]])))
            }
            At::Extra(0) => self.next_of_head(HAS_NAME),
            At::Extra(left) => {
                let now = left.min(input.len());
                *input = &input[now..];
                if now == 0 {
                    return Ok(false);
                }
                At::Extra(left - now)
            }
            At::Name | At::Comment => {
                let Some(end) = input.iter().position(|byte| *byte == 0) else {
                    *input = &[];
                    return Ok(false);
                };
                *input = &input[end + 1..];
                let is_name = self.at == At::Name;
                self.next_of_head(if is_name { HAS_COMMENT } else { HAS_CRC })
            }
            At::HeadCrc => {
                if self.take(2, input).is_none() {
                    return Ok(false);
                }
                At::Body
            }
            At::Body => {
                if !self.inflate(input, buffer, output)? {
                    return Ok(false);
                }
                At::Trailer
            }
            At::Trailer => {
                let Some(trailer) = self.take(8, input) else {
                    return Ok(false);
                };
                let told = [
                    self.crc.sum().to_le_bytes(),
                    self.crc.amount().to_le_bytes(),
                ];
                if trailer != told.concat() {
                    return Err(damaged(COMPRESSION));
                }
                self.has_members = true;
                At::Magic
            }
            At::Padding => {
                if input.iter().any(|byte| *byte != 0) {
                    return Err(followed(COMPRESSION));
                }
                *input = &[];
                return Ok(false);
            }
        };
        Ok(true)
    }

    /// What follows in a header from the field of this flag on.
    fn next_of_head(&self, from: u8) -> At {
        let fields = [
            (HAS_EXTRA, At::ExtraLength),
            (HAS_NAME, At::Name),
            (HAS_COMMENT, At::Comment),
            (HAS_CRC, At::HeadCrc),
        ];
        let rest = fields.into_iter().skip_while(|(flag, _)| *flag != from);
        let mut there = rest.filter(|(flag, _)| self.flags & flag != 0);
        there.next().map_or(At::Body, |(_, at)| at)
    }

    /// Tells whether the end of the member's data was reached.
    fn inflate(
        &mut self,
        input: &mut &[u8],
        buffer: &mut [u8],
        output: &mut dyn Output,
    ) -> Result<bool, Stop> {
        loop {
            let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self
                .inflate
                .decompress(input, buffer, FlushDecompress::None)
                .map_err(|_| damaged(COMPRESSION))?;
            let taken = usize::try_from(self.inflate.total_in() - before_in).unwrap_or(usize::MAX);
            let given = usize::try_from(self.inflate.total_out() - before_out);
            let given = &buffer[..given.unwrap_or(usize::MAX)];
            *input = &input[taken..];
            self.crc.update(given);
            output.push(given)?;
            if status == Status::StreamEnd {
                return Ok(true);
            }
            if given.len() < buffer.len() && (input.is_empty() || taken == 0 && given.is_empty()) {
                return if input.is_empty() {
                    Ok(false)
                } else {
                    Err(damaged(COMPRESSION))
                };
            }
        }
    }
}

impl Decode for Gzip {
    fn push(
        &mut self,
        input: &[u8],
        _: bool,
        buffer: &mut [u8],
        output: &mut dyn Output,
    ) -> Result<Taken, Stop> {
        let mut rest = input;
        while !rest.is_empty() {
            self.step(&mut rest, buffer, output)?;
        }
        Ok(Taken::All)
    }

    fn finish(&mut self, _: &mut [u8], _: &mut dyn Output) -> Result<(), Stop> {
        match self.at {
            At::Magic if self.has_members && self.field.is_empty() => Ok(()),
            // A single byte that begins nothing.
            At::Magic if self.has_members && self.field != MAGIC[..1] => Err(followed(COMPRESSION)),
            At::Padding => Ok(()),
            _ => Err(cut(COMPRESSION)),
        }
    }
}
