//! What is wrong with a config, where, and what to do about it. Knows no key.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;
use thiserror::Error;

/// One thing that is wrong. `Display` says it in full; no field ever holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The config file, as it was named.
    pub file: PathBuf,
    /// The line, counted from 1, of the key or of the table that lacks it.
    pub line: Option<usize>,
    /// The column, counted from 1, where the file is no TOML.
    pub column: Option<usize>,
    /// The key, as in `smtp.port` or `jobs[2].every`; jobs are counted from 1.
    pub key: Option<String>,
    /// The environment variable that the value comes from, when not from the file.
    pub variable: Option<&'static str>,
    /// What is wrong, as a sentence that starts with the key.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
    /// The line itself with a mark below it, where the file is no TOML.
    pub excerpt: Option<String>,
}

impl Problem {
    /// A problem with the file as a whole.
    pub fn of_file(file: impl Into<PathBuf>, complaint: Complaint) -> Self {
        Self {
            file: file.into(),
            line: None,
            column: None,
            key: None,
            variable: None,
            what: complaint.what,
            remedy: complaint.remedy,
            excerpt: None,
        }
    }

    /// What problems are listed by: the file from top to bottom, then the environment.
    fn rank(&self) -> (bool, usize) {
        (self.variable.is_some(), self.line.unwrap_or(usize::MAX))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key.as_deref();
        if let Some(variable) = self.variable {
            write!(formatter, "environment: {variable}")?;
            if let Some(key) = key {
                write!(formatter, " ({key})")?;
            }
            write!(formatter, " ")?;
        } else {
            write!(formatter, "{}", self.file.display())?;
            for number in [self.line, self.column].into_iter().flatten() {
                write!(formatter, ":{number}")?;
            }
            write!(formatter, ": ")?;
            if let Some(key) = key {
                write!(formatter, "{key} ")?;
            }
        }
        write!(formatter, "{}; {}", self.what, self.remedy)?;
        if let Some(excerpt) = &self.excerpt {
            write!(formatter, "\n{excerpt}")?;
        }
        Ok(())
    }
}

/// Everything that is wrong with a config, never nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", in_lines(.0))]
pub struct ConfigErrors(Vec<Problem>);

impl ConfigErrors {
    /// Puts problems in the order in which a reader of the file meets them.
    pub fn new(mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(Problem::rank);
        Self(problems)
    }

    /// Each of them, in that order.
    #[cfg(test)]
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl From<Problem> for ConfigErrors {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

fn in_lines(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    lines.join("\n")
}

/// What is wrong with a value, said before anybody knows which key it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// What is wrong, as a sentence that starts with the key.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl Complaint {
    pub fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}
