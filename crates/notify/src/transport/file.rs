//! Mails as files in a folder, one `.eml` each, that any mail program opens.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use vigie_domain::file_name_of;

use crate::mail::{digest, word};
use crate::{Mail, Receipt, Transport, TransportError};

/// How many digits of a message id stand in a file's name: enough to tell apart the mails of one
/// second, however many databases of one name there are.
const DIGITS: usize = 16;

/// How much of the readable part of a message id stands in a file's name.
const READABLE: usize = 80;

/// Writes each mail to a file of its own, such as
/// `20250620T083735Z-MISSING-XAFRIC_2025-1f0c9a3be4d27568.eml`.
///
/// The name is made of the mail's date and message id, so a mail that is sent again replaces
/// itself. A file appears whole or not at all. Needs a Tokio runtime.
#[derive(Debug, Clone)]
pub struct FileTransport {
    directory: PathBuf,
}

impl FileTransport {
    /// A transport into this folder, which is made when the first mail is written.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// The folder.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

#[async_trait]
impl Transport for FileTransport {
    async fn send(&self, mail: &Mail) -> Result<Receipt, TransportError> {
        let bytes = mail
            .to_mime()
            .map_err(|error| TransportError::malformed(mail, &error))?;
        let directory = self.directory.clone();
        let name = file_name(mail);
        let receipt = Receipt {
            by: directory.display().to_string(),
            answer: name.clone(),
        };
        let written = tokio::task::spawn_blocking(move || write(&directory, &name, &bytes)).await;
        written.unwrap_or_else(|error| Err(local("write to", &self.directory, &error)))?;
        Ok(receipt)
    }
}

/// A name that is made of the mail's own data and is safe whatever that is.
fn file_name(mail: &Mail) -> String {
    let date = mail.date.strftime("%Y%m%dT%H%M%SZ");
    let id = mail.message_id.trim_matches(['<', '>']);
    let id = id.rsplit_once('@').map_or(id, |(local_part, _)| local_part);
    let is_digest =
        |text: &str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (readable, digits) = match id.rsplit_once('-') {
        Some((readable, digits)) if is_digest(digits) => (readable, digits.to_owned()),
        _ => (id, digest(&[mail.message_id.as_bytes()])),
    };
    let readable: String = readable.chars().take(READABLE).map(word).collect();
    file_name_of(&format!("{date}-{readable}-{}.eml", &digits[..DIGITS]))
}

fn write(directory: &Path, name: &str, bytes: &[u8]) -> Result<(), TransportError> {
    fs::create_dir_all(directory).map_err(|error| local("make the folder", directory, &error))?;
    let path = directory.join(name);
    let temporary = directory.join(format!(".{name}.part"));
    write_whole(&temporary, bytes)
        .and_then(|()| fs::rename(&temporary, &path))
        .and_then(|()| keep_name(directory))
        .map_err(|error| {
            // What is left of it says nothing that the error does not.
            let _ = fs::remove_file(&temporary);
            local("write", &path, &error)
        })
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes sure that the file's name survives a power cut, not only its content.
#[cfg(unix)]
fn keep_name(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "the same signature on every system"
)]
fn keep_name(_: &Path) -> io::Result<()> {
    Ok(())
}

fn local(action: &str, path: &Path, error: &dyn std::fmt::Display) -> TransportError {
    TransportError::Local {
        action: action.to_owned(),
        path: path.display().to_string(),
        problem: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail() -> Mail {
        Mail {
            message_id: "<MISSING-XAFRIC_2025-0123456789abcdef0123456789abcdef@example.com>"
                .to_owned(),
            date: "2025-06-20T08:37:35.5Z".parse().unwrap(),
            from: "vigie@example.com".to_owned(),
            to: "admin@example.com".to_owned(),
            subject: "[MISSING] XAFRIC_2025: not received".to_owned(),
            text: "No report.\n".to_owned(),
            html: "<p>No report.</p>\n".to_owned(),
            urgent: true,
            threads: Vec::new(),
        }
    }

    fn names(directory: &Path) -> Vec<String> {
        let name =
            |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<String> = fs::read_dir(directory).unwrap().map(name).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn the_same_mail_twice_is_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let transport = FileTransport::new(folder.path().join("new/mails"));
        transport.send(&mail()).await.unwrap();
        transport.send(&mail()).await.unwrap();
        let name = "20250620T083735Z-MISSING-XAFRIC_2025-0123456789abcdef.eml";
        assert_eq!(names(transport.directory()), [name]);
        let written = fs::read(transport.directory().join(name)).unwrap();
        assert_eq!(written, mail().to_mime().unwrap());

        let other = Mail {
            message_id: mail().message_id.replace("-0123", "-0124"),
            ..mail()
        };
        transport.send(&other).await.unwrap();
        assert_eq!(names(transport.directory()).len(), 2);
    }

    #[tokio::test]
    async fn a_folder_that_can_not_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let occupied = folder.path().join("mails");
        fs::write(&occupied, "not a folder").unwrap();
        let error = FileTransport::new(&occupied)
            .send(&mail())
            .await
            .unwrap_err();
        assert!(matches!(error, TransportError::Local { .. }));
        assert!(!error.is_permanent() && !error.is_unreachable());
        let text = error.to_string();
        assert!(text.contains(occupied.to_str().unwrap()), "{text}");
        assert!(text.contains("check the folder"), "{text}");
    }

    #[test]
    fn a_foreign_message_id_can_not_leave_the_folder() {
        for id in ["<../../etc/passwd@x>", "<>", "plain", "<a/b\\c\0@x@y>"] {
            let name = file_name(&Mail {
                message_id: id.to_owned(),
                ..mail()
            });
            assert!(
                !name.contains(['/', '\\', '\0']) && !name.starts_with('.'),
                "{name}"
            );
        }
        let message_id = format!("<{}@x>", "é".repeat(9_000));
        assert!(
            file_name(&Mail {
                message_id,
                ..mail()
            })
            .len()
                < 150
        );
    }

    #[tokio::test]
    async fn a_mail_without_bytes_is_refused_for_good() {
        let folder = tempfile::tempdir().unwrap();
        let to = "nobody".to_owned();
        let error = FileTransport::new(folder.path())
            .send(&Mail { to, ..mail() })
            .await;
        assert!(error.unwrap_err().is_permanent());
        assert_eq!(names(folder.path()), Vec::<String>::new());
    }
}
