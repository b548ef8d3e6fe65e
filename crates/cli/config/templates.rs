//! `[templates]`: what an ops team gives to the mails: templates, links, and words of its own. Knows
//! no template.

use std::collections::BTreeMap;
use std::path::PathBuf;

use vigie_notify::Link;

use super::document::join;
use super::link;
use super::problem::Complaint;
use super::raw::RawTemplates;
use super::reading::Reading;

const VARIABLES: &str = "templates.vars";

/// What an ops team gives to the mails.
#[derive(Debug, Clone)]
pub struct TemplatesConfig {
    /// The folder of the team's own templates, in the same tree as the built-in ones.
    pub directory: Option<PathBuf>,
    /// Where a mail leads to look at a job, with placeholders: `{job_id}`.
    pub dashboard_url: Option<Link>,
    /// Where a mail leads to read what to do, with the same placeholders.
    pub runbook_url: Option<Link>,
    /// What templates call `vars.support_phone`, by its name without `vars.`.
    pub vars: BTreeMap<String, String>,
}

pub fn read(raw: RawTemplates, reading: &mut Reading) -> TemplatesConfig {
    let mut link = |key: &str, given: Option<&str>| reading.parse(key, given, link::parse);
    TemplatesConfig {
        dashboard_url: link("templates.dashboard_url", raw.dashboard_url.as_deref()),
        runbook_url: link("templates.runbook_url", raw.runbook_url.as_deref()),
        directory: reading.path("templates.directory", raw.directory.as_deref()),
        vars: variables(raw.vars, reading),
    }
}

fn variables(given: BTreeMap<String, String>, reading: &mut Reading) -> BTreeMap<String, String> {
    for (name, value) in &given {
        let key = join(VARIABLES, name);
        reading.accept(&key, check_name(name).and_then(|()| check_value(value)));
    }
    given
}

/// The name is told by its key.
fn check_name(name: &str) -> Result<(), Complaint> {
    if is_name(name) {
        return Ok(());
    }
    let is_other = |character: char| !character.is_ascii_alphanumeric() && character != '_';
    let mended = name.replace(is_other, "_");
    let remedy = if is_name(&mended) {
        format!("write {mended}")
    } else {
        "write a letter, then letters, digits or _, such as support_phone".to_owned()
    };
    let what = "is no name that a template could use";
    Err(Complaint::new(what, remedy))
}

fn is_name(text: &str) -> bool {
    let is_of_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.chars().all(is_of_word)
}

/// It may have several lines, and is not told: nobody knows what it is for.
fn check_value(value: &str) -> Result<(), Complaint> {
    let is_strange =
        |character: char| character.is_control() && !matches!(character, '\n' | '\r' | '\t');
    if value.contains(is_strange) {
        let what = "holds a control character";
        return Err(Complaint::new(what, "leave it out"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::tests::{config, problems};

    #[test]
    fn nothing_is_a_teams_own_unless_it_says_so() {
        let templates = config("").templates;
        assert_eq!(templates.directory, None);
        assert_eq!(templates.dashboard_url, None);
        assert_eq!(templates.runbook_url, None);
        assert!(templates.vars.is_empty());
        assert!(config("[templates.vars]").templates.vars.is_empty());
    }

    #[test]
    fn each_value_can_be_given() {
        let templates = config(
            "
[templates]
directory = 'templates'
dashboard_url = 'https://vigie.example.com/{agent}/{database}'
runbook_url = 'http://wiki/{status}'
[templates.vars]
support_phone = '+237 699 00 00 00'
Signature2 = '''
The ops team
Douala'''
nothing = ''
",
        )
        .templates;
        let directory = Path::new("/srv/vigie/templates");
        assert_eq!(templates.directory.as_deref(), Some(directory));
        let dashboard = "https://vigie.example.com/{agent}/{database}";
        assert_eq!(templates.dashboard_url, Some(dashboard.parse().unwrap()));
        let runbook = "http://wiki/{status}";
        assert_eq!(templates.runbook_url, Some(runbook.parse().unwrap()));
        let variables: Vec<(&str, &str)> = templates
            .vars
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            variables,
            [
                ("Signature2", "The ops team\nDouala"),
                ("nothing", ""),
                ("support_phone", "+237 699 00 00 00"),
            ]
        );
    }

    #[test]
    fn a_wrong_value_says_what_to_write() {
        let cases = [
            (
                "directory = '~/templates'",
                "directory is \"~/templates\", and `~` does not stand for a home folder here; \
                 write the whole path",
            ),
            (
                "dashboard_url = 'vigie.example.com'",
                "dashboard_url does not start with http:// or https://; write one such as \
                 \"https://vigie.example.com/jobs/{job_id}\"",
            ),
            (
                "runbook_url = 'https://wiki/{databse}'",
                "runbook_url holds {databse}, which is no placeholder; did you mean {database}?",
            ),
            (
                "runbook_url = 3",
                "runbook_url is an integer; write a string in quotes",
            ),
            (
                "vars = 'x'",
                "vars is a string; write [templates.vars] above its keys",
            ),
            (
                "support_phone = '+237'",
                "support_phone is no known key; known here: dashboard_url, directory, \
                 runbook_url, [templates.vars]",
            ),
        ];
        for (line, problem) in cases {
            let problem = format!("vigie.toml:2: templates.{problem}");
            assert_eq!(problems(&format!("templates.{line}")), [problem]);
        }
    }

    #[test]
    fn a_variable_has_a_name_that_templates_can_use_and_a_string() {
        let text = "
[templates.vars]
signature = '''
The ops team
Douala'''
support-phone = 'x'
\"support.phone\" = 'x'
1st = 'x'
size = 3
is_urgent = true
names = ['x', 'y']
strange = \"\\u0007\"
contact.phone = 'x'
teams = [{ name = 'x' }]
";
        let name = "is no name that a template could use";
        assert_eq!(
            problems(text),
            [
                format!("vigie.toml:7: templates.vars.support-phone {name}; write support_phone"),
                format!(
                    "vigie.toml:8: templates.vars.\"support.phone\" {name}; write support_phone"
                ),
                format!(
                    "vigie.toml:9: templates.vars.1st {name}; write a letter, then letters, \
                     digits or _, such as support_phone"
                ),
                "vigie.toml:10: templates.vars.size is an integer; write a string in quotes"
                    .to_owned(),
                "vigie.toml:11: templates.vars.is_urgent is a boolean; write a string in quotes"
                    .to_owned(),
                "vigie.toml:12: templates.vars.names is an array; write a string in quotes"
                    .to_owned(),
                "vigie.toml:13: templates.vars.strange holds a control character; leave it out"
                    .to_owned(),
                "vigie.toml:14: templates.vars.contact is a table; write contact = and its value \
                 on one line"
                    .to_owned(),
                "vigie.toml:15: templates.vars.teams is a table; write teams = and its value on \
                 one line"
                    .to_owned(),
            ]
        );
    }
}
