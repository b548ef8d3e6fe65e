//! Mails that are kept in memory, for tests.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::{Mail, Receipt, Transport, TransportError};

/// Keeps the mails that it is given.
#[derive(Debug, Default)]
pub struct MemoryTransport {
    mails: Mutex<Vec<Mail>>,
}

impl MemoryTransport {
    /// A transport that has been given nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The mails so far, in the order in which they were sent.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        let mails = self.mails.lock().unwrap_or_else(PoisonError::into_inner);
        mails.clone()
    }
}

#[async_trait]
impl Transport for MemoryTransport {
    async fn send(&self, mail: &Mail) -> Result<Receipt, TransportError> {
        let mut mails = self.mails.lock().unwrap_or_else(PoisonError::into_inner);
        mails.push(mail.clone());
        Ok(Receipt {
            by: "memory".to_owned(),
            answer: format!("mail {}", mails.len()),
        })
    }
}
