//! CustomResourceDefinitions and the objects they bring.

use serde_json::{Value, json};

use crate::LIMIT;
use crate::support::cluster::Cluster;
use crate::support::http::Client;
use crate::support::{wait_for, within};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const TABS: &str = "/apis/stable.example.com/v1/namespaces/default/crontabs";

fn version(name: &str, storage: bool) -> Value {
    json!({
        "name": name, "served": true, "storage": storage,
        "subresources": {"status": {}, "scale": {
            "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas", "labelSelectorPath": ".status.selector",
        }},
        "additionalPrinterColumns": [{"name": "Cron", "type": "string", "jsonPath": ".spec.cron"}],
        "selectableFields": [{"jsonPath": ".spec.cron"}],
        "schema": {"openAPIV3Schema": {"type": "object", "required": ["spec"], "properties": {
            "spec": {
                "type": "object", "required": ["cron"],
                "properties": {
                    "cron": {"type": "string", "maxLength": 20, "pattern": "^[0-9* ]+$"},
                    "replicas": {"type": "integer", "minimum": 0, "default": 1},
                    "kind": {"type": "string", "enum": ["a", "b"]},
                },
                "x-kubernetes-validations": [
                    {"rule": "!has(oldSelf.kind) || has(self.kind) && self.kind == oldSelf.kind", "message": "kind is immutable"},
                    {"rule": "self.replicas <= 10", "messageExpression": "'no more than 10, not ' + string(self.replicas)"},
                ],
            },
            "status": {"type": "object", "properties": {"replicas": {"type": "integer"}, "selector": {"type": "string"}}},
        }}},
    })
}

fn definition(plural: &str, kind: &str, versions: &Value) -> Value {
    let singular = kind.to_lowercase();
    json!({
        "metadata": {"name": format!("{plural}.stable.example.com")},
        "spec": {
            "group": "stable.example.com", "scope": "Namespaced", "versions": versions,
            "names": {"plural": plural, "singular": singular, "kind": kind, "shortNames": ["ct"], "categories": ["all"]},
        },
    })
}

fn tab(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "stable.example.com/v1", "kind": "CronTab", "metadata": {"name": name}, "spec": spec})
}

fn condition(definition: &Value, kind: &str) -> Value {
    let all = definition["status"]["conditions"].as_array().cloned().unwrap_or_default();
    all.into_iter()
        .find(|condition| condition["type"] == kind)
        .map_or(Value::Null, |found| found["status"].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_definition_serves_at_once_what_it_says() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        let made = client.post(DEFINITIONS, &definition("crontabs", "CronTab", &json!([version("v1", true)]))).await.is(201);
        assert_eq!((condition(&made, "Established"), condition(&made, "NamesAccepted")), (json!("True"), json!("True")));
        let found = client.get("/apis/stable.example.com/v1").await.is(200);
        assert_eq!(found["resources"][0]["shortNames"], json!(["ct"]));
        assert!(client.get("/openapi/v3/apis/stable.example.com/v1").await.is(200)["components"]["schemas"].is_object());
        let mut wanted = tab("a", &json!({"cron": "* *", "extra": 1}));
        wanted["other"] = json!({"x": 1});
        let strict = client.post(&format!("{TABS}?fieldValidation=Strict"), &wanted).await.refused(400);
        assert_eq!(strict, "CronTab in version \"v1\" cannot be handled as a CronTab: strict decoding error: unknown field \"other\", unknown field \"spec.extra\"");
        let object = client.post(TABS, &wanted).await;
        assert_eq!(object.headers("warning").len(), 2);
        let object = object.is(201);
        assert_eq!((&object["spec"], object.get("other")), (&json!({"cron": "* *", "replicas": 1}), None));
        assert_eq!(object["metadata"]["generation"], 1);
        for (spec, message) in [
            (json!({}), "spec.cron: Required value"),
            (json!({"cron": "x"}), "spec.cron: Invalid value: \"x\": spec.cron in body should match '^[0-9* ]+$'"),
            (json!({"cron": 1}), "spec.cron: Invalid value: \"integer\": spec.cron in body must be of type string: \"integer\""),
            (json!({"cron": "1", "kind": "c"}), "spec.kind: Unsupported value: \"c\": supported values: \"a\", \"b\""),
            (json!({"cron": "1", "replicas": -1}), "spec.replicas: Invalid value: -1: spec.replicas in body should be greater than or equal to 0"),
            (json!({"cron": "1", "replicas": 11}), "spec: Invalid value: \"object\": no more than 10, not 11"),
        ] {
            let refused = client.post(TABS, &tab("b", &spec)).await.refused(422);
            assert!(refused.starts_with("CronTab.stable.example.com \"b\" is invalid: ") && refused.contains(message), "{refused}");
        }
        client.patch("merge-patch+json", &format!("{TABS}/a"), &json!({"spec": {"kind": "a"}})).await.is(200);
        let fixed = client.patch("merge-patch+json", &format!("{TABS}/a"), &json!({"spec": {"kind": "b"}})).await.refused(422);
        assert!(fixed.contains("spec: Invalid value: \"object\": kind is immutable"), "{fixed}");
        let status = json!({"spec": {"replicas": 7}, "status": {"replicas": 2, "selector": "a=b"}});
        let observed = client.patch("merge-patch+json", &format!("{TABS}/a/status"), &status).await.is(200);
        assert_eq!((&observed["spec"]["replicas"], &observed["metadata"]["generation"]), (&json!(1), &json!(2)));
        let scale = client.patch("merge-patch+json", &format!("{TABS}/a/scale"), &json!({"spec": {"replicas": 3}})).await.is(200);
        assert_eq!(scale["status"], json!({"replicas": 2, "selector": "a=b"}));
        assert_eq!(client.get(&format!("{TABS}/a")).await.is(200)["spec"]["replicas"], 3);
        let table = client.get_with(TABS, &[("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")]).await.is(200);
        let columns: Vec<&str> = table["columnDefinitions"].as_array().expect("columns").iter().filter_map(|c| c["name"].as_str()).collect();
        assert_eq!((columns, &table["rows"][0]["cells"][1]), (vec!["Name", "Cron"], &json!("* *")));
        client.post(TABS, &tab("z", &json!({"cron": "0"}))).await.is(201);
        let selected = client.get(&format!("{TABS}?fieldSelector=spec.cron%3D0")).await.is(200);
        assert_eq!(selected["items"].as_array().map(Vec::len), Some(1));
        assert_eq!(selected["kind"], "CronTabList");
        assert_eq!(client.get(&format!("{TABS}?fieldSelector=spec.kind%3Da")).await.refused(400), "field label not supported: spec.kind");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_are_faces_of_one_object() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        let mut old = version("v1beta1", false);
        old["deprecated"] = json!(true);
        client.post(DEFINITIONS, &definition("crontabs", "CronTab", &json!([version("v1", true), old]))).await.is(201);
        client.post(TABS, &tab("a", &json!({"cron": "1"}))).await.is(201);
        let beta = TABS.replace("/v1/", "/v1beta1/");
        let seen = client.get(&format!("{beta}/a")).await;
        assert_eq!(seen.headers("warning"), ["299 - \"stable.example.com/v1beta1 CronTab is deprecated; use stable.example.com/v1 CronTab\""]);
        assert_eq!(seen.is(200)["apiVersion"], "stable.example.com/v1beta1");
        client.patch("merge-patch+json", &format!("{beta}/a"), &json!({"spec": {"replicas": 2}})).await.is(200);
        assert_eq!(client.get(&format!("{TABS}/a")).await.is(200)["spec"]["replicas"], 2);
        let group = client.get("/apis/stable.example.com").await.is(200);
        assert_eq!(group["preferredVersion"]["version"], "v1");
        let path = format!("{DEFINITIONS}/crontabs.stable.example.com");
        let stored = client.get(&path).await.is(200)["status"]["storedVersions"].clone();
        assert_eq!(stored, json!(["v1"]));
        let mut webhook = definition("webs", "Web", &json!([version("v1", true)]));
        webhook["spec"]["conversion"] = json!({"strategy": "Webhook", "webhook": {
            "conversionReviewVersions": ["v1"], "clientConfig": {"url": "https://x.io"},
        }});
        let refused = client.post(DEFINITIONS, &webhook).await;
        assert!(refused.code >= 400, "{}", refused.text());
        let grown = json!([{"op": "add", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/extra", "value": {"type": "string"}}]);
        client.patch("json-patch+json", &path, &grown).await.is(200);
        let extra = client.patch("merge-patch+json", &format!("{TABS}/a"), &json!({"spec": {"extra": "x"}})).await.is(200);
        assert_eq!(extra["spec"]["extra"], "x", "the new schema holds at once");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definitions_end_with_their_objects_and_names_belong_to_one() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        client
            .post(DEFINITIONS, &definition("crontabs", "CronTab", &json!([version("v1", true)])))
            .await
            .is(201);
        let other = client
            .post(DEFINITIONS, &definition("others", "CronTab", &json!([version("v1", true)])))
            .await
            .is(201);
        assert_eq!(
            (condition(&other, "NamesAccepted"), condition(&other, "Established")),
            (json!("False"), json!("False"))
        );
        assert_eq!(client.get(&TABS.replace("crontabs", "others")).await.code, 404);
        let mut held = tab("held", &json!({"cron": "1"}));
        held["metadata"]["finalizers"] = json!(["x.io/y"]);
        client.post(TABS, &held).await.is(201);
        client.post(TABS, &tab("free", &json!({"cron": "1"}))).await.is(201);
        let path = format!("{DEFINITIONS}/crontabs.stable.example.com");
        let ending = client.delete(&path).await.is(200);
        assert_eq!(ending["metadata"]["finalizers"], json!(["customresourcecleanup.apiextensions.k8s.io"]));
        wait_for("the free one goes", async || {
            (client.get(&format!("{TABS}/free")).await.code == 404).then_some(())
        })
        .await;
        let refused = client.post(TABS, &tab("new", &json!({"cron": "1"}))).await;
        assert_eq!(
            refused.refused(405),
            "create not allowed while custom resource definition is terminating"
        );
        let unlocked = json!({"metadata": {"finalizers": null}});
        client.patch("merge-patch+json", &format!("{TABS}/held"), &unlocked).await.is(200);
        wait_for("the definition goes", async || (client.get(&path).await.code == 404).then_some(())).await;
        wait_for("nothing is served", async || (client.get(TABS).await.code == 404).then_some(())).await;
        wait_for("the name is free", async || {
            let other = client.get(&format!("{DEFINITIONS}/others.stable.example.com")).await.is(200);
            (condition(&other, "Established") == "True").then_some(())
        })
        .await;
    })
    .await;
}
