use std::fs;
use std::path::Path;

use mailparse::{MailHeaderMap, ParsedMail, parse_mail};

/// A mail as a mail program reads it.
#[derive(Debug, Clone)]
pub struct ReceivedMail {
    pub subject: String,
    pub to: String,
    pub message_id: String,
    pub headers: Vec<(String, String)>,
    pub text: String,
    pub html: String,
}

impl ReceivedMail {
    pub fn parse(raw: &[u8]) -> Self {
        let mail = parse_mail(raw).unwrap();
        let header = |name: &str| mail.headers.get_first_value(name).unwrap_or_default();
        Self {
            subject: header("Subject"),
            to: header("To"),
            message_id: header("Message-ID"),
            headers: mail
                .headers
                .iter()
                .map(|header| (header.get_key(), header.get_value()))
                .collect(),
            text: part(&mail, "text/plain"),
            html: part(&mail, "text/html"),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// The mails in a folder, by subject.
pub fn read_mails(folder: &Path) -> Vec<ReceivedMail> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut mails: Vec<ReceivedMail> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
        .map(|path| ReceivedMail::parse(&fs::read(path).unwrap()))
        .collect();
    mails.sort_by(|one, other| one.subject.cmp(&other.subject));
    mails
}

fn part(mail: &ParsedMail<'_>, kind: &str) -> String {
    if mail.ctype.mimetype == kind {
        return mail.get_body().unwrap();
    }
    mail.subparts
        .iter()
        .map(|below| part(below, kind))
        .collect()
}
