//! A database in which many jobs are known, and copies of it in which some of them are overdue.
//! Knows no mail.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use tempfile::TempDir;
use vigie_domain::{AgentId, Schedule, Transition, judge_deadline};
use vigie_scanner::{Store as _, UndeclaredDatabase};
use vigie_store::SqliteStore;

/// How many jobs each agent has. With the one all others of it are overdue.
pub(crate) const JOBS_OF_AGENT: usize = 10;

/// How many are judged at once, as by the scanner.
const AT_ONCE: u32 = 500;

const HOUR: Duration = Duration::from_hours(1);

/// Many jobs, none of which is overdue.
pub(crate) struct ManyJobs {
    folder: TempDir,
    known: usize,
}

/// A copy that can be written to.
pub(crate) struct Overdue {
    _folder: TempDir,
    pub(crate) store: SqliteStore,
}

/// When some are overdue.
pub(crate) fn now() -> Timestamp {
    "2025-06-20T00:00:00Z".parse().unwrap()
}

/// What a cycle does: looks up what is overdue, judges it, keeps jobs and events durably, until
/// nothing is overdue any more. Gives how many jobs were.
pub(crate) async fn judge_overdue(store: &SqliteStore) -> usize {
    let mut count = 0;
    loop {
        let due = store.overdue_jobs(now(), AT_ONCE).await.unwrap();
        let judged = due.iter().filter_map(|job| judge_deadline(job, now()));
        let moves: Vec<Transition> = judged.collect();
        if moves.is_empty() {
            return count;
        }
        store.commit_deadlines(&moves).await.unwrap();
        count += moves.len();
    }
}

impl ManyJobs {
    pub(crate) async fn known(known: usize) -> Self {
        // Where the program is built is a disk, which the folder for temporary files need not be.
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let path = folder.path().join("filled.db");
        let store = SqliteStore::open(&path).await.unwrap();
        let schedule = Schedule::every(24 * HOUR, HOUR).unwrap();
        let databases = [UndeclaredDatabase {
            agent: AgentId::new("SDMC_DOUALA_AKWA").unwrap(),
            database: "XAFRIC_2025".to_owned(),
        }];
        let since = "2025-06-18T00:00:00Z".parse().unwrap();
        let registered = store.register_jobs(&databases, &schedule, since);
        registered.await.unwrap();
        store.close().await;
        multiply(&path, known).await;
        Self { folder, known }
    }

    /// A copy in which so many are overdue, scattered among the others. Of these each is for one of so
    /// many people; for 0, for nobody.
    pub(crate) async fn with_overdue(&self, overdue: usize, people: usize) -> Overdue {
        let folder = TempDir::new_in(self.folder.path()).unwrap();
        let path = folder.path().join("vigie.db");
        std::fs::copy(self.folder.path().join("filled.db"), &path).unwrap();
        let nth = self.known / overdue;
        let recipients = match people {
            0 => "recipients".to_owned(),
            _ => format!("json_array(printf('Ops <ops%d@example.com>', id / {nth} % {people}))"),
        };
        let update = format!(
            "UPDATE jobs SET covered_until = covered_until - {YEAR}, \
             deadline_at = deadline_at - {YEAR}, recipients = {recipients} WHERE id % {nth} = 0"
        );
        run(&path, &[&update]).await;
        // Nobody else's bytes are on their way to the disk while it is measured.
        std::fs::File::open(&path).unwrap().sync_all().unwrap();
        Overdue {
            store: SqliteStore::open(&path).await.unwrap(),
            _folder: folder,
        }
    }
}

/// In microseconds.
const YEAR: i64 = 31_536_000_000_000;

/// Makes many jobs of the one that is there, with deadlines a year later.
async fn multiply(path: &Path, known: usize) {
    let options = SqliteConnectOptions::new().filename(path);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let names = "SELECT name FROM pragma_table_info('jobs')";
    let names: Vec<String> = sqlx::query_scalar(names)
        .fetch_all(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let agents = known / JOBS_OF_AGENT;
    let value = |name: &String| match name.as_str() {
        "id" => "number".to_owned(),
        "agent_key" => format!("'sdmc_douala_' || (number % {agents})"),
        "agent" => format!("'SDMC_DOUALA_' || (number % {agents})"),
        "database" => "'DATABASE_' || number".to_owned(),
        "validated_folder" => {
            format!("printf('SDMC/DOUALA/%d/2025/DATABASE_%d', number % {agents}, number)")
        }
        "covered_until" => format!("covered_until + {YEAR}"),
        "deadline_at" => format!("deadline_at + number % 3600 + {YEAR}"),
        other => other.to_owned(),
    };
    let values: Vec<String> = names.iter().map(value).collect();
    let (names, values) = (names.join(", "), values.join(", "));
    let insert = format!(
        "WITH RECURSIVE numbers (number) AS ( \
             SELECT 2 UNION ALL SELECT number + 1 FROM numbers WHERE number <= {known}) \
         INSERT INTO jobs ({names}) SELECT {values} FROM jobs, numbers WHERE id = 1"
    );
    run(path, &[&insert, "DELETE FROM jobs WHERE id = 1"]).await;
}

/// Nothing but numbers and names of columns is put into these statements.
async fn run(path: &Path, statements: &[&str]) {
    let options = SqliteConnectOptions::new().filename(path);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    for statement in statements {
        let query = sqlx::query(AssertSqlSafe(*statement));
        query.execute(&mut connection).await.unwrap();
    }
    let query = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)");
    query.execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
