//! Walks the tree of a mail's templates, untaken branches included, and finds what could not be
//! rendered, or should not be. Renders nothing.
//!
//! What it finds sound has an end: how deep it goes and how much there is to do is bounded.

mod markup;
mod names;
mod scope;

use std::collections::BTreeSet;
use std::rc::Rc;

use handlebars::Template;
use handlebars::template::{
    BlockParam, DecoratorTemplate, HelperTemplate, Parameter, TemplateElement,
};

use super::fault::{Severity, TemplateFault};
use super::path::{MailKind, Part, part_name};
use super::set::TemplateSet;
use crate::nearest::nearest;
use crate::variables::{self, Shape, VariableKind};
use names::{Known, kind_in_words};
use scope::{Frame, NotFound, Scope, Value};

/// How deep blocks, partials and expressions may stand within each other, all together: rendering goes
/// as deep, on stacks of 2 MiB.
const DEEPEST: usize = 100;

/// How many lists may be gone through within each other.
const DEEPEST_LIST: usize = 3;

/// How many elements a list is taken to have.
const ELEMENTS: usize = 4;

/// How many tags a mail may write, those in lists and partials counted as often as they are written.
const MOST_TAGS: usize = 20_000;

/// How many other tags a partial counts for: all variables are copied for it.
const PARTIAL: usize = 20;

/// What is wrong with the templates of a mail.
pub(super) fn walk(
    set: &TemplateSet,
    mail: MailKind,
    variables: &Rc<Shape>,
    own_helpers: &BTreeSet<String>,
) -> Walked {
    let mut walk = Walk {
        set,
        mail,
        part: Part::Subject,
        known: Known::new(own_helpers),
        faults: BTreeSet::new(),
        reached: BTreeSet::new(),
        depth: 0,
        lists: 0,
        tags: 0,
        weight: 1,
        within: Vec::new(),
        inline: Vec::new(),
        html: String::new(),
    };
    if let Some(fault) = set.wording_fault() {
        walk.faults.insert(fault.clone());
    }
    for part in Part::ALL {
        walk.part = part;
        walk.tags = 0;
        walk.file(&part_name(mail, part), &Scope::new(variables));
    }
    Walked {
        faults: walk.faults,
        reached: walk.reached,
    }
}

/// What a walk found.
pub(super) struct Walked {
    /// What is wrong.
    pub(super) faults: BTreeSet<TemplateFault>,
    /// The names of the templates that the mail is made of.
    pub(super) reached: BTreeSet<String>,
}

struct Walk<'a> {
    set: &'a TemplateSet,
    mail: MailKind,
    part: Part,
    known: Known<'a>,
    faults: BTreeSet<TemplateFault>,
    reached: BTreeSet<String>,
    /// How deep this is.
    depth: usize,
    /// How many lists this stands in.
    lists: usize,
    /// How many tags there were.
    tags: usize,
    /// How often what stands here is written.
    weight: usize,
    /// The partials that are being included, outermost first, and whether something stands in the tag
    /// that includes each.
    within: Vec<(String, bool)>,
    /// The partials that the templates so far define for themselves.
    inline: Vec<Inline<'a>>,
    /// The HTML so far, with a letter for each value.
    html: String,
}

/// A partial that a template defines for itself.
#[derive(Clone, Copy)]
struct Inline<'a> {
    name: &'a str,
    tree: &'a Template,
    place: Place<'a>,
}

/// Where the walk is.
#[derive(Clone, Copy)]
struct Place<'a> {
    path: &'a str,
    text: &'a str,
    /// Where the tag starts that is looked at.
    line: usize,
    column: usize,
}

impl<'a> Walk<'a> {
    /// Walks a whole file, by its name.
    fn file(&mut self, name: &str, scope: &Scope) {
        self.reached.insert(name.to_owned());
        if let Some(fault) = self.set.fault_of(name) {
            self.faults.insert(fault.clone());
            return;
        }
        let (Some(tree), Some((path, text))) = (self.set.tree(name), self.set.source(name)) else {
            return;
        };
        let place = Place {
            path,
            text,
            line: 1,
            column: 1,
        };
        let defined = self.inline.len();
        self.tree(tree, place, scope);
        self.inline.truncate(defined);
    }

    fn tree(&mut self, tree: &'a Template, place: Place<'a>, scope: &Scope) {
        for (index, element) in tree.elements.iter().enumerate() {
            let mut place = place;
            // The parts of an `{{else if}}` have no position of their own.
            if let Some(mapping) = tree.mapping.get(index) {
                (place.line, place.column) = (mapping.0, mapping.1);
            }
            self.element(element, place, scope);
        }
    }

    fn element(&mut self, element: &'a TemplateElement, place: Place<'a>, scope: &Scope) {
        if let TemplateElement::RawString(text) = element {
            self.html.push_str(text);
            return;
        }
        let cost = match element {
            TemplateElement::PartialExpression(_) | TemplateElement::PartialBlock(_) => PARTIAL,
            _ => 1,
        };
        let before = self.tags;
        self.tags = self.tags.saturating_add(self.weight.saturating_mul(cost));
        if self.tags > MOST_TAGS {
            // What is behind it would only be told the same.
            if before <= MOST_TAGS {
                self.complain(place, "", "this mail writes too much, over and over");
            }
            return;
        }
        match element {
            TemplateElement::HtmlExpression(expression) => {
                let value = self.value_of_expression(expression, place, scope);
                self.unescaped(expression, &value, place);
                self.written(expression, &value, place);
            }
            TemplateElement::Expression(expression) => {
                let value = self.value_of_expression(expression, place, scope);
                self.written(expression, &value, place);
            }
            TemplateElement::HelperBlock(block) => self.block(block, place, scope),
            TemplateElement::PartialExpression(partial)
            | TemplateElement::PartialBlock(partial) => self.partial(partial, place, scope),
            TemplateElement::DecoratorExpression(decorator)
            | TemplateElement::DecoratorBlock(decorator) => self.decorator(decorator, place),
            // Comments, and whatever Handlebars may learn some day.
            _ => {}
        }
    }

    /// `{{{name}}}` is for what the operator has set.
    fn unescaped(&mut self, expression: &HelperTemplate, value: &Value, place: Place<'a>) {
        let name = expression.name.as_name().unwrap_or_default();
        let is_plain = expression.params.is_empty();
        if !(is_plain && value.shape.is_trusted) {
            let problem = format!(
                "`{{{{{{{name}}}}}}}` would write what comes from agents as markup; write \
                 `{{{{{name}}}}}`"
            );
            self.complain(place, name, &problem);
        }
    }

    /// A value that is written.
    fn written(&mut self, expression: &HelperTemplate, value: &Value, place: Place<'a>) {
        let name = expression.name.as_name().unwrap_or_default();
        match value.shape.kind {
            VariableKind::Object => {
                let parts: Vec<&str> = variables::names(&value.shape).collect();
                let parts = parts.join(", ");
                let problem = format!("`{name}` is no text; name one of its parts: {parts}");
                self.complain(place, name, &problem);
            }
            VariableKind::List => {
                let problem =
                    format!("`{name}` is a list; write `{{{{#each {name}}}}}…{{{{/each}}}}`");
                self.complain(place, name, &problem);
            }
            _ if self.part == Part::Html => self.in_markup(name, value, place),
            _ if value.shape.has_lines && expression.params.is_empty() => {
                let problem = format!(
                    "`{name}` is of several lines, which can pass for lines of the mail; write \
                     `{{{{quote {name}}}}}`"
                );
                self.note(place, name, &problem, Severity::Warning);
            }
            _ => {}
        }
    }

    fn in_markup(&mut self, name: &str, value: &Value, place: Place<'a>) {
        let full_name = value.full_name.as_deref().unwrap_or_default();
        let is_ours = value.shape.is_trusted || full_name.starts_with("links.");
        if !is_ours && let Some(hazard) = markup::hazard(&self.html) {
            self.complain(place, name, &format!("`{name}` {hazard}"));
        }
        self.html.push('x');
    }

    fn value_of_expression(
        &mut self,
        expression: &'a HelperTemplate,
        place: Place<'a>,
        scope: &Scope,
    ) -> Value {
        let Some(name) = expression.name.as_name() else {
            self.complain(place, "(", "a helper must be called by its name");
            return Value::any();
        };
        let is_variable = expression.params.is_empty()
            && expression.hash.is_empty()
            && !self.known.is_helper(name);
        if is_variable {
            return self.variable(name, place, scope);
        }
        if self.known.is_block(name) {
            let problem = format!("`{name}` is a block: write `{{{{#{name}}}}}…{{{{/{name}}}}}`");
            self.complain(place, name, &problem);
        }
        self.call(name, expression, place, scope)
    }

    /// What a helper gives; what is wrong with its call is noted.
    fn call(
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

    /// A comparison of a variable with a text or number that it never is.
    fn equal(&mut self, value: &Value, other: &Parameter, place: Place<'a>) {
        let Parameter::Literal(literal) = other else {
            return;
        };
        let word = word_of(other);
        let codes = value.shape.codes.iter().map(String::as_str);
        match (literal.as_str(), value.shape.kind) {
            (Some(text), VariableKind::Text)
                if !value.shape.codes.is_empty() && !codes.clone().any(|code| code == text) =>
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

    fn block(&mut self, block: &'a HelperTemplate, place: Place<'a>, scope: &Scope) {
        if self.goes_too_deep(place) {
            return;
        }
        self.depth += 1;
        let name = block.name.as_name().unwrap_or_default();
        self.call(name, block, place, scope);
        let is_comparison =
            names::kind_of_result(name) == VariableKind::Boolean || matches!(name, "and" | "or");
        if self.known.is_helper(name) && !self.known.is_block(name) && !is_comparison {
            let problem = format!("`{name}` is no block: write `{{{{{name} …}}}}`");
            self.complain(place, name, &problem);
        }
        let html = self.html.clone();
        let in_list = name == "each" && !self.known.is_own(name);
        if in_list {
            self.lists += 1;
            self.weight = self.weight.saturating_mul(ELEMENTS);
        }
        let inner = self.scope_of_block(name, block, place, scope);
        if let Some(template) = &block.template {
            self.tree(template, place, &inner);
        }
        if in_list {
            self.lists -= 1;
            self.weight /= ELEMENTS;
        }
        if let Some(inverse) = &block.inverse {
            let written = std::mem::replace(&mut self.html, html);
            let known = match name {
                "unless" => asked(block, scope),
                _ => Vec::new(),
            };
            self.tree(inverse, place, &scope.where_present(&known));
            self.html = written;
        }
        self.depth -= 1;
    }

    fn scope_of_block(
        &mut self,
        name: &str,
        block: &'a HelperTemplate,
        place: Place<'a>,
        scope: &Scope,
    ) -> Scope {
        let Some(first) = block.params.first().filter(|_| !self.known.is_own(name)) else {
            return scope.clone();
        };
        match name {
            "if" => scope.where_present(&asked(block, scope)),
            "each" => {
                let value = quiet_value(first, scope);
                self.gone_through(&value, first, place);
                let known = scope.where_present(std::slice::from_ref(&value));
                known.within(Frame::of_each(&value, block_params(block)))
            }
            "with" => {
                let value = quiet_value(first, scope);
                let known = scope.where_present(std::slice::from_ref(&value));
                known.with(value, block_params(block))
            }
            _ => scope.clone(),
        }
    }

    fn gone_through(&mut self, list: &Value, param: &Parameter, place: Place<'a>) {
        let word = word_of(param);
        if self.lists > DEEPEST_LIST {
            let problem = "lists stand too deep within each other";
            self.complain(place, &word, problem);
        }
        let kind = list.shape.kind;
        let can_be = matches!(
            kind,
            VariableKind::List | VariableKind::Any | VariableKind::Object
        );
        if !can_be {
            let problem = format!(
                "`each` takes a list, and `{word}` is {}",
                kind_in_words(kind)
            );
            self.complain(place, &word, &problem);
        }
    }

    fn decorator(&mut self, decorator: &'a DecoratorTemplate, place: Place<'a>) {
        let name = decorator.name.as_name().unwrap_or_default();
        let defined = match decorator.params.first() {
            Some(Parameter::Literal(name)) => name.as_str(),
            _ => None,
        };
        match (name, defined, &decorator.template) {
            ("inline", Some(name), Some(tree)) => self.inline.push(Inline { name, tree, place }),
            _ => self.complain(place, name, &format!("there is no decorator `{name}`")),
        }
    }

    fn partial(&mut self, partial: &'a DecoratorTemplate, place: Place<'a>, scope: &Scope) {
        let Some(name) = partial.name.as_name() else {
            return self.complain(place, "(", "a partial must be included by its name");
        };
        if name == "@partial-block" {
            return self.partial_block(partial, place, scope);
        }
        if self.within.iter().any(|(within, _)| within == name) {
            let problem = format!("the partial `{name}` includes itself");
            return self.complain(place, name, &problem);
        }
        if self.goes_too_deep(place) {
            return;
        }
        self.depth += 1;
        let inner = self.scope_of_partial(partial, place, scope);
        let defined = self.inline.len();
        if let Some(block) = &partial.template {
            self.tree(block, place, &inner);
        }
        self.within
            .push((name.to_owned(), partial.template.is_some()));
        self.included(name, place, &inner);
        self.within.pop();
        self.inline.truncate(defined);
        self.depth -= 1;
    }

    fn included(&mut self, name: &str, place: Place<'a>, inner: &Scope) {
        let inline = self.inline.iter().rev().find(|inline| inline.name == name);
        if let Some(inline) = inline.copied() {
            self.tree(inline.tree, inline.place, inner);
        } else if self.set.partials().any(|known| known == name) {
            self.file(name, inner);
        } else if let Some(fault) = self.set.fault_of(name) {
            self.faults.insert(fault.clone());
        } else {
            let meant = nearest(name, self.set.partials());
            self.complain(place, name, &unknown("partial", name, meant));
        }
    }

    fn partial_block(&mut self, partial: &'a DecoratorTemplate, place: Place<'a>, scope: &Scope) {
        if let Some(instead) = &partial.template {
            return self.tree(instead, place, scope);
        }
        let has_block = self.within.last().is_some_and(|(_, has_block)| *has_block);
        if !has_block {
            let problem = "this file is included without anything to stand here: write `{{#> \
                           name}}…{{/name}}`";
            self.complain(place, "@partial-block", problem);
        }
    }

    /// What a partial sees: its argument or what is around it, and what it is given by name.
    fn scope_of_partial(
        &mut self,
        partial: &'a DecoratorTemplate,
        place: Place<'a>,
        scope: &Scope,
    ) -> Scope {
        let mut seen = match partial.params.first() {
            Some(argument) => self.value(argument, place, scope),
            None => scope.this(),
        };
        let mut given = Vec::new();
        for (name, value) in &partial.hash {
            let value = self.value(value, place, scope);
            let with = seen.shape.with(name, value.shape.as_ref().clone());
            seen.shape = Rc::new(with);
            given.push((name.clone(), value));
        }
        scope.of_partial(seen, given)
    }

    fn value(&mut self, parameter: &'a Parameter, place: Place<'a>, scope: &Scope) -> Value {
        match parameter {
            Parameter::Literal(literal) => Value::new(Shape::of_value(literal)),
            Parameter::Subexpression(expression) => match expression.as_element() {
                TemplateElement::Expression(call) if !self.goes_too_deep(place) => {
                    self.depth += 1;
                    let value = self.value_of_expression(call, place, scope);
                    self.depth -= 1;
                    value
                }
                _ => Value::any(),
            },
            name => match name.as_name() {
                Some(name) => self.variable(name, place, scope),
                None => Value::any(),
            },
        }
    }

    fn variable(&mut self, name: &str, place: Place<'a>, scope: &Scope) -> Value {
        self.found(scope.find(name), name, name, place, scope)
    }

    /// What was found, or a complaint about the word that stands for it.
    fn found(
        &mut self,
        found: Result<Value, NotFound>,
        name: &str,
        word: &str,
        place: Place<'a>,
        scope: &Scope,
    ) -> Value {
        let problem = match found {
            Ok(value) => return value,
            Err(NotFound::Unknown { meant }) => {
                let problem = if scope.is_root() {
                    format!("the {} mail has no variable `{name}`", self.mail)
                } else {
                    format!("there is no variable `{name}` here")
                };
                with_meant(problem, meant.as_deref())
            }
            Err(NotFound::NotSet) => {
                format!("there is no variable `{name}`; add it to [templates.vars] in the config")
            }
            Err(NotFound::NothingAbove) => {
                format!("`{name}` goes further up than there are blocks")
            }
            Err(NotFound::NotInList) => {
                format!("`{name}` means nothing here: it belongs within `{{{{#each}}}}`")
            }
            Err(NotFound::MayBeNull { of }) => {
                format!("`{of}` can be null: ask with `{{{{#if {of}}}}}` first")
            }
        };
        self.complain(place, word, &problem);
        Value::any()
    }

    fn goes_too_deep(&mut self, place: Place<'a>) -> bool {
        let is_too_deep = self.depth >= DEEPEST;
        if is_too_deep {
            self.complain(
                place,
                "",
                "blocks and partials stand too deep within each other",
            );
        }
        is_too_deep
    }

    fn complain(&mut self, place: Place<'a>, word: &str, problem: &str) {
        self.note(place, word, problem, Severity::Error);
    }

    /// Notes a problem at the place where `word` stands in the tag.
    fn note(&mut self, place: Place<'a>, word: &str, problem: &str, severity: Severity) {
        let (line, column) = names::place_of(place.text, (place.line, place.column), word);
        let fault = TemplateFault {
            severity,
            ..TemplateFault::error(place.path, problem).at(line, column)
        };
        self.faults.insert(fault);
    }
}

/// What is not null where the block's condition holds.
fn asked(block: &HelperTemplate, scope: &Scope) -> Vec<Value> {
    let Some(condition) = block.params.first() else {
        return Vec::new();
    };
    let conditions = match condition {
        Parameter::Subexpression(expression) if expression.name() == "and" => {
            expression.params().map_or(&[][..], Vec::as_slice)
        }
        single => std::slice::from_ref(single),
    };
    let values = conditions.iter().filter_map(Parameter::as_name);
    values.filter_map(|name| scope.find(name).ok()).collect()
}

/// A value whose faults have been noted already.
fn quiet_value(parameter: &Parameter, scope: &Scope) -> Value {
    let name = parameter.as_name();
    name.and_then(|name| scope.find(name).ok())
        .unwrap_or_else(Value::any)
}

/// A parameter as it is written.
fn word_of(parameter: &Parameter) -> String {
    match parameter {
        Parameter::Literal(literal) => literal.to_string(),
        other => other.as_name().unwrap_or("this").to_owned(),
    }
}

fn is_text(parameter: &Parameter) -> bool {
    matches!(parameter, Parameter::Literal(literal) if literal.is_string())
}

fn list_of<'a>(codes: impl Iterator<Item = &'a str>) -> String {
    codes.collect::<Vec<_>>().join(", ")
}

fn unknown(what: &str, name: &str, meant: Option<&str>) -> String {
    with_meant(format!("there is no {what} `{name}`"), meant)
}

fn with_meant(problem: String, meant: Option<&str>) -> String {
    match meant {
        Some(meant) => format!("{problem}; did you mean `{meant}`?"),
        None => problem,
    }
}

/// The names that a block gives to what it goes through: `as |stage index|`.
fn block_params(block: &HelperTemplate) -> Vec<String> {
    let name = |parameter: &Parameter| parameter.as_name().unwrap_or_default().to_owned();
    match &block.block_param {
        Some(BlockParam::Single(one)) => vec![name(one)],
        Some(BlockParam::Pair((one, other))) => vec![name(one), name(other)],
        _ => Vec::new(),
    }
}
