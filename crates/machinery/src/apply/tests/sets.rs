//! Laws of sets, what a value owns, and what differs between two.

use std::collections::BTreeSet;

use super::*;

fn paths(set: &FieldSet) -> BTreeSet<FieldPath> {
    set.paths().collect()
}

proptest! {
    #[test]
    fn sets_follow_the_laws_of_sets(a in any_paths(), b in any_paths()) {
        let (left, right): (BTreeSet<_>, BTreeSet<_>) = (a.iter().cloned().collect(), b.iter().cloned().collect());
        let (a, b) = (FieldSet::from_paths(a), FieldSet::from_paths(b));
        prop_assert_eq!(&paths(&a), &left);
        prop_assert_eq!(paths(&a.union(&b)), left.union(&right).cloned().collect::<BTreeSet<_>>());
        prop_assert_eq!(paths(&a.intersection(&b)), left.intersection(&right).cloned().collect::<BTreeSet<_>>());
        prop_assert_eq!(paths(&a.difference(&b)), left.difference(&right).cloned().collect::<BTreeSet<_>>());
        prop_assert_eq!(a.intersects(&b), !left.is_disjoint(&right));
        let below: BTreeSet<_> = left
            .iter()
            .filter(|path| !(1..=path.0.len()).any(|n| right.contains(&FieldPath(path.0[..n].to_vec()))))
            .cloned()
            .collect();
        prop_assert_eq!(paths(&a.recursive_difference(&b)), below);
        prop_assert!(left.iter().all(|path| a.contains(&path.0)));
        prop_assert_eq!(a.difference(&a), FieldSet::EMPTY);
        prop_assert_eq!(a.union(&b), b.union(&a));
        prop_assert_eq!(a.is_empty(), left.is_empty());
    }
}

fn shown(set: &FieldSet) -> Vec<String> {
    set.paths().map(|path| path.to_string()).collect()
}

#[test]
fn who_applies_a_value_owns_its_leaves_and_items() {
    let table: &[(Value, &[&str])] = &[
        (json!({"flag": true}), &[".flag"]),
        (json!({"inner": {"x": 1, "deep": {"y": "a"}}}), &[".inner.x", ".inner.deep.y"]),
        (json!({"inner": {}}), &[".inner"]),
        (json!({"inner": null}), &[".inner"]),
        (json!({"rigid": {"a": 1, "b": 2}}), &[".rigid"]),
        (json!({"frozen": {"a": "b"}}), &[".frozen"]),
        (json!({"list": [1, 2]}), &[".list"]),
        (json!({"rigids": [{"a": 1}]}), &[".rigids"]),
        (json!({"any": {"a": {"b": 1}}}), &[".any"]),
        (json!({"set": ["b", "a"]}), &[".set[=\"a\"]", ".set[=\"b\"]"]),
        (json!({"set": ["b", "b"]}), &[".set[=\"b\"]"]),
        (json!({"set": []}), &[]),
        (json!({"set": null}), &[".set"]),
        (
            json!({"items": [{"name": "n", "value": 1}]}),
            &[".items[name=\"n\"]", ".items[name=\"n\"].name", ".items[name=\"n\"].value"],
        ),
        (json!({"items": [{"name": "n", "value": 1}, {"name": "n"}]}), &[".items[name=\"n\"]"]),
        (
            json!({"ports": [{"number": 80}]}),
            &[".ports[number=80,protocol=\"TCP\"]", ".ports[number=80,protocol=\"TCP\"].number"],
        ),
        (json!({"maps": {"k": {"x": 1}}}), &[".maps.k", ".maps.k.x"]),
        (json!({"maps": {}}), &[".maps"]),
        (json!({"inner": {"map": {"k": "v"}}}), &[".inner.map.k"]),
        (
            json!({"open": {"known": 1, "new": {"list": [{"a": 1}], "none": null}}}),
            &[".open.known", ".open.new", ".open.new.list", ".open.new.none"],
        ),
    ];
    for (value, expected) in table {
        assert_eq!(shown(&FieldSet::of(value, toy())), *expected, "{value}");
    }
}

#[test]
fn differences_are_told_by_sort_of_field() {
    type Case = (Value, Value, &'static [&'static str], &'static [&'static str], &'static [&'static str]);
    let table: &[Case] = &[
        (json!({"flag": true}), json!({"flag": true}), &[], &[], &[]),
        (json!({"flag": true}), json!({"flag": false}), &[], &[".flag"], &[]),
        (json!({}), json!({"inner": {"x": 1}}), &[".inner", ".inner.x"], &[], &[]),
        (json!({"inner": {"x": 1}}), json!({}), &[], &[], &[".inner", ".inner.x"]),
        (json!({"inner": {}}), json!({"inner": {"x": 1}}), &[".inner.x"], &[], &[]),
        (json!({"inner": null}), json!({"inner": {"x": 1}}), &[".inner.x"], &[], &[]),
        (json!({"inner": {}}), json!({"inner": null}), &[], &[".inner"], &[]),
        (json!({"rigid": {"a": 1}}), json!({"rigid": {"a": 1, "b": 2}}), &[], &[".rigid"], &[]),
        (json!({"list": [1]}), json!({"list": [1, 2]}), &[], &[".list"], &[]),
        (json!({"set": ["a", "b"]}), json!({"set": ["c", "a"]}), &[".set[=\"c\"]"], &[], &[".set[=\"b\"]"]),
        (json!({"set": ["a", "b"]}), json!({"set": ["b", "a"]}), &[], &[], &[]),
        (json!({"set": []}), json!({}), &[], &[], &[".set"]),
        (json!({"set": null}), json!({"set": []}), &[], &[".set"], &[]),
        (json!({"set": ["a"]}), json!({"set": ["a", "a"]}), &[".set[=\"a\"]"], &[], &[".set[=\"a\"]"]),
        (
            json!({"items": [{"name": "a", "value": 1}, {"name": "b"}]}),
            json!({"items": [{"name": "b", "tags": ["t"]}, {"name": "a", "value": 2}]}),
            &[".items[name=\"b\"].tags", ".items[name=\"b\"].tags[=\"t\"]"],
            &[".items[name=\"a\"].value"],
            &[],
        ),
        (
            json!({"ports": [{"number": 80}]}),
            json!({"ports": [{"number": 80, "protocol": "TCP"}]}),
            &[".ports[number=80,protocol=\"TCP\"].protocol"],
            &[],
            &[],
        ),
        (json!({"any": {"a": 1}}), json!({"any": {"a": 2}}), &[], &[".any"], &[]),
        (json!({"inner": {"x": 1}}), json!({"inner": {"x": 1.0}}), &[], &[], &[]),
        (json!({"open": {"n": 1}}), json!({"open": {"n": {"a": 1}}}), &[".open.n.a"], &[".open.n"], &[]),
        (json!({"open": {"n": {"a": 1}}}), json!({"open": {"n": [1]}}), &[], &[".open.n"], &[".open.n.a"]),
        (json!({"open": {"n": [1]}}), json!({"open": {"n": [2]}}), &[], &[".open.n"], &[]),
    ];
    for (old, new, added, modified, removed) in table {
        let found = compare(old, new, toy());
        assert_eq!(shown(&found.added), *added, "added from {old} to {new}");
        assert_eq!(shown(&found.modified), *modified, "modified from {old} to {new}");
        assert_eq!(shown(&found.removed), *removed, "removed from {old} to {new}");
    }
}
