//! Languages of mails by their tags: `en`, `pt-BR`. Knows no key, and not for which languages there
//! are templates.

use vigie_notify::Locale;

use super::problem::Complaint;

/// The longest text that is told: a longer one is a slip.
const TOLD: usize = 100;

/// A language, however its tag is written: `DE` is `de`.
pub fn parse(text: &str) -> Result<Locale, Complaint> {
    if let Ok(locale) = text.parse() {
        return Ok(locale);
    }
    // What `LANG` calls `pt_BR.UTF-8` is `pt-BR` here.
    let (name, _) = text.split_once(['.', '@']).unwrap_or((text, ""));
    let meant = name.trim().replace('_', "-").parse::<Locale>();
    let remedy = meant.map_or_else(
        |_| "write a tag such as \"en\", \"fr\" or \"pt-BR\"".to_owned(),
        |tag| format!("did you mean \"{tag}\"?"),
    );
    let text: String = text.chars().take(TOLD).collect();
    let what = format!("is {text:?}, which is no language tag");
    Err(Complaint::new(what, remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_is_a_language_and_maybe_more() {
        for text in ["en", "fr", "gsw", "pt-BR", "zh-Hant-TW", "de-1996"] {
            assert_eq!(parse(text).unwrap().as_str(), text);
        }
        assert_eq!(parse("DE"), parse("de"));
    }

    #[test]
    fn what_is_no_tag_says_how_one_is_written() {
        let example = "write a tag such as \"en\", \"fr\" or \"pt-BR\"";
        let cases = [
            ("", example),
            ("e", example),
            ("german", example),
            ("../en", example),
            ("en/missing", example),
            ("de-", example),
            ("de-x", example),
            ("de-DE\n", "did you mean \"de-DE\"?"),
            ("en-aaaaaaaa-bbbbbbbb-cccccccc-dddddddd", example),
            ("pt_BR", "did you mean \"pt-BR\"?"),
            ("fr_FR.UTF-8", "did you mean \"fr-FR\"?"),
            (" de", "did you mean \"de\"?"),
        ];
        for (text, remedy) in cases {
            let complaint = parse(text).unwrap_err();
            assert_eq!(
                complaint.what,
                format!("is {text:?}, which is no language tag")
            );
            assert_eq!(complaint.remedy, remedy, "{text:?}");
        }
    }
}
