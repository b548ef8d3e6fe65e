//! `vigie templates check`: what is wrong with the templates, found before a mail needs them.
//! Changes nothing.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;
use vigie_notify::{MailKind, TemplateFault, TemplateFiles, Templates, samples};

use super::chosen::{Chosen, counted, counts, severity_name, with_files};
use crate::arguments::{CheckArguments, CheckFormat};
use crate::printable::printable;
use crate::vigie::current_folder;

/// The result as `--format json` shows it. The keys are stable.
#[derive(Debug, Serialize)]
struct Checked {
    /// Null when the built-in ones were checked.
    directory: Option<String>,
    errors: usize,
    warnings: usize,
    mails: usize,
    locales: Vec<String>,
    samples: usize,
    faults: Vec<TemplateFault>,
}

pub fn run(config: Option<&Path>, arguments: &CheckArguments) -> anyhow::Result<ExitCode> {
    let mut chosen = Chosen::new(config, &arguments.folder)?;
    if chosen.directory.is_none() {
        // Only somebody's own are checked when they are built.
        let built_in = Templates::built_in_paths().fold(TemplateFiles::none(), |files, path| {
            files.with(path, Templates::built_in_file(path).unwrap_or_default())
        });
        chosen.templates = with_files(chosen.config.as_ref(), built_in);
    }
    let faults = chosen.faults();
    let (errors, warnings) = counts(&faults);
    let directory = chosen.directory.as_ref();
    let checked = Checked {
        directory: directory.map(|directory| directory.display().to_string()),
        errors,
        warnings,
        mails: MailKind::ALL.len(),
        locales: chosen
            .templates
            .locales()
            .map(ToString::to_string)
            .collect(),
        samples: samples::all().len(),
        faults,
    };
    print(
        &mut io::stdout().lock(),
        &chosen,
        &checked,
        arguments.format,
    )?;
    Ok(ExitCode::from(u8::from(errors > 0)))
}

fn print(
    out: &mut dyn Write,
    chosen: &Chosen,
    checked: &Checked,
    format: CheckFormat,
) -> anyhow::Result<()> {
    match format {
        CheckFormat::Json => {
            serde_json::to_writer_pretty(&mut *out, checked)?;
            writeln!(out)?;
            return Ok(());
        }
        CheckFormat::Text => {
            for fault in &checked.faults {
                writeln!(out, "{}", chosen.told(fault))?;
            }
        }
        CheckFormat::Github => {
            let here = current_folder()?;
            for fault in &checked.faults {
                let file = below(&chosen.path_of(&fault.path), &here);
                writeln!(out, "{}", annotation(fault, &file))?;
            }
        }
    }
    writeln!(out, "{}", summary(checked))?;
    Ok(())
}

fn summary(checked: &Checked) -> String {
    let what = match &checked.directory {
        Some(directory) => format!("the templates in {}", printable(directory)),
        None => "the built-in templates, as templates.directory is not set".to_owned(),
    };
    let found = match (checked.errors, checked.warnings) {
        (0, 0) => "nothing is wrong with them".to_owned(),
        (errors, warnings) => {
            let faults = [(errors, "error"), (warnings, "warning")];
            let some = faults.iter().filter(|(count, _)| *count > 0);
            let some: Vec<String> = some.map(|(count, noun)| counted(*count, noun)).collect();
            some.join(", ")
        }
    };
    format!(
        "Checked {what}: {} with {} in {} ({}): {found}.",
        counted(checked.mails, "mail"),
        counted(checked.samples, "sample"),
        counted(checked.locales.len(), "language"),
        checked.locales.join(", ")
    )
}

/// The path from the current folder if it lies below that, which is how GitHub finds the file.
fn below(path: &Path, here: &Path) -> PathBuf {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| here.join(path));
    let path = real(path);
    path.strip_prefix(real(here))
        .map_or(path.clone(), Path::to_path_buf)
}

/// A fault as GitHub shows it beside the line.
fn annotation(fault: &TemplateFault, file: &Path) -> String {
    let mut place = format!("file={}", property(&file.display().to_string()));
    if let Some(line) = fault.line {
        place = format!("{place},line={line}");
    }
    if let Some(column) = fault.column {
        place = format!("{place},col={column}");
    }
    let kind = severity_name(fault.severity);
    format!("::{kind} {place}::{}", data(&fault.problem))
}

/// What stands behind the last `::`, where a line end would begin another command.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// A value before it, where two signs more mean something.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use vigie_notify::Severity;

    use super::*;

    #[test]
    fn nothing_in_an_annotation_can_pass_for_a_command() {
        let fault = TemplateFault {
            path: String::new(),
            line: Some(3),
            column: None,
            severity: Severity::Warning,
            problem: "100 %, a: b\r\n::error::no".to_owned(),
        };
        assert_eq!(
            annotation(&fault, Path::new("a:b,c%/d.hbs")),
            "::warning file=a%3Ab%2Cc%25/d.hbs,line=3::100 %25, a: b%0D%0A::error::no"
        );
    }

    #[test]
    fn a_path_is_told_from_the_current_folder_if_it_lies_below() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.hbs");
        std::fs::write(&file, "").unwrap();
        assert_eq!(below(&file, folder.path()), Path::new("x.hbs"));
        let elsewhere = folder.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        assert_eq!(below(&file, &elsewhere), file.canonicalize().unwrap());
    }
}
