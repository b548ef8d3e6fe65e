//! People who are told: `[[recipients]]`, the recipients of jobs and routes, and in which language and
//! time zone each of them reads. Knows no schedule and no mail.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use vigie_notify::Locale;

use super::document::element;
use super::one_or_several::{OneOrSeveral, TextOrTable};
use super::problem::Complaint;
use super::raw::RawRecipient;
use super::reading::Reading;
use super::{address, locale, time_zone};

/// Somebody who reads mails in a language or a time zone of their own, wherever they are told from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientConfig {
    /// The bare address; elsewhere it may stand in other case.
    pub address: String,
    /// The language of their mails; that of `[mail]` when `None`.
    pub locale: Option<Locale>,
    /// What times in their mails are told in; the zone of `[mail]` when `None`.
    pub time_zone: Option<TimeZone>,
    /// Where this is said, and the locale rather than the zone: `jobs[1].recipients[2]`.
    pub key: String,
}

/// What the config says of people, in all of its places.
#[derive(Default)]
pub struct AddressBook {
    said: Vec<RecipientConfig>,
}

struct Person {
    address: String,
    locale: Option<Wish<Locale>>,
    time_zone: Option<Wish<TimeZone>>,
}

/// What a person wants, and the key of the table that says so.
struct Wish<T> {
    value: T,
    table: String,
}

/// The addresses of `[[recipients]]`, each once; the book learns what else is said of them.
pub fn read_all(
    raw: Vec<RawRecipient>,
    book: &mut AddressBook,
    reading: &mut Reading,
) -> Vec<String> {
    let mut addresses = Vec::new();
    for (index, raw) in raw.into_iter().enumerate() {
        let address = read_one(&raw, &element("recipients", index), book, reading);
        address::add_each_once(&mut addresses, address);
    }
    addresses
}

/// The addresses of the recipients of one job or route at `key`, each once; the book learns the
/// rest.
pub fn read_each_once(
    key: &str,
    given: Option<OneOrSeveral<TextOrTable<RawRecipient>>>,
    book: &mut AddressBook,
    reading: &mut Reading,
) -> Vec<String> {
    let mut addresses = Vec::new();
    for (key, recipient) in given.into_iter().flat_map(|given| given.with_paths(key)) {
        let address = match recipient {
            TextOrTable::Text(text) => reading.parse(&key, Some(&text), address::bare),
            TextOrTable::Table(raw) => read_one(&raw, &key, book, reading),
        };
        address::add_each_once(&mut addresses, address);
    }
    addresses
}

fn read_one(
    raw: &RawRecipient,
    key: &str,
    book: &mut AddressBook,
    reading: &mut Reading,
) -> Option<String> {
    let address_key = format!("{key}.address");
    if raw.address.is_none() && !reading.has_problem_with(&address_key) {
        let remedy = "give each recipient one: address = \"ops@example.com\"";
        reading.complain(&address_key, Complaint::new("is not set", remedy));
    }
    let address = reading.parse(&address_key, raw.address.as_deref(), address::bare);
    let locale = raw.locale.as_deref();
    let locale = reading.parse(&format!("{key}.locale"), locale, locale::parse);
    let zone = raw.timezone.as_deref();
    let time_zone = reading.parse(&format!("{key}.timezone"), zone, time_zone::parse);
    let address = address?;
    if locale.is_some() || time_zone.is_some() {
        book.said.push(RecipientConfig {
            address: address.clone(),
            locale,
            time_zone,
            key: key.to_owned(),
        });
    }
    Some(address)
}

impl AddressBook {
    /// The keys of the tables that say in which words or times somebody reads.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.said.iter().map(|said| said.key.as_str())
    }

    /// Puts together what is said of the same person, from the top of the file to its end: who is
    /// told of several jobs reads all mails alike.
    pub fn settle(mut self, reading: &mut Reading) -> Vec<RecipientConfig> {
        self.said
            .sort_by_cached_key(|said| reading.places.line_of(&said.key));
        let mut people = BTreeMap::new();
        for said in self.said {
            let person = people
                .entry(said.address.to_ascii_lowercase())
                .or_insert_with(|| Person::new(said.address.clone()));
            person.learn(said, reading);
        }
        people.into_values().filter_map(Person::settled).collect()
    }
}

impl Person {
    fn new(address: String) -> Self {
        Self {
            address,
            locale: None,
            time_zone: None,
        }
    }

    fn learn(&mut self, said: RecipientConfig, reading: &mut Reading) {
        let table = &said.key;
        let mut settle = |name: &str, difference: Option<Difference>| {
            if let Some(difference) = difference {
                let complaint = difference.complaint(name, &self.address, reading);
                reading.complain(&format!("{table}.{name}"), complaint);
            }
        };
        settle(
            "locale",
            agree(&mut self.locale, said.locale, table, Locale::to_string),
        );
        settle(
            "timezone",
            agree(&mut self.time_zone, said.time_zone, table, name_of),
        );
    }

    /// `None` for somebody who wants nothing.
    fn settled(self) -> Option<RecipientConfig> {
        let tables = [
            self.locale.as_ref().map(|wish| &wish.table),
            self.time_zone.as_ref().map(|wish| &wish.table),
        ];
        let key = tables.into_iter().flatten().next()?.clone();
        Some(RecipientConfig {
            address: self.address,
            locale: self.locale.map(|wish| wish.value),
            time_zone: self.time_zone.map(|wish| wish.value),
            key,
        })
    }
}

/// Two things that one person can't want at once, and where the first of them stands.
struct Difference {
    known: String,
    known_table: String,
    new: String,
}

impl Difference {
    fn complaint(&self, name: &str, address: &str, reading: &Reading) -> Complaint {
        let Self {
            known,
            known_table,
            new,
        } = self;
        let place = reading.places.told(&format!("{known_table}.{name}"));
        Complaint::new(
            format!("is {new:?}, and {address} has {known:?} in {place}"),
            "keep one of them, as both are for the same person",
        )
    }
}

/// Takes over what is new, unless something else is known already.
fn agree<T: PartialEq>(
    known: &mut Option<Wish<T>>,
    new: Option<T>,
    table: &str,
    show: impl Fn(&T) -> String,
) -> Option<Difference> {
    let new = new?;
    if let Some(known) = known {
        return (known.value != new).then(|| Difference {
            known: show(&known.value),
            known_table: known.table.clone(),
            new: show(&new),
        });
    }
    let table = table.to_owned();
    *known = Some(Wish { value: new, table });
    None
}

fn name_of(zone: &TimeZone) -> String {
    zone.iana_name().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::config::tests::{config, config_with, problems};

    const JOB: &str = "[[jobs]]\nagent = 'A'\ndatabase =";

    /// Address, locale, time zone and key of each that wants one of its own.
    fn preferences(config: &Config) -> Vec<(&str, &str, &str, &str)> {
        let preferences = config.mail.preferences.iter().map(|recipient| {
            let zone = recipient.time_zone.as_ref().and_then(TimeZone::iana_name);
            (
                recipient.address.as_str(),
                recipient.locale.as_ref().map_or("-", Locale::as_str),
                zone.unwrap_or("-"),
                recipient.key.as_str(),
            )
        });
        preferences.collect()
    }

    #[test]
    fn a_recipient_is_told_like_those_of_the_plain_list_and_in_words_of_their_own() {
        let config = config(
            "
mail.admin_email_recipient = ['admin@example.com', 'Kunde@example.de']
[[recipients]]
address = 'kunde@example.de'
locale = 'de'
timezone = 'Europe/Berlin'
[[recipients]]
address = 'plain@example.com'
[[recipients]]
address = 'loja@example.com.br'
locale = 'pt-BR'
",
        );
        assert_eq!(
            config.mail.admin_email_recipient,
            [
                "admin@example.com",
                "Kunde@example.de",
                "plain@example.com",
                "loja@example.com.br"
            ]
        );
        assert_eq!(
            preferences(&config),
            [
                ("kunde@example.de", "de", "Europe/Berlin", "recipients[1]"),
                ("loja@example.com.br", "pt-BR", "-", "recipients[3]"),
            ]
        );
    }

    #[test]
    fn recipients_of_a_job_are_strings_and_tables_alone_or_in_an_array() {
        let config = config(&format!(
            "
{JOB} 'X'
recipients = [
    'ops@example.com',
    {{ address = 'kunde@example.de', locale = 'de', timezone = 'Europe/Berlin' }},
    'OPS@example.com',
]
{JOB} 'Y'
recipients = {{ address = 'dba@example.com', timezone = 'Asia/Tokyo' }}
{JOB} 'Z'
recipients = 'ops@example.com'
{JOB} 'W'
[[jobs.recipients]]
address = 'site@example.com'
"
        ));
        let told: Vec<&[String]> = config
            .jobs
            .iter()
            .map(|job| job.recipients.as_slice())
            .collect();
        assert_eq!(
            told,
            [
                &["ops@example.com".to_owned(), "kunde@example.de".to_owned()][..],
                &["dba@example.com".to_owned()],
                &["ops@example.com".to_owned()],
                &["site@example.com".to_owned()],
            ]
        );
        assert!(config.mail.admin_email_recipient.is_empty());
        assert_eq!(
            preferences(&config),
            [
                ("dba@example.com", "-", "Asia/Tokyo", "jobs[2].recipients"),
                (
                    "kunde@example.de",
                    "de",
                    "Europe/Berlin",
                    "jobs[1].recipients[2]"
                ),
            ]
        );
    }

    #[test]
    fn what_is_said_in_several_places_is_put_together() {
        let config = config(&format!(
            "
{JOB} 'X'
recipients = {{ address = 'a@example.com', timezone = 'UTC' }}
[[recipients]]
address = 'A@example.com'
locale = 'de'
timezone = 'utc'
[[recipients]]
address = 'a@example.com'
"
        ));
        assert_eq!(config.mail.admin_email_recipient, ["A@example.com"]);
        assert_eq!(
            preferences(&config),
            [("a@example.com", "de", "UTC", "recipients[1]")]
        );
    }

    #[test]
    fn one_person_can_not_want_two_things() {
        let text = format!(
            "
{JOB} 'X'
recipients = [{{ address = 'a@example.com', locale = 'de', timezone = 'Europe/Berlin' }}]
[[recipients]]
address = 'A@example.com'
locale = 'fr'
timezone = 'Europe/Paris'
{JOB} 'Y'
recipients = {{ address = 'a@example.com', locale = 'en' }}
"
        );
        let remedy = "keep one of them, as both are for the same person";
        let known_locale = "\"de\" in jobs[1].recipients[1].locale on line 6";
        assert_eq!(
            problems(&text),
            [
                format!(
                    "vigie.toml:9: recipients[1].locale is \"fr\", and a@example.com has \
                     {known_locale}; {remedy}"
                ),
                format!(
                    "vigie.toml:10: recipients[1].timezone is \"Europe/Paris\", and a@example.com \
                     has \"Europe/Berlin\" in jobs[1].recipients[1].timezone on line 6; {remedy}"
                ),
                format!(
                    "vigie.toml:14: jobs[2].recipients.locale is \"en\", and a@example.com has \
                     {known_locale}; {remedy}"
                ),
            ]
        );
    }

    #[test]
    fn a_variable_overrides_the_plain_list_and_leaves_the_recipients() {
        let text = "
mail.admin_email_recipient = 'file@example.com'
[[recipients]]
address = 'kunde@example.de'
locale = 'de'
";
        let variables = [(
            "ADMIN_EMAIL_RECIPIENT",
            "admin@example.com,KUNDE@example.de",
        )];
        let config = config_with(text, &variables);
        let told = ["admin@example.com", "KUNDE@example.de"];
        assert_eq!(config.mail.admin_email_recipient, told);
        let wanted = [("kunde@example.de", "de", "-", "recipients[1]")];
        assert_eq!(preferences(&config), wanted);
        let variables = [("ADMIN_EMAIL_RECIPIENT", "admin@example.com")];
        let config = config_with(text, &variables);
        let told = ["admin@example.com", "kunde@example.de"];
        assert_eq!(config.mail.admin_email_recipient, told);
    }

    #[test]
    fn a_language_is_the_same_however_its_tag_is_written() {
        let config = config(&format!(
            "[[recipients]]\naddress = 'a@example.com'\nlocale = 'DE'\n{JOB} 'X'\n\
             recipients = {{ address = 'a@example.com', locale = 'de' }}"
        ));
        let known = [("a@example.com", "de", "-", "recipients[1]")];
        assert_eq!(preferences(&config), known);
    }

    #[test]
    fn what_is_wrong_with_a_recipient_later_still_has_its_line() {
        let config = config(&format!(
            "{JOB} 'X'\nrecipients = [\n'a@b',\n{{ address = 'c@d', locale = 'de' }}]"
        ));
        let key = format!("{}.locale", config.mail.preferences[0].key);
        let problem = config.problem(&key, Complaint::new("has no templates", "write some"));
        assert_eq!(
            problem.to_string(),
            "vigie.toml:7: jobs[1].recipients[2].locale has no templates; write some"
        );
    }

    #[test]
    fn a_wrong_recipient_says_what_to_write() {
        let cases = [
            (
                "locale = 'de'",
                "address is not set; give each recipient one: address = \"ops@example.com\"",
            ),
            (
                "address = 'Ops <ops@example.com>'",
                "address is \"Ops <ops@example.com>\", which is no mail address; write one such \
                 as \"admin@example.com\"",
            ),
            (
                "address = ['a@b']",
                "address is an array; write a string in quotes",
            ),
            (
                "address = 'a@b'\nlocale = 'de_DE'",
                "locale is \"de_DE\", which is no language tag; did you mean \"de-DE\"?",
            ),
            (
                "address = 'a@b'\ntimezone = 'Berlin'",
                "timezone is \"Berlin\", which is no IANA time zone; did you mean \
                 \"Europe/Berlin\"?",
            ),
            (
                "address = 'a@b'\nlanguage = 'de'",
                "language is no known key; known here: address, locale, timezone",
            ),
        ];
        for (lines, problem) in cases {
            let text = format!("[[recipients]]\n{lines}");
            let line = if lines.starts_with("locale") {
                2
            } else {
                text.lines().count() + 1
            };
            let problem = format!("vigie.toml:{line}: recipients[1].{problem}");
            assert_eq!(problems(&text), [problem]);
        }
    }

    #[test]
    fn a_wrong_recipient_of_a_job_is_told_with_its_number() {
        let table = "a table such as { address = \"ops@example.com\", locale = \"fr\" }";
        let missing = "address is not set; give each recipient one: address = \"ops@example.com\"";
        let cases = [
            (
                "3",
                vec![format!(
                    "recipients is an integer; write an address in quotes, {table}, or an array \
                     of these"
                )],
            ),
            (
                "['a@b.c', 3, [{}], true]",
                vec![
                    format!("recipients[2] is an integer; write an address in quotes, or {table}"),
                    format!("recipients[3] is an array; write an address in quotes, or {table}"),
                    format!("recipients[4] is a boolean; write an address in quotes, or {table}"),
                ],
            ),
            (
                "['a@b.c', { adress = 'x' }]",
                vec![
                    "recipients[2].adress is no known key; did you mean \
                     jobs[1].recipients[2].address?"
                        .to_owned(),
                    format!("recipients[2].{missing}"),
                ],
            ),
            (
                "{ address = 3, locale = { name = 'de' }, timezone = true }",
                vec![
                    "recipients.locale is a table; write locale = and its value on one line"
                        .to_owned(),
                    "recipients.address is an integer; write a string in quotes".to_owned(),
                    "recipients.timezone is a boolean; write a string in quotes".to_owned(),
                ],
            ),
            ("[{}]", vec![format!("recipients[1].{missing}")]),
            (
                "['a..b@example.com']",
                vec![
                    "recipients[1] is \"a..b@example.com\", which is no mail address; write one \
                     such as \"admin@example.com\""
                        .to_owned(),
                ],
            ),
            (
                "[{ address = 'a@b', locale = 3 }, 'c@']",
                vec![
                    "recipients[1].locale is an integer; write a string in quotes".to_owned(),
                    "recipients[2] is \"c@\", which is no mail address; write one such as \
                     \"admin@example.com\""
                        .to_owned(),
                ],
            ),
        ];
        for (value, told) in cases {
            let told: Vec<String> = told
                .iter()
                .map(|problem| format!("vigie.toml:5: jobs[1].{problem}"))
                .collect();
            assert_eq!(problems(&format!("{JOB} 'X'\nrecipients = {value}")), told);
        }
    }
}
