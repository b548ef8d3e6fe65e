//! Makes JSON readable that holds half of a surrogate pair: Python's `json` writes a file name of
//! another encoding so. Knows no report.

/// The text with each lone surrogate escape (`\\udce9`) replaced by the replacement character's.
pub(super) fn replace_lone_surrogates(json: &str) -> String {
    let mut replaced = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        replaced.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match (
            surrogate(rest),
            surrogate(rest.get(6..).unwrap_or_default()),
        ) {
            (Some(Half::High), Some(Half::Low)) => 12,
            (Some(_), _) => {
                replaced.push_str("\\ufffd");
                rest = &rest[6..];
                continue;
            }
            // Any other escape, of which a backslash may be the second character.
            (None, _) => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
        };
        replaced.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    replaced.push_str(rest);
    replaced
}

enum Half {
    High,
    Low,
}

/// The half of a pair that the text begins with, as an escape of six characters.
fn surrogate(text: &str) -> Option<Half> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    match u16::from_str_radix(digits, 16).ok()? {
        0xD800..=0xDBFF => Some(Half::High),
        0xDC00..=0xDFFF => Some(Half::Low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_lacks_its_other_half_is_replaced() {
        for (json, expected) in [
            (r#""caf\udce9""#, r#""caf\ufffd""#),
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\ud83d""#, r#""\ufffd""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\\udce9 \n é\é""#, r#""\\udce9 \n é\é""#),
            ("\\", "\\"),
        ] {
            assert_eq!(replace_lone_surrogates(json), expected);
        }
    }

    proptest! {
        #[test]
        fn json_without_lone_halves_stays_as_it_is(text: String) {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(replace_lone_surrogates(&json), json);
        }

        #[test]
        fn any_text_of_escapes_becomes_readable(halves in prop::collection::vec(0xD700..0xE100_u16, 0..8)) {
            let escapes: Vec<String> = halves.iter().map(|half| format!("\\u{half:04x}")).collect();
            let json = replace_lone_surrogates(&format!("\"{}\"", escapes.concat()));
            prop_assert!(serde_json::from_str::<String>(&json).is_ok(), "{}", json);
        }
    }
}
