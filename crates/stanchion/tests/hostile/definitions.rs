//! Definitions whose schemas, patterns and rules are meant to take the server down, and objects for them.

use serde_json::{Value, json};

use crate::LIMIT;
use crate::client::{Client, memory, unharmed};
use crate::support::cluster::Cluster;
use crate::support::{wait_for, within};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

fn definition(plural: &str, schema: &Value) -> Value {
    json!({
        "metadata": {"name": format!("{plural}.example.com")},
        "spec": {"group": "example.com", "scope": "Cluster", "names": {"plural": plural, "kind": format!("K{plural}")},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}]},
    })
}

fn spec(schema: Value) -> Value {
    json!({"type": "object", "properties": {"spec": schema}})
}

fn rule(of: Value, rule: &str) -> Value {
    let mut schema = of;
    schema["x-kubernetes-validations"] = json!([{"rule": rule}]);
    spec(schema)
}

fn deep(times: usize, wrap: impl Fn(Value) -> Value) -> Value {
    (0..times).fold(json!({"type": "string"}), |inner, _| wrap(inner))
}

#[tokio::test]
async fn hostile_schemas_are_refused_or_served_within_bounds() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let text = || json!({"type": "string"});
        let list = |items: Value| json!({"type": "array", "items": items});
        let map = |values: Value| json!({"type": "object", "additionalProperties": values});
        let wide: Value = (0..20_000).map(|n| (format!("p{n}"), json!({"type": "string"}))).collect::<serde_json::Map<_, _>>().into();
        let objects = |inner: Value| json!({"type": "object", "properties": {"a": inner}});
        let schemas = vec![
            json!(5), json!([]), json!({}), json!({"type": "string"}), json!({"type": "odd"}), json!({"$ref": "#/a"}),
            spec(json!({"$ref": "#"})), spec(json!({"type": "object", "properties": 5})), spec(json!({"type": ["string"]})),
            spec(json!({"type": "object", "additionalProperties": true, "properties": {"a": {}}})),
            spec(json!({"type": "string", "pattern": "("})), spec(json!({"type": "string", "pattern": "(a{1000}){1000}"})),
            spec(json!({"type": "string", "pattern": "((((a{1,1000}){1,1000}){1,1000}){1,1000})"})),
            spec(json!({"type": "string", "pattern": "(?=a)b"})), spec(json!({"type": "string", "pattern": "a".repeat(500_000)})),
            spec(json!({"type": "string", "pattern": "(".repeat(50_000)})), spec(json!({"type": "string", "pattern": "\\p{L}".repeat(5000)})),
            spec(json!({"type": "string", "enum": [1, 2]})), spec(json!({"type": "string", "default": 5})), spec(json!({"type": "string", "default": null})),
            spec(json!({"type": "integer", "minimum": "x"})), spec(json!({"type": "string", "maxLength": -1})),
            spec(json!({"type": "number", "multipleOf": 0})), spec(json!({"type": "array"})), spec(json!({"type": "array", "items": [{}]})),
            spec(json!({"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "map"})),
            spec(json!({"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a"]})),
            spec(json!({"allOf": [{"type": "string"}]})), spec(json!({"not": {"not": {"not": {}}}})),
            spec(deep(60, list)), spec(deep(60, map)), spec(deep(60, objects)), spec(deep(200, objects)), spec(deep(120, |inner| json!({"not": inner}))),
            spec(deep(120, |inner| json!({"allOf": [inner]}))), spec(deep(14, |inner| json!({"anyOf": [inner, inner]}))),
            json!({"type": "object", "properties": wide}),
            rule(text(), ""), rule(text(), "self"), rule(text(), "self ++ 5"), rule(text(), "nothing"), rule(text(), "self == 5"),
            rule(text(), &"(".repeat(100_000)), rule(text(), &"!".repeat(100_000)), rule(text(), &format!("{}true{}", "[".repeat(5000), "]".repeat(5000))),
            rule(text(), &vec!["true"; 100_000].join(" && ")), rule(text(), &"self+".repeat(50_000)), rule(text(), "self.matches(self)"),
            rule(text(), "'a'.matches('((a{1,1000}){1,1000}){1,1000}')"), rule(text(), "self.matches('(')"), rule(text(), "\"\\u{110000}\" == self"),
            rule(list(text()), "self.all(a, self.all(b, self.all(c, self.all(d, a == b && c == d))))"),
            rule(list(list(text())), "self.map(x, self.map(y, self.map(z, x))).size() > 0"),
            rule(list(text()), "self.exists(x, x.contains(self[0]))"), rule(map(text()), "self.all(k, self[k].matches(k))"),
            rule(text(), "self.replace('a', 'aaaaaaaaaaaaaaaaaaaaaaaa').replace('a', 'aaaaaaaaaaaaaaaaa').size() > 5"),
            rule(json!({"type": "integer"}), "self / 0 == 1"), rule(json!({"type": "integer"}), "-9223372036854775808 / -1 == self"),
            rule(json!({"type": "integer"}), "9223372036854775808 == self"), rule(json!({"type": "integer"}), "oldSelf"),
        ];
        let mut served = 0;
        for (number, schema) in schemas.into_iter().enumerate() {
            let plural = format!("h{number}s");
            let made = definition(&plural, &schema);
            let what = format!("{number} {schema:.200}");
            let answer = admin.post(DEFINITIONS, &made).await;
            answer.sane(&what);
            if answer.code != 201 {
                continue;
            }
            served += 1;
            for object in [json!({}), json!({"spec": "aaaa"}), json!({"spec": ["a", "a"]}), json!({"spec": {"a": {"a": {}}}}),
                json!({"spec": 5}), json!({"spec": null}), json!({"spec": "a".repeat(100_000)}), json!({"spec": vec!["a"; 2000]}),
                json!({"spec": vec![vec!["a"; 100]; 100]}), json!({"metadata": 5}), json!({"metadata": {"labels": {"a": 5}}})] {
                let mut object = object;
                if object["metadata"].is_null() {
                    object["metadata"] = json!({"name": "x"});
                }
                object["apiVersion"] = json!("example.com/v1");
                object["kind"] = json!(format!("K{plural}"));
                let path = format!("/apis/example.com/v1/{plural}?dryRun=All");
                let begun = std::time::Instant::now();
                admin.post(&path, &object).await.sane(&format!("{what} {object:.100}"));
                let took = begun.elapsed();
                assert!(took.as_secs() < 30, "{what} {object:.100} took {took:?}");
            }
            admin.get("/openapi/v3/apis/example.com/v1").await.code.eq(&200).then_some(()).expect(&what);
            admin.delete(&format!("{DEFINITIONS}/{plural}.example.com")).await.done(&what);
        }
        assert!(served > 5, "{served} of them are fine");
        unharmed(&cluster, &admin).await;
    })
    .await;
}

#[tokio::test]
async fn hostile_definitions_are_refused() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let fine = definition("fines", &json!({"type": "object"}));
        let changes = [
            ("/metadata/name", json!("other.example.com")),
            ("/spec/group", json!("apps")),
            ("/spec/group", json!("")),
            ("/spec/group", json!("..")),
            ("/spec/group", json!("a/b")),
            ("/spec/group", json!("example.k8s.io")),
            ("/spec/scope", json!("Odd")),
            ("/spec/names/plural", json!("a/b")),
            ("/spec/names/plural", json!("")),
            ("/spec/names/kind", json!("a b")),
            ("/spec/names", json!(null)),
            ("/spec/versions", json!([])),
            ("/spec/versions", json!(null)),
            ("/spec/versions/0/name", json!("..")),
            ("/spec/versions/0/name", json!("")),
            ("/spec/versions/0/storage", json!(false)),
            ("/spec/versions/0/schema", json!(null)),
            ("/spec/versions/0/name", json!("v".repeat(1000))),
            ("/spec", json!(null)),
            ("/spec/names/shortNames", json!(["A B"])),
            ("/spec/conversion", json!({"strategy": "Odd"})),
            ("/spec/conversion", json!({"strategy": "Webhook"})),
            ("/spec/preserveUnknownFields", json!(true)),
            ("/spec/versions/0/subresources", json!({"scale": {}})),
            ("/spec/versions/0/subresources", json!({"scale": {"specReplicasPath": "x"}})),
            (
                "/spec/versions/0/additionalPrinterColumns",
                json!([{"name": "A", "type": "odd", "jsonPath": "["}]),
            ),
            (
                "/spec/versions/0/additionalPrinterColumns",
                json!([{"name": "A", "type": "string", "jsonPath": ".a".repeat(100_000)}]),
            ),
            ("/spec/versions/0/selectableFields", json!([{"jsonPath": ".nothing"}])),
        ];
        for (at, value) in changes {
            let mut other = fine.clone();
            let (parent, key) = at.rsplit_once('/').expect("a path");
            other.pointer_mut(parent).expect("it is there")[key] = value;
            let what = format!("{at} {:.100}", other.pointer(at).unwrap_or(&Value::Null).to_string());
            admin.post(DEFINITIONS, &other).await.sane(&what);
            let code = admin.get(&format!("{DEFINITIONS}/fines.example.com")).await.code;
            if code == 200 {
                // Other servers take a few of these, too; what is served has to work then.
                admin.get("/apis/example.com/v1/fines").await.sane(&what);
                admin.delete(&format!("{DEFINITIONS}/fines.example.com")).await.done(&what);
            }
        }
        unharmed(&cluster, &admin).await;
    })
    .await;
}

#[tokio::test]
async fn definitions_come_and_go_without_a_trace() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let properties: serde_json::Map<_, _> = (0..300)
            .map(|n| (format!("p{n}"), json!({"type": "string", "pattern": "^[a-z]{1,50}$"})))
            .collect();
        let schema =
            json!({"type": "object", "properties": {"spec": {"type": "object", "properties": properties}}});
        let round = async |round: usize| {
            let plural = format!("gone{round}s");
            admin.post(DEFINITIONS, &definition(&plural, &schema)).await.done("define");
            admin.get("/openapi/v3/apis/example.com/v1").await;
            admin.delete(&format!("{DEFINITIONS}/{plural}.example.com")).await.done("delete");
        };
        for number in 0..20 {
            round(number).await;
        }
        let before = memory(&cluster);
        for number in 20..120 {
            round(number).await;
        }
        let grown = memory(&cluster).saturating_sub(before);
        // History and the cache of changes keep some of it for a while.
        assert!(grown < 200 << 20, "grown by {} MiB", grown >> 20);
        unharmed(&cluster, &admin).await;
    })
    .await;
}

#[tokio::test]
async fn a_definition_that_somebody_holds_is_left_in_peace() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let mut held = definition("helds", &json!({"type": "object"}));
        held["metadata"]["finalizers"] = json!(["example.com/mine"]);
        admin.post(DEFINITIONS, &held).await.done("define");
        let one = format!("{DEFINITIONS}/helds.example.com");
        admin.delete(&one).await.done("delete");
        let version = async || admin.get(&one).await.done("get")["metadata"]["resourceVersion"].clone();
        wait_for("the server's own mark is taken off", async || {
            let object = admin.get(&one).await.done("get");
            (object["metadata"]["finalizers"] == json!(["example.com/mine"])).then_some(())
        })
        .await;
        let before = version().await;
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        assert_eq!(version().await, before, "nobody writes it again and again");
        admin.patch(&one, "merge", "{\"metadata\":{\"finalizers\":null}}").await.done("let go");
        admin.get(&one).await.refused_with(404, "gone");
        unharmed(&cluster, &admin).await;
    })
    .await;
}

#[tokio::test]
async fn metadata_of_custom_resources_has_its_types() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        admin.post(DEFINITIONS, &definition("plains", &open)).await.done("define");
        let plains = "/apis/example.com/v1/plains";
        let of = |metadata: Value| json!({"apiVersion": "example.com/v1", "kind": "Kplains", "metadata": metadata});
        admin.post(plains, &of(json!({"name": "x", "labels": {"a": "b"}}))).await.done("create");
        let one = format!("{plains}/x");
        for metadata in [json!(5), json!([]), json!("x"), json!({"labels": {"a": 5}}), json!({"labels": []}), json!({"annotations": "x"}),
            json!({"finalizers": {}}), json!({"finalizers": [5]}), json!({"ownerReferences": [5]}), json!({"generation": "x"}),
            json!({"creationTimestamp": 5}), json!({"deletionTimestamp": "odd"}), json!({"managedFields": 5})] {
            let what = metadata.to_string();
            let patch = json!({"metadata": metadata}).to_string();
            admin.patch(&one, "merge", patch).await.refused(&what);
            let replace = json!([{"op": "replace", "path": "/metadata", "value": metadata}]).to_string();
            admin.patch(&one, "json", replace).await.refused(&what);
            let applied = of(metadata.clone()).to_string();
            let answer = admin.patch(&format!("{one}?fieldManager=x&force=true"), "apply", applied).await;
            assert!(answer.code >= 400 || answer.json()["metadata"]["labels"] == json!({"a": "b"}), "{what}: {}", answer.start());
            let mut whole = of(metadata);
            if let Some(map) = whole["metadata"].as_object_mut() {
                map.insert("name".to_owned(), json!("y"));
            }
            admin.post(plains, &whole).await.refused(&what);
        }
        let after = admin.get(&one).await.done("get");
        assert_eq!(after["metadata"]["labels"], json!({"a": "b"}));
        unharmed(&cluster, &admin).await;
    })
    .await;
}
