//! What can be wrong with templates, and where. Finds nothing.

use std::fmt;

use serde::Serialize;

/// Something that is wrong with somebody's own templates.
///
/// Printed, it is one line: `en/missing/body.txt.hbs:3:14: there is no variable …`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct TemplateFault {
    /// The file's path below the folder of templates; empty for the folder itself.
    pub path: String,
    /// The line, counted from 1, where it is known.
    pub line: Option<usize>,
    /// The column, counted from 1 in characters, where it is known.
    pub column: Option<usize>,
    /// Whether mails can't be written because of it.
    pub severity: Severity,
    /// What is wrong, and what was probably meant.
    pub problem: String,
}

/// What a fault means for mails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Severity {
    /// The mails that need the file are written with the built-in templates. A file that no mail needs
    /// has no effect.
    Error,
    /// Mails are written with it; somebody should look at it.
    Warning,
}

impl TemplateFault {
    pub(crate) fn error(path: &str, problem: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line: None,
            column: None,
            severity: Severity::Error,
            problem: problem.into(),
        }
    }

    pub(crate) fn warning(path: &str, problem: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(path, problem)
        }
    }

    pub(crate) fn at(mut self, line: usize, column: usize) -> Self {
        self.line = Some(line);
        self.column = Some(column);
        self
    }
}

impl fmt::Display for TemplateFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.path)?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(formatter, ":{number}")?;
        }
        if !self.path.is_empty() {
            formatter.write_str(": ")?;
        }
        formatter.write_str(&self.problem)
    }
}

impl std::error::Error for TemplateFault {}
