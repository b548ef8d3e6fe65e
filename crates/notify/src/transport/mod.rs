//! How a mail leaves: the port, and what can go wrong. Knows no job and no template.

#[cfg(feature = "smtp")]
mod dkim;
#[cfg(any(feature = "file", feature = "smtp"))]
mod fallback;
#[cfg(feature = "file")]
mod file;
mod memory;
#[cfg(feature = "sendmail")]
mod sendmail;
#[cfg(feature = "smtp")]
mod smtp;

use std::sync::Arc;

use async_trait::async_trait;
use thiserror::Error;

use crate::{Mail, MailError};

#[cfg(feature = "smtp")]
pub use dkim::{
    DkimError, DkimRecord, DkimSettings, DkimSigner, InvalidDkimSettings, dkim_speaks_for,
};
#[cfg(any(feature = "file", feature = "smtp"))]
pub use fallback::FallbackTransport;
#[cfg(feature = "file")]
pub use file::FileTransport;
pub use memory::MemoryTransport;
#[cfg(feature = "sendmail")]
pub use sendmail::{SendmailSettings, SendmailTransport};
#[cfg(feature = "smtp")]
pub use smtp::{
    InvalidSmtpSettings, SmtpClientCertificate, SmtpSecurity, SmtpSettings, SmtpTokens,
    SmtpTransport,
};

/// Takes mails to where they are read.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends one mail. Once this returns `Ok`, someone else is responsible for it.
    ///
    /// # Errors
    ///
    /// When it was not sent. [`TransportError`] tells whether it is worth trying again.
    async fn send(&self, mail: &Mail) -> Result<Receipt, TransportError>;

    /// Takes note that nothing will be sent for a while: whatever is held open for the next mail can be
    /// closed. It takes seconds at most, changes nothing for the next mail, and by itself does nothing.
    async fn rest(&self) {}
}

#[async_trait]
impl<T: Transport + ?Sized> Transport for Arc<T> {
    async fn send(&self, mail: &Mail) -> Result<Receipt, TransportError> {
        (**self).send(mail).await
    }

    async fn rest(&self) {
        (**self).rest().await;
    }
}

#[async_trait]
impl<T: Transport + ?Sized> Transport for Box<T> {
    async fn send(&self, mail: &Mail) -> Result<Receipt, TransportError> {
        (**self).send(mail).await
    }

    async fn rest(&self) {
        (**self).rest().await;
    }
}

/// Who took a mail, and what was said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipt {
    /// Who is responsible for the mail now: a server with its port, a command, or a folder.
    pub by: String,
    /// Its words, in one line: `250 2.0.0 Ok: queued as 4XyZ`, `accepted`, or the name of the file.
    pub answer: String,
}

/// Why a mail was not sent. Never holds a password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TransportError {
    /// The server does not answer, does not let us in, or takes nothing from us: no other mail will
    /// get through either.
    #[error("could not {action} the mail server {server}: {problem}; the mail waits, {advice}")]
    Unreachable {
        /// What was tried, so that "could not … the mail server" is a sentence: "connect to".
        action: String,
        /// The server, with its port.
        server: String,
        /// What went wrong.
        problem: String,
        /// What to do about it.
        advice: String,
    },
    /// The command that should take mails can't be run, or takes none from us: no other mail will get
    /// through either.
    #[error("the command {command} takes no mails: {problem}; the mail waits, {advice}")]
    Unusable {
        /// The command.
        command: String,
        /// What went wrong.
        problem: String,
        /// What to do about it.
        advice: String,
    },
    /// This mail was not taken now; it may be later.
    #[error("{by} did not take the mail to {recipient} for now: {problem}; it is tried again")]
    Temporary {
        /// Who did not take it.
        by: String,
        /// Who it was for.
        recipient: String,
        /// The server's words.
        problem: String,
    },
    /// This mail will never be taken as it is.
    #[error("{by} refused the mail to {recipient}: {problem}; it is not tried again")]
    Refused {
        /// Who refused it.
        by: String,
        /// Who it was for.
        recipient: String,
        /// The server's words.
        problem: String,
    },
    /// This machine could not do its part.
    #[error("could not {action} {path}: {problem}; check the folder, its rights and the room left")]
    Local {
        /// What was tried, so that "could not … the path" is a sentence: "write".
        action: String,
        /// The file or folder.
        path: String,
        /// The system's words.
        problem: String,
    },
}

impl TransportError {
    /// Whether it is no use to try this mail again.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }

    /// Whether no other mail will get through either.
    #[must_use]
    pub const fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Unusable { .. })
    }

    /// The error of a mail that has no bytes: nobody can ever send it.
    #[must_use]
    pub fn malformed(mail: &Mail, error: &MailError) -> Self {
        Self::Refused {
            by: "this program".to_owned(),
            recipient: mail.to.clone(),
            problem: error.to_string(),
        }
    }

    /// The error of a mail that could not be signed, which says nothing of the mail.
    #[cfg(feature = "smtp")]
    pub(crate) fn unsigned(mail: &Mail, error: &DkimError) -> Self {
        Self::Temporary {
            by: "this program".to_owned(),
            recipient: mail.to.clone(),
            problem: error.to_string(),
        }
    }
}
