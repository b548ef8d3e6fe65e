//! Joins the parts as the config says: store, scanner and what sends the mails.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, ensure};
use jiff::Timestamp;
use tracing::warn;
use vigie_notify::{
    AlertPolicy, Clock as _, Composer, DeliverySettings, DeliveryWorker, Planner, SystemClock,
    Templates, Transport, TreeState,
};
use vigie_scanner::{Pruner, Scanner, ScannerSettings};
use vigie_store::SqliteStore;

use crate::config::{self, Config, Environment};
use crate::lock::CycleLock;
use crate::mails::{composer, composer_with, parallel, templates, transport};

/// All that a cycle needs.
pub struct Vigie {
    pub config: Config,
    pub store: SqliteStore,
    pub scanner: Scanner<SqliteStore>,
    /// What sees to the proven backups that are kept; `None` when none are.
    pub pruner: Option<Pruner<SqliteStore>>,
    pub planner: Planner<SqliteStore, SystemClock>,
    pub worker: Arc<MailWorker>,
    pub tree: TreeWatch,
}

/// What the last look at the validated tree told, by whoever looked.
#[derive(Debug, Clone, Default)]
pub struct TreeWatch(Arc<Mutex<TreeState>>);

impl TreeWatch {
    pub fn see(&self, state: TreeState) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    pub fn state(&self) -> TreeState {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// What sends the mails.
pub type MailWorker = DeliveryWorker<dyn Transport, SqliteStore, SystemClock>;

impl Vigie {
    /// Joins the parts.
    pub async fn open(config: Config) -> anyhow::Result<Self> {
        let templates = templates(&config);
        Self::with_templates(config, templates).await
    }

    /// The same, with templates that were read before.
    pub async fn with_templates(config: Config, templates: Templates) -> anyhow::Result<Self> {
        let (composer, transport) = (composer_with(&config, templates)?, transport(&config)?);
        Self::join(config, composer, transport).await
    }

    /// The same, with another way out for the mails.
    pub async fn with_transport(
        config: Config,
        transport: Arc<dyn Transport>,
    ) -> anyhow::Result<Self> {
        let composer = composer(&config)?;
        Self::join(config, composer, transport).await
    }

    async fn join(
        config: Config,
        composer: Composer,
        transport: Arc<dyn Transport>,
    ) -> anyhow::Result<Self> {
        let store = SqliteStore::open(&config.database.path).await?;
        Ok(Self {
            pruner: pruner(&config, &store),
            scanner: Scanner::new(scanner_settings(&config), store.clone()),
            planner: Planner::new(composer, store.clone(), SystemClock)
                .with_policy(alert_policy(&config)),
            worker: Arc::new(DeliveryWorker::new(
                transport,
                store.clone(),
                SystemClock,
                delivery_settings(&config),
            )),
            tree: TreeWatch::default(),
            store,
            config,
        })
    }

    /// Makes the jobs of the config known at `now`. Under the lock of a cycle, as a cycle writes what
    /// it read of jobs when it began.
    pub async fn declare_jobs(&self, _lock: &CycleLock, now: Timestamp) -> anyhow::Result<()> {
        let declared = self.store.declare_jobs(&self.config.jobs, now).await?;
        for job in declared.no_longer {
            let goes_on = if job.is_watched() {
                "it is still watched"
            } else {
                "it stays at rest"
            };
            warn!(
                agent = %job.agent,
                database = job.database,
                "the config no longer declares this job, and {goes_on}; to change that, declare it \
                 with `active`, or use `vigie jobs`"
            );
        }
        Ok(())
    }
}

/// Who is told what, how often, and when not.
pub fn alert_policy(config: &Config) -> AlertPolicy {
    AlertPolicy {
        reminders: config.alerts.reminders.clone(),
        grouping: config.alerts.grouping.clone(),
        routing: config.routing.clone(),
        windows: config.windows.clone(),
        digests: config.digests.clone(),
    }
}

fn delivery_settings(config: &Config) -> DeliverySettings {
    DeliverySettings {
        parallel: parallel(config),
        max_per_minute: config.mail.max_per_minute,
        holder: format!("{}@{}", std::process::id(), SystemClock.now()),
        ..DeliverySettings::default()
    }
}

/// The store, when there is one: looking at it makes none.
pub async fn open_existing(config: &Config) -> anyhow::Result<Option<SqliteStore>> {
    let path = &config.database.path;
    Ok(if path.exists() {
        Some(SqliteStore::open(path).await?)
    } else {
        None
    })
}

/// Finds and reads the config.
pub fn load_config(argument: Option<&Path>) -> anyhow::Result<Config> {
    let environment = environment()?;
    let path = config::locate(argument, &environment)?;
    Ok(Config::load(&path, &environment)?)
}

/// The same for what can do without a config. One that somebody names has to be there.
pub fn load_config_if_any(argument: Option<&Path>) -> anyhow::Result<Option<Config>> {
    let environment = environment()?;
    match config::locate(argument, &environment) {
        Err(none) if !none.is_named => Ok(None),
        located => Ok(Some(Config::load(&located?, &environment)?)),
    }
}

/// Who does what is noted with a name: who is named, or runs the program.
pub fn author(named: Option<&str>) -> anyhow::Result<String> {
    let author = named.map(str::to_owned).or_else(user);
    let author = author.context("nobody knows who you are; say it with --by")?;
    ensure!(!author.trim().is_empty(), "--by names nobody");
    Ok(author.trim().to_owned())
}

/// Who runs the program, as the environment tells.
pub fn user() -> Option<String> {
    let environment = environment().ok()?;
    ["SUDO_USER", "USER", "LOGNAME"]
        .iter()
        .find_map(|name| environment.variable(name))
}

/// Reads a config that says all there is: no variable overrides it.
pub fn load_config_alone(path: &Path) -> anyhow::Result<Config> {
    let environment = Environment::new(|_| None, current_folder()?);
    Ok(Config::load(path, &environment)?)
}

fn environment() -> anyhow::Result<Environment> {
    // A value that is no UTF-8 is wrong wherever it is used, and is told there.
    let variable = |name: &str| Some(std::env::var_os(name)?.to_string_lossy().into_owned());
    Ok(Environment::new(variable, current_folder()?))
}

/// The folder that the program is run in.
pub fn current_folder() -> anyhow::Result<PathBuf> {
    std::env::current_dir().context("could not tell which folder this is run in")
}

/// What sees to the proven backups that are kept; `None` when none are.
pub fn pruner(config: &Config, store: &SqliteStore) -> Option<Pruner<SqliteStore>> {
    let validated = config.deposit.validated.as_ref()?;
    let policy = config.retention.clone();
    Some(Pruner::new(validated, policy, store.clone()))
}

fn scanner_settings(config: &Config) -> ScannerSettings {
    let (deposit, scan) = (&config.deposit, &config.scan);
    let usual = ScannerSettings::new(&deposit.root, config.schedule.clone());
    ScannerSettings {
        root: deposit.root.clone(),
        validated: deposit.validated.clone(),
        keep_versions: config.retention.is_some(),
        auto_register: deposit.auto_register,
        default_schedule: config.schedule.clone(),
        report_max_age: deposit.report_max_age,
        report_max_size: deposit.report_max_size,
        report_limits: deposit.report_limits,
        reports_per_agent: scan.reports_per_agent,
        report_bytes_per_agent: scan.report_bytes_per_agent,
        time_zone: deposit.time_zone.clone(),
        settle: deposit.settle,
        warnings: config.warnings,
        verify: config.verify.level,
        max_expansion: config.verify.max_expansion,
        cores: scan.cores.unwrap_or(usual.cores),
        max_read_rate: scan.max_read_rate,
        stall_timeout: scan.stall_timeout,
        full_sweep_every: scan.full_sweep_every,
    }
}
