//! Brings the jobs that a config declares in line with those that are known.

use std::collections::HashSet;

use jiff::Timestamp;
use vigie_domain::{DomainEvent, ExpectedBackupJob, JobDeclaration, JobId, declare_job};

use crate::error::{Doing, Fault};
use crate::job_rows::{self, job_of};
use crate::{QueryError, SqliteStore, event_rows};

/// What declaring the jobs of a config changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    /// What happened to jobs by it.
    pub events: Vec<DomainEvent>,
    /// The jobs that were declared before and no longer are. They go on being watched as they
    /// were: a line lost from a config must not silence an alert.
    pub no_longer: Vec<ExpectedBackupJob>,
}

impl SqliteStore {
    /// Makes the jobs of a config known at `now`, or changes them to what it says of them now.
    /// See [`declare_job`].
    ///
    /// # Errors
    ///
    /// When the database fails; then nothing has changed.
    pub async fn declare_jobs(
        &self,
        declarations: &[JobDeclaration],
        now: Timestamp,
    ) -> Result<Declared, QueryError> {
        self.declare(declarations, now)
            .await
            .doing("declare the jobs of the config")
    }

    async fn declare(
        &self,
        declarations: &[JobDeclaration],
        now: Timestamp,
    ) -> Result<Declared, Fault> {
        let mut transaction = self.begin().await?;
        let mut declared = Declared::default();
        let mut stay = HashSet::new();
        for declaration in declarations {
            let key = (declaration.agent.key(), declaration.database.clone());
            let row = sqlx::query("SELECT * FROM jobs WHERE agent_key = ? AND database = ?")
                .bind(&key.0)
                .bind(&key.1)
                .fetch_optional(&mut *transaction)
                .await?;
            stay.insert(key);
            let known: Option<ExpectedBackupJob> = row.as_ref().map(job_of).transpose()?;
            let id = known.as_ref().map_or(JobId(0), |job| job.id);
            let mut change = declare_job(id, declaration, known.as_ref(), now);
            match known {
                None => job_rows::insert(&mut transaction, &mut change.job).await?,
                Some(known) if known != change.job => {
                    job_rows::give_own_folder(&mut transaction, &mut change.job).await?;
                    job_rows::update(&mut transaction, [&change.job]).await?;
                    job_rows::update_folder(&mut transaction, &change.job).await?;
                }
                Some(_) => {}
            }
            event_rows::insert(&mut transaction, &change.events).await?;
            declared.events.extend(change.events);
        }
        let rows = sqlx::query("SELECT * FROM jobs WHERE declared ORDER BY id")
            .fetch_all(&mut *transaction)
            .await?;
        for row in &rows {
            let mut job = job_of(row)?;
            if !stay.contains(&(job.agent.key(), job.database.clone())) {
                job.declared = false;
                declared.no_longer.push(job);
            }
        }
        job_rows::update(&mut transaction, &declared.no_longer).await?;
        transaction.commit().await?;
        Ok(declared)
    }
}
