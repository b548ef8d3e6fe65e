//! Real commands that take mails, or do not: shell scripts that end as a test wants them to.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use vigie_notify::{
    Locale, Mail, Receipt, SendmailSettings, SendmailTransport, Transport as _, TransportError,
    samples,
};

use crate::mails::mail;

/// A shell script in a folder of its own, which it knows as `$FOLDER`.
struct Script {
    folder: TempDir,
    settings: SendmailSettings,
}

impl Script {
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("script");
        fs::write(&path, script).unwrap();
        let settings = SendmailSettings {
            // A script that was just written can't always be executed: another thread may start a
            // process at that moment, which then still has it open for writing.
            command: PathBuf::from("/bin/sh"),
            arguments: vec![path.display().to_string()],
            environment: vec![("FOLDER".into(), folder.path().into())],
            timeout: Duration::from_secs(30),
        };
        Self { folder, settings }
    }

    async fn send(&self, mail: &Mail) -> Result<Receipt, TransportError> {
        let transport = SendmailTransport::new(self.settings.clone());
        transport.send(mail).await
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }
}

fn a_mail() -> Mail {
    mail(&samples::missing_full().into(), &Locale::EN)
}

fn large_mail() -> Mail {
    Mail {
        text: "A line that is not empty.\n".repeat(40_000),
        ..a_mail()
    }
}

/// What becomes of mails: this one, and the others.
fn outlook(error: &TransportError) -> (bool, bool) {
    (error.is_permanent(), error.is_unreachable())
}

#[tokio::test]
async fn a_command_gets_the_envelope_as_arguments_and_the_mail_as_its_input() {
    let script =
        Script::new("printf '%s\\n' \"$@\" > \"$FOLDER/arguments\"; cat > \"$FOLDER/mail\"");
    let mut mail = a_mail();
    mail.from = "Vigie <vigie@example.com>".to_owned();
    mail.to = "-Ops- <-f@example.com>".to_owned();
    mail.text = ".\nA dot stood alone on a line.\n".to_owned();
    let receipt = script.send(&mail).await.unwrap();
    assert_eq!(receipt.by, "/bin/sh");
    assert_eq!(receipt.answer, "accepted");
    assert_eq!(
        script.read("arguments"),
        "-i\n-f\nvigie@example.com\n--\n-f@example.com\n"
    );
    let mime = String::from_utf8(mail.to_mime().unwrap()).unwrap();
    assert!(mime.contains("\r\n.\r\n"));
    assert_eq!(script.read("mail"), mime.replace("\r\n", "\n"));
}

#[tokio::test]
async fn what_a_command_says_to_a_mail_that_it_takes_is_the_answer_on_one_line() {
    let script = Script::new("cat > /dev/null; echo; echo 'queued as'; echo 4XyZ; echo hm >&2");
    let receipt = script.send(&a_mail()).await.unwrap();
    assert_eq!(receipt.answer, "hm queued as 4XyZ");
}

#[tokio::test]
async fn each_exit_status_says_what_becomes_of_this_mail_and_of_the_others() {
    for (status, told, expected) in [
        (67, "EX_NOUSER", (true, false)),
        (78, "EX_CONFIG", (false, true)),
        (77, "EX_NOPERM", (false, true)),
        (75, "EX_TEMPFAIL", (false, false)),
        (69, "EX_UNAVAILABLE", (false, false)),
        (65, "EX_DATAERR", (false, false)),
        (1, "exit status 1", (false, false)),
    ] {
        let script = Script::new(&format!("cat > /dev/null; echo no way >&2; exit {status}"));
        let error = script.send(&a_mail()).await.unwrap_err();
        assert_eq!(outlook(&error), expected, "{error}");
        let text = error.to_string();
        assert!(text.contains(told) && text.contains("no way"), "{text}");
        assert!(text.contains("/bin/sh"), "{text}");
    }
}

#[tokio::test]
async fn a_command_that_does_not_read_is_known_by_its_exit_status_all_the_same() {
    let script = Script::new("exec 0<&-; exit 78");
    let error = script.send(&large_mail()).await.unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    assert!(error.to_string().contains("EX_CONFIG"), "{error}");

    let script = Script::new("exec 0<&-; echo full >&2; exit 75");
    let error = script.send(&large_mail()).await.unwrap_err();
    assert_eq!(outlook(&error), (false, false));
    assert!(error.to_string().contains("full"), "{error}");
}

#[tokio::test]
async fn a_command_that_has_not_read_the_whole_mail_has_not_taken_it() {
    let script = Script::new("head -c 100 > /dev/null; exit 0");
    let error = script.send(&large_mail()).await.unwrap_err();
    assert_eq!(outlook(&error), (false, false));
    let told = "it ended without having read the whole mail";
    assert!(error.to_string().contains(told), "{error}");
}

#[tokio::test]
async fn a_large_mail_gets_through_to_a_command_that_talks_before_it_reads() {
    let script = Script::new("head -c 300000 /dev/zero >&2; cat > \"$FOLDER/mail\"");
    let mail = large_mail();
    script.send(&mail).await.unwrap();
    let mime = String::from_utf8(mail.to_mime().unwrap()).unwrap();
    assert_eq!(script.read("mail"), mime.replace("\r\n", "\n"));
}

#[tokio::test]
async fn a_command_that_hangs_is_ended_and_no_other_mail_held_up() {
    let mut script = Script::new("echo $$ > \"$FOLDER/id\"; exec sleep 60");
    script.settings.timeout = Duration::from_secs(1);
    let start = Instant::now();
    let error = script.send(&large_mail()).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(30));
    assert_eq!(outlook(&error), (false, false));
    assert!(
        error.to_string().contains("did not end within 1s"),
        "{error}"
    );
    let id: u32 = script.read("id").trim().parse().unwrap();
    // A moment later it is gone, or waits for its end to be read.
    let state = || fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    for _ in 0..100 {
        if state().is_empty() || state().contains(") Z ") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it still runs: {}", state());
}

#[tokio::test]
async fn a_command_that_never_stops_talking_is_ended_and_little_of_it_kept() {
    let mut script = Script::new("while :; do echo no no no; done");
    script.settings.timeout = Duration::from_secs(1);
    let error = script.send(&a_mail()).await.unwrap_err();
    assert!(
        error.to_string().contains("did not end within 1s"),
        "{error}"
    );

    let script = Script::new("head -c 10000000 /dev/zero | tr '\\0' x >&2; exit 75");
    let error = script.send(&a_mail()).await.unwrap_err();
    assert!(error.to_string().contains("EX_TEMPFAIL"), "{error}");
    assert!(error.to_string().chars().count() < 600);
}

#[tokio::test]
async fn what_a_command_leaves_running_is_not_waited_for() {
    let script = Script::new("cat > /dev/null; echo queued; sleep 60 & exit 0");
    let start = Instant::now();
    let receipt = script.send(&a_mail()).await.unwrap();
    assert_eq!(receipt.answer, "queued");
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn a_command_gets_no_environment_but_its_own() {
    let mut script = Script::new("cat > /dev/null; /usr/bin/env");
    script
        .settings
        .environment
        .push(("HOME".into(), "/home/vigie".into()));
    let answer = script.send(&a_mail()).await.unwrap().answer;
    assert!(answer.contains("HOME=/home/vigie"), "{answer}");
    assert!(answer.contains("LC_ALL=C.UTF-8"), "{answer}");
    assert!(!answer.contains("CARGO"), "{answer}");
}

#[tokio::test]
async fn a_command_that_is_not_there_or_may_not_be_executed_stops_all_mails() {
    let script = Script::new("");
    for command in ["absent", "script", "."] {
        let path = script.folder.path().join(command);
        let transport = SendmailTransport::new(SendmailSettings {
            command: path.clone(),
            ..SendmailSettings::default()
        });
        let error = transport.send(&a_mail()).await.unwrap_err();
        assert_eq!(outlook(&error), (false, true));
        let text = error.to_string();
        assert!(text.contains("can't be run"), "{text}");
        assert!(text.contains(path.to_str().unwrap()), "{text}");
    }
}

#[tokio::test]
async fn a_mail_without_bytes_is_refused_for_good_and_nothing_is_run() {
    let script = Script::new("touch \"$FOLDER/ran\"");
    let to = "nobody".to_owned();
    let error = script.send(&Mail { to, ..a_mail() }).await.unwrap_err();
    assert!(error.is_permanent());
    assert!(!script.folder.path().join("ran").exists());
}
