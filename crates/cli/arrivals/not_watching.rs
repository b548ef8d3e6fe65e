//! For systems that tell nothing of arrivals that this program would listen to.

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;

use tokio::sync::oneshot;

use super::Noted;

/// There is none.
#[derive(Debug)]
pub struct Watching(Infallible);

impl Watching {
    pub fn start(_: PathBuf, _: Noted) -> io::Result<Self> {
        Err(io::Error::other("this system tells nothing of arrivals"))
    }

    pub fn list(&mut self) -> Option<oneshot::Receiver<()>> {
        match self.0 {}
    }
}
