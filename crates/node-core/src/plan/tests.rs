use serde_json::json;

use super::*;

fn plan(spec: serde_json::Value) -> Result<PodPlan, PlanError> {
    PodPlan::parse(&serde_json::from_value(spec).expect("a spec"))
}

#[test]
fn roles_follow_from_place_and_policy() {
    let plan = plan(json!({
        "initContainers": [{"name": "i"}, {"name": "s", "restartPolicy": "Always", "startupProbe": {}}],
        "containers": [{"name": "m"}],
    }))
    .expect("a plan");
    let roles: Vec<_> = plan.containers.iter().map(|c| (c.name.as_str(), c.role)).collect();
    assert_eq!(roles, [("i", Role::Init), ("s", Role::Sidecar), ("m", Role::Main)]);
    assert_eq!(plan.policy, RestartPolicy::Always);
    assert!(plan.container("s").is_some_and(|c| c.has_startup_probe && !c.has_liveness_probe));
}

#[test]
fn what_is_unknown_is_refused() {
    let error = |spec| plan(spec).expect_err("refused").to_string();
    assert_eq!(
        error(json!({"restartPolicy": "Maybe", "containers": []})),
        "restart policy \"Maybe\" of the Pod is unknown"
    );
    assert_eq!(
        error(json!({"containers": [{"name": "a"}, {"name": "a"}]})),
        "there are two containers \"a\""
    );
    let rule = json!({"action": "Pray", "exitCodes": {"operator": "In", "values": [1]}});
    assert_eq!(
        error(json!({"containers": [{"name": "a", "restartPolicyRules": [rule]}]})),
        "restart rule of container \"a\" says \"Pray\", which is unknown"
    );
}

#[test]
fn fates_follow_rules_then_policies() {
    let rules = json!([
        {"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}},
        {"action": "RestartAllContainers", "exitCodes": {"operator": "NotIn", "values": [0, 1, 42]}},
    ]);
    let table = [
        ("Always", json!({"name": "c"}), 0, Fate::Restart),
        ("OnFailure", json!({"name": "c"}), 0, Fate::Stay),
        ("OnFailure", json!({"name": "c"}), 1, Fate::Restart),
        ("Never", json!({"name": "c"}), 1, Fate::Stay),
        ("Always", json!({"name": "c", "restartPolicy": "Never"}), 1, Fate::Stay),
        ("Never", json!({"name": "c", "restartPolicy": "OnFailure"}), 1, Fate::Restart),
        (
            "Never",
            json!({"name": "c", "restartPolicy": "Never", "restartPolicyRules": rules}),
            42,
            Fate::Restart,
        ),
        ("Never", json!({"name": "c", "restartPolicy": "Never", "restartPolicyRules": rules}), 1, Fate::Stay),
        (
            "Never",
            json!({"name": "c", "restartPolicy": "Never", "restartPolicyRules": rules}),
            7,
            Fate::RestartAll,
        ),
    ];
    for (policy, container, code, fate) in table {
        let plan = plan(json!({"restartPolicy": policy, "containers": [container.clone()]})).expect("a plan");
        assert_eq!(plan.fate(&plan.containers[0], code, code != 0), fate, "{policy} {container} {code}");
    }
    let init = plan(json!({"initContainers": [{"name": "i"}], "containers": []})).expect("a plan");
    assert_eq!(init.fate(&init.containers[0], 0, false), Fate::Stay);
    assert_eq!(init.fate(&init.containers[0], 1, true), Fate::Restart);
    assert_eq!(init.fate(&init.containers[0], 0, true), Fate::Restart);
}
