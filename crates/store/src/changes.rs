//! What people do to jobs by hand: which jobs there are to do it to, and what became of them.

use jiff::Timestamp;
use vigie_domain::{ExpectedBackupJob, Transition, end_pause};

use crate::error::{Doing, Fault};
use crate::job_rows::{Written, job_of};
use crate::{QueryError, SqliteStore};

/// How many jobs are looked at or changed at once.
const AT_ONCE: i64 = 1_000;

/// Served by the index `jobs_by_pause_end`, whose condition it repeats.
const PAUSED_UNTIL: &str = "SELECT * FROM jobs WHERE pause_until <= ? AND pause_until IS NOT NULL \
                            ORDER BY pause_until LIMIT ?";

impl SqliteStore {
    /// The jobs that `is_wanted`, by agent and database. It looks at every job, and keeps in memory only
    /// those.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn jobs_that(
        &self,
        is_wanted: impl Fn(&ExpectedBackupJob) -> bool,
    ) -> Result<Vec<ExpectedBackupJob>, QueryError> {
        let (mut wanted, mut last) = (Vec::new(), 0);
        loop {
            let page = "SELECT * FROM jobs WHERE id > ? ORDER BY id LIMIT ?";
            let page = self.jobs_of(page, last).await.doing("look up the jobs")?;
            let Some(job) = page.last() else {
                break;
            };
            last = job.id.0;
            wanted.extend(page.into_iter().filter(&is_wanted));
        }
        wanted.sort_by_cached_key(|job| (job.agent.key(), job.database.clone()));
        Ok(wanted)
    }

    /// Keeps what was done to jobs, all of it or nothing.
    ///
    /// # Errors
    ///
    /// When the database fails; then nothing has changed.
    pub async fn change_jobs(&self, changes: &[Transition]) -> Result<(), QueryError> {
        let done = self.commit_moves(changes, Written::All).await;
        done.doing("change jobs")
    }

    /// Ends the pauses that are over at `now`, and gives the jobs that are watched again. See
    /// [`end_pause`].
    ///
    /// # Errors
    ///
    /// When the database fails; the pauses that were ended before that stay so.
    pub async fn end_pauses(&self, now: Timestamp) -> Result<Vec<ExpectedBackupJob>, QueryError> {
        let mut ended = Vec::new();
        loop {
            let over = self.jobs_of(PAUSED_UNTIL, now.as_microsecond()).await;
            let over = over.doing("look up the pauses that are over")?;
            let moves: Vec<Transition> =
                over.iter().filter_map(|job| end_pause(job, now)).collect();
            if moves.is_empty() {
                return Ok(ended);
            }
            let done = self.commit_moves(&moves, Written::All).await;
            done.doing("end the pauses that are over")?;
            ended.extend(moves.into_iter().map(|moved| moved.job));
        }
    }

    async fn jobs_of(
        &self,
        select: &'static str,
        given: i64,
    ) -> Result<Vec<ExpectedBackupJob>, Fault> {
        let query = sqlx::query(select).bind(given).bind(AT_ONCE);
        let rows = query.fetch_all(&self.pool).await?;
        rows.iter().map(job_of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_plan::query_plan;

    #[tokio::test]
    async fn pauses_that_are_over_are_looked_up_and_not_searched_for() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("vigie.db"))
            .await
            .unwrap();
        let plan = query_plan(&store, PAUSED_UNTIL, 2).await;
        assert_eq!(plan.len(), 1, "{plan:#?}");
        let search = "SEARCH jobs USING INDEX jobs_by_pause_end";
        assert!(plan[0].starts_with(search), "{plan:#?}");
    }
}
