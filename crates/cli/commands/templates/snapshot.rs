//! `vigie templates snapshot`: each mail as one file that is read when it changes. The same templates
//! always give the same bytes, whatever the clock, the time zone and the config's people are.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use similar::TextDiff;
use vigie_notify::samples::{self, Sample};
use vigie_notify::{Mail, Severity, TimeZone};

use super::chosen::{Chosen, counted};
use crate::arguments::SnapshotArguments;

/// The first line of each file, by which a file is known to be one that may be written over.
const MARKER: &str =
    "# A mail as `vigie templates snapshot` wrote it: change the templates, not this.";

/// The time zone of the samples that have everything.
const FULL: &str = "Africa/Douala";

/// Mails by the names of their files.
type Snapshots = BTreeMap<String, String>;

/// How a folder differs from the mails.
#[derive(Default)]
struct Differences {
    /// Files that are there, with what stands in them.
    changed: BTreeMap<String, String>,
    absent: Vec<String>,
    /// Files of mails that are no more.
    left_over: Vec<String>,
}

pub fn run(config: Option<&Path>, arguments: &SnapshotArguments) -> anyhow::Result<ExitCode> {
    let chosen = Chosen::new(config, &arguments.folder)?;
    if !chosen.templates.are_sound() {
        let faults = chosen.templates.faults().iter();
        for fault in faults.filter(|fault| fault.severity == Severity::Error) {
            eprintln!("{}", chosen.told(fault));
        }
        bail!(
            "no snapshots of templates that have errors: they would show the built-in ones in their \
             place"
        );
    }
    let snapshots = snapshots(&chosen)?;
    let dir = &arguments.dir;
    let differences = compare(dir, &snapshots)?;
    let mut out = io::stdout().lock();
    if arguments.check {
        return tell(&mut out, dir, &snapshots, &differences);
    }
    let (written, removed) = update(dir, &snapshots, &differences)?;
    writeln!(
        out,
        "{} of {} in {}: {written} written, {removed} of mails that are no more removed.",
        counted(snapshots.len(), "snapshot"),
        counted(samples::all().len(), "sample"),
        dir.display()
    )?;
    Ok(ExitCode::SUCCESS)
}

fn snapshots(chosen: &Chosen) -> anyhow::Result<Snapshots> {
    let mut snapshots = Snapshots::new();
    for sample in samples::all() {
        for locale in chosen.locales(None)? {
            let mail = chosen.mail(&sample, &locale, &time_zone(&sample)?)?;
            snapshots.insert(format!("{}.{locale}.txt", sample.name()), readable(&mail));
        }
    }
    Ok(snapshots)
}

fn time_zone(sample: &Sample) -> anyhow::Result<TimeZone> {
    match sample.name().rsplit_once('.') {
        Some((_, "full")) => {
            TimeZone::get(FULL).with_context(|| format!("could not read the time zone {FULL}"))
        }
        _ => Ok(TimeZone::UTC),
    }
}

fn readable(mail: &Mail) -> String {
    let importance = if mail.urgent { "high" } else { "normal" };
    format!(
        "{MARKER}\nSubject: {}\nImportance: {importance}\n\n===== text =====\n\n{}\n===== html \
         =====\n\n{}",
        mail.subject, mail.text, mail.html
    )
}

fn compare(dir: &Path, snapshots: &Snapshots) -> anyhow::Result<Differences> {
    let mut differences = Differences::default();
    for (name, wanted) in snapshots {
        let path = dir.join(name);
        match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                differences.absent.push(name.clone());
            }
            found => {
                let found = found.with_context(|| format!("could not read {}", path.display()))?;
                let found = String::from_utf8_lossy(&found).into_owned();
                if found != *wanted {
                    differences.changed.insert(name.clone(), found);
                }
            }
        }
    }
    differences.left_over = left_over(dir, snapshots)?;
    Ok(differences)
}

/// The snapshots in a folder that are of no mail.
fn left_over(dir: &Path, snapshots: &Snapshots) -> anyhow::Result<Vec<String>> {
    let reading = || format!("could not read the folder {}", dir.display());
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(reading)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.with_context(reading)?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let path = entry.path();
        let is_text = path.extension().is_some_and(|ending| ending == "txt");
        if is_text && !snapshots.contains_key(&name) && path.is_file() && is_ours(&path) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn is_ours(path: &Path) -> bool {
    fs::read(path).is_ok_and(|content| content.starts_with(MARKER.as_bytes()))
}

fn tell(
    out: &mut dyn Write,
    dir: &Path,
    snapshots: &Snapshots,
    differences: &Differences,
) -> anyhow::Result<ExitCode> {
    let Differences {
        changed,
        absent,
        left_over,
    } = differences;
    let mut told = String::new();
    for (name, found) in changed {
        let path = dir.join(name);
        writeln!(told, "differs: {}", path.display())?;
        let diff = TextDiff::from_lines(found.as_str(), snapshots[name].as_str());
        let (before, after) = (path.display().to_string(), "as it would be written");
        write!(told, "{}", diff.unified_diff().header(&before, after))?;
    }
    for name in absent {
        writeln!(told, "absent: {}", dir.join(name).display())?;
    }
    for name in left_over {
        let path = dir.join(name);
        writeln!(told, "of a mail that is no more: {}", path.display())?;
    }
    out.write_all(told.as_bytes())?;
    let count = changed.len() + absent.len() + left_over.len();
    if count == 0 {
        let count = counted(snapshots.len(), "snapshot");
        writeln!(
            out,
            "{count} in {}: every mail is as it was.",
            dir.display()
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!(
        "error: {} in {} not as the mails are now; when that is meant, leave out --check to write \
         them anew",
        counted(count, "file"),
        dir.display()
    );
    Ok(ExitCode::FAILURE)
}

/// Gives how many files were written and removed.
fn update(
    dir: &Path,
    snapshots: &Snapshots,
    differences: &Differences,
) -> anyhow::Result<(usize, usize)> {
    let path_of = |name: &String| -> PathBuf { dir.join(name) };
    let changed: Vec<&String> = differences.changed.keys().collect();
    if let Some(foreign) = changed
        .iter()
        .map(|name| path_of(name))
        .find(|path| !is_ours(path))
    {
        bail!(
            "{} is no snapshot, and nothing was written; choose another folder",
            foreign.display()
        );
    }
    fs::create_dir_all(dir).with_context(|| format!("could not create {}", dir.display()))?;
    let to_write = changed.into_iter().chain(&differences.absent);
    let mut written = 0;
    for name in to_write {
        let path = path_of(name);
        fs::write(&path, &snapshots[name])
            .with_context(|| format!("could not write {}", path.display()))?;
        written += 1;
    }
    for path in differences.left_over.iter().map(path_of) {
        fs::remove_file(&path).with_context(|| format!("could not remove {}", path.display()))?;
    }
    Ok((written, differences.left_over.len()))
}
