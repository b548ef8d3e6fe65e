//! The languages that mails are written in. Knows no sentence of them.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A language that mails are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Locale {
    /// English.
    #[default]
    En,
    /// French.
    Fr,
}

/// A text that names no language that mails are written in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is no language that mails are written in; there are \"en\" and \"fr\"")]
pub struct InvalidLocale(pub String);

impl Locale {
    /// Every language, in the order in which they are documented.
    pub const ALL: [Self; 2] = [Self::En, Self::Fr];

    /// The code of the language, as it is written in a config and as the name of a folder.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Fr => "fr",
        }
    }
}

impl FromStr for Locale {
    type Err = InvalidLocale;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|locale| locale.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| InvalidLocale(text.to_owned()))
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
        for locale in Locale::ALL {
            assert_eq!(locale.to_string().parse(), Ok(locale));
        }
        assert_eq!("FR".parse(), Ok(Locale::Fr));
        let error = "de".parse::<Locale>().unwrap_err().to_string();
        assert!(
            error.contains("\"de\"") && error.contains("\"fr\""),
            "{error}"
        );
    }
}
