//! Amounts of resources, and what a pod as a whole asks for.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use stanchion_machinery::quantity::Quantity;

/// Amounts by the names of their resources.
pub type Amounts = BTreeMap<String, Quantity>;

/// One half of resource requirements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Requests,
    Limits,
}

impl Half {
    fn key(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Limits => "limits",
        }
    }

    /// Returns this half of the `resources` of a container, or of the spec of a pod or claim.
    pub(super) fn of(self, owner: &Value) -> Amounts {
        amounts(owner.get("resources").and_then(|resources| resources.get(self.key())))
    }
}

/// Reads amounts. What is no quantity is left out, for validation tells of it.
pub(super) fn amounts(list: Option<&Value>) -> Amounts {
    let list = list.and_then(Value::as_object).into_iter().flatten();
    list.filter_map(|(name, value)| Some((name.clone(), Quantity::from_value(value).ok()?))).collect()
}

/// Lays out amounts as they stand in objects.
pub(super) fn to_value(amounts: &Amounts) -> Value {
    let shown = amounts.iter().map(|(name, amount)| (name.clone(), Value::String(amount.to_string())));
    Value::Object(shown.collect::<Map<_, _>>())
}

/// Adds amounts to others.
pub(super) fn add(sum: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let entry = sum.entry(name.clone()).or_insert(Quantity::ZERO);
        *entry = *entry + *amount;
    }
}

fn raise(floor: &Amounts, sum: &mut Amounts) {
    for (name, amount) in floor {
        let entry = sum.entry(name.clone()).or_insert(*amount);
        if *amount > *entry {
            *entry = *amount;
        }
    }
}

/// Returns the items of a list of the spec.
pub(super) fn items<'a>(object: &'a Value, list: &str) -> &'a [Value] {
    object.get("spec").and_then(|spec| spec.get(list)).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Returns what a pod asks for in all, without its overhead.
///
/// Containers and sidecars run side by side. Init containers run one after the other, each beside the sidecars that
/// were started before it. What the pod says for itself as a whole goes before that.
pub(super) fn pod_total(pod: &Value, half: Half) -> Amounts {
    let mut total = Amounts::new();
    for container in items(pod, "containers") {
        add(&mut total, &half.of(container));
    }
    let mut sidecars = Amounts::new();
    let mut peak = Amounts::new();
    for container in items(pod, "initContainers") {
        let mut own = half.of(container);
        if container.get("restartPolicy").and_then(Value::as_str) == Some("Always") {
            add(&mut total, &own);
            add(&mut sidecars, &own);
            raise(&sidecars, &mut peak);
        } else {
            add(&mut own, &sidecars);
            raise(&own, &mut peak);
        }
    }
    raise(&peak, &mut total);
    let whole = pod.get("spec").map(|spec| half.of(spec)).unwrap_or_default();
    total.extend(whole.into_iter().filter(|(name, _)| is_pod_level(name)));
    total
}

/// Returns what a pod asks for in all, with its overhead. Where there is no limit, overhead is no limit either.
pub(super) fn pod_total_with_overhead(pod: &Value, half: Half) -> Amounts {
    let mut total = pod_total(pod, half);
    let mut overhead = amounts(pod.get("spec").and_then(|spec| spec.get("overhead")));
    if half == Half::Limits {
        overhead.retain(|name, _| total.contains_key(name));
    }
    add(&mut total, &overhead);
    total
}

/// Returns whether a pod says for itself as a whole what it asks for.
pub(super) fn has_pod_level(pod: &Value) -> bool {
    let Some(spec) = pod.get("spec") else { return false };
    [Half::Requests, Half::Limits].iter().any(|half| half.of(spec).keys().any(|name| is_pod_level(name)))
}

fn is_pod_level(name: &str) -> bool {
    matches!(name, "cpu" | "memory") || name.starts_with("hugepages-")
}

/// Returns whether a pod asks for no cpu and no memory at all.
pub(super) fn is_best_effort(pod: &Value) -> bool {
    let asks = |owner: &Value| {
        [Half::Requests, Half::Limits].iter().any(|half| {
            let own = half.of(owner);
            ["cpu", "memory"].iter().any(|name| own.get(*name).is_some_and(|amount| !amount.is_zero()))
        })
    };
    let containers = items(pod, "containers").iter().chain(items(pod, "initContainers"));
    !containers.chain(pod.get("spec")).any(asks)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pods_ask_for_the_most_they_need_at_any_time() {
        let container = |cpu: &str| json!({"resources": {"requests": {"cpu": cpu}, "limits": {"cpu": cpu}}});
        let sidecar = |cpu: &str| {
            let mut sidecar = container(cpu);
            sidecar["restartPolicy"] = json!("Always");
            sidecar
        };
        let cases = [
            (json!({"containers": [container("1"), container("500m")]}), "1500m"),
            (
                json!({"containers": [container("1")], "initContainers": [container("3"), container("2")]}),
                "3",
            ),
            (json!({"containers": [container("1")], "initContainers": [sidecar("2")]}), "3"),
            (json!({"containers": [container("1")], "initContainers": [sidecar("2"), container("3")]}), "5"),
            (json!({"containers": [container("1")], "initContainers": [container("2"), sidecar("3")]}), "4"),
            (
                json!({"containers": [container("1")], "resources": {"requests": {"cpu": "7", "x/y": "1"}}}),
                "7",
            ),
            (json!({"containers": [container("1")], "overhead": {"cpu": "250m", "memory": "1Mi"}}), "1250m"),
        ];
        for (spec, expected) in cases {
            let pod = json!({"spec": spec});
            let total = pod_total_with_overhead(&pod, Half::Requests);
            assert_eq!(total.get("cpu").map(ToString::to_string).as_deref(), Some(expected), "{pod}");
            assert!(!total.contains_key("x/y"));
            let limits = pod_total_with_overhead(&pod, Half::Limits);
            assert!(!limits.contains_key("memory"), "{pod}");
        }
        assert_eq!(pod_total(&json!(3), Half::Requests), Amounts::new());
    }

    #[test]
    fn best_effort_is_what_asks_for_nothing() {
        for (resources, expected) in [
            (json!({}), true),
            (json!({"requests": {"cpu": "0"}}), true),
            (json!({"requests": {"ephemeral-storage": "1Gi"}}), true),
            (json!({"limits": {"memory": "1"}}), false),
        ] {
            let pod = json!({"spec": {"initContainers": [{"resources": resources}]}});
            assert_eq!(is_best_effort(&pod), expected, "{resources}");
            assert_eq!(is_best_effort(&json!({"spec": {"resources": resources}})), expected, "{resources}");
        }
    }
}
