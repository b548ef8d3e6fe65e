//! Which report speaks for which database: the newest that was not applied yet. Pure; touches
//! neither files nor the store.

use std::collections::HashMap;

use jiff::Timestamp;
use vigie_domain::ExpectedBackupJob;

use crate::inbox::ReceivedReport;

/// A report, with the databases that it is to be believed about.
#[derive(Debug)]
pub(crate) struct SelectedReport {
    pub received: ReceivedReport,
    /// Its databases, as indices into the report. On the others a newer report speaks, or none is
    /// a job that is watched.
    pub databases: Vec<usize>,
    /// Whether it was committed before, and only tried again for what the server could not do.
    pub is_retry: bool,
}

/// A report that was not committed yet, or has to be tried again for some databases.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub received: ReceivedReport,
    /// The databases to try again; `None` for a report that is new.
    pub retry: Option<Vec<String>>,
}

/// Puts reports into the order in which they apply, and gives each database to the newest report
/// that speaks of it, unless a newer one was applied in an earlier cycle.
///
/// The staged file of an older report has been replaced by that of the newer, so judging it would
/// call a good backup damaged.
pub(crate) fn select(
    mut candidates: Vec<Candidate>,
    jobs: &HashMap<String, ExpectedBackupJob>,
    now: Timestamp,
) -> Vec<SelectedReport> {
    // A clock that runs ahead must not win against reports that come later.
    candidates.sort_by(|one, other| {
        let order = |candidate: &Candidate| {
            let ended_at = candidate.received.report.operation_ended_at;
            (
                ended_at.min(now),
                ended_at,
                candidate.received.file.name.clone(),
            )
        };
        order(one).cmp(&order(other))
    });
    let mut newest = HashMap::new();
    for (index, candidate) in candidates.iter().enumerate() {
        for database in &candidate.received.report.databases {
            newest.insert(database.database.clone(), index);
        }
    }
    let speaks_for = |index: usize, candidate: &Candidate, database: &str| {
        let ended_at = candidate.received.report.operation_ended_at.min(now);
        let is_tried = candidate
            .retry
            .as_ref()
            .is_none_or(|retry| retry.iter().any(|name| name == database));
        let is_watched = jobs.get(database).is_some_and(|job| {
            job.active && job.last_report_at.is_none_or(|last| ended_at >= last)
        });
        newest.get(database) == Some(&index) && is_tried && is_watched
    };
    let databases: Vec<Vec<usize>> = candidates
        .iter()
        .enumerate()
        .map(|(index, candidate)| {
            let sections = candidate.received.report.databases.iter().enumerate();
            sections
                .filter(|(_, section)| speaks_for(index, candidate, &section.database))
                .map(|(section, _)| section)
                .collect()
        })
        .collect();
    candidates
        .into_iter()
        .zip(databases)
        .map(|(candidate, databases)| SelectedReport {
            received: candidate.received,
            databases,
            is_retry: candidate.retry.is_some(),
        })
        .collect()
}
