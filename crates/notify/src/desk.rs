//! Writes down what the policy decides of some events: incidents as they become, and what readers are to
//! be told of them. Reads no outbox and writes no mail.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use vigie_domain::{DomainEvent, EventKind, ExpectedBackupJob, JobId};

use crate::mail::recipient_of;
use crate::{
    AlertSeverity, AskedNotification, EventId, Incident, IncidentKey, NotificationKind,
    OpenIncident, Plan, Reminders, Telling, follow, remind,
};

/// Who is told of a job.
pub(crate) trait Readers {
    /// Those who are, as mails name them.
    fn readers_of(&self, job: &ExpectedBackupJob, severity: AlertSeverity) -> Vec<String>;
}

/// What is being planned.
pub(crate) struct Desk<'a, R> {
    readers: &'a R,
    reminders: &'a Reminders,
    now: Timestamp,
    open: BTreeMap<JobId, OpenIncident>,
    changed: BTreeMap<IncidentKey, (Incident, EventId)>,
    /// By what it is about, and the address of the reader.
    asked: BTreeMap<(Option<IncidentKey>, EventId, String), AskedNotification>,
}

impl<'a, R: Readers> Desk<'a, R> {
    /// Nothing is planned yet; these incidents are open.
    pub(crate) fn new(
        readers: &'a R,
        reminders: &'a Reminders,
        open: Vec<OpenIncident>,
        now: Timestamp,
    ) -> Self {
        let open = open.into_iter().map(|open| (open.incident.job, open));
        Self {
            readers,
            reminders,
            now,
            open: open.collect(),
            changed: BTreeMap::new(),
            asked: BTreeMap::new(),
        }
    }

    /// Plans what an event asks for.
    pub(crate) fn follow(&mut self, id: EventId, event: DomainEvent) {
        let Some(job) = event.job() else {
            return;
        };
        match &event.kind {
            EventKind::JobWarned { job, .. } => return self.warn(id, job),
            EventKind::ValidatedFileDamaged { job, .. } => return self.tell_damage(id, job),
            _ => {}
        }
        let before = self.open.remove(&job.id);
        let followed = follow(
            before.as_ref().map(|open| &open.incident),
            &event,
            self.reminders,
        );
        let Some((incident, telling)) = followed else {
            self.open
                .extend(before.map(|open| (open.incident.job, open)));
            return;
        };
        let key = incident.key();
        self.changed.insert(key, (incident.clone(), id));
        let mut open = before.unwrap_or_else(|| OpenIncident {
            incident: incident.clone(),
            told: Vec::new(),
            waiting: Vec::new(),
            event: (id, event.clone()),
        });
        if telling == Some(Telling::Alert) {
            self.alert(id, job, key);
        }
        if incident.closed_at.is_some() {
            self.close(id, &open, telling, key);
            return;
        }
        open.incident = incident;
        open.event = (id, event);
        self.open.insert(key.job, open);
    }

    /// Plans the reminders that are due of the open incidents of these jobs, as they are now.
    pub(crate) fn remind(&mut self, jobs: &[ExpectedBackupJob]) {
        for open in std::mem::take(&mut self.open).into_values() {
            let Some(incident) = remind(&open.incident, self.now, self.reminders) else {
                continue;
            };
            let (key, event) = (incident.key(), open.event.0);
            self.changed.insert(key, (incident, event));
            let Some(job) = jobs.iter().find(|job| job.id == key.job) else {
                continue;
            };
            for reader in self.readers.readers_of(job, AlertSeverity::Critical) {
                // Whom the news itself has not reached yet would get it all at once.
                if !open.waiting.contains(&recipient_of(&reader)) {
                    self.ask(job.id, Some(key), event, NotificationKind::Reminder, reader);
                }
            }
        }
    }

    /// All that was planned.
    pub(crate) fn plan(self, up_to: Option<EventId>, planned_at: Timestamp) -> Plan {
        Plan {
            up_to,
            incidents: self.changed.into_values().collect(),
            asked: self.asked.into_values().collect(),
            planned_at,
            ..Plan::default()
        }
    }

    fn alert(&mut self, id: EventId, job: &ExpectedBackupJob, key: IncidentKey) {
        for reader in self.readers.readers_of(job, AlertSeverity::Critical) {
            self.ask(job.id, Some(key), id, NotificationKind::Alert, reader);
        }
    }

    /// Who was not told of the failure is not told that it is over.
    fn close(
        &mut self,
        id: EventId,
        open: &OpenIncident,
        telling: Option<Telling>,
        key: IncidentKey,
    ) {
        let is_over = telling == Some(Telling::Recovery);
        let told: BTreeSet<String> = open
            .told
            .iter()
            .map(|reader| recipient_of(reader))
            .collect();
        let of_incident = |of: &Option<IncidentKey>| *of == Some(key);
        self.asked.retain(|(of, _, address), asked| {
            if of_incident(of) && is_over && asked.kind == NotificationKind::Alert {
                asked.kind = NotificationKind::Passed;
                asked.event = id;
            }
            !of_incident(of) || (is_over && !told.contains(address))
        });
        if is_over {
            for reader in &open.told {
                let kind = NotificationKind::Recovery;
                self.ask(key.job, Some(key), id, kind, reader.clone());
            }
        }
    }

    fn tell_damage(&mut self, id: EventId, job: &ExpectedBackupJob) {
        for reader in self.readers.readers_of(job, AlertSeverity::Critical) {
            self.ask(job.id, None, id, NotificationKind::Damage, reader);
        }
    }

    fn warn(&mut self, id: EventId, job: &ExpectedBackupJob) {
        for reader in self.readers.readers_of(job, AlertSeverity::Warning) {
            self.ask(job.id, None, id, NotificationKind::Warning, reader);
        }
    }

    fn ask(
        &mut self,
        job: JobId,
        incident: Option<IncidentKey>,
        event: EventId,
        kind: NotificationKind,
        reader: String,
    ) {
        // An incident is one subject, whichever of its events is the last; damage and a warning are their events.
        let of = if incident.is_some() {
            EventId(0)
        } else {
            event
        };
        let key = (incident, of, recipient_of(&reader));
        let asked = AskedNotification {
            job,
            incident,
            event,
            kind,
            reader,
        };
        self.asked.insert(key, asked);
    }
}

#[cfg(test)]
mod tests;
