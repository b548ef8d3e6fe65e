//! Signatures by which servers on the way know whose mail it is: DKIM (RFC 6376), with RSA or Ed25519
//! (RFC 8463). Knows no server and no clock.

mod canonical;
mod key;
mod name;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use thiserror::Error;

use self::canonical::{Split, name_of, relaxed_body, relaxed_field, split};
use self::key::Key;
use crate::mail::parse_address;

/// The fields that are signed when a mail has them. What servers add on the way is not among them.
const SIGNED: [&str; 12] = [
    "from",
    "reply-to",
    "to",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "auto-submitted",
];

/// How long the lines of a signature are, at most.
const LINE: usize = 76;

/// Who signs, and by what.
#[derive(Debug, Clone)]
pub struct DkimSettings {
    /// The domain that vouches for the mails: that of the sender's address, or one above it.
    pub domain: String,
    /// Which of the domain's keys it is: the public one is published at
    /// `SELECTOR._domainkey.DOMAIN`.
    pub selector: String,
    /// The private key in PEM, without a passphrase: RSA of 2048 to 4096 bits (PKCS#8 or PKCS#1), or
    /// Ed25519 (PKCS#8).
    pub key: SecretString,
}

/// Why settings can't be used. Never holds a part of the key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidDkimSettings {
    /// The domain can't be looked up.
    #[error("{0:?} is no domain; write one such as \"example.com\", in letters, digits and \"-\"")]
    Domain(String),
    /// The selector can't be looked up.
    #[error(
        "{0:?} is no selector; write one such as \"vigie\" or \"2026.vigie\", in letters, digits, \
         \"-\" and \"_\""
    )]
    Selector(String),
    /// There is no private key.
    #[error("there is no private key in PEM without a passphrase")]
    NoKey,
    /// The key is one of RSA that servers do not trust any more.
    #[error(
        "the RSA key has fewer than 2048 bits, which servers do not trust; make one with `openssl \
         genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048`"
    )]
    WeakKey,
    /// The key is broken, or of another kind.
    #[error(
        "the private key is neither one of RSA with 2048 to 4096 bits nor one of Ed25519 ({0}); make \
         one with `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048`"
    )]
    Key(String),
}

/// A mail could not be signed now; the next try may well work.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the mail could not be signed with the key of {domain}: {problem}")]
pub struct DkimError {
    /// Who signs.
    pub domain: String,
    /// What went wrong.
    pub problem: String,
}

/// What has to be published in DNS, as a record of type TXT, for signatures to be trusted.
///
/// `Display` shows it as a line of a zone file, in strings of no more than 255 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DkimRecord {
    /// The name: `SELECTOR._domainkey.DOMAIN`, without a dot at its end.
    pub name: String,
    /// The text: `v=DKIM1; k=rsa; p=…`.
    pub value: String,
}

impl fmt::Display for DkimRecord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}. TXT", self.name)?;
        // All of it is ASCII.
        for part in self.value.as_bytes().chunks(255) {
            write!(formatter, " \"{}\"", String::from_utf8_lossy(part))?;
        }
        Ok(())
    }
}

/// Signs mails.
///
/// The same mail always gets the same signature: its time is the mail's own date, both kinds of key
/// sign without chance, and it never expires. So a mail that has to be sent again has the same bytes.
///
/// ```no_run
/// use vigie_notify::{DkimSettings, DkimSigner};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let signer = DkimSigner::new(&DkimSettings {
///     domain: "example.com".to_owned(),
///     selector: "vigie".to_owned(),
///     key: std::fs::read_to_string("dkim.pem")?.into(),
/// })?;
/// println!("publish this: {}", signer.record());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct DkimSigner {
    domain: String,
    selector: String,
    key: Key,
}

impl fmt::Debug for DkimSigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DkimSigner")
            .field("domain", &self.domain)
            .field("selector", &self.selector)
            .field("algorithm", &self.key.algorithm())
            .finish_non_exhaustive()
    }
}

impl DkimSigner {
    /// A signer for this domain.
    ///
    /// # Errors
    ///
    /// When domain or selector can't stand in DNS, or the key can't be read or is too weak.
    pub fn new(settings: &DkimSettings) -> Result<Self, InvalidDkimSettings> {
        let (domain, selector) = (&settings.domain, &settings.selector);
        if !name::is_domain(domain) {
            return Err(InvalidDkimSettings::Domain(domain.clone()));
        }
        if !name::is_selector(selector, domain) {
            return Err(InvalidDkimSettings::Selector(selector.clone()));
        }
        Ok(Self {
            domain: domain.to_ascii_lowercase(),
            selector: selector.to_ascii_lowercase(),
            key: Key::read(&settings.key)?,
        })
    }

    /// What has to be published for the signatures to be trusted.
    #[must_use]
    pub fn record(&self) -> DkimRecord {
        DkimRecord {
            name: format!("{}._domainkey.{}", self.selector, self.domain),
            value: format!(
                "v=DKIM1; k={}; p={}",
                self.key.kind(),
                BASE64.encode(self.key.public())
            ),
        }
    }

    /// A mail of this date (lines end with CR LF) with the signature above it.
    ///
    /// # Errors
    ///
    /// When the system could not do its part, such as give memory.
    pub fn sign(&self, mime: &[u8], date: Timestamp) -> Result<Vec<u8>, DkimError> {
        let split = split(mime);
        let fields = signed_fields(&split);
        // From is named once more than it is there: a second one would break the signature.
        let names = std::iter::once("from").chain(fields.iter().map(|(name, _)| *name));
        let mut signature = self.unfinished(names, date, split.body);
        let mut signed = Vec::new();
        for (_, field) in &fields {
            signed.extend(relaxed_field(field));
            signed.extend(b"\r\n");
        }
        signed.extend(relaxed_field(signature.as_bytes()));
        let bytes = self.key.sign(&signed).map_err(|problem| DkimError {
            domain: self.domain.clone(),
            problem,
        })?;
        signature.push_str(&folded(&BASE64.encode(bytes)));
        signature.push_str("\r\n");
        let mut whole = signature.into_bytes();
        whole.extend_from_slice(mime);
        Ok(whole)
    }

    /// The signature's field up to where its bytes belong.
    fn unfinished<'a>(
        &self,
        names: impl Iterator<Item = &'a str>,
        date: Timestamp,
        body: &[u8],
    ) -> String {
        let Self {
            domain, selector, ..
        } = self;
        let algorithm = self.key.algorithm();
        // As in the mail's own header, which can't tell instants before 1970.
        let seconds = date.as_second().max(0);
        let names = in_lines(names);
        let digest = BASE64.encode(Sha256::digest(relaxed_body(body)));
        format!(
            "DKIM-Signature: v=1; a={algorithm}; c=relaxed/relaxed;\r\n d={domain};\r\n \
             s={selector};\r\n t={seconds};\r\n h={names};\r\n bh={digest};\r\n b="
        )
    }
}

/// Whether a signature of `domain` speaks for the sender `from`, an address with or without a name: its
/// domain is that one or lies below it. Others are signatures of a stranger to most servers (DMARC, RFC
/// 7489, section 3.1).
///
/// ```
/// use vigie_notify::dkim_speaks_for;
///
/// assert!(dkim_speaks_for("Vigie <vigie@mail.example.com>", "example.com"));
/// assert!(!dkim_speaks_for("vigie@badexample.com", "example.com"));
/// ```
#[must_use]
pub fn dkim_speaks_for(from: &str, domain: &str) -> bool {
    let Ok(sender) = parse_address(from) else {
        return false;
    };
    let (sender, domain) = (
        name::in_ascii(sender.email.domain()),
        name::in_ascii(domain),
    );
    sender
        .strip_suffix(domain.as_str())
        .is_some_and(|above| above.is_empty() || above.ends_with('.'))
}

/// The fields that are signed, by their names. Of several with one name the last comes first, as
/// servers look for them from the end.
fn signed_fields<'a>(split: &Split<'a>) -> Vec<(&'static str, &'a [u8])> {
    let of_name = |name: &'static str| {
        let fields = split.fields.iter().rev();
        let fields = fields.filter(move |field| name_of(field) == name.as_bytes());
        fields.map(move |field| (name, *field))
    };
    SIGNED.into_iter().flat_map(of_name).collect()
}

/// Names with colons between them, on lines that are not too long.
fn in_lines<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut lines = String::new();
    let mut length = 0;
    for name in names {
        if length + name.len() > LINE - 8 {
            lines.push_str(":\r\n  ");
            length = 0;
        } else if !lines.is_empty() {
            lines.push(':');
        }
        lines.push_str(name);
        length += name.len() + 1;
    }
    lines
}

/// Base64 on lines that are not too long.
fn folded(base64: &str) -> String {
    let mut lines = String::new();
    for line in base64.as_bytes().chunks(LINE - 4) {
        if !lines.is_empty() {
            lines.push_str("\r\n  ");
        }
        lines.push_str(&String::from_utf8_lossy(line));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of the example in RFC 8463, appendix A.
    const SEED: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
    const MAIL: &[u8] = b"From: Joe SixPack <joe@football.example.com>\r\n\
        To: Suzie Q <suzie@shopping.example.net>\r\n\
        Subject: Is dinner ready?\r\n\
        X-Priority: 1\r\n\
        Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
        Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\
        \r\n\
        Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";

    fn pem() -> String {
        let mut der = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
        der.extend(BASE64.decode(SEED).unwrap());
        let text = BASE64.encode(der);
        format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
    }

    fn settings() -> DkimSettings {
        DkimSettings {
            domain: "Football.example.com".to_owned(),
            selector: "brisbane".to_owned(),
            key: pem().into(),
        }
    }

    fn date() -> Timestamp {
        "2018-06-10T18:00:37Z".parse().unwrap()
    }

    fn signed(mail: &[u8]) -> String {
        let signer = DkimSigner::new(&settings()).unwrap();
        String::from_utf8(signer.sign(mail, date()).unwrap()).unwrap()
    }

    #[test]
    fn a_signature_stands_above_the_mail_and_says_what_it_signs() {
        let signed = signed(MAIL);
        let (field, mail) = signed.split_once("From: Joe").unwrap();
        assert_eq!(format!("From: Joe{mail}").as_bytes(), MAIL);
        let (told, bytes) = field.split_once("\r\n b=").unwrap();
        // The digest of the body is that of the example.
        assert_eq!(
            told,
            "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n \
             d=football.example.com;\r\n s=brisbane;\r\n t=1528653637;\r\n \
             h=from:from:to:subject:date:message-id;\r\n \
             bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;"
        );
        let bytes: String = bytes.split_whitespace().collect();
        assert_eq!(BASE64.decode(bytes).unwrap().len(), 64);
    }

    #[test]
    fn the_record_to_publish_holds_the_public_key_of_the_example() {
        let record = DkimSigner::new(&settings()).unwrap().record();
        assert_eq!(record.name, "brisbane._domainkey.football.example.com");
        let value = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
        assert_eq!(record.value, value);
        assert_eq!(
            record.to_string(),
            format!("brisbane._domainkey.football.example.com. TXT \"{value}\"")
        );
        let long = DkimRecord {
            value: "v".repeat(300),
            ..record
        };
        let strings: Vec<usize> = long.to_string().split('"').map(str::len).collect();
        assert_eq!(strings[1..], [255, 1, 45, 0]);
    }

    #[test]
    fn the_same_mail_gets_the_same_signature_and_any_other_another() {
        assert_eq!(signed(MAIL), signed(MAIL));
        let text = String::from_utf8(MAIL.to_vec()).unwrap();
        let signature = |mail: &str| {
            let signed = signed(mail.as_bytes());
            signed.split_once("\r\n b=").unwrap().1[..60].to_owned()
        };
        for (part, other) in [
            ("dinner", "lunch"),
            ("We lost", "We won"),
            ("To: Suzie", "To: Someone"),
            ("Subject: ", "From: x@example.com\r\nSubject: "),
        ] {
            let other = text.replace(part, other);
            assert_ne!(signature(&text), signature(&other), "{other}");
        }
        // What servers may do on the way, and what is not signed.
        for (part, other) in [
            ("Subject: Is ", "SUBJECT:  Is\r\n\t "),
            ("game.  Are", "game. \t Are "),
            ("Joe.\r\n", "Joe.\r\n\r\n\r\n"),
            ("X-Priority: 1", "X-Priority: 2"),
        ] {
            let other = text.replace(part, other);
            assert_eq!(signature(&text), signature(&other), "{other}");
        }
    }

    #[test]
    fn no_line_of_a_signature_is_too_long_for_a_mail() {
        let mut mail = Vec::new();
        for name in SIGNED {
            mail.extend(format!("{name}: x\r\n{name}: y\r\n").as_bytes());
        }
        mail.extend(b"\r\n");
        let signed = signed(&mail);
        let field = &signed[..signed.find("from: x").unwrap()];
        assert!(field.lines().all(|line| line.len() <= 78), "{field}");
        assert_eq!(field.matches(":subject").count(), 2);
        assert_eq!(field.matches("from").count(), 3);
        assert!(
            folded(&"x".repeat(684))
                .lines()
                .all(|line| line.len() <= 78)
        );
    }

    #[test]
    fn settings_that_are_wrong_say_so_without_the_key() {
        let invalid = |change: &dyn Fn(&mut DkimSettings)| {
            let mut settings = settings();
            change(&mut settings);
            let error = DkimSigner::new(&settings).unwrap_err();
            let told = format!("{error} {error:?} {settings:?}");
            assert!(!told.contains(&SEED[8..20]), "{told}");
            error
        };
        assert!(matches!(
            invalid(&|settings| settings.domain = "a b".to_owned()),
            InvalidDkimSettings::Domain(domain) if domain == "a b"
        ));
        assert!(matches!(
            invalid(&|settings| settings.selector = "a;b".to_owned()),
            InvalidDkimSettings::Selector(selector) if selector == "a;b"
        ));
        for pem in [
            String::new(),
            SEED.to_owned(),
            pem().replace("PRIVATE", "ENCRYPTED PRIVATE"),
            pem().replace("MC4C", "%%%%"),
        ] {
            let error = invalid(&|settings| settings.key = pem.clone().into());
            assert_eq!(error, InvalidDkimSettings::NoKey, "{pem}");
        }
        let broken = pem().replace("MC4C", "MC8C");
        assert!(matches!(
            invalid(&|settings| settings.key = broken.clone().into()),
            InvalidDkimSettings::Key(_)
        ));
        let shown = format!("{:?}", DkimSigner::new(&settings()).unwrap());
        assert!(shown.contains("football") && !shown.contains(&SEED[8..20]));
    }

    #[test]
    fn a_signature_speaks_for_its_domain_and_those_below_it() {
        for (from, domain) in [
            ("vigie@example.com", "example.com"),
            ("Vigie <vigie@A.Example.com>", "example.COM"),
            ("vigie@exämple.com", "xn--exmple-cua.com"),
        ] {
            assert!(dkim_speaks_for(from, domain), "{from} {domain}");
        }
        for (from, domain) in [
            ("vigie@badexample.com", "example.com"),
            ("vigie@example.com", "mail.example.com"),
            ("vigie@example.org", "example.com"),
            ("vigie", "example.com"),
        ] {
            assert!(!dkim_speaks_for(from, domain), "{from} {domain}");
        }
    }
}
