//! The bytes of a session, encrypted or not, and the replies before lettre takes over. Knows no mail.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

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

/// How many bytes a server may say to one command. lettre looks at the length of a line only once it
/// has the whole line, and so would keep all of one that never ends.
const LONGEST_REPLY: usize = 64 * 1024;

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
    /// How many more bytes may be read until something is written.
    left: usize,
}

impl Stream {
    pub(super) fn plain(socket: TcpStream) -> io::Result<Self> {
        Ok(Self {
            address: socket.peer_addr()?,
            wire: Box::new(socket),
            before: &[],
            left: LONGEST_REPLY,
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
            if !goes_on(&text[start..]) {
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

/// Whether a reply has more lines than this one.
fn goes_on(line: &str) -> bool {
    let line = line.as_bytes();
    line.len() > 3 && line[..3].iter().all(u8::is_ascii_digit) && line[3] == b'-'
}

impl Stream {
    fn poll_read_reply(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            let problem = format!("its answer is longer than {LONGEST_REPLY} bytes");
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, problem)));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.wire).poll_read(context, buffer))?;
        // One buffer more than the limit may be read; a buffer is small.
        self.left = self.left.saturating_sub(buffer.filled().len() - before);
        Poll::Ready(Ok(()))
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
            return self.poll_read_reply(context, buffer);
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
        self.left = LONGEST_REPLY;
        Pin::new(&mut self.wire).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, DuplexStream, duplex};

    use super::*;

    /// A stream, and what a server writes into it.
    fn stream() -> (Stream, DuplexStream) {
        let (wire, server) = duplex(1024);
        let stream = Stream {
            wire: Box::new(wire),
            address: SocketAddr::from(([127, 0, 0, 1], 25)),
            before: &[],
            left: LONGEST_REPLY,
        };
        (stream, server)
    }

    /// How many bytes a server gets rid of that says this for ever, and what is told of it.
    async fn flood(words: &[u8]) -> (usize, String) {
        let (mut stream, mut server) = stream();
        let flooding = async {
            let mut taken = 0;
            while let Ok(length) = server.write(words).await {
                taken += length;
            }
            taken
        };
        let reading = async move { stream.reply().await.unwrap_err().text };
        tokio::join!(flooding, reading)
    }

    #[tokio::test]
    async fn an_answer_without_end_is_not_kept() {
        for words in [&b"250-and another thing\r\n"[..], b"250 and so on"] {
            let (taken, told) = flood(words).await;
            assert!(
                (LONGEST_REPLY..2 * LONGEST_REPLY).contains(&taken),
                "{taken}"
            );
            assert_eq!(told, "its answer is longer than 65536 bytes");
        }
    }

    /// A session may be as long as it likes: many mails go over one connection.
    #[tokio::test]
    async fn only_the_answer_to_one_command_is_limited() {
        let (mut stream, mut server) = stream();
        let answering = async move {
            let mut command = [0; 6];
            let mut line = vec![b'x'; 500];
            line[..4].copy_from_slice(b"250 ");
            line.extend_from_slice(b"\r\n");
            while server.read_exact(&mut command).await.is_ok() {
                server.write_all(&line).await.unwrap();
            }
        };
        let asking = async move {
            for _ in 0..2 * LONGEST_REPLY / 500 {
                stream.ask("NOOP\r\n").await.unwrap();
            }
        };
        tokio::join!(answering, asking);
    }

    #[tokio::test]
    async fn an_answer_in_single_bytes_is_one_answer() {
        let (mut stream, mut server) = stream();
        let dribbling = async move {
            for byte in b"250-first\r\n250 second\r\n" {
                server.write_all(&[*byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
            server
        };
        let (_server, reply) = tokio::join!(dribbling, stream.reply());
        assert_eq!(words_of(&reply.unwrap()), "250 first second");
    }

    #[tokio::test]
    async fn what_is_no_answer_is_told_as_such() {
        for (said, told) in [
            ("SSH-2.0-OpenSSH_9.9\r\n", "it does not speak SMTP"),
            ("\r\n", "it does not speak SMTP"),
            ("220 half", "it does not speak SMTP"),
            ("220-half\r\n", "it closed the connection"),
            ("", "it closed the connection"),
            ("554 go away\r\n", "554 go away"),
            ("220 a\r\n250 b\r\n", "it says more than it was asked for"),
        ] {
            let (mut stream, mut server) = stream();
            server.write_all(said.as_bytes()).await.unwrap();
            drop(server);
            let text = stream.reply().await.unwrap_err().text;
            assert!(text.starts_with(told), "{said:?}: {text}");
        }
    }
}
