//! Faults of the whole system as rows.

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, SqlitePool};
use vigie_notify::FaultRecord;

use crate::error::Fault;
use crate::job_rows::{instant_of, json, json_of, optional_instant_of};

const UPSERT: &str = "\
    INSERT INTO faults (code, opened_at, fault, reminders, remind_at, closed_at, is_told) \
    VALUES (?, ?, ?, ?, ?, ?, ?) \
    ON CONFLICT (code, opened_at) DO UPDATE SET fault = excluded.fault, \
        reminders = excluded.reminders, remind_at = excluded.remind_at, \
        closed_at = excluded.closed_at, is_told = excluded.is_told";

/// Without this hint, SQLite walks over all faults that there ever were.
pub(crate) const SINCE: &str = "\
    SELECT * FROM faults INDEXED BY faults_open WHERE closed_at IS NULL \
    UNION SELECT * FROM faults WHERE opened_at > ? ORDER BY opened_at";

pub(crate) async fn upsert(
    connection: &mut SqliteConnection,
    faults: &[FaultRecord],
) -> Result<(), Fault> {
    for record in faults {
        sqlx::query(UPSERT)
            .bind(record.fault.code())
            .bind(record.opened_at.as_microsecond())
            .bind(json("fault", &record.fault)?)
            .bind(record.reminders)
            .bind(record.remind_at.map(Timestamp::as_microsecond))
            .bind(record.closed_at.map(Timestamp::as_microsecond))
            .bind(record.is_told)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Those that are open, or opened after `since`.
pub(crate) async fn since(pool: &SqlitePool, since: Timestamp) -> Result<Vec<FaultRecord>, Fault> {
    let query = sqlx::query(SINCE).bind(since.as_microsecond());
    let rows = query.fetch_all(pool).await?;
    rows.iter().map(record_of).collect()
}

fn record_of(row: &SqliteRow) -> Result<FaultRecord, Fault> {
    Ok(FaultRecord {
        fault: json_of(row, "fault")?,
        opened_at: instant_of(row, "opened_at")?,
        reminders: row.try_get("reminders")?,
        remind_at: optional_instant_of(row, "remind_at")?,
        closed_at: optional_instant_of(row, "closed_at")?,
        is_told: row.try_get("is_told")?,
    })
}
