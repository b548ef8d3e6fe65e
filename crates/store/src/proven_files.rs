//! The staged file that was last proven for each job, as a row. Does not look into it.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;
use vigie_domain::JobId;
use vigie_scanner::ProvenFile;

use crate::error::Fault;
use crate::job_rows::json;
use crate::many_rows;

const ON_CONFLICT: &str = " ON CONFLICT (job_id) DO UPDATE SET file = excluded.file";

/// Of a job that stands there twice the last file counts.
pub(crate) async fn upsert<'a>(
    connection: &mut SqliteConnection,
    files: impl Iterator<Item = (JobId, &'a ProvenFile)>,
) -> Result<(), Fault> {
    let last: BTreeMap<JobId, &ProvenFile> = files.collect();
    let files: Vec<(JobId, &ProvenFile)> = last.into_iter().collect();
    for files in many_rows::chunks(&files) {
        let insert = "INSERT INTO proven_files (job_id, file) VALUES ";
        let mut query = sqlx::query(many_rows::statement(insert, 2, files.len(), ON_CONFLICT));
        for (job, file) in files {
            query = query.bind(job.0).bind(json("file", file)?);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}
