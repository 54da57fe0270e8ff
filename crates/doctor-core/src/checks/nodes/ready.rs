//! Whether nodes are there.

use super::subject;
use crate::check::{Check, Group};
use crate::checks::age::{shown, since};
use crate::checks::source;
use crate::facts::Facts;
use crate::facts::kube::node::Node;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use crate::subject::Subject;

/// A node that joins is not ready before its network is.
const JOINING: i64 = 5 * 60;
/// A lease is renewed every ten seconds and lasts for forty; this is long after anybody should have noticed.
const SILENT: i64 = 5 * 60;
/// So many nodes that are not ready for one reason are one finding.
const MANY: usize = 4;

pub(crate) const CHECK: Check = Check {
    id: "nodes/ready",
    group: Group::Nodes,
    severity: Severity::Critical,
    title: "a node is not ready, or silent",
    meaning: "Nothing new is placed on a node that is not ready, and what runs there counts as lost after some minutes. Its volumes \
              stay attached to it until it is back or proved gone.",
    basis: &["https://kubernetes.io/docs/reference/node/node-status/#condition"],
    needs: &[Need::KubeNodes],
    fix: None,
    run,
};

/// A node with which something is wrong.
struct Ill<'a> {
    node: &'a Node,
    severity: Severity,
    summary: String,
    evidence: Vec<Evidence>,
}

fn run(facts: &Facts, findings: &mut Findings) {
    let heard = facts.kube.leases.values().filter_map(|lease| lease.spec.renew_time).max();
    let mut ill: Vec<Ill<'_>> = Vec::new();
    ill.extend(facts.kube.nodes.iter().filter_map(|node| not_ready(facts, node)));
    ill.extend(facts.kube.nodes.iter().filter_map(|node| silent(facts, node, heard?)));
    let advice = "look at the machine, and there at `systemctl status kubelet` and `journalctl -u kubelet`; if it does not come \
                  back, see `volumes/stuck` for the volumes that it holds";
    for Ill { node, severity, summary, evidence } in &ill {
        let alike = ill.iter().filter(|other| other.summary == *summary).count();
        if alike < MANY {
            findings.add(*severity, subject(node), summary, advice, evidence.clone());
        } else {
            let cause = Subject::new("nodes", "several");
            findings.add_of(*severity, &cause, subject(node), summary, advice, evidence.clone());
        }
    }
}

fn not_ready<'a>(facts: &Facts, node: &'a Node) -> Option<Ill<'a>> {
    let condition = node.condition("Ready");
    let age = since(facts.now, node.meta.created).unwrap_or(i64::MAX);
    if node.is_ready() || age < JOINING && condition.is_none_or(|condition| condition.status != "Unknown") {
        return None;
    }
    let source = source::of(facts, &subject(node));
    let Some(condition) = condition else {
        let evidence = vec![Evidence::new("conditions", "no Ready among them", source)];
        let summary = "no kubelet has ever reported for it".to_owned();
        return Some(Ill { node, severity: Severity::Warning, summary, evidence });
    };
    let mut evidence = vec![
        Evidence::new("Ready", format!("{}: {}", condition.status, condition.reason), &source),
        Evidence::new("it says", &condition.message, &source),
    ];
    let since = since(facts.now, condition.since);
    evidence.extend(since.map(|since| Evidence::new("since", format!("{} ago", shown(since)), &source)));
    let summary = match condition.status.as_str() {
        "Unknown" => "its kubelet is silent".to_owned(),
        _ => format!("it is not ready: {}", condition.reason),
    };
    // Whoever cordons a node works on it.
    let severity = if node.spec.unschedulable { Severity::Warning } else { Severity::Critical };
    Some(Ill { node, severity, summary, evidence })
}

/// Says whether a node counts as ready though its kubelet is silent, compared with when others were heard of.
fn silent<'a>(facts: &Facts, node: &'a Node, heard: i64) -> Option<Ill<'a>> {
    let lease = facts.kube.leases.get(&node.meta.name)?;
    let renewed = lease.spec.renew_time?;
    let behind = heard.min(facts.now).saturating_sub(renewed);
    if !node.is_ready() || behind < SILENT {
        return None;
    }
    let source = format!("{}, Lease kube-node-lease/{}", facts.kube.server, node.meta.name);
    let evidence = vec![
        Evidence::new("lease renewed", format!("{} before the newest one", shown(behind)), source),
        Evidence::new("Ready", "True", source::of(facts, &subject(node))),
    ];
    let summary = "its kubelet is silent, and it counts as ready: nobody judges nodes".to_owned();
    Some(Ill { node, severity: Severity::Critical, summary, evidence })
}
