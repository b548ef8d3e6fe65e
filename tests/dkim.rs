use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use vigie_notify::{DkimSettings, DkimSigner, Mail};

use crate::site::{Backup, MORNING, Report, Site};
use crate::smtp::site_with_server;

const RSA: &str = "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048";
const TRADITIONAL_RSA: &str =
    "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 | openssl rsa -traditional";
const ED25519: &str = "openssl genpkey -algorithm ed25519";

/// A private key in PEM, as a command makes it.
fn key(command: &str) -> String {
    let output = Command::new("/bin/sh").args(["-c", command]).output();
    let output = output.unwrap();
    let made = String::from_utf8(output.stdout).unwrap();
    assert!(
        made.contains("PRIVATE KEY"),
        "openssl; tests/run installs it"
    );
    made
}

/// The names of the mails in a folder with what dkimpy says of each, when this line is in DNS.
fn verified(folder: &Path, record: &str) -> Vec<(String, bool)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dkim_verify.py");
    let mut process = Command::new("/usr/bin/python3")
        .arg(script)
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = process.stdin.take().unwrap();
    stdin.write_all(record.as_bytes()).unwrap();
    drop(stdin);
    let output = process.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "dkimpy and nacl; tests/run installs them"
    );
    let told = String::from_utf8(output.stdout).unwrap();
    let verdict = |line: &str| {
        let (name, verdict) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), verdict == "good")
    };
    told.lines().map(verdict).collect()
}

/// A site that signs its mails.
fn sign_with(site: &Site, key: &str) {
    fs::write(site.path("dkim.pem"), key).unwrap();
    let config = fs::read_to_string(site.path("vigie.toml")).unwrap();
    let dkim =
        "[smtp.dkim]\ndomain = \"example.com\"\nselector = \"vigie\"\nkey_file = \"dkim.pem\"";
    fs::write(site.path("vigie.toml"), format!("{config}{dkim}\n")).unwrap();
}

/// The line that `vigie config check` asks to publish.
fn record_to_publish(site: &Site) -> String {
    let output = site.run(&["config", "check"]);
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    let mut lines = told.lines();
    let line = lines.find(|line| line.starts_with("vigie._domainkey.example.com. TXT "));
    line.unwrap_or_else(|| panic!("{told}")).to_owned()
}

fn deliver_a_bad_backup(site: &Site) {
    let backup = Backup::good("Yaoundé_2025", b"content").not_staged();
    site.deliver(&Report::new(
        "SDMC_DOUALA_AKWA",
        "2025-06-19T02:10:00",
        vec![backup],
    ));
}

#[test]
fn mails_that_reach_a_server_carry_a_signature_that_is_good() {
    for command in [RSA, TRADITIONAL_RSA, ED25519] {
        let (site, _server) = site_with_server("[\"admin@example.com\", \"night@example.com\"]");
        sign_with(&site, &key(command));
        let record = record_to_publish(&site);
        deliver_a_bad_backup(&site);
        assert_eq!(site.scan(MORNING)["mails"]["sent"], 2);
        let good = ["1.eml", "2.eml"].map(|name| (name.to_owned(), true));
        assert_eq!(verified(&site.path("inbox"), &record), good, "{command}");
        // Another key would not do.
        sign_with_another_key(&site, command);
        let other = record_to_publish(&site);
        let bad = good.map(|(name, _)| (name, false));
        assert_eq!(verified(&site.path("inbox"), &other), bad, "{command}");
    }
}

fn sign_with_another_key(site: &Site, command: &str) {
    fs::write(site.path("dkim.pem"), key(command)).unwrap();
}

#[test]
fn a_mail_that_is_sent_again_has_the_same_bytes_with_its_signature() {
    let (site, _server) = site_with_server("\"admin@example.com\"");
    sign_with(&site, &key(RSA));
    // Its certificate is not for that name, so that the mail waits.
    let sound = fs::read_to_string(site.path("vigie.toml")).unwrap();
    fs::write(
        site.path("vigie.toml"),
        sound.replace("\"localhost\"", "\"127.0.0.1\""),
    )
    .unwrap();
    deliver_a_bad_backup(&site);
    assert_eq!(site.scan(MORNING)["mails"]["waiting"], 1);
    fs::write(site.path("vigie.toml"), sound).unwrap();
    // As if the program had died between sending the mail and recording that.
    let before = site.copy();
    for (site, now) in [(&site, MORNING), (&before, "2025-06-19T09:00:00Z")] {
        assert_eq!(site.scan(now)["mails"]["sent"], 1);
    }
    let [first, again] = ["1.eml", "2.eml"].map(|name| {
        let path = site.path("inbox").join(name);
        fs::read(path).unwrap()
    });
    assert!(first.starts_with(b"DKIM-Signature: "));
    assert_eq!(first, again);
}

/// Mails in a folder, signed by a key that the test knows.
struct Signed {
    folder: TempDir,
    signer: DkimSigner,
}

impl Signed {
    fn by(key: String) -> Self {
        let settings = DkimSettings {
            domain: "example.com".to_owned(),
            selector: "vigie".to_owned(),
            key: key.into(),
        };
        Self {
            folder: tempfile::tempdir().unwrap(),
            signer: DkimSigner::new(&settings).unwrap(),
        }
    }

    fn sign(&self, mail: &Mail) -> String {
        let mime = mail.to_mime().unwrap();
        let sign = || self.signer.sign(&mime, mail.date).unwrap();
        assert_eq!(sign(), sign());
        String::from_utf8(sign()).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.eml"))
    }

    fn verified(&self) -> Vec<(String, bool)> {
        verified(self.folder.path(), &self.signer.record().to_string())
    }
}

fn mail(text: &str) -> Mail {
    Mail {
        message_id: "<MISSING-X-0123@example.com>".to_owned(),
        date: "2025-06-20T08:37:35Z".parse().unwrap(),
        from: "Vigie <vigie@example.com>".to_owned(),
        to: "Équipe de nuit <admin@example.com>".to_owned(),
        subject: format!(
            "[MISSING] Sauvegarde de Yaoundé: rien {}",
            "reçu ".repeat(60)
        ),
        text: text.to_owned(),
        html: format!("<p>{text}</p>"),
        urgent: true,
        threads: Vec::new(),
    }
}

#[test]
fn whatever_a_mail_says_its_signature_is_good() {
    let texts = [
        ("dots", ".\n..\n.hidden\nend.\n".to_owned()),
        ("empty", String::new()),
        ("empty_lines", "\n\n\nThe end.\n\n\n\n".to_owned()),
        (
            "letters",
            "Il est tard\u{A0}: 備份 n'est pas là.\n".to_owned(),
        ),
        ("long", format!("{}\n", "no end in sight ".repeat(500))),
        ("long_word", "x".repeat(3000)),
        ("no_line_end", "The end.".to_owned()),
        (
            "spaces",
            " \t two  spaces \t\n\ttab\t\n   \nend   \n".to_owned(),
        ),
    ];
    for command in [RSA, ED25519] {
        let signed = Signed::by(key(command));
        for (name, text) in &texts {
            fs::write(signed.path(name), signed.sign(&mail(text))).unwrap();
        }
        let good = texts.iter().map(|(name, _)| (format!("{name}.eml"), true));
        assert_eq!(signed.verified(), good.collect::<Vec<_>>(), "{command}");
    }
}

#[test]
fn a_mail_that_was_changed_has_no_good_signature() {
    let changes: [(&str, &str, &str); 8] = [
        ("body", "nothing came", "all is well"),
        ("date", "08:37:35", "09:37:35"),
        ("from", "Vigie <vigie@", "Vigie <other@"),
        ("no_robot", "auto-generated", "no"),
        (
            "second_from",
            "Subject:",
            "From: boss@example.com\r\nSubject:",
        ),
        ("subject", "[MISSING]", "[OK]"),
        ("time", " t=1750", " t=1751"),
        ("to", "admin@example.com", "other@example.com"),
    ];
    let signed = Signed::by(key(ED25519));
    let text = signed.sign(&mail("nothing came\n"));
    for (name, part, other) in changes {
        let forged = text.replacen(part, other, 1);
        assert_ne!(forged, text, "{name}");
        fs::write(signed.path(name), forged).unwrap();
    }
    // What servers on the way may do, and add.
    let refolded = text.replace("\r\nDate: ", "\r\ndate:\r\n   ");
    assert_ne!(refolded, text);
    fs::write(signed.path("unchanged_folded"), refolded).unwrap();
    let received = format!("Received: from a by b; Fri, 20 Jun 2025 08:40:00 +0000\r\n{text}");
    fs::write(signed.path("unchanged_received"), received).unwrap();
    for (name, is_good) in signed.verified() {
        assert_eq!(is_good, name.starts_with("unchanged"), "{name}");
    }
}

#[test]
fn a_key_that_no_server_would_trust_is_told_before_and_no_part_of_it_is() {
    let weak = "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024";
    let curve = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256";
    let closed = "openssl genpkey -algorithm RSA -aes128 -pass pass:hunter2";
    for (command, told) in [
        (weak, "the RSA key has fewer than 2048 bits"),
        (
            curve,
            "neither one of RSA with 2048 to 4096 bits nor one of Ed25519",
        ),
        (closed, "no private key in PEM without a passphrase"),
    ] {
        let (site, _server) = site_with_server("\"admin@example.com\"");
        let key = key(command);
        sign_with(&site, &key);
        let output = site.run(&["config", "check"]);
        assert_eq!(output.status.code(), Some(2));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains("smtp.dkim.key_file is of no use"), "{error}");
        assert!(error.contains(told), "{error}");
        let content = key.lines().nth(1).unwrap();
        assert!(!error.contains(&content[..20]), "{error}");
    }
}
