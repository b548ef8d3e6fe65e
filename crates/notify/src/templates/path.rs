//! What a file among templates is, by its path. Reads no file.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::built_in::BUILT_IN;
use crate::Locale;
use crate::nearest::nearest;

/// A mail that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum MailKind {
    /// No report was received.
    Missing,
    /// A report spoke of a backup, and the job is not OK.
    Entry,
    /// A job is still not OK.
    Reminder,
    /// A job is OK again.
    Recovery,
    /// A backup that was kept is not what it was any more.
    Damaged,
    /// A job is OK, and its backup is odd.
    Warning,
    /// Several jobs that have something in common are not OK, are OK again, or are odd.
    Group,
    /// Something is wrong with the whole system, not with single jobs.
    Outage,
    /// One mail stands for what would have been too many.
    Summary,
    /// How all is, once a day or once a week.
    Digest,
    /// A mail server refused mails for good, and somebody did not get them.
    Undelivered,
}

/// The codes of mails that are no status of a job or a backup.
pub(crate) const MAIL_CODES: [&str; 6] = [
    "DAMAGED",
    "WARNING",
    "OUTAGE",
    "SUMMARY",
    "DIGEST",
    "UNDELIVERED",
];

/// A text that names no mail.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} is no mail; there are \"missing\", \"entry\", \"reminder\", \"recovery\", \"damaged\", \"warning\", \
     \"group\", \"outage\", \"summary\", \"digest\" and \"undelivered\""
)]
pub struct InvalidMailKind(pub String);

impl MailKind {
    /// Every mail, in the order in which they are documented.
    pub const ALL: [Self; 11] = [
        Self::Missing,
        Self::Entry,
        Self::Reminder,
        Self::Recovery,
        Self::Damaged,
        Self::Warning,
        Self::Group,
        Self::Outage,
        Self::Summary,
        Self::Digest,
        Self::Undelivered,
    ];

    /// The name of the folder that holds its templates.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Entry => "entry",
            Self::Reminder => "reminder",
            Self::Recovery => "recovery",
            Self::Damaged => "damaged",
            Self::Warning => "warning",
            Self::Group => "group",
            Self::Outage => "outage",
            Self::Summary => "summary",
            Self::Digest => "digest",
            Self::Undelivered => "undelivered",
        }
    }
}

impl fmt::Display for MailKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for MailKind {
    type Err = InvalidMailKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|mail| mail.as_str() == text)
            .ok_or_else(|| InvalidMailKind(text.to_owned()))
    }
}

/// A part of a mail that has a template of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Subject,
    Text,
    Html,
}

impl Part {
    pub(crate) const ALL: [Self; 3] = [Self::Subject, Self::Text, Self::Html];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Subject => "subject.txt",
            Self::Text => "body.txt",
            Self::Html => "body.html",
        }
    }
}

/// The name by which a part's template is known to a registry.
pub(crate) fn part_name(mail: MailKind, part: Part) -> String {
    format!("{mail}/{}", part.as_str())
}

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileRole {
    /// The template of a part of a mail.
    Part(MailKind, Part),
    /// A template that others include, by its name.
    Partial(String),
    /// The words of the helpers.
    Wording,
}

/// Takes a path apart: `de/missing/subject.txt.hbs`.
///
/// The error says what is wrong with it, and which path was probably meant.
pub(crate) fn parse(path: &str) -> Result<(Locale, FileRole), String> {
    let (folder, name) = path.split_once('/').unwrap_or((path, ""));
    let locale: Locale = folder
        .parse()
        .map_err(|_| format!("{folder:?} is no language: no template is read from here"))?;
    if locale.as_str() != folder {
        return Err(format!("this folder must be named {locale}"));
    }
    let role = match name.strip_suffix(".hbs") {
        None if name == "wording.toml" => Some(FileRole::Wording),
        None => None,
        Some(name) => role_of(name),
    };
    let role = role.ok_or_else(|| {
        let english = BUILT_IN
            .iter()
            .filter_map(|(path, _)| path.strip_prefix("en/"));
        match nearest(name, english) {
            Some(meant) => format!("no mail uses this file; did you mean {locale}/{meant}?"),
            None => "no mail uses this file".to_owned(),
        }
    })?;
    Ok((locale, role))
}

fn role_of(name: &str) -> Option<FileRole> {
    let (folder, name) = name.split_once('/')?;
    if folder == "partials" {
        let is_name = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        return is_name.then(|| FileRole::Partial(name.to_owned()));
    }
    let mail = folder.parse().ok()?;
    let part = Part::ALL.into_iter().find(|part| part.as_str() == name)?;
    Some(FileRole::Part(mail, part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_file_has_a_role() {
        for (path, _) in BUILT_IN {
            assert!(parse(path).is_ok(), "{path}");
        }
    }

    #[test]
    fn a_misspelt_path_is_told_with_the_one_that_was_meant() {
        for (path, problem) in [
            (
                "en/mising/body.txt.hbs",
                "no mail uses this file; did you mean en/missing/body.txt.hbs?",
            ),
            (
                "de/missing/body.text.hbs",
                "no mail uses this file; did you mean de/missing/body.txt.hbs?",
            ),
            (
                "en/partial/foot.hbs",
                "no mail uses this file; did you mean en/partials/foot.hbs?",
            ),
            ("en/logo.png", "no mail uses this file"),
            ("FR/wording.toml", "this folder must be named fr"),
            (
                "templates/en/wording.toml",
                "\"templates\" is no language: no template is read from here",
            ),
        ] {
            assert_eq!(parse(path), Err(problem.to_owned()));
        }
        let own = FileRole::Partial("our-logo".to_owned());
        assert_eq!(parse("pt-BR/partials/our-logo.hbs").unwrap().1, own);
    }
}
