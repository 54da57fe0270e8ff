//! Quotas under clients that all want the last of it.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, ResourceQuota};
use k8s_openapi::api::scheduling::v1::PriorityClass;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, Client, Error, ResourceExt};
use serde_json::{Value, json};

use crate::history::History;
use crate::home::Home;
use crate::support::clients::{client, make, namespaced, object, refusal, revision};
use crate::support::random::{Random, seed};
use crate::support::{long, wait_for, within};

/// Clients that create at the same time.
const CREATORS: usize = 50;
/// Pods that the quota allows.
const PODS: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_is_never_exceeded() {
    compete(Home::Own).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_is_never_exceeded_over_etcd() {
    compete(Home::etcd().await).await;
}

async fn compete(home: Home) {
    within(
        Duration::from_mins(3),
        Box::pin(async {
            let cluster = home.cluster().await;
            let client = client(&cluster).await;
            let pods: Api<Pod> = namespaced(&client, "quota").await;
            let quotas: Api<ResourceQuota> = Api::namespaced(client.clone(), "quota");
            let (pod_history, quota_history) = (History::begin(&pods).await, History::begin(&quotas).await);
            // 100m and 300m alternate, so that sometimes the count is the limit and sometimes the processors are.
            quota(&quotas, "limit", json!({"hard": {"pods": PODS.to_string(), "requests.cpu": "1700m"}}))
                .await;
            let each = if long() { 40 } else { 6 };
            let mut creators = tokio::task::JoinSet::new();
            for number in 0..CREATORS {
                creators.spawn(create(pods.clone(), number, each));
            }
            let (made, refused) = creators
                .join_all()
                .await
                .into_iter()
                .fold((0, 0), |sum, (made, refused)| (sum.0 + made, sum.1 + refused));
            let mut left = pods.list(&ListParams::default()).await.expect("pods can be listed").items;
            if let Some(one) = left.pop() {
                pods.delete(&one.name_any(), &DeleteParams::default()).await.expect("a pod can be deleted");
            }
            let last = make(&pods, pod("last", "0", &json!({}))).await;
            let changed = quotas.get("limit").await.expect("the quota is there");
            assert_eq!(used(&changed), vec![(left.len() + 1).to_string(), milli(left.iter().map(cpu).sum())]);

            let pod_changes = pod_history.until(revision(&last)).await;
            let quota_changes = quota_history.until(revision(&changed)).await;
            let mut there: BTreeMap<String, i64> = BTreeMap::new();
            let mut counted = BTreeMap::new();
            for change in quota_changes {
                counted.insert(change.revision, used(&change.object));
            }
            let revisions = pod_changes.len();
            for change in pod_changes {
                let name = change.object.name_any();
                if change.gone {
                    there.remove(&name)
                } else {
                    there.insert(name, cpu(&change.object))
                };
                let sum: i64 = there.values().sum();
                assert!(there.len() <= PODS && sum <= 1700, "exceeded at {}: {there:?}", change.revision);
                // What is used is written in the same transaction.
                let told = counted.get(&change.revision);
                assert_eq!(told, Some(&vec![there.len().to_string(), milli(sum)]), "at {}", change.revision);
            }
            eprintln!("{made} pods made, {refused} refused, {revisions} changes of pods");
            assert!(made > PODS && refused > 0, "there was competition: {made} made, {refused} refused");
        }),
    )
    .await;
}

/// Creates `times` pods and deletes most of what it made; returns how many were made and how many refused.
async fn create(pods: Api<Pod>, number: usize, times: usize) -> (usize, usize) {
    let mut random = Random::new(seed() ^ number as u64);
    let (mut made, mut refused) = (Vec::new(), 0);
    for time in 0..times {
        let cpu = if random.below(2) == 0 { "100m" } else { "300m" };
        let new = object(pod(&format!("p{number}-{time}"), cpu, &json!({})));
        match pods.create(&PostParams::default(), &new).await {
            Ok(pod) => made.push(pod.name_any()),
            Err(Error::Api(status)) => {
                assert!(status.code == 403 && status.message.contains("exceeded quota: limit"), "{status:?}");
                refused += 1;
                // Whoever has some makes room.
                if let Some(name) = made.pop() {
                    pods.delete(&name, &DeleteParams::default()).await.expect("a pod can be deleted");
                }
                tokio::time::sleep(Duration::from_millis(random.below(20))).await;
            }
            Err(error) => panic!("{error:?}"),
        }
        if random.below(3) == 0
            && let Some(name) = made.pop()
        {
            pods.delete(&name, &DeleteParams::default()).await.expect("a pod can be deleted");
        }
    }
    let count = times - refused;
    for name in made {
        if random.below(4) > 0 {
            pods.delete(&name, &DeleteParams::default()).await.expect("a pod can be deleted");
        }
    }
    (count, refused)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scopes_choose_what_counts() {
    within(
        Duration::from_mins(1),
        Box::pin(async {
            let cluster = Home::Own.cluster().await;
            let client = client(&cluster).await;
            let pods: Api<Pod> = namespaced(&client, "scopes").await;
            let quotas: Api<ResourceQuota> = Api::namespaced(client.clone(), "scopes");
            classes(&client).await;
            let by_class = json!({"matchExpressions": [
                {"scopeName": "PriorityClass", "operator": "In", "values": ["high"]},
            ]});
            let specs = [
                ("besteffort", json!({"hard": {"pods": "1"}, "scopes": ["BestEffort"]})),
                (
                    "reserved",
                    json!({"hard": {"pods": "2", "requests.cpu": "1"}, "scopes": ["NotBestEffort"]}),
                ),
                ("terminating", json!({"hard": {"pods": "1"}, "scopes": ["Terminating"]})),
                ("high", json!({"hard": {"pods": "1"}, "scopeSelector": by_class})),
            ];
            for (name, spec) in specs {
                quota(&quotas, name, spec).await;
            }
            // (pod, its processors, more of its spec, the quota that refuses it)
            let cases = [
                ("b1", "", json!({}), None),
                ("b2", "", json!({}), Some("besteffort")),
                ("n1", "100m", json!({"priorityClassName": "high"}), None),
                ("n2", "100m", json!({"priorityClassName": "high"}), Some("high")),
                ("n3", "100m", json!({"priorityClassName": "low", "activeDeadlineSeconds": 60}), None),
                ("n4", "100m", json!({"priorityClassName": "low"}), Some("reserved")),
            ];
            for (name, cpu, more, refuses) in cases {
                let outcome = pods.create(&PostParams::default(), &object(pod(name, cpu, &more))).await;
                match (outcome, refuses) {
                    (Ok(_), None) => {}
                    (Err(Error::Api(status)), Some(quota)) => {
                        let text = format!(
                            "pods \"{name}\" is forbidden: exceeded quota: {quota}, requested: pods=1, "
                        );
                        assert!(status.code == 403 && status.message.starts_with(&text), "{status:?}");
                    }
                    (outcome, _) => panic!("{name}: {outcome:?}"),
                }
            }
            let expected = [("besteffort", "1"), ("reserved", "2"), ("terminating", "1"), ("high", "1")];
            for (name, count) in expected {
                let found = quotas.get(name).await.expect("the quota is there");
                assert_eq!(used(&found)[0], count, "{name}");
            }
            for (name, quota) in [("n1", "high"), ("n3", "terminating"), ("b1", "besteffort")] {
                pods.delete(name, &DeleteParams::default()).await.expect("a pod can be deleted");
                assert_eq!(used(&quotas.get(quota).await.expect("the quota is there"))[0], "0", "{quota}");
            }
            let reserved = quotas.get("reserved").await.expect("the quota is there");
            assert_eq!(used(&reserved), ["0", "0"]);
        }),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_of_processors_asks_for_their_requests() {
    within(
        Duration::from_mins(1),
        Box::pin(async {
            let cluster = Home::Own.cluster().await;
            let client = client(&cluster).await;
            let pods: Api<Pod> = namespaced(&client, "asks").await;
            let quotas: Api<ResourceQuota> = Api::namespaced(client.clone(), "asks");
            quota(&quotas, "cpu", json!({"hard": {"requests.cpu": "1"}})).await;
            let outcome = pods.create(&PostParams::default(), &object(pod("none", "", &json!({})))).await;
            assert_eq!(refusal(outcome), (403, "Forbidden".to_owned()));
            make(&pods, pod("some", "1", &json!({}))).await;
            let outcome = pods.create(&PostParams::default(), &object(pod("more", "1m", &json!({})))).await;
            assert_eq!(refusal(outcome), (403, "Forbidden".to_owned()));
        }),
    )
    .await;
}

async fn classes(client: &Client) {
    let api: Api<PriorityClass> = Api::all(client.clone());
    for (name, value) in [("high", 1000), ("low", 10)] {
        make(&api, json!({"metadata": {"name": name}, "value": value})).await;
    }
}

/// Makes a quota and waits until it counts.
async fn quota(quotas: &Api<ResourceQuota>, name: &str, spec: Value) {
    make(quotas, json!({"metadata": {"name": name}, "spec": spec})).await;
    wait_for("the quota does not count", async || {
        let found = quotas.get(name).await.expect("the quota is there");
        found.status.and_then(|status| status.used)
    })
    .await;
}

fn pod(name: &str, cpu: &str, more: &Value) -> Value {
    let mut container = json!({"name": "c", "image": "image"});
    if !cpu.is_empty() {
        container["resources"] = json!({"requests": {"cpu": cpu}});
    }
    let mut pod = json!({"metadata": {"name": name}, "spec": {"containers": [container]}});
    for (key, value) in more.as_object().into_iter().flatten() {
        pod["spec"][key] = value.clone();
    }
    pod
}

/// Returns the thousandths of a processor that a pod requests.
fn cpu(pod: &Pod) -> i64 {
    let container = &pod.spec.as_ref().expect("a pod has a spec").containers[0];
    let requests = container.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    let text = requests.and_then(|requests| requests.get("cpu")).map_or("0", |quantity| quantity.0.as_str());
    text.trim_end_matches('m').parse().expect("a number of thousandths")
}

fn milli(sum: i64) -> String {
    match (sum % 1000, sum / 1000) {
        (0, whole) => whole.to_string(),
        (_, _) => format!("{sum}m"),
    }
}

/// Returns what a quota says is used: pods, and requests of processors if it limits them.
fn used(quota: &ResourceQuota) -> Vec<String> {
    let used = quota.status.as_ref().and_then(|status| status.used.as_ref());
    let one = |name: &str| used.and_then(|used| used.get(name)).map(|quantity| quantity.0.clone());
    ["pods", "requests.cpu"].into_iter().filter_map(one).collect()
}
