mod killing;
mod server;
mod trial;

use std::ops::AddAssign;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;
use std::{env, fmt};

use fastrand::Rng;

use self::killing::{killed_within, scan_killed_at};
use self::server::Stage;
use self::trial::Trial;
use crate::site::{Backup, Report, START, Site, tell, this_moment};

/// The calls by which an alert gets from the deposit to the mail server, and at which of them the
/// program is killed: at each, or at each so many. SQLite writes page after page, none of them
/// counts before the last of a transaction, and right after that comes the fsync.
const STEPS: [(&str, usize); 4] = [
    ("connect send", 1),
    ("recv", 1),
    ("fsync", 1),
    ("pwrite", 8),
];

/// How many random kills there are at least.
const KILLS: usize = 100;

/// How long a program runs at most that does not end by itself, and is to be killed.
const LIFETIME: Duration = Duration::from_millis(300);

/// A night with bad news for four people. The mails of one are refused for good, which two others are
/// told; another's are not taken at first.
fn site_before_the_scan() -> Site {
    let site = Site::with_config(&config(1));
    site.scan(START);
    // `vigie run` has only the real clock.
    let ended_at = this_moment();
    let torn = Backup::good("TORN", b"whole").staged_as(b"who");
    let away = Backup::good("AWAY", b"content").not_staged();
    let other = Backup::good("OTHER", b"content").staged_as(b"another");
    site.deliver(&Report::new("FIRST_A_B", &ended_at, vec![torn]));
    site.deliver(&Report::new("SECOND_A_B", &ended_at, vec![away, other]));
    site
}

fn config(port: u16) -> String {
    format!(
        r#"
        [deposit]
        root = "deposit"
        settle = "0s"

        [schedule]
        every = "24h"

        [mail]
        transport = "smtp"
        from = "Vigie <vigie@example.com>"
        admin_email_recipient = "admin@example.com"

        [smtp]
        host = "127.0.0.1"
        port = {port}
        security = "none"

        [[jobs]]
        agent = "FIRST_A_B"
        database = "TORN"
        recipients = ["ops@example.com", "gone@example.com"]

        [[jobs]]
        agent = "SECOND_A_B"
        database = "AWAY"
        recipients = ["grey@example.com"]

        [[jobs]]
        agent = "THIRD_A_B"
        database = "SILENT"
        "#
    )
}

/// What becomes of each mail: to whom, what of, and how it ends.
const EXPECTED: [[&str; 3]; 7] = [
    [
        "admin@example.com",
        "[HASH_MISMATCH] OTHER: different content (SECOND_A_B)",
        "sent",
    ],
    [
        "admin@example.com",
        "[MISSING] SILENT: no backup report received from THIRD_A_B",
        "sent",
    ],
    [
        "admin@example.com",
        "[UNDELIVERED] gone@example.com did not get: [TRANSFER_INTEGRITY_FAILED] TORN: incomplete \
         transfer (FIRST_A_B)",
        "sent",
    ],
    [
        "gone@example.com",
        "[TRANSFER_INTEGRITY_FAILED] TORN: incomplete transfer (FIRST_A_B)",
        "dead",
    ],
    [
        "grey@example.com",
        "[MISSING] AWAY: not received (SECOND_A_B)",
        "sent",
    ],
    [
        "ops@example.com",
        "[TRANSFER_INTEGRITY_FAILED] TORN: incomplete transfer (FIRST_A_B)",
        "sent",
    ],
    [
        "ops@example.com",
        "[UNDELIVERED] gone@example.com did not get: [TRANSFER_INTEGRITY_FAILED] TORN: incomplete \
         transfer (FIRST_A_B)",
        "sent",
    ],
];

#[derive(Debug, Default)]
struct Count {
    kills: usize,
    repeated: usize,
}

impl fmt::Display for Count {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kills, repeated } = self;
        write!(
            formatter,
            "{kills} kills, nothing lost, {repeated} mails repeated"
        )
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.kills += other.kills;
        self.repeated += other.repeated;
    }
}

#[test]
fn without_a_crash_each_mail_is_taken_once() {
    let mut trial = Trial::on(&site_before_the_scan(), "no kill".to_owned());
    trial.recover();
    assert_eq!(trial.judge(), 0);
}

#[test]
fn a_kill_at_any_step_loses_no_mail_and_repeats_only_what_was_on_the_line() {
    let before = site_before_the_scan();
    let kill_at_every = |(calls, stride): (&str, usize)| {
        let mut count = Count::default();
        for step in (1..).step_by(stride) {
            let mut trial = Trial::on(&before, format!("killed at call {step} of {calls}"));
            if !scan_killed_at(&trial, calls, step) {
                break;
            }
            trial.end_run(true);
            trial.recover();
            count += trial.count();
        }
        println!("{calls}: {count}");
        count
    };
    let mut all = Count::default();
    thread::scope(|scope| {
        let kill_at_every = &kill_at_every;
        let threads = STEPS.map(|step| scope.spawn(move || kill_at_every(step)));
        for thread in threads {
            all += thread.join().unwrap();
        }
    });
    tell(&format!("kills at each step: {all}"));
    assert!(all.kills >= 100, "only {} steps were found", all.kills);
    assert!(all.repeated > 0, "no kill hit the line");
}

/// The seed of a trial that failed can be given in `VIGIE_SEED`. What it decides is done again; what
/// the machine does meanwhile is not.
#[test]
fn kills_in_a_row_at_any_moment_lose_no_mail_and_repeat_only_what_was_on_the_line() {
    let before = site_before_the_scan();
    if let Ok(seed) = env::var("VIGIE_SEED") {
        tell(&kills_of(seed.parse().unwrap(), &before).to_string());
        return;
    }
    let all = Mutex::new(Count::default());
    let seeds = Mutex::new(Vec::new());
    let try_seeds = || {
        while all.lock().unwrap().kills < KILLS {
            let seed = fastrand::u64(..);
            seeds.lock().unwrap().push(seed);
            let count = kills_of(seed, &before);
            *all.lock().unwrap() += count;
        }
    };
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(try_seeds);
        }
    });
    let (all, seeds) = (all.into_inner().unwrap(), seeds.into_inner().unwrap());
    tell(&format!("kills in a row: {all}; seeds {seeds:?}"));
}

impl Trial {
    fn count(&self) -> Count {
        Count {
            repeated: self.judge(),
            kills: self.kills(),
        }
    }
}

/// One to four kills in a row, then recovery.
fn kills_of(seed: u64, before: &Site) -> Count {
    let mut rng = Rng::with_seed(seed);
    let mut trial = Trial::on(before, format!("VIGIE_SEED={seed}"));
    let kills = rng.usize(1..=4);
    while trial.kills() < kills {
        let is_killed = kill_somewhere(&trial, &mut rng);
        trial.end_run(is_killed);
    }
    trial.recover();
    trial.count()
}

/// Kills the program at a step, while the server keeps it waiting, or at any moment; tells whether it
/// was still there to be killed.
fn kill_somewhere(trial: &Trial, rng: &mut Rng) -> bool {
    let command = rng.choice(["scan", "run"]).unwrap();
    match rng.u8(0..3) {
        0 => {
            let (calls, stride) = rng.choice(STEPS).unwrap();
            let step = rng.usize(1..=24 * stride);
            scan_killed_at(trial, calls, step)
        }
        1 => {
            let stage = rng.choice(Stage::ALL).unwrap();
            trial.server.stall_at(stage, rng.usize(0..4));
            killed_within(trial, command, LIFETIME)
        }
        _ => killed_within(trial, command, LIFETIME.mul_f64(rng.f64())),
    }
}
