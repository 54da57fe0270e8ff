//! Patches that are none, that ask for too much, or that change what cannot be changed.

use serde_json::{Value, json};

use crate::LIMIT;
use crate::bodies::nested;
use crate::client::{Client, unharmed};
use crate::support::cluster::Cluster;
use crate::support::within;

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
const WEB: &str = "/apis/apps/v1/namespaces/default/deployments/web";

async fn web(admin: &Client) -> Value {
    let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [
        {"name": "c", "image": "i", "ports": [{"containerPort": 80}], "env": [{"name": "A", "value": "1"}]},
        {"name": "d", "image": "i"}]}});
    let spec = json!({"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": template});
    admin.post(DEPLOYMENTS, &json!({"metadata": {"name": "web"}, "spec": spec})).await.done("create")
}

#[tokio::test]
async fn json_patches_that_make_no_sense_are_refused() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let before = web(&admin).await;
        let large = "x".repeat(100_000);
        let fill = json!({"op": "add", "path": "/metadata/annotations", "value": {"a": large}});
        let mut bombs = vec![fill];
        bombs.extend((0..100).map(|n| json!({"op": "copy", "from": "/metadata/annotations/a", "path": format!("/metadata/annotations/b{n}")})));
        let double = (0..64).map(|n| json!({"op": "copy", "from": "/spec", "path": format!("/spec/again{n}")}));
        let cases = [
            json!({}), json!(5), json!("x"), json!([5]), json!([null]), json!([[]]), json!([{}]),
            json!([{"op": "odd", "path": "/a"}]), json!([{"op": 5, "path": "/a"}]), json!([{"op": "add"}]),
            json!([{"op": "remove", "path": "/nothing"}]), json!([{"op": "remove", "path": ""}]),
            json!([{"op": "remove", "path": "nothing"}]), json!([{"op": "replace", "path": "/nothing/x", "value": 1}]),
            json!([{"op": "test", "path": "/spec/replicas", "value": 9}]), json!([{"op": "test", "path": "/a/b/c", "value": 9}]),
            json!([{"op": "move", "path": "/spec/x", "from": "/nothing"}]), json!([{"op": "move", "path": "/spec/template/x", "from": "/spec/template"}]),
            json!([{"op": "copy", "path": "/spec/x"}]), json!([{"op": "add", "path": "/spec/template/spec/containers/99", "value": {}}]),
            json!([{"op": "add", "path": "/spec/template/spec/containers/-9", "value": {}}]),
            json!([{"op": "add", "path": "/spec/template/spec/containers/99999999999999999999", "value": {}}]),
            json!([{"op": "remove", "path": "/spec/template/spec/containers/-9223372036854775808"}]),
            json!([{"op": "add", "path": "/spec/replicas", "value": "x"}]), json!([{"op": "remove", "path": "/spec"}]),
            json!([{"op": "remove", "path": "/metadata"}]), json!([{"op": "replace", "path": "/metadata", "value": 5}]),
            json!([{"op": "replace", "path": "/metadata", "value": null}]), json!([{"op": "replace", "path": "", "value": null}]),
            json!([{"op": "replace", "path": "/metadata/name", "value": "x"}]), json!([{"op": "replace", "path": "/metadata/namespace", "value": "x"}]),
            json!([{"op": "replace", "path": "/metadata/uid", "value": "x"}]), json!([{"op": "replace", "path": "/kind", "value": "Pod"}]),
            json!([{"op": "replace", "path": "/apiVersion", "value": "v1"}]), json!([{"op": "replace", "path": "/metadata/resourceVersion", "value": "1"}]),
            json!([{"op": "replace", "path": "/spec/selector", "value": {"matchLabels": {"x": "y"}}}]),
            json!([{"op": "add", "path": format!("/{}", "a/".repeat(100_000)), "value": 1}]),
            Value::from(bombs), double.collect(),
            (0..10_001).map(|_| json!({"op": "test", "path": "/spec/replicas", "value": 1})).collect(),
        ];
        for patch in cases {
            let text = patch.to_string();
            admin.patch(WEB, "json", text.clone()).await.refused(&format!("{text:.300}"));
        }
        let many: Value = (0..10_000).map(|_| json!({"op": "test", "path": "/spec/replicas", "value": 1})).collect();
        admin.patch(WEB, "json", many.to_string()).await.done("as many as are allowed");
        let deep = format!("[{{\"op\":\"add\",\"path\":\"/spec/x\",\"value\":{}}}]", nested("[", "", "]", 100_000));
        admin.patch(WEB, "json", deep).await.refused("deep");
        let after = admin.get(WEB).await.done("get");
        assert_eq!(after["spec"], before["spec"]);
        unharmed(&cluster, &admin).await;
    })
    .await;
}

#[tokio::test]
async fn merge_patches_that_make_no_sense_are_refused() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let before = web(&admin).await;
        let both = [
            "5",
            "[]",
            "null",
            "\"x\"",
            "{",
            "",
            "{\"spec\":null}",
            "{\"spec\":5}",
            "{\"metadata\":5}",
            "{\"metadata\":[]}",
            "{\"kind\":\"Pod\"}",
            "{\"apiVersion\":\"v1\"}",
            "{\"metadata\":{\"name\":\"x\"}}",
            "{\"metadata\":{\"namespace\":\"x\"}}",
            "{\"metadata\":{\"uid\":\"x\"}}",
            "{\"metadata\":{\"resourceVersion\":\"1\"}}",
            "{\"metadata\":{\"resourceVersion\":5}}",
            "{\"metadata\":{\"labels\":{\"a\":5}}}",
            "{\"metadata\":{\"labels\":[]}}",
            "{\"metadata\":{\"ownerReferences\":{}}}",
            "{\"metadata\":{\"finalizers\":[\"odd one\"]}}",
            "{\"spec\":{\"replicas\":\"5\"}}",
            "{\"spec\":{\"replicas\":-1}}",
            "{\"spec\":{\"template\":{\"spec\":{\"containers\":{}}}}}",
            "{\"spec\":{\"template\":null}}",
            "{\"spec\":{\"selector\":null}}",
        ];
        for sort in ["merge", "strategic-merge"] {
            for patch in both {
                admin.patch(WEB, sort, patch).await.refused(&format!("{sort} {patch}"));
            }
            let deep = format!("{{\"spec\":{}}}", nested("{\"a\":", "1", "}", 100_000));
            admin.patch(WEB, sort, deep).await.refused(sort);
        }
        let containers = |items: &str| format!("{{\"spec\":{{\"template\":{{\"spec\":{{{items}}}}}}}}}");
        let strategic = [
            "{\"$patch\":\"odd\"}".to_owned(),
            "{\"$patch\":5}".to_owned(),
            "{\"$patch\":\"delete\"}".to_owned(),
            "{\"$patch\":\"replace\"}".to_owned(),
            "{\"$retainKeys\":5}".to_owned(),
            "{\"spec\":{\"$retainKeys\":[\"paused\"],\"replicas\":1}}".to_owned(),
            containers("\"containers\":[{\"image\":\"x\"}]"),
            containers("\"containers\":[5]"),
            containers("\"containers\":[null]"),
            containers("\"containers\":[{\"$patch\":\"odd\",\"name\":\"c\"}]"),
            containers("\"containers\":[{\"$patch\":\"replace\"}]"),
            containers("\"$setElementOrder/containers\":5"),
            containers(
                "\"$setElementOrder/containers\":[{\"name\":\"z\"}],\"containers\":[{\"name\":\"c\"}]",
            ),
            containers("\"$setElementOrder/nothing\":[]"),
            containers("\"$deleteFromPrimitiveList\":[1]"),
            containers("\"$setElementOrder/containers\":[5]"),
            containers("\"containers\":[[]]"),
            containers("\"containers\":[{\"name\":{}}]"),
        ];
        for patch in strategic {
            // Other servers answer some of these with a failure of theirs; none may change anything.
            let answer = admin.patch(&format!("{WEB}?dryRun=All"), "strategic-merge", patch.clone()).await;
            assert!(answer.code < 500 || answer.json()["kind"] == "Status", "{patch} {}", answer.start());
        }
        let after = admin.get(WEB).await.done("get");
        assert_eq!(after["spec"], before["spec"]);
        unharmed(&cluster, &admin).await;
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_applied_is_refused() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let before = web(&admin).await;
        let head = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n";
        let fine = format!("{head}spec: {{replicas: 1}}\n");
        admin.patch(WEB, "apply", fine.clone()).await.refused("no manager");
        let long = "m".repeat(129);
        for manager in ["", long.as_str(), "%00"] {
            admin
                .patch(&format!("{WEB}?fieldManager={manager}"), "apply", fine.clone())
                .await
                .refused(manager);
        }
        admin.patch(&format!("{WEB}?fieldManager=x&force=odd"), "apply", "5").await.refused("force");
        let with = |rest: &str| format!("{head}{rest}");
        let cases = [
            String::new(),
            "5".to_owned(),
            "[]".to_owned(),
            "a: [".to_owned(),
            "kind: Deployment".to_owned(),
            "apiVersion: apps/v1".to_owned(),
            fine.replace("apps/v1", "v1"),
            fine.replace("Deployment", "Pod"),
            fine.replace("web", "other"),
            with("metadata: 5"),
            with("spec: 5"),
            with("spec: []"),
            with("spec: {replicas: x}"),
            with("spec: {replicas: 1.5}"),
            with("spec: {template: {spec: {containers: 5}}}"),
            with("spec: {template: {spec: {containers: [5]}}}"),
            with("spec: {template: {spec: {containers: [{image: x}]}}}"),
            with("spec: {template: {spec: {containers: [{name: c}, {name: c}]}}}"),
            with("spec: {template: {spec: {containers: [{name: {}}]}}}"),
            with("spec: {template: {spec: {containers: [{name: [1]}]}}}"),
            with(&format!("spec: {}", nested("{a: ", "1", "}", 100_000))),
            head.replace("name: web", "name: web, managedFields: [{manager: x}]"),
            head.replace("name: web", "name: web, managedFields: 5"),
            head.replace("name: web", "name: web, uid: x"),
            head.replace("name: web", "name: web, namespace: other"),
            head.replace("name: web", "name: web, resourceVersion: '1'"),
        ];
        for config in cases {
            let answer = admin.patch(&format!("{WEB}?fieldManager=x"), "apply", config.clone()).await;
            // The types of what is merged are told with code 500 by other servers as well.
            assert!(answer.code >= 400, "{config:.200}: {}", answer.start());
            assert_eq!(answer.json()["kind"], "Status", "{config:.200}");
        }
        let after = admin.get(WEB).await.done("get");
        assert_eq!(after["spec"], before["spec"]);
        unharmed(&cluster, &admin).await;
    })
    .await;
}

#[tokio::test]
async fn owners_that_are_made_up_do_no_harm() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        web(&admin).await;
        let entry = |fields: Value| json!({"manager": "m", "operation": "Apply", "apiVersion": "apps/v1",
            "time": "2024-01-01T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": fields});
        let mut deep = json!({});
        for _ in 0..150 {
            deep = json!({"f:a": deep});
        }
        let lists = [
            json!(5), json!({}), json!([5]), json!([null]), json!([{}]), json!([{}, {}]), json!([[]]),
            json!([entry(json!(5))]), json!([entry(json!([]))]), json!([entry(json!({"odd": {}}))]), json!([entry(json!({"f:spec": 5}))]),
            json!([entry(json!({"k:{": {}}))]), json!([entry(json!({"k:5": {}}))]), json!([entry(json!({"v:{": {}}))]),
            json!([entry(json!({"i:x": {}}))]), json!([entry(json!({"i:-1": {}, "i:99999999999999999999": {}}))]),
            json!([entry(json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"c\"}": {".": {}}}}}}}))]),
            json!([entry(deep)]), json!([entry(json!({"f:spec": {"f:replicas": {"f:deeper": {}}}}))]),
            json!(vec![entry(json!({"f:spec": {}})); 500]), json!([{"manager": "m", "operation": "Odd"}]),
            json!([{"manager": "x".repeat(5000), "operation": "Update", "apiVersion": "odd/odd/odd", "fieldsType": "Odd"}]),
        ];
        for list in lists {
            let what = format!("{list:.200}");
            let patch = json!({"metadata": {"managedFields": list}}).to_string();
            admin.patch(WEB, "merge", patch.clone()).await.sane(&what);
            admin.patch(WEB, "strategic-merge", patch).await.sane(&what);
            let mut new = json!({"metadata": {"name": "made-up"}, "data": {"a": "b"}});
            new["metadata"]["managedFields"] = list;
            let maps = "/api/v1/namespaces/default/configmaps";
            admin.post(&format!("{maps}?dryRun=All"), &new).await.sane(&what);
            let config = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2}\n";
            admin.patch(&format!("{WEB}?fieldManager=x&force=true"), "apply", config).await.done(&what);
            admin.patch(WEB, "merge", "{\"spec\":{\"replicas\":3}}").await.done(&what);
        }
        unharmed(&cluster, &admin).await;
    })
    .await;
}

#[tokio::test]
async fn each_part_of_an_object_changes_only_itself() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let before = web(&admin).await;
        let both = "{\"spec\":{\"replicas\":7,\"paused\":true},\"status\":{\"replicas\":9}}";
        let status = admin.patch(&format!("{WEB}/status"), "merge", both).await.done("status");
        assert_eq!((&status["spec"], &status["status"]["replicas"]), (&before["spec"], &json!(9)));
        let main = admin.patch(WEB, "merge", "{\"status\":{\"replicas\":5},\"spec\":{\"paused\":true}}").await.done("main");
        assert_eq!((&main["spec"]["paused"], &main["status"]["replicas"]), (&json!(true), &json!(9)));
        let own = "{\"metadata\":{\"creationTimestamp\":\"2001-01-01T00:00:00Z\",\"generation\":99,\"selfLink\":\"x\",\
            \"deletionTimestamp\":\"2001-01-01T00:00:00Z\",\"deletionGracePeriodSeconds\":5}}";
        admin.patch(WEB, "merge", own).await.sane("what is the server's");
        let after = admin.get(WEB).await.done("get");
        for key in ["creationTimestamp", "uid", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"] {
            assert_eq!(after["metadata"][key], before["metadata"][key], "{key}");
        }
        assert!(after["metadata"]["generation"].as_i64().is_some_and(|generation| generation < 10));
        for scale in ["{\"spec\":{\"replicas\":-1}}", "{\"spec\":{\"replicas\":\"x\"}}", "{\"spec\":5}", "5", "{\"kind\":\"Odd\"}",
            "{\"metadata\":{\"name\":\"x\"}}", "{\"metadata\":{\"uid\":\"x\"}}"] {
            admin.patch(&format!("{WEB}/scale"), "merge", scale).await.refused(scale);
        }
        unharmed(&cluster, &admin).await;
    })
    .await;
}
