//! The templates that ship with this crate and somebody's own over them, and how they become the
//! parts of a mail. Knows no address and no transport.
//!
//! A template of one's own can be wrong in any way, and never costs a mail: what can't be used is
//! found when [`Templates`] are built, and at the latest when a mail is written; that mail is then
//! written with the built-in templates and says so.

mod built_in;
mod check;
mod fault;
mod files;
mod inline;
mod origin;
mod own_helper;
mod path;
mod set;
mod size;
mod syntax;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use handlebars::Context;
use serde_json::{Map, Value};

pub use fault::{Severity, TemplateFault};
pub use files::TemplateFiles;
pub use origin::{CopiedFrom, InvalidOrigins, ORIGINS, Origin, Origins, TemplateOrigin};
pub use path::{InvalidMailKind, MailKind};

pub(crate) use set::{Extent, Parts};

use crate::context::Surroundings;
use crate::wording::Wording;
use crate::{Link, Locale};
use built_in::BUILT_IN;
use check::{Checked, check};
use own_helper::OwnHelper;
use path::{Part, parse, part_name};
use set::{Source, TemplateSet};

/// All templates of all languages, ready to be rendered. Cheap to clone.
///
/// ```
/// use vigie_notify::{TemplateFiles, Templates};
///
/// let own = TemplateFiles::none().with("en/missing/subject.txt.hbs", "{{job.databse}} is missing");
/// let templates = Templates::builder().files(own).build();
///
/// assert_eq!(
///     templates.faults()[0].to_string(),
///     "en/missing/subject.txt.hbs:1:3: the missing mail has no variable `job.databse`; did you \
///      mean `job.database`?"
/// );
/// ```
#[derive(Clone)]
pub struct Templates(Arc<Inner>);

struct Inner {
    built_in: BTreeMap<Locale, TemplateSet>,
    /// Empty when nobody has templates of their own.
    own: BTreeMap<Locale, TemplateSet>,
    files: TemplateFiles,
    faults: Vec<TemplateFault>,
    /// Why a mail is not written with one's own templates.
    of_mails: BTreeMap<(Locale, MailKind), TemplateFault>,
    surroundings: Surroundings,
}

/// Gives the variables of a mail for a language and its words, with a note on the mail itself.
type WriteContext<'a> = dyn Fn(&Locale, &Arc<Wording>, Option<String>) -> Value + 'a;

/// Puts [`Templates`] together.
#[derive(Debug, Clone, Default)]
pub struct TemplatesBuilder {
    files: TemplateFiles,
    surroundings: Surroundings,
    helpers: BTreeMap<String, OwnHelper>,
}

impl Templates {
    /// The templates that ship with this crate.
    #[must_use]
    pub fn built_in() -> Self {
        Self::builder().build()
    }

    /// The templates that ship with this crate, with your own over them.
    #[must_use]
    pub fn builder() -> TemplatesBuilder {
        TemplatesBuilder::default()
    }

    /// Your own files that these were built of.
    #[must_use]
    pub fn files(&self) -> &TemplateFiles {
        &self.0.files
    }

    /// What is wrong with your own templates. A mail that an error concerns is written with the
    /// built-in ones, and says so.
    #[must_use]
    pub fn faults(&self) -> &[TemplateFault] {
        &self.0.faults
    }

    /// Whether every mail can be written with your own templates. There may be faults all the same,
    /// such as a file that no mail uses.
    #[must_use]
    pub fn are_sound(&self) -> bool {
        self.0.of_mails.is_empty()
    }

    /// Every language that there is a folder for.
    pub fn locales(&self) -> impl Iterator<Item = &Locale> {
        let own = self.0.own.keys();
        own.chain(self.0.built_in.keys().filter(|_| self.0.own.is_empty()))
    }

    /// Whether there is a folder for a language, or for the same without its region.
    #[must_use]
    pub fn has_locale(&self, locale: &Locale) -> bool {
        let known = locale.with_fallbacks();
        let (_english, wanted) = known.split_last().unwrap_or((locale, &[]));
        *locale == Locale::EN || self.locales().any(|known| wanted.contains(known))
    }

    /// Every file, built in or your own, in the order of their paths, and where it comes from.
    #[must_use]
    pub fn origins(&self, recorded: &Origins) -> Vec<TemplateOrigin> {
        origin::of_files(&self.0.files, recorded)
    }

    /// The content of a file that ships with this crate.
    #[must_use]
    pub fn built_in_file(path: &str) -> Option<&'static str> {
        built_in::built_in(path)
    }

    /// The paths of the files that ship with this crate.
    pub fn built_in_paths() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(path, _)| *path)
    }

    /// Renders the built-in templates of a mail and does nothing else, for the benchmark: how many bytes
    /// that gives.
    #[doc(hidden)]
    #[must_use]
    pub fn render_bare(&self, locale: &Locale, mail: MailKind, variables: &Value) -> Option<usize> {
        let (_, set) = nearest_entry(&self.0.built_in, locale)?;
        set.render_bare(mail, variables).ok()
    }

    /// The paths of the files that ship with this crate and that a mail in a language is made of: its
    /// parts, and each partial that they include, be it by another one. What the language leaves out
    /// is English here too.
    #[must_use]
    pub fn built_in_paths_of(mail: MailKind, locale: &Locale) -> BTreeSet<&'static str> {
        let set = TemplateSet::new(&sources(locale, &TemplateFiles::none()), &BTreeMap::new());
        let names = Part::ALL.map(|part| part_name(mail, part));
        let names = names.into_iter().chain(check::partials_of(&set, mail));
        let paths: BTreeSet<String> = names
            .filter_map(|name| Some(set.source(&name)?.0.to_owned()))
            .collect();
        Self::built_in_paths()
            .filter(|path| paths.contains(*path))
            .collect()
    }

    pub(crate) fn surroundings(&self) -> &Surroundings {
        &self.0.surroundings
    }

    /// The words of a language.
    pub(crate) fn wording(&self, locale: &Locale) -> Arc<Wording> {
        let own = nearest_entry(&self.0.own, locale);
        let set = own.or_else(|| nearest_entry(&self.0.built_in, locale));
        set.map(|(_, set)| set.wording.clone()).unwrap_or_default()
    }

    /// Writes a mail. `context` gives its variables for a language and its words, with a note on the
    /// mail itself.
    pub(crate) fn write(
        &self,
        locale: &Locale,
        mail: MailKind,
        extent: Extent,
        context: &WriteContext<'_>,
    ) -> Parts {
        let fault = match self.write_own(locale, mail, extent, context) {
            None => None,
            Some(Ok(parts)) => return parts,
            Some(Err(fault)) => {
                tracing::error!(
                    %mail,
                    %locale,
                    template = %fault,
                    "this template can't be used; the mail is written with the built-in ones"
                );
                Some(fault)
            }
        };
        let note = |wording: &Wording| {
            fault
                .as_ref()
                .map(|fault| wording.built_in_used(&fault.to_string()))
        };
        let written = nearest_entry(&self.0.built_in, locale).map(|(locale, set)| {
            let value = context(locale, &set.wording, note(&set.wording));
            set.render(mail, extent, &Context::from(value))
        });
        match written {
            Some(Ok(parts)) => parts,
            other => {
                let problem = match other {
                    Some(Err(fault)) => fault.to_string(),
                    _ => "there are no templates".to_owned(),
                };
                tracing::error!(%mail, %locale, problem, "a mail is written without templates");
                let wording = Arc::new(Wording::default());
                without_template(mail, &context(locale, &wording, Some(problem)))
            }
        }
    }

    /// `None` when nobody has templates of their own.
    fn write_own(
        &self,
        locale: &Locale,
        mail: MailKind,
        extent: Extent,
        context: &WriteContext<'_>,
    ) -> Option<Result<Parts, TemplateFault>> {
        let (locale, set) = nearest_entry(&self.0.own, locale)?;
        if let Some(fault) = self.0.of_mails.get(&(locale.clone(), mail)) {
            return Some(Err(fault.clone()));
        }
        let value = context(locale, &set.wording, None);
        Some(set.render(mail, extent, &Context::from(value)))
    }
}

impl fmt::Debug for Templates {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The trees of all templates would bury whatever else is printed.
        formatter
            .debug_struct("Templates")
            .field("locales", &self.locales().collect::<Vec<_>>())
            .field("faults", &self.0.faults)
            .finish_non_exhaustive()
    }
}

impl TemplatesBuilder {
    /// Your own files, from a folder ([`TemplateFiles::read`]) or from memory. Each stands in for the
    /// built-in one of its path; the rest stays. A language is a folder, and what it leaves out is
    /// English.
    #[must_use]
    pub fn files(mut self, files: TemplateFiles) -> Self {
        self.files = files;
        self
    }

    /// Your own files, from a folder. One that can't be read is a fault, not an error: mails leave
    /// with the built-in templates.
    #[must_use]
    pub fn directory(self, folder: &Path) -> Self {
        self.files(TemplateFiles::read(folder))
    }

    /// More variables: each is `vars.` and its name.
    #[must_use]
    pub fn vars(mut self, vars: Map<String, Value>) -> Self {
        self.surroundings.vars = vars;
        self
    }

    /// Where `links.dashboard` leads.
    #[must_use]
    pub fn dashboard(mut self, link: Link) -> Self {
        self.surroundings.dashboard = Some(link);
        self
    }

    /// Where `links.runbook` leads.
    #[must_use]
    pub fn runbook(mut self, link: Link) -> Self {
        self.surroundings.runbook = Some(link);
        self
    }

    /// A helper of your own: it is called with its arguments and gives what is written, escaped in
    /// HTML, or says why it can't. One that has the name of a built-in helper takes its place.
    ///
    /// ```
    /// use vigie_notify::{TemplateFiles, Templates};
    ///
    /// let own = TemplateFiles::none().with("en/missing/subject.txt.hbs", "{{ticket job.id}}");
    /// let templates = Templates::builder()
    ///     .files(own)
    ///     .helper("ticket", |arguments| match arguments {
    ///         [id] => Ok(format!("OPS-{id}")),
    ///         _ => Err("takes the job's id".to_owned()),
    ///     })
    ///     .build();
    /// assert!(templates.are_sound());
    /// ```
    #[must_use]
    pub fn helper(
        mut self,
        name: &str,
        write: impl Fn(&[Value]) -> Result<String, String> + Send + Sync + 'static,
    ) -> Self {
        let helper = OwnHelper::new(name.to_owned(), write);
        self.helpers.insert(name.to_owned(), helper);
        self
    }

    /// Compiles and checks everything. That never fails: see [`Templates::faults`].
    #[must_use]
    pub fn build(self) -> Templates {
        // Compiling a file that nests as deep as is let through takes more than the stacks that programs
        // give their threads.
        const STACK: usize = 64 * 1024 * 1024;
        let here = self.clone();
        thread::scope(|scope| {
            let thread = thread::Builder::new().stack_size(STACK);
            match thread.spawn_scoped(scope, || self.build_here()) {
                Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
                Err(_) => here.build_here(),
            }
        })
    }

    fn build_here(self) -> Templates {
        // An embedding program's helpers stay out of what stands in when they fail.
        let none = BTreeMap::new();
        let built_in = Locale::BUILT_IN.into_iter();
        let built_in = built_in.map(|locale| {
            let set = TemplateSet::new(&sources(&locale, &TemplateFiles::none()), &none);
            (locale, set.inlined())
        });
        let built_in = built_in.collect();
        let mut own = BTreeMap::new();
        let mut findings = check::Findings::default();
        if !self.files.is_none() || !self.helpers.is_empty() {
            for locale in locales_of(&self.files) {
                let set = TemplateSet::new(&sources(&locale, &self.files), &self.helpers);
                own.insert(locale, set);
            }
            findings = check(&Checked {
                sets: &own,
                files: &self.files,
                surroundings: &self.surroundings,
                own_helpers: self.helpers.keys().cloned().collect(),
            });
        }
        Templates(Arc::new(Inner {
            built_in,
            own,
            files: self.files,
            faults: findings.faults.into_iter().collect(),
            of_mails: findings.of_mails,
            surroundings: self.surroundings,
        }))
    }
}

/// The path of the template of a part.
pub(crate) fn path_of(set: &TemplateSet, mail: MailKind, part: Part) -> String {
    let name = part_name(mail, part);
    set.source(&name)
        .map_or_else(|| format!("{name}.hbs"), |(path, _)| path.to_owned())
}

/// The languages that ship with this crate, and those that somebody has added.
fn locales_of(files: &TemplateFiles) -> BTreeSet<Locale> {
    let own = files.iter().filter_map(|(path, _)| parse(path).ok());
    let own = own.map(|(locale, _)| locale);
    own.chain(Locale::BUILT_IN).collect()
}

/// The files of a language, each over those before it: English ones below its own, and of both the
/// built-in below somebody's own.
fn sources<'a>(locale: &Locale, files: &'a TemplateFiles) -> Vec<Source<'a>> {
    let mut sources = Vec::new();
    let mut folders = locale.with_fallbacks();
    folders.reverse();
    for folder in folders {
        let built_in = BUILT_IN.iter().map(|(path, text)| (*path, Ok(*text)));
        let unreadable = files.faults().iter();
        let unreadable = unreadable.map(|fault| (fault.path.as_str(), Err(fault.clone())));
        let own = files
            .iter()
            .map(|(path, bytes)| (path, text_of(path, bytes)));
        for (path, content) in built_in.chain(own).chain(unreadable) {
            if let Ok((of, role)) = parse(path)
                && of == folder
            {
                sources.push(Source {
                    path,
                    role,
                    content,
                });
            }
        }
    }
    sources
}

fn text_of<'a>(path: &str, bytes: &'a [u8]) -> Result<&'a str, TemplateFault> {
    std::str::from_utf8(bytes).map_err(|error| {
        let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let (line, column) = crate::position::position(&before, before.len());
        TemplateFault::error(path, "this is no UTF-8 text; save it as UTF-8").at(line, column)
    })
}

/// The language itself, or the same without its region, or English.
fn nearest_entry<'a>(
    sets: &'a BTreeMap<Locale, TemplateSet>,
    locale: &Locale,
) -> Option<(&'a Locale, &'a TemplateSet)> {
    let known = locale.with_fallbacks();
    known.iter().find_map(|locale| sets.get_key_value(locale))
}

/// The last resort: what is known, as it is.
fn without_template(mail: MailKind, context: &Value) -> Parts {
    let own = &context["status"];
    let status = context["job"]["status"].as_str().or_else(|| own.as_str());
    // How the job of these is, is not what they tell.
    let is_other = matches!(mail, MailKind::Damaged | MailKind::Warning);
    let status = status.filter(|_| !is_other);
    let status = status.map_or_else(|| mail.as_str().to_uppercase(), str::to_owned);
    let about = context["about"].as_str().unwrap_or_default();
    let text = serde_json::to_string_pretty(context).unwrap_or_default();
    Parts {
        subject: format!("[{status}] {about}"),
        html: format!(
            "<!DOCTYPE html>\n<html>\n<body><pre>{}</pre></body>\n</html>\n",
            handlebars::html_escape(&text)
        ),
        text: text + "\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_templates_are_sound_when_they_are_checked_like_own_ones() {
        let mut files = TemplateFiles::none();
        for (path, text) in BUILT_IN {
            files = files.with(*path, *text);
        }
        let templates = Templates::builder().files(files).build();
        assert_eq!(templates.faults(), []);
    }

    #[test]
    fn a_mail_is_made_of_its_parts_and_of_what_they_include_in_turn() {
        let paths = Templates::built_in_paths_of(MailKind::Missing, &Locale::FR);
        for path in [
            "fr/missing/body.txt.hbs",
            "fr/partials/missing-steps.hbs",
            "fr/partials/foot.hbs",
            "en/partials/html-color.hbs",
        ] {
            assert!(paths.contains(path), "{path}");
        }
        for path in [
            "en/missing/body.txt.hbs",
            "fr/partials/entry-steps.hbs",
            "fr/wording.toml",
        ] {
            assert!(!paths.contains(path), "{path}");
        }
    }

    #[test]
    fn a_language_falls_back_to_the_one_without_region_and_then_to_english() {
        let sets = Templates::built_in();
        for (asked, found) in [("fr", "fr"), ("fr-CM", "fr"), ("de", "en")] {
            let asked = asked.parse().unwrap();
            let (locale, _) = nearest_entry(&sets.0.built_in, &asked).unwrap();
            assert_eq!(locale.as_str(), found);
        }
    }

    #[test]
    fn even_without_templates_a_mail_says_what_is_known() {
        let context = serde_json::json!({"about": "A<b", "job": {"status": "FAILED"}});
        let parts = without_template(MailKind::Entry, &context);
        assert_eq!(parts.subject, "[FAILED] A<b");
        assert!(parts.html.contains("A&lt;b"));
        assert!(parts.text.contains("\"A<b\""));

        let context = serde_json::json!({"about": "A", "job": {"status": "MISSING"}});
        let parts = without_template(MailKind::Reminder, &context);
        assert_eq!(parts.subject, "[MISSING] A");

        let context = serde_json::json!({"about": "A", "job": {"status": "OK"}});
        let parts = without_template(MailKind::Recovery, &context);
        assert_eq!(parts.subject, "[OK] A");

        let context = serde_json::json!({"about": "ops@example.com"});
        let parts = without_template(MailKind::Undelivered, &context);
        assert_eq!(parts.subject, "[UNDELIVERED] ops@example.com");
    }
}
