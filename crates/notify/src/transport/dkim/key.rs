//! The private key, and what is known of it in public. The cryptography is that of TLS here, so that
//! signatures bring no library of their own. Knows no mail.

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest, Sha256};
use tokio_rustls::rustls::crypto::ring::sign::{RsaSigningKey, any_eddsa_type};
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::sign::{Signer, SigningKey};
use tokio_rustls::rustls::{Error, SignatureScheme};

use super::InvalidDkimSettings;

/// How many bytes an Ed25519 key has.
const ED25519: usize = 32;

/// The kinds of keys that DKIM knows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    Ed25519,
}

#[derive(Clone)]
pub(super) struct Key {
    kind: Kind,
    signer: Arc<dyn Signer>,
    public: Vec<u8>,
}

impl Key {
    /// The first private key in a text in PEM.
    pub(super) fn read(pem: &SecretString) -> Result<Self, InvalidDkimSettings> {
        // The reader's own words could quote the key.
        let der = PrivateKeyDer::from_pem_slice(pem.expose_secret().as_bytes())
            .map_err(|_| InvalidDkimSettings::NoKey)?;
        let rsa = RsaSigningKey::new(&der);
        match (rsa, &der) {
            (Ok(key), _) => Self::of(Kind::Rsa, &key),
            (Err(error), PrivateKeyDer::Pkcs8(pkcs8)) => match any_eddsa_type(pkcs8) {
                Ok(key) => Self::of(Kind::Ed25519, &*key),
                Err(_) => Err(rejected(&error)),
            },
            (Err(error), _) => Err(rejected(&error)),
        }
    }

    fn of(kind: Kind, key: &dyn SigningKey) -> Result<Self, InvalidDkimSettings> {
        let scheme = match kind {
            Kind::Rsa => SignatureScheme::RSA_PKCS1_SHA256,
            Kind::Ed25519 => SignatureScheme::ED25519,
        };
        let unusable = || InvalidDkimSettings::Key("it can't sign".to_owned());
        let signer = key.choose_scheme(&[scheme]).ok_or_else(unusable)?;
        let public = key.public_key().ok_or_else(unusable)?;
        // With its kind before it for RSA, and bare for Ed25519 (RFC 8463, section 4).
        let public = match kind {
            Kind::Rsa => public.as_ref(),
            Kind::Ed25519 => public.last_chunk::<ED25519>().ok_or_else(unusable)?,
        };
        Ok(Self {
            kind,
            signer: Arc::from(signer),
            public: public.to_vec(),
        })
    }

    /// As it is named in a record.
    pub(super) fn kind(&self) -> &'static str {
        match self.kind {
            Kind::Rsa => "rsa",
            Kind::Ed25519 => "ed25519",
        }
    }

    /// As it is named in a signature.
    pub(super) fn algorithm(&self) -> &'static str {
        match self.kind {
            Kind::Rsa => "rsa-sha256",
            Kind::Ed25519 => "ed25519-sha256",
        }
    }

    /// The public key as it stands in a record.
    pub(super) fn public(&self) -> &[u8] {
        &self.public
    }

    /// The signature of a text. It is the same each time.
    pub(super) fn sign(&self, text: &[u8]) -> Result<Vec<u8>, String> {
        let signature = match self.kind {
            Kind::Rsa => self.signer.sign(text),
            // What is signed is the digest (RFC 8463, section 3).
            Kind::Ed25519 => self.signer.sign(&Sha256::digest(text)),
        };
        signature.map_err(|error| error.to_string())
    }
}

/// Why it is none: its reader tells kinds of problems, and nothing of the key.
fn rejected(error: &Error) -> InvalidDkimSettings {
    let Error::General(text) = error else {
        return InvalidDkimSettings::Key(error.to_string());
    };
    let reason = text.rsplit(": ").next().unwrap_or_default();
    match reason {
        "TooSmall" => InvalidDkimSettings::WeakKey,
        reason => InvalidDkimSettings::Key(reason.to_owned()),
    }
}
