//! What is free in the file.

use super::subject;
use crate::check::{Check, Group};
use crate::facts::Facts;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use crate::units::{Bytes, percent, share};

/// From this share on what is free is worth giving back; `OpenShift`'s controller for etcd uses the same.
const FREE: f64 = 0.45;
/// A smaller file is not worth the pause.
const LARGE: u64 = 100 << 20;

pub(crate) const CHECK: Check = Check {
    id: "etcd/fragmentation",
    group: Group::Etcd,
    severity: Severity::Warning,
    title: "much of the database file is free",
    meaning: "What compaction frees stays in the file, counts against the quota and is copied with every snapshot. \
              Defragmentation gives it back and stops the member while it does.",
    basis: &["https://etcd.io/docs/v3.6/op-guide/maintenance/#defragmentation"],
    needs: &[Need::EtcdStatus],
    fix: Some("defragments member by member, the leader last"),
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    for (member, status) in facts.etcd.reached() {
        let free = status.size.saturating_sub(status.in_use);
        let part = share(free, status.size);
        if part < FREE || status.size < LARGE {
            continue;
        }
        let evidence = vec![
            Evidence::new("size", Bytes(status.size), &status.endpoint),
            Evidence::new("in use", Bytes(status.in_use), &status.endpoint),
        ];
        let summary = format!("{} of its database file are free: {}", percent(part), Bytes(free));
        let advice =
            "defragment it when it is quiet: `stanchion doctor fix etcd/fragmentation` shows its plan first";
        findings.add(Severity::Warning, subject(member), summary, advice, evidence);
    }
}
