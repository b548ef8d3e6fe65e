//! Which report speaks for which database: the newest that was not applied yet. Pure; touches
//! neither files nor the store.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::KnownJob;
use crate::deposit::inbox::ReceivedReport;

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
    jobs: &HashMap<String, KnownJob>,
    now: Timestamp,
) -> Vec<SelectedReport> {
    // A clock that runs ahead must not win against reports that come later.
    candidates.sort_by(|one, other| {
        let order = |candidate: &Candidate| {
            let ReceivedReport { file, report } = &candidate.received;
            let ended_at = report.operation_ended_at;
            // One from the future had ended when it came.
            let no_later_than = if ended_at > now {
                file.identity.arrived_at().min(now)
            } else {
                ended_at
            };
            (no_later_than, ended_at, file.name.clone())
        };
        order(one).cmp(&order(other))
    });
    let is_tried = |candidate: &Candidate, database: &str| {
        let retry = candidate.retry.as_ref();
        retry.is_none_or(|retry| retry.iter().any(|name| name == database))
    };
    let mut newest = HashMap::new();
    for (index, candidate) in candidates.iter().enumerate() {
        for section in &candidate.received.report.databases {
            if is_tried(candidate, &section.database) {
                newest.insert(section.database.clone(), index);
            }
        }
    }
    let speaks_for = |index: usize, candidate: &Candidate, database: &str| {
        let ended_at = candidate.received.report.operation_ended_at.min(now);
        let is_watched = jobs.get(database).is_some_and(|KnownJob { job, .. }| {
            job.is_watched() && job.last_report_at.is_none_or(|last| ended_at >= last)
        });
        newest.get(database) == Some(&index) && is_tried(candidate, database) && is_watched
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::tz::TimeZone;
    use proptest::prelude::*;
    use vigie_domain::{AgentId, ExpectedBackupJob, JobId, Report, Schedule, Sha256};

    use super::*;
    use crate::deposit::archive::ReadFile;
    use crate::deposit::identity::FileIdentity;

    const NOW: &str = "2025-06-19T12:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn agent() -> AgentId {
        AgentId::new("A_B_C").unwrap()
    }

    fn candidate(name: &str, ended_at: &str, databases: &[&str]) -> Candidate {
        let sections: Vec<String> = databases
            .iter()
            .map(|name| format!("{name:?}: {{}}"))
            .collect();
        let json = format!(
            r#"{{"agent_id": "A_B_C", "operation_end_time": "{ended_at}", "databases": {{{}}}}}"#,
            sections.join(", ")
        );
        Candidate {
            received: ReceivedReport {
                file: ReadFile {
                    name: name.to_owned(),
                    sha256: Sha256::from([0; 32]),
                    identity: FileIdentity::arrived(at(NOW)),
                },
                report: Report::parse(json.as_bytes(), &agent(), &TimeZone::UTC).unwrap(),
            },
            retry: None,
        }
    }

    fn jobs(databases: &[&str]) -> HashMap<String, KnownJob> {
        let schedule = Schedule::every(Duration::from_hours(24), Duration::ZERO).unwrap();
        let job = |database: &&str| {
            let known_since = at("2025-06-01T00:00:00Z");
            let job =
                ExpectedBackupJob::new(JobId(1), agent(), *database, schedule.clone(), known_since);
            (job.database.clone(), KnownJob::new(job))
        };
        databases.iter().map(job).collect()
    }

    /// The names of the reports in their order, each with the databases that it speaks for.
    fn spoken_for(
        candidates: Vec<Candidate>,
        jobs: &HashMap<String, KnownJob>,
    ) -> Vec<(String, Vec<String>)> {
        let selected = select(candidates, jobs, at(NOW));
        let spoken = selected.into_iter().map(|selected| {
            let sections = selected.received.report.databases;
            let databases = selected.databases.iter();
            let databases = databases.map(|&index| sections[index].database.clone());
            (selected.received.file.name, databases.collect())
        });
        spoken.collect()
    }

    fn words(spoken: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
        let owned = |words: &&[&str]| words.iter().map(|&word| word.to_owned()).collect();
        let pairs = spoken
            .iter()
            .map(|(name, words)| ((*name).to_owned(), owned(words)));
        pairs.collect()
    }

    #[test]
    fn the_newest_report_speaks_for_each_database() {
        let candidates = vec![
            candidate("z.json", "2025-06-19T01:00:00", &["X", "Y"]),
            candidate("a.json", "2025-06-19T02:00:00", &["X", "Z"]),
        ];
        assert_eq!(
            spoken_for(candidates, &jobs(&["X", "Y", "Z"])),
            words(&[("z.json", &["Y"]), ("a.json", &["X", "Z"])])
        );
    }

    #[test]
    fn a_report_older_than_what_was_applied_speaks_for_nothing() {
        let mut jobs = jobs(&["X"]);
        jobs.get_mut("X").unwrap().job.last_report_at = Some(at("2025-06-19T02:00:00Z"));
        let older = vec![candidate("a.json", "2025-06-19T01:00:00", &["X"])];
        assert_eq!(spoken_for(older, &jobs), words(&[("a.json", &[])]));
        let same = vec![candidate("a.json", "2025-06-19T02:00:00", &["X"])];
        assert_eq!(spoken_for(same, &jobs), words(&[("a.json", &["X"])]));
    }

    #[test]
    fn a_report_from_the_future_does_not_win_for_ever() {
        let mut jobs = jobs(&["X"]);
        jobs.get_mut("X").unwrap().job.last_report_at = Some(at(NOW));
        let future = vec![candidate("a.json", "2045-01-01T00:00:00", &["X"])];
        assert_eq!(spoken_for(future, &jobs), words(&[("a.json", &["X"])]));
    }

    #[test]
    fn a_report_from_the_future_counts_as_of_when_it_came() {
        let mut future = candidate("a.json", "2045-01-01T00:00:00", &["X", "Y"]);
        future.received.file.identity = FileIdentity::arrived(at("2025-06-18T03:00:00Z"));
        let honest = candidate("b.json", "2025-06-19T02:00:00", &["X"]);
        assert_eq!(
            spoken_for(vec![honest, future], &jobs(&["X", "Y"])),
            words(&[("a.json", &["Y"]), ("b.json", &["X"])])
        );
    }

    #[test]
    fn of_two_reports_of_one_instant_the_last_by_name_speaks() {
        let report = |name| candidate(name, "2025-06-19T02:00:00", &["X"]);
        assert_eq!(
            spoken_for(vec![report("b.json"), report("a.json")], &jobs(&["X"])),
            words(&[("a.json", &[]), ("b.json", &["X"])])
        );
    }

    #[test]
    fn a_retry_speaks_only_for_what_is_left_to_try() {
        let mut retry = candidate("a.json", "2025-06-19T01:00:00", &["X", "Y"]);
        retry.retry = Some(vec!["Y".to_owned()]);
        assert_eq!(
            spoken_for(vec![retry], &jobs(&["X", "Y"])),
            words(&[("a.json", &["Y"])])
        );
    }

    #[test]
    fn a_retry_from_the_future_takes_nothing_from_a_new_report() {
        let mut retry = candidate("a.json", "2045-01-01T00:00:00", &["X", "Y"]);
        retry.retry = Some(vec!["X".to_owned()]);
        let new = candidate("b.json", "2025-06-19T02:00:00", &["Y"]);
        assert_eq!(
            spoken_for(vec![retry, new], &jobs(&["X", "Y"])),
            words(&[("b.json", &["Y"]), ("a.json", &["X"])])
        );
    }

    #[test]
    fn nobody_speaks_for_a_database_that_is_not_watched() {
        let mut jobs = jobs(&["X"]);
        jobs.get_mut("X").unwrap().job.active = false;
        let report = vec![candidate(
            "a.json",
            "2025-06-19T01:00:00",
            &["X", "UNKNOWN"],
        )];
        assert_eq!(spoken_for(report, &jobs), words(&[("a.json", &[])]));
    }

    proptest! {
        #[test]
        fn each_database_is_spoken_for_once_by_the_last_report_that_names_it(
            reports in prop::collection::vec((0..20_u32, prop::collection::vec(0..4_usize, 0..4)), 0..8),
        ) {
            let names = ["W", "X", "Y", "Z"];
            let candidates = reports.iter().enumerate().map(|(index, (minute, databases))| {
                let databases: Vec<&str> = databases.iter().map(|&database| names[database]).collect();
                candidate(&format!("{index}.json"), &format!("2025-06-19T01:{minute:02}:00"), &databases)
            });
            let spoken = spoken_for(candidates.collect(), &jobs(&names));
            for (index, name) in names.iter().enumerate() {
                let speakers: Vec<_> = spoken.iter().filter(|(_, databases)| databases.iter().any(|database| database == name)).collect();
                let named = reports.iter().enumerate().filter(|(_, (_, databases))| databases.contains(&index));
                let last = named.max_by_key(|(report, (minute, _))| (*minute, *report));
                prop_assert_eq!(speakers.len(), usize::from(last.is_some()));
                if let Some((report, _)) = last {
                    prop_assert_eq!(&speakers[0].0, &format!("{report}.json"));
                }
            }
        }
    }
}
