//! Committing to the database.

use std::time::Duration;

use super::latency::{Bounds, judge};
use crate::check::{Check, Group};
use crate::facts::Facts;
use crate::finding::Findings;
use crate::need::Need;
use crate::severity::Severity;

/// etcd's documentation wants less than 25 ms; its alerting rules speak up at 250.
const BOUNDS: Bounds = Bounds { good: Duration::from_millis(25), bad: Duration::from_millis(250) };

pub(crate) const CHECK: Check = Check {
    id: "etcd/commit",
    group: Group::Etcd,
    severity: Severity::Critical,
    title: "committing to the database is slow",
    meaning: "A member writes what it has applied to its database in batches, and stands still for as long as that takes. A slow \
              disk, or a large database on one that is shared, shows here first.",
    basis: &["https://etcd.io/docs/v3.6/faq/#what-does-the-etcd-warning-apply-entries-took-too-long-mean"],
    needs: &[Need::EtcdStatus, Need::EtcdMetrics],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    for (member, metrics) in facts.etcd.measured() {
        judge(member, metrics, &metrics.backend_commit, BOUNDS, "committing", findings);
    }
}
