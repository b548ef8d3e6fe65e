use std::fs;

use crate::site::{Backup, ReceivedMail, Report, Running, Site, this_moment};

const AGENT: &str = "SDMC_DOUALA_AKWA";
const SUBJECT: &str = "templates/en/entry/subject.txt.hbs";

/// `vigie run` at a site with a subject of its own.
fn start(subject: &str) -> Running {
    let site = Site::with("[templates]\ndirectory = \"templates\"\n[scan]\ninterval = \"1s\"\n");
    fs::create_dir_all(site.path("templates/en/entry")).unwrap();
    fs::write(site.path(SUBJECT), subject).unwrap();
    Running::start(site)
}

/// The mail about a database whose file never arrived.
fn mail_about(running: &Running, database: &str) -> ReceivedMail {
    let backup = Backup::good(database, b"content").not_staged();
    let site = &running.site;
    site.deliver(&Report::new(AGENT, &this_moment(), vec![backup]));
    let find = || {
        let mut mails = site.mails().into_iter();
        mails.find(|mail| mail.text.contains(database))
    };
    running.wait_until("the mail", || find().is_some());
    find().unwrap()
}

#[test]
fn a_template_that_changes_is_taken_over_and_a_broken_one_is_not() {
    let running = start("FIRST {{job.database}}");
    assert_eq!(mail_about(&running, "A_2025").subject, "FIRST A_2025");

    fs::write(running.site.path(SUBJECT), "SECOND {{job.databse}}").unwrap();
    running.wait_for("the templates stay as they were", 1);
    running.wait_for(
        "en/entry/subject.txt.hbs:1:10: the entry mail has no variable",
        1,
    );
    assert_eq!(mail_about(&running, "B_2025").subject, "FIRST B_2025");

    fs::write(running.site.path(SUBJECT), "THIRD {{job.database}}").unwrap();
    running.wait_for("the templates have changed and were taken over", 1);
    assert_eq!(mail_about(&running, "C_2025").subject, "THIRD C_2025");
}

#[test]
fn a_hangup_takes_the_config_over_unless_it_is_broken() {
    let running = start("FIRST {{job.database}}");
    running.edit_config("admin@example.com", "other@example.com");
    running.hang_up();
    running.wait_for("config and templates were taken over", 1);
    assert_eq!(mail_about(&running, "A_2025").to, "other@example.com");

    running.edit_config("other@example.com", "nobody");
    running.hang_up();
    running.wait_for("nothing was taken over", 1);
    running.wait_for("mail.admin_email_recipient", 1);
    assert_eq!(mail_about(&running, "B_2025").to, "other@example.com");
}

#[test]
fn a_repair_is_taken_over_even_where_something_else_is_still_broken() {
    let running = start("{{job.databse}}");
    let missing = "templates/en/missing/subject.txt.hbs";
    fs::create_dir_all(running.site.path("templates/en/missing")).unwrap();
    fs::write(running.site.path(missing), "{{broken}}").unwrap();
    running.wait_for("the templates have changed and were taken over", 1);
    fs::write(running.site.path(SUBJECT), "OURS {{job.database}}").unwrap();
    running.wait_for("the templates have changed and were taken over", 2);
    assert_eq!(mail_about(&running, "A_2025").subject, "OURS A_2025");
}

#[test]
fn a_hangup_takes_nothing_over_with_templates_that_can_not_be_used() {
    let running = start("FIRST {{job.database}}");
    running.edit_config("admin@example.com", "other@example.com");
    fs::write(running.site.path(SUBJECT), "{{job.databse}}").unwrap();
    running.hang_up();
    running.wait_for("nothing was taken over", 1);
    let mail = mail_about(&running, "A_2025");
    assert_eq!(
        (&*mail.to, &*mail.subject),
        ("admin@example.com", "FIRST A_2025")
    );
}
