//! Programs that a config names, with their arguments: how they are written. Knows no key, and runs
//! nothing.

use std::path::PathBuf;

use super::problem::Complaint;
use super::reading::Reading;

/// A program and what it is called with.
#[derive(Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// The program, by its whole path or as it is found in `PATH`.
    pub program: PathBuf,
    /// What it is called with.
    pub arguments: Vec<String>,
}

/// The command of `key`; `example` is one as it would be written there.
pub fn read(
    key: &str,
    words: &[String],
    example: &str,
    reading: &mut Reading,
) -> Option<CommandLine> {
    let (program, arguments) = reading.accept(key, words_of(words, example))?;
    // The folder that Vigie happens to run in is no part of a config.
    let program = if program.contains(std::path::is_separator) {
        reading.path(key, Some(program))?
    } else {
        PathBuf::from(program)
    };
    Some(CommandLine {
        program,
        arguments: arguments.to_vec(),
    })
}

/// The program and its arguments.
fn words_of<'a>(words: &'a [String], example: &str) -> Result<(&'a str, &'a [String]), Complaint> {
    let remedy = format!("write the program and each of its arguments, such as {example}");
    match words {
        [program, arguments @ ..] if !program.trim().is_empty() => {
            if words.iter().any(|word| word.contains('\0')) {
                return Err(Complaint::new("holds a null character", "leave it out"));
            }
            Ok((program, arguments))
        }
        _ => Err(Complaint::new("names no program", remedy)),
    }
}
