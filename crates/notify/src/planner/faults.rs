//! The mails that tell administrators of a fault of the whole system. Knows no job.

use jiff::Timestamp;

use super::Planner;
use crate::{Clock, CycleFacts, Ledger, OutboxError, Plan, PlannedMail, watch};

impl<L: Ledger, C: Clock> Planner<L, C> {
    pub(super) async fn plan_faults(
        &self,
        now: Timestamp,
        facts: &CycleFacts,
    ) -> Result<u64, OutboxError> {
        let open = self.ledger.open_faults().await?;
        let changed = watch(&open, facts, now, &self.policy.reminders);
        if changed.is_empty() {
            return Ok(0);
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
        for (record, outage) in changed {
            let mails = self
                .composer
                .compose_outage(&administrators, &outage, &[], now);
            plan.mails.extend(mails.into_iter().map(|mail| PlannedMail {
                event: None,
                tells: Vec::new(),
                mail,
            }));
            plan.faults.push(record);
        }
        self.ledger.plan(&plan).await?;
        Ok(plan.mails.len() as u64)
    }
}
