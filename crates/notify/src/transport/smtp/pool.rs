//! The sessions of a transport: how many there may be, and which are kept. Knows no mail.

use std::num::NonZeroU16;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::session::Session;

/// How long a session is kept that nobody uses. The mails of one cycle follow each other within
/// seconds, and to open a session for the next cycle costs less than what a stale one can: servers
/// close at five minutes (RFC 5321, section 4.5.3.2.7), Postfix under load at ten seconds, which is
/// seen; but a firewall on the way forgets the connection and tells nobody, so that a mail waits for
/// a whole time-out.
const IDLE: Duration = Duration::from_secs(30);

/// The sessions of a transport.
pub(super) struct Pool {
    places: Arc<Semaphore>,
    /// The last used one is the last.
    idle: Mutex<Vec<Kept>>,
}

/// The right to have one session open.
///
/// Whoever holds one takes a kept session before opening a new one, and gives it back or lets it go
/// before the place. So there are never more sessions than places: where a new one is opened, none was
/// idle, and each of the others had a place of its own.
pub(super) type Place = OwnedSemaphorePermit;

struct Kept {
    session: Session,
    since: Instant,
}

impl Pool {
    pub(super) fn new(connections: NonZeroU16) -> Self {
        Self {
            places: Arc::new(Semaphore::new(connections.get().into())),
            idle: Mutex::default(),
        }
    }

    /// Waits for a place, in the order of asking.
    pub(super) async fn place(&self) -> Place {
        let place = self.places.clone().acquire_owned();
        place
            .await
            .unwrap_or_else(|_| unreachable!("nobody closes it"))
    }

    /// The session that was used last, when it seems to be alive. Those that nobody used for long are
    /// let go.
    pub(super) fn take(&self, _: &Place) -> Option<Session> {
        let mut idle = self.idle();
        let now = Instant::now();
        idle.retain(|kept| now.duration_since(kept.since) < IDLE);
        while let Some(Kept { mut session, .. }) = idle.pop() {
            if session.is_alive() {
                return Some(session);
            }
        }
        None
    }

    /// Keeps a session for the next mail.
    pub(super) fn keep(&self, session: Session, _: &Place) {
        let since = Instant::now();
        self.idle().push(Kept { session, since });
    }

    /// Says goodbye to every session that nobody uses, to all at once.
    pub(super) async fn rest(&self) {
        let mut goodbyes = JoinSet::new();
        // An idle session leaves a place free, which it needs until it is gone.
        while let Ok(place) = self.places.clone().try_acquire_owned()
            && let Some(kept) = { self.idle().pop() }
        {
            goodbyes.spawn(async move {
                kept.session.say_goodbye().await;
                drop(place);
            });
        }
        while goodbyes.join_next().await.is_some() {}
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};

    use super::super::hello::Offers;
    use super::super::stream::Stream;
    use super::*;

    /// A pool of two, with as many idle sessions and the servers at their other ends, the one that
    /// was used last being the last.
    async fn pool() -> (Pool, [DuplexStream; 2]) {
        let pool = Pool::new(NonZeroU16::new(2).unwrap());
        let place = pool.place().await;
        let servers = [(); 2].map(|()| {
            let (wire, server) = duplex(1024);
            let session = Session::new(Stream::over(wire), Offers::default(), IDLE);
            pool.keep(session, &place);
            server
        });
        (pool, servers)
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_was_not_used_for_long_is_not_trusted() {
        let (pool, _servers) = pool().await;
        let place = pool.place().await;
        tokio::time::advance(IDLE / 2).await;
        let session = pool.take(&place).unwrap();
        pool.keep(session, &place);
        tokio::time::advance(IDLE / 2).await;
        // The other one is too old by now, and gone.
        assert!(pool.take(&place).is_some());
        assert!(pool.take(&place).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_session_that_was_used_last_is_used_next() {
        let (pool, [first, last]) = pool().await;
        let place = pool.place().await;
        drop(first);
        let _session = pool.take(&place).unwrap();
        drop(last);
        assert!(pool.take(&place).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_whose_server_left_or_spoke_up_is_passed_over() {
        let (pool, [mut first, last]) = pool().await;
        let place = pool.place().await;
        first.write_all(b"421 idle for too long\r\n").await.unwrap();
        drop(last);
        assert!(pool.take(&place).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_waited_for() {
        let (pool, _servers) = pool().await;
        let (one, _other) = (pool.place().await, pool.place().await);
        let wait = Duration::from_secs(1);
        assert!(tokio::time::timeout(wait, pool.place()).await.is_err());
        drop(one);
        assert!(tokio::time::timeout(wait, pool.place()).await.is_ok());
    }
}
