//! Mails through a command that takes them as sendmail does: this machine's own mail server, or a
//! program that stands in for one. Knows no SMTP.

mod conversation;
mod exit;

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use tokio::process::Command;

use self::conversation::{Conversation, converse};
use self::exit::{Meaning, meaning_of, words_of};
use crate::mail::parse_address;
use crate::untrusted::{ellipsis, one_line};
use crate::{Mail, MailError, Receipt, Transport, TransportError};

/// How much is told of what a command printed.
const PRINTED: usize = 300;

/// Which command takes the mails.
#[derive(Clone)]
pub struct SendmailSettings {
    /// The program, by its whole path or as it is found in the `PATH` of `environment`.
    pub command: PathBuf,
    /// What it is called with before `-i -f SENDER -- RECIPIENT`; never a secret, as every user of
    /// this machine can read it while the program runs.
    pub arguments: Vec<String>,
    /// All that it is given as its environment, beside `LC_ALL`: secrets of this program are none of
    /// its business.
    pub environment: Vec<(OsString, OsString)>,
    /// The longest that it may take for one mail.
    pub timeout: Duration,
}

impl Default for SendmailSettings {
    /// `/usr/sbin/sendmail`, which every mail server for Unix brings, for 30 seconds.
    fn default() -> Self {
        Self {
            command: PathBuf::from("/usr/sbin/sendmail"),
            arguments: Vec::new(),
            environment: Vec::new(),
            timeout: Duration::from_secs(30),
        }
    }
}

impl fmt::Debug for SendmailSettings {
    /// Without arguments and values: somebody may have written a secret there all the same.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&OsString> = self.environment.iter().map(|(name, _)| name).collect();
        formatter
            .debug_struct("SendmailSettings")
            .field("command", &self.command)
            .field("environment", &names)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Runs a command for each mail and writes the mail to its standard input.
///
/// The command gets one recipient and the sender's address for the envelope: `-i -f SENDER --
/// RECIPIENT`, which Postfix, Exim, dma, msmtp, nullmailer and sSMTP all take.
/// Lines end with a line feed, as in any text on the machine; `-i` lets a dot stand alone on one.
///
/// A mail is taken when the command ends with status 0 and has read all of it. Needs a Tokio runtime
/// with its I/O driver.
#[derive(Debug, Clone)]
pub struct SendmailTransport {
    settings: SendmailSettings,
}

impl SendmailTransport {
    /// A transport that runs nothing before the first mail.
    #[must_use]
    pub fn new(settings: SendmailSettings) -> Self {
        Self { settings }
    }

    fn command(&self, letter: &Letter) -> Command {
        let settings = &self.settings;
        let mut command = Command::new(&settings.command);
        command
            .args(&settings.arguments)
            .args(["-i", "-f", &letter.sender, "--", &letter.recipient])
            .env_clear()
            .envs(
                settings
                    .environment
                    .iter()
                    .map(|(name, value)| (name, value)),
            )
            // What it says ends up in a log, and is to be the same on every machine.
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    fn by(&self) -> String {
        self.settings.command.display().to_string()
    }

    /// What a conversation that has ended says of the mail.
    fn outcome(&self, mail: &Mail, ended: &Conversation) -> Result<Receipt, TransportError> {
        let printed = one_line(&String::from_utf8_lossy(&ended.printed), PRINTED, ellipsis);
        if ended.status.success() && !ended.has_read_all {
            let problem = "it ended without having read the whole mail";
            return Err(self.temporary(mail, problem.to_owned()));
        }
        if ended.status.success() {
            let answer = if printed.is_empty() {
                "accepted".to_owned()
            } else {
                printed
            };
            return Ok(Receipt {
                by: self.by(),
                answer,
            });
        }
        let mut problem = words_of(ended.status);
        if !printed.is_empty() {
            problem = format!("{problem}: {printed}");
        }
        Err(match meaning_of(ended.status.code()) {
            Meaning::Refused => TransportError::Refused {
                by: self.by(),
                recipient: mail.to.clone(),
                problem,
            },
            Meaning::Temporary => self.temporary(mail, problem),
            Meaning::Unusable => self.unusable(problem, "check how it is called and set up"),
        })
    }

    fn temporary(&self, mail: &Mail, problem: String) -> TransportError {
        TransportError::Temporary {
            by: self.by(),
            recipient: mail.to.clone(),
            problem,
        }
    }

    fn unusable(&self, problem: String, advice: &str) -> TransportError {
        TransportError::Unusable {
            command: self.by(),
            problem,
            advice: advice.to_owned(),
        }
    }
}

#[async_trait]
impl Transport for SendmailTransport {
    async fn send(&self, mail: &Mail) -> Result<Receipt, TransportError> {
        let letter = Letter::of(mail).map_err(|error| TransportError::malformed(mail, &error))?;
        let child = self.command(&letter).spawn().map_err(|error| {
            let advice = "check that it is there and may be executed";
            self.unusable(format!("it can't be run: {error}"), advice)
        })?;
        let timeout = self.settings.timeout;
        match tokio::time::timeout(timeout, converse(child, &letter.bytes)).await {
            Ok(Ok(ended)) => self.outcome(mail, &ended),
            Ok(Err(error)) => {
                Err(self.temporary(mail, format!("its end can't be waited for: {error}")))
            }
            // Were this taken for the end of all mails, one that the command chokes on would keep
            // every other from ever being tried.
            Err(_) => Err(self.temporary(mail, format!("it did not end within {timeout:?}"))),
        }
    }
}

/// A mail as a command takes it.
struct Letter {
    sender: String,
    recipient: String,
    bytes: Vec<u8>,
}

impl Letter {
    fn of(mail: &Mail) -> Result<Self, MailError> {
        Ok(Self {
            sender: parse_address(&mail.from)?.email.to_string(),
            recipient: parse_address(&mail.to)?.email.to_string(),
            bytes: with_local_line_ends(&mail.to_mime()?),
        })
    }
}

/// Lines that end as lines of a text on this machine do.
fn with_local_line_ends(mime: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(mime.len());
    let mut rest = mime;
    while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        bytes.extend_from_slice(&rest[..end]);
        bytes.push(b'\n');
        rest = &rest[end + 2..];
    }
    bytes.extend_from_slice(rest);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_line_ends_are_changed() {
        assert_eq!(
            with_local_line_ends(b"a\r\n\r\nb\rc\nd\r\n"),
            b"a\n\nb\rc\nd\n"
        );
        assert_eq!(with_local_line_ends(b""), b"");
    }

    #[test]
    fn no_debug_shows_arguments_or_values() {
        let settings = SendmailSettings {
            arguments: vec!["hunter2".to_owned()],
            environment: vec![("HOME".into(), "hunter2".into())],
            ..SendmailSettings::default()
        };
        let shown = format!("{:?}", SendmailTransport::new(settings));
        assert!(
            shown.contains("HOME") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
