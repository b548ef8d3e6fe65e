//! From a job to its mails: who is told, and what. Knows no transport.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use lettre::message::Mailbox;
use thiserror::Error;
use vigie_domain::{BackupEntry, ExpectedBackupJob, JobStatus};

use crate::context::{Reader, Surroundings};
use crate::mail::{digest, parse_address, word};
use crate::templates::{MailKind, Parts, Templates};
use crate::{EntryContext, InvalidAddress, Locale, Mail, MissingContext, TemplateError};

/// How much of a database's name stands in a message id.
const READABLE: usize = 40;

/// How mails are written.
#[derive(Debug, Clone)]
pub struct ComposerSettings {
    /// Who mails are from: an address, with or without a name.
    pub from: String,
    /// The administrators, who are told about jobs that have no recipients of their own.
    pub admin_email_recipient: Vec<String>,
    /// The language.
    pub locale: Locale,
    /// The time zone that dates are told in.
    pub time_zone: TimeZone,
}

/// Why there is no composer.
#[derive(Debug, Error)]
pub enum ComposerError {
    /// The sender is no mail address.
    #[error("the sender of mails: {0}")]
    From(#[source] InvalidAddress),
    /// An administrator is no mail address.
    #[error("a recipient of mails: {0}")]
    Recipient(#[source] InvalidAddress),
    /// A template is broken.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// Why a mail could not be written.
#[derive(Debug, Error)]
#[error("could not write the {mail} mail about {database:?}: {source}")]
pub struct ComposeError {
    /// The mail: `missing` or `entry`.
    pub mail: &'static str,
    /// The database that it is about.
    pub database: String,
    /// What went wrong.
    pub source: TemplateError,
}

/// Writes mails about jobs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Composer {
    from: Mailbox,
    administrators: Vec<Mailbox>,
    reader: Reader,
    templates: Arc<Templates>,
}

impl Composer {
    /// A composer with the templates that ship with this crate.
    ///
    /// # Errors
    ///
    /// When the sender or an administrator is no mail address.
    pub fn new(settings: ComposerSettings) -> Result<Self, ComposerError> {
        let administrators = settings
            .admin_email_recipient
            .iter()
            .map(|address| parse_address(address).map_err(ComposerError::Recipient));
        let templates = Arc::new(Templates::built_in()?);
        let wording = templates.wording(&settings.locale);
        Ok(Self {
            from: parse_address(&settings.from).map_err(ComposerError::From)?,
            administrators: administrators.collect::<Result<_, _>>()?,
            reader: Reader {
                locale: settings.locale,
                time_zone: settings.time_zone,
                wording,
            },
            templates,
        })
    }

    /// The mails about a job as of `now`, one to each recipient: the **entry** mail when there is
    /// an entry, else the **missing** mail.
    ///
    /// There are none when the job is OK. There are none either, and a warning is logged, when
    /// nobody is to be told: neither the job nor the administrators have an address that can be
    /// used.
    ///
    /// # Errors
    ///
    /// When a template can't be rendered.
    pub fn compose(
        &self,
        job: &ExpectedBackupJob,
        entry: Option<&BackupEntry>,
        now: Timestamp,
    ) -> Result<Vec<Mail>, ComposeError> {
        if job.current_status == JobStatus::Ok {
            return Ok(Vec::new());
        }
        let recipients = self.recipients(job);
        if recipients.is_empty() {
            tracing::warn!(
                job = job.id.0,
                database = ?job.database,
                agent = %job.agent,
                status = %job.current_status,
                "nobody is told about this job: neither it nor the administrators have a mail \
                 address; set `recipients` of the job or `admin_email_recipient`"
            );
            return Ok(Vec::new());
        }
        let (kind, parts) = self.parts(job, entry, now)?;
        let mail = |recipient: &Mailbox| Mail {
            message_id: self.message_id(job, entry, now, recipient),
            date: now,
            from: self.from.to_string(),
            to: recipient.to_string(),
            subject: parts.subject.clone(),
            text: parts.text.clone(),
            html: parts.html.clone(),
            urgent: kind == MailKind::Missing,
        };
        Ok(recipients.iter().map(mail).collect())
    }

    /// The same composer with templates that fit no mail.
    #[cfg(test)]
    pub(crate) fn with_broken_templates(self) -> Self {
        Self {
            templates: Arc::new(Templates::broken()),
            ..self
        }
    }

    fn parts(
        &self,
        job: &ExpectedBackupJob,
        entry: Option<&BackupEntry>,
        now: Timestamp,
    ) -> Result<(MailKind, Parts), ComposeError> {
        let locale = &self.reader.locale;
        let around = Surroundings::default();
        let (kind, parts) = match entry {
            None => {
                let context = MissingContext::new(job, now, &self.reader, &around);
                let kind = MailKind::Missing;
                (kind, self.templates.render(locale, kind, &context))
            }
            Some(entry) => {
                let context = EntryContext::new(job, entry, now, &self.reader, &around);
                let kind = MailKind::Entry;
                (kind, self.templates.render(locale, kind, &context))
            }
        };
        let parts = parts.map_err(|source| ComposeError {
            mail: kind.as_str(),
            database: job.database.clone(),
            source,
        })?;
        Ok((kind, parts))
    }

    /// Who is told about a job, each once. One address that can't be used takes nothing from the
    /// others; when none of the job's own can be, the administrators are told.
    fn recipients(&self, job: &ExpectedBackupJob) -> Vec<Mailbox> {
        let mut own = Vec::new();
        for address in &job.recipients {
            match parse_address(address) {
                Ok(mailbox) => own.push(mailbox),
                Err(error) => tracing::warn!(
                    job = job.id.0,
                    database = ?job.database,
                    agent = %job.agent,
                    %error,
                    "a recipient of this job gets no mail"
                ),
            }
        }
        let chosen = if own.is_empty() {
            self.administrators.clone()
        } else {
            own
        };
        let mut recipients: Vec<Mailbox> = Vec::new();
        for mailbox in chosen {
            let same = |other: &Mailbox| {
                let address: &str = other.email.as_ref();
                address.eq_ignore_ascii_case(mailbox.email.as_ref())
            };
            if !recipients.iter().any(same) {
                recipients.push(mailbox);
            }
        }
        recipients
    }

    /// The same for the same facts at the same instant, and told apart from all others.
    fn message_id(
        &self,
        job: &ExpectedBackupJob,
        entry: Option<&BackupEntry>,
        now: Timestamp,
        recipient: &Mailbox,
    ) -> String {
        let status = entry.map_or("MISSING", |entry| entry.status.as_str());
        let recorded_at = entry.map(|entry| entry.recorded_at.to_string());
        let digest = digest(&[
            job.id.to_string().as_bytes(),
            job.agent.as_str().as_bytes(),
            job.database.as_bytes(),
            job.current_status.as_str().as_bytes(),
            status.as_bytes(),
            entry.map_or("", |entry| &entry.report).as_bytes(),
            recorded_at.unwrap_or_default().as_bytes(),
            now.to_string().as_bytes(),
            AsRef::<str>::as_ref(&recipient.email).as_bytes(),
        ]);
        let readable: String = job.database.chars().take(READABLE).map(word).collect();
        let domain = self.from.email.domain();
        let domain = if domain.is_ascii() {
            domain
        } else {
            "localhost"
        };
        format!("<{status}-{readable}-{}@{domain}>", &digest[..32])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn composer(administrators: &[&str]) -> Composer {
        let administrators = administrators.iter().map(|&address| address.to_owned());
        Composer::new(ComposerSettings {
            from: "Vigie <vigie@example.com>".to_owned(),
            admin_email_recipient: administrators.collect(),
            locale: Locale::EN,
            time_zone: TimeZone::UTC,
        })
        .unwrap()
    }

    fn recipients(composer: &Composer, own: &[&str]) -> Vec<String> {
        let mut sample = samples::missing_full();
        sample.job.recipients = own.iter().map(|&address| address.to_owned()).collect();
        let mails = composer.compose(&sample.job, None, sample.now).unwrap();
        mails.into_iter().map(|mail| mail.to).collect()
    }

    #[test]
    fn a_job_without_recipients_goes_to_the_administrators() {
        let composer = composer(&["Ops <ops@example.com>", "OPS@example.com", "b@example.com"]);
        assert_eq!(
            recipients(&composer, &[]),
            ["Ops <ops@example.com>", "b@example.com"]
        );
        assert_eq!(
            recipients(&composer, &["own@example.com"]),
            ["own@example.com"]
        );
    }

    #[test]
    fn an_address_that_is_none_takes_nothing_from_the_others() {
        let composer = composer(&["ops@example.com"]);
        let mixed = [
            "not an address",
            "own@example.com",
            "x@example.com\nBcc: y@example.com",
        ];
        assert_eq!(recipients(&composer, &mixed), ["own@example.com"]);
        assert_eq!(
            recipients(&composer, &["not an address"]),
            ["ops@example.com"]
        );
    }

    #[test]
    fn settings_with_a_bad_address_are_refused_by_name() {
        let settings = |from: &str, administrator: &str| ComposerSettings {
            from: from.to_owned(),
            admin_email_recipient: vec![administrator.to_owned()],
            locale: Locale::EN,
            time_zone: TimeZone::UTC,
        };
        let error = |settings| Composer::new(settings).unwrap_err().to_string();
        let sender = error(settings("vigie", "a@example.com"));
        assert!(
            sender.contains("sender") && sender.contains("\"vigie\""),
            "{sender}"
        );
        let recipient = error(settings("vigie@example.com", "ops@"));
        assert!(recipient.contains("\"ops@\""), "{recipient}");
    }

    #[test]
    fn a_message_id_is_the_same_for_the_same_facts_only() {
        let composer = composer(&["a@example.com", "b@example.com"]);
        let ids = |sample: &samples::Sample| -> Vec<String> {
            let mails = composer.compose(&sample.job, sample.entry.as_ref(), sample.now);
            mails
                .unwrap()
                .into_iter()
                .map(|mail| mail.message_id)
                .collect()
        };
        let sample = samples::missing_full();
        let first = ids(&sample);
        assert_eq!(first, ids(&sample));
        assert_ne!(first[0], first[1]);
        assert!(
            first[0].starts_with("<MISSING-XAFRIC_2025-"),
            "{}",
            first[0]
        );
        assert!(first[0].ends_with("@example.com>"), "{}", first[0]);

        let mut later = sample.clone();
        later.now = later
            .now
            .checked_add(jiff::SignedDuration::from_nanos(1))
            .unwrap();
        let mut renamed = sample;
        renamed.job.database = "XAFRIC 2025".to_owned();
        assert_ne!(first, ids(&later));
        assert_ne!(first, ids(&renamed));
    }
}
