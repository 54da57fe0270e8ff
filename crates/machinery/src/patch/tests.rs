use proptest::prelude::*;
use serde_json::{Value, json};

use super::json::{MAX_OPERATIONS, apply_json};
use super::merge::apply_merge;
use super::strategic::apply_strategic;
use super::*;
use crate::facts;
use crate::schema::SchemaSet;

fn set() -> SchemaSet {
    let table = "type t.v1.Pod\n  spec 1 =t.v1.Spec\n  labels 2 {}string\n\
                 type t.v1.Spec\n  containers 1 []=t.v1.Container patch=merge:name\n  tags 2 []string patch=merge\n  \
                 plain 3 []string\n  strategy 4 =t.v1.Strategy patch=retainKeys\n  replicas 5 int32\n  \
                 volumes 6 []=t.v1.Strategy patch=merge,retainKeys:name\n\
                 type t.v1.Container\n  name 1 string\n  image 2 string\n  ports 3 []=t.v1.Port patch=merge:port\n\
                 type t.v1.Port\n  port 1 int32\n  host 2 int32\n\
                 type t.v1.Strategy\n  name 1 string\n  type 2 string\n  rolling 3 =t.v1.Port\n";
    facts::parse(table).expect("a table")
}

fn strategic(document: Value, patch: Value) -> Result<Value, PatchError> {
    let set = set();
    let mut document = document;
    apply_strategic(&mut document, patch, set.named("t.v1.Pod").expect("a pod")).map(|()| document)
}

#[expect(clippy::needless_pass_by_value, reason = "calls read better")]
fn patched(spec: Value, patch: Value) -> Value {
    strategic(json!({"spec": spec}), json!({"spec": patch})).expect("a patch that fits")["spec"].take()
}

#[expect(clippy::needless_pass_by_value, reason = "calls read better")]
fn refused(spec: Value, patch: Value) -> String {
    strategic(json!({"spec": spec}), json!({"spec": patch}))
        .expect_err("a patch that does not fit")
        .to_string()
}

#[test]
fn json_patches_apply() {
    let base = json!({"a": {"b/c": 1}, "l": [1, 2, 3]});
    let table = [
        (
            json!([{"op": "add", "path": "/a/x", "value": 2}]),
            json!({"a": {"b/c": 1, "x": 2}, "l": [1, 2, 3]}),
        ),
        (json!([{"op": "replace", "path": "/a/b~1c", "value": 2}]), json!({"a": {"b/c": 2}, "l": [1, 2, 3]})),
        (json!([{"op": "remove", "path": "/l/0"}]), json!({"a": {"b/c": 1}, "l": [2, 3]})),
        (json!([{"op": "remove", "path": "/l/-1"}]), json!({"a": {"b/c": 1}, "l": [1, 2]})),
        (json!([{"op": "add", "path": "/l/-", "value": 4}]), json!({"a": {"b/c": 1}, "l": [1, 2, 3, 4]})),
        (json!([{"op": "add", "path": "/l/1", "value": 9}]), json!({"a": {"b/c": 1}, "l": [1, 9, 2, 3]})),
        (json!([{"op": "move", "from": "/a", "path": "/l/3"}]), json!({"l": [1, 2, 3, {"b/c": 1}]})),
        (
            json!([{"op": "copy", "from": "/l/0", "path": "/z"}]),
            json!({"a": {"b/c": 1}, "l": [1, 2, 3], "z": 1}),
        ),
        (
            json!([{"op": "test", "path": "/l/0", "value": 1}, {"op": "test", "path": "/q", "value": null}]),
            base.clone(),
        ),
    ];
    for (patch, expected) in table {
        let mut document = base.clone();
        assert_eq!(apply_json(&mut document, &patch), Ok(()), "{patch}");
        assert_eq!(document, expected, "{patch}");
    }
}

#[test]
fn json_patches_fail() {
    let rejected = [
        json!({"op": "remove", "path": "/x"}),
        json!({"op": "replace", "path": "/x", "value": 1}),
        json!({"op": "add", "path": "/x/y", "value": 1}),
        json!({"op": "add", "path": "", "value": 1}),
        json!({"op": "add", "path": "/l/5", "value": 1}),
        json!({"op": "add", "path": "/l/x", "value": 1}),
        json!({"op": "remove", "path": "/l/-2"}),
        json!({"op": "test", "path": "/l/0", "value": 2}),
        json!({"op": "copy", "path": "/x"}),
        json!({"op": "spam", "path": "/l"}),
        json!({}),
    ];
    for operation in rejected {
        let error = apply_json(&mut json!({"l": [1]}), &json!([operation])).expect_err("no");
        let status = error.status().to_value();
        assert_eq!(status["code"], json!(422), "{operation}");
        assert_eq!(status["reason"], json!("Invalid"));
        assert_eq!(
            status["message"],
            json!("the server rejected our request due to an error in our request")
        );
    }
    let many = Value::from(vec![json!({"op": "test", "path": "/x"}); MAX_OPERATIONS + 1]);
    let status = apply_json(&mut json!({}), &many).expect_err("too many").status();
    assert_eq!(status.code, 413);
    assert_eq!(
        status.message,
        "Request entity is too large: The allowed maximum operations in a JSON patch is 10000, got 10001"
    );
    assert_eq!(apply_json(&mut json!({}), &json!({})).expect_err("no list").status().code, 400);
    let doubled = Value::from(vec![json!({"op": "copy", "from": "/a", "path": "/a/-"}); 40]);
    let mut small = json!({"a": ["x".repeat(1000)]});
    assert!(
        apply_json(&mut small, &doubled).expect_err("grows").to_string().starts_with("Unable to complete")
    );
}

#[test]
fn json_patches_do_not_nest_without_end() {
    let mut document = json!({"a": {}});
    // Each copy goes below the deepest object there is, and so doubles the depth.
    let mut depth = 1;
    let mut outcome = Ok(());
    while outcome.is_ok() && depth < 100_000 {
        let below = "/a".repeat(depth + 1);
        outcome = apply_json(&mut document, &json!([{"op": "copy", "from": "/a", "path": below}]));
        depth *= 2;
    }
    assert_eq!(outcome.expect_err("too deep").to_string(), "exceeded max depth");
}

#[test]
fn merge_patches_apply() {
    let mut document = json!({"a": {"b": 1, "c": 2}, "l": [1], "s": "x"});
    apply_merge(
        &mut document,
        json!({"a": {"b": null, "d": {"e": null, "f": 1}}, "l": [{"x": null}], "s": {"t": null}, "q": null}),
    );
    assert_eq!(document, json!({"a": {"c": 2, "d": {"f": 1}}, "l": [{}], "s": {}}));
}

#[test]
fn strategic_patches_merge() {
    let two = json!({"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}]});
    assert_eq!(
        patched(two.clone(), json!({"containers": [{"name": "b", "image": "3"}, {"name": "c"}]})),
        json!({"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "3"}, {"name": "c"}]})
    );
    assert_eq!(
        patched(two.clone(), json!({"containers": [{"$patch": "delete", "name": "a"}]})),
        json!({"containers": [{"name": "b", "image": "2"}]})
    );
    assert_eq!(
        patched(two.clone(), json!({"containers": [{"$patch": "replace"}, {"name": "z"}]})),
        json!({"containers": [{"name": "z"}]})
    );
    assert_eq!(
        patched(two.clone(), json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]})),
        json!({"containers": [{"name": "b", "image": "2"}, {"name": "a", "image": "1"}]})
    );
    assert_eq!(
        patched(
            two.clone(),
            json!({"$setElementOrder/containers": [{"name": "c"}, {"name": "b"}], "containers": [{"name": "c"}]})
        ),
        json!({"containers": [{"name": "c"}, {"name": "a", "image": "1"}, {"name": "b", "image": "2"}]})
    );
    assert_eq!(patched(two, json!({"$patch": "replace", "replicas": 1})), json!({"replicas": 1}));
    assert_eq!(
        patched(json!({"plain": ["a"], "replicas": 1}), json!({"plain": ["b"], "replicas": null})),
        json!({"plain": ["b"]})
    );
    assert_eq!(
        patched(json!({"tags": ["a", "b"]}), json!({"tags": ["c", "a"]})),
        json!({"tags": ["c", "a", "b"]})
    );
    assert_eq!(
        patched(json!({"tags": ["a", "b"]}), json!({"$deleteFromPrimitiveList/tags": ["a"]})),
        json!({"tags": ["b"]})
    );
    assert_eq!(
        patched(
            json!({"strategy": {"type": "Rolling", "rolling": {"port": 1}}}),
            json!({"strategy": {"$retainKeys": ["type"], "type": "Recreate"}})
        ),
        json!({"strategy": {"type": "Recreate"}})
    );
    assert_eq!(
        patched(json!({}), json!({"strategy": {"$patch": "delete"}, "foo": {"a": null, "b": 1}})),
        json!({"foo": {"b": 1}})
    );
}

#[test]
fn strategic_patches_fail_in_known_words() {
    let one = || json!({"containers": [{"name": "a", "ports": [{"port": 1}]}], "strategy": {"type": "x"}});
    assert_eq!(
        refused(one(), json!({"containers": [{"image": "x", "ports": [{"port": 80}]}]})),
        "map: map[image:x ports:[map[port:80]]] does not contain declared merge key: name"
    );
    assert_eq!(
        refused(one(), json!({"strategy": {"$patch": "spam"}})),
        "unknown patch type: spam in map: map[$patch:spam]"
    );
    assert_eq!(
        refused(one(), json!({"strategy": {"$retainKeys": ["type"], "name": "y"}})),
        "invalid patch format of retainKeys"
    );
    assert_eq!(
        refused(json!({"foo": {}}), json!({"foo": {"a": 1}})),
        "unable to find api field in struct Spec for the json field \"foo\""
    );
    let order = json!({"$setElementOrder/containers": [{"name": "b"}], "containers": [{"name": "c"}]});
    assert_eq!(
        refused(one(), order),
        "The order in patch list:\n[map[name:c]]\n doesn't match $setElementOrder list:\n[map[name:b]]\n"
    );
    assert_eq!(
        refused(one(), json!({"containers": ["x"]})),
        "list element types are not identical: [[map[name:a ports:[map[port:1]]]] [x]]"
    );
    let status = strategic(json!({"spec": one()}), json!({"spec": {"containers": [{}]}}))
        .expect_err("no key")
        .status();
    assert_eq!(status.to_value().get("reason"), None);
    assert_eq!(status.code, 500);
    assert_eq!(strategic(json!({}), json!([])).expect_err("no object").status().code, 400);
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(json!(1)), Just(json!("a")), Just(json!("b")), Just(json!(true))];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-c]", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_object() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-c]", any_value(), 0..3)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
}

fn merge_diff(from: &Value, to: &Value) -> Value {
    let (Value::Object(from), Value::Object(to)) = (from, to) else { return to.clone() };
    let gone = from.keys().filter(|key| !to.contains_key(*key)).map(|key| (key.clone(), Value::Null));
    let set = to.iter().filter(|(key, value)| from.get(*key) != Some(*value)).map(|(key, value)| {
        (key.clone(), from.get(key).map_or_else(|| value.clone(), |before| merge_diff(before, value)))
    });
    Value::Object(gone.chain(set).collect())
}

/// A spec of containers and tags, with unique keys, in any order.
fn any_spec() -> impl Strategy<Value = Value> {
    let names = || {
        (prop::sample::subsequence(vec!["a", "b", "c", "d"], 0..4), any::<bool>()).prop_map(
            |(mut names, reversed)| {
                if reversed {
                    names.reverse();
                }
                names
            },
        )
    };
    (names(), names(), 0..3_i32, any_object()).prop_map(|(containers, tags, image, strategy)| {
        let containers: Vec<Value> =
            containers.iter().map(|name| json!({"name": name, "image": image.to_string()})).collect();
        json!({"containers": containers, "tags": tags, "replicas": image, "strategy": {"type": strategy.to_string()}})
    })
}

fn strategic_diff(from: &Value, to: &Value) -> Value {
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let (before, after) = (list(from, "containers"), list(to, "containers"));
    let mut containers = after.clone();
    let gone = before.iter().filter(|old| !after.iter().any(|new| new["name"] == old["name"]));
    containers.extend(gone.map(|old| json!({"$patch": "delete", "name": old["name"]})));
    let order: Vec<Value> = after.iter().map(|new| json!({"name": new["name"]})).collect();
    let (tags, wanted) = (list(from, "tags"), list(to, "tags"));
    let removed: Vec<&Value> = tags.iter().filter(|tag| !wanted.contains(tag)).collect();
    let mut patch = json!({
        "replicas": to["replicas"], "tags": to["tags"], "$deleteFromPrimitiveList/tags": removed,
        "strategy": to["strategy"],
    });
    // The server cannot tell what sort of list it orders if all of it is empty.
    if !containers.is_empty() {
        patch["containers"] = containers.into();
        patch["$setElementOrder/containers"] = order.into();
    }
    patch
}

proptest! {
    #[test]
    fn a_merge_patch_gives_the_target_once_and_twice(from in any_object(), to in any_object()) {
        let patch = merge_diff(&from, &to);
        let mut document = from;
        for _ in 0..2 {
            apply_merge(&mut document, patch.clone());
            prop_assert_eq!(&document, &to);
        }
    }

    #[test]
    fn a_strategic_patch_gives_the_target_once_and_twice(from in any_spec(), to in any_spec()) {
        let patch = strategic_diff(&from, &to);
        // The list of deletions is obeyed before or after the list itself; both leave the tags wanted.
        let mut document = from;
        for _ in 0..2 {
            document = patched(document, patch.clone());
            prop_assert_eq!(&document["containers"], &to["containers"]);
            prop_assert_eq!(&document["strategy"], &to["strategy"]);
            prop_assert_eq!(&document["tags"], &to["tags"]);
        }
    }

    #[test]
    fn any_patch_applies_or_fails(
        document in any_object(), patch in any_value(), path in "(/[a-c0-2~-]{0,2}){0,3}", op in "add|remove|replace|move|copy|test"
    ) {
        let list = json!([{"op": op, "path": path, "from": path, "value": patch}]);
        let mut changed = document.clone();
        let unchanged = apply_json(&mut changed, &list).is_ok() && op == "test";
        prop_assert!(!unchanged || changed == document);
        let spec = json!({"containers": document, "tags": [1], "volumes": [document]});
        if let Err(error) = strategic(json!({"spec": spec}), json!({"spec": {"containers": patch, "tags": patch, "volumes": [patch]}})) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
