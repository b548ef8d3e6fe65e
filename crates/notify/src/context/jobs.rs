//! The jobs of a mail about several: which of them it lists, how the rest is counted, and of which it
//! tells what a mail of their own would have said. Knows no template and no sentence.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::{Timestamp, Zoned};
use schemars::JsonSchema;
use serde::Serialize;
use vigie_domain::{BackupEntry, JobStatus, ValidatedFault, ValidatedFile, Warning};

use super::{ListContext, Reader, ReasonContext, seconds_between};
use crate::about::About;
use crate::notice::{DAMAGED, code_of, rank_of_code, worst_first};
use crate::{IncidentHistory, Notice};

/// How many jobs are listed.
const LISTED: usize = 200;

/// How many agents are listed.
const AGENTS: usize = 50;

/// The longest name in a list, and the longest text of a reason: of 200 jobs, all is read in a column.
const NAME: usize = 80;

/// The longest path in a list.
const PATH: usize = 200;

/// How many mails are told in full.
const QUOTED: usize = 25;

/// How many bytes the texts of these have together. In a mail that is sent they stand twice, and some
/// signs take six times as much there.
const QUOTED_TEXT: usize = 90_000;

/// How many characters one of them may have.
const ONE_TEXT: usize = 10_000;

/// The longest subject of these.
const SUBJECT: usize = 120;

/// The jobs that a mail tells of.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct JobsContext {
    /// How many jobs there are.
    pub count: usize,
    /// How many of them have each status, the worst first.
    pub statuses: Vec<StatusCountContext>,
    /// The agents that make their backups, those of the most jobs first. At most 50 are listed.
    pub agents: ListContext<AgentCountContext>,
    /// The jobs that are listed: the worst status first, and then in the order of agents and databases.
    /// At most 200.
    pub listed: Vec<ListedJobContext>,
    /// The jobs that are not.
    pub rest: RestContext,
    /// How many of `listed` have a text: what a mail of their own would have said.
    pub quoted: usize,
    /// How many more jobs there are than have a text.
    pub not_quoted: usize,
}

/// The jobs that a mail does not list.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RestContext {
    /// How many jobs are not listed.
    pub count: usize,
    /// How many of them have each status, the worst first.
    pub statuses: Vec<StatusCountContext>,
    /// Their agents, those of the most jobs first. At most 50 are listed.
    pub agents: ListContext<AgentCountContext>,
}

/// The codes that a job in a list can have.
const STATUSES: [&str; 7] = [
    DAMAGED,
    JobStatus::Ok.as_str(),
    JobStatus::Failed.as_str(),
    JobStatus::Missing.as_str(),
    JobStatus::HashMismatch.as_str(),
    JobStatus::TransferIntegrityFailed.as_str(),
    JobStatus::Unknown.as_str(),
];

/// How many jobs have a status.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StatusCountContext {
    /// `OK`, `FAILED`, `MISSING`, `HASH_MISMATCH`, `TRANSFER_INTEGRITY_FAILED` or `UNKNOWN`; `DAMAGED` for kept
    /// backups that are.
    #[schemars(extend("enum" = STATUSES))]
    pub status: &'static str,
    /// How many.
    pub count: u64,
}

/// How many jobs an agent has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AgentCountContext {
    /// The agent's id.
    pub agent: String,
    /// How many.
    pub count: usize,
}

/// A job in the list of a mail about several.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ListedJobContext {
    /// Its place in the list: 1 for the first.
    pub number: usize,
    /// The number by which the store knows the job.
    pub id: i64,
    /// The database, as reports name it.
    pub database: String,
    /// The id of the agent that makes the backup.
    pub agent: String,
    /// `OK`, `FAILED`, `MISSING`, `HASH_MISMATCH`, `TRANSFER_INTEGRITY_FAILED` or `UNKNOWN`; `DAMAGED` when it is a
    /// kept backup of it that is told of.
    #[schemars(extend("enum" = STATUSES))]
    pub status: &'static str,
    /// Whether a report led to what is told of it; if not, none came.
    pub has_entry: bool,
    /// Whether it was told of before, and is still so.
    pub is_reminder: bool,
    /// Since when it has not been OK, or been OK again; of one that is odd, when its backup was judged; of a
    /// kept backup that is damaged, when that was found; null for an alert that belongs to no incident.
    pub since: Option<Zoned>,
    /// How many seconds its incident has lasted, or did; null when it has none.
    pub incident_seconds: Option<u64>,
    /// When the next backup is expected, or was, when it has not come; null for a job at rest, or when
    /// its schedule has ended.
    pub expected_at: Option<Zoned>,
    /// When the last good backup ended, of one that is OK again the last one before the incident; null
    /// when there was none.
    pub last_good_at: Option<Zoned>,
    /// Why the backup is not good.
    pub reason: ReasonContext,
    /// Whether this server, not the agent, is what failed.
    pub is_server_fault: bool,
    /// The codes of what is odd about it: `unchanged`, `size_out_of_band`, `arriving_later`,
    /// `stages_retried` or `clock_ahead`; mostly none.
    pub warnings: Vec<&'static str>,
    /// The kept backup that is damaged, when that is what is told.
    pub damage: ListedDamageContext,
    /// The subject that a mail of its own would have had; null for those that are only listed.
    pub subject: Option<String>,
    /// What that would have said, of several lines; null for those that are only listed.
    #[schemars(extend("severalLines" = true))]
    pub text: Option<String>,
}

/// A kept backup that is damaged, in the list of a mail about several.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct ListedDamageContext {
    /// `gone`, `not_regular`, `size_differs`, `content_differs` or `unreadable`; null when it is something
    /// else that is told of the job.
    #[schemars(extend("enum" = ValidatedFault::CODES))]
    pub code: Option<&'static str>,
    /// Where it is, below the validated tree; null when `code` is.
    pub path: Option<String>,
    /// When it was kept; null when `code` is.
    pub kept_at: Option<Zoned>,
    /// How many other kept backups of the job are as they should be, as far as is known; null when `code` is.
    pub intact: Option<u32>,
}

/// What a mail of its own says of one notice.
#[derive(Debug, Clone)]
pub(crate) struct SingleMail {
    pub(crate) subject: String,
    pub(crate) text: String,
}

/// Writes the mail of one notice; `None` when it can't be written.
pub(crate) type WriteSingle<'a> = dyn Fn(About<'_>) -> Option<SingleMail> + 'a;

/// What is left of the room for what single mails would have said, in one mail.
pub(super) struct Room<'a> {
    write: &'a WriteSingle<'a>,
    mails: usize,
    bytes: usize,
}

impl<'a> Room<'a> {
    pub(super) fn new(write: &'a WriteSingle<'a>) -> Self {
        Self {
            write,
            mails: QUOTED,
            bytes: QUOTED_TEXT,
        }
    }

    /// What the mail of a notice would have said, while there is room. Behind one that there is no room
    /// for no other is told, so that those that are come first.
    fn quote(&mut self, notice: &Notice, reader: &Reader) -> Option<(String, String)> {
        if self.mails == 0 {
            return None;
        }
        let single = (self.write)(About::from(notice))?;
        let text = reader.paragraph(&single.text, ONE_TEXT);
        if text.len() > self.bytes {
            self.mails = 0;
            return None;
        }
        self.mails -= 1;
        self.bytes -= text.len();
        Some((reader.line(&single.subject, SUBJECT), text))
    }
}

impl JobsContext {
    pub(super) fn new<'a>(
        notices: impl IntoIterator<Item = &'a Notice>,
        now: Timestamp,
        reader: &Reader,
        room: &mut Room<'_>,
    ) -> Self {
        let sorted = worst_first(notices);
        let (listed, rest) = sorted.split_at(sorted.len().min(LISTED));
        let listed: Vec<ListedJobContext> = (1..)
            .zip(listed)
            .map(|(number, notice)| ListedJobContext::new(number, notice, now, reader, room))
            .collect();
        let quoted = listed.iter().filter(|job| job.text.is_some()).count();
        Self {
            count: sorted.len(),
            statuses: by_status(&sorted),
            agents: by_agent(&sorted, reader),
            listed,
            rest: RestContext {
                count: rest.len(),
                statuses: by_status(rest),
                agents: by_agent(rest, reader),
            },
            quoted,
            not_quoted: sorted.len() - quoted,
        }
    }
}

impl ListedJobContext {
    fn new(
        number: usize,
        notice: &Notice,
        now: Timestamp,
        reader: &Reader,
        room: &mut Room<'_>,
    ) -> Self {
        let job = notice.job();
        let (subject, text) = room.quote(notice, reader).unzip();
        let Told {
            entry,
            since,
            incident,
            last_good_at,
            warnings,
        } = Told::new(notice, now);
        Self {
            number,
            id: job.id.0,
            database: reader.line(&job.database, NAME),
            agent: reader.line(job.agent.as_str(), NAME),
            status: code_of(notice),
            has_entry: entry.is_some(),
            is_reminder: matches!(notice, Notice::Reminder { .. }),
            since: since.map(|at| reader.at(at)),
            incident_seconds: incident
                .map(|(start, end)| seconds_between(start, end).unwrap_or_default()),
            expected_at: job.expected_at().map(|at| reader.at(at)),
            last_good_at: last_good_at.map(|at| reader.at(at)),
            reason: ReasonContext::cut(entry.and_then(|entry| entry.reason.as_ref()), reader, NAME),
            is_server_fault: entry.is_some_and(BackupEntry::is_server_fault),
            warnings: warnings.iter().map(Warning::code).collect(),
            damage: damage_of(notice, reader),
            subject,
            text,
        }
    }
}

fn damage_of(notice: &Notice, reader: &Reader) -> ListedDamageContext {
    let Notice::Damage { file, others, .. } = notice else {
        return ListedDamageContext::default();
    };
    let ValidatedFile {
        path,
        kept_at,
        fault,
        ..
    } = &**file;
    ListedDamageContext {
        code: fault.as_ref().map(ValidatedFault::code),
        path: Some(reader.line(path, PATH)),
        kept_at: Some(reader.at(*kept_at)),
        intact: Some(others.count),
    }
}

/// The facts of a notice, whichever it is.
struct Told<'a> {
    entry: Option<&'a BackupEntry>,
    since: Option<Timestamp>,
    /// From when to when its incident has lasted.
    incident: Option<(Timestamp, Timestamp)>,
    last_good_at: Option<Timestamp>,
    warnings: &'a [Warning],
}

impl<'a> Told<'a> {
    fn new(notice: &'a Notice, now: Timestamp) -> Self {
        let last_good_at = notice.job().last_good.as_ref().map(|good| good.ended_at);
        let before = |history: &IncidentHistory| {
            let good = history.last_good.as_ref();
            good.map(|good| good.ended_at)
        };
        match notice {
            Notice::Alert { job, entry } => Self {
                entry: entry.as_deref(),
                since: job.incident_since,
                incident: job.incident_since.map(|since| (since, now)),
                last_good_at,
                warnings: &[],
            },
            Notice::Reminder { entry, history, .. } => Self {
                entry: entry.as_deref(),
                since: Some(history.opened_at),
                incident: Some((history.opened_at, now)),
                last_good_at,
                warnings: &[],
            },
            Notice::Recovery { entry, history, .. } => Self {
                entry: Some(entry),
                since: Some(entry.recorded_at),
                incident: Some((history.opened_at, entry.recorded_at)),
                last_good_at: before(history),
                warnings: &[],
            },
            Notice::Damage { file, .. } => Self {
                entry: None,
                since: Some(file.checked_at),
                incident: None,
                last_good_at,
                warnings: &[],
            },
            Notice::Warning {
                entry, warnings, ..
            } => Self {
                entry: Some(entry),
                since: Some(entry.recorded_at),
                incident: None,
                last_good_at,
                warnings,
            },
        }
    }
}

/// How many have each status, the worst first.
fn by_status(notices: &[&Notice]) -> Vec<StatusCountContext> {
    let mut statuses = STATUSES;
    statuses.sort_by_key(|status| rank_of_code(status));
    let counts = statuses.into_iter().map(|status| {
        let has_it = |notice: &&&Notice| code_of(notice) == status;
        StatusCountContext {
            status,
            count: notices.iter().filter(has_it).count() as u64,
        }
    });
    counts.filter(|of| of.count > 0).collect()
}

/// How many each agent has, those with the most first.
fn by_agent(notices: &[&Notice], reader: &Reader) -> ListContext<AgentCountContext> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for notice in notices {
        *counts.entry(notice.job().agent.as_str()).or_default() += 1;
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| Reverse(*count));
    let counts = counts.into_iter().map(|(agent, count)| AgentCountContext {
        agent: reader.line(agent, NAME),
        count,
    });
    ListContext::new(counts, AGENTS)
}
