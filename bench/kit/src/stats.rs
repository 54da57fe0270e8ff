//! Medians, percentiles and the conversions to floating point they need.

use std::time::Duration;

/// Returns the smallest sample that is not below `percent` percent of all (nearest rank), 0 of none; sorts them.
pub fn percentile(samples: &mut [Duration], percent: usize) -> Duration {
    samples.sort_unstable();
    let rank = (samples.len() * percent).div_ceil(100);
    samples.get(rank.max(1) - 1).copied().unwrap_or_default()
}

/// Returns the middle value, or the mean of the two in the middle.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = sorted[(sorted.len() - 1) / 2];
    Some(f64::midpoint(lower, upper))
}

/// Returns a time as a number of milliseconds.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Counts and sizes stay far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts below 2^53 are exact")]
pub fn as_f64(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let mut samples: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        for (percent, expected) in [(1, 1), (50, 50), (99, 99), (100, 100)] {
            assert_eq!(percentile(&mut samples, percent), Duration::from_millis(expected));
        }
        assert_eq!(percentile(&mut [], 50), Duration::ZERO);
    }

    #[test]
    fn a_median_of_few_samples_is_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }
}
