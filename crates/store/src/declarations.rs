//! Brings what a config, or somebody with a command, says of jobs in line with what is known of them.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use sqlx::SqliteConnection;
use vigie_domain::{
    DomainEvent, ExpectedBackupJob, JobDeclaration, JobId, Transition, add_job, declare_job,
};

use crate::error::{Doing, Fault};
use crate::job_rows::{self, Written, job_of};
use crate::many_rows::ROWS;
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

/// What adding jobs changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Added {
    /// How many became known.
    pub added: usize,
    /// How many were known and were not quite so before.
    pub changed: usize,
    /// How many were so already.
    pub unchanged: usize,
    /// How many of those that changed had been retired, and are back.
    pub brought_back: usize,
    /// What happened to jobs by it.
    pub events: Vec<DomainEvent>,
}

/// [`declare_job`] or [`add_job`].
type Rule = fn(JobId, &JobDeclaration, Option<&ExpectedBackupJob>, Timestamp) -> Transition;

impl SqliteStore {
    /// Makes the jobs of a config, each of which stands there once, known at `now`, or changes them to
    /// what it says of them now. See [`declare_job`].
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

    /// Makes these jobs, each of which stands there once, known at `now`, or changes them to what is
    /// said of them now. See [`add_job`]. As a trial, it tells what would change and changes nothing.
    ///
    /// # Errors
    ///
    /// When the database fails; then nothing has changed.
    pub async fn add_jobs(
        &self,
        declarations: &[JobDeclaration],
        now: Timestamp,
        is_trial: bool,
    ) -> Result<Added, QueryError> {
        let added = self.add(declarations, now, is_trial).await;
        added.doing("add jobs")
    }

    async fn add(
        &self,
        declarations: &[JobDeclaration],
        now: Timestamp,
        is_trial: bool,
    ) -> Result<Added, Fault> {
        let mut transaction = self.begin().await?;
        let mut added = Added::default();
        for declarations in declarations.chunks(ROWS) {
            follow(&mut transaction, declarations, add_job, now, &mut added).await?;
        }
        if is_trial {
            transaction.rollback().await?;
        } else {
            transaction.commit().await?;
        }
        Ok(added)
    }

    async fn declare(
        &self,
        declarations: &[JobDeclaration],
        now: Timestamp,
    ) -> Result<Declared, Fault> {
        let mut transaction = self.begin().await?;
        let mut added = Added::default();
        for declarations in declarations.chunks(ROWS) {
            follow(&mut transaction, declarations, declare_job, now, &mut added).await?;
        }
        let stay: HashSet<(String, String)> = declarations.iter().map(identity_of).collect();
        let rows = sqlx::query("SELECT * FROM jobs WHERE declared ORDER BY id")
            .fetch_all(&mut *transaction)
            .await?;
        let mut no_longer = Vec::new();
        for row in &rows {
            let mut job = job_of(row)?;
            if !stay.contains(&(job.agent.key(), job.database.clone())) {
                job.declared = false;
                no_longer.push(job);
            }
        }
        job_rows::update(&mut transaction, &no_longer, Written::All).await?;
        transaction.commit().await?;
        Ok(Declared {
            events: added.events,
            no_longer,
        })
    }
}

fn identity_of(declaration: &JobDeclaration) -> (String, String) {
    (declaration.agent.key(), declaration.database.clone())
}

/// So few declarations that each statement takes all of them.
async fn follow(
    connection: &mut SqliteConnection,
    declarations: &[JobDeclaration],
    rule: Rule,
    now: Timestamp,
    added: &mut Added,
) -> Result<(), Fault> {
    let identities: Vec<(String, String)> = declarations.iter().map(identity_of).collect();
    let known = job_rows::known_of(connection, &identities).await?;
    let identity = |job: ExpectedBackupJob| ((job.agent.key(), job.database.clone()), job);
    let known: HashMap<(String, String), ExpectedBackupJob> =
        known.into_iter().map(identity).collect();
    let (mut new, mut moved, mut changed) = (Vec::new(), Vec::new(), Vec::new());
    let mut events = Vec::new();
    for (identity, declaration) in identities.iter().zip(declarations) {
        let Some(known) = known.get(identity) else {
            let change = rule(JobId(0), declaration, None, now);
            events.extend(change.events);
            new.push(change.job);
            continue;
        };
        let Transition {
            job,
            events: told_of_it,
        } = rule(known.id, declaration, Some(known), now);
        if job == *known {
            added.unchanged += 1;
            continue;
        }
        added.changed += 1;
        added.brought_back += usize::from(known.retired_at.is_some() && job.retired_at.is_none());
        events.extend(told_of_it);
        if job.validated_folder != known.validated_folder {
            moved.push(job.clone());
        }
        changed.push(job);
    }
    added.added += new.len();
    job_rows::insert(connection, &mut new).await?;
    job_rows::update(connection, &changed, Written::All).await?;
    job_rows::update_folders(connection, &mut moved).await?;
    event_rows::insert(connection, &events).await?;
    added.events.extend(events);
    Ok(())
}
