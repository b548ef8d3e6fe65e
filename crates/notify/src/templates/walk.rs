//! Walks the tree of a mail's templates, untaken branches included, and finds what could not be
//! rendered, or should not be. Renders nothing.
//!
//! What it finds sound has an end: how deep it goes and how much there is to do is bounded.

mod call;
mod markup;
mod names;
mod partial;
mod scope;

use std::collections::BTreeSet;
use std::rc::Rc;

use handlebars::Template;
use handlebars::template::{BlockParam, HelperTemplate, Parameter, TemplateElement};

use super::fault::{Severity, TemplateFault};
use super::path::{MailKind, Part, part_name};
use super::set::TemplateSet;
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
        walk.html.clear();
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
