//! A session up to the point where mails can be handed over: socket, greeting, TLS, login. Knows no
//! mail.

use lettre::transport::smtp::commands::Starttls;
use tokio_rustls::TlsConnector;

use super::hello::{Offers, hello};
use super::login::Login;
use super::problem::Problem;
use super::reply::Reply;
use super::session::Session;
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
    pub(super) async fn open(&self) -> Result<Session, TransportError> {
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
        let mut session = self.say_hello(stream).await?;
        self.log_in(&mut session).await?;
        Ok(session)
    }

    async fn connect(&self) -> Result<Stream, TransportError> {
        let (host, port) = (&self.settings.host, self.settings.port);
        let connecting = async {
            let socket = socket::connect(host, port, self.settings.timeout).await?;
            Ok::<_, Problem>(Stream::plain(socket))
        };
        connecting.await.map_err(|problem| {
            self.settings
                .unreachable("connect to", &problem, "check host, port and security")
        })
    }

    async fn wait_for_greeting(&self, stream: &mut Stream) -> Result<(), TransportError> {
        let greeted = async { agreeing(Stage::Greeting, stream.reply().await?) };
        let greeting = Stage::Greeting.within(self.settings.timeout, greeted);
        greeting.await.map(drop).map_err(|problem| {
            self.settings.unreachable(
                "get a greeting from",
                &problem,
                "check host, port and security",
            )
        })
    }

    async fn ask_for_tls(&self, stream: &mut Stream) -> Result<(), TransportError> {
        let asking = async {
            let reply = agreeing(Stage::Hello, stream.ask(hello()).await?)?;
            if !Offers::of(&reply).starttls {
                return Err(Problem::broken("it offers no STARTTLS"));
            }
            agreeing(Stage::Tls, stream.ask(Starttls).await?)
        };
        Stage::Tls
            .within(self.settings.timeout, asking)
            .await
            .map(drop)
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

    async fn say_hello(&self, mut stream: Stream) -> Result<Session, TransportError> {
        let timeout = self.settings.timeout;
        let asking = async { agreeing(Stage::Hello, stream.ask(hello()).await?) };
        match Stage::Hello.within(timeout, asking).await {
            Ok(reply) => Ok(Session::new(stream, Offers::of(&reply), timeout)),
            Err(problem) => {
                Err(self
                    .settings
                    .unreachable("greet", &problem, "check host, port and security"))
            }
        }
    }

    async fn log_in(&self, session: &mut Session) -> Result<(), TransportError> {
        let Some(login) = self.login else {
            return Ok(());
        };
        let logging_in = login.log_in(session, self.settings.timeout);
        logging_in.await.map_err(|problem| {
            self.settings
                .unreachable("log in to", &problem, login.advice())
        })
    }
}

fn agreeing(stage: Stage, reply: Reply) -> Result<Reply, Problem> {
    if reply.agrees() {
        Ok(reply)
    } else {
        Err(Problem::of_reply(stage, &reply))
    }
}
