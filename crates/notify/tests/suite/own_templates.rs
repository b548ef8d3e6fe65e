//! Templates of somebody's own: whatever is wrong with them is told with its place, and the alert
//! leaves all the same.

use std::fs;
use std::path::Path;

use vigie_domain::BackupEntryStatus;
use vigie_notify::samples::{self, JobSample};
use vigie_notify::{
    Composer, ComposerSettings, Locale, Mail, MailKind, Recipient, Severity, TemplateFiles,
    Templates,
};

use crate::broken_templates::{ALL, ENTRY, MISSING, SOUND, SUBJECT, TEXT, cases};
use crate::mails::mail_of;

fn own(files: &[(&str, &str)]) -> TemplateFiles {
    let none = TemplateFiles::none();
    files
        .iter()
        .fold(none, |files, (path, text)| files.with(*path, *text))
}

fn built(files: TemplateFiles) -> Templates {
    Templates::builder().files(files).build()
}

fn composer(templates: &Templates, locale: &Locale) -> Composer {
    Composer::new(ComposerSettings {
        admin_email_recipient: vec!["admin@example.com".to_owned()],
        locale: locale.clone(),
        templates: templates.clone(),
        ..ComposerSettings::default()
    })
    .unwrap()
}

/// The mail that an administrator gets about a sample.
fn mail(templates: &Templates, sample: &JobSample) -> Mail {
    let composer = composer(templates, &Locale::EN);
    let mut mails = composer.compose(&sample.job, sample.entry.as_ref(), sample.now);
    assert_eq!(mails.len(), 1, "an alert is lost");
    mails.remove(0)
}

/// Every mail leaves, says what it is about, and can be sent.
fn mails_that_left(templates: &Templates) -> Vec<Mail> {
    let failed = samples::entry_full(BackupEntryStatus::Failed);
    let composer = composer(templates, &Locale::EN);
    let mails = [
        mail(templates, &samples::missing_full()),
        mail(templates, &failed),
        mail_of(&composer, &samples::reminder_full().into()),
        mail_of(&composer, &samples::recovery_full().into()),
        mail_of(&composer, &samples::damaged_full().into()),
        mail_of(&composer, &samples::warning_full().into()),
        mail_of(&composer, &samples::group_full().into()),
        mail_of(&composer, &samples::outage_many_missing_full().into()),
        mail_of(&composer, &samples::summary_downtime_full().into()),
        mail_of(&composer, &samples::digest_full().into()),
        mail_of(&composer, &samples::undelivered_minimal().into()),
    ];
    for mail in &mails {
        assert!(!mail.subject.is_empty() && !mail.subject.contains('\n'));
        assert!(mail.text.len() > 10 && mail.html.len() > 10);
        mail.to_mime().unwrap();
    }
    mails.into()
}

/// Which of the mails says that it could not be written with its own templates.
fn written_with_built_in(mails: &[Mail]) -> Vec<MailKind> {
    // A mail that quotes such a mail is none itself.
    let is_note = |line: &str| line.starts_with("NOTE: Your own template for this mail");
    let says_so = |mail: &Mail| mail.text.lines().any(is_note);
    mails
        .iter()
        .zip(MailKind::ALL)
        .filter(|(mail, _)| says_so(mail))
        .map(|(mail, kind)| {
            assert!(mail.html.contains("Your own template for this mail"));
            let about = match kind {
                MailKind::Group => "SDMC_DOUALA_AKWA",
                MailKind::Outage | MailKind::Summary | MailKind::Digest => "backup",
                _ => "XAFRIC_2025",
            };
            assert!(mail.subject.contains(about), "{}", mail.subject);
            kind
        })
        .collect()
}

#[test]
fn files_saved_on_windows_write_the_same_mails() {
    let files = Templates::built_in_paths().fold(TemplateFiles::none(), |files, path| {
        let text = Templates::built_in_file(path).unwrap();
        files.with(path, format!("\u{FEFF}{}", text.replace('\n', "\r\n")))
    });
    let saved = built(files);
    assert_eq!(saved.faults(), []);
    let both = [Templates::built_in(), saved];
    for locale in Locale::BUILT_IN {
        for sample in samples::all() {
            let [built_in, saved] = both.each_ref().map(|templates| {
                let composer = composer(templates, &locale);
                mail_of(&composer, &sample).to_mime().unwrap()
            });
            assert!(built_in == saved, "{} in {locale}", sample.name());
        }
    }
}

#[test]
fn whatever_is_wrong_is_told_with_its_place_and_the_alert_leaves() {
    let cases = cases();
    let mut not_told = Vec::new();
    for case in &cases {
        let files: Vec<(&str, &str)> = case
            .files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect();
        let templates = built(own(&files));
        let faults: Vec<String> = templates
            .faults()
            .iter()
            .filter(|fault| fault.severity == Severity::Error)
            .map(ToString::to_string)
            .collect();
        if !faults.iter().any(|fault| fault.contains(case.fault)) {
            not_told.push(format!("{}: {faults:#?}", case.what));
        }
        assert_eq!(
            templates.are_sound(),
            case.falls_back.is_empty(),
            "{}",
            case.what
        );
        let mails = mails_that_left(&templates);
        assert_eq!(
            written_with_built_in(&mails),
            case.falls_back,
            "{}",
            case.what
        );
    }
    assert!(not_told.is_empty(), "{}", not_told.join("\n"));
}

#[test]
fn what_handlebars_takes_is_not_refused() {
    let mut vars = serde_json::Map::new();
    vars.insert("motto".to_owned(), "we & you".into());
    for template in SOUND {
        let files = own(&[(ENTRY, &format!("A backup.\n{template}\n"))]);
        let templates = Templates::builder().files(files).vars(vars.clone());
        let templates = templates.build();
        let faults = templates.faults();
        assert!(templates.are_sound(), "{template}: {faults:#?}");
        let mails = mails_that_left(&templates);
        assert_eq!(written_with_built_in(&mails), [], "{template}");
    }
}

#[test]
fn helpers_of_a_program_never_stand_in_the_way_of_the_built_in_templates() {
    let fails = |_: &[serde_json::Value]| Err("is out of order".to_owned());
    let templates = Templates::builder().helper("date", fails).build();
    assert!(!templates.are_sound());
    assert!(
        templates.faults()[0]
            .problem
            .contains("`date`: is out of order")
    );
    assert_eq!(written_with_built_in(&mails_that_left(&templates)), ALL);

    let panics = |_: &[serde_json::Value]| -> Result<String, String> { panic!("on purpose") };
    let files = own(&[(SUBJECT, "{{mine}}")]);
    let templates = Templates::builder().files(files).helper("mine", panics);
    let mails = mails_that_left(&templates.build());
    assert_eq!(written_with_built_in(&mails), MISSING);
    assert!(mails[0].text.contains("it panicked"), "{}", mails[0].text);
}

#[test]
fn a_folder_in_it_that_can_not_be_read_is_told_in_the_mails() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("en/missing")).unwrap();
    fs::write(folder.path().join(SUBJECT), "mine").unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("en/partials")).unwrap();
    let templates = Templates::builder().directory(folder.path()).build();
    assert_eq!(written_with_built_in(&mails_that_left(&templates)), ALL);
}

#[test]
fn what_is_no_template_in_it_is_told_and_stands_in_no_way() {
    let folder = folder_with(|path| fs::write(path, "OURS {{job.database}}").unwrap());
    fs::create_dir_all(folder.path().join("en/assets/img/icons")).unwrap();
    fs::write(folder.path().join("LICENSE"), "x").unwrap();
    let templates = Templates::builder().directory(folder.path()).build();
    let told: Vec<&str> = templates
        .faults()
        .iter()
        .map(|fault| &*fault.path)
        .collect();
    assert_eq!(told, ["LICENSE", "en/assets/img/icons"]);
    let mails = mails_that_left(&templates);
    assert_eq!(written_with_built_in(&mails), []);
    assert_eq!(mails[0].subject, "OURS XAFRIC_2025");
}

#[test]
fn what_looks_like_markup_in_the_text_part_is_none() {
    let templates = built(own(&[
        (
            "en/missing/body.txt.hbs",
            "Is the <style of it < 5? {{job.database}}",
        ),
        (
            "en/missing/body.html.hbs",
            "{{job.database}} is missing <b>now</b>",
        ),
    ]));
    assert_eq!(templates.faults(), []);
}

#[test]
fn text_of_several_lines_should_be_quoted() {
    let templates = built(own(&[(ENTRY, "x\n{{agent_error}}\n")]));
    assert!(templates.are_sound());
    assert_eq!(
        templates.faults()[1].to_string(),
        "en/entry/body.txt.hbs:2:3: `agent_error` is of several lines, which can pass for lines of \
         the mail; write `{{quote agent_error}}`"
    );
}

#[test]
fn what_a_region_leaves_out_is_that_of_its_language() {
    let templates = built(own(&[(
        "fr-CA/wording.toml",
        "[duration]\nday = \"jour\"\n",
    )]));
    let composer = Composer::new(ComposerSettings {
        locale: "fr-CA".parse().unwrap(),
        admin_email_recipient: vec!["admin@example.com".to_owned()],
        templates,
        ..ComposerSettings::default()
    });
    let sample = samples::missing_full();
    let mails = composer.unwrap().compose(&sample.job, None, sample.now);
    assert!(mails[0].text.contains("Aucun rapport"), "{}", mails[0].text);
    assert!(mails[0].html.contains("<html lang=\"fr-CA\">"));
}

/// A folder with one file that can't be taken for a template.
fn folder_with(make: impl Fn(&Path)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("en/missing")).unwrap();
    make(&folder.path().join(SUBJECT));
    folder
}

#[test]
fn a_file_that_can_not_be_read_costs_no_alert() {
    let run = |program: &str, path: &Path| {
        let status = std::process::Command::new(program).arg(path).status();
        assert!(status.unwrap().success());
    };
    let cases = [
        (
            "a binary file",
            folder_with(|path| fs::write(path, b"GIF89a\xff\xfe\x00").unwrap()),
            "en/missing/subject.txt.hbs:1:7: this is no UTF-8 text; save it as UTF-8",
        ),
        (
            "a link to nowhere",
            folder_with(|path| std::os::unix::fs::symlink("nowhere", path).unwrap()),
            "en/missing/subject.txt.hbs: this can't be read: No such file",
        ),
        (
            "a pipe",
            folder_with(|path| run("mkfifo", path)),
            "en/missing/subject.txt.hbs: this can't be read: it is no regular file",
        ),
        (
            "an endless file",
            folder_with(|path| std::os::unix::fs::symlink("/dev/zero", path).unwrap()),
            "en/missing/subject.txt.hbs: this can't be read: it is no regular file",
        ),
        (
            "a megabyte",
            folder_with(|path| fs::write(path, "x".repeat(1_000_000)).unwrap()),
            "en/missing/subject.txt.hbs: this can't be read: it is larger than 256 KiB",
        ),
    ];
    for (what, folder, fault) in &cases {
        let templates = Templates::builder().directory(folder.path()).build();
        let told = templates.faults()[0].to_string();
        assert!(told.starts_with(fault), "{what}: {told}");
        let mails = mails_that_left(&templates);
        assert_eq!(written_with_built_in(&mails), MISSING, "{what}");
    }
    let templates = Templates::builder()
        .directory(Path::new("/nowhere"))
        .build();
    let mails = mails_that_left(&templates);
    assert_eq!(written_with_built_in(&mails), ALL);
}

#[test]
fn a_folder_without_permission_costs_no_alert() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder_with(|path| fs::write(path, "mine").unwrap());
    let locked = folder.path().join("en");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    let templates = Templates::builder().directory(folder.path()).build();
    let mails = mails_that_left(&templates);
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o755)).unwrap();
    // Root reads everything.
    if !templates.are_sound() {
        assert_eq!(written_with_built_in(&mails), ALL);
        assert!(
            templates.faults()[0]
                .to_string()
                .starts_with("en: this can't be read")
        );
    }
}

/// Templates that write every value they can, without a care.
fn careless() -> Templates {
    let text = "{{job.database}} {{job.agent}} {{job.company}} {{agent_error}} {{logs_summary}} \
                {{staged_file_name}} {{report}} {{overall_status}} {{vars.motto}}";
    let files = own(&[
        (
            "en/entry/subject.txt.hbs",
            "A {{agent_error}}\n\n  {{job.database}} {{vars.motto}}",
        ),
        (ENTRY, text),
        (
            "en/entry/body.html.hbs",
            "<p title=\"{{job.database}}\">{{job.database}} {{agent_error}} {{vars.motto}}</p>",
        ),
    ]);
    let mut vars = serde_json::Map::new();
    vars.insert("motto".to_owned(), "we & you\nBcc: x@example.com".into());
    let templates = Templates::builder().files(files).vars(vars).build();
    assert!(templates.are_sound(), "{:?}", templates.faults());
    templates
}

#[test]
fn no_value_breaks_out_of_a_careless_template() {
    let templates = careless();
    let mut sample = samples::entry_full(BackupEntryStatus::Failed);
    let header_count = |mail: &Mail| {
        let mime = String::from_utf8(mail.to_mime().unwrap()).unwrap();
        let head = mime.split("\r\n\r\n").next().unwrap().to_owned();
        head.lines().filter(|line| !line.starts_with(' ')).count()
    };
    let harmless = mail(&templates, &sample);
    for hostile in [
        "X\nBcc: evil@example.com",
        "X\r\n\r\n<b>body</b>",
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "{{job.id}} {{{x}}} {{#each",
        "}}{{> foot}}",
        "=?utf-8?q?=0ABcc=3A_evil=40example.com?=",
        "safe\u{202E}exe.tdb\u{200B}\u{2066}",
        "\0\u{1B}[2J\u{7F}",
        &"y".repeat(1_000_000),
        &"é\n".repeat(500_000),
    ] {
        hostile.clone_into(&mut sample.job.database);
        hostile.clone_into(&mut sample.job.company);
        let entry = sample.entry.as_mut().unwrap();
        entry.agent_error = Some(hostile.to_owned());
        entry.logs_summary = Some(hostile.to_owned());
        entry.staged_file_name = Some(hostile.to_owned());
        let mail = mail(&templates, &sample);
        assert!(!mail.text.contains("Your own template"), "{hostile:.40}");
        assert_eq!(
            header_count(&mail),
            header_count(&harmless),
            "{hostile:.40}"
        );
        assert!(!mail.subject.contains(char::is_control), "{}", mail.subject);
        assert_eq!(mail.html.matches('<').count(), 2, "{hostile:.40}");
        assert!(mail.html.contains("we &amp; you"));
        assert!(mail.text.len() < 20_000 && mail.html.len() < 30_000);
        for bad in ['\u{202E}', '\u{200B}', '\u{2066}', '\0', '\u{1B}', '\u{7F}'] {
            assert!(!mail.text.contains(bad) && !mail.html.contains(bad));
        }
    }
}

#[test]
fn an_own_recovery_mail_that_is_broken_falls_back_alone() {
    let subject = "en/recovery/subject.txt.hbs";
    let templates = built(own(&[(subject, "OURS {{duration incident.seconds}}")]));
    assert_eq!(templates.faults(), []);
    assert_eq!(mails_that_left(&templates)[3].subject, "OURS 2 d 3 h");

    let templates = built(own(&[(subject, "{{incident.lost_backups}}")]));
    let fault = "en/recovery/subject.txt.hbs:1:3: the recovery mail has no variable \
                 `incident.lost_backups`";
    let told = templates.faults()[0].to_string();
    assert!(told.starts_with(fault), "{told}");
    let mails = mails_that_left(&templates);
    assert_eq!(written_with_built_in(&mails), [MailKind::Recovery]);
    // What may be null has to be asked about.
    let templates = built(own(&[(subject, "{{date last_good_before.ended_at}}")]));
    assert!(!templates.are_sound());
}

#[test]
fn an_own_reminder_mail_that_is_broken_falls_back_alone() {
    let subject = "en/reminder/subject.txt.hbs";
    let templates = built(own(&[(subject, "OURS, for the {{reminder}}rd time")]));
    assert_eq!(templates.faults(), []);
    let ours = &mails_that_left(&templates)[2];
    assert_eq!(ours.subject, "OURS, for the 3rd time");

    // With no report there is no entry, which has to be asked about.
    let templates = built(own(&[(subject, "{{entry.status}}")]));
    assert!(!templates.are_sound());
    let mails = mails_that_left(&templates);
    assert_eq!(written_with_built_in(&mails), [MailKind::Reminder]);
    let asked = "x{{#if entry}}{{entry.status}}{{/if}}";
    assert_eq!(built(own(&[(subject, asked)])).faults(), []);
}

#[test]
fn an_own_group_mail_that_is_broken_falls_back_alone_and_so_does_what_it_quotes() {
    let subject = "en/group/subject.txt.hbs";
    let templates = built(own(&[(subject, "OURS {{jobs.count}}")]));
    assert_eq!(templates.faults(), []);
    assert_eq!(mails_that_left(&templates)[6].subject, "OURS 3");
    let templates = built(own(&[(subject, "{{jobs.cuont}}")]));
    let mails = mails_that_left(&templates);
    assert_eq!(written_with_built_in(&mails), [MailKind::Group]);

    // Whose own words are used for a mail alone, are used where that is quoted.
    let templates = built(own(&[
        (TEXT, "OUR WORDS ON {{job.id}}"),
        (SUBJECT, "SILENT"),
    ]));
    let text = &mails_that_left(&templates)[6].text;
    assert!(text.contains("1. SILENT\n| OUR WORDS ON 43\n"), "{text}");
    let templates = built(own(&[(TEXT, "{{job.di}}")]));
    let text = &mails_that_left(&templates)[6].text;
    assert!(text.contains("| No report was received"), "{text}");
}

#[test]
fn a_partial_of_several_mails_can_ask_for_a_status_that_only_one_of_them_has() {
    let color = "en/partials/html-color.hbs";
    let templates = built(own(&[(
        color,
        "{{#if (eq this \"OK\")}}green{{else}}red{{/if}}",
    )]));
    assert_eq!(templates.faults(), []);
    let misspelt = built(own(&[(
        color,
        "{{#if (eq this \"OKAY\")}}green{{else}}red{{/if}}",
    )]));
    let told = misspelt.faults()[0].to_string();
    assert!(told.contains("this is never \"OKAY\""), "{told}");
    // Outside of a partial there is one mail only.
    let entry = built(own(&[(
        ENTRY,
        "{{#if (eq status \"OK\")}}x{{else}}y{{/if}}",
    )]));
    assert!(!entry.are_sound());
}

#[test]
fn no_answer_of_a_mail_server_breaks_out_of_a_careless_template() {
    let value = "{{#each mails}}{{subject}} {{answer}} {{text}}{{/each}} {{address}} {{about}}";
    let html = format!("<p title=\"{{{{address}}}}\">{value}</p>");
    let templates = built(own(&[
        ("en/undelivered/subject.txt.hbs", value),
        ("en/undelivered/body.txt.hbs", value),
        ("en/undelivered/body.html.hbs", &html),
    ]));
    assert!(templates.are_sound(), "{:?}", templates.faults());
    let composer = composer(&templates, &Locale::EN);
    for hostile in [
        "550 no\r\nBcc: evil@example.com\r\n\r\nbody",
        "\"><script>alert(1)</script>",
        "{{address}} {{{x}}} {{#each",
        "safe\u{202E}exe\0\u{1B}[2J",
    ] {
        let mut sample = samples::undelivered_minimal();
        hostile.clone_into(&mut sample.address);
        let refused = &mut sample.mails[0];
        hostile.clone_into(&mut refused.answer);
        hostile.clone_into(&mut refused.mail.subject);
        hostile.clone_into(&mut refused.mail.text);
        let mail = mail_of(&composer, &sample.into());
        assert!(!mail.text.contains("Your own template"), "{hostile}");
        assert!(!mail.subject.contains(char::is_control), "{}", mail.subject);
        assert_eq!(mail.html.matches('<').count(), 2, "{}", mail.html);
        for bad in ['\r', '\u{202E}', '\0', '\u{1B}'] {
            assert!(!mail.text.contains(bad) && !mail.html.contains(bad));
        }
        mail.to_mime().unwrap();
    }
}

#[test]
fn a_file_stands_in_for_its_own_path_only() {
    let templates = built(own(&[(SUBJECT, "OURS: {{job.database}}")]));
    assert_eq!(templates.faults(), []);
    let shipped = Templates::built_in();
    let (ours, theirs) = (mails_that_left(&templates), mails_that_left(&shipped));
    assert_eq!(ours[0].subject, "OURS: XAFRIC_2025");
    assert_eq!(
        (&ours[0].text, &ours[0].html),
        (&theirs[0].text, &theirs[0].html)
    );
    assert_eq!(ours[1], theirs[1]);
}

#[test]
fn a_new_language_is_a_folder_and_english_where_it_says_nothing() {
    let templates = built(own(&[
        (
            "de/missing/subject.txt.hbs",
            "[{{job.status}}] {{job.database}} fehlt",
        ),
        (
            "de/wording.toml",
            "[duration]\nday = \"T\"\nhour = \"Std.\"\n",
        ),
    ]));
    assert_eq!(templates.faults(), []);
    let german: Locale = "de".parse().unwrap();
    assert!(templates.has_locale(&german));
    let composer = Composer::new(ComposerSettings {
        templates,
        ..ComposerSettings::default()
    });
    let reader = Recipient {
        address: "kunde@example.com".to_owned(),
        locale: Some(german),
        time_zone: None,
    };
    let sample = samples::missing_full();
    let mail = composer
        .unwrap()
        .preview(&sample.job, None, sample.now, &reader)
        .unwrap();
    assert_eq!(mail.subject, "[MISSING] XAFRIC_2025 fehlt");
    assert!(mail.text.contains("o report was received"), "{}", mail.text);
    assert!(mail.text.contains("Std."), "{}", mail.text);
    assert!(mail.html.contains("<html lang=\"de\">"));
}

#[test]
fn what_changes_in_english_also_stands_in_for_what_french_does_not_have() {
    let shared = "{{#*inline \"x\"}}{{/inline}}";
    let shared = format!("{shared}<!-- ours -->");
    let templates = built(own(&[("en/partials/html-end.hbs", &shared)]));
    let composer = Composer::new(ComposerSettings {
        locale: Locale::FR,
        admin_email_recipient: vec!["admin@example.com".to_owned()],
        templates,
        ..ComposerSettings::default()
    });
    let sample = samples::missing_full();
    let mails = composer.unwrap().compose(&sample.job, None, sample.now);
    assert!(mails[0].html.contains("<!-- ours -->"));
    assert!(mails[0].text.contains("rapport"));
}

#[test]
fn only_one_of_text_and_html_is_a_warning_and_no_fault() {
    let templates = built(own(&[(TEXT, "{{job.database}} is missing")]));
    assert!(templates.are_sound());
    assert_eq!(
        templates.faults()[0].to_string(),
        "en/missing/body.txt.hbs: en/missing/body.html.hbs is still the built-in one: those who \
         read that part see other words"
    );
    let templates = built(own(&[("en/partials/unused.hbs", "x")]));
    assert!(templates.are_sound());
    assert_eq!(
        templates.faults()[0].to_string(),
        "en/partials/unused.hbs: no mail includes this partial"
    );
}

#[test]
fn the_problem_is_told_in_the_language_of_the_reader() {
    let templates = built(own(&[("fr/missing/subject.txt.hbs", "{{job.databse}}")]));
    let composer = Composer::new(ComposerSettings {
        locale: Locale::FR,
        admin_email_recipient: vec!["admin@example.com".to_owned()],
        templates,
        ..ComposerSettings::default()
    });
    let sample = samples::missing_full();
    let mails = composer.unwrap().compose(&sample.job, None, sample.now);
    assert!(mails[0].text.contains("Votre modèle"), "{}", mails[0].text);
    let place = "fr/missing/subject.txt.hbs:1:3";
    assert!(mails[0].text.contains(place), "{}", mails[0].text);
}

#[test]
fn an_own_helper_that_fails_costs_no_alert() {
    let files = own(&[(SUBJECT, "{{ticket job.id}} {{job.database}}")]);
    let templates = Templates::builder()
        .files(files)
        .helper("ticket", |arguments| match arguments {
            // As a directory that knows the samples' job but not another.
            [id] if id == 41 || id == 1 => Ok(format!("OPS-{id}<")),
            _ => Err("there is no such job".to_owned()),
        })
        .build();
    assert_eq!(templates.faults(), []);
    let mut sample = samples::missing_full();
    assert_eq!(mail(&templates, &sample).subject, "OPS-41< XAFRIC_2025");
    sample.job.id.0 = 7;
    let fallen_back = mail(&templates, &sample);
    assert!(fallen_back.text.contains("`ticket`: there is no such job"));
    assert!(fallen_back.subject.contains("XAFRIC_2025"));
}
