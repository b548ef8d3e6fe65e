//! A real SMTP session over the loopback, with a server that answers as a test wants it to.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use vigie_notify::{
    Locale, Mail, SecretString, SmtpClientCertificate, SmtpSecurity, SmtpSettings, SmtpTokens,
    SmtpTransport, Transport as _, TransportError, async_trait, samples,
};

use crate::mails::mail;

const PASSWORD: &str = "correct horse";
const GREETING: &[u8] = b"220 localhost ready\r\n";

/// How a server answers.
#[expect(clippy::struct_excessive_bools, reason = "each is one way to be odd")]
#[derive(Clone)]
struct Answers {
    /// Whether it offers STARTTLS.
    offers_tls: bool,
    /// Whether it starts with TLS instead.
    is_encrypted_at_once: bool,
    starttls: &'static str,
    /// The command that it never answers; `connect` and `TLS` are none and can be left unanswered too.
    is_silent_to: &'static str,
    /// The command that it answers without end.
    floods: &'static str,
    /// Whether it gives its answers byte by byte.
    dribbles: bool,
    leaves_after_a_mail: bool,
    /// How long it takes to answer a whole mail.
    thinks_for: Duration,
    /// The logins that it offers.
    logins: &'static str,
    auth: &'static str,
    /// What it says to an empty line, which ends a login by a token that was not taken.
    empty: &'static str,
    sender: &'static str,
    recipient: &'static str,
    data: &'static str,
    content: &'static str,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            offers_tls: true,
            is_encrypted_at_once: false,
            starttls: "220 go ahead",
            is_silent_to: "nothing",
            floods: "nothing",
            dribbles: false,
            leaves_after_a_mail: false,
            thinks_for: Duration::ZERO,
            logins: "PLAIN",
            auth: "235 welcome",
            empty: "535 the token has expired",
            sender: "250 ok",
            recipient: "250 ok",
            data: "354 go ahead",
            content: "250 queued",
        }
    }
}

struct Server {
    port: u16,
    certificate: String,
    /// The lines that it was sent, each with whether they came encrypted.
    lines: Arc<Mutex<Vec<(bool, String)>>>,
}

impl Server {
    async fn start(answers: Answers) -> Self {
        Self::start_with(answers, WebPkiClientVerifier::no_client_auth()).await
    }

    async fn start_with(answers: Answers, clients: Arc<dyn ClientCertVerifier>) -> Self {
        let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder()
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![certified.cert.der().clone()], key);
        let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            certificate: certified.cert.pem(),
            lines: Arc::default(),
        };
        let lines = server.lines.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answers, acceptor, lines) = (answers.clone(), acceptor.clone(), lines.clone());
                // A client that goes away is no failure of the server.
                tokio::spawn(async move { serve(stream, answers, acceptor, lines).await.ok() });
            }
        });
        server
    }

    fn settings(&self, security: SmtpSecurity) -> SmtpSettings {
        SmtpSettings {
            port: self.port,
            timeout: Duration::from_secs(5),
            extra_root_certificates: self.certificate.clone().into_bytes(),
            username: Some("vigie".to_owned()),
            password: Some(SecretString::from(PASSWORD)),
            ..SmtpSettings::new("localhost", security)
        }
    }

    fn lines_with(&self, start: &str) -> Vec<(bool, String)> {
        let lines = self.lines.lock().unwrap();
        let fits = |line: &&(bool, String)| line.1.starts_with(start);
        lines.iter().filter(fits).cloned().collect()
    }
}

async fn serve(
    stream: TcpStream,
    answers: Answers,
    acceptor: TlsAcceptor,
    lines: Arc<Mutex<Vec<(bool, String)>>>,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    if answers.is_silent_to == "connect"
        || (answers.is_encrypted_at_once && answers.is_silent_to == "TLS")
    {
        // Takes the connection and never says a word.
        return std::future::pending().await;
    }
    if !answers.is_encrypted_at_once {
        stream.write_all(GREETING).await?;
        if !talk(&mut stream, &answers, false, &lines).await? {
            return Ok(());
        }
    }
    if answers.is_silent_to == "TLS" {
        return std::future::pending().await;
    }
    let mut encrypted = BufReader::new(acceptor.accept(stream.into_inner()).await?);
    if answers.is_encrypted_at_once {
        encrypted.write_all(GREETING).await?;
        encrypted.flush().await?;
    }
    talk(&mut encrypted, &answers, true, &lines).await?;
    Ok(())
}

/// Answers commands until the client asks for TLS (true) or leaves (false).
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    answers: &Answers,
    is_encrypted: bool,
    lines: &Mutex<Vec<(bool, String)>>,
) -> io::Result<bool> {
    let mut is_content = false;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(false);
        }
        let line = line.trim_end().to_owned();
        lines.lock().unwrap().push((is_encrypted, line.clone()));
        let extension = if answers.offers_tls && !is_encrypted {
            "STARTTLS".to_owned()
        } else {
            format!("AUTH {}", answers.logins)
        };
        let extensions = format!("250-localhost\r\n250-{extension}\r\n250 8BITMIME");
        let command = line.split(' ').next().unwrap_or_default();
        if command == answers.is_silent_to {
            return std::future::pending().await;
        }
        if command == answers.floods {
            loop {
                stream.write_all(&[b'x'; 1024]).await?;
            }
        }
        let answer = match command {
            "." if is_content => {
                is_content = false;
                tokio::time::sleep(answers.thinks_for).await;
                answers.content
            }
            _ if is_content => continue,
            "EHLO" => &extensions,
            "STARTTLS" => answers.starttls,
            "AUTH" => answers.auth,
            "" => answers.empty,
            "MAIL" => answers.sender,
            "RCPT" => answers.recipient,
            "DATA" => {
                is_content = answers.data.starts_with("354");
                answers.data
            }
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        let answer = format!("{answer}\r\n");
        let size = if answers.dribbles { 1 } else { answer.len() };
        for part in answer.as_bytes().chunks(size) {
            stream.write_all(part).await?;
            stream.flush().await?;
            tokio::task::yield_now().await;
        }
        match line.as_str() {
            "STARTTLS" => return Ok(true),
            "QUIT" => return Ok(false),
            "." if answers.leaves_after_a_mail => return Ok(false),
            _ => {}
        }
    }
}

fn missing() -> Mail {
    mail(&samples::missing_full().into(), &Locale::FR)
}

async fn send_to(answers: Answers) -> Result<(), TransportError> {
    let server = Server::start(answers).await;
    let transport = SmtpTransport::new(server.settings(SmtpSecurity::Starttls)).unwrap();
    transport.send(&missing()).await.map(drop)
}

#[tokio::test]
async fn a_mail_goes_out_encrypted_and_logged_in_over_one_connection() {
    let server = Server::start(Answers::default()).await;
    let transport = SmtpTransport::new(server.settings(SmtpSecurity::Starttls)).unwrap();
    transport.send(&missing()).await.unwrap();
    transport.send(&missing()).await.unwrap();
    for (start, times) in [
        ("AUTH PLAIN", 1),
        ("MAIL FROM:<vigie@example.com>", 2),
        ("RCPT TO:<admin@example.com>", 2),
        ("Subject: [MISSING] XAFRIC_2025 - aucun rapport", 2),
        ("X-Priority: 1", 2),
    ] {
        let lines = server.lines_with(start);
        assert_eq!(lines.len(), times, "{start}");
        assert!(
            lines.iter().all(|(is_encrypted, _)| *is_encrypted),
            "{start}"
        );
    }
}

#[tokio::test]
async fn a_server_that_leaves_after_each_mail_gets_every_mail_once() {
    let server = Server::start(Answers {
        leaves_after_a_mail: true,
        ..Answers::default()
    })
    .await;
    let transport = SmtpTransport::new(server.settings(SmtpSecurity::Starttls)).unwrap();
    for _ in 0..3 {
        transport.send(&missing()).await.unwrap();
    }
    for command in ["AUTH", "MAIL", "DATA"] {
        assert_eq!(server.lines_with(command).len(), 3, "{command}");
    }
}

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

#[tokio::test]
async fn a_mute_server_holds_nobody_up() {
    let server = Server::start(Answers {
        is_silent_to: "connect",
        ..Answers::default()
    })
    .await;
    let mut settings = server.settings(SmtpSecurity::Starttls);
    settings.timeout = Duration::from_millis(200);
    let transport = SmtpTransport::new(settings).unwrap();
    let start = Instant::now();
    let error = transport.send(&missing()).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(4));
    assert!(error.is_unreachable());
    assert!(
        error.to_string().contains("no answer within 200ms"),
        "{error}"
    );
}

/// What is told of a server that does not answer this, and what it means.
async fn silence_to(command: &'static str, security: SmtpSecurity) -> (String, &'static str) {
    let answers = Answers {
        is_silent_to: command,
        is_encrypted_at_once: security == SmtpSecurity::Tls,
        ..Answers::default()
    };
    let server = Server::start(answers).await;
    let mut settings = server.settings(security);
    settings.timeout = Duration::from_millis(300);
    let transport = SmtpTransport::new(settings).unwrap();
    let error = transport.send(&missing()).await.unwrap_err();
    (error.to_string(), meaning(&error))
}

#[tokio::test]
async fn an_error_names_the_stage_in_which_the_server_fell_silent() {
    use SmtpSecurity::{Starttls, Tls};
    let mut silences = JoinSet::new();
    for (command, security, words, expected) in [
        (
            "TLS",
            Starttls,
            "300ms to the start of TLS",
            "nothing gets through",
        ),
        (
            "TLS",
            Tls,
            "300ms to the start of TLS",
            "nothing gets through",
        ),
        ("EHLO", Tls, "300ms to EHLO", "nothing gets through"),
        (
            "AUTH",
            Starttls,
            "300ms to the login",
            "nothing gets through",
        ),
        (
            "MAIL",
            Starttls,
            "300ms to MAIL FROM",
            "nothing gets through",
        ),
        ("RCPT", Tls, "300ms to RCPT TO", "later"),
        ("DATA", Tls, "300ms to DATA", "later"),
        (".", Tls, "600ms to the end of the mail", "later"),
    ] {
        silences.spawn(async move {
            let (text, meaning) = silence_to(command, security).await;
            assert!(text.contains(words), "{command}: {text}");
            assert_eq!(meaning, expected, "{text}");
        });
    }
    silences.join_all().await;
}

/// A server that scans what it takes is slow just there, and has the mail when nobody waits any more.
#[tokio::test]
async fn a_whole_mail_may_be_thought_over_for_longer_than_a_command() {
    let server = Server::start(Answers {
        thinks_for: Duration::from_millis(1300),
        ..Answers::default()
    })
    .await;
    let mut settings = server.settings(SmtpSecurity::Starttls);
    settings.timeout = Duration::from_secs(1);
    let transport = SmtpTransport::new(settings).unwrap();
    transport.send(&missing()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_never_stops_talking_is_left_at_once() {
    let mut floods = JoinSet::new();
    for command in ["EHLO", "AUTH", "MAIL", "RCPT", "DATA", "."] {
        floods.spawn(async move {
            let error = send_to(Answers {
                floods: command,
                ..Answers::default()
            });
            let text = error.await.unwrap_err().to_string();
            let words = "its answer is longer than 65536 bytes";
            assert!(text.contains(words), "{command}: {text}");
        });
    }
    floods.join_all().await;
}

#[tokio::test]
async fn a_server_that_answers_byte_by_byte_is_understood() {
    let answers = Answers {
        dribbles: true,
        ..Answers::default()
    };
    send_to(answers).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let port = {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let settings = SmtpSettings {
        port,
        ..SmtpSettings::new("localhost", SmtpSecurity::None)
    };
    let error = SmtpTransport::new(settings)
        .unwrap()
        .send(&missing())
        .await
        .unwrap_err();
    assert!(error.is_unreachable());
    let text = error.to_string();
    assert!(text.contains(&format!("localhost:{port}")), "{text}");
    assert!(text.contains("check host, port and security"), "{text}");
}

/// What an error says of the next try.
fn meaning(error: &TransportError) -> &'static str {
    match error {
        TransportError::Unreachable { .. } => "nothing gets through",
        TransportError::Refused { .. } => "never",
        _ => "later",
    }
}

/// Whatever this mail is, the next one would get the same answer.
#[tokio::test]
async fn an_answer_to_the_sender_is_about_every_mail() {
    for (auth, sender, words) in [
        (
            "535 bad credentials",
            "250 ok",
            "check username and password",
        ),
        ("235 ok", "550 not you", "check the address in `from`"),
        ("235 ok", "451 later", "451"),
    ] {
        let answers = Answers {
            auth,
            sender,
            ..Answers::default()
        };
        let error = send_to(answers).await.unwrap_err();
        assert_eq!(meaning(&error), "nothing gets through", "{error}");
        assert!(
            error.to_string().contains(words),
            "{words:?} is not in {error}"
        );
    }
}

#[tokio::test]
async fn an_answer_to_a_recipient_is_about_this_mail_unless_it_says_otherwise() {
    for (recipient, expected, words) in [
        ("550 5.1.1 no such user", "never", "no such user"),
        ("554 5.7.1 relay denied", "later", "relay denied"),
        ("450 greylisted", "later", "greylisted"),
        ("421 going down", "nothing gets through", "going down"),
        ("530 log in first", "nothing gets through", "set username"),
    ] {
        let answers = Answers {
            recipient,
            ..Answers::default()
        };
        let error = send_to(answers).await.unwrap_err();
        assert_eq!(meaning(&error), expected, "{error}");
        assert!(
            error.to_string().contains(words),
            "{words:?} is not in {error}"
        );
    }
}

#[tokio::test]
async fn an_answer_to_the_content_is_about_this_mail() {
    for (content, expected) in [("552 too large", "never"), ("452 disk full", "later")] {
        let answers = Answers {
            content,
            ..Answers::default()
        };
        let error = send_to(answers).await.unwrap_err();
        assert_eq!(meaning(&error), expected, "{error}");
    }
}

/// It would take the lines of the mail for commands.
#[tokio::test]
async fn a_server_that_asks_for_no_content_is_sent_none() {
    for data in ["250 ok", "220 ok", "334 go on"] {
        let server = Server::start(Answers {
            data,
            ..Answers::default()
        })
        .await;
        let transport = SmtpTransport::new(server.settings(SmtpSecurity::Starttls)).unwrap();
        for connections in 1..=2 {
            let error = transport.send(&missing()).await.unwrap_err();
            assert_eq!(meaning(&error), "later", "{error}");
            let text = error.to_string();
            assert!(
                text.contains(&format!("its answer is out of place: {data}")),
                "{text}"
            );
            assert_eq!(server.lines_with("AUTH").len(), connections, "{data}");
        }
        assert_eq!(server.lines_with("Subject:"), []);
    }
}

#[tokio::test]
async fn a_mail_is_handed_over_once_the_server_says_that_it_is() {
    let server = Server::start(Answers {
        content: "354 go on",
        ..Answers::default()
    })
    .await;
    let transport = SmtpTransport::new(server.settings(SmtpSecurity::Starttls)).unwrap();
    for connections in 1..=2 {
        let error = transport.send(&missing()).await.unwrap_err();
        assert_eq!(meaning(&error), "later", "{error}");
        assert!(error.to_string().contains("out of place: 354"), "{error}");
        assert_eq!(server.lines_with("AUTH").len(), connections);
    }
}

/// Gives `token-1`, `token-2` and so on.
#[derive(Debug, Default)]
struct Tokens(AtomicU32);

#[async_trait]
impl SmtpTokens for Tokens {
    async fn token(&self) -> Result<SecretString, String> {
        let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(SecretString::from(format!("token-{number}")))
    }
}

#[derive(Debug)]
struct NoTokens;

#[async_trait]
impl SmtpTokens for NoTokens {
    async fn token(&self) -> Result<SecretString, String> {
        Err("the token file is empty".to_owned())
    }
}

fn with_tokens(server: &Server, tokens: impl SmtpTokens + 'static) -> SmtpSettings {
    SmtpSettings {
        password: None,
        tokens: Some(Arc::new(tokens)),
        ..server.settings(SmtpSecurity::Starttls)
    }
}

#[tokio::test]
async fn each_login_is_made_with_a_new_token() {
    let answers = Answers {
        logins: "PLAIN XOAUTH2",
        recipient: "450 greylisted",
        ..Answers::default()
    };
    let server = Server::start(answers).await;
    let transport = SmtpTransport::new(with_tokens(&server, Tokens::default())).unwrap();
    for _ in 0..2 {
        let error = transport.send(&missing()).await.unwrap_err();
        assert_eq!(meaning(&error), "later", "{error}");
    }
    // `user=vigie`, `auth=Bearer token-1` and `token-2`, with 0x01 behind each and at the end.
    let login = |text| (true, format!("AUTH XOAUTH2 {text}"));
    assert_eq!(
        server.lines_with("AUTH"),
        [
            login("dXNlcj12aWdpZQFhdXRoPUJlYXJlciB0b2tlbi0xAQE="),
            login("dXNlcj12aWdpZQFhdXRoPUJlYXJlciB0b2tlbi0yAQE="),
        ]
    );
}

#[tokio::test]
async fn a_token_that_is_not_taken_is_told_in_the_words_of_the_server() {
    // What a server says with 334 is for programs; the refusal comes after it.
    for (logins, auth, words) in [
        (
            "XOAUTH2",
            "334 eyJzdGF0dXMiOiI0MDEifQ==",
            "the token has expired",
        ),
        ("XOAUTH2", "535 no tokens here", "no tokens here"),
        (
            "PLAIN LOGIN",
            "235 welcome",
            "it offers no login with XOAUTH2",
        ),
    ] {
        let answers = Answers {
            logins,
            auth,
            ..Answers::default()
        };
        let server = Server::start(answers).await;
        let settings = with_tokens(&server, Tokens::default());
        let error = SmtpTransport::new(settings).unwrap().send(&missing()).await;
        let error = error.unwrap_err();
        assert_eq!(meaning(&error), "nothing gets through");
        let text = error.to_string();
        assert!(text.contains(words), "{words:?} is not in {text}");
        assert!(text.contains("check username and token"), "{text}");
        assert!(
            !text.contains("token-1") && !text.contains("dXNlcj12"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn only_a_welcome_is_a_login() {
    for (auth, empty, told) in [
        ("334 e30=", "334 e30=", "334 e30="),
        ("334 e30=", "250 ok", "250 ok"),
        ("250 ok", "250 ok", "250 ok"),
    ] {
        let server = Server::start(Answers {
            logins: "PLAIN XOAUTH2",
            auth,
            empty,
            ..Answers::default()
        })
        .await;
        let mut every = vec![with_tokens(&server, Tokens::default())];
        if auth == "250 ok" {
            every.push(server.settings(SmtpSecurity::Starttls));
        }
        for settings in every {
            let error = SmtpTransport::new(settings).unwrap().send(&missing()).await;
            let text = error.unwrap_err().to_string();
            assert!(text.contains("log in to"), "{text}");
            assert!(
                text.contains(&format!("its answer is out of place: {told}")),
                "{text}"
            );
        }
        assert_eq!(server.lines_with("MAIL"), []);
    }
}

/// What is told of this refusal of a login.
async fn told_of(auth: &'static str, logins: &'static str, is_token: bool) -> String {
    let server = Server::start(Answers {
        logins,
        auth,
        ..Answers::default()
    })
    .await;
    let settings = if is_token {
        with_tokens(&server, Tokens::default())
    } else {
        server.settings(SmtpSecurity::Starttls)
    };
    let error = SmtpTransport::new(settings).unwrap().send(&missing()).await;
    let error = error.unwrap_err();
    assert_eq!(meaning(&error), "nothing gets through", "{error}");
    error.to_string()
}

#[tokio::test]
async fn a_server_that_quotes_the_login_is_not_quoted() {
    for (auth, is_token, code) in [
        ("535 correct horse is no password", false, "535"),
        ("535-correct\r\n535 horse", false, "535"),
        ("535 Y29ycmVjdCBob3JzZQ== again", false, "535"),
        (
            "500 too long: AUTH PLAIN AHZpZ2llAGNvcnJlY3QgaG9yc2U=",
            false,
            "500",
        ),
        ("500 too long: AUTH PLAIN AHZpZ2llAGNvcn", false, "500"),
        ("250 hello, correct horse", false, "250"),
        ("correct horse", false, "its answer quotes the login"),
        ("535 token-1 has expired", true, "535"),
        (
            "500 AUTH XOAUTH2 dXNlcj12aWdpZQFhdXRoPUJlYXJlciB0b2tlbi0xAQE=",
            true,
            "500",
        ),
    ] {
        let logins = if is_token { "XOAUTH2" } else { "PLAIN" };
        let text = told_of(auth, logins, is_token).await;
        assert!(text.contains(&format!(": {code}")), "{auth}: {text}");
        for secret in [
            "correct", "horse", "Y29ycm", "AHZpZ2", "token-1", "dXNlcj12",
        ] {
            assert!(!text.contains(secret), "{auth}: {text}");
        }
    }
    let text = told_of("535 bad credentials", "PLAIN", false).await;
    assert!(text.contains("bad credentials"), "{text}");
}

#[tokio::test]
async fn a_login_without_a_token_says_why_there_is_none() {
    let server = Server::start(Answers::default()).await;
    let settings = with_tokens(&server, NoTokens);
    let error = SmtpTransport::new(settings).unwrap().send(&missing()).await;
    let text = error.unwrap_err().to_string();
    assert!(text.contains("the token file is empty"), "{text}");
    assert_eq!(server.lines_with("AUTH"), []);
}

#[tokio::test]
async fn the_password_is_nowhere_to_be_read() {
    let answers = Answers {
        auth: "535 bad credentials",
        ..Answers::default()
    };
    let server = Server::start(answers).await;
    let settings = server.settings(SmtpSecurity::Starttls);
    let transport = SmtpTransport::new(settings.clone()).unwrap();
    let error = transport.send(&missing()).await.unwrap_err();
    let texts = format!("{settings:?} {transport:?} {error:?} {error}");
    assert!(!texts.contains(PASSWORD), "{texts}");
}

#[test]
fn settings_that_contradict_themselves_are_refused() {
    let settings = || SmtpSettings::new("localhost", SmtpSecurity::default());
    let error = |settings| SmtpTransport::new(settings).unwrap_err().to_string();
    let username = Some("vigie".to_owned());
    assert!(
        error(SmtpSettings {
            username,
            ..settings()
        })
        .contains("go together")
    );
    assert!(
        error(SmtpSettings {
            host: " ".to_owned(),
            ..settings()
        })
        .contains("no host")
    );
    let both = SmtpSettings {
        username: Some("vigie".to_owned()),
        password: Some(SecretString::from(PASSWORD)),
        tokens: Some(Arc::new(NoTokens)),
        ..settings()
    };
    assert!(error(both).contains("too many"));
    let extra_root_certificates =
        b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n".to_vec();
    let broken = SmtpSettings {
        extra_root_certificates,
        ..settings()
    };
    assert!(error(broken).contains("certificates"));
    assert_eq!(settings().port, 587);
}
