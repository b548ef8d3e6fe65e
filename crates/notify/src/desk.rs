//! Writes down what the policy decides of some events: incidents as they become, and the mails that tell
//! of them. Reads no outbox.

use std::collections::BTreeMap;

use jiff::Timestamp;
use vigie_domain::{BackupEntry, DomainEvent, EventKind, ExpectedBackupJob, JobId, LastGoodBackup};

use crate::mail::recipient_of;
use crate::{
    Composer, EventId, Incident, IncidentHistory, IncidentKey, Mail, OpenIncident, Plan,
    PlannedMail, ReminderNumber, Reminders, Telling, follow, remind,
};

/// What is being planned.
pub(crate) struct Desk<'a> {
    composer: &'a Composer,
    reminders: &'a Reminders,
    now: Timestamp,
    open: BTreeMap<JobId, OpenIncident>,
    changed: BTreeMap<IncidentKey, (Incident, EventId)>,
    mails: Vec<PlannedMail>,
}

impl<'a> Desk<'a> {
    /// Nothing is planned yet; these incidents are open.
    pub(crate) fn new(
        composer: &'a Composer,
        reminders: &'a Reminders,
        open: Vec<OpenIncident>,
        now: Timestamp,
    ) -> Self {
        let open = open.into_iter().map(|open| (open.incident.job, open));
        Self {
            composer,
            reminders,
            now,
            open: open.collect(),
            changed: BTreeMap::new(),
            mails: Vec::new(),
        }
    }

    /// Plans what an event asks for.
    pub(crate) fn follow(&mut self, id: EventId, event: DomainEvent) {
        let Some(job) = event.job() else {
            return;
        };
        let job = job.id;
        let before = self.open.get(&job);
        let followed = follow(before.map(|open| &open.incident), &event, self.reminders);
        let Some((incident, telling)) = followed else {
            return;
        };
        let mut told = before.map_or_else(Vec::new, |open| open.told.clone());
        let last_good = before.and_then(|open| open.event.1.job()?.last_good.clone());
        let mails = match telling {
            Some(Telling::Alert) => self.alerts(&event),
            Some(Telling::Recovery) => self.recoveries(&event, &incident, last_good, &told),
            None => Vec::new(),
        };
        for mail in &mails {
            if !told.contains(&mail.to) {
                told.push(mail.to.clone());
            }
        }
        self.keep(&incident, id, mails);
        if incident.closed_at.is_some() {
            self.open.remove(&job);
        } else {
            let open = OpenIncident {
                incident,
                told,
                waiting: Vec::new(),
                event: (id, event),
            };
            self.open.insert(job, open);
        }
    }

    /// Plans the reminders that are due of the open incidents.
    pub(crate) fn remind(&mut self) {
        for open in std::mem::take(&mut self.open).into_values() {
            let Some(incident) = remind(&open.incident, self.now, self.reminders) else {
                continue;
            };
            let mails = self.reminders_of(&open, &incident);
            self.keep(&incident, open.event.0, mails);
        }
    }

    /// All that was planned.
    pub(crate) fn plan(self, up_to: Option<EventId>, planned_at: Timestamp) -> Plan {
        Plan {
            up_to,
            incidents: self.changed.into_values().collect(),
            mails: self.mails,
            planned_at,
        }
    }

    fn keep(&mut self, incident: &Incident, event: EventId, mails: Vec<Mail>) {
        let key = incident.key();
        self.changed.insert(key, (incident.clone(), event));
        let planned = |mail: Mail| PlannedMail {
            event,
            incident: Some(key),
            mail,
        };
        self.mails.extend(mails.into_iter().map(planned));
    }

    fn alerts(&self, event: &DomainEvent) -> Vec<Mail> {
        match &event.kind {
            EventKind::JobDegraded { job, entry, .. } => {
                self.composer.compose(job, Some(entry), self.now)
            }
            EventKind::JobMissing { job, .. } => self.composer.compose(job, None, self.now),
            _ => Vec::new(),
        }
    }

    /// Who was not told of the failure is not told that it is over.
    fn recoveries(
        &self,
        event: &DomainEvent,
        incident: &Incident,
        last_good: Option<LastGoodBackup>,
        told: &[String],
    ) -> Vec<Mail> {
        let EventKind::JobRecovered { job, entry, .. } = &event.kind else {
            return Vec::new();
        };
        // An agent's clock may be ahead.
        let ended_at = entry.operation_ended_at.min(event.at);
        let history = history(incident, job, last_good, ended_at);
        self.composer
            .compose_recovery(told, job, entry, &history, self.now)
    }

    /// Whoever would be told now, but for those whom the news itself has not reached yet: they would
    /// get it all at once.
    fn reminders_of(&self, open: &OpenIncident, incident: &Incident) -> Vec<Mail> {
        let Some((job, entry)) = subject_of(&open.event.1) else {
            return Vec::new();
        };
        let mut readers = self.composer.recipients_of(job);
        readers.retain(|reader| !open.waiting.contains(&recipient_of(reader)));
        let history = history(incident, job, job.last_good.clone(), self.now);
        let reminder = ReminderNumber {
            which: incident.reminders,
            next_at: incident.remind_at,
        };
        self.composer
            .compose_reminder(&readers, job, entry, &history, &reminder, self.now)
    }
}

/// The job and the entry that were last heard of.
fn subject_of(event: &DomainEvent) -> Option<(&ExpectedBackupJob, Option<&BackupEntry>)> {
    match &event.kind {
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
