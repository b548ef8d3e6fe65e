//! The links that mails show, filled in for a job. Knows no template and no config.

use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use thiserror::Error;
use url::Url;
use vigie_domain::ExpectedBackupJob;

use crate::nearest::nearest;

/// All that is not unreserved (RFC 3986, section 2.3), so that no name can add to a link.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Signs that no URL has as they are, and that could end it where somebody writes it into a mail.
const FOREIGN: [char; 5] = ['"', '<', '>', '\\', '`'];

/// How much of a placeholder that is none is told.
const TOLD: usize = 40;

/// The link to a page about a job: a URL in which `{job_id}`, `{agent}`, `{database}` and `{status}`
/// stand for what the job has.
///
/// ```
/// use vigie_notify::Link;
///
/// let link: Link = "https://dash.example.com/jobs/{job_id}?agent={agent}".parse()?;
/// assert!("javascript:alert(1)".parse::<Link>().is_err());
/// assert!("https://{agent}.example.com/".parse::<Link>().is_err());
/// # Ok::<(), vigie_notify::InvalidLink>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link(String);

/// Why a text makes no link. The text itself is never told: it could hold a password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidLink {
    /// It holds a line end or another control character.
    #[error("the link holds a line break or another control character; write it on one line")]
    ControlCharacter,
    /// It holds a space.
    #[error("the link holds a space; write %20 in its place")]
    Space,
    /// It holds a sign that no URL has.
    #[error("the link holds {sign:?}, which no URL has; write {encoded} in its place")]
    ForeignSign {
        /// The sign.
        sign: char,
        /// How a URL writes it: `%3C`.
        encoded: String,
    },
    /// It is none of the web.
    #[error("the link does not start with http:// or https://; write it in full")]
    Scheme,
    /// Nothing stands where the host should.
    #[error("the link names no host; write one such as https://vigie.example.com/jobs/{{job_id}}")]
    NoHost,
    /// Whoever gets a mail could read the login.
    #[error("the link holds a login, which whoever gets a mail could read; leave it out")]
    Login,
    /// An agent that has a say in the host could lead readers to one of its own.
    #[error(
        "the link has a placeholder in its host; write placeholders only after the `/` that ends \
         the host"
    )]
    PlaceholderInHost,
    /// What stands in braces is none of [`Link::PLACEHOLDERS`].
    #[error("the link holds {{{written}}}, which is no placeholder; {}", remedy(*meant))]
    UnknownPlaceholder {
        /// What stands in the braces.
        written: String,
        /// The placeholder that was probably meant, with its braces.
        meant: Option<&'static str>,
    },
    /// A brace belongs to no placeholder.
    #[error("the link holds a brace that belongs to no placeholder; {}", remedy(*meant))]
    StrayBrace {
        /// The placeholder that was probably meant, with its braces.
        meant: Option<&'static str>,
    },
    /// It is no URL for another reason.
    #[error("the link is no URL ({problem}); write one such as https://vigie.example.com/jobs")]
    NotAUrl {
        /// What is wrong with it.
        problem: String,
    },
}

fn remedy(meant: Option<&str>) -> String {
    match meant {
        Some(meant) => format!("did you mean {meant}?"),
        None => format!("known placeholders: {}", Link::PLACEHOLDERS.join(", ")),
    }
}

impl Link {
    /// What can stand in a link for something of the job.
    pub const PLACEHOLDERS: [&str; 4] = ["{job_id}", "{agent}", "{database}", "{status}"];

    /// The link as it was written, placeholders and all.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Fills in all placeholders in one pass, so that no value is looked into.
    pub(crate) fn fill(&self, job: &ExpectedBackupJob) -> String {
        let mut pieces = self.0.split('{');
        let mut filled = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let (word, rest) = piece.split_once('}').unwrap_or((piece, ""));
            let value = match word {
                "job_id" => &job.id.to_string(),
                "agent" => job.agent.as_str(),
                "database" => &job.database,
                "status" => job.current_status.as_str(),
                // No other one gets past the parser.
                _ => "",
            };
            filled.extend(utf8_percent_encode(value, ENCODED));
            filled.push_str(rest);
        }
        filled
    }
}

impl fmt::Display for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for Link {
    type Err = InvalidLink;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains(char::is_control) {
            return Err(InvalidLink::ControlCharacter);
        }
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if is_of_the_web(scheme) => rest,
            _ => return Err(InvalidLink::Scheme),
        };
        // Before anything is told of what stands in braces: that could be of a password.
        check_host(rest.split(['/', '\\', '?', '#']).next().unwrap_or(rest))?;
        check_placeholders(text)?;
        if text.contains(char::is_whitespace) {
            return Err(InvalidLink::Space);
        }
        if let Some(sign) = text.chars().find(|sign| FOREIGN.contains(sign)) {
            let encoded = utf8_percent_encode(sign.encode_utf8(&mut [0; 4]), ENCODED).to_string();
            return Err(InvalidLink::ForeignSign { sign, encoded });
        }
        let url = Url::parse(text).map_err(|error| InvalidLink::NotAUrl {
            problem: error.to_string(),
        })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidLink::Login);
        }
        Ok(Self(text.to_owned()))
    }
}

fn is_of_the_web(scheme: &str) -> bool {
    ["http", "https"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
}

/// `host` is all between the slashes: a login and a port may be there too.
fn check_host(host: &str) -> Result<(), InvalidLink> {
    if host.is_empty() {
        return Err(InvalidLink::NoHost);
    }
    if host.contains('@') {
        return Err(InvalidLink::Login);
    }
    if host.contains(['{', '}']) {
        return Err(InvalidLink::PlaceholderInHost);
    }
    Ok(())
}

fn check_placeholders(text: &str) -> Result<(), InvalidLink> {
    let mut rest = text;
    while let Some(brace) = rest.find(['{', '}']) {
        let from = &rest[brace..];
        rest = match split_placeholder(from) {
            Some((braced, after)) if Link::PLACEHOLDERS.contains(&braced) => after,
            Some((braced, _)) => {
                let word = &braced[1..braced.len() - 1];
                return Err(InvalidLink::UnknownPlaceholder {
                    written: word.chars().take(TOLD).collect(),
                    meant: meant(word.trim()),
                });
            }
            None => {
                let before = &text[..text.len() - from.len()];
                return Err(InvalidLink::StrayBrace {
                    meant: meant(word_beside(before, from)),
                });
            }
        };
    }
    Ok(())
}

/// The placeholder that the text starts with, in its braces, and what follows it.
fn split_placeholder(text: &str) -> Option<(&str, &str)> {
    let (braced, after) = text.split_at(text.find('}')? + 1);
    (braced.rfind('{') == Some(0)).then_some((braced, after))
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

/// The known placeholder that is most like a word. One that was cut short is meant too: `{job}`.
fn meant(word: &str) -> Option<&'static str> {
    let words = || Link::PLACEHOLDERS.map(|known| (&known[1..known.len() - 1], known));
    let is_part = |known: &str| word.len() >= 3 && known.starts_with(&word.to_lowercase());
    let cut_short = words().into_iter().find(|(known, _)| is_part(known));
    let similar = || {
        let near = nearest(word, words().map(|(known, _)| known).into_iter())?;
        words().into_iter().find(|(known, _)| *known == near)
    };
    Some(cut_short.or_else(similar)?.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn what_a_job_has_is_filled_in_and_can_not_break_out() {
        let mut job = samples::missing_full().job;
        job.database = "A&b=1\" onclick=\"x/../é{agent}".to_owned();
        let link: Link = "https://d.example.com/{job_id}?db={database}&s={status}"
            .parse()
            .unwrap();
        assert_eq!(
            link.fill(&job),
            "https://d.example.com/41?db=A%26b%3D1%22%20onclick%3D%22x%2F..%2F%C3%A9%7Bagent%7D\
             &s=MISSING"
        );
    }

    #[test]
    fn a_link_is_kept_as_it_is_written() {
        for text in [
            "https://vigie.example.com",
            "http://localhost:8080/jobs/{job_id}",
            "HTTPS://[::1]/?site={agent}&name={database}#{status}",
            "https://wiki.example.com/r%C3%A9sum%C3%A9/{status}-{status}",
            "https://wiki.example.com/it's",
            "https://wiki.example.com/a@b",
        ] {
            assert_eq!(text.parse::<Link>().map(|link| link.0).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_makes_no_link_is_refused_with_what_to_do_and_without_the_text() {
        let scheme = "does not start with http:// or https://; write it in full";
        let no_host = "names no host; write one such as https://vigie.example.com/jobs/{job_id}";
        let login = "holds a login, which whoever gets a mail could read; leave it out";
        let in_host = "has a placeholder in its host; write placeholders only after the `/` that \
                       ends the host";
        for (text, problem) in [
            ("", scheme),
            ("javascript:alert(1)", scheme),
            ("https:/x.example.com", scheme),
            ("ops:hunter2@x.example.com/{pw}", scheme),
            ("https://", no_host),
            ("https:///x", no_host),
            ("https://ops:hunter2@x.example.com/", login),
            ("https://ops:{hunter2}@x.example.com/", login),
            ("https://ops:hunter2@x.example.com/{jobid}", login),
            ("https://@x.example.com/", login),
            ("https://{agent}.example.com/", in_host),
            ("https://x.example.com{agent}/", in_host),
            ("https://x.example.com:{status}/", in_host),
            (
                "https://x.example.com/a b",
                "holds a space; write %20 in its place",
            ),
            (
                "https://x.example.com/\n",
                "holds a line break or another control character; write it on one line",
            ),
            (
                "https://x.example.com/<b>",
                "holds '<', which no URL has; write %3C in its place",
            ),
            (
                "https://x.example.com/\"onclick",
                "holds '\"', which no URL has; write %22 in its place",
            ),
            (
                "https://x.example.com/{jobid}",
                "holds {jobid}, which is no placeholder; did you mean {job_id}?",
            ),
            (
                "https://x.example.com/{job}",
                "holds {job}, which is no placeholder; did you mean {job_id}?",
            ),
            (
                "https://x.example.com/é}",
                "holds a brace that belongs to no placeholder; known placeholders: {job_id}, \
                 {agent}, {database}, {status}",
            ),
            (
                "https://x.example.com:port/",
                "is no URL (invalid port number); write one such as \
                 https://vigie.example.com/jobs",
            ),
        ] {
            let told = text.parse::<Link>().unwrap_err().to_string();
            assert_eq!(told, format!("the link {problem}"), "{text:?}");
        }
    }
}
