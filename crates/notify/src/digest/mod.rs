//! The facts of a digest: how all is, once a day or once a week. Knows no reader, no words and no store.

mod schedule;

use std::fmt;

use jiff::Timestamp;
use vigie_domain::{AgentId, ExpectedBackupJob, JobId, JobStatus};

pub use schedule::DigestSettings;

/// How often a digest is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DigestPeriod {
    /// Once a day.
    Daily,
    /// Once a week.
    Weekly,
}

impl DigestPeriod {
    /// All of them, in the order in which they are documented.
    pub const ALL: [Self; 2] = [Self::Daily, Self::Weekly];

    /// Its name in config and templates.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
        }
    }
}

impl fmt::Display for DigestPeriod {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// How the jobs of one reader are, and what happened to them in a while. It tells only what the reader
/// may know: totals are those of these jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// How often it comes.
    pub period: DigestPeriod,
    /// Where the while begins that it tells of.
    pub from: Timestamp,
    /// Where it ends.
    pub until: Timestamp,
    /// How many jobs are watched. Those at rest are not among them.
    pub watched: u64,
    /// How many of these have each status; a status that none has may be left out.
    pub by_status: Vec<(JobStatus, u64)>,
    /// How many jobs are at rest.
    pub at_rest: u64,
    /// The jobs that have an open incident, whoever was told of it.
    pub wrong: Vec<WrongJob>,
    /// Those that had one in this while, and are OK again.
    pub recovered: Vec<RecoveredJob>,
    /// Those whose backups have had the same content for long.
    pub unchanged: Vec<UnchangedJob>,
    /// Those whose last backup has an unusual size.
    pub jumped: Vec<JumpedSize>,
    /// The silences that end soon.
    pub ending_silences: Vec<EndingSilence>,
    /// The databases that reports speak of, and nobody declared.
    pub undeclared: Vec<UndeclaredJob>,
    /// The mails that wait because they can't be delivered; `None` when there are none.
    pub waiting: Option<WaitingMails>,
    /// How many alerts for the reader silences and maintenance windows hold back.
    pub held_back: u32,
}

impl Digest {
    /// That of somebody who has no jobs.
    #[must_use]
    pub const fn empty(period: DigestPeriod, from: Timestamp, until: Timestamp) -> Self {
        Self {
            period,
            from,
            until,
            watched: 0,
            by_status: Vec::new(),
            at_rest: 0,
            wrong: Vec::new(),
            recovered: Vec::new(),
            unchanged: Vec::new(),
            jumped: Vec::new(),
            ending_silences: Vec::new(),
            undeclared: Vec::new(),
            waiting: None,
            held_back: 0,
        }
    }

    /// Counts one more job that is watched and of this status.
    pub fn count(&mut self, status: JobStatus) {
        self.watched += 1;
        let known = self
            .by_status
            .iter_mut()
            .find(|(known, _)| *known == status);
        match known {
            Some((_, count)) => *count += 1,
            None => self.by_status.push((status, 1)),
        }
    }
}

/// A job, as a digest names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestJob {
    /// The number by which the store knows it.
    pub id: JobId,
    /// The agent that makes its backups.
    pub agent: AgentId,
    /// The database, as reports name it.
    pub database: String,
}

impl From<&ExpectedBackupJob> for DigestJob {
    fn from(job: &ExpectedBackupJob) -> Self {
        Self {
            id: job.id,
            agent: job.agent.clone(),
            database: job.database.clone(),
        }
    }
}

/// A job that is not OK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongJob {
    /// The job.
    pub job: DigestJob,
    /// Its status.
    pub status: JobStatus,
    /// Since when it has not been OK.
    pub since: Timestamp,
    /// When its last good backup ended; `None` when there has never been one.
    pub last_good_at: Option<Timestamp>,
    /// Who has taken it on, if anybody has.
    pub acknowledged_by: Option<String>,
    /// Whether a silence or a maintenance window holds back what there is to tell of it.
    pub is_silenced: bool,
}

/// A job that is OK again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveredJob {
    /// The job.
    pub job: DigestJob,
    /// When its incident opened.
    pub opened_at: Timestamp,
    /// When that closed.
    pub closed_at: Timestamp,
}

/// A job whose backups have had the same content for long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnchangedJob {
    /// The job.
    pub job: DigestJob,
    /// When the first backup of this content ended.
    pub since: Timestamp,
}

/// A job whose last backup has an unusual size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JumpedSize {
    /// The job.
    pub job: DigestJob,
    /// The size of the last backup in bytes.
    pub size: u64,
    /// The smallest size in bytes that is usual.
    pub low: u64,
    /// The largest size in bytes that is usual.
    pub high: u64,
    /// The middle of the sizes in bytes that it is compared with.
    pub median: u64,
}

/// A silence that ends soon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndingSilence {
    /// What it matches, in words.
    pub matches: String,
    /// Why it was set.
    pub reason: String,
    /// Who set it.
    pub author: String,
    /// When it ends.
    pub ends_at: Timestamp,
}

/// A database that reports speak of, and nobody declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndeclaredJob {
    /// The agent that reports it.
    pub agent: AgentId,
    /// The database, as reports name it.
    pub database: String,
    /// When it became known.
    pub known_since: Timestamp,
}

/// Mails that can't be delivered, and wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingMails {
    /// How many.
    pub count: u64,
    /// When the first of them was written.
    pub since: Timestamp,
}
