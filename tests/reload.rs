use std::fs::{self, File};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::site::{Backup, ReceivedMail, Report, Site, this_moment};

const AGENT: &str = "SDMC_DOUALA_AKWA";
const SUBJECT: &str = "templates/en/entry/subject.txt.hbs";

/// `vigie run` at a site, ended with this value.
struct Running {
    site: Site,
    process: Child,
}

impl Running {
    /// Starts with a subject of one's own.
    fn start(subject: &str) -> Self {
        let site =
            Site::with("[templates]\ndirectory = \"templates\"\n[scan]\ninterval = \"1s\"\n");
        fs::create_dir_all(site.path("templates/en/entry")).unwrap();
        fs::write(site.path(SUBJECT), subject).unwrap();
        let log = File::create(site.path("log")).unwrap();
        let process = site.command().arg("run").stderr(log).spawn().unwrap();
        let running = Self { site, process };
        running.wait_for("cycle done", 1);
        running
    }

    fn wait_until(&self, what: &str, is_done: impl Fn() -> bool) {
        let started = Instant::now();
        while !is_done() {
            let log = fs::read_to_string(self.site.path("log")).unwrap();
            assert!(
                started.elapsed() < Duration::from_secs(30),
                "{what} did not happen:\n{log}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until something was logged so many times.
    fn wait_for(&self, words: &str, times: usize) {
        let log = || fs::read_to_string(self.site.path("log")).unwrap();
        self.wait_until(words, || log().matches(words).count() >= times);
    }

    /// The mail about a database whose file never arrived.
    fn mail_about(&self, database: &str) -> ReceivedMail {
        let backup = Backup::good(database, b"content").not_staged();
        self.site
            .deliver(&Report::new(AGENT, &this_moment(), vec![backup]));
        let find = || {
            let mut mails = self.site.mails().into_iter();
            mails.find(|mail| mail.text.contains(database))
        };
        self.wait_until("the mail", || find().is_some());
        find().unwrap()
    }

    fn hang_up(&self) {
        let mut kill = Command::new("sh");
        kill.args(["-c", "kill -HUP \"$0\""])
            .arg(self.process.id().to_string());
        assert!(kill.status().unwrap().success());
    }

    fn edit_config(&self, from: &str, to: &str) {
        let path = self.site.path("vigie.toml");
        let config = fs::read_to_string(&path).unwrap();
        assert!(config.contains(from));
        fs::write(path, config.replace(from, to)).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_template_that_changes_is_taken_over_and_a_broken_one_is_not() {
    let running = Running::start("FIRST {{job.database}}");
    assert_eq!(running.mail_about("A_2025").subject, "FIRST A_2025");

    fs::write(running.site.path(SUBJECT), "SECOND {{job.databse}}").unwrap();
    running.wait_for("the templates stay as they were", 1);
    running.wait_for(
        "en/entry/subject.txt.hbs:1:10: the entry mail has no variable",
        1,
    );
    assert_eq!(running.mail_about("B_2025").subject, "FIRST B_2025");

    fs::write(running.site.path(SUBJECT), "THIRD {{job.database}}").unwrap();
    running.wait_for("the templates have changed and were taken over", 1);
    assert_eq!(running.mail_about("C_2025").subject, "THIRD C_2025");
}

#[test]
fn a_hangup_takes_the_config_over_unless_it_is_broken() {
    let running = Running::start("FIRST {{job.database}}");
    running.edit_config("admin@example.com", "other@example.com");
    running.hang_up();
    running.wait_for("config and templates were taken over", 1);
    assert_eq!(running.mail_about("A_2025").to, "other@example.com");

    running.edit_config("other@example.com", "nobody");
    running.hang_up();
    running.wait_for("nothing was taken over", 1);
    running.wait_for("mail.admin_email_recipient", 1);
    assert_eq!(running.mail_about("B_2025").to, "other@example.com");
}

#[test]
fn a_repair_is_taken_over_even_where_something_else_is_still_broken() {
    let running = Running::start("{{job.databse}}");
    let missing = "templates/en/missing/subject.txt.hbs";
    fs::create_dir_all(running.site.path("templates/en/missing")).unwrap();
    fs::write(running.site.path(missing), "{{broken}}").unwrap();
    running.wait_for("the templates have changed and were taken over", 1);
    fs::write(running.site.path(SUBJECT), "OURS {{job.database}}").unwrap();
    running.wait_for("the templates have changed and were taken over", 2);
    assert_eq!(running.mail_about("A_2025").subject, "OURS A_2025");
}

#[test]
fn a_hangup_takes_nothing_over_with_templates_that_can_not_be_used() {
    let running = Running::start("FIRST {{job.database}}");
    running.edit_config("admin@example.com", "other@example.com");
    fs::write(running.site.path(SUBJECT), "{{job.databse}}").unwrap();
    running.hang_up();
    running.wait_for("nothing was taken over", 1);
    let mail = running.mail_about("A_2025");
    assert_eq!(
        (&*mail.to, &*mail.subject),
        ("admin@example.com", "FIRST A_2025")
    );
}
