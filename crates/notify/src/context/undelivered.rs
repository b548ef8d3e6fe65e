//! The variables of the **undelivered** mail: which of the refused mails it lists, and of which it
//! tells the text. Knows no template and no sentence.

use std::cmp::Reverse;

use jiff::{Timestamp, Zoned};
use schemars::JsonSchema;
use serde::Serialize;

use super::{CommonContext, Reader, Surroundings};
use crate::UndeliveredMail;

/// How many mails are listed: more would bury what is to be done.
const LISTED: usize = 20;

/// How many mails are told in full.
const QUOTED: usize = 3;

/// How long the texts of these are together, so that the mail stays whole: Gmail cuts off behind
/// 102 KB, and HTML writes some signs with six.
const QUOTED_TEXT: usize = 7_000;

/// The longest subject in the list.
const SUBJECT: usize = 120;

/// The longest answer in the list.
const ANSWER: usize = 120;

/// The longest answer that is told once for all.
const ONE_ANSWER: usize = 500;

/// The variables of the **undelivered** mail: a mail server refused mails for good.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct UndeliveredContext {
    /// What every mail has.
    #[serde(flatten)]
    pub common: CommonContext,
    /// The address that did not get the mails.
    pub address: String,
    /// How many mails were refused.
    pub count: usize,
    /// Those that are listed: the urgent ones first, and the newest first among those. At most 20.
    pub mails: Vec<UndeliveredMailContext>,
    /// How many more were refused than are in `mails`.
    pub not_listed: usize,
    /// How many more were refused than have a text in `mails`.
    pub not_quoted: usize,
    /// The server's answer, in one line; null when it was not the same to all of them.
    pub answer: Option<String>,
    /// When the last one was refused.
    pub refused_at: Zoned,
}

/// A mail that was refused.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct UndeliveredMailContext {
    /// The number of its delivery, which `vigie outbox` takes.
    pub delivery: i64,
    /// Its subject.
    pub subject: String,
    /// Whether it is an urgent one.
    pub is_urgent: bool,
    /// When it was written.
    pub written_at: Zoned,
    /// When it was refused.
    pub refused_at: Zoned,
    /// The server's answer to it, in one line.
    pub answer: String,
    /// What it says, of several lines; null for those that are only listed.
    #[schemars(extend("severalLines" = true))]
    pub text: Option<String>,
}

impl UndeliveredContext {
    pub(crate) fn new(
        address: &str,
        mails: &[UndeliveredMail],
        now: Timestamp,
        reader: &Reader,
        surroundings: &Surroundings,
    ) -> Self {
        let address = reader.name(address);
        let mut sorted: Vec<&UndeliveredMail> = mails.iter().collect();
        sorted.sort_by_key(|refused| {
            let mail = &refused.mail;
            (!mail.urgent, Reverse(mail.date), Reverse(refused.delivery))
        });
        sorted.truncate(LISTED);
        let listed = with_texts(&sorted, reader);
        let quoted = listed.iter().filter(|mail| mail.text.is_some()).count();
        let last = mails.iter().map(|refused| refused.refused_at).max();
        Self {
            common: CommonContext::new(address.clone(), now, reader, surroundings),
            address,
            count: mails.len(),
            not_listed: mails.len() - listed.len(),
            not_quoted: mails.len() - quoted,
            mails: listed,
            answer: one_answer(mails).map(|answer| reader.line(answer, ONE_ANSWER)),
            refused_at: reader.at(last.unwrap_or(now)),
        }
    }
}

/// The mails, the first of them with what they say. Each is told whole or not at all; only the first
/// one, which must not be missed, may be cut.
fn with_texts(mails: &[&UndeliveredMail], reader: &Reader) -> Vec<UndeliveredMailContext> {
    let mut left = QUOTED_TEXT;
    let texts = mails.iter().enumerate().map(|(index, refused)| {
        let text = &refused.mail.text;
        let length = text.chars().count();
        let is_quoted = index == 0 || (index < QUOTED && length <= left);
        let text = is_quoted.then(|| reader.paragraph(text, QUOTED_TEXT));
        // Behind one that is too long no other is told either, so that it is the first of the list.
        left = if is_quoted {
            left.saturating_sub(length)
        } else {
            0
        };
        UndeliveredMailContext {
            delivery: refused.delivery.0,
            subject: reader.line(&refused.mail.subject, SUBJECT),
            is_urgent: refused.mail.urgent,
            written_at: reader.at(refused.mail.date),
            refused_at: reader.at(refused.refused_at),
            answer: reader.line(&refused.answer, ANSWER),
            text,
        }
    });
    texts.collect()
}

/// The answer that all of them got.
fn one_answer(mails: &[UndeliveredMail]) -> Option<&str> {
    let (first, rest) = mails.split_first()?;
    let is_same = |other: &UndeliveredMail| other.answer.trim() == first.answer.trim();
    rest.iter().all(is_same).then_some(&first.answer)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::tz::TimeZone;

    use super::*;
    use crate::wording::Wording;
    use crate::{DeliveryId, Locale, samples};

    /// As many mails with a text of this length, each newer than the one before.
    fn context(count: i64, length: usize) -> UndeliveredContext {
        let sample = samples::undelivered_minimal();
        let mail = |number: i64| {
            let mut refused = sample.mails[0].clone();
            refused.delivery = DeliveryId(number);
            refused.mail.urgent = number == 2;
            refused.mail.date = sample.now + jiff::SignedDuration::from_secs(number);
            refused.mail.text = "x".repeat(length);
            refused
        };
        let mails: Vec<UndeliveredMail> = (1..=count).map(mail).collect();
        let reader = Reader {
            locale: Locale::EN,
            time_zone: TimeZone::UTC,
            wording: Arc::new(Wording::default()),
        };
        let around = Surroundings::default();
        UndeliveredContext::new(&sample.address, &mails, sample.now, &reader, &around)
    }

    #[test]
    fn the_urgent_ones_come_first_and_then_the_newest() {
        let listed = context(4, 10).mails;
        let order: Vec<i64> = listed.iter().map(|mail| mail.delivery).collect();
        assert_eq!(order, [2, 4, 3, 1]);
    }

    #[test]
    fn what_is_not_listed_or_not_quoted_is_counted() {
        for (count, length, listed, quoted) in [
            (1, 10, 1, 1),
            (3, 10, 3, 3),
            (4, 10, 4, 3),
            (LISTED, 10, LISTED, 3),
            (500, 10, LISTED, 3),
            (3, QUOTED_TEXT / 2, 3, 2),
            (3, QUOTED_TEXT + 1, 3, 1),
        ] {
            let context = context(i64::try_from(count).unwrap(), length);
            assert_eq!(context.mails.len(), listed, "{count}");
            assert_eq!((context.count, context.not_listed), (count, count - listed));
            assert_eq!(context.not_quoted, count - quoted, "{count} {length}");
            let has_text = context.mails.iter().map(|mail| mail.text.is_some());
            assert!(has_text.rev().is_sorted(), "{count} {length}");
        }
    }

    #[test]
    fn an_answer_that_all_got_is_told_once() {
        let mut mails = samples::undelivered_full().mails;
        assert_eq!(one_answer(&mails), None);
        mails[0].answer = format!("{}\r\n", mails[1].answer);
        assert_eq!(one_answer(&mails).map(str::trim), Some(&*mails[1].answer));
        assert_eq!(one_answer(&[]), None);
    }
}
