use serde_json::json;

use crate::site::{Backup, DAYS_LATER, MORNING, ReceivedMail, Report, START, Site, subjects};

const AGENT: &str = "SDMC_DOUALA_AKWA";

fn site(sections: &str) -> Site {
    Site::with(&format!(
        "{sections}[[jobs]]\nagent = \"{AGENT}\"\ndatabase = \"X\"\n"
    ))
}

fn deliver(site: &Site, ended_at: &str, backup: Backup) {
    site.deliver(&Report::new(AGENT, ended_at, vec![backup]));
}

fn good() -> Backup {
    Backup::good("X", b"content")
}

fn with_subject<'a>(mails: &'a [ReceivedMail], start: &str) -> &'a ReceivedMail {
    let mut found = mails.iter().filter(|mail| mail.subject.starts_with(start));
    let mail = found.next();
    mail.unwrap_or_else(|| panic!("no mail {start:?} among {:?}", subjects(mails)))
}

#[test]
fn the_mails_of_an_incident_are_one_conversation_to_its_end() {
    let site = site("");
    site.scan(START);
    deliver(&site, "2025-06-19T02:00:00", good());
    site.scan(MORNING);
    site.scan(DAYS_LATER);
    deliver(
        &site,
        "2025-06-21T08:00:00",
        good().saying("/BACKUP/status", json!(false)),
    );
    site.scan("2025-06-21T08:10:00Z");
    site.scan("2025-06-22T09:00:00Z");
    deliver(&site, "2025-06-22T10:00:00", good());
    site.scan("2025-06-22T10:10:00Z");
    // The next incident is another conversation.
    site.scan("2025-06-25T00:00:00Z");

    let mails = site.mails();
    assert_eq!(mails.len(), 5, "{:?}", subjects(&mails));
    let missing: Vec<_> = mails
        .iter()
        .filter(|mail| mail.subject.starts_with("[MISSING]"))
        .collect();
    let first = missing
        .iter()
        .min_by_key(|mail| mail.header("Date"))
        .unwrap();
    let thread = |mail: &ReceivedMail| mail.header("In-Reply-To").unwrap().to_owned();
    let recovery = with_subject(&mails, "[OK] X");
    let reminder = with_subject(&mails, "[FAILED] X: still no good backup");
    let failed = with_subject(&mails, "[FAILED] X: not completed");
    for mail in [recovery, reminder, failed] {
        assert_eq!(mail.header("References"), mail.header("In-Reply-To"));
        assert!(
            missing
                .iter()
                .any(|missing| thread(missing) == thread(mail))
        );
    }
    assert_eq!(missing.len(), 2);
    assert_ne!(thread(missing[0]), thread(missing[1]));
    for part in [&recovery.text, &recovery.html] {
        assert!(
            part.contains("MISSING") && part.contains("FAILED"),
            "{part}"
        );
    }
    assert!(first.text.contains(AGENT));
}

#[test]
fn who_takes_an_incident_on_is_reminded_no_more_but_told_when_it_is_over() {
    let site = site("[alerts]\nreminders = [\"12h\"]\n");
    site.scan(START);
    site.scan(DAYS_LATER);
    site.scan("2025-06-21T19:00:00Z");
    assert_eq!(site.mails().len(), 2);
    let ack = site.run(&["ack", "X", "--by", "Ngono"]);
    let told = String::from_utf8(ack.stdout).unwrap();
    assert!(
        told.contains("X of SDMC_DOUALA_AKWA (MISSING) is taken on by Ngono"),
        "{told}"
    );
    assert_eq!(site.job("X")["acknowledged"]["by"], "Ngono");
    site.scan("2025-07-21T19:00:00Z");
    assert_eq!(site.mails().len(), 2);
    deliver(&site, "2025-07-21T20:00:00", good());
    site.scan("2025-07-21T20:10:00Z");
    let mails = site.mails();
    with_subject(&mails, "[OK] X");
    assert_eq!(mails.len(), 3);
    let again = site.run(&["ack", "X", "--by", "Ngono"]);
    assert_eq!(again.status.code(), Some(1));
    let told = String::from_utf8(again.stderr).unwrap();
    assert!(told.contains("nothing is wrong with X"), "{told}");
    assert_eq!(site.job("X")["acknowledged"], serde_json::Value::Null);
}

#[test]
fn who_is_to_take_it_on_has_to_be_known() {
    let site = site("");
    site.scan(START);
    site.scan(DAYS_LATER);
    let nobody = site.run(&["ack", "X"]);
    assert_eq!(nobody.status.code(), Some(1));
    let told = String::from_utf8(nobody.stderr).unwrap();
    assert!(told.contains("say it with --by"), "{told}");
    let by_user = site
        .command()
        .args(["ack", "X"])
        .env("USER", "ngono")
        .output()
        .unwrap();
    assert!(by_user.status.success(), "{by_user:?}");
    let unknown = site.run(&["ack", "Y", "--by", "ngono"]);
    let told = String::from_utf8(unknown.stderr).unwrap();
    assert!(
        told.contains("no job is known for the database Y"),
        "{told}"
    );
}
