//! How a container wants to be ended, kept with the container: for an end without the API.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use stanchion_node_core::hook::{Hook, HookKind, StopSignal};
use stanchion_node_core::qos::is_critical;
use stanchion_node_core::termination::grace_of_pod;

const SIGNAL: &str = "stop-signal";
const GRACE: &str = "grace-milliseconds";
const HOOK: &str = "has-pre-stop-hook";
const CRITICAL: &str = "is-critical";

/// How a container wants to be ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Farewell {
    pub(crate) signal: i32,
    pub(crate) grace: Duration,
    pub(crate) has_hook: bool,
    pub(crate) is_critical: bool,
}

impl Farewell {
    /// Reads it from what a Pod says.
    pub(super) fn of(pod: &Pod, container: &Container) -> Self {
        let fallback = PodSpec::default();
        Self {
            signal: StopSignal::of(container).map_or(15, |signal| signal.number),
            grace: grace_of_pod(pod),
            has_hook: Hook::of(container, HookKind::PreStop).ok().flatten().is_some(),
            is_critical: is_critical(pod.spec.as_ref().unwrap_or(&fallback)),
        }
    }

    /// Writes it as labels of the container.
    pub(super) fn labels(&self) -> [(&'static str, String); 4] {
        let Self { signal, grace, has_hook, is_critical } = self;
        [
            (SIGNAL, signal.to_string()),
            (GRACE, grace.as_millis().to_string()),
            (HOOK, has_hook.to_string()),
            (CRITICAL, is_critical.to_string()),
        ]
    }

    /// Reads it from labels; what is missing there is as usual.
    pub(crate) fn read(labels: &BTreeMap<String, String>) -> Self {
        let is = |key| labels.get(key).is_some_and(|value| value == "true");
        let number = |key| labels.get(key).and_then(|value| value.parse().ok());
        Self {
            signal: labels.get(SIGNAL).and_then(|value| value.parse().ok()).unwrap_or(15),
            grace: Duration::from_millis(number(GRACE).unwrap_or(30_000)),
            has_hook: is(HOOK),
            is_critical: is(CRITICAL),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let pod: Pod = serde_json::from_value(json!({"spec": {
            "priority": 2_000_000_000, "terminationGracePeriodSeconds": 7, "containers": [{
                "name": "c", "lifecycle": {"stopSignal": "SIGINT", "preStop": {"exec": {"command": ["true"]}}},
            }],
        }}))
        .expect("a Pod");
        let farewell = Farewell::of(&pod, &pod.spec.as_ref().expect("a spec").containers[0]);
        let expected =
            Farewell { signal: 2, grace: Duration::from_secs(7), has_hook: true, is_critical: true };
        assert_eq!(farewell, expected);
        let labels = farewell.labels().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        assert_eq!(Farewell::read(&labels), farewell);
        let usual =
            Farewell { signal: 15, grace: Duration::from_secs(30), has_hook: false, is_critical: false };
        assert_eq!(Farewell::read(&BTreeMap::new()), usual);
    }
}
