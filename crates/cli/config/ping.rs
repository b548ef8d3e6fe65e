//! `[ping]`: whom to tell that cycles are still done.

use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::duration;
use super::problem::Complaint;
use super::raw::RawPing;
use super::reading::{self, Reading};

const TIMEOUT: Duration = Duration::from_secs(10);

const EXAMPLE: &str = "write one such as \"https://hc-ping.com/\" and the id of the check";

/// Whom to tell that cycles are still done.
#[derive(Debug, Clone)]
pub struct PingConfig {
    /// Where.
    pub url: PingUrl,
    /// How long one may take, its repetitions included.
    pub timeout: Duration,
}

/// The address of a check. Whoever knows it can ping in our place, so that `Display` and `Debug` show
/// its host alone.
#[derive(Clone)]
pub struct PingUrl {
    whole: SecretString,
    /// Scheme and host.
    shown: String,
}

impl PingUrl {
    /// The address that tells of a good cycle.
    pub fn good(&self) -> &str {
        self.whole.expose_secret()
    }

    /// The address that tells of a cycle that failed: the same with `/fail` at the end of its path.
    pub fn failed(&self) -> SecretString {
        let whole = self.whole.expose_secret();
        let (path, query) = whole.split_at(whole.find('?').unwrap_or(whole.len()));
        format!("{}/fail{query}", path.trim_end_matches('/')).into()
    }
}

impl fmt::Display for PingUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/…", self.shown)
    }
}

impl fmt::Debug for PingUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// `None` when nobody is told.
pub fn read(raw: &RawPing, reading: &mut Reading) -> Option<PingConfig> {
    let timeout = raw.timeout.as_deref();
    let timeout = reading.parse("ping.timeout", timeout, duration::positive);
    let url = reading.parse("ping.url", raw.url.as_deref(), ping_url)?;
    Some(PingConfig {
        url,
        timeout: timeout.unwrap_or(TIMEOUT),
    })
}

/// A wrong one is not told: it could be right but for a letter.
fn ping_url(text: &str) -> Result<PingUrl, Complaint> {
    let text = reading::text(text)?;
    let url = Url::parse(text.trim())
        .map_err(|error| Complaint::new(format!("is no URL: {error}"), EXAMPLE))?;
    if !["https", "http"].contains(&url.scheme()) {
        let what = "does not start with https:// or http://";
        return Err(Complaint::new(what, EXAMPLE));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Complaint::new(
            "holds a login, which no ping uses",
            "leave out the `@` and what is before it",
        ));
    }
    if url.fragment().is_some() {
        return Err(Complaint::new(
            "holds a `#`, and what follows it never reaches the server",
            "leave it out, or write %23 in its place",
        ));
    }
    let port = url.port().map_or(String::new(), |port| format!(":{port}"));
    let host = url.host_str().unwrap_or_default();
    Ok(PingUrl {
        shown: format!("{}://{host}{port}", url.scheme()),
        whole: url.to_string().into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{config, problems};

    fn url(text: &str) -> PingUrl {
        config(&format!("ping.url = '{text}'")).ping.unwrap().url
    }

    #[test]
    fn nobody_is_told_unless_a_url_is_given() {
        assert!(config("").ping.is_none());
        assert!(config("ping.timeout = '3s'").ping.is_none());
        let ping = config("ping.url = 'https://hc-ping.com/1234'")
            .ping
            .unwrap();
        assert_eq!(ping.timeout, Duration::from_secs(10));
        assert_eq!(ping.url.good(), "https://hc-ping.com/1234");
    }

    #[test]
    fn a_failure_is_told_below_the_same_path() {
        let cases = [
            (
                "https://hc-ping.com/12-34",
                "https://hc-ping.com/12-34/fail",
            ),
            (
                "https://hc-ping.com/key/slug/",
                "https://hc-ping.com/key/slug/fail",
            ),
            (
                "http://localhost:8000/ping/12?create=1",
                "http://localhost:8000/ping/12/fail?create=1",
            ),
        ];
        for (text, failed) in cases {
            assert_eq!(url(text).failed().expose_secret(), failed);
        }
    }

    #[test]
    fn what_tells_the_check_is_never_shown() {
        let config = config("ping.url = 'http://localhost:8000/s3cret?rid=s3cret'");
        let shown = format!("{:?} {}", config, config.ping.as_ref().unwrap().url);
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(shown.ends_with(" http://localhost:8000/…"), "{shown}");
    }

    #[test]
    fn a_wrong_value_says_what_to_write_and_shows_no_secret() {
        let cases = [
            ("s3cret", "is no URL: relative URL without a base"),
            (
                "ftp://example.com/s3cret",
                "does not start with https:// or http://",
            ),
            ("https:///", "is no URL: empty host"),
            (
                "https://a:s3cret@example.com/",
                "holds a login, which no ping uses",
            ),
            (
                "https://example.com/s3cret#x",
                "holds a `#`, and what follows it never reaches the server",
            ),
        ];
        for (text, what) in cases {
            let problems = problems(&format!("ping.url = '{text}'"));
            assert_eq!(problems.len(), 1);
            let start = format!("vigie.toml:2: ping.url {what}; ");
            assert!(problems[0].starts_with(&start), "{problems:?}");
            assert!(!problems[0].contains("s3cret"), "{problems:?}");
        }
        assert_eq!(
            problems("ping.timeout = '0s'"),
            ["vigie.toml:2: ping.timeout is zero; give a longer time"]
        );
        let broken = problems("[ping]\nurl = 'https://hc-ping.com/s3cret").join("\n");
        assert!(
            broken.contains("is no valid TOML") && !broken.contains("s3cret"),
            "{broken}"
        );
    }
}
