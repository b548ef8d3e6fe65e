//! What is asked for on the command line.

use std::path::PathBuf;

pub(crate) const USAGE: &str = "cargo bench -p vigie-store --bench scan -- [CASE]… [--percent N] [--rounds N] \
                     [--threads N] [--json FILE]; the cases are new, kept, large, unchanged and known";

pub(crate) struct Arguments {
    /// The cases to measure; none for all.
    pub(crate) cases: Vec<String>,
    /// The sizes, as a percentage of those that the targets are meant for.
    pub(crate) percent: usize,
    /// How often everything is measured, in turns, so that a busy moment hits all.
    pub(crate) rounds: usize,
    /// How many threads the floor has that has more than one.
    pub(crate) threads: usize,
    /// Where the table goes as JSON.
    pub(crate) json: Option<PathBuf>,
}

impl Arguments {
    pub(crate) fn read(mut given: impl Iterator<Item = String>) -> Option<Self> {
        let mut arguments = Self {
            cases: Vec::new(),
            percent: 100,
            rounds: 5,
            threads: 2,
            json: None,
        };
        while let Some(argument) = given.next() {
            match argument.as_str() {
                // Cargo gives an argument of its own.
                "--bench" => {}
                "--percent" => arguments.percent = number(given.next())?,
                "--rounds" => arguments.rounds = number(given.next())?,
                "--threads" => arguments.threads = number(given.next())?.max(2),
                "--json" => arguments.json = Some(given.next()?.into()),
                "new" | "kept" | "large" | "unchanged" | "known" => arguments.cases.push(argument),
                _ => return None,
            }
        }
        Some(arguments)
    }

    pub(crate) fn wants(&self, case: &str) -> bool {
        self.cases.is_empty() || self.cases.iter().any(|wanted| wanted == case)
    }

    /// A size, made smaller as it was asked for.
    pub(crate) fn scaled(&self, size: usize) -> usize {
        (size * self.percent / 100).max(1)
    }

    /// Whether the sizes are those that the targets are meant for.
    pub(crate) fn is_full(&self) -> bool {
        self.percent == 100
    }
}

fn number(given: Option<String>) -> Option<usize> {
    given?.parse().ok().filter(|&number| number > 0)
}
