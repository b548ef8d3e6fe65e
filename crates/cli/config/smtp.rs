//! `[smtp]` and `[smtp.fallback]`: the mail servers, and how to log in there.

use std::net::IpAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::dkim::{self, DkimConfig};
use super::environment::Environment;
use super::password::PasswordSource;
use super::problem::Complaint;
use super::raw::RawSmtp;
use super::reading::{self, Reading};
use super::token::{self, TokenSource};
use super::{choice, duration};

const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECTIONS: NonZeroU16 = NonZeroU16::MIN.saturating_add(3);
/// More than any server takes from one client.
const MOST_CONNECTIONS: u16 = 64;
/// What tells where the password comes from, the best last.
const PASSWORD_KEYS: [&str; 3] = ["password", "password_file", "password_credential"];
const SECURITIES: [(&str, SmtpSecurity); 3] = [
    ("starttls", SmtpSecurity::StartTls),
    ("tls", SmtpSecurity::Tls),
    ("none", SmtpSecurity::None),
];

/// How the connection to the mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// It starts in the clear and must turn to TLS before anything else.
    StartTls,
    /// From the first byte on.
    Tls,
    /// Not at all.
    None,
}

impl SmtpSecurity {
    fn default_port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// Which of the two mail servers is meant. Each has its keys in a table of its own, and takes nothing
/// from the other: a login or a trusted authority that reaches another server by itself would be a
/// surprise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// `[smtp]`.
    First,
    /// `[smtp.fallback]`.
    Second,
}

impl Server {
    /// A key of its table, as it is told to people.
    pub fn key(self, name: &str) -> String {
        match self {
            Self::First => format!("smtp.{name}"),
            Self::Second => format!("smtp.fallback.{name}"),
        }
    }
}

/// The mail server, and how to log in there.
#[derive(Debug, Clone)]
pub struct SmtpConfig {
    /// Which one it is.
    pub server: Server,
    /// A name or an IP address.
    pub host: String,
    /// The port that the server listens on.
    pub port: u16,
    /// How to log in with a password; `None` when the server asks for nothing, or for a token.
    pub login: Option<SmtpLogin>,
    /// How to log in with a token instead.
    pub token: Option<SmtpToken>,
    /// How the connection is encrypted.
    pub security: SmtpSecurity,
    /// How long an answer is waited for; the one to a whole mail for longer.
    pub timeout: Duration,
    /// A PEM file of certificate authorities to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// What Vigie proves itself with to the server, besides the login or instead of it.
    pub client_certificate: Option<ClientCertificate>,
    /// What signs the mails, whichever server they go to; `None` leaves that to the server.
    pub dkim: Option<DkimConfig>,
    /// How many connections are open at most at the same time.
    pub connections: NonZeroU16,
    /// The server that is sent to when this one can't be reached; it has none itself.
    pub fallback: Option<Box<SmtpConfig>>,
}

impl SmtpConfig {
    /// This server, and the one that stands in for it.
    pub fn servers(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(self.fallback.as_deref())
    }
}

/// The files of a certificate of Vigie's own.
#[derive(Debug, Clone)]
pub struct ClientCertificate {
    /// A PEM file of the certificate and those that lead from it to an authority.
    pub certificate: PathBuf,
    /// A PEM file of its private key; it may be the same.
    pub key: PathBuf,
}

impl ClientCertificate {
    /// The key of the config that names the private key's file, as it is called in its table.
    pub fn key_is_named_by(&self) -> &'static str {
        if self.key == self.certificate {
            "client_certificate"
        } else {
            "client_key"
        }
    }
}

/// How to log in at the mail server.
#[derive(Debug, Clone)]
pub struct SmtpLogin {
    /// The name to log in with.
    pub username: String,
    /// Where the password comes from.
    pub password: PasswordSource,
}

/// How to log in at the mail server with an OAuth 2.0 token.
#[derive(Debug, Clone)]
pub struct SmtpToken {
    /// The name to log in with.
    pub username: String,
    /// Where the token comes from.
    pub source: TokenSource,
}

/// The mail server; `None` when no host is given, which is a problem when mails go there.
pub fn read(
    mut raw: RawSmtp,
    is_required: bool,
    environment: &Environment,
    reading: &mut Reading,
) -> Option<SmtpConfig> {
    if is_required && raw.host.is_none() && !reading.has_problem_with("smtp.host") {
        let what = "is not set, and mail.transport is \"smtp\"";
        let remedy = "name the mail server, or set mail.transport to \"file\"";
        reading.complain("smtp.host", Complaint::new(what, remedy));
    }
    let fallback = raw.fallback.take();
    let first = read_server(raw, Server::First, environment, reading);
    let second = fallback.and_then(|raw| read_fallback(*raw, environment, reading));
    Some(SmtpConfig {
        fallback: second.map(Box::new),
        ..first?
    })
}

fn read_fallback(
    raw: RawSmtp,
    environment: &Environment,
    reading: &mut Reading,
) -> Option<SmtpConfig> {
    let key = Server::Second.key("host");
    if raw.host.is_none() && !reading.has_problem_with(&key) {
        let remedy = "name the second mail server, or leave [smtp.fallback] out";
        reading.complain(&key, Complaint::new("is not set", remedy));
    }
    read_server(raw, Server::Second, environment, reading)
}

fn read_server(
    raw: RawSmtp,
    server: Server,
    environment: &Environment,
    reading: &mut Reading,
) -> Option<SmtpConfig> {
    let host = reading.parse(&server.key("host"), raw.host.as_deref(), |text| {
        host(text, server)
    });
    let security = raw.security.as_deref();
    let security = reading
        .parse(&server.key("security"), security, |word| {
            choice::one_of(word, &SECURITIES)
        })
        .unwrap_or(SmtpSecurity::StartTls);
    let port = raw
        .port
        .and_then(|port| reading.accept(&server.key("port"), port_of(port)));
    let timeout = raw.timeout.as_deref();
    let timeout = reading.parse(&server.key("timeout"), timeout, duration::positive);
    let connections = raw.connections.and_then(|connections| {
        let connections = connections_of(connections);
        reading.accept(&server.key("connections"), connections)
    });
    let ca_file = reading.path(&server.key("ca_file"), raw.ca_file.as_deref());
    let client_certificate = client_certificate(&raw, server, reading);
    let dkim = raw.dkim.as_ref().and_then(|raw| dkim::read(raw, reading));
    let token = token_login(&raw, server, reading);
    let smtp = SmtpConfig {
        server,
        login: login(raw, server, environment, reading),
        token,
        host: host?,
        port: port.unwrap_or_else(|| security.default_port()),
        security,
        timeout: timeout.unwrap_or(TIMEOUT),
        ca_file,
        client_certificate,
        dkim,
        connections: connections.unwrap_or(CONNECTIONS),
        fallback: None,
    };
    complain_of_password_in_the_clear(&smtp, reading);
    complain_of_certificate_without_tls(&smtp, reading);
    Some(smtp)
}

fn complain_of_password_in_the_clear(smtp: &SmtpConfig, reading: &mut Reading) {
    let secret = match (&smtp.login, &smtp.token) {
        (Some(_), _) => "password",
        (_, Some(_)) => "token",
        _ => return,
    };
    if smtp.security == SmtpSecurity::None && !is_loopback(&smtp.host) {
        let host = &smtp.host;
        let what = format!("is \"none\", which would send the {secret} in the clear to {host}");
        let remedy =
            format!("write \"starttls\" or \"tls\", or leave the username and the {secret} out");
        reading.complain(&smtp.server.key("security"), Complaint::new(what, remedy));
    }
}

fn complain_of_certificate_without_tls(smtp: &SmtpConfig, reading: &mut Reading) {
    if smtp.client_certificate.is_some() && smtp.security == SmtpSecurity::None {
        let security = smtp.server.key("security");
        let what = format!("is given, and {security} is \"none\": it is only shown in TLS");
        let remedy = "write \"starttls\" or \"tls\" there, or leave the certificate out";
        let key = smtp.server.key("client_certificate");
        reading.complain(&key, Complaint::new(what, remedy));
    }
}

/// Without a key of its own, the certificate's file holds both, as Postfix has it.
fn client_certificate(
    raw: &RawSmtp,
    server: Server,
    reading: &mut Reading,
) -> Option<ClientCertificate> {
    let certificate = raw.client_certificate.as_deref();
    let certificate = reading.path(&server.key("client_certificate"), certificate);
    let key = reading.path(&server.key("client_key"), raw.client_key.as_deref());
    if key.is_some() && raw.client_certificate.is_none() {
        let what = "is given without a certificate";
        let remedy = "add client_certificate, or leave the key out";
        reading.complain(&server.key("client_key"), Complaint::new(what, remedy));
    }
    let certificate = certificate?;
    Some(ClientCertificate {
        key: key.unwrap_or_else(|| certificate.clone()),
        certificate,
    })
}

fn login(
    raw: RawSmtp,
    server: Server,
    environment: &Environment,
    reading: &mut Reading,
) -> Option<SmtpLogin> {
    let username_key = server.key("username");
    let username = reading.parse(&username_key, raw.username.as_deref(), reading::text);
    let is_named = raw.username.is_some();
    let has_token = raw.oauth_token_file.is_some() || raw.oauth_token_command.is_some();
    match (is_named, password(raw, server, environment, reading)) {
        (true, Some(password)) => Some(SmtpLogin {
            username: username?,
            password,
        }),
        (true, None) => {
            let mut secrets = PASSWORD_KEYS.into_iter().chain(token::KEYS);
            let is_wrong = secrets.any(|key| reading.has_problem_with(&server.key(key)));
            if !has_token && !is_wrong {
                let what = "is given without a password";
                let remedy = "add password_file, or leave the username out";
                reading.complain(&username_key, Complaint::new(what, remedy));
            }
            None
        }
        (false, Some(source)) => {
            if !reading.has_problem_with(&username_key) {
                let what = "is given without a username";
                let remedy = "add username, or leave the password out";
                reading.complain(&server.key(source.key()), Complaint::new(what, remedy));
            }
            None
        }
        (false, None) => None,
    }
}

/// The login by a token; what is wrong with the username itself is told with the other login.
fn token_login(raw: &RawSmtp, server: Server, reading: &mut Reading) -> Option<SmtpToken> {
    let source = token::read(raw, server, reading)?;
    let key = server.key(source.key());
    let passwords = [&raw.password, &raw.password_file, &raw.password_credential];
    let mut given = PASSWORD_KEYS.iter().zip(passwords);
    if let Some((password, _)) = given.find(|(_, password)| password.is_some()) {
        let what = format!("is given together with {}", server.key(password));
        reading.complain(&key, Complaint::new(what, "keep one of them"));
    }
    if raw.username.is_none() && !reading.has_problem_with(&server.key("username")) {
        let remedy = "add username, or leave the token out";
        let complaint = Complaint::new("is given without a username", remedy);
        reading.complain(&key, complaint);
    }
    let username = raw.username.clone()?;
    Some(SmtpToken { username, source })
}

fn password(
    raw: RawSmtp,
    server: Server,
    environment: &Environment,
    reading: &mut Reading,
) -> Option<PasswordSource> {
    let [itself, file, credential] = PASSWORD_KEYS.map(|name| server.key(name));
    let given = [
        (raw.password.is_some(), &itself, "the password"),
        (raw.password_file.is_some(), &file, "the file"),
        (
            raw.password_credential.is_some(),
            &credential,
            "the credential",
        ),
    ];
    let mut given = given.into_iter().filter(|(is_given, ..)| *is_given);
    let (_, first, _) = given.next()?;
    for (_, key, rather) in given {
        let what = format!("is given together with {first}");
        let remedy = format!("keep one of them, rather {rather}");
        reading.complain(key, Complaint::new(what, remedy));
    }
    if let Some(password) = raw.password {
        let password = reading.accept(&itself, not_empty(password))?;
        return Some(PasswordSource::Given(password));
    }
    if let Some(path) = raw.password_file {
        return reading.path(&file, Some(&path)).map(PasswordSource::File);
    }
    let name = raw.password_credential.as_deref();
    let name = reading.parse(&credential, name, credential_name)?;
    let folder = environment.credentials_folder();
    Some(PasswordSource::Credential { name, folder })
}

fn not_empty(password: String) -> Result<SecretString, Complaint> {
    if password.is_empty() {
        return Err(Complaint::new(
            "is empty",
            "give it a value, or leave the key out",
        ));
    }
    Ok(SecretString::from(password))
}

/// It becomes the name of a file in systemd's folder, and must not lead out of it.
fn credential_name(text: &str) -> Result<String, Complaint> {
    let name = reading::text(text)?;
    if name.contains('/') || name == "." || name == ".." {
        return Err(Complaint::new(
            format!("is {name:?}, which is no name of a credential"),
            "write the name that LoadCredential= gives it, without a folder",
        ));
    }
    Ok(name)
}

/// The host is not told when it is wrong: written as a URL, it could hold a password.
fn host(text: &str, server: Server) -> Result<String, Complaint> {
    let text = reading::text(text)?;
    let bare = without_brackets(&text);
    if bare.parse::<IpAddr>().is_ok() {
        return Ok(bare.to_owned());
    }
    let is_strange = |character: char| character.is_whitespace() || "/@:[]".contains(character);
    if text.contains(is_strange) {
        return Err(Complaint::new(
            "is no host name",
            format!(
                "write the name alone, such as \"mail.example.com\"; the port goes to {}, the \
                 login to {}",
                server.key("port"),
                server.key("username")
            ),
        ));
    }
    Ok(text)
}

fn port_of(port: i64) -> Result<u16, Complaint> {
    u16::try_from(port)
        .ok()
        .filter(|port| *port != 0)
        .ok_or_else(|| {
            Complaint::new(
                format!("is {port}, which is no port"),
                "give a whole number from 1 to 65535",
            )
        })
}

fn connections_of(connections: i64) -> Result<NonZeroU16, Complaint> {
    u16::try_from(connections)
        .ok()
        .filter(|connections| *connections <= MOST_CONNECTIONS)
        .and_then(NonZeroU16::new)
        .ok_or_else(|| {
            Complaint::new(
                format!("is {connections}"),
                format!("give a whole number from 1 to {MOST_CONNECTIONS}"),
            )
        })
}

fn is_loopback(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use secrecy::ExposeSecret;

    use super::*;
    use crate::config::tests::{config, config_with, problems, problems_with};

    fn smtp(keys: &str) -> SmtpConfig {
        config(&format!("[smtp]\nhost = 'mail.example.com'\n{keys}"))
            .smtp
            .unwrap()
    }

    #[test]
    fn without_a_host_there_is_no_server() {
        assert!(config("[smtp]\nport = 25").smtp.is_none());
        assert_eq!(
            problems("mail.transport = 'smtp'"),
            [
                "vigie.toml: smtp.host is not set, and mail.transport is \"smtp\"; name the mail \
                 server, or set mail.transport to \"file\""
            ]
        );
    }

    #[test]
    fn a_host_is_all_that_has_to_be_given() {
        let smtp = smtp("");
        assert_eq!((smtp.host.as_str(), smtp.port), ("mail.example.com", 587));
        assert!(smtp.login.is_none());
        assert_eq!(smtp.security, SmtpSecurity::StartTls);
        assert_eq!(smtp.timeout, Duration::from_secs(30));
        assert_eq!(smtp.ca_file, None);
    }

    #[test]
    fn a_number_of_connections_is_small_and_not_none() {
        assert_eq!(smtp("").connections.get(), 4);
        for connections in [1, 64] {
            let keys = format!("connections = {connections}");
            assert_eq!(smtp(&keys).connections.get(), connections);
        }
        for wrong in ["0", "65", "-1", "70000"] {
            assert_eq!(
                problems(&format!("smtp.connections = {wrong}")),
                [format!(
                    "vigie.toml:2: smtp.connections is {wrong}; give a whole number from 1 to 64"
                )]
            );
        }
    }

    #[test]
    fn a_second_server_takes_nothing_from_the_first() {
        let smtp = smtp(
            "
port = 2525
security = 'tls'
username = 'vigie'
password = 'hunter2'
timeout = '5s'
ca_file = 'ca.pem'
connections = 9
[smtp.fallback]
host = 'other.example.com'
",
        );
        let hosts: Vec<&str> = smtp.servers().map(|one| one.host.as_str()).collect();
        assert_eq!(hosts, ["mail.example.com", "other.example.com"]);
        let fallback = smtp.fallback.unwrap();
        assert_eq!(fallback.port, 587);
        assert_eq!(fallback.security, SmtpSecurity::StartTls);
        assert!(fallback.login.is_none() && fallback.fallback.is_none());
        assert_eq!(fallback.timeout, Duration::from_secs(30));
        assert_eq!(fallback.ca_file, None);
        assert_eq!(fallback.connections.get(), 4);
    }

    #[test]
    fn a_second_server_has_every_key_of_the_first() {
        let smtp = smtp(
            "
[smtp.fallback]
host = '[::1]'
port = 25
security = 'none'
username = 'vigie'
password_file = 'other-password'
timeout = '5s'
ca_file = 'ca.pem'
connections = 1
",
        );
        let fallback = smtp.fallback.unwrap();
        assert_eq!((fallback.host.as_str(), fallback.port), ("::1", 25));
        assert!(matches!(
            fallback.login.unwrap().password,
            PasswordSource::File(path) if path == Path::new("/srv/vigie/other-password")
        ));
        assert_eq!(fallback.timeout, Duration::from_secs(5));
        assert_eq!(fallback.connections.get(), 1);
        assert_eq!(
            fallback.ca_file.as_deref(),
            Some(Path::new("/srv/vigie/ca.pem"))
        );
    }

    #[test]
    fn what_is_wrong_with_a_second_server_is_told_with_its_line() {
        let cases = [
            (
                "port = 25",
                "vigie.toml:4: smtp.fallback.host is not set; name the second mail server, or leave \
                 [smtp.fallback] out",
            ),
            (
                "host = 'a:25'",
                "vigie.toml:5: smtp.fallback.host is no host name; write the name alone, such as \
                 \"mail.example.com\"; the port goes to smtp.fallback.port, the login to \
                 smtp.fallback.username",
            ),
            (
                "host = 'b'\nport = 0",
                "vigie.toml:6: smtp.fallback.port is 0, which is no port; give a whole number from \
                 1 to 65535",
            ),
            (
                "host = 'b'\nport = '25'",
                "vigie.toml:6: smtp.fallback.port is a string; write a whole number, without quotes",
            ),
            (
                "host = 'b'\nusername = 'u'",
                "vigie.toml:6: smtp.fallback.username is given without a password; add \
                 password_file, or leave the username out",
            ),
            (
                "host = 'b'\noauth_token_file = 't'",
                "vigie.toml:6: smtp.fallback.oauth_token_file is given without a username; add \
                 username, or leave the token out",
            ),
            (
                "host = 'b'\nsecurity = 'none'\nusername = 'u'\npassword = 'hunter2'",
                "vigie.toml:6: smtp.fallback.security is \"none\", which would send the password in \
                 the clear to b; write \"starttls\" or \"tls\", or leave the username and the \
                 password out",
            ),
            (
                "host = 'b'\nconections = 2",
                "vigie.toml:6: smtp.fallback.conections is no known key; did you mean \
                 smtp.fallback.connections?",
            ),
        ];
        for (keys, problem) in cases {
            let text = format!("[smtp]\nhost = 'a'\n[smtp.fallback]\n{keys}");
            assert_eq!(problems(&text), [problem]);
        }
    }

    #[test]
    fn a_second_server_has_no_third_one() {
        let text = "[smtp]\nhost = 'a'\n[smtp.fallback]\nhost = 'b'\n[smtp.fallback.fallback]\n\
                    host = 'c'";
        let problems = problems(text);
        assert_eq!(problems.len(), 1, "{problems:?}");
        let start = "vigie.toml:6: smtp.fallback.fallback is no known table; ";
        assert!(problems[0].starts_with(start), "{problems:?}");
    }

    #[test]
    fn variables_are_about_the_first_server() {
        let text = "[smtp.fallback]\nhost = 'other.example.com'\nusername = 'u'\npassword = 'p'";
        let variables = [("EMAIL_HOST", "mail.example.com"), ("EMAIL_PORT", "26")];
        let smtp = config_with(text, &variables).smtp.unwrap();
        assert_eq!((smtp.host.as_str(), smtp.port), ("mail.example.com", 26));
        let fallback = smtp.fallback.unwrap();
        assert_eq!(
            (fallback.host.as_str(), fallback.port),
            ("other.example.com", 587)
        );
    }

    #[test]
    fn the_port_follows_the_security_unless_it_is_given() {
        for (security, port) in [("starttls", 587), ("tls", 465), ("none", 25)] {
            assert_eq!(smtp(&format!("security = '{security}'")).port, port);
        }
        assert_eq!(smtp("security = 'tls'\nport = 2525").port, 2525);
    }

    #[test]
    fn each_value_can_be_given() {
        let smtp = smtp(
            "
username = 'vigie'
password_file = 'smtp-password'
timeout = '5s'
ca_file = '/etc/mail-ca.pem'
",
        );
        let login = smtp.login.unwrap();
        assert_eq!(login.username, "vigie");
        assert!(matches!(
            login.password,
            PasswordSource::File(path) if path == Path::new("/srv/vigie/smtp-password")
        ));
        assert_eq!(smtp.timeout, Duration::from_secs(5));
        assert_eq!(smtp.ca_file.as_deref(), Some(Path::new("/etc/mail-ca.pem")));
        assert!(smtp.client_certificate.is_none());
    }

    #[test]
    fn a_client_certificate_has_its_key_in_the_same_file_or_in_another() {
        let files = |keys: &str| {
            let files = smtp(keys).client_certificate.unwrap();
            [files.certificate, files.key].map(|path| path.display().to_string())
        };
        assert_eq!(
            files("client_certificate = 'a.pem'"),
            ["/srv/vigie/a.pem"; 2]
        );
        assert_eq!(
            files("client_certificate = 'a.pem'\nclient_key = '/b.pem'"),
            ["/srv/vigie/a.pem", "/b.pem"]
        );
    }

    #[test]
    fn a_client_certificate_that_nobody_would_see_is_told() {
        assert_eq!(
            problems("smtp.client_key = 'a.pem'"),
            [
                "vigie.toml:2: smtp.client_key is given without a certificate; add \
                 client_certificate, or leave the key out"
            ]
        );
        let text = "[smtp]\nhost = 'h'\nsecurity = 'none'\nclient_certificate = 'a.pem'";
        assert_eq!(
            problems(text),
            [
                "vigie.toml:5: smtp.client_certificate is given, and smtp.security is \"none\": it \
                 is only shown in TLS; write \"starttls\" or \"tls\" there, or leave the \
                 certificate out"
            ]
        );
    }

    #[test]
    fn variables_override_the_file() {
        let variables = [
            ("EMAIL_HOST", "other.example.com"),
            ("EMAIL_PORT", "2525"),
            ("EMAIL_USERNAME", "other"),
            ("EMAIL_PASSWORD", "hunter2"),
        ];
        let text = "
[smtp]
host = 'mail.example.com'
port = 587
username = 'vigie'
password_file = 'smtp-password'
";
        let smtp = config_with(text, &variables).smtp.unwrap();
        assert_eq!((smtp.host.as_str(), smtp.port), ("other.example.com", 2525));
        let login = smtp.login.unwrap();
        assert_eq!(login.username, "other");
        assert_eq!(login.password.read().unwrap().expose_secret(), "hunter2");
    }

    #[test]
    fn a_wrong_value_says_what_to_write() {
        let alone = "write the name alone, such as \"mail.example.com\"; the port goes to \
                     smtp.port, the login to smtp.username";
        let cases = [
            (
                "host = 'mail.example.com:25'",
                format!("host is no host name; {alone}"),
            ),
            (
                "host = 'smtp://a:hunter2@b'",
                format!("host is no host name; {alone}"),
            ),
            (
                "port = 0",
                "port is 0, which is no port; give a whole number from 1 to 65535".to_owned(),
            ),
            (
                "port = 70000",
                "port is 70000, which is no port; give a whole number from 1 to 65535".to_owned(),
            ),
            (
                "port = '25'",
                "port is a string; write a whole number, without quotes".to_owned(),
            ),
            (
                "port = 99999999999999999999",
                "port is an integer; write a smaller number".to_owned(),
            ),
            (
                "security = 'ssl'",
                "security is \"ssl\"; write \"starttls\", \"tls\" or \"none\"".to_owned(),
            ),
            (
                "timeout = '0s'",
                "timeout is zero; give a longer time".to_owned(),
            ),
            (
                "username = 'vigie'",
                "username is given without a password; add password_file, or leave the username \
                 out"
                .to_owned(),
            ),
            (
                "password = 'hunter2'",
                "password is given without a username; add username, or leave the password out"
                    .to_owned(),
            ),
            (
                "password = 12345",
                "password is an integer; write a string in quotes".to_owned(),
            ),
        ];
        for (line, problem) in cases {
            let problem = format!("vigie.toml:2: smtp.{problem}");
            assert_eq!(problems(&format!("smtp.{line}")), [problem]);
        }
        assert_eq!(
            problems("[smtp]\nusername = 'vigie'\npassword = ''"),
            ["vigie.toml:4: smtp.password is empty; give it a value, or leave the key out"]
        );
    }

    #[test]
    fn a_password_comes_from_one_place() {
        let text = "[smtp]\nusername = 'vigie'\npassword = 'hunter2'\npassword_file = 'secret'";
        assert_eq!(
            problems(text),
            [
                "vigie.toml:5: smtp.password_file is given together with smtp.password; keep one \
                 of them, rather the file"
            ]
        );
        let text = "[smtp]\nusername = 'u'\npassword_file = 'secret'\npassword_credential = 'smtp'";
        assert_eq!(
            problems(text),
            [
                "vigie.toml:5: smtp.password_credential is given together with \
                 smtp.password_file; keep one of them, rather the credential"
            ]
        );
    }

    #[test]
    fn a_credential_does_not_lead_out_of_its_folder() {
        for name in ["../shadow", "/etc/shadow", ".."] {
            assert_eq!(
                problems(&format!(
                    "[smtp]\nusername = 'u'\npassword_credential = '{name}'"
                )),
                [format!(
                    "vigie.toml:4: smtp.password_credential is {name:?}, which is no name of a \
                     credential; write the name that LoadCredential= gives it, without a folder"
                )]
            );
        }
    }

    #[test]
    fn a_password_in_the_clear_only_goes_to_this_machine() {
        let text = |host: &str| {
            format!(
                "[smtp]\nhost = '{host}'\nsecurity = 'none'\nusername = 'vigie'\npassword = \
                 'hunter2'"
            )
        };
        for host in ["localhost", "127.0.0.1", "127.1.2.3", "::1", "[::1]"] {
            assert!(config(&text(host)).smtp.unwrap().login.is_some(), "{host}");
        }
        assert_eq!(
            problems(&text("mail.example.com")),
            [
                "vigie.toml:4: smtp.security is \"none\", which would send the password in the \
                 clear to mail.example.com; write \"starttls\" or \"tls\", or leave the username \
                 and the password out"
            ]
        );
        let alone = "[smtp]\nhost = 'mail.example.com'\nsecurity = 'none'";
        assert!(config(alone).smtp.is_some());
    }

    #[test]
    fn a_wrong_variable_is_named_as_such() {
        assert_eq!(
            problems_with("", &[("EMAIL_PORT", "0"), ("EMAIL_PASSWORD", "hunter2")]),
            [
                "environment: EMAIL_PORT (smtp.port) is 0, which is no port; give a whole \
                 number from 1 to 65535",
                "environment: EMAIL_PASSWORD (smtp.password) is given without a username; add \
                 username, or leave the password out",
            ]
        );
    }
}
