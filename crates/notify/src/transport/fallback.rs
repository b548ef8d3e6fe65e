//! A second way out for mails when the first one is not to be reached. Knows not what either is.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::{Mail, Receipt, Transport, TransportError};

/// How long the first transport is left alone after it could not be reached.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// How long it is left alone at most: the pause doubles with each try that fails.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// Sends through a second transport while the first can't be reached.
///
/// Only [`TransportError::Unreachable`] makes the second one try: whatever the first says of a mail
/// itself is the answer. Once it could not be reached, it is left alone for five seconds, then for
/// twice as long and so on up to five minutes, so that not every mail waits for its time-out. It is
/// tried earlier when the second one can't be reached either: an error that is
/// [unreachable](TransportError::is_unreachable) says that neither could be, and names both.
///
/// A mail that the first took without being heard goes out twice, with one Message-ID.
///
/// Needs a Tokio runtime with time.
#[derive(Debug)]
pub struct FallbackTransport<First, Second> {
    first: First,
    second: Second,
    outage: Mutex<Option<Outage>>,
}

/// That the first transport could not be reached.
#[derive(Debug)]
struct Outage {
    pause: Duration,
    over_at: Instant,
}

impl Outage {
    fn new(pause: Duration) -> Self {
        Self {
            pause,
            over_at: Instant::now() + pause,
        }
    }
}

impl<First: Transport, Second: Transport> FallbackTransport<First, Second> {
    /// A transport that sends through `first`, else through `second`.
    #[must_use]
    pub fn new(first: First, second: Second) -> Self {
        Self {
            first,
            second,
            outage: Mutex::default(),
        }
    }

    /// Whether the first is to be tried with this mail. When its pause is over, one mail tries it and
    /// the others go on as before.
    fn is_turn_of_first(&self) -> bool {
        match &mut *self.outage() {
            None => true,
            Some(outage) if outage.over_at <= Instant::now() => {
                *outage = Outage::new(outage.pause);
                true
            }
            Some(_) => false,
        }
    }

    async fn send_through_first(&self, mail: &Mail) -> Result<Receipt, TransportError> {
        let pause_before = self.pause();
        let sent = self.first.send(mail).await;
        match &sent {
            Err(error) if error.is_unreachable() => self.note_unreachable(pause_before, error),
            _ => self.note_reached(),
        }
        sent
    }

    fn pause(&self) -> Option<Duration> {
        self.outage().as_ref().map(|outage| outage.pause)
    }

    /// Of mails that were sent at once, the first to fail makes the pause longer.
    fn note_unreachable(&self, pause_before: Option<Duration>, error: &TransportError) {
        let mut outage = self.outage();
        if outage.as_ref().map(|outage| outage.pause) != pause_before {
            return;
        }
        let pause = pause_before.map_or(FIRST_PAUSE, |pause| LONGEST_PAUSE.min(pause * 2));
        *outage = Some(Outage::new(pause));
        drop(outage);
        if pause_before.is_none() {
            tracing::warn!(%error, "the first way out for mails is not reached; the second takes over");
        }
    }

    fn note_reached(&self) {
        if self.outage().take().is_some() {
            tracing::info!("the first way out for mails is back");
        }
    }

    fn outage(&self) -> MutexGuard<'_, Option<Outage>> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl<First: Transport, Second: Transport> Transport for FallbackTransport<First, Second> {
    async fn send(&self, mail: &Mail) -> Result<Receipt, TransportError> {
        if self.is_turn_of_first() {
            return match self.send_through_first(mail).await {
                Err(first) if first.is_unreachable() => {
                    let sent = self.second.send(mail).await;
                    sent.map_err(|second| neither(first, second))
                }
                sent => sent,
            };
        }
        match self.second.send(mail).await {
            Err(second) if second.is_unreachable() => {
                let sent = self.send_through_first(mail).await;
                sent.map_err(|first| neither(first, second))
            }
            sent => sent,
        }
    }

    async fn rest(&self) {
        tokio::join!(self.first.rest(), self.second.rest());
    }
}

/// The error of a mail that neither took: of both when neither was reached, else that of the one which
/// was.
fn neither(first: TransportError, second: TransportError) -> TransportError {
    use TransportError::Unreachable;
    match (first, second) {
        (
            Unreachable {
                action,
                server,
                problem,
                advice,
            },
            Unreachable {
                action: other_action,
                server: other_server,
                problem: other_problem,
                advice: other_advice,
            },
        ) => {
            let problem = format!(
                "{problem}; and could not {other_action} the second one, {other_server}: \
                 {other_problem}"
            );
            let advice = if advice == other_advice {
                advice
            } else {
                format!("{advice}; for {other_server}, {other_advice}")
            };
            Unreachable {
                action,
                server,
                problem,
                advice,
            }
        }
        (Unreachable { .. }, reached) | (reached, _) => reached,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn mail() -> Mail {
        Mail {
            message_id: "<1@example.com>".to_owned(),
            date: "2025-06-20T05:20:00Z".parse().unwrap(),
            from: "vigie@example.com".to_owned(),
            to: "admin@example.com".to_owned(),
            subject: String::new(),
            text: String::new(),
            html: String::new(),
            urgent: false,
            threads: Vec::new(),
        }
    }

    /// What a transport says to one mail.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Say {
        Taken,
        Refused,
        Later,
        Unreachable,
    }
    use Say::{Later, Refused, Taken, Unreachable};

    /// Says what it is told to say.
    #[derive(Debug)]
    struct Scripted {
        name: &'static str,
        says: Mutex<Say>,
        tried: AtomicU32,
        rested: AtomicU32,
        /// How long each answer takes.
        takes: Duration,
    }

    impl Scripted {
        fn new(name: &'static str, says: Say) -> Arc<Self> {
            Self::slow(name, says, Duration::ZERO)
        }

        fn slow(name: &'static str, says: Say, takes: Duration) -> Arc<Self> {
            Arc::new(Self {
                name,
                says: Mutex::new(says),
                tried: AtomicU32::new(0),
                rested: AtomicU32::new(0),
                takes,
            })
        }

        fn say(&self, says: Say) {
            *self.says.lock().unwrap() = says;
        }

        fn tried(&self) -> u32 {
            self.tried.load(Ordering::Relaxed)
        }
    }

    #[async_trait]
    impl Transport for Scripted {
        async fn send(&self, mail: &Mail) -> Result<Receipt, TransportError> {
            self.tried.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(self.takes).await;
            let (by, recipient) = (self.name.to_owned(), mail.to.clone());
            let problem = format!("{} says so", self.name);
            match *self.says.lock().unwrap() {
                Taken => Ok(Receipt {
                    by,
                    answer: String::new(),
                }),
                Refused => Err(TransportError::Refused {
                    by,
                    recipient,
                    problem,
                }),
                Later => Err(TransportError::Temporary {
                    by,
                    recipient,
                    problem,
                }),
                Unreachable => Err(TransportError::Unreachable {
                    action: "connect to".to_owned(),
                    server: by,
                    problem,
                    advice: format!("look at {}", self.name),
                }),
            }
        }

        async fn rest(&self) {
            self.rested.fetch_add(1, Ordering::Relaxed);
        }
    }

    type Pair = FallbackTransport<Arc<Scripted>, Arc<Scripted>>;

    fn pair(first: Say, second: Say) -> (Pair, Arc<Scripted>, Arc<Scripted>) {
        let (one, other) = (Scripted::new("a:25", first), Scripted::new("b:25", second));
        let both = FallbackTransport::new(one.clone(), other.clone());
        (both, one, other)
    }

    async fn by(both: &Pair) -> String {
        both.send(&mail()).await.unwrap().by
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_first_says_of_a_mail_is_the_answer() {
        for says in [Taken, Refused, Later] {
            let (both, _, second) = pair(says, Taken);
            let sent = both.send(&mail()).await;
            assert_eq!(sent.is_ok(), says == Taken);
            assert_eq!(second.tried(), 0, "{says:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_that_is_not_reached_holds_up_one_mail_and_is_tried_again_later() {
        let (both, first, second) = pair(Unreachable, Taken);
        for _ in 0..10 {
            assert_eq!(by(&both).await, "b:25");
        }
        assert_eq!((first.tried(), second.tried()), (1, 10));
        // The pauses: 5, 10, 20, 40, 80, 160, then 300 seconds each.
        let mut tries = VecDeque::new();
        let start = Instant::now();
        while start.elapsed() < Duration::from_mins(20) {
            let before = first.tried();
            by(&both).await;
            if first.tried() > before {
                tries.push_back(start.elapsed().as_secs());
            }
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(tries, [5, 15, 35, 75, 155, 315, 615, 915]);

        first.say(Taken);
        tokio::time::advance(LONGEST_PAUSE).await;
        let before = second.tried();
        for _ in 0..3 {
            assert_eq!(by(&both).await, "a:25");
        }
        assert_eq!(second.tried(), before);
        // A new outage starts with a short pause.
        first.say(Unreachable);
        assert_eq!(by(&both).await, "b:25");
        first.say(Taken);
        assert_eq!(by(&both).await, "b:25");
        tokio::time::advance(FIRST_PAUSE).await;
        assert_eq!(by(&both).await, "a:25");
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_that_answers_at_all_is_back() {
        let (both, first, second) = pair(Unreachable, Taken);
        by(&both).await;
        first.say(Refused);
        tokio::time::advance(FIRST_PAUSE).await;
        for _ in 0..2 {
            assert!(both.send(&mail()).await.unwrap_err().is_permanent());
        }
        assert_eq!(second.tried(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn when_neither_is_reached_both_are_named() {
        let (both, first, second) = pair(Unreachable, Unreachable);
        for round in 1..=3 {
            let error = both.send(&mail()).await.unwrap_err();
            assert!(error.is_unreachable());
            assert_eq!(
                error.to_string(),
                "could not connect to the mail server a:25: a:25 says so; and could not connect to \
                 the second one, b:25: b:25 says so; the mail waits, look at a:25; for b:25, look \
                 at b:25"
            );
            assert_eq!((first.tried(), second.tried()), (round, round));
        }
        // Whichever comes back first is used at once.
        first.say(Taken);
        assert_eq!(by(&both).await, "a:25");
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_second_says_of_a_mail_counts_while_it_stands_in() {
        for (says, is_permanent) in [(Refused, true), (Later, false)] {
            let (both, ..) = pair(Unreachable, says);
            for _ in 0..2 {
                let error = both.send(&mail()).await.unwrap_err();
                assert_eq!(error.is_permanent(), is_permanent, "{error}");
                assert!(!error.is_unreachable(), "{error}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn mails_that_are_sent_at_once_make_one_outage() {
        let first = Scripted::slow("a:25", Unreachable, Duration::from_secs(1));
        let second = Scripted::new("b:25", Taken);
        let both = FallbackTransport::new(first.clone(), second.clone());
        tokio::join!(by(&both), by(&both), by(&both));
        assert_eq!(both.pause(), Some(FIRST_PAUSE));
        // And only one of them tries again.
        tokio::time::advance(FIRST_PAUSE).await;
        tokio::join!(by(&both), by(&both), by(&both));
        assert_eq!((first.tried(), second.tried()), (4, 6));
        assert_eq!(both.pause(), Some(FIRST_PAUSE * 2));
    }

    /// Collects what is logged.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_change_is_logged_once() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let (both, first, _) = pair(Unreachable, Taken);
        for _ in 0..20 {
            by(&both).await;
            tokio::time::advance(FIRST_PAUSE).await;
        }
        first.say(Taken);
        tokio::time::advance(LONGEST_PAUSE).await;
        for _ in 0..3 {
            by(&both).await;
        }
        let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let logged: Vec<&str> = logged.lines().collect();
        assert_eq!(logged.len(), 2, "{logged:?}");
        assert!(
            logged[0].contains("WARN") && logged[0].contains("a:25"),
            "{logged:?}"
        );
        assert!(
            logged[1].contains("INFO") && logged[1].contains("is back"),
            "{logged:?}"
        );
    }

    #[tokio::test]
    async fn both_are_told_that_they_may_rest() {
        let (both, first, second) = pair(Taken, Taken);
        both.rest().await;
        for one in [first, second] {
            assert_eq!(one.rested.load(Ordering::Relaxed), 1);
        }
    }
}
