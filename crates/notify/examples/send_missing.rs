//! Another program, which sends the missing mail through a transport of its own: it prints it.

use std::time::Duration;
use vigie_domain::{AgentId, ExpectedBackupJob, JobId, Schedule, judge_deadline};
use vigie_notify::{Composer, ComposerSettings, Locale, Mail, Notifier, SystemClock, TimeZone};
use vigie_notify::{Receipt, Transport, TransportError, async_trait};

struct Printer;

#[async_trait]
impl Transport for Printer {
    async fn send(&self, mail: &Mail) -> Result<Receipt, TransportError> {
        println!("{}\n{}\n\n{}", mail.to, mail.subject, mail.text);
        Ok(Receipt {
            by: "the printer".to_owned(),
            answer: "printed".to_owned(),
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let composer = Composer::new(ComposerSettings {
        from: "vigie@example.com".to_owned(),
        admin_email_recipient: vec!["admin@example.com".to_owned()],
        locale: Locale::EN,
        time_zone: TimeZone::get("Africa/Douala")?,
        ..ComposerSettings::default()
    })?;
    let agent = AgentId::new("SDMC_DOUALA_AKWA")?;
    let daily = Schedule::every(Duration::from_hours(24), Duration::from_hours(2))?;
    let known_since = "2025-06-18T00:00:00Z".parse()?;
    let job = ExpectedBackupJob::new(JobId(1), agent, "XAFRIC_2025", daily, known_since);
    let late = judge_deadline(&job, "2025-06-20T06:00:00Z".parse()?).ok_or("in time")?;
    let notifier = Notifier::new(composer, Printer, SystemClock);
    let told = notifier.notify_backup_status_change(&late.job, None).await;
    println!("{} sent, {} failed", told.sent, told.failed);
    Ok(())
}
