use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::site::ReceivedMail;

/// Whose mails are refused for good.
pub const GONE: &str = "gone@example.com";

/// Whose first mail is not taken for now.
pub const GREYLISTED: &str = "grey@example.com";

/// How often it is looked whether a program still goes on.
const LOOK: Duration = Duration::from_millis(2);

/// The longest wait for what can't take long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where in a session the server can stop answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Greeting,
    Hello,
    Sender,
    Recipient,
    Data,
    /// The mail is there, and nobody has decided yet.
    Content,
    /// The mail is taken, and nobody has said so yet.
    Taken,
    /// It was said that the mail is taken.
    Told,
}

impl Stage {
    pub const ALL: [Self; 8] = [
        Self::Greeting,
        Self::Hello,
        Self::Sender,
        Self::Recipient,
        Self::Data,
        Self::Content,
        Self::Taken,
        Self::Told,
    ];
}

/// A mail that the server took on: from then on it would deliver it, whether the client hears so or
/// not.
#[derive(Debug, Clone)]
pub struct TakenMail {
    /// In which run of the program.
    pub run: usize,
    pub recipient: String,
    pub raw: Vec<u8>,
    pub mail: ReceivedMail,
}

/// An SMTP server on a port of its own that remembers what it took, ended with this value.
pub struct MailServer {
    port: u16,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    run: usize,
    sessions: usize,
    taken: Vec<TakenMail>,
    has_greylisted: bool,
    stall: Option<Stall>,
    is_stalling: bool,
    is_closing: bool,
}

struct Stall {
    stage: Stage,
    /// How often the stage is passed before.
    passes: usize,
}

impl MailServer {
    pub fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let listening = thread::spawn({
            let shared = shared.clone();
            move || listen(&listener, &shared)
        });
        Self {
            port,
            shared,
            listening: Some(listening),
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What was taken until now, in order.
    pub fn taken(&self) -> Vec<TakenMail> {
        self.shared.state().taken.clone()
    }

    /// Has the server stop answering at this stage, after it was passed so often.
    pub fn stall_at(&self, stage: Stage, passes: usize) {
        self.shared.state().stall = Some(Stall { stage, passes });
    }

    /// Waits until the server stops answering, the program ends, or the time is over.
    pub fn wait_for_stall(&self, program: &mut Child, within: Duration) {
        let until = Instant::now() + within;
        let mut state = self.shared.state();
        while !state.is_stalling && Instant::now() < until {
            if program.try_wait().unwrap().is_some() {
                return;
            }
            state = self.shared.changed.wait_timeout(state, LOOK).unwrap().0;
        }
    }

    /// Lets all sessions of a program that has ended come to their ends, in which mails may yet be
    /// taken that were on the line. What comes then is of the next run.
    pub fn end_run(&self) {
        let mut state = self.shared.state();
        state.stall = None;
        state.is_stalling = false;
        self.shared.changed.notify_all();
        let is_busy = |state: &mut State| state.sessions > 0;
        let waited = self
            .shared
            .changed
            .wait_timeout_while(state, PATIENCE, is_busy);
        let (mut state, timeout) = waited.unwrap();
        assert!(!timeout.timed_out(), "a session goes on without a client");
        state.run += 1;
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.shared.state().is_closing = true;
        // Wakes who waits for a client.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn pass(&self, stage: Stage) {
        let mut server = self.state();
        match &mut server.stall {
            Some(stall) if stall.stage == stage && stall.passes == 0 => {}
            Some(stall) if stall.stage == stage => {
                stall.passes -= 1;
                return;
            }
            _ => return,
        }
        server.is_stalling = true;
        self.changed.notify_all();
        let is_stalling = |server: &mut State| server.is_stalling;
        drop(self.changed.wait_while(server, is_stalling).unwrap());
    }

    /// What is answered to a recipient.
    fn welcome(&self, recipient: &str) -> &'static str {
        let mut state = self.state();
        if recipient == GONE {
            "550 5.1.1 no such user"
        } else if recipient == GREYLISTED && !state.has_greylisted {
            state.has_greylisted = true;
            "451 4.7.1 greylisted, come again"
        } else {
            "250 2.1.5 fine"
        }
    }

    fn take(&self, run: usize, recipient: &str, raw: Vec<u8>) {
        let mail = ReceivedMail::parse(&raw);
        self.state().taken.push(TakenMail {
            run,
            recipient: recipient.to_owned(),
            raw,
            mail,
        });
    }
}

fn listen(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        let mut state = shared.state();
        if state.is_closing {
            return;
        }
        state.sessions += 1;
        let (run, shared) = (state.run, shared.clone());
        thread::spawn(move || {
            // A client that is killed breaks the line.
            let _ = stream.and_then(|stream| serve(stream, run, &shared));
            shared.state().sessions -= 1;
            shared.changed.notify_all();
        });
    }
}

fn serve(mut stream: TcpStream, run: usize, shared: &Shared) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?);
    let mut say = |words: &str| stream.write_all(format!("{words}\r\n").as_bytes());
    shared.pass(Stage::Greeting);
    say("220 localhost ESMTP")?;
    let mut recipient = String::new();
    while let Some(line) = next_line(&mut lines)? {
        let command = String::from_utf8_lossy(&line).trim_end().to_owned();
        match command.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => {
                shared.pass(Stage::Hello);
                say("250-localhost\r\n250 8BITMIME")?;
            }
            "MAIL" => {
                shared.pass(Stage::Sender);
                say("250 2.1.0 fine")?;
            }
            "RCPT" => {
                shared.pass(Stage::Recipient);
                recipient = address_in(&command);
                say(shared.welcome(&recipient))?;
            }
            "DATA" => {
                shared.pass(Stage::Data);
                say("354 go on")?;
                let Some(raw) = content(&mut lines)? else {
                    return Ok(());
                };
                shared.pass(Stage::Content);
                shared.take(run, &recipient, raw);
                shared.pass(Stage::Taken);
                say("250 2.0.0 taken")?;
                shared.pass(Stage::Told);
            }
            "QUIT" => return say("221 2.0.0 bye"),
            "RSET" | "NOOP" => say("250 2.0.0 fine")?,
            _ => say("502 5.5.1 not known here")?,
        }
    }
    Ok(())
}

/// A line with its end; `None` when the line is broken, in the middle of one too.
fn next_line(lines: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    lines.read_until(b'\n', &mut line)?;
    Ok(line.ends_with(b"\n").then_some(line))
}

/// A mail up to its final dot, without the dots that were put in; `None` when that never comes.
fn content(lines: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut raw = Vec::new();
    while let Some(line) = next_line(lines)? {
        if line == b".\r\n" {
            return Ok(Some(raw));
        }
        raw.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
    Ok(None)
}

fn address_in(command: &str) -> String {
    let (_, address) = command.split_once('<').unwrap();
    let (address, _) = address.split_once('>').unwrap();
    address.to_owned()
}
