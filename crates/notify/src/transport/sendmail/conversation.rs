//! A command while it runs: it is written to, listened to and waited for, all at once, so that neither
//! side ever waits for the other in vain. Knows no mail.

use std::io;
use std::pin::pin;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin};

/// How many bytes are kept of what a command prints to each of its outputs; it may print more.
const LONGEST: usize = 64 * 1024;

/// How long a command's pipes are looked after once it has ended. All that it printed is in them by
/// then; only what it left running on purpose keeps them open.
const AFTER_THE_END: Duration = Duration::from_millis(200);

/// What came of running a command.
pub(super) struct Conversation {
    pub(super) status: ExitStatus,
    /// Whether its input was written to the end.
    pub(super) has_read_all: bool,
    /// What it printed: its complaints first.
    pub(super) printed: Vec<u8>,
}

/// Writes `input` to a command and waits for its end.
///
/// That the command stopped reading is no error: its exit status says more.
pub(super) async fn converse(mut child: Child, input: &[u8]) -> io::Result<Conversation> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (mut has_read_all, mut printed, mut complaints) = (false, Vec::new(), Vec::new());
    let status = {
        let mut talk = pin!(async {
            tokio::join!(
                async { has_read_all = write(stdin, input).await.is_ok() },
                listen(stdout, &mut printed),
                listen(stderr, &mut complaints),
            )
        });
        tokio::select! {
            status = child.wait() => {
                let _ = tokio::time::timeout(AFTER_THE_END, &mut talk).await;
                status?
            }
            _ = &mut talk => child.wait().await?,
        }
    };
    if !complaints.is_empty() && !printed.is_empty() {
        complaints.push(b'\n');
    }
    complaints.append(&mut printed);
    Ok(Conversation {
        status,
        has_read_all,
        printed: complaints,
    })
}

/// Its end is the end of the input.
async fn write(stdin: Option<ChildStdin>, input: &[u8]) -> io::Result<()> {
    match stdin {
        Some(mut stdin) => stdin.write_all(input).await,
        None => Ok(()),
    }
}

/// Reads to the end, so that nobody has to wait for room in the pipe, and keeps the start.
async fn listen(output: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut output) = output else {
        return;
    };
    let mut buffer = vec![0; 8 * 1024];
    // What can't be read is as good as not printed.
    while let Ok(length @ 1..) = output.read(&mut buffer).await {
        let room = LONGEST - kept.len();
        kept.extend_from_slice(&buffer[..length.min(room)]);
    }
}
