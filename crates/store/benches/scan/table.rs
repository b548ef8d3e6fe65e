//! The one table, printed and as JSON. Knows nothing of what was measured.

use std::fmt;
use std::fs;
use std::path::Path;

use serde::{Serialize, Serializer};
use serde_json::json;

/// One line of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) case: &'static str,
    /// What was measured.
    pub(crate) measured: String,
    pub(crate) unit: Unit,
    pub(crate) ours: f64,
    /// What it is held against; empty for nothing.
    pub(crate) against: String,
    pub(crate) theirs: Option<f64>,
    /// The median of the ratios of the rounds, which need not be the ratio of the medians.
    pub(crate) ratio: Option<f64>,
    pub(crate) target: Option<Target>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    Seconds,
    GigabytesPerSecond,
    Mebibytes,
}

/// What the ratio should be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    AtMost(f64),
    AtLeast(f64),
}

/// What was measured in each round, and what it is held against.
pub(crate) struct Rounds<'a> {
    pub(crate) ours: &'a [f64],
    pub(crate) theirs: &'a [f64],
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

impl Rounds<'_> {
    /// Ours to theirs, round by round.
    fn ratio(&self) -> f64 {
        let pairs = self.ours.iter().zip(self.theirs);
        let ratios: Vec<f64> = pairs.map(|(ours, theirs)| ours / theirs).collect();
        median(&ratios)
    }

    pub(crate) fn line(
        &self,
        case: &'static str,
        (measured, unit): (impl Into<String>, Unit),
        against: impl Into<String>,
        target: Option<Target>,
    ) -> Line {
        Line {
            case,
            measured: measured.into(),
            unit,
            ours: median(self.ours),
            against: against.into(),
            theirs: Some(median(self.theirs)),
            ratio: Some(self.ratio()),
            target,
        }
    }
}

/// How many times as fast as a figure that was not measured here.
pub(crate) fn quoted(
    case: &'static str,
    measured: impl Into<String>,
    ours: f64,
    quoted: f64,
    target: f64,
) -> Line {
    Line {
        case,
        measured: measured.into(),
        unit: Unit::Seconds,
        ours,
        against: "quoted: its ancestor in Python".to_owned(),
        theirs: Some(quoted),
        ratio: Some(quoted / ours),
        target: Some(Target::AtLeast(target)),
    }
}

/// What there is nothing to hold against.
pub(crate) fn alone(case: &'static str, measured: impl Into<String>, ours: f64) -> Line {
    Line {
        case,
        measured: measured.into(),
        unit: Unit::Seconds,
        ours,
        against: String::new(),
        theirs: None,
        ratio: None,
        target: None,
    }
}

/// A peak of memory, in MiB.
pub(crate) fn peak(case: &'static str, measured: impl Into<String>, ours: f64) -> Line {
    const LIMIT: f64 = 64.0;
    Line {
        case,
        measured: format!("peak memory, {}", measured.into()),
        unit: Unit::Mebibytes,
        ours,
        against: "limit".to_owned(),
        theirs: Some(LIMIT),
        ratio: Some(ours / LIMIT),
        target: Some(Target::AtMost(1.0)),
    }
}

impl Line {
    fn is_met(&self) -> Option<bool> {
        let (ratio, target) = (self.ratio?, self.target?);
        Some(match target {
            Target::AtMost(most) => ratio <= most,
            Target::AtLeast(least) => ratio >= least,
        })
    }
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::Seconds if value >= 0.1 => format!("{value:.3} s"),
            Self::Seconds => format!("{:.2} ms", value * 1e3),
            Self::GigabytesPerSecond => format!("{value:.2} GB/s"),
            Self::Mebibytes => format!("{value:.1} MiB"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(formatter, "at most {most}"),
            Self::AtLeast(least) => write!(formatter, "at least {least}"),
        }
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

pub(crate) fn print(lines: &[Line]) {
    println!(
        "\n{:10} {:43} {:>11}   {:36} {:>11} {:>7}   target",
        "case", "measured", "ours", "against", "", "ratio"
    );
    for line in lines {
        let ours = line.unit.show(line.ours);
        let theirs = line
            .theirs
            .map_or_else(String::new, |theirs| line.unit.show(theirs));
        let ratio = line
            .ratio
            .map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        let target = line.target.map_or_else(String::new, |target| {
            let met = if line.is_met() == Some(true) {
                "met"
            } else {
                "MISSED"
            };
            format!("{target}: {met}")
        });
        println!(
            "{:10} {:43} {ours:>11}   {:36} {theirs:>11} {ratio:>7}   {target}",
            line.case, line.measured, line.against
        );
    }
}

pub(crate) fn write(lines: &[Line], percent: usize, rounds: usize, file: &Path) {
    let lines: Vec<_> = lines
        .iter()
        .map(|line| {
            let mut value = serde_json::to_value(line).unwrap();
            value["is_met"] = json!(line.is_met());
            value
        })
        .collect();
    let cores = std::thread::available_parallelism().unwrap();
    let table = json!({"cores": cores, "percent": percent, "rounds": rounds, "lines": lines});
    fs::write(file, serde_json::to_string_pretty(&table).unwrap() + "\n").unwrap();
}
