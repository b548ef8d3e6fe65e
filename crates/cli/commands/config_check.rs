//! `vigie config check`: everything that can be wrong before the first scan, without sending.

use std::path::Path;
use std::process::ExitCode;

use vigie_notify::samples;

use crate::config::{ConfigErrors, MailTransport, check_paths};
use crate::vigie::{composer, load_config, transport};

pub fn run(config: Option<&Path>) -> anyhow::Result<ExitCode> {
    let config = load_config(config)?;
    let problems = check_paths(&config);
    if !problems.is_empty() {
        return Err(ConfigErrors::new(problems).into());
    }
    let composer = composer(&config)?;
    for sample in samples::all() {
        composer.compose(&sample.job, sample.entry.as_ref(), sample.now)?;
    }
    transport(&config)?;
    let way = match (config.mail.transport, &config.smtp) {
        (MailTransport::Smtp, Some(smtp)) => format!("by SMTP to {}:{}", smtp.host, smtp.port),
        _ => format!("to the folder {}", config.mail.directory.display()),
    };
    println!(
        "{} is sound: {} jobs declared, mails go {way}.",
        config.path.display(),
        config.jobs.len()
    );
    if config.mail.admin_email_recipient.is_empty() {
        println!(
            "warning: mail.admin_email_recipient is not set; nobody is told about jobs that name \
             no recipients of their own"
        );
    }
    Ok(ExitCode::SUCCESS)
}
