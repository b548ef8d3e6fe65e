//! The file as TOML: its syntax, its lines, and values of the wrong kind. Knows no key; which are
//! known is in `raw`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer, Error};

use super::problem::{Complaint, ConfigErrors, Problem};
use super::raw::RawConfig;
use super::reading::Reading;

/// Reads the syntax.
pub fn parse<'text>(text: &'text str, file: &Path) -> Result<DeTable<'text>, ConfigErrors> {
    DeTable::parse(text)
        .map(Spanned::into_inner)
        .map_err(|error| syntax_problem(&error, text, file).into())
}

/// The line of each key and of each table.
pub fn lines(table: &DeTable<'_>, text: &str) -> BTreeMap<String, usize> {
    // A file may declare thousands of jobs: its lines are counted once, and not once for each key.
    let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    let mut lines = BTreeMap::new();
    note_lines(table, "", &ends, &mut lines);
    lines
}

/// Takes the values out of the table, whose keys are all known. One that is not of its kind is a
/// problem, and left out.
pub fn take_values(mut table: DeTable<'_>, reading: &mut Reading) -> RawConfig {
    loop {
        let document = Spanned::new(0..0, table.clone());
        let error = match RawConfig::deserialize(Deserializer::from(document)) {
            Ok(raw) => return raw,
            Err(error) => error,
        };
        let offset = error.span().map(|span| span.start);
        if let Some((path, value)) = offset.and_then(|at| take_value_at(&mut table, at, "")) {
            reading.complain(&path, wrong_kind(&value, error.message()));
        } else {
            let complaint = Complaint::new("can't be understood", "compare it with `vigie init`");
            reading.complain_of_file(complaint);
            return RawConfig::default();
        }
    }
}

/// What a value is, as part of a sentence.
pub fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// The path of `key` in the table at `parent`, as it is told to people.
pub fn join(parent: &str, key: &str) -> String {
    let is_bare = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    let key = if !key.is_empty() && key.chars().all(is_bare) {
        key.to_owned()
    } else {
        format!("{key:?}")
    };
    if parent.is_empty() {
        key
    } else {
        format!("{parent}.{key}")
    }
}

/// The path of the element at `index` of the array at `parent`; people count from 1.
pub fn element(parent: &str, index: usize) -> String {
    format!("{parent}[{}]", index + 1)
}

/// Whether a value is made of tables, and so takes the place of a table.
pub fn is_made_of_tables(value: &DeValue<'_>) -> bool {
    match value {
        DeValue::Table(_) => true,
        DeValue::Array(elements) => elements.iter().any(|element| element.get_ref().is_table()),
        _ => false,
    }
}

fn take_value_at<'text>(
    table: &mut DeTable<'text>,
    offset: usize,
    path: &str,
) -> Option<(String, DeValue<'text>)> {
    let key = table
        .iter()
        .find(|(_, value)| !is_made_of_tables(value.get_ref()) && value.span().contains(&offset))
        .map(|(key, _)| key.get_ref().to_string());
    if let Some(key) = key {
        let value = table.remove(key.as_str())?;
        return Some((join(path, &key), value.into_inner()));
    }
    table.iter_mut().find_map(|(key, value)| {
        let path = join(path, key.get_ref());
        match value.get_mut() {
            DeValue::Table(table) => take_value_at(table, offset, &path),
            DeValue::Array(elements) => {
                let mut elements = elements.iter_mut().enumerate();
                elements.find_map(|(index, value)| match value.get_mut() {
                    DeValue::Table(table) => take_value_at(table, offset, &element(&path, index)),
                    _ => None,
                })
            }
            _ => None,
        }
    })
}

/// The value itself is not told: it could be a password.
fn wrong_kind(value: &DeValue<'_>, message: &str) -> Complaint {
    let expected = match message.rsplit_once(", expected ") {
        Some((_, expected)) => expected,
        None => message,
    };
    let remedy = match expected {
        "a string" => "write a string in quotes",
        "a boolean" => "write true or false",
        "i64" if value.is_integer() => "write a smaller number",
        "i64" => "write a whole number, without quotes",
        other => &format!("write {other}"),
    };
    Complaint::new(format!("is {}", kind_of(value)), remedy)
}

fn note_lines(
    table: &DeTable<'_>,
    path: &str,
    ends: &[usize],
    lines: &mut BTreeMap<String, usize>,
) {
    let line_of = |offset: usize| ends.partition_point(|end| *end < offset) + 1;
    for (key, value) in table {
        let path = join(path, key.get_ref());
        lines.insert(path.clone(), line_of(key.span().start));
        match value.get_ref() {
            DeValue::Table(table) => note_lines(table, &path, ends, lines),
            DeValue::Array(elements) => {
                for (index, value) in elements.iter().enumerate() {
                    let path = element(&path, index);
                    lines.insert(path.clone(), line_of(value.span().start));
                    if let DeValue::Table(table) = value.get_ref() {
                        note_lines(table, &path, ends, lines);
                    }
                }
            }
            _ => (),
        }
    }
}

fn syntax_problem(error: &Error, text: &str, file: &Path) -> Problem {
    let span = error.span().unwrap_or_default();
    let (line, column) = line_and_column(text, span.start);
    let excerpt = excerpt(text, line, column);
    let remedy = match (error.message(), &excerpt) {
        ("duplicate key", _) => "give each key and each [table] only once",
        (_, Some(_)) => "correct the line where the mark is",
        (_, None) => "correct the line, which is not shown as it may hold a password",
    };
    let what = format!("is no valid TOML: {}", error.message());
    Problem {
        line: Some(line),
        column: Some(column),
        excerpt,
        ..Problem::of_file(file, Complaint::new(what, remedy))
    }
}

/// The line with a mark below it; `None` when it may hold a part of a password.
fn excerpt(text: &str, line: usize, column: usize) -> Option<String> {
    let content = text.lines().nth(line - 1).unwrap_or_default();
    if may_hold_password(text, line) {
        return None;
    }
    let content = content.replace(char::is_control, " ");
    let blank = " ".repeat(line.to_string().len());
    let indent = " ".repeat(column - 1);
    Some(format!("  {line} | {content}\n  {blank} | {indent}^"))
}

/// Where the syntax is broken, only a guess can tell what belongs to a password: a line that names
/// one, every key of `[smtp]` and `[ping]`, however they are spelt, and all that follows once a password may have
/// started a string of several lines.
fn may_hold_password(text: &str, line: usize) -> bool {
    let names_secret = |content: &str| content.contains("smtp") || content.contains("ping");
    let (mut is_among_secrets, mut is_in_string) = (false, false);
    text.lines().take(line).enumerate().any(|(index, content)| {
        let content = content.to_lowercase();
        let is_header = content.trim_start().starts_with('[');
        if is_header {
            is_among_secrets = names_secret(&content);
        }
        let is_suspect = content.contains("pass")
            || (!is_header && (is_among_secrets || names_secret(&content)));
        is_in_string |= is_suspect && (content.contains("\"\"\"") || content.contains("'''"));
        index + 1 == line && (is_suspect || is_in_string)
    })
}

/// Both counted from 1, the column in characters.
pub fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{problems, read};

    #[test]
    fn broken_syntax_is_shown_with_a_mark_where_it_is() {
        let cases = [
            (
                "[deposit]\nroot = deposit\n",
                "vigie.toml:2:8: is no valid TOML: string values must be quoted, expected literal \
                 string; correct the line where the mark is\n  2 | root = deposit\n    |        ^",
            ),
            (
                "[mail]\n\n[mail]\n",
                "vigie.toml:3:2: is no valid TOML: duplicate key; give each key and each [table] \
                 only once\n  3 | [mail]\n    |  ^",
            ),
            (
                "città = 1",
                "vigie.toml:1:5: is no valid TOML: invalid unquoted key, expected letters, \
                 numbers, `-`, `_`; correct the line where the mark is\n  1 | città = 1\n    |     \
                 ^",
            ),
            (
                "[smtp]\npassword = 'x\n",
                "vigie.toml:2:14: is no valid TOML: invalid literal string, expected `'`; correct \
                 the line, which is not shown as it may hold a password",
            ),
        ];
        for (text, problem) in cases {
            assert_eq!(read(text, &[]).unwrap_err().to_string(), problem);
        }
    }

    #[test]
    fn every_value_of_the_wrong_kind_is_told() {
        assert_eq!(
            problems("[smtp]\nport = 2.5\nhost = 1979-05-27\n[mail]\nfrom = ['a']\nlocale = true"),
            [
                "vigie.toml:3: smtp.port is a decimal number; write a whole number, without \
                 quotes",
                "vigie.toml:4: smtp.host is a date or time; write a string in quotes",
                "vigie.toml:6: mail.from is an array; write a string in quotes",
                "vigie.toml:7: mail.locale is a boolean; write a string in quotes",
            ]
        );
    }

    #[test]
    fn a_byte_order_mark_and_windows_line_ends_change_no_line_number() {
        let errors = read("\u{feff}[deposit]\r\nroot = 'x'\r\nsettle = 'x'\r\n", &[]).unwrap_err();
        assert_eq!(errors.problems()[0].line, Some(3));
        assert!(read("\u{feff}[deposit]\r\nroot = 'x'\r\n", &[]).is_ok());
    }
}
