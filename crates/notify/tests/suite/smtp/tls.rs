//! Whom a session trusts, and what it shows of itself.

use std::sync::Arc;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use vigie_notify::{
    SecretString, SmtpClientCertificate, SmtpSecurity, SmtpSettings, SmtpTransport, Transport as _,
};

use super::{Answers, Server, missing, send_to};

#[tokio::test]
async fn a_server_without_tls_gets_neither_password_nor_mail() {
    let server = Server::start(Answers {
        offers_tls: false,
        ..Answers::default()
    })
    .await;
    let transport = SmtpTransport::new(server.settings(SmtpSecurity::Starttls)).unwrap();
    let error = transport.send(&missing()).await.unwrap_err();
    assert!(error.is_unreachable());
    assert!(error.to_string().contains("start TLS with"), "{error}");
    assert_eq!(server.lines_with("AUTH"), []);
    assert_eq!(server.lines_with("MAIL"), []);

    let said = SmtpTransport::new(server.settings(SmtpSecurity::None)).unwrap();
    said.send(&missing()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_starts_with_tls_is_sent_nothing_in_the_clear() {
    let server = Server::start(Answers {
        is_encrypted_at_once: true,
        ..Answers::default()
    })
    .await;
    let transport = SmtpTransport::new(server.settings(SmtpSecurity::Tls)).unwrap();
    transport.send(&missing()).await.unwrap();
    let lines = server.lines_with("");
    assert!(lines.iter().all(|(is_encrypted, _)| *is_encrypted));
    assert_eq!(server.lines_with("AUTH PLAIN").len(), 1);
    assert_eq!(server.lines_with("MAIL").len(), 1);
}

/// Whoever is on the way could else answer what is asked over TLS.
#[tokio::test]
async fn answers_from_before_tls_are_not_taken_for_answers_over_tls() {
    let starttls = "220 go ahead\r\n250 AUTH PLAIN\r\n235 welcome";
    let answers = Answers {
        starttls,
        ..Answers::default()
    };
    let error = send_to(answers).await.unwrap_err();
    assert!(error.is_unreachable());
    let text = error.to_string();
    assert!(text.contains("more than it was asked for"), "{text}");
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_not_trusted() {
    let server = Server::start(Answers::default()).await;
    let mut settings = server.settings(SmtpSecurity::Starttls);
    settings.extra_root_certificates.clear();
    let error = SmtpTransport::new(settings).unwrap().send(&missing()).await;
    assert!(error.unwrap_err().is_unreachable());
    assert_eq!(server.lines_with("AUTH"), []);
}

#[tokio::test]
async fn a_trusted_certificate_for_another_host_is_refused() {
    for security in [SmtpSecurity::Starttls, SmtpSecurity::Tls] {
        let answers = Answers {
            is_encrypted_at_once: security == SmtpSecurity::Tls,
            ..Answers::default()
        };
        let server = Server::start(answers).await;
        let mut settings = server.settings(security);
        settings.host = "127.0.0.1".to_owned();
        let error = SmtpTransport::new(settings).unwrap().send(&missing()).await;
        let error = error.unwrap_err();
        assert!(error.is_unreachable(), "{error}");
        let text = error.to_string();
        assert!(
            text.contains("start TLS with") && text.contains("not valid for name"),
            "{text}"
        );
        for command in ["AUTH", "MAIL"] {
            assert_eq!(server.lines_with(command), [], "{command}");
        }
    }
}

/// A certificate with its key, and what takes it for a client's.
fn client() -> (SmtpClientCertificate, Arc<dyn ClientCertVerifier>) {
    let pair = rcgen::generate_simple_self_signed(vec!["vigie".to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(pair.cert.der().clone()).unwrap();
    let certificate = SmtpClientCertificate {
        certificates: pair.cert.pem().into_bytes(),
        key: SecretString::from(pair.signing_key.serialize_pem()),
    };
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build();
    (certificate, verifier.unwrap())
}

#[tokio::test]
async fn a_server_can_know_its_clients_by_their_certificate() {
    let (ours, verifier) = client();
    let server = Server::start_with(Answers::default(), verifier).await;
    let with = |client_certificate| SmtpSettings {
        client_certificate,
        ..server.settings(SmtpSecurity::Starttls)
    };
    let transport = SmtpTransport::new(with(Some(ours))).unwrap();
    transport.send(&missing()).await.unwrap();
    assert_eq!(server.lines_with("MAIL").len(), 1);

    let (foreign, _) = client();
    for stranger in [None, Some(foreign)] {
        let transport = SmtpTransport::new(with(stranger)).unwrap();
        let error = transport.send(&missing()).await.unwrap_err();
        assert!(error.is_unreachable(), "{error}");
    }
    assert_eq!(server.lines_with("MAIL").len(), 1);
}

/// As a file that holds both is given for both.
#[test]
fn a_key_beside_its_certificate_is_nowhere_to_be_read() {
    use secrecy::ExposeSecret as _;
    let (ours, _) = client();
    let key = ours.key.expose_secret();
    let certificates = [&ours.certificates[..], key.as_bytes()].concat();
    let combined = String::from_utf8(certificates.clone()).unwrap();
    let certificate = SmtpClientCertificate {
        certificates,
        key: SecretString::from(combined.clone()),
    };
    let settings = SmtpSettings {
        client_certificate: Some(certificate.clone()),
        extra_root_certificates: combined.clone().into_bytes(),
        ..SmtpSettings::new("localhost", SmtpSecurity::Tls)
    };
    let transport = SmtpTransport::new(settings.clone()).unwrap();
    let shown = format!("{certificate:?} {settings:?} {transport:?} {settings:#?}");
    let numbers = |text: &str| text.replace(|letter: char| letter.is_whitespace(), "");
    for line in combined.lines().filter(|line| !line.is_empty()) {
        let bytes = numbers(&format!("{:?}", line.as_bytes()));
        let bytes = bytes.trim_matches(['[', ']']);
        assert!(!shown.contains(line), "{line}: {shown}");
        assert!(!numbers(&shown).contains(bytes), "{line}: {shown}");
    }
}

#[test]
fn a_broken_pem_file_is_told_without_its_content() {
    let line = "-----BEGIN PRIVATE KEY-----hunter2-----END PRIVATE KEY-----\n";
    let as_client = SmtpSettings {
        client_certificate: Some(SmtpClientCertificate {
            certificates: line.as_bytes().to_vec(),
            key: SecretString::from(line),
        }),
        ..SmtpSettings::new("localhost", SmtpSecurity::Tls)
    };
    let as_root = SmtpSettings {
        extra_root_certificates: line.as_bytes().to_vec(),
        ..SmtpSettings::new("localhost", SmtpSecurity::Tls)
    };
    for settings in [as_client, as_root] {
        let error = SmtpTransport::new(settings).unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(told.contains("a section in PEM is broken"), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn a_client_certificate_of_no_use_is_told_without_its_key() {
    let (ours, _) = client();
    let (foreign, _) = client();
    let no_key = SecretString::from("-----BEGIN PRIVATE KEY-----\nhunter2!\n");
    let with = |certificates: &[u8], key: &SecretString, security| SmtpSettings {
        client_certificate: Some(SmtpClientCertificate {
            certificates: certificates.to_vec(),
            key: key.clone(),
        }),
        ..SmtpSettings::new("localhost", security)
    };
    let pem = &ours.certificates[..];
    for (settings, words) in [
        (
            with(b"", &ours.key, SmtpSecurity::Tls),
            "no certificate in PEM",
        ),
        (
            with(pem, &no_key, SmtpSecurity::Tls),
            "no private key in PEM",
        ),
        (with(pem, &foreign.key, SmtpSecurity::Tls), "of no use"),
        (
            with(pem, &ours.key, SmtpSecurity::None),
            "only shown in TLS",
        ),
    ] {
        let shown = format!("{settings:?}");
        let error = SmtpTransport::new(settings).unwrap_err();
        assert!(error.to_string().contains(words), "{words}: {error}");
        let told = format!("{shown} {error} {error:?}");
        assert!(
            !told.contains("hunter2") && !told.contains("PRIVATE"),
            "{told}"
        );
    }
}
