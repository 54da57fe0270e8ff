use kube::core::GroupVersionKind;
use kube::core::discovery::ApiResource;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn kind(name: &str, namespaced: bool) -> Arc<Kind> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", name));
    Arc::new(Kind::new(resource, namespaced, Vec::new()))
}

fn meta(uid: &str, namespace: &str, owners: &[(&str, bool)], ending: &str) -> ObjectMeta {
    let owners: Vec<Value> = owners
        .iter()
        .map(|(uid, blocks)| {
            json!({"apiVersion": "v1", "kind": "ConfigMap", "name": uid, "uid": uid, "blockOwnerDeletion": blocks})
        })
        .collect();
    let mut object = json!({"name": uid, "uid": uid, "namespace": namespace, "ownerReferences": owners});
    if !ending.is_empty() {
        object["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        object["finalizers"] = json!([ending]);
    }
    serde_json::from_value(object).expect("metadata")
}

fn uids(names: &[&str]) -> BTreeSet<Uid> {
    names.iter().map(|name| Uid::of(name)).collect()
}

#[test]
fn uids_are_numbers() {
    let uid = Uid::of("123e4567-e89b-12d3-a456-426614174000");
    assert_eq!(uid.to_string(), "123e4567e89b12d3a456426614174000");
    assert_ne!(Uid::of("a"), Uid::of("b"));
}

#[test]
fn what_goes_has_its_dependents_looked_at() {
    let (mut graph, maps) = (Graph::default(), kind("ConfigMap", true));
    assert_eq!(graph.observe(&maps, &meta("owner", "x", &[], "")), uids(&[]));
    assert!(graph.node(Uid::of("owner")).is_none(), "no details of what has no owner");
    assert_eq!(graph.observe(&maps, &meta("a", "x", &[("owner", true)], "")), uids(&[]));
    // An owner that nobody has seen, and one that is elsewhere.
    assert_eq!(
        graph.observe(&maps, &meta("b", "x", &[("owner", false), ("nobody", true)], "")),
        uids(&["b"])
    );
    assert_eq!(graph.observe(&maps, &meta("c", "y", &[("owner", true)], "")), uids(&["c"]));
    let state = |graph: &Graph, node: &str, owner: &str| {
        graph.owner(graph.node(Uid::of(node)).expect("a node"), Uid::of(owner))
    };
    assert_eq!(state(&graph, "a", "owner"), Owner::Solid);
    assert_eq!(
        (state(&graph, "b", "nobody"), state(&graph, "c", "owner")),
        (Owner::Unseen, Owner::Elsewhere)
    );
    assert_eq!(graph.remove(Uid::of("owner")), uids(&["a", "b", "c"]));
    assert!(graph.is_buried(Uid::of("owner")) && state(&graph, "a", "owner") == Owner::Unseen);
    assert_eq!(graph.remove(Uid::of("a")), uids(&[]));
}

#[test]
fn an_end_in_the_foreground_waits_for_dependents() {
    let (mut graph, maps) = (Graph::default(), kind("ConfigMap", true));
    graph.observe(&maps, &meta("owner", "x", &[], ""));
    graph.observe(&maps, &meta("a", "x", &[("owner", true)], ""));
    graph.observe(&maps, &meta("b", "x", &[("owner", false)], ""));
    assert_eq!(graph.observe(&maps, &meta("owner", "x", &[], FOREGROUND)), uids(&["owner", "a", "b"]));
    assert_eq!(graph.observe(&maps, &meta("owner", "x", &[], FOREGROUND)), uids(&[]), "nothing new");
    let node = |name: &str| graph.node(Uid::of(name)).expect("a node").clone();
    assert!(node("a").blocks(Uid::of("owner")) && !node("b").blocks(Uid::of("owner")));
    assert_eq!(graph.owner(&node("a"), Uid::of("owner")), Owner::Waiting);
    // A dependent that comes meanwhile goes as well.
    assert_eq!(graph.observe(&maps, &meta("d", "x", &[("owner", true)], "")), uids(&["owner", "d"]));
    assert_eq!(graph.remove(Uid::of("a")), uids(&["owner"]));
    assert_eq!(graph.observe(&maps, &meta("b", "x", &[], "")), uids(&["owner"]), "let go");
}

#[test]
fn a_list_says_what_went_unseen() {
    let (mut graph, maps, pods) = (Graph::default(), kind("ConfigMap", true), kind("Pod", true));
    graph.observe(&maps, &meta("owner", "x", &[], ""));
    graph.observe(&pods, &meta("a", "x", &[("owner", true)], ""));
    assert_eq!(graph.replace(&pods, &HashSet::from([Uid::of("a")])), uids(&[]));
    assert_eq!(graph.replace(&maps, &HashSet::new()), uids(&["a"]));
    assert_eq!(graph.replace(&pods, &HashSet::new()), uids(&[]));
    assert!(graph.known.is_empty() && graph.nodes.is_empty() && graph.dependents.is_empty());
}

proptest! {
    /// Whatever happens, nothing is left of what is gone, and every dependent is found from its owners.
    #[test]
    fn invariant_edges_go_both_ways(steps in proptest::collection::vec((0..8_usize, proptest::collection::vec(0..8_usize, 0..3), 0..4_u8), 0..60)) {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let (mut graph, maps) = (Graph::default(), kind("ConfigMap", true));
        for (object, owners, what) in steps {
            let owners: BTreeSet<usize> = owners.into_iter().collect();
            let owners: Vec<(&str, bool)> = owners.iter().map(|owner| (names[*owner], true)).collect();
            match what {
                0 => drop(graph.remove(Uid::of(names[object]))),
                1 => drop(graph.observe(&maps, &meta(names[object], "x", &owners, FOREGROUND))),
                _ => drop(graph.observe(&maps, &meta(names[object], "x", &owners, ""))),
            }
            for (uid, node) in &graph.nodes {
                prop_assert!(graph.known.contains_key(uid));
                for owner in node.owner_uids() {
                    prop_assert!(graph.dependents_of(owner).contains(uid));
                }
            }
            for (owner, dependents) in &graph.dependents {
                prop_assert!(!dependents.is_empty());
                for dependent in dependents {
                    prop_assert!(graph.nodes[dependent].owner_uids().contains(owner));
                }
            }
        }
    }
}
