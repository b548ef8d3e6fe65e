//! From a job to its mails: who is told, in which language, and what. Knows no transport.

mod notices;

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use lettre::message::Mailbox;
use serde_json::Value;
use thiserror::Error;
use vigie_domain::{BackupEntry, ExpectedBackupJob, JobStatus};

use crate::about::About;
use crate::context::{self, Reader, SingleMail};
use crate::identity::{self, Identity};
use crate::mail::{digest, parse_address, word};
use crate::samples::Sample;
use crate::templates::{Extent, Parts};
use crate::wording::Wording;
use crate::{
    IncidentHistory, InvalidAddress, Locale, Mail, ReminderNumber, Templates, UndeliveredMail,
};

/// How much of what a mail is about stands in its message id.
const READABLE: usize = 40;

/// How mails are written.
#[derive(Debug, Clone)]
pub struct ComposerSettings {
    /// Who mails are from: an address, with or without a name.
    pub from: String,
    /// The administrators, who are told about jobs that have no recipients of their own.
    pub admin_email_recipient: Vec<String>,
    /// What some people, administrators or not, want otherwise than all others.
    pub preferences: Vec<Recipient>,
    /// The language of all others.
    pub locale: Locale,
    /// The time zone of all others.
    pub time_zone: TimeZone,
    /// The words.
    pub templates: Templates,
}

impl Default for ComposerSettings {
    /// English mails with built-in templates from `vigie@localhost`, times in UTC, and nobody who is
    /// told.
    fn default() -> Self {
        Self {
            from: "vigie@localhost".to_owned(),
            admin_email_recipient: Vec::new(),
            preferences: Vec::new(),
            locale: Locale::EN,
            time_zone: TimeZone::UTC,
            templates: Templates::built_in(),
        }
    }
}

/// Somebody who reads mails, and how.
#[derive(Debug, Clone)]
pub struct Recipient {
    /// The address, with or without a name. Jobs and administrators name it too; upper and lower
    /// case are the same there.
    pub address: String,
    /// The language; that of all others without it.
    pub locale: Option<Locale>,
    /// The time zone that dates are told in; that of all others without it.
    pub time_zone: Option<TimeZone>,
}

/// Why there is no composer.
#[derive(Debug, Error)]
pub enum ComposerError {
    /// The sender is no mail address.
    #[error("the sender of mails: {0}")]
    From(#[source] InvalidAddress),
    /// A recipient is no mail address.
    #[error("a recipient of mails: {0}")]
    Recipient(#[source] InvalidAddress),
}

/// Writes mails. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Composer {
    from: Mailbox,
    administrators: Vec<Mailbox>,
    preferences: Arc<Vec<(Mailbox, Language)>>,
    language: Language,
    templates: Templates,
    /// How many alerts for the reader are held back.
    held_back: u32,
}

/// How somebody reads mails.
#[derive(Debug, Clone, PartialEq)]
struct Language {
    locale: Locale,
    time_zone: TimeZone,
}

impl Composer {
    /// A composer of these settings.
    ///
    /// # Errors
    ///
    /// When the sender or a recipient is no mail address.
    pub fn new(settings: ComposerSettings) -> Result<Self, ComposerError> {
        let recipient = |address: &str| parse_address(address).map_err(ComposerError::Recipient);
        let administrators = settings.admin_email_recipient.iter();
        let administrators = administrators.map(|address| recipient(address));
        let language = Language {
            locale: settings.locale,
            time_zone: settings.time_zone,
        };
        let preference = |wanted: Recipient| {
            let of_all = language.clone();
            let language = Language {
                locale: wanted.locale.unwrap_or(of_all.locale),
                time_zone: wanted.time_zone.unwrap_or(of_all.time_zone),
            };
            Ok((recipient(&wanted.address)?, language))
        };
        let preferences = settings.preferences.into_iter().map(preference);
        let preferences = preferences.collect::<Result<_, ComposerError>>()?;
        Ok(Self {
            from: parse_address(&settings.from).map_err(ComposerError::From)?,
            administrators: administrators.collect::<Result<_, _>>()?,
            preferences: Arc::new(preferences),
            language,
            templates: settings.templates,
            held_back: 0,
        })
    }

    /// The words that mails are written in.
    #[must_use]
    pub fn templates(&self) -> &Templates {
        &self.templates
    }

    /// The same composer with other words.
    #[must_use]
    pub fn with_templates(self, templates: Templates) -> Self {
        Self { templates, ..self }
    }

    /// The mails about a job as of `now`, one to each recipient: the **entry** mail when there is
    /// an entry, else the **missing** mail.
    ///
    /// There are none when the job is OK. There are none either, and a warning is logged, when
    /// nobody is to be told: neither the job nor the administrators have an address that can be
    /// used.
    ///
    /// All mails of one incident are of one thread, so that programs for mail show them as one
    /// conversation.
    ///
    /// Nothing keeps a mail from being written. With a template that can't be used an error is
    /// logged, and the mail is written with the built-in ones.
    #[must_use]
    pub fn compose(
        &self,
        job: &ExpectedBackupJob,
        entry: Option<&BackupEntry>,
        now: Timestamp,
    ) -> Vec<Mail> {
        if job.current_status == JobStatus::Ok {
            return Vec::new();
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
        }
        self.to_each(&recipients, About::Job { job, entry }, now)
    }

    /// The mails that tell that a job is OK again as of `now`, one to each of these readers: which
    /// backup ended the incident, how long it lasted and what was lost. Not urgent.
    ///
    /// They are of the thread of the incident's other mails. A reader whose address can't be used is
    /// logged and takes nothing from the others. The incident lasted from its opening until the
    /// server judged the backup, whenever that is told.
    ///
    /// ```
    /// use vigie_notify::{Composer, ComposerSettings, samples};
    ///
    /// let composer = Composer::new(ComposerSettings::default())?;
    /// let ended = samples::recovery_full();
    /// let readers = ["admin@example.com".to_owned()];
    /// let mails =
    ///     composer.compose_recovery(&readers, &ended.job, &ended.entry, &ended.history, ended.now);
    /// assert_eq!(
    ///     mails[0].subject,
    ///     "[OK] XAFRIC_2025: backups arrive again from SDMC_DOUALA_AKWA after 2 d 3 h"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn compose_recovery(
        &self,
        readers: &[String],
        job: &ExpectedBackupJob,
        entry: &BackupEntry,
        history: &IncidentHistory,
        now: Timestamp,
    ) -> Vec<Mail> {
        let about = About::Recovery {
            job,
            entry,
            history,
        };
        self.to_each(&each_once(&usable(readers, job)), about, now)
    }

    /// The mails that remind of a job that is still not OK as of `now`, one to each of these readers:
    /// since when, what was last known, what to do, and when the next reminder comes. As urgent as the
    /// alert: with no entry, which means that no report came, it is.
    ///
    /// They are of the thread of the incident's other mails. A reader whose address can't be used is
    /// logged and takes nothing from the others.
    ///
    /// ```
    /// use vigie_notify::{Composer, ComposerSettings, samples};
    ///
    /// let composer = Composer::new(ComposerSettings::default())?;
    /// let open = samples::reminder_full();
    /// let readers = ["admin@example.com".to_owned()];
    /// let (job, history, reminder) = (&open.job, &open.history, &open.reminder);
    /// let mails = composer.compose_reminder(&readers, job, None, history, reminder, open.now);
    /// assert_eq!(
    ///     mails[0].subject,
    ///     "[MISSING] XAFRIC_2025: still missing after 3 d (SDMC_DOUALA_AKWA)"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn compose_reminder(
        &self,
        readers: &[String],
        job: &ExpectedBackupJob,
        entry: Option<&BackupEntry>,
        history: &IncidentHistory,
        reminder: &ReminderNumber,
        now: Timestamp,
    ) -> Vec<Mail> {
        let about = About::Reminder {
            job,
            entry,
            history,
            reminder,
        };
        self.to_each(&each_once(&usable(readers, job)), about, now)
    }

    /// Who is told about a job, each once: its own recipients, or else the administrators. An address
    /// that can't be used is logged and left out.
    #[must_use]
    pub fn recipients_of(&self, job: &ExpectedBackupJob) -> Vec<String> {
        let recipients = self.recipients(job);
        recipients.iter().map(ToString::to_string).collect()
    }

    fn to_each(&self, recipients: &[Mailbox], about: About<'_>, now: Timestamp) -> Vec<Mail> {
        // Those who read alike get the same words.
        let mut written: Vec<(&Language, Parts)> = Vec::new();
        let mut mails = Vec::new();
        for recipient in recipients {
            let language = self.language_of(recipient);
            let known = written.iter().find(|(known, _)| *known == language);
            let parts = known.map_or_else(
                || self.parts(about, now, language, Note::None),
                |(_, parts)| parts.clone(),
            );
            if known.is_none() {
                written.push((language, parts.clone()));
            }
            mails.push(self.mail(about, now, recipient, parts));
        }
        mails
    }

    /// The mail that tells a reader of the mails that an address did not get: who has no alert, what it
    /// would have said, why it was refused and what to do. It is urgent when one of them was.
    ///
    /// All of `mails` go into one mail, be they many: it lists the urgent and the newest ones, and tells
    /// what the first of them say. The same mails at the same instant give the same Message-ID.
    ///
    /// ```
    /// use vigie_notify::{Composer, ComposerSettings, samples};
    ///
    /// let composer = Composer::new(ComposerSettings::default())?;
    /// let refused = samples::undelivered_full();
    /// let reader = "admin@example.com";
    /// let mail = composer.compose_undelivered(reader, &refused.address, &refused.mails, refused.now)?;
    /// assert_eq!(mail.subject, "[UNDELIVERED] 3 mails to ops@example.com were refused");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the reader's address is none. That of the mails may be anything: it is only told.
    pub fn compose_undelivered(
        &self,
        reader: &str,
        address: &str,
        mails: &[UndeliveredMail],
        now: Timestamp,
    ) -> Result<Mail, InvalidAddress> {
        let reader = Recipient {
            address: reader.to_owned(),
            locale: None,
            time_zone: None,
        };
        self.one(
            About::Undelivered { address, mails },
            now,
            &reader,
            Note::None,
        )
    }

    /// The addresses of the administrators, each once.
    pub fn administrators(&self) -> impl Iterator<Item = String> {
        each_once(&self.administrators)
            .into_iter()
            .map(|mailbox| mailbox.to_string())
    }

    /// The mail about a job that an address would get, whatever the job's status, in the language of
    /// `reader` where it names one.
    ///
    /// # Errors
    ///
    /// When the reader's address is none.
    pub fn preview(
        &self,
        job: &ExpectedBackupJob,
        entry: Option<&BackupEntry>,
        now: Timestamp,
        reader: &Recipient,
    ) -> Result<Mail, InvalidAddress> {
        self.one(About::Job { job, entry }, now, reader, Note::None)
    }

    /// The mail about a sample that an address would get, in the language of `reader` where it names
    /// one.
    ///
    /// # Errors
    ///
    /// When the reader's address is none.
    pub fn preview_sample(
        &self,
        sample: &Sample,
        reader: &Recipient,
    ) -> Result<Mail, InvalidAddress> {
        self.one(sample.about(), sample.now(), reader, Note::None)
    }

    /// A mail about something made up that says so, dated `now`, to try the way to an address.
    ///
    /// # Errors
    ///
    /// When the reader's address is none.
    pub fn test(
        &self,
        sample: &Sample,
        now: Timestamp,
        reader: &Recipient,
    ) -> Result<Mail, InvalidAddress> {
        let about = sample.about();
        let mut mail = self.one(about, sample.now(), reader, Note::Test)?;
        // The sample's instant is long ago, where mail programs would sort it.
        mail.date = now;
        mail.message_id = self.message_id(about, now, &parse_address(&mail.to)?);
        mail.subject = format!("[TEST] {}", mail.subject);
        mail.urgent = false;
        mail.threads.clear();
        Ok(mail)
    }

    /// The variables of the mail about a job, as its templates see them when they are sound.
    ///
    /// # Errors
    ///
    /// When the reader's address is none.
    pub fn variables(
        &self,
        job: &ExpectedBackupJob,
        entry: Option<&BackupEntry>,
        now: Timestamp,
        reader: &Recipient,
    ) -> Result<Value, InvalidAddress> {
        let about = About::Job { job, entry };
        let language = self.language_for(&parse_address(&reader.address)?, reader);
        let wording = self.templates.wording(&language.locale);
        Ok(self.context(about, now, &language, Note::None, &wording, None))
    }

    fn one(
        &self,
        about: About<'_>,
        now: Timestamp,
        reader: &Recipient,
        note: Note,
    ) -> Result<Mail, InvalidAddress> {
        let recipient = parse_address(&reader.address)?;
        let language = self.language_for(&recipient, reader);
        let parts = self.parts(about, now, &language, note);
        Ok(self.mail(about, now, &recipient, parts))
    }

    fn mail(&self, about: About<'_>, now: Timestamp, recipient: &Mailbox, parts: Parts) -> Mail {
        Mail {
            message_id: self.message_id(about, now, recipient),
            date: now,
            from: self.from.to_string(),
            to: recipient.to_string(),
            subject: parts.subject,
            text: parts.text,
            html: parts.html,
            urgent: about.is_urgent(),
            threads: self.threads(about),
        }
    }

    fn parts(&self, about: About<'_>, now: Timestamp, language: &Language, note: Note) -> Parts {
        let extent = match note {
            Note::None | Note::Test => Extent::Whole,
            Note::Quoted => Extent::Text,
        };
        let write_context = |locale: &Locale, wording: &Arc<Wording>, problem| {
            let language = Language {
                locale: locale.clone(),
                time_zone: language.time_zone.clone(),
            };
            self.context(about, now, &language, note, wording, problem)
        };
        self.templates
            .write(&language.locale, about.mail(), extent, &write_context)
    }

    fn context(
        &self,
        about: About<'_>,
        now: Timestamp,
        language: &Language,
        note: Note,
        wording: &Arc<Wording>,
        problem: Option<String>,
    ) -> Value {
        let reader = Reader {
            locale: language.locale.clone(),
            time_zone: language.time_zone.clone(),
            wording: wording.clone(),
        };
        let mut surroundings = self.templates.surroundings().clone();
        match note {
            Note::None => surroundings.notes.extend(wording.held_back(self.held_back)),
            Note::Test => surroundings.notes.push(wording.test().to_owned()),
            Note::Quoted => {}
        }
        surroundings.notes.extend(problem);
        let write = |about: About<'_>| {
            let parts = self.parts(about, now, language, Note::Quoted);
            Some(SingleMail {
                subject: parts.subject,
                text: parts.text,
            })
        };
        context::value(about, now, &reader, &surroundings, &write)
    }

    /// How somebody reads who may want something else than is known of them.
    fn language_for(&self, recipient: &Mailbox, reader: &Recipient) -> Language {
        let known = self.language_of(recipient).clone();
        Language {
            locale: reader.locale.clone().unwrap_or(known.locale),
            time_zone: reader.time_zone.clone().unwrap_or(known.time_zone),
        }
    }

    fn language_of(&self, recipient: &Mailbox) -> &Language {
        let mut preferences = self.preferences.iter();
        preferences
            .find(|(known, _)| is_same(known, recipient))
            .map_or(&self.language, |(_, language)| language)
    }

    /// Who is told about a job, each once. One address that can't be used takes nothing from the
    /// others; when none of the job's own can be, the administrators are told.
    fn recipients(&self, job: &ExpectedBackupJob) -> Vec<Mailbox> {
        let own = usable(&job.recipients, job);
        each_once(if own.is_empty() {
            &self.administrators
        } else {
            &own
        })
    }

    /// The same for the same facts at the same instant, and told apart from all others.
    fn message_id(&self, about: About<'_>, now: Timestamp, recipient: &Mailbox) -> String {
        let Identity {
            code,
            name,
            mut facts,
        } = Identity::of(about);
        facts.push(now.to_string());
        facts.push(AsRef::<str>::as_ref(&recipient.email).to_owned());
        self.id(code, &name, &facts)
    }

    /// What the mails of one incident or one outage share, whoever reads them.
    fn threads(&self, about: About<'_>) -> Vec<String> {
        let threads = identity::threads_of(about);
        let threads = threads
            .iter()
            .map(|of| self.id(of.code, &of.name, &of.facts));
        threads.collect()
    }

    /// A code and a name for people, and what tells these facts from all others.
    fn id(&self, code: &str, name: &str, facts: &[String]) -> String {
        let facts: Vec<&[u8]> = facts.iter().map(String::as_bytes).collect();
        let digest = digest(&facts);
        let readable: String = name.chars().take(READABLE).map(word).collect();
        let domain = self.from.email.domain();
        let domain = if domain.is_ascii() {
            domain
        } else {
            "localhost"
        };
        format!("<{code}-{readable}-{}@{domain}>", &digest[..32])
    }
}

/// What has to be said of a mail itself.
#[derive(Clone, Copy)]
enum Note {
    /// Only what is to be said to its reader.
    None,
    /// That it is a test.
    Test,
    /// Nothing: another mail quotes it.
    Quoted,
}

/// The addresses that mails about a job can go to; the others are logged.
fn usable(addresses: &[String], job: &ExpectedBackupJob) -> Vec<Mailbox> {
    let mut usable = Vec::new();
    for address in addresses {
        match parse_address(address) {
            Ok(mailbox) => usable.push(mailbox),
            Err(error) => tracing::warn!(
                job = job.id.0,
                database = ?job.database,
                agent = %job.agent,
                %error,
                "a recipient of this job gets no mail"
            ),
        }
    }
    usable
}

/// The first of those that have the same address.
fn each_once(mailboxes: &[Mailbox]) -> Vec<Mailbox> {
    let mut once: Vec<Mailbox> = Vec::new();
    for mailbox in mailboxes {
        if !once.iter().any(|known| is_same(known, mailbox)) {
            once.push(mailbox.clone());
        }
    }
    once
}

fn is_same(one: &Mailbox, other: &Mailbox) -> bool {
    let address: &str = one.email.as_ref();
    address.eq_ignore_ascii_case(other.email.as_ref())
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
            ..ComposerSettings::default()
        })
        .unwrap()
    }

    fn recipients(composer: &Composer, own: &[&str]) -> Vec<String> {
        let mut sample = samples::missing_full();
        sample.job.recipients = own.iter().map(|&address| address.to_owned()).collect();
        let mails = composer.compose(&sample.job, None, sample.now);
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
            ..ComposerSettings::default()
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
        let ids = |sample: &samples::JobSample| -> Vec<String> {
            let mails = composer.compose(&sample.job, sample.entry.as_ref(), sample.now);
            mails.into_iter().map(|mail| mail.message_id).collect()
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

    #[test]
    fn the_mails_of_an_incident_are_one_thread_for_all_and_the_next_is_another() {
        let composer = composer(&["a@example.com", "b@example.com"]);
        let threads = |sample: &samples::JobSample| -> Vec<Vec<String>> {
            let mails = composer.compose(&sample.job, sample.entry.as_ref(), sample.now);
            mails.into_iter().map(|mail| mail.threads).collect()
        };
        let missing = samples::missing_full();
        let first = threads(&missing);
        let thread = &first[0][0];
        assert!(thread.starts_with("<incident-XAFRIC_2025-"), "{thread}");
        assert!(thread.ends_with("@example.com>"), "{thread}");
        assert_eq!(first[0], first[1]);

        let mut degraded = samples::entry_full(vigie_domain::BackupEntryStatus::Failed);
        degraded.job.incident_since = missing.job.incident_since;
        assert_eq!(threads(&degraded), first);

        let mut others = [missing.clone(), missing.clone(), missing.clone()];
        others[0].job.incident_since = Some(missing.now);
        others[1].job.id.0 += 1;
        others[2].job.database = "XAFRIC 2025".to_owned();
        for other in others {
            assert_ne!(threads(&other), first);
        }
        let mut no_incident = missing;
        no_incident.job.incident_since = None;
        assert_eq!(threads(&no_incident), [const { Vec::<String>::new() }; 2]);
    }

    #[test]
    fn everybody_reads_in_their_own_language_and_time_zone() {
        let person = |address: &str, locale: &str, zone: Option<&str>| Recipient {
            address: address.to_owned(),
            locale: locale.parse().ok(),
            time_zone: zone.map(|zone| TimeZone::get(zone).unwrap()),
        };
        let composer = Composer::new(ComposerSettings {
            preferences: vec![
                person("Fr@example.com", "fr", Some("Africa/Douala")),
                person("zone@example.com", "", Some("Asia/Tokyo")),
            ],
            ..ComposerSettings::default()
        })
        .unwrap();
        let mut sample = samples::missing_full();
        sample.job.recipients = ["fr@example.com", "en@example.com", "zone@example.com"]
            .map(str::to_owned)
            .into();
        let mails = composer.compose(&sample.job, None, sample.now);
        let first_words = ["Aucun rapport", "No report", "No report"];
        let zones = ["WAT", "UTC", "JST"];
        for ((mail, words), zone) in mails.iter().zip(first_words).zip(zones) {
            assert!(mail.text.contains(words), "{}", mail.text);
            assert!(mail.text.contains(zone), "{}", mail.text);
        }
        let one = composer
            .preview(
                &sample.job,
                None,
                sample.now,
                &person("x@example.com", "fr", None),
            )
            .unwrap();
        assert!(one.text.contains("Aucun rapport") && one.text.contains("UTC"));
    }

    fn ended(composer: &Composer, readers: &[&str], sample: &samples::RecoverySample) -> Vec<Mail> {
        let readers: Vec<String> = readers.iter().map(|&reader| reader.to_owned()).collect();
        let (job, entry, history) = (&sample.job, &sample.entry, &sample.history);
        composer.compose_recovery(&readers, job, entry, history, sample.now)
    }

    #[test]
    fn the_recovery_mail_ends_the_conversation_that_the_alert_began() {
        let composer = composer(&["a@example.com"]);
        let alert = samples::missing_full();
        let alert = composer.compose(&alert.job, None, alert.now).remove(0);
        let sample = samples::recovery_full();
        assert_eq!(sample.job.incident_since, None);
        let mail = ended(&composer, &["a@example.com"], &sample).remove(0);
        assert_eq!(mail.threads, alert.threads);
        assert!(!mail.threads.is_empty() && !mail.urgent);
        assert_ne!(mail.message_id, alert.message_id);
    }

    #[test]
    fn the_recovery_mail_goes_to_each_reader_once_in_their_own_language() {
        let composer = Composer::new(ComposerSettings {
            preferences: vec![Recipient {
                address: "fr@example.com".to_owned(),
                locale: Some(Locale::FR),
                time_zone: None,
            }],
            ..ComposerSettings::default()
        })
        .unwrap();
        let sample = samples::recovery_full();
        let readers = [
            "no address",
            "a@example.com",
            "A@example.com",
            "Chef <fr@example.com>",
        ];
        let mails = ended(&composer, &readers, &sample);
        let to: Vec<&str> = mails.iter().map(|mail| &*mail.to).collect();
        assert_eq!(to, ["a@example.com", "Chef <fr@example.com>"]);
        assert!(mails[0].text.contains("A good backup"), "{}", mails[0].text);
        assert!(mails[1].text.contains("Une bonne"), "{}", mails[1].text);
        assert!(ended(&composer, &[], &sample).is_empty());
    }

    #[test]
    fn a_recovery_mail_has_an_id_of_its_own() {
        let composer = composer(&[]);
        let id = |reader: &str, sample: &samples::RecoverySample| {
            ended(&composer, &[reader], sample).remove(0).message_id
        };
        let sample = samples::recovery_full();
        let first = id("a@example.com", &sample);
        assert!(first.starts_with("<OK-XAFRIC_2025-"), "{first}");
        assert_eq!(first, id("a@example.com", &sample));
        assert_ne!(first, id("b@example.com", &sample));
        let mut other = sample;
        other.history.opened_at = other.now;
        assert_ne!(first, id("a@example.com", &other));
    }

    fn reminded(composer: &Composer, reader: &str, sample: &samples::ReminderSample) -> Mail {
        let (job, entry) = (&sample.job, sample.entry.as_ref());
        let (history, reminder) = (&sample.history, &sample.reminder);
        let readers = ["no address".to_owned(), reader.to_owned()];
        let mut mails =
            composer.compose_reminder(&readers, job, entry, history, reminder, sample.now);
        assert_eq!(mails.len(), 1);
        mails.remove(0)
    }

    #[test]
    fn a_reminder_belongs_to_the_conversation_and_is_as_urgent_as_the_alert() {
        let composer = composer(&["a@example.com"]);
        let alert = samples::missing_full();
        let alert = composer.compose(&alert.job, None, alert.now).remove(0);
        let silent = reminded(&composer, "a@example.com", &samples::reminder_full());
        assert_eq!(silent.threads, alert.threads);
        assert!(!silent.threads.is_empty() && silent.urgent);
        let failed = samples::reminder_entry_full(vigie_domain::BackupEntryStatus::Failed);
        assert!(!reminded(&composer, "a@example.com", &failed).urgent);
    }

    #[test]
    fn each_reminder_has_an_id_of_its_own() {
        let composer = composer(&["a@example.com"]);
        let sample = samples::reminder_full();
        let first = reminded(&composer, "a@example.com", &sample).message_id;
        assert!(first.starts_with("<MISSING-XAFRIC_2025-"), "{first}");
        assert_eq!(
            first,
            reminded(&composer, "a@example.com", &sample).message_id
        );
        assert_ne!(
            first,
            reminded(&composer, "b@example.com", &sample).message_id
        );
        let alert = composer.compose(&sample.job, None, sample.now).remove(0);
        assert_ne!(first, alert.message_id);
        let mut next = sample;
        next.reminder.which += 1;
        assert_ne!(
            first,
            reminded(&composer, "a@example.com", &next).message_id
        );
    }

    #[test]
    fn who_is_told_about_a_job_is_known_without_writing_a_mail() {
        let composer = composer(&["Ops <ops@example.com>", "OPS@example.com"]);
        let mut job = samples::missing_full().job;
        assert_eq!(composer.recipients_of(&job), ["Ops <ops@example.com>"]);
        job.recipients = vec!["no address".to_owned(), "own@example.com".to_owned()];
        assert_eq!(composer.recipients_of(&job), ["own@example.com"]);
    }

    fn refused(composer: &Composer, reader: &str, mails: &[UndeliveredMail]) -> Mail {
        let sample = samples::undelivered_full();
        composer
            .compose_undelivered(reader, &sample.address, mails, sample.now)
            .unwrap()
    }

    #[test]
    fn the_mail_on_refused_mails_is_as_urgent_as_they_are_and_reads_as_its_reader_does() {
        let composer = Composer::new(ComposerSettings {
            preferences: vec![Recipient {
                address: "fr@example.com".to_owned(),
                locale: Some(Locale::FR),
                time_zone: Some(TimeZone::get("Africa/Douala").unwrap()),
            }],
            ..ComposerSettings::default()
        })
        .unwrap();
        let mails = samples::undelivered_full().mails;
        let all = refused(&composer, "Chef <FR@example.com>", &mails);
        assert!(all.urgent);
        assert_eq!(all.to, "Chef <FR@example.com>");
        assert!(
            all.text.contains("QUE FAIRE") && all.text.contains("WAT"),
            "{}",
            all.text
        );
        let not_urgent = refused(&composer, "en@example.com", &mails[..2]);
        assert!(!not_urgent.urgent);
        assert!(
            not_urgent.text.contains("WHAT TO DO"),
            "{}",
            not_urgent.text
        );
        let (address, now) = ("ops@example.com", all.date);
        assert!(
            composer
                .compose_undelivered("nobody", address, &mails, now)
                .is_err()
        );
    }

    #[test]
    fn a_mail_on_no_mails_is_still_one_that_can_be_sent() {
        let mail = refused(&composer(&[]), "a@example.com", &[]);
        assert_eq!(
            mail.subject,
            "[UNDELIVERED] 0 mails to ops@example.com were refused"
        );
        assert!(mail.to_mime().is_ok());
    }

    #[test]
    fn the_mail_on_refused_mails_has_an_id_of_its_own_whatever_their_order() {
        let composer = composer(&[]);
        let id =
            |reader: &str, mails: &[UndeliveredMail]| refused(&composer, reader, mails).message_id;
        let mut mails = samples::undelivered_full().mails;
        let first = id("a@example.com", &mails);
        assert!(
            first.starts_with("<UNDELIVERED-ops_example_com-"),
            "{first}"
        );
        mails.reverse();
        assert_eq!(first, id("a@example.com", &mails));
        assert_ne!(first, id("b@example.com", &mails));
        assert_ne!(first, id("a@example.com", &mails[1..]));
    }

    #[test]
    fn the_administrators_are_known_each_once() {
        let composer = composer(&["Ops <ops@example.com>", "OPS@example.com", "b@example.com"]);
        let administrators: Vec<String> = composer.administrators().collect();
        assert_eq!(administrators, ["Ops <ops@example.com>", "b@example.com"]);
    }

    #[test]
    fn an_incident_is_one_conversation_however_fine_its_beginning_is_told() {
        let composer = composer(&["a@example.com"]);
        let thread = |since: &str| {
            let mut sample = samples::missing_full();
            sample.job.incident_since = Some(since.parse().unwrap());
            let mails = composer.compose(&sample.job, None, sample.now);
            mails[0].threads.clone()
        };
        let fine = thread("2025-06-20T02:00:05.123456789Z");
        assert_eq!(fine, thread("2025-06-20T02:00:05.123456Z"));
        assert_ne!(fine, thread("2025-06-20T02:00:05.123457Z"));
    }

    #[test]
    fn a_test_mail_says_so() {
        let composer = composer(&[]);
        let reader = Recipient {
            address: "a@example.com".to_owned(),
            locale: Some(Locale::FR),
            time_zone: None,
        };
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        let mail = composer
            .test(&samples::missing_full().into(), now, &reader)
            .unwrap();
        assert!(mail.subject.starts_with("[TEST] "), "{}", mail.subject);
        assert!(mail.subject.contains("XAFRIC_2025"), "{}", mail.subject);
        assert!(!mail.urgent);
        assert!(mail.threads.is_empty());
        assert!(mail.text.contains("Ceci est un essai"), "{}", mail.text);
        assert_eq!(mail.date, now);
    }
}
