//! How a session logs in. Knows no mail.

use std::sync::Arc;
use std::time::Duration;

use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::Auth;
use secrecy::{ExposeSecret as _, SecretString};

use super::problem::Problem;
use super::stage::Stage;
use super::{InvalidSmtpSettings, SmtpSettings, SmtpTokens};

/// The code with which a server asks on in the middle of a login.
const GO_ON: u16 = 334;

/// Who logs in, and by what.
pub(super) enum Login {
    /// PLAIN or LOGIN, whichever the server offers.
    Password(Credentials),
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
            (Some(username), Some(password), None) => {
                Ok(Some(Self::Password(credentials(username, password))))
            }
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
            Self::Password(_) => "check username and password",
            Self::Token { .. } => "check username and token",
        }
    }

    pub(super) async fn log_in(
        &self,
        connection: &mut AsyncSmtpConnection,
        timeout: Duration,
    ) -> Result<(), Problem> {
        match self {
            Self::Password(credentials) => {
                let logging_in = connection.auth(DEFAULT_MECHANISMS, credentials);
                Stage::Login.within(timeout, logging_in).await.map(drop)
            }
            Self::Token { username, tokens } => {
                let asking = async { tokens.token().await.map_err(|text| Problem::passing(&text)) };
                let token = Stage::Token.within(timeout, asking).await?;
                let logging_in = log_in_with(connection, credentials(username, &token));
                Stage::Login.within(timeout, logging_in).await
            }
        }
    }
}

fn credentials(username: &str, secret: &SecretString) -> Credentials {
    Credentials::new(username.to_owned(), secret.expose_secret().to_owned())
}

/// lettre's own way ends where a server explains why it does not take a token: it asks on, and only
/// the answer to an empty line is the refusal.
async fn log_in_with(
    connection: &mut AsyncSmtpConnection,
    credentials: Credentials,
) -> Result<(), Problem> {
    let server = connection.server_info();
    if !server.supports_auth_mechanism(Mechanism::Xoauth2) {
        return Err(Problem::passing("it offers no login with XOAUTH2"));
    }
    let login = Auth::new(Mechanism::Xoauth2, credentials, None)?;
    let reply = connection.command(login).await?;
    if reply.has_code(GO_ON) {
        connection.command("\r\n").await?;
    }
    Ok(())
}
