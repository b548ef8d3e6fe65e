//! What tells a mail from all others, and which mails are one conversation. Knows no sender and no
//! reader.

use vigie_domain::{BackupEntry, ExpectedBackupJob, JobStatus, ValidatedFile, Warning};

use crate::about::About;
use crate::mail::digest;
use crate::notice::{DAMAGED, code_of, worst_first};
use crate::{
    Digest, GroupScope, IncidentHistory, Notice, NoticeClass, Outage, ReminderNumber, SummaryCause,
    UndeliveredMail,
};

/// How many conversations a mail belongs to at most, so that its headers stay small.
const MOST_THREADS: usize = 50;

/// What a mail or a conversation is.
pub(crate) struct Identity {
    /// The code that its id begins with.
    pub(crate) code: &'static str,
    /// What it is about, for people.
    pub(crate) name: String,
    /// What tells it from all others.
    pub(crate) facts: Vec<String>,
}

impl Identity {
    /// What tells the mail about something from all others but for when it is written, and to whom.
    pub(crate) fn of(about: About<'_>) -> Self {
        let (code, name, facts) = match about {
            About::Job { job, entry } => facts_of_job(job, entry),
            About::Reminder {
                job,
                entry,
                history,
                reminder,
            } => facts_of_reminder(job, entry, history, *reminder),
            About::Recovery {
                job,
                entry,
                history,
            } => facts_of_recovery(job, entry, history),
            About::Damage { job, file, .. } => facts_of_damage(job, file),
            About::Warning {
                job,
                entry,
                warnings,
            } => facts_of_warning(job, entry, warnings),
            About::Group { scope, notices } => facts_of_group(scope, notices),
            About::Outage { outage, notices } => facts_of_outage(outage, notices),
            About::Summary {
                cause,
                notices,
                came_and_went,
            } => facts_of_summary(cause, notices, came_and_went),
            About::Digest { digest } => facts_of_digest(digest),
            About::Undelivered { address, mails } => facts_of_undelivered(address, mails),
        };
        Self {
            code,
            name: name.to_owned(),
            facts,
        }
    }
}

/// The conversations that the mail about something belongs to: those of the incidents that it tells
/// of, the worst first, and that of the outage.
pub(crate) fn threads_of(about: About<'_>) -> Vec<Identity> {
    let mut threads = Vec::new();
    if let About::Outage { outage, .. } = about {
        threads.push(thread_of_outage(outage));
    }
    match about {
        About::Job { .. } | About::Reminder { .. } | About::Recovery { .. } => {
            threads.extend(thread_of_single(about));
        }
        About::Group { notices, .. }
        | About::Summary { notices, .. }
        | About::Outage { notices, .. } => {
            let worst_first = worst_first(notices).into_iter();
            threads.extend(worst_first.filter_map(|notice| thread_of_single(About::from(notice))));
            threads.truncate(MOST_THREADS);
        }
        About::Damage { .. }
        | About::Warning { .. }
        | About::Digest { .. }
        | About::Undelivered { .. } => {}
    }
    threads
}

/// The conversation about a job's incident.
fn thread_of_single(about: About<'_>) -> Option<Identity> {
    let (job, since) = about.incident()?;
    Some(Identity {
        code: "incident",
        name: job.database.clone(),
        facts: vec![
            job.id.to_string(),
            job.agent.as_str().to_owned(),
            job.database.clone(),
            // No finer than a store keeps it: the incident is read back from there.
            since.as_microsecond().to_string(),
        ],
    })
}

/// The conversation about an outage, from its first mail to its last.
fn thread_of_outage(outage: &Outage) -> Identity {
    let code = outage.fault.code();
    Identity {
        code: "outage",
        name: code.to_owned(),
        facts: vec![
            "outage".to_owned(),
            code.to_owned(),
            outage.since.as_microsecond().to_string(),
        ],
    }
}

/// A code and a name for people, and what tells a mail about a job from all others.
fn facts_of_job<'a>(
    job: &'a ExpectedBackupJob,
    entry: Option<&'a BackupEntry>,
) -> (&'static str, &'a str, Vec<String>) {
    let status = entry.map_or("MISSING", |entry| entry.status.as_str());
    let facts = vec![
        job.id.to_string(),
        job.agent.as_str().to_owned(),
        job.database.clone(),
        job.current_status.as_str().to_owned(),
        status.to_owned(),
        entry.map_or(String::new(), |entry| entry.report.clone()),
        entry.map_or(String::new(), |entry| entry.recorded_at.to_string()),
    ];
    (status, &job.database, facts)
}

/// The same for the mail that reminds of an incident.
fn facts_of_reminder<'a>(
    job: &'a ExpectedBackupJob,
    entry: Option<&'a BackupEntry>,
    history: &IncidentHistory,
    reminder: ReminderNumber,
) -> (&'static str, &'a str, Vec<String>) {
    let (_, name, mut facts) = facts_of_job(job, entry);
    facts.push(history.opened_at.to_string());
    facts.push(format!("reminder {}", reminder.which));
    (job.current_status.as_str(), name, facts)
}

/// The same for the mail that tells of the end of an incident.
fn facts_of_recovery<'a>(
    job: &'a ExpectedBackupJob,
    entry: &'a BackupEntry,
    history: &IncidentHistory,
) -> (&'static str, &'a str, Vec<String>) {
    let (_, name, mut facts) = facts_of_job(job, Some(entry));
    facts.push(history.opened_at.to_string());
    (JobStatus::Ok.as_str(), name, facts)
}

/// The same for a mail about mails that were refused, whatever their order.
fn facts_of_undelivered<'a>(
    address: &'a str,
    mails: &[UndeliveredMail],
) -> (&'static str, &'a str, Vec<String>) {
    let code = "UNDELIVERED";
    let mut deliveries: Vec<_> = mails.iter().map(|refused| refused.delivery).collect();
    deliveries.sort_unstable();
    let mut facts = vec![code.to_owned(), address.to_owned()];
    facts.extend(deliveries.iter().map(ToString::to_string));
    (code, address, facts)
}

/// The same for a mail that tells of a kept backup that is damaged.
fn facts_of_damage<'a>(
    job: &'a ExpectedBackupJob,
    file: &'a ValidatedFile,
) -> (&'static str, &'a str, Vec<String>) {
    let facts = vec![
        job.id.to_string(),
        job.agent.as_str().to_owned(),
        job.database.clone(),
        file.id.0.to_string(),
        file.path.clone(),
        format!("{:?}", file.fault),
        file.checked_at.as_microsecond().to_string(),
    ];
    (DAMAGED, &job.database, facts)
}

/// The same for a mail that tells what is odd about a job.
fn facts_of_warning<'a>(
    job: &'a ExpectedBackupJob,
    entry: &'a BackupEntry,
    warnings: &[Warning],
) -> (&'static str, &'a str, Vec<String>) {
    let (_, name, mut facts) = facts_of_job(job, Some(entry));
    facts.push("warnings".to_owned());
    facts.extend(warnings.iter().map(|warning| format!("{warning:?}")));
    ("WARNING", name, facts)
}

/// The same for a mail about several jobs, whatever their order.
fn facts_of_group<'a>(
    scope: &'a GroupScope,
    notices: &[Notice],
) -> (&'static str, &'a str, Vec<String>) {
    let code = match notices.first().map(Notice::class) {
        Some(NoticeClass::Recovery) => JobStatus::Ok.as_str(),
        Some(NoticeClass::Warning) => "WARNING",
        _ => worst_first(notices)
            .first()
            .map_or(JobStatus::Unknown.as_str(), |notice| code_of(notice)),
    };
    let by = scope.by.as_str().to_owned();
    let mut facts = vec!["group".to_owned(), by, scope.name.clone()];
    facts.extend(facts_of_notices(notices));
    (code, &scope.name, facts)
}

/// The same for a mail about a fault of the whole system.
fn facts_of_outage<'a>(
    outage: &'a Outage,
    notices: &[Notice],
) -> (&'static str, &'a str, Vec<String>) {
    let code = match outage.ended_at {
        None => "OUTAGE",
        Some(_) => JobStatus::Ok.as_str(),
    };
    let mut facts = vec!["outage".to_owned(), format!("{outage:?}")];
    facts.extend(facts_of_notices(notices));
    (code, outage.fault.code(), facts)
}

/// The same for a mail that stands for many.
fn facts_of_summary<'a>(
    cause: &SummaryCause,
    notices: &[Notice],
    came_and_went: u32,
) -> (&'static str, &'a str, Vec<String>) {
    let mut facts = vec!["summary".to_owned(), format!("{cause:?}")];
    facts.push(came_and_went.to_string());
    facts.extend(facts_of_notices(notices));
    ("SUMMARY", cause.code(), facts)
}

/// The same for a digest.
fn facts_of_digest(digest: &Digest) -> (&'static str, &'static str, Vec<String>) {
    let facts = vec!["digest".to_owned(), format!("{digest:?}")];
    ("DIGEST", digest.period.as_str(), facts)
}

/// What tells these notices from all others, whatever their order.
fn facts_of_notices(notices: &[Notice]) -> Vec<String> {
    let of_notice = |notice: &Notice| {
        let Identity { code, facts, .. } = Identity::of(About::from(notice));
        let facts = [code].into_iter().chain(facts.iter().map(String::as_str));
        let facts: Vec<&[u8]> = facts.map(str::as_bytes).collect();
        digest(&facts)
    };
    let mut facts: Vec<String> = notices.iter().map(of_notice).collect();
    facts.sort_unstable();
    facts
}
