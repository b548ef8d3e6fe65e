//! The digests: how all is, once a day or a week. Knows no event.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use vigie_domain::{ExpectedBackupJob, JobId, JobStatus, Warning};

use super::Planner;
use crate::mail::recipient_of;
use crate::{
    AlertSeverity, Clock, Digest, DigestJob, DigestPeriod, DigestSettings, EndingSilence, Incident,
    JumpedSize, LONGEST_DELAY, Ledger, OutboxError, Plan, PlannedMail, Quiet, RecoveredJob,
    Subject, UnchangedJob, UndeclaredJob, WaitingMails, WrongJob,
};

/// How many jobs are read at once.
const JOBS: u32 = 500;

/// Mails that wait for less are no cause for concern.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_mins(30);

/// A digest on its way to its reader.
struct Draft {
    reader: String,
    is_administrator: bool,
    digest: Digest,
}

impl<L: Ledger, C: Clock> Planner<L, C> {
    /// Writes the digests that are due. The first is due once the time for it comes after Vigie has
    /// begun; of several that fell due while nobody looked, one is written.
    pub(super) async fn plan_digests(&self, now: Timestamp) -> Result<u64, OutboxError> {
        let Some(settings) = &self.policy.digests else {
            return Ok(0);
        };
        let last = self.ledger.last_digest().await?;
        let latest = now.saturating_add(LONGEST_DELAY).unwrap_or(Timestamp::MAX);
        // What lies ahead was written before a clock was put back.
        let last = last.filter(|last| *last <= latest);
        let is_due = |last: Timestamp| settings.last_due(now).is_some_and(|due| due > last);
        let mut plan = Plan {
            digest_at: Some(now),
            planned_at: self.clock.now(),
            ..Plan::default()
        };
        match last {
            None => {}
            Some(last) if is_due(last) => {
                for draft in self.drafts(settings, last, now).await? {
                    plan.mails.extend(self.digest_mail(&draft, now));
                }
            }
            Some(_) => return Ok(0),
        }
        self.ledger.plan(&plan).await?;
        Ok(plan.mails.len() as u64)
    }

    fn digest_mail(&self, draft: &Draft, now: Timestamp) -> Option<PlannedMail> {
        let composed = self
            .composer
            .compose_digest(&draft.reader, &draft.digest, now);
        match composed {
            Ok(mail) => Some(PlannedMail {
                event: None,
                tells: Vec::new(),
                mail,
            }),
            Err(error) => {
                tracing::warn!(%error, "somebody gets no digest");
                None
            }
        }
    }

    async fn drafts(
        &self,
        settings: &DigestSettings,
        from: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<Draft>, OutboxError> {
        let quiet = Quiet {
            silences: self.ledger.silences(now).await?,
            windows: self.policy.windows.clone(),
        };
        let mut drafts = self.empty_drafts(settings, &quiet, from, now).await?;
        let mut last = JobId(0);
        loop {
            let jobs = self.ledger.jobs_after(last, JOBS).await?;
            let Some(end) = jobs.last().map(|job| job.id) else {
                return Ok(drafts);
            };
            let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
            let incidents = self.ledger.incidents_since(&ids, from).await?;
            for job in &jobs {
                self.note(job, &incidents, &quiet, &mut drafts);
            }
            last = end;
        }
    }

    async fn empty_drafts(
        &self,
        settings: &DigestSettings,
        quiet: &Quiet,
        from: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<Draft>, OutboxError> {
        let administrators: Vec<String> = self.composer.administrators().collect();
        let of_administrators: BTreeSet<String> =
            administrators.iter().map(|one| recipient_of(one)).collect();
        let readers = if settings.recipients.is_empty() {
            &administrators
        } else {
            &settings.recipients
        };
        let keys: Vec<String> = readers.iter().map(|reader| recipient_of(reader)).collect();
        let states = self.ledger.reader_states(&keys, now).await?;
        let states: BTreeMap<String, _> = states.into_iter().collect();
        let waiting = self.ledger.waiting_mails().await?;
        // What was written a moment ago is on its way.
        let is_late = |since: &Timestamp| since.duration_until(self.clock.now()) > ON_ITS_WAY;
        let late = waiting.oldest_planned_at.filter(is_late);
        let waiting = late.map(|since| WaitingMails {
            count: waiting.waiting,
            since,
        });
        let ending = ending_silences(quiet, settings.period, now);
        let drafts = readers.iter().zip(keys).map(|(reader, key)| {
            let is_administrator = of_administrators.contains(&key);
            let of_all = |list: &[EndingSilence]| -> Vec<EndingSilence> {
                // What others asked for may name others' jobs.
                if is_administrator {
                    list.to_vec()
                } else {
                    Vec::new()
                }
            };
            Draft {
                reader: reader.clone(),
                is_administrator,
                digest: Digest {
                    ending_silences: of_all(&ending),
                    waiting: waiting.filter(|_| is_administrator),
                    held_back: states.get(&key).map_or(0, |state| state.held_back),
                    ..Digest::empty(settings.period, from, now)
                },
            }
        });
        Ok(drafts.collect())
    }

    fn note(
        &self,
        job: &ExpectedBackupJob,
        incidents: &[Incident],
        quiet: &Quiet,
        drafts: &mut [Draft],
    ) {
        let is_for_all = drafts.iter().all(|draft| draft.is_administrator);
        let readers = if is_for_all {
            Vec::new()
        } else {
            self.routed(job, AlertSeverity::Critical).recipients
        };
        let readers: BTreeSet<String> = readers
            .iter()
            .map(|reader| recipient_of(&reader.address))
            .collect();
        let incidents = incidents.iter().filter(|incident| incident.job == job.id);
        let incidents: Vec<&Incident> = incidents.collect();
        for draft in drafts {
            if draft.is_administrator || readers.contains(&recipient_of(&draft.reader)) {
                draft.note(job, &incidents, quiet);
            }
        }
    }
}

impl Draft {
    fn note(&mut self, job: &ExpectedBackupJob, incidents: &[&Incident], quiet: &Quiet) {
        let digest = &mut self.digest;
        if !job.is_watched() {
            // What is retired is nobody's affair any more.
            digest.at_rest += u64::from(job.retired_at.is_none());
            return;
        }
        digest.count(job.current_status);
        let named = || DigestJob::from(job);
        for incident in incidents {
            match (incident.closed_at, job.current_status) {
                (Some(closed_at), JobStatus::Ok) => digest.recovered.push(RecoveredJob {
                    job: named(),
                    opened_at: incident.opened_at,
                    closed_at,
                }),
                (Some(_), _) => {}
                (None, _) => {
                    let subject = Subject::of(job, AlertSeverity::Critical);
                    digest.wrong.push(WrongJob {
                        job: named(),
                        status: job.current_status,
                        since: incident.opened_at,
                        last_good_at: job.last_success_at(),
                        acknowledged_by: incident.acknowledged.as_ref().map(|of| of.by.clone()),
                        is_silenced: quiet.until(&subject, digest.until).is_some(),
                    });
                }
            }
        }
        for warning in &job.warnings {
            match warning {
                Warning::Unchanged { since, .. } => digest.unchanged.push(UnchangedJob {
                    job: named(),
                    since: *since,
                }),
                Warning::SizeOutOfBand {
                    size,
                    low,
                    high,
                    median,
                    ..
                } => digest.jumped.push(JumpedSize {
                    job: named(),
                    size: *size,
                    low: *low,
                    high: *high,
                    median: *median,
                }),
                Warning::ArrivingLater { .. }
                | Warning::StagesRetried { .. }
                | Warning::ClockAhead { .. } => {}
            }
        }
        if self.is_administrator && !job.declared && job.known_since > digest.from {
            digest.undeclared.push(UndeclaredJob {
                agent: job.agent.clone(),
                database: job.database.clone(),
                known_since: job.known_since,
            });
        }
    }
}

/// The silences that end in the next two days, or before the next digest but one when that is in a week.
fn ending_silences(quiet: &Quiet, period: DigestPeriod, now: Timestamp) -> Vec<EndingSilence> {
    let ahead = match period {
        DigestPeriod::Daily => SignedDuration::from_hours(48),
        DigestPeriod::Weekly => SignedDuration::from_hours(8 * 24),
    };
    let ending = quiet.silences.iter().filter(|silence| {
        silence.is_active_at(now) && now.duration_until(silence.ends_at) <= ahead
    });
    let ending = ending.map(|silence| EndingSilence {
        matches: silence.matchers.to_string(),
        reason: silence.reason.clone(),
        author: silence.author.clone(),
        ends_at: silence.ends_at,
    });
    ending.collect()
}
