use super::*;

fn meta(owners: &[&str], finalizers: &[&str]) -> ObjectMeta {
    let owners: Vec<Value> = owners
        .iter()
        .map(|uid| json!({"apiVersion": "v1", "kind": "ConfigMap", "name": uid, "uid": uid, "blockOwnerDeletion": true}))
        .collect();
    let object =
        json!({"uid": "u", "resourceVersion": "7", "ownerReferences": owners, "finalizers": finalizers});
    serde_json::from_value(object).expect("metadata")
}

#[test]
fn owners_decide() {
    use PropagationPolicy::{Background, Foreground, Orphan};
    use Standing::{Dangling, Solid, Waiting};
    let delete = Verdict::Delete;
    let table: Vec<(&[Standing], &[&str], Dependents, Verdict)> = vec![
        (&[], &[], Dependents::None, Verdict::Keep),
        (&[Solid], &[], Dependents::None, Verdict::Keep),
        (&[Solid, Solid], &[], Dependents::Waiting, Verdict::Keep),
        (&[Dangling], &[], Dependents::Some, delete(Background)),
        (&[Dangling], &[ORPHAN], Dependents::Some, delete(Orphan)),
        (&[Dangling], &[FOREGROUND], Dependents::None, delete(Foreground)),
        (&[Waiting], &[], Dependents::None, delete(Background)),
        (&[Waiting], &[], Dependents::Some, delete(Foreground)),
        (&[Dangling, Waiting], &[], Dependents::Some, delete(Foreground)),
    ];
    for (owners, finalizers, dependents, expected) in table {
        let names = &["a", "b", "c"][..owners.len()];
        assert_eq!(
            decide(&meta(names, finalizers), owners, dependents),
            expected,
            "{owners:?} {finalizers:?}"
        );
    }
    let Verdict::Refer(kept) =
        decide(&meta(&["a", "b", "c"], &[]), &[Dangling, Solid, Waiting], Dependents::None)
    else {
        panic!("references are to change")
    };
    assert_eq!(kept.iter().map(|owner| owner.uid.as_str()).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn a_circle_is_unblocked_and_then_deleted() {
    let mut meta = meta(&["a"], &[]);
    let Verdict::Unblock(references) = decide(&meta, &[Standing::Waiting], Dependents::Waiting) else {
        panic!("to be unblocked")
    };
    meta.owner_references = Some(references);
    let verdict = decide(&meta, &[Standing::Waiting], Dependents::Waiting);
    assert_eq!(verdict, Verdict::Delete(PropagationPolicy::Foreground));
}

#[test]
fn patches_hold_for_what_was_read() {
    let meta = meta(&["a"], &["x", ORPHAN]);
    let expected = json!({"metadata": {"uid": "u", "resourceVersion": "7", "finalizers": ["x"]}});
    assert_eq!(finish(&meta, ORPHAN), Some(expected));
    assert_eq!(finish(&meta, FOREGROUND), None);
    let expected = json!({"metadata": {"uid": "u", "resourceVersion": "7", "ownerReferences": null}});
    assert_eq!(refer(&meta, &[]), expected);
}
