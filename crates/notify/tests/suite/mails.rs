//! Every mail as a file that can be read: a change of a word in a template is a change of one of
//! these files.

use std::sync::Mutex;
use std::time::Duration;

use vigie_notify::samples::{self, JobSample, Sample};
use vigie_notify::{
    Composer, ComposerSettings, DeliveryId, Locale, Mail, NoticeClass, Recipient, Templates,
    TimeZone,
};

/// The composer of one language, which takes some time to make.
fn composer(locale: &Locale, time_zone: &'static str) -> Composer {
    static MADE: Mutex<Vec<(Locale, &str, Composer)>> = Mutex::new(Vec::new());
    let mut made = MADE.lock().unwrap();
    if let Some((.., composer)) = made
        .iter()
        .find(|made| (&made.0, made.1) == (locale, time_zone))
    {
        return composer.clone();
    }
    let composer = Composer::new(ComposerSettings {
        from: "Vigie <vigie@example.com>".to_owned(),
        admin_email_recipient: vec!["admin@example.com".to_owned()],
        locale: locale.clone(),
        time_zone: TimeZone::get(time_zone).unwrap(),
        ..ComposerSettings::default()
    });
    made.push((locale.clone(), time_zone, composer.unwrap()));
    made.last().unwrap().2.clone()
}

/// The mail that an administrator gets about a sample.
pub fn mail(sample: &Sample, locale: &Locale) -> Mail {
    let time_zone = match sample.name().rsplit_once('.') {
        Some((_, "full")) => "Africa/Douala",
        _ => "UTC",
    };
    let composer = composer(locale, time_zone);
    mail_of(&composer, sample)
}

/// The same with a composer that knows the administrator.
pub fn mail_of(composer: &Composer, sample: &Sample) -> Mail {
    match sample {
        Sample::Job(sample) => {
            let mails = composer.compose(&sample.job, sample.entry.as_ref(), sample.now);
            mails.into_iter().next().unwrap()
        }
        Sample::Reminder(open) => {
            let readers: Vec<String> = composer.administrators().collect();
            let (job, entry, now) = (&open.job, open.entry.as_ref(), open.now);
            let (history, reminder) = (&open.history, &open.reminder);
            let mails = composer.compose_reminder(&readers, job, entry, history, reminder, now);
            mails.into_iter().next().unwrap()
        }
        Sample::Recovery(ended) => {
            let readers: Vec<String> = composer.administrators().collect();
            let (job, entry, history) = (&ended.job, &ended.entry, &ended.history);
            let mails = composer.compose_recovery(&readers, job, entry, history, ended.now);
            mails.into_iter().next().unwrap()
        }
        Sample::Undelivered(refused) => {
            let reader = composer.administrators().next().unwrap();
            let (address, mails) = (&refused.address, &refused.mails);
            composer
                .compose_undelivered(&reader, address, mails, refused.now)
                .unwrap()
        }
        several => mail_of_several(composer, several),
    }
}

/// The same for what is not about the incident of one job.
fn mail_of_several(composer: &Composer, sample: &Sample) -> Mail {
    let readers: Vec<String> = composer.administrators().collect();
    let mails = match sample {
        Sample::Damaged(of) => composer.compose_notices(&readers, &of.notice(), of.now),
        Sample::Warning(odd) => composer.compose_notices(&readers, &odd.notice(), odd.now),
        Sample::Group(group) => {
            composer.compose_group(&readers, &group.scope, &group.notices, group.now)
        }
        Sample::Outage(of) => composer.compose_outage(&readers, &of.outage, &of.notices, of.now),
        Sample::Summary(of) => {
            let (cause, came_and_went) = (&of.cause, of.came_and_went);
            composer.compose_summary(&readers, cause, &of.notices, came_and_went, of.now)
        }
        Sample::Digest(of) => {
            vec![
                composer
                    .compose_digest(&readers[0], &of.digest, of.now)
                    .unwrap(),
            ]
        }
        _ => unreachable!("there is no other sample"),
    };
    mails.into_iter().next().unwrap()
}

/// A name that puts the language after the mail: `entry.failed.fr.full`.
fn name(sample: &Sample, locale: &Locale) -> String {
    let (mail, extent) = sample.name().rsplit_once('.').unwrap();
    format!("{mail}.{locale}.{extent}")
}

pub fn assert_snapshot(name: String, content: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path("../snapshots");
    settings.bind(|| insta::assert_snapshot!(name, content));
}

fn whole(mail: &Mail) -> String {
    let urgent = if mail.urgent { "yes" } else { "no" };
    format!(
        "From: {}\nTo: {}\nDate: {}\nMessage-ID: {}\nUrgent: {urgent}\nSubject: {}\n\n\
         ===== text =====\n\n{}\n===== html =====\n\n{}",
        mail.from, mail.to, mail.date, mail.message_id, mail.subject, mail.text, mail.html
    )
}

#[test]
fn every_mail_is_as_it_was() {
    for sample in samples::all() {
        for locale in &Locale::BUILT_IN {
            assert_snapshot(name(&sample, locale), &whole(&mail(&sample, locale)));
        }
    }
}

#[test]
fn of_many_refused_mails_the_urgent_and_the_newest_are_listed_and_all_are_counted() {
    let mut sample = samples::undelivered_minimal();
    let urgent = sample.mails.remove(0);
    for number in 2..=45_i64 {
        let mut refused = urgent.clone();
        refused.delivery = DeliveryId(number);
        refused.mail.urgent = false;
        refused.mail.subject = format!("[FAILED] SITE_{number}: not completed (SDMC_DOUALA_AKWA)");
        let earlier = Duration::from_hours(45_u64.saturating_sub(number.unsigned_abs()));
        refused.mail.date -= earlier;
        refused.refused_at -= earlier;
        sample.mails.push(refused);
    }
    sample.mails.insert(20, urgent);
    "undelivered.many.minimal".clone_into(&mut sample.name);
    let sample = sample.into();
    for locale in &Locale::BUILT_IN {
        let mail = mail(&sample, locale);
        assert!(mail.urgent);
        assert_snapshot(name(&sample, locale), &whole(&mail));
    }
}

/// What the samples say that a mail would have said is what such mails say.
#[test]
fn the_refused_mails_of_the_samples_are_real() {
    let failed = samples::entry_full(vigie_domain::BackupEntryStatus::Failed);
    let mismatch = samples::entry_full(vigie_domain::BackupEntryStatus::HashMismatch);
    let refused = samples::undelivered_full().mails;
    let samples = [failed, mismatch, samples::missing_full()];
    for (sample, refused) in samples.into_iter().zip(refused) {
        let real = mail(&sample.into(), &Locale::EN);
        let text = refused.mail.text.replace("XAFRIC_2024", "XAFRIC_2025");
        assert_eq!(text, real.text);
        let subject = refused.mail.subject.replace("XAFRIC_2024", "XAFRIC_2025");
        assert_eq!(subject, real.subject);
        assert_eq!(
            (refused.mail.date, refused.mail.urgent),
            (real.date, real.urgent)
        );
    }
}

#[test]
fn every_mail_travels_as_it_did() {
    let mismatch = vigie_domain::BackupEntryStatus::HashMismatch;
    let samples: [(Sample, _); 5] = [
        (samples::missing_full().into(), &Locale::EN),
        (samples::entry_full(mismatch).into(), &Locale::FR),
        (samples::recovery_full().into(), &Locale::EN),
        (samples::undelivered_minimal().into(), &Locale::EN),
        (samples::group_minimal().into(), &Locale::EN),
    ];
    for (sample, locale) in samples {
        let mime = mail(&sample, locale).to_mime().unwrap();
        let mime = String::from_utf8(mime).unwrap();
        let name = format!("mime.{}", name(&sample, locale));
        assert_snapshot(name, &mime.replace("\r\n", "\n"));
    }
}

/// Every reason, each with the status that it comes with.
#[test]
fn every_reason_is_told_in_words() {
    let is_full = |sample: &&JobSample| sample.name.rsplit_once('.').unwrap().1 == "full";
    let samples = samples::with_each_reason();
    for locale in &Locale::BUILT_IN {
        let mut told = String::new();
        for sample in samples.iter().filter(is_full) {
            let reason = sample.entry.as_ref().unwrap().reason.as_ref().unwrap();
            let text = mail(&sample.clone().into(), locale).text;
            // What follows has no word on the reason.
            let is_before_details =
                |line: &&str| !["LAST GOOD BACKUP", "DERNIÈRE SAUVEGARDE VALIDE"].contains(line);
            let lines: Vec<&str> = text.lines().take_while(is_before_details).collect();
            told.extend([
                format!("===== {reason:?} =====\n\n"),
                lines.join("\n"),
                "\n".to_owned(),
            ]);
        }
        assert_snapshot(format!("reasons.{locale}"), &told);
    }
}

#[test]
fn an_incident_that_goes_back_and_forth_stays_readable() {
    let mut sample = samples::recovery_full();
    let first = sample.history.changes[0];
    sample.history.changes = vec![first; 500];
    let sample = sample.into();
    for (locale, left_out) in [
        (Locale::EN, "480 more before the next one listed here"),
        (Locale::FR, "480 autres avant le suivant de cette liste"),
    ] {
        let mail = mail(&sample, &locale);
        let text = mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(text.matches(left_out).count(), 1, "{text}");
        assert_eq!(mail.html.matches(left_out).count(), 1);
        assert_eq!(mail.html.matches("<li").count(), 20);
        assert!(mail.html.len() < 100_000);
    }
}

/// What is reminded of, and what to do, for each status and for a good backup that came too late.
#[test]
fn a_reminder_tells_of_every_status_what_was_last_known() {
    for locale in &Locale::BUILT_IN {
        let mut told = String::new();
        for status in vigie_domain::BackupEntryStatus::ALL {
            let sample = samples::reminder_entry_full(status);
            let mail = mail(&sample.into(), locale);
            let is_before_details = |line: &&str| {
                !["WHAT HAPPENED SO FAR", "CE QUI S’EST PASSÉ JUSQU’ICI"].contains(line)
            };
            let lines: Vec<&str> = mail.text.lines().take_while(is_before_details).collect();
            told.extend([
                format!("===== {status}: {} =====\n\n", mail.subject),
                lines.join("\n"),
                "\n".to_owned(),
            ]);
        }
        assert_snapshot(format!("reminders.{locale}"), &told);
    }
}

#[test]
fn the_text_part_fits_a_terminal() {
    for sample in samples::all() {
        for locale in &Locale::BUILT_IN {
            for line in mail(&sample, locale).text.lines() {
                // RFC 5322, section 2.1.1.
                assert!(
                    line.chars().count() <= 78,
                    "{} {locale}: {line}",
                    sample.name()
                );
            }
        }
    }
}

#[test]
fn a_mail_has_no_runs_of_blank_lines_and_no_spaces_at_the_ends_of_lines() {
    for sample in samples::all() {
        for locale in &Locale::BUILT_IN {
            let mail = mail(&sample, locale);
            for part in [&mail.text, &mail.html] {
                assert!(!part.contains("\n\n\n") && !part.contains(" \n"), "{part}");
                assert!(!part.contains("{{") && !part.contains("}}"), "{part}");
            }
        }
    }
}

#[test]
fn the_html_part_stands_alone_and_stays_small() {
    for sample in samples::all() {
        for locale in &Locale::BUILT_IN {
            let html = mail(&sample, locale).html;
            assert!(
                html.len() < 100_000,
                "{} is {} bytes",
                sample.name(),
                html.len()
            );
            assert!(html.contains(&format!("<html lang=\"{locale}\">")));
            for remote in [
                "http:", "https:", "src=", "url(", "@import", "<script", "<link",
            ] {
                assert!(!html.contains(remote), "{} loads {remote}", sample.name());
            }
            for tag in [
                "table", "tr", "th", "td", "div", "p", "ol", "li", "strong", "span", "b", "h1",
                "h2",
            ] {
                let opened = html.matches(&format!("<{tag}>")).count()
                    + html.matches(&format!("<{tag} ")).count();
                let closed = html.matches(&format!("</{tag}>")).count();
                assert_eq!(opened, closed, "<{tag}> in {} {locale}", sample.name());
            }
        }
    }
}

/// One main heading, tables that are either a frame or have the headings of their rows, and the
/// language where programs for mail leave it in place.
#[test]
fn a_screen_reader_finds_its_way() {
    for sample in samples::all() {
        for locale in &Locale::BUILT_IN {
            let html = mail(&sample, locale).html;
            let name = name(&sample, locale);
            assert_eq!(html.matches("<h1").count(), 1, "{name}");
            assert!(!html.contains("<h3"), "{name} leaves out a level");
            let article = html.find("role=\"article\"").unwrap();
            let language = html[article..].find(&format!("lang=\"{locale}\""));
            assert!(language.is_some(), "{name} has no language");
            for table in html.split("<table ").skip(1) {
                let is_frame = table.starts_with("role=\"presentation\"");
                let rows = table.split("</table>").next().unwrap();
                assert!(is_frame || rows.contains("<th scope=\"row\""), "{name}");
            }
            let position = |text: &str| html.find(text).unwrap();
            let below = html.find("<h2");
            assert!(below.is_none_or(|below| position("<h1") < below), "{name}");
        }
    }
}

/// People filter by the code, in whichever language they read.
#[test]
fn the_code_of_the_state_leads_the_subject_and_the_text() {
    for sample in samples::all() {
        for locale in &Locale::BUILT_IN {
            let mail = mail(&sample, locale);
            let (code, start) = match &sample {
                Sample::Job(sample) => {
                    let entry = sample.entry.as_ref();
                    let code = entry.map_or("MISSING", |entry| entry.status.as_str());
                    (code, format!("[{code}] {}", sample.job.database))
                }
                Sample::Reminder(sample) => {
                    let code = sample.job.current_status.as_str();
                    (code, format!("[{code}] {}", sample.job.database))
                }
                Sample::Recovery(sample) => ("OK", format!("[OK] {}", sample.job.database)),
                Sample::Damaged(sample) => {
                    ("DAMAGED", format!("[DAMAGED] {}", sample.job.database))
                }
                Sample::Warning(sample) => {
                    ("WARNING", format!("[WARNING] {}", sample.job.database))
                }
                Sample::Group(sample) => {
                    let code = match sample.notices[0].class() {
                        _ if sample.name == "group.damaged.full" => "DAMAGED",
                        NoticeClass::Problem => "MISSING",
                        NoticeClass::Recovery => "OK",
                        NoticeClass::Warning => "WARNING",
                    };
                    (code, format!("[{code}] {}", sample.scope.name))
                }
                Sample::Outage(sample) if sample.outage.ended_at.is_some() => {
                    ("OK", "[OK] ".to_owned())
                }
                Sample::Outage(_) => ("OUTAGE", "[OUTAGE] ".to_owned()),
                Sample::Summary(_) => ("SUMMARY", "[SUMMARY] ".to_owned()),
                Sample::Digest(_) => ("DIGEST", "[DIGEST] ".to_owned()),
                _ => ("UNDELIVERED", "[UNDELIVERED] ".to_owned()),
            };
            assert!(mail.subject.starts_with(&start), "{}", mail.subject);
            assert!(mail.text.starts_with(code), "{}", mail.text);
            assert!(mail.html.contains(&format!(">{code}<")), "{}", mail.html);
        }
    }
}

#[test]
fn english_text_needs_no_encoding() {
    for sample in samples::all() {
        let mail = mail(&sample, &Locale::EN);
        assert!(mail.text.is_ascii(), "{}", mail.text);
        assert!(mail.subject.is_ascii(), "{}", mail.subject);
    }
}

#[test]
fn notes_come_first_and_links_are_buttons() {
    let templates = Templates::builder()
        .dashboard("https://dash.example.com/{job_id}".parse().unwrap())
        .runbook("https://wiki.example.com/{status}".parse().unwrap())
        .build();
    let composer = Composer::new(ComposerSettings {
        templates,
        ..ComposerSettings::default()
    });
    let composer = composer.unwrap();
    let failed = samples::entry_full(vigie_domain::BackupEntryStatus::Failed);
    for sample in [samples::missing_full(), failed].map(Sample::from) {
        for locale in Locale::BUILT_IN {
            let note = if locale == Locale::EN {
                "This is a test."
            } else {
                "Ceci est un essai."
            };
            let reader = Recipient {
                address: "a@example.com".to_owned(),
                locale: Some(locale),
                time_zone: None,
            };
            let mail = composer.test(&sample, sample.now(), &reader).unwrap();
            let links = ["https://wiki.example.com/", "https://dash.example.com/41"];
            assert_in_order(&mail.text, &[note, "XAFRIC_2025", links[0], links[1]]);
            let links = links.map(|link| format!("<a href=\"{link}"));
            assert_in_order(&mail.html, &[note, "<h1", &links[0], &links[1]]);
        }
    }
}

#[track_caller]
fn assert_in_order(part: &str, wanted: &[&str]) {
    let places: Vec<_> = wanted.iter().map(|text| part.find(text)).collect();
    assert!(places.iter().all(Option::is_some), "{places:?} in {part}");
    assert!(places.is_sorted(), "{places:?} in {part}");
}
