//! Languages of mails by their tags: `en`, `pt-BR`. Knows no key, and not for which languages there
//! are templates.

use super::problem::Complaint;

/// A tag of the usual shape, as it is written.
pub fn parse(text: &str) -> Result<String, Complaint> {
    if is_tag(text) {
        return Ok(text.to_owned());
    }
    // What `LANG` calls `pt_BR.UTF-8` is `pt-BR` here.
    let (name, _) = text.split_once(['.', '@']).unwrap_or((text, ""));
    let tag = name.trim().replace('_', "-");
    let remedy = if is_tag(&tag) {
        format!("did you mean {tag:?}?")
    } else {
        "write a tag such as \"en\", \"fr\" or \"pt-BR\"".to_owned()
    };
    let what = format!("is {text:?}, which is no language tag");
    Err(Complaint::new(what, remedy))
}

fn is_tag(text: &str) -> bool {
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or_default();
    let is_language = |part: &str| {
        (2..=3).contains(&part.len()) && part.chars().all(|letter| letter.is_ascii_alphabetic())
    };
    let is_detail = |part: &str| {
        (2..=8).contains(&part.len()) && part.chars().all(|letter| letter.is_ascii_alphanumeric())
    };
    is_language(language) && parts.all(is_detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_is_a_language_and_maybe_more() {
        for text in ["en", "fr", "gsw", "pt-BR", "zh-Hant-TW", "de-1996"] {
            assert_eq!(parse(text).as_deref(), Ok(text));
        }
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
