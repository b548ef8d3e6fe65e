//! The store through its ports, on a real database file.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::slice;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use vigie_domain::{
    AgentId, BackupEntry, ExpectedBackupJob, Finding, JobDeclaration, JobStatus, ProvenBackup,
    Report, SameContent, Schedule, Sha256, StageName, Transition, VerifyLevel, Warning,
    WarningSettings, judge_deadline, record_entry,
};
use vigie_scanner::{
    JobMove, KnownJob, ReportCommit, ReportKey, ReportRecord, SeenReport, Store, StoreError,
    UndeclaredDatabase,
};
use vigie_store::SqliteStore;

const START: &str = "2025-06-19T00:00:00Z";
const LATER: &str = "2025-06-25T00:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn agent(id: &str) -> AgentId {
    AgentId::new(id).unwrap()
}

fn daily() -> Schedule {
    Schedule::every(Duration::from_hours(24), Duration::from_hours(2)).unwrap()
}

fn nightly() -> Schedule {
    let early = Some(Duration::from_mins(10));
    Schedule::cron("0 1 * * *", "Africa/Douala", Duration::from_hours(2), early).unwrap()
}

fn declaration(database: &str) -> JobDeclaration {
    JobDeclaration {
        agent: agent("SDMC_DOUALA_AKWA"),
        database: database.to_owned(),
        company: None,
        city: None,
        neighborhood: None,
        year: None,
        schedule: nightly(),
        recipients: vec!["dba@example.com".to_owned()],
        active: true,
        warnings: None,
        verify: None,
    }
}

async fn open() -> (TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("vigie.db"))
        .await
        .unwrap();
    (folder, store)
}

async fn register(store: &SqliteStore, id: &str, database: &str) -> ExpectedBackupJob {
    let databases = [UndeclaredDatabase {
        agent: agent(id),
        database: database.to_owned(),
    }];
    let registered = store.register_jobs(&databases, &daily(), at(START)).await;
    registered.unwrap().remove(0).job
}

async fn known_of(store: &SqliteStore, agents: &[&str]) -> Vec<KnownJob> {
    let agents: Vec<AgentId> = agents.iter().map(|id| agent(id)).collect();
    store.jobs_of_agents(&agents).await.unwrap()
}

async fn jobs_of(store: &SqliteStore, id: &str) -> Vec<ExpectedBackupJob> {
    let known = known_of(store, &[id]).await.into_iter();
    known.map(|known| known.job).collect()
}

async fn seen(store: &SqliteStore, id: &str, digests: &[Sha256]) -> Vec<SeenReport> {
    let key = |sha256: &Sha256| ReportKey {
        agent: agent(id),
        sha256: *sha256,
    };
    let keys: Vec<ReportKey> = digests.iter().map(key).collect();
    store.seen_reports(&keys).await.unwrap()
}

async fn keep(store: &SqliteStore, commit: &ReportCommit) -> Result<(), StoreError> {
    store.commit_reports(slice::from_ref(commit)).await
}

/// A failed backup of the job, with the report that told of it.
fn failed_backup(job: &ExpectedBackupJob) -> ReportCommit {
    let json = format!(
        r#"{{"agent_id": "{}", "operation_end_time": "2025-06-19T02:00:00.123456",
            "databases": {{"{}": {{"BACKUP": {{"status": false, "error_message": "disk full"}}}}}}}}"#,
        job.agent, job.database
    );
    let report = Report::parse(json.as_bytes(), &job.agent, &TimeZone::UTC).unwrap();
    let (database, now) = (&report.databases[0], at("2025-06-19T06:00:00Z"));
    let entry = BackupEntry::judged(job, "r.json", &report, database, &Finding::NotNeeded, now);
    let before = job;
    let Transition { job, events } = record_entry(before, &entry, now);
    let proven = ProvenBackup::of(before, &job, &entry);
    ReportCommit {
        report: ReportRecord {
            agent: job.agent.clone(),
            file_name: "r.json".to_owned(),
            sha256: Sha256::from([7; 32]),
            operation_ended_at: Some(report.operation_ended_at),
            received_at: now,
            rejection: None,
            retry: vec![job.database.clone()],
        },
        moves: vec![JobMove {
            job,
            entry,
            proven,
            proven_file: None,
            standing: None,
        }],
        events,
    }
}

#[tokio::test]
async fn what_is_known_of_a_job_is_read_back_as_it_was() {
    let (_folder, store) = open().await;
    store
        .declare_jobs(&[declaration("XAFRIC_2025")], at(START))
        .await
        .unwrap();
    let job = jobs_of(&store, "sdmc_douala_akwa").await.remove(0);
    assert_eq!(job.schedule, nightly());
    assert_eq!(job.recipients, ["dba@example.com"]);
    let commit = failed_backup(&job);
    keep(&store, &commit).await.unwrap();
    let overview = store.jobs_with_latest_entries().await.unwrap().remove(0);
    assert_eq!(overview.job, commit.moves[0].job);
    assert_eq!(overview.latest_entry.as_ref(), Some(&commit.moves[0].entry));
}

#[tokio::test]
async fn what_was_committed_is_there_after_the_database_was_closed() {
    let (folder, store) = open().await;
    let job = register(&store, "A_B_C", "X").await;
    let commit = failed_backup(&job);
    keep(&store, &commit).await.unwrap();
    store.close().await;
    let store = SqliteStore::open(&folder.path().join("vigie.db"))
        .await
        .unwrap();
    let entries = store.entries_of_job(&job, 10).await.unwrap();
    assert_eq!(entries, [commit.moves[0].entry.clone()]);
}

#[tokio::test]
async fn a_commit_that_fails_leaves_nothing_behind() {
    let (_folder, store) = open().await;
    let job = register(&store, "A_B_C", "X").await;
    let mut commit = failed_backup(&job);
    let mut stranger = commit.moves[0].clone();
    stranger.job.id = vigie_domain::JobId(999);
    commit.moves.push(stranger);
    let error = keep(&store, &commit).await.unwrap_err();
    assert!(
        error.to_string().starts_with("could not commit reports"),
        "{error}"
    );
    assert_eq!(jobs_of(&store, "A_B_C").await, slice::from_ref(&job));
    assert_eq!(store.entries_of_job(&job, 10).await.unwrap(), []);
    let digest = commit.report.sha256;
    assert_eq!(seen(&store, "A_B_C", &[digest]).await, []);
}

#[tokio::test]
async fn a_report_is_known_again_with_what_is_left_to_try() {
    let (_folder, store) = open().await;
    let job = register(&store, "A_B_C", "X").await;
    let mut commit = failed_backup(&job);
    keep(&store, &commit).await.unwrap();
    let (digest, other) = (commit.report.sha256, Sha256::from([8; 32]));
    let known = seen(&store, "a_b_c", &[digest, other]).await;
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].retry, ["X"]);
    assert_eq!(known[0].key.sha256, digest);
    commit.report.retry.clear();
    commit.moves.clear();
    keep(&store, &commit).await.unwrap();
    let known = seen(&store, "A_B_C", &[digest]).await;
    assert_eq!(known[0].retry, Vec::<String>::new());
    assert_eq!(seen(&store, "OTHER_B_C", &[digest]).await, []);
}

#[tokio::test]
async fn only_what_is_overdue_and_not_told_yet_is_given_out() {
    let (_folder, store) = open().await;
    let job = register(&store, "A_B_C", "X").await;
    let deadline = job.deadline_at().unwrap();
    let overdue = |now| store.overdue_jobs(now, 10);
    assert_eq!(overdue(deadline).await.unwrap(), []);
    let late = deadline.checked_add(Duration::from_secs(1)).unwrap();
    assert_eq!(overdue(late).await.unwrap(), slice::from_ref(&job));
    let missing = judge_deadline(&job, late).unwrap();
    store.commit_deadlines(&[missing]).await.unwrap();
    assert_eq!(overdue(at(LATER)).await.unwrap(), []);
}

#[tokio::test]
async fn a_job_at_rest_is_never_overdue() {
    let (_folder, store) = open().await;
    let mut rest = declaration("X");
    rest.active = false;
    store.declare_jobs(&[rest], at(START)).await.unwrap();
    assert_eq!(store.overdue_jobs(at(LATER), 10).await.unwrap(), []);
}

#[tokio::test]
async fn no_two_jobs_keep_their_backups_in_one_folder() {
    let (_folder, store) = open().await;
    let site = |id: &str| JobDeclaration {
        agent: agent(id),
        company: Some("SDMC".to_owned()),
        city: Some("DOUALA".to_owned()),
        neighborhood: Some("AKWA".to_owned()),
        ..declaration("X")
    };
    let both = [site("FIRST_A_B"), site("SECOND_A_B")];
    store.declare_jobs(&both, at(START)).await.unwrap();
    store.declare_jobs(&both, at(LATER)).await.unwrap();
    let folder_of = async |id: &str| {
        let jobs = jobs_of(&store, id).await;
        jobs[0].validated_folder.clone()
    };
    assert_eq!(folder_of("FIRST_A_B").await, "SDMC/DOUALA/AKWA/no-year/X");
    assert_eq!(
        folder_of("SECOND_A_B").await,
        "SDMC/DOUALA/AKWA/no-year/X/%#2"
    );
}

#[tokio::test]
async fn a_job_that_was_registered_can_be_declared_and_keeps_its_history() {
    let (_folder, store) = open().await;
    let job = register(&store, "SDMC_DOUALA_AKWA", "X").await;
    keep(&store, &failed_backup(&job)).await.unwrap();
    store
        .declare_jobs(&[declaration("X")], at(LATER))
        .await
        .unwrap();
    let jobs = jobs_of(&store, "SDMC_DOUALA_AKWA").await;
    assert_eq!(jobs.len(), 1);
    assert!(jobs[0].declared);
    assert_eq!(jobs[0].current_status, JobStatus::Failed);
    assert_eq!(store.entries_of_job(&jobs[0], 10).await.unwrap().len(), 1);
    let declared = store.declare_jobs(&[], at(LATER)).await.unwrap();
    assert_eq!(declared.no_longer.len(), 1);
    assert_eq!(declared.no_longer[0].id, job.id);
    assert!(!declared.no_longer[0].declared);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_told_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vigie.db");
    std::fs::write(&path, "certainly no database, and longer than its header").unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err().to_string();
    assert!(error.contains("vigie.db"), "{error}");
    let nowhere = folder.path().join("nowhere/vigie.db");
    let error = SqliteStore::open(&nowhere).await.unwrap_err().to_string();
    assert!(error.contains("check that its folder exists"), "{error}");
}

#[tokio::test]
async fn the_last_proven_backups_of_a_job_are_read_back_oldest_first() {
    let (_folder, store) = open().await;
    let job = register(&store, "A_B_C", "X").await;
    let other = register(&store, "A_B_C", "Y").await;
    let proven = |day: i64| ProvenBackup {
        ended_at: at(START) + SignedDuration::from_hours(24 * day),
        size: u64::try_from(day).unwrap(),
        delay: (day > 1).then(|| SignedDuration::from_mins(-day)),
    };
    for day in 1..=5 {
        let mut commit = failed_backup(&job);
        commit.report.sha256 = Sha256::from([u8::try_from(day).unwrap(); 32]);
        // One that is not proven is passed over.
        commit.moves[0].proven = (day != 3).then(|| proven(day));
        keep(&store, &commit).await.unwrap();
    }
    let of_both = [job.id, other.id];
    let last = store.proven_backups(&of_both, 3).await.unwrap();
    assert_eq!(last[&job.id], [proven(2), proven(4), proven(5)]);
    assert_eq!(last[&other.id], []);
    let all = store.proven_backups(&[job.id], 100).await.unwrap();
    assert_eq!(all[&job.id][0], proven(1));
}

#[tokio::test]
async fn what_is_odd_about_a_job_and_what_is_to_be_told_of_it_are_kept() {
    let (_folder, store) = open().await;
    let quiet = JobDeclaration {
        warnings: Some(WarningSettings {
            size: false,
            ..WarningSettings::default()
        }),
        verify: Some(VerifyLevel::Decode),
        ..declaration("X")
    };
    store
        .declare_jobs(slice::from_ref(&quiet), at(START))
        .await
        .unwrap();
    let known = store.jobs_of_database("X", None).await.unwrap().remove(0);
    assert_eq!(known.warning_settings, quiet.warnings);
    assert_eq!(known.verify, quiet.verify);
    let mut commit = failed_backup(&known);
    let job = &mut commit.moves[0].job;
    job.warnings = vec![Warning::StagesRetried {
        stages: vec![StageName::Transfer],
    }];
    job.same_content = Some(SameContent {
        since: at(START),
        backups: 3,
    });
    keep(&store, &commit).await.unwrap();
    let kept = store.jobs_of_database("X", None).await.unwrap().remove(0);
    assert_eq!(kept, commit.moves[0].job);
}
