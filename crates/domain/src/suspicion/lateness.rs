//! Whether backups end later and later. Knows delays and nothing else.

use jiff::SignedDuration;

use super::robust::{Trend, median};
use crate::Warning;

/// With fewer backups nothing tells a trend from chance.
const FEWEST: usize = 20;

/// How many of the last backups tell the trend.
const RECENT: usize = 60;

/// How many more backups must take the trend to the deadline.
const AHEAD: u32 = 14;

/// How many standard deviations from chance a trend has to be.
const CERTAIN: f64 = 5.0;

/// The same for each half of it: with a single step from early to late, as when clocks are changed, one
/// of them has no trend.
const CERTAIN_OF_HALF: f64 = 1.0;

/// A rise of less than this part of the grace is jitter, however steady.
const LEAST_RISE: f64 = 0.05;

/// The warning about the last of these delays, which are in order of time: it is still before the
/// deadline, and will not be if what the last backups tell goes on for two weeks of nights.
pub(super) fn warning_of(delays: &[SignedDuration], grace: SignedDuration) -> Option<Warning> {
    let recent = &delays[delays.len().saturating_sub(RECENT)..];
    let &delay = recent.last()?;
    if recent.len() < FEWEST {
        return None;
    }
    let seconds: Vec<f64> = recent.iter().map(SignedDuration::as_secs_f64).collect();
    let trend = Trend::of(&seconds);
    let backups = u32::try_from(recent.len()).ok()?;
    let ahead = trend.line.at(backups + AHEAD) + trend.line.spread(&seconds);
    let rise = trend.line.slope * f64::from(backups);
    let usual = median(seconds[..seconds.len() / 3].to_vec());
    let (first, second) = seconds.split_at(seconds.len() / 2);
    let rises = [first, second].map(|half| Trend::of(half).certainty >= CERTAIN_OF_HALF);
    let is_certain = trend.certainty >= CERTAIN && rises == [true, true];
    let goes_on = delay.as_secs_f64() > usual + rise / 2.0;
    let allowed = grace.as_secs_f64();
    if !is_certain || rise < LEAST_RISE * allowed || ahead <= allowed || !goes_on {
        return None;
    }
    Some(Warning::ArrivingLater {
        delay,
        usual: SignedDuration::try_from_secs_f64(usual.round()).ok()?,
        grace,
        backups,
    })
}
