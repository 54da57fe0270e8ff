use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("a moment")
}

fn told_of(namespace: &Namespace) -> Vec<String> {
    let conditions =
        namespace.status.as_ref().and_then(|status| status.conditions.clone()).unwrap_or_default();
    let wrong = conditions.iter().filter(|it| it.status == "True");
    wrong
        .map(|it| format!("{}: {}", it.reason.as_deref().unwrap_or(""), it.message.as_deref().unwrap_or("")))
        .collect()
}

#[test]
fn what_remains_is_told() {
    let mut found = Found::default();
    let left = |count, finalizer: &str| Left {
        count,
        finalizers: [(finalizer.to_owned(), count)].into_iter().filter(|it| !it.0.is_empty()).collect(),
        names: Vec::new(),
    };
    found.left.insert("pods.".to_owned(), left(2, ""));
    found.left.insert("widgets.example.com".to_owned(), left(1, "example.com/hold"));
    found.failed.insert("leases.coordination.k8s.io".to_owned(), "no".to_owned());
    let first = with_conditions(&Namespace::default(), &found, at(1));
    assert_eq!(
        told_of(&first),
        [
            "ContentDeletionFailed: Failed to delete all resource types, 1 remaining: leases.coordination.k8s.io: no",
            "SomeResourcesRemain: Some resources are remaining: pods. has 2 resource instances, \
             widgets.example.com has 1 resource instances",
            "SomeFinalizersRemain: Some content in the namespace has finalizers remaining: \
             example.com/hold in 1 resource instances",
        ]
    );
    assert_eq!(with_conditions(&first, &found, at(9)), first, "the same is not told again");
    let second = with_conditions(&first, &Found::default(), at(9));
    assert!(told_of(&second).is_empty() && remains(&found) && !remains(&Found::default()));
    let count = second.status.and_then(|status| status.conditions).map(|all| all.len());
    assert_eq!(count, Some(5));
}

#[test]
fn pauses_grow_within_bounds() {
    for (taken, expected) in [(-5, 250), (0, 250), (10, 2000), (1000, 30_000)] {
        assert_eq!(pause(at(100), at(100 + taken)), Duration::from_millis(expected), "{taken}");
    }
}
