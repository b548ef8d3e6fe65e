//! The virtual clock, and all that happens at one of its steps.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::slice;
use std::sync::{Arc, Mutex, MutexGuard};

use fastrand::Rng;
use jiff::civil::{Weekday, date, time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use vigie_domain::{
    BackupEntry, DomainEvent, EventKind, ExpectedBackupJob, JobStatus, Sha256, Transition, Warning,
    judge_deadline, record_entry,
};
use vigie_notify::{
    Acknowledgement, AlertPolicy, AlertSeverity, Attempt, ClockJump, Composer, ComposerSettings,
    CycleFacts, Grouping, HolidayDate, Lease, Matchers, Outbox as _, Outcome, Planner, QuietTimes,
    QuietWindow, Receipt, Route, Routing, Silence, SilenceId,
};
use vigie_scanner::{JobMove, ReportCommit, ReportRecord, Store as _};
use vigie_store::SqliteStore;

use crate::account::Account;
use crate::cut_ledger::CutLedger;
use crate::sites::{Dropped, Site};
use crate::table;
use crate::weather::{self, Weather, any};

const START: &str = "2025-03-01T00:00:00Z";

const ADMINISTRATORS: [&str; 2] = ["admin@example.com", "second@example.com"];

/// Who moves away in the middle of it all.
const LEAVING: [&str; 3] = [
    "owner3@example.com",
    "owner5@example.com",
    "left@example.com",
];

const JOBS_OF_SITE: usize = 10;

pub struct Simulation {
    rng: Rng,
    from: Timestamp,
    days: i64,
    folder: TempDir,
    store: SqliteStore,
    account: Arc<Mutex<Account>>,
    cuts: Arc<Mutex<Rng>>,
    sites: Vec<Site>,
    /// What lies in the deposit or is on its way there.
    dropped: Vec<Vec<Dropped>>,
    weather: Weather,
    composer: Composer,
    policy: AlertPolicy,
    truth: Timestamp,
    reports: u64,
    cycles: u64,
    restarts: u64,
    /// When the last cycles were done, on the wall.
    done: Vec<Timestamp>,
    /// By how much the clock was wrong in the last step, if Vigie ran then.
    offset: Option<SignedDuration>,
    foul_until: Timestamp,
}

impl Simulation {
    pub async fn new(seed: u64, days: i64, sites: usize, grouping: Grouping) -> Self {
        let mut rng = Rng::with_seed(seed);
        let from: Timestamp = START.parse().unwrap();
        let weather = Weather::of(&mut rng, from, days);
        let sites: Vec<Site> = (0..sites)
            .map(|number| Site::of(&mut rng, number, JOBS_OF_SITE, from, days))
            .collect();
        let memory = PathBuf::from("/dev/shm");
        let folder = match tempfile::tempdir_in(memory) {
            Ok(folder) => folder,
            Err(_) => tempfile::tempdir().unwrap(),
        };
        let store = SqliteStore::open(&folder.path().join("vigie.db"))
            .await
            .unwrap();
        let mut declarations = Vec::new();
        for site in &sites {
            declarations.extend(site.declarations(&mut rng));
        }
        store.declare_jobs(&declarations, from).await.unwrap();
        let jobs = store.jobs_that(|_| true).await.unwrap();
        let policy = policy(grouping);
        let account = Account::new(
            policy.routing.clone(),
            &ADMINISTRATORS,
            jobs,
            policy.grouping.max_per_hour,
        );
        let composer = Composer::new(ComposerSettings {
            admin_email_recipient: ADMINISTRATORS.map(str::to_owned).into(),
            ..ComposerSettings::default()
        });
        Self {
            from,
            days,
            folder,
            store,
            account: Arc::new(Mutex::new(account)),
            cuts: Arc::new(Mutex::new(Rng::with_seed(rng.u64(..)))),
            dropped: sites.iter().map(|_| Vec::new()).collect(),
            sites,
            weather,
            composer: composer.unwrap(),
            policy,
            truth: from,
            reports: 0,
            cycles: 0,
            restarts: 0,
            done: Vec::new(),
            offset: None,
            foul_until: from,
            rng,
        }
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap()
    }

    fn wall(&self) -> Timestamp {
        self.truth
            .checked_add(self.weather.offset(self.truth))
            .unwrap()
    }

    pub async fn run(&mut self) {
        let until = weather::later(self.from, self.days * 24);
        while self.truth < until {
            let micros = self.rng.i64(45 * 60_000_000..70 * 60_000_000);
            let step = SignedDuration::from_micros(micros);
            self.truth = self.truth.checked_add(step).unwrap();
            for (site, dropped) in self.sites.iter_mut().zip(&mut self.dropped) {
                dropped.extend(site.run(&mut self.rng, self.truth));
            }
            self.step().await;
        }
    }

    async fn step(&mut self) {
        if any(&self.weather.vigie_is_down, self.truth) {
            self.offset = None;
            self.be_excused(0);
            return;
        }
        let facts = self.look_at_clocks();
        let (truth, now) = (self.truth, self.wall());
        {
            let mut account = self.account();
            (account.truth, account.now) = (truth, now);
        }
        self.people().await;
        let mut waits = self.deliver().await;
        let survived = self.cycle(facts).await;
        if survived {
            self.account().check_incidents();
            waits = self.deliver().await;
        } else {
            self.restart().await;
        }
        self.account().count_naive();
        self.cycles += 1;
        let is_foul = any(&self.weather.mail_is_down, self.truth) || self.truth < self.foul_until;
        if is_foul || !survived {
            self.account().excuse_all();
        } else {
            self.account().check_words(&waits);
        }
    }

    /// Nobody need know anything for so many hours.
    fn be_excused(&mut self, hours: i64) {
        let until = weather::later(self.truth, hours);
        self.foul_until = self.foul_until.max(until);
        self.account().excuse_all();
    }

    fn look_at_clocks(&mut self) -> CycleFacts {
        let (now, offset) = (self.wall(), self.weather.offset(self.truth));
        let before = self.offset.replace(offset);
        let jumped = before.filter(|before| *before != offset);
        if self.done.last().is_some_and(|done| now < *done) {
            self.account().forget_hours();
            // So long may things be held that were held by the clock as it was.
            self.be_excused(2);
        }
        let idle = match self.done[..] {
            [.., before, last] => {
                let usual = before.duration_until(last);
                let idle = last.duration_until(now);
                let is_long = idle > SignedDuration::from_hours(1) && idle > usual * 3;
                is_long.then_some(last)
            }
            _ => None,
        };
        CycleFacts {
            clock_jump: jumped.map(|before| ClockJump {
                expected: self.truth.checked_add(before).unwrap(),
                found: now,
            }),
            idle_since: idle,
            ..CycleFacts::default()
        }
    }

    /// Scans and plans; `false` when it was killed meanwhile.
    async fn cycle(&mut self, mut facts: CycleFacts) -> bool {
        let now = self.wall();
        if any(&self.weather.deposit_is_gone, self.truth) {
            facts.deposit_error = Some("no such file or directory".to_owned());
        } else if !self.scan(now).await {
            return false;
        }
        let ledger = CutLedger {
            store: self.store.clone(),
            account: self.account.clone(),
            rng: self.cuts.clone(),
        };
        let planner = Planner::new(self.composer.clone(), ledger, now);
        let planner = planner.with_policy(self.policy.clone());
        if let Err(error) = planner.plan_cycle(now, &facts).await {
            let is_cut = error.to_string().contains("was killed");
            assert!(is_cut, "{}: {error}", self.truth);
            return false;
        }
        self.done.push(now);
        true
    }

    async fn scan(&mut self, now: Timestamp) -> bool {
        for site in 0..self.sites.len() {
            let truth = self.truth;
            let mut arrived: Vec<Dropped> = Vec::new();
            let mut on_their_way = Vec::new();
            for dropped in std::mem::take(&mut self.dropped[site]) {
                if dropped.arrives_at <= truth {
                    arrived.push(dropped);
                } else {
                    on_their_way.push(dropped);
                }
            }
            arrived.sort_by_key(|dropped| dropped.report.operation_ended_at);
            let mut arrived = arrived.into_iter();
            for dropped in arrived.by_ref() {
                self.commit(site, &dropped, now).await;
                if self.rng.u32(0..10_000) == 0 {
                    on_their_way.extend(arrived);
                    self.dropped[site] = on_their_way;
                    return false;
                }
            }
            self.dropped[site] = on_their_way;
        }
        loop {
            let overdue = self.store.overdue_jobs(now, 500).await.unwrap();
            let moves = overdue.iter().filter_map(|job| judge_deadline(job, now));
            let moves: Vec<Transition> = moves.collect();
            if moves.is_empty() {
                return true;
            }
            self.store.commit_deadlines(&moves).await.unwrap();
            for moved in moves {
                self.note(moved.job, moved.events.first().map(|event| &event.kind));
            }
        }
    }

    async fn commit(&mut self, site: usize, dropped: &Dropped, now: Timestamp) {
        let agent = self.sites[site].agent.clone();
        self.reports += 1;
        let name = format!("{}.json", self.reports);
        let jobs = self.store.jobs_of_agents(slice::from_ref(&agent)).await;
        let jobs = jobs.unwrap();
        let (mut moves, mut events) = (Vec::new(), Vec::new());
        for (section, finding) in dropped.report.databases.iter().zip(&dropped.findings) {
            let mut jobs = jobs.iter().map(|known| &known.job);
            let known = jobs.find(|job| job.database == section.database);
            let known = known.unwrap();
            let report = &dropped.report;
            let entry = BackupEntry::judged(known, &name, report, section, finding, now);
            let transition = record_entry(known, &entry, now);
            events.extend(transition.events);
            let job = transition.job;
            if job.current_status == JobStatus::Ok && self.rng.u16(0..400) == 0 {
                events.push(odd(&job, &entry, now));
                self.account().warn(&job);
            }
            moves.push(JobMove {
                job,
                entry,
                proven: None,
                proven_file: None,
                standing: None,
            });
        }
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&self.reports.to_be_bytes());
        let commit = ReportCommit {
            report: ReportRecord {
                agent,
                file_name: name,
                sha256: Sha256::from(digest),
                operation_ended_at: Some(dropped.report.operation_ended_at),
                received_at: now,
                rejection: None,
                retry: Vec::new(),
            },
            moves,
            events,
        };
        let kept = self.store.commit_reports(slice::from_ref(&commit)).await;
        kept.unwrap();
        for moved in commit.moves {
            self.note(moved.job, None);
        }
    }

    fn note(&self, job: ExpectedBackupJob, event: Option<&EventKind>) {
        // Clocks that are right raise no alarm on what is right, whatever hours are left out or come twice.
        let site = self
            .sites
            .iter()
            .find(|site| site.agent == job.agent)
            .unwrap();
        let is_alarm = matches!(event, Some(EventKind::JobMissing { .. }));
        if is_alarm && site.is_faultless {
            let was_right = self.weather.clock_was_right_for(self.truth, 72);
            let zone = site.zone_name();
            assert!(
                !was_right,
                "{}: a false alarm in {zone} of {job:#?}",
                self.truth
            );
        }
        self.account().jobs.insert(job.id, job);
    }

    /// Sends what is due, and gives those whose mails wait to be tried again.
    async fn deliver(&mut self) -> BTreeSet<String> {
        let now = self.wall();
        let mut waits = BTreeSet::new();
        self.store.release_leases().await.unwrap();
        loop {
            let lease = Lease {
                holder: "simulation".to_owned(),
                until: now.checked_add(SignedDuration::from_mins(1)).unwrap(),
            };
            let claimed = self.store.claim(now, &lease, &[], 200).await.unwrap();
            if claimed.is_empty() {
                break;
            }
            let is_down = any(&self.weather.mail_is_down, self.truth);
            let is_killed = self.rng.u32(0..500) == 0;
            let mut attempts = Vec::with_capacity(claimed.len());
            for delivery in claimed {
                let reader = delivery.mail.recipient();
                let outcome = if is_down {
                    let error = "no route to host".to_owned();
                    Outcome::Unreached { error }
                } else if self.has_left(&reader) {
                    self.account().unreachable.insert(reader);
                    let error = "550 no such user".to_owned();
                    Outcome::Dead { error }
                } else if self.rng.u8(0..50) == 0 {
                    waits.insert(reader);
                    let minutes = SignedDuration::from_mins(self.rng.i64(1..60));
                    Outcome::Deferred {
                        error: "451 greylisted".to_owned(),
                        due_at: now.checked_add(minutes).unwrap(),
                    }
                } else {
                    self.account().receive(&delivery.mail);
                    Outcome::Sent(Receipt::default())
                };
                attempts.push(Attempt {
                    delivery: delivery.id,
                    at: now,
                    outcome,
                });
            }
            if is_killed {
                self.restart().await;
            } else {
                self.store.record("simulation", &attempts).await.unwrap();
            }
            if is_down || is_killed {
                break;
            }
        }
        waits
    }

    fn has_left(&self, reader: &str) -> bool {
        let half = SignedDuration::from_hours(self.days * 12);
        LEAVING.contains(&reader) && self.from.duration_until(self.truth) > half
    }

    async fn restart(&mut self) {
        self.restarts += 1;
        let path = self.folder.path().join("vigie.db");
        self.store = SqliteStore::open(&path).await.unwrap();
        self.be_excused(0);
    }

    /// Asks for silence, ends it, and takes things on.
    async fn people(&mut self) {
        let now = self.wall();
        if self.rng.u8(0..60) == 0 {
            let silence = self.silence(now);
            self.store.add_silence(silence).await.unwrap();
        }
        let mut silences = self.store.active_silences(now).await.unwrap();
        if !silences.is_empty() && self.rng.u8(0..40) == 0 {
            let ended = silences.remove(self.rng.usize(0..silences.len()));
            self.store.expire_silences(&[ended.id], now).await.unwrap();
        }
        let windows = self.policy.windows.clone();
        let quiet = vigie_notify::Quiet { silences, windows };
        self.account().quiet = quiet;
        let open = self.account().open_jobs();
        if !open.is_empty() && self.rng.u8(0..12) == 0 {
            let id = open[self.rng.usize(0..open.len())];
            let job = self.account().jobs[&id].clone();
            let by = Acknowledgement {
                at: now,
                by: "ops".to_owned(),
            };
            if self.store.acknowledge(&job, &by).await.unwrap() {
                self.account().acknowledge(id);
            }
        }
    }

    fn silence(&mut self, now: Timestamp) -> Silence {
        let number = self.rng.u8(0..50);
        let mut matchers = Matchers::default();
        match self.rng.u8(0..5) {
            0 => {}
            1 => matchers.statuses = vec![JobStatus::Missing],
            2 => matchers.agents = vec![format!("*SITE{number:02}").parse().unwrap()],
            3 => matchers.databases = vec![format!("DB00?{}*", number % 10).parse().unwrap()],
            _ => matchers.companies = vec![format!("c{:02}", number % 12).parse().unwrap()],
        }
        let starts_in = SignedDuration::from_hours(self.rng.i64(0..3));
        let starts_at = now.checked_add(starts_in).unwrap();
        let lasts = SignedDuration::from_mins(self.rng.i64(20..72 * 60));
        Silence {
            id: SilenceId(0),
            matchers,
            starts_at,
            ends_at: starts_at.checked_add(lasts).unwrap(),
            reason: "new disks".to_owned(),
            author: "ops".to_owned(),
            created_at: now,
        }
    }

    pub fn print(&self) {
        let account = self.account();
        let jobs = account.jobs.len();
        println!(
            "{jobs} jobs, {} reports, {} cycles, {} restarts, {} times all was known",
            self.reports, self.cycles, self.restarts, account.counts.checks
        );
        table::print(&account.counts, self.days);
    }
}

fn odd(job: &ExpectedBackupJob, entry: &BackupEntry, now: Timestamp) -> DomainEvent {
    let kind = EventKind::JobWarned {
        job: Box::new(job.clone()),
        entry: Box::new(entry.clone()),
        warnings: vec![Warning::Unchanged {
            since: job.known_since,
            backups: 3,
        }],
    };
    DomainEvent { at: now, kind }
}

fn policy(grouping: Grouping) -> AlertPolicy {
    let companies = |names: &[&str]| Matchers {
        companies: names.iter().map(|name| name.parse().unwrap()).collect(),
        ..Matchers::default()
    };
    let route = |matchers: Matchers, reader: &str, continues: bool| Route {
        name: None,
        matchers,
        recipients: vec![reader.to_owned()],
        continues,
    };
    let nights = Matchers {
        statuses: vec![JobStatus::Missing],
        ..companies(&["C05", "C06"])
    };
    let towns = Matchers {
        severities: vec![AlertSeverity::Critical],
        cities: vec!["TOWN1[0-4]".parse().unwrap()],
        ..Matchers::default()
    };
    let window = |name: &str, zone: &str, matchers: Matchers, times: QuietTimes| QuietWindow {
        name: name.to_owned(),
        matchers,
        time_zone: TimeZone::get(zone).unwrap(),
        times,
    };
    AlertPolicy {
        grouping,
        routing: Routing {
            routes: vec![
                route(companies(&["C0?"]), "Operations <ops@example.com>", true),
                route(companies(&["C00", "c01"]), "Customer.One@example.com", true),
                route(companies(&["C02"]), "left@example.com", true),
                route(nights, "nights@example.com", true),
                route(towns, "towns@example.com", false),
                route(companies(&["C03", "C04"]), "three@example.com", false),
            ],
        },
        windows: vec![
            window(
                "saturday nights",
                "Pacific/Auckland",
                companies(&["C07"]),
                QuietTimes::Weekly {
                    days: vec![Weekday::Saturday],
                    start: time(22, 0, 0, 0),
                    end: time(6, 0, 0, 0),
                },
            ),
            window(
                "sunday mornings",
                "America/New_York",
                companies(&["C02"]),
                QuietTimes::Weekly {
                    days: vec![Weekday::Sunday],
                    start: time(1, 30, 0, 0),
                    end: time(3, 30, 0, 0),
                },
            ),
            window(
                "the move",
                "Europe/Paris",
                companies(&["C01"]),
                QuietTimes::Once {
                    from: date(2025, 3, 29).at(22, 0, 0, 0),
                    until: date(2025, 3, 31).at(4, 0, 0, 0),
                },
            ),
            window(
                "holidays",
                "America/Santiago",
                companies(&["C04"]),
                QuietTimes::Holidays {
                    dates: vec![
                        HolidayDate::EachYear { month: 4, day: 6 },
                        HolidayDate::On(date(2025, 4, 18)),
                        HolidayDate::EachYear { month: 12, day: 25 },
                    ],
                },
            ),
        ],
        ..AlertPolicy::default()
    }
}
