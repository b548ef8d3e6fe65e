//! The mails that tell administrators of a fault of the whole system. Knows no job.

use jiff::Timestamp;

use super::Planner;
use crate::fault::{FAULT_MEMORY, watch_validated};
use crate::{
    Clock, CycleFacts, FaultRecord, Ledger, Outage, OutboxError, Plan, PlannedMail, SystemFault,
    TreeState, watch,
};

impl<L: Ledger, C: Clock> Planner<L, C> {
    /// Tells of faults; how many mails that makes, and whether one is over.
    pub(super) async fn plan_faults(
        &self,
        now: Timestamp,
        facts: &CycleFacts,
    ) -> Result<(u64, bool), OutboxError> {
        let recent = self.recent_faults(now).await?;
        let changed = watch(&recent, facts, now, &self.policy.reminders);
        self.plan_changed(changed, now).await
    }

    /// The same of the validated tree alone; how many mails that makes.
    pub(super) async fn plan_validated(
        &self,
        now: Timestamp,
        state: &TreeState,
    ) -> Result<u64, OutboxError> {
        let recent = self.recent_faults(now).await?;
        let changed = watch_validated(&recent, state, now, &self.policy.reminders);
        let (mails, _) = self
            .plan_changed(changed.into_iter().collect(), now)
            .await?;
        Ok(mails)
    }

    async fn recent_faults(&self, now: Timestamp) -> Result<Vec<FaultRecord>, OutboxError> {
        let since = now.saturating_sub(FAULT_MEMORY).unwrap_or(Timestamp::MIN);
        self.ledger.faults_since(since).await
    }

    async fn plan_changed(
        &self,
        changed: Vec<(FaultRecord, Option<Outage>)>,
        now: Timestamp,
    ) -> Result<(u64, bool), OutboxError> {
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
            // Cycles go on without the validated tree being looked at.
            let is_of_cycles = !matches!(record.fault, SystemFault::ValidatedUnreachable { .. });
            is_back |= record.closed_at.is_some() && is_of_cycles;
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
