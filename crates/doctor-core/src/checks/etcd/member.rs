//! Members that are not well.

use super::subject;
use crate::check::{Check, Group};
use crate::facts::Facts;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;

/// etcd refuses requests where what is applied is 5,000 entries behind what is agreed on; half of that is late.
const BEHIND: u64 = 2_500;

pub(crate) const CHECK: Check = Check {
    id: "etcd/member",
    group: Group::Etcd,
    severity: Severity::Critical,
    title: "a member is not well",
    meaning: "A member that knows no leader, says what is wrong with it, cannot be reached by its leader or applies far behind \
              does not carry its part. The cluster may be one failure away from standing still.",
    basis: &["https://etcd.io/docs/v3.6/op-guide/failures/"],
    needs: &[Need::EtcdStatus],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    for (member, status) in facts.etcd.reached() {
        let source = &status.endpoint;
        if status.leader == 0 {
            let evidence = vec![Evidence::new("leader", "none", source)];
            let advice =
                "see that a majority of members runs and that they reach each other on their peer addresses";
            findings.add(Severity::Critical, subject(member), "it knows no leader", advice, evidence);
        }
        // Its alarms are among what it says, and a check of their own.
        for error in
            status.errors.iter().filter(|error| !error.contains("alarm") && !error.contains("no leader"))
        {
            let evidence = vec![Evidence::new("errors", error, source)];
            let advice = "look at its log";
            findings.add(Severity::Critical, subject(member), format!("it says: {error}"), advice, evidence);
        }
        let behind = status.raft_index.saturating_sub(status.raft_applied);
        if behind >= BEHIND {
            let evidence = vec![
                Evidence::new("log", status.raft_index, source),
                Evidence::new("applied", status.raft_applied, source),
            ];
            let summary = format!("it has {behind} entries of its log left to apply");
            let advice =
                "look at its disk (`etcd/fsync`, `etcd/commit`) and processor; at 5,000 it refuses requests";
            findings.add(Severity::Warning, subject(member), summary, advice, evidence);
        }
    }
    unreached_by_leader(facts, findings);
}

/// Whoever a leader has no connection to does not follow it, whatever it looks like from here.
fn unreached_by_leader(facts: &Facts, findings: &mut Findings) {
    for (leader, metrics) in facts.etcd.measured() {
        if leader.status.as_ref().is_none_or(|status| status.leader != leader.id) {
            continue;
        }
        for peer in metrics.peers.iter().filter(|peer| peer.is_active == Some(false)) {
            let Some(member) = facts.etcd.members.iter().find(|member| member.id == peer.id) else {
                continue;
            };
            let what = format!("connections of {} to {}", leader.label(), member.label());
            let evidence = vec![Evidence::new(what, "none", &metrics.source)];
            let advice = "see that it runs, and that the leader reaches its peer address";
            let summary = "the leader has no connection to it";
            findings.add(Severity::Critical, subject(member), summary, advice, evidence);
        }
    }
}
