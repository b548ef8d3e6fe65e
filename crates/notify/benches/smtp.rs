//! What handing a mail to an SMTP server costs beside the same dialogue over a bare socket, both over
//! one connection to a server on the loopback. `cargo bench -p vigie-notify --bench smtp` prints one
//! table; only the ratios mean something on another machine.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that can't go on has failed"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use vigie_notify::{Composer, ComposerSettings, Recipient};
use vigie_notify::{Mail, SmtpSecurity, SmtpSettings, SmtpTransport, Transport as _, samples};

/// How many times both are measured, in turns, so that a busy moment hits both.
const ROUNDS: usize = 9;

/// What the server says to EHLO: that it wants one command after the other, or takes several at once.
const HELLO: &[u8] = b"250-localhost\r\n250 STARTTLS\r\n";
const HELLO_AT_ONCE: &[u8] = b"250-localhost\r\n250-PIPELINING\r\n250 STARTTLS\r\n";

/// How long one measurement takes at least.
const AT_LEAST: Duration = Duration::from_millis(300);

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

fn main() {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key);
    let mut roots = RootCertStore::empty();
    roots.add(certified.cert.der().clone()).unwrap();
    let client = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(server.unwrap()));
    let in_turn = serve(acceptor.clone(), HELLO);
    let at_once = serve(acceptor, HELLO_AT_ONCE);
    let runtime = runtime();
    println!("security   commands   bare mails/s   ours mails/s   ratio");
    for (port, commands) in [(in_turn, "in turn"), (at_once, "at once")] {
        for security in [SmtpSecurity::None, SmtpSecurity::Starttls] {
            let settings = SmtpSettings {
                port,
                extra_root_certificates: certified.cert.pem().into_bytes(),
                ..SmtpSettings::new("localhost", security)
            };
            let connector = TlsConnector::from(Arc::new(client.clone()));
            runtime.block_on(measure(&settings, commands, &connector));
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

async fn measure(settings: &SmtpSettings, commands: &str, connector: &TlsConnector) {
    let mail = mail();
    let transport = SmtpTransport::new(settings.clone()).unwrap();
    let mut bare = Bare::connect(settings, connector, &mail).await;
    // The first mail of each connects.
    transport.send(&mail).await.unwrap();
    bare.send().await;
    let mut measured = Vec::new();
    for _ in 0..ROUNDS {
        let ours = per_second(async || drop(transport.send(&mail).await.unwrap())).await;
        let bare = per_second(async || bare.send().await).await;
        measured.push((bare, ours));
    }
    measured.sort_by(|one, other| (one.0 / one.1).total_cmp(&(other.0 / other.1)));
    let (bare, ours) = measured[ROUNDS / 2];
    let security = format!("{:?}", settings.security);
    let ratio = bare / ours;
    println!("{security:8} {commands:>10} {bare:14.0} {ours:14.0} {ratio:7.2}");
}

/// How many calls fit into a second.
async fn per_second(mut call: impl AsyncFnMut()) -> f64 {
    let started = Instant::now();
    let mut calls = 0_u32;
    while started.elapsed() < AT_LEAST {
        call().await;
        calls += 1;
    }
    f64::from(calls) / started.elapsed().as_secs_f64()
}

fn mail() -> Mail {
    let sample = samples::missing_full();
    let composer = Composer::new(ComposerSettings::default()).unwrap();
    let reader = Recipient {
        address: "admin@example.com".to_owned(),
        locale: None,
        time_zone: None,
    };
    composer
        .preview(&sample.job, sample.entry.as_ref(), sample.now, &reader)
        .unwrap()
}

/// The least that can be done: a command, its answer, the next command.
struct Bare {
    stream: BufReader<Box<dyn Stream>>,
    steps: Vec<Vec<u8>>,
}

impl Bare {
    async fn connect(settings: &SmtpSettings, connector: &TlsConnector, mail: &Mail) -> Self {
        let socket = TcpStream::connect(("127.0.0.1", settings.port))
            .await
            .unwrap();
        socket.set_nodelay(true).unwrap();
        let mut stream: BufReader<Box<dyn Stream>> = BufReader::new(Box::new(socket));
        read_line(&mut stream).await;
        if settings.security == SmtpSecurity::Starttls {
            ask(&mut stream, b"STARTTLS\r\n").await;
            let name = ServerName::try_from("localhost").unwrap();
            let encrypted = connector.connect(name, stream.into_inner()).await.unwrap();
            stream = BufReader::new(Box::new(encrypted));
        }
        let mut content = mail.to_mime().unwrap();
        content.extend_from_slice(b"\r\n.\r\n");
        let steps = vec![
            b"MAIL FROM:<vigie@localhost>\r\n".to_vec(),
            b"RCPT TO:<admin@example.com>\r\n".to_vec(),
            b"DATA\r\n".to_vec(),
            content,
        ];
        Self { stream, steps }
    }

    async fn send(&mut self) {
        for step in &self.steps {
            ask(&mut self.stream, step).await;
        }
    }
}

async fn ask(stream: &mut BufReader<Box<dyn Stream>>, command: &[u8]) {
    stream.write_all(command).await.unwrap();
    stream.flush().await.unwrap();
    read_line(stream).await;
}

async fn read_line(stream: &mut BufReader<Box<dyn Stream>>) {
    let mut line = String::new();
    assert_ne!(stream.read_line(&mut line).await.unwrap(), 0);
}

/// Serves on a thread of its own, and gives the port.
fn serve(acceptor: TlsAcceptor, hello: &'static [u8]) -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        runtime().block_on(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                socket.set_nodelay(true).unwrap();
                tokio::spawn(answer(socket, acceptor.clone(), hello));
            }
        });
    });
    port
}

async fn answer(socket: TcpStream, acceptor: TlsAcceptor, hello: &'static [u8]) {
    let mut stream: BufReader<Box<dyn Stream>> = BufReader::new(Box::new(socket));
    stream.write_all(b"220 ready\r\n").await.unwrap();
    let (mut line, mut is_content) = (Vec::new(), false);
    loop {
        line.clear();
        // Whoever leaves is no failure of the server.
        if stream.read_until(b'\n', &mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let is_end = line == b".\r\n";
        if is_content && !is_end {
            continue;
        }
        is_content = line == b"DATA\r\n";
        let answer: &[u8] = match &line[..] {
            b"DATA\r\n" => b"354 go ahead\r\n",
            b"STARTTLS\r\n" => b"220 go ahead\r\n",
            line if line.starts_with(b"EHLO") => hello,
            _ => b"250 ok\r\n",
        };
        stream.write_all(answer).await.unwrap();
        stream.flush().await.unwrap();
        if line == b"STARTTLS\r\n" {
            let encrypted = acceptor.accept(stream.into_inner()).await.unwrap();
            stream = BufReader::new(Box::new(encrypted));
        }
    }
}
