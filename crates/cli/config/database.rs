//! `[database]`: where Vigie keeps what it knows.

use std::path::{Path, PathBuf};

use super::problem::Complaint;
use super::raw::RawDatabase;
use super::reading::{self, Reading};

const FILE: &str = "vigie.db";
const EXAMPLE: &str = "write one such as \"sqlite://vigie.db\"";

/// Where Vigie keeps what it knows.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// The file of the database.
    pub path: PathBuf,
}

pub fn read(raw: &RawDatabase, reading: &mut Reading) -> DatabaseConfig {
    let key = "database.url";
    let file = reading.parse(key, raw.url.as_deref(), file_of);
    let file = file.unwrap_or_else(|| PathBuf::from(FILE));
    DatabaseConfig {
        path: reading.absolute(key, &file),
    }
}

/// The file that a URL names. The URL itself is not told: one of another database server could
/// hold a password.
fn file_of(url: &str) -> Result<PathBuf, Complaint> {
    let Some((scheme, rest)) = url.split_once(':') else {
        return Err(Complaint::new("is no URL", EXAMPLE));
    };
    if scheme != "sqlite" {
        let what = if scheme.chars().all(char::is_alphanumeric) {
            format!("is of the kind {scheme:?}, and only sqlite is known")
        } else {
            "is of a kind that is not known, and only sqlite is".to_owned()
        };
        return Err(Complaint::new(what, EXAMPLE));
    }
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.starts_with(":memory:") {
        return Err(Complaint::new(
            "keeps the database in memory, where every job and incident is forgotten at the end",
            EXAMPLE,
        ));
    }
    if path.contains('?') {
        return Err(Complaint::new(
            "has options after the file's name",
            "leave out all from the `?` on; Vigie sets what it needs",
        ));
    }
    if path.is_empty() || Path::new(path).file_name().is_none() || path.ends_with('/') {
        return Err(Complaint::new("names no file", EXAMPLE));
    }
    reading::path(path)
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{config, config_with, problems, problems_with};

    use super::*;

    #[test]
    fn the_database_lies_beside_the_config_unless_its_url_says_otherwise() {
        let cases = [
            ("", "/srv/vigie/vigie.db"),
            ("sqlite://data/v.db", "/srv/vigie/data/v.db"),
            ("sqlite:v.db", "/srv/vigie/v.db"),
            ("sqlite:///var/lib/v.db", "/var/lib/v.db"),
        ];
        for (url, path) in cases {
            let text = match url {
                "" => String::new(),
                url => format!("database.url = '{url}'"),
            };
            assert_eq!(config(&text).database.path, Path::new(path), "{url}");
        }
    }

    #[test]
    fn a_variable_overrides_the_url() {
        let variables = [("DATABASE_URL", "sqlite://other.db")];
        let database = config_with("database.url = 'sqlite://vigie.db'", &variables).database;
        assert_eq!(database.path, Path::new("/srv/vigie/other.db"));
    }

    #[test]
    fn a_wrong_url_says_what_to_write() {
        let example = "write one such as \"sqlite://vigie.db\"";
        let cases = [
            ("vigie.db", format!("is no URL; {example}")),
            ("", format!("is no URL; {example}")),
            (
                "sqlite::memory:",
                format!(
                    "keeps the database in memory, where every job and incident is forgotten at \
                     the end; {example}"
                ),
            ),
            (
                "sqlite://vigie.db?mode=rwc",
                "has options after the file's name; leave out all from the `?` on; Vigie sets \
                 what it needs"
                    .to_owned(),
            ),
            ("sqlite://", format!("names no file; {example}")),
            ("sqlite:///var/lib/", format!("names no file; {example}")),
            (
                "mysql://localhost/vigie",
                format!("is of the kind \"mysql\", and only sqlite is known; {example}"),
            ),
        ];
        for (url, problem) in cases {
            let problem = format!("vigie.toml:2: database.url {problem}");
            assert_eq!(problems(&format!("database.url = '{url}'")), [problem]);
        }
    }

    #[test]
    fn the_password_in_the_url_of_another_server_is_not_told() {
        for url in ["postgres://vigie:hunter2@db/vigie", "hunter2 @:x"] {
            let problems = problems_with("", &[("DATABASE_URL", url)]).join("\n");
            assert!(problems.starts_with("environment: DATABASE_URL (database.url) is of "));
            assert!(!problems.contains("hunter2"), "{problems}");
        }
    }
}
