//! Decodes a compressed stream that is pushed piece by piece. What comes out goes on at once; nothing
//! of it is kept. Knows no content.

mod bzip2;
mod gzip;
mod xz;
mod zstd;

use vigie_domain::{Compression, ContentFault, Unseen};

/// How much comes out of a decoder at once.
const OUTPUT_BYTES: usize = 128 * 1024;

/// Takes what comes out of a decoder.
pub(crate) trait Output {
    /// # Errors
    ///
    /// When no more is wanted, as it is known what is wrong.
    fn push(&mut self, bytes: &[u8]) -> Result<(), ContentFault>;
}

/// Why a decoder can't go on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Something is wrong.
    Fault(ContentFault),
    /// Nothing is known to be wrong, but it can't be decoded here.
    Unseen(Unseen),
}

impl From<ContentFault> for Stop {
    fn from(fault: ContentFault) -> Self {
        Self::Fault(fault)
    }
}

/// How far a decoder went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// All of the piece.
    All,
    /// So many bytes of it. To go on, it has to have a large room.
    Part(usize),
}

/// A decoder of one file.
trait Decode: Send {
    /// Decodes a piece. `is_large` tells whether it may take much memory.
    fn push(
        &mut self,
        input: &[u8],
        is_large: bool,
        buffer: &mut [u8],
        output: &mut dyn Output,
    ) -> Result<Taken, Stop>;

    /// There is no more.
    fn finish(&mut self, buffer: &mut [u8], output: &mut dyn Output) -> Result<(), Stop>;
}

/// A decoder of one file, by its first bytes.
pub(crate) struct Decoder {
    decode: Box<dyn Decode>,
    buffer: Vec<u8>,
}

/// How a file that begins with these bytes is compressed.
pub(crate) fn recognise(start: &[u8]) -> Option<Compression> {
    match start {
        [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => {
            Some(Compression::Zstd)
        }
        [0x1F, 0x8B, 8, ..] => Some(Compression::Gzip),
        [0xFD, b'7', b'z', b'X', b'Z', 0, ..] => Some(Compression::Xz),
        // With the magic of its first block, or of its end when there is none: it is a text that may
        // begin a sentence else.
        [
            b'B',
            b'Z',
            b'h',
            b'1'..=b'9',
            0x31,
            0x41,
            0x59,
            0x26,
            0x53,
            0x59,
            ..,
        ]
        | [
            b'B',
            b'Z',
            b'h',
            b'1'..=b'9',
            0x17,
            0x72,
            0x45,
            0x38,
            0x50,
            0x90,
            ..,
        ] => Some(Compression::Bzip2),
        _ => None,
    }
}

impl Decoder {
    pub(crate) fn new(compression: Compression) -> Result<Self, Stop> {
        let decode: Box<dyn Decode> = match compression {
            Compression::Zstd => Box::new(zstd::Zstd::new()?),
            Compression::Gzip => Box::new(gzip::Gzip::new()),
            Compression::Xz => Box::new(xz::Xz::new()?),
            Compression::Bzip2 => Box::new(bzip2::Bzip2::new()),
        };
        Ok(Self {
            decode,
            buffer: vec![0; OUTPUT_BYTES],
        })
    }

    pub(crate) fn push(
        &mut self,
        input: &[u8],
        is_large: bool,
        output: &mut dyn Output,
    ) -> Result<Taken, Stop> {
        self.decode.push(input, is_large, &mut self.buffer, output)
    }

    pub(crate) fn finish(&mut self, output: &mut dyn Output) -> Result<(), Stop> {
        self.decode.finish(&mut self.buffer, output)
    }
}

fn cut(compression: Compression) -> Stop {
    ContentFault::StreamCut { compression }.into()
}

fn damaged(compression: Compression) -> Stop {
    ContentFault::StreamDamaged { compression }.into()
}

fn followed(compression: Compression) -> Stop {
    ContentFault::StreamFollowed { compression }.into()
}

/// A decoder that neither takes nor gives anything would be asked for ever.
fn no_memory() -> Stop {
    Stop::Unseen(Unseen::NeedsMemory {
        limit: super::room::LARGE_BYTES,
    })
}

#[cfg(test)]
mod tests;
