//! What somebody's own templates were copied from, so that they notice when the built-in one has
//! changed since. Copies nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::built_in::{BUILT_IN, built_in};
use super::files::TemplateFiles;

/// The name of the file, in the folder of one's own templates, that [`Origins`] are kept in.
pub const ORIGINS: &str = ".origins.toml";

const HEAD: &str = "# What the files here were copied from: kept by Vigie, to tell when a built-in \
                    template has\n# changed since.\n\n";

/// What files were copied from, by their paths.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Origins {
    /// By the path of the file: `de/missing/subject.txt.hbs`.
    #[serde(default)]
    pub copied_from: BTreeMap<String, CopiedFrom>,
}

/// The built-in file that one of somebody's own was copied from, as it was then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopiedFrom {
    /// Its path: that of a translation is one of another language, `en/missing/subject.txt.hbs`.
    pub path: String,
    /// The SHA-256 of its content.
    pub sha256: String,
}

/// Why [`Origins`] can't be read or written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{problem}")]
#[non_exhaustive]
pub struct InvalidOrigins {
    /// What is wrong, and where.
    pub problem: String,
}

/// Where a file comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TemplateOrigin {
    /// Its path below the folder of templates.
    pub path: String,
    /// Where it comes from.
    pub origin: Origin,
    /// The path of the built-in file that it was copied from, if that is recorded.
    pub copied_from: Option<String>,
}

/// Where a file comes from, and whether that is still so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Origin {
    /// It ships with this crate, and nobody has one of their own.
    BuiltIn,
    /// It is somebody's own, no built-in one has its path, and it was copied from none.
    Added,
    /// It is somebody's own but still the same as the built-in one that it was copied from.
    Unchanged,
    /// It is somebody's own, and the built-in one is still what it was when it was copied.
    Changed,
    /// It is somebody's own, and the built-in one has changed since it was copied.
    Outdated,
    /// It is somebody's own, and what it was copied from is not recorded.
    Unrecorded,
}

impl Origins {
    /// Reads what [`Origins::to_toml`] wrote.
    ///
    /// # Errors
    ///
    /// When the text is nothing of the kind; the error says where.
    pub fn from_toml(text: &str) -> Result<Self, InvalidOrigins> {
        toml::from_str(text).map_err(|error| invalid(&error))
    }

    /// As it is kept in the file [`ORIGINS`].
    ///
    /// # Errors
    ///
    /// When a path is one that TOML has no words for.
    pub fn to_toml(&self) -> Result<String, InvalidOrigins> {
        let text = toml::to_string(self).map_err(|error| invalid(&error))?;
        Ok(HEAD.to_owned() + &text)
    }

    /// Takes note that the built-in file `source` has just been copied to `path`.
    pub fn record(&mut self, path: &str, source: &str) {
        if let Some(text) = built_in(source) {
            let copied_from = CopiedFrom {
                path: source.to_owned(),
                sha256: digest_of(text),
            };
            self.copied_from.insert(path.to_owned(), copied_from);
        }
    }

    /// What a file of somebody's own is to be compared with: what it was copied from, as it was then
    /// and as it is now. Nothing when that is not recorded, or ships no longer.
    fn source_of(&self, path: &str) -> Option<(&CopiedFrom, &'static str)> {
        let copied_from = self.copied_from.get(path)?;
        Some((copied_from, built_in(&copied_from.path)?))
    }
}

fn invalid(error: &impl ToString) -> InvalidOrigins {
    InvalidOrigins {
        problem: error.to_string().trim_end().to_owned(),
    }
}

/// Where each file comes from, built-in ones and one's own.
pub(super) fn of_files(files: &TemplateFiles, recorded: &Origins) -> Vec<TemplateOrigin> {
    let of_built_in = BUILT_IN.iter().map(|(path, _)| {
        let path = (*path).to_owned();
        let origin = Origin::BuiltIn;
        (
            path.clone(),
            TemplateOrigin {
                path,
                origin,
                copied_from: None,
            },
        )
    });
    let own = files.iter().map(|(path, content)| {
        let source = recorded.source_of(path);
        let now = source.map_or_else(|| built_in(path), |(_, now)| Some(now));
        let origin = match (now, source) {
            (None, _) => Origin::Added,
            (Some(now), _) if now.as_bytes() == content => Origin::Unchanged,
            (Some(_), None) => Origin::Unrecorded,
            (Some(now), Some((then, _))) if then.sha256 == digest_of(now) => Origin::Changed,
            (Some(_), Some(_)) => Origin::Outdated,
        };
        (
            path.to_owned(),
            TemplateOrigin {
                path: path.to_owned(),
                origin,
                copied_from: source.map(|(then, _)| then.path.clone()),
            },
        )
    });
    let origins: BTreeMap<String, TemplateOrigin> = of_built_in.chain(own).collect();
    origins.into_values().collect()
}

fn digest_of(text: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(text).into();
    vigie_domain::Sha256::from(digest).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: &str = "en/missing/subject.txt.hbs";

    fn origin_of(path: &str, files: &TemplateFiles, recorded: &Origins) -> Origin {
        let origins = of_files(files, recorded);
        origins
            .iter()
            .find(|file| file.path == path)
            .unwrap()
            .origin
    }

    /// As if the built-in file had changed since.
    fn make_older(recorded: &mut Origins, path: &str) {
        recorded.copied_from.get_mut(path).unwrap().sha256 = "0".repeat(64);
    }

    #[test]
    fn a_file_knows_whether_what_it_was_copied_from_has_changed() {
        let mut recorded = Origins::default();
        let none = TemplateFiles::none();
        assert_eq!(origin_of(SUBJECT, &none, &recorded), Origin::BuiltIn);
        let copy = none.clone().with(SUBJECT, built_in(SUBJECT).unwrap());
        assert_eq!(origin_of(SUBJECT, &copy, &recorded), Origin::Unchanged);
        let own = none.with(SUBJECT, "mine").with("de/wording.toml", "");
        assert_eq!(origin_of(SUBJECT, &own, &recorded), Origin::Unrecorded);
        recorded.record(SUBJECT, SUBJECT);
        assert_eq!(origin_of(SUBJECT, &own, &recorded), Origin::Changed);
        make_older(&mut recorded, SUBJECT);
        assert_eq!(origin_of(SUBJECT, &own, &recorded), Origin::Outdated);
        assert_eq!(origin_of("de/wording.toml", &own, &recorded), Origin::Added);
    }

    #[test]
    fn a_translation_knows_whether_what_it_was_copied_from_has_changed() {
        let german = "de/missing/subject.txt.hbs";
        let mut recorded = Origins::default();
        recorded.record(german, SUBJECT);
        let none = TemplateFiles::none;
        let copy = none().with(german, built_in(SUBJECT).unwrap());
        assert_eq!(origin_of(german, &copy, &recorded), Origin::Unchanged);
        let own = none().with(german, "mein");
        assert_eq!(origin_of(german, &own, &recorded), Origin::Changed);
        make_older(&mut recorded, german);
        assert_eq!(origin_of(german, &own, &recorded), Origin::Outdated);
        let origins = of_files(&own, &recorded);
        let german_one = origins.iter().find(|file| file.path == german).unwrap();
        assert_eq!(german_one.copied_from.as_deref(), Some(SUBJECT));
        // As when a file ships no longer.
        recorded.copied_from.get_mut(german).unwrap().path = "en/gone.hbs".to_owned();
        assert_eq!(origin_of(german, &own, &recorded), Origin::Added);
    }

    #[test]
    fn origins_are_read_as_they_were_written() {
        let mut origins = Origins::default();
        assert_eq!(
            Origins::from_toml(&origins.to_toml().unwrap()).as_ref(),
            Ok(&origins)
        );
        origins.record("de/missing/subject.txt.hbs", SUBJECT);
        origins.record("en/wording.toml", "en/wording.toml");
        let text = origins.to_toml().unwrap();
        let entry = "[copied_from.\"de/missing/subject.txt.hbs\"]\npath = \
                     \"en/missing/subject.txt.hbs\"\nsha256 = \"";
        assert!(text.contains(entry), "{text}");
        assert_eq!(Origins::from_toml(&text), Ok(origins));
        let error = Origins::from_toml("copied_from = 3").unwrap_err();
        assert!(error.to_string().contains("line 1"), "{error}");
    }
}
