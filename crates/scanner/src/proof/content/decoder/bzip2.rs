//! bzip2: streams one after the other, and zeros after the last, as tapes have them.
//!
//! The tool `bzip2` passes over whatever follows a stream and is none, and so over the rest of a file
//! whose second stream is damaged where it begins. Here only zeros may follow.

use bzip2::{Decompress, Error, Status};
use vigie_domain::Compression;

use super::{Decode, Output, Stop, Taken, cut, damaged, followed, no_memory};

const COMPRESSION: Compression = Compression::Bzip2;

pub(super) struct Bzip2 {
    /// `None` between streams.
    stream: Option<Decompress>,
    has_streams: bool,
    is_padding: bool,
}

impl Bzip2 {
    pub(super) fn new() -> Self {
        Self {
            stream: None,
            has_streams: false,
            is_padding: false,
        }
    }

    fn decode<'a>(
        &mut self,
        stream: &mut Decompress,
        mut input: &'a [u8],
        buffer: &mut [u8],
        output: &mut dyn Output,
    ) -> Result<(&'a [u8], bool), Stop> {
        loop {
            let (before_in, before_out) = (stream.total_in(), stream.total_out());
            let status = stream
                .decompress(input, buffer)
                .map_err(|error| match error {
                    Error::DataMagic if self.has_streams && stream.total_out() == 0 => {
                        followed(COMPRESSION)
                    }
                    _ => damaged(COMPRESSION),
                })?;
            let taken = usize::try_from(stream.total_in() - before_in).unwrap_or(usize::MAX);
            let given = usize::try_from(stream.total_out() - before_out).unwrap_or(usize::MAX);
            input = &input[taken..];
            output.push(&buffer[..given])?;
            match status {
                Status::StreamEnd => return Ok((input, true)),
                Status::MemNeeded => return Err(no_memory()),
                _ if given == buffer.len() => {}
                _ if input.is_empty() => return Ok((input, false)),
                _ if taken == 0 && given == 0 => return Err(damaged(COMPRESSION)),
                _ => {}
            }
        }
    }
}

impl Decode for Bzip2 {
    fn push(
        &mut self,
        input: &[u8],
        _: bool,
        buffer: &mut [u8],
        output: &mut dyn Output,
    ) -> Result<Taken, Stop> {
        let mut rest = input;
        while let Some(first) = rest.first() {
            if self.is_padding {
                if rest.iter().any(|byte| *byte != 0) {
                    return Err(followed(COMPRESSION));
                }
                break;
            }
            let mut stream = match self.stream.take() {
                Some(stream) => stream,
                None if self.has_streams && *first == 0 => {
                    self.is_padding = true;
                    continue;
                }
                None if self.has_streams && *first != b'B' => return Err(followed(COMPRESSION)),
                None => Decompress::new(false),
            };
            let (left, is_end) = self.decode(&mut stream, rest, buffer, output)?;
            rest = left;
            self.has_streams |= is_end;
            self.stream = (!is_end).then_some(stream);
        }
        Ok(Taken::All)
    }

    fn finish(&mut self, _: &mut [u8], _: &mut dyn Output) -> Result<(), Stop> {
        if self.stream.is_some() {
            return Err(cut(COMPRESSION));
        }
        Ok(())
    }
}
