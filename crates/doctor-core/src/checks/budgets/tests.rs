use serde_json::{Value, json};

use crate::Severity;
use crate::checks::given::finds_of;

fn workload(name: &str, image: &str, replicas: i64) -> Value {
    json!({"kind": "StatefulSet", "metadata": {"name": name, "namespace": "a"}, "spec": {"replicas": replicas,
        "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"image": image}]}}}})
}

fn pods(name: &str, image: &str, count: usize) -> Vec<Value> {
    let one = |number| {
        json!({"kind": "Pod", "metadata": {"name": format!("{name}-{number}"), "namespace": "a", "labels": {"app": name},
                "ownerReferences": [{"kind": "StatefulSet", "name": name, "controller": true}]},
            "spec": {"containers": [{"name": "c", "image": image}]}, "status": {"phase": "Running"}})
    };
    (0..count).map(one).collect()
}

#[expect(clippy::needless_pass_by_value, reason = "it is written where it is used")]
fn budget(name: &str, spec: Value, expected: i64, healthy: i64) -> Value {
    let mut budget = json!({"kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": "a", "generation": 1}, "spec": spec,
        "status": {"observedGeneration": 1, "expectedPods": expected, "currentHealthy": healthy}});
    if budget["spec"]["selector"].is_null() {
        budget["spec"]["selector"] = json!({"matchLabels": {"app": "db"}});
    }
    budget
}

fn severities(check: &str, objects: &[Value]) -> Vec<(Severity, String)> {
    finds_of(check, objects).into_iter().map(|one| (one.severity, one.subject.to_string())).collect()
}

#[test]
fn replicas_without_a_budget() {
    let with = |budgets: &[Value], image: &str, wanted: i64| {
        let mut objects = pods("db", image, 2);
        objects.push(workload("db", image, wanted));
        objects.extend_from_slice(budgets);
        severities("budgets/missing", &objects)
    };
    assert_eq!(with(&[], "mariadb:11", 2), [(Severity::Warning, "StatefulSet a/db".to_owned())]);
    assert_eq!(with(&[], "nginx:1", 2), [(Severity::Info, "Namespace a".to_owned())]);
    assert_eq!(with(&[], "mariadb:11", 1), [], "a rollout has one more for a while");
    assert_eq!(with(&[budget("one", json!({"maxUnavailable": 1}), 2, 2)], "mariadb:11", 2), []);
    let everything = budget("all", json!({"maxUnavailable": 1, "selector": {}}), 2, 2);
    assert_eq!(with(&[everything], "mariadb:11", 2), []);
    let unknown =
        json!({"selector": {"matchExpressions": [{"key": "app", "operator": "Like", "values": ["d"]}]}});
    assert_eq!(with(&[budget("new", unknown, 2, 2)], "mariadb:11", 2), [], "it may be about them");
    let other = budget("other", json!({"selector": {"matchLabels": {"app": "else"}}}), 0, 0);
    assert_eq!(with(&[other], "mariadb:11", 2).len(), 1);
}

#[test]
fn budgets_that_block() {
    let of = |spec: Value, expected: i64, healthy: i64| {
        let found = severities("budgets/blocking", &[budget("b", spec, expected, healthy)]);
        found.into_iter().map(|(severity, _)| severity).collect::<Vec<_>>()
    };
    for spec in [
        json!({"minAvailable": 3}),
        json!({"minAvailable": "100%"}),
        json!({"maxUnavailable": 0}),
        json!({"maxUnavailable": "0%"}),
    ] {
        assert_eq!(of(spec.clone(), 3, 3), [Severity::Warning], "{spec}");
        assert_eq!(of(spec.clone(), 3, 1), [Severity::Warning], "{spec}");
        assert_eq!(of(spec.clone(), 0, 0), [], "{spec}: there is nothing to evict");
    }
    assert_eq!(of(json!({"minAvailable": "50%"}), 1, 1), [Severity::Warning], "it is rounded up");
    assert_eq!(of(json!({"maxUnavailable": "1%"}), 3, 3), [Severity::Info; 0], "it is rounded up");
    assert_eq!(of(json!({"minAvailable": 2}), 3, 2), [Severity::Info], "one is ill");
    assert_eq!(of(json!({"minAvailable": "many"}), 3, 3), [], "it cannot be understood");
    assert_eq!(of(json!({}), 3, 3), []);
    let of_role =
        json!({"minAvailable": 1, "selector": {"matchLabels": {"cnpg.io/instanceRole": "primary"}}});
    assert_eq!(of(of_role, 1, 1), [], "its operator gives the role to another one");
    let mut owned = budget("b", json!({"minAvailable": 1}), 1, 1);
    owned["metadata"]["ownerReferences"] = json!([{"kind": "Cluster", "name": "db", "controller": true}]);
    assert_eq!(severities("budgets/blocking", &[owned])[0].0, Severity::Info);
    let mut late = budget("b", json!({"minAvailable": 3}), 3, 3);
    late["metadata"]["generation"] = json!(2);
    assert_eq!(severities("budgets/blocking", &[late]), [], "the controller has not seen the change");
}

#[test]
fn pods_of_two_budgets() {
    let mut objects = pods("db", "mariadb:11", 3);
    objects.push(budget("one", json!({"maxUnavailable": 1}), 3, 3));
    assert_eq!(finds_of("budgets/overlapping", &objects), []);
    let mut elsewhere = budget("two", json!({"maxUnavailable": 1}), 3, 3);
    elsewhere["metadata"]["namespace"] = json!("b");
    objects.push(elsewhere);
    assert_eq!(finds_of("budgets/overlapping", &objects), []);
    objects.push(budget("two", json!({"minAvailable": 1, "selector": {}}), 3, 3));
    let found = finds_of("budgets/overlapping", &objects);
    assert_eq!((found.len(), found[0].count, found[0].severity), (1, 3, Severity::Warning), "{found:#?}");
    assert!(found[0].summary.contains("one, two"), "{found:#?}");
}

#[test]
fn budgets_of_nothing() {
    let lost = || budget("lost", json!({"maxUnavailable": 1}), 0, 0);
    assert_eq!(severities("budgets/empty", &[lost()]).len(), 1);
    assert_eq!(
        severities("budgets/empty", &[lost(), workload("db", "mariadb:11", 0)]),
        [],
        "it is scaled to none"
    );
    let mut owned = lost();
    owned["metadata"]["ownerReferences"] =
        json!([{"kind": "DatabaseCluster", "name": "x", "controller": true}]);
    assert_eq!(severities("budgets/empty", &[owned]), []);
    let mut objects = pods("db", "mariadb:11", 1);
    objects.push(lost());
    assert_eq!(severities("budgets/empty", &objects), []);
}
