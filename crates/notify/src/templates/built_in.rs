//! The templates that ship with this crate, as they are in its folder `templates`. Reads none of
//! them.

/// The files of `templates/`, each by its path below that folder.
macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../templates/", $path)))),*]
    };
}

pub(crate) const BUILT_IN: &[(&str, &str)] = files![
    "en/damaged/body.html.hbs",
    "en/damaged/body.txt.hbs",
    "en/damaged/subject.txt.hbs",
    "en/digest/body.html.hbs",
    "en/digest/body.txt.hbs",
    "en/digest/subject.txt.hbs",
    "en/entry/body.html.hbs",
    "en/entry/body.txt.hbs",
    "en/entry/subject.txt.hbs",
    "en/group/body.html.hbs",
    "en/group/body.txt.hbs",
    "en/group/subject.txt.hbs",
    "en/missing/body.html.hbs",
    "en/missing/body.txt.hbs",
    "en/missing/subject.txt.hbs",
    "en/outage/body.html.hbs",
    "en/outage/body.txt.hbs",
    "en/outage/subject.txt.hbs",
    "en/partials/backup-rows.hbs",
    "en/partials/contact.hbs",
    "en/partials/content-kind.hbs",
    "en/partials/content.hbs",
    "en/partials/damaged-file-rows.hbs",
    "en/partials/damaged-headline.hbs",
    "en/partials/damaged-left.hbs",
    "en/partials/damaged-rows.hbs",
    "en/partials/damaged-sentence.hbs",
    "en/partials/damaged-steps.hbs",
    "en/partials/digest-headline.hbs",
    "en/partials/digest-jumped.hbs",
    "en/partials/digest-meaning.hbs",
    "en/partials/digest-more.hbs",
    "en/partials/digest-next.hbs",
    "en/partials/digest-recovered.hbs",
    "en/partials/digest-rows.hbs",
    "en/partials/digest-silence.hbs",
    "en/partials/digest-unchanged.hbs",
    "en/partials/digest-undeclared.hbs",
    "en/partials/digest-wrong.hbs",
    "en/partials/entry-steps.hbs",
    "en/partials/fault.hbs",
    "en/partials/foot.hbs",
    "en/partials/group-headline.hbs",
    "en/partials/group-meaning.hbs",
    "en/partials/group-rows.hbs",
    "en/partials/headline.hbs",
    "en/partials/html-agents.hbs",
    "en/partials/html-band-end.hbs",
    "en/partials/html-color.hbs",
    "en/partials/html-details.hbs",
    "en/partials/html-digest-job.hbs",
    "en/partials/html-end.hbs",
    "en/partials/html-file.hbs",
    "en/partials/html-heading.hbs",
    "en/partials/html-jobs.hbs",
    "en/partials/html-last-good.hbs",
    "en/partials/html-links.hbs",
    "en/partials/html-logo.hbs",
    "en/partials/html-mail.hbs",
    "en/partials/html-more.hbs",
    "en/partials/html-quote.hbs",
    "en/partials/html-stage.hbs",
    "en/partials/html-start.hbs",
    "en/partials/html-style.hbs",
    "en/partials/html-summary.hbs",
    "en/partials/html-table-start.hbs",
    "en/partials/incident-changes.hbs",
    "en/partials/incident-lost.hbs",
    "en/partials/job-rows.hbs",
    "en/partials/job-state.hbs",
    "en/partials/job-status.hbs",
    "en/partials/jobs-agents.hbs",
    "en/partials/jobs-counts.hbs",
    "en/partials/jobs-more-agents.hbs",
    "en/partials/jobs-not-quoted.hbs",
    "en/partials/jobs-rest.hbs",
    "en/partials/last-good-rows.hbs",
    "en/partials/meaning.hbs",
    "en/partials/missing-meaning.hbs",
    "en/partials/missing-steps.hbs",
    "en/partials/outage-headline.hbs",
    "en/partials/outage-meaning.hbs",
    "en/partials/outage-rows.hbs",
    "en/partials/outage-steps.hbs",
    "en/partials/reason.hbs",
    "en/partials/recovery-headline.hbs",
    "en/partials/recovery-meaning.hbs",
    "en/partials/reminder-headline.hbs",
    "en/partials/reminder-last-known.hbs",
    "en/partials/reminder-meaning.hbs",
    "en/partials/reminder-number.hbs",
    "en/partials/reminder-state.hbs",
    "en/partials/reminder-steps.hbs",
    "en/partials/run-rows.hbs",
    "en/partials/schedule.hbs",
    "en/partials/summary-cause.hbs",
    "en/partials/summary-headline.hbs",
    "en/partials/summary-rows.hbs",
    "en/partials/text-details.hbs",
    "en/partials/text-end.hbs",
    "en/partials/text-file.hbs",
    "en/partials/text-jobs.hbs",
    "en/partials/text-last-good.hbs",
    "en/partials/text-links.hbs",
    "en/partials/text-more.hbs",
    "en/partials/text-stage.hbs",
    "en/partials/text-start.hbs",
    "en/partials/undelivered-commands.hbs",
    "en/partials/undelivered-headline.hbs",
    "en/partials/undelivered-meaning.hbs",
    "en/partials/undelivered-rows.hbs",
    "en/partials/undelivered-steps.hbs",
    "en/partials/unseen.hbs",
    "en/partials/warning-headline.hbs",
    "en/partials/warning-name.hbs",
    "en/partials/warning-off.hbs",
    "en/partials/warning-step.hbs",
    "en/partials/warning-why.hbs",
    "en/recovery/body.html.hbs",
    "en/recovery/body.txt.hbs",
    "en/recovery/subject.txt.hbs",
    "en/reminder/body.html.hbs",
    "en/reminder/body.txt.hbs",
    "en/reminder/subject.txt.hbs",
    "en/summary/body.html.hbs",
    "en/summary/body.txt.hbs",
    "en/summary/subject.txt.hbs",
    "en/undelivered/body.html.hbs",
    "en/undelivered/body.txt.hbs",
    "en/undelivered/subject.txt.hbs",
    "en/warning/body.html.hbs",
    "en/warning/body.txt.hbs",
    "en/warning/subject.txt.hbs",
    "en/wording.toml",
    "fr/damaged/body.html.hbs",
    "fr/damaged/body.txt.hbs",
    "fr/damaged/subject.txt.hbs",
    "fr/digest/body.html.hbs",
    "fr/digest/body.txt.hbs",
    "fr/digest/subject.txt.hbs",
    "fr/entry/body.html.hbs",
    "fr/entry/body.txt.hbs",
    "fr/entry/subject.txt.hbs",
    "fr/group/body.html.hbs",
    "fr/group/body.txt.hbs",
    "fr/group/subject.txt.hbs",
    "fr/missing/body.html.hbs",
    "fr/missing/body.txt.hbs",
    "fr/missing/subject.txt.hbs",
    "fr/outage/body.html.hbs",
    "fr/outage/body.txt.hbs",
    "fr/outage/subject.txt.hbs",
    "fr/partials/backup-rows.hbs",
    "fr/partials/content-kind.hbs",
    "fr/partials/content.hbs",
    "fr/partials/damaged-file-rows.hbs",
    "fr/partials/damaged-headline.hbs",
    "fr/partials/damaged-left.hbs",
    "fr/partials/damaged-rows.hbs",
    "fr/partials/damaged-sentence.hbs",
    "fr/partials/damaged-steps.hbs",
    "fr/partials/digest-headline.hbs",
    "fr/partials/digest-jumped.hbs",
    "fr/partials/digest-meaning.hbs",
    "fr/partials/digest-more.hbs",
    "fr/partials/digest-next.hbs",
    "fr/partials/digest-recovered.hbs",
    "fr/partials/digest-rows.hbs",
    "fr/partials/digest-silence.hbs",
    "fr/partials/digest-unchanged.hbs",
    "fr/partials/digest-undeclared.hbs",
    "fr/partials/digest-wrong.hbs",
    "fr/partials/entry-steps.hbs",
    "fr/partials/fault.hbs",
    "fr/partials/foot.hbs",
    "fr/partials/group-headline.hbs",
    "fr/partials/group-meaning.hbs",
    "fr/partials/group-rows.hbs",
    "fr/partials/headline.hbs",
    "fr/partials/html-file.hbs",
    "fr/partials/html-last-good.hbs",
    "fr/partials/html-links.hbs",
    "fr/partials/html-stage.hbs",
    "fr/partials/incident-changes.hbs",
    "fr/partials/incident-lost.hbs",
    "fr/partials/job-rows.hbs",
    "fr/partials/job-state.hbs",
    "fr/partials/job-status.hbs",
    "fr/partials/jobs-agents.hbs",
    "fr/partials/jobs-more-agents.hbs",
    "fr/partials/jobs-not-quoted.hbs",
    "fr/partials/jobs-rest.hbs",
    "fr/partials/last-good-rows.hbs",
    "fr/partials/meaning.hbs",
    "fr/partials/missing-meaning.hbs",
    "fr/partials/missing-steps.hbs",
    "fr/partials/outage-headline.hbs",
    "fr/partials/outage-meaning.hbs",
    "fr/partials/outage-rows.hbs",
    "fr/partials/outage-steps.hbs",
    "fr/partials/reason.hbs",
    "fr/partials/recovery-headline.hbs",
    "fr/partials/recovery-meaning.hbs",
    "fr/partials/reminder-headline.hbs",
    "fr/partials/reminder-last-known.hbs",
    "fr/partials/reminder-meaning.hbs",
    "fr/partials/reminder-number.hbs",
    "fr/partials/reminder-state.hbs",
    "fr/partials/reminder-steps.hbs",
    "fr/partials/run-rows.hbs",
    "fr/partials/schedule.hbs",
    "fr/partials/summary-cause.hbs",
    "fr/partials/summary-headline.hbs",
    "fr/partials/summary-rows.hbs",
    "fr/partials/text-file.hbs",
    "fr/partials/text-jobs.hbs",
    "fr/partials/text-last-good.hbs",
    "fr/partials/text-links.hbs",
    "fr/partials/text-stage.hbs",
    "fr/partials/text-start.hbs",
    "fr/partials/undelivered-commands.hbs",
    "fr/partials/undelivered-headline.hbs",
    "fr/partials/undelivered-meaning.hbs",
    "fr/partials/undelivered-rows.hbs",
    "fr/partials/undelivered-steps.hbs",
    "fr/partials/unseen.hbs",
    "fr/partials/warning-headline.hbs",
    "fr/partials/warning-name.hbs",
    "fr/partials/warning-off.hbs",
    "fr/partials/warning-step.hbs",
    "fr/partials/warning-why.hbs",
    "fr/recovery/body.html.hbs",
    "fr/recovery/body.txt.hbs",
    "fr/recovery/subject.txt.hbs",
    "fr/reminder/body.html.hbs",
    "fr/reminder/body.txt.hbs",
    "fr/reminder/subject.txt.hbs",
    "fr/summary/body.html.hbs",
    "fr/summary/body.txt.hbs",
    "fr/summary/subject.txt.hbs",
    "fr/undelivered/body.html.hbs",
    "fr/undelivered/body.txt.hbs",
    "fr/undelivered/subject.txt.hbs",
    "fr/warning/body.html.hbs",
    "fr/warning/body.txt.hbs",
    "fr/warning/subject.txt.hbs",
    "fr/wording.toml",
];

/// The content of a file that ships with this crate.
pub(crate) fn built_in(path: &str) -> Option<&'static str> {
    let index = BUILT_IN
        .binary_search_by(|(known, _)| (*known).cmp(path))
        .ok()?;
    Some(BUILT_IN[index].1)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn files_below(folder: &Path, found: &mut Vec<String>, root: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files_below(&path, found, root);
            } else {
                let relative = path.strip_prefix(root).unwrap();
                found.push(relative.to_str().unwrap().replace('\\', "/"));
            }
        }
    }

    #[test]
    fn every_file_in_the_folder_is_embedded_in_the_order_of_its_path() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        let mut found = Vec::new();
        files_below(&root, &mut found, &root);
        found.sort();
        let embedded: Vec<&str> = BUILT_IN.iter().map(|(path, _)| *path).collect();
        assert_eq!(embedded, found);
        assert!(built_in("en/wording.toml").is_some());
        assert_eq!(built_in("en/wording.tom"), None);
    }

    #[test]
    fn french_punctuation_never_starts_a_line() {
        for (path, source) in BUILT_IN.iter().filter(|(path, _)| path.starts_with("fr/")) {
            for mark in [" :", " ;", " !", " ?", " »", "« "] {
                assert!(
                    !source.contains(mark),
                    "{path} has a plain space at {mark:?}"
                );
            }
            assert!(!source.contains('\''), "{path} has a straight apostrophe");
        }
    }
}
