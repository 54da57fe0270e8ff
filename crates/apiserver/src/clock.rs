//! The time of day.

use std::time::{SystemTime, UNIX_EPOCH};

use stanchion_machinery::time;

/// Returns seconds since 1970.
pub(crate) fn seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Returns now as objects have it.
pub(crate) fn now() -> String {
    time::format_seconds(seconds())
}
