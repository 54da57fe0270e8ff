//! Whether history is compacted.

use super::subject;
use crate::check::{Check, Group};
use crate::facts::Facts;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;

/// A history as long as this, of which nothing was ever compacted, is no young cluster's.
const LONG: u64 = 100_000;

pub(crate) const CHECK: Check = Check {
    id: "etcd/compaction",
    group: Group::Etcd,
    severity: Severity::Warning,
    title: "history is not compacted",
    meaning: "etcd keeps every revision until somebody compacts, which an API server does every five minutes, or etcd itself if \
              it is told to. Without that its database grows with every write until the quota is reached.",
    basis: &["https://etcd.io/docs/v3.6/op-guide/maintenance/#history-compaction-v3-api-database"],
    needs: &[Need::EtcdStatus, Need::EtcdMetrics],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    for (member, metrics) in facts.etcd.measured() {
        let (Some(revision), Some(compacted)) = (metrics.revision, metrics.compacted) else { continue };
        if compacted > 0 || revision < LONG {
            continue;
        }
        let evidence = vec![
            Evidence::new("revision", revision, &metrics.source),
            Evidence::new("compacted up to", compacted, &metrics.source),
        ];
        let summary =
            format!("all of its {revision} revisions are kept: nothing was compacted since it started");
        let advice = "set `--auto-compaction-mode=periodic --auto-compaction-retention=5m`, or find out why the API server does \
                      not compact (`--etcd-compaction-interval`)";
        findings.add(Severity::Warning, subject(member), summary, advice, evidence);
    }
}
