//! Flushing the log.

use std::time::Duration;

use super::latency::{Bounds, judge};
use crate::check::{Check, Group};
use crate::facts::Facts;
use crate::finding::Findings;
use crate::need::Need;
use crate::severity::Severity;

/// etcd's documentation wants less than 10 ms; its alerting rules speak up at 500.
const BOUNDS: Bounds = Bounds { good: Duration::from_millis(10), bad: Duration::from_millis(500) };

pub(crate) const CHECK: Check = Check {
    id: "etcd/fsync",
    group: Group::Etcd,
    severity: Severity::Critical,
    title: "flushing the log is slow",
    meaning: "Every write waits until a majority of members has flushed it. A disk that takes longer than the heartbeat costs \
              leaders their term, and with it everything stands still.",
    basis: &[
        "https://etcd.io/docs/v3.6/faq/#what-does-the-etcd-warning-failed-to-send-out-heartbeat-on-time-mean",
    ],
    needs: &[Need::EtcdStatus, Need::EtcdMetrics],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    for (member, metrics) in facts.etcd.measured() {
        judge(member, metrics, &metrics.wal_fsync, BOUNDS, "flushing the log", findings);
    }
}
