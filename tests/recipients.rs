use std::fs;

use crate::site::{Backup, DAYS_LATER, MORNING, Report, START, Site, sent_failed_waiting};

const AGENT: &str = "SDMC_DOUALA_AKWA";

fn failed() -> Report {
    let backup = Backup::good("X_2025", b"content").not_staged();
    Report::new(AGENT, "2025-06-19T02:10:00", vec![backup])
}

#[test]
fn each_reads_in_their_own_language_and_time_zone() {
    let site = Site::with(
        "[[recipients]]\naddress = \"fr@example.com\"\nlocale = \"fr\"\n\
         timezone = \"Africa/Douala\"\n\
         [[jobs]]\nagent = \"SDMC_DOUALA_AKWA\"\ndatabase = \"OWN_2025\"\n\
         recipients = [\"Admin@example.com\", { address = \"k@example.com\", timezone = \
         \"Asia/Tokyo\" }]\n",
    );
    site.scan(START);
    site.deliver(&failed());
    site.scan(MORNING);
    let mails = site.mails();
    let of = |address: &str| {
        let mut mails = mails.iter();
        mails.find(|mail| mail.to == address).unwrap()
    };
    assert_eq!(
        mails.len(),
        2,
        "the administrator and the one who reads French"
    );
    assert!(of("fr@example.com").text.contains("sauvegarde"));
    assert!(of("fr@example.com").text.contains("WAT"));
    assert!(of("admin@example.com").text.contains("UTC"));

    site.scan(DAYS_LATER);
    let mails = site.mails();
    let own = mails.iter().filter(|mail| mail.text.contains("OWN_2025"));
    let mut own: Vec<(&str, bool)> = own
        .map(|mail| (mail.to.as_str(), mail.text.contains("JST")))
        .collect();
    own.sort_unstable();
    assert_eq!(own, [("Admin@example.com", false), ("k@example.com", true)]);
}

#[test]
fn a_broken_template_is_logged_and_the_alert_leaves_with_the_built_in_one() {
    let site = Site::with("[templates]\ndirectory = \"templates\"\n");
    fs::create_dir_all(site.path("templates/en/entry")).unwrap();
    fs::write(
        site.path("templates/en/entry/subject.txt.hbs"),
        "{{job.databse}}",
    )
    .unwrap();
    site.deliver(&failed());
    let output = site.run(&["scan", "--now", MORNING]);
    assert!(output.status.success());
    let log = String::from_utf8(output.stderr).unwrap();
    let place = "en/entry/subject.txt.hbs:1:3: the entry mail has no variable `job.databse`; did \
                 you mean `job.database`?";
    assert!(log.contains(place), "{log}");
    let mail = site.only_mail();
    assert!(mail.subject.contains("X_2025"), "{}", mail.subject);
    assert!(mail.text.contains(place.split_at(24).0), "{}", mail.text);

    let check = site.run(&["config", "check"]);
    assert_eq!(check.status.code(), Some(1));
    assert!(String::from_utf8(check.stdout).unwrap().contains(place));
}

#[test]
fn a_folder_of_templates_that_is_not_there_costs_no_alert() {
    let site = Site::with("[templates]\ndirectory = \"nowhere\"\n");
    site.deliver(&failed());
    let result = site.scan(MORNING);
    assert_eq!(sent_failed_waiting(&result), [1, 0, 0]);
    assert!(site.only_mail().text.contains("nowhere"));
    assert_eq!(site.run(&["config", "check"]).status.code(), Some(2));
}

#[test]
fn a_language_without_templates_is_told_with_its_line_and_costs_no_alert() {
    let site = Site::with("[[recipients]]\naddress = \"k@example.com\"\nlocale = \"de\"\n");
    site.deliver(&failed());
    site.scan(MORNING);
    assert_eq!(site.mails().len(), 2);
    let check = site.run(&["config", "check"]);
    assert_eq!(check.status.code(), Some(2));
    let error = String::from_utf8(check.stderr).unwrap();
    assert!(
        error.contains(
            "recipients[1].locale is \"de\", and there are no templates in that language"
        ),
        "{error}"
    );
}
