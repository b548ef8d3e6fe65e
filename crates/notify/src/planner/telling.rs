//! Writes the mails that tell what is to be told now. What becomes of which notification is decided
//! elsewhere.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::thread::{self, ScopedJoinHandle};

use jiff::Timestamp;
use tracing::{Span, dispatcher};
use vigie_domain::{BackupEntry, BackupEntryStatus, EventKind, ExpectedBackupJob, LastGoodBackup};

use super::Planner;
use crate::arrangement::{Arrangement, Circumstances, Form, Letter, arrange, may_be_outage};
use crate::mail::recipient_of;
use crate::{
    Clock, CycleFacts, Incident, IncidentHistory, Ledger, Mail, Notice, NotificationDetail,
    NotificationId, NotificationKind, NotificationSubject, Outage, OutboxError,
    PendingNotification, Plan, PlannedMail, Quiet, ReaderState, ReminderNumber, SystemFault,
};

/// How many notifications are arranged at once: a mail can tell of as many.
const PENDING: u32 = 20_000;

/// How many notifications are told in one transaction, unless one mail tells of more.
const TOLD: usize = 200;

/// What the same words tell to several readers.
#[derive(PartialEq, Eq, Hash)]
struct Content {
    form: Form,
    tells: Vec<(NotificationSubject, NotificationKind)>,
    passed: usize,
    held_back: u32,
}

impl<L: Ledger, C: Clock> Planner<L, C> {
    pub(super) async fn tell(
        &self,
        now: Timestamp,
        facts: &CycleFacts,
    ) -> Result<u64, OutboxError> {
        let mut count = 0;
        let mut quiet: Option<Quiet> = None;
        loop {
            let pending = self.ledger.pending_notifications(now, PENDING).await?;
            if pending.is_empty() {
                return Ok(count);
            }
            let wanted = match quiet.take() {
                Some(known) => known,
                None => Quiet {
                    silences: self.ledger.silences(now).await?,
                    windows: self.policy.windows.clone(),
                },
            };
            let ids: Vec<NotificationId> = pending.iter().map(|pending| pending.id).collect();
            let arrangement = self.arrange(pending, &wanted, now, facts).await?;
            quiet = Some(wanted);
            count += self.write(arrangement, now).await?;
            self.check_progress(&ids, now).await?;
        }
    }

    /// What was told, held back or dropped must not come up again: it would be mailed for ever.
    async fn check_progress(
        &self,
        ids: &[NotificationId],
        now: Timestamp,
    ) -> Result<(), OutboxError> {
        let next = self.ledger.pending_notifications(now, 1).await?;
        match next.first() {
            Some(next) if ids.contains(&next.id) => Err(OutboxError::new(
                "plan mails",
                format!(
                    "notification {} was planned and is given out again",
                    next.id.0
                ),
            )),
            _ => Ok(()),
        }
    }

    async fn arrange(
        &self,
        pending: Vec<PendingNotification>,
        quiet: &Quiet,
        now: Timestamp,
        facts: &CycleFacts,
    ) -> Result<Arrangement, OutboxError> {
        let readers: BTreeSet<String> = pending
            .iter()
            .map(|pending| recipient_of(&pending.reader))
            .collect();
        let readers: Vec<String> = readers.into_iter().collect();
        let states = self.ledger.reader_states(&readers, now).await?;
        let states: BTreeMap<String, ReaderState> = states.into_iter().collect();
        let administrators = self.composer.administrators();
        let administrators: BTreeSet<String> =
            administrators.map(|one| recipient_of(&one)).collect();
        let watched = if may_be_outage(&pending) {
            self.ledger.watched_jobs().await?
        } else {
            0
        };
        let around = Circumstances {
            now,
            quiet,
            readers: &states,
            administrators: &administrators,
            watched,
            idle_since: facts.idle_since,
        };
        Ok(arrange(pending, &self.policy.grouping, &around))
    }

    async fn write(&self, arrangement: Arrangement, now: Timestamp) -> Result<u64, OutboxError> {
        let mut plan = Plan {
            held: arrangement.held,
            dropped: arrangement.dropped,
            ..Plan::default()
        };
        let (mut batch, mut told, mut count) = (Vec::new(), 0, 0);
        for edition in editions(arrangement.letters) {
            told += edition
                .iter()
                .map(|letter| letter.tells.len())
                .sum::<usize>();
            batch.push(edition);
            if told >= TOLD {
                let batch = std::mem::take(&mut batch);
                count += self
                    .write_batch(std::mem::take(&mut plan), batch, now)
                    .await?;
                told = 0;
            }
        }
        Ok(count + self.write_batch(plan, batch, now).await?)
    }

    async fn write_batch(
        &self,
        mut plan: Plan,
        editions: Vec<Vec<Letter>>,
        now: Timestamp,
    ) -> Result<u64, OutboxError> {
        let firsts = editions.iter().filter_map(|edition| edition.first());
        let ids: Vec<NotificationId> = firsts
            .flat_map(|letter| letter.tells.iter().map(|(id, _, _)| *id))
            .collect();
        let details = self.ledger.notification_details(&ids).await?;
        let details: HashMap<NotificationId, NotificationDetail> = details
            .into_iter()
            .map(|detail| (detail.id, detail))
            .collect();
        for written in self.write_editions(&editions, &details, now) {
            plan.mails.extend(written.mails);
            plan.dropped.extend(written.dropped);
        }
        plan.planned_at = self.clock.now();
        self.ledger.plan(&plan).await?;
        Ok(plan.mails.len() as u64)
    }

    /// Writes editions on all cores, as nothing else here takes as long. The plans are in the order of the
    /// editions.
    fn write_editions(
        &self,
        editions: &[Vec<Letter>],
        details: &HashMap<NotificationId, NotificationDetail>,
        now: Timestamp,
    ) -> Vec<Plan> {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let mut shares = editions.chunks(editions.len().div_ceil(cores).max(1));
        let first = shares.next().unwrap_or_default();
        let write = |share: &[Vec<Letter>]| {
            let mut plan = Plan::default();
            for edition in share {
                self.write_edition(edition, details, now, &mut plan);
            }
            plan
        };
        // What is logged there is logged as if it were here.
        let (dispatch, span) = (dispatcher::get_default(Clone::clone), Span::current());
        let write_there =
            |share| dispatcher::with_default(&dispatch, || span.in_scope(|| write(share)));
        thread::scope(|scope| {
            let others: Vec<_> = shares
                .map(|share| {
                    let thread = thread::Builder::new();
                    (
                        share,
                        thread.spawn_scoped(scope, move || write_there(share)),
                    )
                })
                .collect();
            let mut plans = vec![write(first)];
            for (share, thread) in others {
                plans.push(match thread.map(ScopedJoinHandle::join) {
                    Ok(Ok(plan)) => plan,
                    Ok(Err(panic)) => resume_unwind(panic),
                    // There are too many threads already.
                    Err(_) => write(share),
                });
            }
            plans
        })
    }

    fn write_edition(
        &self,
        edition: &[Letter],
        details: &HashMap<NotificationId, NotificationDetail>,
        now: Timestamp,
        plan: &mut Plan,
    ) {
        let Some(first) = edition.first() else {
            return;
        };
        let mut event = None;
        let mut notices = Vec::with_capacity(first.tells.len());
        for (id, _, kind) in &first.tells {
            let Some(detail) = details.get(id) else {
                continue;
            };
            let Some(notice) = notice_of(*kind, detail, now) else {
                tracing::error!(
                    notification = id.0,
                    event = %detail.event.0,
                    kind = %kind,
                    "nobody is told of this, as the event tells nothing of the kind"
                );
                continue;
            };
            event.get_or_insert(detail.event.0);
            notices.push(notice);
        }
        let readers = edition.iter().map(|letter| letter.reader.clone());
        let readers: Vec<String> = readers.collect();
        let mails = self.compose(first, &readers, &notices, now);
        let mut mails: HashMap<String, Mail> = mails
            .into_iter()
            .map(|mail| (mail.recipient(), mail))
            .collect();
        for letter in edition {
            let tells: Vec<NotificationId> = letter.tells.iter().map(|(id, _, _)| *id).collect();
            plan.dropped.extend(&letter.passed);
            match mails.remove(&recipient_of(&letter.reader)) {
                Some(mail) => plan.mails.push(PlannedMail { event, tells, mail }),
                None => plan.dropped.extend(tells),
            }
        }
    }

    fn compose(
        &self,
        letter: &Letter,
        readers: &[String],
        notices: &[Notice],
        now: Timestamp,
    ) -> Vec<Mail> {
        let composer = self.composer.with_held_back(letter.held_back);
        match (&letter.form, notices) {
            (_, []) => Vec::new(),
            (Form::Single | Form::Group(_), [notice]) | (Form::Single, [notice, ..]) => {
                composer.compose_notices(readers, notice, now)
            }
            (Form::Group(scope), notices) => composer.compose_group(readers, scope, notices, now),
            (Form::Outage { percent, .. }, notices) => {
                let outage = outage_of(*percent, notices, now);
                composer.compose_outage(readers, &outage, notices, now)
            }
            (Form::Summary(cause), notices) => {
                let passed = u32::try_from(letter.passed.len()).unwrap_or(u32::MAX);
                composer.compose_summary(readers, cause, notices, passed, now)
            }
        }
    }
}

/// What many jobs of the whole system have in common.
fn outage_of(percent: u8, notices: &[Notice], now: Timestamp) -> Outage {
    let opened = notices.iter().filter_map(|notice| match notice {
        Notice::Reminder { history, .. } | Notice::Recovery { history, .. } => {
            Some(history.opened_at)
        }
        Notice::Alert { .. } | Notice::Damage { .. } | Notice::Warning { .. } => None,
    });
    let reminder = notices.iter().find_map(|notice| match notice {
        Notice::Reminder { reminder, .. } => Some(*reminder),
        _ => None,
    });
    let is_over = matches!(notices.first(), Some(Notice::Recovery { .. }));
    Outage {
        fault: SystemFault::ManyMissing { percent },
        since: opened.min().unwrap_or(now),
        reminder,
        ended_at: is_over.then_some(now),
    }
}

/// Letters with the same content together, in the order of the first of each.
fn editions(letters: Vec<Letter>) -> Vec<Vec<Letter>> {
    let mut editions: Vec<Vec<Letter>> = Vec::new();
    let mut places: HashMap<Content, usize> = HashMap::new();
    for letter in letters {
        let subjects = letter.tells.iter();
        let content = Content {
            form: letter.form.clone(),
            tells: subjects
                .map(|(_, subject, kind)| (*subject, *kind))
                .collect(),
            passed: letter.passed.len(),
            held_back: letter.held_back,
        };
        let place = *places.entry(content).or_insert(editions.len());
        if place == editions.len() {
            editions.push(Vec::new());
        }
        editions[place].push(letter);
    }
    editions
}

/// What is told of a notification; `None` when its event can't be told so.
fn notice_of(
    kind: NotificationKind,
    detail: &NotificationDetail,
    now: Timestamp,
) -> Option<Notice> {
    let event = &detail.event.1;
    match kind {
        NotificationKind::Alert => {
            let (job, entry) = last_heard(&event.kind)?;
            // A good one that came too late does not say what is wrong: that the next is missing.
            let entry = entry.filter(|entry| entry.status != BackupEntryStatus::Success);
            let (job, entry) = (Box::new(job.clone()), entry.cloned().map(Box::new));
            Some(Notice::Alert { job, entry })
        }
        NotificationKind::Reminder => {
            let incident = detail.incident.as_ref()?;
            let (job, entry) = last_heard(&event.kind)?;
            Some(Notice::Reminder {
                job: Box::new(job.clone()),
                entry: entry.cloned().map(Box::new),
                history: history(incident, job, job.last_good.clone(), now),
                reminder: ReminderNumber {
                    which: incident.reminders,
                    next_at: incident.remind_at,
                },
            })
        }
        NotificationKind::Recovery => {
            let incident = detail.incident.as_ref()?;
            let EventKind::JobRecovered { job, entry, .. } = &event.kind else {
                return None;
            };
            // An agent's clock may be ahead.
            let ended_at = entry.operation_ended_at.min(event.at);
            Some(Notice::Recovery {
                job: job.clone(),
                entry: entry.clone(),
                history: history(incident, job, incident.last_good.clone(), ended_at),
            })
        }
        NotificationKind::Damage => match &event.kind {
            EventKind::ValidatedFileDamaged {
                job,
                file,
                intact_at,
                others,
            } => Some(Notice::Damage {
                job: job.clone(),
                file: file.clone(),
                intact_at: *intact_at,
                others: others.clone(),
            }),
            _ => None,
        },
        NotificationKind::Warning => match &event.kind {
            EventKind::JobWarned {
                job,
                entry,
                warnings,
            } => Some(Notice::Warning {
                job: job.clone(),
                entry: entry.clone(),
                warnings: warnings.clone(),
            }),
            _ => None,
        },
        NotificationKind::Passed => None,
    }
}

/// The job and the entry that were last heard of.
fn last_heard(kind: &EventKind) -> Option<(&ExpectedBackupJob, Option<&BackupEntry>)> {
    match kind {
        EventKind::JobDegraded { job, entry, .. } | EventKind::BackupRecorded { job, entry } => {
            Some((job, Some(entry)))
        }
        EventKind::JobMissing { job, .. } => Some((job, None)),
        _ => None,
    }
}

fn history(
    incident: &Incident,
    job: &ExpectedBackupJob,
    last_good: Option<LastGoodBackup>,
    until: Timestamp,
) -> IncidentHistory {
    IncidentHistory {
        last_good,
        opened_at: incident.opened_at,
        changes: incident.changes.clone(),
        lost: job.schedule.given_up_between(incident.good_until, until),
    }
}
