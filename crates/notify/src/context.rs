//! What a mail can say: one struct per mail, whose fields are the variables of its templates.
//! Knows no template and no sentence.
//!
//! What is not known is null and never left out, so that a template that misspells a variable fails
//! instead of printing nothing. Text from agents is harmless here already, and cut to a length.

mod content;
mod damaged;
mod digest;
mod group;
mod incident;
mod jobs;
mod list;
mod outage;
mod recovery;
mod reminder;
mod summary;
mod undelivered;
mod warning;

use std::sync::Arc;

pub use content::{ContentContext, ContentFaultContext};
pub use damaged::{DamagedContext, IntactContext, KeptFileContext, KeptFileFaultContext};
pub use digest::{
    DigestContext, DigestJobContext, EndingSilenceContext, JumpedSizeContext, RecoveredJobContext,
    UnchangedJobContext, UndeclaredJobContext, WaitingMailsContext, WrongJobContext,
};
pub use group::{GroupContext, ScopeContext};
pub use incident::{IncidentContext, StatusChangeContext};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
pub use jobs::{
    AgentCountContext, JobsContext, ListedDamageContext, ListedJobContext, RestContext,
    StatusCountContext,
};
pub(crate) use jobs::{SingleMail, WriteSingle};
pub use list::ListContext;
pub use outage::{ClockContext, OutageContext};
pub use recovery::RecoveryContext;
pub use reminder::{LastEntryContext, ReminderContext};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
pub use summary::{CauseContext, SummaryContext};
pub use undelivered::{UndeliveredContext, UndeliveredMailContext};
use vigie_domain::{
    BackupEntry, BackupEntryStatus, EntryReason, ExpectedBackupJob, JobStatus, LastGoodBackup,
    Schedule, StageName,
};
pub use warning::{DelayContext, OddityContext, SizeContext, WarningContext};

use crate::about::About;
use crate::untrusted::{one_line, paragraph};
use crate::wording::Wording;
use crate::{Link, Locale};

/// The longest name: no more of a subject is seen anyway.
const NAME: usize = 200;

/// The longest message: what is wrong stands in its first lines.
const MESSAGE: usize = 4_000;

/// The longest message on one stage, so that all of a mail together stays small.
const STAGE_MESSAGE: usize = 500;

/// Every code that a reason has.
const REASONS: [&str; 15] = [
    "stage_failed",
    "stage_not_reported",
    "transfer_reported_broken",
    "section_unreadable",
    "staged_file_not_named",
    "staged_file_absent",
    "staged_file_not_regular",
    "staged_file_empty",
    "size_differs",
    "still_growing",
    "content_differs",
    "no_hash_reported",
    "not_readable",
    "cannot_read",
    "cannot_keep",
];

/// For whom a mail is written: what the variables of its templates depend on, beside the facts.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    pub(crate) locale: Locale,
    pub(crate) time_zone: TimeZone,
    pub(crate) wording: Arc<Wording>,
}

impl Reader {
    fn name(&self, text: &str) -> String {
        self.line(text, NAME)
    }

    fn line(&self, text: &str, limit: usize) -> String {
        one_line(text, limit, |left_out| self.wording.left_out(left_out))
    }

    fn message(&self, text: &str) -> String {
        self.paragraph(text, MESSAGE)
    }

    fn paragraph(&self, text: &str, limit: usize) -> String {
        paragraph(text, limit, |left_out| self.wording.left_out(left_out))
    }

    fn at(&self, instant: Timestamp) -> Zoned {
        instant.to_zoned(self.time_zone.clone())
    }
}

/// What mails have beside the facts that they are about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    pub(crate) dashboard: Option<Link>,
    pub(crate) runbook: Option<Link>,
    pub(crate) vars: Map<String, Value>,
    pub(crate) notes: Vec<String>,
}

impl Surroundings {
    /// Links as an operator would set them, for the documentation of variables.
    pub(crate) fn example() -> Self {
        let link = |text: &str| text.parse().ok();
        Self {
            dashboard: link("https://vigie.example.com/jobs/{job_id}"),
            runbook: link("https://wiki.example.com/backups/{status}"),
            ..Self::default()
        }
    }
}

/// The variables of the **missing** mail: no report was received.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct MissingContext {
    /// What every mail about a job has.
    #[serde(flatten)]
    pub of_job: JobMailContext,
    /// When this one was expected; null for a job at rest, or when its schedule has ended.
    pub expected_at: Option<Zoned>,
    /// The instant at which it was given up; null when `expected_at` is.
    pub deadline_at: Option<Zoned>,
    /// How many seconds ago it was expected; null when it is not overdue.
    pub overdue_seconds: Option<u64>,
}

/// The variables of the **entry** mail: a report spoke of a backup, and the job is not OK.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct EntryContext {
    /// What every mail about a job has.
    #[serde(flatten)]
    pub of_job: JobMailContext,
    /// When the next one is expected; null for a job at rest, or when its schedule has ended.
    pub expected_at: Option<Zoned>,
    /// What became of the backup: `SUCCESS`, `FAILED`, `MISSING`, `HASH_MISMATCH`,
    /// `TRANSFER_INTEGRITY_FAILED` or `UNKNOWN`.
    #[schemars(extend("enum" = BackupEntryStatus::ALL.map(BackupEntryStatus::as_str)))]
    pub status: &'static str,
    /// Why it is not a `SUCCESS`.
    pub reason: ReasonContext,
    /// Whether this server, not the agent, is what failed.
    pub is_server_fault: bool,
    /// The backup that the report spoke of.
    #[serde(flatten)]
    pub backup: BackupContext,
    /// The three stages, in their order.
    pub stages: Vec<StageContext>,
    /// The error that the agent gives, of several lines; null when it gives none.
    #[schemars(extend("severalLines" = true))]
    pub agent_error: Option<String>,
    /// What the agent tells of its log, of several lines; null when it tells nothing.
    #[schemars(extend("severalLines" = true))]
    pub logs_summary: Option<String>,
    /// The SHA-256 that the agent reported; null when it reported none.
    pub expected_sha256: Option<String>,
    /// The size in bytes that the agent reported; null when it reported none.
    pub expected_size: Option<u64>,
}

/// A backup that a report spoke of.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct BackupContext {
    /// When the server judged the backup.
    pub recorded_at: Zoned,
    /// The name of the report's file.
    pub report: String,
    /// When the agent's run began, as it says; null when it does not.
    pub operation_started_at: Option<Zoned>,
    /// When the agent's run ended, as it says.
    pub operation_ended_at: Zoned,
    /// How many seconds the agent's run took; null when it does not say when it began.
    pub operation_seconds: Option<u64>,
    /// What the agent says of its run as a whole; null when it says nothing.
    pub overall_status: Option<String>,
    /// The staged file's bare name; null when the report names none.
    pub staged_file_name: Option<String>,
    /// The SHA-256 that the server computed; null when it had no reason to, or could not.
    pub actual_sha256: Option<String>,
    /// The size in bytes that the server found; null when it found no file.
    pub actual_size: Option<u64>,
    /// What a look into the file found.
    pub content: ContentContext,
    /// Whether a `SUCCESS` has the same content as the last good backup.
    pub unchanged: bool,
    /// Where the proven copy is kept, relative to the validated tree; null when there is none.
    pub validated_path: Option<String>,
}

/// The variables that every mail has.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CommonContext {
    /// The instant as of which the mail speaks.
    pub now: Zoned,
    /// The language of the one who reads it, as its tag.
    pub locale: String,
    /// The time zone of the one who reads it, as its IANA name.
    pub time_zone: String,
    /// What the mail is about, in one name: the job's database, what several jobs have in common, the
    /// address that mails did not reach, or words such as `The deposit`.
    pub about: String,
    /// The values of `[templates.vars]` in the config, by their names.
    pub vars: Map<String, Value>,
    /// What has to be said of the mail itself, a sentence each; mostly nothing.
    pub notes: Vec<String>,
}

/// The variables that every mail about a job has.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct JobMailContext {
    /// What every mail has.
    #[serde(flatten)]
    pub common: CommonContext,
    /// The job that the mail is about.
    pub job: JobContext,
    /// When a backup is expected.
    pub schedule: ScheduleContext,
    /// The last backup that was proven; null when there has never been one.
    pub last_good: Option<LastGoodContext>,
    /// Links to pages about the job.
    pub links: LinksContext,
}

/// Links to pages about a job.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct LinksContext {
    /// The page that shows the job; null when `dashboard_url` is not set.
    pub dashboard: Option<String>,
    /// The page that says what to do; null when `runbook_url` is not set.
    pub runbook: Option<String>,
}

/// The job that a mail is about.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct JobContext {
    /// The number by which the store knows the job.
    pub id: i64,
    /// The database, as reports name it.
    pub database: String,
    /// The id of the agent that makes the backup.
    pub agent: String,
    /// The customer that the database belongs to; may be empty.
    pub company: String,
    /// The city of the site; may be empty.
    pub city: String,
    /// The neighborhood of the site; may be empty.
    pub neighborhood: String,
    /// The year that the database is about; null for one that is not kept by year.
    pub year: Option<i16>,
    /// What is known of the job's backups: `OK`, `FAILED`, `MISSING`, `HASH_MISMATCH`,
    /// `TRANSFER_INTEGRITY_FAILED` or `UNKNOWN`.
    #[schemars(extend("enum" = JobStatus::ALL.map(JobStatus::as_str)))]
    pub status: &'static str,
    /// When the job became known.
    pub known_since: Zoned,
    /// The end time of the newest report that spoke of it; null when none ever did.
    pub last_report_at: Option<Zoned>,
    /// How many seconds ago that was; null when `last_report_at` is.
    pub last_report_age_seconds: Option<u64>,
    /// Since when it has not been OK; null when no alert has been raised.
    pub incident_since: Option<Zoned>,
}

/// When backups of a job are expected: either `every_seconds` or `cron` is given.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ScheduleContext {
    /// The longest time between two backups; null for a cron expression.
    pub every_seconds: Option<u64>,
    /// The cron expression; null when there is none.
    pub cron: Option<String>,
    /// The time of day, as `01:00`, of a cron expression that means once a day; else null.
    pub daily_at: Option<String>,
    /// The IANA name of the cron expression's time zone; null when there is none.
    pub time_zone: Option<String>,
    /// How many seconds late a backup may be.
    pub grace_seconds: u64,
}

/// The last backup of a job that was proven.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct LastGoodContext {
    /// When the agent ended it.
    pub ended_at: Zoned,
    /// How many seconds ago that was.
    pub age_seconds: u64,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: String,
    /// Its file's name in the deposit.
    pub staged_file_name: String,
}

/// Why an entry is not a SUCCESS.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ReasonContext {
    /// `stage_failed`, `stage_not_reported`, `transfer_reported_broken`, `section_unreadable`,
    /// `staged_file_not_named`, `staged_file_absent`, `staged_file_not_regular`,
    /// `staged_file_empty`, `size_differs`, `still_growing`, `content_differs`,
    /// `no_hash_reported`, `not_readable`, `cannot_read` or `cannot_keep`; null for a `SUCCESS`.
    #[schemars(extend("enum" = REASONS))]
    pub code: Option<&'static str>,
    /// The stage that is meant: `BACKUP`, `COMPRESS` or `TRANSFER`; null for other codes.
    #[schemars(extend("enum" = StageName::ALL.map(StageName::as_str)))]
    pub stage: Option<&'static str>,
    /// The field of the report that can't be read; null for other codes.
    pub field: Option<String>,
    /// What is wrong with that field; null for other codes.
    pub problem: Option<String>,
    /// What lies in the staged file's place; null for other codes.
    pub kind: Option<String>,
    /// The system's words; null for other codes.
    pub error: Option<String>,
    /// Why it can't be read back, for the code `not_readable`.
    pub fault: ContentFaultContext,
    /// Whether what can't be read back is what the agent sent; false when the report gives no SHA-256,
    /// and for other codes.
    pub is_as_sent: bool,
}

/// What an agent says of one stage.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StageContext {
    /// `BACKUP`, `COMPRESS` or `TRANSFER`.
    #[schemars(extend("enum" = StageName::ALL.map(StageName::as_str)))]
    pub name: &'static str,
    /// Whether it succeeded; null when nothing is said.
    pub succeeded: Option<bool>,
    /// When it began; null when nothing is said.
    pub started_at: Option<Zoned>,
    /// When it ended; null when nothing is said.
    pub ended_at: Option<Zoned>,
    /// How many seconds it took; null when one of both is.
    pub seconds: Option<u64>,
    /// The size in bytes of what it made; null when nothing is said.
    pub size: Option<u64>,
    /// The SHA-256 of what it made; null when nothing is said.
    pub sha256: Option<String>,
    /// The agent's words on it, of several lines; null when there are none, or when they are the
    /// mail's `agent_error` already.
    #[schemars(extend("severalLines" = true))]
    pub message: Option<String>,
}

/// The variables of the mail that is written about something. Of several jobs, `write` gives what the
/// mail of each would have said.
pub(crate) fn value(
    about: About<'_>,
    now: Timestamp,
    reader: &Reader,
    surroundings: &Surroundings,
    write: &WriteSingle<'_>,
) -> Value {
    let context = match about {
        About::Job { job, entry: None } => {
            serde_json::to_value(MissingContext::new(job, now, reader, surroundings))
        }
        About::Job {
            job,
            entry: Some(entry),
        } => serde_json::to_value(EntryContext::new(job, entry, now, reader, surroundings)),
        About::Reminder {
            job,
            entry,
            history,
            reminder,
        } => {
            let context = ReminderContext::new(
                &reminder::Reminded {
                    job,
                    entry,
                    history,
                    reminder,
                },
                now,
                reader,
                surroundings,
            );
            serde_json::to_value(context)
        }
        About::Recovery {
            job,
            entry,
            history,
        } => {
            let context = RecoveryContext::new(job, entry, history, now, reader, surroundings);
            serde_json::to_value(context)
        }
        About::Damage {
            job,
            file,
            intact_at,
            others,
        } => {
            let damage = damaged::Damage {
                job,
                file,
                intact_at,
                others,
            };
            let context = DamagedContext::new(&damage, now, reader, surroundings);
            serde_json::to_value(context)
        }
        About::Warning {
            job,
            entry,
            warnings,
        } => {
            let context = WarningContext::new(job, entry, warnings, now, reader, surroundings);
            serde_json::to_value(context)
        }
        About::Group { scope, notices } => {
            let context = GroupContext::new(scope, notices, now, reader, surroundings, write);
            serde_json::to_value(context)
        }
        About::Outage { outage, notices } => {
            let context = OutageContext::new(outage, notices, now, reader, surroundings, write);
            serde_json::to_value(context)
        }
        About::Summary {
            cause,
            notices,
            came_and_went,
        } => {
            let told = (cause, notices, came_and_went);
            let context = SummaryContext::new(told, now, reader, surroundings, write);
            serde_json::to_value(context)
        }
        About::Digest { digest } => {
            serde_json::to_value(DigestContext::new(digest, now, reader, surroundings))
        }
        About::Undelivered { address, mails } => {
            let context = UndeliveredContext::new(address, mails, now, reader, surroundings);
            serde_json::to_value(context)
        }
    };
    // Structs of plain fields with names always become an object.
    context.unwrap_or_default()
}

impl MissingContext {
    pub(crate) fn new(
        job: &ExpectedBackupJob,
        now: Timestamp,
        reader: &Reader,
        surroundings: &Surroundings,
    ) -> Self {
        let expected_at = job.expected_at();
        Self {
            of_job: JobMailContext::new(job, now, reader, surroundings),
            expected_at: expected_at.map(|at| reader.at(at)),
            deadline_at: job.deadline_at().map(|at| reader.at(at)),
            overdue_seconds: expected_at.and_then(|at| seconds_between(at, now)),
        }
    }
}

impl EntryContext {
    pub(crate) fn new(
        job: &ExpectedBackupJob,
        entry: &BackupEntry,
        now: Timestamp,
        reader: &Reader,
        surroundings: &Surroundings,
    ) -> Self {
        let message = |text: &Option<String>| text.as_deref().map(|text| reader.message(text));
        Self {
            of_job: JobMailContext::new(job, now, reader, surroundings),
            expected_at: job.expected_at().map(|at| reader.at(at)),
            status: entry.status.as_str(),
            reason: ReasonContext::new(entry.reason.as_ref(), reader),
            is_server_fault: entry.is_server_fault(),
            backup: BackupContext::new(entry, reader),
            stages: StageName::ALL
                .map(|name| StageContext::new(name, entry, reader))
                .into(),
            agent_error: message(&entry.agent_error),
            logs_summary: message(&entry.logs_summary),
            expected_sha256: entry.expected_sha256.map(|digest| digest.to_string()),
            expected_size: entry.expected_size,
        }
    }
}

impl BackupContext {
    fn new(entry: &BackupEntry, reader: &Reader) -> Self {
        let name = |text: &Option<String>| text.as_deref().map(|text| reader.name(text));
        let ended_at = entry.operation_ended_at;
        Self {
            recorded_at: reader.at(entry.recorded_at),
            report: reader.name(&entry.report),
            operation_started_at: entry.operation_started_at.map(|at| reader.at(at)),
            operation_ended_at: reader.at(ended_at),
            operation_seconds: entry
                .operation_started_at
                .and_then(|started_at| seconds_between(started_at, ended_at)),
            overall_status: name(&entry.overall_status),
            staged_file_name: name(&entry.staged_file_name),
            actual_sha256: entry.actual_sha256.map(|digest| digest.to_string()),
            actual_size: entry.actual_size,
            content: ContentContext::new(entry.content.as_ref()),
            unchanged: entry.unchanged,
            validated_path: name(&entry.validated_path),
        }
    }
}

impl CommonContext {
    fn new(about: String, now: Timestamp, reader: &Reader, surroundings: &Surroundings) -> Self {
        let zone = reader.time_zone.iana_name();
        Self {
            now: reader.at(now),
            locale: reader.locale.to_string(),
            time_zone: zone.map_or_else(|| reader.at(now).offset().to_string(), str::to_owned),
            about,
            vars: surroundings.vars.clone(),
            notes: surroundings.notes.clone(),
        }
    }
}

impl JobMailContext {
    fn new(
        job: &ExpectedBackupJob,
        now: Timestamp,
        reader: &Reader,
        surroundings: &Surroundings,
    ) -> Self {
        let link = |link: &Option<Link>| link.as_ref().map(|link| link.fill(job));
        let about = reader.name(&job.database);
        Self {
            common: CommonContext::new(about, now, reader, surroundings),
            job: JobContext::new(job, now, reader),
            schedule: ScheduleContext::new(&job.schedule, reader),
            last_good: job
                .last_good
                .as_ref()
                .map(|good| LastGoodContext::new(good, now, reader)),
            links: LinksContext {
                dashboard: link(&surroundings.dashboard),
                runbook: link(&surroundings.runbook),
            },
        }
    }
}

impl JobContext {
    fn new(job: &ExpectedBackupJob, now: Timestamp, reader: &Reader) -> Self {
        Self {
            id: job.id.0,
            database: reader.name(&job.database),
            agent: reader.name(job.agent.as_str()),
            company: reader.name(&job.company),
            city: reader.name(&job.city),
            neighborhood: reader.name(&job.neighborhood),
            year: job.year,
            status: job.current_status.as_str(),
            known_since: reader.at(job.known_since),
            last_report_at: job.last_report_at.map(|at| reader.at(at)),
            last_report_age_seconds: job
                .last_report_at
                .map(|at| seconds_between(at, now).unwrap_or_default()),
            incident_since: job.incident_since.map(|at| reader.at(at)),
        }
    }
}

impl ScheduleContext {
    fn new(schedule: &Schedule, reader: &Reader) -> Self {
        let grace_seconds = schedule.grace().as_secs();
        match schedule {
            Schedule::Every { every, .. } => Self {
                every_seconds: Some(every.as_secs()),
                cron: None,
                daily_at: None,
                time_zone: None,
                grace_seconds,
            },
            Schedule::Cron(cron) => Self {
                every_seconds: None,
                cron: Some(reader.name(cron.expression())),
                daily_at: daily_at(cron.expression()),
                time_zone: Some(reader.name(cron.time_zone_name())),
                grace_seconds,
            },
        }
    }
}

impl LastGoodContext {
    fn new(good: &LastGoodBackup, now: Timestamp, reader: &Reader) -> Self {
        Self {
            ended_at: reader.at(good.ended_at),
            age_seconds: seconds_between(good.ended_at, now).unwrap_or_default(),
            size: good.size,
            sha256: good.sha256.to_string(),
            staged_file_name: reader.name(&good.staged_file_name),
        }
    }
}

impl ReasonContext {
    fn new(reason: Option<&EntryReason>, reader: &Reader) -> Self {
        Self::cut(reason, reader, NAME)
    }

    /// With each of its texts cut to a length.
    fn cut(reason: Option<&EntryReason>, reader: &Reader, limit: usize) -> Self {
        let none = Self {
            code: None,
            stage: None,
            field: None,
            problem: None,
            kind: None,
            error: None,
            fault: ContentFaultContext::NONE,
            is_as_sent: false,
        };
        let plain = |code| Self {
            code: Some(code),
            ..none.clone()
        };
        let Some(reason) = reason else {
            return none;
        };
        match reason {
            EntryReason::StageFailed { stage } => Self {
                stage: Some(stage.as_str()),
                ..plain("stage_failed")
            },
            EntryReason::StageNotReported { stage } => Self {
                stage: Some(stage.as_str()),
                ..plain("stage_not_reported")
            },
            EntryReason::TransferReportedBroken => plain("transfer_reported_broken"),
            EntryReason::SectionUnreadable { field, problem } => Self {
                field: Some(reader.line(field, limit)),
                problem: Some(reader.line(problem, limit)),
                ..plain("section_unreadable")
            },
            EntryReason::StagedFileNotNamed => plain("staged_file_not_named"),
            EntryReason::StagedFileAbsent => plain("staged_file_absent"),
            EntryReason::StagedFileNotRegular { kind } => Self {
                kind: Some(reader.line(kind, limit)),
                ..plain("staged_file_not_regular")
            },
            EntryReason::StagedFileEmpty => plain("staged_file_empty"),
            EntryReason::SizeDiffers => plain("size_differs"),
            EntryReason::StillGrowing => plain("still_growing"),
            EntryReason::ContentDiffers => plain("content_differs"),
            EntryReason::NoHashReported => plain("no_hash_reported"),
            EntryReason::NotReadable { fault, is_as_sent } => Self {
                fault: ContentFaultContext::cut(fault, reader, limit),
                is_as_sent: *is_as_sent,
                ..plain("not_readable")
            },
            EntryReason::CannotRead { error } => Self {
                error: Some(reader.line(error, limit)),
                ..plain("cannot_read")
            },
            EntryReason::CannotKeep { error } => Self {
                error: Some(reader.line(error, limit)),
                ..plain("cannot_keep")
            },
        }
    }
}

impl StageContext {
    fn new(name: StageName, entry: &BackupEntry, reader: &Reader) -> Self {
        let stage = entry.stages.get(name);
        let is_agent_error = stage.message == entry.agent_error;
        let message = stage.message.as_deref().filter(|_| !is_agent_error);
        let seconds = match (stage.started_at, stage.ended_at) {
            (Some(started_at), Some(ended_at)) => seconds_between(started_at, ended_at),
            _ => None,
        };
        Self {
            name: name.as_str(),
            succeeded: stage.succeeded,
            started_at: stage.started_at.map(|at| reader.at(at)),
            ended_at: stage.ended_at.map(|at| reader.at(at)),
            seconds,
            size: stage.size,
            sha256: stage.sha256.map(|digest| digest.to_string()),
            message: message.map(|text| reader.paragraph(text, STAGE_MESSAGE)),
        }
    }
}

/// `None` when the end lies before the start, which an agent's clock may well say.
fn seconds_between(start: Timestamp, end: Timestamp) -> Option<u64> {
    u64::try_from(start.duration_until(end).as_secs()).ok()
}

/// The time of day of a cron expression that means once a day.
fn daily_at(expression: &str) -> Option<String> {
    let fields: Vec<&str> = expression.split_whitespace().collect();
    let [minute, hour, "*", "*", "*"] = fields[..] else {
        return None;
    };
    let (minute, hour): (u8, u8) = (minute.parse().ok()?, hour.parse().ok()?);
    Some(format!("{hour:02}:{minute:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn a_cron_expression_that_means_once_a_day_has_its_time() {
        assert_eq!(daily_at("0 1 * * *"), Some("01:00".to_owned()));
        for other in ["*/15 * * * *", "0 1 * * 1", "0 0 1 * * *", "0 1,2 * * *"] {
            assert_eq!(daily_at(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_not_known_is_null_and_never_left_out() {
        let english = include_str!("../templates/en/wording.toml");
        let reader = Reader {
            locale: Locale::EN,
            time_zone: TimeZone::UTC,
            wording: Arc::new(Wording::read(&[english]).unwrap()),
        };
        let around = Surroundings::default();
        let keys = |sample: samples::Sample| {
            let json = value(sample.about(), sample.now(), &reader, &around, &|_| None);
            let mut keys: Vec<String> = json.as_object().unwrap().keys().cloned().collect();
            for part in [
                &json["job"],
                &json["mails"][0],
                &json["incident"],
                &json["entry"],
                &json["entry"]["reason"],
                &json["incident"]["changes"][0],
            ] {
                keys.extend(
                    part.as_object()
                        .into_iter()
                        .flatten()
                        .map(|(key, _)| key.clone()),
                );
            }
            keys
        };
        assert_eq!(
            keys(samples::missing_full().into()),
            keys(samples::missing_minimal().into())
        );
        let status = vigie_domain::BackupEntryStatus::Failed;
        assert_eq!(
            keys(samples::entry_full(status).into()),
            keys(samples::entry_minimal(status).into())
        );
        assert_eq!(
            keys(samples::reminder_full().into()),
            keys(samples::reminder_minimal().into())
        );
        assert_eq!(
            keys(samples::reminder_entry_full(status).into()),
            keys(samples::reminder_entry_minimal(status).into())
        );
        assert_eq!(
            keys(samples::recovery_full().into()),
            keys(samples::recovery_minimal().into())
        );
        assert_eq!(
            keys(samples::undelivered_full().into()),
            keys(samples::undelivered_minimal().into())
        );
    }
}
