mod mailbox;
mod report;
mod running;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

pub use mailbox::{ReceivedMail, read_mails};
pub use report::{Backup, Report, sha256_of};
pub use running::Running;

/// The instant at which jobs become known in most tests.
pub const START: &str = "2025-06-19T00:00:00Z";

/// An instant at which the reports of that night have come.
pub const MORNING: &str = "2025-06-19T06:00:00Z";

/// An instant at which a job of which nothing was heard since [`MORNING`] is missing.
pub const DAYS_LATER: &str = "2025-06-21T06:00:00Z";

/// A place to run the program in.
pub struct Site {
    folder: TempDir,
}

impl Site {
    /// Mails go to a folder, files are not waited for, proven backups are kept.
    pub fn new() -> Self {
        Self::with("")
    }

    /// The same, with `jobs` or other sections appended to the config.
    pub fn with(sections: &str) -> Self {
        let config = format!(
            r#"
            [deposit]
            root = "deposit"
            validated = "validated"
            settle = "0s"

            [schedule]
            every = "24h"
            grace = "2h"

            [mail]
            directory = "mails"
            from = "Vigie <vigie@example.com>"
            admin_email_recipient = "admin@example.com"
            {sections}"#
        );
        Self::with_config(&config)
    }

    pub fn with_config(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("deposit")).unwrap();
        fs::write(folder.path().join("vigie.toml"), config).unwrap();
        Self { folder }
    }

    /// The same site, as it is now, in another place.
    pub fn copy(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut copy = Command::new("cp");
        copy.arg("-a").arg(self.path(".")).arg(folder.path());
        assert!(copy.status().unwrap().success());
        Self { folder }
    }

    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(relative)
    }

    pub fn deposit(&self) -> PathBuf {
        self.path("deposit")
    }

    /// Does what an agent does: stages the files and drops the report.
    pub fn deliver(&self, report: &Report) {
        report.deliver(&self.deposit());
    }

    /// Drops the report alone.
    pub fn deliver_report_only(&self, report: &Report) {
        report.deliver_text(&self.deposit(), report.text().as_bytes());
    }

    /// The program, told which config to take, in an environment that says nothing.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
        command
            .env_clear()
            .current_dir(self.folder.path())
            .arg("--config")
            .arg(self.path("vigie.toml"));
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// Runs a command that prints JSON and has to succeed.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--format", "json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    #[track_caller]
    pub fn scan(&self, now: &str) -> Value {
        self.json(&["scan", "--now", now])
    }

    /// The job of a database, as `status` shows it.
    #[track_caller]
    pub fn job(&self, database: &str) -> Value {
        let status = self.json(&["status"]);
        let jobs = status["jobs"].as_array().unwrap();
        let job = jobs.iter().find(|job| job["database"] == database);
        job.unwrap_or_else(|| panic!("no job {database} in {status:#}"))
            .clone()
    }

    #[track_caller]
    pub fn status_of(&self, database: &str) -> String {
        self.job(database)["status"].as_str().unwrap().to_owned()
    }

    /// All mails that were written to the folder, by subject.
    pub fn mails(&self) -> Vec<ReceivedMail> {
        read_mails(&self.path("mails"))
    }

    #[track_caller]
    pub fn only_mail(&self) -> ReceivedMail {
        let mut mails = self.mails();
        assert_eq!(mails.len(), 1, "{:?}", subjects(&mails));
        mails.remove(0)
    }

    /// The names of the files in a folder of the site, in order; none when it is not there.
    pub fn files_in(&self, relative: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(relative)) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

pub fn subjects(mails: &[ReceivedMail]) -> Vec<&str> {
    mails.iter().map(|mail| mail.subject.as_str()).collect()
}

/// How many mails a scan sent, how many tries failed, and how many mails wait.
pub fn sent_failed_waiting(result: &Value) -> [u64; 3] {
    ["sent", "failed", "waiting"].map(|key| result["mails"][key].as_u64().unwrap())
}

/// The names of a result's events, in order.
pub fn event_names(result: &Value) -> Vec<&str> {
    let events = result["events"].as_array().unwrap();
    events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect()
}

/// Prints a line even if the test succeeds: what was tried is a result too.
pub fn tell(line: &str) {
    writeln!(io::stdout().lock(), "{line}").unwrap();
}

/// This moment, for a test that runs on the real clock.
pub fn this_moment() -> String {
    let output = Command::new("date")
        .args(["-u", "+%Y-%m-%dT%H:%M:%S"])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
