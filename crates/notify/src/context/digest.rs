//! The variables of the **digest** mail. Knows no template and no sentence.

use jiff::{Timestamp, Zoned};
use schemars::JsonSchema;
use serde::Serialize;
use vigie_domain::JobStatus;

use super::{
    CommonContext, ListContext, Reader, SizeContext, StatusCountContext, Surroundings,
    seconds_between,
};
use crate::notice::rank;
use crate::{
    Digest, DigestJob, DigestPeriod, EndingSilence, JumpedSize, RecoveredJob, UnchangedJob,
    UndeclaredJob, WrongJob,
};

/// How many of each kind are listed.
const LISTED: usize = 50;

/// The longest name in a list.
const NAME: usize = 80;

/// The variables of the **digest** mail: how all is, once a day or once a week.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DigestContext {
    /// What every mail has.
    #[serde(flatten)]
    pub common: CommonContext,
    /// How often it comes: `daily` or `weekly`.
    #[schemars(extend("enum" = DigestPeriod::ALL.map(DigestPeriod::as_str)))]
    pub period: &'static str,
    /// Where the while begins that it tells of.
    pub from: Zoned,
    /// Where that ends.
    pub until: Zoned,
    /// How many jobs are watched. Those at rest are not among them.
    pub watched: u64,
    /// How many of these are OK.
    pub ok: u64,
    /// How many are neither OK nor in `wrong`: nothing is known of them yet.
    pub waited_for: u64,
    /// How many jobs have each status, the worst first; those that none has are left out.
    pub statuses: Vec<StatusCountContext>,
    /// How many jobs are at rest.
    pub at_rest: u64,
    /// The jobs that are not OK, the worst status first. At most 50 are listed.
    pub wrong: ListContext<WrongJobContext>,
    /// Those that were not in this while, and are OK again, the last one first. At most 50 are listed.
    pub recovered: ListContext<RecoveredJobContext>,
    /// Those whose backups have had the same content for long, the longest first. At most 50 are
    /// listed.
    pub unchanged: ListContext<UnchangedJobContext>,
    /// Those whose last backup has an unusual size. At most 50 are listed.
    pub jumped: ListContext<JumpedSizeContext>,
    /// The silences that end soon, the soonest first. At most 50 are listed.
    pub ending_silences: ListContext<EndingSilenceContext>,
    /// The databases that reports speak of, and nobody declared. At most 50 are listed.
    pub undeclared: ListContext<UndeclaredJobContext>,
    /// The mails that wait because they can't be delivered; null when there are none.
    pub waiting: Option<WaitingMailsContext>,
    /// How many alerts for the reader silences and maintenance windows hold back.
    pub held_back: u32,
}

/// A job that is not OK.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct WrongJobContext {
    /// The job.
    #[serde(flatten)]
    pub job: DigestJobContext,
    /// `FAILED`, `MISSING`, `HASH_MISMATCH`, `TRANSFER_INTEGRITY_FAILED` or `UNKNOWN`.
    #[schemars(extend("enum" = JobStatus::ALL.map(JobStatus::as_str)))]
    pub status: &'static str,
    /// Since when it has not been OK.
    pub since: Zoned,
    /// For how many seconds it has not been OK.
    pub seconds: u64,
    /// When its last good backup ended; null when there has never been one.
    pub last_good_at: Option<Zoned>,
    /// Who has taken it on; null when nobody has.
    pub acknowledged_by: Option<String>,
    /// Whether a silence or a maintenance window holds back what there is to tell of it.
    pub is_silenced: bool,
}

/// A job, as a digest names it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DigestJobContext {
    /// The place in the list: 1 for the first.
    pub number: usize,
    /// The number by which the store knows the job.
    pub id: i64,
    /// The database, as reports name it.
    pub database: String,
    /// The id of the agent that makes the backup.
    pub agent: String,
}

/// A job that is OK again.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RecoveredJobContext {
    /// The job.
    #[serde(flatten)]
    pub job: DigestJobContext,
    /// When its incident opened.
    pub opened_at: Zoned,
    /// When that closed.
    pub closed_at: Zoned,
    /// How many seconds it lasted.
    pub seconds: u64,
}

/// A job whose backups have had the same content for long.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct UnchangedJobContext {
    /// The job.
    #[serde(flatten)]
    pub job: DigestJobContext,
    /// When the first backup of this content ended.
    pub since: Zoned,
}

/// A job whose last backup has an unusual size.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct JumpedSizeContext {
    /// The job.
    #[serde(flatten)]
    pub job: DigestJobContext,
    /// Its size, and what is usual.
    pub size: SizeContext,
}

/// A silence that ends soon.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct EndingSilenceContext {
    /// The place in the list: 1 for the first.
    pub number: usize,
    /// What it matches, in words.
    pub matches: String,
    /// Why it was set; may be empty.
    pub reason: String,
    /// Who set it; may be empty.
    pub author: String,
    /// When it ends.
    pub ends_at: Zoned,
}

/// A database that reports speak of, and nobody declared.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct UndeclaredJobContext {
    /// The place in the list: 1 for the first.
    pub number: usize,
    /// The id of the agent that reports it.
    pub agent: String,
    /// The database, as reports name it.
    pub database: String,
    /// When it became known.
    pub known_since: Zoned,
}

/// Mails that can't be delivered, and wait.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct WaitingMailsContext {
    /// How many.
    pub count: u64,
    /// When the first of them was written.
    pub since: Zoned,
}

impl DigestContext {
    pub(super) fn new(
        digest: &Digest,
        now: Timestamp,
        reader: &Reader,
        surroundings: &Surroundings,
    ) -> Self {
        let statuses = statuses(&digest.by_status);
        let of_ok = |count: &&StatusCountContext| count.status == JobStatus::Ok.as_str();
        let ok = statuses.iter().find(of_ok).map_or(0, |count| count.count);
        let known = ok.saturating_add(digest.wrong.len() as u64);
        let about = reader.wording.about("digest");
        let write = Write(reader);
        Self {
            common: CommonContext::new(about, now, reader, surroundings),
            period: digest.period.as_str(),
            from: reader.at(digest.from),
            until: reader.at(digest.until),
            watched: digest.watched,
            ok,
            waited_for: digest.watched.saturating_sub(known),
            statuses,
            at_rest: digest.at_rest,
            wrong: write.wrong(&digest.wrong, now),
            recovered: write.recovered(&digest.recovered),
            unchanged: write.unchanged(&digest.unchanged),
            jumped: write.jumped(&digest.jumped),
            ending_silences: write.ending_silences(&digest.ending_silences),
            undeclared: write.undeclared(&digest.undeclared),
            waiting: digest.waiting.map(|waiting| WaitingMailsContext {
                count: waiting.count,
                since: reader.at(waiting.since),
            }),
            held_back: digest.held_back,
        }
    }
}

fn statuses(by_status: &[(JobStatus, u64)]) -> Vec<StatusCountContext> {
    let mut statuses = JobStatus::ALL;
    statuses.sort_by_key(|status| rank(*status));
    let counts = statuses.into_iter().map(|status| {
        let of_it = by_status.iter().filter(|(of, _)| *of == status);
        StatusCountContext {
            status: status.as_str(),
            count: of_it.map(|(_, count)| count).sum(),
        }
    });
    counts.filter(|of| of.count > 0).collect()
}

/// Puts the lists of a digest in their order, for a reader.
struct Write<'a>(&'a Reader);

impl Write<'_> {
    fn name(&self, text: &str) -> String {
        self.0.line(text, NAME)
    }

    fn job(&self, number: usize, job: &DigestJob) -> DigestJobContext {
        DigestJobContext {
            number,
            id: job.id.0,
            database: self.name(&job.database),
            agent: self.name(job.agent.as_str()),
        }
    }

    fn wrong(&self, wrong: &[WrongJob], now: Timestamp) -> ListContext<WrongJobContext> {
        let sorted = sorted(wrong, |of| (rank(of.status), name_of(&of.job)));
        listed(&sorted, |number, of| WrongJobContext {
            job: self.job(number, &of.job),
            status: of.status.as_str(),
            since: self.0.at(of.since),
            seconds: seconds_between(of.since, now).unwrap_or_default(),
            last_good_at: of.last_good_at.map(|at| self.0.at(at)),
            acknowledged_by: of.acknowledged_by.as_deref().map(|by| self.name(by)),
            is_silenced: of.is_silenced,
        })
    }

    fn recovered(&self, recovered: &[RecoveredJob]) -> ListContext<RecoveredJobContext> {
        let sorted = sorted(recovered, |of| {
            (std::cmp::Reverse(of.closed_at), name_of(&of.job))
        });
        listed(&sorted, |number, of| RecoveredJobContext {
            job: self.job(number, &of.job),
            opened_at: self.0.at(of.opened_at),
            closed_at: self.0.at(of.closed_at),
            seconds: seconds_between(of.opened_at, of.closed_at).unwrap_or_default(),
        })
    }

    fn unchanged(&self, unchanged: &[UnchangedJob]) -> ListContext<UnchangedJobContext> {
        let sorted = sorted(unchanged, |of| (of.since, name_of(&of.job)));
        listed(&sorted, |number, of| UnchangedJobContext {
            job: self.job(number, &of.job),
            since: self.0.at(of.since),
        })
    }

    fn jumped(&self, jumped: &[JumpedSize]) -> ListContext<JumpedSizeContext> {
        let sorted = sorted(jumped, |of| name_of(&of.job));
        listed(&sorted, |number, of| JumpedSizeContext {
            job: self.job(number, &of.job),
            size: SizeContext::new(of.size, of.low, of.high, of.median),
        })
    }

    fn ending_silences(&self, silences: &[EndingSilence]) -> ListContext<EndingSilenceContext> {
        let sorted = sorted(silences, |of| (of.ends_at, of.matches.clone()));
        listed(&sorted, |number, of| EndingSilenceContext {
            number,
            matches: self.0.name(&of.matches),
            reason: self.0.name(&of.reason),
            author: self.name(&of.author),
            ends_at: self.0.at(of.ends_at),
        })
    }

    fn undeclared(&self, undeclared: &[UndeclaredJob]) -> ListContext<UndeclaredJobContext> {
        let name = |of: &UndeclaredJob| (of.agent.as_str().to_owned(), of.database.clone());
        let sorted = sorted(undeclared, name);
        listed(&sorted, |number, of| UndeclaredJobContext {
            number,
            agent: self.name(of.agent.as_str()),
            database: self.name(&of.database),
            known_since: self.0.at(of.known_since),
        })
    }
}

fn name_of(job: &DigestJob) -> (String, String) {
    (job.agent.as_str().to_owned(), job.database.clone())
}

fn sorted<T, K: Ord>(all: &[T], key: impl Fn(&T) -> K) -> Vec<&T> {
    let mut sorted: Vec<&T> = all.iter().collect();
    sorted.sort_by_cached_key(|of| key(of));
    sorted
}

fn listed<T, C>(all: &[&T], write: impl Fn(usize, &T) -> C) -> ListContext<C> {
    let all = (1..).zip(all);
    ListContext::new(all.map(|(number, of)| write(number, of)), LISTED)
}
