//! What each helper writes, so that nobody has to say it in words that could be wrong. Knows no file
//! of anybody's own.

use std::sync::Arc;

use handlebars::{Handlebars, no_escape};
use jiff::tz::TimeZone;
use serde::Serialize;
use vigie_domain::BackupEntryStatus;

use super::documentation::{HELPERS, HelperDocumentation};
use super::{Format, register};
use crate::context::{self, Reader, Surroundings};
use crate::samples::{self, Sample};
use crate::wording::Wording;
use crate::{Locale, Templates};

/// A helper at work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HelperExample {
    /// The name of the helper.
    pub helper: &'static str,
    /// A template that calls it.
    pub template: &'static str,
    /// What that writes into the text part.
    pub text: String,
    /// What that writes into the HTML part.
    pub html: String,
}

/// Every helper at work in a language that ships with this crate, in the order in which they are
/// documented: in an entry mail about a file that is not the one that the agent made.
///
/// ```
/// use vigie_notify::{Locale, helper_examples};
///
/// let examples = helper_examples(&Locale::EN);
/// let date = examples.iter().find(|example| example.helper == "date");
/// assert!(date.is_some_and(|date| date.text.contains("20 Jun 2025")));
/// ```
#[must_use]
pub fn helper_examples(locale: &Locale) -> Vec<HelperExample> {
    let sample = samples::entry_full(BackupEntryStatus::HashMismatch);
    let wording = Arc::new(wording_of(locale));
    let write = |helper: &HelperDocumentation, format| {
        let reader = Reader {
            locale: locale.clone(),
            time_zone: TimeZone::get("Africa/Douala").unwrap_or(TimeZone::UTC),
            wording: wording.clone(),
        };
        written(helper, &sample, &reader, format)
    };
    HELPERS
        .iter()
        .map(|helper| HelperExample {
            helper: helper.name,
            template: helper.example,
            text: write(helper, Format::Text),
            html: write(helper, Format::Html),
        })
        .collect()
}

fn wording_of(locale: &Locale) -> Wording {
    let own = format!("{locale}/wording.toml");
    let files = ["en/wording.toml", &own].into_iter();
    let files: Vec<&str> = files.filter_map(Templates::built_in_file).collect();
    Wording::read(&files).unwrap_or_default()
}

fn written(
    helper: &HelperDocumentation,
    sample: &Sample,
    reader: &Reader,
    format: Format,
) -> String {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    if format == Format::Text {
        registry.register_escape_fn(no_escape);
    }
    register(&mut registry, &reader.wording, format);
    let entry = sample.entry.as_ref();
    let around = Surroundings::example();
    let value = context::value(&sample.job, entry, sample.now, reader, &around);
    registry
        .render_template(helper.example, &value)
        // A test renders all of them.
        .unwrap_or_else(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_writes_something_in_every_language() {
        for locale in &Locale::BUILT_IN {
            for example in helper_examples(locale) {
                for written in [&example.text, &example.html] {
                    let is_error = written.contains("rror");
                    assert!(!written.trim().is_empty() && !is_error, "{example:?}");
                }
            }
        }
    }
}
