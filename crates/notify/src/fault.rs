//! When administrators are told of a fault of the whole system: the policy, without clock, store or
//! mail.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::incident::Reminders;
use crate::{Outage, ReminderNumber, SystemFault};

/// What a program saw of itself in a cycle.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CycleFacts {
    /// Why the deposit could not be read; `None` when it could.
    pub deposit_error: Option<String>,
    /// That the clock shows what it can't, if it does.
    pub clock_jump: Option<ClockJump>,
    /// When the last cycle was done, if that is so long ago that people have to know.
    pub idle_since: Option<Timestamp>,
}

/// That a clock was put forward or back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockJump {
    /// What it should have shown.
    pub expected: Timestamp,
    /// What it showed.
    pub found: Timestamp,
}

/// The record of a fault that lasts: of each code there is one at most that is open.
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
}

/// What a cycle's facts make of the faults that are open: the records that change, and the outages that
/// administrators are told of.
#[must_use]
pub fn watch(
    open: &[FaultRecord],
    facts: &CycleFacts,
    now: Timestamp,
    reminders: &Reminders,
) -> Vec<(FaultRecord, Outage)> {
    let mut told = Vec::new();
    if let Some(ClockJump { expected, found }) = facts.clock_jump {
        let fault = SystemFault::ClockJumped { expected, found };
        let record = FaultRecord {
            closed_at: Some(now),
            ..opened(fault, now, &Reminders { after: Vec::new() })
        };
        let outage = outage(&record, None, None);
        told.push((record, outage));
    }
    let is_of_deposit =
        |record: &&FaultRecord| matches!(record.fault, SystemFault::DepositUnreachable { .. });
    let known = open.iter().find(is_of_deposit);
    told.extend(match (known, &facts.deposit_error) {
        (None, None) => None,
        (None, Some(error)) => {
            let error = error.clone();
            let record = opened(SystemFault::DepositUnreachable { error }, now, reminders);
            let outage = outage(&record, None, None);
            Some((record, outage))
        }
        (Some(known), Some(error)) => remind(known, error, now, reminders),
        (Some(known), None) => {
            let record = FaultRecord {
                remind_at: None,
                closed_at: Some(now),
                ..known.clone()
            };
            let outage = outage(&record, None, Some(now));
            Some((record, outage))
        }
    });
    told
}

fn opened(fault: SystemFault, now: Timestamp, reminders: &Reminders) -> FaultRecord {
    FaultRecord {
        fault,
        opened_at: now,
        reminders: 0,
        remind_at: reminders.due_at(now, 0),
        closed_at: None,
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
    error: &str,
    now: Timestamp,
    reminders: &Reminders,
) -> Option<(FaultRecord, Outage)> {
    known.remind_at.filter(|due_at| *due_at <= now)?;
    let which = known.reminders.saturating_add(1);
    let next_at = reminders.next_after(known.opened_at, which, now);
    let record = FaultRecord {
        fault: SystemFault::DepositUnreachable {
            error: error.to_owned(),
        },
        reminders: which,
        remind_at: next_at,
        ..known.clone()
    };
    let outage = outage(&record, Some(ReminderNumber { which, next_at }), None);
    Some((record, outage))
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
                open.clear();
                if record.closed_at.is_none() {
                    open.push(record);
                }
                told.push((hour, outage));
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
    fn all_is_well_without_a_word() {
        assert_eq!(tell(50, |_| CycleFacts::default()), []);
    }
}
