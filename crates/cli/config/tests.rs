//! The config as a whole: its defaults, the order of its problems, its template. Also what the
//! tests of each section read a config with.

use super::*;

/// The folder that the tests' vigie.toml lies in, and that the program runs in.
pub const FOLDER: &str = "/srv/vigie";

pub fn read(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    Config::from_toml(text, Path::new("vigie.toml"), &environment(variables))
}

/// The config of a file that holds `text` and a root.
pub fn config(text: &str) -> Config {
    config_with(text, &[])
}

pub fn config_with(text: &str, variables: &[(&str, &str)]) -> Config {
    match read(&format!("deposit.root = 'deposit'\n{text}"), variables) {
        Ok(config) => config,
        Err(errors) => panic!("{errors}"),
    }
}

/// The problems of a file that holds a root on line 1 and `text` from line 2 on.
pub fn problems(text: &str) -> Vec<String> {
    problems_with(text, &[])
}

pub fn problems_with(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    match read(&format!("deposit.root = 'deposit'\n{text}"), variables) {
        Ok(config) => panic!("nothing is wrong with {config:?}"),
        Err(errors) => errors.problems().iter().map(Problem::to_string).collect(),
    }
}

pub fn environment(variables: &[(&str, &str)]) -> Environment {
    let variables: Vec<(String, String)> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let lookup = move |name: &str| {
        let (_, value) = variables.iter().find(|(known, _)| known == name)?;
        Some(value.clone())
    };
    Environment::new(lookup, FOLDER)
}

#[test]
fn a_root_is_all_that_has_to_be_given() {
    let config = config("");
    assert_eq!(config.path, Path::new("/srv/vigie/vigie.toml"));
    assert!(config.jobs.is_empty());
    assert_eq!(
        read("", &[]).unwrap_err().to_string(),
        "vigie.toml: deposit.root is not set; name the folder that agents write to: \
         root = \"deposit\" below [deposit]"
    );
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_the_file_and_then_the_environment() {
    let text = "
[smtp]
prot = 25
security = 'ssl'

[mail]
transport = 'smtp'
locale = 3

[deposit]
settle = '1 minuet'

[[jobs]]
database = 'X'
every = '24h'
cron = '0 1 * * *'
";
    let errors = read(text, &[("EMAIL_PORT", "smtp")]).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "\
vigie.toml:2: smtp.host is not set, and mail.transport is \"smtp\"; name the mail server, or set \
mail.transport to \"file\"
vigie.toml:3: smtp.prot is no known key; did you mean smtp.port?
vigie.toml:4: smtp.security is \"ssl\"; write \"starttls\", \"tls\" or \"none\"
vigie.toml:8: mail.locale is an integer; write a string in quotes
vigie.toml:10: deposit.root is not set; name the folder that agents write to: root = \"deposit\" \
below [deposit]
vigie.toml:11: deposit.settle is \"1 minuet\", which is no duration; write a number and a unit, \
such as \"90s\", \"15m\", \"24h\" or \"7d\"
vigie.toml:13: jobs[1].agent is not set; name the agent and the database of each job
vigie.toml:16: jobs[1].cron is given together with jobs[1].every; keep one of them
environment: EMAIL_PORT (smtp.port) is \"smtp\", which is no port; give a whole number from 1 to \
65535"
    );
}

#[test]
fn a_file_that_can_not_be_read_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let environment = Environment::new(|_| None, folder.path());
    let load = |path: &str| Config::load(Path::new(path), &environment);
    let text_of = |path: &str| load(path).unwrap_err().to_string();

    assert!(text_of("vigie.toml").starts_with("vigie.toml: can't be read: No such file"));
    assert!(text_of(".").starts_with(".: can't be read: Is a directory"));
    fs::write(
        folder.path().join("latin1.toml"),
        b"[deposit]\n# d\xE9p\xF4t\n",
    )
    .unwrap();
    assert_eq!(
        text_of("latin1.toml"),
        "latin1.toml: is no UTF-8 text: see line 2, column 4; save it as UTF-8"
    );
    fs::write(folder.path().join("vigie.toml"), TEMPLATE).unwrap();
    let config = load("vigie.toml").unwrap();
    assert_eq!(config.deposit.root, folder.path().join("deposit"));
}

#[test]
fn a_problem_found_later_still_has_its_line() {
    let config = config_with(
        "[mail]\nfrom = 'a@b'\n",
        &[("ADMIN_EMAIL_RECIPIENT", "c@d")],
    );
    let complaint = || Complaint::new("is refused", "take another");
    assert_eq!(
        config.problem("mail.from", complaint()).to_string(),
        "vigie.toml:3: mail.from is refused; take another"
    );
    let recipients = config.problem("mail.admin_email_recipient[1]", complaint());
    assert_eq!(recipients.variable, Some("ADMIN_EMAIL_RECIPIENT"));
}

#[test]
fn a_problem_has_its_parts_in_json() {
    let errors = read("[deposit]\nroot = ''", &[]).unwrap_err();
    assert_eq!(
        serde_json::to_value(errors.problems()).unwrap(),
        serde_json::json!([{
            "file": "vigie.toml", "line": 2, "column": null, "key": "deposit.root",
            "variable": null, "what": "is empty",
            "remedy": "give it a value, or leave the key out", "excerpt": null,
        }])
    );
}

mod template {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::known_key::every_known_key;

    /// The template with the `#` taken from each line of a key or a table.
    fn uncommented() -> String {
        let lines: Vec<&str> = TEMPLATE.lines().map(without_mark).collect();
        lines.join("\n")
    }

    /// A comment for people has a space after its `#`.
    fn without_mark(line: &str) -> &str {
        match line.strip_prefix('#') {
            Some(key) if !key.is_empty() && !key.starts_with(' ') => key,
            _ => line,
        }
    }

    #[test]
    fn it_works_as_it_is_and_writes_mails_to_a_folder() {
        let config = read(TEMPLATE, &[]).unwrap();
        assert_eq!(config.deposit.root, Path::new("/srv/vigie/deposit"));
        assert_eq!(config.mail.transport, MailTransport::File);
        assert_eq!(config.mail.directory, Path::new("/srv/vigie/mails"));
        assert_eq!(config.mail.admin_email_recipient, ["admin@localhost"]);
    }

    #[test]
    fn it_has_every_known_key_and_no_other() {
        let text = uncommented();
        let mut table = document::parse(&text, Path::new("vigie.toml")).unwrap();
        let lines = document::lines(&table, &text);
        for key in every_known_key() {
            assert!(is_shown(&key, &lines), "the template lacks {key}");
        }
        // What may stand inside of a value, and what people name themselves.
        for key in [
            "jobs[1].recipients[2].address",
            "jobs[1].recipients[2].locale",
            "jobs[1].recipients[2].timezone",
            "templates.vars.support_phone",
        ] {
            assert!(lines.contains_key(key), "the template lacks {key}");
        }
        let folder = Path::new(FOLDER);
        let mut reading = Reading::new(Places::new("vigie.toml", lines), folder, folder);
        known_key::remove_unknown(&mut table, &mut reading);
        document::take_values(table, &mut reading);
        assert_eq!(reading.problems, []);
    }

    /// In the first or second block of its kind. What windows take as routes do is shown with those.
    fn is_shown(key: &str, lines: &BTreeMap<String, usize>) -> bool {
        let (table, name) = key.split_once('.').unwrap();
        let mut shown = vec![
            key.to_owned(),
            format!("{table}[1].{name}"),
            format!("{table}[2].{name}"),
        ];
        let is_matcher = !["name", "recipients", "continue"].contains(&name);
        if is_matcher && ["maintenance", "holidays"].contains(&table) {
            shown.push(format!("routes[1].{name}"));
        }
        shown.iter().any(|key| lines.contains_key(key))
    }

    /// Of keys that exclude each other only one can be tried at a time.
    #[test]
    fn each_of_its_commented_lines_can_be_used() {
        let secrets = [
            "password",
            "password_file",
            "password_credential",
            "oauth_token_file",
            "oauth_token_command",
        ];
        for (index, secret) in secrets.iter().enumerate() {
            let other_schedule = ["cron", "every"][index % 2];
            let mut excluded = vec![other_schedule];
            excluded.extend(secrets.iter().filter(|other| *other != secret));
            let is_kept = |line: &&str| {
                let (key, _) = line.split_once(" = ").unwrap_or_default();
                let needs_cron = ["timezone", "early"].contains(&key) && excluded[0] == "cron";
                // No schedule of backups, but that of digests.
                let is_digest = *line == "every = \"weekly\"";
                is_digest || !excluded.contains(&key) && !needs_cron
            };
            let text = uncommented();
            let lines: Vec<&str> = text.lines().filter(is_kept).collect();
            if let Err(errors) = read(&lines.join("\n"), &[]) {
                panic!("{errors}");
            }
        }
    }

    #[test]
    fn the_defaults_that_it_shows_are_the_true_ones() {
        let examples = [
            "max_per_minute",
            "max_read_rate",
            "cores",
            "validated",
            "cron",
            "timezone",
            "early",
            "username",
            "password",
            "password_file",
            "password_credential",
            "oauth_token_file",
            "oauth_token_command",
            "ca_file",
            "client_certificate",
            "client_key",
            "domain",
            "selector",
            "key_file",
            // That of [mail] has no mark to take away.
            "directory",
            "dashboard_url",
            "runbook_url",
            "support_phone",
            "recipients",
        ];

        // A table with a mark is an example as a whole.
        let blocks = TEMPLATE.split("\n\n");
        let shown: Vec<&str> = blocks
            .filter(|block| !block.contains("\n#["))
            .flat_map(str::lines)
            .map(|line| match without_mark(line).split_once(" = ") {
                Some((key, _)) if !examples.contains(&key) => without_mark(line),
                _ => line,
            })
            .collect();
        let shown = read(&shown.join("\n"), &[]).unwrap();
        let silent = config(
            "mail.admin_email_recipient = 'admin@localhost'\n\
             smtp.host = 'mail.example.com'\n\
             digest.every = 'weekly'",
        );
        assert_eq!(all_values(&shown), all_values(&silent));
    }

    fn all_values(config: &Config) -> String {
        let Config {
            deposit,
            database,
            scan,
            scrub,
            schedule,
            alerts,
            warnings,
            verify,
            retention,
            mail,
            smtp,
            sendmail,
            templates,
            routing,
            windows,
            digests,
            ping,
            ..
        } = config;
        format!(
            "{deposit:#?} {database:#?} {scan:#?} {scrub:#?} {schedule:#?} {alerts:#?} {warnings:#?} {verify:#?} {retention:#?} {mail:#?} {smtp:#?} \
             {sendmail:#?} {templates:#?} {routing:#?} {windows:#?} {digests:#?} {ping:#?}"
        )
    }
}
