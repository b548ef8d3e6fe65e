//! Finds what is wrong with somebody's own templates before a mail needs them. Changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use handlebars::Context;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::fault::{Severity, TemplateFault};
use super::files::TemplateFiles;
use super::path::{FileRole, MailKind, Part, parse, part_name};
use super::path_of;
use super::set::{Extent, TemplateSet};
use super::walk::{Walked, walk};
use crate::Locale;
use crate::about::About;
use crate::context::{self, Reader, SingleMail, Surroundings};
use crate::samples::{self, Sample};
use crate::variables::Shape;

/// The largest HTML that mail programs show whole: Gmail cuts it off behind 102 KB.
const CLIPPED: usize = 100_000;

/// What is checked.
pub(super) struct Checked<'a> {
    pub(super) sets: &'a BTreeMap<Locale, TemplateSet>,
    pub(super) files: &'a TemplateFiles,
    pub(super) surroundings: &'a Surroundings,
    pub(super) own_helpers: BTreeSet<String>,
}

/// What was found.
#[derive(Default)]
pub(super) struct Findings {
    /// All of it.
    pub(super) faults: BTreeSet<TemplateFault>,
    /// Why a mail can't be written in a language.
    pub(super) of_mails: BTreeMap<(Locale, MailKind), TemplateFault>,
}

impl Findings {
    fn note(&mut self, locale: &Locale, mail: MailKind, fault: TemplateFault) {
        if fault.severity == Severity::Error {
            let key = (locale.clone(), mail);
            self.of_mails.entry(key).or_insert_with(|| fault.clone());
        }
        self.faults.insert(fault);
    }
}

/// Walks and renders every mail in every language.
pub(super) fn check(checked: &Checked<'_>) -> Findings {
    let mut findings = Findings::default();
    findings
        .faults
        .extend(checked.files.faults().iter().cloned());
    for (path, _) in checked.files.iter() {
        if let Err(problem) = parse(path) {
            findings.faults.insert(TemplateFault::error(path, problem));
        }
    }
    let mut samples = samples::all();
    let with_each_reason = samples::with_each_reason();
    let reminders = with_each_reason.iter().cloned().map(samples::reminder_of);
    samples.extend(reminders.map(Sample::from));
    samples.extend(with_each_reason.into_iter().map(Sample::from));
    let with_each_warning = samples::with_each_warning();
    samples.extend(with_each_warning.into_iter().map(Sample::from));
    let with_each_fault = samples::with_each_fault();
    samples.extend(with_each_fault.into_iter().map(Sample::from));
    let mut reached = BTreeSet::new();
    for (locale, set) in checked.sets {
        findings.faults.extend(set.faults().cloned());
        let walks = MailKind::ALL.map(|mail| {
            let shape = Rc::new(shape_of(mail, &checked.surroundings.vars));
            (mail, walk(set, mail, &shape, &checked.own_helpers))
        });
        for (mail, walked) in &walks {
            let mail = *mail;
            let is_own = is_own(checked, (locale, set), &walked.reached);
            reached.extend(walked.reached.iter().cloned());
            for fault in &walked.faults {
                findings.note(locale, mail, of_mail(set, fault, mail, &walks));
            }
            for fault in unreadable(checked.files, locale) {
                findings.note(locale, mail, fault.clone());
            }
            if is_own && !findings.of_mails.contains_key(&(locale.clone(), mail)) {
                render(checked, (locale, set), mail, &samples, &mut findings);
            }
        }
    }
    findings.faults.extend(half_overridden(checked.files));
    // What does not compile may include anything.
    if checked
        .sets
        .values()
        .all(|set| set.faults().next().is_none())
    {
        findings.faults.extend(unused(checked.files, &reached));
    }
    findings
}

/// The fault of a file that another mail includes without any says in which mail it is one.
fn of_mail(
    set: &TemplateSet,
    fault: &TemplateFault,
    mail: MailKind,
    walks: &[(MailKind, Walked)],
) -> TemplateFault {
    let is_in_place = |other: &&TemplateFault| {
        (&other.path, other.line, other.column) == (&fault.path, fault.line, fault.column)
    };
    let is_sound_elsewhere = walks.iter().any(|(_, other)| {
        let mut sources = other.reached.iter().filter_map(|name| set.source(name));
        sources.any(|(path, _)| path == fault.path) && !other.faults.iter().any(|f| is_in_place(&f))
    });
    let mut fault = fault.clone();
    if is_sound_elsewhere {
        fault.problem = format!("{} (in the {mail} mail)", fault.problem);
    }
    fault
}

/// Whether anything of somebody's own goes into what is made of these templates. The rest is ours, and
/// was rendered with every sample before it was shipped.
fn is_own(
    checked: &Checked<'_>,
    (locale, set): (&Locale, &TemplateSet),
    reached: &BTreeSet<String>,
) -> bool {
    let has = |path: &str| checked.files.get(path).is_some();
    let mut wordings = locale.with_fallbacks().into_iter();
    let mut paths = reached.iter().filter_map(|name| set.source(name));
    !checked.own_helpers.is_empty()
        || wordings.any(|locale| has(&format!("{locale}/wording.toml")))
        || paths.any(|(path, _)| has(path))
}

/// The faults of folders that could hold anything that a mail in this language is made of.
fn unreadable<'a>(
    files: &'a TemplateFiles,
    locale: &Locale,
) -> impl Iterator<Item = &'a TemplateFault> {
    let folders = locale.with_fallbacks();
    let concerns = move |fault: &&TemplateFault| {
        let folder = fault.path.split('/').next().unwrap_or_default();
        let is_folder = parse(&fault.path).is_err();
        let is_among = folders.iter().any(|locale| locale.as_str() == folder);
        fault.path.is_empty() || (is_folder && is_among)
    };
    files.faults().iter().filter(concerns)
}

/// The names of the partials that a mail includes, be it by another one.
pub(super) fn partials_of(set: &TemplateSet, mail: MailKind) -> BTreeSet<String> {
    let shape = Rc::new(shape_of(mail, &Map::new()));
    walk(set, mail, &shape, &BTreeSet::new()).reached
}

/// The variables of a mail, with those that the operator added.
fn shape_of(mail: MailKind, vars: &Map<String, Value>) -> Shape {
    Shape::of(mail).with("vars", Shape::of_value(&Value::Object(vars.clone())))
}

/// Renders a mail with each of its samples. What is wrong with several of them is told once.
fn render(
    checked: &Checked<'_>,
    (locale, set): (&Locale, &TemplateSet),
    mail: MailKind,
    samples: &[Sample],
    findings: &mut Findings,
) {
    let reader = Reader {
        locale: locale.clone(),
        time_zone: TimeZone::UTC,
        wording: set.wording.clone(),
    };
    let mut told = BTreeSet::new();
    let around = checked.surroundings;
    for sample in samples.iter().filter(|sample| sample.mail() == mail) {
        let now = sample.now();
        let single = |about: About<'_>| {
            let value = context::value(about, now, &reader, around, &|_| None);
            let parts = set
                .render(about.mail(), Extent::Text, &Context::from(value))
                .ok()?;
            Some(SingleMail {
                subject: parts.subject,
                text: parts.text,
            })
        };
        let value = context::value(sample.about(), now, &reader, around, &single);
        let Some(mut fault) = fault_of_sample(set, mail, &Context::from(value)) else {
            continue;
        };
        if told.insert(fault.clone()) {
            fault.problem = format!("{} (in the sample {})", fault.problem, sample.name());
            findings.note(locale, mail, fault);
        }
    }
}

fn fault_of_sample(set: &TemplateSet, mail: MailKind, context: &Context) -> Option<TemplateFault> {
    match set.render(mail, Extent::Whole, context) {
        Ok(parts) if parts.html.len() > CLIPPED => {
            let path = path_of(set, mail, Part::Html);
            let problem = "this writes more than 100 KB of HTML, where mail programs cut it off";
            Some(TemplateFault::warning(&path, problem))
        }
        Ok(_) => None,
        Err(fault) => Some(fault),
    }
}

/// Mails of which only the text or only the HTML is somebody's own: readers of one see other words
/// than readers of the other.
fn half_overridden(files: &TemplateFiles) -> Vec<TemplateFault> {
    let mut faults = Vec::new();
    for (path, _) in files.iter() {
        let Ok((locale, FileRole::Part(mail, part))) = parse(path) else {
            continue;
        };
        let other = match part {
            Part::Subject => continue,
            Part::Text => Part::Html,
            Part::Html => Part::Text,
        };
        let other = format!("{locale}/{}.hbs", part_name(mail, other));
        if files.get(&other).is_none() {
            let problem = format!(
                "{other} is still the built-in one: those who read that part see other words"
            );
            faults.push(TemplateFault::warning(path, problem));
        }
    }
    faults
}

/// Partials that no mail includes.
fn unused(files: &TemplateFiles, reached: &BTreeSet<String>) -> Vec<TemplateFault> {
    let partials = files.iter().filter_map(|(path, _)| match parse(path) {
        Ok((_, FileRole::Partial(name))) => Some((path, name)),
        _ => None,
    });
    partials
        .filter(|(_, name)| !reached.contains(name))
        .map(|(path, _)| TemplateFault::warning(path, "no mail includes this partial"))
        .collect()
}
