//! Keeps jobs, entries, events and mails in SQLite: the ports of `vigie-scanner` and `vigie-notify`,
//! and what the program asks for beside them.
//!
//! Each call that writes is one transaction, durable when it returns (write-ahead log, full
//! synchronisation). One process writes at a time; others wait for it.
//!
//! ```
//! # async fn example(folder: &std::path::Path) -> Result<(), vigie_store::OpenError> {
//! use vigie_store::SqliteStore;
//!
//! let store = SqliteStore::open(&folder.join("vigie.db")).await?;
//! # Ok(())
//! # }
//! ```

mod changes;
mod connection;
mod declarations;
mod deliveries;
mod digests;
mod entry_rows;
mod error;
mod event_rows;
mod faults;
mod incidents;
mod job_rows;
mod ledger;
mod many_rows;
mod notifications;
mod outbox;
mod overview;
mod proven_files;
mod proven_rows;
mod prune_store;
#[cfg(test)]
mod query_plan;
mod report_rows;
mod scanner_store;
mod scrub_store;
mod silences;
mod validated_files;

pub use connection::{OpenError, SqliteStore};
pub use declarations::{Added, Declared};
pub use deliveries::{DeliveryRecord, DeliveryState, Which};
pub use error::{Fault, QueryError};
pub use overview::{JobOverview, LastCycle};
