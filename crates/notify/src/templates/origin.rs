//! What somebody's own templates were copied from, so that they notice when the built-in one has
//! changed since. Copies nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::built_in::{BUILT_IN, built_in};
use super::files::TemplateFiles;

/// The name of the file, in the folder of one's own templates, that [`Origins`] are kept in.
pub const ORIGINS: &str = ".origins.toml";

/// What files were copied from: the SHA-256 of the built-in one at that time, by their paths.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Origins {
    /// By the path of the file: `en/missing/subject.txt.hbs`.
    #[serde(default)]
    pub copied_from: BTreeMap<String, String>,
}

/// Where a file comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TemplateOrigin {
    /// Its path below the folder of templates.
    pub path: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a file comes from, and whether that is still so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// It ships with this crate, and nobody has one of their own.
    BuiltIn,
    /// It is somebody's own, and no built-in one has its path.
    Added,
    /// It is somebody's own but still the same as the built-in one.
    Unchanged,
    /// It is somebody's own, and the built-in one is still what it was copied from.
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
    pub fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())
    }

    /// As it is kept in the file [`ORIGINS`].
    #[must_use]
    pub fn to_toml(&self) -> String {
        let head = "# What the files here were copied from: kept by Vigie, to tell when a built-in \
                    template has\n# changed since.\n\n[copied_from]\n";
        let line = |(path, digest): (&String, &String)| format!("\"{path}\" = \"{digest}\"\n");
        head.to_owned() + &self.copied_from.iter().map(line).collect::<String>()
    }

    /// Takes note that a built-in file has just been copied.
    pub fn record(&mut self, path: &str) {
        if let Some(text) = built_in(path) {
            self.copied_from.insert(path.to_owned(), digest_of(text));
        }
    }
}

/// Where each file comes from, built-in ones and one's own.
pub(super) fn of_files(files: &TemplateFiles, recorded: &Origins) -> Vec<TemplateOrigin> {
    let mut origins: BTreeMap<&str, Origin> = BUILT_IN
        .iter()
        .map(|(path, _)| (*path, Origin::BuiltIn))
        .collect();
    for (path, content) in files.iter() {
        let origin = match (built_in(path), recorded.copied_from.get(path)) {
            (None, _) => Origin::Added,
            (Some(text), _) if text.as_bytes() == content => Origin::Unchanged,
            (Some(_), None) => Origin::Unrecorded,
            (Some(text), Some(recorded)) if *recorded == digest_of(text) => Origin::Changed,
            (Some(_), Some(_)) => Origin::Outdated,
        };
        origins.insert(path, origin);
    }
    origins
        .into_iter()
        .map(|(path, origin)| TemplateOrigin {
            path: path.to_owned(),
            origin,
        })
        .collect()
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

    #[test]
    fn a_file_knows_whether_what_it_was_copied_from_has_changed() {
        let mut recorded = Origins::default();
        let none = TemplateFiles::none();
        assert_eq!(origin_of(SUBJECT, &none, &recorded), Origin::BuiltIn);
        let copy = none.clone().with(SUBJECT, built_in(SUBJECT).unwrap());
        assert_eq!(origin_of(SUBJECT, &copy, &recorded), Origin::Unchanged);
        let own = none.with(SUBJECT, "mine").with("de/wording.toml", "");
        assert_eq!(origin_of(SUBJECT, &own, &recorded), Origin::Unrecorded);
        recorded.record(SUBJECT);
        assert_eq!(origin_of(SUBJECT, &own, &recorded), Origin::Changed);
        recorded
            .copied_from
            .insert(SUBJECT.to_owned(), "0".repeat(64));
        assert_eq!(origin_of(SUBJECT, &own, &recorded), Origin::Outdated);
        assert_eq!(origin_of("de/wording.toml", &own, &recorded), Origin::Added);
    }

    #[test]
    fn origins_are_read_as_they_were_written() {
        let mut origins = Origins::default();
        origins.record(SUBJECT);
        origins.record("en/wording.toml");
        assert_eq!(Origins::from_toml(&origins.to_toml()), Ok(origins));
        assert!(Origins::from_toml("copied_from = 3").is_err());
    }
}
