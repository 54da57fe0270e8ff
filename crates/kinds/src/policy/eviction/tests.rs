//! Tests of evictions against all states of budgets.

use super::*;

const NOW: &str = "2026-01-02T03:04:05Z";

fn pod(phase: &str, ready: bool) -> Value {
    let status = if ready { "True" } else { "False" };
    json!({
        "metadata": {"name": "web-1", "namespace": "default", "labels": {"app": "web"}},
        "status": {"phase": phase, "conditions": [{"type": "Ready", "status": status}]},
    })
}

fn budget(status: Value) -> Value {
    let mut budget = json!({
        "metadata": {"name": "web", "namespace": "default", "generation": 2},
        "spec": {"selector": {"matchLabels": {"app": "web"}}},
    });
    budget["status"] = status;
    budget
}

#[test]
fn pods_without_a_guard_go() {
    let full = budget(json!({"observedGeneration": 2}));
    let bypass = |pinned| Eviction::Bypass { pinned };
    for (phase, expected) in
        [("Succeeded", bypass(false)), ("Failed", bypass(false)), ("Pending", bypass(true))]
    {
        assert_eq!(decide(&pod(phase, true), std::slice::from_ref(&full), NOW), expected, "{phase}");
    }
    let mut deleting = pod("Running", true);
    deleting["metadata"]["deletionTimestamp"] = json!(NOW);
    assert_eq!(decide(&deleting, std::slice::from_ref(&full), NOW), bypass(false));

    let running = pod("Running", true);
    assert_eq!(decide(&running, &[], NOW), Eviction::Allowed { budget: None });
    for (pointer, value) in [
        ("/metadata/namespace", json!("other")),
        ("/spec/selector", json!({"matchLabels": {"app": "db"}})),
        ("/spec/selector", json!(null)),
        ("/spec/selector", json!({"matchExpressions": [{"key": "app", "operator": "Maybe"}]})),
    ] {
        let mut other = full.clone();
        *other.pointer_mut(pointer).expect("is there") = value;
        assert_eq!(decide(&running, &[other.clone()], NOW), Eviction::Allowed { budget: None }, "{other}");
    }
    let Eviction::MultipleBudgets(status) = decide(&running, &[full.clone(), full], NOW) else {
        panic!("there are two")
    };
    assert_eq!(status.code, 500);
    assert_eq!(
        status.message,
        "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
    );
}

#[test]
fn unready_pods_go_if_the_budget_lets_them() {
    for (healthy, needed, policy, expected) in [
        (2, 2, None, true),
        (1, 2, None, false),
        (0, 0, None, false),
        (1, 2, Some("AlwaysAllow"), true),
        (1, 2, Some("IfHealthyBudget"), false),
    ] {
        let mut guard =
            budget(json!({"observedGeneration": 2, "currentHealthy": healthy, "desiredHealthy": needed}));
        if let Some(policy) = policy {
            guard["spec"]["unhealthyPodEvictionPolicy"] = json!(policy);
        }
        let decided = decide(&pod("Running", false), std::slice::from_ref(&guard), NOW);
        assert_eq!(decided == Eviction::Bypass { pinned: true }, expected, "{guard}");
        assert!(matches!(decide(&pod("Running", true), &[guard], NOW), Eviction::TooMany(_)));
    }
}

#[test]
fn refusals_tell_why() {
    let denies = |reason: &str, message: &str| json!([{"type": "DisruptionAllowed", "status": "False", "reason": reason, "message": message}]);
    let full = json!({"observedGeneration": 2, "currentHealthy": 2, "desiredHealthy": 2});
    let with = |conditions: Value, healthy: i64| {
        let mut status = full.clone();
        status["conditions"] = conditions;
        status["currentHealthy"] = json!(healthy);
        status
    };
    let cases = [
        (
            json!({"observedGeneration": 1}),
            10,
            "The disruption budget web is still being processed by the server.",
        ),
        (full.clone(), 0, "The disruption budget web needs 2 healthy pods and has 2 currently"),
        (
            with(denies("SyncFailed", "no scale"), 2),
            0,
            "The disruption budget web does not allow evicting pods currently because it failed sync: no scale",
        ),
        (
            with(denies("InsufficientPods", "wait"), 3),
            0,
            "The disruption budget web does not allow evicting pods currently (InsufficientPods): wait",
        ),
        (
            with(denies("InsufficientPods", ""), 3),
            0,
            "The disruption budget web does not allow evicting pods currently",
        ),
    ];
    for (status, seconds, why) in cases {
        let Eviction::TooMany(refused) = decide(&pod("Running", true), &[budget(status)], NOW) else {
            panic!("{why}")
        };
        let mut details = json!({"causes": [{"reason": "DisruptionBudget", "message": why}]});
        if seconds > 0 {
            details["retryAfterSeconds"] = json!(seconds);
        }
        assert_eq!(
            refused.to_value(),
            json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 429,
                "reason": "TooManyRequests", "details": details,
                "message": "Cannot evict pod as it would violate the pod's disruption budget.",
            })
        );
    }
    let Eviction::Forbidden(refused) = decide(
        &pod("Running", true),
        &[budget(json!({"observedGeneration": 2, "disruptionsAllowed": -1}))],
        NOW,
    ) else {
        panic!("is negative")
    };
    assert_eq!(
        refused.message,
        "poddisruptionbudget.policy \"web\" is forbidden: pdb disruptions allowed is negative"
    );
    let crowd: Map<String, Value> = (0..=MAX_DISRUPTED).map(|n| (n.to_string(), json!(NOW))).collect();
    let status = json!({"observedGeneration": 2, "disruptionsAllowed": 1, "disruptedPods": crowd});
    assert!(matches!(decide(&pod("Running", true), &[budget(status)], NOW), Eviction::Forbidden(_)));
}

#[test]
fn budgets_are_charged() {
    let charge =
        |status: Value| match decide(&pod("Running", true), &[budget(json!(null)), budget(status)][1..], NOW)
        {
            Eviction::Allowed { budget: Some((0, budget)) } => budget["status"].clone(),
            other => panic!("{other:?}"),
        };
    assert_eq!(
        charge(json!({"observedGeneration": 2, "disruptionsAllowed": 2, "disruptedPods": {"x": "t"}})),
        json!({"observedGeneration": 2, "disruptionsAllowed": 1, "disruptedPods": {"x": "t", "web-1": NOW}})
    );
    let last = charge(json!({
        "observedGeneration": 2, "disruptionsAllowed": 1,
        "conditions": [{"type": "DisruptionAllowed", "status": "True", "lastTransitionTime": "t"}],
    }));
    assert_eq!(
        last,
        json!({
            "observedGeneration": 2, "disruptionsAllowed": 0, "disruptedPods": {"web-1": NOW},
            "conditions": [{
                "type": "DisruptionAllowed", "status": "False", "reason": "InsufficientPods", "message": "",
                "lastTransitionTime": NOW, "observedGeneration": 2,
            }],
        })
    );
}
