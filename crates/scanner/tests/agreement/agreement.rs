//! Holds what the scanner came to against what the model did. The order in which agents are served is
//! free, that within one agent is not.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;

use vigie_scanner::{EntrySummary, EventSummary, ScanResult};

use crate::deposits::{Twice, contents};
use crate::model::{Model, Told};
use crate::store::{MemoryStore, key_of};

/// What both do not agree on, to be read.
pub type Difference = String;

pub fn compare(
    twice: &Twice,
    store: &MemoryStore,
    model: &Model,
    result: Option<ScanResult>,
    told: Option<&Told>,
    is_ordered: bool,
) -> Result<(), Difference> {
    same(
        "whether a cycle was done",
        &result.is_some(),
        &told.is_some(),
    )?;
    for tree in ["deposit", "validated"] {
        let [scanned, modelled] =
            [&twice.scanned, &twice.modelled].map(|copy| contents(&copy.join(tree)));
        same(tree, &scanned, &modelled)?;
    }
    let mut kept = store.kept();
    let jobs: BTreeMap<_, _> = kept
        .jobs
        .values()
        .flatten()
        .map(|job| (key_of(job), job))
        .collect();
    same(
        "jobs",
        &jobs,
        &model
            .jobs
            .iter()
            .map(|(key, job)| (key.clone(), job))
            .collect(),
    )?;
    same("reports", &kept.reports, &model.reports)?;
    for (key, proven) in &model.proven {
        let id = model.jobs[key].id;
        let scanned = kept.proven.get(&id).map_or(&[][..], Vec::as_slice);
        same("proven backups", scanned, proven)?;
    }
    let (entries, events) = (
        std::mem::take(&mut kept.entries),
        std::mem::take(&mut kept.events),
    );
    let (Some(result), Some(told)) = (result, told) else {
        return Ok(());
    };
    let mut expected_entries: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (agent, database, entry) in &told.entries {
        let of_agent = expected_entries.entry(agent.key()).or_default();
        of_agent.push((database.clone(), entry.clone()));
    }
    let mut expected_events: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for event in &told.events {
        let of_agent = expected_events.entry(event.agent().key()).or_default();
        of_agent.push(event.clone());
    }
    in_order(
        "entries",
        entries,
        expected_entries,
        is_ordered,
        |(database, _)| Some(database.clone()),
    )?;
    in_order("events", events, expected_events, is_ordered, |event| {
        event.job().map(|job| job.database.clone())
    })?;
    results(twice, result, told, is_ordered)
}

/// What a cycle returns.
fn results(
    twice: &Twice,
    result: ScanResult,
    told: &Told,
    is_ordered: bool,
) -> Result<(), Difference> {
    same("counts", &result.reports, &told.reports)?;
    let summaries = told
        .entries
        .iter()
        .map(|(agent, database, entry)| EntrySummary {
            agent: agent.clone(),
            database: database.clone(),
            status: entry.status,
            unchanged: entry.unchanged,
            reason: entry.reason.as_ref().map(ToString::to_string),
            content: entry.content.as_ref().map(ToString::to_string),
        });
    in_order(
        "entries of the result",
        by_agent(result.entries, |entry| entry.agent.key()),
        by_agent(summaries, |entry| entry.agent.key()),
        is_ordered,
        |entry| Some(entry.database.clone()),
    )?;
    in_order(
        "events of the result",
        by_agent(result.events, |event| event.agent.key()),
        by_agent(told.events.iter().map(EventSummary::from), |event| {
            event.agent.key()
        }),
        is_ordered,
        |event| event.database.clone(),
    )?;
    same(
        "undeclared",
        &result.undeclared,
        &told.undeclared.iter().cloned().collect(),
    )?;
    same(
        "retired",
        &result.retired,
        &told.retired.iter().cloned().collect(),
    )?;
    same(
        "ignored",
        &sorted(&result.ignored, Path::new("")),
        &sorted(&told.ignored, Path::new("")),
    )?;
    same(
        "errors",
        &sorted(&result.errors, &twice.scanned),
        &sorted(&told.errors, &twice.modelled),
    )
}

fn by_agent<T>(
    all: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> String,
) -> BTreeMap<String, Vec<T>> {
    let mut by_agent: BTreeMap<_, Vec<T>> = BTreeMap::new();
    for one in all {
        by_agent.entry(key(&one)).or_default().push(one);
    }
    by_agent
}

/// What is said of a report as a whole may stand anywhere. Where files may settle, reports that wait are
/// committed after others, and only what is said of one database has an order.
fn in_order<T: Debug + PartialEq>(
    what: &str,
    mut scanned: BTreeMap<String, Vec<T>>,
    mut modelled: BTreeMap<String, Vec<T>>,
    is_ordered: bool,
    database: impl Fn(&T) -> Option<String>,
) -> Result<(), Difference> {
    for of_agent in scanned.values_mut().chain(modelled.values_mut()) {
        if is_ordered {
            of_agent.sort_by_key(|one| database(one).is_some());
        } else {
            of_agent.sort_by_key(&database);
        }
    }
    same(what, &scanned, &modelled)
}

/// In an order of its own, with the paths of either copy made the same.
fn sorted<T: Debug>(all: &[T], copy: &Path) -> Vec<String> {
    let copy = copy.display().to_string();
    let all = all.iter().map(|one| match copy.as_str() {
        "" => format!("{one:?}"),
        copy => format!("{one:?}").replace(copy, ""),
    });
    let mut all: Vec<_> = all.collect();
    all.sort();
    all
}

fn same<T: Debug + PartialEq + ?Sized>(
    what: &str,
    scanned: &T,
    modelled: &T,
) -> Result<(), Difference> {
    if scanned == modelled {
        return Ok(());
    }
    let [scanned, modelled] = [format!("{scanned:#?}"), format!("{modelled:#?}")];
    let only = |one: &str, other: &str| {
        let other: Vec<&str> = other.lines().collect();
        let lines = one.lines().filter(|line| !other.contains(line));
        lines.take(40).collect::<Vec<_>>().join("\n")
    };
    if only(&scanned, &modelled).is_empty() && only(&modelled, &scanned).is_empty() {
        return Err(format!(
            "the order of {what} differs: {scanned}\nis not {modelled}"
        ));
    }
    Err(format!(
        "{what} differ; of the scanner alone:\n{}\nof the model alone:\n{}",
        only(&scanned, &modelled),
        only(&modelled, &scanned)
    ))
}
