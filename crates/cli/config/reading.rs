//! A config while it is being read: it takes values apart and goes on after each problem, so that
//! all of them are told at once. Knows no key.

use std::path::{Path, PathBuf};

use super::places::Places;
use super::problem::{Complaint, Problem};

pub struct Reading {
    pub places: Places,
    pub problems: Vec<Problem>,
    config_folder: PathBuf,
    current_folder: PathBuf,
}

impl Reading {
    /// `config_folder` is what paths in the file are relative to, `current_folder` those in
    /// environment variables; both are absolute.
    pub fn new(places: Places, config_folder: &Path, current_folder: &Path) -> Self {
        Self {
            places,
            problems: Vec::new(),
            config_folder: config_folder.to_owned(),
            current_folder: current_folder.to_owned(),
        }
    }

    pub fn complain(&mut self, key: &str, complaint: Complaint) {
        self.problems.push(self.places.problem(key, complaint));
    }

    pub fn complain_of_file(&mut self, complaint: Complaint) {
        let problem = Problem::of_file(self.places.file(), complaint);
        self.problems.push(problem);
    }

    /// Whether a value of this key was found and is wrong, so that it does not count as not given.
    pub fn has_problem_with(&self, key: &str) -> bool {
        self.problems
            .iter()
            .any(|problem| problem.key.as_deref() == Some(key))
    }

    /// The same for this key and all that is below it, as in `routes[2].recipients[1]`.
    pub fn has_problem_below(&self, key: &str) -> bool {
        let mut keys = self.problems.iter().filter_map(|one| one.key.as_deref());
        keys.any(|one| one.strip_prefix(key).is_some_and(is_path_end))
    }

    /// The value of `result`, or a problem with this key.
    pub fn accept<T>(&mut self, key: &str, result: Result<T, Complaint>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(complaint) => {
                self.complain(key, complaint);
                None
            }
        }
    }

    /// What `parse` makes of the text of this key; `None` when it is not given, or wrong.
    pub fn parse<T>(
        &mut self,
        key: &str,
        given: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, Complaint>,
    ) -> Option<T> {
        self.accept(key, parse(given?))
    }

    /// The path of this key, made absolute.
    pub fn path(&mut self, key: &str, given: Option<&str>) -> Option<PathBuf> {
        let written = self.parse(key, given, path)?;
        Some(self.absolute(key, &written))
    }

    /// A path as this key means it: relative to where its value was written.
    pub fn absolute(&self, key: &str, path: &Path) -> PathBuf {
        let base = match self.places.variable_of(key) {
            Some(_) => &self.current_folder,
            None => &self.config_folder,
        };
        // Taken apart and put together again, it loses every `./` on the way.
        base.join(path).components().collect()
    }
}

/// Whether what follows a key in a path leads below it, and is not more of its name.
fn is_path_end(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(['.', '['])
}

/// Text that has to be there, on one line.
pub fn text(text: &str) -> Result<String, Complaint> {
    if text.trim().is_empty() {
        return Err(empty());
    }
    one_line(text)
}

/// Text on one line, or none at all: it ends up in the headers of mails.
pub fn one_line(text: &str) -> Result<String, Complaint> {
    if text.contains(char::is_control) {
        return Err(Complaint::new(
            "holds a line break or another control character",
            "write it on one line",
        ));
    }
    Ok(text.to_owned())
}

pub fn path(text: &str) -> Result<PathBuf, Complaint> {
    if text.trim().is_empty() {
        return Err(empty());
    }
    if text.contains('\0') {
        return Err(Complaint::new("holds a null character", "leave it out"));
    }
    if text == "~" || text.starts_with("~/") {
        // Taken as it is, this would make a folder of that name, and nobody would look there.
        return Err(Complaint::new(
            format!("is {text:?}, and `~` does not stand for a home folder here"),
            "write the whole path",
        ));
    }
    Ok(PathBuf::from(text))
}

fn empty() -> Complaint {
    Complaint::new("is empty", "give it a value, or leave the key out")
}
