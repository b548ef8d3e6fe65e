//! Finds the reports that agents drop in a deposit, proves the backups that they speak of, decides,
//! and commits entries, job states and events through the [`Store`] port.
//!
//! A [`Scanner`] does one cycle at a time and at an instant that it is told. In each cycle reports
//! are read before deadlines are judged, so that a watcher that was down raises no alarm for what
//! had arrived meanwhile. Whatever an agent put into its folder can spoil that agent's own reports
//! at most; the others are served in the same cycle.
//!
//! What is on the disk is never trusted: every name is opened below the folder that it was found
//! in, without following links, and only regular files are read.

mod archive;
mod blocking;
mod committing;
mod copying;
mod cycle;
mod deposit;
mod discovery;
mod error;
mod findings;
mod gate;
mod hashing;
mod identity;
mod inbox;
mod intake;
mod judging;
mod memory;
mod pace;
mod page_cache;
mod places;
mod proof;
mod proven_file;
mod proving;
mod result;
mod scan;
mod selection;
mod settings;
mod settle;
mod store;
mod validated_tree;
mod workshop;

pub use error::{DepositError, ScanError};
pub use identity::FileIdentity;
pub use proven_file::ProvenFile;
pub use result::{
    AgentError, EntrySummary, EventSummary, IgnoredFile, Observer, Progress, ReportCounts,
    RetiredJob, ScanResult, UndeclaredDatabase, Work,
};
pub use scan::Scanner;
pub use settings::ScannerSettings;
pub use store::{
    JobMove, KnownJob, ReportCommit, ReportKey, ReportRecord, SeenReport, Store, StoreError,
};
