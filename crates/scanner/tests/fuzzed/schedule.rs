//! Any text as a schedule, at any time.

use std::time::Duration;

use arbitrary::{Result, Unstructured};
use jiff::Timestamp;
use vigie_domain::Schedule;

const ZONES: [&str; 8] = [
    "UTC",
    "Africa/Douala",
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "nowhere",
];

pub fn run(data: &[u8]) {
    // What is too short to say anything says nothing.
    let _ = judge(&mut Unstructured::new(data));
}

fn judge(source: &mut Unstructured) -> Result<()> {
    let schedule = schedule(source)?;
    let mut at = instant(source)?;
    let mut instants = [at; 4];
    for later in &mut instants {
        at = at.saturating_add(seconds(source)?).unwrap();
        *later = at;
    }
    let Some(schedule) = schedule else {
        return Ok(());
    };
    let mut covered = instants[0];
    for ended_at in instants {
        let expected = schedule.next_expected(covered);
        assert!(expected.is_none_or(|expected| expected > covered));
        let deadline = expected.and_then(|expected| schedule.deadline_of(expected));
        assert!(deadline.is_none_or(|deadline| Some(deadline) >= expected));
        let now_covered = schedule.cover(covered, ended_at);
        assert!(now_covered >= covered, "time went back");
        covered = now_covered;
    }
    Ok(())
}

/// `None` when it can't be.
fn schedule(source: &mut Unstructured) -> Result<Option<Schedule>> {
    let (grace, zone) = (seconds(source)?, source.choose_index(ZONES.len())?);
    Ok(if source.arbitrary()? {
        Schedule::every(seconds(source)?, grace).ok()
    } else {
        let early = if source.arbitrary()? {
            Some(seconds(source)?)
        } else {
            None
        };
        let length = source.int_in_range(0..=64)?;
        let text = String::from_utf8_lossy(source.bytes(length)?).into_owned();
        Schedule::cron(&text, ZONES[zone], grace, early).ok()
    })
}

/// Of this century.
fn instant(source: &mut Unstructured) -> Result<Timestamp> {
    let second = source.int_in_range(946_684_800..=4_102_444_800)?;
    Ok(Timestamp::from_second(second).unwrap())
}

/// Up to some eleven years.
fn seconds(source: &mut Unstructured) -> Result<Duration> {
    let most = if source.arbitrary()? {
        90_000
    } else {
        350_000_000
    };
    Ok(Duration::from_secs(source.int_in_range(0..=most)?))
}
