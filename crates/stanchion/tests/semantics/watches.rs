//! Watches: where they begin, what they select, their bookmarks and their ends.

use serde_json::{Value, json};

use crate::LIMIT;
use crate::support::cluster::Cluster;
use crate::support::http::Client;
use crate::support::{wait_for, within};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn map(name: &str, label: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"of": label}}})
}

fn pair(kind: &str, name: &str) -> (String, String) {
    (kind.to_owned(), name.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_selection_sees_objects_come_and_go() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        client.post(MAPS, &map("old", "a")).await.is(201);
        let mut events = client.watch(&format!("{MAPS}?watch=1&labelSelector=of%3Da"), &[]).await;
        assert_eq!(events.short().await, pair("ADDED", "old"));
        client.post(MAPS, &map("other", "b")).await.is(201);
        client.post(MAPS, &map("new", "a")).await.is(201);
        assert_eq!(events.short().await, pair("ADDED", "new"));
        let patch = |label: &str| json!({"metadata": {"labels": {"of": label}}});
        client.patch("merge-patch+json", &format!("{MAPS}/new"), &patch("b")).await.is(200);
        let gone = events.next().await.expect("goes on");
        assert_eq!(
            (&gone["type"], &gone["object"]["metadata"]["labels"]["of"]),
            (&json!("DELETED"), &json!("a"))
        );
        let moved = client.patch("merge-patch+json", &format!("{MAPS}/other"), &patch("a")).await.is(200);
        let added = events.next().await.expect("goes on");
        assert_eq!(added["type"], "ADDED");
        assert_eq!(added["object"], moved);
        client
            .patch("merge-patch+json", &format!("{MAPS}/other"), &json!({"data": {"k": "v"}}))
            .await
            .is(200);
        assert_eq!(events.short().await, pair("MODIFIED", "other"));
        client.delete(&format!("{MAPS}/other")).await.is(200);
        let deleted = events.next().await.expect("goes on");
        assert_eq!(deleted["type"], "DELETED");
        assert_ne!(deleted["object"]["metadata"]["resourceVersion"], moved["metadata"]["resourceVersion"]);
        let mut one = client.watch("/api/v1/watch/namespaces/default/configmaps/old", &[]).await;
        assert_eq!(one.short().await, pair("ADDED", "old"));
        client.post(MAPS, &map("noise", "a")).await.is(201);
        client.delete(&format!("{MAPS}/old")).await.is(200);
        assert_eq!(one.short().await, pair("DELETED", "old"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_can_be_streamed() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        client.post(MAPS, &map("a", "x")).await.is(201);
        let base = format!("{MAPS}?watch=true&labelSelector=of&timeoutSeconds=3");
        let stream = "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
        let mut marked = client.watch(&format!("{base}{stream}&allowWatchBookmarks=true"), &[]).await;
        assert_eq!(marked.short().await, pair("ADDED", "a"));
        let mark = marked.next().await.expect("goes on");
        assert_eq!(mark["type"], "BOOKMARK");
        assert_eq!((&mark["object"]["kind"], &mark["object"]["apiVersion"]), (&json!("ConfigMap"), &json!("v1")));
        assert_eq!(mark["object"]["metadata"]["annotations"], json!({"k8s.io/initial-events-end": "true"}));
        let last = marked.next().await.expect("one more before the end");
        assert_eq!((&last["type"], last["object"]["metadata"].get("annotations")), (&json!("BOOKMARK"), None));
        assert_eq!(marked.next().await, None, "the time is over");
        let mut plain = client.watch(&format!("{base}{stream}"), &[]).await;
        assert_eq!(plain.short().await, pair("ADDED", "a"));
        assert_eq!(plain.next().await, None, "no bookmark of any sort was asked for");
        let mut later = client.watch(&format!("{base}&sendInitialEvents=false&resourceVersionMatch=NotOlderThan"), &[]).await;
        client.post(MAPS, &map("b", "x")).await.is(201);
        assert_eq!(later.short().await, pair("ADDED", "b"));
        for (query, message) in [
            ("sendInitialEvents=true", "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"),
            ("resourceVersionMatch=NotOlderThan", "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"),
        ] {
            let refused = client.get(&format!("{MAPS}?watch=true&{query}")).await.refused(422);
            assert_eq!(refused, format!("ListOptions.meta.k8s.io \"\" is invalid: {message}"));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_resumes_from_history_while_there_is_one() {
    within(LIMIT, async {
        let cluster = Cluster::start_with(&["--etcd-compaction-interval", "2s"]).await;
        let client = Client::of(&cluster).await;
        let made = client.post(MAPS, &map("a", "x")).await.is(201);
        let since = made["metadata"]["resourceVersion"].as_str().expect("a version").to_owned();
        client.put(&format!("{MAPS}/a"), &map("a", "y")).await.is(200);
        client.delete(&format!("{MAPS}/a")).await.is(200);
        let cluster = cluster.restart().await;
        let client = Client::of(&cluster).await;
        let path = format!("{MAPS}?watch=true&resourceVersion={since}");
        let mut events = client.watch(&path, &[]).await;
        assert_eq!(events.short().await, pair("MODIFIED", "a"));
        assert_eq!(events.short().await, pair("DELETED", "a"));
        drop(events);
        // Past what the cache keeps, and compacted in the store.
        let big = "x".repeat(900_000);
        client.post(MAPS, &json!({"metadata": {"name": "big"}})).await.is(201);
        for number in 0..130 {
            let map = json!({"metadata": {"name": "big"}, "data": {"a": format!("{big}{number}")}});
            client.put(&format!("{MAPS}/big"), &map).await.is(200);
        }
        let error = wait_for("the history is gone", async || {
            let mut events = client.watch(&path, &[]).await;
            let event = events.next().await.expect("there is something to tell");
            client.put(&format!("{MAPS}/big"), &json!({"metadata": {"name": "big"}})).await.is(200);
            (event["type"] == "ERROR").then_some(event)
        })
        .await;
        assert_eq!((&error["object"]["code"], &error["object"]["reason"]), (&json!(410), &json!("Expired")));
        assert!(error["object"]["message"].as_str().unwrap_or("").starts_with("too old resource version: "));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watches_have_forms_too() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        client.post(MAPS, &map("a", "x")).await.is(201);
        client.post(MAPS, &map("b", "x")).await.is(201);
        let path = format!("{MAPS}?watch=true&labelSelector=of");
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
        let mut tables = client.watch(&path, &[("accept", table)]).await;
        let first = tables.next().await.expect("goes on");
        assert_eq!(
            (&first["object"]["kind"], &first["object"]["rows"][0]["cells"][0]),
            (&json!("Table"), &json!("a"))
        );
        assert!(first["object"]["columnDefinitions"].is_array());
        let second = tables.next().await.expect("goes on");
        assert_eq!(second["object"]["columnDefinitions"], Value::Null, "columns are told once");
        let partial = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
        let mut metadata = client.watch(&path, &[("accept", partial)]).await;
        let first = metadata.next().await.expect("goes on");
        assert_eq!(first["object"]["kind"], "PartialObjectMetadata");
        assert_eq!(first["object"]["metadata"]["name"], "a");
    })
    .await;
}
