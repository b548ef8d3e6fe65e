//! Keys and tables that nobody reads, and which ones were probably meant. The list of those that
//! are read is `raw`.

use serde_json::{Map, Value};
use toml::de::{DeArray, DeTable, DeValue};

use super::document::{element, is_made_of_tables, join, kind_of};
use super::nearest::nearest;
use super::one_or_several::{OneOrSeveral, TextOrTable};
use super::problem::Complaint;
use super::raw::{
    RawConfig, RawDigest, RawDkim, RawHolidays, RawJob, RawMail, RawMaintenance, RawRecipient,
    RawRoute, RawSmtp, RawWarnings,
};
use super::reading::Reading;
use super::switch_or_table::SwitchOrTable;

/// How somebody who is told can be written besides the address alone.
const TABLE: &str = "a table such as { address = \"ops@example.com\", locale = \"fr\" }";

/// Each key with a sample of what may stand there; see [`Expected`].
type Known = Map<String, Value>;

/// What may stand at a key, as its sample in `known_keys` tells it.
enum Expected<'a> {
    /// Any value that is not made of tables; null.
    Value,
    /// An object of its keys.
    Table(&'a Known),
    /// `true`, `false` or an object of its keys; an array of both.
    SwitchOrTable(&'a Known),
    /// A table with keys of people's own choice; an object without keys.
    FreeTable,
    /// `[[jobs]]`; an array of one object.
    Tables(&'a Known),
    /// A string or an array of strings; an array of one string. Of tables in it, it is known what
    /// they may hold when the sample also has an object.
    Texts(Option<&'a Known>),
}

impl<'a> Expected<'a> {
    fn of(sample: &'a Value) -> Self {
        match sample {
            Value::Object(known) if known.is_empty() => Self::FreeTable,
            Value::Object(known) => Self::Table(known),
            Value::Array(samples) => {
                let known = samples.iter().find_map(Value::as_object);
                match known {
                    Some(known) if samples[0].is_boolean() => Self::SwitchOrTable(known),
                    Some(known) if samples.len() == 1 => Self::Tables(known),
                    known => Self::Texts(known),
                }
            }
            _ => Self::Value,
        }
    }
}

/// Takes everything out of the table that is not known, or is no table where one is known.
pub fn remove_unknown(table: &mut DeTable<'_>, reading: &mut Reading) {
    let known = known_keys();
    let every = &known;
    Walk { every, reading }.table(table, &known, "");
}

/// Every key as it is written in the file: `smtp.port`, `jobs.every`.
#[cfg(test)]
pub fn every_known_key() -> Vec<String> {
    fn collect(known: &Known, path: &str, every: &mut Vec<String>) {
        for (key, sample) in known {
            let path = join(path, key);
            match Expected::of(sample) {
                Expected::Table(known)
                | Expected::Tables(known)
                | Expected::SwitchOrTable(known) => collect(known, &path, every),
                _ => every.push(path),
            }
        }
    }
    let mut every = Vec::new();
    collect(&known_keys(), "", &mut every);
    every
}

fn known_keys() -> Known {
    let warnings = || Some(SwitchOrTable::Table(RawWarnings::default()));
    let config = RawConfig {
        mail: RawMail {
            admin_email_recipient: Some(OneOrSeveral::texts()),
            ..RawMail::default()
        },
        smtp: RawSmtp {
            fallback: Some(Box::default()),
            dkim: Some(RawDkim::default()),
            ..RawSmtp::default()
        },
        warnings: warnings(),
        recipients: vec![RawRecipient::default()],
        digest: RawDigest {
            recipients: Some(texts_and_tables()),
            ..RawDigest::default()
        },
        routes: vec![RawRoute {
            recipients: Some(texts_and_tables()),
            ..RawRoute::with_matchers_shown()
        }],
        maintenance: vec![RawMaintenance {
            days: Some(OneOrSeveral::texts()),
            ..RawMaintenance::with_matchers_shown()
        }],
        holidays: vec![RawHolidays {
            dates: Some(OneOrSeveral::texts()),
            ..RawHolidays::with_matchers_shown()
        }],
        jobs: vec![RawJob {
            recipients: Some(texts_and_tables()),
            warnings: warnings(),
            ..RawJob::default()
        }],
        ..RawConfig::default()
    };
    match serde_json::to_value(config) {
        Ok(Value::Object(known)) => known,
        // A struct of plain fields is always an object.
        _ => unreachable!(),
    }
}

fn texts_and_tables() -> OneOrSeveral<TextOrTable<RawRecipient>> {
    OneOrSeveral::Several(vec![
        TextOrTable::Text(String::new()),
        TextOrTable::Table(RawRecipient::default()),
    ])
}

struct Walk<'a> {
    every: &'a Known,
    reading: &'a mut Reading,
}

impl Walk<'_> {
    /// Goes through the table at `path`, in which `known` is known.
    fn table(&mut self, table: &mut DeTable<'_>, known: &Known, path: &str) {
        let every = self.every;
        self.keys(table, path, |walk, key, value, path_of_key| {
            if let Some(sample) = known.get(key) {
                return walk.value(key, value, &Expected::of(sample), path_of_key);
            }
            let complaint = unknown(key, value, path, known, every);
            walk.refuse(path_of_key, complaint)
        });
    }

    /// Takes out of the table at `path` whatever `is_sound` finds not to be.
    fn keys(
        &mut self,
        table: &mut DeTable<'_>,
        path: &str,
        is_sound: impl Fn(&mut Self, &str, &mut DeValue<'_>, &str) -> bool,
    ) {
        let mut wrong = Vec::new();
        for (key, value) in table.iter_mut() {
            let key = key.get_ref();
            if !is_sound(self, key, value.get_mut(), &join(path, key)) {
                wrong.push(key.to_string());
            }
        }
        for key in wrong {
            table.remove(key.as_str());
        }
    }

    /// Goes on below a known key, and says whether that is possible.
    fn value(
        &mut self,
        key: &str,
        value: &mut DeValue<'_>,
        expected: &Expected<'_>,
        path: &str,
    ) -> bool {
        let complaint = match (expected, value) {
            (Expected::Table(known) | Expected::SwitchOrTable(known), DeValue::Table(table)) => {
                self.table(table, known, path);
                return true;
            }
            (Expected::FreeTable, DeValue::Table(table)) => {
                self.keys(table, path, |walk, key, value, path| {
                    walk.value(key, value, &Expected::Value, path)
                });
                return true;
            }
            (Expected::Tables(known), DeValue::Array(elements)) if are_tables(elements) => {
                for (index, value) in elements.iter_mut().enumerate() {
                    if let DeValue::Table(table) = value.get_mut() {
                        self.table(table, known, &element(path, index));
                    }
                }
                return true;
            }
            (Expected::Texts(known), value) => return self.texts(value, *known, path),
            (Expected::Table(_) | Expected::FreeTable, value) => {
                no_table(value, &format!("[{path}]"))
            }
            (Expected::Tables(_), value) => no_table(value, &format!("[[{path}]]")),
            (Expected::SwitchOrTable(_), value) if is_made_of_tables(value) => {
                no_table(value, &format!("[{path}]"))
            }
            (Expected::Value, value) if is_made_of_tables(value) => {
                let remedy = format!("write {} = and its value on one line", join("", key));
                Complaint::new("is a table", remedy)
            }
            // Of any other kind it is told where values are taken out.
            (Expected::Value | Expected::SwitchOrTable(_), _) => return true,
        };
        self.refuse(path, complaint)
    }

    /// All that is wrong in an array is told at once, and then none of it is taken: without some of
    /// its elements, the numbers of the others would be wrong.
    fn texts(&mut self, value: &mut DeValue<'_>, known: Option<&Known>, path: &str) -> bool {
        let DeValue::Array(elements) = value else {
            let remedy = match known {
                Some(_) => &format!("write an address in quotes, {TABLE}, or an array of these"),
                None => "write a string or an array of strings",
            };
            return self.text(value, known, path, remedy);
        };
        let remedy = match known {
            Some(_) => &format!("write an address in quotes, or {TABLE}"),
            None => "write a string in quotes",
        };
        let mut are_sound = true;
        for (index, value) in elements.iter_mut().enumerate() {
            are_sound &= self.text(value.get_mut(), known, &element(path, index), remedy);
        }
        are_sound
    }

    fn text(
        &mut self,
        value: &mut DeValue<'_>,
        known: Option<&Known>,
        path: &str,
        remedy: &str,
    ) -> bool {
        match (value, known) {
            (DeValue::String(_), _) => true,
            (DeValue::Table(table), Some(known)) => {
                self.table(table, known, path);
                true
            }
            (DeValue::Table(_), None) if path.starts_with("mail.") => {
                let remedy = "write an address alone, and what else is to be said of somebody \
                              below [[recipients]]";
                self.refuse(path, Complaint::new("is a table", remedy))
            }
            (value, _) => {
                let what = format!("is {}", kind_of(value));
                self.refuse(path, Complaint::new(what, remedy))
            }
        }
    }

    fn refuse(&mut self, path: &str, complaint: Complaint) -> bool {
        self.reading.complain(path, complaint);
        false
    }
}

fn are_tables(elements: &DeArray<'_>) -> bool {
    elements.iter().all(|element| element.get_ref().is_table())
}

fn no_table(value: &DeValue<'_>, header: &str) -> Complaint {
    let what = match value {
        DeValue::Array(elements) if are_tables(elements) => "is given several times",
        value => &format!("is {}", kind_of(value)),
    };
    Complaint::new(what, format!("write {header} above its keys"))
}

fn unknown(
    key: &str,
    value: &DeValue<'_>,
    parent: &str,
    siblings: &Known,
    every: &Known,
) -> Complaint {
    let what = if is_made_of_tables(value) {
        "is no known table"
    } else {
        "is no known key"
    };
    let elsewhere = of_that_name(key, every);
    let meant = if elsewhere.is_empty() {
        nearest(key, siblings.keys().map(String::as_str))
            .map(|sibling| written(sibling, parent, siblings))
    } else {
        Some(elsewhere.join(" or "))
    };
    let remedy = meant.map_or_else(
        || format!("known here: {}", listed(siblings, parent)),
        |meant| format!("did you mean {meant}?"),
    );
    Complaint::new(what, remedy)
}

/// A key or table that is known in the table at `parent`, as it is told to people.
fn written(key: &str, parent: &str, siblings: &Known) -> String {
    let path = join(parent, key);
    match siblings.get(key).map(Expected::of) {
        Some(Expected::Table(_) | Expected::SwitchOrTable(_) | Expected::FreeTable) => {
            format!("[{path}]")
        }
        Some(Expected::Tables(_)) => format!("[[{path}]]"),
        _ => path,
    }
}

/// All that is known by this name, in whichever table.
fn of_that_name(key: &str, every: &Known) -> Vec<String> {
    let top = every.contains_key(key).then(|| written(key, "", every));
    let in_tables = tables(every)
        .into_iter()
        .filter(|table| table.keys.contains_key(key))
        .map(|table| {
            if table.is_repeated {
                format!("{key} in [[{}]]", table.name)
            } else {
                written(key, &table.name, table.keys)
            }
        });
    top.into_iter().chain(in_tables).collect()
}

struct KnownTable<'a> {
    name: String,
    keys: &'a Known,
    is_repeated: bool,
}

/// Every table, each followed by those in it.
fn tables(every: &Known) -> Vec<KnownTable<'_>> {
    let mut found = Vec::new();
    tables_in(every, "", &mut found);
    found
}

fn tables_in<'a>(known: &'a Known, parent: &str, found: &mut Vec<KnownTable<'a>>) {
    for (name, sample) in known {
        let (keys, is_repeated) = match Expected::of(sample) {
            Expected::Table(keys) | Expected::SwitchOrTable(keys) => (keys, false),
            Expected::Tables(keys) => (keys, true),
            _ => continue,
        };
        let name = join(parent, name);
        found.push(KnownTable {
            name: name.clone(),
            keys,
            is_repeated,
        });
        tables_in(keys, &name, found);
    }
}

/// Tables in full, and keys by what they are called in the table at `parent`.
fn listed(known: &Known, parent: &str) -> String {
    let word = |(key, sample): (&String, &Value)| match Expected::of(sample) {
        Expected::Value | Expected::Texts(_) => join("", key),
        _ => written(key, parent, known),
    };
    known.iter().map(word).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use crate::config::tests::problems;

    #[test]
    fn an_unknown_key_says_which_one_was_probably_meant() {
        let cases = [
            (
                "smtp.prot = 25",
                "smtp.prot is no known key; did you mean smtp.port?",
            ),
            (
                "smtp.pass = 'x'",
                "smtp.pass is no known key; did you mean smtp.password?",
            ),
            (
                "root = 'x'",
                "root is no known key; did you mean deposit.root?",
            ),
            (
                "scan.directory = 'x'",
                "scan.directory is no known key; did you mean mail.directory or \
                 templates.directory?",
            ),
            (
                "mail.recipients = 'x'",
                "mail.recipients is no known key; did you mean [[recipients]] or digest.recipients \
                 or recipients in [[jobs]] or recipients in [[routes]]?",
            ),
            (
                "scan.timezone = 'UTC'",
                "scan.timezone is no known key; did you mean deposit.timezone or digest.timezone or \
                 timezone in [[holidays]] or timezone in [[jobs]] or mail.timezone or timezone in \
                 [[maintenance]] or timezone in [[recipients]] or schedule.timezone?",
            ),
            (
                "scan.speed = 3",
                "scan.speed is no known key; known here: cores, full_sweep_every, interval, \
                 max_read_rate, watch",
            ),
            (
                "colour = 3",
                "colour is no known key; known here: [alerts], [database], [deposit], [digest], \
                 [[holidays]], [[jobs]], [mail], [[maintenance]], [ping], [[recipients]], [[routes]], \
                 [scan], [schedule], [sendmail], [smtp], [templates], [verify], [warnings]",
            ),
            (
                "\"a key\\n\" = 3",
                "\"a key\\n\" is no known key; known here: [alerts], [database], [deposit], [digest], \
                 [[holidays]], [[jobs]], [mail], [[maintenance]], [ping], [[recipients]], [[routes]], \
                 [scan], [schedule], [sendmail], [smtp], [templates], [verify], [warnings]",
            ),
        ];
        for (line, problem) in cases {
            assert_eq!(problems(line), [format!("vigie.toml:2: {problem}")]);
        }
    }

    #[test]
    fn an_unknown_table_is_told_once_and_says_which_one_was_probably_meant() {
        let cases = [
            (
                "[stmp]\nhost = 'x'\nport = 25",
                "stmp is no known table; did you mean [smtp]?",
            ),
            (
                "[vars]\nsupport_phone = 'x'",
                "vars is no known table; did you mean [templates.vars]?",
            ),
            (
                "[[recipient]]\naddress = 'x'",
                "recipient is no known table; did you mean [[recipients]]?",
            ),
            ("[[job]]", "job is no known table; did you mean [[jobs]]?"),
            (
                "[mail.smtp]\nhost = 'x'",
                "mail.smtp is no known table; did you mean [smtp]?",
            ),
        ];
        for (text, problem) in cases {
            assert_eq!(problems(text), [format!("vigie.toml:2: {problem}")]);
        }
    }

    #[test]
    fn a_table_that_is_none_or_is_written_as_another_kind_says_how_it_is_written() {
        let cases = [
            (
                "mail = 'smtp'",
                "mail is a string; write [mail] above its keys",
            ),
            (
                "[[smtp]]",
                "smtp is given several times; write [smtp] above its keys",
            ),
            (
                "[jobs]\nagent = 'x'",
                "jobs is a table; write [[jobs]] above its keys",
            ),
            (
                "jobs = [1]",
                "jobs is an array; write [[jobs]] above its keys",
            ),
            (
                "[[templates.vars]]",
                "templates.vars is given several times; write [templates.vars] above its keys",
            ),
            (
                "[recipients]\naddress = 'x'",
                "recipients is a table; write [[recipients]] above its keys",
            ),
            (
                "[smtp.port]\nnumber = 25",
                "smtp.port is a table; write port = and its value on one line",
            ),
            (
                "[[mail.admin_email_recipient]]\naddress = 'x'",
                "mail.admin_email_recipient[1] is a table; write an address alone, and what else is \
                 to be said of somebody below [[recipients]]",
            ),
        ];
        for (text, problem) in cases {
            assert_eq!(problems(text), [format!("vigie.toml:2: {problem}")]);
        }
    }

    #[test]
    fn an_unknown_key_of_a_job_is_told_with_the_number_of_the_job() {
        let job = "[[jobs]]\nagent = 'A'\ndatabase =";
        assert_eq!(
            problems(&format!("{job} 'X'\n{job} 'Y'\nevry = '1h'")),
            ["vigie.toml:8: jobs[2].evry is no known key; did you mean jobs[2].every?"]
        );
    }
}
