//! What is written many rows at a time is read back as it was, whatever it is.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::slice;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use vigie_domain::{
    AgentId, BackupEntry, DomainEvent, EventKind, ExpectedBackupJob, Finding, JobId, JobStatus,
    LastGoodBackup, Pause, Report, Schedule, Sha256, Transition,
};
use vigie_notify::{EventId, Incident, Ledger, Plan, StatusChange};
use vigie_scanner::{JobMove, ReportCommit, ReportRecord, Store, UndeclaredDatabase};
use vigie_store::SqliteStore;

const START: &str = "2025-06-19T00:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn agent() -> AgentId {
    AgentId::new("SDMC_DOUALA_AKWA").unwrap()
}

fn daily() -> Schedule {
    Schedule::every(Duration::from_hours(24), Duration::from_hours(2)).unwrap()
}

async fn open() -> (TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("vigie.db"))
        .await
        .unwrap();
    (folder, store)
}

async fn register(store: &SqliteStore, count: usize) -> Vec<ExpectedBackupJob> {
    let database = |number| UndeclaredDatabase {
        agent: agent(),
        database: format!("X_{number}"),
    };
    let databases: Vec<UndeclaredDatabase> = (0..count).map(database).collect();
    let registered = store.register_jobs(&databases, &daily(), at(START)).await;
    registered
        .unwrap()
        .into_iter()
        .map(|known| known.job)
        .collect()
}

async fn jobs(store: &SqliteStore) -> Vec<ExpectedBackupJob> {
    let known = store.jobs_of_agents(&[agent()]).await.unwrap().into_iter();
    known.map(|known| known.job).collect()
}

async fn events(store: &SqliteStore) -> Vec<DomainEvent> {
    let events = store.unplanned_events(10_000).await.unwrap().into_iter();
    events.map(|(_, event)| event).collect()
}

/// Quotes, what JSON escapes, null characters, what is no ASCII, and nothing at all.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[\"'\\\\\u{0}\n\t?;{}\u{1F980}é]{0,12}",
        prop::sample::select(vec!["", "null", "NULL", "1", "1.0", "true", "-0", "1e5"])
            .prop_map(str::to_owned),
    ]
}

fn any_instant() -> impl Strategy<Value = Timestamp> {
    let (first, last) = (Timestamp::MIN, Timestamp::MAX);
    // Both ends are whole microseconds but for the last one.
    let micros = first.as_microsecond()..last.as_microsecond();
    prop_oneof![
        Just(first),
        Just(Timestamp::UNIX_EPOCH),
        micros.prop_map(|micros| Timestamp::from_microsecond(micros).unwrap()),
    ]
}

fn any_good() -> impl Strategy<Value = LastGoodBackup> {
    let sizes = prop_oneof![any::<u64>(), Just(u64::MAX), Just(i64::MAX.unsigned_abs())];
    (any_instant(), any::<[u8; 32]>(), sizes, any_text()).prop_map(
        |(ended_at, sha256, size, staged_file_name)| LastGoodBackup {
            ended_at,
            sha256: Sha256::from(sha256),
            size,
            staged_file_name,
        },
    )
}

fn any_pause() -> impl Strategy<Value = Pause> {
    let texts = (prop::option::of(any_text()), prop::option::of(any_text()));
    (any_instant(), prop::option::of(any_instant()), texts).prop_map(
        |(since, until, (by, reason))| Pause {
            since,
            until,
            by,
            reason,
        },
    )
}

/// Whatever a job may become.
fn any_job() -> impl Strategy<Value = ExpectedBackupJob> {
    let texts = (any_text(), any_text(), any_text());
    let recipients = prop::collection::vec(any_text(), 0..3);
    let words = (texts, any::<Option<i16>>(), recipients);
    let instants = (any_instant(), any_instant());
    let maybe = prop::array::uniform4(prop::option::of(any_instant()));
    let status = prop::sample::select(&JobStatus::ALL[..]);
    let good = prop::option::of(any_good());
    let rest = (
        status,
        any::<bool>(),
        good,
        prop::option::of(any_pause()),
        prop::option::of(any_instant()),
    );
    (words, instants, maybe, rest).prop_map(|(words, instants, maybe, rest)| {
        let ((company, city, neighborhood), year, recipients) = words;
        let [
            last_report_at,
            last_checked_at,
            silent_since,
            incident_since,
        ] = maybe;
        let (current_status, active, last_good, pause, retired_at) = rest;
        ExpectedBackupJob {
            company,
            city,
            neighborhood,
            year,
            recipients,
            known_since: instants.0,
            covered_until: instants.1,
            last_report_at,
            last_checked_at,
            silent_since,
            incident_since,
            current_status,
            active,
            declared: !active,
            added: active,
            pause,
            retired_at,
            last_good,
            ..ExpectedBackupJob::new(JobId(0), agent(), "", daily(), at(START))
        }
    })
}

/// A job of which only what tells it from others is as it was.
fn become_of(known: &ExpectedBackupJob, other: &ExpectedBackupJob) -> ExpectedBackupJob {
    ExpectedBackupJob {
        id: known.id,
        database: known.database.clone(),
        validated_folder: known.validated_folder.clone(),
        ..other.clone()
    }
}

/// A job of which only what reports and deadlines decide on is another.
fn moved_as(known: &ExpectedBackupJob, other: &ExpectedBackupJob) -> ExpectedBackupJob {
    ExpectedBackupJob {
        current_status: other.current_status,
        covered_until: other.covered_until,
        last_report_at: other.last_report_at,
        last_checked_at: other.last_checked_at,
        silent_since: other.silent_since,
        incident_since: other.incident_since,
        last_good: other.last_good.clone(),
        same_content: other.same_content,
        warnings: other.warnings.clone(),
        ..known.clone()
    }
}

fn missing(job: &ExpectedBackupJob) -> DomainEvent {
    DomainEvent {
        at: at(START),
        kind: EventKind::JobMissing {
            job: Box::new(job.clone()),
            from: JobStatus::Ok,
            expected_at: at(START),
            deadline_at: at(START),
        },
    }
}

#[test]
fn whatever_a_job_becomes_is_read_back_as_it_was() {
    let runtime = Runtime::new().unwrap();
    let mut runner = TestRunner::new(Config::with_cases(24));
    // More than go to one statement, now and then.
    let changes = prop::collection::vec(any_job(), 1..130);
    let tested = runner.run(&changes, |changes| {
        runtime.block_on(async {
            let (_folder, store) = open().await;
            let known = register(&store, changes.len()).await;
            let moves: Vec<Transition> = known
                .iter()
                .zip(&changes)
                .map(|(known, change)| {
                    let job = become_of(known, change);
                    let events = vec![missing(&job), missing(known)];
                    Transition { job, events }
                })
                .collect();
            store.change_jobs(&moves).await.unwrap();
            let expected: Vec<ExpectedBackupJob> =
                moves.iter().map(|one| one.job.clone()).collect();
            prop_assert_eq!(jobs(&store).await, expected);
            let told: Vec<DomainEvent> = moves.into_iter().flat_map(|one| one.events).collect();
            prop_assert_eq!(events(&store).await, told);
            Ok(())
        })
    });
    tested.unwrap();
}

#[test]
fn what_a_deadline_moves_of_a_job_is_kept_and_all_else_is_left_alone() {
    let runtime = Runtime::new().unwrap();
    let mut runner = TestRunner::new(Config::with_cases(24));
    let changes = prop::collection::vec(any_job(), 1..130);
    let tested = runner.run(&changes, |changes| {
        runtime.block_on(async {
            let (_folder, store) = open().await;
            let known = register(&store, changes.len()).await;
            let pairs = known.iter().zip(&changes);
            let expected: Vec<ExpectedBackupJob> = pairs
                .map(|(known, change)| moved_as(known, change))
                .collect();
            // Somebody else may have declared them anew meanwhile.
            let moves = changes.iter().zip(&expected).map(|(change, moved)| {
                let job = moved_as(&become_of(moved, change), change);
                let events = Vec::new();
                Transition { job, events }
            });
            let moves: Vec<Transition> = moves.collect();
            store.commit_deadlines(&moves).await.unwrap();
            prop_assert_eq!(jobs(&store).await, expected);
            Ok(())
        })
    });
    tested.unwrap();
}

/// What came of one report about all of these jobs.
fn failed(jobs: &[ExpectedBackupJob], message: &str) -> ReportCommit {
    let now = at("2025-06-19T06:00:00Z");
    let sections = jobs.iter().map(|job| {
        let stage = serde_json::json!({"BACKUP": {"status": false, "error_message": message}});
        (job.database.clone(), stage)
    });
    let json = serde_json::json!({
        "agent_id": agent().as_str(),
        "operation_end_time": "2025-06-19T02:00:00.123456",
        "databases": sections.collect::<serde_json::Map<_, _>>(),
    });
    let report = Report::parse(json.to_string().as_bytes(), &agent(), &TimeZone::UTC).unwrap();
    let moves = report.databases.iter().map(|section| {
        let is_of = |job: &&ExpectedBackupJob| job.database == section.database;
        let job = jobs.iter().find(is_of).unwrap();
        let none = &Finding::NotNeeded;
        let entry = BackupEntry::judged(job, "r.json", &report, section, none, now);
        let job = vigie_domain::record_entry(job, &entry, now).job;
        JobMove {
            job,
            entry,
            proven: None,
            proven_file: None,
            standing: None,
        }
    });
    ReportCommit {
        report: ReportRecord {
            agent: agent(),
            file_name: "r.json".to_owned(),
            sha256: Sha256::from([7; 32]),
            operation_ended_at: Some(report.operation_ended_at),
            received_at: now,
            rejection: None,
            retry: Vec::new(),
        },
        moves: moves.collect(),
        events: Vec::new(),
    }
}

#[tokio::test]
async fn every_entry_of_a_large_report_is_kept_for_its_own_job() {
    let (_folder, store) = open().await;
    let known = register(&store, 250).await;
    let commit = failed(&known, "no space on \"disk\" \u{1F980}\\u0000");
    store
        .commit_reports(slice::from_ref(&commit))
        .await
        .unwrap();
    let overviews = store.jobs_with_latest_entries().await.unwrap();
    assert_eq!(overviews.len(), commit.moves.len());
    for overview in overviews {
        let is_of = |moved: &&JobMove| moved.job.id == overview.job.id;
        let moved = commit.moves.iter().find(is_of).unwrap();
        assert_eq!(overview.job, moved.job);
        assert_eq!(overview.latest_entry.as_ref(), Some(&moved.entry));
    }
}

#[tokio::test]
async fn one_job_that_is_not_there_keeps_all_the_others_as_they_were() {
    let (_folder, store) = open().await;
    let known = register(&store, 250).await;
    let mut moves: Vec<Transition> = known
        .iter()
        .map(|job| vigie_domain::judge_deadline(job, at("2025-06-25T00:00:00Z")).unwrap())
        .collect();
    moves[249].job.id = JobId(999);
    let error = store.commit_deadlines(&moves).await.unwrap_err();
    let source = error.source.to_string();
    assert_eq!(
        source,
        sqlx::Error::RowNotFound.to_string(),
        "no row, no success"
    );
    assert_eq!(jobs(&store).await, known);
    assert_eq!(events(&store).await, []);
}

#[tokio::test]
async fn of_a_job_that_moves_twice_at_once_the_last_move_counts() {
    let (_folder, store) = open().await;
    let known = register(&store, 1).await.remove(0);
    let becoming = |status| {
        let mut job = known.clone();
        job.current_status = status;
        Transition {
            events: vec![missing(&job)],
            job,
        }
    };
    let moves = [JobStatus::Missing, JobStatus::Failed, JobStatus::Ok].map(becoming);
    store.commit_deadlines(&moves).await.unwrap();
    assert_eq!(jobs(&store).await, [moves[2].job.clone()]);
    assert_eq!(events(&store).await.len(), 3);
}

fn incident(job: JobId, opened_at: &str) -> Incident {
    Incident {
        job,
        opened_at: at(opened_at),
        good_until: at(START),
        last_good: None,
        changes: vec![StatusChange {
            at: at(opened_at),
            status: JobStatus::Missing,
        }],
        reminders: 3,
        remind_at: Some(at("2025-06-28T00:00:00Z")),
        acknowledged: None,
        closed_at: None,
    }
}

fn plan(incidents: Vec<(Incident, EventId)>) -> Plan {
    Plan {
        incidents,
        planned_at: at(START),
        ..Plan::default()
    }
}

#[tokio::test]
async fn many_incidents_close_and_open_again_at_once() {
    let (_folder, store) = open().await;
    let known = register(&store, 250).await;
    let ids: Vec<JobId> = known.iter().map(|job| job.id).collect();
    let opened = |opened_at: &'static str| {
        let number = |job: &JobId| (incident(*job, opened_at), EventId(job.0));
        ids.iter().map(number).collect::<Vec<_>>()
    };
    let first = opened("2025-06-21T00:00:00Z");
    store.plan(&plan(first.clone())).await.unwrap();
    let open = store.open_incidents(&ids).await.unwrap().into_iter();
    let open: Vec<Incident> = open.map(|open| open.incident).collect();
    let expected: Vec<Incident> = first.iter().map(|(incident, _)| incident.clone()).collect();
    assert_eq!(open, expected);
    // The new ones stand before those that have to be closed for them.
    let second = opened("2025-06-22T00:00:00Z");
    let closed = first.into_iter().map(|(mut incident, event)| {
        incident.closed_at = Some(at("2025-06-22T00:00:00Z"));
        (incident, event)
    });
    let both = second.clone().into_iter().chain(closed).collect();
    store.plan(&plan(both)).await.unwrap();
    let open = store.open_incidents(&ids).await.unwrap().into_iter();
    let open: Vec<Incident> = open.map(|open| open.incident).collect();
    let expected: Vec<Incident> = second.into_iter().map(|(incident, _)| incident).collect();
    assert_eq!(open, expected);
}
