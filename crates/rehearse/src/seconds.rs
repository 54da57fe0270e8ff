//! Times in JSON: seconds with six decimals.

use std::time::Duration;

use serde::Serializer;

/// Writes a time as a number of seconds.
pub(crate) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((time.as_secs_f64() * 1e6).round() / 1e6)
}
