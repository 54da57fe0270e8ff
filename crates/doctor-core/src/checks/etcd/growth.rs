//! When it will be full.

use std::time::Duration;

use super::subject;
use crate::check::{Check, Group};
use crate::facts::Facts;
use crate::facts::etcd::Growth;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use crate::units::{Bytes, Seconds};

/// Full within this time somebody has to act now; etcd's own alerting rules look as far ahead.
const CRITICAL: Duration = Duration::from_hours(4);
/// Full within this time somebody has to act this week.
const WARNING: Duration = Duration::from_hours(7 * 24);

pub(crate) const CHECK: Check = Check {
    id: "etcd/growth",
    group: Group::Etcd,
    severity: Severity::Critical,
    title: "the database will be full soon",
    meaning: "What is in use grows so fast that the quota is reached soon. Defragmentation does not help, for it gives back \
              only what is free.",
    basis: &["https://etcd.io/docs/v3.6/op-guide/maintenance/#space-quota"],
    needs: &[Need::EtcdStatus, Need::EtcdMetrics, Need::EtcdGrowth],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    for (member, status) in facts.etcd.reached() {
        let Some(growth) = member.growth.filter(|growth| growth.over >= Growth::SHORTEST) else { continue };
        let grown = u64::try_from(growth.bytes).unwrap_or(0);
        let Some(limit) = member.limit() else { continue };
        let left = limit.bytes.saturating_sub(status.in_use);
        let Some(until) = until_full(left, grown, growth.over) else { continue };
        let severity = match until {
            until if until < CRITICAL => Severity::Critical,
            until if until < WARNING => Severity::Warning,
            _ => continue,
        };
        let evidence = vec![
            Evidence::new("in use", Bytes(status.in_use), &status.endpoint),
            Evidence::new(format!("more in {}", Seconds(growth.over)), Bytes(grown), &status.endpoint),
            Evidence::new(format!("quota, {}", limit.basis.text()), Bytes(limit.bytes), &status.endpoint),
        ];
        let summary = format!("at this rate its quota is reached in {}", Seconds(until));
        let advice =
            "see `etcd/fillers` for what grows, and end that; or raise the quota (`--quota-backend-bytes`)";
        findings.add(severity, subject(member), summary, advice, evidence);
    }
}

/// Returns when `left` is used up; none if nothing grows, or for longer than can be told.
fn until_full(left: u64, grown: u64, over: Duration) -> Option<Duration> {
    let micros = u128::from(left) * over.as_micros() / u128::from(std::num::NonZeroU64::new(grown)?.get());
    u64::try_from(micros).ok().map(Duration::from_micros)
}
