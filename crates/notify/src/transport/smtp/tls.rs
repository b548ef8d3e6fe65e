//! Whom a session with TLS trusts. Knows no socket and no mail.

use std::fmt::Display;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::{InvalidSmtpSettings, SmtpSettings};

/// What starts TLS as the settings say.
pub(super) fn connector(settings: &SmtpSettings) -> Result<TlsConnector, InvalidSmtpSettings> {
    let mut roots = RootCertStore::empty();
    // A certificate of the system's that can't be read keeps none of the others from vouching.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for certificate in certificates(&settings.extra_root_certificates)? {
        roots.add(certificate).map_err(|error| unreadable(&error))?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unreadable(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The certificates of a PEM text, which has some unless it is empty.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, InvalidSmtpSettings> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(&error))?;
    if certificates.is_empty() && !pem.is_empty() {
        return Err(unreadable(&"there is none in them"));
    }
    Ok(certificates)
}

fn unreadable(problem: &dyn Display) -> InvalidSmtpSettings {
    InvalidSmtpSettings::Certificate(problem.to_string())
}
