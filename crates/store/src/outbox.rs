//! The outbox of the mails on SQLite.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use vigie_domain::DomainEvent;
use vigie_notify::{Delivery, DeliveryId, EventId, Mail, Outbox, OutboxError, PlannedMail};

use crate::SqliteStore;
use crate::error::Fault;
use crate::job_rows::{json, json_of};

#[async_trait]
impl Outbox for SqliteStore {
    async fn unplanned_events(
        &self,
        limit: u32,
    ) -> Result<Vec<(EventId, DomainEvent)>, OutboxError> {
        let select = "SELECT id, event FROM events \
                      WHERE id > (SELECT position FROM consumers WHERE name = 'mail') \
                      ORDER BY id LIMIT ?";
        let rows = sqlx::query(select).bind(limit).fetch_all(&self.pool).await;
        let events = read(rows, |row| {
            Ok((EventId(row.try_get("id")?), json_of(row, "event")?))
        });
        events.map_err(|fault| OutboxError::new("read the events that ask for mails", fault))
    }

    async fn plan(&self, up_to: EventId, mails: &[PlannedMail]) -> Result<(), OutboxError> {
        let planned = self.insert_deliveries(up_to, mails).await;
        planned.map_err(|fault| OutboxError::new("keep the mails to be sent", fault))
    }

    async fn waiting_deliveries(
        &self,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> Result<Vec<Delivery>, OutboxError> {
        let select = "SELECT id, mail, attempts FROM deliveries \
                      WHERE state = 'waiting' AND id > ? ORDER BY id LIMIT ?";
        let query = sqlx::query(select)
            .bind(after.map_or(0, |delivery| delivery.0))
            .bind(limit);
        let deliveries = read(query.fetch_all(&self.pool).await, |row| {
            Ok(Delivery {
                id: DeliveryId(row.try_get("id")?),
                mail: json_of::<Mail>(row, "mail")?,
                attempts: row.try_get("attempts")?,
            })
        });
        deliveries.map_err(|fault| OutboxError::new("read the mails that wait", fault))
    }

    async fn record_sent(&self, id: DeliveryId, at: Timestamp) -> Result<(), OutboxError> {
        let update = "UPDATE deliveries SET state = 'sent', attempts = attempts + 1, \
                      last_attempt_at = ?, last_error = NULL WHERE id = ?";
        let query = sqlx::query(update).bind(at.as_microsecond()).bind(id.0);
        match query.execute(&self.pool).await {
            Ok(_) => Ok(()),
            Err(error) => Err(OutboxError::new("record a mail as sent", error)),
        }
    }

    async fn record_failed(
        &self,
        id: DeliveryId,
        at: Timestamp,
        error: &str,
        is_permanent: bool,
    ) -> Result<(), OutboxError> {
        let update = "UPDATE deliveries SET state = ?, attempts = attempts + 1, \
                      last_attempt_at = ?, last_error = ? WHERE id = ?";
        let query = sqlx::query(update)
            .bind(if is_permanent { "dead" } else { "waiting" })
            .bind(at.as_microsecond())
            .bind(error)
            .bind(id.0);
        match query.execute(&self.pool).await {
            Ok(_) => Ok(()),
            Err(error) => Err(OutboxError::new("record a mail as not sent", error)),
        }
    }

    async fn count_waiting(&self) -> Result<u64, OutboxError> {
        let count = "SELECT count(*) FROM deliveries WHERE state = 'waiting'";
        let waiting: Result<i64, _> = sqlx::query_scalar(count).fetch_one(&self.pool).await;
        match waiting {
            Ok(waiting) => Ok(waiting.unsigned_abs()),
            Err(error) => Err(OutboxError::new("count the mails that wait", error)),
        }
    }
}

impl SqliteStore {
    async fn insert_deliveries(&self, up_to: EventId, mails: &[PlannedMail]) -> Result<(), Fault> {
        let mut transaction = self.begin().await?;
        for PlannedMail { event, mail } in mails {
            let insert = "INSERT INTO deliveries (event_id, recipient, message_id, mail, state) \
                          VALUES (?, ?, ?, ?, 'waiting')";
            sqlx::query(insert)
                .bind(event.0)
                .bind(&mail.to)
                .bind(&mail.message_id)
                .bind(json("mail", mail)?)
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query("UPDATE consumers SET position = ?1 WHERE name = 'mail' AND position < ?1")
            .bind(up_to.0)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }
}

fn read<T>(
    rows: Result<Vec<SqliteRow>, sqlx::Error>,
    of: impl Fn(&SqliteRow) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    rows?.iter().map(of).collect()
}
