//! The mails from outside: as they are read, what hostile data can do to them, and how mail servers
//! take them.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod broken_templates;
mod contrast;
mod embedding;
mod hostile;
mod mails;
mod own_templates;
#[cfg(all(unix, feature = "sendmail"))]
mod sendmail;
mod several;
#[cfg(feature = "smtp")]
mod smtp;
