//! The links that mails show, filled in for a job. Knows no template and no config.

use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use thiserror::Error;
use vigie_domain::ExpectedBackupJob;

/// All that is not unreserved (RFC 3986, section 2.3), so that no name can add to a link.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The link to a page about a job: a URL in which `{job_id}`, `{agent}`, `{database}` and `{status}`
/// stand for what the job has.
///
/// ```
/// use vigie_notify::Link;
///
/// let link: Link = "https://dash.example.com/jobs/{job_id}?agent={agent}".parse()?;
/// assert!("javascript:alert(1)".parse::<Link>().is_err());
/// # Ok::<(), vigie_notify::InvalidLink>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link(String);

/// A text that makes no link.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{link:?} makes no link: {problem}")]
pub struct InvalidLink {
    /// The text that was given.
    pub link: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Link {
    /// What can stand in a link for something of the job.
    pub const PLACEHOLDERS: [&str; 4] = ["{job_id}", "{agent}", "{database}", "{status}"];

    pub(crate) fn fill(&self, job: &ExpectedBackupJob) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
        let values = [
            job.id.to_string(),
            encoded(job.agent.as_str()),
            encoded(&job.database),
            encoded(job.current_status.as_str()),
        ];
        let mut filled = self.0.clone();
        for (placeholder, value) in Self::PLACEHOLDERS.iter().zip(&values) {
            // No value holds a brace, so that none is taken for a placeholder.
            filled = filled.replace(placeholder, value);
        }
        filled
    }
}

impl FromStr for Link {
    type Err = InvalidLink;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |problem: &str| InvalidLink {
            link: text.chars().take(200).collect(),
            problem: problem.to_owned(),
        };
        let address = ["https://", "http://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme))
            .ok_or_else(|| invalid("it does not start with https:// or http://"))?;
        if address.is_empty() || address.starts_with(['/', '{']) {
            return Err(invalid("it names no host"));
        }
        let is_bad = |character: char| {
            character.is_whitespace() || character.is_control() || "\"'<>\\`".contains(character)
        };
        if text.contains(is_bad) {
            return Err(invalid("it holds a space or another sign that no URL has"));
        }
        let fixed = Self::PLACEHOLDERS
            .iter()
            .fold(text.to_owned(), |text, placeholder| {
                text.replace(placeholder, "")
            });
        if fixed.contains(['{', '}']) {
            return Err(invalid(
                "only {job_id}, {agent}, {database} and {status} stand for something",
            ));
        }
        Ok(Self(text.to_owned()))
    }
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
    fn what_makes_no_link_is_refused() {
        for text in [
            "",
            "javascript:alert(1)",
            "https://",
            "https:///x",
            "https://x.example.com/{jobid}",
            "https://x.example.com/}",
            "https://x.example.com/a b",
            "https://x.example.com/\"onclick",
        ] {
            assert!(text.parse::<Link>().is_err(), "{text}");
        }
    }
}
