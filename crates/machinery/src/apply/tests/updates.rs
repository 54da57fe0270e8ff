//! Ownership after creates, updates and patches.

use super::*;

fn entry(name: &str, second: u8, fields: &Value) -> Value {
    json!({
        "apiVersion": "toys/v1", "fieldsType": "FieldsV1", "fieldsV1": fields, "manager": name,
        "operation": "Update", "time": format!("2026-01-02T03:04:0{second}Z"),
    })
}

#[test]
fn a_created_pod_is_owned_as_clients_know_it() {
    let empty = json!({"metadata": {}, "spec": {"containers": null}, "status": {}});
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "p", "namespace": "default", "uid": "u", "creationTimestamp": "2026-01-02T03:04:05Z",
            "labels": {"run": "p"},
        },
        "spec": {
            "containers": [{
                "name": "c", "image": "nginx", "imagePullPolicy": "Always", "resources": {},
                "ports": [{"containerPort": 80, "protocol": "TCP"}],
                "env": [{"name": "A", "value": "b"}],
            }],
            "dnsPolicy": "ClusterFirst", "enableServiceLinks": true, "securityContext": {},
            "nodeSelector": {"a": "b"},
            "tolerations": [{"key": "x", "operator": "Exists"}],
        },
        "status": {"phase": "Pending", "qosClass": "BestEffort"},
    });
    let manager = Manager {
        name: "kubectl-run",
        operation: Operation::Update,
        api_version: "v1",
        subresource: "",
        time: "2026-01-02T03:04:05Z",
    };
    let status = FieldSet::from_paths([FieldPath::of_fields(["status"])]);
    update(kind("io.k8s.api.core.v1.Pod"), Some(&empty), &mut pod, &manager, &status);
    let expected = json!([{
        "apiVersion": "v1", "fieldsType": "FieldsV1", "manager": "kubectl-run", "operation": "Update",
        "time": "2026-01-02T03:04:05Z",
        "fieldsV1": {
            "f:metadata": {"f:labels": {".": {}, "f:run": {}}},
            "f:spec": {
                "f:containers": {"k:{\"name\":\"c\"}": {
                    ".": {}, "f:image": {}, "f:imagePullPolicy": {}, "f:name": {}, "f:resources": {},
                    "f:ports": {".": {}, "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {
                        ".": {}, "f:containerPort": {}, "f:protocol": {},
                    }},
                    "f:env": {".": {}, "k:{\"name\":\"A\"}": {".": {}, "f:name": {}, "f:value": {}}},
                }},
                "f:dnsPolicy": {}, "f:enableServiceLinks": {}, "f:securityContext": {}, "f:nodeSelector": {},
                "f:tolerations": {},
            },
        },
    }]);
    assert_eq!(pod["metadata"]["managedFields"], expected);
}

#[test]
fn what_is_changed_changes_hands() {
    let live = created(json!({"inner": {"x": 1, "y": "a"}, "set": ["a", "b"]}), &who("one", 0));
    let live = updated(&live, json!({"inner": {"x": 2, "y": "a"}, "set": ["a"]}), &who("two", 1));
    assert_eq!(
        owners(&live),
        [
            owned_by("one Update", &[".inner", ".set", ".inner.y", ".set[=\"a\"]"]),
            owned_by("two Update", &[".inner.x"]),
        ]
    );
    let times: Vec<_> = managed_fields(&live)
        .and_then(Value::as_array)
        .expect("owners")
        .iter()
        .map(|entry| entry["time"].clone())
        .collect();
    assert_eq!(times, ["2026-01-02T03:04:00Z", "2026-01-02T03:04:01Z"]);
}

#[test]
fn an_update_takes_from_who_applied() {
    let live =
        applied(None, json!({"flag": true, "inner": {"x": 1}}), &who("one", 0), false).expect("applies");
    let live = updated(&live, json!({"flag": false}), &who("two", 1));
    assert_eq!(owners(&live), [owned_by("two Update", &[".flag"])]);
}

#[test]
fn nothing_changed_leaves_owners_as_they_are() {
    let live = created(json!({"flag": true}), &who("one", 0));
    let again = updated(&live, json!({"flag": true}), &who("one", 3));
    assert_eq!(again, live);
    let mut sent_back = live.clone();
    update(toy(), Some(&live), &mut sent_back, &who("two", 3), NOTHING);
    assert_eq!(sent_back, live);
}

#[test]
fn ignored_fields_are_nobodys() {
    let status = FieldSet::from_paths([FieldPath::of_fields(["status"])]);
    let mut object = a_toy(json!({"flag": true, "status": {"x": 1}}));
    update(toy(), None, &mut object, &who("one", 0), &status);
    assert_eq!(owners(&object), [owned_by("one Update", &[".flag"])]);
}

#[test]
fn managed_fields_of_the_client_count_if_they_are_valid() {
    let live = created(json!({"flag": true, "list": [1]}), &who("one", 0));
    let recorded = live["metadata"]["managedFields"].clone();
    let moved = json!([entry("two", 0, &json!({"f:flag": {}}))]);
    let table = [
        ("moved", moved.clone(), Some(moved)),
        ("empty", json!([]), None),
        ("one empty entry", json!([{}]), None),
        ("null", json!(null), Some(recorded.clone())),
        ("no list", json!("x"), Some(recorded.clone())),
        ("two empty entries", json!([{}, {}]), Some(recorded.clone())),
        ("bad fields", json!([entry("two", 0, &json!({"flag": {}}))]), Some(recorded.clone())),
        ("no operation", json!([{"apiVersion": "v1", "fieldsType": "FieldsV1"}]), Some(recorded.clone())),
        (
            "other type",
            json!([{"apiVersion": "v1", "operation": "Update", "fieldsType": "FieldsV2"}]),
            Some(recorded.clone()),
        ),
    ];
    for (name, sent, expected) in table {
        let mut object = bare(live.clone());
        put_managed_fields(&mut object, Some(sent.clone()));
        update(toy(), Some(&live), &mut object, &who("three", 1), NOTHING);
        assert_eq!(managed_fields(&object), expected.as_ref(), "{name}");
        let mut object = bare(live.clone());
        put_managed_fields(&mut object, Some(sent));
        let of_status = Manager { subresource: "status", ..who("three", 1) };
        update(toy(), Some(&live), &mut object, &of_status, NOTHING);
        assert_eq!(managed_fields(&object), Some(&recorded), "{name} to a subresource");
    }
    let mut new = a_toy(json!({"flag": true}));
    put_managed_fields(&mut new, Some(json!([])));
    update(toy(), None, &mut new, &who("one", 0), NOTHING);
    assert_eq!(owners(&new), [owned_by("one Update", &[".flag"])], "a new object is tracked all the same");
}

#[test]
fn an_object_without_owners_stays_without_until_applied() {
    let live = a_toy(json!({"flag": true}));
    let next = updated(&live, json!({"flag": false}), &who("one", 1));
    assert_eq!(managed_fields(&next), None);
    let next = applied(Some(&live), json!({"inner": {"x": 1}}), &who("two", 2), false).expect("applies");
    assert_eq!(
        owners(&next),
        [owned_by("two Apply", &[".inner.x"]), owned_by("before-first-apply Update", &[".flag"])]
    );
}

#[test]
fn owners_are_told_apart_by_version_and_subresource() {
    let live = created(json!({"inner": {"x": 1}}), &who("one", 0));
    let mut next = a_toy(json!({"inner": {"x": 1, "y": "a"}}));
    update(toy(), Some(&live), &mut next, &Manager { api_version: "toys/v2", ..who("one", 0) }, NOTHING);
    let mut last = a_toy(json!({"inner": {"x": 1, "y": "a"}, "status": {"x": 1}}));
    update(toy(), Some(&next), &mut last, &Manager { subresource: "status", ..who("one", 0) }, NOTHING);
    let entries = managed_fields(&last).and_then(Value::as_array).expect("owners");
    let told: Vec<_> =
        entries.iter().map(|e| (e["apiVersion"].as_str(), e["subresource"].as_str())).collect();
    assert_eq!(told, [(Some("toys/v1"), None), (Some("toys/v1"), Some("status")), (Some("toys/v2"), None)]);
}

#[test]
fn the_oldest_of_many_updaters_become_one() {
    let names: Vec<String> = (0..13).map(|n| format!("m{n:02}")).collect();
    let mut live = a_toy(json!({}));
    let mut labels = Map::new();
    for (n, name) in names.iter().enumerate() {
        labels.insert(name.clone(), json!("x"));
        let mut next = a_toy(json!({}));
        next["metadata"]["labels"] = Value::Object(labels.clone());
        let time = format!("2026-01-02T03:04:{n:02}Z");
        let manager = Manager { name, time: &time, ..who("", 0) };
        let old = (n > 0).then_some(&live);
        update(toy(), old, &mut next, &manager, NOTHING);
        live = next;
    }
    let found = owners(&live);
    assert_eq!(found.len(), 10);
    let oldest = [".metadata.labels", ".metadata.labels.m00", ".metadata.labels.m01", ".metadata.labels.m02"];
    assert_eq!(
        found[0],
        owned_by("ancient-changes Update", &[&oldest[..], &[".metadata.labels.m03"]].concat())
    );
    assert_eq!(live["metadata"]["managedFields"][0]["time"], "2026-01-02T03:04:03Z");
    assert_eq!(found[1], owned_by("m04 Update", &[".metadata.labels.m04"]));
}

#[test]
fn ownership_below_what_became_atomic_moves_up() {
    let mut live = a_toy(json!({"rigid": {"a": 1, "b": 2}, "list": [1], "flag": true}));
    let fields = json!({"f:rigid": {".": {}, "f:a": {}}, "f:list": {"v:1": {}}, "f:flag": {}});
    put_managed_fields(&mut live, Some(json!([entry("one", 0, &fields)])));
    let next = updated(&live, json!({"rigid": {"a": 1, "b": 2}, "list": [1], "flag": false}), &who("two", 1));
    assert_eq!(
        owners(&next),
        [owned_by("one Update", &[".list", ".rigid"]), owned_by("two Update", &[".flag"])]
    );
}

#[test]
fn times_alone_are_no_change() {
    let live = created(json!({"flag": true}), &who("one", 0));
    let mut new = live.clone();
    new["metadata"]["managedFields"][0]["time"] = json!("2027-01-01T00:00:00Z");
    let mut other = new.clone();
    keep_times(&live, &mut new);
    assert_eq!(new, live);
    other["flag"] = json!(false);
    let before = other.clone();
    keep_times(&live, &mut other);
    assert_eq!(other, before);
}

#[test]
fn of_several_entries_of_one_owner_the_last_counts() {
    let live = created(json!({"flag": true, "list": [1]}), &who("one", 0));
    let mut object = bare(live.clone());
    let entries = [
        entry("two", 0, &json!({"f:flag": {}})),
        entry("three", 0, &json!({"f:list": {}})),
        entry("two", 1, &json!({"f:list": {}})),
    ];
    put_managed_fields(&mut object, Some(json!(entries)));
    update(toy(), Some(&live), &mut object, &who("one", 2), NOTHING);
    assert_eq!(owners(&object), [owned_by("three Update", &[".list"]), owned_by("two Update", &[".list"])]);
}

#[test]
fn the_bucket_of_old_updaters_takes_more() {
    let mut live = a_toy(json!({}));
    let mut entries =
        vec![entry("ancient-changes", 0, &json!({"f:x": {}})), entry("aa", 0, &json!({"f:y": {}}))];
    entries.extend((0..8).map(|n| entry(&format!("m{n}"), 3, &json!({"f:list": {}}))));
    put_managed_fields(&mut live, Some(json!(entries)));
    let next = updated(&live, json!({"flag": true}), &who("new", 3));
    let found = owners(&next);
    assert_eq!(found.len(), 10);
    assert_eq!(found[0], owned_by("ancient-changes Update", &[".x", ".y"]));
    assert!(found.contains(&owned_by("new Update", &[".flag"])));
}

#[test]
fn what_has_no_metadata_is_left_alone() {
    for object in
        [json!({"kind": "Review", "spec": {"x": 1}}), json!(null), json!([1]), json!({"metadata": 1})]
    {
        let mut new = object.clone();
        update(toy(), None, &mut new, &who("one", 0), NOTHING);
        assert_eq!(new, object);
    }
}
