//! Handlers that several controllers share: what puts the key of an owner into its controller's queue.

use k8s_openapi::api::core::v1::ResourceQuota;
use stanchion_informers::{Change, Informer, Key, Queue};
use stanchion_machinery::quantity::Quantity;

use crate::calls::Object;
use crate::owner;

/// Has a queue look at every owner that changes, and forget the failures of one that is gone.
pub(crate) fn owners<O: Object>(owners: &Informer<O>, queue: &Queue<Key>) {
    let queue = queue.clone();
    owners.on_change(move |change| {
        let key = Key::of(&**change.object());
        if matches!(change, Change::Deleted(_)) {
            queue.forget(&key);
        }
        queue.add(key);
    });
}

/// Has a queue look at who controls, or controlled, an object that changes; if nobody does, at all that would adopt it.
pub(crate) fn dependents<O: Object, K: Object>(
    dependents: &Informer<K>,
    owners: &Informer<O>,
    queue: &Queue<Key>,
    would_adopt: impl Fn(&O, &K) -> bool + Send + Sync + 'static,
) {
    let (owners, queue) = (owners.clone(), queue.clone());
    dependents.on_change(move |change| {
        for key in owner::concerned::<O, _>(change) {
            queue.add(key);
        }
        let object = change.object();
        if owner::controller(object.meta()).is_none() {
            let owners = owners.namespace(object.meta().namespace.as_deref().unwrap_or_default());
            let adopters = owners.iter().filter(|owner| would_adopt(owner, object));
            adopters.for_each(|owner| queue.add(Key::of(&**owner)));
        }
    });
}

/// Has a queue look at owners that `wait` when a quota of their namespace may let more in: they need not wait for the
/// end of a delay that has grown while it let nothing in.
pub(crate) fn quotas<O: Object>(
    quotas: &Informer<ResourceQuota>,
    owners: &Informer<O>,
    queue: &Queue<Key>,
    wait: impl Fn(&O) -> bool + Send + Sync + 'static,
) {
    let (owners, queue) = (owners.clone(), queue.clone());
    quotas.on_change(move |change| {
        if !may_let_in(change) {
            return;
        }
        let namespace = change.object().metadata.namespace.as_deref().unwrap_or_default();
        for owner in owners.namespace(namespace).iter().filter(|owner| wait(owner)) {
            queue.add(Key::of(&**owner));
        }
    });
}

/// Returns whether a quota may let in what it did not before: it is gone, its bounds are others, or less of it is used.
fn may_let_in(change: &Change<ResourceQuota>) -> bool {
    match change {
        Change::Added(_) => false,
        Change::Deleted(_) => true,
        Change::Modified { old, new } => {
            let hard = |quota: &ResourceQuota| quota.status.as_ref().and_then(|status| status.hard.clone());
            old.spec != new.spec || hard(old) != hard(new) || is_less_used(old, new)
        }
    }
}

fn is_less_used(old: &ResourceQuota, new: &ResourceQuota) -> bool {
    let used = |quota: &ResourceQuota, name: &str| {
        let used = quota.status.as_ref()?.used.as_ref()?.get(name)?;
        Quantity::parse(&used.0).ok()
    };
    let names = old.status.iter().filter_map(|status| status.used.as_ref()).flat_map(|used| used.keys());
    names.into_iter().any(|name| used(new, name) < used(old, name))
}

#[cfg(test)]
mod tests;
