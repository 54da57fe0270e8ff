//! Size against quota.

use super::subject;
use crate::check::{Check, Group};
use crate::facts::Facts;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use crate::units::{Bytes, percent, share};

/// From this share of the quota on it is time to act.
const WARNING: f64 = 0.80;
/// From this share on it is late: a burst of Events takes the rest.
const CRITICAL: f64 = 0.95;

pub(crate) const CHECK: Check = Check {
    id: "etcd/space",
    group: Group::Etcd,
    severity: Severity::Critical,
    title: "the database nears its quota",
    meaning: "A member whose file reaches its quota raises an alarm, and the whole cluster refuses to write. The file counts \
              with what is free in it, which only defragmentation gives back.",
    basis: &["https://etcd.io/docs/v3.6/op-guide/maintenance/#space-quota"],
    needs: &[Need::EtcdStatus, Need::EtcdMetrics],
    fix: Some("compacts what is no longer needed and defragments member by member, the leader last"),
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    for (member, status) in facts.etcd.reached() {
        let Some(limit) = member.limit() else { continue };
        let used = share(status.size, limit.bytes);
        let severity = match used {
            used if used >= CRITICAL => Severity::Critical,
            used if used >= WARNING => Severity::Warning,
            _ => continue,
        };
        let advice = if share(status.in_use, limit.bytes) >= WARNING {
            "defragmentation will not do, as most of it is in use: see `etcd/fillers` for what fills it, or raise the quota \
             (`--quota-backend-bytes`, up to 8 GiB)"
        } else {
            "defragment it: `stanchion doctor fix etcd/space` shows its plan first"
        };
        let source = &status.endpoint;
        let evidence = vec![
            Evidence::new("size", Bytes(status.size), source),
            Evidence::new("in use", Bytes(status.in_use), source),
            Evidence::new(format!("quota, {}", limit.basis.text()), Bytes(limit.bytes), source),
        ];
        let summary = format!("its database takes {} of its quota of {}", percent(used), Bytes(limit.bytes));
        findings.add(severity, subject(member), summary, advice, evidence);
    }
}
