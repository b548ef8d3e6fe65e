//! The partials that a template includes or defines: what each sees, and that none includes itself.
//! Knows no helper.

use std::rc::Rc;

use handlebars::template::{DecoratorTemplate, Parameter};

use super::scope::Scope;
use super::{Inline, Place, Walk, unknown};
use crate::nearest::nearest;

impl<'a> Walk<'a> {
    pub(super) fn decorator(&mut self, decorator: &'a DecoratorTemplate, place: Place<'a>) {
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

    pub(super) fn partial(
        &mut self,
        partial: &'a DecoratorTemplate,
        place: Place<'a>,
        scope: &Scope,
    ) {
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
}
