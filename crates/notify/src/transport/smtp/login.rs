//! How a session logs in. Knows no mail.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::Auth;
use lettre::transport::smtp::response::Response;
use secrecy::{ExposeSecret as _, SecretString};

use super::problem::Problem;
use super::stage::Stage;
use super::{InvalidSmtpSettings, SmtpSettings, SmtpTokens};

/// The code with which a server asks on in the middle of a login.
const GO_ON: u16 = 334;

/// The code with which a server takes a login.
const WELCOME: u16 = 235;

/// How many bytes of a secret in a row give it away.
const TELLTALE: usize = 8;

/// Who logs in, and by what.
pub(super) enum Login {
    /// PLAIN or LOGIN, whichever the server offers.
    Password {
        username: String,
        password: SecretString,
    },
    /// XOAUTH2.
    Token {
        username: String,
        tokens: Arc<dyn SmtpTokens>,
    },
}

impl Login {
    pub(super) fn of(settings: &SmtpSettings) -> Result<Option<Self>, InvalidSmtpSettings> {
        match (&settings.username, &settings.password, &settings.tokens) {
            (None, None, None) => Ok(None),
            (_, Some(_), Some(_)) => Err(InvalidSmtpSettings::TwoLogins),
            (Some(username), Some(password), None) => Ok(Some(Self::Password {
                username: username.clone(),
                password: password.clone(),
            })),
            (Some(username), None, Some(tokens)) => Ok(Some(Self::Token {
                username: username.clone(),
                tokens: tokens.clone(),
            })),
            _ => Err(InvalidSmtpSettings::HalfLogin),
        }
    }

    /// What to look at when the login fails.
    pub(super) fn advice(&self) -> &'static str {
        match self {
            Self::Password { .. } => "check username and password",
            Self::Token { .. } => "check username and token",
        }
    }

    pub(super) async fn log_in(
        &self,
        connection: &mut AsyncSmtpConnection,
        timeout: Duration,
    ) -> Result<(), Problem> {
        match self {
            Self::Password { username, password } => {
                let proof = Proof::new(username, password, Mechanism::Plain)?;
                let logging_in = log_in_by_password(connection, &proof);
                Stage::Login.within(timeout, logging_in).await
            }
            Self::Token { username, tokens } => {
                let asking = async { tokens.token().await.map_err(|text| Problem::passing(&text)) };
                let token = Stage::Token.within(timeout, asking).await?;
                let proof = Proof::new(username, &token, Mechanism::Xoauth2)?;
                let logging_in = log_in_by_token(connection, &proof);
                Stage::Login.within(timeout, logging_in).await
            }
        }
    }
}

async fn log_in_by_password(
    connection: &mut AsyncSmtpConnection,
    proof: &Proof,
) -> Result<(), Problem> {
    let reply = connection.auth(DEFAULT_MECHANISMS, &proof.credentials);
    let reply = reply.await.map_err(|error| proof.refused(&error))?;
    proof.welcomed(&reply)
}

/// lettre's own way ends where a server explains why it does not take a token: it asks on, and only
/// the answer to an empty line is the refusal.
async fn log_in_by_token(
    connection: &mut AsyncSmtpConnection,
    proof: &Proof,
) -> Result<(), Problem> {
    let server = connection.server_info();
    if !server.supports_auth_mechanism(Mechanism::Xoauth2) {
        return Err(Problem::passing("it offers no login with XOAUTH2"));
    }
    let login = Auth::new(Mechanism::Xoauth2, proof.credentials.clone(), None)?;
    let reply = connection.command(login).await;
    let mut reply = reply.map_err(|error| proof.refused(&error))?;
    if reply.has_code(GO_ON) {
        let answer = connection.command("\r\n").await;
        reply = answer.map_err(|error| proof.refused(&error))?;
    }
    proof.welcomed(&reply)
}

/// What one login is made with, which no server's words may carry into a log.
struct Proof {
    credentials: Credentials,
    /// The secret, and what is sent for it.
    secrets: [String; 3],
}

impl Proof {
    fn new(username: &str, secret: &SecretString, mechanism: Mechanism) -> Result<Self, Problem> {
        let secret = secret.expose_secret();
        let credentials = Credentials::new(username.to_owned(), secret.to_owned());
        let response = mechanism.response(&credentials, None)?;
        Ok(Self {
            credentials,
            secrets: [
                secret.to_owned(),
                BASE64.encode(secret),
                BASE64.encode(response),
            ],
        })
    }

    /// What is told of an answer that is no yes.
    fn refused(&self, error: &SmtpError) -> Problem {
        if !self.is_quoted_in(&error.to_string()) {
            return Problem::passing(&error.to_string());
        }
        match error.status() {
            Some(code) => Problem::passing(&code.to_string()),
            None => Problem::passing("its answer quotes the login"),
        }
    }

    /// lettre takes each 2xx and 3xx for a yes, and a 334 is none.
    fn welcomed(&self, reply: &Response) -> Result<(), Problem> {
        if reply.has_code(WELCOME) {
            return Ok(());
        }
        let words: Vec<&str> = reply.message().collect();
        if self.is_quoted_in(&words.join(" ")) {
            return Err(Problem::passing(&reply.code().to_string()));
        }
        Err(Problem::unexpected(reply))
    }

    /// Whether a part of a secret is in these words: a server may quote the start alone of a line
    /// that is too long for it, or break it.
    fn is_quoted_in(&self, words: &str) -> bool {
        let words = without_spaces(words);
        self.secrets.iter().any(|secret| {
            let secret = without_spaces(secret);
            let length = secret.len().min(TELLTALE);
            if length == 0 {
                return false;
            }
            let parts: HashSet<&[u8]> = secret.windows(length).collect();
            words.windows(length).any(|part| parts.contains(part))
        })
    }
}

fn without_spaces(text: &str) -> Vec<u8> {
    let is_kept = |byte: &u8| !byte.is_ascii_whitespace() && !byte.is_ascii_control();
    text.bytes().filter(is_kept).collect()
}
