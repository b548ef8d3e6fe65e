//! xz: streams one after the other with padding between and after them.

use liblzma::stream::{Action, CONCATENATED, Error, Status, Stream};
use vigie_domain::{Compression, Unseen};

use super::{Decode, Output, Stop, Taken, cut, damaged, no_memory};
use crate::proof::content::room::{COMMON_BYTES, LARGE_BYTES};

const COMPRESSION: Compression = Compression::Xz;

pub(super) struct Xz {
    stream: Stream,
}

/// Why the decoder paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pause {
    /// It has taken all.
    Fed,
    /// All streams have ended.
    Ended,
    /// It wants to take more memory.
    Memory,
}

impl Xz {
    pub(super) fn new() -> Result<Self, Stop> {
        let stream = Stream::new_stream_decoder(COMMON_BYTES, CONCATENATED).map_err(stop_of)?;
        Ok(Self { stream })
    }

    fn decode(
        &mut self,
        input: &mut &[u8],
        action: Action,
        buffer: &mut [u8],
        output: &mut dyn Output,
    ) -> Result<Pause, Stop> {
        loop {
            let (before_in, before_out) = (self.stream.total_in(), self.stream.total_out());
            let result = self.stream.process(input, buffer, action);
            let taken = usize::try_from(self.stream.total_in() - before_in).unwrap_or(usize::MAX);
            let given = usize::try_from(self.stream.total_out() - before_out);
            let given = given.unwrap_or(usize::MAX);
            *input = &input[taken..];
            output.push(&buffer[..given])?;
            match result {
                Ok(Status::StreamEnd) => return Ok(Pause::Ended),
                Ok(_) if given == buffer.len() => {}
                Ok(_) if input.is_empty() => return Ok(Pause::Fed),
                Ok(_) if taken == 0 && given == 0 => return Err(damaged(COMPRESSION)),
                Ok(_) => {}
                Err(Error::MemLimit) => return Ok(Pause::Memory),
                Err(error) => return Err(stop_of(error)),
            }
        }
    }
}

impl Decode for Xz {
    fn push(
        &mut self,
        input: &[u8],
        is_large: bool,
        buffer: &mut [u8],
        output: &mut dyn Output,
    ) -> Result<Taken, Stop> {
        let mut rest = input;
        if is_large && self.stream.memlimit() < LARGE_BYTES {
            // It refuses a limit that is less than what it wants now.
            self.stream.set_memlimit(LARGE_BYTES).map_err(stop_of)?;
        }
        while !rest.is_empty() {
            match self.decode(&mut rest, Action::Run, buffer, output)? {
                Pause::Fed => {}
                Pause::Memory if is_large => return Err(no_memory()),
                Pause::Memory => return Ok(Taken::Part(input.len() - rest.len())),
                // Only what is said to be finished ends here.
                Pause::Ended => return Err(damaged(COMPRESSION)),
            }
        }
        Ok(Taken::All)
    }

    fn finish(&mut self, buffer: &mut [u8], output: &mut dyn Output) -> Result<(), Stop> {
        match self.decode(&mut &[][..], Action::Finish, buffer, output)? {
            Pause::Ended => Ok(()),
            Pause::Fed => Err(cut(COMPRESSION)),
            Pause::Memory => Err(no_memory()),
        }
    }
}

fn stop_of(error: Error) -> Stop {
    match error {
        Error::Mem | Error::MemLimit => no_memory(),
        // Its headers have checksums: it is of a newer kind.
        Error::Options | Error::UnsupportedCheck | Error::NoCheck => {
            Stop::Unseen(Unseen::UnknownForm)
        }
        Error::Data | Error::Format | Error::Program => damaged(COMPRESSION),
    }
}
