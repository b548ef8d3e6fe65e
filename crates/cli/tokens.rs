//! The OAuth 2.0 tokens that the config's file or command gives. Knows no mail server.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use vigie_notify::{SecretString, SmtpTokens, async_trait};

use crate::config::TokenSource;

/// No token is longer; what prints more is something else.
const LONGEST: u64 = 64 * 1024;

/// Reads a token anew each time.
#[derive(Debug)]
pub struct Tokens {
    source: TokenSource,
    timeout: Duration,
}

impl Tokens {
    /// `timeout` is how long a command may run.
    pub fn new(source: TokenSource, timeout: Duration) -> Self {
        Self { source, timeout }
    }
}

#[async_trait]
impl SmtpTokens for Tokens {
    async fn token(&self) -> Result<SecretString, String> {
        match &self.source {
            TokenSource::File(path) => of_file(path),
            TokenSource::Command { program, arguments } => {
                match tokio::time::timeout(self.timeout, of_command(program, arguments)).await {
                    Ok(token) => token,
                    Err(_) => Err(format!(
                        "the token command {program:?} did not end within {:?}",
                        self.timeout
                    )),
                }
            }
        }
    }
}

fn of_file(path: &Path) -> Result<SecretString, String> {
    let shown = path.display();
    let text = std::fs::read(path)
        .map_err(|error| format!("the token file {shown} can't be read: {error}"))?;
    token_in(text).ok_or_else(|| format!("the token file {shown} holds no token"))
}

async fn of_command(program: &str, arguments: &[String]) -> Result<SecretString, String> {
    let failed = |what: &dyn std::fmt::Display| format!("the token command {program:?} {what}");
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(&format!("can't be run: {error}")))?;
    let mut printed = Vec::new();
    if let Some(output) = child.stdout.take() {
        let reading = output.take(LONGEST).read_to_end(&mut printed).await;
        reading.map_err(|error| failed(&format!("can't be read: {error}")))?;
    }
    let status = child.wait().await.map_err(|error| failed(&error))?;
    if !status.success() {
        return Err(failed(&format!("failed with {status}")));
    }
    token_in(printed).ok_or_else(|| failed(&"printed no token"))
}

/// Control characters part what a login is made of, so that a token with one could say anything.
fn token_in(text: Vec<u8>) -> Option<SecretString> {
    let text = String::from_utf8(text).ok()?;
    let token = text.trim();
    let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    is_token.then(|| SecretString::from(token))
}

#[cfg(test)]
mod tests {
    use vigie_notify::SmtpTokens as _;

    use super::*;

    async fn printed_by(script: &str) -> Result<String, String> {
        use secrecy::ExposeSecret as _;
        let source = TokenSource::Command {
            program: "sh".to_owned(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
        };
        let tokens = Tokens::new(source, Duration::from_secs(1));
        let token = tokens.token().await?;
        Ok(token.expose_secret().to_owned())
    }

    #[tokio::test]
    async fn a_command_prints_a_token_on_one_line() {
        assert_eq!(printed_by("echo ya29.abc").await.unwrap(), "ya29.abc");
    }

    #[tokio::test]
    async fn a_command_without_a_token_says_so_without_what_it_printed() {
        for (script, told) in [
            (
                "echo hunter2; exit 3",
                "the token command \"sh\" failed with exit status: 3",
            ),
            ("true", "the token command \"sh\" printed no token"),
            (
                "echo hunter2 x",
                "the token command \"sh\" printed no token",
            ),
            (
                "printf 'hunter2\\001x'",
                "the token command \"sh\" printed no token",
            ),
            ("sleep 60", "the token command \"sh\" did not end within 1s"),
        ] {
            assert_eq!(printed_by(script).await.unwrap_err(), told);
        }
        let absent = TokenSource::Command {
            program: "/absent".to_owned(),
            arguments: Vec::new(),
        };
        let absent = Tokens::new(absent, Duration::from_secs(1)).token().await;
        let told = absent.unwrap_err();
        assert!(
            told.starts_with("the token command \"/absent\" can't be run: "),
            "{told}"
        );
    }

    #[tokio::test]
    async fn a_file_is_read_anew_each_time() {
        use secrecy::ExposeSecret as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let tokens = Tokens::new(TokenSource::File(path.clone()), Duration::from_secs(1));
        let shown = path.display();
        let told = tokens.token().await.unwrap_err();
        assert!(
            told.starts_with(&format!("the token file {shown} can't be read: ")),
            "{told}"
        );
        for token in ["one", "two"] {
            std::fs::write(&path, format!("{token}\n")).unwrap();
            assert_eq!(tokens.token().await.unwrap().expose_secret(), token);
        }
        std::fs::write(&path, "\n").unwrap();
        let told = tokens.token().await.unwrap_err();
        assert_eq!(told, format!("the token file {shown} holds no token"));
    }
}
