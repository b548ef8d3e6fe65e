//! Mails through an SMTP server.
//!
//! The steps of a session are taken one by one, because the same answer means another thing in each:
//! a 550 to the sender stops every mail, a 550 to a recipient stops one.

mod login;
mod opening;
mod problem;
mod socket;
mod stage;
mod stream;
mod tls;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lettre::Address;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt};
use lettre::transport::smtp::extension::{Extension, MailParameter};
use lettre::transport::smtp::response::Severity;
use secrecy::SecretString;
use thiserror::Error;
use tokio::sync::Mutex;

use self::login::Login;
use self::opening::{Opening, Protection};
use self::problem::{Problem, ProblemKind, words_of};
use self::stage::Stage;
use crate::mail::parse_address;
use crate::{DkimSigner, Mail, Receipt, Transport, TransportError};

/// How long a server that has just failed is waited for when it is told goodbye.
const FAREWELL: Duration = Duration::from_secs(1);

/// The code with which a server asks for the content of a mail.
const START_CONTENT: u16 = 354;

/// Where and how mails are handed over.
#[derive(Clone)]
pub struct SmtpSettings {
    /// The server's name; with TLS, the one in its certificate.
    pub host: String,
    /// Its port: usually 587 with STARTTLS, 465 with TLS.
    pub port: u16,
    /// Who logs in; `None` logs nobody in.
    pub username: Option<String>,
    /// The password of who logs in.
    pub password: Option<SecretString>,
    /// Where the token of who logs in comes from, instead of a password; the login is XOAUTH2 then.
    pub tokens: Option<Arc<dyn SmtpTokens>>,
    /// What protects the connection.
    pub security: SmtpSecurity,
    /// The longest wait for any one answer: to the connection to each address, the greeting, TLS, the
    /// login, a command. The one to a whole mail may take twice as long.
    pub timeout: Duration,
    /// Certificates in PEM that are trusted beside those of the system; empty for none.
    pub extra_root_certificates: Vec<u8>,
    /// What this program proves itself with when the server asks during TLS; `None` for nothing.
    pub client_certificate: Option<SmtpClientCertificate>,
    /// What signs the mails; `None` leaves that to the server.
    pub dkim: Option<DkimSigner>,
}

impl fmt::Debug for SmtpSettings {
    /// The file of certificates may hold a key as well, so that only its size is told.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.extra_root_certificates.len();
        formatter
            .debug_struct("SmtpSettings")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("username", &self.username)
            .field("password", &self.password)
            .field("tokens", &self.tokens)
            .field("security", &self.security)
            .field("timeout", &self.timeout)
            .field("extra_root_certificates", &format_args!("{bytes} bytes"))
            .field("client_certificate", &self.client_certificate)
            .field("dkim", &self.dkim)
            .finish()
    }
}

/// Gives the OAuth 2.0 tokens that logins are made with.
#[async_trait]
pub trait SmtpTokens: fmt::Debug + Send + Sync {
    /// A token that is valid now. It is asked for at each login, as tokens do not live long.
    ///
    /// # Errors
    ///
    /// When there is none: why not, in words that do not quote it.
    async fn token(&self) -> Result<SecretString, String>;
}

/// A certificate of this program's own, for servers that know their clients by it.
#[derive(Clone)]
pub struct SmtpClientCertificate {
    /// The certificate in PEM, and after it those that lead from it to an authority.
    pub certificates: Vec<u8>,
    /// Its private key in PEM, without a passphrase.
    pub key: SecretString,
}

impl fmt::Debug for SmtpClientCertificate {
    /// One file often holds both, and then the certificates are the key's bytes too.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SmtpClientCertificate")
            .finish_non_exhaustive()
    }
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
    /// A password and tokens are both given.
    #[error("the login at the mail server has a password and tokens; one of them is too many")]
    TwoLogins,
    /// A certificate can't be read.
    #[error("the extra root certificates can't be read: {0}")]
    Certificate(String),
    /// There is a client certificate, and no TLS to show it in.
    #[error("a client certificate is only shown in TLS, and the security is none")]
    ClientCertificateWithoutTls,
    /// The client certificate or its key can't be read, or do not belong together.
    #[error("the client certificate and its key are of no use: {0}")]
    ClientCertificate(String),
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
            tokens: None,
            security,
            timeout: Duration::from_secs(30),
            extra_root_certificates: Vec::new(),
            client_certificate: None,
            dkim: None,
        }
    }

    fn server(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    fn unreachable(&self, action: &str, problem: &Problem, advice: &str) -> TransportError {
        TransportError::Unreachable {
            action: action.to_owned(),
            server: self.server(),
            problem: problem.text.clone(),
            advice: advice.to_owned(),
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
    login: Option<Login>,
    protection: Protection,
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
        let login = Login::of(&settings)?;
        let protection = match settings.security {
            SmtpSecurity::None if settings.client_certificate.is_some() => {
                return Err(InvalidSmtpSettings::ClientCertificateWithoutTls);
            }
            SmtpSecurity::None => Protection::None,
            SmtpSecurity::Starttls => Protection::Starttls(tls::connector(&settings)?),
            SmtpSecurity::Tls => Protection::Tls(tls::connector(&settings)?),
        };
        Ok(Self {
            settings,
            login,
            protection,
            connection: Mutex::new(None),
        })
    }

    /// A connection that has taken the sender: the kept one, else a new one.
    ///
    /// The sender is also the question whether a kept connection still stands. Whatever goes wrong
    /// with it there, the server has nothing of the mail yet, and a new connection can start over.
    async fn connected(
        &self,
        kept: Option<AsyncSmtpConnection>,
        mail: &Mail,
        parcel: &Parcel,
    ) -> Result<AsyncSmtpConnection, TransportError> {
        if let Some(mut kept) = kept
            && self.name_sender(&mut kept, mail, parcel).await.is_ok()
        {
            return Ok(kept);
        }
        let opening = Opening {
            settings: &self.settings,
            protection: &self.protection,
            login: self.login.as_ref(),
        };
        let mut connection = opening.open().await?;
        let named = self.name_sender(&mut connection, mail, parcel).await;
        match named {
            Ok(()) => Ok(connection),
            Err(error) => {
                self.leave(connection).await;
                Err(error)
            }
        }
    }

    /// After an error nobody knows what the server expects next, nor whether it answers.
    async fn leave(&self, mut connection: AsyncSmtpConnection) {
        let patience = self.settings.timeout.min(FAREWELL);
        let _ = tokio::time::timeout(patience, connection.abort()).await;
    }

    async fn name_sender(
        &self,
        connection: &mut AsyncSmtpConnection,
        mail: &Mail,
        parcel: &Parcel,
    ) -> Result<(), TransportError> {
        let mut parameters = Vec::new();
        if parcel.needs_any_letters() {
            let server = connection.server_info();
            if !server.supports_feature(Extension::SmtpUtfEight) {
                return Err(TransportError::Refused {
                    by: self.settings.server(),
                    recipient: mail.to.clone(),
                    problem: "it takes no addresses with letters beyond ASCII".to_owned(),
                });
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let sender = MailFrom::new(Some(parcel.from.clone()), parameters);
        let naming = connection.command(sender);
        let named = Stage::Sender.within(self.settings.timeout, naming).await;
        named.map(drop).map_err(|problem| {
            let advice = "check the address in `from`";
            self.settings
                .unreachable("name the sender to", &problem, advice)
        })
    }

    /// Hands over a mail of which the server knows the sender.
    async fn hand_over(
        &self,
        connection: &mut AsyncSmtpConnection,
        mail: &Mail,
        parcel: &Parcel,
    ) -> Result<Receipt, TransportError> {
        let not_taken = |problem: Problem| self.not_taken(mail, &problem);
        let recipient = Rcpt::new(parcel.to.clone(), Vec::new());
        Stage::Recipient
            .within(self.settings.timeout, connection.command(recipient))
            .await
            .map_err(not_taken)?;
        let go_on = Stage::Data
            .within(self.settings.timeout, connection.command(Data))
            .await
            .map_err(not_taken)?;
        // lettre takes each 2xx and 3xx for a yes. A server that waits for no content would take the
        // lines of the mail for commands.
        if !go_on.has_code(START_CONTENT) {
            return Err(not_taken(Problem::unexpected(&go_on)));
        }
        let taking = connection.message(&parcel.bytes);
        let answer = Stage::WholeMail.within(self.settings.timeout, taking);
        let answer = answer.await.map_err(not_taken)?;
        if answer.code().severity != Severity::PositiveCompletion {
            return Err(not_taken(Problem::unexpected(&answer)));
        }
        Ok(Receipt {
            by: self.settings.server(),
            answer: words_of(&answer),
        })
    }

    /// What it means that the server took the sender, and then not the mail.
    fn not_taken(&self, mail: &Mail, problem: &Problem) -> TransportError {
        let (by, recipient) = (self.settings.server(), mail.to.clone());
        let problem_text = problem.text.clone();
        match problem.kind {
            ProblemKind::Closing => self.settings.unreachable(
                "send a mail through",
                problem,
                "nothing needs to be done",
            ),
            ProblemKind::LoginNeeded => self.settings.unreachable(
                "send a mail through",
                problem,
                "set username and password",
            ),
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
        let parcel = Parcel::of(mail, self.settings.dkim.as_ref())?;
        let mut kept = self.connection.lock().await;
        let mut connection = self.connected(kept.take(), mail, &parcel).await?;
        let sent = self.hand_over(&mut connection, mail, &parcel).await;
        if sent.is_ok() {
            *kept = Some(connection);
        } else {
            self.leave(connection).await;
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
    fn of(mail: &Mail, dkim: Option<&DkimSigner>) -> Result<Self, TransportError> {
        let malformed = |error: crate::MailError| TransportError::malformed(mail, &error);
        let address = |text: &str| parse_address(text).map_err(|error| malformed(error.into()));
        let mut bytes = mail.to_mime().map_err(malformed)?;
        if let Some(dkim) = dkim {
            let signed = dkim.sign(&bytes, mail.date);
            bytes = signed.map_err(|error| TransportError::unsigned(mail, &error))?;
        }
        Ok(Self {
            from: address(&mail.from)?.email,
            to: address(&mail.to)?.email,
            bytes,
        })
    }

    /// Whether an address needs SMTP's extension for letters beyond ASCII.
    fn needs_any_letters(&self) -> bool {
        [&self.from, &self.to]
            .iter()
            .any(|address| !AsRef::<str>::as_ref(address).is_ascii())
    }
}
