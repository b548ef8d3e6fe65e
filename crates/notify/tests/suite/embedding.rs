//! Templates of an embedding program under insta, as the README shows it.

use vigie_notify::samples;
use vigie_notify::{Composer, ComposerSettings, Recipient, TemplateFiles, Templates};

#[test]
fn our_mails_are_as_they_were() -> Result<(), Box<dyn std::error::Error>> {
    // A folder works too: `Templates::builder().directory(Path::new("templates"))`.
    let files = TemplateFiles::none()
        .with(
            "en/missing/subject.txt.hbs",
            "{{shout job.database}} is missing",
        )
        .with("en/partials/contact.hbs", "Call {{vars.phone}}.");
    let templates = Templates::builder()
        .files(files)
        .vars(
            [("phone".to_owned(), "+237 600 000 000".into())]
                .into_iter()
                .collect(),
        )
        .helper("shout", |arguments| match arguments {
            [text] => Ok(text.as_str().unwrap_or_default().to_uppercase()),
            _ => Err("takes one text".to_owned()),
        })
        .build();
    assert_eq!(templates.faults(), [], "a template is broken");

    let composer = Composer::new(ComposerSettings {
        templates,
        ..ComposerSettings::default()
    })?;
    let reader = Recipient {
        address: "admin@example.com".to_owned(),
        locale: None,
        time_zone: None,
    };
    for sample in [samples::missing_full(), samples::missing_minimal()] {
        let mail = composer.preview(&sample.job, sample.entry.as_ref(), sample.now, &reader)?;
        insta::assert_snapshot!(sample.name, format!("{}\n\n{}", mail.subject, mail.text));
    }
    Ok(())
}

#[test]
fn the_readme_shows_this_file() {
    let readme = include_str!("../../README.md");
    let shown = include_str!("embedding.rs")
        .split_once("\n\n")
        .and_then(|(_, rest)| rest.split_once("\n#[test]\nfn the_readme"))
        .map(|(shown, _)| shown);
    assert!(readme.contains(shown.unwrap()));
}
