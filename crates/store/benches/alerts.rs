//! How long it takes until everybody knows of jobs that fall overdue at once, among many that are known.
//!
//! Each measurement is the whole way of the program: passed deadlines are found, judged and kept, what
//! people are to be told is planned and written, and the mails are handed over with STARTTLS and login
//! to a server on the loopback, one after the other and all of it durably, in a database on the disk.
//!
//! `cargo bench -p vigie-store --bench alerts` prints two tables: the ways to tell it, and what becomes
//! of the dearest when there is more or less of it. A number after `--` is how many jobs are overdue
//! instead of 10,000; a hundred times as many are known. Only the ratios mean something on another
//! machine.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that can't go on has failed"
)]

mod mail_server;
mod many_jobs;

use std::num::{NonZeroU16, NonZeroUsize};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use vigie_notify::{
    AlertPolicy, Composer, ComposerSettings, DeliverySettings, DeliveryWorker, GroupBy, Grouping,
    Ledger as _, Outbox as _, Planned, Planner, SmtpTransport, SystemClock,
};
use vigie_store::SqliteStore;

use mail_server::Server;
use many_jobs::{JOBS_OF_AGENT, ManyJobs, judge_overdue, now};

/// How many jobs are overdue, when no number is given.
const OVERDUE: usize = 10_000;

/// How many jobs are known, as a multiple of those that are overdue.
const KNOWN: usize = 100;

/// How often everything is measured, in turns, so that a busy moment hits all.
const ROUNDS: usize = 3;

/// As by default.
const CONNECTIONS: NonZeroU16 = NonZeroU16::new(4).unwrap();

const ADMINISTRATOR: &str = "Admin <admin@example.com>";

/// Of how many hundredths of the overdue jobs it is measured whether the time follows the number.
const SHARES: [usize; 4] = [25, 50, 100, 200];

/// How people are told.
struct Way {
    name: &'static str,
    /// To how many people the jobs go; 0 for the administrator alone.
    people: usize,
    grouping: fn() -> Grouping,
    /// How many mails that is for so many jobs.
    mails: fn(usize) -> usize,
}

const WAYS: [Way; 6] = [
    Way {
        name: "a mail for each agent",
        people: 0,
        grouping: || by(Some(GroupBy::Agent)),
        mails: |jobs| jobs / JOBS_OF_AGENT,
    },
    Way {
        name: "a mail for each job, 100 people",
        people: 100,
        grouping: || by(None),
        mails: |jobs| jobs,
    },
    A_MAIL_FOR_EACH,
    Way {
        name: "a mail for the company",
        people: 0,
        grouping: || by(Some(GroupBy::Company)),
        mails: |_| 1,
    },
    Way {
        name: "a mail of an outage",
        people: 0,
        grouping: || Grouping {
            outage_above: 0,
            ..Grouping::default()
        },
        mails: |_| 1,
    },
    Way {
        name: "by default: 20 mails an hour",
        people: 0,
        grouping: Grouping::default,
        mails: |_| 20,
    },
];

/// The dearest.
const A_MAIL_FOR_EACH: Way = Way {
    name: "a mail for each job, 10,000 people",
    people: 10_000,
    grouping: || by(None),
    mails: |jobs| jobs,
};

/// As many mails as that gives.
fn by(by: Option<GroupBy>) -> Grouping {
    Grouping {
        by,
        above: 3,
        outage_above: 100,
        max_per_hour: u32::MAX,
    }
}

fn main() {
    // Cargo gives an argument of its own.
    let given = std::env::args().find_map(|argument| argument.parse().ok());
    let overdue: usize = given.unwrap_or(OVERDUE);
    let server = Server::start();
    // As the program's own.
    let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
    let jobs = runtime.block_on(ManyJobs::known(overdue * KNOWN));
    let told = Told {
        runtime,
        server,
        jobs,
    };
    print_ways(
        overdue,
        &told.rounds(|told| WAYS.map(|way| told.measure(&way, overdue))),
    );
    let parts = SHARES.map(|share| overdue * share / 100);
    let each = |told: &Told| parts.map(|part| told.measure(&A_MAIL_FOR_EACH, part));
    print_parts(parts, &told.rounds(each));
}

fn print_ways(overdue: usize, rounds: &[[Stages; WAYS.len()]]) {
    let known = overdue * KNOWN;
    println!(
        "{overdue} jobs fall overdue among {known}; seconds, the medians of {ROUNDS} rounds\n"
    );
    println!("                                       mails    found  planned     sent    total");
    for (position, way) in WAYS.iter().enumerate() {
        let seconds = |of: fn(&Stages) -> Duration| {
            let of = |round: &[Stages; WAYS.len()]| of(&round[position]).as_secs_f64();
            median(rounds.iter().map(of).collect())
        };
        let stages = [
            |of: &Stages| of.found,
            |of: &Stages| of.planned,
            |of: &Stages| of.sent,
        ];
        let [found, planned, sent] = stages.map(seconds);
        let (name, mails, total) = (way.name, (way.mails)(overdue), seconds(Stages::total));
        println!("{name:36} {mails:7} {found:8.2} {planned:8.2} {sent:8.2} {total:8.2}");
    }
}

fn print_parts(parts: [usize; SHARES.len()], rounds: &[[Stages; SHARES.len()]]) {
    println!("\n{}\n", A_MAIL_FOR_EACH.name);
    println!(" overdue    total   to linear");
    for (position, overdue) in parts.into_iter().enumerate() {
        let took = |round: &[Stages; SHARES.len()]| round[position].total().as_secs_f64();
        let seconds = median(rounds.iter().map(took).collect());
        let linear = f64::from(u32::try_from(overdue).unwrap())
            / f64::from(u32::try_from(parts[0]).unwrap());
        let ratio =
            |round: &[Stages; SHARES.len()]| took(round) / round[0].total().as_secs_f64() / linear;
        let ratio = median(rounds.iter().map(ratio).collect());
        println!("{overdue:8} {seconds:8.2} {ratio:11.2}");
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// How long each part of the way took.
#[derive(Default)]
struct Stages {
    found: Duration,
    planned: Duration,
    sent: Duration,
}

impl Stages {
    fn total(&self) -> Duration {
        self.found + self.planned + self.sent
    }
}

/// All that is needed to tell people.
struct Told {
    runtime: Runtime,
    server: Server,
    jobs: ManyJobs,
}

impl Told {
    fn rounds<T>(&self, measure: impl Fn(&Self) -> T) -> Vec<T> {
        (0..ROUNDS).map(|_| measure(self)).collect()
    }

    fn measure(&self, way: &Way, overdue: usize) -> Stages {
        self.runtime.block_on(self.tell(way, overdue))
    }

    async fn tell(&self, way: &Way, overdue: usize) -> Stages {
        let copy = self.jobs.with_overdue(overdue, way.people).await;
        let (store, mails) = (&copy.store, (way.mails)(overdue) as u64);
        let composer = Composer::new(ComposerSettings {
            admin_email_recipient: vec![ADMINISTRATOR.to_owned()],
            ..ComposerSettings::default()
        });
        let planner = Planner::new(composer.unwrap(), store.clone(), SystemClock);
        let planner = planner.with_policy(AlertPolicy {
            grouping: (way.grouping)(),
            ..AlertPolicy::default()
        });
        let worker = self.worker(store.clone());
        let before = self.server.taken();

        let started = Instant::now();
        let count = judge_overdue(store).await;
        let found = started.elapsed();
        let Planned {
            mails: written_mails,
        } = planner.plan(now()).await.unwrap();
        let written = started.elapsed();
        let delivered = worker.deliver_due(Duration::from_hours(1)).await.unwrap();
        let total = started.elapsed();

        assert_eq!(count, overdue);
        assert_eq!((written_mails, delivered.sent), (mails, mails));
        assert_eq!((self.server.taken() - before) as u64, mails);
        assert_eq!(store.backlog().await.unwrap().waiting, 0);
        assert_eq!(store.pending_notifications(now(), 1).await.unwrap(), []);
        store.close().await;
        Stages {
            found,
            planned: written.saturating_sub(found),
            sent: total.saturating_sub(written),
        }
    }

    fn worker(
        &self,
        outbox: SqliteStore,
    ) -> DeliveryWorker<SmtpTransport, SqliteStore, SystemClock> {
        let transport = SmtpTransport::new(self.server.settings(CONNECTIONS)).unwrap();
        let settings = DeliverySettings {
            parallel: NonZeroUsize::from(CONNECTIONS),
            ..DeliverySettings::default()
        };
        DeliveryWorker::new(Arc::new(transport), outbox, SystemClock, settings)
    }
}
