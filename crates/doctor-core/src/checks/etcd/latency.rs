//! Times of the disk, against what etcd's documentation wants of it.

use std::time::Duration;

use super::subject;
use crate::facts::etcd::{Histogram, Member, Metrics};
use crate::finding::{Evidence, Findings};
use crate::severity::Severity;
use crate::units::Seconds;

/// Fewer say nothing of the slowest in a hundred.
const ENOUGH: u64 = 100;

/// What a time at the 99th percentile should be below.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// More is slower than is good.
    pub(super) good: Duration,
    /// More hurts whoever waits for it.
    pub(super) bad: Duration,
}

/// Adds a finding if a member's `histogram` lies above `bounds`.
pub(super) fn judge(
    member: &Member,
    metrics: &Metrics,
    histogram: &Histogram,
    bounds: Bounds,
    what: &str,
    findings: &mut Findings,
) {
    if histogram.count() < ENOUGH {
        return;
    }
    // What lies beyond the largest bound is at least as slow as that.
    let Some(slow) = histogram.quantile(0.99).or_else(|| histogram.largest_bound()) else { return };
    let severity = match slow {
        slow if slow >= bounds.bad => Severity::Critical,
        slow if slow >= bounds.good => Severity::Warning,
        _ => return,
    };
    let median = histogram.quantile(0.5).map_or_else(|| "?".to_owned(), |time| Seconds(time).to_string());
    let evidence = vec![
        Evidence::new(
            format!("{what}, 99th percentile of {}", histogram.count()),
            Seconds(slow),
            &metrics.source,
        ),
        Evidence::new(format!("{what}, median"), median, &metrics.source),
    ];
    let summary = format!("one in a hundred of its times {what} is {} or more", Seconds(slow));
    let advice = format!(
        "give it a disk of its own that flushes in less than {}, or take away what shares it; etcd waits for it with every \
         write",
        Seconds(bounds.good)
    );
    findings.add(severity, subject(member), summary, advice, evidence);
}
