//! Real SMTP sessions over the loopback, with a server that answers as a test wants it to.

mod answers;
mod connections;
mod hostile;
mod login;
mod server;
mod tls;

use vigie_notify::{
    Locale, Mail, SmtpSecurity, SmtpTransport, Transport as _, TransportError, samples,
};

use crate::mails::mail;
use server::{Answers, GOOD, PASSWORD, Server};

fn missing() -> Mail {
    mail(&samples::missing_full().into(), &Locale::FR)
}

/// The same to somebody whom the server takes in any case.
fn to_good() -> Mail {
    Mail {
        to: GOOD.to_owned(),
        ..missing()
    }
}

async fn send_to(answers: Answers) -> Result<(), TransportError> {
    let server = Server::start(answers).await;
    let transport = SmtpTransport::new(server.settings(SmtpSecurity::Starttls)).unwrap();
    transport.send(&missing()).await.map(drop)
}

/// What an error says of the next try.
fn meaning(error: &TransportError) -> &'static str {
    match error {
        TransportError::Unreachable { .. } => "nothing gets through",
        TransportError::Refused { .. } => "never",
        _ => "later",
    }
}
