//! Dumps by the real tools, of servers that are started for it and stopped again.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A server takes this long to start on a slow machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Tables with rows that can be compressed a little, one without any, and names that have to be quoted.
const TABLES: &str = "
    CREATE TABLE invoices (id INT PRIMARY KEY, customer VARCHAR(60), total INT);
    CREATE TABLE \"Empty one\" (id INT PRIMARY KEY);
    CREATE TABLE notes (id INT PRIMARY KEY, body VARCHAR(400));
";

/// The rows, which are the same in each server.
fn rows() -> String {
    use std::fmt::Write as _;

    let mut random = fastrand::Rng::with_seed(2025);
    let mut sql = String::new();
    for id in 0..500 {
        let (customer, total) = (random.u64(..), random.u32(..1_000_000));
        let body = "paid in part; ".repeat(random.usize(..12));
        let _ = writeln!(
            sql,
            "INSERT INTO invoices VALUES ({id}, 'customer {customer:x}', {total});"
        );
        let _ = writeln!(sql, "INSERT INTO notes VALUES ({id}, '{body}{customer}');");
    }
    sql
}

/// A server, stopped when this is dropped.
struct Server {
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        let stop = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        if stop.is_err() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// A dump of each kind, by its name.
pub fn dumps() -> Vec<(&'static str, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    let mut dumps = of_postgres(&folder.path().join("postgres"));
    dumps.push(("mariadb-dump", of_mariadb(&folder.path().join("mariadb"))));
    dumps.push(("sqlite3 .backup", of_sqlite(folder.path())));
    dumps.push(("tar", of_tar(folder.path())));
    dumps
}

fn of_postgres(folder: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let tools = postgres_tools();
    let account = account_of_postgres(folder);
    let data = folder.join("data");
    let socket = folder.to_str().unwrap();
    let run = |tool: &str, arguments: &[&str]| {
        let mut command = account.command(&tools.join(tool));
        command.args(arguments).current_dir(folder);
        command
    };
    let initdb = [
        "-D",
        data.to_str().unwrap(),
        "-A",
        "trust",
        "-U",
        "vigie",
        "--no-sync",
    ];
    succeed(run("initdb", &initdb));
    let server = [
        "-D",
        data.to_str().unwrap(),
        "-k",
        socket,
        "-F",
        "-c",
        "listen_addresses=",
    ];
    let _server = start(run("postgres", &server), &folder.join("log"));
    let at = ["-h", socket, "-U", "vigie"];
    wait_for(|| run("pg_isready", &at));
    let client = |tool: &str, arguments: &[&str]| run(tool, &[&at, arguments].concat());
    let objects = "SELECT lo_from_bytea(0, decode(repeat('00ff17', 3000), 'hex'));";
    let sql = [TABLES, &rows(), objects].concat();
    feed(
        client("psql", &["-q", "-v", "ON_ERROR_STOP=1", "postgres"]),
        &sql,
    );
    vec![
        ("pg_dump", succeed(client("pg_dump", &["postgres"]))),
        (
            "pg_dump -Fc",
            succeed(client("pg_dump", &["-Fc", "postgres"])),
        ),
        (
            "pg_dump -Fc -Z0",
            succeed(client("pg_dump", &["-Fc", "-Z0", "postgres"])),
        ),
        (
            "pg_dump -Ft",
            succeed(client("pg_dump", &["-Ft", "postgres"])),
        ),
        ("pg_dumpall", succeed(client("pg_dumpall", &[]))),
        ("pg_dump -Fc to a file", {
            let path = folder.join("custom");
            succeed(client(
                "pg_dump",
                &["-Fc", "-f", path.to_str().unwrap(), "postgres"],
            ));
            fs::read(path).unwrap()
        }),
    ]
}

/// Where Debian has the tools of the server, the newest first.
fn postgres_tools() -> PathBuf {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .expect("PostgreSQL has to be installed: tests/run does it")
        .map(|entry| entry.unwrap().path().join("bin"))
        .filter(|path| path.join("initdb").exists())
        .collect();
    versions.sort();
    versions.pop().unwrap()
}

/// Who runs the server: it refuses to be run by root.
struct Account(Option<(u32, u32)>);

fn account_of_postgres(folder: &Path) -> Account {
    fs::create_dir(folder).unwrap();
    if fs::metadata(folder).unwrap().uid() != 0 {
        return Account(None);
    }
    let id = |flag: &str| {
        let mut command = Command::new("id");
        command.args([flag, "postgres"]);
        String::from_utf8(succeed(command))
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    };
    let (user, group) = (id("-u"), id("-g"));
    chown(folder, Some(user), Some(group)).unwrap();
    // The folder around it is root's alone.
    let around = folder.parent().unwrap();
    let mut open = Command::new("chmod");
    open.arg("755").arg(around);
    succeed(open);
    Account(Some((user, group)))
}

impl Account {
    fn command(&self, program: &Path) -> Command {
        let Some((user, group)) = self.0 else {
            return Command::new(program);
        };
        let mut command = Command::new("setpriv");
        command
            .arg(format!("--reuid={user}"))
            .arg(format!("--regid={group}"))
            .args(["--clear-groups", "--"])
            .arg(program);
        command
    }
}

fn of_mariadb(folder: &Path) -> Vec<u8> {
    fs::create_dir(folder).unwrap();
    let (data, socket) = (folder.join("data"), folder.join("socket"));
    let user = String::from_utf8(succeed({
        let mut command = Command::new("id");
        command.arg("-un");
        command
    }));
    let user = format!("--user={}", user.unwrap().trim());
    let data = format!("--datadir={}", data.display());
    let mut install = Command::new("mariadb-install-db");
    install.args(["--no-defaults", &data, &user, "--skip-test-db"]);
    install.arg("--auth-root-authentication-method=normal");
    succeed(install);
    let socket = format!("--socket={}", socket.display());
    let mut server = Command::new("/usr/sbin/mariadbd");
    server.args(["--no-defaults", &data, &user, &socket, "--skip-networking"]);
    server.args([
        "--innodb-flush-log-at-trx-commit=0",
        "--sql-mode=ANSI_QUOTES",
    ]);
    let _server = start(server, &folder.join("log"));
    let client = |tool: &str, arguments: &[&str]| {
        let mut command = Command::new(tool);
        command
            .args(["--no-defaults", &socket, "--user=root"])
            .args(arguments);
        command
    };
    wait_for(|| client("mariadb-admin", &["ping"]));
    succeed(client("mariadb", &["-e", "CREATE DATABASE books"]));
    feed(
        client("mariadb", &["books"]),
        [TABLES, "START TRANSACTION;", &rows(), "COMMIT;"].concat(),
    );
    succeed(client("mariadb-dump", &["books"]))
}

fn of_sqlite(folder: &Path) -> Vec<u8> {
    let path = folder.join("backup");
    let mut sqlite = Command::new("sqlite3");
    sqlite.arg(folder.join("books.db"));
    let backup = format!(".backup '{}'\n", path.display());
    feed(
        sqlite,
        [TABLES, "BEGIN;", &rows(), "COMMIT;\n", &backup].concat(),
    );
    fs::read(path).unwrap()
}

fn of_tar(folder: &Path) -> Vec<u8> {
    let files = folder.join("files");
    fs::create_dir(&files).unwrap();
    fs::write(files.join("rows.sql"), rows()).unwrap();
    // A name that takes an extended header, and a file with holes.
    fs::write(files.join("long".repeat(50)), "x".repeat(3000)).unwrap();
    let sparse = fs::File::create(files.join("sparse")).unwrap();
    sparse.set_len(10_000_000).unwrap();
    let mut tar = Command::new("tar");
    tar.args(["-c", "-S", "-C"]).arg(folder).arg("files");
    succeed(tar)
}

fn start(mut command: Command, log: &Path) -> Server {
    let log = fs::File::create(log).unwrap();
    command.stdin(Stdio::null());
    command.stdout(log.try_clone().unwrap()).stderr(log);
    Server {
        child: command.spawn().unwrap(),
    }
}

fn wait_for(probe: impl Fn() -> Command) {
    let begun = Instant::now();
    while !probe().output().unwrap().status.success() {
        assert!(begun.elapsed() < PATIENCE, "the server does not start");
        sleep(Duration::from_millis(50));
    }
}

/// What the command prints; it has to succeed.
pub fn succeed(mut command: Command) -> Vec<u8> {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{command:?}: {error}: tests/run installs what is needed");
    });
    assert!(output.status.success(), "{command:?}: {output:?}");
    output.stdout
}

/// Gives a text to the command, which has to succeed, and returns what it prints.
pub fn feed(command: Command, input: impl AsRef<[u8]>) -> Vec<u8> {
    let what = format!("{command:?}");
    try_feed(command, input).unwrap_or_else(|| panic!("{what} failed"))
}

/// The same for a command that may fail.
pub fn try_feed(mut command: Command, input: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.as_ref().to_vec());
    let writing = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    // A command that fails may not read to the end.
    let is_read = writing.join().unwrap().is_ok();
    (output.status.success() && is_read).then_some(output.stdout)
}
