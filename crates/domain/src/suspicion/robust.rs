//! Statistics that a few odd values do not move. Knows no backup.

/// What a median of absolute deviations is multiplied by to be a standard deviation where deviations
/// are normal.
const NORMAL: f64 = 1.4826;

/// The middle value; zero of none.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    let middle = values.len() / 2;
    if values.is_empty() {
        return 0.0;
    }
    let is_even = values.len().is_multiple_of(2);
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if is_even {
        let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        f64::midpoint(lower, upper)
    } else {
        upper
    }
}

/// A straight line through values one step apart, the first at 0.
pub(super) struct Line {
    start: f64,
    /// How much is added with each step.
    pub slope: f64,
}

impl Line {
    pub(super) fn at(&self, step: u32) -> f64 {
        self.start + self.slope * f64::from(step)
    }

    /// How far values lie from it, as a standard deviation.
    pub(super) fn spread(&self, values: &[f64]) -> f64 {
        let distances = values.iter().zip(0..);
        let distances = distances.map(|(value, step)| (value - self.at(step)).abs());
        NORMAL * median(distances.collect())
    }
}

/// The trend of values: the line that the middle one of all slopes between two of them gives (Theil
/// 1950, Sen 1968), and how sure it is that there is one.
pub(super) struct Trend {
    pub line: Line,
    /// How many standard deviations there are between the number of pairs that rise and the one that is
    /// to be expected when there is no trend (Mann 1945, Kendall 1975).
    pub certainty: f64,
}

impl Trend {
    pub(super) fn of(values: &[f64]) -> Self {
        let mut slopes = Vec::with_capacity(values.len() * values.len() / 2);
        let mut rising = 0_i32;
        for (later, step) in values.iter().zip(0_u32..) {
            for (earlier, steps) in values.iter().zip((1..=step).rev()) {
                let rise = later - earlier;
                rising += i32::from(rise > 0.0) - i32::from(rise < 0.0);
                slopes.push(rise / f64::from(steps));
            }
        }
        let slope = median(slopes);
        let starts = values.iter().zip(0_u32..);
        let start = median(
            starts
                .map(|(value, step)| value - slope * f64::from(step))
                .collect(),
        );
        let count = values.iter().fold(0.0, |count, _| count + 1.0);
        let variance: f64 = count * (count - 1.0) * (2.0 * count + 5.0) / 18.0;
        Self {
            line: Line { start, slope },
            certainty: if variance > 0.0 {
                f64::from(rising) / variance.sqrt()
            } else {
                0.0
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }

    #[test]
    fn the_median_is_the_middle_value_or_the_middle_of_the_two() {
        assert_near(median(vec![3.0, 1.0, 100.0]), 3.0);
        assert_near(median(vec![3.0, 1.0, 100.0, 2.0]), 2.5);
        assert_near(median(Vec::new()), 0.0);
    }

    #[test]
    fn a_few_odd_values_do_not_move_the_trend() {
        let mut values: Vec<f64> = (0..20_u32)
            .map(|step| 5.0 + 2.0 * f64::from(step))
            .collect();
        values[3] = 1000.0;
        values[17] = -1000.0;
        let trend = Trend::of(&values);
        assert_near(trend.line.slope, 2.0);
        assert_near(trend.line.at(20), 45.0);
        assert_near(trend.line.spread(&values), 0.0);
        assert!(trend.certainty > 4.0);
    }

    #[test]
    fn what_stays_the_same_has_no_trend() {
        let trend = Trend::of(&[7.0; 20]);
        assert_near(trend.line.slope, 0.0);
        assert_near(trend.certainty, 0.0);
        assert_near(Trend::of(&[]).certainty, 0.0);
    }
}
