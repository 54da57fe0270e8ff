//! What a node gives up when it runs out of something.
//!
//! ```text
//! figures --> thresholds met --> conditions (held for a while) --> soft ones wait for their grace period
//!                                                                         |
//!                 first reclaim what nobody misses, then end one Pod <----+ memory first
//! ```
//! At most one Pod is ended per round, and never a critical one.

mod local;
mod pressure;
mod rank;
mod signal;

pub use local::{LocalUsage, exceeded_limit};
pub use pressure::{Pressure, Round};
pub use rank::{Candidate, Usage, message, victim};
pub use signal::{Condition, Figure, Limit, Signal, Threshold, ThresholdError, defaults, hard, kept};

use std::time::Duration;

/// The figures are looked at this often.
pub const INTERVAL: Duration = Duration::from_secs(10);
/// A condition stays for so long after it was last seen.
pub const CONDITION_HOLD: Duration = Duration::from_mins(5);
/// So long is waited until an evicted Pod is gone.
pub const CLEANUP_WAIT: Duration = Duration::from_secs(30);
/// The reason of a Pod that was evicted.
pub const REASON: &str = "Evicted";
/// What a Pod has left when a hard threshold is met.
const HARD_GRACE: Duration = Duration::from_secs(1);

/// Returns how long a Pod has to end: hardly anything at a hard threshold, else its own grace period up to the
/// longest that is set.
pub fn grace(threshold: &Threshold, own: Duration, longest: Duration) -> Duration {
    match threshold.grace {
        None => HARD_GRACE,
        Some(_) => own.min(longest),
    }
}

#[cfg(test)]
mod tests;
