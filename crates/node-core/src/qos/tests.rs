use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const GIB: i64 = 1 << 30;

fn spec(value: Value) -> PodSpec {
    serde_json::from_value(value).expect("a spec")
}

fn memory(amount: &str) -> Value {
    json!({"requests": {"memory": amount}})
}

#[test]
fn classes_follow_from_typed_specs() {
    let full = json!({"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}});
    let table = [
        (json!({"containers": [{"name": "a"}]}), QosClass::BestEffort),
        (json!({"containers": [{"name": "a", "resources": memory("1Gi")}]}), QosClass::Burstable),
        (json!({"containers": [{"name": "a", "resources": full}]}), QosClass::Guaranteed),
        (json!({"resources": full, "containers": [{"name": "a"}]}), QosClass::Guaranteed),
        (json!({"initContainers": [{"name": "i"}], "containers": [{"name": "a", "resources": full}]}), {
            QosClass::Burstable
        }),
    ];
    for (value, class) in table {
        assert_eq!(class_of(&spec(value.clone())), class, "{value}");
    }
}

#[test]
fn scores_follow_from_class_and_request() {
    let score = |value: Value, index: usize| {
        let spec = spec(value);
        let all: Vec<_> = spec.init_containers.iter().flatten().chain(&spec.containers).collect();
        oom_score(&spec, all[index], 8 * GIB)
    };
    let full = json!({"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}});
    let one = |resources: &Value| json!({"containers": [{"name": "a", "resources": resources}]});
    assert_eq!(score(one(&full), 0), -997);
    assert_eq!(score(one(&json!({})), 0), 1000);
    // A quarter of the machine: 1000 - 250.
    assert_eq!(score(one(&memory("2Gi")), 0), 750);
    assert_eq!(score(one(&memory("1Ki")), 0), 999);
    assert_eq!(score(one(&memory("80Gi")), 0), 3);
    let critical = json!({"priority": 2_000_001_000, "containers": [{"name": "a"}]});
    assert_eq!(score(critical, 0), -997);
    let sidecar = json!({
        "initContainers": [{"name": "s", "restartPolicy": "Always"}],
        "containers": [{"name": "a", "resources": memory("4Gi")}, {"name": "b", "resources": memory("2Gi")}],
    });
    assert_eq!(score(sidecar, 0), 750, "as the smallest of the main containers");
    // 3 GiB for the whole, 1 GiB for a: 1 GiB is left for each; a has 2 of 8.
    let whole = json!({
        "resources": memory("3Gi"),
        "containers": [{"name": "a", "resources": memory("1Gi")}, {"name": "b"}],
    });
    assert_eq!(score(whole.clone(), 0), 750);
    assert_eq!(score(whole, 1), 875);
}

#[test]
fn cgroup_values_are_computed() {
    for (milli, expected) in [(0, 2), (1, 2), (100, 102), (1000, 1024), (2500, 2560), (1_000_000, 262_144)] {
        assert_eq!(shares(milli), expected, "{milli}");
    }
    // 1 + (1022 * 9999) / 262142 = 1 + 38.
    for (shares, expected) in [(2, 1), (1024, 39), (262_144, 10_000)] {
        assert_eq!(weight(shares), expected, "{shares}");
    }
    let micros = |milli| quota(milli).map(|quota| quota.quota_micros);
    assert_eq!(
        (micros(0), micros(5), micros(10), micros(1500)),
        (None, Some(1000), Some(1000), Some(150_000))
    );
}

#[test]
fn limits_of_a_pod_are_those_of_its_parts() {
    let limits = json!({"limits": {"cpu": "500m", "memory": "100Mi"}});
    let with = |second: Value| spec(json!({"containers": [{"name": "a", "resources": limits}, second]}));
    let container = Limits::of_container(&with(json!({"name": "b"})).containers[0]);
    let expected = Limits { cpu_shares: 512, cpu_weight: 20, cpu_quota: quota(500), memory: Some(100 << 20) };
    assert_eq!(container, expected);
    let open = Limits::of_pod(&with(json!({"name": "b"})));
    assert_eq!((open.cpu_shares, open.cpu_quota, open.memory), (512, None, None));
    let closed = Limits::of_pod(&with(json!({"name": "b", "resources": limits})));
    assert_eq!((closed.cpu_shares, closed.cpu_quota, closed.memory), (1024, quota(1000), Some(200 << 20)));
    let mut whole = with(json!({"name": "b"}));
    whole.resources =
        Some(serde_json::from_value(json!({"limits": {"memory": "150Mi"}})).expect("resources"));
    assert_eq!(Limits::of_pod(&whole).memory, Some(150 << 20));
}

proptest! {
    #[test]
    fn invariant_values_stay_within_the_kernels_bounds(milli: i64) {
        let shares = shares(milli);
        prop_assert!((2..=262_144).contains(&shares));
        prop_assert!((1..=10_000).contains(&weight(shares)));
        prop_assert!(quota(milli).is_none_or(|quota| quota.quota_micros >= 1000));
    }
}
