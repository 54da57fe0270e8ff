//! Times since something, as findings say them.

use std::time::Duration;

use crate::units::Seconds;

/// Returns how many seconds ago something was; none if it is not known. What lies ahead, as clocks differ, was just now.
pub(super) fn since(now: i64, at: Option<i64>) -> Option<i64> {
    at.map(|at| now.saturating_sub(at).max(0))
}

/// Shows a number of seconds.
pub(super) fn shown(seconds: i64) -> Seconds {
    Seconds(Duration::from_secs(seconds.unsigned_abs()))
}
