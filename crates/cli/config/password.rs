//! The one secret of a config, and how it is kept out of sight: no error and no `Debug` shows it.

use std::fs;
use std::io;
use std::path::PathBuf;

use secrecy::SecretString;
use thiserror::Error;

/// Where the password comes from.
#[derive(Debug, Clone)]
pub enum PasswordSource {
    /// It was given itself, in the file or by an environment variable.
    Given(SecretString),
    /// It is what this file holds.
    File(PathBuf),
    /// It is what systemd hands to the service under this name.
    Credential {
        /// The name that `LoadCredential=` gives it.
        name: String,
        /// Where systemd puts credentials; `None` when systemd has handed over none.
        folder: Option<PathBuf>,
    },
}

/// Why there is no password in a file.
#[derive(Debug, Error)]
pub enum PasswordError {
    /// The file can't be read.
    #[error("the password file {} can't be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The file holds nothing but line ends.
    #[error("the password file {} is empty", .0.display())]
    Empty(PathBuf),
    /// There is no folder of credentials.
    #[error("the credential {0:?} can't be read: CREDENTIALS_DIRECTORY is not set")]
    NoCredentials(String),
}

impl PasswordSource {
    /// The password. A file is read anew each time, so that a changed password takes effect
    /// without a restart; the line end that editors add is no part of it.
    ///
    /// # Errors
    ///
    /// When the file can't be read, is no UTF-8 or is empty.
    pub fn read(&self) -> Result<SecretString, PasswordError> {
        let path = match self {
            Self::Given(password) => return Ok(password.clone()),
            Self::File(path) => path.clone(),
            Self::Credential { name, folder } => folder
                .as_ref()
                .ok_or_else(|| PasswordError::NoCredentials(name.clone()))?
                .join(name),
        };
        let text = fs::read_to_string(&path).map_err(|error| PasswordError::Unreadable {
            path: path.clone(),
            error,
        })?;
        let password = text.trim_end_matches(['\r', '\n']);
        if password.is_empty() {
            return Err(PasswordError::Empty(path));
        }
        Ok(SecretString::from(password))
    }

    /// The key that says where the password comes from, as it is called in its table.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Given(_) => "password",
            Self::File(_) => "password_file",
            Self::Credential { .. } => "password_credential",
        }
    }

    /// What to do when it can't be read.
    pub fn remedy(&self) -> String {
        match self {
            Self::Credential { name, .. } => format!(
                "let systemd hand it over: LoadCredential={name}:/path/to/file in the service's unit"
            ),
            _ => "write the password into that file, readable by the one who runs Vigie".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::config::tests::{config, config_with, read};

    #[test]
    fn a_password_file_gives_its_content_without_the_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        for end in ["", "\n", "\r\n"] {
            fs::write(&path, format!(" hunter2 {end}")).unwrap();
            let password = PasswordSource::File(path.clone()).read().unwrap();
            assert_eq!(password.expose_secret(), " hunter2 ");
        }
    }

    #[test]
    fn a_password_file_without_a_password_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let text = || {
            let source = PasswordSource::File(path.clone());
            source.read().unwrap_err().to_string()
        };
        let shown = path.display();
        assert!(text().starts_with(&format!("the password file {shown} can't be read: No such")));
        fs::write(&path, "\n").unwrap();
        assert_eq!(text(), format!("the password file {shown} is empty"));
    }

    #[test]
    fn a_credential_is_what_systemd_puts_into_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let login = "[smtp]\nhost = 'h'\nusername = 'u'\npassword_credential = 'smtp'\n";
        let source = |variables: &[(&str, &str)]| {
            let config = config_with(login, variables);
            config.smtp.unwrap().login.unwrap().password
        };
        let handed_over = [("CREDENTIALS_DIRECTORY", folder.path().to_str().unwrap())];
        fs::write(folder.path().join("smtp"), "hunter2\n").unwrap();
        let password = source(&handed_over).read().unwrap();
        assert_eq!(password.expose_secret(), "hunter2");
        assert_eq!(
            source(&[]).read().unwrap_err().to_string(),
            "the credential \"smtp\" can't be read: CREDENTIALS_DIRECTORY is not set"
        );
    }

    #[test]
    fn no_debug_and_no_problem_shows_a_password() {
        let login = "[smtp]\nhost = 'h'\nusername = 'u'\npassword = 'hunter2'\n";
        let command =
            "[smtp]\nhost = 'h'\nusername = 'u'\noauth_token_command = ['t', 'hunter2']\n";
        for text in [login, command] {
            let shown = format!("{:?} {0:#?}", config(text));
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        let wrong = [
            format!("{login}security = 'none'\nprot = 2\n"),
            "[smtp]\npasswrod = 'hunter2'\n".to_owned(),
            "[smtp]\npassword = ['hunter2']\n".to_owned(),
            "[smtp]\npassword = 'hunter2\n".to_owned(),
            "[smtp]\npassword = hunter2\n".to_owned(),
            "[smtp]\npassword = '''\nhunter2\n".to_owned(),
            "[smtp]\npassword = \"\"\"\nhunter2\\q\"\"\"\n".to_owned(),
            "[smtp]\npas=sword = 'hunter2'\n".to_owned(),
            "smtp = { user = 'u' pwd = 'hunter2' }\n".to_owned(),
            "[smtp]\nhost = 'smtp://u:hunter2@h'\n".to_owned(),
        ];
        for text in wrong {
            let errors = read(&text, &[]).unwrap_err();
            assert!(!errors.to_string().contains("hunter2"), "{errors}");
            assert!(!format!("{errors:?}").contains("hunter2"), "{errors:?}");
        }
    }
}
