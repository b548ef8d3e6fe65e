//! Names as they stand in DNS. Knows no key.

use url::Host;

/// No name in DNS is longer.
const LONGEST: usize = 253;

/// No part of one is longer.
const LONGEST_PART: usize = 63;

pub(super) fn is_domain(text: &str) -> bool {
    text.len() <= LONGEST && text.split('.').all(|part| is_part(part, "-"))
}

/// Whether it is a selector that fits before this domain.
pub(super) fn is_selector(text: &str, domain: &str) -> bool {
    let length = text.len() + "._domainkey.".len() + domain.len();
    length <= LONGEST && text.split('.').all(|part| is_part(part, "-_"))
}

fn is_part(text: &str, marks: &str) -> bool {
    let is_known = |character: char| character.is_ascii_alphanumeric() || marks.contains(character);
    (1..=LONGEST_PART).contains(&text.len())
        && text.chars().all(is_known)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// A domain as it is looked up: `xn--` in the place of letters beyond ASCII.
pub(super) fn in_ascii(domain: &str) -> String {
    match Host::parse(domain) {
        Ok(Host::Domain(domain)) => domain,
        _ => domain.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_and_a_selector_can_be_looked_up() {
        for domain in [
            "example.com",
            "a-b.Example.com",
            "xn--exmple-cua.com",
            "localhost",
        ] {
            assert!(is_domain(domain), "{domain}");
        }
        let long = format!("{}.com", "a".repeat(64));
        for domain in [
            "",
            ".",
            "example.com.",
            "a..b",
            "-a.com",
            "a_b.com",
            "exämple.com",
            "a.com; l=0",
            &long,
        ] {
            assert!(!is_domain(domain), "{domain}");
        }
        for selector in ["vigie", "2026.vigie", "s_1"] {
            assert!(is_selector(selector, "example.com"), "{selector}");
        }
        for selector in ["", "a b", "a;b", "a.", "é"] {
            assert!(!is_selector(selector, "example.com"), "{selector}");
        }
        assert!(!is_selector("vigie", &"a.".repeat(125)));
    }
}
