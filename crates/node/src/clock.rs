//! The one place where this crate asks what time it is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use stanchion_node_core::Moment;

/// Returns the time.
pub(crate) fn now() -> Moment {
    moment(SystemTime::now())
}

/// Returns a time of the system as decisions take it.
pub(crate) fn moment(time: SystemTime) -> Moment {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Moment::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Returns how long it is until a moment; nothing when it is over.
pub(crate) fn until(moment: Moment) -> Duration {
    moment.since(now())
}
