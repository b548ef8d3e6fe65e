use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use mockall::Sequence;
use vigie_domain::{KeepCount, MANIFEST, RecordedBackup, Sha256, ValidatedFault};

use super::store::MockPruneStore;
use super::*;

const NOW: &str = "2025-06-19T06:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn keep_last(count: u32) -> RetentionPolicy {
    RetentionPolicy {
        last: KeepCount::AtMost(count),
        ..RetentionPolicy::EMPTY
    }
}

/// The copy of this number of a job, with its file in the tree unless it is there no more.
fn version(number: i64, path: &str) -> KeptVersion {
    let recorded_at = Timestamp::from_second(1_750_000_000 + number).unwrap();
    KeptVersion {
        file: ValidatedFile {
            id: ValidatedFileId(number),
            job_id: JobId(1),
            path: path.to_owned(),
            sha256: Sha256::from([7; 32]),
            size: 3,
            kept_at: recorded_at,
            checked_at: recorded_at,
            fault: None,
        },
        is_being_removed: false,
        backups: vec![RecordedBackup {
            recorded_at,
            number,
        }],
    }
}

struct Place {
    root: tempfile::TempDir,
}

impl Place {
    fn with(paths: &[&str]) -> Self {
        let place = Self {
            root: tempfile::tempdir().unwrap(),
        };
        for path in paths {
            let path = place.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "one").unwrap();
        }
        place
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.root.path().join(relative)
    }

    fn pruner<S: PruneStore>(&self, policy: RetentionPolicy, store: S) -> Pruner<S> {
        Pruner::new(self.root.path(), Some(policy), store)
    }
}

/// Keeps what it is told in memory.
#[derive(Default)]
struct Memory {
    versions: Mutex<Vec<KeptVersion>>,
    stale: Mutex<Vec<String>>,
}

impl Memory {
    fn of(versions: &[KeptVersion]) -> Self {
        Self {
            versions: Mutex::new(versions.to_vec()),
            stale: Mutex::default(),
        }
    }

    fn each(&self, ids: &[ValidatedFileId], change: impl Fn(&mut KeptVersion)) {
        let mut versions = self.versions.lock().unwrap();
        let meant = versions.iter_mut().filter(|one| ids.contains(&one.file.id));
        meant.for_each(change);
    }

    fn paths(&self) -> Vec<String> {
        let versions = self.versions.lock().unwrap();
        versions.iter().map(|one| one.file.path.clone()).collect()
    }
}

#[async_trait]
impl PruneStore for &Memory {
    async fn unpruned_jobs(&self, after: JobId, _limit: u32) -> Result<Vec<JobId>, StoreError> {
        let versions = self.versions.lock().unwrap();
        let mut jobs: Vec<JobId> = versions.iter().map(|one| one.file.job_id).collect();
        jobs.retain(|job| *job > after);
        jobs.sort_unstable();
        jobs.dedup();
        Ok(jobs)
    }

    async fn versions_of_jobs(&self, jobs: &[JobId]) -> Result<Vec<KeptVersion>, StoreError> {
        let versions = self.versions.lock().unwrap();
        let meant = versions
            .iter()
            .filter(|one| jobs.contains(&one.file.job_id));
        Ok(meant.cloned().collect())
    }

    async fn begin_removal(
        &self,
        files: &[ValidatedFileId],
        _now: Timestamp,
    ) -> Result<(), StoreError> {
        self.each(files, |one| one.is_being_removed = true);
        Ok(())
    }

    async fn end_removal(&self, pruned: &Pruned) -> Result<(), StoreError> {
        self.each(&pruned.spared, |one| one.is_being_removed = false);
        let mut versions = self.versions.lock().unwrap();
        versions.retain(|one| !pruned.removed.contains(&one.file.id));
        Ok(())
    }

    async fn stale_manifests(&self, after: &str, _limit: u32) -> Result<Vec<String>, StoreError> {
        let stale = self.stale.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(stale
            .iter()
            .filter(|one| one.as_str() > after)
            .cloned()
            .collect())
    }

    async fn files_in_folders(&self, folders: &[String]) -> Result<Vec<ValidatedFile>, StoreError> {
        let versions = self.versions.lock().unwrap();
        let in_them = versions.iter().filter(|one| {
            let folder = one.file.path.rsplit_once('/').unwrap().0;
            folders.iter().any(|wanted| wanted == folder)
        });
        Ok(in_them.map(|one| one.file.clone()).collect())
    }

    async fn note_manifests(&self, folders: &[String]) -> Result<(), StoreError> {
        self.stale
            .lock()
            .unwrap()
            .retain(|one| !folders.contains(one));
        Ok(())
    }
}

#[tokio::test]
async fn copies_are_marked_before_they_go_and_forgotten_after() {
    let place = Place::with(&["X/1", "X/2"]);
    let mut store = MockPruneStore::new();
    let mut order = Sequence::new();
    let mut jobs = vec![vec![], vec![JobId(1)]];
    store
        .expect_unpruned_jobs()
        .returning(move |_, _| Ok(jobs.pop().unwrap()));
    store
        .expect_versions_of_jobs()
        .times(1)
        .returning(|_| Ok(vec![version(1, "X/1"), version(2, "X/2")]));
    let old = place.path("X/1");
    let (before, after) = (old.clone(), old.clone());
    store
        .expect_begin_removal()
        .times(1)
        .in_sequence(&mut order)
        .returning(move |files, _| {
            assert_eq!(files, [ValidatedFileId(1)]);
            assert!(before.exists());
            Ok(())
        });
    store
        .expect_end_removal()
        .times(1)
        .in_sequence(&mut order)
        .returning(move |pruned| {
            assert_eq!(pruned.removed, [ValidatedFileId(1)]);
            assert_eq!((&*pruned.spared, &*pruned.jobs), (&[][..], &[JobId(1)][..]));
            assert!(!after.exists());
            Ok(())
        });
    store
        .expect_stale_manifests()
        .returning(|_, _| Ok(Vec::new()));
    let result = place
        .pruner(keep_last(1), store)
        .after_cycle(now())
        .await
        .unwrap();
    assert_eq!((result.removed, result.bytes_freed), (1, 3));
    assert!(place.path("X/2").exists());
}

#[tokio::test]
async fn a_removal_that_was_cut_off_is_gone_on_with() {
    let place = Place::with(&["X/2", "X/3"]);
    let mut versions = [version(1, "X/1"), version(2, "X/2"), version(3, "X/3")];
    versions[0].is_being_removed = true;
    versions[1].is_being_removed = true;
    let store = Memory::of(&versions);
    let result = place
        .pruner(keep_last(1), &store)
        .after_cycle(now())
        .await
        .unwrap();
    assert_eq!(result.errors, [""; 0]);
    assert_eq!(store.paths(), ["X/3"]);
    assert!(!place.path("X/2").exists());
}

#[tokio::test]
async fn a_copy_that_was_to_be_removed_stays_when_it_has_become_the_last_intact_one() {
    let place = Place::with(&["X/1", "X/2"]);
    let mut versions = [version(1, "X/1"), version(2, "X/2")];
    versions[0].is_being_removed = true;
    versions[1].file.fault = Some(ValidatedFault::ContentDiffers {
        sha256: Sha256::from([8; 32]),
    });
    let store = Memory::of(&versions);
    let result = place
        .pruner(keep_last(1), &store)
        .after_cycle(now())
        .await
        .unwrap();
    assert_eq!(result, PruneResult::default());
    assert!(place.path("X/1").exists());
    assert!(!store.versions.lock().unwrap()[0].is_being_removed);
}

#[tokio::test]
async fn nothing_goes_while_no_copy_of_the_job_is_where_it_should_be() {
    // A disk that is not mounted, or one in its place.
    let place = Place::with(&[]);
    let store = Memory::of(&[version(1, "X/1"), version(2, "X/2")]);
    place
        .pruner(keep_last(1), &store)
        .after_cycle(now())
        .await
        .unwrap();
    assert_eq!(store.paths(), ["X/1", "X/2"]);
}

#[tokio::test]
async fn a_newer_copy_that_is_gone_makes_no_older_one_go() {
    let place = Place::with(&["X/1", "X/2"]);
    let store = Memory::of(&[version(1, "X/1"), version(2, "X/2"), version(3, "X/3")]);
    place
        .pruner(keep_last(1), &store)
        .after_cycle(now())
        .await
        .unwrap();
    assert!(!place.path("X/1").exists());
    assert!(place.path("X/2").exists());
}

#[tokio::test]
async fn what_lies_in_the_place_of_a_copy_is_left_alone() {
    let place = Place::with(&["X/3", "away"]);
    fs::create_dir(place.path("X/1")).unwrap();
    symlink(place.path("away"), place.path("X/2")).unwrap();
    let store = Memory::of(&[version(1, "X/1"), version(2, "X/2"), version(3, "X/3")]);
    let result = place
        .pruner(keep_last(1), &store)
        .after_cycle(now())
        .await
        .unwrap();
    assert_eq!(result.errors, [""; 0]);
    for path in ["X/1", "X/2", "X/3", "away"] {
        assert!(place.path(path).symlink_metadata().is_ok(), "{path}");
    }
    assert_eq!(store.paths(), ["X/3"]);
}

#[tokio::test]
async fn no_link_leads_out_of_the_tree() {
    let away = Place::with(&["X/1"]);
    let place = Place::with(&["Y/2"]);
    symlink(away.path("X"), place.path("X")).unwrap();
    let store = Memory::of(&[version(1, "X/1"), version(2, "Y/2")]);
    let result = place
        .pruner(keep_last(1), &store)
        .after_cycle(now())
        .await
        .unwrap();
    assert_eq!(result.errors.len(), 1, "{result:?}");
    assert!(away.path("X/1").exists());
}

#[tokio::test]
async fn a_folder_that_can_not_be_written_to_keeps_no_other_job_from_being_pruned() {
    let place = Place::with(&["X/1", "X/2", "Y/3", "Y/4"]);
    // What root may not remove either: a file in the place of the folder.
    fs::remove_dir_all(place.path("X")).unwrap();
    fs::write(place.path("X"), "in the way").unwrap();
    fs::set_permissions(place.path("X"), fs::Permissions::from_mode(0o444)).unwrap();
    let mut versions = [
        version(1, "X/1"),
        version(2, "Z/2"),
        version(3, "Y/3"),
        version(4, "Y/4"),
    ];
    fs::create_dir(place.path("Z")).unwrap();
    fs::write(place.path("Z/2"), "two").unwrap();
    for version in &mut versions[2..] {
        version.file.job_id = JobId(2);
    }
    let store = Memory::of(&versions);
    let result = place
        .pruner(keep_last(1), &store)
        .after_cycle(now())
        .await
        .unwrap();
    assert_eq!((result.removed, result.errors.len()), (1, 1), "{result:?}");
    assert!(result.errors[0].contains("X/1"), "{result:?}");
    assert_eq!(store.paths(), ["X/1", "Z/2", "Y/4"]);
    // Once the folder is as it should be, what was left is done.
    fs::remove_file(place.path("X")).unwrap();
    fs::create_dir(place.path("X")).unwrap();
    place
        .pruner(keep_last(1), &store)
        .after_cycle(now())
        .await
        .unwrap();
    assert_eq!(store.paths(), ["Z/2", "Y/4"]);
}

#[tokio::test]
async fn what_lies_on_a_disk_that_is_not_mounted_is_not_forgotten() {
    let place = Place::with(&["X/1", "X/2"]);
    let store = Memory::of(&[version(1, "X/1"), version(2, "X/2"), version(3, "X/3")]);
    // The new one was kept in the empty folder that the disk is mounted over.
    fs::remove_dir_all(place.path("X")).unwrap();
    fs::create_dir(place.path("X")).unwrap();
    fs::write(place.path("X/3"), "abc").unwrap();
    let pruner = place.pruner(keep_last(1), &store);
    let result = pruner.after_cycle(now()).await.unwrap();
    assert_eq!((result.removed, result.errors.len()), (0, 0), "{result:?}");
    assert_eq!(store.paths(), ["X/1", "X/2", "X/3"]);
}

#[tokio::test]
async fn a_plan_tells_what_would_go_and_changes_nothing() {
    let place = Place::with(&["X/1", "X/2"]);
    let store = Memory::of(&[version(1, "X/1"), version(2, "X/2")]);
    let mut told = Vec::new();
    let pruner = place.pruner(keep_last(1), &store);
    let result = pruner
        .plan(&[JobId(1)], &mut |job| told.push(job))
        .await
        .unwrap();
    assert_eq!((result.removed, result.bytes_freed), (1, 3));
    let kept: Vec<bool> = told[0].files.iter().map(JudgedFile::is_kept).collect();
    assert_eq!(kept, [false, true]);
    assert!(place.path("X/1").exists());
    assert!(!store.versions.lock().unwrap()[0].is_being_removed);
    let mut again = Vec::new();
    pruner
        .prune(&[JobId(1)], now(), &mut |job| again.push(job))
        .await
        .unwrap();
    assert_eq!(again, told);
    assert!(!place.path("X/1").exists());
}

fn checked(place: &Place, folder: &str) -> bool {
    let mut check = Command::new("sha256sum");
    check.args(["--check", "--strict", "--quiet", MANIFEST]);
    let output = check.current_dir(place.path(folder)).output().unwrap();
    output.status.success()
}

/// Copies as they really are, listed.
fn listed(place: &Place, names: &[&str]) -> Memory {
    let versions: Vec<KeptVersion> = (1..)
        .zip(names)
        .map(|(number, name)| {
            use sha2::Digest;
            let mut version = version(number, &format!("X/{name}"));
            let bytes = fs::read(place.path(&version.file.path)).unwrap();
            version.file.sha256 = Sha256::from(<[u8; 32]>::from(sha2::Sha256::digest(&bytes)));
            version
        })
        .collect();
    let store = Memory::of(&versions);
    store.stale.lock().unwrap().push("X".to_owned());
    store
}

#[tokio::test]
async fn a_list_is_one_that_sha256sum_understands_whatever_the_names() {
    let names = ["b", "a \\n\\", "ä 50%", "c\rd", "*e", "e\nf"];
    let place = Place::with(
        &names
            .map(|name| format!("X/{name}"))
            .each_ref()
            .map(|path| &**path),
    );
    let store = listed(&place, &names);
    let result = place
        .pruner(keep_last(9), &store)
        .after_cycle(now())
        .await
        .unwrap();
    assert_eq!(result.errors, [""; 0]);
    assert!(checked(&place, "X"));
    assert_eq!(*store.stale.lock().unwrap(), [""; 0]);
    fs::write(place.path("X/b"), "onE").unwrap();
    assert!(!checked(&place, "X"));
}

#[tokio::test]
async fn what_is_in_the_way_of_a_list_is_told_or_replaced_and_never_followed() {
    let place = Place::with(&["X/a", "away"]);
    let store = listed(&place, &["a"]);
    let manifest = place.path("X").join(MANIFEST);
    fs::create_dir(&manifest).unwrap();
    fs::write(manifest.join("file"), "of somebody").unwrap();
    let pruner = place.pruner(keep_last(9), &store);
    let result = pruner.after_cycle(now()).await.unwrap();
    assert_eq!(result.errors.len(), 1, "{result:?}");
    assert!(result.errors[0].contains(MANIFEST), "{result:?}");
    assert!(manifest.join("file").exists());
    assert_eq!(fs::read_dir(place.path("X")).unwrap().count(), 2);
    // It is told until it is out of the way.
    assert_eq!(pruner.after_cycle(now()).await.unwrap().errors.len(), 1);
    fs::remove_dir_all(&manifest).unwrap();
    for link in [MANIFEST, ".vigie-manifest"] {
        symlink(place.path("away"), place.path("X").join(link)).unwrap();
    }
    assert_eq!(
        pruner.after_cycle(now()).await.unwrap(),
        PruneResult::default()
    );
    assert!(checked(&place, "X"));
    assert_eq!(fs::read_to_string(place.path("away")).unwrap(), "one");
}

#[tokio::test]
async fn a_backup_that_has_the_name_of_the_list_from_before_is_not_overwritten() {
    let place = Place::with(&["X/SHA256SUMS", "X/b"]);
    let store = listed(&place, &[MANIFEST, "b"]);
    place
        .pruner(keep_last(9), &store)
        .after_cycle(now())
        .await
        .unwrap();
    assert_eq!(
        fs::read_to_string(place.path("X/SHA256SUMS")).unwrap(),
        "one"
    );
}

#[tokio::test]
async fn the_list_goes_with_the_last_copy_and_makes_no_folder() {
    let place = Place::with(&["X/SHA256SUMS"]);
    let store = Memory::default();
    store
        .stale
        .lock()
        .unwrap()
        .extend(["W".to_owned(), "X".to_owned()]);
    place
        .pruner(keep_last(9), &store)
        .after_cycle(now())
        .await
        .unwrap();
    assert!(!place.path("X/SHA256SUMS").exists());
    assert!(!place.path("W").exists());
}
