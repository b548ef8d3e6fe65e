//! One hostile case: what an agent does, what has to come of it, and what must hold whatever it does.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::site::{Backup, MORNING, Report, Site};

/// The agent that does harm. It sorts between the others.
pub const AGENT: &str = "MMM_HOSTILE_SITE";
pub const ENDED_AT: &str = "2025-06-19T02:10:00";
pub const CONTENT: &[u8] = b"the compressed dump";

/// The honest agents, with their databases.
const FIRST: (&str, &str) = ("AAA_FIRST_SITE", "FIRST");
pub const LAST: (&str, &str) = ("ZZZ_LAST_SITE", "LAST");

/// How long one run may take at most.
const AT_MOST: Duration = Duration::from_mins(1);

/// What an agent does, and what has to come of it.
pub struct Case {
    /// What the agent does, in a few words.
    pub input: &'static str,
    pub expected: Expected,
    pub harm: fn(&Site),
    pub run: Run,
    /// What else must hold.
    pub check: fn(&Site, &Value),
}

/// What has to come of what the hostile agent did, with a part of the reason that has to be told.
pub enum Expected {
    /// There is an entry, and each has this status.
    Entry(&'static str, &'static str),
    /// The report is rejected.
    Rejected(&'static str),
    /// It is told that the agent could not be served.
    Error(&'static str),
    /// Something of it is told as ignored.
    Ignored(&'static str),
    /// So many reports at least are left for the next cycle.
    Left(u64),
    /// There is nothing to take and nothing to tell.
    Nothing,
    /// What the check says.
    Checked(&'static str),
}

/// How the program is run.
pub enum Run {
    Plain,
    /// Without the privilege by which the superuser reads everything.
    WithoutPrivilege,
    /// With these limits of `prlimit`.
    Limited(&'static str),
    /// While a thread does this again and again.
    Meanwhile(fn(&Site)),
    /// With faults that strace injects: its arguments, of which `{site}` is the site's folder.
    Faulty(&'static [&'static str]),
}

pub fn case(input: &'static str, harm: fn(&Site), expected: Expected) -> Case {
    Case {
        input,
        expected,
        harm,
        run: Run::Plain,
        check: |_, _| (),
    }
}

impl Case {
    pub fn run_as(self, run: Run) -> Self {
        Self { run, ..self }
    }

    pub fn check(self, check: fn(&Site, &Value)) -> Self {
        Self { check, ..self }
    }

    /// Runs the case. Says whether it could be run, or what was wrong.
    pub fn run(&self) -> Result<bool, String> {
        let site = Site::new();
        for (agent, database) in [FIRST, LAST] {
            let backup = Backup::good(database, honest_content(database).as_bytes());
            site.deliver(&Report::new(agent, ENDED_AT, vec![backup]));
        }
        for folder in ["log", "databases"] {
            fs::create_dir_all(site.path(format!("deposit/{AGENT}/{folder}"))).unwrap();
        }
        make_foreign(&site);
        (self.harm)(&site);
        if site.path("skip").exists() {
            return Ok(false);
        }
        let before = Untouchable::of(&site);
        let mut scan = site.command();
        scan.args(["scan", "-vv", "--now", MORNING, "--format", "json"]);
        let output = self.output_of(&site, scan)?;
        make_accessible(&site.deposit());
        if before != Untouchable::of(&site) {
            return Err("something was changed that is not the program's".to_owned());
        }
        let result: Value = serde_json::from_str(&output.stdout)
            .map_err(|error| format!("no result: {error}\n{}{}", output.stdout, output.stderr))?;
        let context = |words: String| format!("{words}\n{result:#}\n{}", output.stderr);
        honest_are_served(&site, &result).map_err(context)?;
        validated_is_as_told(&site, &result).map_err(context)?;
        all_is_printable(&site, &result, &output.stderr).map_err(context)?;
        self.expected.holds(&result).map_err(context)?;
        (self.check)(&site, &result);
        Ok(true)
    }

    fn output_of(&self, site: &Site, scan: Command) -> Result<Told, String> {
        match &self.run {
            Run::Plain => told_by(site, scan),
            Run::WithoutPrivilege => {
                let is_superuser = fs::metadata("/proc/self").unwrap().uid() == 0;
                if !is_superuser {
                    return told_by(site, scan);
                }
                let drop = "--bounding-set=-dac_override,-dac_read_search,-fowner";
                told_by(site, below(&["setpriv", drop], &scan))
            }
            Run::Limited(limit) => told_by(site, below(&["prlimit", limit], &scan)),
            Run::Faulty(arguments) => {
                let trace = site.path("trace").display().to_string();
                let folder = site.path("").display().to_string();
                let folder = folder.trim_end_matches('/');
                let arguments: Vec<String> = arguments
                    .iter()
                    .map(|argument| argument.replace("{site}", folder))
                    .collect();
                let mut strace = vec!["strace", "-f", "-o", &trace];
                strace.extend(arguments.iter().map(String::as_str));
                told_by(site, below(&strace, &scan))
            }
            Run::Meanwhile(harm) => {
                let is_over = AtomicBool::new(false);
                thread::scope(|scope| {
                    scope.spawn(|| {
                        while !is_over.load(Ordering::Relaxed) {
                            harm(site);
                        }
                    });
                    let told = told_by(site, scan);
                    is_over.store(true, Ordering::Relaxed);
                    told
                })
            }
        }
    }
}

/// The same command, started by another one.
pub fn below(program: &[&str], command: &Command) -> Command {
    let mut outer = Command::new(program[0]);
    outer
        .args(&program[1..])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .env("PATH", "/usr/bin:/bin");
    if let Some(folder) = command.get_current_dir() {
        outer.current_dir(folder);
    }
    outer
}

/// What a run printed.
pub struct Told {
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command, which has to end by itself and soon.
pub fn told_by(site: &Site, mut command: Command) -> Result<Told, String> {
    let file = |name: &str| fs::File::create(site.path(name)).unwrap();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(file("stdout"))
        .stderr(file("stderr"))
        .spawn()
        .map_err(|error| format!("{command:?}: {error}"))?;
    let ended = ends_in_time(&mut child);
    let read = |name: &str| {
        let bytes = fs::read(site.path(name)).unwrap();
        fs::remove_file(site.path(name)).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let told = Told {
        stdout: read("stdout"),
        stderr: read("stderr"),
    };
    match ended {
        // With 1 it says that something could not be done.
        Some(0 | 1) => Ok(told),
        Some(code) => Err(format!("exit status {code}: {}", told.stderr)),
        None => Err(format!("it did not end by itself: {}", told.stderr)),
    }
}

/// The exit status; `None` when it was killed, by a signal or for taking too long.
fn ends_in_time(child: &mut Child) -> Option<i32> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if started.elapsed() > AT_MOST {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// A good backup of the database `X`.
pub fn good() -> Backup {
    Backup::good("X", CONTENT)
}

pub fn report(backups: Vec<Backup>) -> Report {
    Report::new(AGENT, ENDED_AT, backups)
}

/// A report of one good backup.
pub fn good_report() -> Report {
    report(vec![good()])
}

/// Drops these bytes as the hostile agent's report.
pub fn drop_text(site: &Site, text: &[u8]) {
    good_report().deliver_text(&site.deposit(), text);
}

/// Where the hostile agent puts things.
pub fn log(site: &Site) -> std::path::PathBuf {
    site.path(format!("deposit/{AGENT}/log"))
}

pub fn staged(site: &Site) -> std::path::PathBuf {
    site.path(format!("deposit/{AGENT}/databases"))
}

pub fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

pub fn forbid(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The entries that are not of the honest agents.
pub fn entries(result: &Value) -> Vec<&Value> {
    let entries = result["entries"].as_array().unwrap();
    let is_hostile = |entry: &&Value| [FIRST.0, LAST.0].iter().all(|one| entry["agent"] != *one);
    entries.iter().filter(is_hostile).collect()
}

fn honest_content(database: &str) -> String {
    format!("the dump of {database}")
}

/// Files beside the deposit, of which one has what a report asks for.
fn make_foreign(site: &Site) {
    fs::create_dir(site.path("foreign")).unwrap();
    fs::write(site.path("foreign/X.sql.zst"), CONTENT).unwrap();
    fs::write(site.path("foreign/secret.json"), good_report().text()).unwrap();
}

/// So that what was done can be looked at, and removed.
fn make_accessible(folder: &Path) {
    forbid_not(folder);
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            make_accessible(&entry.path());
        }
    }
}

fn forbid_not(folder: &Path) {
    let mode = fs::metadata(folder).unwrap().permissions().mode();
    if mode & 0o700 != 0o700 {
        forbid(folder, 0o755);
    }
}

/// All that the program has no business to change: what lies beside its own files, and what agents
/// staged.
#[derive(PartialEq)]
struct Untouchable(BTreeMap<String, (u32, u64, i64, i64, Vec<u8>)>);

impl Untouchable {
    fn of(site: &Site) -> Self {
        let mut all = Self(BTreeMap::new());
        for name in ["foreign", "vigie.toml"] {
            all.note(&site.path(name));
        }
        for (agent, _) in [FIRST, LAST] {
            all.note(&site.path(format!("deposit/{agent}/databases")));
        }
        let own = |name: &str| {
            ["deposit", "validated", "mails", "foreign", "trace"].contains(&name)
                || name.starts_with("vigie")
        };
        for name in site.files_in("").iter().filter(|name| !own(name)) {
            all.note(&site.path(name));
        }
        all
    }

    fn note(&mut self, path: &Path) {
        let metadata = fs::symlink_metadata(path).unwrap();
        let content = if metadata.is_file() {
            fs::read(path).unwrap()
        } else {
            Vec::new()
        };
        let state = (
            metadata.mode(),
            metadata.len(),
            metadata.mtime(),
            metadata.mtime_nsec(),
            content,
        );
        self.0.insert(path.display().to_string(), state);
        if metadata.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                self.note(&entry.unwrap().path());
            }
        }
    }
}

fn honest_are_served(site: &Site, result: &Value) -> Result<(), String> {
    for (agent, database) in [FIRST, LAST] {
        let of_agent = |entry: &&Value| entry["agent"] == agent;
        let entries = result["entries"].as_array().unwrap();
        let entries: Vec<&Value> = entries.iter().filter(of_agent).collect();
        let is_served = entries.len() == 1
            && entries[0]["database"] == database
            && entries[0]["status"] == "SUCCESS";
        // Some cases let the honest agents be served before.
        let was_served = entries.is_empty() && site.status_of(database) == "OK";
        if !is_served && !was_served {
            return Err(format!("{agent} was not served"));
        }
        let folder = agent.replace('_', "/");
        let kept = format!("validated/{folder}/no-year/{database}/{database}.sql.zst");
        let kept = fs::read_to_string(site.path(kept)).unwrap_or_default();
        if kept != honest_content(database) {
            return Err(format!("of {agent} {kept:?} is kept"));
        }
    }
    Ok(())
}

/// Each SUCCESS is kept once, and beside the lists of them nothing else is.
fn validated_is_as_told(site: &Site, result: &Value) -> Result<(), String> {
    let mut kept = Vec::new();
    files_below(&site.path("validated"), &mut kept);
    kept.retain(|path| !path.ends_with("/SHA256SUMS"));
    let entries = entries(result);
    let good = entries.iter().filter(|entry| entry["status"] == "SUCCESS");
    if kept.len() != 2 + good.count() {
        return Err(format!("kept are {kept:?}"));
    }
    Ok(())
}

fn files_below(folder: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            files_below(&entry.path(), files);
        } else {
            files.push(entry.path().display().to_string());
        }
    }
}

/// What people see holds nothing that moves the cursor, starts a line of its own or turns the text.
fn all_is_printable(site: &Site, result: &Value, log: &str) -> Result<(), String> {
    let mut shown = vec![("the log".to_owned(), log.to_owned())];
    // Elsewhere there is nothing that could be shown.
    let result = result.to_string();
    if result.contains("\\u00") || result.contains(is_odd) {
        let status = site.run(&["status"]);
        let status = String::from_utf8_lossy(&status.stdout).into_owned();
        shown.push(("status".to_owned(), status));
    }
    for mail in site.mails() {
        shown.push((
            "a subject".to_owned(),
            mail.subject.replace(['\n', '\r'], "\u{7}"),
        ));
        shown.push(("a mail".to_owned(), mail.text.replace('\r', "")));
        shown.push(("a mail".to_owned(), mail.html.replace('\r', "")));
    }
    let rejected = format!("deposit/{AGENT}/log/_rejected");
    for name in site.files_in(&rejected) {
        let path = site.path(&rejected).join(&name);
        if name.ends_with(".reason.txt") {
            let text = fs::read_to_string(path).unwrap_or_default();
            shown.push(("a reason".to_owned(), text));
        }
    }
    if log.lines().any(|line| line.starts_with("WARN")) {
        return Err("the log holds a line that is not the program's".to_owned());
    }
    for (what, text) in shown {
        if let Some(odd) = text.chars().find(|one| is_odd(*one)) {
            let lines = text.lines().filter(|line| line.contains(odd));
            let line = lines.take(1).collect::<String>();
            return Err(format!("{what} holds {odd:?}: {line:?}"));
        }
    }
    Ok(())
}

fn is_odd(character: char) -> bool {
    (character.is_control() && character != '\n')
        || matches!(
            character,
            '\u{061C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
        )
}

impl Expected {
    fn holds(&self, result: &Value) -> Result<(), String> {
        let reasons = |list: &str, key: &str| {
            let all = result[list].as_array().unwrap().iter();
            let is_hostile = |one: &&Value| ![FIRST.0, LAST.0].iter().any(|of| one["agent"] == *of);
            let told = all.filter(is_hostile).filter_map(|one| one[key].as_str());
            told.map(str::to_owned).collect::<Vec<_>>()
        };
        let entries = entries(result);
        let is_told = |told: Vec<String>, part: &str| told.iter().any(|one| one.contains(part));
        let quiet = || entries.is_empty() && result["reports"]["rejected"] == 0;
        let holds = match self {
            Self::Entry(status, part) => {
                !entries.is_empty()
                    && entries.iter().all(|entry| {
                        let reason = entry["reason"].as_str().unwrap_or_default();
                        entry["status"] == *status && reason.contains(part)
                    })
            }
            Self::Rejected(part) => {
                entries.is_empty()
                    && result["reports"]["rejected"] == 1
                    && is_told(reasons("events", "reason"), part)
            }
            Self::Error(part) => is_told(reasons("errors", "error"), part),
            Self::Ignored(part) => quiet() && is_told(reasons("ignored", "reason"), part),
            Self::Left(least) => result["reports"]["pending"].as_u64().unwrap() >= *least,
            Self::Nothing => quiet() && reasons("errors", "error").is_empty(),
            Self::Checked(_) => true,
        };
        if holds {
            Ok(())
        } else {
            Err(format!("expected was: {self}"))
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tell = |what: &str, part: &str| {
            let colon = if part.is_empty() { "" } else { ": " };
            write!(formatter, "{what}{colon}{part}")
        };
        match self {
            Self::Entry(status, part) => tell(status, part),
            Self::Rejected(part) => tell("rejected", part),
            Self::Error(part) => tell("error of the agent", part),
            Self::Ignored(part) => tell("ignored", part),
            Self::Left(least) => tell("left for the next cycle", &least.to_string()),
            Self::Nothing => tell("nothing to tell", ""),
            Self::Checked(words) => tell(words, ""),
        }
    }
}
