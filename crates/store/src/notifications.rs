//! What readers are to be told, as rows. Knows no mail.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, SqlitePool};
use vigie_domain::JobId;
use vigie_notify::{
    AskedNotification, DeliveryId, EventId, Hold, IncidentKey, LONGEST_DELAY, NotificationDetail,
    NotificationId, NotificationSubject, PendingJob, PendingNotification, ReaderState,
};

use crate::error::Fault;
use crate::event_rows::event_of;
use crate::incidents::incident_of;
use crate::job_rows::{instant_of, optional_instant_of, optional_word_of, word_of};

/// What is asked for takes the place of what was asked for of the same incident and is not told yet.
const ASK: &str = "\
    INSERT INTO notifications \
        (job_id, incident_id, event_id, recipient, reader, kind, asked_at) \
    SELECT asked.value ->> 'job', ( \
            SELECT id FROM incidents WHERE job_id = asked.value ->> 'job' \
            AND opened_at = asked.value ->> 'opened_at'), \
        asked.value ->> 'event', asked.value ->> 'recipient', asked.value ->> 'reader', \
        asked.value ->> 'kind', ?2 \
    FROM json_each(?1) AS asked WHERE true \
    ON CONFLICT (incident_id, recipient) WHERE delivery_id IS NULL AND incident_id IS NOT NULL \
    DO UPDATE SET kind = excluded.kind, event_id = excluded.event_id, reader = excluded.reader, \
        held_until = 0";

/// Of an incident that ends well, alerts are counted, and all else falls away.
const PASS: &str = "\
    UPDATE notifications SET kind = 'passed' WHERE delivery_id IS NULL AND kind = 'alert' \
    AND incident_id IN (SELECT incidents.id FROM json_each(?1) AS closed JOIN incidents \
        ON job_id = closed.value ->> 'job' AND opened_at = closed.value ->> 'opened_at' \
        JOIN events ON events.id = incidents.event_id AND events.type = 'JobRecovered')";

const FORGET: &str = "\
    DELETE FROM notifications WHERE delivery_id IS NULL AND kind <> 'passed' \
    AND incident_id IN (SELECT incidents.id FROM json_each(?1) AS closed JOIN incidents \
        ON job_id = closed.value ->> 'job' AND opened_at = closed.value ->> 'opened_at')";

const HOLD: &str = "\
    UPDATE notifications SET held_until = held.value ->> 'until', held_by = held.value ->> 'cause' \
    FROM json_each(?) AS held \
    WHERE notifications.id = held.value ->> 'id' AND delivery_id IS NULL";

const DROP: &str = "\
    DELETE FROM notifications WHERE delivery_id IS NULL AND id IN (SELECT value FROM json_each(?))";

const TELL: &str = "\
    UPDATE notifications SET delivery_id = told.value ->> 'delivery' FROM json_each(?) AS told \
    WHERE notifications.id = told.value ->> 'id'";

/// Who has been told that a job is not OK must not read afterwards that it is, as of an earlier incident.
const OUTDATE: &str = "\
    DELETE FROM notifications WHERE kind = 'recovery' AND id IN ( \
        SELECT outdated.id FROM json_each(?) AS told \
        CROSS JOIN notifications AS news ON news.id = told.value ->> 'id' \
            AND news.kind IN ('alert', 'reminder') \
        CROSS JOIN incidents AS earlier ON earlier.job_id = news.job_id \
            AND earlier.id <> news.incident_id \
        CROSS JOIN notifications AS outdated ON outdated.incident_id = earlier.id \
            AND outdated.recipient = news.recipient AND outdated.delivery_id IS NULL)";

const PENDING: &str = "\
    SELECT notifications.id, notifications.event_id, kind, reader, asked_at, held_by, \
        opened_at, acknowledged_at IS NOT NULL AS acknowledged, \
        coalesce(changes ->> '$[#-1].status', current_status) AS status, \
        jobs.id AS job_id, agent, database, company, city, year \
    FROM notifications INDEXED BY notifications_pending \
    LEFT JOIN incidents ON incidents.id = incident_id JOIN jobs ON jobs.id = notifications.job_id \
    WHERE delivery_id IS NULL AND NOT (held_until > ?1 AND held_until <= ?2) \
    ORDER BY recipient, notifications.id LIMIT ?3";

const DETAILS: &str = "\
    SELECT notifications.id AS notification_id, events.event, events.id AS last_event_id, \
        entries.entry AS event_entry, incidents.* \
    FROM json_each(?) AS asked JOIN notifications ON notifications.id = asked.value \
    LEFT JOIN incidents ON incidents.id = incident_id \
    JOIN events ON events.id = coalesce(incidents.event_id, notifications.event_id) \
    LEFT JOIN entries ON entries.id = events.entry_id";

const STATES: &str = "\
    SELECT reader.value AS reader, ( \
        SELECT count(*) FROM deliveries \
        WHERE recipient = reader.value AND dated_at > ?2 AND dated_at <= ?3 \
        AND event_id IS NOT NULL) AS written, ( \
        SELECT min(dated_at) FROM deliveries \
        WHERE recipient = reader.value AND dated_at > ?2 AND dated_at <= ?3 \
        AND event_id IS NOT NULL) AS first_written_at, ( \
        SELECT min(dated_at) FROM deliveries \
        WHERE recipient = reader.value AND state = 'waiting') AS waiting_since, ( \
        SELECT max(dated_at) FROM deliveries WHERE recipient = reader.value) AS last_written_at, ( \
        SELECT max(dated_at) FROM deliveries \
        WHERE recipient = reader.value AND state = 'sent') AS last_sent_at, ( \
        SELECT count(*) FROM notifications WHERE recipient = reader.value AND delivery_id IS NULL \
        AND held_until > ?3 AND held_until <= ?4 AND kind <> 'passed' \
        AND held_by IN ('silence', 'maintenance') \
        ) AS held_back \
    FROM json_each(?1) AS reader";

/// All of them, with how many values they take.
#[cfg(test)]
pub(crate) const STATEMENTS: [(&str, usize); 10] = [
    (ASK, 2),
    (PASS, 1),
    (FORGET, 1),
    (HOLD, 1),
    (DROP, 1),
    (TELL, 1),
    (PENDING, 3),
    (DETAILS, 1),
    (STATES, 4),
    (OUTDATE, 1),
];

const HOUR: SignedDuration = SignedDuration::from_hours(1);

pub(crate) async fn ask(
    connection: &mut SqliteConnection,
    asked: &[AskedNotification],
    at: Timestamp,
) -> Result<(), Fault> {
    if asked.is_empty() {
        return Ok(());
    }
    let asked: Vec<serde_json::Value> = asked
        .iter()
        .map(|asked| {
            json!({
                "job": asked.job.0,
                "opened_at": asked.incident.map(|key| key.opened_at.as_microsecond()),
                "event": asked.event.0,
                "recipient": asked.recipient(),
                "reader": asked.reader,
                "kind": asked.kind.as_str(),
            })
        })
        .collect();
    sqlx::query(ASK)
        .bind(json!(asked).to_string())
        .bind(at.as_microsecond())
        .execute(connection)
        .await?;
    Ok(())
}

/// What is not told yet of incidents that have closed.
pub(crate) async fn close(
    connection: &mut SqliteConnection,
    closed: &[IncidentKey],
) -> Result<(), Fault> {
    if closed.is_empty() {
        return Ok(());
    }
    let closed: Vec<serde_json::Value> = closed
        .iter()
        .map(|key| json!({ "job": key.job.0, "opened_at": key.opened_at.as_microsecond() }))
        .collect();
    let closed = json!(closed).to_string();
    for statement in [PASS, FORGET] {
        let query = sqlx::query(statement).bind(&closed);
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

pub(crate) async fn hold(
    connection: &mut SqliteConnection,
    held: &[(NotificationId, Hold)],
) -> Result<(), Fault> {
    if held.is_empty() {
        return Ok(());
    }
    let held: Vec<serde_json::Value> = held
        .iter()
        .map(|(id, hold)| {
            json!({
                "id": id.0,
                "until": hold.until.as_microsecond(),
                "cause": hold.cause.as_str(),
            })
        })
        .collect();
    let query = sqlx::query(HOLD).bind(json!(held).to_string());
    query.execute(connection).await?;
    Ok(())
}

pub(crate) async fn drop(
    connection: &mut SqliteConnection,
    ids: &[NotificationId],
) -> Result<(), Fault> {
    if ids.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let query = sqlx::query(DROP).bind(json!(ids).to_string());
    query.execute(connection).await?;
    Ok(())
}

/// Which mail tells what.
pub(crate) async fn tell(
    connection: &mut SqliteConnection,
    told: &[(NotificationId, DeliveryId)],
) -> Result<(), Fault> {
    if told.is_empty() {
        return Ok(());
    }
    let told: Vec<serde_json::Value> = told
        .iter()
        .map(|(id, delivery)| json!({ "id": id.0, "delivery": delivery.0 }))
        .collect();
    let told = json!(told).to_string();
    for statement in [TELL, OUTDATE] {
        let query = sqlx::query(statement).bind(&told);
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

pub(crate) async fn pending(
    pool: &SqlitePool,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<PendingNotification>, Fault> {
    let latest = now.saturating_add(LONGEST_DELAY).unwrap_or(Timestamp::MAX);
    let query = sqlx::query(PENDING)
        .bind(now.as_microsecond())
        .bind(latest.as_microsecond())
        .bind(limit);
    let rows = query.fetch_all(pool).await?;
    rows.iter().map(pending_of).collect()
}

pub(crate) async fn details(
    pool: &SqlitePool,
    ids: &[NotificationId],
) -> Result<Vec<NotificationDetail>, Fault> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let query = sqlx::query(DETAILS).bind(json!(ids).to_string());
    let rows = query.fetch_all(pool).await?;
    rows.iter().map(detail_of).collect()
}

pub(crate) async fn states(
    pool: &SqlitePool,
    readers: &[String],
    now: Timestamp,
) -> Result<Vec<(String, ReaderState)>, Fault> {
    let since = now.saturating_sub(HOUR).unwrap_or(Timestamp::MIN);
    let latest = now.saturating_add(LONGEST_DELAY).unwrap_or(Timestamp::MAX);
    let query = sqlx::query(STATES)
        .bind(json!(readers).to_string())
        .bind(since.as_microsecond())
        .bind(now.as_microsecond())
        .bind(latest.as_microsecond());
    let rows = query.fetch_all(pool).await?;
    rows.iter()
        .map(|row| {
            let last_sent_at = optional_instant_of(row, "last_sent_at")?;
            let last_written_at = optional_instant_of(row, "last_written_at")?;
            let stuck_since = optional_instant_of(row, "waiting_since")?
                .filter(|since| last_sent_at.is_none_or(|sent_at| sent_at < *since));
            let state = ReaderState {
                written: row.try_get("written")?,
                first_written_at: optional_instant_of(row, "first_written_at")?,
                stuck_since,
                last_written_at: stuck_since.and(last_written_at),
                held_back: row.try_get("held_back")?,
            };
            Ok((row.try_get("reader")?, state))
        })
        .collect()
}

fn pending_of(row: &SqliteRow) -> Result<PendingNotification, Fault> {
    let job = JobId(row.try_get("job_id")?);
    let event = EventId(row.try_get("event_id")?);
    let opened_at = optional_instant_of(row, "opened_at")?;
    Ok(PendingNotification {
        id: NotificationId(row.try_get("id")?),
        subject: opened_at.map_or(NotificationSubject::Event(event), |opened_at| {
            NotificationSubject::Incident(IncidentKey { job, opened_at })
        }),
        kind: word_of(row, "kind")?,
        reader: row.try_get("reader")?,
        asked_at: instant_of(row, "asked_at")?,
        acknowledged: row.try_get("acknowledged")?,
        held_by: optional_word_of(row, "held_by")?,
        job: PendingJob {
            id: job,
            agent: row.try_get("agent")?,
            database: row.try_get("database")?,
            company: row.try_get("company")?,
            city: row.try_get("city")?,
            year: row.try_get("year")?,
            status: word_of(row, "status")?,
        },
    })
}

fn detail_of(row: &SqliteRow) -> Result<NotificationDetail, Fault> {
    let is_of_incident = optional_instant_of(row, "opened_at")?.is_some();
    Ok(NotificationDetail {
        id: NotificationId(row.try_get("notification_id")?),
        incident: if is_of_incident {
            Some(incident_of(row)?)
        } else {
            None
        },
        event: (EventId(row.try_get("last_event_id")?), event_of(row)?),
    })
}
