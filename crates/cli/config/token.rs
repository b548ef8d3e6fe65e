//! `oauth_token_file` and `oauth_token_command`: where the token of a login comes from.

use std::fmt;
use std::path::PathBuf;

use super::command;
use super::problem::Complaint;
use super::raw::RawSmtp;
use super::reading::Reading;
use super::smtp::Server;

const FILE: &str = "oauth_token_file";
const COMMAND: &str = "oauth_token_command";

/// The keys that tell where the token comes from, as they are called in their table.
pub const KEYS: [&str; 2] = [FILE, COMMAND];

/// Where the OAuth 2.0 token of a login comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// It is what this file holds.
    File(PathBuf),
    /// It is what this program prints.
    Command {
        /// The program, by its whole path or as it is found in `PATH`.
        program: PathBuf,
        /// What it is called with.
        arguments: Vec<String>,
    },
}

impl fmt::Debug for TokenSource {
    /// Without the arguments: one of them may well be a secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => formatter.debug_tuple("File").field(path).finish(),
            Self::Command { program, .. } => formatter
                .debug_struct("Command")
                .field("program", program)
                .finish_non_exhaustive(),
        }
    }
}

impl TokenSource {
    /// The key that says where the token comes from, as it is called in its table.
    pub fn key(&self) -> &'static str {
        match self {
            Self::File(_) => FILE,
            Self::Command { .. } => COMMAND,
        }
    }
}

/// The source of the token, when one is given.
pub fn read(raw: &RawSmtp, server: Server, reading: &mut Reading) -> Option<TokenSource> {
    let file_key = server.key(FILE);
    let file = reading.path(&file_key, raw.oauth_token_file.as_deref());
    let command = raw.oauth_token_command.as_deref();
    let example = "[\"mail-token\", \"vigie\"]";
    let command_key = server.key(COMMAND);
    let command = command.and_then(|words| command::read(&command_key, words, example, reading));
    if raw.oauth_token_file.is_some() && raw.oauth_token_command.is_some() {
        let what = format!("is given together with {file_key}");
        let complaint = Complaint::new(what, "keep one of them");
        reading.complain(&server.key(COMMAND), complaint);
    }
    let command = command.map(|command| TokenSource::Command {
        program: command.program,
        arguments: command.arguments,
    });
    command.or_else(|| file.map(TokenSource::File))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::tests::{config, problems};

    fn token(keys: &str) -> TokenSource {
        let config = config(&format!("[smtp]\nhost = 'h'\nusername = 'u'\n{keys}"));
        config.smtp.unwrap().token.unwrap().source
    }

    #[test]
    fn a_token_comes_from_a_file_or_a_command() {
        let file = TokenSource::File(Path::new("/srv/vigie/token").to_owned());
        assert_eq!(token("oauth_token_file = 'token'"), file);
        let command = TokenSource::Command {
            program: "mail-token".into(),
            arguments: vec!["a b".to_owned()],
        };
        assert_eq!(
            token("oauth_token_command = ['mail-token', 'a b']"),
            command
        );
    }

    #[test]
    fn a_program_with_a_path_is_looked_for_beside_the_config() {
        for (written, meant) in [
            ("./mail-token", "/srv/vigie/mail-token"),
            ("bin/mail-token", "/srv/vigie/bin/mail-token"),
            ("/opt/mail-token", "/opt/mail-token"),
            ("mail-token", "mail-token"),
        ] {
            let source = TokenSource::Command {
                program: meant.into(),
                arguments: Vec::new(),
            };
            assert_eq!(
                token(&format!("oauth_token_command = ['{written}']")),
                source
            );
        }
    }

    #[test]
    fn a_login_has_one_secret_and_a_name() {
        let cases = [
            (
                "username = 'u'\npassword_file = 'p'\noauth_token_file = 't'",
                "vigie.toml:5: smtp.oauth_token_file is given together with smtp.password_file; \
                 keep one of them",
            ),
            (
                "username = 'u'\noauth_token_file = 't'\noauth_token_command = ['t']",
                "vigie.toml:5: smtp.oauth_token_command is given together with \
                 smtp.oauth_token_file; keep one of them",
            ),
            (
                "port = 25\noauth_token_file = 't'",
                "vigie.toml:4: smtp.oauth_token_file is given without a username; add username, or \
                 leave the token out",
            ),
            (
                "username = 'u'\noauth_token_command = []",
                "vigie.toml:4: smtp.oauth_token_command names no program; write the program and \
                 each of its arguments, such as [\"mail-token\", \"vigie\"]",
            ),
        ];
        for (keys, problem) in cases {
            assert_eq!(problems(&format!("[smtp]\n{keys}")), [problem]);
        }
        assert_eq!(
            problems("[smtp]\nusername = 'u'\noauth_token_command = 't'").len(),
            1
        );
    }

    #[test]
    fn a_token_is_not_sent_in_the_clear() {
        let text = "[smtp]\nhost = 'h'\nsecurity = 'none'\nusername = 'u'\noauth_token_file = 't'";
        assert_eq!(
            problems(text),
            [
                "vigie.toml:4: smtp.security is \"none\", which would send the token in the clear \
                 to h; write \"starttls\" or \"tls\", or leave the username and the token out"
            ]
        );
    }
}
