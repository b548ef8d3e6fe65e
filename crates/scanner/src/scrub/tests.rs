use std::fs;
use std::path::Path;
use std::sync::Mutex;

use sha2::{Digest, Sha256 as Sha256Hasher};
use vigie_domain::{AgentId, JobId, Sha256, ValidatedFileId};

use super::store::MockScrubStore;
use super::*;

const CONTENT: &[u8] = b"the compressed dump";
const KEPT: &str = "2025-06-19T02:00:00Z";
const NOW: &str = "2025-07-19T02:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn file(id: i64) -> ValidatedFile {
    ValidatedFile {
        id: ValidatedFileId(id),
        job_id: JobId(id),
        path: format!("A/X{id}/X.zst"),
        sha256: Sha256::from(<[u8; 32]>::from(Sha256Hasher::digest(CONTENT))),
        size: CONTENT.len() as u64,
        kept_at: at(KEPT),
        checked_at: at(KEPT),
        fault: None,
    }
}

/// A tree in which all of these files are, as they were kept.
fn tree_of(ids: std::ops::Range<i64>) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for id in ids {
        fs::create_dir_all(root.path().join(format!("A/X{id}"))).unwrap();
        fs::write(root.path().join(file(id).path), CONTENT).unwrap();
    }
    root
}

/// What was committed.
type Committed = Arc<Mutex<Vec<FileCheck>>>;

/// A store that knows these files, and keeps nothing.
fn knowing(ids: std::ops::Range<i64>) -> MockScrubStore {
    let mut store = MockScrubStore::new();
    let known = ids.clone();
    store.expect_files_due().returning(move |_, after, limit| {
        let due = known.clone().map(|id| DueFile {
            file: file(id),
            agent: AgentId::new("A_B_C").unwrap(),
            database: "X".to_owned(),
        });
        let later = due.filter(|due| due.place() > after);
        Ok(later.take(limit as usize).collect())
    });
    let totals = DueTotals {
        files: ids.clone().count() as u64,
        bytes: ids.clone().count() as u64 * CONTENT.len() as u64,
    };
    store.expect_due_totals().returning(move |_| Ok(totals));
    store
        .expect_files_from_all_over()
        .returning(move |limit| Ok(ids.clone().take(limit as usize).map(file).collect()));
    store
}

/// A store that knows these files, and what is committed to it.
fn store_of(ids: std::ops::Range<i64>) -> (MockScrubStore, Committed) {
    let mut store = knowing(ids);
    let committed = Committed::default();
    let to = committed.clone();
    store.expect_commit_checks().returning(move |checks| {
        to.lock().unwrap().extend_from_slice(checks);
        Ok(RecordedChecks {
            count: checks.len() as u64,
            judged: Vec::new(),
        })
    });
    (store, committed)
}

fn scrubber(root: &Path, store: MockScrubStore) -> Scrubber<MockScrubStore> {
    let settings = ScrubSettings {
        validated: root.to_owned(),
        cores: NonZeroUsize::MIN,
        max_read_rate: None,
    };
    Scrubber::new(settings, store)
}

fn order() -> ScrubOrder {
    ScrubOrder {
        before: at(NOW),
        max_bytes: None,
        accepts_loss: false,
    }
}

fn around(is_cycle_at_work: bool) -> ScrubSurroundings {
    ScrubSurroundings {
        clock: Arc::new(|| at(NOW)),
        is_cycle_at_work: Arc::new(move || is_cycle_at_work),
        observe: Arc::new(|_| ()),
    }
}

fn faults(committed: &Committed) -> Vec<(i64, Option<&'static str>)> {
    let committed = committed.lock().unwrap();
    let found = committed.iter().map(|check| {
        let code = check.found.as_ref().map(ValidatedFault::code);
        (check.id.0, code)
    });
    found.collect()
}

#[tokio::test]
async fn each_file_is_looked_at_and_what_was_found_is_kept() {
    let root = tree_of(1..601);
    fs::write(root.path().join(file(2).path), b"THE COMPRESSED DUMP").unwrap();
    fs::remove_file(root.path().join(file(300).path)).unwrap();
    let (store, committed) = store_of(1..601);
    let scrubber = scrubber(root.path(), store);
    let result = scrubber.scrub(&order(), &around(false)).await.unwrap();
    assert_eq!(result.files_checked, 600);
    assert_eq!(result.bytes_read, 599 * CONTENT.len() as u64);
    let found = faults(&committed);
    let ids: Vec<i64> = found.iter().map(|(id, _)| *id).collect();
    assert!(ids.into_iter().eq(1..601));
    let damaged: Vec<_> = found
        .into_iter()
        .filter(|(_, code)| code.is_some())
        .collect();
    assert_eq!(damaged, [(2, Some("content_differs")), (300, Some("gone"))]);
}

#[tokio::test]
async fn no_file_is_begun_when_those_that_were_have_so_many_bytes() {
    let root = tree_of(1..10);
    fs::remove_file(root.path().join(file(1).path)).unwrap();
    let (store, committed) = store_of(1..10);
    let order = ScrubOrder {
        max_bytes: Some(CONTENT.len() as u64 + 1),
        ..order()
    };
    let scrubber = scrubber(root.path(), store);
    let result = scrubber.scrub(&order, &around(false)).await.unwrap();
    assert_eq!(result.bytes_read, CONTENT.len() as u64);
    assert_eq!(result.bytes_begun, 2 * CONTENT.len() as u64);
    let ids: Vec<i64> = faults(&committed).iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, [1, 2]);
}

#[tokio::test]
async fn a_tree_of_which_most_is_gone_is_told_and_nothing_of_its_files() {
    // A cycle has kept a new backup in the folder on which the disk is not mounted.
    let root = tree_of(1..2);
    let (store, committed) = store_of(1..101);
    let scrubber = scrubber(root.path(), store);
    let error = scrubber.scrub(&order(), &around(false)).await.unwrap_err();
    assert!(
        matches!(
            error,
            ScrubError::Tree(TreeError::Lost {
                looked_for: 64,
                absent: 63,
                ..
            })
        ),
        "{error}"
    );
    assert_eq!(faults(&committed), []);
    // Somebody knows better.
    let order = ScrubOrder {
        accepts_loss: true,
        ..order()
    };
    let result = scrubber.scrub(&order, &around(false)).await.unwrap();
    assert_eq!(result.files_checked, 100);
}

#[tokio::test]
async fn few_files_are_lost_one_by_one() {
    let root = tree_of(1..2);
    let (store, committed) = store_of(1..19);
    let scrubber = scrubber(root.path(), store);
    scrubber.scrub(&order(), &around(false)).await.unwrap();
    let gone = faults(&committed)
        .iter()
        .filter(|(_, code)| *code == Some("gone"))
        .count();
    assert_eq!(gone, 17);
}

#[tokio::test]
async fn a_tree_that_is_empty_or_gone_is_told_and_nothing_of_its_files() {
    let root = tempfile::tempdir().unwrap();
    let (store, committed) = store_of(1..3);
    let scrubber = scrubber(&root.path().join("validated"), store);
    let (order, around) = (order(), around(false));
    let scrub = || scrubber.scrub(&order, &around);
    let told = scrub().await.unwrap_err().to_string();
    assert!(
        told.starts_with("could not open the validated tree "),
        "{told}"
    );
    fs::create_dir(root.path().join("validated")).unwrap();
    let told = scrub().await.unwrap_err().to_string();
    assert!(told.ends_with("is its disk mounted?"), "{told}");
    assert!(scrubber.check_tree().await.is_err());
    assert_eq!(faults(&committed), []);
}

#[tokio::test]
async fn nothing_is_asked_of_the_disk_when_nothing_is_due() {
    let root = tempfile::tempdir().unwrap();
    let (store, _) = store_of(1..1);
    let scrubber = scrubber(&root.path().join("validated"), store);
    let result = scrubber.scrub(&order(), &around(false)).await.unwrap();
    assert_eq!(result, ScrubResult::default());
    scrubber.check_tree().await.unwrap();
}

#[tokio::test]
async fn what_a_cycle_may_just_have_kept_is_left_for_the_next_scrub() {
    let root = tree_of(1..4);
    fs::write(root.path().join(file(2).path), b"THE COMPRESSED DUMP").unwrap();
    fs::remove_file(root.path().join(file(3).path)).unwrap();
    let (store, committed) = store_of(1..4);
    let scrubber = scrubber(root.path(), store);
    let result = scrubber.scrub(&order(), &around(true)).await.unwrap();
    assert_eq!((result.files_checked, result.changed), (2, 1));
    // No cycle removes a file.
    assert_eq!(faults(&committed), [(1, None), (3, Some("gone"))]);
}

#[tokio::test]
async fn a_file_that_the_store_knows_no_more_is_counted_and_not_told() {
    let root = tree_of(1..2);
    let mut store = knowing(1..3);
    store
        .expect_commit_checks()
        .returning(|_| Ok(RecordedChecks::default()));
    let scrubber = scrubber(root.path(), store);
    let result = scrubber.scrub(&order(), &around(false)).await.unwrap();
    assert_eq!((result.files_checked, result.changed), (0, 2));
    assert!(result.is_sound());
}

#[tokio::test]
async fn a_scrub_that_is_stopped_begins_nothing_more() {
    let root = tree_of(1..10);
    let (store, committed) = store_of(1..10);
    let scrubber = Arc::new(scrubber(root.path(), store));
    let stopping = scrubber.clone();
    let around = ScrubSurroundings {
        observe: Arc::new(move |step| {
            if matches!(step, Progress::FileEnded { file: 3, .. }) {
                stopping.stop();
            }
        }),
        ..around(false)
    };
    scrubber.scrub(&order(), &around).await.unwrap();
    let ids: Vec<i64> = faults(&committed).iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, [1, 2, 3, 4]);
}
