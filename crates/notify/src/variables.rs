//! The variables of each mail, taken from the structs that they are made of, so that what is written
//! about them is what there is. Knows no template.

use std::sync::Arc;

use jiff::tz::TimeZone;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde_json::Value;
use vigie_domain::BackupEntryStatus;

use crate::about::About;
use crate::context::{self, Reader, SingleMail, Surroundings};
use crate::samples::{self, JobSample, Sample};
use crate::templates::MailKind;
use crate::wording::Wording;
use crate::{
    DamagedContext, DigestContext, EntryContext, GroupContext, Locale, MissingContext, Notice,
    OutageContext, RecoveryContext, ReminderContext, SummaryContext, UndeliveredContext,
    WarningContext,
};

/// The longest text that is given as an example.
const EXAMPLE: usize = 120;

/// What marks a text of several lines in the schema of a context.
pub(crate) const SEVERAL_LINES: &str = "severalLines";

/// What a variable can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum VariableKind {
    /// An instant in the reader's time zone, for the helpers `date` and `relative`.
    Date,
    /// A whole number that is not negative.
    Integer,
    /// Text.
    Text,
    /// True or false.
    Boolean,
    /// Variables of its own.
    Object,
    /// Several of the same, for `{{#each}}`.
    List,
    /// Whatever the operator put there.
    Any,
}

impl VariableKind {
    /// The name of the kind, in one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::Integer => "integer",
            Self::Text => "text",
            Self::Boolean => "boolean",
            Self::Object => "object",
            Self::List => "list",
            Self::Any => "any",
        }
    }
}

/// A variable of a mail.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Variable {
    /// How a template names it: `job.database`. Behind `[]` stands what each element of a list has.
    pub name: String,
    /// What it holds.
    pub kind: VariableKind,
    /// Whether it can be null; when it is stands in the meaning.
    pub nullable: bool,
    /// What it means.
    pub meaning: String,
    /// Its value in a sample of the mail, or the start of it.
    pub example: Value,
}

/// The variables of a mail, in the order of their names.
///
/// ```
/// use vigie_notify::{MailKind, variables};
///
/// let variables = variables(MailKind::Missing);
/// let overdue = variables.iter().find(|variable| variable.name == "overdue_seconds");
/// assert!(overdue.is_some_and(|variable| variable.nullable));
/// ```
#[must_use]
pub fn variables(mail: MailKind) -> Vec<Variable> {
    let examples = examples(mail);
    let mut variables = Vec::new();
    collect(&Shape::of(mail), "", &examples, &mut variables);
    variables
}

/// What can stand in the place of a variable, as the check of templates needs it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shape {
    pub(crate) kind: VariableKind,
    pub(crate) nullable: bool,
    pub(crate) meaning: String,
    /// The only texts that it can be; empty when it can be any.
    pub(crate) codes: Vec<String>,
    /// Whether it can hold several lines.
    pub(crate) has_lines: bool,
    /// Whether it comes from whoever runs the program, and not from an agent.
    pub(crate) is_trusted: bool,
    /// What an object has; what each element of a list has, under the name `[]`.
    pub(crate) parts: Vec<(String, Shape)>,
}

impl Shape {
    /// The variables of a mail.
    pub(crate) fn of(mail: MailKind) -> Self {
        match mail {
            MailKind::Missing => Self::of_struct::<MissingContext>(),
            MailKind::Entry => Self::of_struct::<EntryContext>(),
            MailKind::Reminder => Self::of_struct::<ReminderContext>(),
            MailKind::Recovery => Self::of_struct::<RecoveryContext>(),
            MailKind::Damaged => Self::of_struct::<DamagedContext>(),
            MailKind::Warning => Self::of_struct::<WarningContext>(),
            MailKind::Group => Self::of_struct::<GroupContext>(),
            MailKind::Outage => Self::of_struct::<OutageContext>(),
            MailKind::Summary => Self::of_struct::<SummaryContext>(),
            MailKind::Digest => Self::of_struct::<DigestContext>(),
            MailKind::Undelivered => Self::of_struct::<UndeliveredContext>(),
        }
    }

    /// A value of which only its kind is known.
    pub(crate) fn of_kind(kind: VariableKind) -> Self {
        Self {
            kind,
            nullable: false,
            meaning: String::new(),
            codes: Vec::new(),
            has_lines: false,
            is_trusted: false,
            parts: Vec::new(),
        }
    }

    /// The shape of a value that is there, and that no agent has written.
    pub(crate) fn of_value(value: &Value) -> Self {
        let shape = |kind| Self {
            is_trusted: true,
            ..Self::of_kind(kind)
        };
        match value {
            Value::Object(map) => Self {
                parts: map
                    .iter()
                    .map(|(name, value)| (name.clone(), Self::of_value(value)))
                    .collect(),
                ..shape(VariableKind::Object)
            },
            Value::String(_) => shape(VariableKind::Text),
            Value::Bool(_) => shape(VariableKind::Boolean),
            Value::Number(number) if number.is_u64() => shape(VariableKind::Integer),
            Value::Array(_) | Value::Null | Value::Number(_) => shape(VariableKind::Any),
        }
    }

    /// What the object has under this name.
    pub(crate) fn part(&self, name: &str) -> Option<&Self> {
        let mut parts = self.parts.iter();
        parts.find(|(part, _)| part == name).map(|(_, shape)| shape)
    }

    /// The same with one more part, or with another one in its place.
    pub(crate) fn with(&self, name: &str, shape: Self) -> Self {
        let mut with = self.clone();
        with.parts.retain(|(part, _)| part != name);
        with.parts.push((name.to_owned(), shape));
        with
    }

    fn of_struct<T: JsonSchema>() -> Self {
        let mut settings = SchemaSettings::draft2020_12();
        settings.inline_subschemas = true;
        let schema: Schema = settings.into_generator().into_root_schema_for::<T>();
        Self::of_schema(schema.as_value())
    }

    fn of_schema(schema: &Value) -> Self {
        // `Option` of a struct is "this or null".
        let options = schema["anyOf"].as_array();
        let is_null = |option: &&Value| option["type"] == "null";
        let inner = options.and_then(|options| options.iter().find(|option| !is_null(option)));
        if let Some(inner) = inner {
            return Self {
                nullable: true,
                meaning: meaning(schema),
                ..Self::of_schema(inner)
            };
        }
        let kinds: Vec<&str> = match &schema["type"] {
            Value::String(kind) => vec![kind],
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let kind = kinds.iter().find(|kind| **kind != "null");
        let is_date = schema["format"] == "zoned-date-time";
        let (kind, parts) = match kind.copied() {
            Some("string") if is_date => (VariableKind::Date, Vec::new()),
            Some("string") => (VariableKind::Text, Vec::new()),
            Some("integer") => (VariableKind::Integer, Vec::new()),
            Some("boolean") => (VariableKind::Boolean, Vec::new()),
            Some("array") => {
                let element = Self::of_schema(&schema["items"]);
                (VariableKind::List, vec![("[]".to_owned(), element)])
            }
            Some("object") => (VariableKind::Object, parts(schema)),
            _ => (VariableKind::Any, Vec::new()),
        };
        Self {
            kind,
            nullable: kinds.contains(&"null"),
            meaning: meaning(schema),
            codes: codes(schema),
            has_lines: schema[SEVERAL_LINES] == true,
            is_trusted: false,
            parts,
        }
    }
}

/// The texts that a value is one of.
fn codes(schema: &Value) -> Vec<String> {
    let codes = schema["enum"].as_array().into_iter().flatten();
    codes.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn parts(schema: &Value) -> Vec<(String, Shape)> {
    let Some(properties) = schema["properties"].as_object() else {
        return Vec::new();
    };
    let part = |(name, schema): (&String, &Value)| (name.clone(), Shape::of_schema(schema));
    properties.iter().map(part).collect()
}

/// The comment on a field, in one line.
fn meaning(schema: &Value) -> String {
    let comment = schema["description"].as_str().unwrap_or_default();
    comment.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn collect(shape: &Shape, prefix: &str, examples: &[Value], variables: &mut Vec<Variable>) {
    for (name, part) in &shape.parts {
        let values: Vec<Value> = match name.as_str() {
            "[]" => examples
                .iter()
                .filter_map(Value::as_array)
                .flatten()
                .cloned()
                .collect(),
            name => examples.iter().map(|value| value[name].clone()).collect(),
        };
        if name == "[]" {
            collect(part, &format!("{prefix}[]."), &values, variables);
            continue;
        }
        let name = format!("{prefix}{name}");
        let example = values.iter().find(|value| is_telling(value));
        variables.push(Variable {
            name: name.clone(),
            kind: part.kind,
            nullable: part.nullable,
            meaning: part.meaning.clone(),
            example: match part.kind {
                VariableKind::Object | VariableKind::List => Value::Null,
                _ => example.or(values.first()).map(short).unwrap_or_default(),
            },
        });
        let below = if part.kind == VariableKind::List {
            name
        } else {
            format!("{name}.")
        };
        collect(part, &below, &values, variables);
    }
}

/// A value as an example, which need not be read to its end.
fn short(value: &Value) -> Value {
    match value
        .as_str()
        .and_then(|text| text.char_indices().nth(EXAMPLE).map(|cut| &text[..cut.0]))
    {
        Some(start) => format!("{start}…").into(),
        None => value.clone(),
    }
}

fn is_telling(value: &Value) -> bool {
    !value.is_null() && value != "" && value != &Value::Bool(false)
}

/// What a mail's variables hold in its samples.
fn examples(mail: MailKind) -> Vec<Value> {
    let samples: Vec<Sample> = match mail {
        MailKind::Missing => with_other_schedule(vec![samples::missing_full()]),
        MailKind::Entry => {
            let statuses = BackupEntryStatus::ALL.into_iter().rev();
            with_other_schedule(statuses.map(samples::entry_full).collect())
        }
        MailKind::Reminder => {
            let mut other = samples::reminder_full();
            other.job.schedule = samples::reminder_minimal().job.schedule;
            let of_entry = samples::reminder_entry_full(BackupEntryStatus::Failed);
            vec![
                of_entry.into(),
                samples::reminder_full().into(),
                other.into(),
            ]
        }
        MailKind::Recovery => {
            let mut other = samples::recovery_full();
            other.job.schedule = samples::recovery_minimal().job.schedule;
            vec![samples::recovery_full().into(), other.into()]
        }
        MailKind::Damaged => {
            let mut each = samples::with_each_fault();
            each.insert(0, samples::damaged_full());
            each.into_iter().map(Sample::from).collect()
        }
        MailKind::Warning => {
            let mut each = samples::with_each_warning();
            each.insert(0, samples::warning_full());
            each.into_iter().map(Sample::from).collect()
        }
        MailKind::Group => {
            let mut many = samples::group_mixed_full();
            many.notices = more_than_listed(&many.notices);
            let odd = samples::group_warning_full();
            let damaged = samples::group_damaged_full();
            vec![
                samples::group_full().into(),
                many.into(),
                odd.into(),
                damaged.into(),
            ]
        }
        MailKind::Outage => {
            let mut many = samples::outage_many_missing_full();
            many.notices = more_than_listed(&many.notices);
            let deposit = samples::outage_deposit_full();
            let clock = samples::outage_clock_minimal();
            let ended = samples::outage_deposit_ended();
            vec![deposit.into(), many.into(), clock.into(), ended.into()]
        }
        MailKind::Summary => {
            let mut many = samples::summary_full();
            many.notices = more_than_listed(&many.notices);
            let downtime = samples::summary_downtime_full();
            vec![samples::summary_full().into(), many.into(), downtime.into()]
        }
        MailKind::Digest => vec![samples::digest_full().into()],
        MailKind::Undelivered => vec![
            samples::undelivered_full().into(),
            samples::undelivered_minimal().into(),
        ],
    };
    let reader = Reader {
        locale: Locale::EN,
        time_zone: TimeZone::get("Africa/Douala").unwrap_or(TimeZone::UTC),
        wording: Arc::new(Wording::default()),
    };
    let around = Surroundings::example();
    let single = samples::refused_missing();
    let single = SingleMail {
        subject: single.subject,
        text: single.text,
    };
    let write = |_: About<'_>| Some(single.clone());
    let value =
        |sample: &Sample| context::value(sample.about(), sample.now(), &reader, &around, &write);
    samples.iter().map(value).collect()
}

/// The same so often that there are more of each than any mail lists.
fn more_than_listed(notices: &[Notice]) -> Vec<Notice> {
    notices
        .iter()
        .cycle()
        .take(250 * notices.len())
        .cloned()
        .collect()
}

/// What no full sample has, a schedule by interval has.
fn with_other_schedule(mut samples: Vec<JobSample>) -> Vec<Sample> {
    let mut other = samples[0].clone();
    other.job.schedule = samples::missing_minimal().job.schedule;
    samples.push(other);
    samples.into_iter().map(Sample::from).collect()
}

/// The parts of an object by name, as the nearest-name search needs them.
pub(crate) fn names(shape: &Shape) -> impl Iterator<Item = &str> {
    shape.parts.iter().map(|(name, _)| name.as_str())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_variable_has_a_meaning_and_says_when_it_is_null() {
        for mail in MailKind::ALL {
            for variable in variables(mail) {
                let name = &variable.name;
                assert!(!variable.meaning.is_empty(), "{name} means nothing");
                let says_when = variable.meaning.contains("null");
                assert_eq!(says_when, variable.nullable, "{name}: {}", variable.meaning);
                assert_ne!(variable.kind, VariableKind::Any, "{name}");
            }
        }
    }

    #[test]
    fn the_variables_are_those_that_the_mails_are_given() {
        fn names_of(value: &Value, prefix: &str, names: &mut BTreeSet<String>) {
            match value {
                Value::Object(map) => {
                    for (name, value) in map {
                        let name = format!("{prefix}{name}");
                        names_of(value, &format!("{name}."), names);
                        names.insert(name);
                    }
                }
                Value::Array(list) if !list.is_empty() => {
                    let prefix = format!("{}[].", prefix.trim_end_matches('.'));
                    names_of(&list[0], &prefix, names);
                }
                _ => {}
            }
        }
        for mail in MailKind::ALL {
            let mut given = BTreeSet::new();
            for example in examples(mail) {
                names_of(&example, "", &mut given);
            }
            let is_free = |name: &String| name.starts_with("vars.");
            let given: Vec<String> = given.into_iter().filter(|name| !is_free(name)).collect();
            let mut documented: Vec<String> = variables(mail)
                .into_iter()
                .map(|variable| variable.name)
                .collect();
            documented.sort();
            assert_eq!(documented, given, "{mail}");
        }
    }

    #[test]
    fn nearly_every_variable_has_an_example() {
        for mail in MailKind::ALL {
            let without: Vec<String> = variables(mail)
                .into_iter()
                .filter(|variable| variable.example.is_null())
                .filter(|variable| {
                    !matches!(variable.kind, VariableKind::Object | VariableKind::List)
                })
                .map(|variable| variable.name)
                .collect();
            // A job that is OK has no incident any more.
            let is_ok = matches!(
                mail,
                MailKind::Recovery | MailKind::Damaged | MailKind::Warning
            );
            let is_over = |name: &String| is_ok && name == "job.incident_since";
            // What is odd belongs to no incident either.
            let is_odd = |name: &String| name == "warnings.listed[].incident_seconds";
            // What stands in some lists alone.
            let is_of_some = |name: &String| name.contains("reason.") || name.contains("damage.");
            // Nothing kept the backup of the sample from being looked into.
            let is_seen = |name: &String| name == "content.unseen";
            let allowed =
                |name: &String| is_of_some(name) || is_over(name) || is_odd(name) || is_seen(name);
            assert!(without.iter().all(allowed), "{mail}: {without:?}");
        }
    }
}
