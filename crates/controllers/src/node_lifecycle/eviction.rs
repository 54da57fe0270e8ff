//! How long a Pod may stay on a node that it is to leave.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, Taint, Toleration};
use k8s_openapi::jiff::{SignedDuration, Timestamp};

/// What becomes of a Pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Eviction {
    Never,
    After(Duration),
    Now,
}

/// Decides from the taints that evict, each with the moment since when it is there.
pub(super) fn evict(pod: &Pod, taints: &[(Taint, Timestamp)], now: Timestamp) -> Eviction {
    if pod.metadata.deletion_timestamp.is_some() {
        return Eviction::Never;
    }
    let spec = pod.spec.as_ref();
    let tolerations = spec.and_then(|spec| spec.tolerations.as_deref()).unwrap_or_default();
    let placed = pod.metadata.creation_timestamp.as_ref().map(|created| created.0);
    let mut ends: Option<Timestamp> = None;
    for (taint, since) in taints {
        let mut matching = tolerations.iter().filter(|toleration| tolerates(toleration, taint)).peekable();
        if matching.peek().is_none() {
            return Eviction::Now;
        }
        let Some(seconds) = matching.filter_map(|it| it.toleration_seconds).min() else { continue };
        // A Pod that came later has its time from then on.
        let since = placed.map_or(*since, |placed| placed.max(*since));
        let end = since.saturating_add(SignedDuration::from_secs(seconds.max(0))).unwrap_or(Timestamp::MAX);
        ends = Some(ends.map_or(end, |ends| ends.min(end)));
    }
    match ends {
        None => Eviction::Never,
        Some(end) if end <= now => Eviction::Now,
        Some(end) => Eviction::After(Duration::try_from(end.duration_since(now)).unwrap_or_default()),
    }
}

fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (key, effect) = (text(&toleration.key), text(&toleration.effect));
    let value = match toleration.operator.as_deref().unwrap_or("Equal") {
        "Exists" => true,
        "Equal" | "" => text(&toleration.value) == text(&taint.value),
        _ => false,
    };
    (effect.is_empty() || effect == taint.effect) && (key.is_empty() || key == taint.key) && value
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn tolerations_give_time() {
        let at = |seconds: i64| Timestamp::from_second(seconds).expect("a moment");
        let taint = |key: &str, value: &str| {
            serde_json::from_value::<Taint>(json!({"key": key, "value": value, "effect": "NoExecute"}))
                .expect("a taint")
        };
        let both = [(taint("a", ""), at(100)), (taint("b", "x"), at(150))];
        let exists = |key: &str, seconds: Value| json!({"key": key, "operator": "Exists", "tolerationSeconds": seconds});
        let after = |seconds| Eviction::After(Duration::from_secs(seconds));
        let table = [
            (json!([]), 0, Eviction::Now),
            (json!([{"operator": "Exists"}]), 0, Eviction::Never),
            (json!([exists("a", json!(300))]), 0, Eviction::Now),
            (json!([exists("a", json!(300)), exists("b", json!(300))]), 0, after(200)),
            (json!([exists("a", json!(300)), exists("b", json!(60))]), 0, after(10)),
            (
                json!([exists("a", json!(300)), exists("a", json!(30)), exists("b", Value::Null)]),
                0,
                Eviction::Now,
            ),
            (json!([exists("a", json!(30)), exists("b", Value::Null)]), 195, after(25)),
            (json!([exists("a", json!(-1)), exists("b", Value::Null)]), 0, Eviction::Now),
            (json!([exists("a", Value::Null), {"key": "b", "value": "x"}]), 0, Eviction::Never),
            (json!([exists("a", Value::Null), {"key": "b", "value": "y"}]), 0, Eviction::Now),
            (
                json!([exists("a", Value::Null), {"key": "b", "value": "x", "effect": "NoSchedule"}]),
                0,
                Eviction::Now,
            ),
        ];
        for (tolerations, created, expected) in table {
            let object = json!({
                "metadata": {"creationTimestamp": at(created).to_string()},
                "spec": {"containers": [], "tolerations": tolerations},
            });
            let pod = serde_json::from_value(object).expect("a pod");
            assert_eq!(evict(&pod, &both, at(200)), expected, "{tolerations}");
            assert_eq!(evict(&pod, &[], at(200)), Eviction::Never);
        }
    }
}
