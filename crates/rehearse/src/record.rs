//! What a writer has noted: each row, each kind of failure in each outage, and what happened besides.
//!
//! Times are counted from the beginning of the record. A row's number is its index.

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use tokio::time::Instant;

use crate::target::RunId;

/// So many kinds of failures are told apart in one outage; more are counted together.
const MOST_KINDS: usize = 32;
const OTHERS: &str = "other failures";

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The database said that it is written, this long after it was sent.
    Acknowledged(Duration),
    /// It was given up, or answered with an error, this long after it was sent: it may be written or not.
    Unknown(Duration),
}

/// A row that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// When.
    pub sent: Duration,
    /// What became of it.
    pub outcome: Outcome,
}

impl Row {
    /// Returns when it was acknowledged, if it was.
    pub fn acknowledged(&self) -> Option<Duration> {
        match self.outcome {
            Outcome::Acknowledged(after) => Some(self.sent + after),
            Outcome::Unknown(_) => None,
        }
    }
}

/// A kind of failure in one outage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// What the client was told.
    pub what: String,
    /// When first.
    #[serde(serialize_with = "crate::seconds::serialize")]
    pub first: Duration,
    /// When last.
    #[serde(serialize_with = "crate::seconds::serialize")]
    pub last: Duration,
    /// How often.
    pub count: u64,
}

/// Something that happened besides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// When.
    #[serde(serialize_with = "crate::seconds::serialize")]
    pub at: Duration,
    /// What.
    pub what: String,
}

/// A time without an acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    /// The last acknowledgement before, or the beginning of the record.
    #[serde(serialize_with = "crate::seconds::serialize")]
    pub start: Duration,
    /// The first acknowledgement after, or the end of the record.
    #[serde(serialize_with = "crate::seconds::serialize")]
    pub end: Duration,
    /// The row whose acknowledgement ended it; none if the record ends with it.
    pub ended_by: Option<u64>,
    /// What the client saw meanwhile.
    pub failures: Vec<Seen>,
}

impl Gap {
    /// Returns how long it was.
    pub fn length(&self) -> Duration {
        self.end.saturating_sub(self.start)
    }
}

/// How long acknowledgements took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// Of how many rows.
    pub rows: usize,
    /// Half of them took no longer.
    #[serde(serialize_with = "crate::seconds::serialize")]
    pub p50: Duration,
    /// 95 of 100 took no longer.
    #[serde(serialize_with = "crate::seconds::serialize")]
    pub p95: Duration,
    /// 99 of 100 took no longer.
    #[serde(serialize_with = "crate::seconds::serialize")]
    pub p99: Duration,
    /// None took longer.
    #[serde(serialize_with = "crate::seconds::serialize")]
    pub max: Duration,
}

/// What a writer has noted.
#[derive(Clone, Debug)]
pub struct Record {
    /// Whose rows.
    pub run: RunId,
    /// When it begins.
    pub began: SystemTime,
    /// When it ends; zero while it has not.
    pub ended: Duration,
    /// All rows that were sent; the index is the number.
    pub rows: Vec<Row>,
    /// The failures, an outage after the other.
    pub failures: Vec<Seen>,
    /// What happened besides, in order.
    pub marks: Vec<Mark>,
    origin: Instant,
    /// Where the failures of the present outage begin.
    outage: usize,
}

impl Record {
    pub(crate) fn new(run: RunId) -> Self {
        Self {
            run,
            began: SystemTime::now(),
            ended: Duration::ZERO,
            rows: Vec::new(),
            failures: Vec::new(),
            marks: Vec::new(),
            origin: Instant::now(),
            outage: 0,
        }
    }

    pub(crate) fn began_instant(&self) -> Instant {
        self.origin
    }

    pub(crate) fn next_number(&self) -> u64 {
        self.rows.len() as u64
    }

    pub(crate) fn acknowledged(&mut self, sent: Instant, now: Instant) {
        self.outage = self.failures.len();
        self.push(sent, Outcome::Acknowledged(now - sent));
    }

    pub(crate) fn unknown(&mut self, sent: Instant, now: Instant) {
        self.push(sent, Outcome::Unknown(now - sent));
    }

    fn push(&mut self, sent: Instant, outcome: Outcome) {
        self.rows.push(Row { sent: sent - self.origin, outcome });
    }

    pub(crate) fn failed(&mut self, now: Instant, what: String) {
        let now = now - self.origin;
        let outage = &self.failures[self.outage..];
        let what = if outage.len() < MOST_KINDS { what } else { OTHERS.to_owned() };
        match self.failures[self.outage..].iter_mut().find(|seen| seen.what == what) {
            Some(seen) => {
                seen.last = now;
                seen.count += 1;
            }
            None => self.failures.push(Seen { what, first: now, last: now, count: 1 }),
        }
    }

    pub(crate) fn end(&mut self) {
        self.ended = self.origin.elapsed();
    }

    /// Adds something that others saw, by the clock of the machine; what lies before the record is put at its beginning.
    pub fn remark(&mut self, at: SystemTime, what: impl Into<String>) {
        let at = at.duration_since(self.began).unwrap_or_default();
        self.marks.push(Mark { at, what: what.into() });
        self.marks.sort_by_key(|mark| mark.at);
    }

    /// Returns how many rows were acknowledged.
    pub fn acknowledgements(&self) -> usize {
        self.rows.iter().filter(|row| row.acknowledged().is_some()).count()
    }

    /// Returns the longest time without an acknowledgement of those that end behind `from`.
    pub fn longest_gap(&self, from: Duration) -> Gap {
        let acknowledged =
            (0..).zip(&self.rows).filter_map(|(number, row)| Some((number, row.acknowledged()?)));
        let ends = acknowledged.map(|(number, at)| (Some(number), at)).chain([(None, self.ended)]);
        let length = |range: &Range<Duration>| range.end.saturating_sub(range.start);
        let (mut start, mut longest) = (Duration::ZERO, None::<(Option<u64>, Range<Duration>)>);
        for (ended_by, end) in ends {
            let is_longer =
                longest.as_ref().is_none_or(|(_, other)| end.saturating_sub(start) > length(other));
            if end > from && is_longer {
                longest = Some((ended_by, start..end));
            }
            start = end;
        }
        let (ended_by, range) = longest.unwrap_or((None, self.ended..self.ended));
        let overlaps = |seen: &&Seen| seen.last >= range.start && seen.first <= range.end;
        let failures = self.failures.iter().filter(overlaps).cloned().collect();
        Gap { start: range.start, end: range.end, ended_by, failures }
    }

    /// Returns how long rows took that were sent in a range and acknowledged.
    pub fn latency(&self, range: &Range<Duration>) -> Latency {
        let rows = self.rows.iter().filter(|row| range.contains(&row.sent));
        let mut took: Vec<Duration> = rows
            .filter_map(|row| match row.outcome {
                Outcome::Acknowledged(after) => Some(after),
                Outcome::Unknown(_) => None,
            })
            .collect();
        took.sort_unstable();
        // Nearest rank.
        let percent = |percent: usize| {
            let rank = (took.len() * percent).div_ceil(100).max(1);
            took.get(rank - 1).copied().unwrap_or_default()
        };
        Latency { rows: took.len(), p50: percent(50), p95: percent(95), p99: percent(99), max: percent(100) }
    }
}
