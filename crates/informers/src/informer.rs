//! A copy of the objects of one kind that follows the API server.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::watcher::{self, Event, InitialListStrategy};
use kube::{Api, Resource};
use parking_lot::RwLock;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::key::Key;

/// How long to wait after a list or watch failed, doubled up to the second figure.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// What happened to an object, as far as a copy can tell: changes in between may be missing.
#[derive(Debug)]
pub enum Change<K> {
    /// There is an object that was not there.
    Added(Arc<K>),
    /// An object is not as it was.
    Modified {
        /// As it was.
        old: Arc<K>,
        /// As it is.
        new: Arc<K>,
    },
    /// An object is gone; its last known state.
    Deleted(Arc<K>),
}

impl<K> Change<K> {
    /// Returns the newest state there is.
    pub fn object(&self) -> &Arc<K> {
        match self {
            Self::Added(object) | Self::Modified { new: object, .. } | Self::Deleted(object) => object,
        }
    }
}

type Handler<K> = Box<dyn Fn(&Change<K>) + Send + Sync>;

/// The objects of one kind. Clones share them.
///
/// Who owns them: the one task of [`Informer::run`]. Handlers are called by it, one change after the other, after the
/// copy holds the change; they must not block. Owners of fields (`managedFields`) are left out to save memory.
pub struct Informer<K: 'static> {
    shared: Arc<Shared<K>>,
}

struct Shared<K> {
    objects: RwLock<BTreeMap<Key, Arc<K>>>,
    handlers: RwLock<Vec<Handler<K>>>,
    synced: watch::Sender<bool>,
}

impl<K> Clone for Informer<K> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<K> fmt::Debug for Informer<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let objects = self.shared.objects.read().len();
        f.debug_struct("Informer").field("objects", &objects).finish_non_exhaustive()
    }
}

impl<K> Default for Informer<K> {
    fn default() -> Self {
        let shared = Shared {
            objects: RwLock::default(),
            handlers: RwLock::default(),
            synced: watch::Sender::new(false),
        };
        Self { shared: Arc::new(shared) }
    }
}

impl<K> Informer<K> {
    /// Calls a handler for every change from now on; for objects that are there already, at once as added.
    ///
    /// While the informer runs, a change that comes at this moment may be told twice, but none is left out.
    pub fn on_change(&self, handler: impl Fn(&Change<K>) + Send + Sync + 'static) {
        // What changes meanwhile is told once this is released.
        let mut handlers = self.shared.handlers.write();
        for object in self.list() {
            handler(&Change::Added(object));
        }
        handlers.push(Box::new(handler));
    }

    /// Returns an object.
    pub fn get(&self, key: &Key) -> Option<Arc<K>> {
        self.shared.objects.read().get(key).cloned()
    }

    /// Returns all objects in the order of their keys.
    pub fn list(&self) -> Vec<Arc<K>> {
        self.shared.objects.read().values().cloned().collect()
    }

    /// Returns the objects of a namespace in the order of their names.
    pub fn namespace(&self, namespace: &str) -> Vec<Arc<K>> {
        let first = Key::new(namespace, "");
        let objects = self.shared.objects.read();
        let from = objects.range((Bound::Included(first), Bound::Unbounded));
        from.take_while(|(key, _)| key.namespace == namespace).map(|(_, object)| Arc::clone(object)).collect()
    }

    /// Returns how many objects there are.
    pub fn len(&self) -> usize {
        self.shared.objects.read().len()
    }

    /// Returns whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until the first list has arrived and handlers have seen it.
    pub async fn synced(&self) {
        let mut synced = self.shared.synced.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        synced.wait_for(|synced| *synced).await.map(drop).unwrap_or_default();
    }

    /// Returns whether the first list has arrived.
    pub fn is_synced(&self) -> bool {
        *self.shared.synced.borrow()
    }

    fn tell(&self, change: &Change<K>) {
        for handler in self.shared.handlers.read().iter() {
            handler(change);
        }
    }
}

impl<K> Informer<K>
where
    K: Resource<DynamicType = ()> + Clone + fmt::Debug + DeserializeOwned + Send + Sync + 'static,
{
    /// Follows the API until `stop`. Failures are logged and repeated with a growing pause.
    pub async fn run(self, api: Api<K>, config: watcher::Config, stop: CancellationToken) {
        let config = watcher::Config { initial_list_strategy: InitialListStrategy::StreamingList, ..config };
        let mut events = pin!(watcher::watcher(api, config));
        let mut listing: Option<BTreeMap<Key, Arc<K>>> = None;
        let mut pause = PAUSE.0;
        loop {
            let event = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                event = events.next() => event,
            };
            match event {
                Some(Ok(event)) => {
                    pause = PAUSE.0;
                    self.take(event, &mut listing);
                }
                Some(Err(error)) => {
                    tracing::warn!(kind = %K::kind(&()), error = &error as &dyn std::error::Error, "cannot follow the API");
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(pause) => {}
                    }
                    pause = (pause * 2).min(PAUSE.1);
                }
                None => return tracing::error!(kind = %K::kind(&()), "a watch has ended for good"),
            }
        }
    }

    fn take(&self, event: Event<K>, listing: &mut Option<BTreeMap<Key, Arc<K>>>) {
        match event {
            Event::Init => *listing = Some(BTreeMap::new()),
            Event::InitApply(object) => {
                let (key, object) = slim(object);
                listing.get_or_insert_default().insert(key, object);
            }
            Event::InitDone => {
                self.replace(listing.take().unwrap_or_default());
                self.shared.synced.send_replace(true);
            }
            Event::Apply(object) => {
                let (key, object) = slim(object);
                self.put(key, object);
            }
            Event::Delete(object) => {
                let (key, object) = slim(object);
                self.remove(&key, Some(object));
            }
        }
    }

    /// Takes a list of everything that is there.
    fn replace(&self, listed: BTreeMap<Key, Arc<K>>) {
        let known: Vec<Key> = self.shared.objects.read().keys().cloned().collect();
        for key in known.iter().filter(|key| !listed.contains_key(key)) {
            self.remove(key, None);
        }
        for (key, object) in listed {
            self.put(key, object);
        }
    }

    fn put(&self, key: Key, new: Arc<K>) {
        let old = self.shared.objects.write().insert(key, Arc::clone(&new));
        match old {
            None => self.tell(&Change::Added(new)),
            Some(old) if old.meta().uid != new.meta().uid => {
                self.tell(&Change::Deleted(old));
                self.tell(&Change::Added(new));
            }
            Some(old) if old.meta().resource_version == new.meta().resource_version => {}
            Some(old) => self.tell(&Change::Modified { old, new }),
        }
    }

    fn remove(&self, key: &Key, last: Option<Arc<K>>) {
        let known = self.shared.objects.write().remove(key);
        if let Some(known) = known {
            self.tell(&Change::Deleted(last.unwrap_or(known)));
        }
    }
}

/// Leaves out what nobody reads.
fn slim<K: Resource + 'static>(mut object: K) -> (Key, Arc<K>) {
    object.meta_mut().managed_fields = None;
    if let Some(pod) = (&mut object as &mut dyn Any).downcast_mut::<Pod>() {
        tighten(pod);
    }
    (Key::of(&object), Arc::new(object))
}

/// Gives back room in the lists of a Pod that are read with more than they need. There are many Pods, and the elements
/// of these lists are large.
fn tighten(pod: &mut Pod) {
    let Some(status) = &mut pod.status else { return };
    let statuses = [
        &mut status.container_statuses,
        &mut status.init_container_statuses,
        &mut status.ephemeral_container_statuses,
    ];
    for list in statuses.into_iter().flatten() {
        list.shrink_to_fit();
    }
    if let Some(list) = &mut status.conditions {
        list.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests;
