//! Finds the reports that agents drop in a deposit, proves the backups that they speak of, decides,
//! and commits entries, job states and events through the [`Store`] port.
//!
//! A [`Scanner`] does one cycle at a time and at an instant that it is told. In each cycle reports
//! are read before deadlines are judged, so that a watcher that was down raises no alarm for what
//! had arrived meanwhile. Whatever an agent put into its folder can spoil that agent's own reports
//! at most; the others are served in the same cycle.
//!
//! The stages of a cycle (`cycle/`) overlap: agents that have to be visited are found, their reports read
//! and taken in, the staged files proven, what was found decided and committed, and the reports set aside.
//! Each stage has a bound on what it holds, so that memory stays flat.
//!
//! A [`Scrubber`] reads the backups that were kept again, long after their proof, through the
//! [`ScrubStore`] port (`scrub/`). It may be at work beside cycles.
//! A [`Pruner`] sees to the tree in which proven backups are kept: it removes those that no rule
//! keeps any more, and lists in each folder what it holds.
//!
//! What is on the disk is never trusted: every name is opened below the folder that it was found
//! in, without following links, and only regular files are read.

mod blocking;
mod cycle;
mod deposit;
mod error;
mod places;
mod proof;
mod result;
mod retention;
mod scan;
mod scrub;
mod settings;
mod store;
mod watchdog;

pub use deposit::identity::FileIdentity;
pub use error::{DepositError, ScanError};
pub use proof::proven_file::ProvenFile;
pub use result::{
    AgentError, EntrySummary, EventSummary, IgnoredFile, Observer, Progress, ReportCounts,
    RetiredJob, ScanResult, UndeclaredDatabase, Work,
};
pub use retention::{JudgedFile, JudgedJob, KeptVersion, PruneResult, PruneStore, Pruned, Pruner};
pub use scan::Scanner;
pub use scrub::{
    DamagedFile, DueFile, DuePlace, DueTotals, FileCheck, FileError, JudgedCheck, RecordedChecks,
    RestoredFile, ScrubError, ScrubOrder, ScrubResult, ScrubSettings, ScrubStore,
    ScrubSurroundings, Scrubber, TreeError,
};
pub use settings::ScannerSettings;
pub use store::{
    JobMove, KnownJob, ReportCommit, ReportKey, ReportRecord, SeenReport, Store, StoreError,
};
