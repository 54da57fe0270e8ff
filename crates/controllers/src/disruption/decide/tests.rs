use serde_json::{Value, json};

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("a moment")
}

fn budget(spec: &Value) -> PodDisruptionBudget {
    let object = json!({"metadata": {"name": "b", "generation": 3}, "spec": spec});
    serde_json::from_value(object).expect("a budget")
}

fn pods(ready: usize, unready: usize) -> Vec<Arc<Pod>> {
    let pod = |number: usize| {
        let is = if number < ready { "True" } else { "False" };
        let object = json!({"metadata": {"name": format!("p{number}")}, "status": {"conditions": [{"type": "Ready", "status": is}]}});
        Arc::new(serde_json::from_value(object).expect("a pod"))
    };
    (0..ready + unready).map(pod).collect()
}

fn kept(expected: i32) -> Counted {
    Counted { expected, ..Counted::default() }
}

#[test]
fn budgets_allow_what_is_left_over() {
    let table = [
        // The budget, ready Pods, others, Pods that are kept; expected, desired, allowed.
        (json!({"minAvailable": 2}), 3, 0, 9, (3, 2, 1)),
        (json!({"minAvailable": 2}), 1, 2, 9, (3, 2, 0)),
        (json!({"minAvailable": 2}), 0, 0, 0, (0, 2, 0)),
        (json!({"minAvailable": "50%"}), 3, 0, 5, (5, 3, 0)),
        (json!({"minAvailable": "50%"}), 5, 0, 5, (5, 3, 2)),
        (json!({"maxUnavailable": 1}), 3, 0, 3, (3, 2, 1)),
        (json!({"maxUnavailable": 1}), 2, 0, 3, (3, 2, 0)),
        (json!({"maxUnavailable": "30%"}), 5, 0, 5, (5, 3, 2)),
        (json!({"maxUnavailable": 9}), 5, 0, 5, (5, 0, 5)),
        (json!({"maxUnavailable": 0}), 5, 0, 5, (5, 5, 0)),
        (json!({}), 2, 0, 2, (2, 0, 2)),
    ];
    for (spec, ready, unready, owned, expected) in table {
        let mut budget = budget(&spec);
        let decided = decide(&budget, &pods(ready, unready), kept(owned), at(5));
        let status = &decided.status;
        let found = (status.expected_pods, status.desired_healthy, status.disruptions_allowed);
        assert_eq!(found, (Some(expected.0), Some(expected.1), Some(expected.2)), "{spec} {ready} {unready}");
        assert_eq!(status.observed_generation, Some(3));
        budget.status = Some(decided.status.clone());
        let again = decide(&budget, &pods(ready, unready), kept(owned), at(6));
        assert_eq!(again.status, decided.status, "settles");
    }
}

#[test]
fn evicted_pods_count_as_gone_for_a_while() {
    let mut budget = budget(&json!({"minAvailable": 1}));
    let since = |seconds| Time(at(seconds));
    budget.status = Some(PodDisruptionBudgetStatus {
        disrupted_pods: Some(
            [("p0".to_owned(), since(100)), ("p1".to_owned(), since(0)), ("gone".to_owned(), since(100))]
                .into(),
        ),
        ..PodDisruptionBudgetStatus::default()
    });
    let decided = decide(&budget, &pods(3, 0), kept(3), at(130));
    let names: Vec<&str> = decided.status.disrupted_pods.iter().flatten().map(|it| it.0.as_str()).collect();
    assert_eq!((names, decided.status.current_healthy), (vec!["p0"], Some(2)));
    assert_eq!(decided.again, Some(Duration::from_secs(90)));
    assert_eq!(decided.not_deleted.len(), 1);
}

#[test]
fn a_budget_that_cannot_be_counted_allows_nothing() {
    let mut budget = budget(&json!({"maxUnavailable": 1}));
    budget.status = Some(decide(&budget, &pods(3, 0), kept(3), at(1)).status);
    let failed = fail(&budget, "no", at(2));
    let condition = failed.conditions.as_ref().and_then(|all| all.first()).expect("a condition");
    assert_eq!((failed.disruptions_allowed, condition.reason.as_str()), (Some(0), "SyncFailed"));
    let unmanaged = Counted { unmanaged: true, ..kept(3) };
    assert!(decide(&budget, &pods(3, 0), unmanaged, at(3)).unmanaged);
}
