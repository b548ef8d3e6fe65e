//! Links that mails show, with placeholders for what a mail is about: what is said of a wrong one.
//! Knows no key, and no rule for links: these are the mail crate's.

use vigie_notify::{InvalidLink, Link};

use super::problem::Complaint;
use super::reading;

const EXAMPLE: &str = "write one such as \"https://vigie.example.com/jobs/{job_id}\"";

/// A link as it is written, placeholders and all. A wrong one is not told: it could hold a
/// password.
pub fn parse(text: &str) -> Result<Link, Complaint> {
    let text = reading::text(text)?;
    text.parse().map_err(complaint)
}

fn complaint(invalid: InvalidLink) -> Complaint {
    match invalid {
        InvalidLink::Space => Complaint::new("holds a space", "write %20 in its place"),
        InvalidLink::ForeignSign { sign, encoded } => Complaint::new(
            format!("holds {sign:?}, which no URL has"),
            format!("write {encoded} in its place"),
        ),
        InvalidLink::Scheme => Complaint::new("does not start with http:// or https://", EXAMPLE),
        InvalidLink::NoHost => Complaint::new("names no host", EXAMPLE),
        InvalidLink::Login => Complaint::new(
            "holds a login, which whoever gets a mail could read",
            "leave out the `@` and what is before it",
        ),
        InvalidLink::PlaceholderInHost => Complaint::new(
            "has a placeholder in its host",
            "write placeholders only after the `/` that ends the host",
        ),
        InvalidLink::UnknownPlaceholder { written, meant } => Complaint::new(
            format!("holds {{{written}}}, which is no placeholder"),
            placeholder(meant),
        ),
        InvalidLink::StrayBrace { meant } => Complaint::new(
            "holds a brace that belongs to no placeholder",
            placeholder(meant),
        ),
        InvalidLink::NotAUrl { problem } => {
            Complaint::new(format!("is no link: {problem}"), EXAMPLE)
        }
        other => Complaint::new(format!("is no link: {other}"), EXAMPLE),
    }
}

fn placeholder(meant: Option<&str>) -> String {
    match meant {
        Some(meant) => format!("did you mean {meant}?"),
        None => format!("known placeholders: {}", Link::PLACEHOLDERS.join(", ")),
    }
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
            "https://wiki.example.com/it's",
        ] {
            let link = parse(text).unwrap();
            assert_eq!(link.as_str(), text);
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
                "https://ops:{hunter2}@example.com/",
                (
                    "holds a login, which whoever gets a mail could read",
                    "leave out the `@` and what is before it",
                ),
            ),
            (
                "https://example.com/<b>",
                ("holds '<', which no URL has", "write %3C in its place"),
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
