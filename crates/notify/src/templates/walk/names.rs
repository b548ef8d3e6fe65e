//! Which helpers there are, what they take, and where a word stands in a file. Walks nothing.

use std::collections::BTreeSet;

use crate::position::position;
use crate::variables::{Shape, VariableKind};
use crate::vocabulary::{ArgumentKind, HELPERS, HelperDocumentation};

/// The helpers of Handlebars that templates may call, with how many arguments each takes.
const OF_HANDLEBARS: [(&str, usize, usize); 16] = [
    ("if", 1, 1),
    ("unless", 1, 1),
    ("each", 1, 1),
    ("with", 1, 1),
    ("raw", 0, 0),
    ("lookup", 2, 2),
    ("eq", 2, 2),
    ("ne", 2, 2),
    ("gt", 2, 2),
    ("gte", 2, 2),
    ("lt", 2, 2),
    ("lte", 2, 2),
    ("and", 2, 20),
    ("or", 2, 20),
    ("not", 1, 1),
    ("len", 1, 1),
];

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
        let of_handlebars = OF_HANDLEBARS.iter().map(|(name, ..)| *name);
        let own = self.own.iter().map(String::as_str);
        ours.chain(of_handlebars).chain(own)
    }

    pub(super) fn is_helper(&self, name: &str) -> bool {
        self.helpers().any(|helper| helper == name)
    }

    /// Whether it is one that an embedding program brings.
    pub(super) fn is_own(&self, name: &str) -> bool {
        self.own.contains(name)
    }

    pub(super) fn is_block(&self, name: &str) -> bool {
        BLOCKS.contains(&name) && !self.is_own(name)
    }

    /// What one of ours does.
    pub(super) fn documented(&self, name: &str) -> Option<&'static HelperDocumentation> {
        let mut helpers = HELPERS.iter();
        helpers.find(|helper| helper.name == name && !self.own.contains(name))
    }

    /// How many arguments one of Handlebars takes.
    pub(super) fn arguments(&self, name: &str) -> Option<(usize, usize)> {
        let mut helpers = OF_HANDLEBARS.iter();
        let found = helpers.find(|(helper, ..)| *helper == name && !self.own.contains(name));
        found.map(|(_, least, most)| (*least, *most))
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
pub(super) fn takes(argument: ArgumentKind, given: &Shape) -> bool {
    // What the operator or the template itself writes is judged when it is rendered.
    let is_own_text = given.kind == VariableKind::Text && given.meaning.is_empty();
    match argument {
        _ if given.kind == VariableKind::Any => true,
        ArgumentKind::Date => given.kind == VariableKind::Date || is_own_text,
        ArgumentKind::Integer => given.kind == VariableKind::Integer,
        ArgumentKind::Text => given.kind == VariableKind::Text,
        ArgumentKind::List => given.kind == VariableKind::List,
        _ => true,
    }
}

pub(super) fn argument_in_words(argument: ArgumentKind) -> &'static str {
    match argument {
        ArgumentKind::Date => "a date",
        ArgumentKind::Integer => "a number",
        ArgumentKind::Text => "text",
        ArgumentKind::List => "a list",
        _ => "anything",
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
    let is_part = |character: char| character.is_alphanumeric() || "_-./@\"'".contains(character);
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
        let text = "jobs {{#if a}}\né {{date jobs.x \"jobs\"}} {{jobs}}";
        assert_eq!(place_of(text, (1, 6), "jobs"), (2, 28));
        assert_eq!(place_of(text, (2, 3), "jobs.x"), (2, 10));
        assert_eq!(place_of(text, (2, 3), "\"jobs\""), (2, 17));
        assert_eq!(place_of(text, (2, 3), "nothing"), (2, 3));
    }

    #[test]
    fn the_helpers_of_handlebars_are_those_that_are_documented() {
        let known: Vec<&str> = OF_HANDLEBARS.iter().map(|(name, ..)| *name).collect();
        let mut documented = crate::vocabulary::HANDLEBARS_HELPERS.to_vec();
        documented.sort_unstable();
        let mut known = known;
        known.sort_unstable();
        assert_eq!(known, documented);
    }

    #[test]
    fn every_helper_that_stands_around_something_is_known_as_a_block() {
        for helper in HELPERS {
            let is_block = helper.usage.contains("{{#");
            assert_eq!(BLOCKS.contains(&helper.name), is_block, "{}", helper.name);
        }
    }
}
