//! What goes wrong around Vigie in the year, and when. Knows no job and no mail.

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};

/// Something lasts from the first instant to just before the second.
pub type Stretch = (Timestamp, Timestamp);

/// How often something happens in a year, and for how many hours it lasts.
pub struct Climate {
    pub per_year: f64,
    pub hours: std::ops::Range<i64>,
}

/// What goes wrong, by true time.
pub struct Weather {
    pub mail_is_down: Vec<Stretch>,
    pub vigie_is_down: Vec<Stretch>,
    pub deposit_is_gone: Vec<Stretch>,
    /// With what the clock on the wall shows too much.
    pub clock_is_wrong: Vec<(Stretch, SignedDuration)>,
}

impl Weather {
    pub fn of(rng: &mut Rng, from: Timestamp, days: i64) -> Self {
        let mut times = |per_year, hours| stretches(rng, from, days, &Climate { per_year, hours });
        let mail_is_down = times(14.0, 1..96);
        let vigie_is_down = times(14.0, 2..72);
        let deposit_is_gone = times(12.0, 1..48);
        let clock_is_wrong = times(9.0, 1..20);
        let clock_is_wrong = clock_is_wrong.into_iter().map(|stretch| {
            let hours = rng.i64(1..72);
            let offset = SignedDuration::from_hours(if rng.bool() { hours } else { -hours });
            (stretch, offset)
        });
        Self {
            mail_is_down,
            vigie_is_down,
            deposit_is_gone,
            clock_is_wrong: clock_is_wrong.collect(),
        }
    }

    /// By how much the clock on the wall is ahead.
    pub fn offset(&self, truth: Timestamp) -> SignedDuration {
        let wrong = self.clock_is_wrong.iter();
        let mut wrong = wrong.filter(|(stretch, _)| is_in(stretch, truth));
        wrong.next().map_or(SignedDuration::ZERO, |(_, by)| *by)
    }

    /// Whether the clock was right in all this time before.
    pub fn clock_was_right_for(&self, truth: Timestamp, hours: i64) -> bool {
        let wrong = self.clock_is_wrong.iter();
        wrong
            .clone()
            .all(|((from, until), _)| truth < *from || later(*until, hours) <= truth)
    }
}

pub fn any(stretches: &[Stretch], at: Timestamp) -> bool {
    stretches.iter().any(|stretch| is_in(stretch, at))
}

pub fn is_in((from, until): &Stretch, at: Timestamp) -> bool {
    *from <= at && at < *until
}

pub fn later(at: Timestamp, hours: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_hours(hours)).unwrap()
}

/// As many as the climate gives on average, anywhere in these days.
pub fn stretches(rng: &mut Rng, from: Timestamp, days: i64, climate: &Climate) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    for day in 0..days {
        if rng.f64() < climate.per_year / 365.0 {
            let minutes = day * 24 * 60 + rng.i64(0..24 * 60);
            let start = from
                .checked_add(SignedDuration::from_mins(minutes))
                .unwrap();
            let end = later(start, rng.i64(climate.hours.clone()));
            stretches.push((start, end));
        }
    }
    stretches
}
