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
    /// their own mails would have said, as far as 60,000 characters go. It belongs to the conversations
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
