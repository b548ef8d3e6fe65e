//! What each helper writes, so that nobody has to say it in words that could be wrong. Knows no file
//! of anybody's own.

use std::sync::Arc;

use handlebars::{Handlebars, no_escape};
use jiff::tz::TimeZone;
use serde::Serialize;
use thiserror::Error;
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

/// An example that can't be rendered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the example of the helper `{helper}` can't be rendered: {problem}; please report this")]
#[non_exhaustive]
pub struct HelperExampleError {
    /// The name of the helper.
    pub helper: &'static str,
    /// What went wrong.
    pub problem: String,
}

/// Every helper at work in a language that ships with this crate, in the order in which they are
/// documented: in an entry mail about a file that is not the one that the agent made.
///
/// ```
/// use vigie_notify::{Locale, helper_examples};
///
/// let examples = helper_examples(&Locale::EN)?;
/// let date = examples.iter().find(|example| example.helper == "date");
/// assert!(date.is_some_and(|date| date.text.contains("20 Jun 2025")));
/// # Ok::<(), vigie_notify::HelperExampleError>(())
/// ```
///
/// # Errors
///
/// When an example can't be rendered, which is a bug of this crate.
pub fn helper_examples(locale: &Locale) -> Result<Vec<HelperExample>, HelperExampleError> {
    let sample = samples::entry_full(BackupEntryStatus::HashMismatch).into();
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
        .map(|helper| {
            Ok(HelperExample {
                helper: helper.name,
                template: helper.example,
                text: write(helper, Format::Text)?,
                html: write(helper, Format::Html)?,
            })
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
) -> Result<String, HelperExampleError> {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    if format == Format::Text {
        registry.register_escape_fn(no_escape);
    }
    register(&mut registry, &reader.wording, format);
    let around = Surroundings::example();
    let value = context::value(sample.about(), sample.now(), reader, &around, &|_| None);
    registry
        .render_template(helper.example, &value)
        .map_err(|error| HelperExampleError {
            helper: helper.name,
            problem: error.to_string(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_writes_something_in_every_language() {
        for locale in &Locale::BUILT_IN {
            for example in helper_examples(locale).unwrap() {
                for written in [&example.text, &example.html] {
                    assert!(!written.trim().is_empty(), "{example:?}");
                }
            }
        }
    }
}
