//! An incident as mails tell of it: since when, and which statuses the job has had. Knows no template
//! and no sentence.

use jiff::{Timestamp, Zoned};
use schemars::JsonSchema;
use serde::Serialize;
use vigie_domain::JobStatus;

use super::{Reader, seconds_between};
use crate::IncidentHistory;

/// How many statuses are listed: a job that goes back and forth for months has hundreds.
const LISTED: usize = 20;

/// The stretch from the first alert on a job until it is OK again.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct IncidentContext {
    /// When the first alert was raised.
    pub opened_at: Zoned,
    /// How many seconds it lasted, or has lasted up to now.
    pub seconds: u64,
    /// The statuses that the job has had, oldest first: the one at the opening, and the newest. At
    /// most 20.
    pub changes: Vec<StatusChangeContext>,
    /// How many more there were between the first of `changes` and the others.
    pub not_listed: usize,
    /// How many expected times passed without a good backup; null when it can't be told.
    pub lost: Option<u32>,
}

/// A status that the job had in an incident.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StatusChangeContext {
    /// Which one it was: 1 for the one at the opening.
    pub number: usize,
    /// `FAILED`, `MISSING`, `HASH_MISMATCH`, `TRANSFER_INTEGRITY_FAILED` or `UNKNOWN`.
    #[schemars(extend("enum" = JobStatus::ALL.map(JobStatus::as_str)))]
    pub status: &'static str,
    /// Since when.
    pub since: Zoned,
    /// For how many seconds.
    pub seconds: u64,
}

impl IncidentContext {
    /// The incident up to its end, or up to now while it is open.
    pub(super) fn new(history: &IncidentHistory, end: Timestamp, reader: &Reader) -> Self {
        let seconds = |start, end| seconds_between(start, end).unwrap_or_default();
        let ends = history.changes.iter().skip(1).map(|next| next.at);
        let ends = ends.chain([end]);
        let all = history.changes.iter().zip(ends).enumerate();
        let mut changes: Vec<_> = all
            .map(|(index, (change, end))| StatusChangeContext {
                number: index + 1,
                status: change.status.as_str(),
                since: reader.at(change.at),
                seconds: seconds(change.at, end),
            })
            .collect();
        let not_listed = changes.len().saturating_sub(LISTED);
        if not_listed > 0 {
            changes.drain(1..=not_listed);
        }
        Self {
            opened_at: reader.at(history.opened_at),
            seconds: seconds(history.opened_at, end),
            changes,
            not_listed,
            lost: history.lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::tz::TimeZone;
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::wording::Wording;
    use crate::{Locale, StatusChange};

    /// An incident with as many statuses, one each hour, that ends an hour after the last.
    fn context(count: i64) -> IncidentContext {
        let opened_at = Timestamp::UNIX_EPOCH;
        let at = |hours| opened_at + SignedDuration::from_hours(hours);
        let status = |hour| {
            if hour % 2 == 0 {
                JobStatus::Missing
            } else {
                JobStatus::Failed
            }
        };
        let change = |hour| StatusChange {
            at: at(hour),
            status: status(hour),
        };
        let history = IncidentHistory {
            opened_at,
            changes: (0..count).map(change).collect(),
            lost: None,
            last_good: None,
        };
        let reader = Reader {
            locale: Locale::EN,
            time_zone: TimeZone::UTC,
            wording: Arc::new(Wording::default()),
        };
        IncidentContext::new(&history, at(count), &reader)
    }

    #[test]
    fn each_status_lasts_until_the_next_and_the_last_until_the_end() {
        let incident = context(3);
        assert_eq!(incident.seconds, 3 * 3_600);
        let told = incident.changes.iter();
        let told: Vec<_> = told
            .map(|change| (change.number, change.status, change.seconds))
            .collect();
        let hour = 3_600;
        assert_eq!(
            told,
            [
                (1, "MISSING", hour),
                (2, "FAILED", hour),
                (3, "MISSING", hour)
            ]
        );
    }

    #[test]
    fn of_many_statuses_the_first_and_the_newest_are_listed_and_the_others_counted() {
        for (count, listed, second) in [(0, 0, None), (1, 1, None), (20, 20, Some(2))] {
            let incident = context(count);
            assert_eq!((incident.changes.len(), incident.not_listed), (listed, 0));
            assert_eq!(incident.changes.get(1).map(|change| change.number), second);
        }
        let incident = context(500);
        let numbers: Vec<usize> = incident
            .changes
            .iter()
            .map(|change| change.number)
            .collect();
        assert_eq!((numbers.len(), incident.not_listed), (20, 480));
        assert_eq!((numbers[0], numbers[1], numbers[19]), (1, 482, 500));
    }

    #[test]
    fn an_end_before_the_start_is_no_negative_time() {
        let reader = Reader {
            locale: Locale::EN,
            time_zone: TimeZone::UTC,
            wording: Arc::new(Wording::default()),
        };
        let history = IncidentHistory {
            opened_at: Timestamp::MAX,
            changes: Vec::new(),
            lost: Some(0),
            last_good: None,
        };
        let incident = IncidentContext::new(&history, Timestamp::UNIX_EPOCH, &reader);
        assert_eq!((incident.seconds, incident.lost), (0, Some(0)));
    }
}
