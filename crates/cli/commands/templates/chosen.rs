//! Which templates a command is about: those in the config's folder, those in the folder that the
//! command line names, or none but the built-in ones. Prints nothing.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use tracing::subscriber::{NoSubscriber, with_default};
use vigie_notify::{
    Composer, ComposerSettings, Locale, Mail, ORIGINS, Origin, Origins, Recipient, Severity,
    TemplateFault, TemplateFiles, Templates, TimeZone, samples::Sample,
};

use crate::arguments::FolderArguments;
use crate::config::{Config, NoConfigFile};
use crate::mails::template_builder;
use crate::printable::printable;
use crate::vigie::{load_config, load_config_if_any};

/// Who reads a mail that nobody is sent.
const READER: &str = "reader@example.com";

/// Templates, and what else a command has to know of them.
pub struct Chosen {
    /// There is none when the command line names the folder and nobody named a config.
    pub config: Option<Config>,
    /// The folder of somebody's own.
    pub directory: Option<PathBuf>,
    pub templates: Templates,
    pub recorded: Origins,
}

impl Chosen {
    pub fn new(config: Option<&Path>, folder: &FolderArguments) -> anyhow::Result<Self> {
        let (config, directory) = config_and_directory(config, folder)?;
        let files = directory.as_deref();
        let files = files.map_or_else(TemplateFiles::none, TemplateFiles::read);
        Ok(Self {
            templates: with_files(config.as_ref(), files),
            recorded: directory
                .as_deref()
                .map_or(Ok(Origins::default()), recorded)?,
            config,
            directory,
        })
    }

    /// What is wrong with the templates, and which of them a newer built-in one should be compared
    /// with.
    pub fn faults(&self) -> Vec<TemplateFault> {
        let mut faults = self.templates.faults().to_vec();
        let origins = self.templates.origins(&self.recorded).into_iter();
        let outdated = origins.filter(|file| file.origin == Origin::Outdated);
        faults.extend(outdated.map(|file| {
            let source = file.copied_from.filter(|path| *path != file.path);
            let source = source.map_or("one".to_owned(), |path| format!("file {path}"));
            TemplateFault {
                path: file.path,
                line: None,
                column: None,
                severity: Severity::Warning,
                problem: format!(
                    "the built-in {source} has changed since this was copied; `vigie templates \
                     eject --update` takes the new one and keeps yours as .orig"
                ),
            }
        }));
        faults.sort();
        faults
    }

    /// A fault as compilers write them, so that editors can go to the place.
    pub fn told(&self, fault: &TemplateFault) -> String {
        let mut told = printable(&self.path_of(&fault.path).display().to_string());
        for number in [fault.line, fault.column].into_iter().flatten() {
            told = format!("{told}:{number}");
        }
        let problem = printable(&fault.problem);
        format!("{told}: {}: {problem}", severity_name(fault.severity))
    }

    /// Where a template of somebody's own lies.
    pub fn path_of(&self, path: &str) -> PathBuf {
        match &self.directory {
            Some(directory) if path.is_empty() => directory.clone(),
            Some(directory) => directory.join(path),
            None => PathBuf::from(path),
        }
    }

    /// The languages that there are templates for, or the one that is wanted.
    pub fn locales(&self, wanted: Option<&Locale>) -> anyhow::Result<Vec<Locale>> {
        let Some(wanted) = wanted else {
            return Ok(self.templates.locales().cloned().collect());
        };
        if !self.templates.has_locale(wanted) {
            let known: Vec<&str> = self.templates.locales().map(Locale::as_str).collect();
            return Err(anyhow!(
                "there are no templates in the language {wanted}, only in {}; `vigie templates \
                 eject --locale {wanted}` begins them",
                known.join(", ")
            ));
        }
        Ok(vec![wanted.clone()])
    }

    /// The mail that somebody would read about a sample.
    pub fn mail(
        &self,
        sample: &Sample,
        locale: &Locale,
        time_zone: &TimeZone,
    ) -> anyhow::Result<Mail> {
        let composer = Composer::new(ComposerSettings {
            templates: self.templates.clone(),
            ..ComposerSettings::default()
        })?;
        let reader = Recipient {
            address: READER.to_owned(),
            locale: Some(locale.clone()),
            time_zone: Some(time_zone.clone()),
        };
        // What is wrong with the templates is told once, not with each mail.
        let mail = with_default(NoSubscriber::default(), || {
            composer.preview_sample(sample, &reader)
        });
        Ok(mail?)
    }
}

/// The config, and the folder that it or the command line names.
pub fn config_and_directory(
    config: Option<&Path>,
    folder: &FolderArguments,
) -> anyhow::Result<(Option<Config>, Option<PathBuf>)> {
    if let Some(directory) = &folder.directory {
        return Ok((load_config_if_any(config)?, Some(directory.clone())));
    }
    let config = load_config(config).map_err(|error| {
        if error.is::<NoConfigFile>() {
            error.context("give the folder of your own templates with --directory, or a config")
        } else {
            error
        }
    })?;
    let directory = config.templates.directory.clone();
    Ok((Some(config), directory))
}

/// Templates with the variables and links of the config, if there is one.
pub fn with_files(config: Option<&Config>, files: TemplateFiles) -> Templates {
    let builder = config.map_or_else(Templates::builder, template_builder);
    builder.files(files).build()
}

/// What the files in a folder were copied from.
pub fn recorded(directory: &Path) -> anyhow::Result<Origins> {
    let path = directory.join(ORIGINS);
    let text = match fs::read_to_string(&path) {
        // A folder that is none is told when its templates are read.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Origins::default());
        }
        text => text.with_context(|| format!("could not read {}", path.display()))?,
    };
    Origins::from_toml(&text).with_context(|| {
        format!(
            "could not read {}; put it right, or delete the file: then it is no longer told when a \
             built-in template has changed",
            path.display()
        )
    })
}

pub const fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Warning => "warning",
        // One that is not known here is taken for the worst, so that it fails in CI.
        _ => "error",
    }
}

/// How many of the faults are errors, and how many are warnings.
pub fn counts(faults: &[TemplateFault]) -> (usize, usize) {
    let is_error = |fault: &&TemplateFault| fault.severity != Severity::Warning;
    let errors = faults.iter().filter(is_error).count();
    (errors, faults.len() - errors)
}

/// `1 error`, `2 errors`.
pub fn counted(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}
