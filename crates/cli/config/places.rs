//! Where each value of a config comes from: a line of the file, or an environment variable. Knows
//! no value.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::problem::{Complaint, Problem};

#[derive(Debug, Clone)]
pub struct Places {
    file: PathBuf,
    lines: BTreeMap<String, usize>,
    variables: BTreeMap<&'static str, &'static str>,
}

impl Places {
    pub fn new(file: impl Into<PathBuf>, lines: BTreeMap<String, usize>) -> Self {
        Self {
            file: file.into(),
            lines,
            variables: BTreeMap::new(),
        }
    }

    /// The config file, as it was named.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Takes note that an environment variable set this key.
    pub fn set_variable(&mut self, key: &'static str, variable: &'static str) {
        self.variables.insert(key, variable);
    }

    /// The environment variable that set this key.
    pub fn variable_of(&self, key: &str) -> Option<&'static str> {
        with_parents(key).find_map(|key| self.variables.get(key).copied())
    }

    /// The line of this key or, when it is not there, of the table that it should be in.
    pub fn line_of(&self, key: &str) -> Option<usize> {
        with_parents(key).find_map(|key| self.lines.get(key).copied())
    }

    /// A key and its line, as part of a sentence about another one.
    pub fn told(&self, key: &str) -> String {
        match self.line_of(key) {
            Some(line) => format!("{key} on line {line}"),
            None => key.to_owned(),
        }
    }

    pub fn problem(&self, key: &str, complaint: Complaint) -> Problem {
        let variable = self.variable_of(key);
        Problem {
            line: self.line_of(key).filter(|_| variable.is_none()),
            key: Some(key.to_owned()),
            variable,
            ..Problem::of_file(&self.file, complaint)
        }
    }
}

/// `jobs[2].every`, `jobs[2]`, `jobs`.
fn with_parents(key: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(key), |key| {
        key.rfind(['.', '[']).map(|end| &key[..end])
    })
}
