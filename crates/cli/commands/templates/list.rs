//! `vigie templates list`: each template, and where it comes from. Knows nothing of what is in them.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use serde::Serialize;
use vigie_notify::{Origin, TemplateOrigin};

use super::chosen::{Chosen, counted};
use crate::arguments::{Format, ListArguments};
use crate::printable::printable;

/// The width of a column of names: that of the longest built-in one and some room.
const NAMES: usize = 28;

/// A template as `--format json` shows it. The keys are stable.
#[derive(Debug, Serialize)]
struct ShownTemplate<'a> {
    path: &'a str,
    locale: &'a str,
    mail: Option<&'a str>,
    name: &'a str,
    origin: Origin,
    /// The path of the built-in one that it was copied from, if that is recorded.
    copied_from: Option<&'a str>,
    file: Option<String>,
}

#[derive(Debug, Serialize)]
struct ShownTemplates<'a> {
    directory: Option<String>,
    templates: Vec<ShownTemplate<'a>>,
}

pub fn run(config: Option<&Path>, arguments: &ListArguments) -> anyhow::Result<ExitCode> {
    let chosen = Chosen::new(config, &arguments.folder)?;
    let mut faults = chosen.templates.faults().iter();
    if let Some(of_folder) = faults.find(|fault| fault.path.is_empty()) {
        bail!(
            "{}; name another with templates.directory or --directory",
            of_folder.problem
        );
    }
    let origins = chosen.templates.origins(&chosen.recorded);
    let templates: Vec<_> = origins.iter().map(|file| shown(&chosen, file)).collect();
    let directory = chosen.directory.as_ref();
    let shown = ShownTemplates {
        directory: directory.map(|directory| directory.display().to_string()),
        templates,
    };
    let mut out = io::stdout().lock();
    match arguments.output.format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &shown)?;
            writeln!(out)?;
        }
        Format::Text => print(&mut out, &shown)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn shown<'a>(chosen: &Chosen, file: &'a TemplateOrigin) -> ShownTemplate<'a> {
    let (locale, rest) = file.path.split_once('/').unwrap_or(("", &file.path));
    let (folder, name) = rest.split_once('/').unwrap_or(("", rest));
    let is_own = file.origin != Origin::BuiltIn;
    ShownTemplate {
        path: &file.path,
        locale,
        mail: (!matches!(folder, "" | "partials")).then_some(folder),
        name,
        origin: file.origin,
        copied_from: file.copied_from.as_deref(),
        file: is_own.then(|| chosen.path_of(&file.path).display().to_string()),
    }
}

fn print(out: &mut dyn Write, shown: &ShownTemplates<'_>) -> io::Result<()> {
    match &shown.directory {
        Some(directory) => writeln!(out, "Your own templates: {}", printable(directory))?,
        None => writeln!(
            out,
            "You have none of your own: templates.directory is not set"
        )?,
    }
    let mut group = ("", "");
    for template in &shown.templates {
        let folder = template.path.trim_end_matches(template.name);
        let folder = folder.trim_start_matches(template.locale).trim_matches('/');
        if template.locale != group.0 {
            writeln!(out, "\n{}", printable(template.locale))?;
        }
        if (template.locale, folder) != group && !folder.is_empty() {
            writeln!(out, "  {}", printable(folder))?;
        }
        group = (template.locale, folder);
        let indent = if folder.is_empty() { 2 } else { 4 };
        let width = NAMES - indent;
        let name = printable(template.name);
        write!(out, "{:indent$}{name:width$}  ", "")?;
        writeln!(out, "{}", in_words(template))?;
    }
    let count = |wanted: &dyn Fn(Origin) -> bool| {
        let templates = shown.templates.iter();
        templates.filter(|template| wanted(template.origin)).count()
    };
    let all = counted(shown.templates.len(), "file");
    let own = count(&|origin| origin != Origin::BuiltIn);
    let outdated = count(&|origin| origin == Origin::Outdated);
    writeln!(
        out,
        "\n{all}, {own} of them your own, {outdated} of those older than the built-in one. What a \
         language leaves out is English; what a region leaves out is that of its language."
    )
}

fn in_words(template: &ShownTemplate<'_>) -> String {
    // A translation was copied from a file of another path, and only that tells which is meant.
    let source = template.copied_from.filter(|path| *path != template.path);
    let source = source.map_or_else(|| "the built-in one".to_owned(), printable_built_in);
    let words = match template.origin {
        Origin::BuiltIn => "built in".to_owned(),
        Origin::Added => "added".to_owned(),
        Origin::Unchanged => format!("own, but the same as {source}"),
        Origin::Outdated => format!("own; {source} has changed since it was copied"),
        Origin::Unrecorded => "own; what it was copied from is not recorded".to_owned(),
        _ => "own".to_owned(),
    };
    match &template.file {
        Some(file) => format!("{words}  ({})", printable(file)),
        None => words,
    }
}

fn printable_built_in(path: &str) -> String {
    format!("the built-in {}", printable(path))
}
