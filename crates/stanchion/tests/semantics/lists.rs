//! Lists: their moment, their chunks, what they select, and their forms.

use serde_json::{Value, json};

use crate::LIMIT;
use crate::support::cluster::Cluster;
use crate::support::http::Client;
use crate::support::{wait_for, within};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";

/// Creates `count` `ConfigMaps` labelled `of=<prefix>`, and returns the version of the last.
async fn fill(client: &Client, prefix: &str, count: usize) -> i64 {
    let mut version = 0;
    for number in 0..count {
        let map = json!({"metadata": {"name": format!("{prefix}{number:03}"), "labels": {"of": prefix}}});
        version = version_of(&client.post(MAPS, &map).await.is(201));
    }
    version
}

fn version_of(object: &Value) -> i64 {
    let version = object.pointer("/metadata/resourceVersion").and_then(Value::as_str);
    version.and_then(|version| version.parse().ok()).expect("there is a version")
}

fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().expect("a list has items");
    items.iter().filter_map(|item| item["metadata"]["name"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_moment_of_a_list_is_what_its_options_say() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        let first = fill(&client, "a", 1).await;
        fill(&client, "b", 2).await;
        let list = async |query: &str| client.get(&format!("{MAPS}?labelSelector=of&{query}")).await;
        let count = async |query: &str| names(&list(query).await.is(200)).len();
        assert_eq!(count("").await, 3);
        assert_eq!(count(&format!("resourceVersion={first}")).await, 3);
        assert_eq!(count(&format!("resourceVersion={first}&resourceVersionMatch=NotOlderThan")).await, 3);
        let exact = list(&format!("resourceVersion={first}&resourceVersionMatch=Exact")).await.is(200);
        assert_eq!((names(&exact).len(), version_of(&exact)), (1, first));
        assert_eq!(count(&format!("resourceVersion={first}&limit=5")).await, 1, "a first chunk is exact");
        let zero = "resourceVersion=0&resourceVersionMatch=NotOlderThan";
        wait_for("the cache catches up", async || (count(zero).await == 3).then_some(())).await;
        for (query, message) in [
            ("resourceVersionMatch=Exact", "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"),
            ("resourceVersion=0&resourceVersionMatch=Exact", "resourceVersionMatch: Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""),
            ("resourceVersion=1&resourceVersionMatch=Foo", "resourceVersionMatch: Unsupported value: \"Foo\": supported values: \"Exact\", \"NotOlderThan\""),
            ("sendInitialEvents=true", "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list"),
        ] {
            let refused = list(query).await.refused(422);
            assert_eq!(refused, format!("ListOptions.meta.k8s.io \"\" is invalid: {message}"));
        }
        let future = client.get(&format!("{MAPS}?resourceVersion=999999")).await;
        let future = future.is(504);
        assert!(future["message"].as_str().unwrap_or("").starts_with("Timeout: Too large resource version: 999999, current: "));
        assert_eq!(future["details"]["causes"][0]["reason"], "ResourceVersionTooLarge");
        assert_eq!(future["details"]["retryAfterSeconds"], 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunks_are_of_one_moment_until_its_history_is_gone() {
    within(LIMIT, async {
        let cluster = Cluster::start_with(&["--etcd-compaction-interval", "1s"]).await;
        let client = Client::of(&cluster).await;
        fill(&client, "c", 7).await;
        let page = client.get(&format!("{MAPS}?limit=3")).await.is(200);
        assert_eq!(names(&page), ["c000", "c001", "c002"]);
        assert_eq!(page["metadata"]["remainingItemCount"], 5, "with kube-root-ca.crt");
        client.delete(&format!("{MAPS}/c004")).await.is(200);
        client.post(MAPS, &json!({"metadata": {"name": "c0035"}})).await.is(201);
        let token = page["metadata"]["continue"].as_str().expect("there is more").to_owned();
        let next = client.get(&format!("{MAPS}?limit=3&continue={token}")).await.is(200);
        assert_eq!(names(&next), ["c003", "c004", "c005"]);
        assert_eq!(next["metadata"]["resourceVersion"], page["metadata"]["resourceVersion"]);
        assert_eq!(next["metadata"]["remainingItemCount"], 2);
        let selected = client.get(&format!("{MAPS}?limit=3&labelSelector=of%3Dc")).await.is(200);
        assert_eq!(selected["metadata"].get("remainingItemCount"), None);
        assert_eq!(names(&selected), ["c000", "c001", "c002"]);
        let refused = client.get(&format!("{MAPS}?continue={token}&resourceVersion=5")).await.refused(400);
        assert_eq!(refused, "specifying resource version is not allowed when using continue");
        // More changes than the cache keeps bytes for, so that the history can only come from the store.
        let big = "x".repeat(900_000);
        for number in 0..130 {
            let map = json!({"metadata": {"name": "big"}, "data": {"a": format!("{big}{number}")}});
            let reply = client.put(&format!("{MAPS}/big"), &map).await;
            if reply.code == 404 {
                client.post(MAPS, &map).await.is(201);
            }
        }
        let gone = wait_for("the history is compacted", async || {
            let reply = client.get(&format!("{MAPS}?limit=3&continue={token}")).await;
            client.put(&format!("{MAPS}/big"), &json!({"metadata": {"name": "big"}})).await.is(200);
            (reply.code == 410).then(|| reply.value())
        })
        .await;
        assert_eq!(gone["reason"], "Expired");
        assert!(
            gone["message"].as_str().unwrap_or("").starts_with(
                "The provided continue parameter is too old to display a consistent list result."
            )
        );
        let token = gone["metadata"]["continue"].as_str().expect("there is a way to go on");
        let rest = client.get(&format!("{MAPS}?continue={token}")).await.is(200);
        assert_eq!(names(&rest), ["c003", "c0035", "c005", "c006", "kube-root-ca.crt"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn selectors_choose_and_namespaces_are_in_order() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        for namespace in ["b", "a", "a-b"] {
            client.post("/api/v1/namespaces", &json!({"metadata": {"name": namespace}})).await.is(201);
            let secret =
                json!({"metadata": {"name": "s", "labels": {"in": namespace}}, "stringData": {"k": "v"}});
            let path = format!("/api/v1/namespaces/{namespace}/secrets");
            let made = client.post(&path, &secret).await.is(201);
            assert_eq!((&made["data"]["k"], made.get("stringData")), (&json!("dg=="), None));
        }
        let all = client.get("/api/v1/secrets").await.is(200);
        let spaces: Vec<&str> = all["items"]
            .as_array()
            .expect("items")
            .iter()
            .filter_map(|s| s["metadata"]["namespace"].as_str())
            .collect();
        assert_eq!(spaces, ["a-b", "a", "b"], "as the keys of the store are: a slash after the name");
        let count =
            async |query: &str| names(&client.get(&format!("/api/v1/secrets?{query}")).await.is(200)).len();
        assert_eq!(count("labelSelector=in%20in%20(a,b)").await, 2);
        assert_eq!(count("labelSelector=in!%3Da").await, 2);
        assert_eq!(count("labelSelector=!in").await, 0);
        assert_eq!(count("fieldSelector=type%3DOpaque,metadata.namespace!%3Da").await, 2);
        assert_eq!(count("fieldSelector=metadata.name%3Dnone").await, 0);
        let refused = client.get("/api/v1/secrets?fieldSelector=spec.x%3D1").await.refused(400);
        assert_eq!(refused, "field label not supported: spec.x");
        let refused = client.get(&format!("{MAPS}?fieldSelector=spec.x%3D1")).await.refused(400);
        assert_eq!(
            refused,
            "\"spec.x\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
        );
        let gone = "/api/v1/namespaces/a/secrets?labelSelector=in%3Da";
        let deleted = client.delete(gone).await.is(200);
        assert_eq!((deleted["kind"].as_str(), names(&deleted)), (Some("SecretList"), vec!["s"]));
        assert_eq!(count("").await, 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_come_in_the_form_that_is_asked_for() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        fill(&client, "d", 2).await;
        let path = format!("{MAPS}?labelSelector=of");
        let table = client.get_with(&path, &[("accept", TABLE)]).await.is(200);
        assert_eq!((&table["kind"], &table["apiVersion"]), (&json!("Table"), &json!("meta.k8s.io/v1")));
        let columns: Vec<&str> = table["columnDefinitions"]
            .as_array()
            .expect("columns")
            .iter()
            .filter_map(|c| c["name"].as_str())
            .collect();
        assert_eq!(columns, ["Name", "Data", "Age"]);
        assert_eq!(table["rows"][0]["cells"][0], "d000");
        assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
        let none = client.get_with(&format!("{path}&includeObject=None"), &[("accept", TABLE)]).await.is(200);
        assert_eq!(none["rows"][1].get("object").unwrap_or(&Value::Null), &Value::Null);
        let full =
            client.get_with(&format!("{path}&includeObject=Object"), &[("accept", TABLE)]).await.is(200);
        assert_eq!(full["rows"][1]["object"]["kind"], "ConfigMap");
        let one = client.get_with(&format!("{MAPS}/d001"), &[("accept", TABLE)]).await.is(200);
        assert_eq!(one["rows"].as_array().map(Vec::len), Some(1));
        let partial = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
        let list = client.get_with(&path, &[("accept", partial)]).await.is(200);
        assert_eq!(
            (&list["kind"], &list["items"][0]["kind"]),
            (&json!("PartialObjectMetadataList"), &json!("PartialObjectMetadata"))
        );
        assert_eq!(list["items"][0].get("data"), None);
        let partial = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
        let one = client.get_with(&format!("{MAPS}/d001"), &[("accept", partial)]).await.is(200);
        assert_eq!(
            (&one["kind"], &one["metadata"]["name"]),
            (&json!("PartialObjectMetadata"), &json!("d001"))
        );
        assert_eq!(client.get_with(MAPS, &[("accept", "text/html")]).await.code, 406);
        let small = client.get_with(&path, &[("accept-encoding", "gzip")]).await;
        assert_eq!((small.code, small.header("content-encoding")), (200, ""));
        let big = json!({"metadata": {"name": "big"}, "data": {"a": "x".repeat(200_000)}});
        client.post(MAPS, &big).await.is(201);
        let plain = client.get(MAPS).await;
        assert_eq!((plain.code, plain.header("content-encoding")), (200, ""));
        let large = client.get_with(MAPS, &[("accept-encoding", "deflate, gzip;q=0.5")]).await;
        assert_eq!(large.header("content-encoding"), "gzip");
        assert!(large.body.len() * 10 < plain.body.len());
        let head = client.send(hyper::Method::HEAD, MAPS, &[], "").await;
        assert_eq!((head.code, head.body.len(), head.header("content-type")), (200, 0, "application/json"));
    })
    .await;
}
