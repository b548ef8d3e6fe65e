//! The notifications of an outbox in memory that no mail tells yet. Knows no delivery.

use std::collections::BTreeMap;

use jiff::Timestamp;
use vigie_domain::{DomainEvent, JobId};

use super::LONGEST_DELAY;
use crate::mail::recipient_of;
use crate::{
    AskedNotification, Hold, IncidentKey, NotificationId, NotificationKind, NotificationSubject,
};

#[derive(Debug, Default)]
pub(super) struct Notifications {
    last: i64,
    kept: BTreeMap<NotificationId, KeptNotification>,
    /// By what it is about and the address of its reader.
    places: BTreeMap<(NotificationSubject, String), NotificationId>,
}

#[derive(Debug)]
pub(super) struct KeptNotification {
    pub(super) asked: AskedNotification,
    /// The event that asked for it; a warning needs it.
    pub(super) event: Option<DomainEvent>,
    pub(super) asked_at: Timestamp,
    pub(super) held: Option<Hold>,
}

impl KeptNotification {
    fn place(&self) -> (NotificationSubject, String) {
        (self.asked.subject(), recipient_of(&self.asked.reader))
    }

    fn is_due(&self, now: Timestamp) -> bool {
        let latest = now.saturating_add(LONGEST_DELAY).unwrap_or(Timestamp::MAX);
        self.held
            .is_none_or(|hold| hold.until <= now || hold.until > latest)
    }
}

impl Notifications {
    pub(super) fn ask(
        &mut self,
        asked: &AskedNotification,
        event: Option<DomainEvent>,
        asked_at: Timestamp,
    ) {
        let mut new = KeptNotification {
            asked: asked.clone(),
            event,
            asked_at,
            held: None,
        };
        let place = new.place();
        let known = self.places.get(&place).copied();
        let id = known.unwrap_or_else(|| {
            self.last += 1;
            NotificationId(self.last)
        });
        if let Some(known) = self.kept.get(&id) {
            new.asked_at = known.asked_at;
            // It may be of another kind or status now, which nobody asked to be quiet about.
            let until = Timestamp::UNIX_EPOCH;
            new.held = known.held.map(|hold| Hold { until, ..hold });
        }
        self.places.insert(place, id);
        self.kept.insert(id, new);
    }

    /// Of an incident that ends well, alerts are counted, and all else falls away.
    pub(super) fn close(&mut self, key: IncidentKey, is_well: bool) {
        let of_incident = |kept: &KeptNotification| kept.asked.incident == Some(key);
        for kept in self.kept.values_mut().filter(|kept| of_incident(kept)) {
            if is_well && kept.asked.kind == NotificationKind::Alert {
                kept.asked.kind = NotificationKind::Passed;
            }
        }
        self.kept
            .retain(|_, kept| !of_incident(kept) || kept.asked.kind == NotificationKind::Passed);
        let kept = &self.kept;
        self.places.retain(|_, id| kept.contains_key(id));
    }

    /// Of a job that a reader is told not to be OK, ends of earlier incidents are news no more.
    pub(super) fn outdate(&mut self, job: JobId, reader: &str) {
        self.kept.retain(|_, kept| {
            kept.asked.job != job
                || kept.asked.kind != NotificationKind::Recovery
                || recipient_of(&kept.asked.reader) != reader
        });
        let kept = &self.kept;
        self.places.retain(|_, id| kept.contains_key(id));
    }

    pub(super) fn remove(&mut self, id: NotificationId) -> Option<AskedNotification> {
        let kept = self.kept.remove(&id)?;
        self.places.remove(&kept.place());
        Some(kept.asked)
    }

    pub(super) fn hold(&mut self, held: &[(NotificationId, Hold)]) {
        for (id, hold) in held {
            if let Some(kept) = self.kept.get_mut(id) {
                kept.held = Some(*hold);
            }
        }
    }

    pub(super) fn get(&self, id: NotificationId) -> Option<&KeptNotification> {
        self.kept.get(&id)
    }

    pub(super) fn due(
        &self,
        now: Timestamp,
    ) -> impl Iterator<Item = (NotificationId, &KeptNotification)> {
        let kept = self.kept.iter();
        kept.filter(move |(_, kept)| kept.is_due(now))
            .map(|(id, kept)| (*id, kept))
    }

    pub(super) fn is_any_of(&self, key: IncidentKey) -> bool {
        self.of(key).next().is_some()
    }

    /// The addresses of those who are to be told of an incident.
    pub(super) fn readers_of(&self, key: IncidentKey) -> impl Iterator<Item = String> {
        self.of(key).map(|kept| recipient_of(&kept.asked.reader))
    }

    pub(super) fn held_back(&self, reader: &str, now: Timestamp) -> u32 {
        let held = self.kept.values().filter(|kept| {
            kept.asked.kind != NotificationKind::Passed
                && kept.held.is_some_and(|hold| hold.cause.is_wanted())
                && !kept.is_due(now)
                && recipient_of(&kept.asked.reader) == reader
        });
        u32::try_from(held.count()).unwrap_or(u32::MAX)
    }

    fn of(&self, key: IncidentKey) -> impl Iterator<Item = &KeptNotification> {
        let of_incident = move |kept: &&KeptNotification| kept.asked.incident == Some(key);
        self.kept.values().filter(of_incident)
    }
}
