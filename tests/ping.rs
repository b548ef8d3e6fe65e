use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::site::{Backup, MORNING, Report, Running, Site};

/// What tells a check from all others.
const ID: &str = "0b1c-s3cret";

/// A server of checks: it answers its requests with these statuses, the last one for ever.
struct Checks {
    address: String,
    requests: Receiver<Request>,
}

#[derive(Debug)]
struct Request {
    line: String,
    body: String,
}

impl Checks {
    fn answering(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, requests) = channel();
        thread::spawn(move || {
            let last = statuses
                .iter()
                .copied()
                .cycle()
                .skip(statuses.len() - 1)
                .take(1);
            let mut statuses = statuses.iter().copied().chain(last.cycle());
            for stream in listener.incoming() {
                let request = take(&stream.unwrap(), statuses.next().unwrap());
                if sender.send(request).is_err() {
                    return;
                }
            }
        });
        Self { address, requests }
    }

    fn site(&self) -> Site {
        site_pinging(&self.address, "10s")
    }

    /// All requests so far.
    fn requests(&self) -> Vec<Request> {
        self.requests.try_iter().collect()
    }
}

fn take(mut stream: &TcpStream, status: u16) -> Request {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_owned());
    }
    let length = head.iter().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    let answer =
        format!("HTTP/1.1 {status} Said\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK");
    stream.write_all(answer.as_bytes()).unwrap();
    Request {
        line: head.remove(0),
        body: String::from_utf8(body).unwrap(),
    }
}

fn site_pinging(address: &str, timeout: &str) -> Site {
    let ping = format!("[ping]\nurl = \"http://{address}/{ID}?create=1\"\ntimeout = {timeout:?}\n");
    let site = Site::with(&ping);
    let backup = Backup::good("X", b"content");
    site.deliver(&Report::new("A_B_C", "2025-06-19T02:10:00", vec![backup]));
    site
}

/// Scans, and gives the exit status, what was logged and how long it took.
fn scan(site: &Site) -> (Option<i32>, String, Duration) {
    let started = Instant::now();
    let mut command = site.command();
    command.env("RUST_LOG", "trace");
    let output = command.args(["scan", "--now", MORNING]).output().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), log, started.elapsed())
}

#[test]
fn a_good_cycle_pings_once_and_tells_what_it_did() {
    let checks = Checks::answering(&[200]);
    let site = checks.site();
    assert!(site.run(&["config", "check"]).status.success());
    assert_eq!(checks.requests().len(), 0);
    let (status, log, _) = scan(&site);
    assert_eq!(status, Some(0), "{log}");
    let requests = checks.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert_eq!(requests[0].line, format!("POST /{ID}?create=1 HTTP/1.1"));
    assert_eq!(
        requests[0].body,
        "reports: 1 processed, 0 rejected, 0 pending; events: 2"
    );
    assert!(!log.contains("s3cret"), "{log}");
}

#[test]
fn a_cycle_that_failed_is_told_with_the_reason() {
    let checks = Checks::answering(&[200]);
    let site = checks.site();
    fs::remove_dir_all(site.deposit()).unwrap();
    let (status, _, _) = scan(&site);
    assert_eq!(status, Some(1));
    let requests = checks.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert_eq!(
        requests[0].line,
        format!("POST /{ID}/fail?create=1 HTTP/1.1")
    );
    assert!(requests[0].body.contains("deposit"), "{requests:?}");
}

#[test]
fn a_database_that_can_not_be_opened_is_a_failed_cycle() {
    let checks = Checks::answering(&[200]);
    let site = checks.site();
    fs::write(
        site.path("vigie.db"),
        "certainly no database, and longer than its header",
    )
    .unwrap();
    assert_eq!(scan(&site).0, Some(1));
    let requests = checks.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert!(requests[0].line.contains("/fail"), "{requests:?}");
    assert!(requests[0].body.contains("vigie.db"), "{requests:?}");
}

#[test]
fn a_cycle_that_somebody_else_is_doing_is_no_failure() {
    let checks = Checks::answering(&[200]);
    let site = checks.site();
    assert_eq!(scan(&site).0, Some(0));
    let lock = fs::File::create(site.path("vigie.db.lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(scan(&site).0, Some(1));
    assert_eq!(checks.requests().len(), 1);
}

#[test]
fn a_server_that_is_busy_is_asked_again_and_one_that_knows_no_such_check_is_not() {
    let checks = Checks::answering(&[503, 200]);
    assert_eq!(scan(&checks.site()).0, Some(0));
    assert_eq!(checks.requests().len(), 2);

    let checks = Checks::answering(&[404]);
    let (status, log, _) = scan(&checks.site());
    assert_eq!(status, Some(0));
    assert_eq!(checks.requests().len(), 1);
    assert!(log.contains("the server answered 404"), "{log}");
    assert!(!log.contains("s3cret"), "{log}");
}

#[test]
fn a_server_that_is_dead_or_mute_costs_no_more_than_the_timeout() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap().to_string();
    drop(closed);
    let (status, log, took) = scan(&site_pinging(&address, "5s"));
    assert_eq!(status, Some(0), "{log}");
    assert!(log.contains("a ping did not get through"), "{log}");
    assert!(took < Duration::from_secs(5), "{took:?}");

    // It takes connections, by its system, and never says a word.
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = mute.local_addr().unwrap().to_string();
    let (status, log, took) = scan(&site_pinging(&address, "2s"));
    assert_eq!(status, Some(0), "{log}");
    assert!(log.contains("no answer within"), "{log}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(!log.contains("s3cret"), "{log}");
}

#[test]
fn each_cycle_of_a_service_pings_and_a_mute_server_holds_none_up() {
    let checks = Checks::answering(&[200]);
    let site = checks.site();
    let config = fs::read_to_string(site.path("vigie.toml")).unwrap();
    let often = format!("{config}\n[scan]\ninterval = \"300ms\"\n");
    fs::write(site.path("vigie.toml"), &often).unwrap();
    let running = Running::start(site);
    running.wait_for("cycle done", 3);
    let site = running.stop();
    // The last one is waited for.
    assert!(checks.requests().len() >= 3);

    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = mute.local_addr().unwrap().to_string();
    let config = often
        .replace(&checks.address, &address)
        .replace("10s", "2s");
    fs::write(site.path("vigie.toml"), config).unwrap();
    let started = Instant::now();
    let running = Running::start(site);
    running.wait_for("cycle done", 4);
    assert!(started.elapsed() < Duration::from_secs(10));
    running.stop();
}
