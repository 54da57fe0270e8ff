//! What two looks together say: since when nothing was heard, nothing applied, nothing acknowledged.
//!
//! The server knows seconds, if anything. Looks are as often as the agent checks, and each of the times here is wrong by at
//! most the time between two.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use stanchion_ha_core::Position;

/// So many looks back it is remembered what was received when. Lags that are longer are said too short.
const REMEMBERED: usize = 4096;
/// How fast is applied is what was applied in this time.
const RATE_WINDOW: Duration = Duration::from_secs(4);
/// Less time says nothing about how fast is applied.
const RATE_LEAST: Duration = Duration::from_millis(400);

/// What was seen at earlier looks.
#[derive(Debug, Default)]
pub(crate) struct Track {
    /// What a sign of the primary's life looked like, and when it last changed.
    heard: Option<(Sign, Instant)>,
    /// Up to where was received when, oldest first.
    received: VecDeque<(u64, Instant)>,
    /// Up to where was applied when, oldest first, since something has been left to apply without a break.
    busy: VecDeque<(u64, Instant)>,
    /// How many commits had been acknowledged, and when that last changed while some waited.
    waiting: Option<(u64, Instant)>,
    /// Whether the server says to have received what it has thrown away: so it does between the change of the primary
    /// and the new beginning.
    stale: bool,
}

/// What changes whenever anything comes from a primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sign {
    pub(crate) heartbeats: u64,
    pub(crate) file: String,
    pub(crate) offset: u64,
    pub(crate) position: Position,
}

impl Track {
    /// Begins anew with another primary: nothing has been heard of it.
    pub(crate) fn follow(&mut self, now: Instant) {
        let nothing = Sign { heartbeats: 0, file: String::new(), offset: 0, position: Position::START };
        *self = Self { heard: Some((nothing, now)), stale: true, ..Self::default() };
    }

    /// Notes that receiving has begun.
    pub(crate) fn begun(&mut self) {
        self.stale = false;
    }

    /// Returns whether what the server says to have received counts.
    pub(crate) fn counts(&self) -> bool {
        !self.stale
    }

    /// Returns for how long nothing has been heard.
    pub(crate) fn unheard(&mut self, sign: Sign, now: Instant) -> Duration {
        match &mut self.heard {
            Some((last, since)) if *last == sign => now - *since,
            heard => {
                *heard = Some((sign, now));
                Duration::ZERO
            }
        }
    }

    /// Returns for how long the next transaction to apply has been waiting.
    pub(crate) fn lag(&mut self, received: Position, applied: Position, now: Instant) -> Duration {
        let (received, applied) = (received.sequence(), applied.sequence());
        while self.received.back().is_some_and(|(last, _)| *last > received) {
            self.received.pop_back();
        }
        if self.received.back().is_none_or(|(last, _)| *last < received) {
            if self.received.len() == REMEMBERED {
                self.received.pop_front();
            }
            self.received.push_back((received, now));
        }
        while self.received.front().is_some_and(|(first, _)| *first <= applied) && self.received.len() > 1 {
            self.received.pop_front();
        }
        match self.received.front() {
            Some((first, since)) if *first > applied => now - *since,
            _ => Duration::ZERO,
        }
    }

    /// Returns how many transactions are applied in 1000 s, if there has been something to apply all the time of late, and some of it
    /// was. `lag` is what [`Track::lag`] says of this look.
    pub(crate) fn rate(&mut self, applied: Position, lag: Duration, now: Instant) -> Option<u64> {
        let applied = applied.sequence();
        // What has only just come may have come after a rest. From here on there is something to do.
        if lag.is_zero() || self.busy.back().is_some_and(|(last, _)| *last > applied) {
            self.busy.clear();
        }
        while self.busy.get(1).is_some_and(|(_, at)| now - *at >= RATE_WINDOW)
            || self.busy.len() == REMEMBERED
        {
            self.busy.pop_front();
        }
        self.busy.push_back((applied, now));
        let (first, since) = *self.busy.front()?;
        let (done, millis) = (applied - first, (now - since).as_millis().max(1));
        let rate = u64::try_from(u128::from(done) * 1_000_000 / millis).unwrap_or(u64::MAX);
        (rate > 0 && now - since >= RATE_LEAST).then_some(rate)
    }

    /// Returns for how long commits have been waiting without any being acknowledged.
    pub(crate) fn waiting(&mut self, sessions: u64, acknowledged: u64, now: Instant) -> Duration {
        if sessions == 0 {
            self.waiting = None;
            return Duration::ZERO;
        }
        match self.waiting {
            Some((last, since)) if last == acknowledged => now - since,
            _ => {
                self.waiting = Some((acknowledged, now));
                Duration::ZERO
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use stanchion_ha_core::{Position, ServerId};
    use tokio::time::Instant;

    use super::{Sign, Track};

    fn at(sequence: u64) -> Position {
        Position::at(ServerId(1), sequence)
    }

    #[test]
    fn lag_is_the_age_of_the_oldest_that_is_not_applied() {
        let (mut track, begin) = (Track::default(), Instant::now());
        let second = |number| begin + Duration::from_secs(number);
        assert_eq!(track.lag(at(10), at(10), second(0)), Duration::ZERO);
        assert_eq!(track.lag(at(20), at(10), second(1)), Duration::ZERO);
        assert_eq!(track.lag(at(30), at(15), second(3)), Duration::from_secs(2));
        assert_eq!(track.lag(at(30), at(20), second(4)), Duration::from_secs(1));
        assert_eq!(track.lag(at(30), at(30), second(9)), Duration::ZERO);
        assert_eq!(track.lag(at(31), at(30), second(20)), Duration::ZERO, "it has only just come");
    }

    #[test]
    fn how_fast_is_applied_is_told_while_there_is_something_to_apply() {
        let (mut track, begin) = (Track::default(), Instant::now());
        let mut look = |tenths: u64, received: u64, applied: u64| {
            let now = begin + Duration::from_millis(100 * tenths);
            let lag = track.lag(at(received), at(applied), now);
            track.rate(at(applied), lag, now)
        };
        assert_eq!(look(0, 100, 100), None);
        assert_eq!(look(5, 200, 195), None, "who has only just got it may have rested");
        assert_eq!(look(7, 300, 196), None, "that was too short");
        assert_eq!(look(10, 1000, 205), Some(20_000));
        assert_eq!(look(15, 2000, 215), Some(20_000));
        assert_eq!(look(50, 9000, 285), Some(20_000));
        assert_eq!(
            look(70, 9000, 485),
            Some(270 * 1_000_000 / 5_500),
            "what is longer ago counts less and less"
        );
        assert_eq!(look(120, 9000, 485), None, "nothing was applied for so long");
        assert_eq!(look(130, 9000, 9000), None);
        assert_eq!(look(150, 9100, 9050), None, "from rest");
    }

    #[test]
    fn silence_begins_with_the_last_change() {
        let (mut track, begin) = (Track::default(), Instant::now());
        let sign = |heartbeats| Sign { heartbeats, file: "a".to_owned(), offset: 4, position: at(1) };
        assert_eq!(track.unheard(sign(1), begin), Duration::ZERO);
        assert_eq!(track.unheard(sign(1), begin + Duration::from_secs(2)), Duration::from_secs(2));
        assert_eq!(track.unheard(sign(2), begin + Duration::from_secs(3)), Duration::ZERO);
    }

    #[test]
    fn commits_wait_only_while_none_is_acknowledged() {
        let (mut track, begin) = (Track::default(), Instant::now());
        let second = |number| begin + Duration::from_secs(number);
        assert_eq!(track.waiting(3, 100, begin), Duration::ZERO);
        assert_eq!(track.waiting(3, 101, second(1)), Duration::ZERO);
        assert_eq!(track.waiting(2, 101, second(3)), Duration::from_secs(2));
        assert_eq!(track.waiting(0, 101, second(4)), Duration::ZERO);
    }
}
