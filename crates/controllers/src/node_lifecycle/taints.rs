//! Which taints a node has because of how it is.

use k8s_openapi::api::core::v1::{Node, Taint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::monitor::condition;

/// Nothing new is placed on the node.
const SCHEDULE: &str = "NoSchedule";
/// What is on the node has to go.
pub(super) const EXECUTE: &str = "NoExecute";

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// Conditions that taint a node, with the status that does.
const CONDITIONS: [(&str, &str, &str); 6] = [
    ("Ready", "False", NOT_READY),
    ("Ready", "Unknown", UNREACHABLE),
    ("MemoryPressure", "True", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "True", "node.kubernetes.io/disk-pressure"),
    ("PIDPressure", "True", "node.kubernetes.io/pid-pressure"),
    ("NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"),
];

/// What is to become of the Pods of a node that is not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// They are evicted.
    Eviction,
    /// They are evicted if that was decided before.
    AsIs,
    /// They stay: it is not the nodes that are down, but the way to them.
    NoEviction,
}

/// Returns the taints of a node that have an effect.
pub(super) fn of(node: &Node, effect: &str) -> Vec<Taint> {
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_ref());
    taints.into_iter().flatten().filter(|taint| taint.effect == effect).cloned().collect()
}

/// Returns whether a node says that it is ready.
pub(super) fn is_ready(node: &Node) -> bool {
    condition(node, "Ready").is_some_and(|ready| ready.status == "True")
}

/// Returns the taint of a node that is not ready.
fn trouble(node: &Node) -> Option<&'static str> {
    match condition(node, "Ready").map(|ready| ready.status.as_str()) {
        Some("False") => Some(NOT_READY),
        Some("Unknown") => Some(UNREACHABLE),
        Some(_) | None => None,
    }
}

fn is_eviction(taint: &Taint) -> bool {
    taint.effect == EXECUTE && matches!(taint.key.as_str(), NOT_READY | UNREACHABLE)
}

/// Returns whether a node is not ready, and its Pods are not told to go.
pub(super) fn lacks_eviction(node: &Node) -> bool {
    trouble(node).is_some() && !of(node, EXECUTE).iter().any(is_eviction)
}

/// Returns the taints that a node should have; none if it has them.
pub(super) fn decide(node: &Node, wanted: Wanted, now: Timestamp) -> Option<Vec<Taint>> {
    let spec = node.spec.as_ref();
    let old = spec.and_then(|spec| spec.taints.clone()).unwrap_or_default();
    let mut keys: Vec<&str> = CONDITIONS
        .iter()
        .filter(|(kind, status, _)| condition(node, kind).is_some_and(|it| it.status == *status))
        .map(|(_, _, key)| *key)
        .collect();
    if condition(node, "Ready").is_none() {
        // Nobody has said anything yet, so what it was born with stays.
        keys.extend(
            old.iter().any(|taint| taint.key == NOT_READY && taint.effect == SCHEDULE).then_some(NOT_READY),
        );
    }
    keys.extend(spec.and_then(|spec| spec.unschedulable).unwrap_or(false).then_some(UNSCHEDULABLE));
    let known = |key: &str| key == UNSCHEDULABLE || CONDITIONS.iter().any(|(_, _, it)| *it == key);
    let evicting = old.iter().find(|taint| is_eviction(taint));
    let evict = match wanted {
        Wanted::Eviction => true,
        Wanted::AsIs => evicting.is_some(),
        Wanted::NoEviction => false,
    };
    // What has begun to count for Pods goes on counting when the reason changes.
    let since = evicting.and_then(|taint| taint.time_added.clone()).unwrap_or(Time(now));
    let mut new: Vec<Taint> = old
        .iter()
        .filter(|taint| !is_eviction(taint))
        .filter(|taint| taint.effect != SCHEDULE || !known(&taint.key) || keys.contains(&taint.key.as_str()))
        .cloned()
        .collect();
    let taint = |key: &str, effect: &str, since: Time| Taint {
        key: key.to_owned(),
        effect: effect.to_owned(),
        time_added: Some(since),
        value: None,
    };
    for key in keys {
        if !new.iter().any(|taint| taint.key == key && taint.effect == SCHEDULE) {
            new.push(taint(key, SCHEDULE, Time(now)));
        }
    }
    if let Some(key) = trouble(node).filter(|_| evict) {
        new.push(taint(key, EXECUTE, since));
    }
    let same = new.len() == old.len() && new.iter().all(|taint| old.contains(taint));
    (!same).then_some(new)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn node(conditions: &[(&str, &str)], unschedulable: bool, taints: &Value) -> Node {
        let conditions: Vec<Value> =
            conditions.iter().map(|(kind, status)| json!({"type": kind, "status": status})).collect();
        let object = json!({
            "metadata": {"name": "n"}, "spec": {"unschedulable": unschedulable, "taints": taints},
            "status": {"conditions": conditions},
        });
        serde_json::from_value(object).expect("a node")
    }

    fn told(taints: Option<&Vec<Taint>>) -> Vec<String> {
        let told = |taint: &Taint| {
            let key = taint.key.trim_start_matches("node.kubernetes.io/");
            let since = taint.time_added.as_ref().map_or(0, |since| since.0.as_second());
            format!("{key}:{} {since}", taint.effect)
        };
        taints.into_iter().flatten().map(told).collect()
    }

    /// Conditions, whether the node is cordoned, taints, what is wanted, and the taints that come of it.
    type Row<'a> = (Vec<(&'a str, &'a str)>, bool, &'a Value, Wanted, Vec<&'a str>);

    #[test]
    fn taints_follow_conditions() {
        let own = json!([{"key": "own", "effect": "NoSchedule"}]);
        let born = json!([{"key": NOT_READY, "effect": "NoSchedule"}]);
        let down = json!([{"key": UNREACHABLE, "effect": "NoSchedule"},
            {"key": UNREACHABLE, "effect": "NoExecute", "timeAdded": "1970-01-01T00:00:03Z"}]);
        let now = Timestamp::from_second(9).expect("a moment");
        let table: Vec<Row<'_>> = vec![
            (vec![("Ready", "True")], false, &own, Wanted::AsIs, vec![]),
            (vec![], false, &born, Wanted::AsIs, vec![]),
            (vec![("Ready", "False")], false, &born, Wanted::AsIs, vec![]),
            (
                vec![("Ready", "False")],
                false,
                &born,
                Wanted::Eviction,
                vec!["not-ready:NoSchedule 0", "not-ready:NoExecute 9"],
            ),
            (
                vec![("Ready", "True"), ("DiskPressure", "True")],
                true,
                &own,
                Wanted::AsIs,
                vec!["own:NoSchedule 0", "disk-pressure:NoSchedule 9", "unschedulable:NoSchedule 9"],
            ),
            (vec![("Ready", "Unknown")], false, &down, Wanted::AsIs, vec![]),
            (
                vec![("Ready", "False")],
                false,
                &down,
                Wanted::AsIs,
                vec!["not-ready:NoSchedule 9", "not-ready:NoExecute 3"],
            ),
            (vec![("Ready", "Unknown")], false, &down, Wanted::NoEviction, vec!["unreachable:NoSchedule 0"]),
        ];
        for (at, (conditions, unschedulable, taints, wanted, expected)) in table.into_iter().enumerate() {
            let mut node = node(&conditions, unschedulable, taints);
            let taints = decide(&node, wanted, now);
            assert_eq!(told(taints.as_ref()), expected, "{at}");
            if let Some(taints) = taints {
                node.spec.get_or_insert_default().taints = Some(taints);
                assert_eq!(decide(&node, Wanted::AsIs, now), None, "{at} settles");
            }
        }
        let clean = decide(&node(&[("Ready", "True")], false, &down), Wanted::AsIs, now);
        assert_eq!(clean, Some(vec![]));
    }
}
