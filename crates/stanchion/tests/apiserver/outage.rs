//! The store goes away under a running API server, and comes back.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{ListParams, PostParams};
use kube::{Api, Client, Error};
use serde_json::json;

use crate::history::{History, listed, remaining};
use crate::home::Home;
use crate::support::clients::{client, make, namespaced, object, revision};
use crate::support::{long, wait_for, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn etcd_goes_and_comes_back() {
    outage(Home::etcd().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_served_store_goes_and_comes_back() {
    outage(Home::served().await).await;
}

async fn outage(mut home: Home) {
    within(Duration::from_mins(5), async {
        let cluster = home.cluster().await;
        let client = client(&cluster).await;
        let api: Api<ConfigMap> = namespaced(&client, "outage").await;
        let history = History::begin(&api).await;
        let mut all = Vec::new();
        for round in 0..if long() { 10 } else { 2 } {
            let writer = tokio::spawn(write(api.clone(), format!("r{round}")));
            tokio::time::sleep(Duration::from_millis(300)).await;
            home.kill().await;
            wait_for("the server does not say that its store is gone", async || {
                (!ready(&client).await).then_some(())
            })
            .await;
            // Reads that need not be the newest are answered meanwhile.
            let stale = ListParams::default().at("0").matching(kube::api::VersionMatch::NotOlderThan);
            let found = api.list(&stale).await.expect("the cache answers");
            assert!(!found.items.is_empty());
            home.start_again().await;
            wait_for("the server is not ready again", async || ready(&client).await.then_some(())).await;
            all.extend(writer.await.expect("the writer does not fail"));
        }
        let last = make(&api, json!({"metadata": {"name": "last"}})).await;
        let changes = history.until(revision(&last)).await;
        let mut there = listed(&api).await;
        there.remove("kube-root-ca.crt");
        assert_eq!(remaining(&changes), there, "the watch leads to another state than the list");
        assert_eq!(changes.len(), there.len(), "something was told twice");
        let missing: Vec<&String> = all.iter().filter(|name| !there.contains_key(*name)).collect();
        assert_eq!(missing, Vec::<&String>::new());
        eprintln!("{} objects", there.len());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_that_went_meanwhile_is_made_up_for_over_etcd() {
    sleep_through(Home::etcd().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_that_went_meanwhile_is_made_up_for_over_a_served_store() {
    sleep_through(Home::served().await).await;
}

/// While the API server stands still, the store loses the watch, goes on, and gives up the history of that time.
async fn sleep_through(mut home: Home) {
    within(Duration::from_mins(2), async {
        let cluster = home.cluster().await;
        let client = client(&cluster).await;
        let api: Api<ConfigMap> = namespaced(&client, "sleep").await;
        let history = History::begin(&api).await;
        for name in ["goes", "changes", "stays"] {
            make(&api, json!({"metadata": {"name": name}, "data": {"k": "old"}})).await;
        }
        let changes = api.get("changes").await.expect("it is there");
        history.until(revision(&changes)).await;

        cluster.signal("STOP").await;
        home.kill().await;
        home.start_again().await;
        for (name, value) in [("changes", "new"), ("comes", "new"), ("comes", "newer")] {
            let mut object = serde_json::to_value(&changes).expect("an object is JSON");
            object["metadata"]["name"] = json!(name);
            object["data"]["k"] = json!(value);
            object["metadata"].as_object_mut().expect("it has metadata").remove("resourceVersion");
            home.ctl(&format!("put /registry/configmaps/sleep/{name} '{object}'")).await;
        }
        home.ctl("del /registry/configmaps/sleep/goes").await;
        home.ctl("put elsewhere 1").await;
        let newest = home.ctl("get elsewhere -w json").await;
        let newest: serde_json::Value = serde_json::from_str(&newest).expect("etcdctl says JSON");
        home.compact(newest["header"]["revision"].as_i64().expect("a revision")).await;
        cluster.signal("CONT").await;

        wait_for("the server is not ready again", async || ready(&client).await.then_some(())).await;
        let last = make(&api, json!({"metadata": {"name": "last"}})).await;
        let told = history.until(revision(&last)).await;
        let mut there = listed(&api).await;
        there.remove("kube-root-ca.crt");
        let names: Vec<&str> = there.keys().map(String::as_str).collect();
        assert_eq!(names, ["changes", "comes", "last", "stays"]);
        assert_eq!(remaining(&told), there, "the watch leads to another state than the list");
        assert_eq!(api.get("changes").await.expect("it is there").data.unwrap_or_default()["k"], "new");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_hangs_is_not_ready() {
    within(Duration::from_mins(1), async {
        let home = Home::etcd().await;
        let cluster = home.cluster().await;
        let client = client(&cluster).await;
        assert!(ready(&client).await);
        let Home::Etcd(etcd) = &home else { panic!("it is etcd") };
        etcd.signal("STOP").await;
        assert!(!ready(&client).await, "etcd hangs");
        etcd.signal("CONT").await;
        wait_for("the server is not ready again", async || ready(&client).await.then_some(())).await;
    })
    .await;
}

/// Asks the server whether it is ready.
async fn ready(client: &Client) -> bool {
    let request = http::Request::get("/readyz").body(Vec::new()).expect("a request can be made");
    client.request_text(request).await.is_ok_and(|answer| answer == "ok")
}

/// Creates objects through an outage, each until it is there; returns their names when it is over.
async fn write(api: Api<ConfigMap>, prefix: String) -> Vec<String> {
    let (mut names, mut failures, mut after) = (Vec::new(), 0, 0);
    while after < 20 {
        let name = format!("{prefix}-{}", names.len());
        let new = object(json!({"metadata": {"name": name}}));
        loop {
            match api.create(&PostParams::default(), &new).await {
                Ok(_) => break,
                // The one before may have been carried out without an answer.
                Err(Error::Api(status)) if status.code == 409 && failures > 0 => break,
                Err(Error::Api(status)) => assert!(status.code >= 500 || status.code == 429, "{status:?}"),
                Err(error) => panic!("the API server itself does not answer: {error:?}"),
            }
            failures += 1;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        after += usize::from(failures > 0);
        names.push(name);
    }
    names
}
