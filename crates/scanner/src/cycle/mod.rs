//! What all stages of one cycle have in common.

pub(crate) mod committing;
pub(crate) mod discovery;
pub(crate) mod findings;
pub(crate) mod gate;
pub(crate) mod intake;
pub(crate) mod judging;
pub(crate) mod memory;
pub(crate) mod proving;
pub(crate) mod selection;
pub(crate) mod settle;
pub(crate) mod workshop;

use std::sync::Arc;

use crate::cycle::findings::Findings;
use crate::cycle::memory::Memory;
use crate::cycle::workshop::Workshop;

/// What all stages of one cycle have in common.
pub(crate) struct Cycle<'a, S> {
    pub store: &'a S,
    pub workshop: Arc<Workshop>,
    pub memory: Arc<Memory>,
    pub findings: Findings,
}
