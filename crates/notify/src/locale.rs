//! The languages that mails are written in, by name. Knows no sentence of them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A language that mails are written in, as its tag: `en`, `fr`, `pt-BR` (BCP 47).
///
/// Templates come with [`Locale::EN`] and [`Locale::FR`]. Any other is a folder of that name among
/// your own templates, and what it leaves out is English.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Locale(Cow<'static, str>);

/// A text that is no language tag.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is no language tag; write one such as \"en\", \"fr\" or \"pt-BR\"")]
pub struct InvalidLocale(pub String);

impl Locale {
    /// English.
    pub const EN: Self = Self(Cow::Borrowed("en"));

    /// French.
    pub const FR: Self = Self(Cow::Borrowed("fr"));

    /// The languages that ship with this crate, in the order in which they are documented.
    pub const BUILT_IN: [Self; 2] = [Self::EN, Self::FR];

    /// The language itself, the same with less and less behind it, and at last English: where what it
    /// leaves out is looked for.
    pub(crate) fn with_fallbacks(&self) -> Vec<Self> {
        let mut locales = vec![self.clone()];
        let mut tag = self.as_str();
        while let Some((shorter, _)) = tag.rsplit_once('-') {
            locales.push(Self(Cow::Owned(shorter.to_owned())));
            tag = shorter;
        }
        if tag != Self::EN.as_str() {
            locales.push(Self::EN);
        }
        locales
    }

    /// The tag, as it is written in a config and as the name of a folder.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Locale {
    fn default() -> Self {
        Self::EN
    }
}

/// As BCP 47 writes it: the language in small letters, a region of two letters in capitals, a script
/// of four with one capital.
fn subtag(index: usize, text: &str) -> String {
    match (index, text.len()) {
        (1.., 2) => text.to_ascii_uppercase(),
        (1.., 4) => text[..1].to_ascii_uppercase() + &text[1..].to_ascii_lowercase(),
        _ => text.to_ascii_lowercase(),
    }
}

impl FromStr for Locale {
    type Err = InvalidLocale;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_valid = |(index, part): (usize, &str)| {
            let is_language = part.bytes().all(|byte| byte.is_ascii_alphabetic());
            match index {
                0 => is_language && (2..=3).contains(&part.len()),
                _ => {
                    (2..=8).contains(&part.len())
                        && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
                }
            }
        };
        if !text.split('-').enumerate().all(is_valid) || text.len() > 35 {
            return Err(InvalidLocale(text.chars().take(100).collect()));
        }
        let subtags = text.split('-').enumerate();
        let subtags: Vec<String> = subtags.map(|(index, part)| subtag(index, part)).collect();
        Ok(Self(Cow::Owned(subtags.join("-"))))
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_is_read_as_it_is_written() {
        for locale in Locale::BUILT_IN {
            assert_eq!(locale.to_string().parse(), Ok(locale));
        }
        assert_eq!("FR".parse(), Ok(Locale::FR));
        for (written, tag) in [
            ("de", "de"),
            ("PT-br", "pt-BR"),
            ("ZH-hANT-tw", "zh-Hant-TW"),
        ] {
            assert_eq!(written.parse::<Locale>().unwrap().as_str(), tag);
        }
    }

    #[test]
    fn a_language_falls_back_to_less_and_less_of_it_and_to_english() {
        for (tag, fallbacks) in [
            ("zh-Hant-TW", "zh-Hant-TW zh-Hant zh en"),
            ("fr", "fr en"),
            ("en-GB", "en-GB en"),
            ("en", "en"),
        ] {
            let locale: Locale = tag.parse().unwrap();
            let found = locale.with_fallbacks();
            let found: Vec<&str> = found.iter().map(Locale::as_str).collect();
            assert_eq!(found.join(" "), fallbacks);
        }
    }

    #[test]
    fn what_is_no_language_tag_is_refused() {
        for text in [
            "", "e", "english", "en_GB", "en-", "../en", "fr/..", "é", "12",
        ] {
            let error = text.parse::<Locale>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{text:?}")), "{error}");
        }
    }
}
