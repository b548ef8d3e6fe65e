//! Servers that do not do what they should.

use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use vigie_notify::{SmtpSecurity, SmtpSettings, SmtpTransport, Transport as _, TransportError};

use super::{Answers, Server, meaning, missing, send_to};

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

/// One way to be odd, and what it has to mean.
struct Case {
    oddity: &'static str,
    answers: Answers,
    security: SmtpSecurity,
    expected: &'static str,
}

impl Case {
    fn new(oddity: &'static str, expected: &'static str, answers: Answers) -> Self {
        Self {
            oddity,
            answers: Answers {
                offers_tls: false,
                ..answers
            },
            security: SmtpSecurity::None,
            expected,
        }
    }

    fn over(self, security: SmtpSecurity) -> Self {
        let answers = Answers {
            offers_tls: true,
            is_encrypted_at_once: security == SmtpSecurity::Tls,
            ..self.answers
        };
        Self {
            answers,
            security,
            ..self
        }
    }

    /// A row of the table.
    async fn tried(self) -> String {
        let server = Server::start(self.answers).await;
        let mut settings = server.settings(self.security);
        settings.timeout = WAIT;
        match self.oddity {
            "a name that is not in the certificate" => "127.0.0.1".clone_into(&mut settings.host),
            "an authority that is not known" => settings.extra_root_certificates.clear(),
            _ => {}
        }
        self.row(&SmtpTransport::new(settings).unwrap()).await
    }

    async fn row(&self, transport: &SmtpTransport) -> String {
        let start = Instant::now();
        let sent = transport.send(&missing()).await;
        let took = start.elapsed();
        let (meaning, words) = match &sent {
            Ok(receipt) => ("sent", receipt.answer.clone()),
            Err(error) => (meaning(error), problem(error)),
        };
        assert_eq!(meaning, self.expected, "{}: {words}", self.oddity);
        assert!(took < 6 * WAIT, "{}: {took:?}", self.oddity);
        format!("{:42} {meaning:22} {words}", self.oddity)
    }
}

/// Long enough for a busy machine to answer within it.
const WAIT: Duration = Duration::from_millis(500);

fn problem(error: &TransportError) -> String {
    match error {
        TransportError::Unreachable { problem, .. }
        | TransportError::Temporary { problem, .. }
        | TransportError::Refused { problem, .. } => problem.clone(),
        TransportError::Local { .. } | TransportError::Unusable { .. } => error.to_string(),
    }
}

fn silent_at(command: &'static str) -> Answers {
    Answers {
        is_silent_to: command,
        ..Answers::default()
    }
}

fn dropping_at(command: &'static str) -> Answers {
    Answers {
        drops_at: command,
        ..Answers::default()
    }
}

fn flooding_at(command: &'static str) -> Answers {
    Answers {
        floods: command,
        ..Answers::default()
    }
}

const NOTHING: &str = "nothing gets through";

fn before_the_mail() -> Vec<Case> {
    use SmtpSecurity::{Starttls, Tls};
    let usual = Answers::default;
    let auth = |auth| Answers { auth, ..usual() };
    let starttls = |starttls| Answers {
        starttls,
        ..usual()
    };
    vec![
        Case::new(
            "silent instead of a greeting",
            NOTHING,
            silent_at("connect"),
        ),
        Case::new("silent to EHLO", NOTHING, silent_at("EHLO")),
        Case::new("silent to STARTTLS", NOTHING, silent_at("STARTTLS")).over(Starttls),
        Case::new("silent in the TLS handshake", NOTHING, silent_at("TLS")).over(Starttls),
        Case::new("silent in TLS from the start", NOTHING, silent_at("TLS")).over(Tls),
        Case::new("silent to EHLO over TLS", NOTHING, silent_at("EHLO")).over(Tls),
        Case::new("silent to the login", NOTHING, silent_at("AUTH")),
        Case::new("drops at EHLO", NOTHING, dropping_at("EHLO")),
        Case::new("drops at STARTTLS", NOTHING, dropping_at("STARTTLS")).over(Starttls),
        Case::new("drops at the login", NOTHING, dropping_at("AUTH")),
        Case::new("refuses STARTTLS", NOTHING, starttls("454 no TLS now")).over(Starttls),
        Case::new(
            "refuses the login",
            NOTHING,
            auth("535 5.7.8 bad credentials"),
        ),
        Case::new(
            "refuses the login for now",
            NOTHING,
            auth("454 4.7.0 try later"),
        ),
        Case::new("a name that is not in the certificate", NOTHING, usual()).over(Tls),
        Case::new("an authority that is not known", NOTHING, usual()).over(Starttls),
        Case::new("floods at EHLO", NOTHING, flooding_at("EHLO")),
        Case::new("floods at the login", NOTHING, flooding_at("AUTH")),
    ]
}

fn about_the_mail() -> Vec<Case> {
    let usual = Answers::default;
    let sender = |sender| Answers { sender, ..usual() };
    let recipient = |recipient| Answers {
        recipient,
        ..usual()
    };
    let data = |data| Answers { data, ..usual() };
    let content = |content| Answers { content, ..usual() };
    let dribbling = Answers {
        dribbles: true,
        ..usual()
    };
    vec![
        Case::new("silent to MAIL", NOTHING, silent_at("MAIL")),
        Case::new("silent to RCPT", "later", silent_at("RCPT")),
        Case::new("silent to DATA", "later", silent_at("DATA")),
        Case::new("silent to the end of the mail", "later", silent_at(".")),
        Case::new("drops at MAIL", NOTHING, dropping_at("MAIL")),
        Case::new("drops at RCPT", "later", dropping_at("RCPT")),
        Case::new("drops at DATA", "later", dropping_at("DATA")),
        Case::new("drops in the mail", "later", dropping_at("content")),
        Case::new("drops at the end of the mail", "later", dropping_at(".")),
        Case::new("greylists", "later", recipient("450 4.2.0 greylisted")),
        Case::new(
            "knows no such recipient",
            "never",
            recipient("550 5.1.1 unknown"),
        ),
        Case::new(
            "has the recipient's mailbox full",
            "later",
            recipient("552 5.2.2 full"),
        ),
        Case::new(
            "relays nothing",
            "later",
            recipient("554 5.7.1 relay denied"),
        ),
        Case::new("asks for more at RCPT", "later", recipient("354 go on")),
        Case::new("refuses the sender", NOTHING, sender("550 5.7.1 not you")),
        Case::new("asks for more at MAIL", NOTHING, sender("354 go on")),
        Case::new("goes away", NOTHING, recipient("421 4.3.2 going down")),
        Case::new(
            "wants a login in the middle",
            NOTHING,
            recipient("530 5.7.0 log in"),
        ),
        Case::new(
            "refuses DATA",
            "later",
            data("554 5.5.1 no valid recipients"),
        ),
        Case::new(
            "takes the mail for spam",
            "later",
            content("554 5.7.1 spam"),
        ),
        Case::new(
            "finds the mail too big",
            "never",
            content("552 5.3.4 too big"),
        ),
        Case::new("has no room now", "later", content("452 4.3.1 no room")),
        Case::new("no SMTP at MAIL", NOTHING, sender("hello?")),
        Case::new("no SMTP at RCPT", "later", recipient("hello?")),
        Case::new("floods at MAIL", NOTHING, flooding_at("MAIL")),
        Case::new("floods at RCPT", "later", flooding_at("RCPT")),
        Case::new("floods at DATA", "later", flooding_at("DATA")),
        Case::new("floods at the end of the mail", "later", flooding_at(".")),
        Case::new("answers byte by byte", "sent", dribbling),
    ]
}

/// `cargo test -p vigie-notify --test suite hostile -- --nocapture` shows it.
#[tokio::test]
async fn whatever_a_server_does_is_told_apart() {
    let mut trying = JoinSet::new();
    let plain = before_the_mail().into_iter().chain(about_the_mail());
    for (index, case) in plain.enumerate() {
        trying.spawn(async move { (index, case.tried().await) });
    }
    // And the same of a server that takes commands at once.
    for (index, mut case) in about_the_mail().into_iter().enumerate() {
        case.answers.offers_pipelining = true;
        trying.spawn(async move { (1000 + index, case.tried().await) });
    }
    let mut rows = trying.join_all().await;
    rows.sort();
    println!("{:42} {:22} what is told", "a server that", "means");
    for (index, row) in rows {
        let how = if index < 1000 { "" } else { " (PIPELINING)" };
        println!("{row}{how}");
    }
}

/// A listener whose queue is full lets nobody in and says nothing.
#[tokio::test]
async fn a_server_that_does_not_let_anybody_in_holds_nobody_up() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    let short = Duration::from_millis(200);
    while let Ok(joined) = tokio::time::timeout(short, TcpStream::connect(address)).await {
        queue.push(joined.unwrap());
    }
    let settings = SmtpSettings {
        port: address.port(),
        timeout: WAIT,
        ..SmtpSettings::new("127.0.0.1", SmtpSecurity::None)
    };
    let error = SmtpTransport::new(settings).unwrap().send(&missing()).await;
    let error = error.unwrap_err();
    assert_eq!(meaning(&error), NOTHING);
    let text = error.to_string();
    assert!(
        text.contains("no answer within 500ms to the connection"),
        "{text}"
    );
}

#[tokio::test]
async fn words_that_are_no_utf8_are_told_all_the_same() {
    use tokio::io::AsyncWriteExt as _;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket
            .write_all(b"554 acc\xE8s refus\xE9\r\n")
            .await
            .unwrap();
        std::future::pending::<()>().await;
    });
    let settings = SmtpSettings {
        port,
        ..SmtpSettings::new("127.0.0.1", SmtpSecurity::None)
    };
    let error = SmtpTransport::new(settings).unwrap().send(&missing()).await;
    let text = error.unwrap_err().to_string();
    assert!(text.contains("554 acc\u{FFFD}s refus\u{FFFD}"), "{text}");
}
