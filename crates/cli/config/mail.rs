//! `[mail]`: in which words, from whom and to whom mails go, and which way.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;
use vigie_notify::Locale;

use super::one_or_several::OneOrSeveral;
use super::problem::Complaint;
use super::raw::{RawMail, RawRecipient};
use super::reading::Reading;
use super::recipient::{self, AddressBook, RecipientConfig};
use super::{address, choice, duration, locale, time_zone};

const DIRECTORY: &str = "mails";
const DELIVER_WITHIN: Duration = Duration::from_secs(30);
const FROM: &str = "vigie@localhost";
const TRANSPORTS: [(&str, MailTransport); 3] = [
    ("file", MailTransport::File),
    ("smtp", MailTransport::Smtp),
    ("sendmail", MailTransport::Sendmail),
];

/// Which way mails go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTransport {
    /// As `.eml` files into a folder.
    File,
    /// To a mail server.
    Smtp,
    /// To a command of this machine.
    Sendmail,
}

/// In which words, from whom and to whom mails go, and which way.
#[derive(Debug, Clone)]
pub struct MailConfig {
    /// Which way mails go.
    pub transport: MailTransport,
    /// The folder that mails go to as files.
    pub directory: PathBuf,
    /// How many mails may leave in any minute; `None` for as many as go through.
    pub max_per_minute: Option<NonZeroU32>,
    /// How long a command that ends sends mails; what is left waits.
    pub deliver_within: Duration,
    /// The language of mails.
    pub locale: Locale,
    /// What times in mails are told in.
    pub time_zone: TimeZone,
    /// The sender, with or without a name.
    pub from: String,
    /// Who is told of jobs without recipients of their own: the plain list and `[[recipients]]`,
    /// each once.
    pub admin_email_recipient: Vec<String>,
    /// Who reads mails in a language or a time zone of their own, recipients of jobs among them,
    /// each once. Addresses are the same in either case of ASCII letters.
    pub preferences: Vec<RecipientConfig>,
}

/// `agents_time_zone` is that of the deposit, `book` what jobs say of their recipients.
pub fn read(
    raw: RawMail,
    raw_recipients: Vec<RawRecipient>,
    agents_time_zone: &TimeZone,
    mut book: AddressBook,
    reading: &mut Reading,
) -> MailConfig {
    let transport = raw.transport.as_deref();
    let locale = raw.locale.as_deref();
    let zone = raw.timezone.as_deref();
    let directory = "mail.directory";
    let deliver_within = raw.deliver_within.as_deref();
    let max_per_minute = raw
        .max_per_minute
        .and_then(|limit| reading.accept("mail.max_per_minute", limit_of(limit)));
    MailConfig {
        max_per_minute,
        deliver_within: reading
            .parse("mail.deliver_within", deliver_within, duration::positive)
            .unwrap_or(DELIVER_WITHIN),
        transport: reading
            .parse("mail.transport", transport, |word| {
                choice::one_of(word, &TRANSPORTS)
            })
            .unwrap_or(MailTransport::File),
        directory: reading
            .path(directory, raw.directory.as_deref())
            .unwrap_or_else(|| reading.absolute(directory, Path::new(DIRECTORY))),
        locale: reading
            .parse("mail.locale", locale, locale::parse)
            .unwrap_or_default(),
        time_zone: reading
            .parse("mail.timezone", zone, time_zone::parse)
            .unwrap_or_else(|| agents_time_zone.clone()),
        from: reading
            .parse("mail.from", raw.from.as_deref(), address::with_name)
            .unwrap_or_else(|| FROM.to_owned()),
        admin_email_recipient: told(
            raw.admin_email_recipient,
            raw_recipients,
            &mut book,
            reading,
        ),
        preferences: book.settle(reading),
    }
}

fn limit_of(limit: i64) -> Result<NonZeroU32, Complaint> {
    let number = u32::try_from(limit).ok().and_then(NonZeroU32::new);
    number.ok_or_else(|| {
        let remedy = "write a number from 1 on, or leave the key out for no limit";
        Complaint::new(format!("is {limit}"), remedy)
    })
}

fn told(
    plain: Option<OneOrSeveral<String>>,
    raw_recipients: Vec<RawRecipient>,
    book: &mut AddressBook,
    reading: &mut Reading,
) -> Vec<String> {
    let mut addresses = address::list("mail.admin_email_recipient", plain, reading);
    let recipients = recipient::read_all(raw_recipients, book, reading);
    address::add_each_once(&mut addresses, recipients);
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{config, config_with, problems, problems_with};

    #[test]
    fn mails_go_to_a_folder_in_english_unless_told_otherwise() {
        let mail = config("").mail;
        assert_eq!(mail.transport, MailTransport::File);
        assert_eq!(mail.directory, Path::new("/srv/vigie/mails"));
        assert_eq!(mail.locale, Locale::EN);
        assert_eq!(mail.time_zone, TimeZone::UTC);
        assert_eq!(mail.from, "vigie@localhost");
        assert!(mail.admin_email_recipient.is_empty());
        assert_eq!(mail.preferences, []);
        assert_eq!(mail.max_per_minute, None);
        assert_eq!(mail.deliver_within, Duration::from_secs(30));
    }

    #[test]
    fn each_value_can_be_given() {
        let mail = config(
            "
[mail]
transport = 'smtp'
directory = 'outbox'
locale = 'fr'
timezone = 'Europe/Paris'
from = 'Vigie <vigie@example.com>'
admin_email_recipient = 'admin@example.com'
max_per_minute = 30
deliver_within = '2m'
[smtp]
host = 'mail.example.com'
",
        )
        .mail;
        assert_eq!(mail.transport, MailTransport::Smtp);
        assert_eq!(mail.directory, Path::new("/srv/vigie/outbox"));
        assert_eq!(mail.locale, Locale::FR);
        assert_eq!(mail.time_zone.iana_name(), Some("Europe/Paris"));
        assert_eq!(mail.from, "Vigie <vigie@example.com>");
        assert_eq!(mail.admin_email_recipient, ["admin@example.com"]);
        assert_eq!(mail.max_per_minute, NonZeroU32::new(30));
        assert_eq!(mail.deliver_within, Duration::from_mins(2));
    }

    #[test]
    fn the_language_is_checked_for_its_shape_alone() {
        let locale = config("mail.locale = 'pt-br'").mail.locale;
        assert_eq!(locale.as_str(), "pt-BR");
    }

    #[test]
    fn somebody_named_twice_in_whichever_case_is_told_once() {
        let mail = config("mail.admin_email_recipient = ['a@b', 'c@d', 'A@B']").mail;
        assert_eq!(mail.admin_email_recipient, ["a@b", "c@d"]);
    }

    #[test]
    fn times_in_mails_are_those_of_the_agents_unless_told_otherwise() {
        let mail = config("deposit.timezone = 'Africa/Douala'").mail;
        assert_eq!(mail.time_zone.iana_name(), Some("Africa/Douala"));
    }

    #[test]
    fn variables_override_the_sender_and_the_recipients() {
        let variables = [
            ("EMAIL_SENDER", "other@example.com"),
            ("ADMIN_EMAIL_RECIPIENT", "a@example.com, b@example.com,"),
            ("EMAIL_HOST", "mail.example.com"),
        ];
        let text = "[mail]\nfrom = 'vigie@example.com'\nadmin_email_recipient = 'c@example.com'";
        let mail = config_with(text, &variables).mail;
        assert_eq!(mail.from, "other@example.com");
        let recipients = ["a@example.com", "b@example.com"];
        assert_eq!(mail.admin_email_recipient, recipients);
        assert_eq!(mail.transport, MailTransport::File);
    }

    #[test]
    fn a_wrong_value_says_what_to_write() {
        let cases = [
            (
                "transport = 'mail'",
                "transport is \"mail\"; write \"file\", \"smtp\" or \"sendmail\"",
            ),
            (
                "max_per_minute = 0",
                "max_per_minute is 0; write a number from 1 on, or leave the key out for no limit",
            ),
            (
                "deliver_within = '0s'",
                "deliver_within is zero; give a longer time",
            ),
            (
                "locale = 'pt_BR'",
                "locale is \"pt_BR\", which is no language tag; did you mean \"pt-BR\"?",
            ),
            (
                "from = 'Vigie <vi..gie@example.com>'",
                "from is \"Vigie <vi..gie@example.com>\", which is no mail address; write one such \
                 as \"vigie@example.com\" or \"Vigie <vigie@example.com>\"",
            ),
            (
                "from = 'Vigie'",
                "from is \"Vigie\", which is no mail address; write one such as \
                 \"vigie@example.com\" or \"Vigie <vigie@example.com>\"",
            ),
            (
                "admin_email_recipient = 'a@example.com,b@example.com'",
                "admin_email_recipient is \"a@example.com,b@example.com\", which is no mail \
                 address; write several addresses as an array: [\"a@example.com\", \
                 \"b@example.com\"]",
            ),
            (
                "admin_email_recipient = 3",
                "admin_email_recipient is an integer; write a string or an array of strings",
            ),
            (
                "admin_email_recipient = ['a@example.com', 3]",
                "admin_email_recipient[2] is an integer; write a string in quotes",
            ),
            (
                "admin_email_recipient = ['a@example.com', { address = 'b@example.com' }]",
                "admin_email_recipient[2] is a table; write an address alone, and what else is to \
                 be said of somebody below [[recipients]]",
            ),
        ];
        for (line, problem) in cases {
            let problem = format!("vigie.toml:2: mail.{problem}");
            assert_eq!(problems(&format!("mail.{line}")), [problem]);
        }
    }

    #[test]
    fn a_wrong_variable_is_named_as_such() {
        let variables = [
            ("EMAIL_SENDER", "nobody"),
            ("ADMIN_EMAIL_RECIPIENT", "a@b,c"),
        ];
        assert_eq!(
            problems_with("", &variables),
            [
                "environment: EMAIL_SENDER (mail.from) is \"nobody\", which is no mail address; \
                 write one such as \"vigie@example.com\" or \"Vigie <vigie@example.com>\"",
                "environment: ADMIN_EMAIL_RECIPIENT (mail.admin_email_recipient[2]) is \"c\", \
                 which is no mail address; write one such as \"admin@example.com\"",
            ]
        );
        assert_eq!(
            problems_with("", &[("ADMIN_EMAIL_RECIPIENT", " , ")]),
            [
                "environment: ADMIN_EMAIL_RECIPIENT (mail.admin_email_recipient) names nobody; \
                 write one address or several with commas between them, or unset the variable"
            ]
        );
    }
}
