//! The rules beside those of the real restic, on the same histories.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::*;

/// A history for each: restic has days begin where a backup was made, and takes half a second for each
/// backup and each policy.
const ZONES: [&str; 1] = ["America/Lima"];

const BACKUPS: usize = 15;

/// How many policies each history is judged by.
const POLICIES: usize = 15;

fn restic(folder: &Path, arguments: &[&str], zone: &str) -> Output {
    let output = Command::new("restic")
        .args(["--quiet", "--no-cache"])
        .args(arguments)
        .env("RESTIC_REPOSITORY", folder.join("repository"))
        .env("RESTIC_PASSWORD", "of no worth")
        .env("TZ", zone)
        .output()
        .expect("restic; tests/run installs it");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    output
}

/// Times from the first to the last, in bursts and far apart.
fn history(rng: &mut Rng) -> Vec<Timestamp> {
    let mut at: Timestamp = "2024-12-01T00:00:00Z".parse().unwrap();
    let mut times = Vec::new();
    for _ in 0..BACKUPS {
        let minutes = match rng.u8(0..4) {
            0 => rng.i64(1..90),
            1 => rng.i64(600..1_500),
            2 => rng.i64(1_500..12_000),
            _ => rng.i64(20_000..90_000),
        };
        at += SignedDuration::from_mins(minutes);
        times.push(at);
    }
    times
}

fn policy(rng: &mut Rng, zone: &str) -> RetentionPolicy {
    loop {
        let counts = [(); 6].map(|()| match rng.u8(0..8) {
            0..4 => KeepCount::NONE,
            4..7 => KeepCount::AtMost(rng.u32(1..7)),
            _ => KeepCount::All,
        });
        let [last, hourly, daily, weekly, monthly, yearly] = counts;
        let policy = RetentionPolicy {
            last,
            hourly,
            daily,
            weekly,
            monthly,
            yearly,
            time_zone: TimeZone::get(zone).unwrap(),
        };
        if !policy.is_empty() {
            return policy;
        }
    }
}

/// Which backups restic keeps, and by which rules.
fn kept_by_restic(
    folder: &Path,
    policy: &RetentionPolicy,
    zone: &str,
) -> BTreeMap<Timestamp, Vec<String>> {
    let counts = KeepRule::ALL.map(|rule| match policy.count(rule) {
        KeepCount::AtMost(count) => format!("--keep-{}={count}", rule.as_str()),
        // What older versions make of -1 is to keep none.
        KeepCount::All => format!("--keep-{}=100000", rule.as_str()),
    });
    let mut arguments = vec!["forget", "--dry-run", "--json"];
    arguments.extend(counts.iter().map(String::as_str));
    let output = restic(folder, &arguments, zone);
    let groups: Value = serde_json::from_slice(&output.stdout).unwrap();
    let reasons = groups[0]["reasons"].as_array().unwrap();
    let kept = reasons.iter().map(|reason| {
        let at = reason["snapshot"]["time"].as_str().unwrap();
        let words = reason["matches"].as_array().unwrap().iter();
        let words = words.map(|word| word.as_str().unwrap().replace("oldest ", ""));
        (at.parse().unwrap(), words.collect())
    });
    kept.collect()
}

/// The same by the rules here.
fn kept_here(
    policy: &RetentionPolicy,
    times: &[Timestamp],
    has_oldest: bool,
) -> BTreeMap<Timestamp, Vec<String>> {
    let versions: Vec<Version> = (1..)
        .zip(times)
        .map(|(number, recorded_at)| Version {
            file: ValidatedFileId(number),
            is_intact: true,
            backups: vec![RecordedBackup {
                recorded_at: *recorded_at,
                number,
            }],
        })
        .collect();
    let judged = times.iter().zip(judge_versions(policy, &versions));
    let kept = judged.filter_map(|(at, reasons)| {
        let by_rules = reasons.iter().filter_map(|reason| match reason {
            KeepReason::Rule { rule, oldest } if has_oldest || !oldest => {
                Some(format!("{} snapshot", rule.as_str()))
            }
            _ => None,
        });
        let by_rules: Vec<String> = by_rules.collect();
        (!by_rules.is_empty()).then_some((*at, by_rules))
    });
    kept.collect()
}

/// Older versions of restic do not keep the oldest backup for which a rule has room.
fn knows_of_the_oldest(folder: &Path, times: &[Timestamp], zone: &str) -> bool {
    let policy = RetentionPolicy {
        yearly: KeepCount::All,
        time_zone: TimeZone::get(zone).unwrap(),
        ..RetentionPolicy::EMPTY
    };
    let theirs = kept_by_restic(folder, &policy, zone);
    theirs != kept_here(&policy, times, false)
}

#[test]
fn the_rules_are_those_of_restic() {
    let mut rng = Rng::with_seed(7);
    let mut compared = 0;
    for zone in ZONES {
        let folder = tempfile::tempdir().unwrap();
        restic(folder.path(), &["init"], zone);
        let file = folder.path().join("file");
        std::fs::write(&file, "the same").unwrap();
        let file = file.to_str().unwrap();
        let times = history(&mut rng);
        for at in &times {
            let local = at.to_zoned(TimeZone::get(zone).unwrap());
            let time = local.strftime("%Y-%m-%d %H:%M:%S").to_string();
            restic(folder.path(), &["backup", "--time", &time, file], zone);
        }
        let has_oldest = knows_of_the_oldest(folder.path(), &times, zone);
        for _ in 0..POLICIES {
            let policy = policy(&mut rng, zone);
            let theirs = kept_by_restic(folder.path(), &policy, zone);
            let ours = kept_here(&policy, &times, has_oldest);
            assert_eq!(ours, theirs, "{policy:?} on {times:#?}");
            compared += times.len();
        }
    }
    assert_eq!(compared, ZONES.len() * BACKUPS * POLICIES);
}
