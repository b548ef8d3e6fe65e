//! Mails through an SMTP server.

mod hello;
mod login;
mod meaning;
mod opening;
mod pool;
mod problem;
mod reply;
mod session;
mod socket;
mod stage;
mod stream;
mod tls;

use std::fmt;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lettre::Address;
use secrecy::SecretString;
use thiserror::Error;

use self::login::Login;
use self::opening::{Opening, Protection};
use self::pool::{Place, Pool};
use self::problem::{Problem, ProblemKind};
use self::reply::Reply;
use self::session::{Failure, Session};
use self::stage::Stage;
use crate::mail::parse_address;
use crate::{DkimSigner, Mail, Receipt, Transport, TransportError};

/// How many connections there are at most when nothing else is said: enough that one slow answer holds
/// up no other mail, and fewer than any server takes from one client (Postfix: 50, Exchange: 20).
const CONNECTIONS: NonZeroU16 = NonZeroU16::MIN.saturating_add(3);

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
    /// How many connections are open at most at the same time; 4 when nothing else is said. One more
    /// is opened when mails are sent at once and the others are in use.
    pub connections: NonZeroU16,
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
            .field("connections", &self.connections)
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
            connections: CONNECTIONS,
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

/// Hands mails over to an SMTP server, over connections that are kept between them.
///
/// Mails may be sent at once, each over a connection of its own up to
/// [`connections`](SmtpSettings::connections); any more of them wait for one. A connection that was not
/// used for half a minute is replaced. [`rest`](Transport::rest) says goodbye to those that are not in
/// use; dropping the transport closes them without a word.
///
/// Needs a Tokio runtime.
pub struct SmtpTransport {
    settings: SmtpSettings,
    login: Option<Login>,
    protection: Protection,
    pool: Pool,
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
            pool: Pool::new(settings.connections),
            settings,
            login,
            protection,
        })
    }

    /// Sends over a kept session, when there is one that stands.
    ///
    /// The sender is also the question for that. Whatever goes wrong with it there, the server has
    /// nothing of the mail yet, and `None` says that a new session can start over.
    async fn send_over_kept(
        &self,
        place: &Place,
        parcel: &Parcel,
    ) -> Option<Result<Reply, Failure>> {
        let mut session = self.pool.take(place)?;
        let sent = session.hand_over(parcel).await;
        if matches!(&sent, Err(failure) if failure.stage == Stage::Sender) {
            session.say_goodbye().await;
            return None;
        }
        self.let_go(session, place, &sent).await;
        Some(sent)
    }

    async fn send_over_new(
        &self,
        mut session: Session,
        place: &Place,
        parcel: &Parcel,
    ) -> Result<Reply, Failure> {
        let sent = session.hand_over(parcel).await;
        self.let_go(session, place, &sent).await;
        sent
    }

    async fn open(&self) -> Result<Session, TransportError> {
        let opening = Opening {
            settings: &self.settings,
            protection: &self.protection,
            login: self.login.as_ref(),
        };
        opening.open().await
    }

    /// Keeps a session after a mail. A refused mail is no reason to connect and log in anew for the
    /// next one, but one after which this very session gets no further is.
    async fn let_go(&self, mut session: Session, place: &Place, sent: &Result<Reply, Failure>) {
        let is_of_use = match sent {
            Ok(_) => true,
            Err(Failure { problem, .. }) if problem.kind == ProblemKind::LoginNeeded => false,
            Err(Failure { stage, .. }) => *stage != Stage::Sender && session.reset().await,
        };
        if is_of_use {
            self.pool.keep(session, place);
        } else {
            session.say_goodbye().await;
        }
    }

    /// What it means that the server did not take this mail.
    fn not_sent(&self, mail: &Mail, Failure { stage, problem, .. }: &Failure) -> TransportError {
        let unreachable = |action, advice| self.settings.unreachable(action, problem, advice);
        let (by, recipient) = (self.settings.server(), mail.to.clone());
        let text = problem.text.clone();
        match problem.kind {
            ProblemKind::Closing => unreachable("send a mail through", "nothing needs to be done"),
            ProblemKind::LoginNeeded => {
                unreachable("send a mail through", "set username and password")
            }
            ProblemKind::Broken | ProblemKind::Silence if *stage == Stage::Sender => {
                unreachable("name the sender to", "see whether that server works")
            }
            // Whatever this mail is, the next one has the same sender.
            _ if *stage == Stage::Sender => {
                unreachable("name the sender to", "check the address in `from`")
            }
            ProblemKind::Permanent => TransportError::Refused {
                by,
                recipient,
                problem: text,
            },
            ProblemKind::Temporary | ProblemKind::Broken | ProblemKind::Silence => {
                TransportError::Temporary {
                    by,
                    recipient,
                    problem: text,
                }
            }
        }
    }
}

#[async_trait]
impl Transport for SmtpTransport {
    async fn send(&self, mail: &Mail) -> Result<Receipt, TransportError> {
        let parcel = Parcel::of(mail, self.settings.dkim.as_ref())?;
        let place = self.pool.place().await;
        let sent = if let Some(sent) = self.send_over_kept(&place, &parcel).await {
            sent
        } else {
            let session = self.open().await?;
            self.send_over_new(session, &place, &parcel).await
        };
        match sent {
            Ok(reply) => Ok(Receipt {
                by: self.settings.server(),
                answer: reply.to_string(),
            }),
            Err(failure) => Err(self.not_sent(mail, &failure)),
        }
    }

    async fn rest(&self) {
        self.pool.rest().await;
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
