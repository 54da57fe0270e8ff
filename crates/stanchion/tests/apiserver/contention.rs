//! Many clients change one object, each in its way: every success is in the history exactly once.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Error};
use serde_json::json;

use crate::history::History;
use crate::home::Home;
use crate::support::clients::{client, make, namespaced, object, revision};
use crate::support::{long, within};

/// Clients that write at the same time.
const CLIENTS: usize = 50;
/// The object that all of them change.
const NAME: &str = "shared";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_success_is_in_the_history_once() {
    contend(Home::Own, if long() { 50 } else { 6 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_success_is_in_the_history_once_over_etcd() {
    contend(Home::etcd().await, if long() { 20 } else { 3 }).await;
}

/// How a client writes.
#[derive(Clone, Copy, Debug)]
enum Manner {
    /// Reads, changes, replaces what has the version that was read.
    Replace,
    /// A JSON patch on condition that a common counter is as it was read, which it increases.
    Tested,
    /// A merge patch without condition.
    Merge,
}

type Data = BTreeMap<String, String>;

async fn contend(home: Home, each: usize) {
    within(Duration::from_secs(60 + 20 * each as u64), async {
        let cluster = home.cluster().await;
        let api: Api<ConfigMap> = namespaced(&client(&cluster).await, "contention").await;
        let history = History::begin(&api).await;
        let new = json!({"metadata": {"name": NAME}, "data": {"total": "0"}});
        let made = make(&api, new).await;
        let mut clients = tokio::task::JoinSet::new();
        for number in 0..CLIENTS {
            let manner = [Manner::Replace, Manner::Tested, Manner::Merge][number % 3];
            clients.spawn(write(api.clone(), number, manner, each));
        }
        let successes: BTreeMap<i64, (String, String)> =
            clients.join_all().await.into_iter().flatten().collect();
        assert_eq!(successes.len(), CLIENTS * each, "two writes had one revision");

        let last = *successes.keys().last().expect("somebody wrote");
        let mut changes = history.until(last).await.into_iter();
        assert_eq!(changes.next().map(|change| change.revision), Some(revision(&made)));
        let (mut before, mut told) = (Data::from([("total".to_owned(), "0".to_owned())]), BTreeMap::new());
        for change in changes {
            let after: Data = change.object.data.expect("the object has data");
            let mut differs: Data =
                after.iter().filter(|(key, value)| before.get(*key) != Some(value)).map(own).collect();
            if differs.len() == 2 {
                let total: usize = before["total"].parse().expect("a number");
                assert_eq!(differs.remove("total"), Some((total + 1).to_string()), "{}", change.revision);
            }
            assert_eq!(differs.len(), 1, "{}: {before:?} {after:?}", change.revision);
            assert!(before.len() <= after.len(), "{}: something went", change.revision);
            told.extend(differs.into_iter().map(|differs| (change.revision, differs)));
            before = after;
        }
        assert_eq!(told, successes, "the history has other writes than those that succeeded");
        let tested = (0..CLIENTS).filter(|number| number % 3 == 1).count();
        assert_eq!(before["total"], (tested * each).to_string());
    })
    .await;
}

fn own((key, value): (&String, &String)) -> (String, String) {
    (key.clone(), value.clone())
}

/// Succeeds `times` times; returns what was written at which revision.
async fn write(
    api: Api<ConfigMap>,
    number: usize,
    manner: Manner,
    times: usize,
) -> Vec<(i64, (String, String))> {
    let key = format!("c{number}");
    let mut written = Vec::new();
    while written.len() < times {
        let value = written.len().to_string();
        match attempt(&api, manner, &key, &value).await {
            Ok(object) => {
                let data = object.data.as_ref().expect("the object has data");
                assert_eq!(data.get(&key), Some(&value), "the answer is what was written");
                written.push((revision(&object), (key.clone(), value)));
            }
            Err(Error::Api(status)) => {
                let expected = match manner {
                    Manner::Replace => status.code == 409 && status.reason == "Conflict",
                    Manner::Tested => status.code == 422 && status.reason == "Invalid",
                    Manner::Merge => false,
                };
                assert!(expected, "{manner:?}: {status:?}");
            }
            Err(error) => panic!("{manner:?}: {error:?}"),
        }
    }
    written
}

async fn attempt(api: &Api<ConfigMap>, manner: Manner, key: &str, value: &str) -> Result<ConfigMap, Error> {
    match manner {
        Manner::Replace => {
            let mut object = api.get(NAME).await?;
            object.data.get_or_insert_default().insert(key.to_owned(), value.to_owned());
            api.replace(NAME, &PostParams::default(), &object).await
        }
        Manner::Tested => {
            let total = api.get(NAME).await?.data.unwrap_or_default()["total"].clone();
            let next = total.parse::<u64>().expect("the total is a number") + 1;
            let patch = object(json!([
                {"op": "test", "path": "/data/total", "value": total},
                {"op": "replace", "path": "/data/total", "value": next.to_string()},
                {"op": "add", "path": format!("/data/{key}"), "value": value},
            ]));
            api.patch(NAME, &PatchParams::default(), &Patch::<ConfigMap>::Json(patch)).await
        }
        Manner::Merge => {
            let patch = json!({"data": {key: value}});
            api.patch(NAME, &PatchParams::default(), &Patch::Merge(patch)).await
        }
    }
}
