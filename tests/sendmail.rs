use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::site::{Backup, MORNING, ReceivedMail, Report, Site, sent_failed_waiting};

const AGENT: &str = "SDMC_DOUALA_AKWA";

/// A mail server of this machine, as far as a shell script can be one: it keeps each mail with the
/// arguments that it was called with, knows nobody whose name begins with "nobody", and ends with the
/// status in the file `status` when there is one.
const SENDMAIL: &str = r#"#!/bin/sh
folder=${0%/*}
if [ -e "$folder/status" ]; then
    echo "out of order" >&2
    exit "$(cat "$folder/status")"
fi
for recipient; do :; done
case $recipient in nobody*) echo "$recipient: unknown" >&2; exit 67 ;; esac
number=$(ls "$folder/inbox" | wc -l)
echo "$*" >> "$folder/calls"
env >> "$folder/environment"
cat > "$folder/inbox/$number.eml"
"#;

/// A site that hands its mails to [`SENDMAIL`].
fn site_with_command(recipients: &str) -> Site {
    let config = format!(
        "[deposit]\nroot = \"deposit\"\nsettle = \"0s\"\n\
         [mail]\ntransport = \"sendmail\"\nfrom = \"Vigie <vigie@example.com>\"\n\
         admin_email_recipient = {recipients}\n\
         [sendmail]\ncommand = \"./sendmail\"\n"
    );
    let site = Site::with_config(&config);
    fs::create_dir(site.path("inbox")).unwrap();
    write_executable(&site.path("sendmail"), SENDMAIL);
    site
}

/// Written by another process: while this one has it open for writing, a thread that starts the
/// program at that moment would keep it so, and nobody could execute it.
fn write_executable(path: &Path, content: &str) {
    let mut shell = Command::new("/bin/sh")
        .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = shell.stdin.take().unwrap();
    stdin.write_all(content.as_bytes()).unwrap();
    drop(stdin);
    assert!(shell.wait().unwrap().success());
}

fn deliver_two_bad_backups(site: &Site) {
    let backups = ["X", "Y"].map(|name| Backup::good(name, b"content").not_staged());
    site.deliver(&Report::new(AGENT, "2025-06-19T02:10:00", backups.into()));
}

fn inbox(site: &Site) -> Vec<ReceivedMail> {
    crate::site::read_mails(&site.path("inbox"))
}

#[test]
fn mails_are_handed_to_the_command_of_the_machine() {
    let site = site_with_command("\"admin@example.com\"");
    let check = site.run(&["config", "check"]);
    let told = String::from_utf8(check.stdout).unwrap();
    assert!(told.contains("mails go to the command "), "{told}");
    deliver_two_bad_backups(&site);
    assert_eq!(sent_failed_waiting(&site.scan(MORNING)), [2, 0, 0]);
    let mails = inbox(&site);
    assert_eq!(mails.len(), 2);
    assert!(mails[0].text.contains(AGENT) && mails[0].html.contains(AGENT));
    assert_eq!(
        fs::read_to_string(site.path("calls")).unwrap(),
        "-i -f vigie@example.com -- admin@example.com\n".repeat(2)
    );
    for name in site.files_in("inbox") {
        let raw = fs::read(site.path("inbox").join(name)).unwrap();
        assert!(!raw.contains(&b'\r') && raw.ends_with(b"--\n"));
    }
}

#[test]
fn the_command_does_not_see_the_password_of_another_way() {
    let site = site_with_command("\"admin@example.com\"");
    deliver_two_bad_backups(&site);
    let mut scan = site.command();
    scan.args(["scan", "--now", MORNING])
        .env("EMAIL_USERNAME", "vigie")
        .env("EMAIL_PASSWORD", "hunter2")
        .env("HOME", "/home/vigie");
    let output = scan.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let seen = fs::read_to_string(site.path("environment")).unwrap();
    assert!(seen.contains("HOME=/home/vigie"), "{seen}");
    assert!(
        !seen.contains("EMAIL") && !seen.contains("hunter2"),
        "{seen}"
    );
}

#[test]
fn mails_wait_while_the_command_is_out_of_order_and_keep_their_message_id() {
    let site = site_with_command("\"admin@example.com\"");
    deliver_two_bad_backups(&site);
    // The one is about all mails, the other about one of them.
    for (status, failed) in [("78", 1), ("75", 2)] {
        fs::write(site.path("status"), status).unwrap();
        let output = site.run(&["scan", "--now", MORNING, "--format", "json"]);
        let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(sent_failed_waiting(&result), [0, failed, 2]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(
            told.contains("out of order") && told.contains(status),
            "{told}"
        );
    }
    let before = site.copy();
    for site in [&site, &before] {
        fs::remove_file(site.path("status")).unwrap();
        assert!(site.run(&["outbox", "retry"]).status.success());
        assert_eq!(site.scan(MORNING)["mails"]["sent"], 2);
    }
    let ids = |site: &Site| -> Vec<String> {
        let mails = inbox(site).into_iter();
        mails.map(|mail| mail.message_id).collect()
    };
    assert_eq!(ids(&site), ids(&before));
}

#[test]
fn a_recipient_whom_nobody_knows_keeps_no_other_from_being_told() {
    let site = site_with_command("[\"nobody@example.com\", \"admin@example.com\"]");
    deliver_two_bad_backups(&site);
    assert_eq!(sent_failed_waiting(&site.scan(MORNING)), [3, 2, 0]);
    assert!(
        inbox(&site)
            .iter()
            .all(|mail| mail.to == "admin@example.com")
    );
    assert_eq!(site.json(&["status"])["mails_dead"], 2);
}

#[test]
fn a_command_that_is_not_there_is_told_before_and_costs_no_mail() {
    let site = site_with_command("\"admin@example.com\"");
    fs::rename(site.path("sendmail"), site.path("elsewhere")).unwrap();
    let check = site.run(&["config", "check"]);
    assert_eq!(check.status.code(), Some(2));
    let told = String::from_utf8(check.stderr).unwrap();
    assert!(told.contains("sendmail.command names"), "{told}");
    assert!(told.contains("which does not exist"), "{told}");
    deliver_two_bad_backups(&site);
    assert_eq!(sent_failed_waiting(&site.scan(MORNING)), [0, 1, 2]);
    fs::rename(site.path("elsewhere"), site.path("sendmail")).unwrap();
    assert_eq!(site.scan(MORNING)["mails"]["sent"], 2);
}

#[test]
fn a_test_mail_goes_to_the_command_and_tells_that_it_was_accepted() {
    let site = site_with_command("\"admin@example.com\"");
    let output = site.run(&["mail", "test", "--to", "Ops <ops@example.com>"]);
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("/sendmail in "), "{told}");
    assert!(told.contains("Answer   accepted"), "{told}");
    assert_eq!(inbox(&site).len(), 1);
}
