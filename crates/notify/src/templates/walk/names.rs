//! Which helpers there are, what they take, and where a word stands in a file. Walks nothing.

use std::collections::BTreeSet;

use crate::position::position;
use crate::variables::VariableKind;
use crate::vocabulary::{ArgumentKind, HANDLEBARS_HELPERS, HELPERS};

/// The helpers that stand around something.
const BLOCKS: [&str; 8] = ["if", "unless", "each", "with", "raw", "wrap", "step", "row"];

/// The names of helpers.
pub(super) struct Known<'a> {
    own: &'a BTreeSet<String>,
}

impl<'a> Known<'a> {
    pub(super) fn new(own: &'a BTreeSet<String>) -> Self {
        Self { own }
    }

    pub(super) fn helpers(&self) -> impl Iterator<Item = &str> {
        let ours = HELPERS.iter().map(|helper| helper.name);
        let own = self.own.iter().map(String::as_str);
        ours.chain(HANDLEBARS_HELPERS).chain(own)
    }

    pub(super) fn is_helper(&self, name: &str) -> bool {
        self.helpers().any(|helper| helper == name)
    }

    #[expect(clippy::unused_self, reason = "an own helper is never a block")]
    pub(super) fn is_block(&self, name: &str) -> bool {
        BLOCKS.contains(&name)
    }
}

/// What a helper of Handlebars, or one that a program brought, gives.
pub(super) fn kind_of_result(name: &str) -> VariableKind {
    match name {
        "eq" | "ne" | "gt" | "gte" | "lt" | "lte" | "not" => VariableKind::Boolean,
        "len" => VariableKind::Integer,
        _ => VariableKind::Any,
    }
}

/// Whether a helper can write what it is given.
pub(super) fn takes(argument: ArgumentKind, given: VariableKind) -> bool {
    match argument {
        _ if given == VariableKind::Any => true,
        ArgumentKind::Any | ArgumentKind::Block => true,
        ArgumentKind::Date => given == VariableKind::Date,
        ArgumentKind::Integer => given == VariableKind::Integer,
        ArgumentKind::Text => given == VariableKind::Text,
        ArgumentKind::List => given == VariableKind::List,
    }
}

pub(super) fn argument_in_words(argument: ArgumentKind) -> &'static str {
    match argument {
        ArgumentKind::Date => "a date",
        ArgumentKind::Integer => "a number",
        ArgumentKind::Text => "text",
        ArgumentKind::List => "a list",
        ArgumentKind::Any | ArgumentKind::Block => "anything",
    }
}

pub(super) fn kind_in_words(kind: VariableKind) -> &'static str {
    match kind {
        VariableKind::Date => "a date",
        VariableKind::Integer => "a number",
        VariableKind::Text => "text",
        VariableKind::Boolean => "true or false",
        VariableKind::Object => "an object",
        VariableKind::List => "a list",
        VariableKind::Any => "anything",
    }
}

/// The codes that a variable can have, from its meaning: the words in backticks.
pub(super) fn codes(meaning: &str) -> Vec<&str> {
    meaning.split('`').skip(1).step_by(2).collect()
}

/// Where `word` stands in a text, from the start of a tag on; the tag itself if it is not found.
pub(super) fn place_of(text: &str, tag: (usize, usize), word: &str) -> (usize, usize) {
    let (line, column) = tag;
    let before: usize = text
        .split_inclusive('\n')
        .take(line - 1)
        .map(str::len)
        .sum();
    let rest = text.get(before..).unwrap_or_default();
    let in_line = rest.char_indices().nth(column.saturating_sub(1));
    let start = before + in_line.map_or(0, |(offset, _)| offset);
    let is_part = |character: char| character.is_alphanumeric() || "_-./@".contains(character);
    let searched = text.get(start..).unwrap_or_default();
    let found = searched.match_indices(word).find(|(offset, _)| {
        let follows = searched[offset + word.len()..].chars().next();
        let precedes = searched[..*offset].chars().next_back();
        !follows.is_some_and(is_part) && !precedes.is_some_and(is_part)
    });
    match found {
        Some((offset, _)) if !word.is_empty() => position(text, start + offset),
        _ => tag,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_whole_and_behind_the_start_of_its_tag() {
        let text = "jobs {{#if a}}\né {{date jobs.x}} {{jobs}}";
        assert_eq!(place_of(text, (1, 6), "jobs"), (2, 21));
        assert_eq!(place_of(text, (2, 3), "jobs.x"), (2, 10));
        assert_eq!(place_of(text, (2, 3), "nothing"), (2, 3));
    }

    #[test]
    fn every_helper_that_stands_around_something_is_known_as_a_block() {
        for helper in HELPERS {
            let is_block = helper.usage.contains("{{#");
            assert_eq!(BLOCKS.contains(&helper.name), is_block, "{}", helper.name);
        }
    }

    #[test]
    fn codes_are_what_stands_in_backticks() {
        assert_eq!(codes("`OK` or `FAILED`; null"), ["OK", "FAILED"]);
    }
}
