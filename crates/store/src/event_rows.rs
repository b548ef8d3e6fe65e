//! Events as rows.

use sqlx::SqliteConnection;
use vigie_domain::DomainEvent;

use crate::error::Fault;
use crate::job_rows::json;

pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    events: &[DomainEvent],
) -> Result<(), Fault> {
    let insert =
        "INSERT INTO events (at, type, agent, database, status, event) VALUES (?, ?, ?, ?, ?, ?)";
    for event in events {
        sqlx::query(insert)
            .bind(event.at.as_microsecond())
            .bind(event.name())
            .bind(event.agent().as_str())
            .bind(event.job().map(|job| job.database.as_str()))
            .bind(event.status())
            .bind(json("event", event)?)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
