//! Points in time, handed in by the shell.

use std::ops::{Add, Sub};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

/// A point in time, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

impl Moment {
    /// Makes the moment so many milliseconds after the start of 1970.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Returns the milliseconds since the start of 1970.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Returns the time since an earlier moment; nothing when that is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Returns it as it stands in objects: in whole seconds, cut.
    pub fn to_time(self) -> Time {
        let seconds = Timestamp::from_second(self.0.div_euclid(1000));
        Time(seconds.unwrap_or(if self.0 < 0 { Timestamp::MIN } else { Timestamp::MAX }))
    }
}

impl From<&Time> for Moment {
    fn from(time: &Time) -> Self {
        Self(time.0.as_millisecond())
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Moment {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// Writes a duration as users see it in messages, `2m40s`.
pub(crate) fn shown(duration: Duration) -> String {
    stanchion_machinery::time::format_duration(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
}

/// Returns a number of seconds from an object as a duration; less than nothing is nothing.
pub(crate) fn seconds(number: i64) -> Duration {
    Duration::from_secs(u64::try_from(number).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_whole_seconds_in_objects() {
        let moment = Moment::from_millis(1_795_276_800_999);
        assert_eq!(Moment::from(&moment.to_time()), Moment::from_millis(1_795_276_800_000));
        assert_eq!(Moment::from(&Moment::from_millis(-1).to_time()), Moment::from_millis(-1000));
        assert_eq!(Moment::from_millis(i64::MAX).to_time(), Time(Timestamp::MAX));
    }

    #[test]
    fn differences_never_go_below_nothing() {
        let (early, late) = (Moment::from_millis(1), Moment::from_millis(3));
        assert_eq!(late.since(early), Duration::from_millis(2));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(Moment::from_millis(i64::MAX) + Duration::MAX, Moment::from_millis(i64::MAX));
    }
}
