//! Jobs that people add, pause and retire, on a real database file.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use tempfile::TempDir;
use vigie_domain::{
    AgentId, ExpectedBackupJob, JobDeclaration, JobSource, Pause, Schedule, Transition, pause_job,
    retire_job,
};
use vigie_scanner::Store;
use vigie_store::{Added, SqliteStore};

const START: &str = "2025-06-19T00:00:00Z";
const LATER: &str = "2025-06-25T00:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

async fn open() -> (TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("vigie.db"))
        .await
        .unwrap();
    (folder, store)
}

fn declaration(agent: &str, database: &str) -> JobDeclaration {
    JobDeclaration {
        agent: AgentId::new(agent).unwrap(),
        database: database.to_owned(),
        company: None,
        city: None,
        neighborhood: None,
        year: None,
        schedule: Schedule::every(Duration::from_hours(24), Duration::from_hours(2)).unwrap(),
        recipients: Vec::new(),
        active: true,
        warnings: None,
        verify: None,
    }
}

fn declarations(count: usize) -> Vec<JobDeclaration> {
    let database = |number| declaration("SDMC_DOUALA_AKWA", &format!("X_{number}"));
    (0..count).map(database).collect()
}

async fn all(store: &SqliteStore) -> Vec<ExpectedBackupJob> {
    store.jobs_that(|_| true).await.unwrap()
}

fn counted(added: &Added) -> [usize; 4] {
    [
        added.added,
        added.changed,
        added.unchanged,
        added.brought_back,
    ]
}

#[tokio::test]
async fn jobs_that_are_added_again_stay_as_they_are() {
    let (_folder, store) = open().await;
    let mut jobs = declarations(2_500);
    let added = store.add_jobs(&jobs, at(START), false).await.unwrap();
    assert_eq!(counted(&added), [2_500, 0, 0, 0]);
    let before = all(&store).await;
    assert_eq!(before.len(), 2_500);
    assert!(before.iter().all(|job| job.source() == JobSource::Command));
    jobs[7].recipients = vec!["dba@example.com".to_owned()];
    let added = store.add_jobs(&jobs, at(LATER), true).await.unwrap();
    assert_eq!(counted(&added), [0, 1, 2_499, 0]);
    assert_eq!(all(&store).await, before);
    store.add_jobs(&jobs, at(LATER), false).await.unwrap();
    let after = all(&store).await;
    let mut changed = before
        .iter()
        .zip(&after)
        .filter(|(one, other)| one != other);
    let (before, after) = changed.next().unwrap();
    assert_eq!(before.deadline_at(), after.deadline_at());
    assert_eq!(after.recipients, ["dba@example.com"]);
    assert!(changed.next().is_none());
}

#[tokio::test]
async fn however_many_are_added_at_once_each_has_a_folder_of_its_own() {
    let (_folder, store) = open().await;
    // Two agents of one site, and words that the second half of them changes to the same.
    let mut jobs: Vec<JobDeclaration> = (0..250)
        .flat_map(|number| {
            let database = format!("X_{number}");
            ["SDMC_DOUALA_AKWA", "OTHER_DOUALA_AKWA"].map(|agent| declaration(agent, &database))
        })
        .collect();
    store.add_jobs(&jobs, at(START), false).await.unwrap();
    for job in &mut jobs {
        job.company = Some("One".to_owned());
    }
    store.add_jobs(&jobs, at(START), false).await.unwrap();
    let jobs = all(&store).await;
    let folders: HashSet<&str> = jobs.iter().map(|job| &*job.validated_folder).collect();
    assert_eq!(folders.len(), 500);
    assert!(folders.iter().all(|folder| folder.starts_with("One/")));
}

#[tokio::test]
async fn what_the_config_declares_and_no_longer_declares_is_told_among_others() {
    let (_folder, store) = open().await;
    let jobs = declarations(300);
    store
        .add_jobs(&jobs[..200], at(START), false)
        .await
        .unwrap();
    let declared = store.declare_jobs(&jobs[100..], at(START)).await.unwrap();
    assert_eq!(declared.no_longer, []);
    let declared = store.declare_jobs(&jobs[250..], at(START)).await.unwrap();
    assert_eq!(declared.no_longer.len(), 150);
    let jobs = all(&store).await;
    let of = |source| jobs.iter().filter(|job| job.source() == source).count();
    assert_eq!(of(JobSource::Config), 50);
    assert_eq!(of(JobSource::Command), 200);
}

#[tokio::test]
async fn pauses_end_by_themselves_when_they_are_over() {
    let (_folder, store) = open().await;
    store
        .add_jobs(&declarations(1_200), at(START), false)
        .await
        .unwrap();
    let until = |number: usize| match number {
        0 => None,
        1 => Some(at(LATER)),
        _ => Some(at("2025-06-20T00:00:00Z")),
    };
    let pause = |(number, job): (usize, ExpectedBackupJob)| {
        let pause = Pause {
            since: at(START),
            until: until(number),
            by: None,
            reason: Some("the \"site\" moves".to_owned()),
        };
        pause_job(&job, pause)
    };
    let paused: Vec<Transition> = all(&store)
        .await
        .into_iter()
        .enumerate()
        .map(pause)
        .collect();
    store.change_jobs(&paused).await.unwrap();
    let far = at("2030-01-01T00:00:00Z");
    assert_eq!(store.overdue_jobs(far, 10).await.unwrap(), []);
    let ended = store.end_pauses(at("2025-06-21T00:00:00Z")).await.unwrap();
    assert_eq!(ended.len(), 1_198);
    let is_paused = |job: &ExpectedBackupJob| job.pause.is_some();
    assert_eq!(store.jobs_that(is_paused).await.unwrap().len(), 2);
    assert_eq!(store.overdue_jobs(far, 2_000).await.unwrap().len(), 1_198);
    assert_eq!(store.end_pauses(at(LATER)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_retired_job_that_is_added_again_is_told_as_brought_back() {
    let (_folder, store) = open().await;
    let jobs = declarations(3);
    store.add_jobs(&jobs, at(START), false).await.unwrap();
    let retired = retire_job(&all(&store).await[0], at(START));
    store.change_jobs(&[retired]).await.unwrap();
    let added = store.add_jobs(&jobs, at(LATER), false).await.unwrap();
    assert_eq!(counted(&added), [0, 1, 2, 1]);
    assert!(all(&store).await.iter().all(ExpectedBackupJob::is_watched));
}
