//! Which files the program touches, as strace sees it: none outside of the trees that the config names,
//! and of staged files none for writing.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::case::{
    AGENT, CONTENT, LAST, below, forbid, good, good_report, log, report, staged, told_by,
};
use crate::site::{Backup, MORNING, Report, Site, tell};

/// What else is touched, and why.
const ALLOWED: [(&str, &str); 14] = [
    (
        "/etc/ld.so.preload",
        "the loader looks for it before the program begins",
    ),
    ("/etc/ld.so.cache", "the loader finds libraries by it"),
    ("/lib/", "the C library"),
    ("/usr/lib/", "the C library, by its other name"),
    (
        "/proc/self/maps",
        "the runtime asks for the bounds of the stack",
    ),
    (
        "/proc/self/cgroup",
        "the runtime asks how many cores it may use",
    ),
    ("/proc/self/mountinfo", "the same"),
    ("/sys/fs/cgroup/", "the same"),
    (
        "/sys/devices/system/cpu/online",
        "the C library asks how many cores there are",
    ),
    (
        "/etc/localtime",
        "the local time zone, for what people are shown",
    ),
    (
        "/usr/share/zoneinfo",
        "the time zones that the config and mails name",
    ),
    (
        "/proc/sys/vm/overcommit_memory",
        "the C library asks before it gives memory back",
    ),
    ("/dev/urandom", "SQLite seeds its random numbers"),
    ("/dev/null", "standard input"),
];

/// The program's own files beside the trees.
const OWN: [&str; 8] = [
    "vigie",
    "vigie.toml",
    "vigie.db",
    "vigie.db-journal",
    "vigie.db-wal",
    "vigie.db-shm",
    "stdout",
    "stderr",
];

/// The system calls that change nothing but what they open for writing.
const READING: [&str; 9] = [
    "openat",
    "openat2",
    "open",
    "statx",
    "newfstatat",
    "stat",
    "lstat",
    "readlinkat",
    "readlink",
];

#[test]
fn whatever_lies_in_the_deposit_no_file_outside_the_configured_trees_is_touched() {
    let site = Site::new();
    make_hostile(&site);
    let trace = traced(&site);
    let folder = fs::canonicalize(site.path("")).unwrap();
    let touched: Vec<Touched> = trace.lines().flat_map(Touched::of).collect();
    let outside: BTreeSet<String> = touched
        .iter()
        .filter(|touched| !is_allowed(&touched.path, &folder))
        .map(|touched| format!("{}: {}", touched.path.display(), touched.line))
        .collect();
    assert!(outside.is_empty(), "{outside:#?}");
    let is_staged = |touched: &&Touched| {
        let mut below = touched.path.components();
        below.any(|one| one.as_os_str() == "databases" || one.as_os_str() == "database")
            && touched.path.starts_with(folder.join("deposit"))
    };
    let staged: Vec<&Touched> = touched.iter().filter(is_staged).collect();
    let writing: Vec<&String> = staged
        .iter()
        .filter(|touched| touched.is_writing())
        .map(|touched| &touched.line)
        .collect();
    assert!(writing.is_empty(), "{writing:#?}");
    assert!(
        staged.len() > 10,
        "so few staged files were touched: {staged:?}"
    );
    tell(&format!(
        "{} paths touched, {} of them of staged files, none of these for writing, none outside of the \
         trees but:",
        touched.len(),
        staged.len()
    ));
    for (path, why) in ALLOWED {
        let count = touched
            .iter()
            .filter(|one| one.path.starts_with(path))
            .count();
        tell(&format!("  {path}: {count} times, {why}"));
    }
}

/// Scans the site as somebody who may write only where it has to be, and gives the trace.
fn traced(site: &Site) -> String {
    let program = site.path("vigie");
    fs::copy(env!("CARGO_BIN_EXE_vigie"), &program).unwrap();
    let trace = site.path("trace");
    let mut strace = vec!["strace", "-f", "-s", "4096", "--decode-fds=path", "-e"];
    strace.extend(["trace=%file,openat2", "-o", trace.to_str().unwrap()]);
    let is_superuser = fs::metadata("/proc/self").unwrap().uid() == 0;
    if is_superuser {
        hand_over(site);
        strace.extend(["-u", "nobody"]);
    }
    forbid(&staged(site), 0o555);
    let mut scan = Command::new(&program);
    scan.args(["--config", site.path("vigie.toml").to_str().unwrap()])
        .args(["scan", "--now", MORNING, "--format", "json"])
        .current_dir(site.path(""));
    let told = told_by(site, below(&strace, &scan)).unwrap();
    forbid(&staged(site), 0o755);
    let result: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(
        result["reports"]["processed"], 3,
        "{result:#}\n{}",
        told.stderr
    );
    assert_eq!(result["reports"]["rejected"], 2, "{result:#}");
    let good = result["entries"].as_array().unwrap().iter();
    let good = good.filter(|entry| entry["status"] == "SUCCESS");
    assert_eq!(good.count(), 3, "{result:#}");
    fs::read_to_string(trace).unwrap()
}

/// Links and paths to everywhere.
fn make_hostile(site: &Site) {
    let honest = Report::new(
        LAST.0,
        "2025-06-19T02:10:00",
        vec![Backup::good(LAST.1, b"good")],
    );
    site.deliver(&honest);
    // Names that lead elsewhere, one of a good backup.
    site.deliver(&report(vec![
        good(),
        Backup::good("../../../../../etc/passwd", CONTENT).staged_under("Y.sql.zst"),
        Backup::good("A", CONTENT).saying("/staged_file_name", json!("/etc/passwd")),
        Backup::good("B", CONTENT)
            .saying("/staged_file_name", json!("shadow"))
            .not_staged(),
    ]));
    symlink("/etc/shadow", staged(site).join("shadow")).unwrap();
    symlink("/etc/shadow", staged(site).join(".Y.sql.zst.abcdef")).unwrap();
    let leaving = good().saying("/staged_file_name", json!("../../../../etc/shadow"));
    site.deliver_report_only(&report(vec![leaving]).named("leaving.json"));
    let other = good_report().saying("agent_id", json!("../../etc"));
    site.deliver_report_only(&other.named("other.json"));
    symlink("/etc/shadow", log(site).join("link.json")).unwrap();
    fs::create_dir(log(site).join("_rejected")).unwrap();
    symlink("/etc/shadow", log(site).join("_rejected/leaving.json")).unwrap();
    symlink(
        "/etc/vigie",
        log(site).join("_rejected/other.json.reason.txt"),
    )
    .unwrap();
    // Folders that are links.
    symlink("/etc", site.deposit().join("A_LINK_C")).unwrap();
    fs::create_dir(site.deposit().join("A_LOG_C")).unwrap();
    symlink("/etc", site.deposit().join("A_LOG_C/log")).unwrap();
    let in_link = Report::new("A_STAGED_C", "2025-06-19T02:10:00", vec![good()]);
    site.deliver_report_only(&in_link);
    symlink("/etc", site.deposit().join("A_STAGED_C/databases")).unwrap();
    symlink("/root", site.deposit().join("A_STAGED_C/database")).unwrap();
    let in_archive = Report::new("A_ARCHIVE_C", "2025-06-19T02:10:00", vec![]);
    site.deliver_report_only(&in_archive);
    symlink("/tmp", site.deposit().join("A_ARCHIVE_C/log/_archive")).unwrap();
}

/// All but the staged files belongs to nobody, who needs no more than to read these.
fn hand_over(site: &Site) {
    let chown = |owner: &str, path: &Path| {
        let mut chown = Command::new("chown");
        chown.args(["-R", "-h", owner]).arg(path);
        assert!(chown.status().unwrap().success());
    };
    chown("nobody", &site.path(""));
    for agent in [AGENT, LAST.0] {
        chown("root", &site.path(format!("deposit/{agent}/databases")));
    }
}

fn is_allowed(path: &Path, folder: &Path) -> bool {
    if let Ok(below) = path.strip_prefix(folder) {
        let trees = ["deposit", "validated", "mails"];
        let is_own = OWN.iter().any(|own| below == Path::new(own));
        let is_lock = below
            .extension()
            .is_some_and(|extension| extension == "lock");
        let is_folder = below.as_os_str().is_empty();
        return is_own || is_lock || is_folder || trees.iter().any(|tree| below.starts_with(tree));
    }
    // On the way to a path each folder above it may be looked at.
    folder.starts_with(path) || ALLOWED.iter().any(|(allowed, _)| path.starts_with(allowed))
}

/// One file that a system call names, or that it opened by another name.
#[derive(Debug)]
struct Touched {
    path: PathBuf,
    line: String,
}

impl Touched {
    /// `7 openat(9</srv/deposit>, "A_B_C", O_RDONLY|O_NOFOLLOW) = 8</srv/deposit/A_B_C>`
    fn of(line: &str) -> Vec<Self> {
        let named = named(line);
        let opened = line.rsplit_once(" = ").and_then(|(_, result)| {
            let (_, path) = result.split_once('<')?;
            Some(path.trim_end_matches('>'))
        });
        let paths = named.into_iter().chain(opened.map(PathBuf::from));
        let touched = paths.map(|path| Self {
            path: normal(&path),
            line: line.to_owned(),
        });
        touched.collect()
    }

    fn is_writing(&self) -> bool {
        let call = self.line.split('(').next().unwrap().rsplit(' ').next();
        let flags = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"];
        !self.line.contains("resumed>") && !READING.contains(&call.unwrap())
            || flags.iter().any(|flag| self.line.contains(flag))
    }
}

/// The paths in the arguments, each below the folder that stands before it.
fn named(line: &str) -> Vec<PathBuf> {
    let arguments = match line.split_once('(') {
        Some((call, _)) if call.ends_with("execve") => return Vec::new(),
        Some((_, arguments)) => arguments,
        None => return Vec::new(),
    };
    let arguments = arguments
        .rsplit_once(") = ")
        .map_or(arguments, |(all, _)| all);
    let mut base = "";
    let mut paths = Vec::new();
    let mut rest = arguments;
    while let Some(at) = rest.find(['<', '"']) {
        let is_folder = rest.as_bytes()[at] == b'<';
        rest = &rest[at + 1..];
        let end = if is_folder { '>' } else { '"' };
        let Some((text, after)) = rest.split_once(end) else {
            break;
        };
        if is_folder {
            base = text;
        } else {
            paths.push(Path::new(base).join(text));
        }
        rest = after;
    }
    paths
}

/// The path without `.` and `..`, and of the process's own folder by its other name.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        let is_number = component
            .as_os_str()
            .to_string_lossy()
            .parse::<u32>()
            .is_ok();
        if normal == Path::new("/proc") && is_number {
            normal.push("self");
            continue;
        }
        match component {
            Component::ParentDir => drop(normal.pop()),
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}
