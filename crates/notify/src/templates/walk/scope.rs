//! What a name means at a place of a template: the blocks around it, and what each gives. Knows no
//! file and no helper.

use std::rc::Rc;

use crate::nearest::nearest;
use crate::variables::{Shape, VariableKind, names};

/// The blocks around a place, outermost first.
#[derive(Clone)]
pub(super) struct Scope(Vec<Frame>);

/// What one block gives.
#[derive(Clone)]
pub(super) struct Frame {
    this: Rc<Shape>,
    params: Vec<(String, Rc<Shape>)>,
    is_in_list: bool,
    is_partial: bool,
}

/// Why a name means nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotFound {
    /// There is no variable of that name; this one may have been meant.
    Unknown { meant: Option<String> },
    /// The operator has not set it.
    NotSet,
    /// There is nothing above the outermost block.
    NothingAbove,
    /// It belongs to a list, and there is none.
    NotInList,
}

impl Frame {
    /// Each element of a list, with the names for it and for its index.
    pub(super) fn of_list(element: Rc<Shape>, params: Vec<String>) -> Self {
        let index = Rc::new(Shape::of_kind(VariableKind::Integer));
        let shapes = [element.clone(), index];
        Self {
            this: element,
            params: params.into_iter().zip(shapes).collect(),
            is_in_list: true,
            is_partial: false,
        }
    }

    /// An object, with a name for it.
    pub(super) fn of_object(object: Rc<Shape>, params: Vec<String>) -> Self {
        let shapes = [object.clone()];
        Self {
            this: object,
            params: params.into_iter().zip(shapes).collect(),
            is_in_list: false,
            is_partial: false,
        }
    }

    /// What a partial sees.
    pub(super) fn of_partial(seen: Rc<Shape>, is_in_list: bool) -> Self {
        Self {
            this: seen,
            params: Vec::new(),
            is_in_list,
            is_partial: true,
        }
    }
}

impl Scope {
    pub(super) fn new(variables: &Rc<Shape>) -> Self {
        Self(vec![Frame::of_partial(variables.clone(), false)])
    }

    pub(super) fn within(&self, frame: Frame) -> Self {
        let mut frames = self.0.clone();
        frames.push(frame);
        Self(frames)
    }

    pub(super) fn is_root(&self) -> bool {
        self.0.len() == 1
    }

    pub(super) fn is_in_list(&self) -> bool {
        self.0.iter().any(|frame| frame.is_in_list)
    }

    pub(super) fn this(&self) -> Rc<Shape> {
        self.0[self.0.len() - 1].this.clone()
    }

    /// What a name means here, as Handlebars reads it: `job.database`, `../name`, `@root.now`.
    pub(super) fn find(&self, name: &str) -> Result<Rc<Shape>, NotFound> {
        if let Some(rest) = name.strip_prefix("@root") {
            let root = &self.0[0].this;
            return self.below(root, rest.trim_start_matches(['.', '/']));
        }
        if let Some(local) = name.strip_prefix('@') {
            return self.local(local);
        }
        let mut level = self.0.len() - 1;
        let mut rest = name;
        loop {
            if let Some(above) = rest.strip_prefix("../") {
                level = level.checked_sub(1).ok_or(NotFound::NothingAbove)?;
                rest = above;
            } else if rest == ".." {
                level = level.checked_sub(1).ok_or(NotFound::NothingAbove)?;
                rest = "";
            } else if let Some(here) = rest.strip_prefix("./") {
                rest = here;
            } else {
                break;
            }
        }
        let rest = match rest {
            "this" | "." => "",
            rest => rest
                .strip_prefix("this.")
                .or_else(|| rest.strip_prefix("this/"))
                .unwrap_or(rest),
        };
        let frame = &self.0[level];
        let (first, below) = split(rest);
        if level == self.0.len() - 1
            && let Some(given) = self.param(first)
        {
            return self.below(&given, below);
        }
        self.below(&frame.this, rest)
    }

    /// What a block around this place, within the same file, has named so.
    fn param(&self, name: &str) -> Option<Rc<Shape>> {
        let of_file = self.0.iter().rev().take_while(|frame| !frame.is_partial);
        let mut params = of_file.flat_map(|frame| &frame.params);
        let found = params.find(|(param, _)| param == name);
        found.map(|(_, shape)| shape.clone())
    }

    fn local(&self, name: &str) -> Result<Rc<Shape>, NotFound> {
        let kind = match name.trim_start_matches("../") {
            "index" => VariableKind::Integer,
            "key" => VariableKind::Text,
            "first" | "last" => VariableKind::Boolean,
            other => {
                let locals = ["index", "key", "first", "last", "root"];
                let meant = nearest(other, locals.into_iter());
                let meant = meant.map(|meant| format!("@{meant}"));
                return Err(NotFound::Unknown { meant });
            }
        };
        if self.is_in_list() {
            Ok(Rc::new(Shape::of_kind(kind)))
        } else {
            Err(NotFound::NotInList)
        }
    }

    fn below(&self, shape: &Rc<Shape>, path: &str) -> Result<Rc<Shape>, NotFound> {
        let mut shape = shape.clone();
        let mut rest = path;
        let mut walked = String::new();
        while !rest.is_empty() {
            let (name, below) = split(rest);
            let is_index = name.bytes().all(|byte| byte.is_ascii_digit());
            let part = match shape.kind {
                VariableKind::Any => return Ok(shape),
                VariableKind::List if is_index => shape.part("[]"),
                _ => shape.part(name),
            };
            let Some(part) = part else {
                return Err(if walked == "vars." {
                    NotFound::NotSet
                } else {
                    NotFound::Unknown {
                        meant: self.meant(&shape, &walked, name),
                    }
                });
            };
            shape = Rc::new(part.clone());
            walked.push_str(name);
            walked.push('.');
            rest = below;
        }
        Ok(shape)
    }

    /// The name that was probably meant: one of the siblings, or one of that name elsewhere.
    fn meant(&self, shape: &Shape, walked: &str, name: &str) -> Option<String> {
        let siblings = names(shape).filter(|name| *name != "[]");
        if let Some(meant) = nearest(name, siblings) {
            return Some(format!("{walked}{meant}"));
        }
        let root = &self.0[0].this;
        let elsewhere = root.parts.iter().find_map(|(parent, shape)| {
            let has_it = shape.kind == VariableKind::Object && shape.part(name).is_some();
            has_it.then(|| format!("{parent}.{name}"))
        });
        let from_root = || root.part(name).map(|_| format!("@root.{name}"));
        let prefix = if self.is_root() { "" } else { "@root." };
        elsewhere
            .map(|name| format!("{prefix}{name}"))
            .or_else(from_root)
    }
}

/// The first name of a path and what follows: `stages.[0].name`.
fn split(path: &str) -> (&str, &str) {
    if let Some(raw) = path.strip_prefix('[') {
        let (name, rest) = raw.split_once(']').unwrap_or((raw, ""));
        return (name, rest.trim_start_matches(['.', '/']));
    }
    let end = path.find(['.', '/']).unwrap_or(path.len());
    (&path[..end], path[end..].trim_start_matches(['.', '/']))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scope() -> Scope {
        let mut root = Shape::of_value(&json!({
            "now": "x",
            "job": {"database": "x", "city": "x"},
            "vars": {"phone": "x"},
        }));
        let element = Shape::of_value(&json!({"name": "x", "size": 1}));
        let stages = Shape {
            parts: vec![("[]".to_owned(), element.clone())],
            ..Shape::of_kind(VariableKind::List)
        };
        root = root.with("stages", stages);
        let frame = Frame::of_list(Rc::new(element), vec!["stage".to_owned(), "i".to_owned()]);
        Scope::new(&Rc::new(root)).within(frame)
    }

    #[test]
    fn names_are_found_as_handlebars_finds_them() {
        let scope = scope();
        for name in [
            "name",
            "this.name",
            "./name",
            "stage.size",
            "i",
            "../job.database",
            "../job/database",
            "@root.now",
            "@root/job.city",
            "../stages.[0].name",
            "../vars.phone",
            "@index",
            "this",
            "..",
        ] {
            assert!(scope.find(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn names_that_mean_nothing_are_told_with_those_that_were_meant() {
        let scope = scope();
        let unknown = |meant: &str| NotFound::Unknown {
            meant: (!meant.is_empty()).then(|| meant.to_owned()),
        };
        for (name, problem) in [
            ("nmae", unknown("name")),
            ("../job.databse", unknown("job.database")),
            ("database", unknown("@root.job.database")),
            ("now", unknown("@root.now")),
            ("../../job", NotFound::NothingAbove),
            ("../vars.fax", NotFound::NotSet),
            ("@indx", unknown("@index")),
            ("../zzz", unknown("")),
        ] {
            assert_eq!(scope.find(name).unwrap_err(), problem, "{name}");
        }
        let root = Scope(vec![scope.0[0].clone()]);
        assert_eq!(root.find("@index").unwrap_err(), NotFound::NotInList);
        assert_eq!(root.find("city").unwrap_err(), unknown("job.city"));
    }
}
