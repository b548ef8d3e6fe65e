//! The environment variables that override the file, under the names that the program before Vigie
//! gave them, and those that systemd sets. The one place that knows these names; it never asks the process for them itself.

use std::path::{Path, PathBuf};

use super::one_or_several::OneOrSeveral;
use super::problem::Complaint;
use super::raw::RawConfig;
use super::reading::Reading;

type Lookup = dyn Fn(&str) -> Option<String>;

/// What a config may know of the process that it is read by.
pub struct Environment {
    lookup: Box<Lookup>,
    current_folder: PathBuf,
}

impl Environment {
    /// `lookup` gives the value of a variable, `current_folder` is absolute.
    pub fn new(
        lookup: impl Fn(&str) -> Option<String> + 'static,
        current_folder: impl Into<PathBuf>,
    ) -> Self {
        Self {
            lookup: Box::new(lookup),
            current_folder: current_folder.into(),
        }
    }

    /// The value of a variable; an empty one counts as not set.
    pub fn variable(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    /// Where systemd puts the credentials of a service; `None` when it has handed over none.
    pub fn credentials_folder(&self) -> Option<PathBuf> {
        self.variable("CREDENTIALS_DIRECTORY").map(PathBuf::from)
    }

    /// What relative paths in variables and arguments start from.
    pub fn current_folder(&self) -> &Path {
        &self.current_folder
    }
}

/// Puts the values of variables in the place of what the file says.
pub fn override_file(environment: &Environment, raw: &mut RawConfig, reading: &mut Reading) {
    override_texts(environment, raw, reading);
    override_port(environment, raw, reading);
    override_recipients(environment, raw, reading);
}

fn override_texts(environment: &Environment, raw: &mut RawConfig, reading: &mut Reading) {
    let RawConfig {
        deposit,
        database,
        mail,
        smtp,
        ..
    } = raw;
    let texts = [
        ("BACKUP_STORAGE_ROOT", "deposit.root", &mut deposit.root),
        (
            "VALIDATED_BACKUPS_BASE_PATH",
            "deposit.validated",
            &mut deposit.validated,
        ),
        ("DATABASE_URL", "database.url", &mut database.url),
        ("EMAIL_HOST", "smtp.host", &mut smtp.host),
        ("EMAIL_USERNAME", "smtp.username", &mut smtp.username),
        ("EMAIL_PASSWORD", "smtp.password", &mut smtp.password),
        ("EMAIL_SENDER", "mail.from", &mut mail.from),
    ];
    for (variable, key, text) in texts {
        if let Some(value) = environment.variable(variable) {
            reading.places.set_variable(key, variable);
            *text = Some(value);
        }
    }
    if reading.places.variable_of("smtp.password").is_some() {
        // The variable overrides the password, wherever the file has it from, and a token.
        smtp.password_file = None;
        smtp.password_credential = None;
        smtp.oauth_token_file = None;
        smtp.oauth_token_command = None;
    }
}

fn override_port(environment: &Environment, raw: &mut RawConfig, reading: &mut Reading) {
    let (variable, key) = ("EMAIL_PORT", "smtp.port");
    let Some(value) = environment.variable(variable) else {
        return;
    };
    reading.places.set_variable(key, variable);
    let port = value.trim().parse().map_err(|_| {
        Complaint::new(
            format!("is {value:?}, which is no port"),
            "give a whole number from 1 to 65535",
        )
    });
    raw.smtp.port = reading.accept(key, port);
}

fn override_recipients(environment: &Environment, raw: &mut RawConfig, reading: &mut Reading) {
    let (variable, key) = ("ADMIN_EMAIL_RECIPIENT", "mail.admin_email_recipient");
    let Some(value) = environment.variable(variable) else {
        return;
    };
    reading.places.set_variable(key, variable);
    let addresses: Vec<String> = value
        .split(',')
        .map(str::trim)
        .filter(|address| !address.is_empty())
        .map(str::to_owned)
        .collect();
    if addresses.is_empty() {
        reading.complain(
            key,
            Complaint::new(
                "names nobody",
                "write one address or several with commas between them, or unset the variable",
            ),
        );
    }
    raw.mail.admin_email_recipient = Some(OneOrSeveral::Several(addresses));
}
