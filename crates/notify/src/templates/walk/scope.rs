//! What a name means at a place of a template: the blocks around it, what each gives, and what is known
//! not to be null. Knows no file and no helper.

use std::rc::Rc;

use crate::nearest::nearest;
use crate::variables::{Shape, VariableKind, names};

/// The blocks around a place, outermost first.
#[derive(Clone)]
pub(super) struct Scope {
    frames: Vec<Frame>,
    /// The full names of what was asked about, and so is not null here.
    present: Vec<String>,
}

/// What one block gives.
#[derive(Clone)]
pub(super) struct Frame {
    this: Value,
    params: Vec<(String, Value)>,
    locals: Locals,
}

/// What a name means: its shape, and its full name from the root where it has one.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub(super) shape: Rc<Shape>,
    pub(super) full_name: Option<String>,
}

/// What names such as `@index` mean in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Locals {
    None,
    OfList,
    OfObject,
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
    /// It is a part of this, which can be null.
    MayBeNull { of: String },
}

impl Value {
    pub(super) fn new(shape: Shape) -> Self {
        Self {
            shape: Rc::new(shape),
            full_name: None,
        }
    }

    pub(super) fn of_kind(kind: VariableKind) -> Self {
        Self::new(Shape::of_kind(kind))
    }

    pub(super) fn any() -> Self {
        Self::of_kind(VariableKind::Any)
    }
}

impl Frame {
    /// Each element of what is gone through, with the names for it and for its index or key.
    pub(super) fn of_each(gone_through: &Value, names: Vec<String>) -> Self {
        let (element, index, locals) = match gone_through.shape.kind {
            VariableKind::List => {
                let element = gone_through.shape.part("[]").cloned();
                let element = element.map_or_else(Value::any, Value::new);
                (element, VariableKind::Integer, Locals::OfList)
            }
            VariableKind::Object => (Value::any(), VariableKind::Text, Locals::OfObject),
            _ => (Value::any(), VariableKind::Any, Locals::OfObject),
        };
        let values = [element.clone(), Value::of_kind(index)];
        Self {
            this: element,
            params: names.into_iter().zip(values).collect(),
            locals,
        }
    }
}

impl Scope {
    pub(super) fn new(variables: &Rc<Shape>) -> Self {
        let this = Value {
            shape: variables.clone(),
            full_name: Some(String::new()),
        };
        Self {
            frames: vec![Frame {
                this,
                params: Vec::new(),
                locals: Locals::None,
            }],
            present: Vec::new(),
        }
    }

    pub(super) fn within(&self, frame: Frame) -> Self {
        let mut within = self.clone();
        within.frames.push(frame);
        within
    }

    /// Within `{{#with object as |name|}}`.
    pub(super) fn with(&self, object: Value, names: Vec<String>) -> Self {
        let values = [object.clone()];
        self.within(Frame {
            this: object,
            params: names.into_iter().zip(values).collect(),
            locals: self.frames[self.frames.len() - 1].locals,
        })
    }

    /// Within a partial that sees `seen` and is given values by name.
    pub(super) fn of_partial(&self, seen: Value, given: Vec<(String, Value)>) -> Self {
        self.within(Frame {
            this: seen,
            params: given,
            locals: self.frames[self.frames.len() - 1].locals,
        })
    }

    /// Where these are known not to be null.
    pub(super) fn where_present(&self, values: &[Value]) -> Self {
        let mut scope = self.clone();
        let known = values.iter().filter_map(|value| value.full_name.clone());
        scope.present.extend(known);
        scope
    }

    pub(super) fn is_root(&self) -> bool {
        self.frames.len() == 1
    }

    pub(super) fn this(&self) -> Value {
        self.frames[self.frames.len() - 1].this.clone()
    }

    /// What a name means here, as Handlebars reads it: `job.database`, `../name`, `@root.now`.
    pub(super) fn find(&self, name: &str) -> Result<Value, NotFound> {
        if let Some(rest) = name.strip_prefix("@root")
            && rest.starts_with(['.', '/'])
        {
            return self.below(&self.frames[0].this, &rest[1..]);
        }
        if let Some(local) = name.strip_prefix('@') {
            return self.local(local);
        }
        let (level, rest) = self.level(name)?;
        let (first, below) = split(rest);
        // A name that a block has given wins, however far out the block is, and behind `../` too.
        match self.param(first) {
            Some(given) => self.below(&given, below),
            None => self.below(&self.frames[level].this, rest),
        }
    }

    /// The block that a name is looked up in, and the name without its way there.
    fn level<'name>(&self, name: &'name str) -> Result<(usize, &'name str), NotFound> {
        let mut level = self.frames.len() - 1;
        let mut rest = name;
        loop {
            if let Some(above) = rest.strip_prefix("..") {
                level = level.checked_sub(1).ok_or(NotFound::NothingAbove)?;
                rest = above.trim_start_matches('/');
            } else if let Some(here) = rest.strip_prefix("./") {
                rest = here;
            } else {
                break;
            }
        }
        let rest = match rest {
            "this" | "." => "",
            rest => ["this.", "this/"]
                .iter()
                .find_map(|this| rest.strip_prefix(this))
                .unwrap_or(rest),
        };
        Ok((level, rest))
    }

    fn param(&self, name: &str) -> Option<Value> {
        let mut params = self.frames.iter().rev().flat_map(|frame| &frame.params);
        let found = params.find(|(param, _)| param == name);
        found.map(|(_, value)| value.clone())
    }

    fn local(&self, name: &str) -> Result<Value, NotFound> {
        let level = name.matches("../").count();
        let kind = match name.trim_start_matches("../") {
            "index" => VariableKind::Integer,
            "key" => VariableKind::Text,
            "first" | "last" => VariableKind::Boolean,
            other => {
                let locals = ["index", "key", "first", "last"];
                let meant = nearest(other, locals.into_iter()).map(|meant| format!("@{meant}"));
                return Err(NotFound::Unknown { meant });
            }
        };
        let frame = self.frames.iter().rev().nth(level);
        let locals = frame.map_or(Locals::None, |frame| frame.locals);
        let has_it = match locals {
            Locals::None => false,
            Locals::OfList => kind != VariableKind::Text,
            Locals::OfObject => true,
        };
        if has_it {
            Ok(Value::of_kind(kind))
        } else {
            Err(NotFound::NotInList)
        }
    }

    /// A part of a value, by its path.
    pub(super) fn below(&self, value: &Value, path: &str) -> Result<Value, NotFound> {
        let mut value = value.clone();
        let mut rest = path;
        let mut walked = String::new();
        while !rest.is_empty() {
            if value.shape.kind == VariableKind::Any {
                return Ok(value);
            }
            let (name, below) = split(rest);
            let is_index = name.bytes().all(|byte| byte.is_ascii_digit());
            let part = match value.shape.kind {
                VariableKind::List if is_index => value.shape.part("[]"),
                _ => value.shape.part(name),
            };
            let Some(part) = part.cloned() else {
                return Err(self.not_found(&value, &walked, name));
            };
            let may_be_null = |name: &String| !name.is_empty() && !self.present.contains(name);
            if let Some(of) = value.full_name.clone().filter(may_be_null)
                && value.shape.nullable
            {
                return Err(NotFound::MayBeNull { of });
            }
            let full_name = value.full_name.as_deref().map(|parent| join(parent, name));
            value = Value {
                shape: Rc::new(part),
                full_name,
            };
            walked = join(&walked, name);
            rest = below;
        }
        Ok(value)
    }

    fn not_found(&self, value: &Value, walked: &str, name: &str) -> NotFound {
        if value.full_name.as_deref() == Some("vars") {
            return NotFound::NotSet;
        }
        let siblings = names(&value.shape).filter(|name| *name != "[]");
        let meant = nearest(name, siblings).map(|meant| join(walked, meant));
        NotFound::Unknown {
            meant: meant.or_else(|| self.elsewhere(name)),
        }
    }

    /// A variable of that name in another place.
    fn elsewhere(&self, name: &str) -> Option<String> {
        let root = &self.frames[0].this.shape;
        let in_part = root.parts.iter().find_map(|(parent, shape)| {
            let has_it = shape.kind == VariableKind::Object && shape.part(name).is_some();
            has_it.then(|| join(parent, name))
        });
        let at_root = root.part(name).map(|_| name.to_owned());
        let prefix = if self.is_root() { "" } else { "@root." };
        in_part.or(at_root).map(|name| format!("{prefix}{name}"))
    }
}

fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() {
        name.to_owned()
    } else {
        format!("{parent}.{name}")
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

    fn root() -> Scope {
        let mut root = Shape::of_value(&json!({
            "now": "x",
            "job": {"database": "x", "city": "x"},
            "vars": {"phone": "x"},
        }));
        let element = Shape::of_value(&json!({"name": "x", "size": 1}));
        let stages = Shape {
            parts: vec![("[]".to_owned(), element)],
            ..Shape::of_kind(VariableKind::List)
        };
        let last_good = Shape {
            nullable: true,
            ..Shape::of_value(&json!({"size": 1}))
        };
        root = root.with("stages", stages).with("last_good", last_good);
        Scope::new(&Rc::new(root))
    }

    fn in_list() -> Scope {
        let root = root();
        let stages = root.find("stages").unwrap();
        let names = vec!["stage".to_owned(), "i".to_owned()];
        root.within(Frame::of_each(&stages, names))
    }

    fn unknown(meant: &str) -> NotFound {
        NotFound::Unknown {
            meant: (!meant.is_empty()).then(|| meant.to_owned()),
        }
    }

    #[test]
    fn names_are_found_as_handlebars_finds_them() {
        let scope = in_list();
        for name in [
            "name",
            "this.name",
            "./name",
            "stage.size",
            "../stage.size",
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
        let scope = in_list();
        for (name, problem) in [
            ("nmae", unknown("name")),
            ("../job.databse", unknown("job.database")),
            ("database", unknown("@root.job.database")),
            ("now", unknown("@root.now")),
            ("../../job", NotFound::NothingAbove),
            ("../vars.fax", NotFound::NotSet),
            ("@indx", unknown("@index")),
            ("@key", NotFound::NotInList),
            ("@../index", NotFound::NotInList),
            ("@root", unknown("")),
            ("../zzz", unknown("")),
        ] {
            assert_eq!(scope.find(name).unwrap_err(), problem, "{name}");
        }
        assert_eq!(root().find("@index").unwrap_err(), NotFound::NotInList);
        assert_eq!(root().find("city").unwrap_err(), unknown("job.city"));
    }

    #[test]
    fn a_part_of_what_can_be_null_is_there_only_where_that_was_asked() {
        let scope = root();
        let of = "last_good".to_owned();
        let problem = NotFound::MayBeNull { of };
        assert_eq!(scope.find("last_good.size").unwrap_err(), problem);
        let last_good = scope.find("last_good").unwrap();
        let asked = scope.where_present(&[last_good]);
        assert!(asked.find("last_good.size").is_ok());
        assert!(asked.find("@root.last_good.size").is_ok());
    }

    #[test]
    fn what_a_partial_is_given_by_name_is_seen_in_its_lists_too() {
        let given = vec![("label".to_owned(), Value::of_kind(VariableKind::Text))];
        let scope = root();
        let within = scope.of_partial(scope.this(), given);
        let stages = within.find("stages").unwrap();
        let in_list = within.within(Frame::of_each(&stages, Vec::new()));
        assert!(in_list.find("label").is_ok() && in_list.find("name").is_ok());
    }
}
