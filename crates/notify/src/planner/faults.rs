//! The mails that tell administrators of a fault of the whole system. Knows no job.

use jiff::Timestamp;

use super::Planner;
use crate::fault::FAULT_MEMORY;
use crate::{Clock, CycleFacts, Ledger, OutboxError, Plan, PlannedMail, watch};

impl<L: Ledger, C: Clock> Planner<L, C> {
    /// Tells of faults; how many mails that makes, and whether one is over.
    pub(super) async fn plan_faults(
        &self,
        now: Timestamp,
        facts: &CycleFacts,
    ) -> Result<(u64, bool), OutboxError> {
        let since = now.saturating_sub(FAULT_MEMORY).unwrap_or(Timestamp::MIN);
        let recent = self.ledger.faults_since(since).await?;
        let changed = watch(&recent, facts, now, &self.policy.reminders);
        if changed.is_empty() {
            return Ok((0, false));
        }
        let administrators: Vec<String> = self.composer.administrators().collect();
        if administrators.is_empty() {
            tracing::warn!(
                "nobody is told of a fault of the whole system; set `admin_email_recipient`"
            );
        }
        let mut plan = Plan {
            planned_at: self.clock.now(),
            ..Plan::default()
        };
        let mut is_back = false;
        for (record, outage) in changed {
            is_back |= record.closed_at.is_some();
            plan.faults.push(record);
            let Some(outage) = outage else {
                continue;
            };
            let mails = self
                .composer
                .compose_outage(&administrators, &outage, &[], now);
            plan.mails.extend(mails.into_iter().map(|mail| PlannedMail {
                event: None,
                tells: Vec::new(),
                mail,
            }));
        }
        self.ledger.plan(&plan).await?;
        Ok((plan.mails.len() as u64, is_back))
    }
}
