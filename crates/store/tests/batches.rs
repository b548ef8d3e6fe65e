//! What came of many reports of many agents, kept and looked up at once.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::collections::HashMap;
use std::slice;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tempfile::TempDir;
use vigie_domain::{
    AgentId, BackupEntry, DomainEvent, EventKind, ExpectedBackupJob, Finding, JobId, Report,
    Schedule, Sha256, Warning, record_entry,
};
use vigie_notify::{Ledger as _, is_news};
use vigie_scanner::{
    JobMove, KnownJob, ProvenFile, ReportCommit, ReportKey, ReportRecord, Store, UndeclaredDatabase,
};
use vigie_store::SqliteStore;

const NOW: &str = "2025-06-19T06:00:00Z";

/// More than go to one statement, of agents as of jobs.
const AGENTS: usize = 130;

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn agent(number: usize) -> AgentId {
    AgentId::new(format!("SDMC_DOUALA_AKWA{number}")).unwrap()
}

async fn open() -> (TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("vigie.db"))
        .await
        .unwrap();
    (folder, store)
}

/// Jobs of the first agents, of each of which two databases become known.
async fn register(store: &SqliteStore, agents: usize) -> Vec<ExpectedBackupJob> {
    let databases: Vec<UndeclaredDatabase> = (0..agents)
        .flat_map(|number| {
            ["X", "Y"].map(|database| UndeclaredDatabase {
                agent: agent(number),
                database: database.to_owned(),
            })
        })
        .collect();
    let daily = Schedule::every(Duration::from_hours(24), Duration::from_hours(2)).unwrap();
    let since = "2025-06-18T00:00:00Z".parse().unwrap();
    let registered = store.register_jobs(&databases, &daily, since).await;
    let registered = registered.unwrap().into_iter();
    registered.map(|known| known.job).collect()
}

fn digest(number: usize) -> Sha256 {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Sha256::from(bytes)
}

/// A report of the agent of these jobs, in which all of them failed.
fn failed(jobs: &[ExpectedBackupJob], number: usize) -> ReportCommit {
    let agent = &jobs[0].agent;
    let stages = |job: &ExpectedBackupJob| {
        let message = format!("no space for {} of {number}", job.database);
        let stages = serde_json::json!({"BACKUP": {"status": false, "error_message": message}});
        (job.database.clone(), stages)
    };
    let json = serde_json::json!({
        "agent_id": agent.as_str(),
        "operation_end_time": "2025-06-19T02:00:00",
        "databases": jobs.iter().map(stages).collect::<serde_json::Map<_, _>>(),
    });
    let report = Report::parse(json.to_string().as_bytes(), agent, &TimeZone::UTC).unwrap();
    let (mut moves, mut events) = (Vec::new(), Vec::new());
    for (job, section) in jobs.iter().zip(&report.databases) {
        let none = &Finding::NotNeeded;
        let entry = BackupEntry::judged(job, "r.json", &report, section, none, now());
        let recorded = record_entry(job, &entry, now());
        events.extend(recorded.events);
        moves.push(JobMove {
            job: recorded.job,
            entry,
            proven: None,
            proven_file: None,
            standing: None,
        });
    }
    ReportCommit {
        report: ReportRecord {
            agent: agent.clone(),
            file_name: "r.json".to_owned(),
            sha256: digest(number),
            operation_ended_at: Some(report.operation_ended_at),
            received_at: now(),
            rejection: None,
            retry: Vec::new(),
        },
        moves,
        events,
    }
}

fn file(name: &str) -> ProvenFile {
    let json = serde_json::json!({
        "name": name,
        "identity": {
            "device": u64::MAX,
            "inode": 7,
            "size": 12,
            "modified": [-1, 999_999_999],
            "changed": [i64::MAX, 0],
        },
        "sha256": digest(1),
    });
    serde_json::from_value(json).unwrap()
}

async fn known(store: &SqliteStore, agents: &[AgentId]) -> Vec<KnownJob> {
    store.jobs_of_agents(agents).await.unwrap()
}

async fn all_events(store: &SqliteStore) -> Vec<DomainEvent> {
    let news = store.unplanned_events(10_000).await.unwrap().into_iter();
    news.map(|(_, event)| event).collect()
}

#[tokio::test]
async fn what_came_of_many_agents_reports_is_kept_for_each() {
    let (_folder, store) = open().await;
    let jobs = register(&store, AGENTS).await;
    let commits: Vec<ReportCommit> = jobs
        .chunks(2)
        .enumerate()
        .map(|(number, jobs)| failed(jobs, number))
        .collect();
    store.commit_reports(&commits).await.unwrap();
    let agents: Vec<AgentId> = (0..AGENTS).map(agent).collect();
    let expected: Vec<ExpectedBackupJob> = commits
        .iter()
        .flat_map(|commit| commit.moves.iter().map(|moved| moved.job.clone()))
        .collect();
    let kept = known(&store, &agents).await.into_iter();
    assert_eq!(kept.map(|one| one.job).collect::<Vec<_>>(), expected);
    for moved in commits.iter().flat_map(|commit| &commit.moves) {
        let entries = store.entries_of_job(&moved.job, 10).await.unwrap();
        assert_eq!(entries, slice::from_ref(&moved.entry));
    }
    let expected: Vec<DomainEvent> = commits
        .into_iter()
        .flat_map(|commit| commit.events)
        .collect();
    assert_eq!(all_events(&store).await, expected);
}

#[tokio::test]
async fn one_agent_has_its_jobs_once_however_often_and_in_which_case_it_is_asked_for() {
    let (_folder, store) = open().await;
    let jobs = register(&store, 3).await;
    let lower = AgentId::new(agent(1).as_str().to_lowercase()).unwrap();
    let kept = known(&store, &[agent(1), lower, agent(1), agent(7)]).await;
    let kept: Vec<JobId> = kept.into_iter().map(|one| one.job.id).collect();
    assert_eq!(kept, [jobs[2].id, jobs[3].id]);
    assert_eq!(known(&store, &[]).await, []);
}

#[tokio::test]
async fn the_same_report_of_two_agents_is_two_reports() {
    let (_folder, store) = open().await;
    let jobs = register(&store, 2).await;
    let mut commits = [failed(&jobs[..2], 7), failed(&jobs[2..], 7)];
    commits[1].report.retry = vec!["X".to_owned()];
    store.commit_reports(&commits).await.unwrap();
    let lower = AgentId::new(agent(1).as_str().to_lowercase()).unwrap();
    let keys = [agent(0), lower, agent(2)].map(|agent| ReportKey {
        agent,
        sha256: digest(7),
    });
    let seen = store.seen_reports(&keys).await.unwrap();
    let seen: HashMap<String, Vec<String>> = seen
        .into_iter()
        .map(|seen| (seen.key.agent.key(), seen.retry))
        .collect();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[&agent(0).key()], [""; 0]);
    assert_eq!(seen[&agent(1).key()], ["X"]);
    assert_eq!(store.seen_reports(&[]).await.unwrap(), []);
}

#[tokio::test]
async fn one_report_that_can_not_be_kept_keeps_all_of_its_batch_out() {
    let (_folder, store) = open().await;
    let jobs = register(&store, AGENTS).await;
    let mut commits: Vec<ReportCommit> = jobs
        .chunks(2)
        .enumerate()
        .map(|(number, jobs)| failed(jobs, number))
        .collect();
    commits[AGENTS - 1].moves[1].job.id = JobId(999_999);
    commits[0].moves[0].proven_file = Some(file("x.zst"));
    store.commit_reports(&commits).await.unwrap_err();
    let agents: Vec<AgentId> = (0..AGENTS).map(agent).collect();
    let kept = known(&store, &agents).await;
    assert!(kept.iter().all(|one| one.proven_file.is_none()));
    assert_eq!(
        kept.into_iter().map(|one| one.job).collect::<Vec<_>>(),
        jobs
    );
    assert_eq!(store.entries_of_job(&jobs[0], 1).await.unwrap(), []);
    assert_eq!(all_events(&store).await, []);
    let keys: Vec<ReportKey> = commits
        .iter()
        .map(|commit| ReportKey {
            agent: commit.report.agent.clone(),
            sha256: commit.report.sha256,
        })
        .collect();
    assert_eq!(store.seen_reports(&keys).await.unwrap(), []);
    // The first of them by itself goes through.
    store.commit_reports(&commits[..1]).await.unwrap();
    assert_eq!(store.seen_reports(&keys).await.unwrap().len(), 1);
}

#[tokio::test]
async fn of_a_job_of_which_two_reports_speak_the_last_counts_and_both_are_entries() {
    let (_folder, store) = open().await;
    let jobs = register(&store, 1).await;
    let mut commits = [failed(&jobs, 1), failed(&jobs, 2)];
    commits[0].moves[0].proven_file = Some(file("first.zst"));
    commits[1].moves[0].proven_file = Some(file("second.zst"));
    commits[1].moves[0].job.last_checked_at = None;
    store.commit_reports(&commits).await.unwrap();
    let kept = known(&store, &[agent(0)]).await.remove(0);
    assert_eq!(kept.job, commits[1].moves[0].job);
    assert_eq!(kept.proven_file, Some(file("second.zst")));
    let entries = store.entries_of_job(&jobs[0], 10).await.unwrap();
    let expected = [&commits[1], &commits[0]].map(|commit| commit.moves[0].entry.clone());
    assert_eq!(entries, expected);
}

#[tokio::test]
async fn a_proven_file_is_known_until_another_one_is() {
    let (_folder, store) = open().await;
    let jobs = register(&store, AGENTS).await;
    let mut first: Vec<ReportCommit> = jobs
        .chunks(2)
        .enumerate()
        .map(|(number, jobs)| failed(jobs, number))
        .collect();
    for commit in &mut first {
        commit.moves[0].proven_file = Some(file("é \"x\".zst"));
    }
    store.commit_reports(&first).await.unwrap();
    let mut second = [failed(&jobs[..2], 1_000), failed(&jobs[2..4], 1_001)];
    second[1].moves[0].proven_file = Some(file("new.zst"));
    store.commit_reports(&second).await.unwrap();
    let kept = known(&store, &[agent(0), agent(1), agent(2)]).await;
    let files: Vec<Option<ProvenFile>> = kept.into_iter().map(|one| one.proven_file).collect();
    let old = Some(file("é \"x\".zst"));
    let expected = [old.clone(), None, Some(file("new.zst")), None, old, None];
    assert_eq!(files, expected);
}

#[tokio::test]
async fn an_event_is_read_with_its_entry_whether_that_is_kept_or_not() {
    let (_folder, store) = open().await;
    let jobs = register(&store, 1).await;
    let mut commit = failed(&jobs[..1], 1);
    let moved = &commit.moves[0];
    let (job, entry) = (Box::new(moved.job.clone()), Box::new(moved.entry.clone()));
    let from = job.current_status;
    let mut other = entry.clone();
    other.report = "another.json".to_owned();
    commit.events = [
        EventKind::BackupRecorded {
            job: job.clone(),
            entry: entry.clone(),
        },
        EventKind::JobDegraded {
            job: job.clone(),
            entry: entry.clone(),
            from,
        },
        EventKind::JobRecovered {
            job: job.clone(),
            entry: entry.clone(),
            from,
            incident_since: now(),
        },
        EventKind::JobWarned {
            job: job.clone(),
            entry,
            warnings: vec![Warning::StagesRetried { stages: Vec::new() }],
        },
        // No entry of this commit is quite this one.
        EventKind::JobWarned {
            job: job.clone(),
            entry: other,
            warnings: Vec::new(),
        },
        EventKind::JobDeactivated {
            job,
            from,
            incident_since: now(),
        },
    ]
    .map(|kind| DomainEvent { at: now(), kind })
    .into();
    assert!(commit.events.iter().all(is_news));
    store
        .commit_reports(slice::from_ref(&commit))
        .await
        .unwrap();
    assert_eq!(all_events(&store).await, commit.events);
}
