use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::site::{Backup, MORNING, Report, Site, read_mails, sent_failed_waiting, subjects};

const AGENT: &str = "SDMC_DOUALA_AKWA";
const PASSWORD: &str = "s3cret-Pässword";

/// aiosmtpd with STARTTLS and login, ended with this value.
pub struct MailServer {
    process: Child,
    pub port: u16,
}

impl MailServer {
    fn start(folder: &Path, certificate: &Path, key: &Path) -> Self {
        Self::start_at(0, folder, certificate, key)
    }

    /// Starts the server of a site anew, at the port that it had.
    pub fn restart(site: &Site, port: u16) -> Self {
        let (certificate, key) = (site.path("server.pem"), site.path("server.key"));
        Self::start_at(port, &site.path("inbox"), &certificate, &key)
    }

    fn start_at(port: u16, folder: &Path, certificate: &Path, key: &Path) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/smtp_server.py");
        fs::create_dir_all(folder).unwrap();
        let mut process = Command::new("/usr/bin/python3")
            .arg(script)
            .args([certificate, key])
            .args(["vigie", PASSWORD])
            .arg(folder)
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 with aiosmtpd; tests/run installs it");
        let mut line = String::new();
        let stdout = process.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let port = line.trim().parse();
        let port = port.expect("the mail server did not start; tests/run installs aiosmtpd");
        Self { process, port }
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A site that mails by SMTP, with the files of a certificate for `localhost` in it.
pub fn site_with_server(recipients: &str) -> (Site, MailServer) {
    let site = Site::new();
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (site.path("server.pem"), site.path("server.key"));
    fs::write(&certificate, pair.cert.pem()).unwrap();
    fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    fs::write(site.path("password"), format!("{PASSWORD}\n")).unwrap();
    let server = MailServer::start(&site.path("inbox"), &certificate, &key);
    configure(&site, server.port, recipients);
    (site, server)
}

fn configure(site: &Site, port: u16, recipients: &str) {
    let config = format!(
        "[deposit]\nroot = \"deposit\"\nsettle = \"0s\"\n\
         [mail]\ntransport = \"smtp\"\nfrom = \"Vigie <vigie@example.com>\"\n\
         admin_email_recipient = {recipients}\n\
         [smtp]\nhost = \"localhost\"\nport = {port}\nusername = \"vigie\"\n\
         password_file = \"password\"\nca_file = \"server.pem\"\ntimeout = \"5s\"\n"
    );
    fs::write(site.path("vigie.toml"), config).unwrap();
}

fn deliver_two_bad_backups(site: &Site) {
    let backups = ["X", "Y"].map(|name| Backup::good(name, b"content").not_staged());
    site.deliver(&Report::new(AGENT, "2025-06-19T02:10:00", backups.into()));
}

#[test]
fn mails_reach_a_server_with_starttls_and_login() {
    let (site, _server) = site_with_server("[\"admin@example.com\", \"night@example.com\"]");
    assert!(site.run(&["config", "check"]).status.success());
    deliver_two_bad_backups(&site);
    let result = site.scan(MORNING);
    assert_eq!(sent_failed_waiting(&result), [4, 0, 0]);
    let mails = read_mails(&site.path("inbox"));
    assert_eq!(
        subjects(&mails),
        [
            "[MISSING] X: not received (SDMC_DOUALA_AKWA)",
            "[MISSING] X: not received (SDMC_DOUALA_AKWA)",
            "[MISSING] Y: not received (SDMC_DOUALA_AKWA)",
            "[MISSING] Y: not received (SDMC_DOUALA_AKWA)",
        ]
    );
    assert!(mails[0].text.contains(AGENT) && mails[0].html.contains(AGENT));
}

#[test]
fn mails_wait_while_the_server_is_down_and_leave_once_it_is_up() {
    let (site, server) = site_with_server("\"admin@example.com\"");
    let port = server.port;
    drop(server);
    deliver_two_bad_backups(&site);
    let result = site.scan(MORNING);
    assert_eq!(sent_failed_waiting(&result), [0, 1, 2]);
    assert_eq!(site.json(&["status"])["mails_waiting"], 2);
    assert_eq!(site.status_of("X"), "MISSING");

    let _server = MailServer::restart(&site, port);
    let result = site.scan(MORNING);
    assert_eq!(sent_failed_waiting(&result), [2, 0, 0]);
    assert_eq!(read_mails(&site.path("inbox")).len(), 2);
}

#[test]
fn a_second_server_takes_the_mails_while_the_first_is_not_there() {
    let (site, server) = site_with_server("\"ops@example.com\"");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let config = fs::read_to_string(site.path("vigie.toml")).unwrap();
    let (before, smtp) = config.split_once("[smtp]").unwrap();
    let config =
        format!("{before}[smtp]\nhost = \"localhost\"\nport = {port}\n[smtp.fallback]{smtp}");
    fs::write(site.path("vigie.toml"), config).unwrap();
    let check = site.run(&["config", "check"]);
    let said = String::from_utf8(check.stdout).unwrap();
    let way = format!(
        "mails go by SMTP to localhost:{port}, else to localhost:{}.",
        server.port
    );
    assert!(said.contains(&way), "{said}");
    deliver_two_bad_backups(&site);
    assert_eq!(sent_failed_waiting(&site.scan(MORNING)), [2, 0, 0]);
    assert_eq!(read_mails(&site.path("inbox")).len(), 2);
}

#[test]
fn a_refused_recipient_keeps_no_other_from_being_told() {
    let (site, _server) = site_with_server("[\"nobody@example.com\", \"admin@example.com\"]");
    deliver_two_bad_backups(&site);
    let result = site.scan(MORNING);
    assert_eq!(sent_failed_waiting(&result), [3, 2, 0]);
    let mails = read_mails(&site.path("inbox"));
    assert!(mails.iter().all(|mail| mail.to == "admin@example.com"));
    let told = "[UNDELIVERED] 2 mails to nobody@example.com were refused";
    assert_eq!(
        subjects(&mails)
            .iter()
            .filter(|subject| **subject == told)
            .count(),
        1
    );
    assert_eq!(site.scan(MORNING)["mails"]["failed"], 0);
    assert_eq!(site.json(&["status"])["mails_dead"], 2);
}

#[test]
fn a_server_that_nobody_vouches_for_gets_neither_mail_nor_password() {
    let (site, server) = site_with_server("\"admin@example.com\"");
    let stranger = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(site.path("server.pem"), stranger.cert.pem()).unwrap();
    deliver_two_bad_backups(&site);
    let output = site.run(&["scan", "--now", MORNING, "--format", "json"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("certificate"), "{told}");
    assert!(!told.contains(PASSWORD));
    assert_eq!(read_mails(&site.path("inbox")).len(), 0);
    drop(server);
}

#[test]
fn a_wrong_password_is_told_without_the_password_and_the_mails_wait() {
    let (site, _server) = site_with_server("\"admin@example.com\"");
    fs::write(site.path("password"), "another-Secret").unwrap();
    deliver_two_bad_backups(&site);
    let output = site.run(&["scan", "--now", MORNING]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("535"), "{told}");
    assert!(!told.contains("another-Secret"));
    assert_eq!(site.json(&["status"])["mails_waiting"], 2);
}

#[test]
fn a_server_without_starttls_gets_nothing() {
    // aiosmtpd without a certificate offers no STARTTLS; so does a listener that only greets.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let greeter = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"220 plain ESMTP\r\n").unwrap();
        let mut heard = Vec::new();
        let mut buffer = [0; 512];
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            heard.extend_from_slice(&buffer[..length]);
            let is_last = heard.ends_with(b"QUIT\r\n");
            let answer: &[u8] = if is_last {
                b"221 bye\r\n"
            } else {
                b"250 plain\r\n"
            };
            if stream.write_all(answer).is_err() || is_last {
                break;
            }
        }
        String::from_utf8(heard).unwrap()
    });
    let site = Site::new();
    fs::write(site.path("password"), PASSWORD).unwrap();
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(site.path("server.pem"), pair.cert.pem()).unwrap();
    configure(&site, port, "\"admin@example.com\"");
    deliver_two_bad_backups(&site);
    let result = site.scan(MORNING);
    assert_eq!(result["mails"]["waiting"], 2);
    let heard = greeter.join().unwrap();
    assert!(
        !heard.contains("AUTH") && !heard.contains("MAIL FROM"),
        "{heard}"
    );
}

#[test]
fn a_mute_server_holds_nothing_up_for_long() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let site = Site::new();
    fs::write(site.path("password"), PASSWORD).unwrap();
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(site.path("server.pem"), pair.cert.pem()).unwrap();
    configure(&site, port, "\"admin@example.com\"");
    let config = fs::read_to_string(site.path("vigie.toml")).unwrap();
    let impatient = config.replace("timeout = \"5s\"", "timeout = \"1s\"");
    fs::write(site.path("vigie.toml"), impatient).unwrap();
    deliver_two_bad_backups(&site);
    let result = site.scan(MORNING);
    assert_eq!(sent_failed_waiting(&result), [0, 1, 2]);
    assert_eq!(site.status_of("X"), "MISSING");
}

#[test]
fn a_test_mail_goes_the_way_of_all_mails_and_tells_the_answer() {
    let (site, _server) = site_with_server("\"admin@example.com\"");
    let output = site.run(&[
        "mail",
        "test",
        "--to",
        "Ops <ops@example.com>",
        "--locale",
        "fr",
    ]);
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("Answer   250 "), "{told}");
    let mails = read_mails(&site.path("inbox"));
    assert_eq!(mails.len(), 1);
    assert!(
        mails[0].subject.starts_with("[TEST] "),
        "{}",
        mails[0].subject
    );
    assert!(mails[0].text.contains("Ceci est un essai"));
}

#[test]
fn a_test_mail_that_is_not_taken_says_why() {
    let (site, server) = site_with_server("\"admin@example.com\"");
    drop(server);
    let output = site.run(&["mail", "test", "--to", "ops@example.com"]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("could not connect to the mail server localhost"),
        "{error}"
    );
    let to_ops = ["mail", "test", "--to", "ops@example.com"];
    let output = site.run(&[&to_ops[..], &["--locale", "de"]].concat());
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("no templates in the language de"), "{error}");
    let output = site.run(&["mail", "test", "--to", "nobody"]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("\"nobody\" is no mail address"), "{error}");
}
