//! The OAuth 2.0 tokens that the config's file or command gives. Knows no mail server.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use vigie_notify::{SecretString, SmtpTokens, async_trait};

use crate::config::TokenSource;

/// No token is longer; what holds or prints more is something else.
const LONGEST: usize = 64 * 1024;

/// How long what a command printed is read on after its end. All of that is in the pipe by then; only
/// what it has started and left behind keeps the pipe open.
const AFTER_THE_END: Duration = Duration::from_millis(200);

/// Reads a token anew each time.
#[derive(Debug)]
pub struct Tokens {
    source: TokenSource,
    timeout: Duration,
}

impl Tokens {
    /// `timeout` is how long a command may run, and a file may take.
    pub fn new(source: TokenSource, timeout: Duration) -> Self {
        Self { source, timeout }
    }

    /// This, but not for ever.
    async fn in_time(
        &self,
        reading: impl Future<Output = Result<SecretString, String>>,
        late: impl FnOnce() -> String,
    ) -> Result<SecretString, String> {
        match tokio::time::timeout(self.timeout, reading).await {
            Ok(token) => token,
            Err(_) => Err(format!("{} within {:?}", late(), self.timeout)),
        }
    }
}

#[async_trait]
impl SmtpTokens for Tokens {
    async fn token(&self) -> Result<SecretString, String> {
        match &self.source {
            TokenSource::File(path) => {
                let late = || format!("the token file {} could not be read", path.display());
                self.in_time(of_file(path.clone()), late).await
            }
            TokenSource::Command { program, arguments } => {
                let late = || format!("the token command {} did not end", program.display());
                self.in_time(of_command(program, arguments), late).await
            }
        }
    }
}

/// On a thread of its own: a file on a share that hangs must not hold up what else there is to do.
async fn of_file(path: PathBuf) -> Result<SecretString, String> {
    let shown = path.display().to_string();
    let text = tokio::task::spawn_blocking(move || content_of(&path)).await;
    let text = text
        .map_err(io::Error::from)
        .flatten()
        .map_err(|error| format!("the token file {shown} can't be read: {error}"))?;
    token_in(text).ok_or_else(|| format!("the token file {shown} holds no token"))
}

/// What a file holds, up to one byte more than a token can have.
fn content_of(path: &Path) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut text = Vec::new();
    file.take(LONGEST as u64 + 1).read_to_end(&mut text)?;
    Ok(text)
}

/// Without waiting for somebody to write into it, should it be a pipe.
fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        rustix::fs::OFlags::NONBLOCK.bits().cast_signed(),
    );
    options.read(true).open(path)
}

async fn of_command(program: &Path, arguments: &[String]) -> Result<SecretString, String> {
    let shown = program.display();
    let failed = |what: &dyn std::fmt::Display| format!("the token command {shown} {what}");
    let mut command = Command::new(program);
    // What it says beside the token is for somebody at a terminal, and could quote secrets in a log.
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command
        .spawn()
        .map_err(|error| failed(&format!("can't be run: {error}")))?;
    let mut group = Group::of(&child);
    let mut printed = Vec::new();
    if let Some(output) = child.stdout.take() {
        let mut output = output.take(LONGEST as u64 + 1);
        let unreadable = |error: io::Error| failed(&format!("can't be read: {error}"));
        let has_closed = tokio::select! {
            read = read_all(&mut output, &mut printed) => read.map(|()| true),
            ended = child.wait() => ended.map(|_| false),
        };
        if !has_closed.map_err(unreadable)? {
            group.has_ended();
            let rest = read_all(&mut output, &mut printed);
            if let Ok(read) = tokio::time::timeout(AFTER_THE_END, rest).await {
                read.map_err(unreadable)?;
            }
        }
    }
    if printed.len() > LONGEST {
        return Err(failed(&"printed no token"));
    }
    let status = child.wait().await.map_err(|error| failed(&error))?;
    group.has_ended();
    if !status.success() {
        return Err(failed(&format!("failed with {status}")));
    }
    token_in(printed).ok_or_else(|| failed(&"printed no token"))
}

/// Reads to the end. What was read is in `text` whenever nobody waits for the rest any more.
async fn read_all(output: &mut (impl AsyncRead + Unpin), text: &mut Vec<u8>) -> io::Result<()> {
    while output.read_buf(text).await? > 0 {}
    Ok(())
}

/// A command and what it has started, none of which outlives the wait for the command: one that hangs
/// would else leave more of them behind at each login.
struct Group {
    #[cfg(unix)]
    leader: Option<rustix::process::Pid>,
}

impl Group {
    #[cfg(unix)]
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self {
            leader: id.and_then(rustix::process::Pid::from_raw),
        }
    }

    #[cfg(not(unix))]
    fn of(_: &Child) -> Self {
        Self {}
    }

    /// The system may give its number to something else now, and what it left behind on purpose lives.
    fn has_ended(&mut self) {
        #[cfg(unix)]
        {
            self.leader = None;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(leader) = self.leader {
            // Whoever is gone already needs no end.
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }
}

/// Control characters part what a login is made of, so that a token with one could say anything.
fn token_in(text: Vec<u8>) -> Option<SecretString> {
    if text.len() > LONGEST {
        return None;
    }
    let text = String::from_utf8(text).ok()?;
    let token = text.trim();
    let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    is_token.then(|| SecretString::from(token))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use vigie_notify::SmtpTokens as _;

    use super::*;

    async fn printed_by(script: &str) -> Result<String, String> {
        printed_in(script, Duration::from_secs(1)).await
    }

    async fn printed_in(script: &str, timeout: Duration) -> Result<String, String> {
        use secrecy::ExposeSecret as _;
        let source = TokenSource::Command {
            program: "sh".into(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
        };
        let tokens = Tokens::new(source, timeout);
        let token = tokens.token().await?;
        Ok(token.expose_secret().to_owned())
    }

    #[tokio::test]
    async fn a_command_prints_a_token_on_one_line() {
        assert_eq!(printed_by("echo ya29.abc").await.unwrap(), "ya29.abc");
    }

    #[tokio::test]
    async fn a_command_without_a_token_says_so_without_what_it_printed() {
        for (script, told) in [
            (
                "echo hunter2; exit 3",
                "the token command sh failed with exit status: 3",
            ),
            ("true", "the token command sh printed no token"),
            ("echo hunter2 x", "the token command sh printed no token"),
            (
                "printf 'hunter2\\001x'",
                "the token command sh printed no token",
            ),
            ("sleep 60", "the token command sh did not end within 1s"),
        ] {
            assert_eq!(printed_by(script).await.unwrap_err(), told);
        }
        let absent = TokenSource::Command {
            program: "/absent".into(),
            arguments: Vec::new(),
        };
        let absent = Tokens::new(absent, Duration::from_secs(1)).token().await;
        let told = absent.unwrap_err();
        assert!(
            told.starts_with("the token command /absent can't be run: "),
            "{told}"
        );
    }

    #[tokio::test]
    async fn a_file_is_read_anew_each_time() {
        use secrecy::ExposeSecret as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let tokens = Tokens::new(TokenSource::File(path.clone()), Duration::from_secs(1));
        let shown = path.display();
        let told = tokens.token().await.unwrap_err();
        assert!(
            told.starts_with(&format!("the token file {shown} can't be read: ")),
            "{told}"
        );
        for token in ["one", "two"] {
            std::fs::write(&path, format!("{token}\n")).unwrap();
            assert_eq!(tokens.token().await.unwrap().expose_secret(), token);
        }
        std::fs::write(&path, "\n").unwrap();
        let told = tokens.token().await.unwrap_err();
        assert_eq!(told, format!("the token file {shown} holds no token"));
    }

    /// What is told of a token file that is none.
    async fn told_of_file(path: &Path) -> String {
        let start = Instant::now();
        let tokens = Tokens::new(TokenSource::File(path.to_owned()), Duration::from_mins(1));
        let told = tokens.token().await.unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(30), "{told}");
        told
    }

    #[tokio::test]
    async fn what_is_no_file_of_a_token_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        for path in [pipe.as_path(), Path::new("/dev/zero"), folder.path()] {
            let told = told_of_file(path).await;
            assert!(told.ends_with("it is no regular file"), "{told}");
        }
        let long = folder.path().join("long");
        File::create(&long).unwrap().set_len(1 << 32).unwrap();
        assert!(told_of_file(&long).await.ends_with("holds no token"));
        std::fs::write(&long, "x".repeat(LONGEST + 1)).unwrap();
        assert!(told_of_file(&long).await.ends_with("holds no token"));
    }

    #[tokio::test]
    async fn a_token_has_a_longest_length() {
        let longest = printed_by("head -c 65536 /dev/zero | tr '\\0' x").await;
        assert_eq!(longest.unwrap().len(), LONGEST);
        for script in ["head -c 65537 /dev/zero | tr '\\0' x", "yes hunter2"] {
            assert_eq!(
                printed_by(script).await.unwrap_err(),
                "the token command sh printed no token"
            );
        }
    }

    #[tokio::test]
    async fn what_a_command_leaves_behind_is_not_waited_for() {
        let start = Instant::now();
        let token = printed_in("echo ya29.abc; sleep 60 &", Duration::from_mins(1)).await;
        assert_eq!(token.unwrap(), "ya29.abc");
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_ended_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let (started, survived) = (
            folder.path().join("started"),
            folder.path().join("survived"),
        );
        let script = format!(
            "(touch '{}'; sleep 3; touch '{}') & wait",
            started.display(),
            survived.display()
        );
        let told = printed_by(&script).await.unwrap_err();
        assert_eq!(told, "the token command sh did not end within 1s");
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert!(started.exists() && !survived.exists());
    }
}
