//! Events as rows.

use sqlx::SqliteConnection;
use vigie_domain::DomainEvent;

use crate::error::Fault;
use crate::job_rows::json;
use crate::many_rows::{self, ROWS};

/// They get their numbers in this order.
pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    events: impl IntoIterator<Item = &DomainEvent>,
) -> Result<(), Fault> {
    let events: Vec<&DomainEvent> = events.into_iter().collect();
    for events in events.chunks(ROWS) {
        let insert = "INSERT INTO events (at, type, agent, database, status, event) VALUES ";
        let mut query = sqlx::query(many_rows::statement(insert, 6, events.len(), ""));
        for event in events {
            query = query
                .bind(event.at.as_microsecond())
                .bind(event.name())
                .bind(event.agent().as_str())
                .bind(event.job().map(|job| job.database.as_str()))
                .bind(event.status())
                .bind(json("event", event)?);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}
