//! The variables of the **outage** mail. Knows no template and no sentence.

use jiff::{Timestamp, Zoned};
use schemars::JsonSchema;
use serde::Serialize;

use super::jobs::Room;
use super::{CommonContext, JobsContext, Reader, Surroundings, WriteSingle, seconds_between};
use crate::{Notice, Outage, SystemFault};

/// The longest error.
const ERROR: usize = 500;

/// The variables of the **outage** mail: something is wrong with the whole system, or is over.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct OutageContext {
    /// What every mail has.
    #[serde(flatten)]
    pub common: CommonContext,
    /// The code of the mail: `OUTAGE`, or `OK` when it is over.
    #[schemars(extend("enum" = ["OUTAGE", "OK"]))]
    pub status: &'static str,
    /// What is wrong: `deposit_unreachable`, `validated_unreachable`, `clock_jumped` or `many_missing`.
    #[schemars(extend("enum" = SystemFault::CODES))]
    pub fault: &'static str,
    /// Since when.
    pub since: Zoned,
    /// How many seconds it lasted, or has lasted up to now.
    pub seconds: u64,
    /// When it was over; null while it lasts.
    pub ended_at: Option<Zoned>,
    /// Which reminder it is, 1 for the first; null for the first mail and the last.
    pub reminder: Option<u32>,
    /// When the next reminder comes; null when there is none.
    pub next_reminder_at: Option<Zoned>,
    /// Why the deposit or the kept backups can't be read, in the system's words; null for other faults.
    pub error: Option<String>,
    /// What the clock should have shown, and did; null for other faults.
    pub clock: Option<ClockContext>,
    /// How many of all watched jobs in a hundred became MISSING at once; null for other faults.
    pub percent: Option<u8>,
    /// The jobs that became MISSING at once; none for other faults.
    pub jobs: JobsContext,
}

/// A clock that shows another time than it can be.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ClockContext {
    /// What it should have shown.
    pub expected: Zoned,
    /// What it showed.
    pub found: Zoned,
    /// How many seconds these are apart.
    pub seconds: u64,
    /// Whether it jumped back, not forward.
    pub is_behind: bool,
}

impl OutageContext {
    pub(super) fn new(
        outage: &Outage,
        notices: &[Notice],
        now: Timestamp,
        reader: &Reader,
        surroundings: &Surroundings,
        write: &WriteSingle<'_>,
    ) -> Self {
        let fault = outage.fault.code();
        let end = outage.ended_at.unwrap_or(now);
        let reminder = outage.reminder;
        let next_at = reminder.and_then(|reminder| reminder.next_at);
        let (error, clock, percent) = match &outage.fault {
            SystemFault::DepositUnreachable { error }
            | SystemFault::ValidatedUnreachable { error } => {
                (Some(reader.line(error, ERROR)), None, None)
            }
            SystemFault::ClockJumped { expected, found } => (
                None,
                Some(ClockContext::new(*expected, *found, reader)),
                None,
            ),
            SystemFault::ManyMissing { percent } => (None, None, Some(*percent)),
        };
        let about = reader.wording.about(fault);
        Self {
            common: CommonContext::new(about, now, reader, surroundings),
            status: if outage.ended_at.is_some() {
                "OK"
            } else {
                "OUTAGE"
            },
            fault,
            since: reader.at(outage.since),
            seconds: seconds_between(outage.since, end).unwrap_or_default(),
            ended_at: outage.ended_at.map(|at| reader.at(at)),
            reminder: reminder.map(|reminder| reminder.which),
            next_reminder_at: next_at.map(|at| reader.at(at)),
            error,
            clock,
            percent,
            jobs: JobsContext::new(notices, now, reader, &mut Room::new(write)),
        }
    }
}

impl ClockContext {
    fn new(expected: Timestamp, found: Timestamp, reader: &Reader) -> Self {
        let apart = expected.duration_until(found).as_secs();
        Self {
            expected: reader.at(expected),
            found: reader.at(found),
            seconds: apart.unsigned_abs(),
            is_behind: found < expected,
        }
    }
}
