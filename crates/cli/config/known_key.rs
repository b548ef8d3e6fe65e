//! Keys and tables that nobody reads, and which ones were probably meant. The list of those that
//! are read is `raw`.

use serde_json::{Map, Value};
use toml::de::{DeArray, DeTable, DeValue};

use super::document::{element, is_made_of_tables, join, kind_of};
use super::nearest::nearest;
use super::problem::Complaint;
use super::raw::{RawConfig, RawJob};
use super::reading::Reading;

/// Null for each key, an object for each table, an array of one object for `[[jobs]]`.
type Known = Map<String, Value>;

/// Takes everything out of the table that is not known, or is no table where one is known.
pub fn remove_unknown(table: &mut DeTable<'_>, reading: &mut Reading) {
    let known = known_keys();
    let every = &known;
    Walk { every, reading }.table(table, &known, "");
}

/// Every key as it is written in the file: `smtp.port`, `jobs.every`.
#[cfg(test)]
pub fn every_known_key() -> Vec<String> {
    let known = known_keys();
    tables(&known)
        .into_iter()
        .flat_map(|table| {
            let keys = table.keys.keys();
            keys.map(move |key| format!("{}.{key}", table.name))
        })
        .collect()
}

fn known_keys() -> Known {
    let config = RawConfig {
        jobs: vec![RawJob::default()],
        ..RawConfig::default()
    };
    match serde_json::to_value(config) {
        Ok(Value::Object(known)) => known,
        // A struct of plain fields is always an object.
        _ => unreachable!(),
    }
}

struct Walk<'a> {
    every: &'a Known,
    reading: &'a mut Reading,
}

impl Walk<'_> {
    /// Goes through the table at `path`, in which `known` is known.
    fn table(&mut self, table: &mut DeTable<'_>, known: &Known, path: &str) {
        let mut wrong = Vec::new();
        for (key, value) in table.iter_mut() {
            let key = key.get_ref();
            let path_of_key = join(path, key);
            let value = value.get_mut();
            let complaint = match known.get(key.as_ref()) {
                Some(expected) => self.value(key, value, expected, &path_of_key),
                None => Some(unknown(key, value, path, known, self.every)),
            };
            if let Some(complaint) = complaint {
                self.reading.complain(&path_of_key, complaint);
                wrong.push(key.to_string());
            }
        }
        for key in wrong {
            table.remove(key.as_str());
        }
    }

    /// Goes on below a known key, or says why that is not possible.
    fn value(
        &mut self,
        key: &str,
        value: &mut DeValue<'_>,
        expected: &Value,
        path: &str,
    ) -> Option<Complaint> {
        match (expected, value) {
            (Value::Object(known), DeValue::Table(table)) => self.table(table, known, path),
            (Value::Array(known), DeValue::Array(elements)) if are_tables(elements) => {
                let known = known.first().and_then(Value::as_object)?;
                for (index, value) in elements.iter_mut().enumerate() {
                    if let DeValue::Table(table) = value.get_mut() {
                        self.table(table, known, &element(path, index));
                    }
                }
            }
            (Value::Object(_), value) => return Some(no_table(value, &format!("[{key}]"))),
            (Value::Array(_), value) => return Some(no_table(value, &format!("[[{key}]]"))),
            (_, value) if is_made_of_tables(value) => {
                let remedy = format!("write {key} = and its value on one line");
                return Some(Complaint::new("is a table", remedy));
            }
            _ => (),
        }
        None
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
        || format!("known here: {}", listed(siblings)),
        |meant| format!("did you mean {meant}?"),
    );
    Complaint::new(what, remedy)
}

/// A key or table that is known in the table at `parent`, as it is told to people.
fn written(key: &str, parent: &str, siblings: &Known) -> String {
    match siblings.get(key) {
        Some(Value::Object(_)) => format!("[{key}]"),
        Some(Value::Array(_)) => format!("[[{key}]]"),
        _ => join(parent, key),
    }
}

/// All that is known by this name, in whichever table.
fn of_that_name(key: &str, every: &Known) -> Vec<String> {
    let top = every.contains_key(key).then(|| written(key, "", every));
    let in_tables = tables(every)
        .into_iter()
        .filter(|table| table.keys.contains_key(key))
        .map(|table| match every[table.name] {
            Value::Array(_) => format!("{key} in [[{}]]", table.name),
            _ => join(table.name, key),
        });
    top.into_iter().chain(in_tables).collect()
}

struct KnownTable<'a> {
    name: &'a str,
    keys: &'a Known,
}

fn tables(every: &Known) -> Vec<KnownTable<'_>> {
    every
        .iter()
        .filter_map(|(name, value)| {
            let value = value.get(0).unwrap_or(value);
            let keys = value.as_object()?;
            Some(KnownTable { name, keys })
        })
        .collect()
}

fn listed(known: &Known) -> String {
    let words: Vec<String> = known.keys().map(|key| written(key, "", known)).collect();
    words.join(", ")
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
                "scan.directory is no known key; did you mean mail.directory?",
            ),
            (
                "mail.recipients = 'x'",
                "mail.recipients is no known key; did you mean recipients in [[jobs]]?",
            ),
            (
                "scan.timezone = 'UTC'",
                "scan.timezone is no known key; did you mean deposit.timezone or timezone in \
                 [[jobs]] or mail.timezone or schedule.timezone?",
            ),
            (
                "scan.speed = 3",
                "scan.speed is no known key; known here: interval",
            ),
            (
                "colour = 3",
                "colour is no known key; known here: [database], [deposit], [[jobs]], [mail], \
                 [scan], [schedule], [smtp]",
            ),
            (
                "\"a key\\n\" = 3",
                "\"a key\\n\" is no known key; known here: [database], [deposit], [[jobs]], \
                 [mail], [scan], [schedule], [smtp]",
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
                "[smtp.port]\nnumber = 25",
                "smtp.port is a table; write port = and its value on one line",
            ),
            (
                "[[mail.admin_email_recipient]]\naddress = 'x'",
                "mail.admin_email_recipient is a table; write admin_email_recipient = and its \
                 value on one line",
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
