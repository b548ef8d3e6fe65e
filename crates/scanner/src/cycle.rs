//! What all stages of one cycle have in common.

use std::sync::Arc;

use crate::findings::Findings;
use crate::memory::Memory;
use crate::workshop::Workshop;

/// What all stages of one cycle have in common.
pub(crate) struct Cycle<'a, S> {
    pub store: &'a S,
    pub workshop: Arc<Workshop>,
    pub memory: Arc<Memory>,
    pub findings: Findings,
}
