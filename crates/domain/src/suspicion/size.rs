//! Whether a backup has the size that a job's backups have. Knows sizes and nothing else.

use std::ops::RangeInclusive;

use super::robust::{Trend, median};
use crate::Warning;

/// With fewer earlier backups nothing is usual yet.
const FEWEST: usize = 14;

/// How many of the last backups tell what is usual now.
const RECENT: usize = 30;

/// A size within half as much again, or a third less, of what was to be expected is never odd.
const ALWAYS_USUAL: f64 = 0.405_465; // ln 1.5

/// How many standard deviations from what was to be expected is odd.
const DEVIATIONS: f64 = 6.0;

/// A difference of less than this is not worth a word, in bytes: of tiny databases the format alone
/// makes up much of the file.
const TINY: u64 = 64 * 1024;

/// A leap that came so many times is a habit: to a full backup each week among smaller ones, or down from
/// what was purged.
const HABIT: usize = 2;

/// What part of the one in question such a leap may be.
const ALIKE: RangeInclusive<f64> = 0.75..=1.33;

/// The warning about the last of these sizes, which are in order of time.
///
/// What is to be expected follows from the trend of the last thirty backups, so that growth is nothing
/// odd; how far one may be from it, from how far they themselves were. All of it is on a scale of
/// ratios.
pub(super) fn warning_of(sizes: &[u64]) -> Option<Warning> {
    let (&size, earlier) = sizes.split_last()?;
    if earlier.len() < FEWEST {
        return None;
    }
    let logs: Vec<f64> = earlier.iter().map(|&size| log(size)).collect();
    let recent = &logs[logs.len().saturating_sub(RECENT)..];
    let trend = Trend::of(recent).line;
    let backups = u32::try_from(recent.len()).ok()?;
    let expected = trend.at(backups);
    let band = (DEVIATIONS * trend.spread(recent)).max(ALWAYS_USUAL);
    let distance = log(size) - expected;
    let is_tiny = size.abs_diff(bytes(expected)) < TINY;
    if distance.abs() <= band || is_tiny || is_habit(&logs, expected, band, distance) {
        return None;
    }
    Some(Warning::SizeOutOfBand {
        size,
        low: bytes(expected - band),
        high: bytes(expected + band),
        median: bytes(median(recent.to_vec())),
        backups,
    })
}

/// Whether sizes leaped about as far, to the same side, now and then. Those right before this one that are as
/// odd do not count: they are what goes on.
fn is_habit(logs: &[f64], expected: f64, band: f64, distance: f64) -> bool {
    let is_odd = |off: f64| off * distance.signum() > band;
    let going_on = logs.iter().rev();
    let going_on = going_on.take_while(|&&log| is_odd(log - expected));
    let before = &logs[..logs.len() - going_on.count()];
    let is_alike = |leap: f64| is_odd(leap) && ALIKE.contains(&(leap / distance));
    let leaps = before.windows(2).filter(|pair| is_alike(pair[1] - pair[0]));
    leaps.take(HABIT).count() == HABIT
}

#[expect(
    clippy::cast_precision_loss,
    reason = "beyond 2^53 bytes the last digits make no difference to a ratio"
)]
fn log(size: u64) -> f64 {
    (size.max(1) as f64).ln()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a size that is too large for its type becomes the largest"
)]
fn bytes(log: f64) -> u64 {
    log.exp().round() as u64
}
