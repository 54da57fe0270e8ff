//! What an applied configuration makes of an object.

use super::*;

fn fields_of(object: Value) -> Value {
    let Value::Object(mut map) = object else { panic!("an object") };
    for key in ["apiVersion", "kind", "metadata"] {
        map.remove(key);
    }
    Value::Object(map)
}

#[test]
fn configurations_are_merged_by_sort_of_field() {
    let items = |names: &[&str]| {
        let items: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
        json!({"items": items})
    };
    let table = [
        (json!({"inner": {"x": 1}}), json!({"inner": {"y": "a"}}), json!({"inner": {"x": 1, "y": "a"}})),
        (json!({"rigid": {"a": 1}}), json!({"rigid": {"b": 1}}), json!({"rigid": {"b": 1}})),
        (json!({"frozen": {"a": "1"}}), json!({"frozen": {"b": "1"}}), json!({"frozen": {"b": "1"}})),
        (json!({"list": [1, 2]}), json!({"list": [3]}), json!({"list": [3]})),
        (json!({"any": {"a": 1}}), json!({"any": {"b": 1}}), json!({"any": {"b": 1}})),
        (json!({"set": ["a", "b"]}), json!({"set": ["c", "a"]}), json!({"set": ["c", "a", "b"]})),
        (json!({"set": ["a"]}), json!({"set": null}), json!({"set": ["a"]})),
        (json!({"set": ["a"]}), json!({"set": []}), json!({"set": ["a"]})),
        (json!({"maps": {"k": {"x": 1}}}), json!({"maps": {}}), json!({"maps": {"k": {"x": 1}}})),
        (items(&["a", "b", "c"]), items(&["d"]), items(&["a", "b", "c", "d"])),
        (items(&["a", "b", "c"]), items(&["c", "a"]), items(&["b", "c", "a"])),
        (items(&["a", "b", "c", "d"]), items(&["x", "b", "y", "d"]), items(&["a", "x", "b", "c", "y", "d"])),
        (items(&["a", "b"]), items(&["b", "x"]), items(&["a", "b", "x"])),
        (
            json!({"items": [{"name": "a", "value": 1}]}),
            json!({"items": [{"name": "a", "tags": ["t"]}]}),
            json!({"items": [{"name": "a", "value": 1, "tags": ["t"]}]}),
        ),
        (
            json!({"ports": [{"number": 80, "protocol": "TCP", "target": "a"}]}),
            json!({"ports": [{"number": 80, "target": "b"}, {"number": 80, "protocol": "UDP"}]}),
            json!({"ports": [
                {"number": 80, "protocol": "TCP", "target": "b"}, {"number": 80, "protocol": "UDP"},
            ]}),
        ),
        (
            json!({"open": {"a": {"b": 1}, "l": [1]}}),
            json!({"open": {"a": {"c": 1}, "l": [2]}}),
            json!({"open": {"a": {"b": 1, "c": 1}, "l": [2]}}),
        ),
        (json!({"open": {"a": {"b": 1}}}), json!({"open": {"a": 1}}), json!({"open": {"a": 1}})),
    ];
    for (live, config, expected) in table {
        let live_object = created(live.clone(), &who("one", 0));
        let result = applied(Some(&live_object), config.clone(), &who("two", 1), true).expect("forced");
        assert_eq!(fields_of(result), expected, "{config} into {live}");
    }
}

#[test]
fn what_is_applied_no_more_goes_unless_another_owns_it() {
    let one = |live: Option<&Value>, fields| applied(live, fields, &who("one", 0), false).expect("applies");
    let live = one(
        None,
        json!({
            "flag": true, "inner": {"x": 1, "y": "a"}, "set": ["a", "b"], "open": {"k": {"l": 1}},
            "items": [{"name": "m", "value": 1}, {"name": "n", "inner": {"map": {"p": "q"}}}],
        }),
    );
    let live = applied(
        Some(&live),
        json!({"inner": {"x": 1}, "set": ["b"], "items": [{"name": "m"}]}),
        &who("two", 1),
        false,
    )
    .expect("agrees");
    let left = one(Some(&live), json!({"flag": true}));
    let expected = json!({"flag": true, "inner": {"x": 1}, "set": ["b"], "items": [{"name": "m"}]});
    assert_eq!(fields_of(left.clone()), expected);
    assert_eq!(
        owners(&left),
        [
            owned_by(
                "two Apply",
                &[".inner.x", ".items[name=\"m\"]", ".items[name=\"m\"].name", ".set[=\"b\"]",]
            ),
            owned_by("one Apply", &[".flag"]),
        ]
    );
}

#[test]
fn what_nobody_owns_goes_only_with_the_struct_it_is_in() {
    let config = json!({"inner": {"x": 1}, "maps": {"a": {"x": 1}}, "items": [{"name": "m"}]});
    let mut live = applied(None, config, &who("one", 0), false).expect("applies");
    live["inner"]["y"] = json!("from the server");
    live["maps"]["b"] = json!({"x": 2});
    live["flag"] = json!(true);
    let half =
        applied(Some(&live), json!({"inner": {"deep": {"x": 1}}}), &who("one", 1), false).expect("applies");
    assert_eq!(
        fields_of(half.clone()),
        json!({"inner": {"y": "from the server", "deep": {"x": 1}}, "flag": true})
    );
    let none = applied(Some(&half), json!({}), &who("one", 2), false).expect("applies");
    assert_eq!(fields_of(none.clone()), json!({"flag": true}));
    assert_eq!(owners(&none), []);
}

#[test]
fn conflicts_are_told_in_the_words_clients_know() {
    let live =
        created(json!({"flag": true, "inner": {"x": 1, "y": "a"}}), &who("kubectl-client-side-apply", 0));
    let failure = applied(Some(&live), json!({"flag": false}), &who("two", 1), false).expect_err("conflicts");
    assert_eq!(
        failure.to_status().to_value(),
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 409,
            "reason": "Conflict",
            "message":
                "Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using toys/v1: .flag",
            "details": {"causes": [{
                "reason": "FieldManagerConflict",
                "message": "conflict with \"kubectl-client-side-apply\" using toys/v1",
                "field": ".flag",
            }]},
        })
    );
    let mut live =
        applied(Some(&live), json!({"items": [{"name": "m", "value": 1}]}), &who("gitops", 1), false)
            .expect("disjoint");
    live["status"] = json!({"x": 1});
    let bare_live = live.clone();
    live["status"]["x"] = json!(2);
    let of_status = Manager { subresource: "status", ..who("kubelet", 1) };
    update(toy(), Some(&bare_live), &mut live, &of_status, NOTHING);
    let config = json!({
        "flag": false, "inner": {"y": "b", "x": 1}, "items": [{"name": "m", "value": 2}], "status": {"x": 3},
    });
    let failure = applied(Some(&live), config.clone(), &who("two", 1), false).expect_err("conflicts");
    assert_eq!(
        failure.to_string(),
        "Apply failed with 4 conflicts: conflicts with \"gitops\":\n- .items[name=\"m\"].value\n\
         conflicts with \"kubectl-client-side-apply\" using toys/v1:\n- .flag\n- .inner.y\n\
         conflicts with \"kubelet\" with subresource \"status\" using toys/v1:\n- .status.x"
    );
    let forced = applied(Some(&live), config, &who("two", 2), true).expect("forced");
    assert_eq!(
        owners(&forced),
        [
            owned_by("gitops Apply", &[".items[name=\"m\"]", ".items[name=\"m\"].name"]),
            owned_by(
                "two Apply",
                &[
                    ".flag",
                    ".inner.x",
                    ".inner.y",
                    ".items[name=\"m\"]",
                    ".items[name=\"m\"].name",
                    ".items[name=\"m\"].value",
                    ".status.x",
                ]
            ),
            owned_by("kubectl-client-side-apply Update", &[".inner", ".inner.x"]),
        ]
    );
}

#[test]
fn the_same_value_is_owned_together_and_without_a_change() {
    let live = created(json!({"flag": true}), &who("one", 0));
    let both = applied(Some(&live), json!({"flag": true}), &who("two", 1), false).expect("agrees");
    assert_eq!(owners(&both), [owned_by("two Apply", &[".flag"]), owned_by("one Update", &[".flag"])]);
    assert_eq!(managed_fields(&both).expect("owners")[0].get("time"), None, "the object did not change");
    let again = applied(Some(&both), json!({"flag": true}), &who("two", 2), false).expect("agrees");
    assert_eq!(again, both);
}

#[test]
fn configurations_that_make_no_sense_are_refused() {
    let typed =
        |problem: &str| format!("failed to create typed patch object (/t; toys/v1, Kind=Toy): {problem}");
    let table = [
        (json!({"nope": 1}), typed(".nope: field not declared in schema")),
        (json!({"inner": {"x": "1"}}), typed(".inner.x: expected numeric (int or float), got string")),
        (
            json!({"inner": {"y": 1}}),
            typed(".inner.y: expected string, got &value.valueUnstructured{Value:1}"),
        ),
        (json!({"flag": "yes"}), typed(".flag: expected boolean, got &{yes}")),
        (json!({"inner": [1, "a"]}), typed(".inner: expected map, got &{[1 a]}")),
        (json!({"set": {"a": 1}}), typed(".set: expected list, got &{map[a:1]}")),
        (json!({"set": ["a", "a"]}), typed(".set: duplicate entries for key [=\"a\"]")),
        (
            json!({"set": [{}]}),
            typed(".set: element 0: associative list without keys has an element that's a map type"),
        ),
        (
            json!({"items": [{"value": 1}]}),
            typed(
                ".items: element 0: associative list with keys has an element that omits all key fields \
                 [\"name\"] (and doesn't have default values for any key fields)",
            ),
        ),
        (
            json!({"items": [{"name": "a"}, {"name": "a"}]}),
            typed(".items: duplicate entries for key [name=\"a\"]"),
        ),
        (
            json!({"list": ["a"], "rigids": [{"c": 1}]}),
            typed(
                "errors:\n  .list[0]: expected numeric (int or float), got string\n  \
                 .rigids[0].c: field not declared in schema",
            ),
        ),
    ];
    for (fields, message) in table {
        let failure = applied(None, fields.clone(), &who("one", 0), true).expect_err("refused");
        assert_eq!(failure.to_string(), message, "{fields}");
        let status = failure.to_status().to_value();
        assert_eq!((&status["code"], status.get("reason")), (&json!(500), None));
    }
    let mut config = a_toy(json!({}));
    config["metadata"]["managedFields"] = json!([]);
    let failure = apply(toy(), None, &config, &who("one", 0), false, NOTHING).expect_err("refused");
    assert_eq!(failure.to_status(), crate::status::Status::bad_request("metadata.managedFields must be nil"));
    config["apiVersion"] = json!("toys/v0");
    let failure = apply(toy(), None, &config, &who("one", 0), false, NOTHING).expect_err("refused");
    assert_eq!(failure.to_string(), "invalid object type: toys/v0, Kind=Toy");
    let mut live = a_toy(json!({}));
    live["metadata"]["managedFields"] = json!([{"operation": "Other"}]);
    let failure = applied(Some(&live), json!({}), &who("one", 0), false).expect_err("refused");
    assert_eq!(failure.to_string(), "failed to decode managed fields: operation must be `Apply` or `Update`");
}

#[test]
fn kubectl_takes_over_what_it_applied_as_a_client() {
    const LAST: &str = "kubectl.kubernetes.io/last-applied-configuration";
    let last = r#"{"apiVersion":"toys/v1","kind":"Toy","metadata":{"name":"t"},"flag":true,"inner":{"x":1}}"#;
    let mut live = a_toy(json!({"flag": true, "inner": {"x": 2}}));
    live["metadata"]["annotations"] = json!({LAST: last});
    update(toy(), None, &mut live, &who("kubectl-client-side-apply", 0), NOTHING);
    let taken = applied(Some(&live), json!({"flag": false}), &who("kubectl", 1), false).expect("takes over");
    assert_eq!(fields_of(taken.clone()), json!({"flag": false, "inner": {"x": 2}}));
    assert_eq!(
        taken["metadata"]["annotations"][LAST],
        "{\"apiVersion\":\"toys/v1\",\"flag\":false,\"kind\":\"Toy\",\"metadata\":{\"name\":\"t\",\"uid\":\"u\"}}\n"
    );
    let config = json!({"flag": false, "inner": {"x": 3}});
    let failure = applied(Some(&live), config, &who("kubectl", 1), false).expect_err("changed since");
    let ApplyError::Conflicts(conflicts) = failure else { panic!("conflicts") };
    assert_eq!(conflicts.len(), 1);
    assert_eq!(conflicts[0].path.to_string(), ".inner.x");
    assert!(applied(Some(&live), json!({"flag": false}), &who("other", 1), false).is_err());
}

fn deployment(spec: Value) -> Value {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": "n"},
    });
    object["spec"] = spec;
    object
}

#[test]
fn a_deployment_is_applied_beside_an_autoscaler() {
    let schema = kind("io.k8s.api.apps.v1.Deployment");
    let by = |name, second| Manager { api_version: "apps/v1", ..who(name, second) };
    let container = |image: &str| {
        json!({
            "name": "c", "image": image, "ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}],
            "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        })
    };
    let spec = |image: &str| {
        json!({
            "replicas": 1, "selector": {"matchLabels": {"app": "d"}},
            "template": {
                "metadata": {"labels": {"app": "d"}},
                "spec": {"containers": [container(image)], "nodeSelector": {"disk": "ssd"}},
            },
        })
    };
    let config = deployment(spec("nginx:1"));
    let mut live = apply(schema, None, &config, &by("gitops", 0), false, NOTHING).expect("applies");
    live["metadata"]["uid"] = json!("u");
    let expected = json!([{
        "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "manager": "gitops", "operation": "Apply",
        "time": "2026-01-02T03:04:00Z",
        "fieldsV1": {"f:spec": {
            "f:replicas": {}, "f:selector": {},
            "f:template": {
                "f:metadata": {"f:labels": {"f:app": {}}},
                "f:spec": {
                    "f:containers": {"k:{\"name\":\"c\"}": {
                        ".": {}, "f:image": {}, "f:name": {},
                        "f:env": {"k:{\"name\":\"A\"}": {
                            ".": {}, "f:name": {}, "f:valueFrom": {"f:fieldRef": {}},
                        }},
                        "f:ports": {
                            "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}},
                            "k:{\"containerPort\":80,\"protocol\":\"UDP\"}": {
                                ".": {}, "f:containerPort": {}, "f:protocol": {},
                            },
                        },
                    }},
                    "f:nodeSelector": {},
                },
            },
        }},
    }]);
    assert_eq!(live["metadata"]["managedFields"], expected);
    // The server fills in a default, and an autoscaler takes the replicas.
    live["spec"]["template"]["spec"]["containers"][0]["ports"][0]["protocol"] = json!("TCP");
    let mut scaled = live.clone();
    scaled["spec"]["replicas"] = json!(5);
    update(schema, Some(&live), &mut scaled, &by("kube-controller-manager", 1), NOTHING);
    let config = deployment(spec("nginx:2"));
    let failure =
        apply(schema, Some(&scaled), &config, &by("gitops", 2), false, NOTHING).expect_err("conflicts");
    assert_eq!(
        failure.to_string(),
        "Apply failed with 1 conflict: conflict with \"kube-controller-manager\" using apps/v1: .spec.replicas"
    );
    let mut spec = spec("nginx:2");
    spec.as_object_mut().expect("a map").remove("replicas");
    let next =
        apply(schema, Some(&scaled), &deployment(spec), &by("gitops", 2), false, NOTHING).expect("applies");
    assert_eq!(next["spec"]["replicas"], 5);
    let container = &next["spec"]["template"]["spec"]["containers"][0];
    assert_eq!((&container["image"], &container["ports"][0]["protocol"]), (&json!("nginx:2"), &json!("TCP")));
    let failure = apply(
        schema,
        Some(&next),
        &deployment(json!({"template": {"spec": {"containers": [{"name": "c", "image": 1, "nope": 1}]}}})),
        &by("gitops", 2),
        false,
        NOTHING,
    );
    assert_eq!(
        failure.expect_err("refused").to_string(),
        "failed to create typed patch object (n/d; apps/v1, Kind=Deployment): errors:\n  \
         .spec.template.spec.containers[name=\"c\"].image: expected string, got \
         &value.valueUnstructured{Value:1}\n  \
         .spec.template.spec.containers[name=\"c\"].nope: field not declared in schema"
    );
}
