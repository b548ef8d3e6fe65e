//! Whom a session with TLS trusts, and what it proves itself with. Knows no socket and no mail.

use std::fmt::Display;
use std::sync::Arc;

use secrecy::ExposeSecret as _;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::{InvalidSmtpSettings, SmtpClientCertificate, SmtpSettings};

/// What starts TLS as the settings say.
pub(super) fn connector(settings: &SmtpSettings) -> Result<TlsConnector, InvalidSmtpSettings> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unreadable(&error))?
        .with_root_certificates(roots(settings)?);
    let config = match &settings.client_certificate {
        None => config.with_no_client_auth(),
        Some(client) => {
            let (certificates, key) = identity(client)?;
            config
                .with_client_auth_cert(certificates, key)
                .map_err(|error| useless(&error))?
        }
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

fn roots(settings: &SmtpSettings) -> Result<RootCertStore, InvalidSmtpSettings> {
    let mut roots = RootCertStore::empty();
    // A certificate of the system's that can't be read keeps none of the others from vouching.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let extra = &settings.extra_root_certificates;
    if !extra.is_empty() {
        let extra = certificates(extra).map_err(|problem| unreadable(&problem))?;
        for certificate in extra {
            roots.add(certificate).map_err(|error| unreadable(&error))?;
        }
    }
    Ok(roots)
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(client: &SmtpClientCertificate) -> Result<Identity, InvalidSmtpSettings> {
    let certificates = certificates(&client.certificates).map_err(|problem| useless(&problem))?;
    // The reader's own words could quote the key.
    let key = PrivateKeyDer::from_pem_slice(client.key.expose_secret().as_bytes())
        .map_err(|_| useless(&"there is no private key in PEM without a passphrase"))?;
    Ok((certificates, key))
}

/// The certificates of a PEM text, at least one.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    // The reader's own words could quote a key that stands in the same file.
    let certificates = certificates.map_err(|_| "a section in PEM is broken".to_owned())?;
    if certificates.is_empty() {
        return Err("there is no certificate in PEM".to_owned());
    }
    Ok(certificates)
}

fn unreadable(problem: &dyn Display) -> InvalidSmtpSettings {
    InvalidSmtpSettings::Certificate(problem.to_string())
}

fn useless(problem: &dyn Display) -> InvalidSmtpSettings {
    InvalidSmtpSettings::ClientCertificate(problem.to_string())
}
