//! kube-rs watchers: both ways to begin, and restarts of the server that they need not notice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt, TryStreamExt, pin_mut};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::watcher::{Config, Error, Event};
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{Api, Error as ClientError, ResourceExt};
use parking_lot::Mutex;
use serde_json::json;

use crate::support::clients::{client, make, namespaced, object};
use crate::support::cluster::Cluster;
use crate::support::{wait_for, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_lists_in_pages_and_watches() {
    begin(Config::default().page_size(3)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_lists_by_watching() {
    begin(Config::default().streaming_lists()).await;
}

/// Watches `ConfigMap`s with a label, of which there are some before and some after the beginning.
async fn begin(config: Config) {
    within(Duration::from_mins(1), async {
        let cluster = Cluster::start().await;
        let api: Api<ConfigMap> = namespaced(&client(&cluster).await, "watching").await;
        let labelled = |name: &str| json!({"metadata": {"name": name, "labels": {"seen": "yes"}}});
        for number in 0..10 {
            make(&api, labelled(&format!("a{number}"))).await;
        }
        make(&api, json!({"metadata": {"name": "other"}})).await;
        // A watcher that lists by watching takes any state (resourceVersion 0): a list of the newest makes it this one.
        api.list(&ListParams::default()).await.expect("they can be listed");
        let events = watcher(api.clone(), config.labels("seen=yes"));
        pin_mut!(events);
        let mut told = Vec::new();
        while told.last().is_none_or(|last| last != "done") {
            told.push(next(&mut events).await);
        }
        let mut expected: Vec<String> = (0..10).map(|number| format!("init a{number}")).collect();
        expected.insert(0, "init".to_owned());
        expected.push("done".to_owned());
        assert_eq!(told, expected);

        make(&api, labelled("b")).await;
        let relabel = |value: &str| Patch::Merge(json!({"metadata": {"labels": {"seen": value}}}));
        api.patch("b", &PatchParams::default(), &relabel("no")).await.expect("it can be patched");
        api.patch("other", &PatchParams::default(), &relabel("yes")).await.expect("it can be patched");
        api.delete("a3", &DeleteParams::default()).await.expect("it can be deleted");
        for expected in ["apply b", "delete b", "apply other", "delete a3"] {
            assert_eq!(next(&mut events).await, expected);
        }
    })
    .await;
}

async fn next(events: &mut (impl Stream<Item = Result<Event<ConfigMap>, Error>> + Unpin)) -> String {
    let event = events.try_next().await.expect("the watcher does not fail").expect("a watcher goes on");
    match event {
        Event::Init => "init".to_owned(),
        Event::InitApply(object) => format!("init {}", object.name_any()),
        Event::InitDone => "done".to_owned(),
        Event::Apply(object) => format!("apply {}", object.name_any()),
        Event::Delete(object) => format!("delete {}", object.name_any()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_go_on_over_restarts_without_listing_again() {
    within(Duration::from_mins(2), async {
        let mut cluster = Cluster::start_lasting(&[]).await;
        let api: Api<ConfigMap> = namespaced(&client(&cluster).await, "restarts").await;
        let listing = Following::start(&api, Config::default());
        let streaming = Following::start(&api, Config::default().streaming_lists());
        for (round, how) in ["TERM", "KILL", "KILL"].into_iter().enumerate() {
            tokio::join!(write(api.clone(), round), async {
                tokio::time::sleep(Duration::from_millis(150)).await;
                cluster.again(how).await;
            });
        }
        make(&api, json!({"metadata": {"name": "last"}})).await;
        for following in [listing, streaming] {
            wait_for("the watcher does not come to the end", async || {
                following.told.lock().known.contains_key("last").then_some(())
            })
            .await;
            let told = following.told.lock().known.clone();
            let there = api.list(&ListParams::default()).await.expect("objects can be listed");
            let there: BTreeMap<String, String> = there.iter().map(state).collect();
            assert_eq!(told, there);
            let kept: BTreeMap<String, String> =
                following.store.state().iter().map(|object| state(object)).collect();
            assert_eq!(kept, there, "the reflector's store");
            assert_eq!(following.told.lock().inits, 1, "the watcher had to list again");
        }
    })
    .await;
}

fn state(object: &ConfigMap) -> (String, String) {
    (object.name_any(), object.resource_version().expect("an object has a version"))
}

#[derive(Debug, Default)]
struct Told {
    inits: usize,
    known: BTreeMap<String, String>,
}

/// A watcher with a reflector that goes on in the background.
struct Following {
    told: Arc<Mutex<Told>>,
    store: reflector::Store<ConfigMap>,
}

impl Following {
    fn start(api: &Api<ConfigMap>, config: Config) -> Self {
        let (store, writer) = reflector::store();
        let told: Arc<Mutex<Told>> = Arc::default();
        let events = watcher(api.clone(), config).default_backoff().reflect(writer);
        let seen = Arc::clone(&told);
        tokio::spawn(events.for_each(move |event| {
            let mut told = seen.lock();
            match event {
                Ok(Event::Init) => {
                    told.inits += 1;
                    told.known.clear();
                }
                Ok(Event::InitApply(object) | Event::Apply(object)) => {
                    told.known.extend([state(&object)]);
                }
                Ok(Event::Delete(object)) => {
                    told.known.remove(&object.name_any());
                }
                Ok(Event::InitDone) | Err(_) => {}
            }
            std::future::ready(())
        }));
        Self { told, store }
    }
}

/// Creates, changes and deletes for a while, each until it is done.
async fn write(api: Api<ConfigMap>, round: usize) {
    for number in 0..60 {
        let name = format!("r{round}-{number}");
        let new = object(json!({"metadata": {"name": name}}));
        insist(async || api.create(&PostParams::default(), &new).await.map(drop)).await;
        let patch = Patch::Merge(json!({"data": {"number": number.to_string()}}));
        insist(async || api.patch(&name, &PatchParams::default(), &patch).await.map(drop)).await;
        if number % 3 == 0 {
            insist(async || api.delete(&name, &DeleteParams::default()).await.map(drop)).await;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Repeats a write until it is done, be it by an earlier attempt that was not answered.
pub(crate) async fn insist(mut write: impl AsyncFnMut() -> Result<(), ClientError>) {
    let mut again = false;
    wait_for("a write does not succeed", async || match write().await {
        Ok(()) => Some(()),
        Err(ClientError::Api(status)) if again && matches!(status.code, 404 | 409) => Some(()),
        Err(ClientError::Api(status)) if status.code < 500 && status.code != 429 => panic!("{status:?}"),
        Err(_) => {
            again = true;
            None
        }
    })
    .await;
}
