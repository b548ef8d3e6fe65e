use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::site::{Backup, DAYS_LATER, MORNING, Report, Site};

const AGENT: &str = "SDMC_DOUALA_AKWA";
const SUBJECT: &str = "own/en/missing/subject.txt.hbs";

/// A folder with templates of one's own in `own`, every one ejected, and no config anywhere.
struct Team {
    folder: TempDir,
}

impl Team {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let team = Self { folder };
        team.succeed(&["eject"]);
        team
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
        command.env_clear().current_dir(self.folder.path());
        command.args(["templates", "--quiet"]).args(arguments);
        command.args(["--directory", "own"]);
        command
    }

    #[track_caller]
    fn succeed(&self, arguments: &[&str]) -> String {
        succeeded(self.command(arguments))
    }

    /// What a command that finds something wrong prints as data.
    #[track_caller]
    fn fail(&self, arguments: &[&str]) -> String {
        failed(self.command(arguments)).0
    }

    fn path(&self, relative: &str) -> std::path::PathBuf {
        self.folder.path().join(relative)
    }

    fn write(&self, relative: &str, text: &str) {
        fs::write(self.path(relative), text).unwrap();
    }

    fn read(&self, relative: &str) -> String {
        fs::read_to_string(self.path(relative)).unwrap()
    }

    fn origin_of(&self, path: &str) -> Value {
        let list: Value =
            serde_json::from_str(&self.succeed(&["list", "--format", "json"])).unwrap();
        let mut templates = list["templates"].as_array().unwrap().iter();
        templates.find(|file| file["path"] == path).unwrap()["origin"].clone()
    }

    /// As it is when Vigie was upgraded since the subject was copied.
    fn upgrade(&self) {
        self.make_older("en/missing/subject.txt.hbs");
        self.write(SUBJECT, "Mine {{job.database}}\n");
    }

    /// As it is when what a file was copied from has changed since.
    fn make_older(&self, path: &str) {
        let origins = self.read("own/.origins.toml");
        let mut origins: toml::Table = origins.parse().unwrap();
        origins["copied_from"][path]["sha256"] = "0".repeat(64).into();
        self.write("own/.origins.toml", &origins.to_string());
    }
}

/// How many files ship.
fn built_in_count() -> usize {
    vigie_notify::Templates::built_in_paths().count()
}

#[track_caller]
fn succeeded(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn failed(mut command: Command) -> (String, String) {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr))
}

fn of_site(site: &Site, arguments: &[&str]) -> Command {
    let mut command = site.command();
    command.arg("templates").args(arguments);
    command
}

#[test]
fn what_was_ejected_is_sound_and_writes_the_same_mails() {
    let team = Team::new();
    let checked = team.succeed(&["check"]);
    assert!(
        checked.contains("own: 11 mails with 44 samples in 2 languages (en, fr): nothing is wrong"),
        "{checked}"
    );
    assert_eq!(
        team.origin_of("en/missing/subject.txt.hbs"),
        json!("unchanged")
    );
    team.succeed(&["snapshot", "snapshots"]);
    let site = Site::new();
    succeeded(of_site(&site, &["snapshot", "snapshots"]));
    let names = site.files_in("snapshots");
    assert_eq!(names.len(), 88);
    for name in names {
        let relative = format!("snapshots/{name}");
        let built_in = fs::read_to_string(site.path(&relative)).unwrap();
        assert_eq!(built_in, team.read(&relative), "{name}");
    }
}

#[test]
fn eject_writes_over_nothing_and_says_what_it_left() {
    let team = Team::new();
    team.write(SUBJECT, "Mine {{job.database}}\n");
    fs::remove_file(team.path("own/fr/wording.toml")).unwrap();
    let told = team.succeed(&["eject"]);
    assert!(told.contains(&format!("left  {SUBJECT}")), "{told}");
    assert!(told.contains("wrote own/fr/wording.toml"), "{told}");
    assert!(told.contains("Wrote 1 file to own"), "{told}");
    assert!(
        told.contains("vigie templates check --directory own"),
        "{told}"
    );
    assert_eq!(team.read(SUBJECT), "Mine {{job.database}}\n");
    assert_eq!(
        team.origin_of("en/missing/subject.txt.hbs"),
        json!("changed")
    );
}

#[test]
fn a_new_language_begins_with_copies_and_writes_mails_at_once() {
    let team = Team::new();
    team.succeed(&["eject", "--locale", "de"]);
    assert_eq!(team.origin_of("de/wording.toml"), json!("unchanged"));
    assert!(!team.path("own/de/partials/html-color.hbs").exists());
    team.write(
        "own/de/missing/subject.txt.hbs",
        "Sicherung von {{job.database}}\n",
    );
    assert!(team.succeed(&["check"]).contains("(de, en, fr)"));
    team.succeed(&["snapshot", "snapshots"]);
    let mail = team.read("snapshots/missing.full.de.txt");
    assert!(mail.contains("Subject: Sicherung von XAFRIC_2025"));
}

#[test]
fn a_translation_learns_that_what_it_was_copied_from_has_changed() {
    let team = Team::new();
    team.succeed(&["eject", "--locale", "de"]);
    let subject = "de/missing/subject.txt.hbs";
    let own = format!("own/{subject}");
    team.write(&own, "Sicherung von {{job.database}}\n");
    assert_eq!(team.origin_of(subject), json!("changed"));
    team.make_older(subject);
    assert_eq!(team.origin_of(subject), json!("outdated"));
    let told = "the built-in file en/missing/subject.txt.hbs has changed since this was copied";
    let checked = team.succeed(&["check"]);
    assert!(checked.contains(told), "{checked}");
    let listed = team.succeed(&["list"]);
    let told = "own; the built-in en/missing/subject.txt.hbs has changed since it was copied";
    assert!(listed.contains(told), "{listed}");
    let none = "No built-in template has changed";
    for others in [&["entry"][..], &["--locale", "fr"]] {
        let told = team.succeed(&[&["eject", "--update"], others].concat());
        assert!(told.contains(none), "{told}");
    }
    let told = team.succeed(&["eject", "missing", "--update", "--locale", "de"]);
    assert!(told.contains(&format!("wrote {own}")), "{told}");
    assert_eq!(team.read(&own), team.read(SUBJECT));
    let kept = team.read(&format!("{own}.orig"));
    assert_eq!(kept, "Sicherung von {{job.database}}\n");
    assert_eq!(team.origin_of(subject), json!("unchanged"));
    let told = team.succeed(&["eject", "--update"]);
    assert!(told.contains(none), "{told}");
}

#[test]
fn a_list_tells_where_each_template_comes_from() {
    let team = Team::new();
    fs::remove_file(team.path("own/fr/entry/body.txt.hbs")).unwrap();
    fs::write(team.path("own/en/partials/logo.hbs"), "logo").unwrap();
    team.upgrade();
    let list = team.succeed(&["list"]);
    let line = |name: &str, words: &str| {
        let mut lines = list.lines().map(str::trim);
        let is_it = |line: &str| line.starts_with(name) && line.contains(words);
        assert!(lines.any(is_it), "no {name} {words} in {list}");
    };
    line("body.txt.hbs", "built in");
    line("logo.hbs", "added  (own/en/partials/logo.hbs)");
    line(
        "subject.txt.hbs",
        "the built-in one has changed since it was copied",
    );
    let (all, own) = (built_in_count() + 1, built_in_count());
    let counts = format!("{all} files, {own} of them your own, 1 of those older");
    assert!(list.contains(&counts), "no {counts} in {list}");
    fs::remove_file(team.path("own/.origins.toml")).unwrap();
    assert!(team.succeed(&["list"]).contains("is not recorded"));
}

#[test]
fn a_changed_word_is_a_change_of_that_mails_snapshots_and_of_those_that_quote_it() {
    let team = Team::new();
    team.write(SUBJECT, "[MISSING] {{job.database}}\n");
    team.succeed(&["snapshot", "snapshots"]);
    let same = team.succeed(&["snapshot", "--check", "snapshots"]);
    assert!(same.contains("88 snapshots in snapshots: every mail is as it was"));
    team.write(SUBJECT, "[MISSING] {{job.database}}: nothing heard\n");
    let (diff, error) = failed(team.command(&["snapshot", "--check", "snapshots"]));
    let differing: Vec<&str> = diff
        .lines()
        .filter_map(|line| line.strip_prefix("differs: "))
        .collect();
    assert_eq!(
        differing,
        [
            "snapshots/group.full.en.txt",
            "snapshots/group.minimal.en.txt",
            "snapshots/group.mixed.full.en.txt",
            "snapshots/missing.full.en.txt",
            "snapshots/missing.minimal.en.txt",
            "snapshots/outage.many_missing.full.en.txt",
            "snapshots/summary.downtime.full.en.txt",
            "snapshots/summary.full.en.txt",
            "snapshots/summary.undeliverable.minimal.en.txt",
        ]
    );
    for line in [
        "-Subject: [MISSING] ARCHIVE\n",
        "+Subject: [MISSING] ARCHIVE: nothing heard\n",
    ] {
        assert!(diff.contains(line), "no {line} in {diff}");
    }
    assert!(error.contains("9 files in snapshots"), "{error}");
    assert!(
        team.succeed(&["snapshot", "snapshots"])
            .contains("9 written")
    );
    team.succeed(&["snapshot", "--check", "snapshots"]);
}

#[test]
fn snapshots_that_are_absent_or_left_over_are_told_and_others_files_are_left_alone() {
    let team = Team::new();
    team.succeed(&["snapshot", "snapshots"]);
    let gone = "snapshots/missing.full.de.txt";
    fs::copy(team.path("snapshots/missing.full.en.txt"), team.path(gone)).unwrap();
    fs::write(team.path("snapshots/notes.txt"), "mine").unwrap();
    fs::remove_file(team.path("snapshots/missing.full.fr.txt")).unwrap();
    let told = team.fail(&["snapshot", "--check", "snapshots"]);
    assert_eq!(
        told,
        format!("absent: snapshots/missing.full.fr.txt\nof a mail that is no more: {gone}\n")
    );
    let told = team.succeed(&["snapshot", "snapshots"]);
    assert!(
        told.contains("1 written, 1 of mails that are no more removed"),
        "{told}"
    );
    assert!(!team.path(gone).exists() && team.path("snapshots/notes.txt").exists());

    let foreign = "snapshots/missing.full.en.txt";
    fs::write(team.path(foreign), "mine").unwrap();
    team.fail(&["snapshot", "snapshots"]);
    assert_eq!(team.read(foreign), "mine");
}

#[test]
fn snapshots_do_not_depend_on_the_machine_or_on_who_is_told() {
    let mails = "timezone = \"Asia/Tokyo\"\nlocale = \"fr\"\n[[recipients]]\n\
                 address = \"reader@example.com\"\nlocale = \"fr\"\n";
    let (plain, other) = (Site::new(), Site::with(mails));
    succeeded(of_site(&plain, &["snapshot", "snapshots"]));
    let mut command = of_site(&other, &["snapshot", "--check"]);
    command.arg(plain.path("snapshots")).env("TZ", "Asia/Tokyo");
    succeeded(command);
}

#[test]
fn a_misspelt_variable_is_told_with_its_place_and_what_was_meant() {
    let team = Team::new();
    team.write(SUBJECT, "[MISSING] {{job.databse}}\n");
    let problem = "the missing mail has no variable `job.databse`; did you mean `job.database`?";
    let text = team.fail(&["check"]);
    assert!(
        text.starts_with(&format!("{SUBJECT}:1:13: error: {problem}\n")),
        "{text}"
    );
    assert!(text.contains("(en, fr): 1 error."), "{text}");
    let github = team.fail(&["check", "--format", "github"]);
    let annotation = format!("::error file={SUBJECT},line=1,col=13::{problem}\n");
    assert!(github.starts_with(&annotation), "{github}");
    let json: Value = serde_json::from_str(&team.fail(&["check", "--format", "json"])).unwrap();
    assert_eq!(
        json,
        json!({
            "directory": "own", "errors": 1, "warnings": 0, "mails": 11,
            "locales": ["en", "fr"], "samples": 44,
            "faults": [{
                "path": "en/missing/subject.txt.hbs", "line": 1, "column": 13,
                "severity": "error", "problem": problem,
            }],
        })
    );
    let (_, error) = failed(team.command(&["snapshot", "snapshots"]));
    assert!(
        error.contains(problem) && error.contains("no snapshots"),
        "{error}"
    );
    assert!(!team.path("snapshots").exists());
}

#[test]
fn a_template_whose_default_has_changed_is_a_warning_until_it_is_updated() {
    let team = Team::new();
    let built_in = team.read(SUBJECT);
    team.upgrade();
    let checked = team.succeed(&["check"]);
    let warning = format!("{SUBJECT}: warning: the built-in one has changed");
    assert!(checked.starts_with(&warning), "{checked}");
    assert!(checked.contains("1 warning."), "{checked}");

    let kept = format!("{SUBJECT}.orig");
    let told = team.succeed(&["eject", "--update"]);
    assert!(told.contains(&format!("kept  {kept}")), "{told}");
    assert_eq!(team.read(SUBJECT), built_in);
    assert!(team.read(&kept).starts_with("Mine"));
    assert!(team.succeed(&["check"]).contains("nothing is wrong"));
    assert!(
        team.succeed(&["eject", "--update"])
            .contains("No built-in template has changed")
    );

    team.upgrade();
    let (_, error) = failed(team.command(&["eject", "--update"]));
    assert!(error.contains("from an earlier update"), "{error}");
    assert!(team.read(SUBJECT).starts_with("Mine"));
}

#[test]
fn a_preview_has_an_index_and_the_parts_of_each_mail() {
    let team = Team::new();
    let told = team.succeed(&["preview"]);
    assert!(told.contains("Wrote 88 mails to vigie-preview; open vigie-preview/index.html"));
    let index = team.read("vigie-preview/index.html");
    assert_eq!(index.matches("<iframe").count(), 2 * 88);
    assert!(!index.contains("class=\"faults\"") && !index.contains("http"));
    let text = team.read("vigie-preview/missing.full.fr.txt");
    assert!(text.contains("Aucun rapport"), "{text}");
    let subject = team.read("vigie-preview/missing.full.en.subject.txt");
    assert!(index.contains(subject.trim()), "{subject}");
    let html = team.read("vigie-preview/entry.unknown.minimal.en.html");
    assert!(html.starts_with("<!DOCTYPE html>"));

    let told = team.succeed(&["preview", "missing", "--locale", "fr"]);
    assert!(told.contains("Wrote 2 mails"), "{told}");
    team.write(SUBJECT, "{{job.databse}}\n");
    let (_, error) = failed(team.command(&["preview", "--sample", "missing.full"]));
    assert!(error.contains("did you mean `job.database`?"), "{error}");
    let index = team.read("vigie-preview/index.html");
    assert!(index.contains("class=\"faults\"") && index.contains("job.databse"));
}

#[test]
fn a_preview_refuses_what_it_does_not_know_and_a_folder_that_is_not_its_own() {
    let team = Team::new();
    let error = |arguments: &[&str]| failed(team.command(arguments)).1;
    let sample = error(&["preview", "--sample", "missing.fll"]);
    assert!(sample.contains("entry.hash_mismatch.full"), "{sample}");
    let both = error(&["preview", "entry", "--sample", "missing.full"]);
    assert!(both.contains("of another mail"), "{both}");
    let locale = error(&["preview", "--locale", "de"]);
    assert!(locale.contains("only in en, fr"), "{locale}");
    let out = error(&["preview", "--out", "own"]);
    assert!(
        out.contains("own is not empty and holds no preview"),
        "{out}"
    );
    assert!(!team.path("own/index.html").exists());
}

#[test]
fn a_machine_without_a_desktop_is_told_what_to_open() {
    let team = Team::new();
    let mut command = team.command(&["preview", "missing", "--open"]);
    let output = command.env("PATH", team.path("own")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("open vigie-preview/index.html yourself"),
        "{told}"
    );
}

#[test]
fn the_mail_that_a_job_would_get_can_be_looked_at() {
    let site = Site::new();
    let preview = |id: &str| of_site(&site, &["preview", "--locale", "en", "--job", id]);
    let (_, error) = failed(preview("1"));
    assert!(error.contains("no database yet"), "{error}");
    let backup = Backup::good("REAL_2025", b"content").not_staged();
    site.deliver(&Report::new(AGENT, "2025-06-19T02:10:00", vec![backup]));
    site.scan(MORNING);
    let id = site.job("REAL_2025")["id"].to_string();
    // Of both mails only the one about a silence is urgent.
    let is_urgent = || {
        succeeded(preview(&id));
        let index = fs::read_to_string(site.path("vigie-preview/index.html")).unwrap();
        assert!(index.contains("REAL_2025") && index.contains(&format!("job-{id}.en.html")));
        index.contains("class=\"urgent\"")
    };
    assert!(!is_urgent());
    site.scan(DAYS_LATER);
    assert!(is_urgent());
    let (_, error) = failed(preview("4711"));
    assert!(error.contains("`vigie status --format json`"), "{error}");
}

#[test]
fn without_a_folder_the_built_in_templates_are_meant_and_nothing_can_be_ejected() {
    let site = Site::new();
    let checked = succeeded(of_site(&site, &["check"]));
    assert!(
        checked.starts_with("Checked the built-in templates, as templates.directory is not set"),
        "{checked}"
    );
    let list = succeeded(of_site(&site, &["list"]));
    let counts = format!("{} files, 0 of them your own", built_in_count());
    assert!(list.contains(&counts), "{list}");
    let (_, error) = failed(of_site(&site, &["eject"]));
    assert!(
        error.contains("set templates.directory") && error.contains("--directory"),
        "{error}"
    );
}

#[test]
fn the_config_gives_folder_and_vars_also_to_a_folder_from_the_command_line() {
    let site = Site::with("[templates]\ndirectory = \"own\"\nvars.phone = \"+237 600\"\n");
    succeeded(of_site(&site, &["eject", "missing", "--locale", "en"]));
    fs::write(
        site.path(SUBJECT),
        "{{job.database}}: call {{vars.phone}}\n",
    )
    .unwrap();
    succeeded(of_site(&site, &["check"]));
    succeeded(of_site(&site, &["check", "--directory", "own"]));
    succeeded(of_site(
        &site,
        &["preview", "--sample", "missing.full", "--locale", "en"],
    ));
    let subject = fs::read_to_string(site.path("vigie-preview/missing.full.en.subject.txt"));
    assert_eq!(subject.unwrap(), "XAFRIC_2025: call +237 600\n");
    fs::rename(site.path("vigie.toml"), site.path("other.toml")).unwrap();
    let mut alone = Command::new(env!("CARGO_BIN_EXE_vigie"));
    alone.env_clear().current_dir(site.path("."));
    alone.args(["templates", "check", "--directory", "own"]);
    assert!(failed(alone).0.contains("no variable `vars.phone`"));
}

#[test]
fn a_folder_or_a_config_that_is_not_there_is_an_error_and_never_nothing_to_check() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
        command
            .env_clear()
            .current_dir(folder.path())
            .arg("templates");
        command.args(arguments).output().unwrap()
    };
    let output = run(&["check", "--directory", "typo"]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.starts_with("typo: error: the folder typo can't be read"),
        "{told}"
    );
    for arguments in [
        &["check"][..],
        &["check", "--directory", "own", "--config", "typo.toml"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    }
    let told = String::from_utf8(run(&["check"]).stderr).unwrap();
    assert!(told.contains("--directory"), "{told}");
}

#[test]
fn the_page_about_templates_says_what_the_program_says() {
    let vocabulary = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
        command.env_clear().args(["templates", "variables"]);
        command.args(arguments);
        succeeded(command)
    };
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/notify/TEMPLATES.md");
    let page = fs::read_to_string(page).unwrap();
    assert!(
        page == vocabulary(&["--format", "markdown"]),
        "write it anew: vigie templates variables --format markdown > crates/notify/TEMPLATES.md"
    );
    let text = vocabulary(&["missing"]);
    assert!(
        text.contains("overdue_seconds  (integer, or null)"),
        "{text}"
    );
    assert!(!text.contains("actual_sha256  ("), "{text}");
    let json: Value = serde_json::from_str(&vocabulary(&["--format", "json"])).unwrap();
    assert_eq!(json["mails"][1]["mail"], "entry");
    assert_eq!(json["helpers"][0]["name"], "date");
}

#[test]
fn the_mail_about_the_end_of_an_incident_can_be_edited_and_tried_like_all_others() {
    let site = Site::with("[templates]\ndirectory = \"own\"\n");
    succeeded(of_site(&site, &["eject", "recovery", "--locale", "en"]));
    let subject = site.path("own/en/recovery/subject.txt.hbs");
    assert!(site.path("own/en/partials/incident-changes.hbs").exists());
    assert!(!site.path("own/en/partials/missing-steps.hbs").exists());
    fs::write(&subject, "OURS {{duration incident.seconds}}\n").unwrap();
    succeeded(of_site(&site, &["check"]));
    succeeded(of_site(&site, &["preview", "recovery"]));
    let previewed = fs::read_to_string(site.path("vigie-preview/recovery.full.en.subject.txt"));
    assert_eq!(previewed.unwrap(), "OURS 2 d 3 h\n");

    let output = site.run(&[
        "mail",
        "test",
        "--to",
        "me@example.com",
        "--mail",
        "recovery",
    ]);
    assert!(output.status.success(), "{output:?}");
    let mail = site.only_mail();
    assert_eq!(mail.subject, "[TEST] OURS 2 d 3 h");
    assert!(
        mail.text.contains("A good backup has arrived"),
        "{}",
        mail.text
    );

    succeeded(of_site(&site, &["eject", "reminder", "--locale", "fr"]));
    let text = site.path("own/fr/reminder/body.txt.hbs");
    fs::write(&text, "NOTRE RAPPEL {{reminder}}\n").unwrap();
    fs::remove_file(site.path("own/fr/reminder/body.html.hbs")).unwrap();
    succeeded(of_site(&site, &["preview", "--sample", "reminder.full"]));
    let previewed = fs::read_to_string(site.path("vigie-preview/reminder.full.fr.txt"));
    assert_eq!(previewed.unwrap(), "NOTRE RAPPEL 3\n");
}

#[test]
fn the_mail_about_refused_mails_can_be_edited_and_tried_like_all_others() {
    let site = Site::with("[templates]\ndirectory = \"own\"\n");
    succeeded(of_site(&site, &["eject", "undelivered", "--locale", "en"]));
    let subject = site.path("own/en/undelivered/subject.txt.hbs");
    assert!(!site.path("own/en/partials/missing-steps.hbs").exists());
    fs::write(&subject, "OURS {{count}} {{address}}\n").unwrap();
    succeeded(of_site(&site, &["check"]));
    succeeded(of_site(&site, &["preview", "undelivered"]));
    let previewed = fs::read_to_string(site.path("vigie-preview/undelivered.full.en.subject.txt"));
    assert_eq!(previewed.unwrap(), "OURS 3 ops@example.com\n");

    let to_me = ["mail", "test", "--to", "me@example.com"];
    let output = site.run(&[&to_me[..], &["--mail", "undelivered"]].concat());
    assert!(output.status.success(), "{output:?}");
    let mail = site.only_mail();
    assert_eq!(mail.subject, "[TEST] OURS 3 ops@example.com");
    assert!(mail.text.contains("This is a test."), "{}", mail.text);
    assert!(mail.text.contains("vigie outbox retry ID"), "{}", mail.text);

    fs::write(&subject, "{{job.database}}\n").unwrap();
    let (told, _) = failed(of_site(&site, &["check"]));
    let fault =
        "own/en/undelivered/subject.txt.hbs:1:3: error: the undelivered mail has no variable";
    assert!(told.contains(fault), "{told}");
}

#[test]
fn the_mails_about_many_can_be_edited_and_tried_like_all_others() {
    let site = Site::with("[templates]\ndirectory = \"own\"\n");
    succeeded(of_site(&site, &["eject", "group", "--locale", "en"]));
    let subject = site.path("own/en/group/subject.txt.hbs");
    assert!(site.path("own/en/partials/text-jobs.hbs").exists());
    assert!(!site.path("own/en/partials/digest-rows.hbs").exists());
    fs::write(&subject, "OURS {{scope.name}} {{jobs.count}}\n").unwrap();
    succeeded(of_site(&site, &["check"]));
    for mail in ["warning", "outage", "summary", "digest"] {
        succeeded(of_site(&site, &["preview", mail]));
    }
    let to_me = ["mail", "test", "--to", "me@example.com"];
    let output = site.run(&[&to_me[..], &["--mail", "group"]].concat());
    assert!(output.status.success(), "{output:?}");
    let mail = site.only_mail();
    assert_eq!(mail.subject, "[TEST] OURS SDMC_DOUALA_AKWA 3");
    assert_eq!(mail.text.matches("This is a test.").count(), 1);
    assert!(
        mail.text.contains("| No report was received"),
        "{}",
        mail.text
    );
}
