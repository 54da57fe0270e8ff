//! Distributions of times, as Prometheus counts them.

use std::time::Duration;

/// How often something took no longer than each of some times.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Upper bounds in seconds, ascending, and how many took no longer; the last bound may be infinite.
    buckets: Vec<(f64, u64)>,
}

impl Histogram {
    /// Takes bounds in seconds with the counts of all that took no longer, in any order. What is not a number is left out.
    pub fn new(mut buckets: Vec<(f64, u64)>) -> Self {
        buckets.retain(|(bound, _)| !bound.is_nan());
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        Self { buckets }
    }

    /// Returns how many were counted.
    pub fn count(&self) -> u64 {
        self.buckets.last().map_or(0, |(_, count)| *count)
    }

    /// Returns what was counted since `before`, or all if that is of another life of the process.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let same = self.buckets.len() == before.buckets.len()
            && self
                .buckets
                .iter()
                .zip(&before.buckets)
                .all(|(now, then)| now.0.total_cmp(&then.0).is_eq() && now.1 >= then.1);
        if !same {
            return self.clone();
        }
        let difference = |(now, then): (&(f64, u64), &(f64, u64))| (now.0, now.1 - then.1);
        Self { buckets: self.buckets.iter().zip(&before.buckets).map(difference).collect() }
    }

    /// Returns the bound that this share of all did not exceed: exact to the width of a bucket. None if nothing was counted,
    /// or if it lies beyond the largest bound.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "counts are far below 2^52, and a quantile is an estimate"
        )]
        let rank = count as f64 * share.clamp(0.0, 1.0);
        let (mut below, mut low) = (0, 0.0);
        for (bound, upto) in &self.buckets {
            #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
            let (from, to) = (below as f64, *upto as f64);
            if to >= rank && *upto > below {
                let within = (rank - from) / (to - from);
                let seconds = if bound.is_finite() { low + (bound - low) * within } else { return None };
                return Duration::try_from_secs_f64(seconds).ok();
            }
            (below, low) = (*upto, *bound);
        }
        None
    }

    /// Returns the largest finite bound: what is beyond [`Histogram::quantile`] is longer.
    pub fn largest_bound(&self) -> Option<Duration> {
        let finite = self.buckets.iter().rev().find(|(bound, _)| bound.is_finite())?;
        Duration::try_from_secs_f64(finite.0).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram() -> Histogram {
        Histogram::new(vec![(f64::INFINITY, 100), (0.002, 50), (0.001, 0), (0.004, 100)])
    }

    #[test]
    fn a_quantile_is_read_off_between_the_bounds() {
        let of = |share| histogram().quantile(share).map(|found| found.as_micros());
        assert_eq!(of(0.25), Some(1_500));
        assert_eq!(of(0.5), Some(2_000));
        assert_eq!(of(0.99), Some(3_960));
        assert_eq!(of(1.0), Some(4_000));
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    #[test]
    fn what_lies_beyond_the_bounds_is_not_known() {
        let slow = Histogram::new(vec![(1.0, 1), (f64::INFINITY, 10)]);
        assert_eq!(slow.quantile(0.99), None);
        assert_eq!(slow.largest_bound(), Some(Duration::from_secs(1)));
    }

    #[test]
    fn a_window_is_the_difference_of_two_looks_at_one_life() {
        let later = Histogram::new(vec![(0.001, 10), (0.002, 60), (0.004, 130), (f64::INFINITY, 130)]);
        assert_eq!(later.since(&histogram()).count(), 30);
        assert_eq!(histogram().since(&later), histogram(), "it was restarted in between");
    }
}
