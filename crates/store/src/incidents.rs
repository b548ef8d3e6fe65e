//! Incidents as rows.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::json;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, SqlitePool};
use vigie_domain::{ExpectedBackupJob, JobId};
use vigie_notify::{Acknowledgement, EventId, Incident, OpenIncident};

use crate::SqliteStore;
use crate::error::{Doing, Fault, QueryError};
use crate::event_rows::event_of;
use crate::job_rows::{instant_of, json, json_of, optional_instant_of, optional_json_of};
use crate::many_rows;

/// With the event that last changed it, and who was told.
macro_rules! select_incidents {
    ($from:literal) => {
        concat!(
            "SELECT incidents.*, events.event, entries.entry AS event_entry, ( \
                SELECT json_group_array(DISTINCT reader) \
                FROM notifications JOIN deliveries ON deliveries.id = delivery_id \
                WHERE incident_id = incidents.id AND state IN ('waiting', 'sent')) AS told, ( \
                SELECT json_group_array(DISTINCT notifications.recipient) \
                FROM notifications LEFT JOIN deliveries ON deliveries.id = delivery_id \
                WHERE incident_id = incidents.id \
                AND (delivery_id IS NULL OR state = 'waiting')) AS waiting \
             FROM ",
            $from
        )
    };
}

const OPEN: &str = select_incidents!(
    "incidents JOIN events ON events.id = incidents.event_id \
     LEFT JOIN entries ON entries.id = events.entry_id \
     WHERE closed_at IS NULL AND incidents.job_id IN (SELECT value FROM json_each(?)) \
     ORDER BY incidents.job_id"
);

const TO_REMIND: &str = select_incidents!(
    "incidents INDEXED BY incidents_to_remind JOIN events ON events.id = incidents.event_id \
     LEFT JOIN entries ON entries.id = events.entry_id \
     WHERE remind_at <= ? AND remind_at IS NOT NULL AND acknowledged_at IS NULL \
     AND closed_at IS NULL ORDER BY remind_at, incidents.job_id LIMIT ?"
);

const SINCE: &str = "\
    SELECT incidents.* FROM json_each(?1) AS wanted \
    CROSS JOIN incidents ON job_id = wanted.value \
    WHERE closed_at IS NULL OR closed_at > ?2 ORDER BY job_id, opened_at";

/// Those that read, with how many values they take.
#[cfg(test)]
pub(crate) const STATEMENTS: [(&str, usize); 3] = [(OPEN, 1), (TO_REMIND, 2), (SINCE, 2)];

/// Whether somebody has taken it on is forgotten when the job becomes something else.
const ON_CONFLICT: &str = " \
    ON CONFLICT (job_id, opened_at) DO UPDATE SET \
        acknowledged_at = iif(changes = excluded.changes, acknowledged_at, NULL), \
        acknowledged_by = iif(changes = excluded.changes, acknowledged_by, NULL), \
        good_until = excluded.good_until, last_good = excluded.last_good, \
        changes = excluded.changes, reminders = excluded.reminders, remind_at = excluded.remind_at, \
        closed_at = excluded.closed_at, event_id = excluded.event_id";

pub(crate) async fn open_of(pool: &SqlitePool, jobs: &[JobId]) -> Result<Vec<OpenIncident>, Fault> {
    let jobs: Vec<i64> = jobs.iter().map(|job| job.0).collect();
    let query = sqlx::query(OPEN).bind(json!(jobs).to_string());
    let rows = query.fetch_all(pool).await?;
    rows.iter().map(open_incident_of).collect()
}

pub(crate) async fn to_remind(
    pool: &SqlitePool,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<OpenIncident>, Fault> {
    let query = sqlx::query(TO_REMIND)
        .bind(now.as_microsecond())
        .bind(limit);
    let rows = query.fetch_all(pool).await?;
    rows.iter().map(open_incident_of).collect()
}

/// Those that are open, or closed after `since`.
pub(crate) async fn since(
    pool: &SqlitePool,
    jobs: &[JobId],
    since: Timestamp,
) -> Result<Vec<Incident>, Fault> {
    let jobs: Vec<i64> = jobs.iter().map(|job| job.0).collect();
    let query = sqlx::query(SINCE)
        .bind(json!(jobs).to_string())
        .bind(since.as_microsecond());
    let rows = query.fetch_all(pool).await?;
    rows.iter().map(incident_of).collect()
}

/// Those that close come first: a job has one open incident at most.
pub(crate) async fn upsert(
    connection: &mut SqliteConnection,
    incidents: &[(Incident, EventId)],
) -> Result<(), Fault> {
    let (closed, open): (Vec<_>, Vec<_>) = incidents
        .iter()
        .partition(|(incident, _)| incident.closed_at.is_some());
    let incidents: Vec<_> = closed.into_iter().chain(open).collect();
    for incidents in many_rows::chunks(&incidents) {
        let insert = "INSERT INTO incidents (job_id, opened_at, good_until, last_good, changes, \
                      reminders, remind_at, closed_at, event_id) VALUES ";
        let statement = many_rows::statement(insert, 9, incidents.len(), ON_CONFLICT);
        let mut query = sqlx::query(statement);
        for (incident, event) in incidents {
            query = query
                .bind(incident.job.0)
                .bind(incident.opened_at.as_microsecond())
                .bind(incident.good_until.as_microsecond())
                .bind(match &incident.last_good {
                    Some(good) => Some(json("last_good", good)?),
                    None => None,
                })
                .bind(json("changes", &incident.changes)?)
                .bind(incident.reminders)
                .bind(incident.remind_at.map(Timestamp::as_microsecond))
                .bind(incident.closed_at.map(Timestamp::as_microsecond))
                .bind(event.0);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

impl SqliteStore {
    /// Notes that somebody has taken the open incident of a job on, and tells whether there is one.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn acknowledge(
        &self,
        job: &ExpectedBackupJob,
        acknowledgement: &Acknowledgement,
    ) -> Result<bool, QueryError> {
        let update = "UPDATE incidents SET acknowledged_at = ?, acknowledged_by = ? \
                      WHERE job_id = ? AND closed_at IS NULL";
        let query = sqlx::query(update)
            .bind(acknowledgement.at.as_microsecond())
            .bind(&acknowledgement.by)
            .bind(job.id.0);
        let updated = query.execute(&self.writer).await;
        Ok(updated.doing("take an incident on")?.rows_affected() > 0)
    }

    /// Who has taken which job's open incident on.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn acknowledgements(&self) -> Result<HashMap<JobId, Acknowledgement>, QueryError> {
        let select = "SELECT * FROM incidents \
                      WHERE closed_at IS NULL AND acknowledged_at IS NOT NULL";
        let rows = sqlx::query(select).fetch_all(&self.pool).await;
        let rows = rows.doing("look up who has taken what on")?;
        let taken_on = |row: &SqliteRow| {
            let incident = incident_of(row)?;
            Ok(incident.acknowledged.map(|by| (incident.job, by)))
        };
        let taken_on: Result<Vec<_>, Fault> = rows.iter().map(taken_on).collect();
        let taken_on = taken_on.doing("read who has taken what on")?;
        Ok(taken_on.into_iter().flatten().collect())
    }
}

fn open_incident_of(row: &SqliteRow) -> Result<OpenIncident, Fault> {
    Ok(OpenIncident {
        incident: incident_of(row)?,
        told: json_of(row, "told")?,
        waiting: json_of(row, "waiting")?,
        event: (EventId(row.try_get("event_id")?), event_of(row)?),
    })
}

pub(crate) fn incident_of(row: &SqliteRow) -> Result<Incident, Fault> {
    let acknowledged_at = optional_instant_of(row, "acknowledged_at")?;
    let acknowledged_by: Option<String> = row.try_get("acknowledged_by")?;
    let acknowledged = acknowledged_at.zip(acknowledged_by);
    Ok(Incident {
        job: JobId(row.try_get("job_id")?),
        opened_at: instant_of(row, "opened_at")?,
        good_until: instant_of(row, "good_until")?,
        last_good: optional_json_of(row, "last_good")?,
        changes: json_of(row, "changes")?,
        reminders: row.try_get("reminders")?,
        remind_at: optional_instant_of(row, "remind_at")?,
        acknowledged: acknowledged.map(|(at, by)| Acknowledgement { at, by }),
        closed_at: optional_instant_of(row, "closed_at")?,
    })
}
