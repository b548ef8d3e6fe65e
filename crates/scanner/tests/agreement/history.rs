//! One random history: a deposit that changes from cycle to cycle, the scanner on one copy of it and the
//! model on the other, and what both came to. Prints nothing.

use std::fmt::Debug;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use vigie_domain::{
    AgentId, ExpectedBackupJob, JobDeclaration, LastGoodBackup, Pause, ProvenBackup, Schedule,
    Sha256, WarningSettings, add_job, declare_job, pause_job, resume_job, retire_job,
};
use vigie_scanner::{Scanner, ScannerSettings, Work};

use crate::agreement::{self, Difference};
use crate::deposits::Twice;
use crate::model::{Model, Told};
use crate::one_in;
use crate::sites::Sites;
use crate::store::{MemoryStore, key_of, number_of};

/// What a cycle came to, and how much of it the scanner had to do.
pub struct Lived {
    pub told: Option<Told>,
    pub work: Work,
}

/// A history at the start of its next cycle.
pub struct History {
    rng: Rng,
    now: Timestamp,
    twice: Twice,
    sites: Sites,
    settings: ScannerSettings,
    store: MemoryStore,
    scanner: Scanner<MemoryStore>,
    model: Model,
    cycles_left: u8,
}

impl History {
    /// The history of this seed, in an empty folder.
    pub fn new(seed: u64, folder: &Path) -> Self {
        let mut rng = Rng::with_seed(seed);
        // Files have the times of a history that was, or of one to come: the kernel's own time of change
        // lies after every cycle, or before.
        let year = if rng.bool() { 2025 } else { 2041 };
        let now = format!("{year}-06-20T06:00:00Z").parse().unwrap();
        let twice = Twice::new(folder);
        let sites = Sites::new(&mut rng);
        let settings = settings(&mut rng, year);
        let store = MemoryStore::default();
        let mut history = Self {
            scanner: Scanner::new(scanned(&settings, &twice), store.clone()),
            model: Model::default(),
            cycles_left: rng.u8(2..=if sites.is_calm { 10 } else { 6 }),
            rng,
            now,
            twice,
            sites,
            settings,
            store,
        };
        history.declare();
        history
    }

    pub fn is_over(&self) -> bool {
        self.cycles_left == 0
    }

    pub fn story(&self) -> &[String] {
        &self.sites.story
    }

    /// Lets happen what happens, does a cycle on each side and tells what they do not agree on.
    pub async fn step(&mut self) -> Result<Lived, Difference> {
        self.cycles_left -= 1;
        let minutes = match self.rng.u8(0..12) {
            0..4 => self.rng.i64(1..60),
            4..8 => self.rng.i64(60..24 * 60),
            8..11 => self.rng.i64(24 * 60..72 * 60),
            _ => self.rng.i64(72 * 60..30 * 24 * 60),
        };
        self.now += SignedDuration::from_mins(minutes);
        // What the scanner remembers grows sure with the runtime's own clock.
        tokio::time::advance(Duration::from_mins(minutes.unsigned_abs())).await;
        self.sites.happen(&mut self.rng, &self.twice, self.now);
        self.change_a_job();
        self.restart();
        let is_gone = one_in(&mut self.rng, 60);
        if is_gone {
            self.twice.rename("deposit", "gone");
        }
        self.sites.story.push(format!("-- cycle at {}", self.now));
        let compared = self.cycle().await;
        if is_gone {
            self.twice.rename("gone", "deposit");
        }
        compared
    }

    async fn cycle(&mut self) -> Result<Lived, Difference> {
        let told = self
            .model
            .cycle(&modelled(&self.settings, &self.twice), self.now);
        let result = self.scanner.scan(self.now, Arc::new(|_| ())).await.ok();
        let work = result.as_ref().map(|result| result.work);
        let is_ordered = self.settings.settle.is_zero();
        agreement::compare(
            &self.twice,
            &self.store,
            &self.model,
            result,
            told.as_ref(),
            is_ordered,
        )?;
        let work = work.unwrap_or_default();
        Ok(Lived { told, work })
    }

    /// The same scanner goes on, or a new one takes over, perhaps with other settings.
    fn restart(&mut self) {
        let rng = &mut self.rng;
        if !one_in(rng, 4) {
            return;
        }
        match rng.u8(0..8) {
            0 => {
                self.settings.validated = match self.settings.validated {
                    Some(_) => None,
                    None => Some("validated".into()),
                };
            }
            1 => self.settings.auto_register ^= true,
            2 => self.settings.report_max_size = max_size(rng),
            3 => self.settings.report_max_age = max_age(rng),
            _ => {}
        }
        self.sites
            .story
            .push(format!("a new scanner with {:?}", Brief(&self.settings)));
        self.scanner = Scanner::new(scanned(&self.settings, &self.twice), self.store.clone());
    }

    /// What the config knows before the first report, with some backups from before the history.
    fn declare(&mut self) {
        self.sites
            .story
            .push(format!("a scanner with {:?}", Brief(&self.settings)));
        for folder in self.sites.folders().collect::<Vec<_>>() {
            for database in Sites::databases() {
                if !one_in(&mut self.rng, 3) {
                    continue;
                }
                let declaration = declaration(&mut self.rng, folder, database);
                let id = number_of(&declaration.agent, database);
                let mut job = declare_job(id, &declaration, None, self.now).job;
                self.sites
                    .story
                    .push(format!("declared: {} {database}", declaration.agent));
                if one_in(&mut self.rng, 4) {
                    self.give_a_past(&mut job);
                }
                self.put(job);
            }
        }
    }

    fn give_a_past(&mut self, job: &mut ExpectedBackupJob) {
        let past = |night: i64| ProvenBackup {
            ended_at: self.now - SignedDuration::from_hours(24 * (30 - night)),
            size: 1_000_000 + night.unsigned_abs(),
            delay: Some(SignedDuration::from_mins(night)),
        };
        let past: Vec<_> = (0..30).map(past).collect();
        job.last_good = past.last().map(|last| LastGoodBackup {
            ended_at: last.ended_at,
            sha256: Sha256::from([1; 32]),
            size: last.size,
            staged_file_name: "before.zst".to_owned(),
        });
        self.store.kept().proven.insert(job.id, past.clone());
        self.model.proven.insert(key_of(job), past);
    }

    /// What somebody does with a command between two cycles.
    fn change_a_job(&mut self) {
        if self.model.order.is_empty() || !one_in(&mut self.rng, 5) {
            return;
        }
        let key = &self.model.order[self.rng.usize(0..self.model.order.len())];
        let known = &self.model.jobs[key];
        let act = self.rng.u8(0..5);
        let changed = match act {
            0 | 1 => resume_job(known, self.now),
            2 => retire_job(known, self.now),
            3 => pause_job(
                known,
                Pause {
                    since: self.now,
                    until: None,
                    by: None,
                    reason: None,
                },
            ),
            _ => {
                let folder = known.agent.as_str();
                let declaration = declaration(&mut self.rng, folder, &known.database);
                add_job(known.id, &declaration, Some(known), self.now)
            }
        };
        self.sites.story.push(format!("command {act} on {key:?}"));
        self.put(changed.job);
    }

    fn put(&mut self, job: ExpectedBackupJob) {
        self.store.kept().put(&job);
        self.model.put(job);
    }
}

fn settings(rng: &mut Rng, year: u16) -> ScannerSettings {
    let hour = Duration::from_hours(1);
    let default_schedule = Schedule::every(rng.u32(1..48) * hour, rng.u32(0..4) * hour).unwrap();
    let mut settings = ScannerSettings::new("deposit", default_schedule);
    settings.validated = (!one_in(rng, 3)).then(|| "validated".into());
    settings.keep_versions = rng.bool();
    settings.auto_register = !one_in(rng, 4);
    settings.report_max_age = max_age(rng);
    settings.report_max_size = max_size(rng);
    if one_in(rng, 4) {
        settings.time_zone = TimeZone::get("Africa/Douala").unwrap();
    }
    // A file of the time to come is at rest; one of the past is as fresh as it says.
    let is_settling = year > 2040 || one_in(rng, 3);
    settings.settle = Duration::from_secs(if is_settling && rng.bool() { 60 } else { 0 });
    settings.cores = NonZeroUsize::new(rng.usize(1..4)).unwrap();
    settings.full_sweep_every = NonZeroU32::new([1, 4, 60][rng.usize(0..3)]).unwrap();
    settings.warnings = match rng.u8(0..3) {
        0 => WarningSettings::NONE,
        1 => WarningSettings {
            unchanged_after: Some(SignedDuration::from_hours(1)),
            ..WarningSettings::default()
        },
        _ => WarningSettings::default(),
    };
    settings
}

fn max_age(rng: &mut Rng) -> Duration {
    Duration::from_hours(if one_in(rng, 4) { 48 } else { 30 * 24 })
}

fn max_size(rng: &mut Rng) -> u64 {
    if one_in(rng, 5) {
        rng.u64(600..2_000)
    } else {
        4 * 1024 * 1024
    }
}

fn declaration(rng: &mut Rng, folder: &str, database: &str) -> JobDeclaration {
    let hour = Duration::from_hours(1);
    let agent = if one_in(rng, 4) {
        folder.to_lowercase()
    } else {
        folder.to_owned()
    };
    let schedule = if rng.bool() {
        Schedule::cron("30 2 * * *", "Europe/Paris", 2 * hour, None)
    } else {
        Schedule::every(rng.u32(1..48) * hour, hour)
    };
    JobDeclaration {
        agent: AgentId::new(agent).unwrap(),
        database: database.to_owned(),
        company: None,
        city: one_in(rng, 6).then(|| "Yaoundé".to_owned()),
        neighborhood: None,
        year: None,
        schedule: schedule.unwrap(),
        recipients: Vec::new(),
        active: !one_in(rng, 8),
        warnings: one_in(rng, 5).then_some(WarningSettings::NONE),
        verify: None,
    }
}

fn scanned(settings: &ScannerSettings, twice: &Twice) -> ScannerSettings {
    below(settings, &twice.scanned)
}

fn modelled(settings: &ScannerSettings, twice: &Twice) -> ScannerSettings {
    below(settings, &twice.modelled)
}

/// The same settings for one of the copies.
fn below(settings: &ScannerSettings, copy: &Path) -> ScannerSettings {
    let mut settings = settings.clone();
    settings.root = copy.join(&settings.root);
    settings.validated = settings.validated.map(|tree| copy.join(tree));
    settings
}

/// Settings in one line.
struct Brief<'a>(&'a ScannerSettings);

impl Debug for Brief<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let settings = self.0;
        write!(
            formatter,
            "validated {}, auto_register {}, report_max_size {}, report_max_age {:?}, settle {:?}, every {}",
            settings.validated.is_some(),
            settings.auto_register,
            settings.report_max_size,
            settings.report_max_age,
            settings.settle,
            settings.default_schedule,
        )
    }
}
