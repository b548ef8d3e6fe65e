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
mod copying;
mod deposit;
mod error;
mod hashing;
mod inbox;
mod judging;
mod pace;
mod page_cache;
mod places;
mod proof;
mod result;
mod scan;
mod selection;
mod settings;
mod settle;
mod store;
mod validated_tree;

pub use error::{DepositError, ScanError};
pub use result::{
    AgentError, EntrySummary, EventSummary, IgnoredFile, Progress, ReportCounts, RetiredJob,
    ScanResult, UndeclaredDatabase,
};
pub use scan::Scanner;
pub use settings::ScannerSettings;
pub use store::{JobMove, ReportCommit, ReportRecord, SeenReport, Store, StoreError};
