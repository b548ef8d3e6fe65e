//! A session in which mails are handed over, one after the other. Knows not who listens at the other
//! end, nor what becomes of a mail that is not taken.
//!
//! The steps are told apart, because the same answer means another thing in each: a 550 to the sender
//! stops every mail, a 550 to a recipient stops one.

use std::fmt::Display;
use std::time::Duration;

use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Quit, Rcpt, Rset};
use lettre::transport::smtp::extension::MailParameter;

use super::Parcel;
use super::hello::Offers;
use super::problem::{Problem, ProblemKind};
use super::reply::Reply;
use super::stage::Stage;
use super::stream::Stream;

/// How long an answer is waited for that changes nothing any more.
const FAREWELL: Duration = Duration::from_secs(1);

/// The code with which a server asks for the content of a mail.
const START_CONTENT: u16 = 354;

/// The commands before the content, in their order.
const ENVELOPE: [Stage; 3] = [Stage::Sender, Stage::Recipient, Stage::Data];

/// A session in which mails are handed over.
pub(super) struct Session {
    stream: Stream,
    offers: Offers,
    timeout: Duration,
    /// Whether both sides know what comes next: nothing is asked that was not answered.
    is_in_step: bool,
}

/// In which step a mail was not taken, and why.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) stage: Stage,
    pub(super) problem: Problem,
    /// Whether both sides know what comes next all the same.
    is_in_step: bool,
}

impl Failure {
    /// That there was no answer, or none that can be understood.
    fn without_answer(stage: Stage, problem: Problem) -> Self {
        Self {
            stage,
            problem,
            is_in_step: false,
        }
    }

    /// That this is not the answer which lets the next step follow. A plain no says where both stand;
    /// one that is out of place, or the last one, does not.
    fn of_reply(stage: Stage, reply: &Reply) -> Self {
        let problem = Problem::of_reply(stage, reply);
        let is_in_step = !matches!(problem.kind, ProblemKind::Closing | ProblemKind::Broken);
        Self {
            stage,
            problem,
            is_in_step,
        }
    }
}

impl Session {
    /// A session with a server that has been greeted and has offered this.
    pub(super) fn new(stream: Stream, offers: Offers, timeout: Duration) -> Self {
        Self {
            stream,
            offers,
            timeout,
            is_in_step: true,
        }
    }

    pub(super) fn offers(&self) -> &Offers {
        &self.offers
    }

    /// Asks, and waits for the reply as long as it takes.
    pub(super) async fn ask(&mut self, command: impl Display) -> Result<Reply, Problem> {
        self.is_in_step = false;
        let reply = self.stream.ask(command).await?;
        self.is_in_step = true;
        Ok(reply)
    }

    /// Whether the server is still there, as far as can be seen without asking it.
    pub(super) fn is_alive(&mut self) -> bool {
        self.is_in_step && self.stream.is_quiet()
    }

    /// Hands over one mail, and gives the server's yes to it.
    pub(super) async fn hand_over(&mut self, parcel: &Parcel) -> Result<Reply, Failure> {
        self.is_in_step = false;
        let taken = self.hand_over_step_by_step(parcel).await;
        self.is_in_step = match &taken {
            Ok(_) => true,
            Err(failure) => failure.is_in_step,
        };
        taken
    }

    async fn hand_over_step_by_step(&mut self, parcel: &Parcel) -> Result<Reply, Failure> {
        let commands = self.commands(parcel)?;
        if self.offers.pipelining {
            self.ask_at_once(&commands).await?;
        } else {
            self.ask_in_turn(&commands).await?;
        }
        let content = with_end(&parcel.bytes);
        self.say(Stage::WholeMail, &content).await?;
        let reply = self.answer(Stage::WholeMail).await?;
        agreed(Stage::WholeMail, &reply)?;
        Ok(reply)
    }

    /// Starts over after a mail that was not taken. False when the session is of no use any more.
    pub(super) async fn reset(&mut self) -> bool {
        if !self.is_in_step {
            return false;
        }
        let patience = self.timeout.min(FAREWELL);
        let answer = tokio::time::timeout(patience, self.ask(Rset)).await;
        self.is_in_step = matches!(answer, Ok(Ok(reply)) if reply.agrees());
        self.is_in_step
    }

    /// Leaves as is polite, when the server knows what it is told, and without waiting for long.
    pub(super) async fn say_goodbye(mut self) {
        if !self.is_in_step {
            return;
        }
        let patience = self.timeout.min(FAREWELL);
        let leaving = async {
            let _ = self.ask(Quit).await;
            let _ = self.stream.close().await;
        };
        let _ = tokio::time::timeout(patience, leaving).await;
    }

    /// The commands of the envelope, as in [`ENVELOPE`].
    fn commands(&self, parcel: &Parcel) -> Result<[String; 3], Failure> {
        let mut parameters = Vec::new();
        if parcel.needs_any_letters() {
            if !self.offers.any_letters {
                let problem = Problem {
                    text: "it takes no addresses with letters beyond ASCII".to_owned(),
                    kind: ProblemKind::Permanent,
                };
                return Err(Failure {
                    stage: Stage::Recipient,
                    problem,
                    is_in_step: true,
                });
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let sender = MailFrom::new(Some(parcel.from.clone()), parameters);
        let recipient = Rcpt::new(parcel.to.clone(), Vec::new());
        Ok([sender.to_string(), recipient.to_string(), Data.to_string()])
    }

    async fn ask_in_turn(&mut self, commands: &[String; 3]) -> Result<(), Failure> {
        for (stage, command) in ENVELOPE.into_iter().zip(commands) {
            self.say(stage, command.as_bytes()).await?;
            agreed(stage, &self.answer(stage).await?)?;
        }
        Ok(())
    }

    /// The same in one wait, for a server that offers it (RFC 2920). The first no is the one that
    /// counts, and the answers after it are read all the same.
    async fn ask_at_once(&mut self, commands: &[String; 3]) -> Result<(), Failure> {
        self.say(Stage::Sender, commands.concat().as_bytes())
            .await?;
        let mut refusal: Option<Failure> = None;
        let (mut has_recipient, mut wants_content) = (false, false);
        for stage in ENVELOPE {
            let answer = self.answer(stage).await;
            if let Ok(reply) = &answer {
                has_recipient |= stage == Stage::Recipient && !reply.refuses();
                wants_content = reply.code == START_CONTENT;
            }
            let Err(failure) = answer.and_then(|reply| agreed(stage, &reply)) else {
                continue;
            };
            let is_in_step = failure.is_in_step;
            let first = refusal.get_or_insert(failure);
            if !is_in_step {
                first.is_in_step = false;
                break;
            }
        }
        let Some(mut refusal) = refusal else {
            return Ok(());
        };
        if refusal.is_in_step && wants_content {
            // A server may ask for the content of a mail to nobody, and is given the end of it, but
            // not when somebody would get that.
            refusal.is_in_step = !has_recipient && self.end_nothing().await;
        }
        Err(refusal)
    }

    async fn end_nothing(&mut self) -> bool {
        let ended = self.say(Stage::WholeMail, b".\r\n").await;
        ended.is_ok() && self.answer(Stage::WholeMail).await.is_ok()
    }

    async fn say(&mut self, stage: Stage, bytes: &[u8]) -> Result<(), Failure> {
        let saying = stage.within(self.timeout, self.stream.write(bytes));
        let said = saying.await;
        said.map_err(|problem| Failure::without_answer(stage, problem))
    }

    async fn answer(&mut self, stage: Stage) -> Result<Reply, Failure> {
        let answering = stage.within(self.timeout, self.stream.reply());
        let answer = answering.await;
        answer.map_err(|problem| Failure::without_answer(stage, problem))
    }
}

/// Whether this is the answer that lets the next step follow.
fn agreed(stage: Stage, reply: &Reply) -> Result<(), Failure> {
    let agrees = match stage {
        Stage::Data => reply.code == START_CONTENT,
        _ => reply.agrees(),
    };
    if agrees {
        Ok(())
    } else {
        Err(Failure::of_reply(stage, reply))
    }
}

/// The content as it is sent: no line in it is the end, and then comes the end. In one piece, it needs
/// no second packet.
fn with_end(bytes: &[u8]) -> Vec<u8> {
    let mut content = Vec::with_capacity(bytes.len() + bytes.len() / 32 + 5);
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        if line.starts_with(b".") {
            content.push(b'.');
        }
        content.extend_from_slice(line);
    }
    if !content.ends_with(b"\r\n") {
        content.extend_from_slice(b"\r\n");
    }
    content.extend_from_slice(b".\r\n");
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_a_mail_ends_it() {
        for (bytes, sent) in [
            ("a\r\n", "a\r\n.\r\n"),
            ("a", "a\r\n.\r\n"),
            ("", "\r\n.\r\n"),
            (".\r\n..\r\na.\r\n", "..\r\n...\r\na.\r\n.\r\n"),
            ("a\r\n.\r\nQUIT\r\n", "a\r\n..\r\nQUIT\r\n.\r\n"),
            ("a\n.\nb\r.\r\n", "a\n..\nb\r.\r\n.\r\n"),
        ] {
            let content = String::from_utf8(with_end(bytes.as_bytes())).unwrap();
            assert_eq!(content, sent, "{bytes:?}");
        }
    }
}
