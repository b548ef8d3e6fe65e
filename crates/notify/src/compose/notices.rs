//! Mails about notices whose readers somebody else has chosen: one alone, several in one mail, and what
//! is about no job at all. Knows no route and no limit.

use jiff::Timestamp;
use lettre::message::Mailbox;
use vigie_domain::JobStatus;

use super::{Composer, Note, Recipient, each_once};
use crate::about::About;
use crate::mail::parse_address;
use crate::{Digest, GroupScope, InvalidAddress, Mail, Notice, Outage, SummaryCause};

impl Composer {
    /// The same composer for somebody of whose alerts so many are held back by silences or maintenance
    /// windows: its mails say so in a note. With 0 they have none. A mail has the same message id with
    /// the note and without it.
    #[must_use]
    pub fn with_held_back(&self, count: u32) -> Self {
        Self {
            held_back: count,
            ..self.clone()
        }
    }

    /// The mails of one notice as of `now`, one to each of these readers: the **missing** or the
    /// **entry** mail of an alert, the **reminder** mail, the **recovery** mail or the **warning** mail.
    /// They are the mails that [`compose`](Self::compose), [`compose_reminder`](Self::compose_reminder)
    /// and [`compose_recovery`](Self::compose_recovery) write.
    ///
    /// There are none for an alert on a job that is OK. A reader whose address can't be used is logged
    /// and takes nothing from the others.
    ///
    /// ```
    /// use vigie_notify::{Composer, ComposerSettings, samples};
    ///
    /// let composer = Composer::new(ComposerSettings::default())?;
    /// let odd = samples::warning_full();
    /// let readers = ["admin@example.com".to_owned()];
    /// let mails = composer.compose_notices(&readers, &odd.notice(), odd.now);
    /// assert!(mails[0].subject.starts_with("[WARNING] XAFRIC_2025: "));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn compose_notices(
        &self,
        readers: &[String],
        notice: &Notice,
        now: Timestamp,
    ) -> Vec<Mail> {
        let is_alert = matches!(notice, Notice::Alert { .. });
        if is_alert && notice.job().current_status == JobStatus::Ok {
            return Vec::new();
        }
        self.to_each(&usable(readers), About::from(notice), now)
    }

    /// The mails about several jobs that have something in common as of `now`, one to each of these
    /// readers: the **group** mail. All `notices` must be of one class. It is urgent when the mail of one
    /// of them would be.
    ///
    /// It lists up to 200 jobs, the worst first, and counts the others; of the first 25 it tells what
    /// their own mails would have said, as far as 90,000 bytes go. It belongs to the conversations
    /// of the incidents that it tells of, 50 at most. The same notices in another order give the same
    /// message id. A reader whose address can't be used is logged and takes nothing from the others.
    ///
    /// ```
    /// use vigie_notify::{Composer, ComposerSettings, samples};
    ///
    /// let composer = Composer::new(ComposerSettings::default())?;
    /// let silent = samples::group_full();
    /// let readers = ["admin@example.com".to_owned()];
    /// let mails = composer.compose_group(&readers, &silent.scope, &silent.notices, silent.now);
    /// assert_eq!(mails[0].subject, "[MISSING] SDMC_DOUALA_AKWA is silent: 3 backups missing");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn compose_group(
        &self,
        readers: &[String],
        scope: &GroupScope,
        notices: &[Notice],
        now: Timestamp,
    ) -> Vec<Mail> {
        let about = About::Group { scope, notices };
        self.to_each(&usable(readers), about, now)
    }

    /// The mails that stand for what would have been too many as of `now`, one to each of these readers:
    /// the **summary** mail. The notices may be of any class. `came_and_went` jobs failed and recovered
    /// meanwhile, of which nobody is told one by one. It is urgent when the mail of a notice would be.
    ///
    /// It is as long as a [group](Self::compose_group) mail at most for each class.
    #[must_use]
    pub fn compose_summary(
        &self,
        readers: &[String],
        cause: &SummaryCause,
        notices: &[Notice],
        came_and_went: u32,
        now: Timestamp,
    ) -> Vec<Mail> {
        let about = About::Summary {
            cause,
            notices,
            came_and_went,
        };
        self.to_each(&usable(readers), about, now)
    }

    /// The mails about a fault of the whole system as of `now`, one to each of these readers: the
    /// **outage** mail. Urgent while it lasts. `notices` are those of the jobs that became missing at
    /// once, and none for other faults.
    ///
    /// The mails of one outage are one conversation, from the first to the one that tells of its end.
    #[must_use]
    pub fn compose_outage(
        &self,
        readers: &[String],
        outage: &Outage,
        notices: &[Notice],
        now: Timestamp,
    ) -> Vec<Mail> {
        let about = About::Outage { outage, notices };
        self.to_each(&usable(readers), about, now)
    }

    /// The mail that tells a reader how all is as of `now`: the **digest** mail. Never urgent.
    ///
    /// # Errors
    ///
    /// When the reader's address is none.
    pub fn compose_digest(
        &self,
        reader: &str,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Mail, InvalidAddress> {
        let reader = Recipient {
            address: reader.to_owned(),
            locale: None,
            time_zone: None,
        };
        self.one(About::Digest { digest }, now, &reader, Note::None)
    }
}

/// The addresses that mails can go to, each once; the others are logged.
fn usable(readers: &[String]) -> Vec<Mailbox> {
    let mut usable = Vec::new();
    for address in readers {
        match parse_address(address) {
            Ok(mailbox) => usable.push(mailbox),
            Err(error) => tracing::warn!(%error, "a reader gets no mail"),
        }
    }
    each_once(&usable)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::SignedDuration;
    use vigie_domain::{BackupEntryStatus, JobId};

    use super::*;
    use crate::samples::{self, Sample};
    use crate::{ComposerSettings, Locale, SystemFault};

    fn composer() -> Composer {
        Composer::new(ComposerSettings {
            from: "Vigie <vigie@example.com>".to_owned(),
            preferences: vec![Recipient {
                address: "fr@example.com".to_owned(),
                locale: Some(Locale::FR),
                time_zone: None,
            }],
            ..ComposerSettings::default()
        })
        .unwrap()
    }

    fn to(readers: &[&str]) -> Vec<String> {
        readers.iter().map(|&reader| reader.to_owned()).collect()
    }

    /// The mail about a sample that an address gets.
    fn mail_to(composer: &Composer, reader: &str, sample: &Sample) -> Mail {
        let (readers, now) = (to(&[reader]), sample.now());
        let mut mails = match sample {
            Sample::Group(of) => composer.compose_group(&readers, &of.scope, &of.notices, now),
            Sample::Outage(of) => composer.compose_outage(&readers, &of.outage, &of.notices, now),
            Sample::Summary(of) => {
                composer.compose_summary(&readers, &of.cause, &of.notices, of.came_and_went, now)
            }
            Sample::Digest(of) => vec![composer.compose_digest(reader, &of.digest, now).unwrap()],
            Sample::Warning(of) => composer.compose_notices(&readers, &of.notice(), now),
            _ => unreachable!("the others have tests of their own"),
        };
        mails.remove(0)
    }

    /// Every sample of the mails that are written here.
    fn all() -> Vec<Sample> {
        let are_written_here = |sample: &Sample| {
            matches!(
                sample,
                Sample::Group(_)
                    | Sample::Outage(_)
                    | Sample::Summary(_)
                    | Sample::Digest(_)
                    | Sample::Warning(_)
            )
        };
        samples::all()
            .into_iter()
            .filter(are_written_here)
            .collect()
    }

    #[test]
    fn the_mail_of_one_notice_is_the_one_that_it_always_was() {
        let composer = composer();
        let readers = to(&["ops@example.com"]);
        let missing = samples::missing_full();
        let mut job = missing.job.clone();
        job.recipients.clone_from(&readers);
        let alert = Notice::Alert {
            job: Box::new(job.clone()),
            entry: None,
        };
        assert_eq!(
            composer.compose_notices(&readers, &alert, missing.now),
            composer.compose(&job, None, missing.now)
        );
        let open = samples::reminder_entry_full(BackupEntryStatus::Failed);
        let reminder = Notice::Reminder {
            job: Box::new(open.job.clone()),
            entry: open.entry.clone().map(Box::new),
            history: open.history.clone(),
            reminder: open.reminder,
        };
        let (entry, history) = (open.entry.as_ref(), &open.history);
        assert_eq!(
            composer.compose_notices(&readers, &reminder, open.now),
            composer.compose_reminder(
                &readers,
                &open.job,
                entry,
                history,
                &open.reminder,
                open.now
            )
        );
        let ended = samples::recovery_full();
        let recovery = Notice::Recovery {
            job: Box::new(ended.job.clone()),
            entry: Box::new(ended.entry.clone()),
            history: ended.history.clone(),
        };
        assert_eq!(
            composer.compose_notices(&readers, &recovery, ended.now),
            composer.compose_recovery(
                &readers,
                &ended.job,
                &ended.entry,
                &ended.history,
                ended.now
            )
        );
    }

    #[test]
    fn there_is_no_alert_on_a_job_that_is_ok() {
        let mut sample = samples::missing_full();
        sample.job.current_status = JobStatus::Ok;
        let notice = Notice::Alert {
            job: Box::new(sample.job),
            entry: None,
        };
        let mails = composer().compose_notices(&to(&["ops@example.com"]), &notice, sample.now);
        assert_eq!(mails, []);
    }

    #[test]
    fn each_reader_gets_one_mail_in_their_own_language() {
        let sample = samples::group_full();
        let readers = to(&["nobody", "a@example.com", "A@example.com", "fr@example.com"]);
        let mails = composer().compose_group(&readers, &sample.scope, &sample.notices, sample.now);
        let to: Vec<&str> = mails.iter().map(|mail| &*mail.to).collect();
        assert_eq!(to, ["a@example.com", "fr@example.com"]);
        assert!(mails[0].text.contains("| No report was received"));
        assert!(mails[1].text.contains("| Aucun rapport n’a été reçu"));
    }

    #[test]
    fn a_mail_has_the_same_id_for_the_same_facts_and_reader_only() {
        let composer = composer();
        let id = |reader: &str, sample: &Sample| mail_to(&composer, reader, sample).message_id;
        let mut ids = BTreeSet::new();
        for sample in all() {
            let first = id("a@example.com", &sample);
            assert_eq!(first, id("a@example.com", &sample));
            for id in [first, id("b@example.com", &sample)] {
                assert!(ids.insert(id), "{} has the id of another", sample.name());
            }
        }
    }

    #[test]
    fn a_fact_that_differs_is_another_id_and_another_order_is_not() {
        let composer = composer();
        let id = |sample: &samples::GroupSample| {
            mail_to(&composer, "a@example.com", &sample.clone().into()).message_id
        };
        let sample = samples::group_mixed_full();
        let first = id(&sample);
        assert!(first.starts_with("<MISSING-SDMC-"), "{first}");
        let mut turned = sample.clone();
        turned.notices.reverse();
        assert_eq!(first, id(&turned));

        let mut others = vec![sample.clone(); 4];
        others[0].now += SignedDuration::from_nanos(1);
        others[1].notices.truncate(3);
        others[2].scope.by = crate::GroupBy::City;
        let Notice::Alert { job, .. } = &mut others[3].notices[0] else {
            unreachable!("the first is an alert");
        };
        job.id = JobId(99);
        for other in &others {
            assert_ne!(first, id(other));
        }
        // The same notices in a mail of another kind.
        let cause = SummaryCause::Limit { per_hour: 1 };
        let readers = to(&["a@example.com"]);
        let summary = composer.compose_summary(&readers, &cause, &sample.notices, 0, sample.now);
        assert_ne!(first, summary[0].message_id);
    }

    #[test]
    fn a_mail_of_several_incidents_is_in_the_conversation_of_each() {
        let composer = composer();
        let sample = samples::group_mixed_full();
        let group = mail_to(&composer, "a@example.com", &sample.clone().into());
        assert_eq!(group.threads.len(), 4);
        let readers = to(&["a@example.com"]);
        for notice in &sample.notices {
            let single = composer
                .compose_notices(&readers, notice, sample.now)
                .remove(0);
            assert!(group.threads.contains(&single.threads[0]), "{single:?}");
        }
        // That of the worst is the one that it answers.
        let worst = composer.compose_notices(&readers, &sample.notices[3], sample.now);
        assert_eq!(group.threads[0], worst[0].threads[0]);
        assert!(group.to_mime().is_ok());
    }

    #[test]
    fn a_mail_belongs_to_fifty_conversations_at_most() {
        let mut sample = samples::outage_many_missing_full();
        let job = |id| {
            let mut job = samples::missing_full().job;
            job.id = JobId(id);
            Notice::Alert {
                job: Box::new(job),
                entry: None,
            }
        };
        sample.notices = (1..=60).map(job).collect();
        let first = mail_to(&composer(), "a@example.com", &sample.clone().into());
        assert_eq!(first.threads.len(), 50);
        assert!(first.threads[0].starts_with("<outage-many_missing-"));
        sample.notices.clear();
        sample.outage.ended_at = Some(sample.now);
        let last = mail_to(&composer(), "a@example.com", &sample.into());
        assert_eq!(last.threads, first.threads[..1]);
    }

    #[test]
    fn the_mails_of_an_outage_are_one_conversation_and_the_next_outage_is_another() {
        let composer = composer();
        let thread = |sample: &samples::OutageSample| {
            let mail = mail_to(&composer, "a@example.com", &sample.clone().into());
            assert_eq!(mail.threads.len(), 1);
            mail.threads[0].clone()
        };
        let first = samples::outage_deposit_minimal();
        assert_eq!(thread(&first), thread(&samples::outage_deposit_full()));
        assert_eq!(thread(&first), thread(&samples::outage_deposit_ended()));
        // The error of a reminder may be another one.
        let mut other = first.clone();
        other.outage.fault = SystemFault::DepositUnreachable {
            error: "gone".to_owned(),
        };
        assert_eq!(thread(&first), thread(&other));
        other.outage.since += SignedDuration::from_secs(1);
        assert_ne!(thread(&first), thread(&other));
        assert_ne!(thread(&first), thread(&samples::outage_clock_minimal()));
    }

    #[test]
    fn what_is_proven_and_what_is_told_of_all_is_no_conversation_and_never_urgent() {
        for sample in [
            samples::warning_full().into(),
            samples::digest_full().into(),
        ] {
            let mail = mail_to(&composer(), "a@example.com", &sample);
            assert!(mail.threads.is_empty() && !mail.urgent, "{}", sample.name());
        }
    }

    #[test]
    fn a_mail_of_several_is_as_urgent_as_the_most_urgent_of_them() {
        let composer = composer();
        for sample in all() {
            let expected = match &sample {
                Sample::Outage(of) => of.outage.ended_at.is_none(),
                Sample::Group(of) => of.notices.iter().any(|notice| {
                    let mails = composer.compose_notices(&to(&["a@example.com"]), notice, of.now);
                    mails[0].urgent
                }),
                Sample::Summary(_) => true,
                _ => false,
            };
            let mail = mail_to(&composer, "a@example.com", &sample);
            assert_eq!(mail.urgent, expected, "{}", sample.name());
        }
        let mut of_entries = samples::group_mixed_full();
        of_entries.notices.truncate(2);
        assert!(!mail_to(&composer, "a@example.com", &of_entries.into()).urgent);
    }

    #[test]
    fn what_is_held_back_is_told_once_and_changes_nothing_else() {
        let composer = composer();
        let sample = samples::group_full().into();
        let plain = mail_to(&composer, "a@example.com", &sample);
        for (count, words) in [
            (0, None),
            (1, Some("NOTE: 1 alert for you is held back by a silence")),
            (1_200, Some("NOTE: 1,200 alerts for you are held back")),
        ] {
            let composer = composer.with_held_back(count);
            let mail = mail_to(&composer, "a@example.com", &sample);
            assert_eq!(mail.message_id, plain.message_id);
            assert_eq!(mail.text.contains("held back"), words.is_some());
            if let Some(words) = words {
                assert!(mail.text.starts_with(words), "{}", mail.text);
                // Not in what it quotes, too.
                assert_eq!(mail.text.matches("held back").count(), 1);
                assert_eq!(mail.html.matches("held back").count(), 1);
            }
        }
        let french = mail_to(&composer.with_held_back(2), "fr@example.com", &sample);
        assert!(french.text.starts_with("NOTE\u{A0}: 2 alertes qui vous"));
        let nobody = composer.with_held_back(3).with_held_back(0);
        assert_eq!(mail_to(&nobody, "a@example.com", &sample), plain);
    }

    #[test]
    fn a_digest_for_nobody_is_an_error() {
        let sample = samples::digest_minimal();
        let mail = composer().compose_digest("nobody", &sample.digest, sample.now);
        assert!(mail.is_err());
    }
}
