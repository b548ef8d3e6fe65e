//! The bytes of a session, encrypted or not, and the replies in them. Knows no command.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::problem::Problem;
use super::reply::Reply;

/// How many bytes a server may say to one command.
const LONGEST_REPLY: usize = 64 * 1024;

/// How many bytes are read at once.
const AT_ONCE: usize = 1024;

/// A socket, or TLS over one.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Wire for S {}

/// The bytes of a session.
pub(super) struct Stream {
    wire: Box<dyn Wire>,
    /// What came after the last reply that was looked at.
    unread: Vec<u8>,
}

impl Stream {
    pub(super) fn plain(socket: TcpStream) -> Self {
        Self {
            wire: Box::new(socket),
            unread: Vec::new(),
        }
    }

    #[cfg(test)]
    pub(super) fn over(wire: tokio::io::DuplexStream) -> Self {
        Self {
            wire: Box::new(wire),
            unread: Vec::new(),
        }
    }

    /// The same connection, encrypted from here on.
    pub(super) async fn encrypted(self, tls: &TlsConnector, host: &str) -> Result<Self, Problem> {
        self.check_nothing_is_left()?;
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|error| Problem::broken(&error.to_string()))?;
        Ok(Self {
            wire: Box::new(tls.connect(name, self.wire).await?),
            unread: self.unread,
        })
    }

    /// Says something: one command, or several to which the replies are awaited in their order.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        self.check_nothing_is_left()?;
        self.wire.write_all(bytes).await?;
        Ok(self.wire.flush().await?)
    }

    /// Asks, and waits for the reply.
    pub(super) async fn ask(&mut self, command: impl fmt::Display) -> Result<Reply, Problem> {
        self.write(command.to_string().as_bytes()).await?;
        self.reply().await
    }

    /// The next reply.
    pub(super) async fn reply(&mut self) -> Result<Reply, Problem> {
        let (mut line, mut searched) = (0, 0);
        loop {
            let ahead = &self.unread[searched..];
            if let Some(length) = ahead.iter().position(|&byte| byte == b'\n') {
                searched += length + 1;
                if !goes_on(&self.unread[line..searched]) {
                    return self.take_reply(searched);
                }
                line = searched;
                continue;
            }
            searched = self.unread.len();
            if searched >= LONGEST_REPLY {
                let text = format!("its answer is longer than {LONGEST_REPLY} bytes");
                return Err(Problem::broken(&text));
            }
            self.unread.reserve(AT_ONCE);
            if self.wire.read_buf(&mut self.unread).await? == 0 {
                return Err(Problem::broken("it closed the connection"));
            }
        }
    }

    /// Whether the server has said nothing since its last reply, and not left either. It does not
    /// wait.
    pub(super) fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        let mut context = Context::from_waker(Waker::noop());
        let polled = Pin::new(&mut self.wire).poll_read(&mut context, &mut buffer);
        self.unread.is_empty() && matches!(polled, Poll::Pending)
    }

    /// Ends the connection from this side.
    pub(super) async fn close(mut self) -> io::Result<()> {
        self.wire.shutdown().await
    }

    fn take_reply(&mut self, end: usize) -> Result<Reply, Problem> {
        let bytes: Vec<u8> = self.unread.drain(..end).collect();
        Reply::parse(&bytes).ok_or_else(|| {
            let text = String::from_utf8_lossy(&bytes);
            let start = text.lines().next().unwrap_or_default();
            Problem::broken(&format!("it does not speak SMTP: {start}"))
        })
    }

    /// Taken for the reply to what is asked next, over TLS even, what is left would let anybody on
    /// the way speak for the server.
    fn check_nothing_is_left(&self) -> Result<(), Problem> {
        if self.unread.is_empty() {
            Ok(())
        } else {
            Err(Problem::broken("it says more than it was asked for"))
        }
    }
}

/// Whether a reply has more lines than this one.
fn goes_on(line: &[u8]) -> bool {
    line.len() > 3 && line[..3].iter().all(u8::is_ascii_digit) && line[3] == b'-'
}

#[cfg(test)]
mod tests {
    use tokio::io::{DuplexStream, duplex};

    use super::*;

    /// A stream, and what a server writes into it.
    fn stream() -> (Stream, DuplexStream) {
        let (wire, server) = duplex(1024);
        (Stream::over(wire), server)
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
        assert_eq!(reply.unwrap().to_string(), "250 first second");
    }

    #[tokio::test]
    async fn several_answers_at_once_are_several_answers() {
        let (mut stream, mut server) = stream();
        let said = b"250 a\r\n250-b\r\n250 c\r\n354 d\r\n";
        server.write_all(said).await.unwrap();
        for told in ["250 a", "250 b c"] {
            assert_eq!(stream.reply().await.unwrap().to_string(), told);
        }
        assert!(!stream.is_quiet());
        let error = stream.write(b"NOOP\r\n").await.unwrap_err();
        assert_eq!(error.text, "it says more than it was asked for");
        assert_eq!(stream.reply().await.unwrap().code, 354);
        assert!(stream.is_quiet());
        stream.write(b"NOOP\r\n").await.unwrap();
    }

    #[tokio::test]
    async fn a_server_that_speaks_up_or_leaves_is_not_quiet() {
        let (mut speaking, mut server) = stream();
        assert!(speaking.is_quiet());
        server
            .write_all(b"421 idle for too long\r\n")
            .await
            .unwrap();
        assert!(!speaking.is_quiet());

        let (mut left, server) = stream();
        drop(server);
        assert!(!left.is_quiet());
    }

    #[tokio::test]
    async fn what_is_no_answer_is_told_as_such() {
        for (said, told) in [
            (
                "SSH-2.0-OpenSSH_9.9\r\n",
                "it does not speak SMTP: SSH-2.0-OpenSSH_9.9",
            ),
            ("\r\n", "it does not speak SMTP"),
            ("220-half\r\nhalf\r\n", "it does not speak SMTP"),
            ("220 half", "it closed the connection"),
            ("220-half\r\n", "it closed the connection"),
            ("", "it closed the connection"),
        ] {
            let (mut stream, mut server) = stream();
            server.write_all(said.as_bytes()).await.unwrap();
            drop(server);
            let text = stream.reply().await.unwrap_err().text;
            assert!(text.starts_with(told), "{said:?}: {text}");
        }
    }
}
