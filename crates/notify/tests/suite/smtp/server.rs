//! A mail server on the loopback that answers as a test wants it to.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use vigie_notify::{SecretString, SmtpSecurity, SmtpSettings};

pub const PASSWORD: &str = "correct horse";
const GREETING: &[u8] = b"220 localhost ready\r\n";

/// A recipient that the server takes, whatever it says to others.
pub const GOOD: &str = "good@example.com";

/// How a server answers.
#[expect(clippy::struct_excessive_bools, reason = "each is one way to be odd")]
#[derive(Clone, Copy)]
pub struct Answers {
    /// Whether it offers STARTTLS.
    pub offers_tls: bool,
    /// Whether it starts with TLS instead.
    pub is_encrypted_at_once: bool,
    pub starttls: &'static str,
    /// The command that it never answers; `connect` and `TLS` are none and can be left unanswered too.
    pub is_silent_to: &'static str,
    /// The command that it answers without end.
    pub floods: &'static str,
    /// The command that it answers by closing the connection; `content` is the first line of a mail.
    pub drops_at: &'static str,
    /// Whether it takes several commands at once.
    pub offers_pipelining: bool,
    /// Whether it gives its answers byte by byte.
    pub dribbles: bool,
    pub leaves_after_a_mail: bool,
    /// How long it takes to answer a whole mail.
    pub thinks_for: Duration,
    /// The logins that it offers.
    pub logins: &'static str,
    pub auth: &'static str,
    /// What it says to an empty line, which ends a login by a token that was not taken.
    pub empty: &'static str,
    pub sender: &'static str,
    pub recipient: &'static str,
    pub data: &'static str,
    pub content: &'static str,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            offers_tls: true,
            is_encrypted_at_once: false,
            starttls: "220 go ahead",
            is_silent_to: "nothing",
            floods: "nothing",
            drops_at: "nothing",
            offers_pipelining: false,
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

pub struct Server {
    pub port: u16,
    pub certificate: String,
    /// The lines that it was sent, each with whether they came encrypted.
    pub lines: Arc<Mutex<Vec<(bool, String)>>>,
    pub counts: Arc<Counts>,
}

/// What a server saw of its clients.
#[derive(Default)]
pub struct Counts {
    connections: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
    waits: AtomicUsize,
}

impl Counts {
    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// How many were open at the same time.
    pub fn most_open(&self) -> usize {
        self.most_open.load(Ordering::SeqCst)
    }

    /// How many answers were given to a client that had said nothing more, and so waited for them.
    pub fn waits(&self) -> usize {
        self.waits.load(Ordering::SeqCst)
    }

    fn opened(&self) {
        self.connections.fetch_add(1, Ordering::SeqCst);
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_open.fetch_max(open, Ordering::SeqCst);
    }
}

impl Server {
    pub async fn start(answers: Answers) -> Self {
        Self::start_with(answers, WebPkiClientVerifier::no_client_auth()).await
    }

    pub async fn start_with(answers: Answers, clients: Arc<dyn ClientCertVerifier>) -> Self {
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
            counts: Arc::default(),
        };
        let (lines, counts) = (server.lines.clone(), server.counts.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                let (lines, counts) = (lines.clone(), counts.clone());
                counts.opened();
                tokio::spawn(async move {
                    // A client that goes away is no failure of the server.
                    let _ = serve(stream, answers, acceptor, &lines, &counts).await;
                    counts.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        server
    }

    pub fn settings(&self, security: SmtpSecurity) -> SmtpSettings {
        SmtpSettings {
            port: self.port,
            timeout: Duration::from_secs(5),
            extra_root_certificates: self.certificate.clone().into_bytes(),
            username: Some("vigie".to_owned()),
            password: Some(SecretString::from(PASSWORD)),
            ..SmtpSettings::new("localhost", security)
        }
    }

    pub fn lines_with(&self, start: &str) -> Vec<(bool, String)> {
        let lines = self.lines.lock().unwrap();
        let fits = |line: &&(bool, String)| line.1.starts_with(start);
        lines.iter().filter(fits).cloned().collect()
    }
}

async fn serve(
    stream: TcpStream,
    answers: Answers,
    acceptor: TlsAcceptor,
    lines: &Mutex<Vec<(bool, String)>>,
    counts: &Counts,
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
        if !talk(&mut stream, &answers, false, lines, counts).await? {
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
    talk(&mut encrypted, &answers, true, lines, counts).await?;
    Ok(())
}

/// Answers commands until the client asks for TLS (true) or leaves (false).
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    answers: &Answers,
    is_encrypted: bool,
    lines: &Mutex<Vec<(bool, String)>>,
    counts: &Counts,
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
        let pipelining = if answers.offers_pipelining {
            "250-PIPELINING\r\n"
        } else {
            ""
        };
        let extensions = format!("250-localhost\r\n{pipelining}250-{extension}\r\n250 8BITMIME");
        let command = line.split(' ').next().unwrap_or_default();
        if command == answers.drops_at || (is_content && answers.drops_at == "content") {
            return Ok(false);
        }
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
            "RCPT" if line.contains(GOOD) => "250 ok",
            "RCPT" => answers.recipient,
            "DATA" => {
                is_content = answers.data.starts_with("354");
                answers.data
            }
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        if stream.buffer().is_empty() {
            counts.waits.fetch_add(1, Ordering::SeqCst);
        }
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
