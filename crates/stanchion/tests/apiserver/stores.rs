//! The same API over each store: objects, watches, pages, and history that is gone.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::history::{History, listed, remaining};
use crate::home::Home;
use crate::support::clients::{client, make, namespaced, refusal, revision};
use crate::support::within;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_watches_pages_and_compaction_over_etcd() {
    everything(Home::etcd().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_watches_pages_and_compaction_over_a_served_store() {
    everything(Home::served().await).await;
}

async fn everything(home: Home) {
    within(Duration::from_mins(1), async {
        let mut cluster = home.cluster().await;
        let api: Api<ConfigMap> = namespaced(&client(&cluster).await, "stores").await;
        let history = History::begin(&api).await;
        let first = make(&api, json!({"metadata": {"name": "a0"}, "data": {"k": "1"}})).await;
        for number in 1..25 {
            make(&api, json!({"metadata": {"name": format!("a{number}")}})).await;
        }
        let merge = Patch::Merge(json!({"data": {"k": "2"}}));
        let patched = api.patch("a0", &PatchParams::default(), &merge).await.expect("it can be patched");
        assert!(revision(&patched) > revision(&first));
        let outdated = api.replace("a0", &PostParams::default(), &first).await;
        assert_eq!(refusal(outdated), (409, "Conflict".to_owned()));
        api.delete("a7", &DeleteParams::default()).await.expect("it can be deleted");
        assert_eq!(refusal(api.get("a7").await), (404, "NotFound".to_owned()));

        // A list in pages is of one revision, whatever is written meanwhile.
        let page = api.list(&ListParams::default().limit(10)).await.expect("objects can be listed");
        let token = page.metadata.continue_.clone().expect("there is more");
        let last = make(&api, json!({"metadata": {"name": "z"}})).await;
        let rest = ListParams::default().limit(100).continue_token(&token);
        let second = api.list(&rest).await.expect("the list goes on");
        assert_eq!(second.metadata.resource_version, page.metadata.resource_version);
        assert_eq!(page.items.len() + second.items.len(), 25, "24 and the cluster's authority");
        assert!(second.items.iter().all(|object| object.name_any() != "z"));

        let changes = history.until(revision(&last)).await;
        assert_eq!(changes.len(), 25 + 3);
        let mut there = listed(&api).await;
        there.remove("kube-root-ca.crt");
        assert_eq!(remaining(&changes), there);

        // History that the store gave up is gone for a server that starts anew, and only that.
        home.compact(revision(&last)).await;
        cluster.again("TERM").await;
        let mut old = api
            .watch(&WatchParams::default(), &first.resource_version().expect("a version"))
            .await
            .expect("a watch begins")
            .boxed();
        let told = old.try_next().await.expect("the stream holds");
        let Some(WatchEvent::Error(status)) = told else { panic!("{told:?}") };
        assert_eq!((status.code, status.reason.as_str()), (410, "Expired"), "{status:?}");
        assert_eq!(refusal(api.list(&rest).await), (410, "Expired".to_owned()));
        let exact = ListParams::default()
            .at(&first.resource_version().expect("a version"))
            .matching(kube::api::VersionMatch::Exact);
        assert_eq!(refusal(api.list(&exact).await), (410, "Expired".to_owned()));
        let newest = make(&api, json!({"metadata": {"name": "newest"}})).await;
        assert_eq!(history.until(revision(&newest)).await.len(), 25 + 3 + 1, "the watch went on");
    })
    .await;
}
