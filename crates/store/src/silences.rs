//! Silences as rows. Knows no rule of what they keep from whom.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use vigie_notify::{Silence, SilenceId};

use crate::error::{Doing, Fault};
use crate::job_rows::{instant_of, json, json_of};
use crate::{QueryError, SqliteStore};

impl SqliteStore {
    /// Keeps a silence, and gives it with the number that it got; the one it has is not looked at.
    ///
    /// # Errors
    ///
    /// When the database fails; then it is not kept.
    pub async fn add_silence(&self, silence: Silence) -> Result<Silence, QueryError> {
        let insert = "INSERT INTO silences (matchers, starts_at, ends_at, reason, author, \
                      created_at) VALUES (?, ?, ?, ?, ?, ?) RETURNING *";
        let doing = "keep a silence";
        let query = sqlx::query(insert)
            .bind(json("matchers", &silence.matchers).doing(doing)?)
            .bind(silence.starts_at.as_microsecond())
            .bind(silence.ends_at.as_microsecond())
            .bind(silence.reason)
            .bind(silence.author)
            .bind(silence.created_at.as_microsecond());
        let row = query.fetch_one(&self.writer).await.doing(doing)?;
        silence_of(&row).doing(doing)
    }

    /// The silences that are in force at `now`, the first to end first.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn active_silences(&self, now: Timestamp) -> Result<Vec<Silence>, QueryError> {
        let mut silences = self.open_silences(now).await?;
        silences.retain(|silence| silence.is_active_at(now));
        Ok(silences)
    }

    /// The silences that have not ended at `now`, those that are still to start among them, the first
    /// to end first.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn open_silences(&self, now: Timestamp) -> Result<Vec<Silence>, QueryError> {
        let select = "SELECT * FROM silences WHERE ends_at > ? ORDER BY ends_at, id";
        let query = sqlx::query(select).bind(now.as_microsecond());
        read(query.fetch_all(&self.pool).await)
    }

    /// Every silence that there ever was, the last to end first.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn all_silences(&self) -> Result<Vec<Silence>, QueryError> {
        let query = sqlx::query("SELECT * FROM silences ORDER BY ends_at DESC, id DESC");
        read(query.fetch_all(&self.pool).await)
    }

    /// The silence of this number; `None` when there is none.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn silence(&self, id: SilenceId) -> Result<Option<Silence>, QueryError> {
        let query = sqlx::query("SELECT * FROM silences WHERE id = ?").bind(id.0);
        let silences = read(query.fetch_all(&self.pool).await)?;
        Ok(silences.into_iter().next())
    }

    /// Ends silences at `now`; those that were still to start never do. What has ended stays as it
    /// is. Gives those that it ended.
    ///
    /// # Errors
    ///
    /// When the database fails; then none of them has ended.
    pub async fn expire_silences(
        &self,
        ids: &[SilenceId],
        now: Timestamp,
    ) -> Result<Vec<Silence>, QueryError> {
        let ended = self.expire(ids, now).await;
        ended.doing("end silences")
    }

    async fn expire(&self, ids: &[SilenceId], now: Timestamp) -> Result<Vec<Silence>, Fault> {
        let mut transaction = self.begin().await?;
        let update = "UPDATE silences SET ends_at = ?1, starts_at = min(starts_at, ?1) \
                      WHERE ends_at > ?1 AND id IN (SELECT value FROM json_each(?2)) RETURNING *";
        let query = sqlx::query(update)
            .bind(now.as_microsecond())
            .bind(json("ids", &ids)?);
        let rows = query.fetch_all(&mut *transaction).await?;
        // What they held back is looked at again, as others may hold it still.
        let release = "UPDATE notifications SET held_until = 0 \
                       WHERE delivery_id IS NULL AND held_by = 'silence'";
        sqlx::query(release).execute(&mut *transaction).await?;
        transaction.commit().await?;
        let ended: Result<Vec<Silence>, Fault> = rows.iter().map(silence_of).collect();
        let mut ended = ended?;
        // A database returns what it changed in any order.
        ended.sort_by_key(|silence| silence.id);
        Ok(ended)
    }
}

fn read(rows: Result<Vec<SqliteRow>, sqlx::Error>) -> Result<Vec<Silence>, QueryError> {
    let rows = rows.doing("look up the silences")?;
    let silences: Result<Vec<Silence>, Fault> = rows.iter().map(silence_of).collect();
    silences.doing("read the silences")
}

fn silence_of(row: &SqliteRow) -> Result<Silence, Fault> {
    Ok(Silence {
        id: SilenceId(row.try_get("id")?),
        matchers: json_of(row, "matchers")?,
        starts_at: instant_of(row, "starts_at")?,
        ends_at: instant_of(row, "ends_at")?,
        reason: row.try_get("reason")?,
        author: row.try_get("author")?,
        created_at: instant_of(row, "created_at")?,
    })
}

#[cfg(test)]
mod tests {
    use vigie_domain::JobStatus;
    use vigie_notify::Matchers;

    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2025-06-20T{text}:00Z").parse().unwrap()
    }

    fn silence(starts_at: &str, ends_at: &str) -> Silence {
        Silence {
            id: SilenceId(0),
            matchers: Matchers {
                agents: vec!["SDMC_*".parse().unwrap()],
                statuses: vec![JobStatus::Missing],
                ..Matchers::default()
            },
            starts_at: at(starts_at),
            ends_at: at(ends_at),
            reason: "new disks".to_owned(),
            author: "ngono".to_owned(),
            created_at: at("00:00"),
        }
    }

    async fn store() -> (tempfile::TempDir, SqliteStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("vigie.db"))
            .await
            .unwrap();
        (folder, store)
    }

    fn ids(silences: &[Silence]) -> Vec<i64> {
        silences.iter().map(|silence| silence.id.0).collect()
    }

    #[tokio::test]
    async fn a_silence_is_in_force_from_its_start_to_just_before_its_end() {
        let (_folder, store) = store().await;
        let kept = store.add_silence(silence("08:00", "10:00")).await.unwrap();
        let expected = Silence {
            id: SilenceId(1),
            ..silence("08:00", "10:00")
        };
        assert_eq!(kept, expected);
        store.add_silence(silence("07:00", "09:00")).await.unwrap();
        for (now, active, open) in [
            ("06:59", vec![], vec![2, 1]),
            ("07:00", vec![2], vec![2, 1]),
            ("08:00", vec![2, 1], vec![2, 1]),
            ("09:00", vec![1], vec![1]),
            ("10:00", vec![], vec![]),
        ] {
            let now = at(now);
            assert_eq!(ids(&store.active_silences(now).await.unwrap()), active);
            assert_eq!(ids(&store.open_silences(now).await.unwrap()), open);
        }
        assert_eq!(ids(&store.all_silences().await.unwrap()), [1, 2]);
        assert_eq!(store.silence(SilenceId(1)).await.unwrap(), Some(expected));
        assert_eq!(store.silence(SilenceId(3)).await.unwrap(), None);
    }

    #[tokio::test]
    async fn one_that_is_ended_stays_as_a_record_and_one_to_come_never_starts() {
        let (_folder, store) = store().await;
        for (starts_at, ends_at) in [("08:00", "10:00"), ("12:00", "14:00"), ("06:00", "07:00")] {
            store
                .add_silence(silence(starts_at, ends_at))
                .await
                .unwrap();
        }
        let every = [1, 2, 3, 4].map(SilenceId);
        let ended = store.expire_silences(&every, at("09:00")).await.unwrap();
        assert_eq!(ids(&ended), [1, 2]);
        assert_eq!(
            (ended[0].starts_at, ended[0].ends_at),
            (at("08:00"), at("09:00"))
        );
        assert_eq!(
            (ended[1].starts_at, ended[1].ends_at),
            (at("09:00"), at("09:00"))
        );
        assert_eq!(store.open_silences(at("09:00")).await.unwrap(), []);
        assert_eq!(ids(&store.all_silences().await.unwrap()), [2, 1, 3]);
        let again = store.expire_silences(&every, at("09:30")).await.unwrap();
        assert_eq!(again, []);
    }
}
