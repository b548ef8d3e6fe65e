//! A mail, ready to be sent, and the bytes it is sent as. Knows no job and no server.

use std::time::SystemTime;

use jiff::Timestamp;
use lettre::message::header::{
    ContentTransferEncoding, ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0,
};
use lettre::message::{Body, Mailbox, Message, MultiPart, SinglePart};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::untrusted::{ellipsis, one_line};

/// The longest subject: no header line may have more than 998 bytes, and nobody reads that much.
const SUBJECT: usize = 480;

/// The longest address with its name.
const ADDRESS: usize = 480;

/// Lines up to this length need no encoding.
const LINE: usize = 78;

/// One mail to one recipient.
///
/// It holds all that its bytes are made of, so that the same mail always gives the same bytes: one
/// that has to be sent again can be recognized by whoever got it already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// What tells this mail from all others, in angle brackets.
    pub message_id: String,
    /// When it was written.
    pub date: Timestamp,
    /// Who it is from: an address, with or without a name.
    pub from: String,
    /// Who it goes to: an address, with or without a name.
    pub to: String,
    /// What it is about, in one line.
    pub subject: String,
    /// What it says, in plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// Whether it is marked as important.
    pub urgent: bool,
    /// What mails that belong together share, in angle brackets: programs for mail show them as one
    /// conversation (RFC 5322, section 3.6.4). These are the ids of no mails. A mail about several
    /// incidents has one for each; one that stands alone has none.
    // Mails wait in databases that were written when a mail had one at most, or there were none yet.
    #[serde(default, rename = "thread", with = "threads")]
    pub threads: Vec<String>,
}

/// Why a mail has no bytes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MailError {
    /// Sender or recipient is no mail address.
    #[error(transparent)]
    Address(#[from] InvalidAddress),
    /// The message id could break out of its header.
    #[error("the message id {0:?} is not one word in angle brackets")]
    MessageId(String),
    /// The id of the thread could break out of its header.
    #[error("the thread id {0:?} is not one word in angle brackets")]
    Thread(String),
    /// The parts do not make up a message.
    #[error("the mail can't be put together: {0}")]
    Build(String),
}

/// A text that is no mail address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{address:?} is no mail address ({problem}); write \"name@example.com\" or \"Name <name@example.com>\""
)]
pub struct InvalidAddress {
    /// The text that was given.
    pub address: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Mail {
    /// The mail as it travels: headers, then the text and the HTML as alternatives.
    ///
    /// # Errors
    ///
    /// When sender or recipient is no mail address, or the message id or the thread's is not one.
    pub fn to_mime(&self) -> Result<Vec<u8>, MailError> {
        if !is_message_id(&self.message_id) {
            return Err(MailError::MessageId(self.message_id.clone()));
        }
        if let Some(thread) = self.threads.iter().find(|id| !is_message_id(id)) {
            return Err(MailError::Thread(thread.clone()));
        }
        let mut message = Message::builder()
            .message_id(Some(self.message_id.clone()))
            // The header can't tell instants before 1970, and none is meant.
            .date(SystemTime::from(self.date.max(Timestamp::UNIX_EPOCH)))
            .from(parse_address(&self.from)?)
            .to(parse_address(&self.to)?)
            .subject(header_text(&self.subject))
            .raw_header(header("Auto-Submitted", "auto-generated"));
        if let Some(first) = self.threads.first() {
            message = message
                .in_reply_to(first.clone())
                .references(self.threads.join(" "));
        }
        if self.urgent {
            message = message
                .raw_header(header("Importance", "high"))
                .raw_header(header("X-Priority", "1"));
        }
        let parts = MultiPart::alternative()
            .boundary(self.boundary())
            .singlepart(part(ContentType::TEXT_PLAIN, &self.text))
            .singlepart(part(ContentType::TEXT_HTML, &self.html));
        let message = message
            .header(MIME_VERSION_1_0)
            .multipart(parts)
            .map_err(|error| MailError::Build(error.to_string()))?;
        Ok(message.formatted())
    }

    /// Who it goes to, in the form in which addresses can be compared: the address alone, its ASCII
    /// letters in lower case.
    #[must_use]
    pub fn recipient(&self) -> String {
        recipient_of(&self.to)
    }

    /// What separates the parts. No encoded part can hold it: `=_` is not valid in one.
    fn boundary(&self) -> String {
        format!("=_{}", &digest(&[self.message_id.as_bytes()])[..32])
    }
}

/// How the ids of threads are kept: null for none and a string for one, as when a mail had one at most,
/// and a list for several.
mod threads {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Kept {
        One(String),
        Several(Vec<String>),
    }

    pub(super) fn serialize<S: Serializer>(
        threads: &[String],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match threads {
            [] => serializer.serialize_none(),
            [one] => serializer.serialize_str(one),
            several => several.serialize(serializer),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<String>, D::Error> {
        Ok(match Option::<Kept>::deserialize(deserializer)? {
            None => Vec::new(),
            Some(Kept::One(thread)) => vec![thread],
            Some(Kept::Several(threads)) => threads,
        })
    }
}

/// Checks that mails can go to an address, or come from it; it may have a name before it.
///
/// ```
/// use vigie_notify::check_address;
///
/// assert!(check_address("Ops <ops@example.com>").is_ok());
/// assert!(check_address("o..ps@example.com").is_err());
/// ```
///
/// # Errors
///
/// When the text is no mail address; the error says why.
pub fn check_address(address: &str) -> Result<(), InvalidAddress> {
    parse_address(address).map(|_| ())
}

/// Whether an id is one word in angle brackets.
fn is_message_id(id: &str) -> bool {
    let length = 5..=SUBJECT;
    id.starts_with('<')
        && id.ends_with('>')
        && id.bytes().all(|byte| byte.is_ascii_graphic())
        && length.contains(&id.len())
}

/// Reads an address, with or without a name.
pub(crate) fn parse_address(address: &str) -> Result<Mailbox, InvalidAddress> {
    let invalid = |problem: &str| InvalidAddress {
        address: one_line(address, 100, ellipsis),
        problem: problem.to_owned(),
    };
    if address.chars().any(char::is_control) {
        return Err(invalid("it holds a control character"));
    }
    if address.chars().count() > ADDRESS {
        return Err(invalid("it is too long"));
    }
    let mailbox: Mailbox = address
        .trim()
        .parse()
        .map_err(|error: lettre::address::AddressError| invalid(&error.to_string()))?;
    Ok(mailbox)
}

/// An address, with or without a name, in the form in which addresses can be compared.
pub(crate) fn recipient_of(address: &str) -> String {
    let alone = parse_address(address).map(|mailbox| mailbox.email.to_string());
    let alone = alone.unwrap_or_else(|_| address.to_owned());
    alone.to_ascii_lowercase()
}

/// The SHA-256 of several texts in hexadecimal digits. Where one ends and the next begins counts.
pub(crate) fn digest(texts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for text in texts {
        hasher.update((text.len() as u64).to_be_bytes());
        hasher.update(text);
    }
    vigie_domain::Sha256::from(<[u8; 32]>::from(hasher.finalize())).to_string()
}

/// A character as it can stand in a message id and in a file's name.
pub(crate) fn word(character: char) -> char {
    match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' => character,
        _ => '_',
    }
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// Text that stays what it is in a header: one line, and nothing in it that a mail program would
/// decode into something else.
fn header_text(text: &str) -> String {
    let line = one_line(text, SUBJECT, ellipsis).replace("=?", "= ?");
    line.split(' ')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A part as it can be read where nothing decodes it, if its lines allow.
fn part(content_type: ContentType, content: &str) -> SinglePart {
    // A line of dashes could pass for the end of the part.
    let is_plain_line = |line: &str| {
        line.len() <= LINE && !line.starts_with("--") && !line.contains(char::is_control)
    };
    let is_plain = content.is_ascii() && content.lines().all(is_plain_line);
    let content = content.replace("\r\n", "\n").replace('\n', "\r\n");
    let body = if is_plain {
        // All that lines in 7bit must be has just been seen.
        Body::dangerous_pre_encoded(content.into_bytes(), ContentTransferEncoding::SevenBit)
    } else {
        Body::new_with_encoding(content, ContentTransferEncoding::QuotedPrintable)
            .unwrap_or_else(Body::new)
    };
    SinglePart::builder().header(content_type).body(body)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mail() -> Mail {
        Mail {
            message_id: "<MISSING-X-0123@example.com>".to_owned(),
            date: "2025-06-20T08:37:35Z".parse().unwrap(),
            from: "Vigie <vigie@example.com>".to_owned(),
            to: "admin@example.com".to_owned(),
            subject: "[MISSING] Backup of X".to_owned(),
            text: "No report.\n".to_owned(),
            html: "<p>No report.</p>\n".to_owned(),
            urgent: true,
            threads: Vec::new(),
        }
    }

    fn mime(mail: &Mail) -> String {
        String::from_utf8(mail.to_mime().unwrap()).unwrap()
    }

    /// The headers, unfolded, one a line.
    fn headers(mime: &str) -> Vec<String> {
        let (head, _) = mime.split_once("\r\n\r\n").unwrap();
        let head = head.replace("\r\n ", " ");
        head.split("\r\n").map(str::to_owned).collect()
    }

    fn names(mime: &str) -> Vec<String> {
        let name = |line: String| line.split_once(": ").unwrap().0.to_owned();
        headers(mime).into_iter().map(name).collect()
    }

    #[test]
    fn the_same_mail_gives_the_same_bytes_and_another_one_another_boundary() {
        assert_eq!(mime(&mail()), mime(&mail()));
        let other = Mail {
            message_id: "<MISSING-X-4567@example.com>".to_owned(),
            ..mail()
        };
        assert_ne!(other.boundary(), mail().boundary());
    }

    #[test]
    fn an_urgent_mail_says_so_and_every_mail_says_that_no_human_wrote_it() {
        let urgent = headers(&mime(&mail()));
        for line in [
            "Importance: high",
            "X-Priority: 1",
            "Auto-Submitted: auto-generated",
            "Date: Fri, 20 Jun 2025 08:37:35 +0000",
            "Message-ID: <MISSING-X-0123@example.com>",
        ] {
            assert!(
                urgent.contains(&line.to_owned()),
                "{line} is not in {urgent:?}"
            );
        }
        let quiet = names(&mime(&Mail {
            urgent: false,
            ..mail()
        }));
        assert!(!quiet.contains(&"Importance".to_owned()));
        assert!(quiet.contains(&"Auto-Submitted".to_owned()));
    }

    #[test]
    fn mails_of_one_thread_refer_to_the_same_id_and_others_to_none() {
        let thread = "<incident-X-0123@example.com>";
        let threaded = Mail {
            threads: vec![thread.to_owned()],
            ..mail()
        };
        let headers = headers(&mime(&threaded));
        for name in ["In-Reply-To", "References"] {
            assert!(
                headers.contains(&format!("{name}: {thread}")),
                "{headers:?}"
            );
            assert!(!names(&mime(&mail())).contains(&name.to_owned()));
        }
        let hostile = "<a@example.com>\r\nBcc: b@example.com>";
        for no_id in [hostile, "incident", "", "<a b@example.com>"] {
            let error = Mail {
                threads: vec![no_id.to_owned()],
                ..mail()
            }
            .to_mime();
            assert_eq!(error, Err(MailError::Thread(no_id.to_owned())));
        }
    }

    #[test]
    fn a_mail_that_was_kept_before_there_were_threads_has_none() {
        let mut kept = serde_json::to_value(mail()).unwrap();
        kept.as_object_mut().unwrap().remove("thread").unwrap();
        assert_eq!(serde_json::from_value::<Mail>(kept).unwrap(), mail());
        let threaded = Mail {
            threads: vec!["<incident-X-0123@example.com>".to_owned()],
            ..mail()
        };
        let kept = serde_json::to_value(&threaded).unwrap();
        assert_eq!(serde_json::from_value::<Mail>(kept).unwrap(), threaded);
    }

    #[test]
    fn threads_are_kept_as_they_were_when_a_mail_had_one_at_most() {
        let ids = [
            "<incident-X-0123@example.com>",
            "<incident-Y-4567@example.com>",
        ];
        for (count, kept) in [
            (0, serde_json::Value::Null),
            (1, ids[0].into()),
            (2, ids.to_vec().into()),
        ] {
            let threads = ids[..count].iter().map(|&id| id.to_owned()).collect();
            let mail = Mail { threads, ..mail() };
            let json = serde_json::to_value(&mail).unwrap();
            assert_eq!(json["thread"], kept);
            assert_eq!(serde_json::from_value::<Mail>(json).unwrap(), mail);
        }
    }

    #[test]
    fn a_mail_of_many_threads_names_all_of_them_in_lines_that_servers_take() {
        let id = |number: usize| format!("<incident-{}-{number:032}@example.com>", "X".repeat(40));
        let threads: Vec<String> = (0..50).map(id).collect();
        let mime = mime(&Mail {
            threads: threads.clone(),
            ..mail()
        });
        let headers = headers(&mime);
        assert!(headers.contains(&format!("In-Reply-To: {}", threads[0])));
        assert!(headers.contains(&format!("References: {}", threads.join(" "))));
        let (head, _) = mime.split_once("\r\n\r\n").unwrap();
        assert!(head.split("\r\n").all(|line| line.len() <= 200), "{head}");
    }

    #[test]
    fn plain_text_can_be_read_where_nothing_decodes_it() {
        let mut mail = mail();
        mail.text = "It is late.\n\nNo report.\n".to_owned();
        assert!(mime(&mail).contains("7bit\r\n\r\nIt is late.\r\n\r\nNo report.\r\n"));
        mail.text = "Il est tard\u{A0}: rien.\nRien.\n".to_owned();
        assert!(mime(&mail).contains("\r\nIl est tard=C2=A0: rien.\r\nRien.\r\n"));
    }

    #[test]
    fn a_subject_can_neither_add_a_header_nor_be_decoded_into_one() {
        let mail = Mail {
            subject: "X\r\nBcc: evil@example.com\r\n\r\n=?utf-8?q?=0ABcc=3A?=".to_owned(),
            ..mail()
        };
        let mime = mime(&mail);
        assert!(!names(&mime).contains(&"Bcc".to_owned()));
        assert!(!mime.contains("=?"));
    }

    #[test]
    fn an_address_that_is_none_is_named() {
        for (address, what) in [
            ("nobody", "nobody"),
            ("a@example.com\r\nBcc: b@example.com", "control"),
            ("", "no mail address"),
        ] {
            let to = address.to_owned();
            let error = Mail { to, ..mail() }.to_mime().unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        let message_id = "<a@example.com>\r\nBcc: b@example.com>".to_owned();
        assert!(
            Mail {
                message_id,
                ..mail()
            }
            .to_mime()
            .is_err()
        );
    }

    proptest! {
        #[test]
        fn nothing_in_a_mail_breaks_out_of_its_place(
            subject in any::<String>(),
            long in "[a-z\u{e9}\u{4e2d} =\n-]{0,3000}",
            text in any::<String>(),
        ) {
            let hostile = Mail {
                subject: format!("{subject}{long}"),
                text: format!("{text}{long}\r\n--=_\n.\n"),
                html: format!("{long}{text}"),
                ..mail()
            };
            let bytes = hostile.to_mime().unwrap();
            let mime = String::from_utf8(bytes).unwrap();
            prop_assert!(mime.is_ascii());
            prop_assert!(mime.split("\r\n").all(|line| line.len() <= 998 && !line.contains(['\r', '\n'])));
            prop_assert_eq!(names(&mime), names(&self::mime(&mail())));
            let boundary = format!("--{}", hostile.boundary());
            prop_assert_eq!(mime.matches(&boundary).count(), 3);
        }
    }
}
