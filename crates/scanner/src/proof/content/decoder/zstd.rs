//! zstd (RFC 8878): frames one after the other, some of which are to be skipped.

use vigie_domain::{Compression, Unseen};
use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode;
use zstd::zstd_safe::{DCtx, DParameter, ErrorCode, InBuffer, OutBuffer, is_error_kind};

use super::{Decode, Output, Stop, Taken, cut, damaged, followed, no_memory};
use crate::proof::content::room::{COMMON_BYTES, LARGE_BYTES};

const COMPRESSION: Compression = Compression::Zstd;

/// The logarithm of the largest window, as `zstd -d` has it unless it is told otherwise.
const WINDOW_LOG: u32 = LARGE_BYTES.ilog2();

const MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// The magic of a frame to skip, and its size.
const SKIPPABLE_HEADER_BYTES: usize = 8;

pub(super) struct Zstd {
    context: DCtx<'static>,
    /// The header of the frame that begins, as far as it is there; empty within a frame.
    header: Vec<u8>,
    is_within_frame: bool,
    has_frames: bool,
}

/// What the header of a frame tells.
#[derive(Debug, PartialEq, Eq)]
enum Header {
    /// It has to have so many bytes to tell.
    Needs(usize),
    /// This much has to be kept of what was decoded, in bytes.
    Keeps(u64),
    /// It is none.
    Unknown,
}

impl Zstd {
    pub(super) fn new() -> Result<Self, Stop> {
        let mut context = DCtx::try_create().ok_or_else(no_memory)?;
        let limit = DParameter::WindowLogMax(WINDOW_LOG);
        context.set_parameter(limit).map_err(stop_of)?;
        Ok(Self {
            context,
            header: Vec::new(),
            is_within_frame: false,
            has_frames: false,
        })
    }

    /// Takes bytes up to the end of the header, and tells whether it is whole.
    fn take_header(&mut self, input: &mut &[u8]) -> Result<Option<u64>, Stop> {
        loop {
            match header_of(&self.header) {
                Header::Keeps(bytes) => return Ok(Some(bytes)),
                // It may be another format, whose frames are skipped in the same way.
                Header::Unknown if !self.has_frames => {
                    return Err(Stop::Unseen(Unseen::UnknownForm));
                }
                Header::Unknown => return Err(followed(COMPRESSION)),
                Header::Needs(length) => {
                    let missing = length - self.header.len();
                    let (now, rest) = input.split_at(missing.min(input.len()));
                    self.header.extend_from_slice(now);
                    *input = rest;
                    if now.len() < missing {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Decodes within a frame, and gives back what follows its end.
    fn decode<'a>(
        &mut self,
        input: &'a [u8],
        buffer: &mut [u8],
        output: &mut dyn Output,
    ) -> Result<&'a [u8], Stop> {
        let mut source = InBuffer::around(input);
        loop {
            let mut target = OutBuffer::around(&mut *buffer);
            let result = self.context.decompress_stream(&mut target, &mut source);
            let length = target.pos();
            let left = result.map_err(stop_of)?;
            output.push(&buffer[..length])?;
            if left == 0 {
                self.is_within_frame = false;
                break;
            }
            if source.pos() == input.len() && length < buffer.len() {
                break;
            }
        }
        Ok(&input[source.pos()..])
    }
}

impl Decode for Zstd {
    fn push(
        &mut self,
        input: &[u8],
        is_large: bool,
        buffer: &mut [u8],
        output: &mut dyn Output,
    ) -> Result<Taken, Stop> {
        let mut rest = input;
        loop {
            if self.is_within_frame {
                rest = self.decode(rest, buffer, output)?;
            }
            if self.is_within_frame || (rest.is_empty() && self.header.is_empty()) {
                return Ok(Taken::All);
            }
            let Some(keeps) = self.take_header(&mut rest)? else {
                return Ok(Taken::All);
            };
            if keeps > LARGE_BYTES {
                return Err(no_memory());
            }
            if keeps > COMMON_BYTES && !is_large {
                return Ok(Taken::Part(input.len() - rest.len()));
            }
            let header = std::mem::take(&mut self.header);
            self.is_within_frame = true;
            self.has_frames |= header.starts_with(&MAGIC);
            self.decode(&header, buffer, output)?;
        }
    }

    fn finish(&mut self, _: &mut [u8], _: &mut dyn Output) -> Result<(), Stop> {
        if self.is_within_frame || !self.header.is_empty() {
            return Err(cut(COMPRESSION));
        }
        Ok(())
    }
}

/// What a frame's header tells as far as it is there: section 3.1.1.1 of the RFC.
fn header_of(bytes: &[u8]) -> Header {
    let Some((magic, rest)) = bytes.split_first_chunk::<4>() else {
        return Header::Needs(4);
    };
    if matches!(magic, [0x50..=0x5F, 0x2A, 0x4D, 0x18]) {
        return match bytes.len() {
            SKIPPABLE_HEADER_BYTES.. => Header::Keeps(0),
            _ => Header::Needs(SKIPPABLE_HEADER_BYTES),
        };
    }
    if *magic != MAGIC {
        return Header::Unknown;
    }
    let Some((descriptor, rest)) = rest.split_first() else {
        return Header::Needs(5);
    };
    let is_single_segment = descriptor & 0x20 != 0;
    let window_bytes = usize::from(!is_single_segment);
    let dictionary_bytes = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let size_bytes = match descriptor >> 6 {
        0 => usize::from(is_single_segment),
        flag => 1 << flag,
    };
    let length = window_bytes + dictionary_bytes + size_bytes;
    if rest.len() < length {
        return Header::Needs(5 + length);
    }
    let size = little_endian(&rest[length - size_bytes..length]);
    let size = if size_bytes == 2 { size + 256 } else { size };
    if is_single_segment {
        return Header::Keeps(size);
    }
    let (exponent, mantissa) = (rest[0] >> 3, u64::from(rest[0] & 7));
    let base = 1_u64 << (10 + exponent);
    let window = base + base / 8 * mantissa;
    Header::Keeps(if size_bytes == 0 {
        window
    } else {
        window.min(size)
    })
}

fn little_endian(bytes: &[u8]) -> u64 {
    let byte = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
    bytes.iter().rev().fold(0, byte)
}

fn stop_of(code: ErrorCode) -> Stop {
    use ZSTD_ErrorCode as Kind;
    let is = |kind| is_error_kind(code, kind);
    if is(Kind::ZSTD_error_dictionary_wrong) {
        Stop::Unseen(Unseen::NeedsDictionary)
    } else if is(Kind::ZSTD_error_frameParameter_windowTooLarge)
        || is(Kind::ZSTD_error_memory_allocation)
    {
        no_memory()
    } else {
        damaged(COMPRESSION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_tells_what_has_to_be_kept_as_soon_as_it_is_whole() {
        let of = |bytes: &[u8]| header_of(&[&MAGIC, bytes].concat());
        assert_eq!(header_of(&MAGIC[..3]), Header::Needs(4));
        assert_eq!(of(&[]), Header::Needs(5));
        // A window of 2^27 bytes and one more eighth, of an unknown size.
        assert_eq!(of(&[0]), Header::Needs(6));
        assert_eq!(of(&[0, 17 << 3 | 1]), Header::Keeps((1 << 27) + (1 << 24)));
        // The same window for a content that is smaller.
        assert_eq!(of(&[0x80, 17 << 3, 0, 1, 0]), Header::Needs(10));
        assert_eq!(of(&[0x80, 17 << 3, 0, 1, 0, 0]), Header::Keeps(256));
        // In one segment: all of it is kept.
        assert_eq!(of(&[0x60, 1, 1]), Header::Keeps(256 + 257));
        assert_eq!(header_of(&[0x51, 0x2A, 0x4D, 0x18]), Header::Needs(8));
        assert_eq!(header_of(b"PK\x03\x04"), Header::Unknown);
    }
}
