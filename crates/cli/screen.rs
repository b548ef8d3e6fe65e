//! Standard error, which what is logged and the bars of a cycle have in common: while there are bars, what
//! is logged goes above them. Knows neither.

use std::io::{self, IsTerminal, Write, stderr};

use indicatif::{MultiProgress, ProgressDrawTarget};
use tracing_subscriber::fmt::MakeWriter;

/// Standard error. All that is written to it while there are bars has to go through one of these.
#[derive(Debug, Clone)]
pub struct Screen {
    /// None where standard error is no terminal.
    bars: Option<MultiProgress>,
}

impl Screen {
    pub fn new() -> Self {
        let bars = || MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        Self {
            bars: stderr().is_terminal().then(bars),
        }
    }

    /// Where bars can be put; `None` where nobody would see them move.
    pub fn bars(&self) -> Option<&MultiProgress> {
        self.bars.as_ref()
    }
}

impl Write for &Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let write = || stderr().write(bytes);
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for Screen {
    type Writer = &'a Screen;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}
