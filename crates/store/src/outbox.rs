//! The mails that wait to be sent, on SQLite.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::json;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use vigie_notify::{
    Attempt, Backlog, Delivery, DeliveryId, EventId, LONGEST_DELAY, Lease, Mail, Outbox,
    OutboxError, Outcome,
};

use crate::SqliteStore;
use crate::error::Fault;
use crate::job_rows::{json, json_of, optional_instant_of};
use crate::many_rows;

const CLAIM: &str = "\
    UPDATE deliveries SET lease_holder = ?1, due_at = ?2 WHERE id IN ( \
        SELECT id FROM deliveries WHERE state = 'waiting' AND due_at <= ?3 \
        AND recipient NOT IN (SELECT value FROM json_each(?4)) \
        ORDER BY due_at, id LIMIT ?5) \
    RETURNING id, attempts, deferrals, \
        (SELECT mail FROM mails WHERE delivery_id = deliveries.id) AS mail";

/// What is due so late that a clock must have been put back. Asked apart, as one search for both would
/// sort all that waits.
const CLAIM_TOO_LATE: &str = "\
    UPDATE deliveries SET lease_holder = ?1, due_at = ?2 WHERE id IN ( \
        SELECT id FROM deliveries WHERE state = 'waiting' AND due_at > ?3 \
        AND recipient NOT IN (SELECT value FROM json_each(?4)) \
        ORDER BY due_at, id LIMIT ?5) \
    RETURNING id, attempts, deferrals, \
        (SELECT mail FROM mails WHERE delivery_id = deliveries.id) AS mail";

const RECORD: &str = "\
    UPDATE deliveries SET \
        state = ended.value ->> 'state', \
        due_at = ended.value ->> 'due_at', \
        lease_holder = NULL, \
        attempts = attempts + (ended.value ->> 'tried'), \
        deferrals = deferrals + (ended.value ->> 'deferred'), \
        last_attempt_at = iif(ended.value ->> 'tried', ended.value ->> 'at', last_attempt_at), \
        last_error = iif(ended.value ->> 'tried', ended.value ->> 'error', last_error), \
        taken_by = ended.value ->> 'taken_by', \
        answer = ended.value ->> 'answer' \
    FROM json_each(?1) AS ended \
    WHERE deliveries.id = ended.value ->> 'id' AND ( \
        state = 'waiting' AND lease_holder = ?2 \
        OR state IN ('waiting', 'dropped') AND ended.value ->> 'state' = 'sent')";

/// Many may wait, and few of them are claimed.
const RENEW: &str = "UPDATE deliveries SET due_at = ? WHERE state = 'waiting' AND lease_holder = ?";

#[async_trait]
impl Outbox for SqliteStore {
    async fn claim(
        &self,
        now: Timestamp,
        lease: &Lease,
        except: &[String],
        limit: u32,
    ) -> Result<Vec<Delivery>, OutboxError> {
        let claimed = self.claim_both(now, lease, except, limit).await;
        claimed.map_err(|fault| OutboxError::new("claim the mails that are due", fault))
    }

    async fn renew(&self, lease: &Lease) -> Result<(), OutboxError> {
        let query = sqlx::query(RENEW)
            .bind(lease.until.as_microsecond())
            .bind(&lease.holder);
        match query.execute(&self.writer).await {
            Ok(_) => Ok(()),
            Err(error) => Err(OutboxError::new("hold on to the mails in hand", error)),
        }
    }

    async fn record(&self, holder: &str, attempts: &[Attempt]) -> Result<(), OutboxError> {
        let ended: Vec<serde_json::Value> = attempts.iter().map(row_of).collect();
        let query = sqlx::query(RECORD)
            .bind(json!(ended).to_string())
            .bind(holder);
        match query.execute(&self.writer).await {
            Ok(_) => Ok(()),
            Err(error) => Err(OutboxError::new("record what became of mails", error)),
        }
    }

    async fn backlog(&self) -> Result<Backlog, OutboxError> {
        let select = "SELECT count(*) AS waiting, min(planned_at) AS oldest FROM deliveries \
                      WHERE state = 'waiting'";
        let row = sqlx::query(select).fetch_one(&self.pool).await;
        let backlog = row.map_err(Fault::from).and_then(|row| {
            Ok(Backlog {
                waiting: row.try_get::<i64, _>("waiting")?.unsigned_abs(),
                oldest_planned_at: optional_instant_of(&row, "oldest")?,
            })
        });
        backlog.map_err(|fault| OutboxError::new("count the mails that wait", fault))
    }

    async fn count_sent_since(&self, since: Timestamp) -> Result<u64, OutboxError> {
        let count = "SELECT count(*) FROM deliveries WHERE state = 'sent' AND last_attempt_at >= ?";
        let query = sqlx::query_scalar(count).bind(since.as_microsecond());
        let sent: Result<i64, _> = query.fetch_one(&self.pool).await;
        match sent {
            Ok(sent) => Ok(sent.unsigned_abs()),
            Err(error) => Err(OutboxError::new("count the mails that were sent", error)),
        }
    }
}

impl SqliteStore {
    /// What is due and what is due too late, or neither: who is told of an error does not know what to
    /// give back.
    async fn claim_both(
        &self,
        now: Timestamp,
        lease: &Lease,
        except: &[String],
        limit: u32,
    ) -> Result<Vec<Delivery>, Fault> {
        let except = json!(except).to_string();
        let latest = now.saturating_add(LONGEST_DELAY).unwrap_or(Timestamp::MAX);
        let mut transaction = self.begin().await?;
        let mut claimed = Vec::new();
        for (claim, due_at) in [(CLAIM, now), (CLAIM_TOO_LATE, latest)] {
            let left = limit.saturating_sub(u32::try_from(claimed.len()).unwrap_or(limit));
            if left == 0 {
                break;
            }
            let query = sqlx::query(claim)
                .bind(&lease.holder)
                .bind(lease.until.as_microsecond())
                .bind(due_at.as_microsecond())
                .bind(&except)
                .bind(left);
            claimed.extend(readable(&query.fetch_all(&mut *transaction).await?));
        }
        transaction.commit().await?;
        Ok(claimed)
    }
}

pub(crate) struct NewDelivery<'a> {
    pub(crate) event: Option<EventId>,
    pub(crate) mail: &'a Mail,
}

pub(crate) async fn insert_deliveries(
    connection: &mut SqliteConnection,
    mails: impl Iterator<Item = NewDelivery<'_>>,
    planned_at: Timestamp,
) -> Result<Vec<DeliveryId>, Fault> {
    let planned_at = planned_at.as_microsecond();
    // The transaction keeps others from taking the same numbers.
    let last = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'deliveries'";
    let last: i64 = sqlx::query_scalar(last).fetch_one(&mut *connection).await?;
    let mails: Vec<_> = (last + 1..).zip(mails).collect();
    for mails in many_rows::chunks(&mails) {
        let insert = "INSERT INTO deliveries (id, event_id, recipient, message_id, state, dated_at, \
                      planned_at, due_at) VALUES ";
        let mut query = sqlx::query(many_rows::statement(insert, 8, mails.len(), ""));
        for (id, planned) in mails {
            let NewDelivery { event, mail } = planned;
            query = query
                .bind(id)
                .bind(event.map(|event| event.0))
                .bind(mail.recipient())
                .bind(&mail.message_id)
                .bind("waiting")
                .bind(mail.date.as_microsecond())
                .bind(planned_at)
                .bind(planned_at);
        }
        query.execute(&mut *connection).await?;
        let insert = "INSERT INTO mails (delivery_id, mail) VALUES ";
        let mut query = sqlx::query(many_rows::statement(insert, 2, mails.len(), ""));
        for (id, planned) in mails {
            query = query.bind(id).bind(json("mail", planned.mail)?);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(mails.into_iter().map(|(id, _)| DeliveryId(id)).collect())
}

/// One row that can't be read keeps no other mail from being sent; it comes up again when its lease
/// runs out.
fn readable(rows: &[SqliteRow]) -> Vec<Delivery> {
    let mut deliveries = Vec::with_capacity(rows.len());
    for row in rows {
        match delivery_of(row) {
            Ok(delivery) => deliveries.push(delivery),
            Err(fault) => tracing::error!(error = %fault, "a mail in the database can't be read"),
        }
    }
    deliveries.sort_by_key(|delivery| delivery.id);
    deliveries
}

fn delivery_of(row: &SqliteRow) -> Result<Delivery, Fault> {
    Ok(Delivery {
        id: DeliveryId(row.try_get("id")?),
        mail: json_of(row, "mail")?,
        attempts: row.try_get("attempts")?,
        deferrals: row.try_get("deferrals")?,
    })
}

/// What [`RECORD`] reads of an attempt.
fn row_of(attempt: &Attempt) -> serde_json::Value {
    let at = attempt.at.as_microsecond();
    let (state, error, due_at) = match &attempt.outcome {
        Outcome::Sent(_) => ("sent", None, at),
        Outcome::Deferred { error, due_at } => ("waiting", Some(error), due_at.as_microsecond()),
        Outcome::Unreached { error } => ("waiting", Some(error), at),
        Outcome::Dead { error } => ("dead", Some(error), at),
        Outcome::Released => ("waiting", None, at),
    };
    let receipt = match &attempt.outcome {
        Outcome::Sent(receipt) => Some(receipt),
        _ => None,
    };
    json!({
        "id": attempt.delivery.0,
        "state": state,
        "at": at,
        "due_at": due_at,
        "tried": i32::from(attempt.outcome != Outcome::Released),
        "deferred": i32::from(matches!(attempt.outcome, Outcome::Deferred { .. })),
        "error": error,
        "taken_by": receipt.map(|receipt| &receipt.by),
        "answer": receipt.map(|receipt| &receipt.answer),
    })
}

pub(crate) fn read<T>(
    rows: Result<Vec<SqliteRow>, sqlx::Error>,
    of: impl Fn(&SqliteRow) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    rows?.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_plan::{query_plan, searches, sorts};

    /// A million mails that were sent must cost those that wait nothing.
    #[tokio::test]
    async fn mails_are_looked_up_and_not_searched_for() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("vigie.db"))
            .await
            .unwrap();
        for (statement, binds) in [(CLAIM, 5), (CLAIM_TOO_LATE, 5), (RECORD, 2), (RENEW, 2)] {
            let plan = query_plan(&store, statement, binds).await;
            assert_eq!(searches(&plan, &[]), [""; 0], "{statement}: {plan:#?}");
            assert_eq!(sorts(&plan), 0, "{statement}: {plan:#?}");
        }
    }

    #[tokio::test]
    async fn a_claim_that_fails_claims_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("vigie.db"))
            .await
            .unwrap();
        for statement in [
            "INSERT INTO events (at, type, agent, event) VALUES (0, 'X', 'A', '{}')",
            "INSERT INTO deliveries (event_id, recipient, message_id, state, planned_at, due_at) \
             VALUES (1, 'a', '<1>', 'waiting', 0, 0), \
             (1, 'a', '<2>', 'waiting', 0, 9000000000000000)",
            "CREATE TRIGGER full BEFORE UPDATE ON deliveries WHEN old.id = 2 \
             BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
        ] {
            sqlx::query(statement).execute(&store.writer).await.unwrap();
        }
        let lease = Lease {
            holder: "me".to_owned(),
            until: Timestamp::UNIX_EPOCH,
        };
        let now = Timestamp::UNIX_EPOCH;
        store.claim(now, &lease, &[], 10).await.unwrap_err();
        let count = "SELECT count(*) FROM deliveries WHERE lease_holder IS NOT NULL";
        let claimed: i64 = sqlx::query_scalar(count)
            .fetch_one(&store.pool)
            .await
            .unwrap();
        assert_eq!(claimed, 0);
    }
}
