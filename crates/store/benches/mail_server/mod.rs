//! A mail server on the loopback that takes every mail, with STARTTLS and login. Knows no client.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use vigie_notify::{SmtpSecurity, SmtpSettings};

const USER: &str = "vigie";
const PASSWORD: &str = "password";

/// The same in the words of the login (RFC 4616).
pub(crate) const LOGIN: &[u8] = b"AUTH PLAIN AHZpZ2llAHBhc3N3b3Jk\r\n";

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// The server, for as long as the program runs.
pub(crate) struct Server {
    port: u16,
    certificate: Vec<u8>,
    taken: Arc<AtomicUsize>,
}

impl Server {
    /// It runs on a thread of its own.
    pub(crate) fn start() -> Self {
        let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key);
        let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken = Arc::new(AtomicUsize::new(0));
        let counter = taken.clone();
        let thread = std::thread::Builder::new().name("mail server".to_owned());
        let served = thread.spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serve(listener, acceptor, counter));
        });
        served.unwrap();
        Self {
            port,
            certificate: certified.cert.pem().into_bytes(),
            taken,
        }
    }

    /// How mails get there.
    pub(crate) fn settings(&self, connections: NonZeroU16) -> SmtpSettings {
        SmtpSettings {
            port: self.port,
            username: Some(USER.to_owned()),
            password: Some(PASSWORD.into()),
            connections,
            extra_root_certificates: self.certificate.clone(),
            ..SmtpSettings::new("localhost", SmtpSecurity::Starttls)
        }
    }

    /// How many mails it took until now.
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }
}

async fn serve(listener: std::net::TcpListener, acceptor: TlsAcceptor, taken: Arc<AtomicUsize>) {
    let listener = TcpListener::from_std(listener).unwrap();
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        socket.set_nodelay(true).unwrap();
        tokio::spawn(answer(socket, acceptor.clone(), taken.clone()));
    }
}

async fn answer(socket: TcpStream, acceptor: TlsAcceptor, taken: Arc<AtomicUsize>) {
    let mut stream: BufReader<Box<dyn Stream>> = BufReader::new(Box::new(socket));
    stream.write_all(b"220 ready\r\n").await.unwrap();
    let mut offers: &[u8] = b"250-localhost\r\n250 STARTTLS\r\n";
    let (mut line, mut is_content) = (Vec::new(), false);
    loop {
        line.clear();
        // Whoever leaves is no failure of the server.
        if stream.read_until(b'\n', &mut line).await.unwrap_or(0) == 0 {
            return;
        }
        if is_content && line != b".\r\n" {
            continue;
        }
        if is_content {
            taken.fetch_add(1, Ordering::SeqCst);
        }
        is_content = line == b"DATA\r\n";
        let answer = match &line[..] {
            b"DATA\r\n" => b"354 go ahead\r\n",
            b"STARTTLS\r\n" => b"220 go ahead\r\n",
            line if line.starts_with(b"EHLO") => offers,
            line if line.starts_with(b"AUTH") && line != LOGIN => b"535 who?\r\n",
            line if line == LOGIN => b"235 welcome\r\n",
            _ => b"250 ok\r\n",
        };
        stream.write_all(answer).await.unwrap();
        stream.flush().await.unwrap();
        if line == b"STARTTLS\r\n" {
            let encrypted = acceptor.accept(stream.into_inner()).await.unwrap();
            stream = BufReader::new(Box::new(encrypted));
            offers = b"250-localhost\r\n250 AUTH PLAIN\r\n";
        }
    }
}
