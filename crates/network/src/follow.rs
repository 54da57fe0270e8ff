//! Following the API: which Services and namespaces changed, and what they are now.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Service as ServiceObject};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::ResourceExt;
use stanchion_informers::{Copies, Index, Informer, Key, Queue};

use crate::services::{self, Service};

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Changed {
    /// A Service or one of its slices.
    Service(Key),
    Namespace(String),
}

/// Copies of what the network depends on, and what changed in them.
#[derive(Debug)]
pub(crate) struct Follower {
    services: Informer<ServiceObject>,
    slices: Informer<EndpointSlice>,
    namespaces: Informer<Namespace>,
    slices_of: Index<EndpointSlice, Key>,
    changed: Queue<Changed>,
}

impl Follower {
    /// Follows from now on.
    pub(crate) fn new(copies: &Copies) -> Self {
        let (services, slices, namespaces) =
            (copies.of::<ServiceObject>(), copies.of::<EndpointSlice>(), copies.of::<Namespace>());
        let slices_of = Index::new(&slices, |slice| services::service_of(slice).into_iter().collect());
        let changed: Queue<Changed> = Queue::default();
        let queue = changed.clone();
        services.on_change(move |change| queue.add(Changed::Service(Key::of(&**change.object()))));
        let queue = changed.clone();
        slices.on_change(move |change| {
            use stanchion_informers::Change::{Added, Deleted, Modified};
            let of = |slice: &EndpointSlice| services::service_of(slice).map(Changed::Service);
            let keys = match change {
                Added(slice) | Deleted(slice) => [of(slice), None],
                // A slice that is given to another Service is a change of both.
                Modified { old, new } => [of(old), of(new)],
            };
            keys.into_iter().flatten().for_each(|key| queue.add(key));
        });
        let queue = changed.clone();
        namespaces.on_change(move |change: &stanchion_informers::Change<Namespace>| {
            queue.add(Changed::Namespace(change.object().name_any()));
        });
        Self { services, slices, namespaces, slices_of, changed }
    }

    /// Waits until everything that is there has been read; it counts as changed.
    pub(crate) async fn synced(&self) {
        tokio::join!(self.services.synced(), self.slices.synced(), self.namespaces.synced());
    }

    /// What changed; each to be looked at and given back.
    pub(crate) fn changed(&self) -> &Queue<Changed> {
        &self.changed
    }

    /// A Service as it is now.
    pub(crate) fn service(&self, key: &Key) -> Option<Service> {
        let service = self.services.get(key)?;
        let slices: Vec<Arc<EndpointSlice>> = self.slices_of.get(key);
        Some(Service::read(&service, slices.iter().map(|slice| &**slice)))
    }

    /// Whether a namespace is there now.
    pub(crate) fn has_namespace(&self, name: &str) -> bool {
        self.namespaces.get(&Key::cluster(name)).is_some()
    }
}
