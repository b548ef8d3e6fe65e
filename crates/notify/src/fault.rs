//! When administrators are told of a fault of the whole system: the policy, without clock, store or
//! mail.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::incident::Reminders;
use crate::{Outage, ReminderNumber, SystemFault};

/// What a program saw of itself in a cycle.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CycleFacts {
    /// Why the deposit could not be read; `None` when it could.
    pub deposit_error: Option<String>,
    /// What is known of the validated tree.
    pub validated: TreeState,
    /// That the clock shows what it can't, if it does.
    pub clock_jump: Option<ClockJump>,
    /// When the last cycle was done, if that is so long ago that people have to know.
    pub idle_since: Option<Timestamp>,
}

/// What a program knows of a tree on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TreeState {
    /// Nobody has looked.
    #[default]
    NotLooked,
    /// It is there.
    Stands,
    /// It can't be relied on, for this reason.
    Unreachable(String),
}

/// That a clock was put forward or back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockJump {
    /// What it should have shown.
    pub expected: Timestamp,
    /// What it showed.
    pub found: Timestamp,
}

/// The record of a fault: of each code there is one at most that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultRecord {
    /// What is wrong.
    pub fault: SystemFault,
    /// When it was first seen.
    pub opened_at: Timestamp,
    /// How many reminders have been written.
    pub reminders: u32,
    /// When people are reminded next; `None` when they are not.
    pub remind_at: Option<Timestamp>,
    /// When it was over.
    pub closed_at: Option<Timestamp>,
    /// Whether people know of it.
    pub is_told: bool,
}

/// How many faults are told in an hour. One that comes and goes more often is told if it stays.
const TOLD: usize = 2;

/// How long what was told counts.
pub(crate) const FAULT_MEMORY: SignedDuration = SignedDuration::from_hours(1);

/// What a cycle's facts make of the faults that are open, or were not long ago: the records that change,
/// and the outages that administrators are told of.
#[must_use]
pub fn watch(
    recent: &[FaultRecord],
    facts: &CycleFacts,
    now: Timestamp,
    reminders: &Reminders,
) -> Vec<(FaultRecord, Option<Outage>)> {
    let may_tell = |is_same| may_tell(recent, is_same, now);
    let mut told = Vec::new();
    if let Some(ClockJump { expected, found }) = facts.clock_jump {
        let fault = SystemFault::ClockJumped { expected, found };
        let record = FaultRecord {
            closed_at: Some(now),
            remind_at: None,
            ..opened(fault, now, may_tell(is_of_clock), reminders)
        };
        let outage = record.is_told.then(|| outage(&record, None, None));
        told.push((record, outage));
    }
    let unreachable = |error: &String| SystemFault::DepositUnreachable {
        error: error.clone(),
    };
    let deposit = facts.deposit_error.as_ref().map(unreachable);
    let known = open_of(recent, is_of_deposit);
    told.extend(follow(
        known,
        deposit,
        may_tell(is_of_deposit),
        now,
        reminders,
    ));
    told.extend(watch_validated(recent, &facts.validated, now, reminders));
    told
}

/// The same of what is known of the validated tree alone.
pub(crate) fn watch_validated(
    recent: &[FaultRecord],
    state: &TreeState,
    now: Timestamp,
    reminders: &Reminders,
) -> Option<(FaultRecord, Option<Outage>)> {
    let fault = match state {
        TreeState::NotLooked => return None,
        TreeState::Stands => None,
        TreeState::Unreachable(error) => Some(SystemFault::ValidatedUnreachable {
            error: error.clone(),
        }),
    };
    let known = open_of(recent, is_of_validated);
    let may_tell = may_tell(recent, is_of_validated, now);
    follow(known, fault, may_tell, now, reminders)
}

fn open_of(recent: &[FaultRecord], is_same: fn(&SystemFault) -> bool) -> Option<&FaultRecord> {
    let mut records = recent.iter();
    records.find(|record| record.closed_at.is_none() && is_same(&record.fault))
}

/// Whether one more of the same may be told of.
fn may_tell(recent: &[FaultRecord], is_same: fn(&SystemFault) -> bool, now: Timestamp) -> bool {
    let told = recent.iter().filter(|record| {
        let is_recent = record.opened_at.duration_until(now) < FAULT_MEMORY;
        record.is_told && is_recent && is_same(&record.fault)
    });
    told.count() < TOLD
}

/// What becomes of a fault that is open, or of one that is there now.
fn follow(
    known: Option<&FaultRecord>,
    now_wrong: Option<SystemFault>,
    may_tell: bool,
    now: Timestamp,
    reminders: &Reminders,
) -> Option<(FaultRecord, Option<Outage>)> {
    match (known, now_wrong) {
        (None, None) => None,
        (None, Some(fault)) => {
            let record = opened(fault, now, may_tell, reminders);
            let outage = record.is_told.then(|| outage(&record, None, None));
            Some((record, outage))
        }
        (Some(known), Some(fault)) => remind(known, fault, now, reminders),
        (Some(known), None) => {
            let record = FaultRecord {
                remind_at: None,
                closed_at: Some(now),
                ..known.clone()
            };
            let outage = known.is_told.then(|| outage(&record, None, Some(now)));
            Some((record, outage))
        }
    }
}

const fn is_of_deposit(fault: &SystemFault) -> bool {
    matches!(fault, SystemFault::DepositUnreachable { .. })
}

const fn is_of_validated(fault: &SystemFault) -> bool {
    matches!(fault, SystemFault::ValidatedUnreachable { .. })
}

const fn is_of_clock(fault: &SystemFault) -> bool {
    matches!(fault, SystemFault::ClockJumped { .. })
}

fn opened(fault: SystemFault, now: Timestamp, is_told: bool, reminders: &Reminders) -> FaultRecord {
    FaultRecord {
        fault,
        opened_at: now,
        reminders: 0,
        remind_at: if is_told {
            reminders.due_at(now, 0)
        } else {
            now.checked_add(FAULT_MEMORY).ok()
        },
        closed_at: None,
        is_told,
    }
}

fn outage(
    record: &FaultRecord,
    reminder: Option<ReminderNumber>,
    ended_at: Option<Timestamp>,
) -> Outage {
    Outage {
        fault: record.fault.clone(),
        since: record.opened_at,
        reminder,
        ended_at,
    }
}

fn remind(
    known: &FaultRecord,
    fault: SystemFault,
    now: Timestamp,
    reminders: &Reminders,
) -> Option<(FaultRecord, Option<Outage>)> {
    known.remind_at.filter(|due_at| *due_at <= now)?;
    // What nobody was told at first is told for the first time.
    let which = known.reminders + u32::from(known.is_told);
    let next_at = reminders.next_after(known.opened_at, which, now);
    let record = FaultRecord {
        fault,
        reminders: which,
        remind_at: next_at,
        is_told: true,
        ..known.clone()
    };
    let reminder = known.is_told.then_some(ReminderNumber { which, next_at });
    let outage = outage(&record, reminder, None);
    Some((record, Some(outage)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(hours * 3_600).unwrap()
    }

    fn unreachable() -> CycleFacts {
        CycleFacts {
            deposit_error: Some("no such folder".to_owned()),
            ..CycleFacts::default()
        }
    }

    /// Does a cycle in each hour and gives the hours in which somebody is told something.
    fn tell(hours: i64, facts: impl Fn(i64) -> CycleFacts) -> Vec<(i64, Outage)> {
        let (mut open, mut told) = (Vec::new(), Vec::new());
        for hour in 0..hours {
            let changed = watch(&open, &facts(hour), at(hour), &Reminders::default());
            for (record, outage) in changed {
                open.retain(|known: &FaultRecord| known.opened_at != record.opened_at);
                open.push(record);
                told.extend(outage.map(|outage| (hour, outage)));
            }
        }
        told
    }

    #[test]
    fn a_deposit_that_can_not_be_read_is_told_once_reminded_of_and_told_to_be_back() {
        let told = tell(200, |hour| {
            if (5..180).contains(&hour) {
                unreachable()
            } else {
                CycleFacts::default()
            }
        });
        let hours: Vec<i64> = told.iter().map(|(hour, _)| *hour).collect();
        assert_eq!(hours, [5, 29, 77, 173, 180]);
        assert!(told.iter().all(|(_, outage)| outage.since == at(5)));
        let reminders = told.iter().filter_map(|(_, outage)| outage.reminder);
        assert_eq!(reminders.map(|of| of.which).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(told.last().unwrap().1.ended_at, Some(at(180)));
    }

    #[test]
    fn a_clock_that_jumps_is_told_once_and_has_no_end() {
        let jump = ClockJump {
            expected: at(3),
            found: at(90),
        };
        let told = tell(90, |hour| CycleFacts {
            clock_jump: (hour == 3).then_some(jump),
            ..CycleFacts::default()
        });
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].0, told[0].1.ended_at), (3, None));
    }

    #[test]
    fn a_deposit_that_comes_and_goes_is_told_of_twice_an_hour_and_when_it_stays_away() {
        let minute = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
        let (mut recent, mut told) = (Vec::<FaultRecord>::new(), Vec::new());
        for now in 0..600 {
            // It flaps for five hours and is gone then.
            let facts = if now % 2 == 0 || now > 300 {
                unreachable()
            } else {
                CycleFacts::default()
            };
            for (record, outage) in watch(&recent, &facts, minute(now), &Reminders::default()) {
                recent.retain(|known| known.opened_at != record.opened_at);
                recent.push(record);
                told.extend(outage.map(|_| now));
            }
        }
        let flapping = told.iter().filter(|at| **at <= 300).count();
        assert!((4..=24).contains(&flapping), "{told:?}");
        assert!(told.iter().any(|at| (300..=361).contains(at)), "{told:?}");
    }

    #[test]
    fn a_validated_tree_at_which_nobody_looked_is_neither_lost_nor_back() {
        let told = tell(12, |hour| CycleFacts {
            validated: match hour {
                3 | 8 => TreeState::Unreachable("it is empty".to_owned()),
                10 => TreeState::Stands,
                _ => TreeState::NotLooked,
            },
            ..CycleFacts::default()
        });
        let told: Vec<_> = told
            .into_iter()
            .map(|(hour, outage)| (hour, outage.fault.code(), outage.ended_at))
            .collect();
        let code = "validated_unreachable";
        assert_eq!(told, [(3, code, None), (10, code, Some(at(10)))]);
    }

    #[test]
    fn all_is_well_without_a_word() {
        assert_eq!(tell(50, |_| CycleFacts::default()), []);
    }
}
