//! Tells people about one job at once. Knows no event and no queue.

use vigie_domain::{BackupEntry, ExpectedBackupJob};

use crate::{Clock, Composer, Transport};

/// Writes the mails about a job and sends them, for programs that keep no queue of their own.
///
/// A mail that can't be sent is logged and gone. Where that must not happen, use a
/// [`Planner`](crate::Planner) and a [`DeliveryWorker`](crate::DeliveryWorker).
#[derive(Debug)]
pub struct Notifier<T, C> {
    composer: Composer,
    transport: T,
    clock: C,
}

/// What became of the mails about a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use]
pub struct Notified {
    /// Mails that were sent.
    pub sent: usize,
    /// Mails that were not; why is in the log.
    pub failed: usize,
}

impl<T: Transport, C: Clock> Notifier<T, C> {
    /// A notifier that sends what the composer writes through the transport.
    pub fn new(composer: Composer, transport: T, clock: C) -> Self {
        Self {
            composer,
            transport,
            clock,
        }
    }

    /// Tells the recipients of a job, or else the administrators, that it is not OK. Quiet only
    /// when the job's `current_status` is OK.
    ///
    /// With no entry it is the **missing** mail: urgent, no report was received. With an entry it is
    /// the **entry** mail, with the facts of that backup. When nobody is to be told, nothing is sent
    /// and a warning is logged.
    ///
    /// A mail that can't be sent is logged as an error, and never stops the caller.
    pub async fn notify_backup_status_change(
        &self,
        job: &ExpectedBackupJob,
        backup_entry: Option<&BackupEntry>,
    ) -> Notified {
        let mut notified = Notified::default();
        let mails = self.composer.compose(job, backup_entry, self.clock.now());
        for mail in &mails {
            match self.transport.send(mail).await {
                Ok(_) => notified.sent += 1,
                Err(error) => {
                    tracing::error!(
                        job = job.id.0,
                        database = ?job.database,
                        agent = %job.agent,
                        recipient = %mail.to,
                        %error,
                        "a mail could not be sent"
                    );
                    notified.failed += 1;
                }
            }
        }
        notified
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use jiff::Timestamp;
    use vigie_domain::{BackupEntryStatus, JobStatus};

    use super::*;
    use crate::samples::{self, JobSample};
    use crate::transport::MockTransport;
    use crate::{ComposerSettings, Mail, Receipt, TransportError};

    const ADMIN: &str = "admin@example.com";

    fn notifier(
        administrators: &[&str],
        transport: MockTransport,
        now: Timestamp,
    ) -> Notifier<MockTransport, Timestamp> {
        let administrators = administrators.iter().map(|&address| address.to_owned());
        let composer = Composer::new(ComposerSettings {
            from: "Vigie <vigie@example.com>".to_owned(),
            admin_email_recipient: administrators.collect(),
            ..ComposerSettings::default()
        });
        Notifier::new(composer.unwrap(), transport, now)
    }

    /// The one mail that is sent about a sample.
    async fn mail_about(sample: &JobSample) -> Mail {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let mut transport = MockTransport::new();
        let kept = sent.clone();
        transport.expect_send().times(1).returning(move |mail| {
            kept.lock().unwrap().push(mail.clone());
            Ok(Receipt::default())
        });
        let notified = notifier(&[ADMIN], transport, sample.now)
            .notify_backup_status_change(&sample.job, sample.entry.as_ref())
            .await;
        assert_eq!(notified, Notified { sent: 1, failed: 0 });
        let mail = sent.lock().unwrap().pop().unwrap();
        assert_eq!(mail.to, ADMIN);
        assert_eq!(mail.date, sample.now);
        mail
    }

    /// What is logged while the future runs.
    async fn logged(run: impl Future<Output = Notified>) -> (Notified, Vec<String>) {
        #[derive(Clone, Default)]
        struct Lines(Arc<Mutex<Vec<u8>>>);
        impl std::io::Write for Lines {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let guard = tracing::subscriber::set_default(subscriber);
        let notified = run.await;
        drop(guard);
        let bytes = lines.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        (notified, text.lines().map(str::to_owned).collect())
    }

    #[track_caller]
    fn assert_tells(part: &str, facts: &[&str]) {
        for fact in facts {
            assert!(part.contains(fact), "{fact:?} is not in:\n{part}");
        }
    }

    #[tokio::test]
    async fn notify_backup_status_change_missing_job_no_entry() {
        let mail = mail_about(&samples::missing_full()).await;
        assert_eq!(
            mail.subject,
            "[MISSING] XAFRIC_2025: no backup report received from SDMC_DOUALA_AKWA"
        );
        assert!(mail.urgent);
        for part in [&mail.text, &mail.html] {
            assert_tells(
                part,
                &[
                    "41",
                    "XAFRIC_2025",
                    "SDMC_DOUALA_AKWA",
                    "SDMC",
                    "DOUALA",
                    "AKWA",
                    "2025",
                    "MISSING",
                    "No report was received",
                    "every day at 01:00 (Africa/Douala), with 2 h of grace",
                    // Expected, given up, overdue.
                    "Fri 20 Jun 2025, 00:00:00 UTC",
                    "Fri 20 Jun 2025, 02:00:00 UTC",
                    "5 h 20 min",
                    // The last good backup.
                    "Thu 19 Jun 2025, 00:38:51 UTC",
                    "28 h 41 min",
                    "1.1 GiB (1,283,457,024 bytes)",
                    "fd61a03af4f7",
                    "XAFRIC_2025.sql.zst",
                    // Where to look.
                    "SDMC_DOUALA_AKWA/log/_rejected/",
                ],
            );
        }
    }

    #[tokio::test]
    async fn notify_backup_status_change_missing_job_no_entry_without_recipient() {
        let mut transport = MockTransport::new();
        transport.expect_send().never();
        let sample = samples::missing_full();
        let notifier = notifier(&[], transport, sample.now);
        let (outcome, lines) =
            logged(notifier.notify_backup_status_change(&sample.job, None)).await;
        assert_eq!(outcome, Notified::default());
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_tells(
            &lines[0],
            &[
                "WARN",
                "nobody is told",
                "job=41",
                "database=\"XAFRIC_2025\"",
                "agent=SDMC_DOUALA_AKWA",
                "admin_email_recipient",
            ],
        );
    }

    #[tokio::test]
    async fn notify_backup_status_change_failed_entry() {
        let mail = mail_about(&samples::entry_full(BackupEntryStatus::Failed)).await;
        assert_eq!(
            mail.subject,
            "[FAILED] XAFRIC_2025: not completed (SDMC_DOUALA_AKWA)"
        );
        assert!(!mail.urgent);
        for part in [&mail.text, &mail.html] {
            assert_tells(
                part,
                &[
                    "The backup failed at the agent.",
                    "the agent says that BACKUP failed",
                    "No space left on device: /var/backups",
                    "not reported",
                    "not computed",
                    "completed_with_errors",
                    "20 databases, 19 of them done",
                    "20250620_004107_SDMC_DOUALA_AKWA.json",
                    "Fri 20 Jun 2025, 00:22:31 UTC",
                ],
            );
        }
    }

    #[tokio::test]
    async fn notify_backup_status_change_hash_mismatch_entry() {
        let sample = samples::entry_full(BackupEntryStatus::HashMismatch);
        let entry = sample.entry.clone().unwrap();
        let mail = mail_about(&sample).await;
        assert_eq!(
            mail.subject,
            "[HASH_MISMATCH] XAFRIC_2025: different content (SDMC_DOUALA_AKWA)"
        );
        // In HTML the digits that differ are marked.
        let marks = ["<b class=\"differs\"", "</b>"];
        let html = mail.html.split('<').fold(String::new(), |html, tag| {
            let tag = format!("<{tag}");
            let is_mark = marks.iter().any(|mark| tag.starts_with(mark));
            html + if is_mark {
                &tag[tag.find('>').unwrap() + 1..]
            } else {
                &tag
            }
        });
        assert_ne!(html, mail.html);
        for part in [&mail.text, &html] {
            assert_tells(
                part,
                &[
                    "Do not restore from it.",
                    &entry.expected_sha256.unwrap().to_string(),
                    &entry.actual_sha256.unwrap().to_string(),
                    "1.1 GiB (1,288,490,188 bytes)",
                ],
            );
        }
    }

    #[tokio::test]
    async fn notify_backup_status_change_transfer_integrity_failed_entry() {
        let mail = mail_about(&samples::entry_full(
            BackupEntryStatus::TransferIntegrityFailed,
        ))
        .await;
        assert_eq!(
            mail.subject,
            "[TRANSFER_INTEGRITY_FAILED] XAFRIC_2025: incomplete transfer (SDMC_DOUALA_AKWA)"
        );
        for part in [&mail.text, &mail.html] {
            assert_tells(
                part,
                &[
                    "The file did not arrive whole.",
                    "1.1 GiB (1,288,490,188 bytes)",
                    "700.0 MiB (734,003,200 bytes)",
                    "not computed",
                ],
            );
        }
    }

    #[tokio::test]
    async fn notify_backup_status_change_missing_entry() {
        let mail = mail_about(&samples::entry_full(BackupEntryStatus::Missing)).await;
        assert_eq!(
            mail.subject,
            "[MISSING] XAFRIC_2025: not received (SDMC_DOUALA_AKWA)"
        );
        assert!(!mail.urgent);
        for part in [&mail.text, &mail.html] {
            assert_tells(
                part,
                &[
                    "The backup was reported, but its file is not there.",
                    "the staged file is not in the agent",
                    "SDMC_DOUALA_AKWA/databases/",
                ],
            );
        }
    }

    #[tokio::test]
    async fn notify_backup_status_change_unknown_entry() {
        let mail = mail_about(&samples::entry_full(BackupEntryStatus::Unknown)).await;
        assert_eq!(
            mail.subject,
            "[UNKNOWN] XAFRIC_2025: not proven (SDMC_DOUALA_AKWA)"
        );
        for part in [&mail.text, &mail.html] {
            assert_tells(
                part,
                &[
                    "Nobody can say whether this backup is good.",
                    "the report gives no SHA-256 of the compressed file",
                    "not reported",
                ],
            );
        }
    }

    async fn assert_quiet(sample: JobSample) {
        let mut transport = MockTransport::new();
        transport.expect_send().never();
        let notifier = notifier(&[ADMIN], transport, sample.now);
        let run = notifier.notify_backup_status_change(&sample.job, sample.entry.as_ref());
        assert_eq!(logged(run).await, (Notified::default(), Vec::new()));
    }

    #[tokio::test]
    async fn notify_backup_status_change_ok_job_no_entry() {
        let mut sample = samples::missing_full();
        sample.job.current_status = JobStatus::Ok;
        assert_quiet(sample).await;
    }

    #[tokio::test]
    async fn notify_backup_status_change_ok_job_with_entry() {
        for status in BackupEntryStatus::ALL {
            let mut sample = samples::entry_full(status);
            sample.job.current_status = JobStatus::Ok;
            assert_quiet(sample).await;
        }
    }

    #[tokio::test]
    async fn notify_backup_status_change_failing_transport_is_logged() {
        let mut transport = MockTransport::new();
        transport.expect_send().times(2).returning(|mail| {
            if mail.to == ADMIN {
                return Ok(Receipt::default());
            }
            Err(TransportError::Temporary {
                by: "mail.example.com:587".to_owned(),
                recipient: mail.to.clone(),
                problem: "451 try again".to_owned(),
            })
        });
        let sample = samples::missing_full();
        let notifier = notifier(&["first@example.com", ADMIN], transport, sample.now);
        let (outcome, lines) =
            logged(notifier.notify_backup_status_change(&sample.job, None)).await;
        assert_eq!(outcome, Notified { sent: 1, failed: 1 });
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_tells(
            &lines[0],
            &[
                "ERROR",
                "a mail could not be sent",
                "job=41",
                "recipient=first@example.com",
                "451 try again",
            ],
        );
    }
}
