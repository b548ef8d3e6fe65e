//! Mail addresses, so that a wrong one is known by its line: what is said of it. What an address is,
//! the mail crate says.

use vigie_notify::check_address;

use super::one_or_several::OneOrSeveral;
use super::problem::Complaint;
use super::reading::Reading;

/// A bare address: `admin@example.com`.
pub fn bare(text: &str) -> Result<String, Complaint> {
    let text = text.trim();
    if !text.contains(is_of_a_name) && check_address(text).is_ok() {
        return Ok(text.to_owned());
    }
    let remedy = if text.contains([',', ';']) {
        "write several addresses as an array: [\"a@example.com\", \"b@example.com\"]"
    } else {
        "write one such as \"admin@example.com\""
    };
    Err(Complaint::new(
        format!("is {text:?}, which is no mail address"),
        remedy,
    ))
}

/// An address that may have a name before it: `Vigie <vigie@example.com>`.
pub fn with_name(text: &str) -> Result<String, Complaint> {
    let text = text.trim();
    if check_address(text).is_ok() {
        return Ok(text.to_owned());
    }
    Err(Complaint::new(
        format!("is {text:?}, which is no mail address"),
        "write one such as \"vigie@example.com\" or \"Vigie <vigie@example.com>\"",
    ))
}

/// The addresses of a key that takes one or several, each once.
pub fn list(key: &str, given: Option<OneOrSeveral<String>>, reading: &mut Reading) -> Vec<String> {
    let mut addresses = Vec::new();
    for (key, text) in given.into_iter().flat_map(|given| given.with_paths(key)) {
        add_each_once(&mut addresses, reading.accept(&key, bare(&text)));
    }
    addresses
}

/// Adds those that are new; somebody who is named twice, in whichever case, is told once.
pub fn add_each_once(addresses: &mut Vec<String>, others: impl IntoIterator<Item = String>) {
    for other in others {
        let is_known = |address: &String| address.eq_ignore_ascii_case(&other);
        if !addresses.iter().any(is_known) {
            addresses.push(other);
        }
    }
}

/// What stands only where an address has a name.
fn is_of_a_name(character: char) -> bool {
    character.is_whitespace() || matches!(character, '<' | '>')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_that_mails_can_go_to_without_a_name() {
        assert_eq!(bare(" ops@example.com "), Ok("ops@example.com".to_owned()));
        assert!(bare("vigie@localhost").is_ok());
        for text in [
            "",
            "ops",
            "@example.com",
            "ops@",
            "a@b@c",
            "a..b@example.com",
            ".a@example.com",
            "ops@exa mple.com",
            "\"a b\"@example.com",
            "o ps@example.com",
            "ops@example.com\nBcc: spy@example.com",
            "Ops <ops@example.com>",
        ] {
            assert!(bare(text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn several_addresses_in_one_string_are_told_to_be_an_array() {
        let complaint = bare("a@example.com, b@example.com").unwrap_err();
        assert!(
            complaint
                .remedy
                .starts_with("write several addresses as an array")
        );
    }

    #[test]
    fn a_sender_may_have_a_name() {
        for text in [
            "vigie@example.com",
            "Vigie <vigie@example.com>",
            "\"Vigie, Douala\" <vigie@example.com>",
        ] {
            assert_eq!(with_name(text).as_deref(), Ok(text));
        }
        for text in [
            "Vigie",
            "Vigie <>",
            "Vigie <a@b",
            "Vi\ngie <a@example.com>",
            "Vigie <vi..gie@example.com>",
            "a@example.com, b@example.com",
        ] {
            assert!(with_name(text).is_err(), "{text:?} was taken");
        }
    }
}
