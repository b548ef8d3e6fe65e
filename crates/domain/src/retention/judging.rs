//! The rules themselves, on backups from the newest to the oldest.

use std::cmp::Reverse;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::{KeepCount, KeepReason, KeepRule, RecordedBackup, RetentionPolicy, Version};

/// Why each of a job's files stays, in their order; a file without a reason goes.
///
/// The file of the last good backup stays whatever the policy says, and so does the last one that is
/// intact. When none is, all of them stay. A damaged file takes the place of no intact one: rules find as many intact ones as if there
/// were no others. Once the files without a reason are gone the same policy finds no more of them.
///
/// ```
/// use vigie_domain::{
///     KeepCount, RecordedBackup, RetentionPolicy, ValidatedFileId, Version, judge_versions,
/// };
///
/// let version = |number, day: &str| -> Result<Version, jiff::Error> {
///     Ok(Version {
///         file: ValidatedFileId(number),
///         is_intact: true,
///         backups: vec![RecordedBackup { recorded_at: format!("{day}T06:00:00Z").parse()?, number }],
///     })
/// };
/// let days = [version(1, "2025-06-17")?, version(2, "2025-06-18")?, version(3, "2025-06-19")?];
/// let policy = RetentionPolicy { daily: KeepCount::AtMost(2), ..RetentionPolicy::EMPTY };
/// let judged = judge_versions(&policy, &days);
/// assert!(judged[0].is_empty());
/// assert_eq!(judged[1][0].to_string(), "daily snapshot");
/// assert_eq!(judged[2][0].to_string(), "last good backup");
/// # Ok::<(), jiff::Error>(())
/// ```
#[must_use]
pub fn judge_versions(policy: &RetentionPolicy, versions: &[Version]) -> Vec<Vec<KeepReason>> {
    let mut reasons = vec![Vec::new(); versions.len()];
    let mut note = |index: usize, reason: KeepReason| {
        let reasons: &mut Vec<KeepReason> = &mut reasons[index];
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    };
    let last_of = |is_meant: fn(&Version) -> bool| {
        let meant = versions.iter().enumerate().filter(|(_, one)| is_meant(one));
        meant
            .max_by_key(|(_, one)| one.last())
            .map(|(index, _)| index)
    };
    let last_good = last_of(|_| true);
    let last_intact = last_of(|version| version.is_intact);
    if let Some(index) = last_good {
        note(index, KeepReason::LastGood);
    }
    match last_intact {
        Some(index) if last_intact != last_good => note(index, KeepReason::LastIntact),
        Some(_) => {}
        None => (0..versions.len()).for_each(|index| note(index, KeepReason::NoneIntact)),
    }
    let intact = Snapshots::of(versions, |version| version.is_intact);
    for (index, reason) in intact.judged(policy) {
        note(index, reason);
    }
    if intact.is_of_all(versions) {
        return reasons;
    }
    for (index, reason) in Snapshots::of(versions, |_| true).judged(policy) {
        if !versions[index].is_intact {
            note(index, reason);
        }
    }
    reasons
}

/// Backups, the newest first, each with the index of its file.
struct Snapshots(Vec<(RecordedBackup, usize)>);

impl Snapshots {
    fn of(versions: &[Version], is_meant: fn(&Version) -> bool) -> Self {
        let mut all: Vec<_> = versions
            .iter()
            .enumerate()
            .filter(|(_, version)| is_meant(version))
            .flat_map(|(index, version)| version.backups.iter().map(move |one| (*one, index)))
            .collect();
        // By the order in which they came: a clock that was wrong once must not make what came last the
        // oldest, nor what came then the newest for years.
        all.sort_unstable_by_key(|(backup, _)| Reverse((backup.number, backup.recorded_at)));
        Self(all)
    }

    fn is_of_all(&self, versions: &[Version]) -> bool {
        self.0.len() == versions.iter().map(|one| one.backups.len()).sum::<usize>()
    }

    /// The files that rules keep, each with the reason, rule by rule.
    fn judged(&self, policy: &RetentionPolicy) -> Vec<(usize, KeepReason)> {
        let mut kept = Vec::new();
        for rule in KeepRule::ALL {
            kept.extend(self.kept_by(rule, policy.count(rule), &policy.time_zone));
        }
        kept
    }

    fn kept_by(
        &self,
        rule: KeepRule,
        count: KeepCount,
        zone: &TimeZone,
    ) -> Vec<(usize, KeepReason)> {
        let room = match count {
            KeepCount::AtMost(count) => count as usize,
            KeepCount::All => usize::MAX,
        };
        let mut kept = Vec::new();
        let mut last_period = None;
        for (place, (backup, file)) in self.0.iter().enumerate() {
            if kept.len() >= room {
                break;
            }
            let period = period(rule, place, backup.recorded_at, zone);
            let is_new = last_period.replace(period) != Some(period);
            if is_new || place + 1 == self.0.len() {
                let oldest = !is_new;
                kept.push((*file, KeepReason::Rule { rule, oldest }));
            }
        }
        kept
    }
}

/// What all backups of one hour, one day and so on have in common, and no others.
type Period = [i32; 4];

fn period(rule: KeepRule, place: usize, at: Timestamp, zone: &TimeZone) -> Period {
    if rule == KeepRule::Last {
        let place = i32::try_from(place).unwrap_or(i32::MAX);
        return [place, 0, 0, 0];
    }
    let local: Zoned = at.to_zoned(zone.clone());
    let [year, month, day, hour] = [
        i32::from(local.year()),
        i32::from(local.month()),
        i32::from(local.day()),
        i32::from(local.hour()),
    ];
    match rule {
        KeepRule::Last | KeepRule::Hourly => [year, month, day, hour],
        KeepRule::Daily => [year, month, day, 0],
        KeepRule::Weekly => {
            let week = local.date().iso_week_date();
            [i32::from(week.year()), i32::from(week.week()), 0, 0]
        }
        KeepRule::Monthly => [year, month, 0, 0],
        KeepRule::Yearly => [year, 0, 0, 0],
    }
}
