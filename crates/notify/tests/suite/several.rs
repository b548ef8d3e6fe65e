//! Mails of several jobs, of the whole system and of all: what each says when there is much or little,
//! and that none ever grows without end.

use jiff::SignedDuration;
use vigie_domain::{AgentId, BackupEntryStatus, JobId, JobStatus};
use vigie_notify::samples::{self, Sample};
use vigie_notify::{
    GroupBy, GroupScope, Locale, Mail, Notice, ReminderNumber, SummaryCause, SystemFault,
};

use crate::mails::{assert_snapshot, mail};

/// The largest HTML that mail programs show whole: Gmail cuts it off behind 102 KB.
const CLIPPED: usize = 100_000;

/// What many mail servers take of one mail at the very least, encoded.
const MUCH_LESS_THAN_A_MEGABYTE: usize = 700_000;

/// A text in one line, for words that may stand on two.
fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// As many alerts, of all statuses and of agents of ten databases each, with this text in every name.
fn many(count: i64, text: &str) -> Vec<Notice> {
    let statuses = BackupEntryStatus::ALL.into_iter().cycle();
    let alert = |(id, status): (i64, BackupEntryStatus)| {
        let mut sample = match status {
            BackupEntryStatus::Success => samples::missing_full(),
            other => samples::entry_full(other),
        };
        sample.job.id = JobId(id);
        sample.job.agent = AgentId::new(format!("SDMC_DOUALA_SITE{:04}", id / 10)).unwrap();
        sample.job.database = format!("{text}{id}");
        if let Some(entry) = &mut sample.entry {
            entry.agent_error = Some(text.to_owned());
            entry.logs_summary = Some(text.to_owned());
        }
        Notice::Alert {
            job: Box::new(sample.job),
            entry: sample.entry.map(Box::new),
        }
    };
    (0..count).zip(statuses).map(alert).collect()
}

/// The mails that tell of these in each language.
fn told_of(notices: &[Notice]) -> Vec<Mail> {
    let mut group = samples::group_full();
    group.scope = GroupScope {
        by: GroupBy::Company,
        name: "SDMC".to_owned(),
    };
    group.notices = notices.to_vec();
    let mut outage = samples::outage_many_missing_full();
    outage.notices = notices.to_vec();
    let mut summary = samples::summary_full();
    summary.notices = notices.to_vec();
    let samples: [Sample; 3] = [group.into(), outage.into(), summary.into()];
    let in_all = |sample: &Sample| Locale::BUILT_IN.map(|locale| mail(sample, &locale));
    samples.iter().flat_map(in_all).collect()
}

#[test]
fn ten_thousand_are_told_in_one_mail_that_leaves() {
    for mail in told_of(&many(10_000, "XAFRIC_")) {
        let mime = mail.to_mime().unwrap();
        assert!(mime.len() < MUCH_LESS_THAN_A_MEGABYTE, "{}", mime.len());
        assert_eq!(
            mail.html
                .matches("<th scope=\"row\" class=\"line\" width=\"40%\"")
                .count(),
            200
        );
        assert_eq!(mail.html.matches("white-space:pre-wrap").count(), 25);
        assert_eq!(mail.threads.len(), 50);
        let text = in_one_line(&mail.text);
        assert!(text.contains("9800 "), "{text}");
        // The rest by status and by agent, and what else is not told in full.
        for words in [
            "3134 MISSING",
            "1667 FAILED",
            "SDMC_DOUALA_SITE0099 10",
            "950 ",
            "9975 ",
        ] {
            assert!(text.contains(words), "no {words} in {text}");
        }
        assert!(mail.text.lines().all(|line| line.chars().count() <= 78));
    }
}

#[test]
fn what_an_agent_that_falls_silent_costs_is_shown_whole() {
    let mut sample = samples::group_full();
    let notices = sample.notices.clone();
    sample.notices = notices.into_iter().cycle().take(20).collect();
    for locale in Locale::BUILT_IN {
        let mail = mail(&sample.clone().into(), &locale);
        assert!(mail.html.len() < CLIPPED, "{}", mail.html.len());
        assert_eq!(mail.html.matches("white-space:pre-wrap").count(), 20);
    }
}

#[test]
fn names_and_errors_of_a_megabyte_are_cut_however_many_there_are() {
    for filler in ["'", "é", "x ", "\n", "<b>\r\nBcc: x@example.com\r\n\r\n"] {
        let hostile = filler.repeat(20_000 / filler.len());
        for mail in told_of(&many(300, &hostile)) {
            let mime = mail.to_mime().unwrap();
            assert!(mime.len() < 1_000_000, "{filler:?}: {}", mime.len());
            assert!(mail.subject.chars().count() < 480);
            assert!(!mail.html.contains("<b>\r") && !mail.html.contains("<b> Bcc"));
        }
    }
}

#[test]
fn the_worst_come_first_and_are_the_ones_that_are_told_in_full() {
    let mut group = samples::group_full();
    group.notices = many(60, "X");
    let mail = mail(&group.into(), &Locale::EN);
    let text = mail.text;
    let place = |words: &str| text.find(words).unwrap_or_else(|| panic!("no {words}"));
    let codes = [
        ": MISSING",
        ": HASH_MISMATCH",
        ": TRANSFER_INTEGRITY_FAILED",
        ": FAILED",
        ": UNKNOWN",
    ];
    assert!(codes.map(place).is_sorted(), "{text}");
    assert!(
        text.contains("35 more are not told in full here."),
        "{text}"
    );
    assert_eq!(text.matches("| MISSING (not received)").count(), 20);
    assert_eq!(
        text.matches("| HASH_MISMATCH (different content)").count(),
        5
    );
}

#[test]
fn each_warning_says_why_and_what_to_do() {
    let is_full = |sample: &&samples::WarningSample| sample.name == "warning.full";
    for locale in &Locale::BUILT_IN {
        let mut told = String::new();
        for sample in samples::with_each_warning().iter().filter(is_full) {
            let mail = mail(&sample.clone().into(), locale);
            let is_before_details = |line: &&str| !["THE BACKUP", "LA SAUVEGARDE"].contains(line);
            let lines: Vec<&str> = mail.text.lines().take_while(is_before_details).collect();
            told.extend([
                format!("===== {} =====\n\n", mail.subject),
                lines.join("\n"),
                "\n".to_owned(),
            ]);
        }
        assert_snapshot(format!("warnings.{locale}"), &told);
    }
}

#[test]
fn each_kind_of_damage_says_what_was_found_what_is_left_and_what_to_do() {
    for locale in &Locale::BUILT_IN {
        let mut told = String::new();
        for sample in samples::with_each_fault() {
            let mail = mail(&sample.clone().into(), locale);
            assert!(mail.urgent);
            let is_before_details =
                |line: &&str| !["THE KEPT BACKUP", "LA SAUVEGARDE CONSERVÉE"].contains(line);
            let lines: Vec<&str> = mail.text.lines().take_while(is_before_details).collect();
            told.extend([
                format!("===== {} =====\n\n", mail.subject),
                lines.join("\n"),
                "\n".to_owned(),
            ]);
        }
        assert_snapshot(format!("damages.{locale}"), &told);
    }
}

/// Each fault when it begins, when it goes on and when it is over.
#[test]
fn each_fault_of_the_system_is_told_from_beginning_to_end() {
    let mut ahead = samples::outage_clock_minimal();
    ahead.outage.fault = SystemFault::ClockJumped {
        expected: ahead.outage.since,
        found: ahead.outage.since + SignedDuration::from_hours(9),
    };
    let faults = [
        samples::outage_deposit_minimal(),
        samples::outage_clock_minimal(),
        ahead,
        samples::outage_validated_full(),
        samples::outage_many_missing_full(),
    ];
    for locale in &Locale::BUILT_IN {
        let mut told = String::new();
        for fault in &faults {
            let mut goes_on = fault.clone();
            goes_on.now = fault.outage.since + SignedDuration::from_hours(6);
            goes_on.outage.reminder = Some(ReminderNumber {
                which: 1,
                next_at: None,
            });
            let mut is_over = fault.clone();
            is_over.now = goes_on.now;
            is_over.outage.ended_at = Some(goes_on.now);
            for sample in [fault.clone(), goes_on, is_over] {
                let mail = mail(&sample.into(), locale);
                let is_before_details =
                    |line: &&str| !["BY AGENT", "PAR AGENT", "-------"].contains(line);
                let lines: Vec<&str> = mail.text.lines().take_while(is_before_details).collect();
                told.extend([
                    format!("===== {} =====\n\n", mail.subject),
                    lines.join("\n"),
                    "\n".to_owned(),
                ]);
            }
        }
        assert_snapshot(format!("outages.{locale}"), &told);
    }
}

/// What stands in the subject of a group, whatever there is to tell and of whom.
#[test]
fn a_group_says_in_its_subject_what_happened_to_whom() {
    let mut silent_city = samples::group_full();
    silent_city.scope = GroupScope {
        by: GroupBy::City,
        name: "DOUALA".to_owned(),
    };
    let mut still = samples::group_full();
    let open = samples::reminder_full();
    let reminder = Notice::Reminder {
        job: Box::new(open.job),
        entry: None,
        history: open.history,
        reminder: open.reminder,
    };
    still.notices = vec![reminder; 12];
    let mut failed = samples::group_full();
    let of_entries = many(12, "X").into_iter();
    failed.notices = of_entries
        .filter(|notice| notice.job().current_status == JobStatus::Failed)
        .collect();
    for (sample, subject) in [
        (
            samples::group_full(),
            "[MISSING] SDMC_DOUALA_AKWA is silent: 3 backups missing",
        ),
        (silent_city, "[MISSING] DOUALA: 3 backups missing"),
        (
            still,
            "[MISSING] SDMC_DOUALA_AKWA is still silent: 12 backups missing",
        ),
        (
            samples::group_mixed_full(),
            "[MISSING] SDMC: 4 backups need attention (2 MISSING, 1 HASH_MISMATCH, 1 FAILED)",
        ),
        (
            failed,
            "[FAILED] SDMC_DOUALA_AKWA: 2 backups need attention (2 FAILED)",
        ),
        (
            samples::group_recovery_full(),
            "[OK] SDMC_DOUALA_AKWA: 2 backups arrive again",
        ),
        (
            samples::group_warning_full(),
            "[WARNING] DOUALA: 2 backups are unusual",
        ),
    ] {
        assert_eq!(mail(&sample.into(), &Locale::EN).subject, subject);
    }
}

#[test]
fn a_summary_tells_only_of_what_there_is() {
    let full = samples::summary_full();
    let of = |classes: &[usize]| {
        let mut sample = full.clone();
        let ranges = [0..4, 4..6, 6..7];
        sample.notices = classes
            .iter()
            .flat_map(|&class| full.notices[ranges[class].clone()].to_vec())
            .collect();
        sample.cause = SummaryCause::Limit { per_hour: 1 };
        sample.came_and_went = 1;
        mail(&sample.into(), &Locale::EN)
    };
    for (classes, subject) in [
        (
            &[0, 1, 2][..],
            "[SUMMARY] 4 backups need attention, 2 arrive again, 1 is unusual",
        ),
        (&[0, 2], "[SUMMARY] 4 backups need attention, 1 is unusual"),
        (&[1, 2], "[SUMMARY] 2 backups arrive again, 1 is unusual"),
        (&[2], "[SUMMARY] 1 backup is unusual"),
        (&[], "[SUMMARY] Nothing is wrong any more"),
    ] {
        let mail = of(classes);
        assert_eq!(mail.subject, subject);
        assert_eq!(
            mail.text.contains("BACKUPS THAT NEED ATTENTION"),
            classes.contains(&0)
        );
        assert_eq!(
            mail.text.contains("BACKUPS THAT ARRIVE AGAIN"),
            classes.contains(&1)
        );
        assert_eq!(
            mail.text.contains("BACKUPS THAT ARE UNUSUAL"),
            classes.contains(&2)
        );
        let text = in_one_line(&mail.text);
        assert!(text.contains("1 mail in an hour"), "{text}");
        assert!(
            text.contains("1 more job failed and recovered meanwhile."),
            "{text}"
        );
    }
}

#[test]
fn a_digest_says_in_its_subject_how_all_is() {
    let full = samples::digest_full();
    let subject = |watched, ok, wrong| {
        let mut sample = full.clone();
        sample.digest.watched = watched;
        sample.digest.by_status = vec![(JobStatus::Ok, ok)];
        sample.digest.wrong.truncate(wrong);
        mail(&sample.into(), &Locale::EN).subject
    };
    assert_eq!(
        subject(412, 409, 3),
        "[DIGEST] 3 of 412 backups need attention"
    );
    assert_eq!(
        subject(412, 411, 1),
        "[DIGEST] 1 of 412 backups needs attention"
    );
    assert_eq!(subject(412, 412, 0), "[DIGEST] All 412 backups are OK");
    assert_eq!(subject(1, 1, 0), "[DIGEST] The only backup is OK");
    assert_eq!(subject(0, 0, 0), "[DIGEST] No backup is watched");
    assert_eq!(
        subject(412, 410, 0),
        "[DIGEST] Nothing is wrong: 410 of 412 backups OK, 2 not known yet"
    );
}

/// The first of a list, more often than any mail lists it.
fn times<T: Clone>(list: &mut Vec<T>) {
    *list = vec![list[0].clone(); 62];
}

#[test]
fn each_list_of_a_digest_has_an_end() {
    let mut sample = samples::digest_full();
    let digest = &mut sample.digest;
    times(&mut digest.wrong);
    times(&mut digest.recovered);
    times(&mut digest.unchanged);
    times(&mut digest.jumped);
    times(&mut digest.ending_silences);
    times(&mut digest.undeclared);
    for (locale, words) in [(Locale::EN, "and 12 more"), (Locale::FR, "et 12 de plus")] {
        let mail = mail(&sample.clone().into(), &locale);
        assert_eq!(mail.text.matches(words).count(), 6, "{}", mail.text);
        assert_eq!(mail.html.matches(words).count(), 6);
        assert!(mail.html.len() < 150_000, "{}", mail.html.len());
    }
}

/// A customer reads it too.
#[test]
fn a_group_or_a_digest_tells_of_no_other_backups() {
    for sample in [samples::group_full().into(), samples::digest_full().into()] {
        let text = mail(&sample, &Locale::EN).text;
        assert!(!text.contains(" % "), "{text}");
    }
}
