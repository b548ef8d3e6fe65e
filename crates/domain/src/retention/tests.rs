//! What the rules keep, for any history.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A file for each of these backups, numbered from the first.
fn versions(backups: &[&str]) -> Vec<Version> {
    let version = |(number, text): (i64, &&str)| Version {
        file: ValidatedFileId(number),
        is_intact: true,
        backups: vec![RecordedBackup {
            recorded_at: at(text),
            number,
        }],
    };
    (1..).zip(backups).map(version).collect()
}

/// Why each stays, in words.
fn told(policy: &RetentionPolicy, versions: &[Version]) -> Vec<String> {
    let judged = judge_versions(policy, versions);
    let words = judged.into_iter().map(|reasons| {
        let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
        reasons.join(", ")
    });
    words.collect()
}

fn daily(count: u32) -> RetentionPolicy {
    RetentionPolicy {
        daily: KeepCount::AtMost(count),
        ..RetentionPolicy::EMPTY
    }
}

#[test]
fn of_each_day_the_newest_stays_and_the_oldest_of_all_while_there_is_room() {
    let versions = versions(&[
        "2025-06-17T02:00:00Z",
        "2025-06-17T14:00:00Z",
        "2025-06-18T02:00:00Z",
        "2025-06-18T14:00:00Z",
    ]);
    let newest = "last good backup, daily snapshot";
    assert_eq!(told(&daily(1), &versions), ["", "", "", newest]);
    assert_eq!(
        told(&daily(2), &versions),
        ["", "daily snapshot", "", newest]
    );
    assert_eq!(
        told(&daily(3), &versions),
        ["oldest daily snapshot", "daily snapshot", "", newest]
    );
}

#[test]
fn days_begin_where_the_policy_says() {
    let versions = versions(&["2025-06-17T22:30:00Z", "2025-06-17T23:30:00Z"]);
    let policy = |zone| RetentionPolicy {
        time_zone: TimeZone::get(zone).unwrap(),
        ..daily(9)
    };
    let is_one_day = |zone| told(&policy(zone), &versions)[0] == "oldest daily snapshot";
    assert!(is_one_day("UTC"));
    // There it is 23:30, and half past midnight.
    assert!(!is_one_day("Africa/Douala"));
}

#[test]
fn a_week_is_that_of_iso_8601() {
    let weekly = RetentionPolicy {
        weekly: KeepCount::AtMost(2),
        ..RetentionPolicy::EMPTY
    };
    // A Sunday, the Monday after it, and the Wednesday of that week in the next year.
    let versions = versions(&[
        "2024-12-29T12:00:00Z",
        "2024-12-30T12:00:00Z",
        "2025-01-01T12:00:00Z",
    ]);
    let newest = "last good backup, weekly snapshot";
    assert_eq!(told(&weekly, &versions), ["weekly snapshot", "", newest]);
}

#[test]
fn a_file_stays_while_one_of_its_backups_does() {
    let mut versions = versions(&["2025-06-16T02:00:00Z", "2025-06-17T02:00:00Z"]);
    versions[0].backups.push(RecordedBackup {
        recorded_at: at("2025-06-18T02:00:00Z"),
        number: 9,
    });
    let newest = "last good backup, daily snapshot";
    assert_eq!(told(&daily(1), &versions), [newest, ""]);
}

#[test]
fn a_damaged_file_takes_the_place_of_no_intact_one() {
    let mut versions = versions(&[
        "2025-06-16T02:00:00Z",
        "2025-06-17T02:00:00Z",
        "2025-06-18T02:00:00Z",
        "2025-06-18T03:00:00Z",
    ]);
    versions[1].is_intact = false;
    versions[3].is_intact = false;
    let two = told(&daily(2), &versions);
    let newest = "last good backup, daily snapshot";
    let intact = "last intact copy, daily snapshot";
    assert_eq!(two, ["daily snapshot", "daily snapshot", intact, newest]);
    let none = told(&RetentionPolicy::EMPTY, &versions);
    assert_eq!(none, ["", "", "last intact copy", "last good backup"]);
}

#[test]
fn backups_that_an_agent_sends_by_the_hundred_in_an_hour_take_one_day() {
    let mut times = vec!["2025-05-19T02:00:00Z", "2025-06-18T02:00:00Z"];
    times.extend(std::iter::repeat_n("2025-06-19T02:00:00Z", 100));
    let judged = told(&daily(3), &versions(&times));
    let kept = judged.iter().filter(|reasons| !reasons.is_empty());
    assert_eq!(kept.count(), 3);
    assert_eq!(&judged[..2], ["daily snapshot", "daily snapshot"]);
}

fn a_count() -> impl Strategy<Value = KeepCount> {
    prop_oneof![
        3 => Just(KeepCount::NONE),
        6 => (1_u32..6).prop_map(KeepCount::AtMost),
        1 => Just(KeepCount::All),
    ]
}

fn a_policy() -> impl Strategy<Value = RetentionPolicy> {
    let zone = prop_oneof![Just("UTC"), Just("Europe/Paris"), Just("Pacific/Apia")];
    let counts = [(); 6].map(|()| a_count());
    (counts, zone).prop_map(|([last, hourly, daily, weekly, monthly, yearly], zone)| {
        RetentionPolicy {
            last,
            hourly,
            daily,
            weekly,
            monthly,
            yearly,
            time_zone: TimeZone::get(zone).unwrap(),
        }
    })
}

/// A history of nights and bursts in which content may stay the same for a while, come back, or be
/// damaged; now and then the clock is put back.
fn a_history() -> impl Strategy<Value = Vec<Version>> {
    let step = prop_oneof![Just(0), -5..400_i64, 3_000..30_000_i64];
    let backup = (step, 0_usize..8, prop::bool::weighted(0.8));
    prop::collection::vec(backup, 0..60).prop_map(|backups| {
        let mut versions: Vec<Version> = Vec::new();
        let mut recorded_at = at("2025-01-01T00:00:00Z");
        for (number, (minutes, file, is_intact)) in (1..).zip(backups) {
            recorded_at += SignedDuration::from_mins(minutes);
            let backup = RecordedBackup {
                recorded_at,
                number,
            };
            match versions.len().checked_sub(file + 1) {
                // Most are new.
                Some(index) if file < 2 => versions[index].backups.push(backup),
                _ => versions.push(Version {
                    file: ValidatedFileId(number),
                    is_intact,
                    backups: vec![backup],
                }),
            }
        }
        versions
    })
}

fn kept(policy: &RetentionPolicy, versions: &[Version]) -> Vec<Version> {
    let judged = judge_versions(policy, versions);
    let both = versions.iter().zip(judged);
    both.filter(|(_, reasons)| !reasons.is_empty())
        .map(|(version, _)| version.clone())
        .collect()
}

fn is_more(less: KeepCount, more: KeepCount) -> KeepCount {
    match (less, more) {
        (KeepCount::AtMost(less), KeepCount::AtMost(more)) => KeepCount::AtMost(less + more),
        _ => KeepCount::All,
    }
}

proptest! {
    #[test]
    fn neither_the_last_good_one_nor_the_last_intact_one_goes(
        policy in a_policy(),
        versions in a_history(),
    ) {
        let kept = kept(&policy, &versions);
        let last = |versions: &[Version]| {
            versions.iter().max_by_key(|version| version.last()).cloned()
        };
        prop_assert_eq!(last(&kept), last(&versions));
        let intact = |versions: &[Version]| {
            let intact: Vec<Version> =
                versions.iter().filter(|version| version.is_intact).cloned().collect();
            last(&intact)
        };
        prop_assert_eq!(intact(&kept), intact(&versions));
    }

    #[test]
    fn a_second_prune_removes_nothing(policy in a_policy(), versions in a_history()) {
        let once = kept(&policy, &versions);
        prop_assert_eq!(&kept(&policy, &once), &once);
    }

    #[test]
    fn higher_counts_keep_more(
        policy in a_policy(),
        more in a_policy(),
        versions in a_history(),
    ) {
        let more = RetentionPolicy {
            last: is_more(policy.last, more.last),
            hourly: is_more(policy.hourly, more.hourly),
            daily: is_more(policy.daily, more.daily),
            weekly: is_more(policy.weekly, more.weekly),
            monthly: is_more(policy.monthly, more.monthly),
            yearly: is_more(policy.yearly, more.yearly),
            time_zone: policy.time_zone.clone(),
        };
        let (few, many) = (kept(&policy, &versions), kept(&more, &versions));
        prop_assert!(few.iter().all(|version| many.contains(version)));
    }

    #[test]
    fn damage_makes_no_intact_one_go(
        policy in a_policy(),
        versions in a_history(),
        damaged in 0_usize..60,
    ) {
        let before = kept(&policy, &versions);
        let mut after = versions.clone();
        let Some(version) = after.get_mut(damaged) else { return Ok(()) };
        version.is_intact = false;
        let file = version.file;
        let after = kept(&policy, &after);
        for version in before.iter().filter(|one| one.is_intact && one.file != file) {
            prop_assert!(after.contains(version), "{version:?}");
        }
    }
}
