//! `vigie mail test`: one real mail on the way that all others go, and what became of it.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::ensure;
use vigie_domain::BackupEntryStatus;
use vigie_notify::samples::{self, Sample};
use vigie_notify::{Clock, MailKind, Recipient, SystemClock, Transport};

use crate::arguments::MailTestArguments;
use crate::mails::{composer, transport};
use crate::vigie::load_config;

pub async fn run(config: Option<&Path>, arguments: &MailTestArguments) -> anyhow::Result<ExitCode> {
    let config = load_config(config)?;
    let reader = Recipient {
        address: arguments.to.clone(),
        locale: arguments.locale.clone(),
        time_zone: None,
    };
    let composer = composer(&config)?;
    if let Some(locale) = &arguments.locale {
        ensure!(
            composer.templates().has_locale(locale),
            "there are no templates in the language {locale}; `vigie templates list` tells in which"
        );
    }
    let mail = composer.test(&sample(arguments.mail), SystemClock.now(), &reader)?;
    let transport = transport(&config)?;
    let started_at = SystemClock.now();
    let receipt = transport.send(&mail).await?;
    let took = SystemClock.now().duration_since(started_at);
    let took = Duration::from_millis(u64::try_from(took.as_millis()).unwrap_or_default());
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "To       {}", mail.to)?;
    writeln!(stdout, "From     {}", mail.from)?;
    writeln!(stdout, "Subject  {}", mail.subject)?;
    writeln!(
        stdout,
        "Sent by  {} in {}",
        receipt.by,
        humantime::format_duration(took)
    )?;
    writeln!(stdout, "Answer   {}", receipt.answer)?;
    Ok(ExitCode::SUCCESS)
}

fn sample(mail: MailKind) -> Sample {
    match mail {
        MailKind::Missing => samples::missing_full().into(),
        MailKind::Reminder => samples::reminder_full().into(),
        MailKind::Recovery => samples::recovery_full().into(),
        MailKind::Damaged => samples::damaged_full().into(),
        MailKind::Warning => samples::warning_full().into(),
        MailKind::Group => samples::group_full().into(),
        MailKind::Outage => samples::outage_deposit_full().into(),
        MailKind::Summary => samples::summary_full().into(),
        MailKind::Digest => samples::digest_full().into(),
        MailKind::Undelivered => samples::undelivered_full().into(),
        _ => samples::entry_full(BackupEntryStatus::HashMismatch).into(),
    }
}
