//! How a session logs in. Knows no mail.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS, Mechanism};
use lettre::transport::smtp::commands::Auth;
use secrecy::{ExposeSecret as _, SecretString};

use super::problem::Problem;
use super::reply::Reply;
use super::session::Session;
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
        session: &mut Session,
        timeout: Duration,
    ) -> Result<(), Problem> {
        match self {
            Self::Password { username, password } => {
                let proof = Proof::new(username, password, Mechanism::Plain)?;
                let logging_in = log_in_by_password(session, &proof);
                Stage::Login.within(timeout, logging_in).await
            }
            Self::Token { username, tokens } => {
                let asking = async { tokens.token().await.map_err(|text| Problem::broken(&text)) };
                let token = Stage::Token.within(timeout, asking).await?;
                let proof = Proof::new(username, &token, Mechanism::Xoauth2)?;
                let logging_in = log_in_by_token(session, &proof);
                Stage::Login.within(timeout, logging_in).await
            }
        }
    }
}

async fn log_in_by_password(session: &mut Session, proof: &Proof) -> Result<(), Problem> {
    let offered = &session.offers().logins;
    let mechanism = DEFAULT_MECHANISMS
        .iter()
        .find(|known| offered.contains(known));
    let Some(&mechanism) = mechanism else {
        return Err(Problem::broken("it offers no login with PLAIN or LOGIN"));
    };
    let mut reply = proof.ask(session, proof.first_command(mechanism)?).await?;
    // LOGIN is asked for the name, then for the password; PLAIN for nothing.
    for _ in 0..2 {
        if reply.code != GO_ON || mechanism != Mechanism::Login {
            break;
        }
        let answer = proof.answer_to(&reply, mechanism)?;
        reply = proof.ask(session, answer).await?;
    }
    proof.welcomed(&reply)
}

/// A server that does not take a token explains why with a 334, and only the answer to an empty line
/// is the refusal.
async fn log_in_by_token(session: &mut Session, proof: &Proof) -> Result<(), Problem> {
    let mechanism = Mechanism::Xoauth2;
    if !session.offers().logins.contains(&mechanism) {
        return Err(Problem::broken("it offers no login with XOAUTH2"));
    }
    let mut reply = proof.ask(session, proof.first_command(mechanism)?).await?;
    if reply.code == GO_ON {
        reply = proof.ask(session, "\r\n".to_owned()).await?;
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

    fn first_command(&self, mechanism: Mechanism) -> Result<String, Problem> {
        Ok(Auth::new(mechanism, self.credentials.clone(), None)?.to_string())
    }

    /// What a server is told that asks on.
    fn answer_to(&self, question: &Reply, mechanism: Mechanism) -> Result<String, Problem> {
        let words = question.lines().next().unwrap_or_default();
        let asked = BASE64.decode(words.trim()).unwrap_or_default();
        let asked = String::from_utf8_lossy(&asked);
        let answer = mechanism.response(&self.credentials, Some(&asked));
        let answer =
            answer.map_err(|_| Problem::broken("it asks for neither name nor password"))?;
        Ok(format!("{}\r\n", BASE64.encode(answer)))
    }

    async fn ask(&self, session: &mut Session, command: String) -> Result<Reply, Problem> {
        session.ask(command).await.map_err(|problem| {
            if self.is_quoted_in(&problem.text) {
                Problem::broken("its answer quotes the login")
            } else {
                problem
            }
        })
    }

    /// Each 2xx and 3xx sounds like a yes, and only one is.
    fn welcomed(&self, reply: &Reply) -> Result<(), Problem> {
        if reply.code == WELCOME {
            return Ok(());
        }
        let words: Vec<&str> = reply.lines().collect();
        if self.is_quoted_in(&words.concat()) {
            return Err(Problem::broken(&reply.code.to_string()));
        }
        Err(Problem::of_reply(Stage::Login, reply))
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
