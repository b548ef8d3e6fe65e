//! Walks the tree of a mail's templates, untaken branches included, and finds what could not be
//! rendered. Renders nothing.

mod names;
mod scope;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use handlebars::Template;
use handlebars::template::{
    BlockParam, DecoratorTemplate, HelperTemplate, Parameter, TemplateElement,
};

use super::fault::TemplateFault;
use super::path::{MailKind, Part, part_name};
use super::set::TemplateSet;
use crate::nearest::nearest;
use crate::variables::{Shape, VariableKind};
use crate::vocabulary::HELPERS;
use names::{Known, codes, kind_in_words};
use scope::{Frame, Scope};

/// How many partials a mail may include, each counted as often as it is included. Ten that include
/// each other ten times would take for ever.
const MOST_PARTIALS: usize = 5_000;

/// How many partials may stand within each other.
const DEEPEST_PARTIAL: usize = 16;

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
        known: Known::new(own_helpers),
        faults: BTreeSet::new(),
        reached: BTreeSet::new(),
        included: 0,
    };
    if let Some(fault) = set.wording_fault() {
        walk.faults.insert(fault.clone());
    }
    for part in Part::ALL {
        walk.included = 0;
        let around = Around {
            within: &[],
            inline: &BTreeMap::new(),
            has_block: false,
        };
        walk.file(&part_name(mail, part), &Scope::new(variables), around);
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
    known: Known<'a>,
    faults: BTreeSet<TemplateFault>,
    reached: BTreeSet<String>,
    included: usize,
}

/// Where the walk is.
#[derive(Clone, Copy)]
struct Place<'a> {
    path: &'a str,
    text: &'a str,
    /// Where the tag starts that is looked at.
    line: usize,
    column: usize,
    around: Around<'a>,
}

/// What a file is included by.
#[derive(Clone, Copy)]
struct Around<'a> {
    /// The partials that are being included, outermost first.
    within: &'a [&'a str],
    /// The partials that the files so far define for themselves.
    inline: &'a BTreeMap<&'a str, &'a Template>,
    /// Whether something stands in the tag that includes the file.
    has_block: bool,
}

impl Walk<'_> {
    /// Walks a whole file, by its name.
    fn file(&mut self, name: &str, scope: &Scope, around: Around<'_>) {
        self.reached.insert(name.to_owned());
        if let Some(fault) = self.set.fault_of(name) {
            self.faults.insert(fault.clone());
            return;
        }
        let (Some(tree), Some((path, text))) = (self.set.tree(name), self.set.source(name)) else {
            return;
        };
        let mut inline = around.inline.clone();
        inline.extend(inline_partials(tree));
        let place = Place {
            path,
            text,
            line: 1,
            column: 1,
            around: Around {
                inline: &inline,
                ..around
            },
        };
        self.tree(tree, place, scope);
    }

    fn tree(&mut self, tree: &Template, place: Place<'_>, scope: &Scope) {
        for (index, element) in tree.elements.iter().enumerate() {
            let mut place = place;
            // The parts of an `{{else if}}` have no position of their own.
            if let Some(mapping) = tree.mapping.get(index) {
                (place.line, place.column) = (mapping.0, mapping.1);
            }
            self.element(element, place, scope);
        }
    }

    fn element(&mut self, element: &TemplateElement, place: Place<'_>, scope: &Scope) {
        match element {
            TemplateElement::HtmlExpression(expression) => {
                let name = expression.name.as_name().unwrap_or_default();
                if !name.starts_with("vars.") {
                    self.complain(place, name, &format!(
                        "`{{{{{{{name}}}}}}}` would write what comes from agents as markup; write \
                         `{{{{{name}}}}}`"
                    ));
                }
                self.expression(expression, place, scope);
            }
            TemplateElement::Expression(expression) => self.expression(expression, place, scope),
            TemplateElement::HelperBlock(block) => self.block(block, place, scope),
            TemplateElement::PartialExpression(partial)
            | TemplateElement::PartialBlock(partial) => self.partial(partial, place, scope),
            TemplateElement::DecoratorBlock(decorator)
                if decorator.name.as_name() == Some("inline") => {}
            TemplateElement::DecoratorExpression(decorator)
            | TemplateElement::DecoratorBlock(decorator) => {
                let name = decorator.name.as_name().unwrap_or_default();
                self.complain(place, name, &format!("there is no decorator `{name}`"));
            }
            // Text and comments, and whatever Handlebars may learn some day.
            _ => {}
        }
    }

    /// `{{name}}` or `{{helper argument}}`: its value is written.
    fn expression(&mut self, expression: &HelperTemplate, place: Place<'_>, scope: &Scope) {
        let shape = self.value_of_expression(expression, place, scope);
        let name = expression.name.as_name().unwrap_or_default();
        if matches!(shape.kind, VariableKind::Object | VariableKind::List) {
            let parts: Vec<&str> = crate::variables::names(&shape).collect();
            let problem = match shape.kind {
                VariableKind::List => {
                    format!("`{name}` is a list; write `{{{{#each {name}}}}}…{{{{/each}}}}`")
                }
                _ => format!(
                    "`{name}` is no text; name one of its parts: {}",
                    parts.join(", ")
                ),
            };
            self.complain(place, name, &problem);
        }
    }

    fn value_of_expression(
        &mut self,
        expression: &HelperTemplate,
        place: Place<'_>,
        scope: &Scope,
    ) -> Rc<Shape> {
        let Some(name) = expression.name.as_name() else {
            self.complain(place, "(", "a helper must be called by its name");
            return any();
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

    /// The kind of what a helper writes; what is wrong with its call is noted.
    fn call(
        &mut self,
        name: &str,
        call: &HelperTemplate,
        place: Place<'_>,
        scope: &Scope,
    ) -> Rc<Shape> {
        if !self.known.is_helper(name) {
            let meant = nearest(name, self.known.helpers());
            self.complain(place, name, &unknown("helper", name, meant));
        }
        let given: Vec<Rc<Shape>> = call
            .params
            .iter()
            .map(|param| self.value(param, place, scope))
            .collect();
        for param in call.hash.values() {
            self.value(param, place, scope);
        }
        self.check_codes(name, call, &given, place);
        let Some(helper) = HELPERS.iter().find(|helper| helper.name == name) else {
            return Rc::new(Shape::of_kind(names::kind_of_result(name)));
        };
        let (least, most) = helper.arguments;
        if !(least..=most).contains(&given.len()) {
            let problem = format!("`{name}` is called so: {}", helper.usage);
            self.complain(place, name, &problem);
        } else if let Some(first) = given.first()
            && !names::takes(helper.takes, first.kind)
        {
            let argument = call.params[0].as_name().unwrap_or("this");
            self.complain(
                place,
                argument,
                &format!(
                    "`{name}` takes {}, and `{argument}` is {}",
                    names::argument_in_words(helper.takes),
                    kind_in_words(first.kind)
                ),
            );
        }
        for named in call.hash.keys() {
            if !helper.named.contains(&named.as_str()) {
                let meant = nearest(named, helper.named.iter().copied());
                let what = format!("argument of `{name}`");
                self.complain(place, named, &unknown(&what, named, meant));
            }
        }
        if name == "table" {
            self.check_columns(call, given.first(), place);
        }
        match (name, given.first()) {
            ("default", Some(first)) => first.clone(),
            _ => Rc::new(Shape::of_kind(VariableKind::Text)),
        }
    }

    /// The fields of a table are names of what each element of its list has.
    fn check_columns(&mut self, call: &HelperTemplate, list: Option<&Rc<Shape>>, place: Place<'_>) {
        let Some(element) = list.and_then(|list| list.part("[]")) else {
            return;
        };
        for field in call.params.iter().skip(1).step_by(2) {
            let Parameter::Literal(field) = field else {
                continue;
            };
            let field = field.as_str().unwrap_or_default();
            if element.part(field).is_none() {
                let meant = nearest(field, crate::variables::names(element));
                self.complain(place, field, &unknown("field", field, meant));
            }
        }
    }

    /// A comparison with a code that the variable never has is never true.
    fn check_codes(
        &mut self,
        name: &str,
        call: &HelperTemplate,
        given: &[Rc<Shape>],
        place: Place<'_>,
    ) {
        if !matches!(name, "eq" | "ne") || given.len() != 2 {
            return;
        }
        for (shape, other) in [(&given[0], &call.params[1]), (&given[1], &call.params[0])] {
            let codes = codes(&shape.meaning);
            let Parameter::Literal(literal) = other else {
                continue;
            };
            let Some(text) = literal.as_str() else {
                continue;
            };
            if codes.len() > 1 && !codes.contains(&text) {
                let problem = match nearest(text, codes.iter().copied()) {
                    Some(meant) => format!("this is never {text:?}; did you mean {meant:?}?"),
                    None => format!("this is never {text:?}; it can be {}", codes.join(", ")),
                };
                self.complain(place, text, &problem);
            }
        }
    }

    fn block(&mut self, block: &HelperTemplate, place: Place<'_>, scope: &Scope) {
        let name = block.name.as_name().unwrap_or_default();
        let first = block.params.first();
        let inner = match (name, first) {
            ("each" | "with" | "if" | "unless", None) => {
                self.complain(place, name, &format!("`{{{{#{name}}}}}` needs a variable"));
                return;
            }
            ("if" | "unless", Some(condition)) => {
                self.value(condition, place, scope);
                scope.clone()
            }
            ("each", Some(list)) => {
                let shape = self.value(list, place, scope);
                let element = self.element_of(&shape, list, place);
                scope.within(Frame::of_list(element, block_params(block)))
            }
            ("with", Some(object)) => {
                let shape = self.value(object, place, scope);
                scope.within(Frame::of_object(shape, block_params(block)))
            }
            _ => {
                self.call(name, block, place, scope);
                if self.known.is_helper(name) && !self.known.is_block(name) {
                    let problem = format!("`{name}` is no block: write `{{{{{name} …}}}}`");
                    self.complain(place, name, &problem);
                }
                scope.clone()
            }
        };
        if let Some(template) = &block.template {
            self.tree(template, place, &inner);
        }
        if let Some(inverse) = &block.inverse {
            self.tree(inverse, place, scope);
        }
    }

    fn element_of(&mut self, list: &Rc<Shape>, param: &Parameter, place: Place<'_>) -> Rc<Shape> {
        match list.kind {
            VariableKind::List => list
                .part("[]")
                .map_or_else(any, |part| Rc::new(part.clone())),
            VariableKind::Any | VariableKind::Object => any(),
            kind => {
                let name = param.as_name().unwrap_or("this");
                let problem = format!(
                    "`each` takes a list, and `{name}` is {}",
                    kind_in_words(kind)
                );
                self.complain(place, name, &problem);
                any()
            }
        }
    }

    fn partial(&mut self, partial: &DecoratorTemplate, place: Place<'_>, scope: &Scope) {
        if let Some(block) = &partial.template {
            self.tree(block, place, scope);
        }
        let Some(name) = partial.name.as_name() else {
            self.complain(place, "(", "a partial must be included by its name");
            return;
        };
        let inner = self.scope_of_partial(partial, place, scope);
        if name == "@partial-block" {
            if !place.around.has_block && partial.template.is_none() {
                let problem = "this file is included without anything to stand here: write \
                               `{{#> name}}…{{/name}}`";
                self.complain(place, name, problem);
            }
            return;
        }
        if place.around.within.contains(&name) {
            let problem = format!("the partial `{name}` includes itself");
            self.complain(place, name, &problem);
            return;
        }
        self.included += 1;
        if self.included > MOST_PARTIALS || place.around.within.len() >= DEEPEST_PARTIAL {
            // More of the same would be found again and again.
            if self.included <= MOST_PARTIALS + 1 {
                self.complain(place, name, "partials include each other too often");
            }
            return;
        }
        let within = place.around.within.iter().copied().chain([name]);
        let within: Vec<&str> = within.collect();
        let around = Around {
            within: &within,
            has_block: partial.template.is_some(),
            ..place.around
        };
        if let Some(tree) = place.around.inline.get(name) {
            self.tree(tree, Place { around, ..place }, &inner);
        } else if let Some(known) = self.set.partials().find(|known| *known == name) {
            self.file(known, &inner, around);
        } else if let Some(fault) = self.set.fault_of(name) {
            self.faults.insert(fault.clone());
        } else {
            let meant = nearest(name, self.set.partials());
            self.complain(place, name, &unknown("partial", name, meant));
        }
    }

    /// What a partial sees: its argument or what is around it, and what it is given by name.
    fn scope_of_partial(
        &mut self,
        partial: &DecoratorTemplate,
        place: Place<'_>,
        scope: &Scope,
    ) -> Scope {
        let mut seen = match partial.params.first() {
            Some(argument) => self.value(argument, place, scope),
            None => scope.this(),
        };
        for (name, value) in &partial.hash {
            let value = self.value(value, place, scope);
            seen = Rc::new(seen.with(name, value.as_ref().clone()));
        }
        scope.within(Frame::of_partial(seen, scope.is_in_list()))
    }

    fn value(&mut self, parameter: &Parameter, place: Place<'_>, scope: &Scope) -> Rc<Shape> {
        match parameter {
            Parameter::Literal(value) => Rc::new(Shape::of_value(value)),
            Parameter::Name(name) => self.variable(name, place, scope),
            Parameter::Path(_) => {
                let name = parameter.as_name().unwrap_or_default();
                self.variable(name, place, scope)
            }
            Parameter::Subexpression(expression) => match expression.as_element() {
                TemplateElement::Expression(call) => self.value_of_expression(call, place, scope),
                _ => any(),
            },
            _ => any(),
        }
    }

    fn variable(&mut self, name: &str, place: Place<'_>, scope: &Scope) -> Rc<Shape> {
        match scope.find(name) {
            Ok(shape) => shape,
            Err(problem) => {
                let problem = match problem {
                    scope::NotFound::Unknown { meant } => {
                        let problem = if scope.is_root() {
                            format!("the {} mail has no variable `{name}`", self.mail)
                        } else {
                            format!("there is no variable `{name}` here")
                        };
                        with_meant(problem, meant.as_deref())
                    }
                    scope::NotFound::NotSet => format!(
                        "there is no variable `{name}`; add it to [templates.vars] in the config"
                    ),
                    scope::NotFound::NothingAbove => {
                        format!("`{name}` goes further up than there are blocks")
                    }
                    scope::NotFound::NotInList => {
                        format!("`{name}` means something within `{{{{#each}}}}` only")
                    }
                };
                self.complain(place, name, &problem);
                any()
            }
        }
    }

    /// Notes a problem at the place where `word` stands in the tag.
    fn complain(&mut self, place: Place<'_>, word: &str, problem: &str) {
        let (line, column) = names::place_of(place.text, (place.line, place.column), word);
        self.faults
            .insert(TemplateFault::error(place.path, problem).at(line, column));
    }
}

fn any() -> Rc<Shape> {
    Rc::new(Shape::of_kind(VariableKind::Any))
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

/// The partials that a file defines with `{{#*inline "name"}}`.
fn inline_partials(tree: &Template) -> BTreeMap<&str, &Template> {
    let definitions = tree.elements.iter().filter_map(|element| match element {
        TemplateElement::DecoratorBlock(decorator) => Some(decorator),
        _ => None,
    });
    definitions
        .filter(|decorator| decorator.name.as_name() == Some("inline"))
        .filter_map(|decorator| match decorator.params.first()? {
            Parameter::Literal(name) => Some((name.as_str()?, decorator.template.as_ref()?)),
            _ => None,
        })
        .collect()
}
