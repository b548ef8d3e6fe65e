use std::time::Duration;

use vigie_domain::{AgentId, EventKind, Schedule, Sha256};
use vigie_notify::Ledger as _;
use vigie_scanner::{Store as _, UndeclaredDatabase};

use super::*;
use crate::query_plan::{query_plan, searches, sorts};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// With a job.
async fn opened() -> (tempfile::TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vigie.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let schedule = Schedule::every(Duration::from_hours(24), Duration::ZERO).unwrap();
    let database = UndeclaredDatabase {
        agent: AgentId::new("A_B_C").unwrap(),
        database: "X".to_owned(),
    };
    let registered = store.register_jobs(&[database], &schedule, at(0)).await;
    registered.unwrap();
    (folder, store)
}

/// Keeps a copy of so many bytes that was last looked at then.
async fn keep(store: &SqliteStore, path: &str, size: i64, checked_at: i64) {
    let mut transaction = store.begin().await.unwrap();
    let insert = "INSERT OR REPLACE INTO validated_files \
                  (job_id, path, sha256, size, kept_at, checked_at) VALUES (1, ?, ?, ?, 0, ?)";
    sqlx::query(insert)
        .bind(path)
        .bind(Sha256::from([1; 32]).to_string())
        .bind(size)
        .bind(at(checked_at).as_microsecond())
        .execute(&mut *transaction)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
}

async fn due(store: &SqliteStore, before: i64, after: DuePlace, limit: u32) -> Vec<DueFile> {
    store.files_due(at(before), after, limit).await.unwrap()
}

fn paths(files: &[DueFile]) -> Vec<&str> {
    files.iter().map(|due| &*due.file.path).collect()
}

/// What was found of this file at an instant.
fn check(file: &ValidatedFile, found: Option<ValidatedFault>, seconds: i64) -> FileCheck {
    FileCheck {
        id: file.id,
        path: file.path.clone(),
        found,
        at: at(seconds),
    }
}

#[tokio::test]
async fn what_was_looked_at_the_longest_ago_comes_first() {
    let (_folder, store) = opened().await;
    for (path, checked_at) in [("c", 30), ("a", 10), ("d", 40), ("b", 10)] {
        keep(&store, path, 7, checked_at).await;
    }
    let first = due(&store, 40, DuePlace::default(), 2).await;
    assert_eq!(paths(&first), ["a", "b"]);
    assert_eq!(
        (first[0].agent.as_str(), &*first[0].database),
        ("A_B_C", "X")
    );
    let next = due(&store, 40, first[1].place(), 2).await;
    assert_eq!(paths(&next), ["c"]);
    let totals = store.due_totals(at(40)).await.unwrap();
    assert_eq!((totals.files, totals.bytes), (3, 21));
    assert_eq!(store.due_totals(at(5)).await.unwrap(), DueTotals::default());
}

#[tokio::test]
async fn what_was_found_is_kept_with_its_events() {
    let (_folder, store) = opened().await;
    for path in ["a", "b", "c"] {
        keep(&store, path, 7, 10).await;
    }
    let files = due(&store, 40, DuePlace::default(), 9).await;
    let [a, b, c] = [0, 1, 2].map(|place| files[place].file.clone());
    let gone = Some(ValidatedFault::Gone);
    let checks = [
        check(&a, None, 50),
        check(&b, gone.clone(), 51),
        check(&c, gone.clone(), 52),
    ];
    let recorded = store.commit_checks(&checks).await.unwrap();
    assert_eq!((recorded.count, recorded.judged.len()), (3, 2));
    let events = store.unplanned_events(10).await.unwrap();
    let told: Vec<_> = events
        .iter()
        .filter_map(|(_, event)| match &event.kind {
            EventKind::ValidatedFileDamaged {
                file,
                intact_at,
                others,
                ..
            } => Some((&*file.path, *intact_at, others.count, others.newest.clone())),
            _ => None,
        })
        .collect();
    let left = ValidatedFile {
        checked_at: at(50),
        ..a.clone()
    };
    assert_eq!(
        told,
        [
            ("b", Some(at(10)), 1, Some(left.clone())),
            ("c", Some(at(10)), 1, Some(left)),
        ]
    );
    assert_eq!(paths(&store.damaged_files().await.unwrap()), ["b", "c"]);

    // The same again is no news, and the disk that is back is.
    let recorded = store
        .commit_checks(&[check(&b, gone, 60), check(&c, None, 61)])
        .await;
    let judged = recorded.unwrap().judged;
    assert_eq!(judged[0].event, None);
    let event = judged[1].event.as_ref().unwrap();
    assert_eq!(event.name(), "ValidatedFileRestored");
    assert_eq!(paths(&store.damaged_files().await.unwrap()), ["b"]);
    assert!(store.forget_damaged_file("b").await.unwrap());
    // What is sound is not given up.
    assert!(!store.forget_damaged_file("c").await.unwrap());
    let rest = due(&store, 100, DuePlace::default(), 9).await;
    assert_eq!(paths(&rest), ["a", "c"]);
    assert_eq!(rest[0].file.checked_at, at(50));
}

#[tokio::test]
async fn a_copy_that_took_the_place_of_what_was_looked_at_is_left_alone() {
    let (_folder, store) = opened().await;
    keep(&store, "a", 7, 10).await;
    let before = due(&store, 40, DuePlace::default(), 9).await.remove(0).file;
    keep(&store, "a", 7, 20).await;
    for found in [None, Some(ValidatedFault::Gone)] {
        let recorded = store.commit_checks(&[check(&before, found, 50)]).await;
        assert_eq!(recorded.unwrap(), RecordedChecks::default());
    }
    let after = due(&store, 40, DuePlace::default(), 9).await.remove(0).file;
    assert_eq!((after.checked_at, after.fault), (at(20), None));
    let fresh = store.unplanned_events(10).await.unwrap();
    assert!(
        fresh
            .iter()
            .all(|(_, event)| event.name() != "ValidatedFileDamaged")
    );
}

#[tokio::test]
async fn copies_from_all_over_are_sound_and_each_is_given_once() {
    let (_folder, store) = opened().await;
    assert_eq!(store.files_from_all_over(8).await.unwrap(), []);
    for number in 0..100 {
        keep(&store, &format!("{number:02}"), 7, 10).await;
    }
    let numbers = |files: &[ValidatedFile]| -> Vec<String> {
        files.iter().map(|file| file.path.clone()).collect()
    };
    let four = store.files_from_all_over(4).await.unwrap();
    assert_eq!(numbers(&four), ["00", "25", "50", "75"]);
    let checks = [check(&four[1], Some(ValidatedFault::Gone), 20)];
    store.commit_checks(&checks).await.unwrap();
    let four = store.files_from_all_over(4).await.unwrap();
    assert_eq!(numbers(&four), ["00", "26", "50", "75"]);
    assert_eq!(store.files_from_all_over(1000).await.unwrap().len(), 99);
}

#[tokio::test]
async fn copies_are_looked_up_and_not_searched_for() {
    let (_folder, store) = opened().await;
    let cases = [
        (
            due_statement(),
            4,
            "INDEX validated_files_by_check (checked_at",
        ),
        (
            TOTALS.to_owned(),
            1,
            "COVERING INDEX validated_files_by_check (checked_at",
        ),
        (all_over_statement(), 1, "INTEGER PRIMARY KEY (rowid=?)"),
        (CONFIRM.to_owned(), 1, "INTEGER PRIMARY KEY (rowid=?)"),
        (others_statement(), 1, "INTEGER PRIMARY KEY (rowid=?)"),
        (
            INTACT.to_owned(),
            1,
            "INDEX validated_files_by_job (job_id=?)",
        ),
        (one_statement(), 1, "INTEGER PRIMARY KEY (rowid=?)"),
        (
            FORGET.to_owned(),
            1,
            "INDEX sqlite_autoindex_validated_files_1 (path=?)",
        ),
    ];
    let given = ["places", "bounds", "seen"];
    for (statement, values, by) in cases {
        let plan = query_plan(&store, &statement, values).await;
        let search = format!("SEARCH validated_files USING {by}");
        assert!(
            plan.iter().any(|step| step.starts_with(&search)),
            "{plan:#?}"
        );
        assert_eq!(searches(&plan, &given), [""; 0], "{plan:#?}");
        assert_eq!(sorts(&plan), 0, "{plan:#?}");
    }
    let plan = query_plan(&store, &damaged_statement(), 0).await;
    let small = ["validated_files_damaged"];
    assert_eq!(searches(&plan, &small), [""; 0], "{plan:#?}");
}
