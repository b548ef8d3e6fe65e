//! `[sendmail]`: the command that takes the mails of a machine with a mail server of its own.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::command::{self, CommandLine};
use super::duration;
use super::environment::Environment;
use super::one_or_several::OneOrSeveral;
use super::raw::RawSendmail;
use super::reading::Reading;

/// The key that names the command.
pub const COMMAND: &str = "sendmail.command";

const PROGRAM: &str = "/usr/sbin/sendmail";
const TIMEOUT: Duration = Duration::from_secs(30);

/// The variables that the command may see: where it finds programs, its user's own settings and
/// scratch space, and the time. Vigie's own, a password among them, it may not.
const VISIBLE: [&str; 7] = [
    "HOME",
    "LOGNAME",
    "PATH",
    "TMPDIR",
    "TZ",
    "USER",
    "XDG_CONFIG_HOME",
];

/// The command that takes the mails.
#[derive(Clone)]
pub struct SendmailConfig {
    /// The program, by its whole path or as it is found in `PATH`.
    pub program: PathBuf,
    /// What it is called with before what says who the mail is from and for.
    pub arguments: Vec<String>,
    /// All variables that it sees, by their names.
    pub environment: Vec<(String, String)>,
    /// How long it may take for one mail.
    pub timeout: Duration,
}

impl fmt::Debug for SendmailConfig {
    /// Without arguments and values: one of them may well be a secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SendmailConfig")
            .field("program", &self.program)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl SendmailConfig {
    /// Where the command looks for programs.
    pub fn search_path(&self) -> Option<&str> {
        let mut variables = self.environment.iter();
        let (_, value) = variables.find(|(name, _)| name == "PATH")?;
        Some(value)
    }
}

pub fn read(raw: RawSendmail, environment: &Environment, reading: &mut Reading) -> SendmailConfig {
    let words = raw.command.map(|command| match command {
        OneOrSeveral::One(program) => vec![program],
        OneOrSeveral::Several(words) => words,
    });
    let example = "[\"msmtp\", \"-a\", \"alerts\"]";
    let command = words.and_then(|words| command::read(COMMAND, &words, example, reading));
    let CommandLine { program, arguments } = command.unwrap_or_else(|| CommandLine {
        program: PathBuf::from(PROGRAM),
        arguments: Vec::new(),
    });
    let timeout = raw.timeout.as_deref();
    let visible = |name: &&str| Some(((*name).to_owned(), environment.variable(name)?));
    SendmailConfig {
        program,
        arguments,
        environment: VISIBLE.iter().filter_map(visible).collect(),
        timeout: reading
            .parse("sendmail.timeout", timeout, duration::positive)
            .unwrap_or(TIMEOUT),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::tests::{config, config_with, problems};

    #[test]
    fn it_is_the_command_that_every_mail_server_brings_unless_told_otherwise() {
        let sendmail = config("mail.transport = 'sendmail'").sendmail;
        assert_eq!(sendmail.program, Path::new("/usr/sbin/sendmail"));
        assert!(sendmail.arguments.is_empty() && sendmail.environment.is_empty());
        assert_eq!(sendmail.timeout, Duration::from_secs(30));
    }

    #[test]
    fn a_command_is_a_program_or_one_with_its_arguments() {
        let command = |value: &str| {
            let sendmail = config(&format!("sendmail.command = {value}")).sendmail;
            (sendmail.program.display().to_string(), sendmail.arguments)
        };
        let alone = |program: &str| (program.to_owned(), Vec::new());
        assert_eq!(command("'/usr/bin/msmtp'"), alone("/usr/bin/msmtp"));
        assert_eq!(command("'bin/a b'"), alone("/srv/vigie/bin/a b"));
        assert_eq!(
            command("['msmtp', '-a', 'night alerts']"),
            (
                "msmtp".to_owned(),
                vec!["-a".to_owned(), "night alerts".to_owned()]
            )
        );
    }

    #[test]
    fn a_command_sees_where_things_are_and_no_secret() {
        let variables = [
            ("HOME", "/home/vigie"),
            ("PATH", "/opt/bin"),
            ("EMAIL_PASSWORD", "hunter2"),
            ("CREDENTIALS_DIRECTORY", "/run/credentials"),
        ];
        let text = "[smtp]\nhost = 'h'\nusername = 'u'";
        let sendmail = config_with(text, &variables).sendmail;
        assert_eq!(sendmail.search_path(), Some("/opt/bin"));
        let names: Vec<&str> = sendmail
            .environment
            .iter()
            .map(|(name, _)| &**name)
            .collect();
        assert_eq!(names, ["HOME", "PATH"]);
        let shown = format!("{:?}", config("sendmail.command = ['t', 'hunter2']"));
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn a_wrong_value_says_what_to_write() {
        let remedy = "write the program and each of its arguments, such as [\"msmtp\", \"-a\", \
                      \"alerts\"]";
        for (line, problem) in [
            (
                "command = []",
                format!("command names no program; {remedy}"),
            ),
            (
                "command = ''",
                format!("command names no program; {remedy}"),
            ),
            (
                "command = ['', '-a']",
                format!("command names no program; {remedy}"),
            ),
            (
                "command = 3",
                "command is an integer; write a string or an array of strings".to_owned(),
            ),
            (
                "command = ['msmtp', 3]",
                "command is an array; write a string in quotes".to_owned(),
            ),
            (
                "timeout = '0s'",
                "timeout is zero; give a longer time".to_owned(),
            ),
        ] {
            let problem = format!("vigie.toml:2: sendmail.{problem}");
            assert_eq!(problems(&format!("sendmail.{line}")), [problem]);
        }
    }
}
