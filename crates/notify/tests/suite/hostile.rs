//! What agents send is never trusted: whatever it is, the alert leaves and nothing breaks out of its
//! place.

use proptest::prelude::*;
use vigie_domain::{BackupEntryStatus, ValidatedFault};
use vigie_notify::samples::{self, JobSample, ReminderSample, Sample};
use vigie_notify::{DeliveryId, Locale, Mail, Notice, SystemFault};

use crate::mails::mail;

/// Every mail, with this text in every place that an agent or a mail server fills.
fn filled_with(text: &str) -> Vec<Sample> {
    let fill = |mut sample: JobSample| {
        text.clone_into(&mut sample.job.database);
        text.clone_into(&mut sample.job.company);
        text.clone_into(&mut sample.job.city);
        text.clone_into(&mut sample.job.neighborhood);
        if let Some(good) = &mut sample.job.last_good {
            text.clone_into(&mut good.staged_file_name);
        }
        if let Some(entry) = &mut sample.entry {
            let some = Some(text.to_owned());
            text.clone_into(&mut entry.report);
            entry.agent_error.clone_from(&some);
            entry.logs_summary.clone_from(&some);
            entry.overall_status.clone_from(&some);
            entry.staged_file_name.clone_from(&some);
            entry.stages.backup.message = Some(format!("{text}!"));
            entry.stages.transfer.message = Some(format!("{text}?"));
        }
        sample
    };
    let mut ended = samples::recovery_full();
    let filled = fill(JobSample {
        name: ended.name.clone(),
        job: ended.job,
        entry: Some(ended.entry),
        now: ended.now,
    });
    ended.job = filled.job;
    ended.entry = filled.entry.unwrap();
    ended.entry.validated_path = Some(text.to_owned());
    let good = ended.history.last_good.as_mut().unwrap();
    text.clone_into(&mut good.staged_file_name);
    let silent = fill(samples::missing_full());
    let failed = fill(samples::entry_full(BackupEntryStatus::Failed));
    let good = fill(samples::entry_full(BackupEntryStatus::Success));
    let mut filled = vec![
        silent.clone().into(),
        failed.clone().into(),
        reminder(fill(samples::missing_full()), samples::reminder_full()),
        reminder(
            fill(samples::entry_full(BackupEntryStatus::Failed)),
            samples::reminder_entry_full(BackupEntryStatus::Failed),
        ),
        ended.into(),
        refused(text, 1),
        refused(text, 30),
    ];
    filled.extend(several(text, silent, failed));
    filled.extend([odd(good), damaged(text), digest(text)]);
    filled
}

/// The mails about several jobs, of these two.
fn several(text: &str, silent: JobSample, failed: JobSample) -> [Sample; 3] {
    let notices: Vec<Notice> = [silent, failed]
        .into_iter()
        .map(|sample| Notice::Alert {
            job: Box::new(sample.job),
            entry: sample.entry.map(Box::new),
        })
        .collect();
    let mut group = samples::group_full();
    text.clone_into(&mut group.scope.name);
    group.notices.clone_from(&notices);
    let mut summary = samples::summary_full();
    summary.notices.clone_from(&notices);
    let mut outage = samples::outage_deposit_full();
    outage.outage.fault = SystemFault::DepositUnreachable {
        error: text.to_owned(),
    };
    outage.notices = notices;
    [group.into(), summary.into(), outage.into()]
}

/// The warning mail about a good backup.
fn odd(good: JobSample) -> Sample {
    let mut sample = samples::warning_full();
    sample.job = good.job;
    sample.entry = good.entry.unwrap();
    sample.into()
}

/// The damaged mail about a file whose path and error say this.
fn damaged(text: &str) -> Sample {
    let mut sample = samples::damaged_full();
    text.clone_into(&mut sample.job.database);
    text.clone_into(&mut sample.file.path);
    sample.file.fault = Some(ValidatedFault::Unreadable {
        error: text.to_owned(),
    });
    let newest = sample.others.newest.as_mut().unwrap();
    text.clone_into(&mut newest.path);
    sample.into()
}

fn digest(text: &str) -> Sample {
    let mut sample = samples::digest_full();
    let digest = &mut sample.digest;
    for wrong in &mut digest.wrong {
        text.clone_into(&mut wrong.job.database);
        wrong.acknowledged_by = Some(text.to_owned());
    }
    text.clone_into(&mut digest.recovered[0].job.database);
    text.clone_into(&mut digest.unchanged[0].job.database);
    text.clone_into(&mut digest.jumped[0].job.database);
    text.clone_into(&mut digest.undeclared[0].database);
    let silence = &mut digest.ending_silences[0];
    for place in [
        &mut silence.matches,
        &mut silence.reason,
        &mut silence.author,
    ] {
        text.clone_into(place);
    }
    sample.into()
}

/// Whether the subject of a mail holds a name: that of a mail on the whole system or on all does not.
fn names_something(mail: &Mail) -> bool {
    let of_all = ["[SUMMARY] ", "[OUTAGE] ", "[DIGEST] "];
    !of_all.iter().any(|code| mail.subject.starts_with(code))
}

/// Whether a mail quotes others.
fn quotes_others(mail: &Mail) -> bool {
    mail.text.contains("WOULD HAVE SAID") || mail.text.contains("AURAIT DIT")
}

/// A reminder of this alert.
fn reminder(alert: JobSample, mut sample: ReminderSample) -> Sample {
    sample.job = alert.job;
    sample.entry = alert.entry;
    sample.into()
}

/// As many mails that an address did not get, each with an answer of its own.
fn refused(text: &str, count: i64) -> Sample {
    let mut sample = samples::undelivered_minimal();
    text.clone_into(&mut sample.address);
    let mut refused = sample.mails.remove(0);
    text.clone_into(&mut refused.mail.subject);
    text.clone_into(&mut refused.mail.text);
    text.clone_into(&mut refused.mail.to);
    for number in 0..count {
        refused.delivery = DeliveryId(number);
        refused.answer = format!("{text}{number}");
        sample.mails.push(refused.clone());
    }
    sample.into()
}

fn mails_filled_with(text: &str) -> Vec<Mail> {
    let in_all = |sample| Locale::BUILT_IN.map(|locale| mail(&sample, &locale));
    filled_with(text).into_iter().flat_map(in_all).collect()
}

/// The names of the headers of a mail that is sent.
fn headers(mail: &Mail) -> Vec<String> {
    let mime = String::from_utf8(mail.to_mime().unwrap()).unwrap();
    let (head, _) = mime.split_once("\r\n\r\n").unwrap();
    head.replace("\r\n ", " ")
        .split("\r\n")
        .map(|line| line.split_once(": ").unwrap().0.to_owned())
        .collect()
}

/// How many tags there are, but for those that stand for the ends of lines: what is longer has more.
fn tags(html: &str) -> usize {
    html.matches('<').count() - html.matches("<br>").count()
}

#[test]
fn a_line_end_in_a_name_neither_stops_the_alert_nor_adds_a_header() {
    let harmless = mails_filled_with("X");
    let hostile = mails_filled_with("X\r\nBcc: evil@example.com\r\n\r\n<b>body</b>");
    for (mail, plain) in hostile.iter().zip(&harmless) {
        assert_eq!(headers(mail), headers(plain));
        assert_eq!(mail.to, "admin@example.com");
        assert!(
            mail.subject.contains("X Bcc: evil@example.com") || !names_something(mail),
            "{}",
            mail.subject
        );
        assert!(!mail.subject.contains(char::is_control));
    }
}

#[test]
fn markup_stays_text_in_html() {
    let plain = mails_filled_with("X");
    for hostile in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "</td></tr></table></body></html>",
        "<!--",
        "' onmouseover='x",
    ] {
        for (mail, plain) in mails_filled_with(hostile).iter().zip(&plain) {
            assert_eq!(tags(&mail.html), tags(&plain.html), "{hostile}");
            assert!(mail.text.contains(hostile), "{hostile} is escaped in text");
        }
    }
}

#[test]
fn the_syntax_of_templates_stays_text() {
    for hostile in [
        "{{job.id}}",
        "{{{raw}}}",
        "{{#each",
        "{{> html-start}}",
        "}}",
    ] {
        for mail in mails_filled_with(hostile) {
            let is_named = mail.subject.contains(hostile) || !names_something(&mail);
            assert!(is_named, "{}", mail.subject);
            assert!(mail.text.contains(hostile));
        }
    }
}

#[test]
fn no_line_of_an_agent_passes_for_a_line_of_the_mail() {
    let hostile = "all went well\n\nWHAT TO DO\n  1. Nothing.\r-- \r\n.\r\nQUIT";
    for mail in mails_filled_with(hostile) {
        for forged in [
            "WHAT TO DO\n  1. Nothing.",
            "\n  1. Nothing.",
            "\n.\n",
            "\nQUIT",
        ] {
            assert!(!mail.text.contains(forged), "{forged:?} in:\n{}", mail.text);
        }
    }
}

#[test]
fn characters_that_hide_or_turn_text_are_seen() {
    let hostile = "safe\u{202E}exe.tdb\u{200B}\u{2066}\0\u{1B}[2J\u{7F}\u{9B}\u{FEFF}\u{E0041}";
    for mail in mails_filled_with(hostile) {
        let subject = names_something(&mail).then_some(&mail.subject);
        for part in [&mail.text, &mail.html].into_iter().chain(subject) {
            assert!(part.contains("safe\u{FFFD}exe.tdb\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}[2J"));
            for bad in hostile
                .chars()
                .filter(|character| !character.is_ascii_graphic())
            {
                assert!(!part.contains(bad), "{bad:?}");
            }
        }
    }
}

#[test]
fn a_megabyte_is_cut_with_a_note() {
    for filler in ["x", "=", "é", "'", "x ", "\n", "a\n"] {
        let hostile = filler.repeat(1_000_000 / filler.len());
        for mail in mails_filled_with(&hostile) {
            assert!(mail.subject.chars().count() < 480, "{}", mail.subject);
            let times = if quotes_others(&mail) { 2 } else { 1 };
            let (html, text) = (mail.html.len(), mail.text.len());
            assert!(html < times * 100_000, "{filler:?}: {html}");
            assert!(text < times * 50_000, "{filler:?}: {text}");
        }
    }
    let cut = &mails_filled_with(&"x".repeat(1_000_000))[2..];
    assert!(cut[0].text.contains("[… 996,000 more characters left out]"));
    assert!(
        cut[1]
            .text
            .contains("[… 996\u{A0}000 caractères de plus omis]")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_the_data_the_mail_is_one_mail(
        any in any::<String>(),
        nasty in "[\\r\\n\u{0}\u{2028}\u{85}=?<>{}&\"' -]{0,40}",
        long in "[a-z ]{0,1500}",
    ) {
        let plain = mails_filled_with("X");
        for (mail, plain) in mails_filled_with(&format!("{any}{nasty}{long}")).iter().zip(&plain) {
            let ends_line = |character: char| character.is_control() || character == '\u{2028}';
            prop_assert!(!mail.subject.contains(ends_line));
            prop_assert_eq!(headers(mail), headers(plain));
            prop_assert!(mail.html.len() < 200_000);
            let mime = mail.to_mime().unwrap();
            prop_assert!(mime.is_ascii());
            for line in mime.split(|&byte| byte == b'\n') {
                prop_assert!(line.len() <= 998);
            }
            let bare = mime.iter().enumerate().any(|(index, &byte)| {
                (byte == b'\n' && (index == 0 || mime[index - 1] != b'\r'))
                    || (byte == b'\r' && mime.get(index + 1) != Some(&b'\n'))
            });
            prop_assert!(!bare);
        }
    }
}
