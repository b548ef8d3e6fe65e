//! Mails that were refused, as samples. Knows no job.

use jiff::Timestamp;

use super::at;
use crate::{DeliveryId, Mail, UndeliveredMail};

// What mails about other samples say in their text part.
const MISSING: &str = include_str!("missing.txt");
const HASH_MISMATCH: &str = include_str!("hash_mismatch.txt");
const FAILED: &str = include_str!("failed.txt");

/// What a server answers when it knows no such mailbox.
const UNKNOWN: &str = "550 5.1.1 <ops@example.com>: Recipient address rejected: User unknown in local recipient table";

/// Mails that an address did not get, which a mail is written about.
#[derive(Debug, Clone)]
pub struct UndeliveredSample {
    /// What it is a sample of: `undelivered.full` or `undelivered.minimal`.
    pub name: String,
    /// The address that did not get them.
    pub address: String,
    /// The mails.
    pub mails: Vec<UndeliveredMail>,
    /// The instant as of which the mail is written.
    pub now: Timestamp,
}

/// Three mails that were refused, one of them urgent, one of them for another reason.
#[must_use]
pub fn undelivered_full() -> UndeliveredSample {
    let failed = mail(
        "[FAILED] XAFRIC_2024: not completed (SDMC_DOUALA_AKWA)",
        FAILED,
        "2025-06-20T00:45:02Z",
    );
    let mismatch = mail(
        "[HASH_MISMATCH] XAFRIC_2025: different content (SDMC_DOUALA_AKWA)",
        HASH_MISMATCH,
        "2025-06-20T00:45:02Z",
    );
    let full = "552 5.2.2 <ops@example.com>: Mailbox full";
    UndeliveredSample {
        name: "undelivered.full".to_owned(),
        address: "ops@example.com".to_owned(),
        mails: vec![
            refused(127, failed, "2025-06-20T00:45:03Z", full),
            refused(128, mismatch, "2025-06-20T05:05:41Z", UNKNOWN),
            refused(131, refused_missing(), "2025-06-20T05:20:01Z", UNKNOWN),
        ],
        now: at("2025-06-20T05:20:02Z"),
    }
}

/// One mail that was refused.
#[must_use]
pub fn undelivered_minimal() -> UndeliveredSample {
    UndeliveredSample {
        name: "undelivered.minimal".to_owned(),
        address: "ops@example.com".to_owned(),
        mails: vec![refused(
            1,
            refused_missing(),
            "2025-06-20T05:20:01Z",
            UNKNOWN,
        )],
        now: at("2025-06-20T05:20:02Z"),
    }
}

/// The mail of a job whose report has not come.
pub(crate) fn refused_missing() -> Mail {
    let subject = "[MISSING] XAFRIC_2025: no backup report received from SDMC_DOUALA_AKWA";
    Mail {
        urgent: true,
        ..mail(subject, MISSING, "2025-06-20T05:20:00Z")
    }
}

fn mail(subject: &str, text: &str, date: &str) -> Mail {
    Mail {
        message_id: "<sample@example.com>".to_owned(),
        date: at(date),
        from: "Vigie <vigie@example.com>".to_owned(),
        to: "ops@example.com".to_owned(),
        subject: subject.to_owned(),
        text: text.to_owned(),
        html: format!("<p>{subject}</p>\n"),
        urgent: false,
        threads: Vec::new(),
    }
}

fn refused(delivery: i64, mail: Mail, refused_at: &str, answer: &str) -> UndeliveredMail {
    UndeliveredMail {
        delivery: DeliveryId(delivery),
        mail,
        refused_at: at(refused_at),
        answer: answer.to_owned(),
    }
}
