//! What the program asks about mails on their way, and what people do about them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};
use vigie_notify::{DeliveryId, Mail};

use crate::SqliteStore;
use crate::error::{Doing, Fault, QueryError};
use crate::job_rows::{instant_of, json_of, optional_instant_of, word_of};

/// Where a mail is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// It waits to be tried, for the first time or again.
    Waiting,
    /// Somebody took it.
    Sent,
    /// It was refused for good.
    Dead,
    /// Somebody gave it up.
    Dropped,
}

impl DeliveryState {
    /// The state as it is written everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Dead => "dead",
            Self::Dropped => "dropped",
        }
    }
}

/// A mail on its way, with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// Its number.
    pub id: DeliveryId,
    /// Where it is.
    pub state: DeliveryState,
    /// The mail.
    pub mail: Mail,
    /// When it was left in the outbox.
    pub planned_at: Timestamp,
    /// When it may be tried, while it waits; when the claim on it runs out, while somebody sends it.
    pub due_at: Timestamp,
    /// Who is sending it.
    pub lease_holder: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was last tried.
    pub last_attempt_at: Option<Timestamp>,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// Who took it.
    pub taken_by: Option<String>,
    /// What was said when it was taken.
    pub answer: Option<String>,
}

/// Which mails are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// One of them.
    One(DeliveryId),
    /// All that were refused for good.
    Dead,
    /// All that wait.
    Waiting,
}

impl SqliteStore {
    /// The mails in these states, the newest first, at most `limit`.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn deliveries(
        &self,
        states: &[DeliveryState],
        limit: u32,
    ) -> Result<Vec<DeliveryRecord>, QueryError> {
        let mut records = Vec::new();
        for state in states {
            let select = select(&format!(
                "{} WHERE state = '{}' ORDER BY id DESC LIMIT ?",
                table_of(*state),
                state.as_str()
            ));
            let query = sqlx::query(select).bind(limit);
            let rows = query.fetch_all(&self.pool).await;
            let rows = rows.doing("look up mails")?;
            let read: Result<Vec<_>, Fault> = rows.iter().map(record_of).collect();
            records.extend(read.doing("read mails")?);
        }
        records.sort_by_key(|record| std::cmp::Reverse(record.id));
        records.dedup_by_key(|record| record.id);
        records.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(records)
    }

    /// One mail.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn delivery(&self, id: DeliveryId) -> Result<Option<DeliveryRecord>, QueryError> {
        let query = sqlx::query(select("deliveries WHERE id = ?")).bind(id.0);
        let row = query.fetch_optional(&self.pool).await;
        let row = row.doing("look up a mail")?;
        row.as_ref().map(record_of).transpose().doing("read a mail")
    }

    /// How many mails were refused for good.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn count_dead(&self) -> Result<u64, QueryError> {
        let count = "SELECT count(*) FROM deliveries WHERE state = 'dead'";
        let dead: Result<i64, _> = sqlx::query_scalar(count).fetch_one(&self.pool).await;
        dead.map(i64::unsigned_abs)
            .doing("count the mails that were refused")
    }

    /// Makes mails due at `now`, those that were given up too, and tells which. What is on its way at
    /// this moment and what was sent stays as it is.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn retry_deliveries(
        &self,
        which: Which,
        now: Timestamp,
    ) -> Result<Vec<DeliveryId>, QueryError> {
        let (condition, id) = match which {
            Which::One(id) => ("id = ?2 AND state IN ('waiting', 'dead', 'dropped')", id.0),
            Which::Dead => ("state = 'dead'", 0),
            Which::Waiting => ("state = 'waiting'", 0),
        };
        let update = format!(
            "UPDATE deliveries SET state = 'waiting', due_at = ?1, deferrals = 0, told_at = NULL \
             WHERE lease_holder IS NULL AND {condition} RETURNING id"
        );
        // Nothing but the conditions above was put in.
        let query = sqlx::query_scalar(AssertSqlSafe(update))
            .bind(now.as_microsecond())
            .bind(id);
        let ids: Result<Vec<i64>, _> = query.fetch_all(&self.writer).await;
        let ids = ids.doing("make mails due")?;
        let upsert = "INSERT INTO last_retry (id, requested_at) VALUES (1, ?) \
                      ON CONFLICT (id) DO UPDATE SET requested_at = excluded.requested_at";
        let query = sqlx::query(upsert).bind(now.as_microsecond());
        let noted = query.execute(&self.writer).await;
        noted.doing("ask for mails to be tried at once")?;
        Ok(ids.into_iter().map(DeliveryId).collect())
    }

    /// When [`SqliteStore::retry_deliveries`] was last called.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn last_retry(&self) -> Result<Option<Timestamp>, QueryError> {
        let row = sqlx::query("SELECT requested_at FROM last_retry");
        let row = row.fetch_optional(&self.pool).await;
        let row = row.doing("look up the last retry")?;
        let last = row.as_ref().map(|row| instant_of(row, "requested_at"));
        last.transpose().doing("read the last retry")
    }

    /// Gives mails up that wait or are dead, and tells which. They stay in the list of those that were;
    /// what is on its way at this moment stays as it is.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn drop_deliveries(&self, which: Which) -> Result<Vec<DeliveryId>, QueryError> {
        let (condition, id) = match which {
            Which::One(id) => ("id = ? AND state IN ('waiting', 'dead')", id.0),
            Which::Dead => ("? = 0 AND state = 'dead'", 0),
            Which::Waiting => ("? = 0 AND state = 'waiting'", 0),
        };
        let update = format!(
            "UPDATE deliveries SET state = 'dropped' WHERE lease_holder IS NULL AND {condition} \
             RETURNING id"
        );
        // Nothing but the conditions above was put in.
        let query = sqlx::query_scalar(AssertSqlSafe(update)).bind(id);
        let ids: Result<Vec<i64>, _> = query.fetch_all(&self.writer).await;
        let ids = ids.doing("give mails up")?;
        Ok(ids.into_iter().map(DeliveryId).collect())
    }

    /// Makes all that is claimed due at once. For who knows that nobody sends mails any more: after a
    /// crash nothing has to wait until the claims run out.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn release_leases(&self) -> Result<(), QueryError> {
        let update = "UPDATE deliveries SET lease_holder = NULL, due_at = planned_at \
                      WHERE state = 'waiting' AND lease_holder IS NOT NULL";
        let updated = sqlx::query(update).execute(&self.writer).await;
        updated.map(|_| ()).doing("take over the mails of another")
    }
}

/// What is known of deliveries, with their mails. Nothing that was read may be put in.
fn select(from: &str) -> AssertSqlSafe<String> {
    let mail = "(SELECT mail FROM mails WHERE delivery_id = deliveries.id) AS mail";
    AssertSqlSafe(format!("SELECT *, {mail} FROM {from}"))
}

/// Where the mails of a state are found, the newest first. Most mails were sent; for all others SQLite
/// has to be told which index holds them alone.
const fn table_of(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Waiting => "deliveries INDEXED BY deliveries_waiting_since",
        DeliveryState::Sent => "deliveries",
        DeliveryState::Dead => "deliveries INDEXED BY deliveries_dead",
        DeliveryState::Dropped => "deliveries INDEXED BY deliveries_dropped",
    }
}

fn record_of(row: &SqliteRow) -> Result<DeliveryRecord, Fault> {
    Ok(DeliveryRecord {
        id: DeliveryId(row.try_get("id")?),
        state: word_of(row, "state")?,
        mail: json_of(row, "mail")?,
        planned_at: instant_of(row, "planned_at")?,
        due_at: instant_of(row, "due_at")?,
        lease_holder: row.try_get("lease_holder")?,
        attempts: row.try_get("attempts")?,
        last_attempt_at: optional_instant_of(row, "last_attempt_at")?,
        last_error: row.try_get("last_error")?,
        taken_by: row.try_get("taken_by")?,
        answer: row.try_get("answer")?,
    })
}
