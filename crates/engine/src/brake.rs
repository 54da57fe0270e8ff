//! How much to slow down a primary's commits so that its replicas keep up.
//!
//! A replica that is far behind in applying makes a failover long: what it has received it must apply first. Nothing in a
//! primary knows that, so its agent looks how much the members of the sync set have left to apply, and has commits wait.
//!
//! ```text
//!   written per second = commits of one cycle / (time of a commit + pause)        measured at each look
//!   wanted per second  = what the slowest member applies, less while it has more left than half of the bound
//!   pause              = commits of one cycle / wanted per second - time of a commit
//! ```
//!
//! What a member has left is counted from what the primary has written by now, since its report is older than that. Half of
//! the bound is what is aimed at, so that the bound itself is kept.
//!
//! A member that applies nothing for seconds is at one large transaction. It cannot be helped by writing less, and a
//! change of primary would have to wait for that transaction whatever is queued behind it: commits are then held back a little.
//!
//! Pure: what is known comes in, a pause comes out.

use std::time::Duration;

/// A commit is held back for at most so long.
pub const LONGEST: Duration = Duration::from_secs(1);
/// So long at most for members of which it is not known how fast they apply.
const LONGEST_UNKNOWN: Duration = Duration::from_millis(50);
/// Below this the brake is off: the server's own pauses are as long.
const SHORTEST: Duration = Duration::from_micros(250);
/// What a commit takes by itself, about. Where that is wrong, the next looks put it right.
const COMMIT: f64 = 0.001;
/// What is more than is aimed at is to be gone after so many seconds.
const HORIZON: f64 = 4.0;
/// So much of what a member applies may be written at least.
const LEAST: f64 = 0.1;
/// A look may be wrong: from one to the next the pause grows by this factor at most.
const GROWTH: f64 = 4.0;
/// From one look to the next the pause falls to this part of it at most: how fast a member applies that has nothing left to
/// do is not known, and what is written without a pause in a second may take it minutes.
const RELEASE: f64 = 0.8;
/// How much a look counts beside those before it.
const WEIGHT: f64 = 0.5;
/// Pause for each second of lag above the aim where it is not known how fast is applied.
const PROPORTIONAL: f64 = 0.005;

/// A member of the sync set, as far as its agent tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Member {
    /// How long the next transaction to apply has been waiting.
    pub lag: Duration,
    /// How many transactions it had applied when it reported, by their number.
    pub applied: u64,
    /// How many it applies in a second, if that is known.
    pub rate: Option<f64>,
    /// How old the report is.
    pub age: Duration,
}

/// The brake of one primary.
#[derive(Clone, Debug)]
pub struct Brake {
    bound: Duration,
    /// What was written at the last look, by its number.
    written: Option<u64>,
    /// How many commits come together, in the mean.
    together: Option<f64>,
    /// Seconds.
    pause: f64,
}

impl Brake {
    /// Keeps what is left to apply below `bound`; off if that is zero.
    pub fn new(bound: Duration) -> Self {
        Self { bound, written: None, together: None, pause: 0.0 }
    }

    /// Changes the bound, and keeps what is known of the load.
    pub fn set_bound(&mut self, bound: Duration) {
        self.bound = bound;
    }

    /// Looks at the members of the sync set, `since` after the last look, and returns how long each group of commits is to be
    /// held back. `written` is the number of the last transaction.
    ///
    /// The one that is farthest behind counts. A member that is not heard of should be left out: it would hold back writes
    /// for as long as it is away.
    pub fn look(
        &mut self,
        members: impl IntoIterator<Item = Member>,
        written: u64,
        since: Duration,
    ) -> Duration {
        self.count(written, since);
        let wanted = members.into_iter().map(|member| self.wanted(&member, written)).reduce(f64::max);
        let Some(wanted) = wanted.filter(|_| !self.bound.is_zero()) else {
            self.pause = 0.0;
            return Duration::ZERO;
        };
        let (least, most) = (self.pause * RELEASE, (self.pause + COMMIT) * GROWTH);
        self.pause = wanted.clamp(least, most).min(LONGEST.as_secs_f64());
        if self.pause < SHORTEST.as_secs_f64() {
            self.pause = 0.0;
        }
        Duration::from_secs_f64(self.pause)
    }

    /// Takes in how much was written since the last look.
    fn count(&mut self, written: u64, since: Duration) {
        let before = self.written.replace(written);
        let Some(count) = before.and_then(|before| written.checked_sub(before)) else { return };
        if since.is_zero() {
            return;
        }
        let together = count_of(count) / since.as_secs_f64() * (COMMIT + self.pause);
        self.together = Some(self.together.map_or(together, |before| before + (together - before) * WEIGHT));
    }

    /// Returns the pause that one member needs, in seconds.
    fn wanted(&self, member: &Member, written: u64) -> f64 {
        let aim = self.bound.as_secs_f64() / 2.0;
        let Some(rate) = member.rate.filter(|rate| *rate > 0.0) else {
            let above = (member.lag.as_secs_f64() - aim).max(0.0);
            return (above * PROPORTIONAL).min(LONGEST_UNKNOWN.as_secs_f64());
        };
        let applied = count_of(member.applied) + rate * member.age.as_secs_f64();
        let left = (count_of(written) - applied).max(0.0) / rate;
        let wanted = rate * (1.0 + (aim - left) / HORIZON).max(LEAST);
        (self.together.unwrap_or(0.0) / wanted - COMMIT).clamp(0.0, LONGEST.as_secs_f64())
    }
}

/// Returns a number of transactions; what is lost beyond 2^53 does not matter.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn count_of(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests;
