//! The port of retention: which copies there are, which of them are being removed, and whose lists have to
//! be written anew. Touches no copy.

use std::collections::HashMap;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{Row, SqliteConnection};
use vigie_domain::{JobId, RecordedBackup, ValidatedFile, ValidatedFileId};
use vigie_scanner::{KeptVersion, PruneStore, Pruned, StoreError};

use crate::error::{Doing, Fault};
use crate::job_rows::instant_of;
use crate::{SqliteStore, many_rows, validated_files};

const UNPRUNED: &str = "SELECT job_id FROM unpruned_jobs WHERE job_id > ? ORDER BY job_id LIMIT ?";

const STALE: &str = "SELECT folder FROM stale_manifests WHERE folder > ? ORDER BY folder LIMIT ?";

/// Joined in this order, so that SQLite walks over no table.
const FILES: &str = ", removing_since IS NOT NULL AS is_being_removed FROM wanted \
                     CROSS JOIN validated_files ON validated_files.job_id = wanted.id \
                     ORDER BY validated_files.job_id, validated_files.id";

const BACKUPS: &str = ") SELECT validated_files.id AS file, recorded_at, entries.id AS number \
                       FROM wanted CROSS JOIN validated_files ON validated_files.job_id = wanted.id \
                       CROSS JOIN entries ON entries.validated_file_id = validated_files.id";

/// `0` comes after `/`.
const IN_FOLDERS: &str = " FROM wanted CROSS JOIN validated_files \
                          ON path > wanted.folder || '/' AND path < wanted.folder || '0' \
                          WHERE removing_since IS NULL \
                          AND instr(substr(path, length(wanted.folder) + 2), '/') = 0 ORDER BY path";

#[async_trait]
impl PruneStore for SqliteStore {
    async fn unpruned_jobs(&self, after: JobId, limit: u32) -> Result<Vec<JobId>, StoreError> {
        let query = sqlx::query_scalar(UNPRUNED).bind(after.0).bind(limit);
        let jobs: Result<Vec<i64>, _> = query.fetch_all(&self.pool).await;
        let jobs = jobs.doing("look up the jobs whose copies changed")?;
        Ok(jobs.into_iter().map(JobId).collect())
    }

    async fn versions_of_jobs(&self, jobs: &[JobId]) -> Result<Vec<KeptVersion>, StoreError> {
        let versions = self.versions(jobs).await;
        Ok(versions.doing("look up the copies of jobs")?)
    }

    async fn begin_removal(
        &self,
        files: &[ValidatedFileId],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let begun = self.mark_as_being_removed(files, now).await;
        Ok(begun.doing("note which copies are removed")?)
    }

    async fn end_removal(&self, pruned: &Pruned) -> Result<(), StoreError> {
        let ended = self.note_pruned(pruned).await;
        Ok(ended.doing("note which copies were removed")?)
    }

    async fn stale_manifests(&self, after: &str, limit: u32) -> Result<Vec<String>, StoreError> {
        let query = sqlx::query_scalar(STALE).bind(after).bind(limit);
        let folders = query.fetch_all(&self.pool).await;
        Ok(folders.doing("look up the folders whose copies changed")?)
    }

    async fn files_in_folders(&self, folders: &[String]) -> Result<Vec<ValidatedFile>, StoreError> {
        let files = self.files_in(folders).await;
        Ok(files.doing("look up the copies in folders")?)
    }

    async fn note_manifests(&self, folders: &[String]) -> Result<(), StoreError> {
        let noted = self.forget_stale(folders).await;
        Ok(noted.doing("note which lists of copies were written")?)
    }
}

impl SqliteStore {
    async fn versions(&self, jobs: &[JobId]) -> Result<Vec<KeptVersion>, Fault> {
        let mut versions = Vec::new();
        for jobs in many_rows::chunks(jobs) {
            let mut backups = self.backups(jobs).await?;
            let after = format!(") SELECT {}{FILES}", validated_files::COLUMNS);
            let before = "WITH wanted (id) AS (VALUES ";
            let mut query = sqlx::query(many_rows::statement(before, 1, jobs.len(), &after));
            for job in jobs {
                query = query.bind(job.0);
            }
            for row in query.fetch_all(&self.pool).await? {
                let file = validated_files::file_of(&row)?;
                let of_itself = || RecordedBackup {
                    recorded_at: file.kept_at,
                    number: 0,
                };
                versions.push(KeptVersion {
                    is_being_removed: row.try_get("is_being_removed")?,
                    backups: backups
                        .remove(&file.id)
                        .unwrap_or_else(|| vec![of_itself()]),
                    file,
                });
            }
        }
        Ok(versions)
    }

    async fn backups(
        &self,
        jobs: &[JobId],
    ) -> Result<HashMap<ValidatedFileId, Vec<RecordedBackup>>, Fault> {
        let before = "WITH wanted (id) AS (VALUES ";
        let mut query = sqlx::query(many_rows::statement(before, 1, jobs.len(), BACKUPS));
        for job in jobs {
            query = query.bind(job.0);
        }
        let mut backups: HashMap<_, Vec<_>> = HashMap::new();
        for row in query.fetch_all(&self.pool).await? {
            let of_file = backups.entry(ValidatedFileId(row.try_get("file")?));
            of_file.or_default().push(RecordedBackup {
                recorded_at: instant_of(&row, "recorded_at")?,
                number: row.try_get("number")?,
            });
        }
        Ok(backups)
    }

    async fn mark_as_being_removed(
        &self,
        files: &[ValidatedFileId],
        now: Timestamp,
    ) -> Result<(), Fault> {
        let mut transaction = self.begin().await?;
        let files: Vec<i64> = files.iter().map(|file| file.0).collect();
        let before = format!(
            "UPDATE validated_files SET removing_since = {} WHERE id IN (VALUES ",
            now.as_microsecond()
        );
        of_each(&mut transaction, &before, &files).await?;
        let before = "INSERT OR IGNORE INTO unpruned_jobs (job_id) \
                      SELECT job_id FROM validated_files WHERE id IN (VALUES ";
        of_each(&mut transaction, before, &files).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn note_pruned(&self, pruned: &Pruned) -> Result<(), Fault> {
        let ids = |files: &[ValidatedFileId]| files.iter().map(|file| file.0).collect::<Vec<_>>();
        let mut transaction = self.begin().await?;
        let before = "DELETE FROM validated_files WHERE id IN (VALUES ";
        of_each(&mut transaction, before, &ids(&pruned.removed)).await?;
        let before = "UPDATE validated_files SET removing_since = NULL WHERE id IN (VALUES ";
        of_each(&mut transaction, before, &ids(&pruned.spared)).await?;
        let jobs: Vec<i64> = pruned.jobs.iter().map(|job| job.0).collect();
        let before = "DELETE FROM unpruned_jobs WHERE job_id IN (VALUES ";
        of_each(&mut transaction, before, &jobs).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn files_in(&self, folders: &[String]) -> Result<Vec<ValidatedFile>, Fault> {
        let mut files = Vec::new();
        for folders in many_rows::chunks(folders) {
            let after = format!(") SELECT {}{IN_FOLDERS}", validated_files::COLUMNS);
            let before = "WITH wanted (folder) AS (VALUES ";
            let mut query = sqlx::query(many_rows::statement(before, 1, folders.len(), &after));
            for folder in folders {
                query = query.bind(folder);
            }
            for row in query.fetch_all(&self.pool).await? {
                files.push(validated_files::file_of(&row)?);
            }
        }
        Ok(files)
    }

    async fn forget_stale(&self, folders: &[String]) -> Result<(), Fault> {
        let mut transaction = self.begin().await?;
        let before = "DELETE FROM stale_manifests WHERE folder IN (VALUES ";
        for folders in many_rows::chunks(folders) {
            let mut query = sqlx::query(many_rows::statement(before, 1, folders.len(), ")"));
            for folder in folders {
                query = query.bind(folder);
            }
            query.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// One statement for many numbers.
async fn of_each(
    connection: &mut SqliteConnection,
    before: &str,
    numbers: &[i64],
) -> Result<(), Fault> {
    for numbers in many_rows::chunks(numbers) {
        let mut query = sqlx::query(many_rows::statement(before, 1, numbers.len(), ")"));
        for number in numbers {
            query = query.bind(*number);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_plan::{query_plan, searches};

    #[tokio::test]
    async fn copies_are_looked_up_and_not_searched_for() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("vigie.db"))
            .await
            .unwrap();
        let columns = validated_files::COLUMNS;
        let wanted =
            |name: &str, after: &str| format!("WITH wanted ({name}) AS (VALUES (?), (?){after}");
        let statements = [
            (UNPRUNED.to_owned(), 2),
            (STALE.to_owned(), 2),
            (wanted("id", &format!(") SELECT {columns}{FILES}")), 2),
            (wanted("id", BACKUPS), 2),
            (
                wanted("folder", &format!(") SELECT {columns}{IN_FOLDERS}")),
                2,
            ),
        ];
        for (statement, values) in statements {
            let plan = query_plan(&store, &statement, values).await;
            assert_eq!(
                searches(&plan, &["wanted"]),
                [""; 0],
                "{statement}: {plan:#?}"
            );
        }
    }
}
