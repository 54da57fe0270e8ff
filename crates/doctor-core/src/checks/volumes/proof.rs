//! Whether a node that holds a volume is gone.
//!
//! A volume that two machines write is destroyed, so a node counts as gone only if two facts say so that do not follow from one
//! another, and nothing speaks against it. Silence alone proves nothing: a node that is cut off from the API goes on writing.

use crate::checks::age::{shown, since};
use crate::checks::source;
use crate::facts::Facts;
use crate::facts::kube::node::Node;
use crate::finding::Evidence;
use crate::subject::Subject;

/// A kubelet that is restarted, and a network that is mended, are back by then.
const SILENT: i64 = 5 * 60;
/// Whoever renewed a lease within this time is there: it lasts for forty seconds.
const HEARD: i64 = 60;
/// Set by people, or by who fences, once a machine is off.
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";
/// Set by the controller of the provider, which asks the provider.
const SHUT_DOWN: &str = "node.cloudprovider.kubernetes.io/shutdown";
/// So many facts are needed.
const ENOUGH: usize = 2;

/// What is known about whether a node is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Proof {
    /// What says that it is gone.
    pub(crate) says: Vec<Evidence>,
    /// What says that it is there.
    pub(crate) contradicts: Vec<Evidence>,
    /// What would say that it is gone, and does not.
    pub(crate) lacks: Vec<String>,
}

impl Proof {
    /// Returns whether the node is gone: by two facts, and with nothing against it.
    pub(crate) fn is_complete(&self) -> bool {
        self.contradicts.is_empty() && self.says.len() >= ENOUGH
    }
}

/// Looks for facts that a node is gone, and for such that it is there. Nodes and Pods have to be read whole.
pub(crate) fn prove(facts: &Facts, name: &str) -> Proof {
    let mut proof = Proof::default();
    let subject = Subject::new("Node", name);
    let place = source::of(facts, &subject);
    heard(facts, name, &mut proof);
    let Some(node) = facts.kube.node(name) else {
        proof.says.push(Evidence::new("Node", "its object is deleted", place));
        proof.lacks.push(
            "nothing but its deletion, which people can do to a machine that runs, says that it is gone"
                .to_owned(),
        );
        return proof;
    };
    ready(facts, node, &place, &mut proof);
    taints(node, &place, &mut proof);
    in_use(facts, node, &place, &mut proof);
    proof
}

/// Compares the node's lease with the clock, and with the newest lease of all: if nobody renews, the API was away.
fn heard(facts: &Facts, name: &str, proof: &mut Proof) {
    let renewed = |lease: &crate::facts::kube::node::Lease| lease.spec.renew_time;
    let newest = facts.kube.leases.values().filter_map(renewed).max();
    let Some(age) = since(facts.now, facts.kube.leases.get(name).and_then(renewed)) else { return };
    let place = format!("{}, Lease kube-node-lease/{name}", facts.kube.server);
    let evidence = Evidence::new("lease renewed", format!("{} ago", shown(age)), place);
    let others = since(facts.now, newest).unwrap_or(i64::MAX);
    if age < HEARD {
        proof.contradicts.push(evidence);
    } else if others >= HEARD {
        proof.contradicts.push(Evidence::new(
            "leases",
            "no node has renewed its own of late",
            &evidence.source,
        ));
    }
}

/// Silence is one fact: that the lease is old and that the condition says so follow from one another.
fn ready(facts: &Facts, node: &Node, place: &str, proof: &mut Proof) {
    let lease = facts.kube.leases.get(&node.meta.name).and_then(|lease| lease.spec.renew_time);
    let condition = node.condition("Ready");
    let unknown = condition.filter(|condition| condition.status == "Unknown");
    let for_seconds = unknown.and_then(|condition| since(facts.now, condition.since));
    let silent = since(facts.now, lease).unwrap_or(i64::MAX);
    match (condition.map(|condition| condition.status.as_str()), for_seconds) {
        (Some("True"), _) => proof.contradicts.push(Evidence::new("Ready", "True", place)),
        (Some("Unknown"), Some(age)) if age >= SILENT && silent >= SILENT => {
            proof.says.push(Evidence::new("silent for", shown(age.min(silent)), place));
        }
        // A kubelet that says that it is not ready says so.
        (Some("False"), _) if silent < SILENT => {
            proof.contradicts.push(Evidence::new("Ready", "False: its kubelet says so itself", place));
        }
        _ => proof.lacks.push(format!("it has not been silent for {}", shown(SILENT))),
    }
}

fn taints(node: &Node, place: &str, proof: &mut Proof) {
    let known = [
        (OUT_OF_SERVICE, "somebody says that the machine is off", "nobody has tainted it as out of service"),
        (
            SHUT_DOWN,
            "its provider says that the machine is shut down",
            "no provider says that the machine is shut down",
        ),
    ];
    for (key, says, lacks) in known {
        if node.is_tainted(key) {
            proof.says.push(Evidence::new(key, says, place));
        } else {
            proof.lacks.push(lacks.to_owned());
        }
    }
}

/// A kubelet mounts a volume only after it has reported that it uses it, so one that reports none has none mounted. That is
/// believed only if no Pod with a claim is left on it: not every kubelet reports.
fn in_use(facts: &Facts, node: &Node, place: &str, proof: &mut Proof) {
    if !node.status.volumes_in_use.is_empty() {
        proof.lacks.push("its kubelet has reported that it uses volumes".to_owned());
        return;
    }
    let mut pods =
        facts.kube.pods.all().iter().filter(|pod| pod.node.as_deref() == Some(node.meta.name.as_str()));
    if pods.any(|pod| !pod.is_over() && !pod.claims.is_empty()) {
        proof.lacks.push("Pods with volumes are still on it".to_owned());
    } else {
        proof.says.push(Evidence::new("volumesInUse", "none, and no Pod with a claim is left on it", place));
    }
}
