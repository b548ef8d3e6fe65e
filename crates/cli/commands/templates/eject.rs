//! `vigie templates eject`: built-in templates copied to where they can be edited. Loses nothing that
//! is there.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use vigie_notify::{Locale, MailKind, ORIGINS, Origin, Origins, Templates};

use super::chosen::{Chosen, config_and_directory, counted, recorded};
use crate::arguments::EjectArguments;

/// A file to be written.
struct Copy {
    /// Its path in the folder of one's own.
    path: String,
    /// The path of the built-in one.
    source: String,
}

impl Copy {
    fn content(&self) -> &'static str {
        Templates::built_in_file(&self.source).unwrap_or_default()
    }
}

/// What became of the files.
#[derive(Default)]
struct Ejected {
    written: Vec<PathBuf>,
    left: Vec<PathBuf>,
    /// Somebody's own, under the name that it has now.
    kept: Vec<PathBuf>,
}

pub fn run(config: Option<&Path>, arguments: &EjectArguments) -> anyhow::Result<ExitCode> {
    let (_, directory) = config_and_directory(config, &arguments.folder)?;
    let Some(directory) = directory else {
        bail!(
            "there is no folder to copy to: set templates.directory in the config, or give one with \
             --directory"
        );
    };
    let copies = if arguments.update {
        outdated(config, arguments)?
    } else {
        copies(arguments.mail, arguments.locale.as_ref())
    };
    fs::create_dir_all(&directory)
        .with_context(|| format!("could not create {}", directory.display()))?;
    let mut origins = recorded(&directory)?;
    let mut ejected = Ejected::default();
    let outcome = copies.iter().try_for_each(|copy| {
        eject(&directory, copy, arguments.update, &mut ejected)?;
        anyhow::Ok(())
    });
    // What was copied before a failure is remembered too.
    let written = copies
        .iter()
        .filter(|copy| ejected.written.contains(&directory.join(&copy.path)));
    written.for_each(|copy| origins.record(&copy.path, &copy.source));
    if !ejected.written.is_empty() {
        write_origins(&directory, &origins)?;
    }
    let out = &mut io::stdout().lock();
    tell(out, &directory, arguments.update, &ejected)?;
    if !(arguments.update && ejected.kept.is_empty()) {
        tell_next(out, config, arguments)?;
    }
    outcome?;
    Ok(ExitCode::SUCCESS)
}

/// Those whose built-in file has changed since they were copied, translations among them.
fn outdated(config: Option<&Path>, arguments: &EjectArguments) -> anyhow::Result<Vec<Copy>> {
    let chosen = Chosen::new(config, &arguments.folder)?;
    let origins = chosen.templates.origins(&chosen.recorded).into_iter();
    let outdated = origins.filter(|file| file.origin == Origin::Outdated);
    Ok(outdated
        .filter_map(|file| {
            Some(Copy {
                source: file.copied_from?,
                path: file.path,
            })
        })
        .filter(|copy| is_wanted(copy, arguments.mail, arguments.locale.as_ref()))
        .collect())
}

/// Whether a file is of a mail, or a partial that it includes, and of a language, if these are given.
fn is_wanted(copy: &Copy, mail: Option<MailKind>, locale: Option<&Locale>) -> bool {
    let folder_of = |path: &str| {
        path.split('/')
            .next()
            .and_then(|folder| folder.parse().ok())
    };
    let is_of_mail = |mail| {
        let language: Locale = folder_of(&copy.source).unwrap_or_default();
        Templates::built_in_paths_of(mail, &language).contains(copy.source.as_str())
    };
    locale.is_none_or(|locale| folder_of(&copy.path).as_ref() == Some(locale))
        && mail.is_none_or(is_of_mail)
}

/// The files of a mail, or all of them, in a language or in all that are built in.
fn copies(mail: Option<MailKind>, locale: Option<&Locale>) -> Vec<Copy> {
    let Some(locale) = locale else {
        let locales = Locale::BUILT_IN.iter();
        return locales
            .flat_map(|locale| copies(mail, Some(locale)))
            .collect();
    };
    let language: Option<Locale> = locale
        .as_str()
        .split('-')
        .next()
        .and_then(|tag| tag.parse().ok());
    let source = language.filter(|language| Locale::BUILT_IN.contains(language));
    let source = source.unwrap_or_default();
    let of_mail = mail.map(|mail| Templates::built_in_paths_of(mail, &source));
    let is_translated = *locale == source;
    Templates::built_in_paths()
        .filter(|path| of_mail.as_ref().is_none_or(|paths| paths.contains(path)))
        .filter_map(|path| {
            let rest = path.strip_prefix(source.as_str())?.strip_prefix('/')?;
            // A new language needs what holds words; the rest it has from the English one.
            let is_needed = is_translated || source != Locale::EN || holds_words(rest);
            is_needed.then(|| Copy {
                path: format!("{locale}/{rest}"),
                source: path.to_owned(),
            })
        })
        .collect()
}

/// Whether another language than English has a file of its own there.
fn holds_words(rest: &str) -> bool {
    let others = Locale::BUILT_IN
        .iter()
        .filter(|locale| **locale != Locale::EN);
    others
        .map(|locale| format!("{locale}/{rest}"))
        .any(|path| Templates::built_in_file(&path).is_some())
}

fn eject(
    directory: &Path,
    copy: &Copy,
    is_update: bool,
    ejected: &mut Ejected,
) -> anyhow::Result<()> {
    let path = directory.join(&copy.path);
    if !is_update && is_there(&path) {
        ejected.left.push(path);
        return Ok(());
    }
    let folder = path.parent().unwrap_or(directory);
    fs::create_dir_all(folder).with_context(|| format!("could not create {}", folder.display()))?;
    let new = write_beside(&path, copy.content())?;
    let outcome = if is_update {
        keep(&path, ejected).and_then(|()| put(&new, &path).map(|()| true))
    } else {
        put_if_free(&new, &path)
    };
    if !matches!(outcome, Ok(true)) {
        _ = fs::remove_file(&new);
    }
    if outcome? {
        ejected.written.push(path);
    } else {
        ejected.left.push(path);
    }
    Ok(())
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// A path beside this one, with a longer name.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut longer = path.as_os_str().to_owned();
    longer.push(ending);
    longer.into()
}

/// Writes a file under a name that no template is read from, so that a running `vigie run` never
/// reads half of one, and gives that name.
fn write_beside(path: &Path, content: &str) -> anyhow::Result<PathBuf> {
    let new = beside(path, ".tmp");
    fs::write(&new, content).with_context(|| format!("could not write {}", new.display()))?;
    Ok(new)
}

/// Gives a file its name, whatever has that now.
fn put(new: &Path, path: &Path) -> anyhow::Result<()> {
    fs::rename(new, path).with_context(|| format!("could not write {}", path.display()))
}

/// Gives a file its name unless that is taken; false when it is.
fn put_if_free(new: &Path, path: &Path) -> anyhow::Result<bool> {
    // Unlike a rename, this takes no other file's place.
    match fs::hard_link(new, path) {
        Ok(()) => {
            // No template is read from it, and so it may as well stay.
            _ = fs::remove_file(new);
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        // Not every file system has links; that nothing was there has been seen just now.
        Err(_) => put(new, path).map(|()| true),
    }
}

/// Gives a file another name that no template is read from. Where the file system has links it keeps
/// its own too, so that it is there until the new one takes its place.
fn keep(path: &Path, ejected: &mut Ejected) -> anyhow::Result<()> {
    let aside = beside(path, ".orig");
    let (own, kept) = (path.display(), aside.display());
    if is_there(&aside) {
        bail!(
            "{kept} is there from an earlier update: take your words over from it and delete it, \
             then update {own}"
        );
    }
    fs::hard_link(path, &aside)
        .or_else(|_| fs::rename(path, &aside))
        .with_context(|| format!("could not rename {own} to {kept}"))?;
    ejected.kept.push(aside);
    Ok(())
}

fn write_origins(directory: &Path, origins: &Origins) -> anyhow::Result<()> {
    let path = directory.join(ORIGINS);
    let write = || put(&write_beside(&path, &origins.to_toml()?)?, &path);
    write().with_context(|| {
        format!(
            "could not write {}, which tells when a built-in template has changed",
            path.display()
        )
    })
}

fn tell(
    out: &mut dyn Write,
    directory: &Path,
    is_update: bool,
    ejected: &Ejected,
) -> io::Result<()> {
    for path in &ejected.written {
        writeln!(out, "wrote {}", path.display())?;
    }
    for path in &ejected.left {
        writeln!(out, "left  {}, which is there already", path.display())?;
    }
    for path in &ejected.kept {
        writeln!(out, "kept  {}", path.display())?;
    }
    if is_update && ejected.kept.is_empty() {
        return writeln!(
            out,
            "No built-in template has changed since yours was copied."
        );
    }
    let count = counted(ejected.written.len(), "file");
    writeln!(out, "\nWrote {count} to {}.", directory.display())
}

fn tell_next(
    out: &mut dyn Write,
    config: Option<&Path>,
    arguments: &EjectArguments,
) -> io::Result<()> {
    let next = if arguments.update {
        "take your words over from each .orig file and delete it"
    } else {
        "edit them, and delete those that you leave as they are"
    };
    let directory = arguments.folder.directory.as_deref();
    let options = [("--config", config), ("--directory", directory)];
    let given = options.iter().filter_map(|(option, path)| {
        let path = (*path)?.display();
        Some(format!(" {option} {path}"))
    });
    let given: String = given.collect();
    writeln!(
        out,
        "Next: {next}, then\n  vigie templates check{given}\n  vigie templates preview{given}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(mail: Option<MailKind>, locale: Option<&str>) -> Vec<String> {
        let locale = locale.map(|locale| locale.parse().unwrap());
        let copies = copies(mail, locale.as_ref());
        copies.into_iter().map(|copy| copy.path).collect()
    }

    #[test]
    fn without_a_mail_and_a_language_it_is_every_file() {
        let all: Vec<&str> = Templates::built_in_paths().collect();
        assert_eq!(paths(None, None), all);
    }

    #[test]
    fn a_mail_comes_with_its_partials_but_not_with_the_words_of_all() {
        let paths = paths(Some(MailKind::Missing), Some("fr"));
        let has = |path: &str| paths.iter().any(|known| known == path);
        assert!(has("fr/missing/subject.txt.hbs") && has("fr/partials/missing-steps.hbs"));
        assert!(!has("fr/partials/entry-steps.hbs") && !has("fr/wording.toml"));
        assert!(paths.iter().all(|path| path.starts_with("fr/")));
    }

    #[test]
    fn a_new_language_begins_with_all_that_holds_words() {
        let german = paths(None, Some("de"));
        let french = paths(None, Some("fr"));
        let german: Vec<String> = german
            .iter()
            .map(|path| path.replace("de/", "fr/"))
            .collect();
        assert_eq!(german, french);
        let canadian = copies(None, Some(&"fr-CA".parse().unwrap()));
        assert_eq!(canadian.len(), french.len());
        assert!(
            canadian
                .iter()
                .any(|copy| copy.content().contains("Aucun rapport"))
        );
    }

    #[test]
    fn a_file_takes_no_other_ones_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("subject.txt.hbs");
        let new = write_beside(&path, "new").unwrap();
        fs::write(&path, "mine").unwrap();
        assert!(!put_if_free(&new, &path).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        fs::remove_file(&path).unwrap();
        assert!(put_if_free(&new, &path).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert!(!is_there(&new));
    }
}
