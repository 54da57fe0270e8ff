//! How much to slow down a primary's commits so that its replicas keep up.
//!
//! A replica that is far behind in applying makes a failover long: what it has received it must apply first. Nothing in a
//! primary knows that, so its agent looks how far behind the members of the sync set are and has commits wait.
//!
//! A proportional-integral controller: half of the bound is what is aimed at, so that the bound itself is kept. The
//! integral keeps a brake that holds the lag where it is wanted; it is clamped to what the brake can do, and let go
//! faster than built up. Pure: lags and times come in, a pause comes out.

use std::time::Duration;

/// A commit is held back for at most so long.
pub const LONGEST: Duration = Duration::from_millis(50);
/// Below this the brake is off: the server's own pauses are as long.
const SHORTEST_MICROS: f64 = 250.0;
/// Pause for each second of lag above the aim, in microseconds. At 5 ms a primary writes about as fast as its replicas apply.
const PROPORTIONAL: f64 = 5_000.0;
/// What is added to the pause each second for each second of lag above the aim, in microseconds.
const INTEGRAL: f64 = 2_500.0;
/// Below the aim the integral goes back faster by this factor, so that a burst is forgotten.
const RELEASE: f64 = 2.0;
/// A look after a longer break counts as one after this.
const LONGEST_STEP: Duration = Duration::from_secs(2);

/// The brake of one primary.
#[derive(Clone, Debug)]
pub struct Brake {
    bound: Duration,
    /// Microseconds.
    held: f64,
}

impl Brake {
    /// Keeps the lag below `bound`; off if that is zero.
    pub fn new(bound: Duration) -> Self {
        Self { bound, held: 0.0 }
    }

    /// Changes the bound, and keeps what is known of the load.
    pub fn set_bound(&mut self, bound: Duration) {
        self.bound = bound;
    }

    /// Looks at how far the members of the sync set are behind, `since` after the last look, and returns how long each group
    /// of commits is to be held back.
    ///
    /// The one that is farthest behind counts. A member that is not heard of should be left out: it would hold back writes
    /// for as long as it is away.
    pub fn look(&mut self, lags: impl IntoIterator<Item = Duration>, since: Duration) -> Duration {
        let Some(lag) = lags.into_iter().max().filter(|_| !self.bound.is_zero()) else {
            self.held = 0.0;
            return Duration::ZERO;
        };
        let above = lag.as_secs_f64() - self.bound.as_secs_f64() / 2.0;
        let rate = if above < 0.0 { INTEGRAL * RELEASE } else { INTEGRAL };
        let longest = LONGEST.as_secs_f64() * 1e6;
        self.held = (self.held + above * rate * since.min(LONGEST_STEP).as_secs_f64()).clamp(0.0, longest);
        let micros = (self.held + (above * PROPORTIONAL).max(0.0)).min(longest);
        if micros < SHORTEST_MICROS { Duration::ZERO } else { Duration::from_secs_f64(micros / 1e6) }
    }
}

#[cfg(test)]
mod tests;
