//! The templates that ship with this crate, and how they become the parts of a mail. Knows no
//! address and no transport.

use std::fmt;
use std::sync::Arc;

use handlebars::Handlebars;
use serde::Serialize;
use thiserror::Error;

use crate::Locale;
use crate::vocabulary::{self, Format};
use crate::wording::Wording;

/// The files of `templates/`, each by its path below that folder.
macro_rules! built_in {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../templates/", $path)))),*]
    };
}

const BUILT_IN: &[(&str, &str)] = built_in![
    "en/entry/body.html.hbs",
    "en/entry/body.txt.hbs",
    "en/entry/subject.txt.hbs",
    "en/missing/body.html.hbs",
    "en/missing/body.txt.hbs",
    "en/missing/subject.txt.hbs",
    "en/partials/contact.hbs",
    "en/partials/entry-steps.hbs",
    "en/partials/foot.hbs",
    "en/partials/headline.hbs",
    "en/partials/html-color.hbs",
    "en/partials/html-end.hbs",
    "en/partials/html-file.hbs",
    "en/partials/html-heading.hbs",
    "en/partials/html-last-good.hbs",
    "en/partials/html-links.hbs",
    "en/partials/html-logo.hbs",
    "en/partials/html-quote.hbs",
    "en/partials/html-stage.hbs",
    "en/partials/html-start.hbs",
    "en/partials/html-style.hbs",
    "en/partials/html-summary.hbs",
    "en/partials/html-table-start.hbs",
    "en/partials/job-rows.hbs",
    "en/partials/last-good-rows.hbs",
    "en/partials/meaning.hbs",
    "en/partials/missing-meaning.hbs",
    "en/partials/missing-steps.hbs",
    "en/partials/reason.hbs",
    "en/partials/run-rows.hbs",
    "en/partials/schedule.hbs",
    "en/partials/text-end.hbs",
    "en/partials/text-file.hbs",
    "en/partials/text-last-good.hbs",
    "en/partials/text-links.hbs",
    "en/partials/text-stage.hbs",
    "en/partials/text-start.hbs",
    "fr/entry/body.html.hbs",
    "fr/entry/body.txt.hbs",
    "fr/entry/subject.txt.hbs",
    "fr/missing/body.html.hbs",
    "fr/missing/body.txt.hbs",
    "fr/missing/subject.txt.hbs",
    "fr/partials/entry-steps.hbs",
    "fr/partials/foot.hbs",
    "fr/partials/headline.hbs",
    "fr/partials/html-file.hbs",
    "fr/partials/html-last-good.hbs",
    "fr/partials/html-links.hbs",
    "fr/partials/html-stage.hbs",
    "fr/partials/job-rows.hbs",
    "fr/partials/last-good-rows.hbs",
    "fr/partials/meaning.hbs",
    "fr/partials/missing-meaning.hbs",
    "fr/partials/missing-steps.hbs",
    "fr/partials/reason.hbs",
    "fr/partials/run-rows.hbs",
    "fr/partials/schedule.hbs",
    "fr/partials/text-file.hbs",
    "fr/partials/text-last-good.hbs",
    "fr/partials/text-links.hbs",
    "fr/partials/text-stage.hbs",
    "fr/partials/text-start.hbs",
];

/// The language whose files stand in for those that another one does not have.
const FALLBACK: Locale = Locale::EN;

/// A mail that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MailKind {
    /// No report was received.
    Missing,
    /// A report spoke of a backup, and the job is not OK.
    Entry,
}

impl MailKind {
    /// The name of the folder that holds its templates.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Entry => "entry",
        }
    }
}

/// The parts of a mail, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// Why a template could not be read or a mail could not be written from it.
#[derive(Debug, Error)]
pub enum TemplateError {
    /// The template itself is broken.
    #[error("the template {path} can't be read: {source}")]
    Broken {
        /// The template's path below the folder of templates.
        path: String,
        /// What is wrong with it, and where.
        source: Box<handlebars::TemplateError>,
    },
    /// The template does not fit what it is to be written with.
    #[error("the template {path} can't be rendered: {source}")]
    Render {
        /// The template's path below the folder of templates.
        path: String,
        /// What is wrong, and where.
        source: Box<handlebars::RenderError>,
    },
}

/// All templates of all languages, ready to be rendered.
pub(crate) struct Templates {
    registries: Vec<LocaleRegistries>,
}

impl fmt::Debug for Templates {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The trees of all templates would bury whatever else is printed.
        let locales = self.registries.iter().map(|registries| &registries.locale);
        formatter.debug_list().entries(locales).finish()
    }
}

/// The templates of one language. HTML and text are kept apart: only the values that get into HTML
/// are escaped.
struct LocaleRegistries {
    locale: Locale,
    wording: Arc<Wording>,
    html: Handlebars<'static>,
    text: Handlebars<'static>,
}

impl Templates {
    /// The templates that ship with this crate.
    pub(crate) fn built_in() -> Result<Self, TemplateError> {
        let registries = Locale::BUILT_IN.map(LocaleRegistries::built_in);
        Ok(Self {
            registries: registries.into_iter().collect::<Result<_, _>>()?,
        })
    }

    /// Templates that name a variable that no mail has.
    #[cfg(test)]
    pub(crate) fn broken() -> Self {
        let mut templates = Self::built_in().expect("the built-in templates can be read");
        for registries in &mut templates.registries {
            for name in ["missing/subject.txt", "entry/subject.txt"] {
                let broken = registries
                    .text
                    .register_template_string(name, "{{misspelt}}");
                broken.expect("the broken template can be read");
            }
        }
        templates
    }

    pub(crate) fn wording(&self, locale: &Locale) -> Arc<Wording> {
        self.registries
            .iter()
            .find(|r| r.locale == *locale)
            .unwrap_or(&self.registries[0])
            .wording
            .clone()
    }

    /// Writes a mail in one language.
    pub(crate) fn render(
        &self,
        locale: &Locale,
        mail: MailKind,
        context: &impl Serialize,
    ) -> Result<Parts, TemplateError> {
        let registries = self
            .registries
            .iter()
            .find(|registries| registries.locale == *locale)
            .unwrap_or(&self.registries[0]);
        let part = |registry: &Handlebars<'_>, part: &str| {
            let name = format!("{}/{part}", mail.as_str());
            registry
                .render(&name, context)
                .map_err(|source| TemplateError::Render {
                    path: format!("{locale}/{name}.hbs"),
                    source: Box::new(source),
                })
        };
        Ok(Parts {
            subject: part(&registries.text, "subject.txt")?.trim().to_owned(),
            text: without_blank_runs(&part(&registries.text, "body.txt")?),
            html: without_blank_runs(&part(&registries.html, "body.html")?),
        })
    }
}

impl LocaleRegistries {
    fn built_in(locale: Locale) -> Result<Self, TemplateError> {
        let english = include_str!("../templates/en/wording.toml");
        let french = include_str!("../templates/fr/wording.toml");
        let wording = Arc::new(
            if locale == Locale::FR {
                Wording::read(&[english, french])
            } else {
                Wording::read(&[english])
            }
            .unwrap(),
        );
        let mut registries = Self {
            locale: locale.clone(),
            html: registry(&wording, Format::Html),
            text: registry(&wording, Format::Text),
            wording,
        };
        for origin in [FALLBACK, locale] {
            for (path, source) in BUILT_IN {
                let (folder, name) = path.split_once('/').unwrap_or((path, ""));
                if folder == origin.as_str() {
                    registries.register(path, name, source)?;
                }
            }
        }
        Ok(registries)
    }

    fn register(&mut self, path: &str, name: &str, source: &str) -> Result<(), TemplateError> {
        let name = name.strip_suffix(".hbs").unwrap_or(name);
        let broken = |source| TemplateError::Broken {
            path: path.to_owned(),
            source: Box::new(source),
        };
        if let Some(partial) = name.strip_prefix("partials/") {
            // A partial of one line is words within a line; the end of its file is none of them.
            let is_within_line = source.trim_end().lines().count() == 1;
            let source = if is_within_line {
                source.trim_end()
            } else {
                source
            };
            for registry in [&mut self.html, &mut self.text] {
                registry.register_partial(partial, source).map_err(broken)?;
            }
            return Ok(());
        }
        let registry = match name.rsplit_once('.') {
            Some((_, "html")) => &mut self.html,
            _ => &mut self.text,
        };
        registry
            .register_template_string(name, source)
            .map_err(broken)
    }
}

fn registry(wording: &Arc<Wording>, format: Format) -> Handlebars<'static> {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    // Otherwise values of several lines would be indented as deep as the partial they stand in.
    registry.set_prevent_indent(true);
    if format == Format::Text {
        registry.register_escape_fn(handlebars::no_escape);
    }
    vocabulary::register(&mut registry, wording, format);
    registry
}

/// No spaces at the end of a line, no two blank lines in a row, one line end at the end.
fn without_blank_runs(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut was_blank = true;
    for line in text.lines() {
        let line = line.trim_end_matches([' ', '\t']);
        if line.is_empty() && was_blank {
            continue;
        }
        was_blank = line.is_empty();
        tidy.push_str(line);
        tidy.push('\n');
    }
    tidy.truncate(tidy.trim_end_matches('\n').len());
    tidy.push('\n');
    tidy
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn files_below(folder: &Path, found: &mut Vec<String>, root: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "toml") {
                continue;
            }
            if path.is_dir() {
                files_below(&path, found, root);
            } else {
                let relative = path.strip_prefix(root).unwrap();
                found.push(relative.to_str().unwrap().replace('\\', "/"));
            }
        }
    }

    #[test]
    fn every_file_in_the_folder_is_embedded() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        let mut found = Vec::new();
        files_below(&root, &mut found, &root);
        found.sort();
        let embedded: Vec<&str> = BUILT_IN.iter().map(|(path, _)| *path).collect();
        assert_eq!(embedded, found);
    }

    #[test]
    fn french_punctuation_never_starts_a_line() {
        for (path, source) in BUILT_IN.iter().filter(|(path, _)| path.starts_with("fr/")) {
            for mark in [" :", " ;", " !", " ?", " »", "« "] {
                assert!(
                    !source.contains(mark),
                    "{path} has a plain space at {mark:?}"
                );
            }
            assert!(!source.contains('\''), "{path} has a straight apostrophe");
        }
    }

    #[test]
    fn a_template_that_does_not_fit_its_context_says_which() {
        let templates = Templates::built_in().unwrap();
        let context = serde_json::json!({"job": {"database": "X"}});
        let error = templates
            .render(&Locale::FR, MailKind::Entry, &context)
            .unwrap_err();
        let text = error.to_string();
        assert!(text.contains("fr/entry/subject.txt.hbs"), "{text}");
        assert!(text.contains("status"), "{text}");
    }

    #[test]
    fn notes_come_first_and_links_are_buttons() {
        let templates = Templates::built_in().unwrap();
        for locale in Locale::BUILT_IN {
            let reader = crate::context::Reader {
                locale: locale.clone(),
                time_zone: jiff::tz::TimeZone::UTC,
                wording: templates.wording(&locale),
            };
            let around = crate::context::Surroundings {
                dashboard: Some("https://dash.example.com/{job_id}".parse().unwrap()),
                runbook: Some("https://wiki.example.com/{status}".parse().unwrap()),
                notes: vec!["First <note>.".to_owned(), "Second note.".to_owned()],
                ..Default::default()
            };
            let missing = crate::samples::missing_full();
            let failed = crate::samples::entry_full(vigie_domain::BackupEntryStatus::Failed);
            let entry = failed.entry.as_ref().unwrap();
            let contexts = [
                serde_json::to_value(crate::MissingContext::new(
                    &missing.job,
                    missing.now,
                    &reader,
                    &around,
                )),
                serde_json::to_value(crate::EntryContext::new(
                    &failed.job,
                    entry,
                    failed.now,
                    &reader,
                    &around,
                )),
            ];
            for (kind, context) in [MailKind::Missing, MailKind::Entry]
                .into_iter()
                .zip(contexts)
            {
                let parts = templates.render(&locale, kind, &context.unwrap()).unwrap();
                let order = |part: &str, wanted: &[&str]| {
                    let places: Vec<_> = wanted.iter().map(|text| part.find(text)).collect();
                    assert!(places.iter().all(Option::is_some), "{places:?} in {part}");
                    assert!(places.is_sorted(), "{places:?} in {part}");
                };
                assert!(parts.text.starts_with("NOTE"), "{}", parts.text);
                let links = ["https://wiki.example.com/", "https://dash.example.com/41"];
                order(
                    &parts.text,
                    &[
                        "First <note>.",
                        "Second note.",
                        "XAFRIC_2025",
                        links[0],
                        links[1],
                    ],
                );
                let links = links.map(|link| format!("<a href=\"{link}"));
                order(
                    &parts.html,
                    &[
                        "First &lt;note&gt;.",
                        "Second note.",
                        "<h1",
                        &links[0],
                        &links[1],
                    ],
                );
            }
        }
    }

    #[test]
    fn blank_lines_come_one_at_a_time() {
        assert_eq!(without_blank_runs("\n\na  \n\n \n\nb\n\n"), "a\n\nb\n");
    }
}
