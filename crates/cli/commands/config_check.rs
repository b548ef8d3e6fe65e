//! `vigie config check`: everything that can be wrong before the first scan, without sending.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use super::templates::counted;
use crate::config::{ConfigErrors, MailTransport, check_paths};
use crate::mails::{composer_with, locale_problems, quiet_templates, transport};
use crate::vigie::load_config;

pub fn run(config: Option<&Path>) -> anyhow::Result<ExitCode> {
    let config = load_config(config)?;
    let problems = check_paths(&config);
    if !problems.is_empty() {
        return Err(ConfigErrors::new(problems).into());
    }
    let templates = quiet_templates(&config);
    let problems = locale_problems(&config, &templates);
    if !problems.is_empty() {
        return Err(ConfigErrors::new(problems).into());
    }
    let mut stdout = io::stdout().lock();
    let folder = config.templates.directory.as_deref();
    for fault in templates.faults() {
        let folder = folder.map_or_else(String::new, |folder| format!("{}/", folder.display()));
        writeln!(stdout, "{folder}{fault}")?;
    }
    anyhow::ensure!(
        templates.are_sound(),
        "some of the templates can't be used; `vigie templates check` tells the same"
    );
    composer_with(&config, templates)?;
    transport(&config)?;
    let way = match (config.mail.transport, &config.smtp) {
        (MailTransport::Smtp, Some(smtp)) => {
            let servers = smtp
                .servers()
                .map(|one| format!("{}:{}", one.host, one.port));
            let servers: Vec<String> = servers.collect();
            format!("by SMTP to {}", servers.join(", else to "))
        }
        (MailTransport::Sendmail, _) => {
            format!("to the command {}", config.sendmail.program.display())
        }
        _ => format!("to the folder {}", config.mail.directory.display()),
    };
    writeln!(
        stdout,
        "{} is sound: {} declared, mails go {way}.",
        config.path.display(),
        counted(config.jobs.len(), "job")
    )?;
    if let (MailTransport::Smtp, Some(smtp)) = (config.mail.transport, &config.smtp)
        && let Some(dkim) = &smtp.dkim
    {
        let signer = dkim.signer()?;
        writeln!(
            stdout,
            "Servers trust the signatures of {} once DNS has this:",
            dkim.domain
        )?;
        writeln!(stdout, "{}", signer.record())?;
    }
    let routes = &config.routing.routes;
    let is_all_routed = routes.iter().any(|route| route.matchers.is_empty());
    if config.mail.admin_email_recipient.is_empty() && !is_all_routed {
        let and_no_route = if routes.is_empty() {
            ""
        } else {
            " and have no route"
        };
        writeln!(
            stdout,
            "warning: mail.admin_email_recipient is not set; nobody is told about jobs that name \
             no recipients of their own{and_no_route}"
        )?;
    }
    Ok(ExitCode::SUCCESS)
}
