//! How fast passed deadlines are judged and kept, however many jobs are known.
//!
//! Each measurement is what a cycle does: look up what is overdue, judge it, keep jobs and events
//! durably, until nothing is overdue any more. The overdue jobs lie scattered among the others, in a
//! database on the disk.
//!
//! `cargo bench -p vigie-store --bench deadlines` prints one table; a number after `--` is how many
//! jobs are overdue instead of 10,000. Only the ratios mean something on another machine.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that can't go on has failed"
)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use tempfile::TempDir;
use tokio::runtime::Builder;
use vigie_domain::{AgentId, Schedule, Transition, judge_deadline};
use vigie_scanner::Store as _;
use vigie_store::SqliteStore;

/// How many jobs are overdue in each measurement, when no number is given.
const OVERDUE: usize = 10_000;

/// How many jobs are known, as a multiple of those that are overdue.
const KNOWN: [usize; 3] = [1, 10, 100];

/// How often everything is measured, in turns, so that a busy moment hits all.
const ROUNDS: usize = 3;

/// How many are judged at once, as by the scanner.
const AT_ONCE: u32 = 500;

const HOUR: Duration = Duration::from_hours(1);

fn main() {
    // Cargo gives an argument of its own.
    let given = std::env::args().find_map(|argument| argument.parse().ok());
    let overdue: usize = given.unwrap_or(OVERDUE);
    // As the program's own.
    let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
    let filled = KNOWN.map(|multiple| runtime.block_on(Filled::with(overdue, multiple)));
    let measured = (0..ROUNDS).map(|_| {
        let each = filled.each_ref();
        each.map(|filled| runtime.block_on(filled.measure(overdue)))
    });
    print(overdue, &measured.collect::<Vec<_>>());
}

fn print(overdue: usize, rounds: &[[Duration; KNOWN.len()]]) {
    println!("{overdue} overdue jobs judged and kept; the medians of {ROUNDS} rounds\n");
    println!("     known        ms    jobs/s   to the first");
    for (position, multiple) in KNOWN.into_iter().enumerate() {
        let took = |round: &[Duration; KNOWN.len()]| round[position].as_secs_f64();
        let seconds = median(rounds.iter().map(took).collect());
        let ratio = |round: &[Duration; KNOWN.len()]| took(round) / round[0].as_secs_f64();
        let ratio = median(rounds.iter().map(ratio).collect());
        let known = overdue * multiple;
        let speed = f64::from(u32::try_from(overdue).unwrap()) / seconds;
        println!("{known:10} {:9.0} {speed:9.0} {ratio:14.2}", seconds * 1e3);
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A database of many jobs, some of which are overdue. It is copied for each measurement.
struct Filled {
    folder: TempDir,
}

impl Filled {
    async fn with(overdue: usize, multiple: usize) -> Self {
        // Where the program is built is a disk, which the folder for temporary files need not be.
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let path = folder.path().join("filled.db");
        let store = SqliteStore::open(&path).await.unwrap();
        let databases = ["XAFRIC_2025".to_owned()];
        let schedule = Schedule::every(24 * HOUR, HOUR).unwrap();
        let agent = AgentId::new("SDMC_DOUALA_AKWA").unwrap();
        let registered = store.register_jobs(&agent, &databases, &schedule, known_since());
        let deadline = registered.await.unwrap()[0].job.deadline_at().unwrap();
        store.close().await;
        multiply(&path, overdue * multiple, multiple, deadline).await;
        Self { folder }
    }

    async fn measure(&self, overdue: usize) -> Duration {
        let folder = TempDir::new_in(self.folder.path()).unwrap();
        let path: PathBuf = folder.path().join("vigie.db");
        std::fs::copy(self.folder.path().join("filled.db"), &path).unwrap();
        let store = SqliteStore::open(&path).await.unwrap();
        let started = Instant::now();
        let mut count = 0;
        loop {
            let due = store.overdue_jobs(now(), AT_ONCE).await.unwrap();
            let judged = due.iter().filter_map(|job| judge_deadline(job, now()));
            let moves: Vec<Transition> = judged.collect();
            if moves.is_empty() {
                break;
            }
            store.commit_deadlines(&moves).await.unwrap();
            count += moves.len();
        }
        let took = started.elapsed();
        assert_eq!(count, overdue);
        store.close().await;
        took
    }
}

fn known_since() -> Timestamp {
    "2025-06-18T00:00:00Z".parse().unwrap()
}

fn now() -> Timestamp {
    "2025-06-20T00:00:00Z".parse().unwrap()
}

/// Makes many jobs of the one that is there. All but each `nth` get their deadline a year later.
async fn multiply(path: &Path, count: usize, nth: usize, deadline: Timestamp) {
    let options = SqliteConnectOptions::new().filename(path);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let names = "SELECT name FROM pragma_table_info('jobs')";
    let names: Vec<String> = sqlx::query_scalar(names)
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let value = |name: &String| match name.as_str() {
        "id" => "number".to_owned(),
        "agent_key" => "'site_' || number % 50000".to_owned(),
        "agent" => "'SITE_' || number % 50000".to_owned(),
        "database" => "'DATABASE_' || number".to_owned(),
        "validated_folder" => {
            "printf('SITE/%d/AKWA/2025/DATABASE_%d', number % 50000, number)".to_owned()
        }
        "covered_until" => format!("covered_until + iif(number % {nth} = 0, 0, 31536000000000)"),
        "deadline_at" => {
            let deadline = deadline.as_microsecond();
            format!("{deadline} + number % 3600 + iif(number % {nth} = 0, 0, 31536000000000)")
        }
        other => other.to_owned(),
    };
    let values: Vec<String> = names.iter().map(value).collect();
    let (names, values) = (names.join(", "), values.join(", "));
    let insert = format!(
        "WITH RECURSIVE numbers (number) AS ( \
             SELECT 2 UNION ALL SELECT number + 1 FROM numbers WHERE number <= {count}) \
         INSERT INTO jobs ({names}) SELECT {values} FROM jobs, numbers WHERE id = 1"
    );
    let filled = [
        insert.as_str(),
        "DELETE FROM jobs WHERE id = 1",
        "PRAGMA wal_checkpoint(TRUNCATE)",
    ];
    for statement in filled {
        let query = sqlx::query(AssertSqlSafe(statement));
        query.execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}
