//! Says in the status of every `PodDisruptionBudget` how many of its Pods may go.

mod decide;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use serde_json::json;
use stanchion_informers::{Change, Informer, Key, Next, Queue, work};
use stanchion_machinery::selector::Labels;

use self::decide::{Counted, decide, fail};
use crate::Controller;
use crate::calls::{CallError, call_of};
use crate::cluster::Cluster;
use crate::discovery;
use crate::events::Events;
use crate::{namespace, owner, writes};

/// Budgets looked at at a time.
const AT_ONCE: usize = 5;
/// When to look again at what no copy of the cluster shows: the scale of owners of other kinds, and what failed.
const AGAIN: Duration = Duration::from_secs(30);

/// Adds the handlers of the controller.
pub(crate) fn register(cluster: &Arc<Cluster>) -> Controller {
    let queue: Queue<Key> = Queue::default();
    let changed = queue.clone();
    cluster.budgets.on_change(move |change| changed.add(Key::of(&**change.object())));
    let (changed, budgets) = (queue.clone(), cluster.budgets.clone());
    cluster.pods.on_change(move |change| {
        add(&budgets, &changed, change.object());
        if let Change::Modified { old, new } = change
            && old.metadata.labels != new.metadata.labels
        {
            add(&budgets, &changed, old);
        }
    });
    follow_owners(cluster, &queue);
    let (stop, cluster) = (cluster.stop.clone(), Arc::clone(cluster));
    let events = cluster.events("controllermanager");
    let look = move |key| reconcile(Arc::clone(&cluster), events.clone(), key);
    Box::pin(work("disruption", queue, AT_ONCE, look, stop))
}

/// Has budgets looked at when those that say how many Pods there are to be change.
fn follow_owners(cluster: &Arc<Cluster>, queue: &Queue<Key>) {
    let add_all =
        |namespace: Option<&String>, budgets: &Informer<PodDisruptionBudget>, queue: &Queue<Key>| {
            for budget in budgets.namespace(namespace.map_or("", String::as_str)) {
                queue.add(Key::of(&*budget));
            }
        };
    let (changed, budgets) = (queue.clone(), cluster.budgets.clone());
    cluster.replica_sets.on_change(move |change| {
        if scaled(change, |it| it.spec.as_ref().and_then(|spec| spec.replicas)) {
            add_all(change.object().metadata.namespace.as_ref(), &budgets, &changed);
        }
    });
    let (changed, budgets) = (queue.clone(), cluster.budgets.clone());
    cluster.deployments.on_change(move |change| {
        if scaled(change, |it| it.spec.as_ref().and_then(|spec| spec.replicas)) {
            add_all(change.object().metadata.namespace.as_ref(), &budgets, &changed);
        }
    });
    let (changed, budgets) = (queue.clone(), cluster.budgets.clone());
    cluster.stateful_sets.on_change(move |change| {
        if scaled(change, |it| it.spec.as_ref().and_then(|spec| spec.replicas)) {
            add_all(change.object().metadata.namespace.as_ref(), &budgets, &changed);
        }
    });
}

fn scaled<K>(change: &Change<K>, replicas: impl Fn(&K) -> Option<i32>) -> bool {
    match change {
        Change::Modified { old, new } => replicas(old) != replicas(new),
        Change::Added(_) | Change::Deleted(_) => true,
    }
}

fn add(budgets: &Informer<PodDisruptionBudget>, queue: &Queue<Key>, pod: &Pod) {
    for budget in budgets.namespace(pod.metadata.namespace.as_deref().unwrap_or("")) {
        if selects(&budget, pod) {
            queue.add(Key::of(&*budget));
        }
    }
}

fn selects(budget: &PodDisruptionBudget, pod: &Pod) -> bool {
    let selector = budget.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    let labels = pod.metadata.labels.as_ref();
    Labels::from_object(&json!(selector)).is_ok_and(|selector| {
        selector.matches(|key| labels.and_then(|labels| labels.get(key)).map(String::as_str))
    })
}

async fn reconcile(cluster: Arc<Cluster>, events: Events, key: Key) -> Result<Next, CallError> {
    let Some(budget) = cluster.budgets.get(&key) else { return Ok(Next::Change) };
    let mut pods = cluster.pods.namespace(&key.namespace);
    pods.retain(|pod| selects(&budget, pod));
    if pods.is_empty() {
        events.normal(&*budget, "NoPods", "No matching pods found");
    }
    let now = Timestamp::now();
    let counted = count(&cluster, &pods).await;
    let (status, next) = match &counted {
        Ok(counted) => {
            let decided = decide(&budget, &pods, *counted, now);
            for pod in decided.not_deleted {
                let message = format!("Pod was expected by PDB {key} to be deleted but it wasn't");
                events.warning(&*pod, "NotDeleted", message);
            }
            if decided.unmanaged {
                events.warning(&*budget, "UnmanagedPods", decide::UNMANAGED);
            }
            let strange = counted.asked.then_some(AGAIN);
            (decided.status, decided.again.into_iter().chain(strange).min())
        }
        Err(error) => {
            let message = namespace::told(error);
            events.warning(&*budget, "CalculateExpectedPodCountFailed", message.clone());
            (fail(&budget, &message, now), Some(AGAIN))
        }
    };
    if budget.status.as_ref() != Some(&status) {
        let mut new = (*budget).clone();
        new.status = Some(status);
        let api: Api<PodDisruptionBudget> = Api::namespaced(cluster.client.clone(), &key.namespace);
        match writes::replace_status(&api, &new).await {
            Err(error) if !error.is_not_found() => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(next.map_or(Next::Change, Next::After))
}

/// Counts the Pods that there are to be, from those who keep them.
async fn count(cluster: &Cluster, pods: &[Arc<Pod>]) -> Result<Counted, CallError> {
    let mut counted = Counted::default();
    let mut scales: BTreeMap<String, Option<i32>> = BTreeMap::new();
    for pod in pods {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or("");
        let Some(controller) = owner::controller(&pod.metadata) else {
            counted.unmanaged = true;
            continue;
        };
        if let Some(scale) = scales.get(&controller.uid) {
            counted.unmanaged |= scale.is_none();
            continue;
        }
        if let Some((uid, replicas)) = known_scale(cluster, namespace, controller) {
            scales.insert(uid, Some(replicas));
            continue;
        }
        counted.asked = true;
        let scale = ask_scale(cluster, namespace, controller).await?;
        counted.unmanaged |= scale.is_none();
        scales.insert(controller.uid.clone(), scale);
    }
    counted.expected = scales.values().flatten().sum();
    Ok(counted)
}

/// Returns who says how many Pods an owner keeps, and how many: its Deployment if it has one.
fn known_scale(cluster: &Cluster, namespace: &str, controller: &OwnerReference) -> Option<(String, i32)> {
    let key = Key::new(namespace, &controller.name);
    if !controller.api_version.starts_with("apps/") {
        return None;
    }
    match controller.kind.as_str() {
        "ReplicaSet" => {
            let set = cluster
                .replica_sets
                .get(&key)
                .filter(|set| set.metadata.uid.as_ref() == Some(&controller.uid))?;
            let deployment = owner::controller(&set.metadata).filter(|owner| owner.kind == "Deployment");
            let deployment = deployment.and_then(|owner| {
                let found = cluster.deployments.get(&Key::new(namespace, &owner.name))?;
                (found.metadata.uid.as_ref() == Some(&owner.uid)).then_some(found)
            });
            match deployment {
                Some(it) => Some((
                    it.metadata.uid.clone()?,
                    it.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1),
                )),
                None => Some((
                    controller.uid.clone(),
                    set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1),
                )),
            }
        }
        "StatefulSet" => {
            let set = cluster
                .stateful_sets
                .get(&key)
                .filter(|set| set.metadata.uid.as_ref() == Some(&controller.uid))?;
            Some((controller.uid.clone(), set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)))
        }
        _ => None,
    }
}

/// Asks the API how many Pods an owner keeps; none if it has no scale, or is gone.
async fn ask_scale(
    cluster: &Cluster,
    namespace: &str,
    controller: &OwnerReference,
) -> Result<Option<i32>, CallError> {
    let Ok(kinds) = discovery::kinds(&cluster.client).await else { return Ok(None) };
    let group = controller.api_version.split_once('/').map_or("", |(group, _)| group);
    let kind = kinds.iter().find(|it| it.resource.group == group && it.resource.kind == controller.kind);
    let Some(kind) = kind else { return Ok(None) };
    let (api, key) = (kind.api(&cluster.client, namespace), Key::new(namespace, &controller.name));
    match call_of("get the scale of", &controller.kind, &key, api.get_scale(&controller.name)).await {
        Ok(scale) => Ok(Some(scale.spec.and_then(|spec| spec.replicas).unwrap_or(0))),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
