//! Keeps `EndpointSlices`: where the Pods of every Service are, and which of them may be sent something.
//!
//! Slices of others, as of a Service without a selector, are left alone. Names are made from the Service and a number, so
//! that a look with an old copy of the slices cannot make one twice: the second creation is refused, and tried again.

mod decide;

use std::sync::Arc;

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Api;
use stanchion_informers::{Change, Key, Next, Queue, work};

use self::decide::{Action, Seen, decide};
use crate::Controller;
use crate::calls::CallError;
use crate::cluster::Cluster;
use crate::members::{self, ZONE};
use crate::writes;

/// Services looked at at a time.
const AT_ONCE: usize = 5;

/// Label of the Service that a slice belongs to.
const SERVICE: &str = "kubernetes.io/service-name";
/// Label of who keeps a slice.
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const MANAGER: &str = "endpointslice-controller.k8s.io";

/// Returns the Service that a slice of ours belongs to; what the index goes by.
pub(crate) fn service_of(slice: &EndpointSlice) -> Vec<Key> {
    let label = |key: &str| slice.metadata.labels.as_ref().and_then(|labels| labels.get(key));
    match (label(MANAGED_BY), label(SERVICE), &slice.metadata.namespace) {
        (Some(manager), Some(name), Some(namespace)) if manager == MANAGER => vec![Key::new(namespace, name)],
        (_, _, _) => Vec::new(),
    }
}

/// Adds the handlers of the controller.
pub(crate) fn register(cluster: &Arc<Cluster>) -> Controller {
    let queue: Queue<Key> = Queue::default();
    let changed = queue.clone();
    cluster.services.on_change(move |change| changed.add(Key::of(&**change.object())));
    members::follow_pods(&cluster.pods, &cluster.services, &queue);
    let changed = queue.clone();
    cluster.slices.on_change(move |change| {
        let services = match change {
            Change::Modified { old, new } => [service_of(old), service_of(new)].concat(),
            Change::Added(slice) | Change::Deleted(slice) => service_of(slice),
        };
        for service in services {
            changed.add(service);
        }
    });
    let (changed, services) = (queue.clone(), cluster.services.clone());
    cluster.nodes.on_change(move |change| {
        let moved = match change {
            Change::Modified { old, new } => zone(old) != zone(new),
            Change::Added(node) => zone(node).is_some(),
            Change::Deleted(_) => false,
        };
        if moved {
            for service in services.list() {
                changed.add(Key::of(&*service));
            }
        }
    });
    let (stop, cluster) = (cluster.stop.clone(), Arc::clone(cluster));
    let look = move |key| reconcile(Arc::clone(&cluster), key);
    Box::pin(work("endpointslice", queue, AT_ONCE, look, stop))
}

fn zone(node: &Node) -> Option<&String> {
    node.metadata.labels.as_ref()?.get(ZONE)
}

async fn reconcile(cluster: Arc<Cluster>, key: Key) -> Result<Next, CallError> {
    let api: Api<EndpointSlice> = Api::namespaced(cluster.client.clone(), &key.namespace);
    for action in actions(&cluster, &key) {
        match action {
            Action::Create(slice) => drop(cluster.create(&slice).await?),
            Action::Update(slice) => drop(writes::replace(&api, &slice).await?),
            Action::Delete(slice) => drop(cluster.delete(&*slice).await?),
        }
    }
    Ok(Next::Change)
}

fn actions(cluster: &Cluster, key: &Key) -> Vec<Action> {
    let Some(service) = cluster.services.get(key) else { return Vec::new() };
    let Some(selector) = members::selector(&service) else { return Vec::new() };
    if service.metadata.deletion_timestamp.is_some() {
        return Vec::new();
    }
    let mut pods = cluster.pods.namespace(&key.namespace);
    pods.retain(|pod| members::selects(selector, pod.metadata.labels.as_ref()));
    let zone_of = |name: &str| zone(&*cluster.nodes.get(&Key::cluster(name))?).cloned();
    let is_taken = |name: &str| cluster.slices.get(&Key::new(&key.namespace, name)).is_some();
    let slices = cluster.slices_of.get(key);
    decide(&Seen { service: &service, pods: &pods, slices: &slices, zone_of: &zone_of, is_taken: &is_taken })
}
