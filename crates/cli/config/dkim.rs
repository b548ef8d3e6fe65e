//! `[smtp.dkim]`: what signs the mails that a mail server gets.

use std::fs;
use std::io;
use std::path::PathBuf;

use thiserror::Error;
use vigie_notify::{DkimSettings, DkimSigner, InvalidDkimSettings, dkim_speaks_for};

use super::problem::Complaint;
use super::raw::RawDkim;
use super::reading::{self, Reading};

const DOMAIN: &str = "smtp.dkim.domain";
const SELECTOR: &str = "smtp.dkim.selector";
const KEY_FILE: &str = "smtp.dkim.key_file";

/// What signs the mails.
#[derive(Debug, Clone)]
pub struct DkimConfig {
    /// The domain that vouches for the mails.
    pub domain: String,
    /// Which of its keys it is.
    pub selector: String,
    /// A PEM file of the private key.
    pub key_file: PathBuf,
}

/// Why nothing can be signed.
#[derive(Debug, Error)]
pub enum DkimConfigError {
    /// The file of the key can't be read.
    #[error("{KEY_FILE} names {}, which can't be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// What was read can't be used.
    #[error("{key} is of no use: {invalid}", key = key_of(invalid))]
    Invalid {
        /// What is wrong with it.
        invalid: InvalidDkimSettings,
    },
}

impl DkimConfigError {
    /// The key of the config that is wrong, and what to do about it.
    pub fn complaint(&self) -> (&'static str, Complaint) {
        match self {
            Self::Unreadable { path, error } => {
                let what = format!("names {}, which can't be read: {error}", path.display());
                let remedy = "name a PEM file that the one who runs Vigie can read";
                (KEY_FILE, Complaint::new(what, remedy))
            }
            Self::Invalid { invalid } => {
                let text = invalid.to_string();
                let (what, remedy) = text.rsplit_once("; ").unwrap_or((
                    &text,
                    "name a PEM file with -----BEGIN PRIVATE KEY----- in it",
                ));
                let what = format!("is of no use: {what}");
                (key_of(invalid), Complaint::new(what, remedy))
            }
        }
    }
}

fn key_of(invalid: &InvalidDkimSettings) -> &'static str {
    match invalid {
        InvalidDkimSettings::Domain(_) => DOMAIN,
        InvalidDkimSettings::Selector(_) => SELECTOR,
        _ => KEY_FILE,
    }
}

impl DkimConfig {
    /// What signs the mails, with the key as the file has it now.
    ///
    /// # Errors
    ///
    /// When the file can't be read, or what is in it or in the config is no use.
    pub fn signer(&self) -> Result<DkimSigner, DkimConfigError> {
        let key = fs::read_to_string(&self.key_file);
        let key = key.map_err(|error| DkimConfigError::Unreadable {
            path: self.key_file.clone(),
            error,
        })?;
        let settings = DkimSettings {
            domain: self.domain.clone(),
            selector: self.selector.clone(),
            key: key.into(),
        };
        DkimSigner::new(&settings).map_err(|invalid| DkimConfigError::Invalid { invalid })
    }
}

/// What signs the mails; `None` when nothing is said of it.
pub fn read(raw: &RawDkim, reading: &mut Reading) -> Option<DkimConfig> {
    let given = [
        (DOMAIN, &raw.domain),
        (SELECTOR, &raw.selector),
        (KEY_FILE, &raw.key_file),
    ];
    let is_meant = given
        .iter()
        .any(|(key, value)| value.is_some() || reading.has_problem_with(key));
    if !is_meant {
        return None;
    }
    for (key, value) in given {
        if value.is_none() && !reading.has_problem_with(key) {
            let remedy = "domain, selector and key_file go together; give all of them, or none";
            reading.complain(key, Complaint::new("is not set", remedy));
        }
    }
    let domain = reading.parse(DOMAIN, raw.domain.as_deref(), reading::text);
    let selector = reading.parse(SELECTOR, raw.selector.as_deref(), reading::text);
    let key_file = reading.path(KEY_FILE, raw.key_file.as_deref());
    Some(DkimConfig {
        domain: domain?,
        selector: selector?,
        key_file: key_file?,
    })
}

/// A signature of a domain that is not the sender's proves nothing of the mail.
pub fn complain_of_stranger(dkim: &DkimConfig, from: &str, reading: &mut Reading) {
    let domain = &dkim.domain;
    if dkim_speaks_for(from, domain) || reading.has_problem_with("mail.from") {
        return;
    }
    let what = format!("is {domain:?}, which can't vouch for mails from {from}");
    let remedy = format!("write the domain of mail.from, or send from an address of {domain}");
    reading.complain(DOMAIN, Complaint::new(what, remedy));
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::tests::{config, problems};

    fn text(from: &str, keys: &str) -> String {
        format!(
            "[mail]\ntransport = 'smtp'\nfrom = '{from}'\n[smtp]\nhost = 'h'\n[smtp.dkim]\n{keys}"
        )
    }

    const KEYS: &str = "domain = 'example.com'\nselector = 'vigie'\nkey_file = 'dkim.pem'";

    #[test]
    fn nothing_is_signed_unless_told_so() {
        let dkim = |text: &str| config(text).smtp.unwrap().dkim;
        assert!(dkim("smtp.host = 'h'").is_none());
        assert!(dkim("[smtp]\nhost = 'h'\n[smtp.dkim]").is_none());
        let dkim = dkim(&text("Vigie <vigie@night.example.com>", KEYS)).unwrap();
        assert_eq!((&*dkim.domain, &*dkim.selector), ("example.com", "vigie"));
        assert_eq!(dkim.key_file, Path::new("/srv/vigie/dkim.pem"));
    }

    #[test]
    fn domain_selector_and_key_go_together() {
        let told: Vec<String> = problems("[smtp.dkim]\ndomain = 'example.com'");
        let remedy = "domain, selector and key_file go together; give all of them, or none";
        assert_eq!(
            told,
            [
                format!("vigie.toml:2: smtp.dkim.selector is not set; {remedy}"),
                format!("vigie.toml:2: smtp.dkim.key_file is not set; {remedy}"),
            ]
        );
        assert_eq!(
            problems("[smtp.dkim]\ndomain = 'a.com'\nselector = 3\nkey_file = ''"),
            [
                "vigie.toml:4: smtp.dkim.selector is an integer; write a string in quotes",
                "vigie.toml:5: smtp.dkim.key_file is empty; give it a value, or leave the key out",
            ]
        );
    }

    #[test]
    fn a_domain_vouches_for_its_own_senders_alone() {
        assert_eq!(
            problems(&text("Vigie <vigie@example.org>", KEYS)),
            [
                "vigie.toml:8: smtp.dkim.domain is \"example.com\", which can't vouch for mails \
                 from Vigie <vigie@example.org>; write the domain of mail.from, or send from an \
                 address of example.com"
            ]
        );
        // Nothing is sent by SMTP there.
        let to_folder = text("vigie@example.org", KEYS).replace("'smtp'", "'file'");
        assert!(config(&to_folder).smtp.unwrap().dkim.is_some());
    }

    #[test]
    fn a_key_below_the_server_is_known_by_its_whole_name() {
        assert_eq!(
            problems("smtp.dkim.domian = 'x'"),
            ["vigie.toml:2: smtp.dkim.domian is no known key; did you mean smtp.dkim.domain?"]
        );
        assert_eq!(
            problems("smtp.selector = 'x'"),
            ["vigie.toml:2: smtp.selector is no known key; did you mean smtp.dkim.selector?"]
        );
        assert_eq!(
            problems("[dkim]\nselector = 'x'"),
            ["vigie.toml:2: dkim is no known table; did you mean [smtp.dkim]?"]
        );
    }
}
