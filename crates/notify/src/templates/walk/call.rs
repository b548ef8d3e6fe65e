//! The calls of helpers in a template: whether each exists, takes what it is given, and can make a
//! difference. Knows no block and no partial.

use handlebars::template::{HelperTemplate, Parameter};
use vigie_domain::{BackupEntryStatus, JobStatus};

use super::super::path::MAIL_CODES;
use super::names::{self, kind_in_words};
use super::scope::{Scope, Value};
use super::{Place, Walk, unknown, with_meant, word_of};
use crate::nearest::nearest;
use crate::variables::{self, VariableKind};

impl<'a> Walk<'a> {
    /// What a helper gives; what is wrong with its call is noted.
    pub(super) fn call(
        &mut self,
        name: &str,
        call: &'a HelperTemplate,
        place: Place<'a>,
        scope: &Scope,
    ) -> Value {
        let mut given = Vec::new();
        for param in &call.params {
            given.push(self.value(param, place, scope));
        }
        for param in call.hash.values() {
            self.value(param, place, scope);
        }
        if self.known.is_own(name) {
            return Value::any();
        }
        if let Some(helper) = self.known.documented(name) {
            let is_right = (helper.arguments.0..=helper.arguments.1).contains(&given.len());
            if !is_right {
                let problem = format!("`{name}` is called so: {}", helper.usage);
                self.complain(place, name, &problem);
                return Value::any();
            }
            self.named_arguments(name, call, helper.named, place);
            return self.checked(name, call, &given, place);
        }
        let Some((least, most)) = self.known.arguments(name) else {
            self.unknown_helper(name, place, scope);
            return Value::any();
        };
        if !(least..=most).contains(&given.len()) {
            let count = if least == most {
                format!("{least}")
            } else {
                format!("{least} or more")
            };
            let problem = format!(
                "`{name}` takes {count} arguments, and this gives {}",
                given.len()
            );
            self.complain(place, name, &problem);
            return Value::any();
        }
        let named: &[&str] = match name {
            "if" | "unless" => &["includeZero"],
            _ => &[],
        };
        self.named_arguments(name, call, named, place);
        self.compared(name, call, &given, place, scope)
    }

    fn unknown_helper(&mut self, name: &str, place: Place<'a>, scope: &Scope) {
        let list = scope.find(name).ok();
        if list.is_some_and(|value| value.shape.kind == VariableKind::List) {
            let problem = format!("`{name}` is a list; write `{{{{#each {name}}}}}…{{{{/each}}}}`");
            return self.complain(place, name, &problem);
        }
        let meant = nearest(name, self.known.helpers()).map(str::to_owned);
        self.complain(place, name, &unknown("helper", name, meant.as_deref()));
    }

    fn named_arguments(
        &mut self,
        name: &str,
        call: &HelperTemplate,
        known: &[&str],
        place: Place<'a>,
    ) {
        for named in call.hash.keys() {
            if !known.contains(&named.as_str()) {
                let meant = nearest(named, known.iter().copied());
                let problem = format!("`{name}` takes no argument `{named}`");
                self.complain(place, named, &with_meant(problem, meant));
            }
        }
    }

    /// One of our helpers, called with so many arguments as it takes.
    fn checked(
        &mut self,
        name: &str,
        call: &'a HelperTemplate,
        given: &[Value],
        place: Place<'a>,
    ) -> Value {
        let text = Value::of_kind(VariableKind::Text);
        let (Some(first), Some(helper)) = (given.first(), self.known.documented(name)) else {
            return text;
        };
        let argument = word_of(&call.params[0]);
        if !names::takes(helper.takes, &first.shape) {
            let problem = format!(
                "`{name}` takes {}, and `{argument}` is {}",
                names::argument_in_words(helper.takes),
                kind_in_words(first.shape.kind)
            );
            self.complain(place, &argument, &problem);
        }
        match name {
            "table" => self.columns(call, first, place),
            "status_name" if !first.shape.meaning.is_empty() && first.shape.codes.is_empty() => {
                let problem = format!("`status_name` takes a status, and `{argument}` is none");
                self.complain(place, &argument, &problem);
            }
            _ => {}
        }
        if name == "default" {
            first.clone()
        } else {
            text
        }
    }

    /// The fields of a table are names of what each element of its list has.
    fn columns(&mut self, call: &HelperTemplate, list: &Value, place: Place<'a>) {
        let Some(element) = list.shape.part("[]") else {
            return;
        };
        for field in call.params.iter().skip(1).step_by(2) {
            if let Parameter::Literal(literal) = field
                && let Some(field_name) = literal.as_str()
                && element.part(field_name).is_none()
            {
                let meant = nearest(field_name, variables::names(element));
                let problem = unknown("field", field_name, meant);
                self.complain(place, &word_of(field), &problem);
            }
        }
    }

    /// One of Handlebars' own helpers: what can never be true is no comparison.
    fn compared(
        &mut self,
        name: &str,
        call: &'a HelperTemplate,
        given: &[Value],
        place: Place<'a>,
        scope: &Scope,
    ) -> Value {
        match name {
            "eq" | "ne" => {
                for (value, other) in [(&given[0], &call.params[1]), (&given[1], &call.params[0])] {
                    self.equal(value, other, place);
                }
            }
            "and" | "or" => {
                let literals = call.params.iter().filter(|param| is_text(param));
                for literal in literals {
                    let word = word_of(literal);
                    let problem = format!("{word} alone is always true; compare it with `eq`");
                    self.complain(place, &word, &problem);
                }
            }
            "lookup" => return self.looked_up(call, &given[0], place, scope),
            _ => {}
        }
        Value::of_kind(names::kind_of_result(name))
    }

    /// Whether a code that a variable never is in this mail can be meant all the same: several mails may
    /// share a partial, and each has codes that others have not.
    fn is_of_another_mail(&self, value: &Value, text: &str) -> bool {
        let is_status = |code: &str| {
            JobStatus::ALL.iter().any(|known| known.as_str() == code)
                || BackupEntryStatus::ALL
                    .iter()
                    .any(|known| known.as_str() == code)
                || MAIL_CODES.contains(&code)
        };
        let mut codes = value.shape.codes.iter();
        !self.within.is_empty() && is_status(text) && codes.all(|code| is_status(code))
    }

    /// A comparison of a variable with a text or number that it never is.
    fn equal(&mut self, value: &Value, other: &Parameter, place: Place<'a>) {
        let Parameter::Literal(literal) = other else {
            return;
        };
        let word = word_of(other);
        let codes = value.shape.codes.iter().map(String::as_str);
        match (literal.as_str(), value.shape.kind) {
            (Some(text), VariableKind::Text)
                if !value.shape.codes.is_empty()
                    && !codes.clone().any(|code| code == text)
                    && !self.is_of_another_mail(value, text) =>
            {
                let problem = match nearest(text, codes.clone()) {
                    Some(meant) => format!("this is never {word}; did you mean \"{meant}\"?"),
                    None => format!("this is never {word}; it can be {}", list_of(codes)),
                };
                self.complain(place, &word, &problem);
            }
            (Some(_), VariableKind::Integer) => {
                let problem = format!("a number is never {word}; leave the quotes out");
                self.complain(place, &word, &problem);
            }
            _ => {}
        }
    }

    /// `(lookup object "name")` with a name that is written out.
    fn looked_up(
        &mut self,
        call: &HelperTemplate,
        object: &Value,
        place: Place<'a>,
        scope: &Scope,
    ) -> Value {
        let Parameter::Literal(literal) = &call.params[1] else {
            return Value::any();
        };
        match literal.as_str() {
            Some(key) if object.shape.kind == VariableKind::Object => {
                let word = word_of(&call.params[1]);
                self.found(scope.below(object, key), key, &word, place, scope)
            }
            _ => Value::any(),
        }
    }
}

fn is_text(parameter: &Parameter) -> bool {
    matches!(parameter, Parameter::Literal(literal) if literal.is_string())
}

fn list_of<'a>(codes: impl Iterator<Item = &'a str>) -> String {
    codes.collect::<Vec<_>>().join(", ")
}
