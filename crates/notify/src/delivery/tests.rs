//! The worker over an outbox in memory, on tokio's paused clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::{
    Attempt, Backlog, Delivery, EventId, Lease, Ledger, Mail, MemoryOutbox, Plan, PlannedMail,
    Receipt, TransportError,
};

const START: i64 = 1_750_396_800;

/// A clock that goes as tokio's does, and that can be put forward and back.
#[derive(Debug, Clone)]
struct TestClock {
    started_at: Instant,
    offset_s: Arc<AtomicI64>,
}

impl TestClock {
    fn new() -> Self {
        Self {
            started_at: Instant::now(),
            offset_s: Arc::new(AtomicI64::new(0)),
        }
    }

    fn put(&self, by: SignedDuration) {
        self.offset_s.fetch_add(by.as_secs(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let offset = SignedDuration::from_secs(START + self.offset_s.load(Ordering::SeqCst));
        let since = SignedDuration::try_from(self.started_at.elapsed()).unwrap();
        Timestamp::UNIX_EPOCH.checked_add(offset + since).unwrap()
    }
}

/// What a server does with a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Take,
    Defer,
    Refuse,
    GoAway,
    /// Takes the mail after this long.
    TakeAfter(Duration),
    Panic,
}

type Decide = dyn Fn(&Mail, u32) -> Answer + Send + Sync;

/// A server that decides by the mail and by how often it has seen it.
struct Server {
    decide: Box<Decide>,
    seen: Mutex<Vec<(Instant, String, String)>>,
    taken: Mutex<Vec<(Instant, Mail)>>,
    rests: AtomicU32,
}

impl Server {
    fn new(decide: impl Fn(&Mail, u32) -> Answer + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            decide: Box::new(decide),
            seen: Mutex::new(Vec::new()),
            taken: Mutex::new(Vec::new()),
            rests: AtomicU32::new(0),
        })
    }

    fn take(&self, mail: &Mail) -> Receipt {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.push((Instant::now(), mail.clone()));
        Receipt::default()
    }

    /// The ids of the mails that were taken, in order.
    fn taken(&self) -> Vec<String> {
        let taken = self.taken.lock().unwrap();
        taken
            .iter()
            .map(|(_, mail)| mail.message_id.clone())
            .collect()
    }

    fn taken_within(&self, since: Instant, time: Duration, recipient: &str) -> usize {
        let taken = self.taken.lock().unwrap();
        let is_in = |(at, mail): &&(Instant, Mail)| *at <= since + time && mail.to == recipient;
        taken.iter().filter(is_in).count()
    }

    fn tries(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

#[async_trait]
impl Transport for Server {
    async fn send(&self, mail: &Mail) -> Result<Receipt, TransportError> {
        let (by, recipient) = ("server".to_owned(), mail.to.clone());
        let times = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.push((Instant::now(), mail.message_id.clone(), recipient.clone()));
            let is_same = |(_, id, _): &&(_, String, _)| *id == mail.message_id;
            u32::try_from(seen.iter().filter(is_same).count()).unwrap()
        };
        let problem = "no".to_owned();
        match (self.decide)(mail, times) {
            Answer::Take => Ok(self.take(mail)),
            Answer::TakeAfter(time) => {
                sleep(time).await;
                Ok(self.take(mail))
            }
            Answer::Defer => Err(TransportError::Temporary {
                by,
                recipient,
                problem,
            }),
            Answer::Refuse => Err(TransportError::Refused {
                by,
                recipient,
                problem,
            }),
            Answer::GoAway => Err(TransportError::Unreachable {
                action: "connect to".to_owned(),
                server: by,
                problem,
                advice: "wait".to_owned(),
            }),
            Answer::Panic => panic!("a transport that is broken"),
        }
    }

    async fn rest(&self) {
        self.rests.fetch_add(1, Ordering::SeqCst);
    }
}

fn mail(number: usize, to: &str) -> Mail {
    Mail {
        message_id: format!("<{number}@example.com>"),
        date: Timestamp::UNIX_EPOCH,
        from: "vigie@example.com".to_owned(),
        to: to.to_owned(),
        subject: String::new(),
        text: String::new(),
        html: String::new(),
        urgent: false,
        threads: Vec::new(),
    }
}

/// Leaves mails to these recipients in the outbox, numbered from `first` on.
async fn plan(outbox: &impl Ledger, clock: &impl Clock, first: usize, recipients: &[&str]) {
    let mails: Vec<PlannedMail> = recipients
        .iter()
        .enumerate()
        .map(|(number, to)| PlannedMail {
            event: Some(EventId(i64::try_from(first + number).unwrap())),
            tells: Vec::new(),
            mail: mail(first + number, to),
        })
        .collect();
    let plan = Plan {
        up_to: mails.last().unwrap().event,
        mails,
        planned_at: clock.now(),
        ..Plan::default()
    };
    outbox.plan(&plan).await.unwrap();
}

fn worker<O: Outbox>(
    server: &Arc<Server>,
    outbox: O,
    clock: &TestClock,
) -> DeliveryWorker<Server, O, TestClock> {
    DeliveryWorker::new(
        server.clone(),
        outbox,
        clock.clone(),
        DeliverySettings::default(),
    )
}

async fn waiting(outbox: &impl Outbox) -> u64 {
    outbox.backlog().await.unwrap().waiting
}

/// A worker at work until it is told to stop.
struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Delivered>,
}

impl Running {
    fn start<O: Outbox + 'static>(worker: DeliveryWorker<Server, O, TestClock>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move { worker.run(async { _ = stopped.await }).await });
        Self { stop, task }
    }

    async fn stop(self) -> Delivered {
        self.stop.send(()).unwrap();
        self.task.await.unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn all_that_is_due_is_sent_once_and_recorded() {
    let (outbox, clock) = (MemoryOutbox::new(), TestClock::new());
    plan(
        &outbox,
        &clock,
        1,
        &["a@example.com", "b@example.com"].repeat(200),
    )
    .await;
    let server = Server::new(|_, _| Answer::TakeAfter(Duration::from_millis(3)));
    let worker = worker(&server, outbox.clone(), &clock);
    let delivered = worker.deliver_due(Duration::from_secs(30)).await.unwrap();
    assert_eq!(
        delivered,
        Delivered {
            sent: 400,
            failed: 0,
            dead: 0
        }
    );
    assert_eq!(
        server.taken().into_iter().collect::<BTreeSet<_>>().len(),
        400
    );
    assert_eq!(server.tries(), 400);
    assert_eq!(waiting(&outbox).await, 0);
    let again = worker.deliver_due(Duration::from_secs(30)).await.unwrap();
    assert_eq!(again, Delivered::default());
}

#[tokio::test(start_paused = true)]
async fn a_mail_that_is_not_taken_is_tried_again_for_days_and_ever_more_rarely() {
    let (outbox, clock) = (MemoryOutbox::new(), TestClock::new());
    plan(&outbox, &clock, 1, &["greylisted@example.com"]).await;
    let server = Server::new(|_, times| {
        if times < 60 {
            Answer::Defer
        } else {
            Answer::Take
        }
    });
    let running = Running::start(worker(&server, outbox.clone(), &clock));
    sleep(Duration::from_hours(4 * 24)).await;
    let delivered = running.stop().await;
    assert_eq!(
        delivered,
        Delivered {
            sent: 1,
            failed: 59,
            dead: 0
        }
    );
    let seen = server.seen.lock().unwrap();
    let waits: Vec<u64> = seen
        .windows(2)
        .map(|pair| (pair[1].0 - pair[0].0).as_secs())
        .collect();
    assert!((5..=12).contains(&waits[0]), "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= 3602), "{waits:?}");
    assert!(waits[20..].iter().all(|wait| *wait >= 1800), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_mail_is_not_tried_again_and_is_told_of() {
    let (outbox, clock) = (MemoryOutbox::new(), TestClock::new());
    plan(&outbox, &clock, 1, &["nobody@example.com", "a@example.com"]).await;
    let refuse = |mail: &Mail| mail.to.starts_with("nobody");
    let server = Server::new(move |mail, _| {
        if refuse(mail) {
            Answer::Refuse
        } else {
            Answer::Take
        }
    });
    let running = Running::start(worker(&server, outbox.clone(), &clock));
    sleep(Duration::from_hours(30)).await;
    assert_eq!(
        running.stop().await,
        Delivered {
            sent: 1,
            failed: 1,
            dead: 1
        }
    );
    assert_eq!(server.tries(), 2);
    assert_eq!(waiting(&outbox).await, 0);
    let dead = outbox
        .untold_dead(Timestamp::MIN, Timestamp::MAX, 10)
        .await
        .unwrap();
    assert_eq!(dead.len(), 1);
    assert!(
        dead[0].error.contains("nobody@example.com"),
        "{}",
        dead[0].error
    );
}

#[tokio::test(start_paused = true)]
async fn an_outage_costs_few_tries_and_no_mail() {
    let (outbox, clock) = (MemoryOutbox::new(), TestClock::new());
    plan(&outbox, &clock, 1, &["a@example.com"; 1000]).await;
    let back_at = Instant::now() + Duration::from_hours(12);
    let server = Server::new(move |_, _| {
        if Instant::now() < back_at {
            Answer::GoAway
        } else {
            Answer::Take
        }
    });
    let running = Running::start(worker(&server, outbox.clone(), &clock));
    sleep(Duration::from_hours(12)).await;
    let tries = server.tries();
    assert!((140..320).contains(&tries), "{tries} tries in 12 hours");
    sleep(Duration::from_mins(6)).await;
    assert_eq!(server.taken().len(), 1000);
    assert_eq!(running.stop().await.sent, 1000);
}

#[tokio::test(start_paused = true)]
async fn when_nothing_gets_through_a_round_ends_and_all_waits() {
    let (outbox, clock) = (MemoryOutbox::new(), TestClock::new());
    plan(&outbox, &clock, 1, &["a@example.com"; 1000]).await;
    let server = Server::new(|_, _| Answer::GoAway);
    let worker = worker(&server, outbox.clone(), &clock);
    let started_at = Instant::now();
    let delivered = worker.deliver_due(Duration::from_secs(30)).await.unwrap();
    assert_eq!(delivered.sent, 0);
    assert!(server.tries() <= 4);
    assert!(started_at.elapsed() < Duration::from_secs(1));
    assert_eq!(waiting(&outbox).await, 1000);
    // Another program may try at once.
    let lease = Lease {
        holder: "other".to_owned(),
        until: Timestamp::MAX,
    };
    let due = outbox.claim(clock.now(), &lease, &[], 2000).await.unwrap();
    assert_eq!(due.len(), 1000);
}

#[tokio::test(start_paused = true)]
async fn some_whose_mails_hang_delay_nobody_else() {
    let (outbox, clock) = (MemoryOutbox::new(), TestClock::new());
    plan(&outbox, &clock, 1, &["slow@example.com"; 100]).await;
    plan(&outbox, &clock, 101, &["slow2@example.com"; 100]).await;
    plan(&outbox, &clock, 201, &["a@example.com"; 100]).await;
    let server = Server::new(|mail, _| {
        let is_slow = mail.to.starts_with("slow");
        Answer::TakeAfter(Duration::from_millis(if is_slow { 300_000 } else { 5 }))
    });
    let started_at = Instant::now();
    let running = Running::start(worker(&server, outbox.clone(), &clock));
    sleep(Duration::from_mins(10)).await;
    // The first mail goes ahead for some seconds.
    let soon = Duration::from_secs(4);
    assert_eq!(server.taken_within(started_at, soon, "a@example.com"), 100);
    let _ = running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn somebody_who_takes_nothing_for_now_is_tried_rarely_and_delays_nobody_else() {
    let (outbox, clock) = (MemoryOutbox::new(), TestClock::new());
    plan(&outbox, &clock, 1, &["full@example.com"; 500]).await;
    plan(&outbox, &clock, 501, &["a@example.com"; 100]).await;
    let server = Server::new(|mail, _| {
        if mail.to.starts_with("full") {
            Answer::Defer
        } else {
            Answer::Take
        }
    });
    let started_at = Instant::now();
    let running = Running::start(worker(&server, outbox.clone(), &clock));
    sleep(Duration::from_hours(1)).await;
    assert_eq!(
        server.taken_within(started_at, Duration::from_secs(1), "a@example.com"),
        100
    );
    let tries = server.tries() - 100;
    assert!((60..130).contains(&tries), "{tries} tries in an hour");
    let _ = running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn no_minute_has_more_mails_than_the_limit_through_restarts_too() {
    let (outbox, clock) = (MemoryOutbox::new(), TestClock::new());
    plan(&outbox, &clock, 1, &["a@example.com"; 100]).await;
    let server = Server::new(|_, _| Answer::Take);
    let settings = DeliverySettings {
        max_per_minute: NonZeroU32::new(10),
        ..DeliverySettings::default()
    };
    let worker = || {
        DeliveryWorker::new(
            server.clone(),
            outbox.clone(),
            clock.clone(),
            settings.clone(),
        )
    };
    // A program that is started each 20 seconds, and then one that goes on.
    for _ in 0..6 {
        let _ = worker().deliver_due(Duration::from_secs(5)).await.unwrap();
        sleep(Duration::from_secs(15)).await;
    }
    let running = Running::start(worker());
    sleep(Duration::from_mins(20)).await;
    let _ = running.stop().await;
    let taken = server.taken.lock().unwrap();
    assert_eq!(taken.len(), 100);
    for window in taken.windows(11) {
        assert!(window[10].0 - window[0].0 >= Duration::from_mins(1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_stops_lets_mails_arrive_and_gives_the_rest_back() {
    let (outbox, clock) = (MemoryOutbox::new(), TestClock::new());
    plan(&outbox, &clock, 1, &["a@example.com"; 20]).await;
    let server = Server::new(|_, _| Answer::TakeAfter(Duration::from_secs(4)));
    let running = Running::start(worker(&server, outbox.clone(), &clock));
    sleep(Duration::from_secs(5)).await;
    let stopped_at = Instant::now();
    assert_eq!(running.stop().await.sent, 4);
    assert!(stopped_at.elapsed() <= Duration::from_secs(4));
    let lease = Lease {
        holder: "other".to_owned(),
        until: Timestamp::MAX,
    };
    let due = outbox.claim(clock.now(), &lease, &[], 100).await.unwrap();
    assert_eq!(due.len(), 16);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_stops_waits_for_no_server_that_hangs() {
    let (outbox, clock) = (MemoryOutbox::new(), TestClock::new());
    plan(&outbox, &clock, 1, &["a@example.com"; 20]).await;
    let server = Server::new(|_, _| Answer::TakeAfter(Duration::from_hours(1)));
    let running = Running::start(worker(&server, outbox.clone(), &clock));
    sleep(Duration::from_secs(5)).await;
    let stopped_at = Instant::now();
    assert_eq!(running.stop().await.sent, 0);
    assert!(stopped_at.elapsed() <= FAREWELL + Duration::from_secs(1));
    assert_eq!(waiting(&outbox).await, 20);
    let lease = Lease {
        holder: "other".to_owned(),
        until: Timestamp::MAX,
    };
    assert_eq!(
        outbox
            .claim(clock.now(), &lease, &[], 100)
            .await
            .unwrap()
            .len(),
        20
    );
}

#[tokio::test(start_paused = true)]
async fn a_round_ends_in_time_whatever_the_server_does() {
    let (outbox, clock) = (MemoryOutbox::new(), TestClock::new());
    plan(&outbox, &clock, 1, &["slow@example.com", "a@example.com"]).await;
    let server = Server::new(|mail, _| {
        let is_slow = mail.to.starts_with("slow");
        Answer::TakeAfter(Duration::from_secs(if is_slow { 3600 } else { 1 }))
    });
    let started_at = Instant::now();
    let worker = worker(&server, outbox.clone(), &clock);
    let delivered = worker.deliver_due(Duration::from_secs(30)).await.unwrap();
    assert_eq!(
        delivered,
        Delivered {
            sent: 1,
            failed: 1,
            dead: 0
        }
    );
    assert_eq!(started_at.elapsed(), Duration::from_secs(30));
    assert_eq!(waiting(&outbox).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_round_that_ends_cuts_no_mail_off_that_takes_its_usual_time() {
    let (outbox, clock) = (MemoryOutbox::new(), TestClock::new());
    plan(
        &outbox,
        &clock,
        1,
        &["a@example.com", "b@example.com"].repeat(100),
    )
    .await;
    let server = Server::new(|_, _| Answer::TakeAfter(Duration::from_millis(2_300)));
    let started_at = Instant::now();
    let worker = worker(&server, outbox.clone(), &clock);
    let delivered = worker.deliver_due(Duration::from_secs(30)).await.unwrap();
    assert!(started_at.elapsed() <= Duration::from_secs(30));
    assert_eq!(delivered.failed, 0);
    assert_eq!(server.tries() as u64, delivered.sent);
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_worker_had_in_hand_goes_out_when_its_lease_ends() {
    let (outbox, clock) = (MemoryOutbox::new(), TestClock::new());
    plan(&outbox, &clock, 1, &["a@example.com"; 50]).await;
    let hanging = Server::new(|_, _| Answer::TakeAfter(Duration::from_hours(1)));
    let running = Running::start(worker(&hanging, outbox.clone(), &clock));
    sleep(Duration::from_secs(10)).await;
    running.task.abort();
    let server = Server::new(|_, _| Answer::Take);
    let mut next = worker(&server, outbox.clone(), &clock);
    next.settings.holder = "next".to_owned();
    let started_at = Instant::now();
    let running = Running::start(next);
    sleep(Duration::from_mins(2)).await;
    assert_eq!(running.stop().await.sent, 50);
    // Nothing of what was claimed went before.
    let last = server.taken.lock().unwrap().last().unwrap().0 - started_at;
    assert!(
        last > Duration::from_secs(40) && last < Duration::from_secs(62),
        "{last:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_mail_that_takes_long_is_sent_by_nobody_else_meanwhile() {
    let (outbox, clock) = (MemoryOutbox::new(), TestClock::new());
    plan(&outbox, &clock, 1, &["slow@example.com"; 8]).await;
    let server = Server::new(|_, _| Answer::TakeAfter(Duration::from_mins(5)));
    let mut other = worker(&server, outbox.clone(), &clock);
    other.settings.holder = "other".to_owned();
    let both = [worker(&server, outbox.clone(), &clock), other].map(Running::start);
    sleep(Duration::from_hours(2)).await;
    for running in both {
        let _ = running.stop().await;
    }
    assert_eq!(server.tries(), 8);
    assert_eq!(server.taken().into_iter().collect::<BTreeSet<_>>().len(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_put_back_or_forward_holds_no_mail_up() {
    for by in [
        SignedDuration::from_hours(-365 * 24),
        SignedDuration::from_hours(365 * 24),
    ] {
        let (outbox, clock) = (MemoryOutbox::new(), TestClock::new());
        plan(&outbox, &clock, 1, &["a@example.com"; 3]).await;
        let server = Server::new(|_, times| {
            if times < 5 {
                Answer::Defer
            } else {
                Answer::Take
            }
        });
        let running = Running::start(worker(&server, outbox.clone(), &clock));
        sleep(Duration::from_secs(20)).await;
        clock.put(by);
        sleep(Duration::from_hours(1)).await;
        assert_eq!(running.stop().await.sent, 3);
        assert_eq!(server.taken().len(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_transport_rests_when_it_has_nothing_to_do() {
    let (outbox, clock) = (MemoryOutbox::new(), TestClock::new());
    let server = Server::new(|_, _| Answer::Take);
    let worker = worker(&server, outbox.clone(), &clock);
    let second = Duration::from_secs(1);
    let _ = worker.deliver_due(second).await.unwrap();
    assert_eq!(server.rests.load(Ordering::SeqCst), 0, "it did nothing");
    plan(&outbox, &clock, 1, &["a@example.com"]).await;
    let _ = worker.deliver_due(second).await.unwrap();
    assert_eq!(server.rests.load(Ordering::SeqCst), 1);

    let running = Running::start(worker);
    for number in 2..6 {
        plan(&outbox, &clock, number, &["a@example.com"]).await;
        sleep(Duration::from_secs(6)).await;
    }
    assert_eq!(
        server.rests.load(Ordering::SeqCst),
        1,
        "it had mails to send"
    );
    sleep(Duration::from_mins(5)).await;
    assert_eq!(server.rests.load(Ordering::SeqCst), 2);
    assert_eq!(running.stop().await.sent, 4);
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_panics_loses_no_mail() {
    let (outbox, clock) = (MemoryOutbox::new(), TestClock::new());
    plan(&outbox, &clock, 1, &["a@example.com"; 3]).await;
    let server = Server::new(|_, times| {
        if times < 3 {
            Answer::Panic
        } else {
            Answer::Take
        }
    });
    let running = Running::start(worker(&server, outbox.clone(), &clock));
    sleep(Duration::from_hours(1)).await;
    assert_eq!(running.stop().await.sent, 3);
}

/// An outbox that fails as often as it is told to, before it does anything, and that takes its time to
/// record.
#[derive(Clone)]
struct Failing {
    outbox: MemoryOutbox,
    failures: Arc<AtomicU32>,
    record_takes: Duration,
    recorded: Arc<AtomicUsize>,
    /// How many were recorded when mails were last claimed.
    recorded_at_claim: Arc<AtomicUsize>,
}

impl Failing {
    fn new(outbox: &MemoryOutbox) -> Self {
        Self {
            outbox: outbox.clone(),
            failures: Arc::default(),
            record_takes: Duration::ZERO,
            recorded: Arc::default(),
            recorded_at_claim: Arc::default(),
        }
    }

    fn fail(&self, times: u32) {
        self.failures.store(times, Ordering::SeqCst);
    }

    fn may_fail(&self) -> Result<(), OutboxError> {
        let less = |left: u32| left.checked_sub(1);
        match self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
        {
            Ok(_) => Err(OutboxError::new("do anything", "the disk is full")),
            Err(_) => Ok(()),
        }
    }
}

#[async_trait]
impl Outbox for Failing {
    async fn claim(
        &self,
        now: Timestamp,
        lease: &Lease,
        except: &[String],
        limit: u32,
    ) -> Result<Vec<Delivery>, OutboxError> {
        self.may_fail()?;
        let recorded = self.recorded.load(Ordering::SeqCst);
        self.recorded_at_claim.store(recorded, Ordering::SeqCst);
        self.outbox.claim(now, lease, except, limit).await
    }

    async fn renew(&self, lease: &Lease) -> Result<(), OutboxError> {
        self.may_fail()?;
        self.outbox.renew(lease).await
    }

    async fn record(&self, holder: &str, attempts: &[Attempt]) -> Result<(), OutboxError> {
        self.may_fail()?;
        sleep(self.record_takes).await;
        self.recorded.fetch_add(attempts.len(), Ordering::SeqCst);
        self.outbox.record(holder, attempts).await
    }

    async fn backlog(&self) -> Result<Backlog, OutboxError> {
        self.outbox.backlog().await
    }

    async fn count_sent_since(&self, since: Timestamp) -> Result<u64, OutboxError> {
        self.outbox.count_sent_since(since).await
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_while_the_outbox_failed_is_recorded_later_and_not_sent_again() {
    let (outbox, clock) = (MemoryOutbox::new(), TestClock::new());
    plan(&outbox, &clock, 1, &["a@example.com"; 100]).await;
    let failing = Failing::new(&outbox);
    let breaking = failing.clone();
    let server = Server::new(move |mail, _| {
        if mail.message_id == "<7@example.com>" {
            breaking.fail(6);
        }
        Answer::Take
    });
    let running = Running::start(worker(&server, failing, &clock));
    sleep(Duration::from_mins(10)).await;
    assert_eq!(running.stop().await.sent, 100);
    assert_eq!(server.tries(), 100);
    assert_eq!(waiting(&outbox).await, 0);
}

#[tokio::test(start_paused = true)]
async fn mails_leave_while_a_slow_disk_writes_but_few_of_which_it_does_not_know() {
    let (outbox, clock) = (MemoryOutbox::new(), TestClock::new());
    let people = ["a@example.com", "b@example.com"].repeat(160);
    plan(&outbox, &clock, 1, &people).await;
    let mut slow = Failing::new(&outbox);
    slow.record_takes = Duration::from_millis(100);
    let (recorded, recorded_at_claim) = (slow.recorded.clone(), slow.recorded_at_claim.clone());
    let (begun, ahead) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let furthest = ahead.clone();
    let server = Server::new(move |_, _| {
        let before = begun.fetch_add(1, Ordering::SeqCst);
        furthest.fetch_max(before - recorded.load(Ordering::SeqCst), Ordering::SeqCst);
        // At each claim, all was recorded but what was on its way.
        assert!(before < recorded_at_claim.load(Ordering::SeqCst) + 32 + 4);
        Answer::Take
    });
    let started = Instant::now();
    let worker = worker(&server, slow, &clock);
    let delivered = worker.deliver_due(Duration::from_mins(5)).await.unwrap();
    assert_eq!((delivered.sent, delivered.failed), (320, 0));
    // One record for each mail would take 32 seconds.
    assert!(started.elapsed() < Duration::from_secs(6));
    let ahead = ahead.load(Ordering::SeqCst);
    assert!((8..20).contains(&ahead), "{ahead}");
}

#[tokio::test(start_paused = true)]
async fn a_round_tells_what_the_outbox_can_not_do() {
    let (outbox, clock) = (MemoryOutbox::new(), TestClock::new());
    plan(&outbox, &clock, 1, &["a@example.com"]).await;
    let failing = Failing::new(&outbox);
    failing.fail(1);
    let server = Server::new(|_, _| Answer::Take);
    let worker = worker(&server, failing, &clock);
    let error = worker
        .deliver_due(Duration::from_secs(1))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "could not do anything: the disk is full");
}

#[tokio::test(start_paused = true)]
async fn who_stops_while_the_outbox_fails_records_what_was_sent() {
    let (outbox, clock) = (MemoryOutbox::new(), TestClock::new());
    plan(&outbox, &clock, 1, &["a@example.com"; 3]).await;
    let failing = Failing::new(&outbox);
    let breaking = failing.clone();
    let server = Server::new(move |mail, _| {
        if mail.message_id == "<1@example.com>" {
            breaking.fail(1);
        }
        Answer::Take
    });
    let running = Running::start(worker(&server, failing, &clock));
    // The outbox is whole again, and the worker waits before it asks.
    sleep(Duration::from_millis(500)).await;
    let stopped = running.stop().await;
    assert_eq!(waiting(&outbox).await, 3 - server.taken().len() as u64);
    assert_eq!(stopped.sent, server.taken().len() as u64);
}

#[tokio::test(start_paused = true)]
async fn while_nothing_gets_through_no_mail_is_held() {
    let (outbox, clock) = (MemoryOutbox::new(), TestClock::new());
    plan(&outbox, &clock, 1, &["a@example.com"; 100]).await;
    let server = Server::new(|_, _| Answer::GoAway);
    let running = Running::start(worker(&server, outbox.clone(), &clock));
    sleep(Duration::from_mins(20)).await;
    let lease = Lease {
        holder: "other".to_owned(),
        until: Timestamp::MAX,
    };
    let due = outbox.claim(clock.now(), &lease, &[], 200).await.unwrap();
    assert_eq!(due.len(), 100);
    let _ = running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_round_sends_the_other_mails_of_who_did_not_take_one() {
    let (outbox, clock) = (MemoryOutbox::new(), TestClock::new());
    plan(&outbox, &clock, 1, &["a@example.com"; 100]).await;
    let server = Server::new(|mail, _| {
        if mail.message_id == "<1@example.com>" {
            Answer::Defer
        } else {
            Answer::Take
        }
    });
    let worker = worker(&server, outbox.clone(), &clock);
    let delivered = worker.deliver_due(Duration::from_secs(30)).await.unwrap();
    assert_eq!(delivered.sent, 99);
}

/// What one crash-ridden life of an outbox came to.
async fn live(answers: Vec<Answer>, lives: Vec<u16>, mails: usize) -> Result<(), TestCaseError> {
    let (outbox, clock) = (MemoryOutbox::new(), TestClock::new());
    let recipients = ["a@example.com", "b@example.com", "c@example.com"].repeat(mails);
    plan(&outbox, &clock, 1, &recipients[..mails]).await;
    let count = answers.len();
    let server = Server::new(move |mail, times| {
        let number: usize = mail.message_id[1..]
            .split('@')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        // In the end every server takes what it was offered often enough.
        if times > 6 {
            Answer::Take
        } else {
            answers[(number * 7 + times as usize) % count]
        }
    });
    let mut crashes = 0;
    for (life, milliseconds) in lives.into_iter().enumerate() {
        let mut worker = worker(&server, outbox.clone(), &clock);
        worker.settings.holder = format!("life {life}");
        let task = tokio::spawn(async move { worker.run(std::future::pending()).await });
        sleep(Duration::from_millis(u64::from(milliseconds))).await;
        task.abort();
        let _ = task.await;
        crashes += 1;
    }
    let running = Running::start(worker(&server, outbox.clone(), &clock));
    for _ in 0..48 * 60 {
        if waiting(&outbox).await == 0 {
            break;
        }
        sleep(Duration::from_mins(1)).await;
    }
    let _ = running.stop().await;
    prop_assert_eq!(waiting(&outbox).await, 0);
    let dead = outbox
        .untold_dead(Timestamp::MIN, Timestamp::MAX, 1000)
        .await
        .unwrap();
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for id in server.taken() {
        *times.entry(id).or_default() += 1;
    }
    for delivery in &dead {
        times.entry(delivery.mail.message_id.clone()).or_default();
    }
    prop_assert_eq!(times.len(), mails, "a mail was neither taken nor refused");
    // A crash can repeat what was on its way or not yet recorded, and no more.
    let repeats: usize = times.values().map(|times| times.saturating_sub(1)).sum();
    prop_assert!(
        repeats <= crashes * 8,
        "{} repeats after {} crashes",
        repeats,
        crashes
    );
    Ok(())
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        4 => Just(Answer::Take),
        2 => (0_u64..3_000).prop_map(|ms| Answer::TakeAfter(Duration::from_millis(ms))),
        2 => Just(Answer::Defer),
        1 => Just(Answer::GoAway),
        1 => Just(Answer::Refuse),
        1 => Just(Answer::Panic),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_mail_is_lost_whatever_the_server_says_and_whenever_the_worker_dies(
        answers in prop::collection::vec(answer(), 1..20),
        lives in prop::collection::vec(0_u16..8_000, 0..8),
        mails in 1_usize..60,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(live(answers, lives, mails))?;
    }
}
