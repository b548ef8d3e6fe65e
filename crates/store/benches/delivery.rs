//! How fast mails get from events through the outbox to a mail server, beside what is bare.
//!
//! Ours is the whole way of the program: claimed from a database on the disk, written as MIME, handed
//! over with STARTTLS and login, recorded durably. Beside it, to the same server on the loopback, one
//! bare connection that pushes ready-made mails, each command after the answer to the last, and what
//! scripts do: a new connection for each mail. Neither of these two remembers anything.
//!
//! `cargo bench -p vigie-store --bench delivery` prints one table; a number after `--` is how many
//! mails are sent instead of 10,000. Only the ratios mean something on another machine.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that can't go on has failed"
)]

mod mail_server;

use std::num::{NonZeroU16, NonZeroUsize};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use vigie_domain::{DomainEvent, EventKind, ExpectedBackupJob, JobStatus, Sha256};
use vigie_notify::{
    Composer, ComposerSettings, DeliverySettings, DeliveryWorker, Mail, Outbox as _, Planner,
    SmtpTransport, SystemClock, samples,
};
use vigie_scanner::{ReportCommit, ReportRecord, Store as _, UndeclaredDatabase};
use vigie_store::SqliteStore;

use mail_server::{LOGIN, Server, Stream};

/// How many mails are sent in each measurement, when no number is given.
const MAILS: usize = 10_000;

/// How often everything is measured, in turns, so that a busy moment hits all.
const ROUNDS: usize = 3;

/// To how many people mails usually go.
const PEOPLE: usize = 100;

/// For how many mails of the others there is one over a connection of its own.
const OTHERS_PER_SCRIPT: usize = 10;

/// Ours: how many connections, and to how many people the mails go.
const OURS: [(u16, usize); 4] = [(1, PEOPLE), (2, PEOPLE), (4, PEOPLE), (4, 1)];

fn main() {
    // Cargo gives an argument of its own.
    let given = std::env::args().find_map(|argument| argument.parse().ok());
    let mails = given.unwrap_or(MAILS);
    let server = Server::start();
    // As the program's own.
    let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
    let rounds: Vec<Round> = (0..ROUNDS)
        .map(|_| Round::measure(&runtime, &server, mails))
        .collect();
    print(mails, &rounds);
}

/// Everything measured once, in mails per second.
struct Round {
    planned: f64,
    ours: [f64; OURS.len()],
    bare: f64,
    script: f64,
}

impl Round {
    fn measure(runtime: &Runtime, server: &Server, mails: usize) -> Self {
        let ready = ready_made();
        let bare = runtime.block_on(reuse_one_connection(server, &ready, mails));
        let scripted = (mails / OTHERS_PER_SCRIPT).max(1);
        let script = runtime.block_on(connect_for_each(server, &ready, scripted));
        let mut planned = Vec::new();
        let ours = OURS.map(|(connections, people)| {
            runtime.block_on(async {
                let filled = Filled::with(mails, people).await;
                planned.push(filled.per_second);
                filled.deliver(server, connections, mails).await
            })
        });
        Self {
            planned: median(planned),
            ours,
            bare,
            script,
        }
    }
}

fn print(mails: usize, rounds: &[Round]) {
    println!("{mails} mails, STARTTLS and login; the medians of {ROUNDS} rounds\n");
    println!("                                      mails/s   to bare   to scripts");
    let row = |name: &str, of: &dyn Fn(&Round) -> f64| {
        let speed = median(rounds.iter().map(of).collect());
        let to_bare = median(rounds.iter().map(|round| of(round) / round.bare).collect());
        let to_script = median(
            rounds
                .iter()
                .map(|round| of(round) / round.script)
                .collect(),
        );
        println!("{name:36} {speed:8.0} {to_bare:9.2} {to_script:12.1}");
    };
    for (position, (connections, people)) in OURS.into_iter().enumerate() {
        let name = format!("ours, connections: {connections}, people: {people}");
        row(&name, &|round| round.ours[position]);
    }
    row("bare, one connection reused", &|round| round.bare);
    row("scripts, a connection for each mail", &|round| round.script);
    let planned = median(rounds.iter().map(|round| round.planned).collect());
    println!("\nplanned, from the events to the outbox: {planned:.0} mails/s");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// How many of these were done in a second.
fn per_second(count: usize, took: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap()) / took.as_secs_f64()
}

/// A database in which mails wait.
struct Filled {
    _folder: TempDir,
    store: SqliteStore,
    /// How fast they were planned.
    per_second: f64,
}

impl Filled {
    async fn with(mails: usize, people: usize) -> Self {
        // Where the program is built is a disk, which the folder for temporary files need not be.
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let store = SqliteStore::open(&folder.path().join("vigie.db"))
            .await
            .unwrap();
        keep_events(&store, mails, people).await;
        let planner = Planner::new(composer(), store.clone(), SystemClock);
        let now = samples::missing_full().now;
        let started = Instant::now();
        let written = planner.plan(now).await.unwrap().mails;
        let per_second = per_second(mails, started.elapsed());
        assert_eq!(written, mails as u64);
        Self {
            _folder: folder,
            store,
            per_second,
        }
    }

    async fn deliver(self, server: &Server, connections: u16, mails: usize) -> f64 {
        let connections = NonZeroU16::new(connections).unwrap();
        let transport = SmtpTransport::new(server.settings(connections)).unwrap();
        let settings = DeliverySettings {
            parallel: NonZeroUsize::from(connections),
            ..DeliverySettings::default()
        };
        let (transport, outbox) = (Arc::new(transport), self.store.clone());
        let worker = DeliveryWorker::new(transport, outbox, SystemClock, settings);
        let before = server.taken();
        let started = Instant::now();
        let delivered = worker.deliver_due(Duration::from_hours(1)).await.unwrap();
        let took = started.elapsed();
        assert_eq!(delivered.sent, mails as u64);
        assert_eq!(server.taken() - before, mails);
        assert_eq!(self.store.backlog().await.unwrap().waiting, 0);
        self.store.close().await;
        per_second(mails, took)
    }
}

/// Makes jobs known, each of which is missing by now.
async fn keep_events(store: &SqliteStore, count: usize, people: usize) {
    let sample = samples::missing_full();
    let database = |number| UndeclaredDatabase {
        agent: sample.job.agent.clone(),
        database: format!("{}_{number}", sample.job.database),
    };
    let databases: Vec<UndeclaredDatabase> = (0..count).map(database).collect();
    let registered = store.register_jobs(&databases, &sample.job.schedule, sample.now);
    let registered = registered.await.unwrap().into_iter().enumerate();
    let events = registered.map(|(number, known)| missing(&known.job, number % people));
    let report = ReportRecord {
        agent: sample.job.agent.clone(),
        file_name: "20250620_083735.json".to_owned(),
        sha256: Sha256::from([0; 32]),
        operation_ended_at: None,
        received_at: sample.now,
        rejection: None,
        retry: Vec::new(),
    };
    let commit = ReportCommit {
        report,
        moves: Vec::new(),
        events: events.collect(),
    };
    store.commit_reports(&[commit]).await.unwrap();
}

fn missing(known: &ExpectedBackupJob, person: usize) -> DomainEvent {
    let sample = samples::missing_full();
    let (at, mut job) = (sample.now, Box::new(sample.job));
    job.id = known.id;
    job.database.clone_from(&known.database);
    job.recipients = vec![format!("Ops {person} <ops{person}@example.com>")];
    let kind = EventKind::JobMissing {
        expected_at: at,
        deadline_at: at,
        from: JobStatus::Ok,
        job,
    };
    DomainEvent { at, kind }
}

fn composer() -> Composer {
    Composer::new(ComposerSettings::default()).unwrap()
}

/// A mail to each, as the steps in which it is handed over.
fn ready_made() -> Vec<[Vec<u8>; 4]> {
    let now: Timestamp = samples::missing_full().now;
    let composer = composer();
    let mails = (0..PEOPLE).flat_map(|number| {
        match missing(&samples::missing_full().job, number % PEOPLE).kind {
            EventKind::JobMissing { job, .. } => composer.compose(&job, None, now),
            _ => Vec::new(),
        }
    });
    mails.map(|mail| steps(&mail)).collect()
}

fn steps(mail: &Mail) -> [Vec<u8>; 4] {
    let mut content = mail.to_mime().unwrap();
    content.extend_from_slice(b"\r\n.\r\n");
    [
        b"MAIL FROM:<vigie@localhost>\r\n".to_vec(),
        format!("RCPT TO:<{}>\r\n", mail.recipient()).into_bytes(),
        b"DATA\r\n".to_vec(),
        content,
    ]
}

async fn reuse_one_connection(server: &Server, mails: &[[Vec<u8>; 4]], count: usize) -> f64 {
    let way = Way::to(server);
    let before = server.taken();
    let started = Instant::now();
    let mut bare = Bare::connect(&way).await;
    for mail in mails.iter().cycle().take(count) {
        bare.send(mail).await;
    }
    let took = started.elapsed();
    assert_eq!(server.taken() - before, count);
    per_second(count, took)
}

async fn connect_for_each(server: &Server, mails: &[[Vec<u8>; 4]], count: usize) -> f64 {
    let way = Way::to(server);
    let started = Instant::now();
    for mail in mails.iter().cycle().take(count) {
        let mut bare = Bare::connect(&way).await;
        bare.send(mail).await;
        ask(&mut bare.stream, b"QUIT\r\n").await;
    }
    per_second(count, started.elapsed())
}

/// How a bare connection gets to the server.
struct Way {
    port: u16,
    connector: TlsConnector,
}

impl Way {
    fn to(server: &Server) -> Self {
        let settings = server.settings(NonZeroU16::MIN);
        let certificate = CertificateDer::from_pem_slice(&settings.extra_root_certificates);
        let mut roots = RootCertStore::empty();
        roots.add(certificate.unwrap()).unwrap();
        let mut client = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        // A script remembers nothing of the connection before.
        client.resumption = Resumption::disabled();
        Self {
            port: settings.port,
            connector: TlsConnector::from(Arc::new(client)),
        }
    }
}

/// The least that can be done: a command, its answer, the next command.
struct Bare {
    stream: BufReader<Box<dyn Stream>>,
}

impl Bare {
    async fn connect(way: &Way) -> Self {
        let socket = TcpStream::connect(("127.0.0.1", way.port)).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let mut stream: BufReader<Box<dyn Stream>> = BufReader::new(Box::new(socket));
        read_reply(&mut stream).await;
        ask(&mut stream, b"EHLO localhost\r\n").await;
        ask(&mut stream, b"STARTTLS\r\n").await;
        let name = ServerName::try_from("localhost").unwrap();
        let encrypted = way.connector.connect(name, stream.into_inner()).await;
        stream = BufReader::new(Box::new(encrypted.unwrap()));
        ask(&mut stream, b"EHLO localhost\r\n").await;
        ask(&mut stream, LOGIN).await;
        Self { stream }
    }

    async fn send(&mut self, steps: &[Vec<u8>; 4]) {
        for step in steps {
            ask(&mut self.stream, step).await;
        }
    }
}

async fn ask(stream: &mut BufReader<Box<dyn Stream>>, command: &[u8]) {
    stream.write_all(command).await.unwrap();
    stream.flush().await.unwrap();
    read_reply(stream).await;
}

async fn read_reply(stream: &mut BufReader<Box<dyn Stream>>) {
    let mut line = String::from("-");
    while line.get(3..4) != Some(" ") {
        line.clear();
        assert_ne!(stream.read_line(&mut line).await.unwrap(), 0);
    }
    assert!(line.starts_with(['2', '3']), "{line}");
}
