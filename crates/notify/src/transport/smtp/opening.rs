//! A session up to the point where mails can be handed over: socket, greeting, TLS, login. Knows no
//! mail.

use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Ehlo, Starttls};
use lettre::transport::smtp::extension::{ClientId, Extension, ServerInfo};
use tokio_rustls::TlsConnector;

use super::login::Login;
use super::problem::Problem;
use super::stage::Stage;
use super::stream::Stream;
use super::{SmtpSettings, socket};
use crate::TransportError;

/// What protects a session, with all that it takes: none can be asked for and then be missing.
pub(super) enum Protection {
    Starttls(TlsConnector),
    Tls(TlsConnector),
    None,
}

/// What opens sessions.
pub(super) struct Opening<'a> {
    pub(super) settings: &'a SmtpSettings,
    pub(super) protection: &'a Protection,
    pub(super) login: Option<&'a Login>,
}

impl Opening<'_> {
    /// A session that has greeted and logged in.
    pub(super) async fn open(&self) -> Result<AsyncSmtpConnection, TransportError> {
        let mut stream = self.connect().await?;
        stream = match self.protection {
            Protection::Tls(tls) => {
                let mut encrypted = self.encrypt(stream, tls).await?;
                self.wait_for_greeting(&mut encrypted).await?;
                encrypted
            }
            Protection::Starttls(tls) => {
                self.wait_for_greeting(&mut stream).await?;
                self.ask_for_tls(&mut stream).await?;
                self.encrypt(stream, tls).await?
            }
            Protection::None => {
                self.wait_for_greeting(&mut stream).await?;
                stream
            }
        };
        let mut connection = self.say_hello(stream).await?;
        self.log_in(&mut connection).await?;
        Ok(connection)
    }

    async fn connect(&self) -> Result<Stream, TransportError> {
        let (host, port) = (&self.settings.host, self.settings.port);
        let connecting = async {
            let socket = socket::connect(host, port, self.settings.timeout).await?;
            Ok::<_, Problem>(Stream::plain(socket)?)
        };
        connecting.await.map_err(|problem| {
            self.settings
                .unreachable("connect to", &problem, "check host, port and security")
        })
    }

    async fn wait_for_greeting(&self, stream: &mut Stream) -> Result<(), TransportError> {
        let greeting = Stage::Greeting
            .within(self.settings.timeout, stream.reply())
            .await;
        greeting.map(drop).map_err(|problem| {
            self.settings.unreachable(
                "get a greeting from",
                &problem,
                "check host, port and security",
            )
        })
    }

    async fn ask_for_tls(&self, stream: &mut Stream) -> Result<(), TransportError> {
        let asking = async {
            let hello = stream.ask(Ehlo::new(ClientId::default()));
            let server = ServerInfo::from_response(&hello.await?)?;
            if !server.supports_feature(Extension::StartTls) {
                return Err(Problem::passing("it offers no STARTTLS"));
            }
            stream.ask(Starttls).await.map(drop)
        };
        Stage::Tls
            .within(self.settings.timeout, asking)
            .await
            .map_err(|problem| self.without_tls(&problem))
    }

    async fn encrypt(&self, stream: Stream, tls: &TlsConnector) -> Result<Stream, TransportError> {
        let encrypting = stream.encrypted(tls, &self.settings.host);
        Stage::Tls
            .within(self.settings.timeout, encrypting)
            .await
            .map_err(|problem| self.without_tls(&problem))
    }

    fn without_tls(&self, problem: &Problem) -> TransportError {
        self.settings.unreachable(
            "start TLS with",
            problem,
            "check host, port, security and the certificates that are trusted",
        )
    }

    async fn say_hello(&self, stream: Stream) -> Result<AsyncSmtpConnection, TransportError> {
        let (stream, hello) = (Box::new(stream.greeted()), ClientId::default());
        let greeting = AsyncSmtpConnection::connect_with_transport(stream, &hello);
        Stage::Hello
            .within(self.settings.timeout, greeting)
            .await
            .map_err(|problem| {
                self.settings
                    .unreachable("greet", &problem, "check host, port and security")
            })
    }

    async fn log_in(&self, connection: &mut AsyncSmtpConnection) -> Result<(), TransportError> {
        let Some(login) = self.login else {
            return Ok(());
        };
        let logging_in = login.log_in(connection, self.settings.timeout);
        logging_in.await.map_err(|problem| {
            self.settings
                .unreachable("log in to", &problem, login.advice())
        })
    }
}
