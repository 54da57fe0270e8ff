//! One rehearsal in figures.

use std::time::Duration;

use serde::Serialize;

use crate::record::{Gap, Latency, Mark, Record};
use crate::target::RunId;
use crate::verdict::Verdict;

/// One rehearsal in figures. Times are counted from the beginning of the record.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Whose rows.
    pub run: RunId,
    /// When it began, since the Unix epoch.
    #[serde(serialize_with = "crate::seconds::serialize")]
    pub began: Duration,
    /// For how long rows were written.
    #[serde(serialize_with = "crate::seconds::serialize")]
    pub lasted: Duration,
    /// How many rows were sent.
    pub sent: usize,
    /// The longest time without an acknowledgement of those that end behind the fault.
    pub gap: Gap,
    /// How long rows took before the gap.
    pub before: Latency,
    /// How long rows took behind it.
    pub after: Latency,
    /// What happened besides.
    pub marks: Vec<Mark>,
    /// What was read back.
    pub verdict: Verdict,
}

impl Summary {
    /// Sums up a record whose fault is its first mark; without a mark all of it counts.
    pub fn of(record: &Record, verdict: Verdict) -> Self {
        let fault = record.marks.first().map_or(Duration::ZERO, |mark| mark.at);
        let gap = record.longest_gap(fault);
        Self {
            run: record.run,
            began: record.began.duration_since(std::time::UNIX_EPOCH).unwrap_or_default(),
            lasted: record.ended,
            sent: record.rows.len(),
            before: record.latency(&(Duration::ZERO..fault.min(gap.start))),
            after: record.latency(&(gap.end..Duration::MAX)),
            gap,
            marks: record.marks.clone(),
            verdict,
        }
    }
}
