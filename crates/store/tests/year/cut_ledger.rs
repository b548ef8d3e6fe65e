//! A ledger that now and then fails, before it has done its part or after, as a program that is killed
//! sees it. Tells the account what was kept.

use std::sync::{Arc, Mutex};

use fastrand::Rng;
use jiff::Timestamp;
use vigie_domain::{DomainEvent, ExpectedBackupJob, JobId};
use vigie_notify::{
    Backlog, DeadDelivery, DeliveryId, EventId, FaultRecord, Incident, Ledger, Mail,
    NotificationDetail, NotificationId, OpenIncident, OutboxError, PendingNotification, Plan,
    ReaderState, Silence, async_trait,
};
use vigie_store::SqliteStore;

use crate::account::Account;

/// One of so many calls fails.
const CUTS: u32 = 2_000;

pub struct CutLedger {
    pub store: SqliteStore,
    pub account: Arc<Mutex<Account>>,
    pub rng: Arc<Mutex<Rng>>,
}

impl CutLedger {
    fn cut(&self) -> Result<(), OutboxError> {
        if self.rng.lock().unwrap().u32(0..CUTS) == 0 {
            return Err(OutboxError::new("go on", "the program was killed"));
        }
        Ok(())
    }
}

#[async_trait]
impl Ledger for CutLedger {
    async fn unplanned_events(
        &self,
        limit: u32,
    ) -> Result<Vec<(EventId, DomainEvent)>, OutboxError> {
        self.cut()?;
        self.store.unplanned_events(limit).await
    }

    async fn open_incidents(&self, jobs: &[JobId]) -> Result<Vec<OpenIncident>, OutboxError> {
        self.cut()?;
        self.store.open_incidents(jobs).await
    }

    async fn incidents_to_remind(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<OpenIncident>, OutboxError> {
        self.cut()?;
        self.store.incidents_to_remind(now, limit).await
    }

    async fn pending_notifications(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<PendingNotification>, OutboxError> {
        self.cut()?;
        let pending = self.store.pending_notifications(now, limit).await?;
        self.account.lock().unwrap().know(&pending);
        Ok(pending)
    }

    async fn notification_details(
        &self,
        ids: &[NotificationId],
    ) -> Result<Vec<NotificationDetail>, OutboxError> {
        self.cut()?;
        self.store.notification_details(ids).await
    }

    async fn reader_states(
        &self,
        readers: &[String],
        now: Timestamp,
    ) -> Result<Vec<(String, ReaderState)>, OutboxError> {
        self.cut()?;
        self.store.reader_states(readers, now).await
    }

    async fn silences(&self, now: Timestamp) -> Result<Vec<Silence>, OutboxError> {
        self.cut()?;
        self.store.silences(now).await
    }

    async fn watched_jobs(&self) -> Result<u64, OutboxError> {
        self.store.watched_jobs().await
    }

    async fn last_digest(&self) -> Result<Option<Timestamp>, OutboxError> {
        self.cut()?;
        self.store.last_digest().await
    }

    async fn jobs(&self, jobs: &[JobId]) -> Result<Vec<ExpectedBackupJob>, OutboxError> {
        self.cut()?;
        self.store.jobs(jobs).await
    }

    async fn jobs_after(
        &self,
        last: JobId,
        limit: u32,
    ) -> Result<Vec<ExpectedBackupJob>, OutboxError> {
        self.cut()?;
        self.store.jobs_after(last, limit).await
    }

    async fn incidents_since(
        &self,
        jobs: &[JobId],
        since: Timestamp,
    ) -> Result<Vec<Incident>, OutboxError> {
        self.cut()?;
        self.store.incidents_since(jobs, since).await
    }

    async fn waiting_mails(&self) -> Result<Backlog, OutboxError> {
        self.cut()?;
        self.store.waiting_mails().await
    }

    async fn faults_since(&self, since: Timestamp) -> Result<Vec<FaultRecord>, OutboxError> {
        self.cut()?;
        self.store.faults_since(since).await
    }

    async fn plan(&self, plan: &Plan) -> Result<(), OutboxError> {
        self.cut()?;
        self.store.plan(plan).await?;
        self.account.lock().unwrap().keep(plan);
        self.cut()
    }

    async fn untold_dead(
        &self,
        since: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<DeadDelivery>, OutboxError> {
        self.cut()?;
        self.store.untold_dead(since, now, limit).await
    }

    async fn plan_notices(
        &self,
        told: &[DeliveryId],
        mails: &[Mail],
        planned_at: Timestamp,
    ) -> Result<(), OutboxError> {
        self.cut()?;
        self.store.plan_notices(told, mails, planned_at).await?;
        self.account.lock().unwrap().keep_notices(mails);
        self.cut()
    }
}
