//! Empties namespaces that are being deleted, kind by kind as discovery names them, Pods first, and lets them go.

mod decide;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};
use stanchion_informers::{Change, Informer, Key, Next, Queue, work};

use self::decide::{Found, KUBERNETES, Left, pause, remains, with_conditions, without_finalizer};
use crate::Controller;
use crate::calls::{CallError, call, call_of};
use crate::cluster::Cluster;
use crate::discovery::{self, Kind};
use crate::writes;

/// Namespaces looked at at a time.
const AT_ONCE: usize = 5;
/// Kinds emptied at a time.
const KINDS_AT_ONCE: usize = 8;

/// Adds the handlers of the controller.
pub(crate) fn register(cluster: &Arc<Cluster>) -> Controller {
    let queue: Queue<Key> = Queue::default();
    let changed = queue.clone();
    cluster.namespaces.on_change(move |change| {
        if change.object().metadata.deletion_timestamp.is_some() {
            changed.add(Key::of(&**change.object()));
        }
    });
    let (changed, namespaces) = (queue.clone(), cluster.namespaces.clone());
    cluster.pods.on_change(move |change| {
        if let Change::Deleted(pod) = change {
            let namespace = Key::cluster(pod.metadata.namespace.clone().unwrap_or_default());
            if is_ending(&namespaces, &namespace) {
                changed.add(namespace);
            }
        }
    });
    let (stop, cluster) = (cluster.stop.clone(), Arc::clone(cluster));
    let look = move |key| reconcile(Arc::clone(&cluster), key);
    Box::pin(work("namespace", queue, AT_ONCE, look, stop))
}

fn is_ending(namespaces: &Informer<Namespace>, key: &Key) -> bool {
    namespaces.get(key).is_some_and(|namespace| namespace.metadata.deletion_timestamp.is_some())
}

async fn reconcile(cluster: Arc<Cluster>, key: Key) -> Result<Next, CallError> {
    let api: Api<Namespace> = Api::all(cluster.client.clone());
    let Some(namespace) = call::<Namespace, _>("get", &key, api.get_opt(&key.name)).await? else {
        return Ok(Next::Change);
    };
    let Some(since) = namespace.metadata.deletion_timestamp.as_ref().map(|since| since.0) else {
        return Ok(Next::Change);
    };
    let finalizers = namespace.spec.as_ref().and_then(|spec| spec.finalizers.as_ref());
    if !finalizers.is_some_and(|all| all.iter().any(|it| it == KUBERNETES)) {
        return Ok(Next::Change);
    }
    let found = empty(&cluster, &key.name).await;
    let now = Timestamp::now();
    let told = with_conditions(&namespace, &found, now);
    let namespace = if told == namespace { namespace } else { writes::replace_status(&api, &told).await? };
    if remains(&found) {
        return Ok(Next::After(pause(since, now)));
    }
    let params = PostParams::default();
    let ended = without_finalizer(namespace);
    match call::<Namespace, _>(
        "finalize",
        &key,
        api.replace_subresource("finalize", &key.name, &params, &ended),
    )
    .await
    {
        Err(error) if !error.is_not_found() => Err(error),
        Ok(_) | Err(_) => Ok(Next::Change),
    }
}

/// Deletes what is in a namespace. Other kinds wait until no Pod is left that may use them.
async fn empty(cluster: &Cluster, namespace: &str) -> Found {
    let kinds = match discovery::kinds(&cluster.client).await {
        Ok(kinds) => kinds,
        Err(error) => return Found { undiscovered: Some(told(&error)), ..Found::default() },
    };
    let able = |kind: &Arc<Kind>| kind.namespaced && kind.can("list") && kind.can("delete");
    let (pods, others): (Vec<_>, Vec<_>) =
        kinds.into_iter().filter(able).partition(|kind| kind.title() == "pods.");
    let mut found = Found::default();
    for kinds in [pods, others] {
        let mut emptied = stream::iter(kinds)
            .map(|kind| async move { (kind.title(), empty_of(cluster, namespace, &kind).await) })
            .buffer_unordered(KINDS_AT_ONCE);
        while let Some((title, outcome)) = emptied.next().await {
            match outcome {
                Ok(left) if left.count == 0 => {}
                Ok(left) => drop(found.left.insert(title, left)),
                Err(error) => drop(found.failed.insert(title, told(&error))),
            }
        }
        if remains(&found) {
            break;
        }
    }
    found
}

/// Deletes the objects of a kind, and returns how many are left.
async fn empty_of(cluster: &Cluster, namespace: &str, kind: &Kind) -> Result<Left, CallError> {
    let left = left(cluster, namespace, kind).await?;
    if left.count == 0 {
        return Ok(left);
    }
    let api = kind.api(&cluster.client, namespace);
    let (params, all) = (DeleteParams::background(), ListParams::default());
    if kind.can("deletecollection") {
        let key = Key::new(namespace, "");
        let answer = api.delete_collection(&params, &all);
        call_of("delete all", &kind.resource.kind, &key, answer).await?;
    } else {
        for name in left.names {
            let key = Key::new(namespace, &name);
            match call_of("delete", &kind.resource.kind, &key, api.delete(&name, &params)).await {
                Err(error) if !error.is_not_found() => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
    }
    self::left(cluster, namespace, kind).await
}

/// Counts the objects of a kind, and what holds them.
async fn left(cluster: &Cluster, namespace: &str, kind: &Kind) -> Result<Left, CallError> {
    let (key, all) = (Key::new(namespace, ""), ListParams::default());
    let api = kind.api(&cluster.client, namespace);
    let list = call_of("list", &kind.resource.kind, &key, api.list(&all)).await?;
    let mut finalizers: BTreeMap<String, usize> = BTreeMap::new();
    for finalizer in list.items.iter().filter_map(|object| object.metadata.finalizers.as_ref()).flatten() {
        *finalizers.entry(finalizer.clone()).or_default() += 1;
    }
    let names = list.items.into_iter().filter_map(|object| object.metadata.name).collect::<Vec<_>>();
    Ok(Left { count: names.len(), finalizers, names })
}

/// Returns an error with what led to it.
pub(crate) fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
