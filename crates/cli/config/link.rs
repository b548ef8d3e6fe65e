//! Links that mails show, with placeholders for what a mail is about. Knows no key, and does not
//! fill anything in.

use url::Url;

use super::nearest::nearest;
use super::problem::Complaint;
use super::reading;

const PLACEHOLDERS: [&str; 4] = ["job_id", "agent", "database", "status"];
const EXAMPLE: &str = "write one such as \"https://vigie.example.com/jobs/{job_id}\"";

/// A link as it is written, placeholders and all. A wrong one is not told: it could hold a
/// password.
pub fn parse(text: &str) -> Result<String, Complaint> {
    let text = reading::text(text)?;
    check_placeholders(&text)?;
    if text.contains(char::is_whitespace) {
        return Err(Complaint::new("holds a space", "write %20 in its place"));
    }
    let rest = match text.split_once("://") {
        Some((scheme, rest)) if is_of_the_web(scheme) => rest,
        _ => {
            let what = "does not start with http:// or https://";
            return Err(Complaint::new(what, EXAMPLE));
        }
    };
    let (host, _) = rest.split_once(['/', '\\', '?', '#']).unwrap_or((rest, ""));
    check_host(host)?;
    match Url::parse(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Complaint::new(format!("is no link: {error}"), EXAMPLE)),
    }
}

fn is_of_the_web(scheme: &str) -> bool {
    ["http", "https"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
}

/// `host` is all between the slashes: a login and a port may be there too.
fn check_host(host: &str) -> Result<(), Complaint> {
    if host.is_empty() {
        return Err(Complaint::new("names no host", EXAMPLE));
    }
    if host.contains('@') {
        return Err(Complaint::new(
            "holds a login, which whoever gets a mail could read",
            "leave out the `@` and what is before it",
        ));
    }
    if host.contains('{') {
        // An agent that has a say in the host could lead those who are told to one of its own.
        return Err(Complaint::new(
            "has a placeholder in its host",
            "write placeholders only after the `/` that ends the host",
        ));
    }
    Ok(())
}

fn check_placeholders(text: &str) -> Result<(), Complaint> {
    let mut rest = text;
    while let Some(brace) = rest.find(['{', '}']) {
        let from = &rest[brace..];
        rest = match split_placeholder(from) {
            Some((word, after)) if PLACEHOLDERS.contains(&word) => after,
            Some((word, _)) => {
                let what = format!("holds {{{word}}}, which is no placeholder");
                return Err(Complaint::new(what, meant(word.trim())));
            }
            None => {
                let before = &text[..text.len() - from.len()];
                let what = "holds a brace that belongs to no placeholder";
                return Err(Complaint::new(what, meant(word_beside(before, from))));
            }
        };
    }
    Ok(())
}

/// The word in the braces that the text starts with, and what follows them.
fn split_placeholder(text: &str) -> Option<(&str, &str)> {
    let (word, after) = text.strip_prefix('{')?.split_once('}')?;
    (!word.contains('{')).then_some((word, after))
}

/// The word that a stray brace was probably meant for: the one after `{`, the one before `}`.
fn word_beside<'text>(before: &'text str, from: &'text str) -> &'text str {
    let is_other = |character: char| !character.is_alphanumeric() && character != '_';
    let word = if from.starts_with('{') {
        from.trim_start_matches('{').split(is_other).next()
    } else {
        before.trim_end_matches('}').rsplit(is_other).next()
    };
    word.unwrap_or_default()
}

fn meant(word: &str) -> String {
    if let Some(meant) = nearest(word, PLACEHOLDERS) {
        return format!("did you mean {{{meant}}}?");
    }
    let known = PLACEHOLDERS.map(|word| format!("{{{word}}}"));
    format!("known placeholders: {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_kept_as_it_is_written() {
        for text in [
            "https://vigie.example.com",
            "http://localhost:8080/jobs/{job_id}",
            "HTTPS://[::1]/?site={agent}&name={database}#{status}",
            "https://wiki.example.com/r%C3%A9sum%C3%A9/{status}-{status}",
        ] {
            assert_eq!(parse(text).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_is_no_link_for_a_mail_is_refused() {
        let example = "write one such as \"https://vigie.example.com/jobs/{job_id}\"";
        let scheme = ("does not start with http:// or https://", example);
        let cases = [
            ("", ("is empty", "give it a value, or leave the key out")),
            (
                "https://example.com/\nBcc: x",
                (
                    "holds a line break or another control character",
                    "write it on one line",
                ),
            ),
            (
                "https://example.com/my wiki",
                ("holds a space", "write %20 in its place"),
            ),
            ("vigie.example.com/jobs", scheme),
            ("javascript:alert(1)", scheme),
            ("ftp://example.com/", scheme),
            ("https:/example.com", scheme),
            ("https://", ("names no host", example)),
            ("https:///jobs", ("names no host", example)),
            ("https://:80/", ("is no link: empty host", example)),
            (
                "https://example.com:port/",
                ("is no link: invalid port number", example),
            ),
            (
                "https://ops:hunter2@example.com/",
                (
                    "holds a login, which whoever gets a mail could read",
                    "leave out the `@` and what is before it",
                ),
            ),
            (
                "https://{agent}.example.com/",
                (
                    "has a placeholder in its host",
                    "write placeholders only after the `/` that ends the host",
                ),
            ),
        ];
        for (text, (what, remedy)) in cases {
            assert_eq!(parse(text), Err(Complaint::new(what, remedy)), "{text:?}");
        }
    }

    #[test]
    fn a_wrong_placeholder_says_which_one_was_probably_meant() {
        let known = "known placeholders: {job_id}, {agent}, {database}, {status}";
        let stray = "holds a brace that belongs to no placeholder";
        let cases = [
            (
                "{agnet}",
                "holds {agnet}, which is no placeholder",
                "did you mean {agent}?",
            ),
            (
                "{ job }",
                "holds { job }, which is no placeholder",
                "did you mean {job_id}?",
            ),
            ("{}", "holds {}, which is no placeholder", known),
            ("{city}", "holds {city}, which is no placeholder", known),
            ("{job_id", stray, "did you mean {job_id}?"),
            ("{job_id/{agent}", stray, "did you mean {job_id}?"),
            ("{{database}}", stray, "did you mean {database}?"),
            ("{status}}", stray, "did you mean {status}?"),
            ("status}", stray, "did you mean {status}?"),
            ("é{", stray, known),
        ];
        for (path, what, remedy) in cases {
            let complaint = Complaint::new(what, remedy);
            let text = format!("https://example.com/{path}");
            assert_eq!(parse(&text), Err(complaint), "{path:?}");
        }
    }
}
