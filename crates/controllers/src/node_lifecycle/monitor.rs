//! Whether nodes are heard of.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, NodeCondition, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use crate::members;

/// How long a node may be silent: five renewals of its lease.
const GRACE: Duration = Duration::from_secs(50);
/// How long a new node may take to say anything.
const STARTUP: Duration = Duration::from_mins(1);
/// What is not known of a node that is silent.
const CONDITIONS: [&str; 4] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/// What was last heard of a node, and when. Only that it changes counts: clocks of nodes are not trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Health {
    renewed: Option<Timestamp>,
    heartbeat: Option<Timestamp>,
    heard: Option<Timestamp>,
    was_ready: bool,
}

/// What follows from what is heard of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Nothing is to be done.
    Fine,
    /// It has not been heard of for too long.
    Silent,
    /// It has just said that it is not ready.
    Unready,
}

/// Returns a condition of a node.
pub(super) fn condition<'a>(node: &'a Node, kind: &str) -> Option<&'a NodeCondition> {
    node.status.as_ref()?.conditions.as_ref()?.iter().find(|condition| condition.type_ == kind)
}

/// Takes note of what a node says.
pub(super) fn hear(health: &mut Health, node: &Node, lease: Option<&Lease>, now: Timestamp) -> Word {
    let ready = condition(node, "Ready");
    let renewed = lease.and_then(|lease| lease.spec.as_ref()?.renew_time.as_ref()).map(|time| time.0);
    let heartbeat = ready.and_then(|ready| ready.last_heartbeat_time.as_ref()).map(|time| time.0);
    let (heard, grace) = match ready {
        Some(_) => {
            let news = renewed != health.renewed || heartbeat != health.heartbeat;
            (health.heard.filter(|_| !news).unwrap_or(now), GRACE)
        }
        None => (node.metadata.creation_timestamp.as_ref().map_or(now, |created| created.0), STARTUP),
    };
    let is_ready = ready.is_some_and(|ready| ready.status == "True");
    let was_ready = health.was_ready;
    *health = Health { renewed, heartbeat, heard: Some(heard), was_ready: is_ready };
    let silent = Duration::try_from(now.duration_since(heard)).unwrap_or_default();
    if silent > grace {
        Word::Silent
    } else if was_ready && !is_ready {
        Word::Unready
    } else {
        Word::Fine
    }
}

/// Returns a node of which nothing is known; none if it says so already.
pub(super) fn silenced(node: &Node, now: Timestamp) -> Option<Node> {
    let mut new = node.clone();
    let created = node.metadata.creation_timestamp.clone();
    let conditions = new.status.get_or_insert_default().conditions.get_or_insert_default();
    let mut changed = false;
    for kind in CONDITIONS {
        let old = conditions.iter_mut().find(|condition| condition.type_ == kind);
        let unknown = |heartbeat, reason: &str, message: &str| NodeCondition {
            type_: kind.to_owned(),
            status: "Unknown".to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message.to_owned()),
            last_heartbeat_time: heartbeat,
            last_transition_time: Some(Time(now)),
        };
        match old {
            Some(old) if old.status == "Unknown" => continue,
            Some(old) => {
                let heartbeat = old.last_heartbeat_time.clone();
                *old = unknown(heartbeat, "NodeStatusUnknown", "Kubelet stopped posting node status.");
            }
            None => conditions.push(unknown(
                created.clone(),
                "NodeStatusNeverUpdated",
                "Kubelet never posted node status.",
            )),
        }
        changed = true;
    }
    changed.then_some(new)
}

/// Returns the patch that says that a Pod is not ready; none if it says so already.
pub(super) fn unready(pod: &Pod, now: Timestamp) -> Option<Value> {
    if !members::is_ready(pod) {
        return None;
    }
    Some(members::with_condition(pod, &json!({"type": "Ready", "status": "False"}), now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a moment")
    }

    fn node(ready: Option<&str>) -> Node {
        let conditions = ready.map(|status| {
            json!([{"type": "Ready", "status": status, "lastHeartbeatTime": "1970-01-01T00:00:00Z"}])
        });
        let object = json!({
            "metadata": {"name": "n", "creationTimestamp": "1970-01-01T00:00:00Z"}, "status": {"conditions": conditions},
        });
        serde_json::from_value(object).expect("a node")
    }

    fn lease(renewed: i64) -> Lease {
        let time = format!("{:.6}", at(renewed));
        serde_json::from_value(json!({"metadata": {}, "spec": {"renewTime": time}})).expect("a lease")
    }

    #[test]
    fn a_node_is_silent_when_nothing_changes() {
        let (mut health, fine) = (Health::default(), node(Some("True")));
        for (now, renewed, expected) in [
            (1000, 0, Word::Fine),
            (1010, 10, Word::Fine),
            (1060, 10, Word::Fine),
            (1061, 10, Word::Silent),
            (1062, 11, Word::Fine),
        ] {
            assert_eq!(hear(&mut health, &fine, Some(&lease(renewed)), at(now)), expected, "{now}");
        }
        assert_eq!(hear(&mut health, &node(Some("False")), Some(&lease(11)), at(1063)), Word::Unready);
        assert_eq!(hear(&mut health, &node(Some("False")), Some(&lease(11)), at(1064)), Word::Fine);
        let mut new = Health::default();
        assert_eq!(hear(&mut new, &node(None), None, at(60)), Word::Fine);
        assert_eq!(hear(&mut new, &node(None), None, at(61)), Word::Silent);
    }

    #[test]
    fn what_is_not_known_is_told_once() {
        let silent = silenced(&node(Some("True")), at(7)).expect("to be told");
        let told = |kind| {
            condition(&silent, kind).map(|it| (it.status.clone(), it.reason.clone().unwrap_or_default()))
        };
        assert_eq!(told("Ready"), Some(("Unknown".to_owned(), "NodeStatusUnknown".to_owned())));
        assert_eq!(told("PIDPressure"), Some(("Unknown".to_owned(), "NodeStatusNeverUpdated".to_owned())));
        assert_eq!(silenced(&silent, at(8)), None);
    }
}
