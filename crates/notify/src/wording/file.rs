//! A language's `wording.toml`: its place over the English one, and what can be wrong with it. Knows
//! no date and no size.

use serde::Deserialize;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::Wording;
use crate::nearest::nearest;
use crate::position::position;

/// What is wrong with a `wording.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WordingFault {
    /// The line, counted from 1.
    pub(crate) line: usize,
    /// The column, counted from 1.
    pub(crate) column: usize,
    /// What is wrong there.
    pub(crate) problem: String,
}

impl Wording {
    /// Reads files, each over those before it. The first one, which is English, has every key.
    pub(crate) fn read(files: &[&str]) -> Result<Self, WordingFault> {
        let mut merged: Option<Table> = None;
        for text in files {
            let table = parse(text)?;
            match &mut merged {
                None => merged = Some(table),
                Some(known) => lay_over(known, table, text)?,
            }
        }
        let merged = Value::Table(merged.unwrap_or_default());
        Self::deserialize(merged).map_err(|error| WordingFault {
            line: 1,
            column: 1,
            problem: error.message().to_owned(),
        })
    }
}

fn parse(text: &str) -> Result<Table, WordingFault> {
    text.parse().map_err(|error: toml::de::Error| {
        let offset = error.span().map_or(0, |span| span.start);
        let problem = format!("this is no valid TOML: {}", error.message());
        fault_at(text, offset, problem)
    })
}

/// Takes each value of `table` in place of the known one, if it is of the same kind.
fn lay_over(known: &mut Table, table: Table, text: &str) -> Result<(), WordingFault> {
    let names: Vec<String> = known.keys().cloned().collect();
    for (section, values) in table {
        let fault = |key: Option<&str>, problem| fault_of(text, &section, key, problem);
        let (Some(Value::Table(known)), Value::Table(values)) = (known.get_mut(&section), values)
        else {
            return Err(fault(None, unknown(&section, &names, "[table]")));
        };
        let keys: Vec<String> = known.keys().cloned().collect();
        for (key, value) in values {
            let Some(current) = known.get_mut(&key) else {
                return Err(fault(Some(&key), unknown(&key, &keys, "key")));
            };
            if let Some(problem) = misfit(current, &value) {
                return Err(fault(Some(&key), format!("`{key}` {problem}")));
            }
            *current = value;
        }
    }
    Ok(())
}

fn unknown(name: &str, known: &[String], what: &str) -> String {
    let known = known.iter().map(String::as_str);
    match nearest(name, known) {
        Some(meant) => format!("there is no {what} `{name}`; did you mean `{meant}`?"),
        None => format!("there is no {what} `{name}`"),
    }
}

/// Why a value can't stand in the place of the English one.
fn misfit(english: &Value, value: &Value) -> Option<String> {
    match (english, value) {
        (Value::String(english), Value::String(text)) => {
            let wanted = placeholders(english);
            // A date may well do without its weekday.
            let lost = wanted
                .iter()
                .find(|name| *name != "{weekday}" && !text.contains(name.as_str()));
            let added = placeholders(text);
            let added = added.iter().find(|name| !wanted.contains(name));
            match (lost, added) {
                (Some(lost), _) => Some(format!("must hold {lost}")),
                (_, Some(added)) => Some(format!("holds {added}, which stands for nothing here")),
                _ => None,
            }
        }
        (Value::Array(english), Value::Array(values)) => {
            let are_strings = values.iter().all(Value::is_str);
            (!are_strings || english.len() != values.len())
                .then(|| format!("takes an array of {} strings", english.len()))
        }
        (Value::Array(english), _) => Some(format!("takes an array of {} strings", english.len())),
        _ => Some("takes a string".to_owned()),
    }
}

/// The parts such as `{count}` of a text.
fn placeholders(text: &str) -> Vec<String> {
    let parts = text.split('{').skip(1);
    let names = parts.filter_map(|part| part.split_once('}'));
    names.map(|(name, _)| format!("{{{name}}}")).collect()
}

/// A fault at a table, or at a key in it.
fn fault_of(text: &str, section: &str, key: Option<&str>, problem: String) -> WordingFault {
    let offset = DeTable::parse(text).ok().and_then(|table| {
        let table = table.into_inner();
        let (name, value) = table
            .iter()
            .find(|(name, _)| name.get_ref().as_ref() == section)?;
        let (DeValue::Table(values), Some(key)) = (value.get_ref(), key) else {
            return Some(name.span().start);
        };
        let mut keys = values.keys();
        let key = keys.find(|name| name.get_ref().as_ref() == key)?;
        Some(key.span().start)
    });
    fault_at(text, offset.unwrap_or_default(), problem)
}

fn fault_at(text: &str, offset: usize, problem: String) -> WordingFault {
    let (line, column) = position(text, offset);
    WordingFault {
        line,
        column,
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGLISH: &str = include_str!("../../templates/en/wording.toml");

    #[test]
    fn what_a_language_leaves_out_is_english() {
        let german = "[duration]\nday = \"T\"\n[size]\nseveral = \"Bytes\"\n";
        let wording = Wording::read(&[ENGLISH, german]).unwrap();
        assert_eq!(wording.duration(3 * 86_400 + 7_200), "3 T 2 h");
        assert_eq!(wording.bytes(12), "12 Bytes");
    }

    #[test]
    fn a_fault_is_named_with_its_place() {
        for (text, line, column, problem) in [
            (
                "\n[duration]\ndya = \"T\"",
                3,
                1,
                "there is no key `dya`; did you mean `day`?",
            ),
            (
                "[durations]\nday = \"T\"",
                1,
                2,
                "there is no [table] `durations`; did you mean `duration`?",
            ),
            ("[duration]\nday = 3", 2, 1, "`day` takes a string"),
            (
                "[duration]\npast = \"vorher\"",
                2,
                1,
                "`past` must hold {duration}",
            ),
            (
                "[note]\nleft_out = \"{count} {cuont}\"",
                2,
                1,
                "`left_out` holds {cuont}, which stands for nothing here",
            ),
            (
                "[date]\nmonths = [\"Januar\"]",
                2,
                1,
                "`months` takes an array of 12 strings",
            ),
        ] {
            let fault = Wording::read(&[ENGLISH, text]).unwrap_err();
            let expected = WordingFault {
                line,
                column,
                problem: problem.to_owned(),
            };
            assert_eq!(fault, expected);
        }
        let fault = Wording::read(&[ENGLISH, "[date]\nformat ="]).unwrap_err();
        assert_eq!(fault.line, 2);
        assert!(fault.problem.contains("no valid TOML"), "{fault:?}");
    }

    #[test]
    fn a_date_needs_no_weekday_but_all_else() {
        let text = "[date]\nformat = \"{year}-{month}-{day} {time}\"";
        assert!(Wording::read(&[ENGLISH, text]).is_ok());
        let text = "[date]\nformat = \"{day} {month}\"";
        let fault = Wording::read(&[ENGLISH, text]).unwrap_err();
        assert_eq!(fault.problem, "`format` must hold {year}");
    }
}
