//! Which mails tell what is to be told, and what waits: the policy, without clock, store or words.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use vigie_domain::{JobId, JobStatus};

use crate::mail::recipient_of;
use crate::{
    GroupBy, GroupScope, HeldBy, Hold, HoldCause, NoticeClass, NotificationId, NotificationKind,
    NotificationSubject, PendingJob, PendingNotification, Quiet, ReaderState, Subject,
    SummaryCause, rank,
};

/// When so few groups have missing jobs, it is they that are told of, however many percent it is.
const FEW: usize = 3;

/// How long mails to a reader may wait before others wait behind them.
const STUCK: SignedDuration = SignedDuration::from_mins(30);

/// What is held so is looked at again at the next instant.
const AT_ONCE: SignedDuration = SignedDuration::from_secs(1);

/// What so many jobs can be told of at once that it is the whole system's affair.
const OUTAGE: [NotificationKind; 3] = [
    NotificationKind::Alert,
    NotificationKind::Reminder,
    NotificationKind::Recovery,
];

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// How several notices become one mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    /// What jobs of one mail have in common; `None` when each has a mail of its own.
    pub by: Option<GroupBy>,
    /// Up to so many jobs have mails of their own.
    pub above: usize,
    /// When more than so many of a hundred watched jobs become missing in one cycle, one mail tells
    /// that; from 100 on none does.
    pub outage_above: u8,
    /// How many mails a reader gets in an hour at most; one of them sums up what would be more.
    pub max_per_hour: u32,
}

impl Default for Grouping {
    /// By agent when more than three jobs are to be told, as an outage above 50 percent, and 20 mails
    /// an hour.
    fn default() -> Self {
        Self {
            by: Some(GroupBy::Agent),
            above: 3,
            outage_above: 50,
            max_per_hour: 20,
        }
    }
}

/// What decides on mails beside the notifications themselves.
#[derive(Debug)]
pub(crate) struct Circumstances<'a> {
    pub(crate) now: Timestamp,
    pub(crate) quiet: &'a Quiet,
    /// By the address alone.
    pub(crate) readers: &'a BTreeMap<String, ReaderState>,
    /// The addresses of the administrators.
    pub(crate) administrators: &'a BTreeSet<String>,
    /// How many jobs are watched; it need not be known unless [`may_be_outage`].
    pub(crate) watched: u64,
    /// When the last cycle was done, after a downtime.
    pub(crate) idle_since: Option<Timestamp>,
}

/// What a mail is to be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// About one job.
    Single,
    /// About several jobs of one agent, company or city.
    Group(GroupScope),
    /// About many jobs of the whole system that became missing at once, are so still, or are well again.
    Outage { kind: NotificationKind, percent: u8 },
    /// About all that would have been too many mails.
    Summary(SummaryCause),
}

/// A mail to be written to one reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) reader: String,
    pub(crate) form: Form,
    pub(crate) tells: Vec<(NotificationId, NotificationSubject, NotificationKind)>,
    /// Told by being counted.
    pub(crate) passed: Vec<NotificationId>,
    pub(crate) held_back: u32,
}

/// What becomes of notifications: each is told by one letter, is held, or falls away.
#[derive(Debug, Default)]
pub(crate) struct Arrangement {
    pub(crate) letters: Vec<Letter>,
    pub(crate) held: Vec<(NotificationId, Hold)>,
    pub(crate) dropped: Vec<NotificationId>,
}

/// Decides what becomes of notifications.
pub(crate) fn arrange(
    pending: Vec<PendingNotification>,
    grouping: &Grouping,
    around: &Circumstances<'_>,
) -> Arrangement {
    let mut arrangement = Arrangement::default();
    let mut readers: BTreeMap<String, Vec<PendingNotification>> = BTreeMap::new();
    let mut quieted: BTreeMap<String, u32> = BTreeMap::new();
    for pending in pending {
        let key = recipient_of(&pending.reader);
        if pending.kind == NotificationKind::Reminder && pending.acknowledged {
            arrangement.dropped.push(pending.id);
        } else if let Some(hold) = quiet_of(&pending, around) {
            arrangement.held.push((pending.id, hold));
            *quieted.entry(key).or_default() += 1;
        } else {
            readers.entry(key).or_default().push(pending);
        }
    }
    let outages = OUTAGE.into_iter().filter_map(|kind| {
        let all = readers.values().flatten();
        let percent = outage_percent(kind, all, grouping, around.watched)?;
        Some((kind, percent))
    });
    let outages: Vec<(NotificationKind, u8)> = outages.collect();
    for (key, pending) in readers {
        let state = around.readers.get(&key).cloned().unwrap_or_default();
        let held_back = state.held_back + quieted.get(&key).copied().unwrap_or_default();
        let reader = OneReader {
            grouping,
            around,
            state,
            held_back,
            outages: &outages,
            is_administrator: around.administrators.contains(&key),
        };
        reader.arrange(pending, &mut arrangement);
    }
    arrangement
}

fn quiet_of(pending: &PendingNotification, around: &Circumstances<'_>) -> Option<Hold> {
    let held = around.quiet.until(&subject_of(pending), around.now)?;
    let cause = match held.by {
        HeldBy::Silence { .. } => HoldCause::Silence,
        HeldBy::Maintenance { .. } => HoldCause::Maintenance,
    };
    // Looked at again before long: whoever asked for it may think again.
    let until = held.until.min(later(around.now, HOUR));
    Some(Hold { until, cause })
}

fn subject_of(pending: &PendingNotification) -> Subject<'_> {
    let PendingJob {
        agent,
        database,
        company,
        city,
        year,
        status,
        ..
    } = &pending.job;
    Subject {
        company,
        city,
        agent,
        database,
        year: *year,
        status: *status,
        severity: pending.kind.class().severity(),
    }
}

/// How many of a hundred watched jobs are to be told so, when that is no affair of a few agents.
fn outage_percent<'a>(
    kind: NotificationKind,
    pending: impl Iterator<Item = &'a PendingNotification>,
    grouping: &Grouping,
    watched: u64,
) -> Option<u8> {
    let missing = pending.filter(|pending| is_of_outage(kind, pending));
    let (mut jobs, mut agents) = (BTreeSet::new(), BTreeSet::new());
    for pending in missing {
        jobs.insert(pending.job.id);
        agents.insert(pending.job.agent.to_lowercase());
    }
    if agents.len() < FEW || watched == 0 {
        return None;
    }
    let percent = (jobs.len() as u64).saturating_mul(100) / watched;
    let percent = u8::try_from(percent).unwrap_or(100).min(100);
    (percent > grouping.outage_above).then_some(percent)
}

/// Whether the whole system may be at fault, should few enough jobs be watched. To count those takes long
/// when there are many.
pub(crate) fn may_be_outage(pending: &[PendingNotification]) -> bool {
    OUTAGE.into_iter().any(|kind| {
        let missing = pending.iter().filter(|pending| is_of_outage(kind, pending));
        let agents: BTreeSet<String> = missing
            .map(|pending| pending.job.agent.to_lowercase())
            .collect();
        agents.len() >= FEW
    })
}

fn is_of_outage(kind: NotificationKind, pending: &PendingNotification) -> bool {
    pending.kind == kind && pending.job.status == JobStatus::Missing
}

/// All that decides on the mails to one reader.
struct OneReader<'a> {
    grouping: &'a Grouping,
    around: &'a Circumstances<'a>,
    state: ReaderState,
    held_back: u32,
    /// What happened to how many of a hundred jobs.
    outages: &'a [(NotificationKind, u8)],
    /// Nobody else is to know how it is with all jobs.
    is_administrator: bool,
}

impl OneReader<'_> {
    fn arrange(&self, mut pending: Vec<PendingNotification>, arrangement: &mut Arrangement) {
        if let Some(hold) = self.hold() {
            arrangement
                .held
                .extend(pending.iter().map(|pending| (pending.id, hold)));
            return;
        }
        pending.sort_by(|one, other| order(one).cmp(&order(other)));
        let mut passed = take(&mut pending, |pending| {
            pending.kind == NotificationKind::Passed
        });
        let outdated = outdated(&mut pending);
        let dropped = outdated.iter().map(|pending| pending.id);
        arrangement.dropped.extend(dropped);
        let mut letters = Vec::new();
        if let Some(cause) = self.summary_cause(&pending, &passed) {
            letters.extend(self.summary(cause, std::mem::take(&mut pending), &mut passed));
        }
        let outages = self.outages.iter().filter(|_| self.is_administrator);
        for &(kind, percent) in outages {
            let of_outage = take(&mut pending, |pending| is_of_outage(kind, pending));
            if of_outage.len() > self.grouping.above {
                letters.push(self.letter(Form::Outage { kind, percent }, of_outage));
            } else {
                pending.extend(of_outage);
                pending.sort_by(|one, other| order(one).cmp(&order(other)));
            }
        }
        letters.extend(self.groups(pending));
        arrangement.letters.extend(self.within_limit(letters));
        // They came and went, and no mail sums up.
        arrangement
            .dropped
            .extend(passed.iter().map(|pending| pending.id));
    }

    /// Until when nothing at all is written to the reader.
    fn hold(&self) -> Option<Hold> {
        let now = self.around.now;
        if self.stuck_since().is_some() && !self.may_try_again() {
            return Some(Hold {
                until: later(now, AT_ONCE),
                cause: HoldCause::Undeliverable,
            });
        }
        if self.state.written < self.grouping.max_per_hour {
            return None;
        }
        let first = self.state.first_written_at.unwrap_or(now);
        // No instant of the past: what is held until then would be looked at again at once.
        let until = later(first, HOUR).max(later(now, AT_ONCE));
        Some(Hold {
            until,
            cause: HoldCause::Limit,
        })
    }

    /// Since when nothing gets through to the reader, if that is for long.
    fn stuck_since(&self) -> Option<Timestamp> {
        let is_long = |since: &Timestamp| since.duration_until(self.around.now) > STUCK;
        self.state.stuck_since.filter(is_long)
    }

    /// One mail alone may be what is not taken, so that another one is written now and then, after waits
    /// that double.
    fn may_try_again(&self) -> bool {
        let (Some(since), Some(last)) = (self.state.stuck_since, self.state.last_written_at) else {
            return true;
        };
        let waited = last.duration_until(self.around.now);
        waited > STUCK.max(since.duration_until(last))
    }

    /// Why all is told in one mail, if it is.
    fn summary_cause(
        &self,
        pending: &[PendingNotification],
        passed: &[PendingNotification],
    ) -> Option<SummaryCause> {
        let held = |cause: HoldCause| {
            let all = pending.iter().chain(passed);
            let held = all.filter(move |pending| pending.held_by == Some(cause));
            held.map(|pending| pending.asked_at).min()
        };
        if pending.is_empty() {
            return None;
        }
        if let Some(since) = self
            .stuck_since()
            .or_else(|| held(HoldCause::Undeliverable))
        {
            return Some(SummaryCause::Undeliverable { since });
        }
        if held(HoldCause::Limit).is_some() {
            let per_hour = self.grouping.max_per_hour;
            return Some(SummaryCause::Limit { per_hour });
        }
        let from = self.around.idle_since?;
        let until = self.around.now;
        (pending.len() > self.grouping.above).then_some(SummaryCause::Downtime { from, until })
    }

    fn summary(
        &self,
        cause: SummaryCause,
        pending: Vec<PendingNotification>,
        passed: &mut Vec<PendingNotification>,
    ) -> Vec<Letter> {
        if pending.len() == 1 && passed.is_empty() {
            return vec![self.letter(Form::Single, pending)];
        }
        let passed = std::mem::take(passed);
        vec![Letter {
            passed: passed.into_iter().map(|pending| pending.id).collect(),
            ..self.letter(Form::Summary(cause), pending)
        }]
    }

    /// One letter for the jobs of one agent, company or city, or one for each job where they are few.
    fn groups(&self, pending: Vec<PendingNotification>) -> Vec<Letter> {
        let Some(by) = self.grouping.by else {
            return self.singles(pending);
        };
        // In the order of their first, which is the worst.
        let mut groups: Vec<(GroupScope, Vec<PendingNotification>)> = Vec::new();
        let mut places = BTreeMap::new();
        for pending in pending {
            let (class, scope) = (pending.kind.class(), scope_of(by, &pending.job));
            // The same names are written in one case and another.
            let key = (class, scope.name.to_lowercase());
            let place = *places.entry(key).or_insert(groups.len());
            if place == groups.len() {
                groups.push((scope, Vec::new()));
            }
            groups[place].1.push(pending);
        }
        let mut letters = Vec::new();
        for (scope, pending) in groups {
            if pending.len() > self.grouping.above.max(1) {
                letters.push(self.letter(Form::Group(scope), pending));
            } else {
                letters.extend(self.singles(pending));
            }
        }
        letters
    }

    fn singles(&self, pending: Vec<PendingNotification>) -> Vec<Letter> {
        let single = |pending| self.letter(Form::Single, vec![pending]);
        pending.into_iter().map(single).collect()
    }

    /// The letters that may still be written in this hour, the last of which tells all others.
    fn within_limit(&self, mut letters: Vec<Letter>) -> Vec<Letter> {
        let max = self.grouping.max_per_hour;
        let left = max.saturating_sub(self.state.written) as usize;
        if letters.len() <= left {
            return letters;
        }
        let others = letters.split_off(left.saturating_sub(1));
        let Some(mut sum) = others.first().cloned() else {
            return letters;
        };
        sum.form = Form::Summary(SummaryCause::Limit { per_hour: max });
        for other in &others[1..] {
            sum.tells.extend(other.tells.iter().copied());
            sum.passed.extend(&other.passed);
        }
        letters.push(sum);
        letters
    }

    fn letter(&self, form: Form, pending: Vec<PendingNotification>) -> Letter {
        let reader = pending.first().map(|pending| pending.reader.clone());
        Letter {
            reader: reader.unwrap_or_default(),
            form,
            tells: pending
                .into_iter()
                .map(|pending| (pending.id, pending.subject, pending.kind))
                .collect(),
            passed: Vec::new(),
            held_back: self.held_back,
        }
    }
}

/// Recoveries of jobs of which it is to be told that they are not OK again. Told beside that, or after it,
/// they would say that all is well.
fn outdated(pending: &mut Vec<PendingNotification>) -> Vec<PendingNotification> {
    // What became of a backup that was kept says nothing about how the job is.
    let problems = pending.iter().filter(|pending| {
        pending.kind.class() == NoticeClass::Problem && pending.kind != NotificationKind::Damage
    });
    let wrong: BTreeSet<JobId> = problems.map(|pending| pending.job.id).collect();
    take(pending, |pending| {
        pending.kind == NotificationKind::Recovery && wrong.contains(&pending.job.id)
    })
}

/// What is wrong before what is well, and the worst first.
fn order(pending: &PendingNotification) -> impl Ord + '_ {
    (
        pending.kind.class(),
        pending.kind != NotificationKind::Damage,
        rank(pending.job.status),
        &pending.job.agent,
        &pending.job.database,
        pending.id,
    )
}

fn scope_of(by: GroupBy, job: &PendingJob) -> GroupScope {
    let name = match by {
        GroupBy::Agent => &job.agent,
        GroupBy::Company => &job.company,
        GroupBy::City => &job.city,
    };
    let name = name.clone();
    GroupScope { by, name }
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

fn take(
    pending: &mut Vec<PendingNotification>,
    is_taken: impl Fn(&PendingNotification) -> bool,
) -> Vec<PendingNotification> {
    let (taken, left) = std::mem::take(pending).into_iter().partition(is_taken);
    *pending = left;
    taken
}

#[cfg(test)]
mod tests;
