//! Whether the paths of a config are what they should be, as `vigie config check` asks. It looks
//! at the file system and changes nothing there.

use std::env;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::problem::{Complaint, Problem};
use super::sendmail;
use super::{Config, DkimConfig, MailTransport, SendmailConfig, SmtpConfig, TokenSource};

/// Where programs are looked for when `PATH` is not set.
const USUAL_SEARCH_PATH: &str = "/bin:/usr/bin";

/// Every path that would be in the way of a scan or a mail.
pub fn check_paths(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut check = |key: &str, complaint: Option<Complaint>| {
        problems.extend(complaint.map(|complaint| config.problem(key, complaint)));
    };
    let root = "name the folder of the agents' folders";
    check("deposit.root", of_readable(&config.deposit.root, root));
    let root = resolved(&config.deposit.root);
    if let Some(validated) = &config.deposit.validated {
        check("deposit.validated", of_validated(validated, &root));
    }
    if let Some(directory) = &config.templates.directory {
        check("templates.directory", of_templates(directory, &root));
    }
    check("database.url", of_database(&config.database.path, &root));
    match config.mail.transport {
        MailTransport::File => check("mail.directory", of_mails(&config.mail.directory, &root)),
        MailTransport::Sendmail => check(sendmail::COMMAND, of_command(&config.sendmail)),
        MailTransport::Smtp => (),
    }
    for smtp in config.smtp.iter().flat_map(SmtpConfig::servers) {
        check_files_of(smtp, &mut check);
    }
    let dkim = config.smtp.as_ref().and_then(|smtp| smtp.dkim.as_ref());
    if let Some(Err(error)) = dkim.map(DkimConfig::signer) {
        let (key, complaint) = error.complaint();
        check(key, Some(complaint));
    }
    problems
}

/// The files for one mail server.
fn check_files_of(smtp: &SmtpConfig, check: &mut impl FnMut(&str, Option<Complaint>)) {
    let key = |name: &str| smtp.server.key(name);
    if let Some(login) = &smtp.login {
        let complaint =
            login.password.read().err().map(|error| {
                Complaint::new(format!("is of no use: {error}"), login.password.remedy())
            });
        check(&key(login.password.key()), complaint);
    }
    if let Some(TokenSource::File(file)) = smtp.token.as_ref().map(|token| &token.source) {
        check(&key("oauth_token_file"), of_token(file));
    }
    if let Some(file) = &smtp.ca_file {
        check(&key("ca_file"), of_pem(file, "CERTIFICATE"));
    }
    if let Some(client) = &smtp.client_certificate {
        let certificate = of_pem(&client.certificate, "CERTIFICATE");
        check(&key("client_certificate"), certificate);
        let private_key = of_pem(&client.key, "PRIVATE KEY");
        check(&key(client.key_is_named_by()), private_key);
    }
}

fn of_readable(folder: &Path, remedy: &str) -> Option<Complaint> {
    let shown = folder.display();
    if !folder.exists() {
        let what = format!("names {shown}, which does not exist");
        return Some(Complaint::new(what, "make this folder, or name another"));
    }
    if !folder.is_dir() {
        let what = format!("names {shown}, which is no folder");
        return Some(Complaint::new(what, remedy));
    }
    let error = fs::read_dir(folder).err()?;
    Some(Complaint::new(
        format!("names {shown}, which can't be read: {error}"),
        "let the one who runs Vigie read it",
    ))
}

/// Without this a misspelt folder would silently be no folder, and the built-in templates be used.
fn of_templates(directory: &Path, root: &Path) -> Option<Complaint> {
    if let Some(complaint) = of_readable(directory, "name the folder of your own templates") {
        return Some(complaint);
    }
    let resolved = resolved(directory);
    let relation = if resolved.starts_with(root) {
        "is in the deposit"
    } else if root.starts_with(&resolved) {
        "the deposit is in"
    } else {
        return None;
    };
    let shown = directory.display();
    let what = format!("names {shown}, which {relation}, so that agents could write templates");
    Some(Complaint::new(what, "name a folder beside the deposit"))
}

fn of_validated(validated: &Path, root: &Path) -> Option<Complaint> {
    if let Some(complaint) = of_file_in_place_of_folder(validated) {
        return Some(complaint);
    }
    let remedy = "name a folder beside the deposit";
    let resolved = resolved(validated);
    let shown = validated.display();
    if resolved.starts_with(root) {
        let what = format!("names {shown}, which is in the deposit and would be scanned");
        return Some(Complaint::new(what, remedy));
    }
    root.starts_with(&resolved).then(|| {
        let what = format!("names {shown}, which the deposit is in and would be written over");
        Complaint::new(what, remedy)
    })
}

fn of_mails(directory: &Path, root: &Path) -> Option<Complaint> {
    of_file_in_place_of_folder(directory).or_else(|| {
        resolved(directory).starts_with(root).then(|| {
            let shown = directory.display();
            let what = format!("names {shown}, which is in the deposit and would be scanned");
            Complaint::new(what, "name a folder beside the deposit")
        })
    })
}

fn of_database(file: &Path, root: &Path) -> Option<Complaint> {
    if file.is_dir() {
        let what = format!("names {}, which is a folder", file.display());
        return Some(Complaint::new(what, "name a file in it"));
    }
    let folder = file.parent()?;
    if !folder.is_dir() {
        let what = format!("names a file in {}, which is no folder", folder.display());
        return Some(Complaint::new(what, "make this folder, or name another"));
    }
    resolved(file).starts_with(root).then(|| {
        let shown = file.display();
        let what = format!("names {shown}, which is in the deposit, so that agents could write it");
        Complaint::new(what, "name a file beside the deposit")
    })
}

fn of_file_in_place_of_folder(folder: &Path) -> Option<Complaint> {
    (folder.exists() && !folder.is_dir()).then(|| {
        let what = format!("names {}, which is no folder", folder.display());
        Complaint::new(what, "name a folder, which may be missing yet")
    })
}

/// It is not run: there is no mail for it.
fn of_command(sendmail: &SendmailConfig) -> Option<Complaint> {
    let shown = sendmail.program.display();
    let remedy = "name the program as it is installed, and its arguments in an array: [\"msmtp\", \
                  \"-a\", \"alerts\"]";
    if sendmail.program.components().count() == 1 && sendmail.program.is_relative() {
        let folders = sendmail.search_path().unwrap_or(USUAL_SEARCH_PATH);
        let is_there = env::split_paths(folders)
            .map(|folder| folder.join(&sendmail.program))
            .any(|program| is_executable(&program));
        let what = format!("names {shown}, which is no program in {folders}");
        return (!is_there).then(|| Complaint::new(what, remedy));
    }
    let what = if !sendmail.program.exists() {
        "does not exist"
    } else if !sendmail.program.is_file() {
        "is no file"
    } else if !is_executable(&sendmail.program) {
        "may not be executed by the one who runs this"
    } else {
        return None;
    };
    Some(Complaint::new(
        format!("names {shown}, which {what}"),
        remedy,
    ))
}

#[cfg(unix)]
fn is_executable(program: &Path) -> bool {
    program.is_file() && rustix::fs::access(program, rustix::fs::Access::EXEC_OK).is_ok()
}

#[cfg(not(unix))]
fn is_executable(program: &Path) -> bool {
    program.is_file()
}

/// A command is not run: what it does beside printing is not known.
fn of_token(file: &Path) -> Option<Complaint> {
    let error = fs::read(file).err()?;
    Some(Complaint::new(
        format!("names {}, which can't be read: {error}", file.display()),
        "let what gets the tokens write them there, readable by the one who runs Vigie",
    ))
}

/// `what` is what has to be in the file; a key may be called `RSA PRIVATE KEY` and the like there.
fn of_pem(file: &Path, what: &str) -> Option<Complaint> {
    let shown = file.display();
    match fs::read(file) {
        Err(error) => Some(Complaint::new(
            format!("names {shown}, which can't be read: {error}"),
            "name a PEM file that the one who runs Vigie can read",
        )),
        Ok(content) if !holds_pem(&content, what) => Some(Complaint::new(
            format!("names {shown}, which holds no {}", what.to_lowercase()),
            format!("name a PEM file with -----BEGIN {what}----- in it"),
        )),
        Ok(_) => None,
    }
}

fn holds_pem(content: &[u8], what: &str) -> bool {
    let end = format!("{what}-----");
    String::from_utf8_lossy(content)
        .lines()
        .any(|line| line.starts_with("-----BEGIN ") && line.trim_end().ends_with(&end))
}

/// Where an absolute path leads after all links, even when its last parts do not exist yet.
fn resolved(path: &Path) -> PathBuf {
    let mut resolved = PathBuf::new();
    for component in path.components() {
        if component == Component::ParentDir {
            resolved.pop();
        } else {
            resolved.push(component);
        }
        if let Ok(found) = resolved.canonicalize() {
            resolved = found;
        }
    }
    resolved
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    /// The problems with the paths of `text` in `folder`, which is written as `.` in them.
    fn problems(folder: &Path, text: &str) -> Vec<String> {
        let environment = Environment::new(|_| None, folder);
        let config = Config::from_toml(text, Path::new("vigie.toml"), &environment).unwrap();
        let shown = folder.display().to_string();
        check_paths(&config)
            .iter()
            .map(|problem| problem.to_string().replace(&shown, "."))
            .collect()
    }

    fn folder_with_deposit() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("deposit")).unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        folder
    }

    #[test]
    fn nothing_is_wrong_with_folders_that_are_only_not_there_yet() {
        let folder = folder_with_deposit();
        let text = "[deposit]\nroot = 'deposit'\nvalidated = 'a/b'\n[mail]\ndirectory = 'c/d'\n";
        assert_eq!(problems(folder.path(), text), [""; 0]);
    }

    #[test]
    fn a_root_has_to_be_a_folder() {
        let folder = folder_with_deposit();
        let of_root = |root: &str| problems(folder.path(), &format!("deposit.root = '{root}'"));
        assert_eq!(
            of_root("absent"),
            [
                "vigie.toml:1: deposit.root names ./absent, which does not exist; make this \
                 folder, or name another"
            ]
        );
        assert_eq!(
            of_root("file"),
            [
                "vigie.toml:1: deposit.root names ./file, which is no folder; name the folder of \
                 the agents' folders"
            ]
        );
    }

    #[test]
    fn the_deposit_and_what_vigie_writes_lie_apart() {
        let folder = folder_with_deposit();
        std::os::unix::fs::symlink("deposit", folder.path().join("link")).unwrap();
        let of_validated = |validated: &str| {
            let text = format!("[deposit]\nroot = 'deposit'\nvalidated = '{validated}'");
            problems(folder.path(), &text)
        };
        for validated in [
            "deposit",
            "deposit/good",
            "link/good/x",
            "absent/../deposit/x",
        ] {
            assert_eq!(
                of_validated(validated),
                [format!(
                    "vigie.toml:3: deposit.validated names ./{validated}, which is in the deposit \
                     and would be scanned; name a folder beside the deposit"
                )]
            );
        }
        assert_eq!(
            of_validated("."),
            [
                "vigie.toml:3: deposit.validated names ., which the deposit is in and would be \
                 written over; name a folder beside the deposit"
            ]
        );
        assert_eq!(of_validated("deposit-validated"), [""; 0]);
        assert_eq!(
            problems(
                folder.path(),
                "deposit.root = 'deposit'\nmail.directory = 'deposit/mails'"
            ),
            [
                "vigie.toml:2: mail.directory names ./deposit/mails, which is in the deposit and \
                 would be scanned; name a folder beside the deposit"
            ]
        );
        assert_eq!(
            problems(
                folder.path(),
                "deposit.root = 'deposit'\ndatabase.url = 'sqlite://deposit/vigie.db'"
            ),
            [
                "vigie.toml:2: database.url names ./deposit/vigie.db, which is in the deposit, so \
                 that agents could write it; name a file beside the deposit"
            ]
        );
    }

    #[test]
    fn a_folder_of_templates_is_there_and_apart_from_what_agents_write() {
        let folder = folder_with_deposit();
        fs::create_dir(folder.path().join("deposit/templates")).unwrap();
        fs::create_dir(folder.path().join("templates")).unwrap();
        std::os::unix::fs::symlink("deposit/templates", folder.path().join("link")).unwrap();
        let of_templates = |directory: &str| {
            let text = format!("deposit.root = 'deposit'\n[templates]\ndirectory = '{directory}'");
            problems(folder.path(), &text)
        };
        assert_eq!(of_templates("templates"), [""; 0]);
        let cases = [
            (
                "absent",
                "which does not exist; make this folder, or name another",
            ),
            (
                "file",
                "which is no folder; name the folder of your own templates",
            ),
            (
                "deposit",
                "which is in the deposit, so that agents could write templates; name a folder \
                 beside the deposit",
            ),
            (
                "link",
                "which is in the deposit, so that agents could write templates; name a folder \
                 beside the deposit",
            ),
            (
                "templates/..",
                "which the deposit is in, so that agents could write templates; name a folder \
                 beside the deposit",
            ),
        ];
        for (directory, problem) in cases {
            assert_eq!(
                of_templates(directory),
                [format!(
                    "vigie.toml:3: templates.directory names ./{directory}, {problem}"
                )]
            );
        }
    }

    #[test]
    fn a_file_in_place_of_a_folder_and_a_missing_folder_are_told() {
        let folder = folder_with_deposit();
        let text = "
[deposit]
root = 'deposit'
validated = 'file'
[database]
url = 'sqlite://absent/vigie.db'
[mail]
directory = 'file'
";
        assert_eq!(
            problems(folder.path(), text),
            [
                "vigie.toml:4: deposit.validated names ./file, which is no folder; name a folder, \
                 which may be missing yet",
                "vigie.toml:6: database.url names a file in ./absent, which is no folder; make \
                 this folder, or name another",
                "vigie.toml:8: mail.directory names ./file, which is no folder; name a folder, \
                 which may be missing yet",
            ]
        );
        assert_eq!(
            problems(
                folder.path(),
                "deposit.root = 'deposit'\ndatabase.url = 'sqlite://deposit'"
            ),
            ["vigie.toml:2: database.url names ./deposit, which is a folder; name a file in it"]
        );
    }

    #[test]
    fn files_for_the_mail_server_have_to_be_readable_and_hold_what_they_should() {
        let folder = folder_with_deposit();
        let of_server = |file: &str| {
            let text = format!(
                "deposit.root = 'deposit'\n[smtp]\nhost = 'h'\nusername = 'u'\npassword_file = \
                 '{file}'\nca_file = '{file}'"
            );
            problems(folder.path(), &text)
        };
        assert_eq!(
            of_server("absent"),
            [
                "vigie.toml:5: smtp.password_file is of no use: the password file ./absent can't \
                 be read: No such file or directory (os error 2); write the password into that \
                 file, readable by the one who runs Vigie",
                "vigie.toml:6: smtp.ca_file names ./absent, which can't be read: No such file or \
                 directory (os error 2); name a PEM file that the one who runs Vigie can read",
            ]
        );
        assert_eq!(
            of_server("file"),
            [
                "vigie.toml:5: smtp.password_file is of no use: the password file ./file is \
                 empty; write the password into that file, readable by the one who runs Vigie",
                "vigie.toml:6: smtp.ca_file names ./file, which holds no certificate; name a PEM \
                 file with -----BEGIN CERTIFICATE----- in it",
            ]
        );
        fs::write(folder.path().join("file"), "-----BEGIN CERTIFICATE-----\n").unwrap();
        assert_eq!(of_server("file"), [""; 0]);
    }

    #[test]
    fn a_command_for_mails_has_to_be_there_and_executable() {
        let folder = folder_with_deposit();
        let of_command = |command: &str| {
            let text = format!(
                "deposit.root = 'deposit'\nmail.transport = 'sendmail'\nsendmail.command = {command}"
            );
            problems(folder.path(), &text)
        };
        for sound in ["'/bin/sh'", "['sh', '-x']"] {
            assert_eq!(of_command(sound), [""; 0]);
        }
        let remedy = "name the program as it is installed, and its arguments in an array: \
                      [\"msmtp\", \"-a\", \"alerts\"]";
        for (command, problem) in [
            ("'./absent'", "./absent, which does not exist"),
            ("'/bin/sh -x'", "/bin/sh -x, which does not exist"),
            ("'./deposit'", "./deposit, which is no file"),
            ("'absent'", "absent, which is no program in /bin:/usr/bin"),
        ] {
            assert_eq!(
                of_command(command),
                [format!(
                    "vigie.toml:3: sendmail.command names {problem}; {remedy}"
                )]
            );
        }
        let told = of_command("'./file'");
        assert!(told[0].contains("which may not be executed"), "{told:?}");
        let unused = "deposit.root = 'deposit'\nsendmail.command = 'absent'";
        assert_eq!(problems(folder.path(), unused), [""; 0]);
    }

    #[test]
    fn what_signs_mails_has_to_be_of_use() {
        let folder = folder_with_deposit();
        // Not a key of anybody's: the example of RFC 8410, section 10.3.
        let key = "-----BEGIN PRIVATE KEY-----\n\
                   MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
                   -----END PRIVATE KEY-----\n";
        fs::write(folder.path().join("key"), key).unwrap();
        let of_dkim = |domain: &str, selector: &str, file: &str| {
            let text = format!(
                "deposit.root = 'deposit'\n[smtp]\nhost = 'h'\n[smtp.dkim]\ndomain = '{domain}'\n\
                 selector = '{selector}'\nkey_file = '{file}'"
            );
            problems(folder.path(), &text)
        };
        assert_eq!(of_dkim("example.com", "vigie", "key"), [""; 0]);
        assert_eq!(
            of_dkim("example.com", "vigie", "absent"),
            [
                "vigie.toml:7: smtp.dkim.key_file names ./absent, which can't be read: No such file \
                 or directory (os error 2); name a PEM file that the one who runs Vigie can read"
            ]
        );
        assert_eq!(
            of_dkim("example.com", "vigie", "file"),
            [
                "vigie.toml:7: smtp.dkim.key_file is of no use: there is no private key in PEM \
                 without a passphrase; name a PEM file with -----BEGIN PRIVATE KEY----- in it"
            ]
        );
        assert_eq!(
            of_dkim("example.com.", "vigie", "key"),
            [
                "vigie.toml:5: smtp.dkim.domain is of no use: \"example.com.\" is no domain; write \
                 one such as \"example.com\", in letters, digits and \"-\""
            ]
        );
        assert!(of_dkim("example.com", "a b", "key")[0].contains("toml:6: smtp.dkim.selector"));
    }

    #[test]
    fn the_files_of_a_second_server_are_looked_at_too() {
        let folder = folder_with_deposit();
        let text = "deposit.root = 'deposit'\n[smtp]\nhost = 'a'\n[smtp.fallback]\nhost = 'b'\n\
                    username = 'u'\npassword_file = 'file'\nca_file = 'absent'";
        assert_eq!(
            problems(folder.path(), text),
            [
                "vigie.toml:7: smtp.fallback.password_file is of no use: the password file ./file \
                 is empty; write the password into that file, readable by the one who runs Vigie",
                "vigie.toml:8: smtp.fallback.ca_file names ./absent, which can't be read: No such \
                 file or directory (os error 2); name a PEM file that the one who runs Vigie can \
                 read",
            ]
        );
    }

    #[test]
    fn a_client_certificate_needs_a_key_beside_it() {
        let folder = folder_with_deposit();
        let text = "deposit.root = 'deposit'\n[smtp]\nhost = 'h'\nclient_certificate = 'file'";
        let certificate = "-----BEGIN CERTIFICATE-----\n";
        fs::write(folder.path().join("file"), certificate).unwrap();
        assert_eq!(
            problems(folder.path(), text),
            [
                "vigie.toml:4: smtp.client_certificate names ./file, which holds no private key; \
                 name a PEM file with -----BEGIN PRIVATE KEY----- in it"
            ]
        );
        let both = format!("{certificate}-----BEGIN EC PRIVATE KEY-----\n");
        fs::write(folder.path().join("file"), both).unwrap();
        assert_eq!(problems(folder.path(), text), [""; 0]);
    }
}
