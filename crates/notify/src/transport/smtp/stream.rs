//! The bytes of a session, encrypted or not, and the replies before lettre takes over. Knows no mail.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use lettre::transport::smtp::client::AsyncTokioStream;
use lettre::transport::smtp::response::Response;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, ReadBuf,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::problem::{Problem, words_of};

/// What lettre is given to read as a greeting: the real one was read before.
const GREETING: &[u8] = b"220 ready\r\n";

/// A socket, or TLS over one.
trait Wire: AsyncRead + AsyncWrite + Send + Sync + Unpin + fmt::Debug {}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin + fmt::Debug> Wire for S {}

/// The bytes of a session.
#[derive(Debug)]
pub(super) struct Stream {
    wire: Box<dyn Wire>,
    address: SocketAddr,
    /// What is read before anything from the wire.
    before: &'static [u8],
}

impl Stream {
    pub(super) fn plain(socket: TcpStream) -> io::Result<Self> {
        Ok(Self {
            address: socket.peer_addr()?,
            wire: Box::new(socket),
            before: &[],
        })
    }

    /// The same connection, encrypted from here on.
    pub(super) async fn encrypted(self, tls: &TlsConnector, host: &str) -> Result<Self, Problem> {
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|error| Problem::passing(&error.to_string()))?;
        Ok(Self {
            wire: Box::new(tls.connect(name, self.wire).await?),
            ..self
        })
    }

    /// The same connection, greeted once more.
    pub(super) fn greeted(self) -> Self {
        Self {
            before: GREETING,
            ..self
        }
    }

    /// Asks, and waits for the reply, which has to agree.
    pub(super) async fn ask(&mut self, command: impl fmt::Display) -> Result<Response, Problem> {
        self.write_all(command.to_string().as_bytes()).await?;
        self.flush().await?;
        self.reply().await
    }

    /// The next reply, which has to agree.
    pub(super) async fn reply(&mut self) -> Result<Response, Problem> {
        let mut reader = BufReader::new(self);
        let mut text = String::new();
        loop {
            let start = text.len();
            if reader.read_line(&mut text).await? == 0 {
                return Err(Problem::passing("it closed the connection"));
            }
            if text.as_bytes().get(start + 3) != Some(&b'-') {
                break;
            }
        }
        if !reader.buffer().is_empty() {
            // Taken for the reply to what is asked next, over TLS even, this would let anybody on
            // the way speak for the server.
            return Err(Problem::passing("it says more than it was asked for"));
        }
        let reply: Response = text.parse().map_err(|_| {
            let start = text.lines().next().unwrap_or_default();
            Problem::passing(&format!("it does not speak SMTP: {start:?}"))
        })?;
        if reply.is_positive() {
            Ok(reply)
        } else {
            Err(Problem::passing(&words_of(&reply)))
        }
    }
}

impl AsyncTokioStream for Stream {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.before.is_empty() {
            return Pin::new(&mut self.wire).poll_read(context, buffer);
        }
        let length = self.before.len().min(buffer.remaining());
        let (now, later) = self.before.split_at(length);
        buffer.put_slice(now);
        self.before = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(context)
    }
}
