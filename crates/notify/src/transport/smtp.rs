//! Mails through an SMTP server.
//!
//! The steps of a session are taken one by one, because the same answer means another thing in each:
//! a 550 to the sender stops every mail, a 550 to a recipient stops one.

use std::error::Error as _;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use lettre::Address;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;
use tokio::sync::Mutex;

use crate::mail::parse_address;
use crate::untrusted::{ellipsis, one_line};
use crate::{Mail, Receipt, Transport, TransportError};

/// How much of a server's answer is told.
const ANSWER: usize = 300;

/// Where and how mails are handed over.
#[derive(Debug, Clone)]
pub struct SmtpSettings {
    /// The server's name; with TLS, the one in its certificate.
    pub host: String,
    /// Its port: usually 587 with STARTTLS, 465 with TLS.
    pub port: u16,
    /// Who logs in; `None` logs nobody in.
    pub username: Option<String>,
    /// The password of who logs in.
    pub password: Option<SecretString>,
    /// What protects the connection.
    pub security: SmtpSecurity,
    /// The longest wait for any one answer.
    pub timeout: Duration,
    /// Certificates in PEM that are trusted beside those of the system; empty for none.
    pub extra_root_certificates: Vec<u8>,
}

/// What protects the connection to an SMTP server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SmtpSecurity {
    /// TLS from the first command on that is worth protecting; a server without it gets nothing.
    #[default]
    Starttls,
    /// TLS from the first byte on.
    Tls,
    /// Nothing: whoever is on the way reads the mails and the password.
    None,
}

/// Why settings can't be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidSmtpSettings {
    /// There is no host.
    #[error("the mail server has no host")]
    NoHost,
    /// One of user and password is given without the other.
    #[error("the mail server's username and password go together; one of them is missing")]
    HalfLogin,
    /// A certificate can't be read.
    #[error("the extra root certificates can't be read: {0}")]
    Certificate(String),
}

impl SmtpSettings {
    /// Settings for a server with the usual port, without login.
    #[must_use]
    pub fn new(host: impl Into<String>, security: SmtpSecurity) -> Self {
        Self {
            host: host.into(),
            port: security.usual_port(),
            username: None,
            password: None,
            security,
            timeout: Duration::from_secs(30),
            extra_root_certificates: Vec::new(),
        }
    }
}

impl SmtpSecurity {
    /// The port at which servers usually expect it.
    #[must_use]
    pub const fn usual_port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// Hands mails over to an SMTP server, over one connection that is kept between them.
///
/// Needs a Tokio runtime.
pub struct SmtpTransport {
    settings: SmtpSettings,
    credentials: Option<Credentials>,
    tls: Option<TlsParameters>,
    connection: Mutex<Option<AsyncSmtpConnection>>,
}

impl fmt::Debug for SmtpTransport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SmtpTransport")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl SmtpTransport {
    /// A transport that connects when the first mail is sent.
    ///
    /// # Errors
    ///
    /// When the settings contradict themselves, or a certificate can't be read.
    pub fn new(settings: SmtpSettings) -> Result<Self, InvalidSmtpSettings> {
        if settings.host.trim().is_empty() {
            return Err(InvalidSmtpSettings::NoHost);
        }
        let credentials = match (&settings.username, &settings.password) {
            (Some(username), Some(password)) => Some(Credentials::new(
                username.clone(),
                password.expose_secret().to_owned(),
            )),
            (None, None) => None,
            _ => return Err(InvalidSmtpSettings::HalfLogin),
        };
        let tls = match settings.security {
            SmtpSecurity::None => None,
            SmtpSecurity::Starttls | SmtpSecurity::Tls => Some(tls_parameters(&settings)?),
        };
        Ok(Self {
            settings,
            credentials,
            tls,
            connection: Mutex::new(None),
        })
    }

    /// The kept connection if it still answers, else a new one, logged in.
    async fn connected(
        &self,
        kept: Option<AsyncSmtpConnection>,
    ) -> Result<AsyncSmtpConnection, TransportError> {
        if let Some(mut kept) = kept {
            let is_alive = tokio::time::timeout(self.settings.timeout, kept.test_connected());
            if is_alive.await == Ok(true) {
                return Ok(kept);
            }
        }
        let (hello, security) = (ClientId::default(), self.settings.security);
        let wrapper = self.tls.clone().filter(|_| security == SmtpSecurity::Tls);
        let server = (self.settings.host.as_str(), self.settings.port);
        let timeout = Some(self.settings.timeout);
        let connecting =
            AsyncSmtpConnection::connect_tokio1(server, timeout, &hello, wrapper, None);
        let mut connection = self.answer(connecting).await.map_err(|problem| {
            self.unreachable("connect to", &problem, "check host, port and security")
        })?;
        if let Some(tls) = self
            .tls
            .clone()
            .filter(|_| security == SmtpSecurity::Starttls)
        {
            let encrypting = connection.starttls(tls, &hello);
            self.answer(encrypting).await.map_err(|problem| {
                self.unreachable("start TLS with", &problem, "check host and security")
            })?;
        }
        if let Some(credentials) = &self.credentials {
            let logging_in = connection.auth(DEFAULT_MECHANISMS, credentials);
            self.answer(logging_in).await.map_err(|problem| {
                self.unreachable("log in to", &problem, "check username and password")
            })?;
        }
        Ok(connection)
    }

    async fn hand_over(
        &self,
        connection: &mut AsyncSmtpConnection,
        mail: &Mail,
        parcel: &Parcel,
    ) -> Result<Receipt, TransportError> {
        let mut parameters = Vec::new();
        if parcel.needs_any_letters() {
            let takes_any = connection
                .server_info()
                .supports_feature(Extension::SmtpUtfEight);
            if !takes_any {
                return Err(TransportError::Refused {
                    by: self.server(),
                    recipient: mail.to.clone(),
                    problem: "it takes no addresses with letters beyond ASCII".to_owned(),
                });
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let sender = MailFrom::new(Some(parcel.from.clone()), parameters);
        self.answer(connection.command(sender))
            .await
            .map_err(|problem| {
                self.unreachable(
                    "name the sender to",
                    &problem,
                    "check the address in `from`",
                )
            })?;
        let not_taken = |problem: Problem| self.not_taken(mail, &problem);
        let recipient = Rcpt::new(parcel.to.clone(), Vec::new());
        self.answer(connection.command(recipient))
            .await
            .map_err(not_taken)?;
        self.answer(connection.command(Data))
            .await
            .map_err(not_taken)?;
        let answer = self.answer(connection.message(&parcel.bytes));
        let answer = answer.await.map_err(not_taken)?;
        let words: Vec<&str> = answer.message().collect();
        let answer = format!("{} {}", answer.code(), words.join(" "));
        Ok(Receipt {
            by: self.server(),
            answer: one_line(&answer, ANSWER, ellipsis),
        })
    }

    /// Waits for an answer, but not for ever.
    async fn answer<T>(
        &self,
        step: impl Future<Output = Result<T, SmtpError>>,
    ) -> Result<T, Problem> {
        match tokio::time::timeout(self.settings.timeout, step).await {
            Ok(answer) => answer.map_err(|error| Problem::of(&error)),
            Err(_) => Err(Problem {
                text: format!("no answer within {:?}", self.settings.timeout),
                kind: ProblemKind::Silence,
            }),
        }
    }

    fn server(&self) -> String {
        format!("{}:{}", self.settings.host, self.settings.port)
    }

    fn unreachable(&self, action: &str, problem: &Problem, advice: &str) -> TransportError {
        TransportError::Unreachable {
            action: action.to_owned(),
            server: self.server(),
            problem: problem.text.clone(),
            advice: advice.to_owned(),
        }
    }

    /// What it means that the server took the sender, and then not the mail.
    fn not_taken(&self, mail: &Mail, problem: &Problem) -> TransportError {
        let (by, recipient) = (self.server(), mail.to.clone());
        let problem_text = problem.text.clone();
        match problem.kind {
            ProblemKind::Closing => {
                self.unreachable("send a mail through", problem, "nothing needs to be done")
            }
            ProblemKind::LoginNeeded => {
                self.unreachable("send a mail through", problem, "set username and password")
            }
            ProblemKind::Permanent => TransportError::Refused {
                by,
                recipient,
                problem: problem_text,
            },
            ProblemKind::Passing | ProblemKind::Silence => TransportError::Temporary {
                by,
                recipient,
                problem: problem_text,
            },
        }
    }
}

#[async_trait]
impl Transport for SmtpTransport {
    async fn send(&self, mail: &Mail) -> Result<Receipt, TransportError> {
        let parcel = Parcel::of(mail)?;
        let mut kept = self.connection.lock().await;
        let mut connection = self.connected(kept.take()).await?;
        let sent = self.hand_over(&mut connection, mail, &parcel).await;
        if sent.is_ok() {
            *kept = Some(connection);
        } else {
            // After an error nobody knows what the server expects next, nor whether it answers.
            let _ = tokio::time::timeout(self.settings.timeout, connection.abort()).await;
        }
        sent
    }
}

/// A mail as the server takes it.
struct Parcel {
    from: Address,
    to: Address,
    bytes: Vec<u8>,
}

impl Parcel {
    fn of(mail: &Mail) -> Result<Self, TransportError> {
        let malformed = |error: crate::MailError| TransportError::malformed(mail, &error);
        let address = |text: &str| parse_address(text).map_err(|error| malformed(error.into()));
        Ok(Self {
            from: address(&mail.from)?.email,
            to: address(&mail.to)?.email,
            bytes: mail.to_mime().map_err(malformed)?,
        })
    }

    /// Whether an address needs SMTP's extension for letters beyond ASCII.
    fn needs_any_letters(&self) -> bool {
        [&self.from, &self.to]
            .iter()
            .any(|address| !AsRef::<str>::as_ref(address).is_ascii())
    }
}

/// What went wrong in one step of a session.
struct Problem {
    text: String,
    kind: ProblemKind,
}

/// What a problem says of the next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProblemKind {
    /// The server is about to go away (421).
    Closing,
    /// The server takes nothing from someone who has not logged in (530).
    LoginNeeded,
    /// The server will never take it.
    Permanent,
    /// The server did not take it now, or the line broke.
    Passing,
    /// No answer came in time.
    Silence,
}

impl Problem {
    fn of(error: &SmtpError) -> Self {
        let words = error.source().map(ToString::to_string).unwrap_or_default();
        // 5.7.x is a policy: mostly that this sender may not relay, which is put right in a config
        // and no reason to lose an alert.
        let is_policy = words.starts_with("5.7.");
        let kind = match error.status().map(u16::from) {
            Some(421) => ProblemKind::Closing,
            Some(530) => ProblemKind::LoginNeeded,
            _ if error.is_permanent() && !is_policy => ProblemKind::Permanent,
            _ => ProblemKind::Passing,
        };
        Self {
            text: one_line(&error.to_string(), ANSWER, ellipsis),
            kind,
        }
    }
}

fn tls_parameters(settings: &SmtpSettings) -> Result<TlsParameters, InvalidSmtpSettings> {
    let unreadable = |error: SmtpError| InvalidSmtpSettings::Certificate(error.to_string());
    let mut parameters = TlsParameters::builder(settings.host.clone());
    if !settings.extra_root_certificates.is_empty() {
        let extra = Certificate::from_pem(&settings.extra_root_certificates).map_err(unreadable)?;
        parameters = parameters.add_root_certificate(extra);
    }
    parameters.build().map_err(unreadable)
}
