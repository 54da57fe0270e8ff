//! Keeps `Endpoints`, the older form of where the Pods of a Service are: one object, cut off at 1000 addresses.
//!
//! `Endpoints` of a Service without a selector are left alone; those of a Service that is gone go too.

mod decide;

use std::sync::Arc;

use k8s_openapi::api::core::v1::Endpoints;
use kube::Api;
use stanchion_informers::{Key, Next, Queue, work};

use self::decide::{Action, MANAGED_BY, MANAGER, decide};
use crate::Controller;
use crate::calls::CallError;
use crate::cluster::Cluster;
use crate::members;
use crate::writes;

/// Services looked at at a time.
const AT_ONCE: usize = 5;

/// Adds the handlers of the controller.
pub(crate) fn register(cluster: &Arc<Cluster>) -> Controller {
    let queue: Queue<Key> = Queue::default();
    let changed = queue.clone();
    cluster.services.on_change(move |change| changed.add(Key::of(&**change.object())));
    let changed = queue.clone();
    cluster.endpoints.on_change(move |change| changed.add(Key::of(&**change.object())));
    members::follow_pods(&cluster.pods, &cluster.services, &queue);
    let (stop, cluster) = (cluster.stop.clone(), Arc::clone(cluster));
    let look = move |key| reconcile(Arc::clone(&cluster), key);
    Box::pin(work("endpoints", queue, AT_ONCE, look, stop))
}

async fn reconcile(cluster: Arc<Cluster>, key: Key) -> Result<Next, CallError> {
    let old = cluster.endpoints.get(&key);
    let Some(service) = cluster.services.get(&key) else {
        if let Some(old) = old.filter(|old| is_ours(old)) {
            cluster.delete(&*old).await?;
        }
        return Ok(Next::Change);
    };
    let Some(selector) = members::selector(&service) else { return Ok(Next::Change) };
    if service.metadata.deletion_timestamp.is_some() {
        return Ok(Next::Change);
    }
    let mut pods = cluster.pods.namespace(&key.namespace);
    pods.retain(|pod| members::selects(selector, pod.metadata.labels.as_ref()));
    match decide(&service, &pods, old.as_deref()) {
        None => {}
        Some(Action::Create(endpoints)) => drop(cluster.create(&endpoints).await?),
        Some(Action::Update(endpoints)) => {
            let api: Api<Endpoints> = Api::namespaced(cluster.client.clone(), &key.namespace);
            writes::replace(&api, &endpoints).await?;
        }
    }
    Ok(Next::Change)
}

fn is_ours(endpoints: &Endpoints) -> bool {
    let labels = endpoints.metadata.labels.as_ref();
    labels.and_then(|labels| labels.get(MANAGED_BY)).is_some_and(|manager| manager == MANAGER)
}
