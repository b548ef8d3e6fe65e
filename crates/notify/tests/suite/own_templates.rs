//! Templates of somebody's own: whatever is wrong with them is told with its place, and the alert
//! leaves all the same.

use std::fs;
use std::path::Path;

use vigie_domain::BackupEntryStatus;
use vigie_notify::samples::{self, Sample};
use vigie_notify::{
    Composer, ComposerSettings, Locale, Mail, MailKind, Recipient, Severity, TemplateFiles,
    Templates,
};

const SUBJECT: &str = "en/missing/subject.txt.hbs";
const TEXT: &str = "en/missing/body.txt.hbs";
const HTML: &str = "en/missing/body.html.hbs";
const ENTRY: &str = "en/entry/body.txt.hbs";
const FOOT: &str = "en/partials/foot.hbs";

fn own(files: &[(&str, &str)]) -> TemplateFiles {
    let none = TemplateFiles::none();
    files
        .iter()
        .fold(none, |files, (path, text)| files.with(*path, *text))
}

fn built(files: TemplateFiles) -> Templates {
    Templates::builder().files(files).build()
}

/// The mail that an administrator gets about a sample.
fn mail(templates: &Templates, sample: &Sample) -> Mail {
    let composer = Composer::new(ComposerSettings {
        admin_email_recipient: vec!["admin@example.com".to_owned()],
        templates: templates.clone(),
        ..ComposerSettings::default()
    });
    let composer = composer.unwrap();
    let mut mails = composer.compose(&sample.job, sample.entry.as_ref(), sample.now);
    assert_eq!(mails.len(), 1, "an alert is lost");
    mails.remove(0)
}

/// Both mails leave, say what they are about, and can be sent.
fn mails_that_left(templates: &Templates) -> Vec<Mail> {
    let failed = samples::entry_full(BackupEntryStatus::Failed);
    let mails = [samples::missing_full(), failed].map(|sample| mail(templates, &sample));
    for mail in &mails {
        assert!(!mail.subject.is_empty() && !mail.subject.contains('\n'));
        assert!(mail.text.len() > 10 && mail.html.len() > 10);
        mail.to_mime().unwrap();
    }
    mails.into()
}

/// Which of the two mails says that it could not be written with its own templates.
fn written_with_built_in(mails: &[Mail]) -> Vec<MailKind> {
    let says_so = |mail: &Mail| mail.text.contains("Your own template for this mail");
    mails
        .iter()
        .zip(MailKind::ALL)
        .filter(|(mail, _)| says_so(mail))
        .map(|(mail, kind)| {
            assert!(mail.html.contains("Your own template for this mail"));
            assert!(mail.subject.contains("XAFRIC_2025"), "{}", mail.subject);
            kind
        })
        .collect()
}

fn nested(open: &str, inner: &str, close: &str, times: usize) -> String {
    open.repeat(times) + inner + &close.repeat(times)
}

/// A template that is broken, and what is said of it.
struct Case {
    what: &'static str,
    files: Vec<(String, String)>,
    fault: &'static str,
    /// The mails that are written with the built-in templates.
    falls_back: &'static [MailKind],
}

const MISSING: &[MailKind] = &[MailKind::Missing];
const ENTRY_MAIL: &[MailKind] = &[MailKind::Entry];
const BOTH: &[MailKind] = &[MailKind::Missing, MailKind::Entry];
const NEITHER: &[MailKind] = &[];

fn case(
    what: &'static str,
    path: &str,
    text: impl Into<String>,
    fault: &'static str,
    falls_back: &'static [MailKind],
) -> Case {
    Case {
        what,
        files: vec![(path.to_owned(), text.into())],
        fault,
        falls_back,
    }
}

impl Case {
    fn with(mut self, path: &str, text: impl Into<String>) -> Self {
        self.files.push((path.to_owned(), text.into()));
        self
    }
}

fn misspelt() -> Vec<Case> {
    vec![
        case(
            "a misspelt variable",
            SUBJECT,
            "Help! {{job.databse}}",
            "en/missing/subject.txt.hbs:1:9: the missing mail has no variable `job.databse`; did \
             you mean `job.database`?",
            MISSING,
        ),
        case(
            "a variable without its object",
            SUBJECT,
            "{{database}}",
            "en/missing/subject.txt.hbs:1:3: the missing mail has no variable `database`; did you \
             mean `job.database`?",
            MISSING,
        ),
        case(
            "a misspelt variable in an if",
            TEXT,
            "x\n{{#if expectd_at}}late{{/if}}",
            "en/missing/body.txt.hbs:2:7: the missing mail has no variable `expectd_at`; did you \
             mean `expected_at`?",
            MISSING,
        ),
        case(
            "a misspelt variable in an else if",
            TEXT,
            "x {{#if last_good}}a{{else if overdue_secs}}b{{/if}}",
            "en/missing/body.txt.hbs:1:31: the missing mail has no variable `overdue_secs`",
            MISSING,
        ),
        case(
            "a misspelt variable in a branch that is not taken",
            ENTRY,
            "x\n\n{{#if (eq status \"NEVER\")}}\n  {{job.citty}}\n{{/if}}",
            "en/entry/body.txt.hbs:4:5: the entry mail has no variable `job.citty`; did you mean \
             `job.city`?",
            ENTRY_MAIL,
        ),
        case(
            "a misspelt variable in an else",
            TEXT,
            "x {{#if job}}a{{else}}{{jbo.id}}{{/if}}",
            "en/missing/body.txt.hbs:1:25: the missing mail has no variable `jbo.id`",
            MISSING,
        ),
        case(
            "a misspelt variable in a partial of all mails",
            FOOT,
            "Call {{job.agnet}}",
            "en/partials/foot.hbs:1:8: there is no variable `job.agnet` here; did you mean \
             `job.agent`?",
            BOTH,
        ),
        case(
            "a misspelt variable above a list",
            ENTRY,
            "x {{#each stages}}{{../job.databse}}{{/each}}",
            "en/entry/body.txt.hbs:1:21: there is no variable `../job.databse` here; did you mean \
             `job.database`?",
            ENTRY_MAIL,
        ),
        case(
            "a misspelt variable of a list's element",
            ENTRY,
            "x {{#each stages as |stage|}}{{stage.nmae}}{{/each}}",
            "en/entry/body.txt.hbs:1:32: there is no variable `stage.nmae` here; did you mean \
             `name`?",
            ENTRY_MAIL,
        ),
        case(
            "a misspelt list",
            ENTRY,
            "x {{#each stage}}{{name}}{{/each}}",
            "en/entry/body.txt.hbs:1:11: the entry mail has no variable `stage`; did you mean \
             `stages`?",
            ENTRY_MAIL,
        ),
        case(
            "a misspelt object",
            TEXT,
            "x {{#with last_god}}{{size}}{{/with}}",
            "en/missing/body.txt.hbs:1:11: the missing mail has no variable `last_god`",
            MISSING,
        ),
        case(
            "a variable of the other mail",
            SUBJECT,
            "[{{status}}]",
            "en/missing/subject.txt.hbs:1:4: the missing mail has no variable `status`; did you \
             mean `job.status`?",
            MISSING,
        ),
        case(
            "a var that the config does not set",
            SUBJECT,
            "{{vars.phone}}",
            "en/missing/subject.txt.hbs:1:3: there is no variable `vars.phone`; add it to \
             [templates.vars] in the config",
            MISSING,
        ),
        case(
            "an unknown helper",
            TEXT,
            "x {{byets last_good.size}}",
            "en/missing/body.txt.hbs:1:5: there is no helper `byets`; did you mean `bytes`?",
            MISSING,
        ),
        case(
            "an unknown helper within another",
            TEXT,
            "x {{#if (equals job.status \"OK\")}}y{{/if}}",
            "en/missing/body.txt.hbs:1:10: there is no helper `equals`",
            MISSING,
        ),
        case(
            "an unknown partial",
            TEXT,
            "x {{> fot}}",
            "en/missing/body.txt.hbs:1:7: there is no partial `fot`; did you mean `foot`?",
            MISSING,
        ),
        case(
            "an unknown partial with something to stand in for it",
            TEXT,
            "x {{#> nothing-like-it}}y{{/nothing-like-it}}",
            "en/missing/body.txt.hbs:1:8: there is no partial `nothing-like-it`",
            MISSING,
        ),
        case(
            "an unknown argument",
            TEXT,
            "x {{date now defualt=\"-\"}}",
            "en/missing/body.txt.hbs:1:14: there is no argument of `date` `defualt`; did you mean \
             `default`?",
            MISSING,
        ),
        case(
            "a status that never is",
            ENTRY,
            "x {{#if (eq status \"HASH_MISMATCHED\")}}y{{/if}}",
            "en/entry/body.txt.hbs:1:21: this is never \"HASH_MISMATCHED\"; did you mean \
             \"HASH_MISMATCH\"?",
            ENTRY_MAIL,
        ),
        case(
            "a file that is misspelt",
            "en/missing/subjct.txt.hbs",
            "mine",
            "en/missing/subjct.txt.hbs: no mail uses this file; did you mean \
             en/missing/subject.txt.hbs?",
            NEITHER,
        ),
        case(
            "a folder that is no language",
            "templates/en/missing/subject.txt.hbs",
            "mine",
            "\"templates\" is no language",
            NEITHER,
        ),
    ]
}

fn misused() -> Vec<Case> {
    vec![
        case(
            "a list that is none",
            TEXT,
            "x {{#each job.database}}y{{/each}}",
            "en/missing/body.txt.hbs:1:11: `each` takes a list, and `job.database` is text",
            MISSING,
        ),
        case(
            "an object as text",
            SUBJECT,
            "{{job}}",
            "en/missing/subject.txt.hbs:1:3: `job` is no text; name one of its parts: agent, city",
            MISSING,
        ),
        case(
            "a list as text",
            ENTRY,
            "{{stages}}",
            "en/entry/body.txt.hbs:1:3: `stages` is a list; write `{{#each stages}}…{{/each}}`",
            ENTRY_MAIL,
        ),
        case(
            "a helper for another type",
            TEXT,
            "x {{bytes job.database}}",
            "en/missing/body.txt.hbs:1:11: `bytes` takes a number, and `job.database` is text",
            MISSING,
        ),
        case(
            "a helper without its argument",
            TEXT,
            "x {{date}}",
            "en/missing/body.txt.hbs:1:5: `date` is called so: {{date at}}",
            MISSING,
        ),
        case(
            "a block that is none",
            TEXT,
            "x {{#date now}}y{{/date}}",
            "en/missing/body.txt.hbs:1:6: `date` is no block: write `{{date …}}`",
            MISSING,
        ),
        case(
            "a block as if it were none",
            TEXT,
            "x {{wrap \"y\"}}",
            "en/missing/body.txt.hbs:1:5: `wrap` is a block: write `{{#wrap}}…{{/wrap}}`",
            MISSING,
        ),
        case(
            "an index without a list",
            TEXT,
            "x {{@index}}",
            "en/missing/body.txt.hbs:1:5: `@index` means something within `{{#each}}` only",
            MISSING,
        ),
        case(
            "a way up where there is no more",
            TEXT,
            "x {{../../now}}",
            "en/missing/body.txt.hbs:1:5: `../../now` goes further up than there are blocks",
            MISSING,
        ),
        case(
            "values as markup",
            HTML,
            "<p>{{{job.database}}}</p>",
            "en/missing/body.html.hbs:1:7: `{{{job.database}}}` would write what comes from \
             agents as markup; write `{{job.database}}`",
            MISSING,
        ),
        case(
            "values as markup, written otherwise",
            HTML,
            "<p>{{& job.database}}</p>",
            "would write what comes from agents as markup",
            MISSING,
        ),
        case(
            "a partial whose name is computed",
            TEXT,
            "x {{> (lookup job \"database\")}}",
            "en/missing/body.txt.hbs:1:3: a partial must be included by its name",
            MISSING,
        ),
        case(
            "a decorator",
            TEXT,
            "x {{* evil}}",
            "en/missing/body.txt.hbs:1:7: there is no decorator `evil`",
            MISSING,
        ),
        case(
            "an empty subject",
            SUBJECT,
            "",
            "en/missing/subject.txt.hbs: this writes nothing",
            MISSING,
        ),
        case(
            "a subject that is empty for some",
            SUBJECT,
            "{{#if last_good}}{{job.database}}{{/if}}\n",
            "en/missing/subject.txt.hbs: this writes nothing (in the sample missing.minimal)",
            MISSING,
        ),
        case(
            "an empty text",
            TEXT,
            " \n",
            "en/missing/body.txt.hbs: this writes nothing",
            MISSING,
        ),
    ]
}

fn malformed() -> Vec<Case> {
    vec![
        case(
            "a block that is not closed",
            TEXT,
            "x\n{{#if job}}\ny",
            "en/missing/body.txt.hbs:",
            MISSING,
        ),
        case(
            "a block that is closed as another",
            TEXT,
            "x {{#if job}}y{{/each}}",
            "en/missing/body.txt.hbs:",
            MISSING,
        ),
        case(
            "a tag that is not closed",
            SUBJECT,
            "{{job.database",
            "en/missing/subject.txt.hbs:",
            MISSING,
        ),
        case(
            "a partial that includes itself",
            FOOT,
            "x {{> foot}}",
            "en/partials/foot.hbs:1:7: the partial `foot` includes itself",
            BOTH,
        ),
        case(
            "partials that include each other",
            FOOT,
            "{{> a}}",
            "en/partials/b.hbs:1:5: the partial `a` includes itself",
            BOTH,
        )
        .with("en/partials/a.hbs", "{{> b}}")
        .with("en/partials/b.hbs", "{{> a}}"),
        case(
            "partials that include each other ten times",
            FOOT,
            "{{> p0}}",
            "partials include each other too often",
            BOTH,
        )
        .with("en/partials/p0.hbs", "{{> p1}}".repeat(10))
        .with("en/partials/p1.hbs", "{{> p2}}".repeat(10))
        .with("en/partials/p2.hbs", "{{> p3}}".repeat(10))
        .with("en/partials/p3.hbs", "{{> p4}}".repeat(10))
        .with("en/partials/p4.hbs", "x"),
        case(
            "a hundred thousand blocks in each other",
            TEXT,
            nested("{{#if job}}", "", "{{/if}}", 10_000),
            "en/missing/body.txt.hbs:1:661: blocks stand too deep within each other",
            MISSING,
        ),
        case(
            "ten thousand else ifs",
            TEXT,
            "{{#if job}}".to_owned() + &"{{else if job}}".repeat(10_000) + "{{/if}}",
            "blocks stand too deep within each other",
            MISSING,
        ),
        case(
            "ten thousand parentheses",
            TEXT,
            format!(
                "{{{{#if {}}}}}{{{{/if}}}}",
                nested("(not ", "job", ")", 10_000)
            ),
            "blocks stand too deep within each other",
            MISSING,
        ),
        case(
            "lists within lists within lists",
            ENTRY,
            nested(
                "{{#each @root.stages}}",
                &"{{pad \"x\" 200}}".repeat(10),
                "{{/each}}",
                9,
            ),
            "en/entry/body.txt.hbs",
            ENTRY_MAIL,
        ),
        case(
            "words that are no TOML",
            "en/wording.toml",
            "[note\n",
            "en/wording.toml:1:6: this is no valid TOML",
            BOTH,
        ),
        case(
            "words that mean nothing",
            "en/wording.toml",
            "[note]\nbuild_in = \"x\"\n",
            "en/wording.toml:2:1: there is no key `build_in`; did you mean `built_in`?",
            BOTH,
        ),
        case(
            "words that lose what they are about",
            "en/wording.toml",
            "[duration]\npast = \"long ago\"\n",
            "en/wording.toml:2:1: `past` must hold {duration}",
            BOTH,
        ),
    ]
}

#[test]
fn whatever_is_wrong_is_told_with_its_place_and_the_alert_leaves() {
    let cases: Vec<Case> = [misspelt(), misused(), malformed()]
        .into_iter()
        .flatten()
        .collect();
    assert!(cases.len() >= 40, "{} cases", cases.len());
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
        let is_told = faults.iter().any(|fault| fault.contains(case.fault));
        assert!(is_told, "{}: {faults:#?}", case.what);
        assert!(!templates.are_sound());
        let mails = mails_that_left(&templates);
        assert_eq!(
            written_with_built_in(&mails),
            case.falls_back,
            "{}",
            case.what
        );
    }
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
    assert_eq!(written_with_built_in(&mails), BOTH);
}

#[test]
fn a_folder_without_permission_costs_no_alert() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder_with(|path| fs::write(path, "mine").unwrap());
    let locked = folder.path().join("en");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    let templates = Templates::builder().directory(folder.path()).build();
    mails_that_left(&templates);
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o755)).unwrap();
    // Root reads everything.
    if !templates.are_sound() {
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
