//! What writes the mails and what they leave by, as the config says. Knows no store and no scanner.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use tracing::{error, warn};
use vigie_notify::{
    Composer, ComposerSettings, FallbackTransport, FileTransport, Locale, Recipient,
    SendmailSettings, SendmailTransport, Severity, SmtpClientCertificate, SmtpSecurity,
    SmtpSettings, SmtpTransport, TemplateFiles, Templates, TemplatesBuilder, Transport,
};

use crate::config::{self, Complaint, Config, MailTransport, Problem, SendmailConfig, SmtpConfig};
use crate::tokens::Tokens;

/// How many commands that take mails run at once: they mostly wait for a disk.
const COMMANDS: NonZeroUsize = NonZeroUsize::new(4).unwrap();

/// What writes the mails.
pub fn composer(config: &Config) -> anyhow::Result<Composer> {
    composer_with(config, templates(config))
}

/// The same, with these templates.
pub fn composer_with(config: &Config, templates: Templates) -> anyhow::Result<Composer> {
    let mail = &config.mail;
    for problem in locale_problems(config, &templates) {
        warn!("{problem}; these mails are written in English");
    }
    let preference = |wanted: &config::RecipientConfig| Recipient {
        address: wanted.address.clone(),
        locale: wanted.locale.clone(),
        time_zone: wanted.time_zone.clone(),
    };
    Ok(Composer::new(ComposerSettings {
        from: mail.from.clone(),
        admin_email_recipient: mail.admin_email_recipient.clone(),
        preferences: mail.preferences.iter().map(preference).collect(),
        locale: mail.locale.clone(),
        time_zone: mail.time_zone.clone(),
        templates,
    })?)
}

/// The words of the mails: the built-in ones, and those of the config's folder over them. What is
/// wrong with the latter is logged, and costs no mail.
pub fn templates(config: &Config) -> Templates {
    let templates = quiet_templates(config);
    log_faults(&templates);
    templates
}

/// The same without a word about what is wrong.
pub fn quiet_templates(config: &Config) -> Templates {
    let folder = config.templates.directory.as_deref();
    let files = folder.map_or_else(TemplateFiles::none, TemplateFiles::read);
    template_builder(config).files(files).build()
}

/// What the config gives to templates, whatever files they are.
pub fn template_builder(config: &Config) -> TemplatesBuilder {
    let wanted = &config.templates;
    let vars = wanted.vars.iter();
    let vars = vars.map(|(name, value)| (name.clone(), value.clone().into()));
    let mut builder = Templates::builder().vars(vars.collect());
    if let Some(link) = &wanted.dashboard_url {
        builder = builder.dashboard(link.clone());
    }
    if let Some(link) = &wanted.runbook_url {
        builder = builder.runbook(link.clone());
    }
    builder
}

/// Logs what is wrong with templates.
pub fn log_faults(templates: &Templates) {
    for fault in templates.faults() {
        // A severity that is not known here is taken for the worst.
        if fault.severity == Severity::Warning {
            warn!(template = %fault, "a template should be looked at");
        } else {
            error!(template = %fault, "a template can't be used");
        }
    }
    if !templates.are_sound() {
        error!(
            "mails that need these templates are written with the built-in ones; `vigie templates \
             check` tells the same"
        );
    }
}

/// What is wrong with the languages that the config names: those that there are no templates for.
pub fn locale_problems(config: &Config, templates: &Templates) -> Vec<Problem> {
    let preferences = config.mail.preferences.iter();
    let named = preferences
        .filter_map(|wanted| Some((format!("{}.locale", wanted.key), wanted.locale.as_ref()?)))
        .chain([("mail.locale".to_owned(), &config.mail.locale)]);
    named
        .filter(|(_, locale)| !templates.has_locale(locale))
        .map(|(key, locale)| {
            let known: Vec<&str> = templates.locales().map(Locale::as_str).collect();
            let complaint = Complaint::new(
                format!("is \"{locale}\", and there are no templates in that language"),
                format!(
                    "write one of {}, or add a folder {locale} to templates.directory",
                    known.join(", ")
                ),
            );
            config.problem(&key, complaint)
        })
        .collect()
}

/// What the mails leave by.
pub fn transport(config: &Config) -> anyhow::Result<Arc<dyn Transport>> {
    Ok(match (config.mail.transport, &config.smtp) {
        (MailTransport::Smtp, Some(smtp)) => smtp_transport(smtp)?,
        (MailTransport::Sendmail, _) => {
            Arc::new(SendmailTransport::new(sendmail_settings(&config.sendmail)))
        }
        _ => Arc::new(FileTransport::new(&config.mail.directory)),
    })
}

fn smtp_transport(smtp: &SmtpConfig) -> anyhow::Result<Arc<dyn Transport>> {
    let settings = smtp_settings(smtp)?;
    // A mail has the same bytes whichever server it is offered to.
    let dkim = settings.dkim.clone();
    let first = SmtpTransport::new(settings)?;
    let Some(fallback) = &smtp.fallback else {
        return Ok(Arc::new(first));
    };
    let second = smtp_settings(fallback)
        .and_then(|settings| Ok(SmtpTransport::new(SmtpSettings { dkim, ..settings })?));
    let second = second.context("the second mail server, [smtp.fallback], can't be used")?;
    Ok(Arc::new(FallbackTransport::new(first, second)))
}

fn sendmail_settings(sendmail: &SendmailConfig) -> SendmailSettings {
    let variables = sendmail.environment.iter();
    SendmailSettings {
        command: sendmail.program.clone(),
        arguments: sendmail.arguments.clone(),
        environment: variables
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
        timeout: sendmail.timeout,
    }
}

/// How many mails may be on their way at once.
pub fn parallel(config: &Config) -> NonZeroUsize {
    match (config.mail.transport, &config.smtp) {
        (MailTransport::Smtp, Some(smtp)) => smtp.connections.into(),
        (MailTransport::Sendmail, _) => COMMANDS,
        // A folder takes a mail in no time.
        _ => NonZeroUsize::MIN,
    }
}

fn smtp_settings(smtp: &SmtpConfig) -> anyhow::Result<SmtpSettings> {
    let security = match smtp.security {
        config::SmtpSecurity::StartTls => SmtpSecurity::Starttls,
        config::SmtpSecurity::Tls => SmtpSecurity::Tls,
        config::SmtpSecurity::None => SmtpSecurity::None,
    };
    let mut settings = SmtpSettings::new(&smtp.host, security);
    settings.port = smtp.port;
    settings.timeout = smtp.timeout;
    settings.connections = smtp.connections;
    if let Some(login) = &smtp.login {
        settings.username = Some(login.username.clone());
        settings.password = Some(login.password.read()?);
    }
    if let Some(token) = &smtp.token {
        settings.username = Some(token.username.clone());
        let tokens = Tokens::new(token.source.clone(), smtp.timeout);
        settings.tokens = Some(Arc::new(tokens));
    }
    if let Some(path) = &smtp.ca_file {
        settings.extra_root_certificates =
            fs::read(path).with_context(|| unread(smtp, "ca_file", path))?;
    }
    if let Some(client) = &smtp.client_certificate {
        settings.client_certificate = Some(client_certificate(smtp, client)?);
    }
    if let Some(dkim) = &smtp.dkim {
        settings.dkim = Some(dkim.signer()?);
    }
    Ok(settings)
}

fn client_certificate(
    smtp: &SmtpConfig,
    files: &config::ClientCertificate,
) -> anyhow::Result<SmtpClientCertificate> {
    let key =
        fs::read_to_string(&files.key).with_context(|| unread(smtp, "client_key", &files.key))?;
    let path = &files.certificate;
    let certificates = fs::read(path).with_context(|| unread(smtp, "client_certificate", path))?;
    Ok(SmtpClientCertificate {
        certificates,
        key: key.into(),
    })
}

fn unread(smtp: &SmtpConfig, key: &str, path: &Path) -> String {
    format!("could not read {} {}", smtp.server.key(key), path.display())
}
