//! Which config file is read: what the command line names, what the environment names, or the one
//! in the current folder. Knows nothing of what is in it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::environment::Environment;

const VARIABLE: &str = "VIGIE_CONFIG";
const FILE: &str = "vigie.toml";

/// There is no config file where one should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no config file at {}, {named_by}; run `vigie init` to write one", path.display())]
pub struct NoConfigFile {
    /// Where it was looked for.
    pub path: PathBuf,
    /// Who named it, as part of a sentence.
    pub named_by: &'static str,
    /// Whether somebody named it at all.
    pub is_named: bool,
}

/// The config file that is meant, as it was named.
///
/// # Errors
///
/// When there is nothing in that place. Whether what is there can be read is for `load` to say.
pub fn locate(argument: Option<&Path>, environment: &Environment) -> Result<PathBuf, NoConfigFile> {
    let (path, named_by, is_named) = if let Some(argument) = argument {
        (argument.to_owned(), "which --config names", true)
    } else if let Some(variable) = environment.variable(VARIABLE) {
        (PathBuf::from(variable), "which VIGIE_CONFIG names", true)
    } else {
        let named_by = "where it is looked for without --config and VIGIE_CONFIG";
        (PathBuf::from(FILE), named_by, false)
    };
    match fs::metadata(environment.current_folder().join(&path)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Err(NoConfigFile {
            path: environment.current_folder().join(path),
            named_by,
            is_named,
        }),
        _ => Ok(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(folder: &Path, variable: &'static str) -> Environment {
        Environment::new(
            move |name| (name == VARIABLE).then(|| variable.to_owned()),
            folder,
        )
    }

    #[test]
    fn the_argument_comes_before_the_variable_and_that_before_the_current_folder() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["argument.toml", "variable.toml", "vigie.toml"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let set = environment(folder.path(), "variable.toml");
        let empty = environment(folder.path(), "");
        let argument = Path::new("argument.toml");
        let located = |argument, environment| locate(argument, environment).unwrap();
        assert_eq!(located(Some(argument), &set), argument);
        assert_eq!(located(None, &set), Path::new("variable.toml"));
        assert_eq!(located(None, &empty), Path::new("vigie.toml"));
    }

    #[test]
    fn a_missing_file_says_who_named_it_and_how_to_write_one() {
        let folder = Path::new("/nowhere");
        let text = |argument: Option<&str>, variable| {
            locate(argument.map(Path::new), &environment(folder, variable))
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            text(Some("my.toml"), "your.toml"),
            "there is no config file at /nowhere/my.toml, which --config names; run `vigie init` \
             to write one"
        );
        assert_eq!(
            text(None, "/etc/your.toml"),
            "there is no config file at /etc/your.toml, which VIGIE_CONFIG names; run `vigie \
             init` to write one"
        );
        assert_eq!(
            text(None, ""),
            "there is no config file at /nowhere/vigie.toml, where it is looked for without \
             --config and VIGIE_CONFIG; run `vigie init` to write one"
        );
    }
}
