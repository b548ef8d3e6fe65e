//! What the planner of mails reads and keeps, on SQLite.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::json;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use vigie_domain::{DomainEvent, ExpectedBackupJob, JobId};
use vigie_notify::{
    Backlog, DeadDelivery, DeliveryId, EventId, FaultRecord, Incident, Ledger, Mail,
    NotificationDetail, NotificationId, OpenIncident, Outbox, OutboxError, PendingNotification,
    Plan, ReaderState, Silence,
};

use crate::error::Fault;
use crate::event_rows::event_of;
use crate::job_rows::{instant_of, json_of};
use crate::outbox::{NewDelivery, insert_deliveries, read};
use crate::{SqliteStore, digests, faults, incidents, notifications};

/// Who was sent a mail of the same event that tells of all jobs that the dead one tells of.
macro_rules! select_others {
    ($what:literal) => {
        concat!(
            "SELECT ",
            $what,
            " FROM deliveries AS other JOIN mails ON delivery_id = other.id \
              WHERE other.event_id = dead.event_id AND other.recipient <> dead.recipient \
              AND other.state IN ('waiting', 'sent') AND NOT EXISTS ( \
                  SELECT 1 FROM notifications AS untold WHERE untold.delivery_id = dead.id \
                  AND untold.job_id NOT IN ( \
                      SELECT job_id FROM notifications WHERE delivery_id = other.id))"
        )
    };
}

/// Left to itself, SQLite would walk over all mails in the order of their numbers.
const UNTOLD_DEAD: &str = concat!(
    "SELECT id, last_attempt_at, last_error, \
        (SELECT mail FROM mails WHERE delivery_id = dead.id) AS mail, (",
    select_others!("json_group_array(DISTINCT mail ->> 'to')"),
    ") AS others \
     FROM deliveries AS dead INDEXED BY deliveries_untold \
     WHERE state = 'dead' AND told_at IS NULL AND event_id IS NOT NULL AND NOT (EXISTS ( \
        SELECT 1 FROM deliveries AS told \
        WHERE told.recipient = dead.recipient AND told.told_at > ?1 AND told.told_at < ?2) \
        AND EXISTS (",
    select_others!("1"),
    ")) ORDER BY id LIMIT ?3"
);

/// However many events there are that are no news, they are not walked over.
const UNPLANNED: &str = "\
    SELECT events.id, event, entry AS event_entry FROM events INDEXED BY events_news \
    LEFT JOIN entries ON entries.id = entry_id \
    WHERE is_news AND events.id > (SELECT position FROM consumers WHERE name = 'mail') \
    ORDER BY events.id LIMIT ?";

#[async_trait]
impl Ledger for SqliteStore {
    async fn unplanned_events(
        &self,
        limit: u32,
    ) -> Result<Vec<(EventId, DomainEvent)>, OutboxError> {
        let query = sqlx::query(UNPLANNED).bind(limit);
        let events = read(query.fetch_all(&self.pool).await, |row| {
            Ok((EventId(row.try_get("id")?), event_of(row)?))
        });
        events.map_err(|fault| OutboxError::new("read the events that ask for mails", fault))
    }

    async fn open_incidents(&self, jobs: &[JobId]) -> Result<Vec<OpenIncident>, OutboxError> {
        let open = incidents::open_of(&self.pool, jobs).await;
        open.map_err(|fault| OutboxError::new("read the incidents of jobs", fault))
    }

    async fn incidents_to_remind(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<OpenIncident>, OutboxError> {
        let due = incidents::to_remind(&self.pool, now, limit).await;
        due.map_err(|fault| OutboxError::new("read the incidents to remind of", fault))
    }

    async fn pending_notifications(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<PendingNotification>, OutboxError> {
        let pending = notifications::pending(&self.pool, now, limit).await;
        pending.map_err(|fault| OutboxError::new("read what people are to be told", fault))
    }

    async fn notification_details(
        &self,
        ids: &[NotificationId],
    ) -> Result<Vec<NotificationDetail>, OutboxError> {
        let details = notifications::details(&self.pool, ids).await;
        details.map_err(|fault| OutboxError::new("read what mails are to tell", fault))
    }

    async fn reader_states(
        &self,
        readers: &[String],
        now: Timestamp,
    ) -> Result<Vec<(String, ReaderState)>, OutboxError> {
        let states = notifications::states(&self.pool, readers, now).await;
        states.map_err(|fault| OutboxError::new("count the mails to readers", fault))
    }

    async fn silences(&self, now: Timestamp) -> Result<Vec<Silence>, OutboxError> {
        let silences = self.active_silences(now).await;
        silences.map_err(|error| OutboxError::new("read the silences", error))
    }

    async fn watched_jobs(&self) -> Result<u64, OutboxError> {
        let count = "SELECT count(*) FROM jobs \
                     WHERE active AND pause IS NULL AND retired_at IS NULL";
        let watched: Result<i64, _> = sqlx::query_scalar(count).fetch_one(&self.pool).await;
        match watched {
            Ok(watched) => Ok(watched.unsigned_abs()),
            Err(error) => Err(OutboxError::new("count the jobs", error)),
        }
    }

    async fn last_digest(&self) -> Result<Option<Timestamp>, OutboxError> {
        let last = digests::last(&self.pool).await;
        last.map_err(|fault| OutboxError::new("look up the last digest", fault))
    }

    async fn jobs(&self, jobs: &[JobId]) -> Result<Vec<ExpectedBackupJob>, OutboxError> {
        let jobs = digests::jobs(&self.pool, jobs).await;
        jobs.map_err(|fault| OutboxError::new("read the jobs to remind of", fault))
    }

    async fn jobs_after(
        &self,
        last: JobId,
        limit: u32,
    ) -> Result<Vec<ExpectedBackupJob>, OutboxError> {
        let jobs = digests::jobs_after(&self.pool, last, limit).await;
        jobs.map_err(|fault| OutboxError::new("read the jobs for digests", fault))
    }

    async fn incidents_since(
        &self,
        jobs: &[JobId],
        since: Timestamp,
    ) -> Result<Vec<Incident>, OutboxError> {
        let incidents = incidents::since(&self.pool, jobs, since).await;
        incidents.map_err(|fault| OutboxError::new("read the incidents for digests", fault))
    }

    async fn waiting_mails(&self) -> Result<Backlog, OutboxError> {
        self.backlog().await
    }

    async fn faults_since(&self, since: Timestamp) -> Result<Vec<FaultRecord>, OutboxError> {
        let recent = faults::since(&self.pool, since).await;
        recent.map_err(|fault| OutboxError::new("read the faults of the system", fault))
    }

    async fn plan(&self, plan: &Plan) -> Result<(), OutboxError> {
        let planned = self.insert_plan(plan).await;
        planned.map_err(|fault| OutboxError::new("keep the mails to be sent", fault))
    }

    async fn untold_dead(
        &self,
        since: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<DeadDelivery>, OutboxError> {
        let query = sqlx::query(UNTOLD_DEAD)
            .bind(since.as_microsecond())
            .bind(now.as_microsecond())
            .bind(limit);
        let dead = read(query.fetch_all(&self.pool).await, dead_of);
        dead.map_err(|fault| OutboxError::new("read the mails that were refused", fault))
    }

    async fn plan_notices(
        &self,
        told: &[DeliveryId],
        mails: &[Mail],
        planned_at: Timestamp,
    ) -> Result<(), OutboxError> {
        let planned = self.insert_notices(told, mails, planned_at).await;
        planned.map_err(|fault| OutboxError::new("keep the mails about refused mails", fault))
    }
}

impl SqliteStore {
    async fn insert_plan(&self, plan: &Plan) -> Result<(), Fault> {
        let mut transaction = self.begin().await?;
        incidents::upsert(&mut transaction, &plan.incidents).await?;
        let closed = plan.incidents.iter().map(|(incident, _)| incident);
        let closed = closed.filter(|incident| incident.closed_at.is_some());
        let closed: Vec<_> = closed.map(Incident::key).collect();
        notifications::close(&mut transaction, &closed).await?;
        notifications::ask(&mut transaction, &plan.asked, plan.planned_at).await?;
        let mails = plan.mails.iter().map(|planned| NewDelivery {
            event: planned.event,
            mail: &planned.mail,
        });
        let ids = insert_deliveries(&mut transaction, mails, plan.planned_at).await?;
        let told = plan.mails.iter().zip(ids);
        let told = told.flat_map(|(mail, id)| mail.tells.iter().map(move |told| (*told, id)));
        notifications::tell(&mut transaction, &told.collect::<Vec<_>>()).await?;
        notifications::hold(&mut transaction, &plan.held).await?;
        notifications::drop(&mut transaction, &plan.dropped).await?;
        faults::upsert(&mut transaction, &plan.faults).await?;
        if let Some(written_at) = plan.digest_at {
            digests::record(&mut transaction, written_at).await?;
        }
        if let Some(up_to) = plan.up_to {
            sqlx::query("UPDATE consumers SET position = ?1 WHERE name = 'mail' AND position < ?1")
                .bind(up_to.0)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    async fn insert_notices(
        &self,
        told: &[DeliveryId],
        mails: &[Mail],
        planned_at: Timestamp,
    ) -> Result<(), Fault> {
        let mut transaction = self.begin().await?;
        let mails = mails.iter().map(|mail| NewDelivery { event: None, mail });
        insert_deliveries(&mut transaction, mails, planned_at).await?;
        let told: Vec<i64> = told.iter().map(|delivery| delivery.0).collect();
        sqlx::query(
            "UPDATE deliveries SET told_at = ? WHERE id IN (SELECT value FROM json_each(?))",
        )
        .bind(planned_at.as_microsecond())
        .bind(json!(told).to_string())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }
}

fn dead_of(row: &SqliteRow) -> Result<DeadDelivery, Fault> {
    Ok(DeadDelivery {
        id: DeliveryId(row.try_get("id")?),
        mail: json_of(row, "mail")?,
        died_at: instant_of(row, "last_attempt_at")?,
        error: row.try_get("last_error")?,
        others: json_of(row, "others")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_plan::{query_plan, searches};

    /// A million incidents and notifications of before must cost those of now nothing.
    #[tokio::test]
    async fn what_is_to_be_told_is_looked_up_and_not_searched_for() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("vigie.db"))
            .await
            .unwrap();
        let statements = [(UNTOLD_DEAD, 3), (UNPLANNED, 1), (faults::SINCE, 1)]
            .into_iter()
            .chain(notifications::STATEMENTS)
            .chain(incidents::STATEMENTS);
        for (statement, values) in statements {
            let plan = query_plan(&store, statement, values).await;
            let small = ["deliveries_untold", "notifications_pending", "faults_open"];
            assert_eq!(searches(&plan, &small), [""; 0], "{statement}: {plan:#?}");
        }
    }
}
