//! The config of the program: vigie.toml and the variables that override it, checked and typed.
//!
//! [`locate`] finds the file, [`Config::load`] reads it and tells everything that is wrong with it
//! at once, [`check_paths`] looks whether its paths are there. Nothing here asks the process for
//! anything: what it may know comes in as an [`Environment`]. It knows no scanner and no store, and of
//! mails only what a language, an address, a link and a signature's key are, and who is told when.

mod address;
mod alerts;
mod byte_size;
mod choice;
mod command;
mod database;
mod deposit;
mod digest;
mod dkim;
mod document;
mod duration;
mod environment;
mod job;
mod job_file;
mod job_table;
mod known_key;
mod link;
mod locale;
mod location;
mod mail;
mod matching;
mod nearest;
mod one_or_several;
mod password;
mod path_check;
mod ping;
mod places;
mod problem;
mod raw;
mod read_rate;
mod reading;
mod recipient;
mod report_limits;
mod retention;
mod route;
mod scan;
mod schedule;
mod scrub;
mod sendmail;
mod smtp;
mod switch_or_table;
mod templates;
mod time_zone;
mod token;
mod verify;
mod warnings;
mod window;

#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use vigie_domain::{JobDeclaration, RetentionPolicy, Schedule, WarningSettings};
use vigie_notify::{DigestSettings, QuietWindow, Routing};

pub use alerts::AlertsConfig;
pub use database::DatabaseConfig;
pub use deposit::DepositConfig;
pub use dkim::DkimConfig;
pub use duration::positive_in_seconds;
pub use environment::Environment;
pub use location::{NoConfigFile, locate};
pub use mail::{MailConfig, MailTransport};
pub use one_or_several::{OneOrSeveral, TextOrTable};
pub use path_check::check_paths;
pub use ping::PingConfig;
pub use problem::{Complaint, ConfigErrors, Problem};
pub use raw::RawJob;
pub use recipient::RecipientConfig;
pub use scan::ScanConfig;
pub use scrub::ScrubConfig;
pub use sendmail::SendmailConfig;
pub use smtp::{ClientCertificate, SmtpConfig, SmtpSecurity};
pub use token::TokenSource;
pub use verify::VerifyConfig;

use job::JobDefaults;
use places::Places;
use raw::RawConfig;
use reading::Reading;
use recipient::AddressBook;
use templates::TemplatesConfig;

/// The commented vigie.toml that works as it is.
pub const TEMPLATE: &str = include_str!("template.toml");

/// Everything that an operator decides, with the defaults filled in and all paths absolute.
#[derive(Debug, Clone)]
pub struct Config {
    /// The config file.
    pub path: PathBuf,
    /// Where agents drop things, and how their reports are taken.
    pub deposit: DepositConfig,
    /// Where Vigie keeps what it knows.
    pub database: DatabaseConfig,
    /// When the deposit is scanned, and how much of the machine that may take.
    pub scan: ScanConfig,
    /// How often kept backups are read again.
    pub scrub: ScrubConfig,
    /// When backups are expected of which nothing else is said.
    pub schedule: Schedule,
    /// How often people are told of what stays wrong.
    pub alerts: AlertsConfig,
    /// What is told of backups that are proven and odd.
    pub warnings: WarningSettings,
    /// How deep staged files are looked into.
    pub verify: VerifyConfig,
    /// How many proven backups of each job are kept; `None` when each takes the place of the one before it.
    pub retention: Option<RetentionPolicy>,
    /// In which words, from whom and to whom mails go, and which way.
    pub mail: MailConfig,
    /// The mail server, when one is named; whether mails go there is for `mail.transport` to say.
    pub smtp: Option<SmtpConfig>,
    /// The command that takes mails, when `mail.transport` says that one does.
    pub sendmail: SendmailConfig,
    /// What an ops team gives to the mails: templates, links, and words of its own.
    pub templates: TemplatesConfig,
    /// Who is told of which jobs besides those that jobs name.
    pub routing: Routing,
    /// When people are not to be told: maintenance, then holidays, as the file has them.
    pub windows: Vec<QuietWindow>,
    /// When digests are written, if they are.
    pub digests: Option<DigestSettings>,
    /// Whom to tell that cycles are still done, if anybody.
    pub ping: Option<PingConfig>,
    /// The backups that are expected by name.
    pub jobs: Vec<JobDeclaration>,
    job_defaults: JobDefaults,
    places: Places,
}

impl Config {
    /// Reads the file at `path`, which may be relative to the current folder.
    ///
    /// # Errors
    ///
    /// When the file can't be read, or anything in it or in a variable is wrong.
    pub fn load(path: &Path, environment: &Environment) -> Result<Self, ConfigErrors> {
        let unreadable = |what: String, remedy: &str| {
            ConfigErrors::from(Problem::of_file(path, Complaint::new(what, remedy)))
        };
        let bytes = fs::read(environment.current_folder().join(path)).map_err(|error| {
            let remedy = "name a file that the one who runs Vigie can read";
            unreadable(format!("can't be read: {error}"), remedy)
        })?;
        match String::from_utf8(bytes) {
            Ok(text) => Self::from_toml(&text, path, environment),
            Err(error) => {
                let offset = error.utf8_error().valid_up_to();
                let before = String::from_utf8_lossy(&error.as_bytes()[..offset]).into_owned();
                let (line, column) = document::line_and_column(&before, offset);
                let what = format!("is no UTF-8 text: see line {line}, column {column}");
                Err(unreadable(what, "save it as UTF-8"))
            }
        }
    }

    /// Reads `text` as if it were the file at `path`.
    ///
    /// # Errors
    ///
    /// When anything in it or in a variable is wrong.
    pub fn from_toml(
        text: &str,
        path: &Path,
        environment: &Environment,
    ) -> Result<Self, ConfigErrors> {
        let mut table = document::parse(text, path)?;
        let places = Places::new(path, document::lines(&table, text));
        let absolute_path = environment.current_folder().join(path);
        let folder = absolute_path.parent().unwrap_or(&absolute_path);
        let mut reading = Reading::new(places, folder, environment.current_folder());
        known_key::remove_unknown(&mut table, &mut reading);
        let mut raw = document::take_values(table, &mut reading);
        environment::override_file(environment, &mut raw, &mut reading);
        Self::from_raw(raw, absolute_path.clone(), environment, reading)
    }

    fn from_raw(
        raw: RawConfig,
        path: PathBuf,
        environment: &Environment,
        mut reading: Reading,
    ) -> Result<Self, ConfigErrors> {
        let deposit = deposit::read(&raw.deposit, &mut reading);
        let database = database::read(&raw.database, &mut reading);
        let scan = scan::read(&raw.scan, &mut reading);
        let scrub = scrub::read(&raw.scrub, &mut reading);
        let alerts = alerts::read(raw.alerts, &mut reading);
        let templates = templates::read(raw.templates, &mut reading);
        let ping = ping::read(&raw.ping, &mut reading);
        let mut book = AddressBook::default();
        let mut warnings = WarningSettings::default();
        if let Some(raw) = raw.warnings {
            warnings = warnings::read(raw, "warnings", warnings, &mut reading);
        }
        let verify = verify::read(&raw.verify, &mut reading);
        let (job_defaults, schedule, jobs) =
            job::read(&raw.schedule, warnings, raw.jobs, &mut book, &mut reading);
        let routing = route::read(raw.routes, &mut book, &mut reading);
        let mut raw_digest = raw.digest;
        let digest_readers = digest::read_readers(&mut raw_digest, &mut book, &mut reading);
        let mail = mail::read(
            raw.mail,
            raw.recipients,
            &deposit.time_zone,
            book,
            &mut reading,
        );
        let retention = retention::read(raw.retention, &deposit, &mail.time_zone, &mut reading);
        let windows = window::read(raw.maintenance, raw.holidays, &mail.time_zone, &mut reading);
        let digests = digest::read(&raw_digest, digest_readers, &mail.time_zone, &mut reading);
        let smtp = smtp::read(
            raw.smtp,
            mail.transport == MailTransport::Smtp,
            environment,
            &mut reading,
        );
        let dkim = smtp.as_ref().and_then(|smtp| smtp.dkim.as_ref());
        if let Some(dkim) = dkim.filter(|_| mail.transport == MailTransport::Smtp) {
            dkim::complain_of_stranger(dkim, &mail.from, &mut reading);
        }
        let sendmail = sendmail::read(raw.sendmail, environment, &mut reading);
        match schedule {
            Some(schedule) if reading.problems.is_empty() => Ok(Self {
                path,
                deposit,
                database,
                scan,
                scrub,
                schedule,
                alerts,
                warnings,
                verify,
                retention,
                mail,
                smtp,
                sendmail,
                templates,
                routing,
                windows,
                digests,
                ping,
                jobs,
                job_defaults,
                places: reading.places,
            }),
            _ => Err(ConfigErrors::new(reading.problems)),
        }
    }

    /// What others find wrong with the value of `key` (`mail.from`, `jobs[2].recipients`), told
    /// with its line.
    pub fn problem(&self, key: &str, complaint: Complaint) -> Problem {
        self.places.problem(key, complaint)
    }
}

/// How large a size that somebody gives on the command line is, in bytes, as it is written in the config too.
pub fn size_of(text: &str) -> Result<u64, Complaint> {
    byte_size::parse(text)
}

/// How long a time that somebody gives on the command line is, as it is written in the config too.
pub fn duration_of(text: &str) -> Result<Duration, Complaint> {
    duration::positive(text)
}
