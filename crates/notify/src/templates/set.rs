//! The templates of one language, compiled and ready to render. Knows no job and no mail's words.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use handlebars::{
    Context, Handlebars, RenderError, RenderErrorReason, Template, TemplateError,
    TemplateErrorReason,
};
use serde_json::Value;

use super::fault::TemplateFault;
use super::inline::inlined;
use super::own_helper::OwnHelper;
use super::path::{FileRole, MailKind, Part, part_name};
use super::size::too_large;
use super::syntax::slip;
use crate::position::position;
use crate::vocabulary::{self, Format};
use crate::wording::Wording;

/// The longest part of a mail. Mail programs cut them off long before.
const LONGEST: usize = 1024 * 1024;

/// The parts of a mail, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// How much of a mail is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it.
    Whole,
    /// All but the HTML, which is empty: what another mail quotes.
    Text,
}

/// One file on its way into a set.
#[derive(Debug, Clone)]
pub(crate) struct Source<'a> {
    pub(crate) path: &'a str,
    pub(crate) role: FileRole,
    /// Its text, or why there is none.
    pub(crate) content: Result<&'a str, TemplateFault>,
}

/// The templates of one language. HTML and text are kept apart: only the values that get into HTML
/// are escaped.
pub(crate) struct TemplateSet {
    pub(crate) wording: Arc<Wording>,
    html: Handlebars<'static>,
    text: Handlebars<'static>,
    /// The path and text of what is registered, by its name.
    sources: BTreeMap<String, (String, String)>,
    /// Why a name is not what somebody wanted it to be.
    broken: BTreeMap<String, TemplateFault>,
    /// Why the words are not.
    broken_wording: Option<TemplateFault>,
}

impl TemplateSet {
    /// Compiles files, each in the place of those of its name before it.
    pub(crate) fn new(sources: &[Source<'_>], helpers: &BTreeMap<String, OwnHelper>) -> Self {
        let (wording, broken_wording) = read_wording(sources);
        let wording = Arc::new(wording);
        let mut set = Self {
            html: registry(&wording, Format::Html, helpers),
            text: registry(&wording, Format::Text, helpers),
            wording,
            sources: BTreeMap::new(),
            broken: BTreeMap::new(),
            broken_wording,
        };
        for source in sources {
            set.register(source);
        }
        set
    }

    /// The same, to be rendered faster; see [`inlined`] for which templates may be.
    pub(crate) fn inlined(mut self) -> Self {
        for registry in [&mut self.html, &mut self.text] {
            let known = registry.get_templates().clone();
            for (name, template) in &known {
                registry.register_template(name, inlined(template.clone(), &known));
            }
        }
        self
    }

    /// What is wrong with the files themselves.
    pub(crate) fn faults(&self) -> impl Iterator<Item = &TemplateFault> {
        self.broken.values().chain(&self.broken_wording)
    }

    /// Why a name is not what somebody wanted it to be.
    pub(crate) fn fault_of(&self, name: &str) -> Option<&TemplateFault> {
        self.broken.get(name)
    }

    /// Why the words are not what somebody wanted them to be.
    pub(crate) fn wording_fault(&self) -> Option<&TemplateFault> {
        self.broken_wording.as_ref()
    }

    /// The tree of a template.
    pub(crate) fn tree(&self, name: &str) -> Option<&Template> {
        self.html
            .get_template(name)
            .or_else(|| self.text.get_template(name))
    }

    /// The path and the text of a template.
    pub(crate) fn source(&self, name: &str) -> Option<(&str, &str)> {
        let (path, text) = self.sources.get(name)?;
        Some((path, text))
    }

    /// The names of all partials.
    pub(crate) fn partials(&self) -> impl Iterator<Item = &str> {
        let names = self.sources.keys().map(String::as_str);
        names.filter(|name| !name.contains('/'))
    }

    /// Renders the parts of a mail and does nothing else.
    pub(crate) fn render_bare(
        &self,
        mail: MailKind,
        variables: &Value,
    ) -> Result<usize, RenderError> {
        let mut length = 0;
        for part in Part::ALL {
            let registry = self.registry_of(part);
            length += registry.render(&part_name(mail, part), variables)?.len();
        }
        Ok(length)
    }

    fn registry_of(&self, part: Part) -> &Handlebars<'static> {
        match part {
            Part::Html => &self.html,
            Part::Subject | Part::Text => &self.text,
        }
    }

    /// Writes a mail.
    pub(crate) fn render(
        &self,
        mail: MailKind,
        extent: Extent,
        context: &Context,
    ) -> Result<Parts, TemplateFault> {
        let subject = self.part(mail, Part::Subject, context)?;
        let lines: Vec<&str> = subject.lines().map(str::trim).collect();
        Ok(Parts {
            subject: lines.join(" ").trim().to_owned(),
            text: without_blank_runs(&self.part(mail, Part::Text, context)?),
            html: match extent {
                Extent::Whole => without_blank_runs(&self.part(mail, Part::Html, context)?),
                Extent::Text => String::new(),
            },
        })
    }

    fn part(&self, mail: MailKind, part: Part, context: &Context) -> Result<String, TemplateFault> {
        let name = part_name(mail, part);
        let registry = self.registry_of(part);
        let mut output = Bounded(Vec::new());
        registry
            .render_with_context_to_write(&name, context, &mut output)
            .map_err(|error| self.render_fault(&name, &error))?;
        // Whole texts are written, so that there is nothing to lose.
        let written = String::from_utf8(output.0).unwrap_or_default();
        if written.trim().is_empty() {
            let path = self.source(&name).map_or(name.as_str(), |(path, _)| path);
            return Err(TemplateFault::error(path, "this writes nothing"));
        }
        Ok(written)
    }

    fn register(&mut self, source: &Source<'_>) {
        let name = match &source.role {
            FileRole::Wording => return,
            FileRole::Partial(name) => name.clone(),
            FileRole::Part(mail, part) => part_name(*mail, *part),
        };
        let registered = text_of(source).and_then(|text| {
            let compiled = match &source.role {
                FileRole::Part(_, Part::Html) => self.html.register_template_string(&name, text),
                FileRole::Part(..) => self.text.register_template_string(&name, text),
                _ => self.html.register_partial(&name, text),
            };
            compiled.map_err(|error| compile_fault(source.path, text, &error))?;
            if let Some(fault) = unclosed_comment(source.path, text) {
                return Err(fault);
            }
            Ok(text.to_owned())
        });
        if let (FileRole::Partial(_), Some(partial)) = (&source.role, self.html.get_template(&name))
        {
            self.text.register_template(&name, partial.clone());
        }
        match registered {
            Ok(text) => {
                self.broken.remove(&name);
                self.sources.insert(name, (source.path.to_owned(), text));
            }
            Err(fault) => {
                self.broken.insert(name, fault);
            }
        }
    }

    fn render_fault(&self, part: &str, error: &RenderError) -> TemplateFault {
        let name = error.template_name.as_deref().unwrap_or(part);
        let source = self.source(name).or_else(|| self.source(part));
        let path = source.map_or(name, |(path, _)| path);
        let problem = match error.reason() {
            // Names were checked before: what is not there lies in something that is null.
            RenderErrorReason::MissingVariable(Some(variable)) => {
                format!(
                    "`{variable}` is null here, or part of something that is; ask with `{{{{#if}}}}` first"
                )
            }
            RenderErrorReason::MissingVariable(None) => {
                "something is null here; ask with `{{#if}}` first".to_owned()
            }
            RenderErrorReason::IOError(error) => error.to_string(),
            other => other.to_string(),
        };
        let fault = TemplateFault::error(path, problem);
        match (error.line_no, error.column_no) {
            (Some(line), Some(column)) => fault.at(line, column),
            _ => fault,
        }
    }
}

/// The words of the last file that can be read, each over those before it.
fn read_wording(sources: &[Source<'_>]) -> (Wording, Option<TemplateFault>) {
    let mut read: Vec<&str> = Vec::new();
    let mut fault = None;
    let mut wording = None;
    for source in sources
        .iter()
        .filter(|source| source.role == FileRole::Wording)
    {
        let added = source.content.clone().and_then(|text| {
            let files: Vec<&str> = read.iter().copied().chain([text]).collect();
            let read = Wording::read(&files);
            let of_file = |fault: crate::wording::WordingFault| {
                TemplateFault::error(source.path, fault.problem).at(fault.line, fault.column)
            };
            Ok((read.map_err(of_file)?, text))
        });
        match added {
            Ok((added, text)) => {
                read.push(text);
                wording = Some(added);
            }
            Err(broken) => fault = Some(broken),
        }
    }
    (wording.unwrap_or_default(), fault)
}

/// The text of a file as it is compiled.
fn text_of<'a>(source: &Source<'a>) -> Result<&'a str, TemplateFault> {
    let text = source.content.clone()?;
    if let Some(problem) = too_large(text) {
        return Err(TemplateFault::error(source.path, problem));
    }
    // A partial of one line is words within a line; the end of its file is none of them.
    let is_within_line = matches!(source.role, FileRole::Partial(_))
        && without_leading_comment(text).trim().lines().count() == 1;
    Ok(if is_within_line {
        text.trim_end()
    } else {
        text
    })
}

fn compile_fault(path: &str, text: &str, error: &TemplateError) -> TemplateFault {
    if let Some(((line, column), problem)) = slip(text) {
        return TemplateFault::error(path, problem).at(line, column);
    }
    let problem = match error.reason() {
        TemplateErrorReason::InvalidSyntax(syntax) => {
            format!("this is no valid template: {}", in_one_line(syntax))
        }
        other => other.to_string(),
    };
    let fault = TemplateFault::error(path, problem);
    match error.pos() {
        Some((line, column)) => fault.at(line, column),
        None => fault,
    }
}

/// A comment that is not closed compiles, and would be in the mail.
fn unclosed_comment(path: &str, text: &str) -> Option<TemplateFault> {
    let start = text.rfind("{{!--")?;
    if text[start..].contains("--}}") {
        return None;
    }
    let (line, column) = position(text, start);
    let problem = "this comment is never closed: `--}}` is missing";
    Some(TemplateFault::error(path, problem).at(line, column))
}

fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text behind a comment that tells what the file is.
fn without_leading_comment(text: &str) -> &str {
    let Some(comment) = text.trim_start().strip_prefix("{{!--") else {
        return text;
    };
    comment.split_once("--}}").map_or(text, |(_, rest)| rest)
}

fn registry(
    wording: &Arc<Wording>,
    format: Format,
    helpers: &BTreeMap<String, OwnHelper>,
) -> Handlebars<'static> {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    // Otherwise values of several lines would be indented as deep as the partial they stand in.
    registry.set_prevent_indent(true);
    if format == Format::Text {
        registry.register_escape_fn(handlebars::no_escape);
    }
    vocabulary::register(&mut registry, wording, format);
    for (name, helper) in helpers {
        registry.register_helper(name, Box::new(helper.clone()));
    }
    registry
}

/// What is rendered, up to a length.
struct Bounded(Vec<u8>);

impl Write for &mut Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST {
            return Err(io::Error::other("this writes more than 1 MiB"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// No spaces at the end of a line, no two blank lines in a row, one line end at the end.
fn without_blank_runs(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut was_blank = true;
    for line in text.lines() {
        let line = line.trim_end_matches([' ', '\t']);
        if line.is_empty() && was_blank {
            continue;
        }
        was_blank = line.is_empty();
        tidy.push_str(line);
        tidy.push('\n');
    }
    tidy.truncate(tidy.trim_end_matches('\n').len());
    tidy.push('\n');
    tidy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_come_one_at_a_time() {
        assert_eq!(without_blank_runs("\n\na  \n\n \n\nb\n\n"), "a\n\nb\n");
    }

    #[test]
    fn a_partial_of_one_line_ends_with_its_words_whatever_comment_it_has() {
        for (text, compiled) in [
            ("word\n", "word"),
            (
                "{{!-- what it is --}}\nword\n",
                "{{!-- what it is --}}\nword",
            ),
            ("one\ntwo\n", "one\ntwo\n"),
        ] {
            let source = Source {
                path: "en/partials/p.hbs",
                role: FileRole::Partial("p".to_owned()),
                content: Ok(text),
            };
            assert_eq!(text_of(&source).unwrap(), compiled);
        }
    }
}
